/**
 * Documents as a registry has them, whole or in part: a JSON pointer selects, a cursor goes on.
 * Needs no permission.
 *
 * @module
 */

import { AppError } from "../core/errors.ts";
import { parseJson } from "../core/json.ts";
import { cleanText, escapeHidden, hasHiddenCharacters } from "../core/text.ts";

/** Which part of a document to show. */
export interface DocumentOptions {
  /** Names the document in errors. */
  readonly what: string;
  /** Its digest; a cursor belongs to one document. */
  readonly digest: string;
  /** JSON pointer (RFC 6901) of the part; empty for the whole. @default that of the cursor */
  readonly path?: string | undefined;
  /** Goes on where the last part was cut. */
  readonly cursor?: string | undefined;
  /** Most characters. */
  readonly maxChars: number;
}

/** A part of a document. */
export interface DocumentPart {
  /** The text; the whole document's is verbatim, but for what {@linkcode isEscaped} tells. */
  readonly content: string;
  /** Length of the whole document or selected part, in characters. */
  readonly totalChars: number;
  /**
   * Whether the text has characters that cannot be seen. They are written as `\uXXXX`, which in a
   * JSON text means the same.
   */
  readonly isEscaped: boolean;
  /** Goes on after this part; absent at the end. */
  readonly nextCursor?: string;
}

/**
 * Takes a part of a document.
 *
 * @param bytes The document, in UTF-8.
 * @param options Which part.
 * @returns The part.
 * @throws {AppError} `INVALID_ARGUMENT` for a cursor or pointer that leads nowhere.
 */
export function documentPart(bytes: Uint8Array, options: DocumentOptions): DocumentPart {
  const { what, maxChars } = options;
  const cursor = options.cursor === undefined ? undefined : readCursor(options.cursor, options);
  const path = options.path ?? cursor?.path ?? "";
  const raw = path === ""
    ? new TextDecoder().decode(bytes)
    : JSON.stringify(select(parseJson(bytes, { what }), path, what), null, 2);
  const isEscaped = hasHiddenCharacters(raw);
  const text = isEscaped ? raw.replace(/[^\t\r\n]+/g, escapeHidden) : raw;
  const start = cursor?.start ?? 0;
  if (start > 0 && start >= text.length) throw strayCursor(options.cursor ?? "");
  let end = Math.min(text.length, start + maxChars);
  // A pair of surrogates stays together.
  if (end < text.length && /[\uD800-\uDBFF]/.test(text[end - 1] ?? "")) end -= 1;
  return {
    content: text.slice(start, end),
    totalChars: text.length,
    isEscaped,
    ...(end < text.length ? { nextCursor: `${end}-${mark(options.digest)}${path}` } : {}),
  };
}

/** Enough of a digest to tell documents apart. */
function mark(digest: string): string {
  return /:([0-9a-f]{12})/.exec(digest)?.[1] ?? "";
}

function readCursor(
  cursor: string,
  options: DocumentOptions,
): { readonly start: number; readonly path: string } {
  const [, start = "", document = "", path = ""] =
    /^(\d{1,9})-([0-9a-f]{12})(\/.*)?$/s.exec(cursor) ?? [];
  if (start === "") throw strayCursor(cursor);
  if (document !== mark(options.digest)) {
    throw new AppError(
      "INVALID_ARGUMENT",
      `Cannot use the cursor: ${options.what} is another one than before`,
      { hint: "The tag has moved, or the image or platform is another; begin without cursor" },
    );
  }
  if (options.path !== undefined && options.path !== path) {
    throw new AppError("INVALID_ARGUMENT", "Cannot use the cursor: it belongs to another path", {
      hint: "Keep path as it was on the part before, or leave the cursor out",
    });
  }
  return { start: Number(start), path };
}

function strayCursor(cursor: string): AppError {
  return new AppError(
    "INVALID_ARGUMENT",
    `Cannot use cursor "${cleanText(cursor, { maxChars: 40 })}": it is none of this document`,
    { hint: "Pass the next_cursor of the part before, unchanged, or leave it out to begin anew" },
  );
}

function select(value: unknown, path: string, what: string): unknown {
  const shown = cleanText(path, { maxChars: 100 });
  if (!path.startsWith("/")) {
    throw new AppError("INVALID_ARGUMENT", `Cannot use path "${shown}": it is no JSON pointer`, {
      hint: "Begin with a slash, for example /layers/0/digest",
    });
  }
  let current = value;
  let walked = "";
  for (const part of path.slice(1).split("/")) {
    const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
    const keys = keysOf(current);
    if (!keys.includes(key)) {
      throw new AppError("INVALID_ARGUMENT", `Cannot find path "${shown}" in ${what}`, {
        hint: keys.length === 0
          ? `There is nothing below "${walked || "/"}"`
          : `Below "${walked || "/"}" there are: ${keys.slice(0, 20).join(", ")}`,
      });
    }
    // Checked on the line before: the object has the key.
    current = (current as Readonly<Record<string, unknown>>)[key];
    walked += `/${part}`;
  }
  return current;
}

/** What can be selected below a value: of a list the places, and not its length. */
function keysOf(value: unknown): readonly string[] {
  return typeof value === "object" && value !== null ? Object.keys(value) : [];
}

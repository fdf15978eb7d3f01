/**
 * Documents as a registry has them, whole or in part: a JSON pointer selects, a cursor goes on.
 * Needs no permission.
 *
 * @module
 */

import { AppError } from "../core/errors.ts";

/** Which part of a document to show. */
export interface DocumentOptions {
  /** Names the document in errors. */
  readonly what: string;
  /** JSON pointer (RFC 6901) of the part; empty for the whole. */
  readonly path?: string | undefined;
  /** Goes on where the last part was cut. */
  readonly cursor?: string | undefined;
  /** Most characters. */
  readonly maxChars: number;
}

/** A part of a document. */
export interface DocumentPart {
  /** The text; the whole document's is verbatim. */
  readonly content: string;
  /** Length of the whole document or selected part, in characters. */
  readonly totalChars: number;
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
  const whole = new TextDecoder().decode(bytes);
  const { path = "", maxChars } = options;
  const text = path === ""
    ? whole
    : JSON.stringify(select(JSON.parse(whole), path, options.what), null, 2);
  const start = startOf(options.cursor, text.length);
  let end = Math.min(text.length, start + maxChars);
  // A pair of surrogates stays together.
  if (end < text.length && /[\uD800-\uDBFF]/.test(text[end - 1] ?? "")) end -= 1;
  return {
    content: text.slice(start, end),
    totalChars: text.length,
    ...(end < text.length ? { nextCursor: String(end) } : {}),
  };
}

function startOf(cursor: string | undefined, length: number): number {
  if (cursor === undefined) return 0;
  const start = /^\d{1,9}$/.test(cursor) ? Number(cursor) : NaN;
  if (start < length) return start;
  throw new AppError(
    "INVALID_ARGUMENT",
    `Cannot use cursor "${cursor.slice(0, 40)}": it is none of this document`,
    {
      hint: "Pass the next_cursor of the part before, unchanged, or leave it out to begin anew",
    },
  );
}

function select(value: unknown, path: string, what: string): unknown {
  if (!path.startsWith("/")) {
    throw new AppError(
      "INVALID_ARGUMENT",
      `Cannot use path "${path.slice(0, 100)}": it is no JSON pointer`,
      {
        hint: "Begin with a slash, for example /layers/0/digest",
      },
    );
  }
  let current = value;
  let walked = "";
  for (const part of path.slice(1).split("/")) {
    const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
    const isInside = typeof current === "object" && current !== null && Object.hasOwn(current, key);
    if (!isInside) {
      const keys = typeof current === "object" && current !== null ? Object.keys(current) : [];
      throw new AppError(
        "INVALID_ARGUMENT",
        `Cannot find path "${path.slice(0, 100)}" in ${what}`,
        {
          hint: keys.length === 0
            ? `There is nothing below "${walked || "/"}"`
            : `Below "${walked || "/"}" there are: ${keys.slice(0, 20).join(", ")}`,
        },
      );
    }
    // Checked on the line before: the object has the key.
    current = (current as Readonly<Record<string, unknown>>)[key];
    walked += `/${part}`;
  }
  return current;
}

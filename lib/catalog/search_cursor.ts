/**
 * Cursors of lists: the last entry that was shown and the key that it was sorted by, so that paging
 * goes on rightly when the catalogue has changed meanwhile. Needs no permission.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { z } from "zod";
import { AppError } from "../core/errors.ts";

const schema = z.strictObject({
  q: z.string(),
  k: z.union([z.number(), z.string()]),
  i: z.string(),
});

/** Where a page ended. */
export interface Mark {
  /** What the last entry was sorted by. */
  readonly key: number | string;
  /** The last entry. */
  readonly id: string;
}

/** Longer ones are not ours. */
const MAX_CURSOR_CHARS = 2000;

/**
 * Writes a cursor.
 *
 * @param mark Where the page ended.
 * @param question What was asked, in any form that JSON can tell apart.
 */
export function encodeCursor({ key, id }: Mark, question: unknown): string {
  const bytes = new TextEncoder().encode(JSON.stringify({ q: digest(question), k: key, i: id }));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_")
    .replace(/=+$/, "");
}

/**
 * Reads a cursor.
 *
 * @param cursor What {@linkcode encodeCursor} wrote.
 * @param question What is asked now.
 * @throws {AppError} `INVALID_ARGUMENT` for a cursor of another question, or none of ours.
 */
export function decodeCursor(cursor: string, question: unknown): Mark {
  const mark = parse(cursor);
  if (mark === undefined || mark.q !== digest(question)) {
    throw new AppError(
      "INVALID_ARGUMENT",
      `Cannot go on after cursor "${cursor.slice(0, 40)}": it is ${
        mark === undefined ? "none of Wharf's" : "that of another question"
      }`,
      { hint: "Ask without a cursor, then pass next_cursor with the same arguments" },
    );
  }
  return { key: mark.k, id: mark.i };
}

function parse(cursor: string): z.infer<typeof schema> | undefined {
  if (cursor.length > MAX_CURSOR_CHARS) return undefined;
  try {
    const text = atob(cursor.replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
    const parsed = schema.safeParse(JSON.parse(new TextDecoder().decode(bytes)));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

function digest(question: unknown): string {
  return createHash("sha256").update(JSON.stringify(question)).digest("hex").slice(0, 12);
}

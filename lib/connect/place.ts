/**
 * Places in a text, as editors count them. Needs no permission.
 *
 * @module
 */

/** A place in a text; both count from 1. */
export interface Place {
  /** The line. */
  readonly line: number;
  /** The column, in UTF-16 units. */
  readonly column: number;
}

/** Why a text cannot be used. */
export interface Broken {
  /** The rest of a sentence that begins with the file: `is not valid JSON (comma expected)`. */
  readonly problem: string;
  /** Where, if that is one place. */
  readonly place: Place | undefined;
}

/**
 * The place of an offset.
 *
 * @param text The text.
 * @param offset In UTF-16 units.
 */
export function placeAt(text: string, offset: number): Place {
  const before = text.slice(0, offset);
  const line = before.split("\n").length;
  return { line, column: offset - (before.lastIndexOf("\n") + 1) + 1 };
}

/**
 * How the lines of a text end: as its first line does.
 *
 * @param text The text.
 * @returns `"\n"` where it has one line only.
 */
export function lineEnd(text: string): "\n" | "\r\n" {
  const at = text.indexOf("\n");
  return at > 0 && text[at - 1] === "\r" ? "\r\n" : "\n";
}

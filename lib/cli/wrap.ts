/**
 * Lines of prose that fit the terminal. Needs no permission.
 *
 * @module
 */

import { textWidth } from "./width.ts";

/**
 * Breaks a text between words. A word that is longer than a line, such as a path or digest, stays
 * whole: it is of no use when cut.
 *
 * @param text One line.
 * @param columns Most columns of a line; `Infinity` for one line.
 * @returns At least one line, without blanks at its ends.
 */
export function wrapWords(text: string, columns: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ").filter(Boolean)) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (line !== "" && textWidth(longer) > columns) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return [...lines, line];
}

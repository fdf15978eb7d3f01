/**
 * Colours, where a terminal shows them and nobody declined (`NO_COLOR`, no-color.org). Needs no
 * permission.
 *
 * @module
 */

import type { Terminal } from "./terminal.ts";

/** What a word may look like. */
export type Paint = "green" | "yellow" | "red" | "bold";

/** Select Graphic Rendition (ECMA-48, 8.3.117). */
const CODES: Readonly<Record<Paint, number>> = { green: 32, yellow: 33, red: 31, bold: 1 };

/**
 * Paints a text.
 *
 * @param text One line without escape sequences.
 * @param look Its look.
 * @param terminal Where it is shown; what is no terminal gets the text as it is.
 */
export function paint(
  text: string,
  look: Paint,
  terminal: Pick<Terminal, "hasColours">,
): string {
  return terminal.hasColours === true ? `\x1b[${CODES[look]}m${text}\x1b[0m` : text;
}

/**
 * Whether colours may be used.
 *
 * @param isTerminal Whether a person looks at standard output.
 * @param env The declared environment variables.
 */
export function allowsColours(
  isTerminal: boolean,
  env: Readonly<Record<string, string>>,
): boolean {
  // An empty NO_COLOR counts as unset.
  return isTerminal && !env["NO_COLOR"] && env["TERM"] !== "dumb";
}

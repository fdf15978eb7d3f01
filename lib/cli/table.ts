/**
 * Tables that fit the terminal. Needs no permission.
 *
 * @example
 * ```ts
 * import { table } from "./table.ts";
 *
 * table(["tag", "size"], [["3.20", "3.6 MB"]], { columns: 80 });
 * // ["tag   size", "3.20  3.6 MB"]
 * ```
 *
 * @module
 */

import { textWidth } from "./width.ts";
import { wrapWords } from "./wrap.ts";

/** How wide a table may be. */
export interface TableOptions {
  /** Width of the terminal in columns; `undefined` does not limit it (piped output). */
  readonly columns: number | undefined;
  /** Whether the last column goes on in the next line, as sentences and paths want it. */
  readonly wraps?: boolean;
}

const GAP = "  ";
const NARROWEST = 8;
/** Sentences are not read in columns narrower than this. */
const NARROWEST_TEXT = 24;

/**
 * Lays out rows under a header; the widest columns give way where the terminal is narrow.
 *
 * @param header Names of the columns.
 * @param rows The cells, row by row.
 * @param options The width to fit into.
 * @returns Lines without trailing blanks.
 */
export function table(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  options: TableOptions,
): string[] {
  const all = [header, ...rows];
  const widths = header.map((_, column) =>
    Math.max(...all.map((row) => textWidth(row[column] ?? "")))
  );
  if (options.columns !== undefined) {
    if (options.wraps === true) return wrapped(all, widths, options.columns);
    shrink(widths, options.columns);
  }
  return all.map((row) =>
    header.map((_, column) => pad(row[column] ?? "", widths[column] ?? 0)).join(GAP).trimEnd()
  );
}

/** The columns before the last give way first; what is in it goes on below itself. */
function wrapped(
  rows: readonly (readonly string[])[],
  widths: readonly number[],
  columns: number,
): string[] {
  const before = widths.slice(0, -1);
  const last = Math.min(widths.at(-1) ?? 0, NARROWEST_TEXT);
  shrink(before, columns - last - GAP.length);
  const indent = before.reduce((sum, width) => sum + width + GAP.length, 0);
  return rows.flatMap((row) => {
    const cells = before.map((width, column) => pad(row[column] ?? "", width) + GAP).join("");
    const [first = "", ...rest] = wrapWords(row[before.length] ?? "", columns - indent);
    return [`${cells}${first}`.trimEnd(), ...rest.map((line) => " ".repeat(indent) + line)];
  });
}

/** Takes columns from the widest until the row fits, never below {@linkcode NARROWEST}. */
function shrink(widths: number[], columns: number): void {
  let excess = widths.reduce((sum, width) => sum + width + GAP.length, -GAP.length) - columns;
  while (excess > 0) {
    const widest = Math.max(...widths);
    if (widest <= NARROWEST) return;
    const index = widths.indexOf(widest);
    const second = Math.max(NARROWEST, ...widths.filter((_, other) => other !== index));
    const step = Math.min(excess, Math.max(1, widest - second), widest - NARROWEST);
    widths[index] = widest - step;
    excess -= step;
  }
}

/**
 * Cuts a text to a number of terminal columns.
 *
 * @param text One line.
 * @param width Most columns, the mark `…` included.
 * @returns The text, or its beginning followed by `…`.
 */
export function fit(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  let kept = "";
  let used = 0;
  for (const character of text) {
    const next = textWidth(character);
    if (used + next > width - 1) break;
    kept += character;
    used += next;
  }
  return `${kept}…`;
}

function pad(text: string, width: number): string {
  const cut = fit(text, width);
  return cut + " ".repeat(Math.max(0, width - textWidth(cut)));
}

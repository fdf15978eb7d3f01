/**
 * The difference of two texts as people read it: the unified form of `diff -u`. Needs no permission.
 *
 * @example
 * ```ts
 * import { difference } from "./difference.ts";
 *
 * difference("a\nb\n", "a\nc\n"); // ["@@ -1,2 +1,2 @@", " a", "-b", "+c"]
 * ```
 *
 * @module
 */

import { escapeHidden } from "../core/text.ts";

/** Lines around a change. */
const CONTEXT = 3;

/** More cells are not compared line by line; a client's file changes in a few lines. */
const MAX_CELLS = 4_000_000;

/** Longest line that is shown whole. */
const MAX_CHARS = 200;

interface Line {
  readonly sign: " " | "-" | "+";
  readonly text: string;
}

/**
 * Compares two texts.
 *
 * @param before The old text.
 * @param after The new text.
 * @returns Lines without line ends; none where nothing changed.
 */
export function difference(before: string, after: string): readonly string[] {
  const lines = compare(split(before), split(after));
  const shown: string[] = [];
  let at = 0;
  while (true) {
    const first = lines.findIndex(({ sign }, index) => index >= at && sign !== " ");
    if (first === -1) return shown;
    const start = Math.max(at, first - CONTEXT);
    let end = first + 1;
    // Changes that are near each other share their surroundings.
    for (let index = end; index < lines.length && index <= end + 2 * CONTEXT; index++) {
      if (lines[index]?.sign !== " ") end = index + 1;
    }
    const stop = Math.min(lines.length, end + CONTEXT);
    shown.push(header(lines, start, stop));
    for (const { sign, text } of lines.slice(start, stop)) shown.push(sign + visible(text));
    at = stop;
  }
}

function split(text: string): readonly string[] {
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

function header(lines: readonly Line[], start: number, stop: number): string {
  const range = (other: "-" | "+") => {
    const length = lines.slice(start, stop).filter(({ sign }) => sign !== other).length;
    const before = lines.slice(0, start).filter(({ sign }) => sign !== other).length;
    // A range of no lines names the line before it.
    return `${length === 0 ? before : before + 1},${length}`;
  };
  return `@@ -${range("+")} +${range("-")} @@`;
}

function visible(text: string): string {
  const cut = text.length > MAX_CHARS ? `${text.slice(0, MAX_CHARS - 1)}…` : text;
  return cut.split("\t").map(escapeHidden).join("\t");
}

/** Common lines at both ends, and the longest common sequence of what is between. */
function compare(before: readonly string[], after: readonly string[]): readonly Line[] {
  let head = 0;
  while (head < before.length && head < after.length && before[head] === after[head]) head++;
  let tail = 0;
  while (
    tail < before.length - head && tail < after.length - head &&
    before[before.length - 1 - tail] === after[after.length - 1 - tail]
  ) tail++;
  const same = (text: string): Line => ({ sign: " ", text });
  return [
    ...before.slice(0, head).map(same),
    ...middle(before.slice(head, before.length - tail), after.slice(head, after.length - tail)),
    ...before.slice(before.length - tail).map(same),
  ];
}

function middle(before: readonly string[], after: readonly string[]): readonly Line[] {
  const removed = before.map((text): Line => ({ sign: "-", text }));
  const added = after.map((text): Line => ({ sign: "+", text }));
  const width = after.length + 1;
  if (before.length * after.length === 0 || before.length * width > MAX_CELLS) {
    return [...removed, ...added];
  }
  // How many lines the rests of both have in common.
  const common = new Uint32Array((before.length + 1) * width);
  const at = (row: number, column: number) => common[row * width + column] ?? 0;
  for (let row = before.length - 1; row >= 0; row--) {
    for (let column = after.length - 1; column >= 0; column--) {
      common[row * width + column] = before[row] === after[column]
        ? at(row + 1, column + 1) + 1
        : Math.max(at(row + 1, column), at(row, column + 1));
    }
  }
  const lines: Line[] = [];
  let [row, column] = [0, 0];
  while (row < before.length || column < after.length) {
    const [one, other] = [removed[row], added[column]];
    if (one !== undefined && other !== undefined && one.text === other.text) {
      lines.push({ sign: " ", text: one.text });
      row++;
      column++;
    } else if (
      one !== undefined && (other === undefined || at(row + 1, column) >= at(row, column + 1))
    ) {
      lines.push(one);
      row++;
    } else if (other !== undefined) {
      lines.push(other);
      column++;
    }
  }
  return lines;
}

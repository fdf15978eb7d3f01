/**
 * How far a long command is, as one line that replaces itself on a terminal. Needs no permission.
 *
 * @example
 * ```ts
 * import { progressLine } from "./progress.ts";
 *
 * progressLine({ message: "docker: reading files", done: 1, total: 4 }, 60);
 * // "[#####---------------]  25%  docker: reading files"
 * ```
 *
 * @module
 */

import type { Progress } from "../mcp/mod.ts";
import { fit } from "./table.ts";
import type { Terminal } from "./terminal.ts";

const BAR_WIDTH = 20;

/** Short enough for a line of the log to cover it. */
const MAX_WIDTH = 78;

/**
 * Draws a bar, or the message alone where nobody knows the total.
 *
 * @param progress How far the work is.
 * @param columns Width of the terminal.
 */
export function progressLine({ message = "", done, total }: Progress, columns: number): string {
  const width = Math.min(MAX_WIDTH, columns - 1);
  if (total === undefined || total <= 0) return fit(message, width);
  const share = Math.min(1, Math.max(0, done / total));
  const filled = Math.floor(share * BAR_WIDTH);
  const bar = `[${"#".repeat(filled)}${"-".repeat(BAR_WIDTH - filled)}]`;
  return fit(`${bar} ${`${Math.floor(share * 100)}%`.padStart(4)}  ${message}`, width);
}

/** Shows progress until it is cleared or disposed. */
export interface ProgressBar extends Disposable {
  /** Draws anew. */
  show(progress: Progress): void;
  /** Makes room for an answer. */
  clear(): void;
}

/**
 * Opens a bar; where standard error is no terminal, it shows nothing.
 *
 * @param terminal Where to draw.
 */
export function openProgressBar(terminal: Terminal): ProgressBar {
  const { status, columns } = terminal;
  let shown = "";
  const draw = (line: string) => {
    if (line === shown) return;
    shown = line;
    status?.(line);
  };
  return {
    show: (progress) => draw(progressLine(progress, columns ?? MAX_WIDTH)),
    clear: () => draw(""),
    [Symbol.dispose]: () => draw(""),
  };
}

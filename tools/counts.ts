/**
 * Counts of test runs: read from the closing line of `deno test`, added up, and said in one line
 * that people and CI read alike. Needs no permission.
 *
 * @example
 * ```ts
 * import { formatCounts, readCounts } from "./counts.ts";
 *
 * const counts = readCounts("ok | 12 passed (3 steps) | 0 failed | 1 ignored (20ms)");
 * if (counts !== undefined) formatCounts(counts); // "12 passed, 0 failed, 1 skipped"
 * ```
 *
 * @module
 */

/** How many tests ended in which way. */
export interface Counts {
  /** Tests that ran and found nothing wrong. */
  readonly passed: number;
  /** Tests that failed, and runs that ended before they could count. */
  readonly failed: number;
  /** Tests that could not run on this machine. */
  readonly skipped: number;
}

/** A run of nothing. */
export const NONE: Counts = { passed: 0, failed: 0, skipped: 0 };

// deno-lint-ignore no-control-regex -- colours are control characters
const COLOURS = /\x1b\[[0-9;]*m/g;
const CLOSING = /^(?:ok|FAILED) \| (\d+) passed(?: \([^)]*\))? \| (\d+) failed(.*)$/;

/**
 * Reads a line of `deno test`'s output.
 *
 * @param line One line, with or without colours.
 * @returns The counts where the line is the closing one.
 */
export function readCounts(line: string): Counts | undefined {
  const match = CLOSING.exec(plain(line));
  if (match === null) return undefined;
  const skipped = /\| (\d+) ignored/.exec(match[3] ?? "")?.[1] ?? "0";
  return { passed: Number(match[1]), failed: Number(match[2]), skipped: Number(skipped) };
}

/**
 * Whether a line only says that one test passed; a failure or a heading is worth more attention.
 *
 * @param line One line of `deno test`'s output.
 */
export function isRoutine(line: string): boolean {
  return / \.\.\. ok \([^)]*\)$/.test(plain(line));
}

/**
 * Adds runs up.
 *
 * @param runs Counts of each run.
 */
export function addCounts(runs: readonly Counts[]): Counts {
  return runs.reduce((sum, run) => ({
    passed: sum.passed + run.passed,
    failed: sum.failed + run.failed,
    skipped: sum.skipped + run.skipped,
  }), NONE);
}

/**
 * The closing line: `N passed, N failed`, with `, N skipped` where some were.
 *
 * @param counts What to say.
 */
export function formatCounts(counts: Counts): string {
  const skipped = counts.skipped === 0 ? "" : `, ${counts.skipped} skipped`;
  return `${counts.passed} passed, ${counts.failed} failed${skipped}`;
}

function plain(line: string): string {
  return line.replace(COLOURS, "").trimEnd();
}

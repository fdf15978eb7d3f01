/**
 * Measures contenders side by side: each round runs every contender once, so that what else the
 * machine does hits all alike. Needs no permission by itself.
 *
 * @module
 */

/** Something that is measured. */
export interface Contender {
  /** Name in the table. */
  readonly name: string;
  /** What is measured; what it returns is dropped. */
  readonly run: () => Promise<unknown>;
  /** Puts away what a run left; its time does not count. */
  readonly settle?: () => Promise<unknown>;
}

/** Times of one contender. */
export interface Measured {
  /** Name in the table. */
  readonly name: string;
  /** Median of all rounds, in milliseconds. */
  readonly medianMs: number;
  /** The fastest and the slowest round, in milliseconds. */
  readonly rangeMs: readonly [number, number];
}

/** How long is measured. */
export interface Rounds {
  /** Rounds that are not counted. @default {2} */
  readonly warmUps?: number;
  /** Rounds that are counted. @default {10} */
  readonly rounds?: number;
}

/**
 * Runs the contenders in turn.
 *
 * @param contenders What to measure; the first is the peer that the others are compared with.
 * @param options How long.
 * @returns Times in the same order.
 */
export async function measure(
  contenders: readonly Contender[],
  options: Rounds = {},
): Promise<readonly Measured[]> {
  const { warmUps = 2, rounds = 10 } = options;
  const times = contenders.map((): number[] => []);
  for (let round = 0; round < warmUps + rounds; round++) {
    for (const [index, { run, settle }] of contenders.entries()) {
      const start = performance.now();
      await run();
      if (round >= warmUps) times[index]?.push(performance.now() - start);
      await settle?.();
    }
  }
  return contenders.map(({ name }, index) => {
    const sorted = (times[index] ?? []).sort((a, b) => a - b);
    return { name, medianMs: median(sorted), rangeMs: [sorted.at(0) ?? 0, sorted.at(-1) ?? 0] };
  });
}

/**
 * The table for people: median, range, and how many times faster or slower than the first row.
 *
 * @param title What was asked.
 * @param rows The times; the first row is the peer.
 */
export function formatTable(title: string, rows: readonly Measured[]): readonly string[] {
  const peer = rows[0]?.medianMs ?? 0;
  const width = Math.max(...rows.map(({ name }) => name.length));
  return [
    title,
    ...rows.map(({ name, medianMs, rangeMs: [least, most] }, index) => {
      const times = `${ms(medianMs)} ms  (${ms(least).trim()} to ${ms(most).trim()})`;
      return `  ${name.padEnd(width)}  ${times.padEnd(32)}${
        index === 0 ? "" : ratio(peer, medianMs)
      }`
        .trimEnd();
    }),
  ];
}

/** How two times compare, in words: `3.2 times faster` or `1.5 times slower`. */
export function ratio(peerMs: number, ownMs: number): string {
  return ownMs <= peerMs
    ? `${(peerMs / ownMs).toFixed(1)} times faster`
    : `${(ownMs / peerMs).toFixed(1)} times slower`;
}

function median(sorted: readonly number[]): number {
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? 0;
  return Number.isInteger(middle) ? ((sorted[middle - 1] ?? 0) + upper) / 2 : upper;
}

function ms(value: number): string {
  return value.toFixed(value < 10 ? 2 : 1).padStart(7);
}

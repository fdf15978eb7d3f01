/**
 * A clock that stands still until a test moves it. Needs no permission.
 *
 * @example
 * ```ts
 * import { FakeClock } from "./fake_clock.ts";
 *
 * const clock = new FakeClock();
 * const slept = clock.sleep(1000);
 * await clock.advance(1000);
 * await slept;
 * ```
 *
 * @module
 */

import { abortError, throwIfAborted } from "../lib/core/deadline.ts";
import type { Clock } from "../lib/core/host.ts";

interface Sleeper {
  readonly dueMs: number;
  readonly wake: () => void;
}

/** A {@linkcode Clock} under the test's control. */
export class FakeClock implements Clock {
  #nowMs: number;
  readonly #sleepers = new Set<Sleeper>();

  /** @param startMs Where the clock stands, in milliseconds since the Unix epoch. */
  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#nowMs = startMs;
  }

  /** How many sleep: none when all timers were freed. */
  get sleeping(): number {
    return this.#sleepers.size;
  }

  /** The times until each sleeper is due, in milliseconds, the next one first. */
  get pendingMs(): readonly number[] {
    return [...this.#sleepers].map(({ dueMs }) => dueMs - this.#nowMs).sort((a, b) => a - b);
  }

  /** @inheritdoc */
  now(): number {
    return this.#nowMs;
  }

  /** @inheritdoc */
  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    throwIfAborted(signal);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const sleeper: Sleeper = { dueMs: this.#nowMs + Math.max(0, ms), wake: resolve };
    const stop = () => {
      if (signal !== undefined) reject(abortError(signal));
    };
    this.#sleepers.add(sleeper);
    signal?.addEventListener("abort", stop, { once: true });
    try {
      await promise;
    } finally {
      this.#sleepers.delete(sleeper);
      signal?.removeEventListener("abort", stop);
    }
  }

  /**
   * Lets time pass: wakes each sleeper at its time, in order, those that fall asleep on the way
   * included, and lets the work that follows run.
   *
   * @param ms Milliseconds to move on; 0 only lets pending work run.
   */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await settle();
    while (true) {
      const next = [...this.#sleepers].filter(({ dueMs }) => dueMs <= untilMs)
        .sort((a, b) => a.dueMs - b.dueMs)[0];
      if (next === undefined) break;
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      this.#sleepers.delete(next);
      next.wake();
      await settle();
    }
    this.#nowMs = untilMs;
  }
}

/** Lets every pending microtask run, and the callbacks that they queue. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
}

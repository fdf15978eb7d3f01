/**
 * At most so many tasks at once, first come first served. Needs no permission.
 *
 * @example
 * ```ts
 * import { Limiter } from "./limiter.ts";
 *
 * const limiter = new Limiter(2);
 * const [a, b, c] = await Promise.all([1, 2, 3].map((n) => limiter.run(() => Promise.resolve(n))));
 * ```
 *
 * @module
 */

import { abortError, throwIfAborted } from "./deadline.ts";

/** A queue in front of a scarce thing. */
export class Limiter {
  readonly #limit: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /**
   * Makes an empty queue.
   *
   * @param limit Most tasks at once; at least 1.
   */
  constructor(limit: number) {
    this.#limit = Math.max(1, limit);
  }

  /**
   * Runs a task as soon as there is room.
   *
   * @param task What to run; its room is free again when it settles.
   * @param signal Leaves the queue; a task that runs is not interrupted.
   * @returns What the task gives.
   */
  async run<T>(task: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    throwIfAborted(signal);
    if (this.#running >= this.#limit) await this.#room(signal);
    else this.#running++;
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      // The room passes on to the next in line, so that no newcomer can take it.
      if (next === undefined) this.#running--;
      else next();
    }
  }

  #room(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const enter = () => {
        signal?.removeEventListener("abort", leave);
        resolve();
      };
      const leave = () => {
        const place = this.#waiting.indexOf(enter);
        if (place !== -1) this.#waiting.splice(place, 1);
        if (signal !== undefined) reject(abortError(signal));
      };
      this.#waiting.push(enter);
      signal?.addEventListener("abort", leave, { once: true });
    });
  }
}

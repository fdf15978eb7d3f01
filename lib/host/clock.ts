/**
 * The real clock. Needs no permission.
 *
 * @module
 */

import { abortError, throwIfAborted } from "../core/deadline.ts";
import type { Clock } from "../core/host.ts";

/** A timer beyond this fires at once (a 32-bit number of milliseconds). */
const LONGEST_MS = 2 ** 31 - 1;

/** The system's clock and timers. */
export const systemClock: Clock = {
  now: () => Date.now(),
  async sleep(ms, signal) {
    throwIfAborted(signal);
    await new Promise<void>((resolve, reject) => {
      const stop = () => {
        clearTimeout(timer);
        if (signal !== undefined) reject(abortError(signal));
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener("abort", stop);
        resolve();
      }, Math.min(ms, LONGEST_MS));
      signal?.addEventListener("abort", stop, { once: true });
    });
  },
};

/**
 * Deadlines on a given clock. Needs no permission.
 *
 * @module
 */

import { AppError, toAppError } from "./errors.ts";
import type { Clock } from "./host.ts";

/**
 * Wakes whoever sleeps until something that is over by now. One for all: it is told to nobody, and
 * an error of its own for every call would cost more than most calls do, by its stack trace.
 */
export const OVER: AppError = new AppError("CANCELLED", "Cannot wait any longer: it is over");

/** A signal with an end; disposing it frees its timer. */
export interface Deadline extends Disposable {
  /** Aborts with a `TIMEOUT` error when the time is over, or with the caller's reason. */
  readonly signal: AbortSignal;
}

/**
 * Makes a signal that aborts after a time, or earlier with the caller's.
 *
 * @param clock Measures the time.
 * @param timeoutMs Time until the deadline, in milliseconds.
 * @param signal The caller's own signal.
 * @returns The deadline; dispose it when the work is done.
 */
export function deadline(clock: Clock, timeoutMs: number, signal?: AbortSignal): Deadline {
  const controller = new AbortController();
  const done = new AbortController();
  clock.sleep(timeoutMs, done.signal).then(
    () =>
      controller.abort(
        new AppError("TIMEOUT", `Cannot finish in ${timeoutMs / 1000} s: the deadline passed`, {
          retryable: true,
          hint: "Try again, or allow more time with --timeout",
        }),
      ),
    () => {
      // Disposed before its time.
    },
  );
  return {
    signal: signal === undefined ? controller.signal : AbortSignal.any([controller.signal, signal]),
    [Symbol.dispose]: () => done.abort(OVER),
  };
}

/**
 * Throws when the signal has aborted.
 *
 * @param signal A caller's signal.
 * @throws {AppError} The signal's reason: `TIMEOUT`, `CANCELLED` or what it carries.
 */
export function throwIfAborted(signal?: AbortSignal): void {
  if (signal?.aborted === true) throw abortError(signal);
}

/**
 * The error behind an aborted signal.
 *
 * @param signal A signal that has aborted.
 * @returns `TIMEOUT` or `CANCELLED`, or the `AppError` that the signal carries.
 */
export function abortError(signal: AbortSignal): AppError {
  const error = toAppError(signal.reason);
  return error.code === "INTERNAL"
    ? new AppError("CANCELLED", "Cannot finish: the call was cancelled", { cause: signal.reason })
    : error;
}

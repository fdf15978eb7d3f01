/**
 * What a check of `wharf doctor` found, and how checks are run: side by side, each for a bounded
 * time, so that one that hangs costs its own line only. Needs no permission.
 *
 * @module
 */

import { deadline } from "../core/deadline.ts";
import { toAppError } from "../core/errors.ts";
import type { Clock } from "../core/host.ts";

/** `warn`: something will not work, or not well; `fail`: what was asked for cannot work. */
export type FindingState = "ok" | "warn" | "fail";

/** One line of `wharf doctor`. */
export interface Finding {
  /** What was looked at, such as `podman`. */
  readonly check: string;
  /** How it stands. */
  readonly state: FindingState;
  /** One sentence without a closing period; never a secret. */
  readonly message: string;
  /** The next step, where there is one. */
  readonly next?: string;
}

/** A check. It may give several findings, or none where it has nothing to look at. */
export interface Check {
  /** What it looks at, for its time limit and its faults. */
  readonly name: string;
  /** What a check that cannot be made means. @default {"warn"} */
  readonly missed?: FindingState;
  /** Looks, and changes nothing. */
  run(signal: AbortSignal): Promise<readonly Finding[]>;
}

/** How {@linkcode runChecks} runs. */
export interface RunChecksOptions {
  /** Measures the time. */
  readonly clock: Clock;
  /** Time for each check, in milliseconds. */
  readonly timeoutMs: number;
  /** Ends all of them. */
  readonly signal: AbortSignal;
}

/**
 * Runs checks side by side.
 *
 * @param checks What to look at.
 * @param options Clock, time for each, signal.
 * @returns The findings in the order of the checks.
 */
export async function runChecks(
  checks: readonly Check[],
  options: RunChecksOptions,
): Promise<readonly Finding[]> {
  const { clock, timeoutMs } = options;
  const found = await Promise.all(checks.map(async (check): Promise<readonly Finding[]> => {
    using limit = deadline(clock, timeoutMs, options.signal);
    const { signal } = limit;
    const over = Promise.withResolvers<never>();
    const stop = () => over.reject(signal.reason);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
    try {
      // A check that does not heed its signal is left behind.
      return await Promise.race([check.run(signal), over.promise]);
    } catch (thrown) {
      const state = check.missed ?? "warn";
      return [
        signal.aborted && !options.signal.aborted
          ? {
            check: check.name,
            state,
            message: `no answer within ${timeoutMs / 1000} s`,
            next: "Try again; if it stays so, look at what it waits for",
          }
          : failed(check.name, thrown, state),
      ];
    } finally {
      signal.removeEventListener("abort", stop);
      over.promise.catch(() => {});
    }
  }));
  return found.flat();
}

/**
 * A finding from an error, with the error's hint as the next step.
 *
 * @param check What was looked at.
 * @param thrown What was caught.
 * @param state How bad it is.
 */
export function failed(check: string, thrown: unknown, state: FindingState): Finding {
  const { message, hint } = toAppError(thrown);
  return { check, state, message, ...(hint === undefined ? {} : { next: hint }) };
}

/**
 * The worst of all.
 *
 * @param findings What was found.
 */
export function worst(findings: readonly Finding[]): FindingState {
  const states = findings.map(({ state }) => state);
  return states.includes("fail") ? "fail" : states.includes("warn") ? "warn" : "ok";
}

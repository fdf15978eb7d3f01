/**
 * Starts a server again that has ended by itself: after a while, at longer intervals, up to a
 * limit. A try that fails is followed by the next, since what a server needs, or the machine that
 * it runs on, may be away for longer than one of them takes. Needs no permission.
 *
 * @module
 */

import { toAppError } from "../core/errors.ts";
import type { Clock, Log } from "../core/host.ts";

/** Time before each try, in milliseconds; after the last one the server has failed. */
const BACK_OFF_MS = [1000, 2000, 4000, 8000, 16_000];

/** A server that ran for this long has not crashed at its start, in milliseconds. */
const STEADY_MS = 60_000;

/** What {@linkcode Restarts} work with. */
export interface RestartsDeps {
  /** Measures the waits. */
  readonly clock: Clock;
  /** Told of tries that fail. */
  readonly log: Log;
  /** Id of the server, for the log. */
  readonly id: string;
  /** Starts it. */
  readonly start: () => Promise<unknown>;
  /** Told that it is tried again after a while, or that it is not tried any more. */
  readonly onState: (state: "restarting" | "failed") => void;
}

/** The tries to start one server again. */
export class Restarts {
  readonly #deps: RestartsDeps;
  #used = 0;
  #count = 0;
  #waiting: AbortController | undefined;

  /** @param deps What starts it. */
  constructor(deps: RestartsDeps) {
    this.#deps = deps;
  }

  /** How often it was tried. */
  get count(): number {
    return this.#count;
  }

  /**
   * Begins to try.
   *
   * @param ranMs How long it ran, in milliseconds.
   */
  begin(ranMs: number): void {
    if (ranMs > STEADY_MS) this.#used = 0;
    this.stop();
    const waiting = new AbortController();
    this.#waiting = waiting;
    // It rejects when it is stopped, and then there is nothing to tell.
    this.#try(waiting.signal).catch(() => {});
  }

  /** Tries no more: it runs, or is not to. */
  stop(): void {
    this.#waiting?.abort();
    this.#waiting = undefined;
  }

  async #try(signal: AbortSignal): Promise<void> {
    const { clock, log, id, start, onState } = this.#deps;
    for (
      let waitMs = BACK_OFF_MS[this.#used++];
      waitMs !== undefined;
      waitMs = BACK_OFF_MS[this.#used++]
    ) {
      onState("restarting");
      await clock.sleep(waitMs, signal);
      this.#count++;
      try {
        return void await start();
      } catch (thrown) {
        if (signal.aborted) return;
        const reason = toAppError(thrown).message;
        log.warn("an activated server cannot be started again", { server: id, reason });
      }
    }
    onState("failed");
  }
}

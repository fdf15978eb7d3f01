/**
 * Calls for the same thing at the same time share one task. Needs no permission.
 *
 * @module
 */

import { abortError, throwIfAborted } from "./deadline.ts";

interface Flight<T> {
  readonly controller: AbortController;
  readonly result: Promise<T>;
  passengers: number;
}

/** Shares running tasks by key; a finished task is not remembered. */
export class SingleFlight<T> {
  readonly #flights = new Map<string, Flight<T>>();

  /**
   * Runs the task, or joins the one that runs under the same key.
   *
   * @param key What the task is for.
   * @param task Receives a signal that aborts when the last caller has cancelled.
   * @param signal This caller's own; it leaves, the others stay.
   * @returns What the task gives to all callers.
   */
  async run(
    key: string,
    task: (signal: AbortSignal) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    throwIfAborted(signal);
    const flight = this.#flights.get(key) ?? this.#start(key, task);
    flight.passengers++;
    if (signal === undefined) return await flight.result;
    return await new Promise((resolve, reject) => {
      const leave = () => {
        flight.passengers--;
        if (flight.passengers === 0) {
          // A later caller must not join a task that is being aborted.
          if (this.#flights.get(key) === flight) this.#flights.delete(key);
          flight.controller.abort(signal.reason);
        }
        reject(abortError(signal));
      };
      signal.addEventListener("abort", leave, { once: true });
      flight.result.then(resolve, reject).finally(() => signal.removeEventListener("abort", leave));
    });
  }

  #start(key: string, task: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const controller = new AbortController();
    const result = task(controller.signal).finally(() => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    });
    // Every caller may have left; the failure is then nobody's.
    result.catch(() => {});
    const flight: Flight<T> = { controller, result, passengers: 0 };
    this.#flights.set(key, flight);
    return flight;
  }
}

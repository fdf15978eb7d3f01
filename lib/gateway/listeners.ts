/**
 * Those who want to be told. One that fails harms no other, and one that falls behind loses what
 * comes instead of filling the memory. Needs no permission.
 *
 * @module
 */

import { toAppError } from "../core/errors.ts";
import type { Log } from "../core/host.ts";

/** How {@linkcode Listeners} behave. */
export interface ListenersOptions {
  /** Tells of faults and of losses. */
  readonly log: Log;
  /** Whose events these are, for the log. */
  readonly name: string;
  /** Most events that are not finished with. @default {1000} */
  readonly maxPending?: number;
}

/** Takes an event; it is finished with when what it returns settles. */
export type Listener<Event> = (event: Event) => void | Promise<void>;

/** A set of listeners. */
export class Listeners<Event> {
  readonly #options: ListenersOptions;
  readonly #listeners = new Set<Listener<Event>>();
  #pending = 0;
  #lost = 0;

  /** @param options Who tells, and how much may wait. */
  constructor(options: ListenersOptions) {
    this.#options = options;
  }

  /**
   * Adds a listener.
   *
   * @param listener Told of every event from now on.
   * @returns Removes it.
   */
  add(listener: Listener<Event>): () => void {
    // Its own object, so that a function that was added twice is removed once.
    const own: Listener<Event> = (event) => listener(event);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  /**
   * Tells all listeners.
   *
   * @param event What has happened.
   */
  tell(event: Event): void {
    for (const listener of [...this.#listeners]) {
      if (this.#pending >= (this.#options.maxPending ?? 1_000)) this.#lose();
      else this.#give(listener, event);
    }
  }

  #give(listener: Listener<Event>, event: Event): void {
    try {
      const done = listener(event);
      if (done === undefined) return;
      this.#pending++;
      done.catch((thrown) => this.#failed(thrown)).finally(() => this.#pending--);
    } catch (thrown) {
      this.#failed(thrown);
    }
  }

  #lose(): void {
    this.#lost++;
    // Told at 1, 10, 100 and so on: a flood must not become one of the log.
    if (!/^10*$/.test(String(this.#lost))) return;
    const { log, name } = this.#options;
    log.warn("notifications of a server were lost: nobody reads so fast", {
      server: name,
      count: this.#lost,
    });
  }

  #failed(thrown: unknown): void {
    const { log, name } = this.#options;
    log.error("a listener failed", { server: name, message: toAppError(thrown).message });
  }
}

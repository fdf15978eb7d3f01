/**
 * Requests of the other side's that are in hand, and how they are taken back. Over HTTP each message
 * comes on a way of its own, so that a cancellation may be there before what it cancels. Needs no
 * permission.
 *
 * @module
 */

import type { AppError } from "../core/errors.ts";
import type { Clock } from "../core/host.ts";
import type { RpcId } from "./json_rpc.ts";

/** Time in which a request may come that was cancelled before, in milliseconds. */
const EARLY_MS = 10_000;

/** Ids that are remembered of each kind; the oldest are forgotten. */
const MAX_IDS = 1_000;

/** Requests in hand. */
export class IncomingRequests {
  readonly #clock: Clock;
  readonly #running = new Map<RpcId, AbortController>();
  /** Requests that are over: a cancellation of one comes late, and is none of a later one. */
  readonly #over = new Map<RpcId, true>();
  /** Cancellations of requests that have not come, and when they came, in milliseconds. */
  readonly #early = new Map<RpcId, { readonly atMs: number; readonly error: AppError }>();

  /** @param clock Measures how long an early cancellation counts. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many there are. */
  get size(): number {
    return this.#running.size;
  }

  /** Whether one is in hand. */
  has(id: RpcId): boolean {
    return this.#running.has(id);
  }

  /**
   * Takes a request in hand.
   *
   * @param id Its id; none that is in hand.
   * @returns Aborts when it is cancelled, at once where it was already.
   */
  begin(id: RpcId): AbortController {
    const controller = new AbortController();
    this.#running.set(id, controller);
    const early = this.#early.get(id);
    this.#early.delete(id);
    if (early !== undefined && this.#clock.now() - early.atMs < EARLY_MS) {
      controller.abort(early.error);
    }
    return controller;
  }

  /** Is done with a request. */
  end(id: RpcId, controller: AbortController): void {
    if (this.#running.get(id) !== controller) return;
    this.#running.delete(id);
    remember(this.#over, id, true);
  }

  /**
   * Cancels a request, or one that has not come yet.
   *
   * @param id Its id.
   * @param error Why, for whoever works on it.
   */
  cancel(id: RpcId, error: AppError): void {
    const controller = this.#running.get(id);
    if (controller !== undefined) controller.abort(error);
    else if (!this.#over.has(id)) {
      remember(this.#early, id, { atMs: this.#clock.now(), error });
    }
  }

  /** Aborts all of them. */
  abort(error: AppError): void {
    for (const controller of this.#running.values()) controller.abort(error);
    this.#running.clear();
    this.#over.clear();
    this.#early.clear();
  }
}

function remember<Value>(known: Map<RpcId, Value>, id: RpcId, value: Value): void {
  known.delete(id);
  const [oldest] = known.keys();
  if (known.size >= MAX_IDS && oldest !== undefined) known.delete(oldest);
  known.set(id, value);
}

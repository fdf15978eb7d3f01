/**
 * What all calls to one registry share: a place in the queue, the pause that it asked for, the
 * scheme that it speaks, and what authenticated the last call. Needs no permission.
 *
 * @module
 */

import type { Clock } from "../core/host.ts";
import { Limiter } from "../core/limiter.ts";
import { SingleFlight } from "../core/single_flight.ts";
import type { Authorization } from "./token.ts";

/** Tokens are small, but a model may name many repositories. */
const MAX_AUTHORIZATIONS = 500;

/** A time in which a registry is left alone. */
export interface Pause {
  /** When it ends, in milliseconds since the Unix epoch. */
  readonly untilMs: number;
  /** Whether the registry asked for it; otherwise it is a back-off after a failure. */
  readonly asked: boolean;
}

/** The shared state of one registry. */
export class HostState {
  /** Bounds the requests in flight. */
  readonly limiter: Limiter;
  /** Calls that wait for the same token share one request, by scope. */
  readonly flights = new SingleFlight<Authorization | undefined>();
  /** The scheme that the registry speaks; `undefined` while plain http is allowed and not tried. */
  scheme: "http:" | "https:" | undefined;
  #pause: Pause = { untilMs: 0, asked: false };
  readonly #authorizations = new Map<string, Authorization>();

  /**
   * @param limit Most requests in flight.
   * @param plain Whether plain http is allowed and therefore tried first.
   */
  constructor(limit: number, plain: boolean) {
    this.limiter = new Limiter(limit);
    this.scheme = plain ? undefined : "https:";
  }

  /**
   * Whether the registry is to be left alone now.
   *
   * @param clock The clock.
   * @returns The pause that is on, or `undefined`.
   */
  pause(clock: Clock): Pause | undefined {
    return this.#pause.untilMs > clock.now() ? this.#pause : undefined;
  }

  /**
   * Makes every call to the registry wait; a longer pause that is on stays.
   *
   * @param pause Until when, and why.
   */
  pauseUntil(pause: Pause): void {
    if (pause.untilMs > this.#pause.untilMs) this.#pause = pause;
  }

  /**
   * What authenticated the last call of a scope.
   *
   * @param scope The scope.
   * @param clock The clock.
   * @returns The header with its source, while it lasts.
   */
  authorization(scope: string, clock: Clock): Authorization | undefined {
    const known = this.#authorizations.get(scope);
    if (known === undefined || known.expiresMs > clock.now()) return known;
    this.#authorizations.delete(scope);
    return undefined;
  }

  /**
   * Remembers what authenticates a scope.
   *
   * @param scope The scope.
   * @param authorization The header, and where its credential came from.
   */
  remember(scope: string, authorization: Authorization): void {
    this.#authorizations.delete(scope);
    this.#authorizations.set(scope, authorization);
    if (this.#authorizations.size <= MAX_AUTHORIZATIONS) return;
    for (const oldest of this.#authorizations.keys()) {
      this.#authorizations.delete(oldest);
      break;
    }
  }

  /**
   * Forgets a header that was not accepted, unless another call has replaced it meanwhile.
   *
   * @param scope The scope.
   * @param authorization What was sent.
   */
  forget(scope: string, authorization: Authorization | undefined): void {
    if (this.#authorizations.get(scope)?.header === authorization?.header) {
      this.#authorizations.delete(scope);
    }
  }
}

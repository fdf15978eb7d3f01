/**
 * What all calls to one registry share: a place in the queue, the pause that it asked for, the
 * scheme that it speaks, and what authenticated the last call. Needs no permission.
 *
 * @module
 */

import type { Clock } from "../core/host.ts";
import { Limiter } from "../core/limiter.ts";
import type { Authorization } from "./token.ts";

/** Tokens are small, but a model may name many repositories. */
const MAX_AUTHORIZATIONS = 500;

/** The shared state of one registry. */
export class HostState {
  /** Bounds the requests in flight. */
  readonly limiter: Limiter;
  /** `http` or `https:`, once it is known. */
  scheme: "http:" | "https:";
  /** Whether the scheme has answered once. */
  schemeKnown: boolean;
  #notBeforeMs = 0;
  readonly #authorizations = new Map<
    string,
    Authorization & { readonly source: string | undefined }
  >();

  /**
   * @param limit Most requests in flight.
   * @param plain Whether plain http is allowed and therefore tried first.
   */
  constructor(limit: number, plain: boolean) {
    this.limiter = new Limiter(limit);
    this.scheme = plain ? "http:" : "https:";
    this.schemeKnown = !plain;
  }

  /**
   * How long the registry wants to be left alone.
   *
   * @param clock The clock.
   * @returns Milliseconds from now; 0 for not at all.
   */
  pauseMs(clock: Clock): number {
    return Math.max(0, this.#notBeforeMs - clock.now());
  }

  /**
   * Makes every call to the registry wait.
   *
   * @param clock The clock.
   * @param ms Milliseconds from now; a longer pause that is on stays.
   */
  pause(clock: Clock, ms: number): void {
    this.#notBeforeMs = Math.max(this.#notBeforeMs, clock.now() + ms);
  }

  /**
   * What authenticated the last call of a scope.
   *
   * @param scope The scope.
   * @param clock The clock.
   * @returns The header with its source, while it lasts.
   */
  authorization(
    scope: string,
    clock: Clock,
  ): (Authorization & { readonly source: string | undefined }) | undefined {
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
  remember(
    scope: string,
    authorization: Authorization & { readonly source: string | undefined },
  ): void {
    this.#authorizations.delete(scope);
    this.#authorizations.set(scope, authorization);
    if (this.#authorizations.size <= MAX_AUTHORIZATIONS) return;
    for (const oldest of this.#authorizations.keys()) {
      this.#authorizations.delete(oldest);
      break;
    }
  }

  /**
   * Forgets a header that was not accepted.
   *
   * @param scope The scope.
   */
  forget(scope: string): void {
    this.#authorizations.delete(scope);
  }
}

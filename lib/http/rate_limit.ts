/**
 * How often a caller may ask: a bucket of tokens for each, refilled all the time. Needs no
 * permission.
 *
 * @module
 */

import type { Clock } from "../core/host.ts";

/** How much is allowed. */
export interface RateLimitOptions {
  /** Requests at once, and those that come back in a minute; 0 for no limit. */
  readonly perMinute: number;
  /** Callers that are remembered; the one who asked longest ago is forgotten first. @default {10000} */
  readonly maxCallers?: number;
}

interface Bucket {
  tokens: number;
  filledMs: number;
}

const MINUTE_MS = 60_000;

/** Counts what callers ask. */
export class RateLimit {
  readonly #clock: Clock;
  readonly #perMinute: number;
  readonly #maxCallers: number;
  /** The caller who asked longest ago is the first. */
  readonly #buckets = new Map<string, Bucket>();

  /**
   * @param clock Measures the refill.
   * @param options How much is allowed.
   */
  constructor(clock: Clock, options: RateLimitOptions) {
    this.#clock = clock;
    this.#perMinute = options.perMinute;
    this.#maxCallers = options.maxCallers ?? 10_000;
  }

  /**
   * Counts one request.
   *
   * @param caller Who asks.
   * @returns 0 when it is allowed, else the time until the next one is, in milliseconds.
   */
  take(caller: string): number {
    if (this.#perMinute === 0) return 0;
    const nowMs = this.#clock.now();
    const { tokens, filledMs } = this.#buckets.get(caller) ??
      { tokens: this.#perMinute, filledMs: nowMs };
    const perMs = this.#perMinute / MINUTE_MS;
    // A clock that was set back fills nothing, and empties nothing.
    const filled = Math.min(this.#perMinute, tokens + Math.max(0, nowMs - filledMs) * perMs);
    const isAllowed = filled >= 1;
    this.#buckets.delete(caller);
    this.#buckets.set(caller, { tokens: isAllowed ? filled - 1 : filled, filledMs: nowMs });
    for (const oldest of this.#buckets.keys()) {
      if (this.#buckets.size <= this.#maxCallers) break;
      this.#buckets.delete(oldest);
    }
    return isAllowed ? 0 : Math.ceil((1 - filled) / perMs);
  }
}

/**
 * Who counts as one caller where nobody signs in: an IPv4 address, or the network that one
 * subscriber has of IPv6 (RFC 6177).
 *
 * @param address The address that the connection came from.
 */
export function callerOfAddress(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!address.includes(":")) return address;
  const [head = "", tail = ""] = address.replace(/%.*$/, "").split("::");
  const first = head.split(":").filter((group) => group !== "");
  const last = tail.split(":").filter((group) => group !== "");
  const zeros = Array<string>(Math.max(0, 8 - first.length - last.length)).fill("0");
  const groups = address.includes("::") ? [...first, ...zeros, ...last] : first;
  return `${groups.slice(0, 4).map((group) => group.replace(/^0+(?=.)/, "")).join(":")}::/64`;
}

/**
 * Listings of tags that were read a moment ago: a page after page of one listing, and the same
 * question asked again, come from one download. Needs no permission.
 *
 * @module
 */

import type { Clock } from "../core/host.ts";
import { SingleFlight } from "../core/single_flight.ts";
import type { TagListing } from "./tag_pages.ts";

/** A model pages through one repository, and compares a few. */
const MAX_LISTINGS = 16;
/** About 20 MiB of names. */
const MAX_KEPT_TAGS = 250_000;

interface Kept {
  readonly listing: TagListing;
  readonly untilMs: number;
}

/** Remembers listings for a short time. */
export class RecentListings {
  readonly #clock: Clock;
  readonly #keepMs: number;
  readonly #flights = new SingleFlight<TagListing>();
  /** The oldest first. */
  readonly #kept = new Map<string, Kept>();

  /**
   * @param clock Tells how old a listing is.
   * @param options `keepMs`: how old a listing may be, in milliseconds; 0 remembers none.
   */
  constructor(clock: Clock, options: { readonly keepMs: number }) {
    this.#clock = clock;
    this.#keepMs = options.keepMs;
  }

  /**
   * Gives a listing from memory, or reads it; calls at the same time share one reading.
   *
   * @param name The repository.
   * @param read Reads the listing; its signal aborts when nobody waits any more.
   * @param signal This caller's own.
   */
  async listing(
    name: string,
    read: (signal?: AbortSignal) => Promise<TagListing>,
    signal?: AbortSignal,
  ): Promise<TagListing> {
    if (this.#keepMs === 0) return await read(signal);
    const kept = this.#kept.get(name);
    if (kept !== undefined && kept.untilMs > this.#clock.now()) return kept.listing;
    return await this.#flights.run(name, async (shared) => {
      const listing = await read(shared);
      this.#keep(name, listing);
      return listing;
    }, signal);
  }

  #keep(name: string, listing: TagListing): void {
    this.#kept.delete(name);
    if (listing.tags.length > MAX_KEPT_TAGS) return;
    this.#kept.set(name, { listing, untilMs: this.#clock.now() + this.#keepMs });
    let tags = this.#kept.values().reduce((sum, kept) => sum + kept.listing.tags.length, 0);
    for (const [oldest, kept] of this.#kept) {
      if (this.#kept.size <= MAX_LISTINGS && tags <= MAX_KEPT_TAGS) break;
      this.#kept.delete(oldest);
      tags -= kept.listing.tags.length;
    }
  }
}

/**
 * What the catalogue takes and gives. Needs no permission: types only.
 *
 * @module
 */

import type { Clock, Disk, Log } from "../core/host.ts";
import type { PlacedSource } from "./places.ts";
import type { Gather } from "./refresh.ts";

/** What a `Catalog` works with. */
export interface CatalogDeps {
  /** The cache directory. */
  readonly disk: Disk;
  /** The operator's log. */
  readonly log: Log;
  /** Time. */
  readonly clock: Clock;
  /** A number from 0 to below 1, for jitter. */
  readonly random: () => number;
  /** Reads a source. */
  readonly gather: Gather;
}

/** What is gathered, and how often. */
export interface CatalogOptions {
  /** The sources that are on. */
  readonly sources: readonly PlacedSource[];
  /** Time between two refreshes of a source, in milliseconds; 0: only when somebody asks. */
  readonly intervalMs: number;
}

/** How a source stands. */
export interface SourceState {
  /** Its name. */
  readonly source: string;
  /** Name for people. */
  readonly title: string;
  /** Where it is read: a path or an address; empty for the built-in one. */
  readonly location: string;
  /** How it is read. */
  readonly kind: PlacedSource["place"]["kind"];
  /** `unread` before the first refresh, `failed` when the last one failed: older entries are in use. */
  readonly state: "ok" | "unread" | "failed" | "refreshing";
  /** Entries in use. */
  readonly entries: number;
  /** Records that could not be used. */
  readonly problems: number;
  /** The first of them. */
  readonly samples: readonly { readonly where: string; readonly reason: string }[];
  /** When it was last read, ISO 8601. */
  readonly fetchedAt?: string;
  /** When it is refreshed next by itself, ISO 8601. */
  readonly nextAt?: string;
  /** The commit in use, of a git source. */
  readonly commit?: string;
  /** Whether more of it is read with the next refresh. */
  readonly isPartial: boolean;
  /** Why the last refresh failed. */
  readonly error?: {
    readonly code: string;
    readonly message: string;
    readonly hint?: string | undefined;
  };
}

/** How the catalogue stands. */
export interface CatalogState {
  /** The sources, in the order of listings. */
  readonly sources: readonly SourceState[];
  /** Servers after merging. */
  readonly servers: number;
  /** Time that it took to build the index in use, or to open a kept one, in milliseconds. */
  readonly indexMs: number;
  /** Size of the files, in bytes. */
  readonly cacheBytes: number;
}

/** Who waits for a `Catalog`. */
export interface WaitOptions {
  /** Ends the wait. */
  readonly signal?: AbortSignal;
  /** Hears how far the work is. */
  readonly progress?: (note: CatalogNote) => void;
}

/** How far a refresh of several sources is. */
export interface CatalogNote {
  /** What is being done, for people. */
  readonly message: string;
  /** Sources done, with the parts of those under way. Never goes back. */
  readonly done: number;
  /** Sources in all. */
  readonly total: number;
}

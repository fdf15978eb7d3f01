/**
 * Refreshes one source at a time: decides whether it may be asked, asks it, and keeps what it gave.
 * Whatever goes wrong, the last good data stay. Needs no permission: reading a source is passed in.
 *
 * @module
 */

import { abortError, deadline, throwIfAborted } from "../core/deadline.ts";
import { AppError, toAppError } from "../core/errors.ts";
import type { Clock, Log } from "../core/host.ts";
import { SingleFlight } from "../core/single_flight.ts";
import { cleanText } from "../core/text.ts";
import type { CatalogCache, KeptSource, SourceStatus } from "./cache.ts";
import type { Entry } from "./entry.ts";
import type { PlacedSource } from "./places.ts";
import type { Problem } from "./source.ts";

/** How far the reading of a source is. */
export interface RefreshNote {
  /** The source. */
  readonly source: string;
  /** What is being done, for people. */
  readonly message: string;
  /** Part of the work that is done, from 0 to 1; absent when nobody knows. */
  readonly share?: number;
}

/** What a {@linkcode Gather} is told beside the source. */
export interface GatherOptions {
  /** What the source gave before; absent for a first reading. */
  readonly previous?: KeptSource;
  /** Reads all of it, even where only changes could be asked for. */
  readonly isFull: boolean;
  /** Ends the reading. */
  readonly signal: AbortSignal;
  /** Tells how far the reading is. */
  progress(note: Omit<RefreshNote, "source">): void;
}

/** What a reading of a source gave. */
export interface Gathered extends KeptSource {
  /** Bad records. */
  readonly problems: readonly Problem[];
  /** Records left out on purpose. */
  readonly skipped: number;
  /** The commit that was read, of a git source. */
  readonly commit?: string;
  /** Whether a bound was met, so that the next reading goes on from here. */
  readonly isPartial?: boolean;
}

/** Reads a source. `undefined`: it has not changed. */
export type Gather = (
  placed: PlacedSource,
  options: GatherOptions,
) => Promise<Gathered | undefined>;

/** Why a refresh is wanted, and so what may hold it back. */
export type RefreshReason =
  /** Its time has come: only a source that is due is read. */
  | "due"
  /** Somebody asked. */
  | "asked"
  /** Somebody insisted: all of it is read, and fewer entries than before are believed. */
  | "forced";

/** How a refresh of a source went. */
export interface RefreshReport {
  /** The source. */
  readonly source: string;
  /**
   * `fresh`: not due, or somebody else has just read it; `cooling`: it may be asked again at
   * `nextAt`.
   */
  readonly outcome: "updated" | "unchanged" | "fresh" | "cooling" | "failed";
  /** Entries that are kept now. */
  readonly entries: number;
  /** Entries that are new; only where it was updated. */
  readonly added: number;
  /** Entries that are gone; only where it was updated. */
  readonly removed: number;
  /** When it may be asked again, or will be by itself; ISO 8601. */
  readonly nextAt?: string;
  /** What went wrong. */
  readonly error?: AppError;
}

/** What a {@linkcode Refresher} works with. */
export interface RefresherDeps {
  /** Where data are kept. */
  readonly cache: CatalogCache;
  /** Time. */
  readonly clock: Clock;
  /** Who is told of failures. */
  readonly log: Log;
  /** Reads a source. */
  readonly gather: Gather;
}

const MINUTE_MS = 60_000;

/** Time between two readings that somebody asks for, by how the last one went. */
const COOL_DOWN_MS = { good: 10 * MINUTE_MS, failed: MINUTE_MS / 2, forced: MINUTE_MS / 2 };

/** A local folder costs nobody anything, and who edits it wants to see it. */
const LOCAL_INTERVAL_MS = MINUTE_MS;

/** A source that was read in part goes on after this time. */
const PARTIAL_INTERVAL_MS = 15 * MINUTE_MS;

/** After a failure, doubled with each further one up to the interval. */
const RETRY_MS = 5 * MINUTE_MS;

/** No reading takes this long; a reader that hangs must not hold the lock for ever. */
const MOST_MS = 30 * MINUTE_MS;

const MAX_MESSAGE_CHARS = 400;

/** Problems that are kept for a person to look at. */
const MOST_SAMPLES = 10;

/** A source that shrinks below this share has probably changed its form. */
const LEAST_SHARE = 0.5;

/** Below this many entries a source may shrink as it likes. */
const SMALL_SOURCE = 20;

/** Refreshes sources. */
export class Refresher {
  readonly #deps: RefresherDeps;
  readonly #intervalMs: number;
  readonly #flights = new SingleFlight<RefreshReport>();
  readonly #notes = new Map<string, Set<(note: RefreshNote) => void>>();

  /**
   * @param deps Cache, clock, log and reader.
   * @param options `intervalMs`: time between two refreshes of a source.
   */
  constructor(deps: RefresherDeps, options: { readonly intervalMs: number }) {
    this.#deps = deps;
    this.#intervalMs = options.intervalMs;
  }

  /** The sources that are being read. */
  get running(): ReadonlySet<string> {
    return new Set(this.#notes.keys());
  }

  /**
   * When a source is due, in milliseconds since the epoch; 0 for one that was never read.
   *
   * @param placed The source.
   * @param status How its refreshes went.
   */
  dueAtMs(placed: PlacedSource, status: SourceStatus | undefined): number {
    if (status === undefined) return 0;
    const attemptedMs = Date.parse(status.attemptedAt);
    const interval = placed.place.kind === "local"
      ? Math.min(LOCAL_INTERVAL_MS, this.#intervalMs)
      : this.#intervalMs;
    if (status.failures > 0) {
      return attemptedMs + Math.min(interval, RETRY_MS * 2 ** Math.min(status.failures - 1, 20));
    }
    // The file was set aside.
    if (status.fetchedAt === undefined) return 0;
    return attemptedMs +
      (status.isPartial === true ? Math.min(PARTIAL_INTERVAL_MS, interval) : interval);
  }

  /**
   * Refreshes a source. Callers who come meanwhile share the work; it stops when the last has gone.
   *
   * @param placed The source.
   * @param options Why, who hears of it, the signal, and `timeoutMs` for the reading (30 minutes).
   * @returns How it went; a source that cannot be read is a report, not an error.
   * @throws {AppError} `CANCELLED` or `TIMEOUT` when the signal aborts.
   */
  async refresh(placed: PlacedSource, options: {
    readonly reason: RefreshReason;
    readonly signal?: AbortSignal;
    readonly progress?: (note: RefreshNote) => void;
    readonly timeoutMs?: number;
  }): Promise<RefreshReport> {
    const { key } = placed;
    const { reason, signal, progress, timeoutMs = MOST_MS } = options;
    const listeners = this.#notes.get(key) ?? new Set();
    const listener = (note: RefreshNote) => progress?.(note);
    listeners.add(listener);
    this.#notes.set(key, listeners);
    try {
      return await this.#flights.run(
        key,
        (shared) =>
          this.#run(placed, {
            reason,
            signal: shared,
            timeoutMs,
            tell: (note) => tellAll(listeners, note),
          }),
        signal,
      );
    } finally {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#notes.get(key) === listeners) this.#notes.delete(key);
    }
  }

  async #run(placed: PlacedSource, options: RunOptions): Promise<RefreshReport> {
    const { cache } = this.#deps;
    const { source: { id }, key } = placed;
    const before = await cache.readStatus(key);
    const held = this.#held(placed, options.reason, before);
    if (held !== undefined) return held;
    await using _lock = await cache.lock(key, options.signal);
    const status = await cache.readStatus(key);
    // Another process has read it while this one waited for the lock.
    if (status !== undefined && status.attemptedAt !== before?.attemptedAt) {
      return { source: id, outcome: "fresh", entries: status.entries, added: 0, removed: 0 };
    }
    return await this.#read(placed, { ...options, status });
  }

  /** Says why the source is not read now, if so. */
  #held(
    placed: PlacedSource,
    reason: RefreshReason,
    status: SourceStatus | undefined,
  ): RefreshReport | undefined {
    if (status === undefined) return undefined;
    const nowMs = this.#deps.clock.now();
    const report = (outcome: "fresh" | "cooling", atMs: number): RefreshReport => ({
      source: placed.source.id,
      outcome,
      entries: status.entries,
      added: 0,
      removed: 0,
      nextAt: new Date(atMs).toISOString(),
    });
    const dueMs = this.dueAtMs(placed, status);
    if (reason === "due") return dueMs > nowMs ? report("fresh", dueMs) : undefined;
    if (placed.place.kind === "local") return undefined;
    const coolMs = reason === "forced"
      ? COOL_DOWN_MS.forced
      : status.failures > 0 || status.isPartial === true
      ? COOL_DOWN_MS.failed
      : COOL_DOWN_MS.good;
    const nextMs = Date.parse(status.attemptedAt) + coolMs;
    return nextMs > nowMs ? report("cooling", nextMs) : undefined;
  }

  async #read(
    placed: PlacedSource,
    options: RunOptions & { readonly status: SourceStatus | undefined },
  ): Promise<RefreshReport> {
    const { cache, clock, log, gather } = this.#deps;
    const { source: { id }, key } = placed;
    const { status, reason, signal } = options;
    const startedMs = clock.now();
    const stamp = new Date(startedMs).toISOString();
    const tell = options.tell;
    using limit = deadline(clock, options.timeoutMs, signal);
    try {
      const previous = await cache.readSource(key);
      const gathered = await unlessAborted(
        gather(placed, {
          ...(previous === undefined ? {} : { previous }),
          isFull: reason === "forced",
          signal: limit.signal,
          progress: (note) => tell({ ...note, source: id }),
        }),
        limit.signal,
      );
      throwIfAborted(signal);
      if (gathered === undefined && previous !== undefined && status !== undefined) {
        const { error: _, ...rest } = status;
        await cache.writeStatus(key, {
          ...rest,
          attemptedAt: stamp,
          fetchedAt: stamp,
          failures: 0,
          isPartial: false,
          durationMs: clock.now() - startedMs,
        });
        return {
          source: id,
          outcome: "unchanged",
          entries: previous.entries.length,
          added: 0,
          removed: 0,
        };
      }
      if (gathered === undefined) {
        throw new AppError("INTERNAL", `Cannot refresh "${id}": it gave nothing to keep`);
      }
      refuseLoss(id, { previous, gathered, reason });
      await cache.writeSource(key, { entries: gathered.entries, state: gathered.state });
      await cache.writeStatus(key, {
        attemptedAt: stamp,
        fetchedAt: stamp,
        contentAt: stamp,
        entries: gathered.entries.length,
        skipped: gathered.skipped,
        problems: gathered.problems.length,
        samples: gathered.problems.slice(0, MOST_SAMPLES),
        failures: 0,
        ...(gathered.commit === undefined ? {} : { commit: gathered.commit }),
        isPartial: gathered.isPartial ?? false,
        durationMs: clock.now() - startedMs,
      });
      return {
        source: id,
        outcome: "updated",
        entries: gathered.entries.length,
        ...difference(previous?.entries ?? [], gathered.entries),
      };
    } catch (thrown) {
      const error = toAppError(thrown);
      if (signal.aborted) throw thrown;
      log.warn("a source of the catalogue cannot be read", { source: id, reason: error.message });
      await this.#noteFailure(key, { status, stamp, error, durationMs: clock.now() - startedMs });
      return {
        source: id,
        outcome: "failed",
        entries: status?.entries ?? 0,
        added: 0,
        removed: 0,
        error,
      };
    }
  }

  async #noteFailure(key: string, { status, stamp, error, durationMs }: {
    readonly status: SourceStatus | undefined;
    readonly stamp: string;
    readonly error: AppError;
    readonly durationMs: number;
  }): Promise<void> {
    const { cache, log } = this.#deps;
    const { code, hint } = error;
    // Errors of others may have several lines.
    const message = cleanText(error.message, { maxChars: MAX_MESSAGE_CHARS });
    try {
      await cache.writeStatus(key, {
        ...(status ?? { entries: 0, skipped: 0, problems: 0, samples: [] }),
        attemptedAt: stamp,
        failures: (status?.failures ?? 0) + 1,
        error: { code, message, ...(hint === undefined ? {} : { hint }) },
        durationMs,
      });
    } catch (thrown) {
      // The disk is full or gone; the failure itself is what the caller needs to hear.
      log.warn("the status of a source cannot be kept", { reason: toAppError(thrown).message });
    }
  }
}

interface RunOptions {
  readonly reason: RefreshReason;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  tell(note: RefreshNote): void;
}

/** A reader that does not hear the signal is left to itself. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(abortError(signal));
  signal.addEventListener("abort", abort, { once: true });
  try {
    throwIfAborted(signal);
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
    // Whatever it ends with later is nobody's.
    work.catch(() => {});
  }
}

function tellAll(listeners: ReadonlySet<(note: RefreshNote) => void>, note: RefreshNote): void {
  for (const listener of listeners) listener(note);
}

/** A site that has changed its form, or an emptied mirror, must not empty the catalogue. */
function refuseLoss(id: string, { previous, gathered, reason }: {
  readonly previous: KeptSource | undefined;
  readonly gathered: Gathered;
  readonly reason: RefreshReason;
}): void {
  const before = previous?.entries.length ?? 0;
  const now = gathered.entries.length;
  if (reason === "forced" || before < SMALL_SOURCE || now >= before * LEAST_SHARE) return;
  throw new AppError(
    "BAD_RESPONSE",
    `Cannot refresh "${id}": it gives ${now} entries where it gave ${before}`,
    { hint: "Look at the source; a refresh with force believes it" },
  );
}

function difference(
  before: readonly Entry[],
  now: readonly Entry[],
): { readonly added: number; readonly removed: number } {
  const earlier = new Set(before.map(({ id }) => id));
  const common = now.filter(({ id }) => earlier.has(id)).length;
  return { added: now.length - common, removed: before.length - common };
}

/**
 * The catalogue as the rest of Wharf sees it: one index over all sources, served at once from what
 * is kept, and refreshed beside it. Needs no permission: disk and readers are passed in.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { AppError, toAppError } from "../core/errors.ts";
import { CatalogCache, type KeptCatalog, type SourceStatus } from "./cache.ts";
import type {
  CatalogDeps,
  CatalogNote,
  CatalogOptions,
  CatalogState,
  SourceState,
  WaitOptions,
} from "./catalog_types.ts";
import type { Entry } from "./entry.ts";
import { mergeEntries } from "./merge.ts";
import type { PlacedSource } from "./places.ts";
import { Refresher, type RefreshNote, type RefreshReason, type RefreshReport } from "./refresh.ts";
import { SearchIndex } from "./search.ts";
import { builtinEntries } from "./sources/builtin.ts";
import { packEntries } from "./stored.ts";

/** A built index and what it was made of. */
interface View {
  readonly index: SearchIndex;
  readonly parts: Readonly<Record<string, string>>;
  readonly indexMs: number;
  /** When the file was written that it was read from, or that it was written to. */
  readonly fileAtMs: number | undefined;
}

/** A first question waits this long for sources that were never read, where nothing runs beside it. */
const FIRST_READ_MS = 30_000;

/** How often to look whether another process has refreshed. */
const LOOK_MS = 5000;

/** The scheduler lets a start be done first. */
const START_DELAY_MS = 1000;

/** The scheduler sleeps at most this long, so that a clock that was set is noticed. */
const MOST_SLEEP_MS = 60 * 60 * 1000;

/** Part of the interval that is added at random, so that many Wharfs do not ask at once. */
const JITTER = 0.1;

/** Gathers, merges and finds. */
export class Catalog {
  readonly #deps: CatalogDeps;
  readonly #options: CatalogOptions;
  readonly #cache: CatalogCache;
  readonly #refresher: Refresher;
  readonly #sources: readonly PlacedSource[];
  readonly #hasBuiltin: boolean;
  readonly #name: string;
  #view: Promise<View> | undefined;
  #merging: Promise<void> = Promise.resolve();
  #statuses = new Map<string, SourceStatus>();
  #lookedAtMs = 0;
  #isScheduled = false;
  /** Every list asks for it; the data are part of Wharf and stay as they are. */
  #builtinCount: number | undefined;

  /**
   * Touches nothing until the first question.
   *
   * @param deps The effects.
   * @param options Sources and interval.
   */
  constructor(deps: CatalogDeps, options: CatalogOptions) {
    const { clock, log, gather, random } = deps;
    this.#deps = deps;
    this.#options = options;
    this.#cache = new CatalogCache(deps);
    const intervalMs = options.intervalMs === 0
      ? Number.MAX_SAFE_INTEGER
      : options.intervalMs * (1 + JITTER * random());
    this.#refresher = new Refresher({ cache: this.#cache, clock, log, gather }, { intervalMs });
    this.#sources = options.sources.filter(({ place }) => place.kind !== "builtin");
    this.#hasBuiltin = this.#sources.length < options.sources.length;
    this.#name = digest(options.sources.map(({ key }) => key)).slice(0, 16);
  }

  /**
   * Refreshes each source when it is due, until the signal aborts. While this runs, a question is
   * answered from what is there.
   *
   * @param signal Ends it.
   */
  async schedule(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps;
    if (this.#options.intervalMs === 0) return;
    this.#isScheduled = true;
    try {
      await clock.sleep(START_DELAY_MS, signal);
      while (!signal.aborted) {
        try {
          await this.#refreshAll(this.#sources, "due", { signal });
        } catch (thrown) {
          if (signal.aborted) return;
          // A disk that fails for a while must not end all later refreshes.
          log.warn("the catalogue cannot be refreshed", { reason: toAppError(thrown).message });
        }
        const dueMs = Math.min(
          ...this.#sources.map((placed) =>
            this.#refresher.dueAtMs(placed, this.#statuses.get(placed.key))
          ),
        );
        const waitMs = Math.min(MOST_SLEEP_MS, Math.max(START_DELAY_MS, dueMs - clock.now()));
        await clock.sleep(waitMs, signal);
      }
    } catch (thrown) {
      if (!signal.aborted) throw thrown;
    } finally {
      this.#isScheduled = false;
    }
  }

  /**
   * The index over everything that is known now.
   *
   * Sources that were never read are read first where no scheduler runs, as on the command line,
   * for at most half a minute; otherwise nothing is waited for.
   *
   * @param options Signal and progress of that first reading.
   */
  async index(options: WaitOptions = {}): Promise<SearchIndex> {
    if (this.#view === undefined) {
      this.#view = this.#open(options);
      this.#view.catch(() => this.#view = undefined);
    } else {
      this.#look();
    }
    return (await this.#view).index;
  }

  /**
   * Refreshes all sources, or one.
   *
   * @param options `source`: only this one; `isForced`: see {@linkcode RefreshReason}.
   * @returns One report per source; a failing source is in its report.
   * @throws {AppError} `NOT_FOUND` for an unknown source, `CANCELLED` and `TIMEOUT` by the signal.
   */
  async refresh(
    options: WaitOptions & { readonly source?: string; readonly isForced?: boolean },
  ): Promise<readonly RefreshReport[]> {
    const { source, isForced = false } = options;
    const wanted = source === undefined
      ? this.#sources
      : this.#sources.filter((placed) => placed.source.id === source);
    if (source !== undefined && wanted.length === 0) {
      const isBuiltin = this.#options.sources.some((placed) => placed.source.id === source);
      throw new AppError(
        "NOT_FOUND",
        isBuiltin
          ? `Cannot refresh "${source}": it is part of Wharf`
          : `Cannot refresh "${source}": there is no such source`,
        { hint: `Choose from ${this.#sources.map((placed) => placed.source.id).join(", ")}` },
      );
    }
    return await this.#refreshAll(wanted, isForced ? "forced" : "asked", options);
  }

  /** How the sources stand, as far as this process has seen; reads nothing. */
  sourceStates(): readonly SourceState[] {
    const running = this.#refresher.running;
    return this.#options.sources.map((placed) => {
      const { source: { id, title }, place, key } = placed;
      const common = {
        source: id,
        title,
        kind: place.kind,
        location: place.kind === "builtin"
          ? ""
          : place.kind === "local"
          ? place.path
          : place.url.href,
      };
      const status = this.#statuses.get(key);
      if (place.kind === "builtin") {
        const entries = this.#builtinCount ??= builtinEntries({ source: id }).length;
        return { ...common, state: "ok", entries, problems: 0, samples: [], isPartial: false };
      }
      const dueMs = this.#refresher.dueAtMs(placed, status);
      return {
        ...common,
        state: running.has(key)
          ? "refreshing"
          : status === undefined
          ? "unread"
          : status.failures > 0
          ? "failed"
          : "ok",
        entries: status?.contentAt === undefined ? 0 : status.entries,
        problems: status?.problems ?? 0,
        samples: status?.samples ?? [],
        ...(status?.fetchedAt === undefined ? {} : { fetchedAt: status.fetchedAt }),
        ...(this.#options.intervalMs === 0 || dueMs === 0
          ? {}
          : { nextAt: new Date(dueMs).toISOString() }),
        ...(status?.commit === undefined ? {} : { commit: status.commit }),
        isPartial: status?.isPartial ?? false,
        ...(status?.error === undefined ? {} : { error: status.error }),
      };
    });
  }

  /** How the sources stand by what is kept of them; asks none of them, and builds nothing. */
  async keptStates(): Promise<readonly SourceState[]> {
    await this.#readStatuses();
    return this.sourceStates();
  }

  /**
   * How the catalogue stands.
   *
   * @param options Passed on to {@linkcode Catalog.index}.
   */
  async state(options: WaitOptions = {}): Promise<CatalogState> {
    await this.index(options);
    await this.#readStatuses();
    // What is said to be read is also found.
    await this.#bringUpToDate();
    const view = await this.#view;
    return {
      sources: this.sourceStates(),
      servers: view?.index.size ?? 0,
      indexMs: view?.indexMs ?? 0,
      cacheBytes: await this.#cache.sizeBytes(),
    };
  }

  /** The first index of this process. */
  async #open(options: WaitOptions): Promise<View> {
    await this.#readStatuses();
    const unread = this.#sources.filter(({ key }) => !this.#statuses.has(key));
    if (unread.length > 0 && !this.#isScheduled) await this.#readFirst(unread, options);
    const merged = await this.#cache.readMerged(this.#name);
    if (merged !== undefined && isSame(merged.parts, this.#parts())) {
      return this.#viewOf(merged, await this.#cache.mergedAtMs(this.#name));
    }
    return await this.#rebuild();
  }

  async #readFirst(
    unread: readonly PlacedSource[],
    { signal, progress }: WaitOptions,
  ): Promise<void> {
    await this.#refreshSources(unread, {
      reason: "due",
      timeoutMs: FIRST_READ_MS,
      ...(signal === undefined ? {} : { signal }),
      ...(progress === undefined ? {} : { progress }),
    });
    await this.#readStatuses();
  }

  async #refreshAll(
    sources: readonly PlacedSource[],
    reason: RefreshReason,
    { signal, progress }: WaitOptions,
  ): Promise<readonly RefreshReport[]> {
    const reports = await this.#refreshSources(sources, {
      reason,
      ...(signal === undefined ? {} : { signal }),
      ...(progress === undefined ? {} : { progress }),
    });
    await this.#readStatuses();
    await this.#bringUpToDate();
    return reports;
  }

  async #refreshSources(sources: readonly PlacedSource[], options: {
    readonly reason: RefreshReason;
    readonly signal?: AbortSignal;
    readonly progress?: (note: CatalogNote) => void;
    readonly timeoutMs?: number;
  }): Promise<readonly RefreshReport[]> {
    const { reason, signal, progress, timeoutMs } = options;
    const shares = new Map<string, number>();
    let furthest = 0;
    const tell = ({ source, message, share }: RefreshNote) => {
      shares.set(source, Math.max(shares.get(source) ?? 0, share ?? 0));
      furthest = Math.max(furthest, shares.values().reduce((sum, part) => sum + part, 0));
      progress?.({ message: `${source}: ${message}`, done: furthest, total: sources.length });
    };
    return await Promise.all(sources.map(async (placed) => {
      const report = await this.#refresher.refresh(placed, {
        reason,
        ...(signal === undefined ? {} : { signal }),
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
        progress: tell,
      });
      if (report.outcome !== "fresh") {
        tell({ source: placed.source.id, message: report.outcome, share: 1 });
      }
      return report;
    }));
  }

  /** Merges anew when a source has other content than the view in use. */
  async #bringUpToDate(): Promise<void> {
    // One after the other: each sees what the one before has made.
    const turn = this.#merging.catch(() => {}).then(async () => {
      const parts = this.#parts();
      const view = await this.#view?.catch(() => undefined);
      if (view !== undefined && isSame(view.parts, parts)) return;
      const merged = await this.#cache.readMerged(this.#name);
      const next = merged !== undefined && isSame(merged.parts, parts)
        ? this.#viewOf(merged, await this.#cache.mergedAtMs(this.#name))
        : await this.#rebuild();
      this.#view = Promise.resolve(next);
    });
    this.#merging = turn;
    await turn;
  }

  /** Looks beside the questions, every few seconds at most, whether another process has refreshed. */
  #look(): void {
    const nowMs = this.#deps.clock.now();
    if (nowMs - this.#lookedAtMs < LOOK_MS) return;
    this.#lookedAtMs = nowMs;
    const look = async () => {
      const atMs = await this.#cache.mergedAtMs(this.#name);
      if (atMs === (await this.#view)?.fileAtMs) return;
      await this.#readStatuses();
      await this.#bringUpToDate();
    };
    look().catch((thrown) =>
      this.#deps.log.warn("the catalogue of another process cannot be read", {
        reason: toAppError(thrown).message,
      })
    );
  }

  async #readStatuses(): Promise<void> {
    const statuses = await Promise.all(
      this.#sources.map(async ({ key }) => [key, await this.#cache.readStatus(key)] as const),
    );
    this.#statuses = new Map(
      statuses.flatMap(([key, status]) => status === undefined ? [] : [[key, status] as const]),
    );
    this.#lookedAtMs = this.#deps.clock.now();
  }

  /** The contents that are there to be merged. */
  #parts(): Readonly<Record<string, string>> {
    const kept = this.#sources.flatMap(({ key }) => {
      const contentAt = this.#statuses.get(key)?.contentAt;
      return contentAt === undefined ? [] : [[key, contentAt] as const];
    });
    return {
      ...(this.#hasBuiltin ? { builtin: builtinDigest() } : {}),
      ...Object.fromEntries(kept),
    };
  }

  /** Merges what is kept of each source, and keeps the result for the next start. */
  async #rebuild(): Promise<View> {
    const parts: Record<string, string> = {};
    const lists: (readonly Entry[])[] = [];
    if (this.#hasBuiltin) {
      parts["builtin"] = builtinDigest();
      lists.push(builtinEntries({ source: "builtin" }));
    }
    for (const { key } of this.#sources) {
      const status = this.#statuses.get(key);
      if (status?.contentAt === undefined) continue;
      const kept = await this.#cache.readSource(key);
      if (kept !== undefined) {
        parts[key] = status.contentAt;
        lists.push(kept.entries);
        continue;
      }
      // The file was set aside: the source counts as never read, so that it is read again.
      const { contentAt: _, fetchedAt: __, ...rest } = status;
      const lost = { ...rest, entries: 0 };
      this.#statuses.set(key, lost);
      await this.#tolerate(() => this.#cache.writeStatus(key, lost));
    }
    const { clock } = this.#deps;
    const entries = mergeEntries(lists.flat()).entries;
    const startedMs = clock.now();
    const built = SearchIndex.build(entries);
    const indexMs = clock.now() - startedMs;
    // Nobody but Wharf itself changes what is built in.
    if (lists.length <= (this.#hasBuiltin ? 1 : 0)) {
      return { index: built, parts, indexMs, fileAtMs: undefined };
    }
    const index = built.pack();
    await this.#tolerate(() => this.#cache.writeMerged(this.#name, { parts, index }));
    // The packed form takes a fraction of the memory.
    const fileAtMs = await this.#cache.mergedAtMs(this.#name);
    return { index: SearchIndex.open(index), parts, indexMs, fileAtMs };
  }

  #viewOf(
    { parts, index }: KeptCatalog,
    fileAtMs: number | undefined,
  ): View {
    const startedMs = this.#deps.clock.now();
    const opened = SearchIndex.open(index);
    return { index: opened, parts, indexMs: this.#deps.clock.now() - startedMs, fileAtMs };
  }

  /** What is kept for later is worth a warning, but not the answer of now. */
  async #tolerate(write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (thrown) {
      this.#deps.log.warn("the catalogue cannot be kept; it will be made anew at the next start", {
        reason: toAppError(thrown).message,
      });
    }
  }
}

function isSame(
  a: Readonly<Record<string, string>>,
  b: Readonly<Record<string, string>>,
): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}

function digest(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex");
}

/** Another Wharf may have other built-in entries. */
function builtinDigest(): string {
  return digest(packEntries(builtinEntries({ source: "builtin" }))).slice(0, 16);
}

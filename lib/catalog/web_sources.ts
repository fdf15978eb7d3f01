/**
 * Reads a source on the web: the pages of an interface, one document, or a site. Needs
 * `--allow-net` for its hosts.
 *
 * @module
 */

import { z } from "zod";
import { AppError } from "../core/errors.ts";
import type { PlacedSource } from "./places.ts";
import type { Gathered, GatherOptions } from "./refresh.ts";
import {
  type ApiSource,
  applyPages,
  memoryTree,
  type PageRead,
  type ReadContext,
} from "./source.ts";
import { WebClient, type WebDeps } from "./web.ts";
import { crawlSite } from "./web_site.ts";

/** What reading the web takes. */
export interface WebReadOptions {
  /** Network, clock and jitter. */
  readonly deps: WebDeps;
  /** Names the source and the time. */
  readonly context: ReadContext;
  /** What the source gave before, and who hears of progress. */
  readonly options: GatherOptions;
}

/** More pages than any registry has: a cursor that never ends is a fault or a trap. */
const MAX_PAGES = 2000;

/** Most bytes of all pages; 24,000 servers take 36 MB. */
const MAX_API_BYTES = 512 * 1024 * 1024;

/** Records on a page of the official registry. */
const USUAL_RECORDS = 100;

/** Pages to expect of a first full load, and of a day's changes. */
const USUAL_PAGES = 300;
const USUAL_CHANGES = 10;

/** Changes are asked for from a bit before the last load, since clocks differ. */
const OVERLAP_MS = 3_600_000;

/** After this time all is loaded anew, so that a change that was missed does not stay. */
const FULL_LOAD_MS = 7 * 24 * 3_600_000;

/** Most bytes of a document where the source names no bound: that of a dump of the official registry. */
const MAX_FILE_BYTES = 32 * 1024 * 1024;

const apiState = z.object({ since: z.string(), fullAt: z.string() });

const fileState = z.object({
  etag: z.string().optional(),
  lastModified: z.string().optional(),
});

/**
 * Reads a source.
 *
 * @param placed A source on the web.
 * @returns What it gave; `undefined` when it has not changed.
 * @throws {AppError} As `WebClient.get`, and `BAD_RESPONSE` for what is not of the source's form.
 */
export async function readWeb(
  placed: PlacedSource,
  reading: WebReadOptions,
): Promise<Gathered | undefined> {
  const { source, place } = placed;
  const web = new WebClient(reading.deps);
  if (place.kind === "api" && source.kind === "api") {
    return await readApi(source, place.url, { ...reading, web });
  }
  if (place.kind === "site" && source.kind === "site") {
    return await crawlSite(source, place.url, { ...reading, web });
  }
  if (place.kind === "file") return await readFile(placed, place.url, { ...reading, web });
  throw new AppError("INTERNAL", `Cannot read "${source.id}": it is no source of the web`);
}

type WithClient = WebReadOptions & { readonly web: WebClient };

/** All pages, or only those with changes where an earlier load is known. */
async function readApi(
  source: ApiSource,
  location: URL,
  { deps, context, options, web }: WithClient,
): Promise<Gathered> {
  const { previous, isFull, signal, progress } = options;
  const startMs = deps.clock.now();
  const known = apiState.safeParse(previous?.state);
  const isIncrement = !isFull && known.success && isRecent(known.data.fullAt, startMs);
  const before = isIncrement ? previous?.entries ?? [] : [];
  const pages: PageRead[] = [];
  const seen = new Set<string>();
  const knownPages = Math.ceil((previous?.entries.length ?? 0) / USUAL_RECORDS);
  const expected = isIncrement ? USUAL_CHANGES : knownPages || USUAL_PAGES;
  let sumBytes = 0;
  // A clock that is ahead of the server's would ask for changes after they were made.
  let asOfMs = startMs;
  let page: URL | undefined = source.firstPage(
    location,
    isIncrement ? { updatedSince: known.data.since } : {},
  );
  while (page !== undefined) {
    if (seen.has(page.href) || seen.size >= MAX_PAGES || sumBytes > MAX_API_BYTES) {
      throw new AppError("BAD_RESPONSE", `Cannot read "${location.href}": its pages never end`, {
        hint: "Tell the registry's operator, or use a mirror",
      });
    }
    seen.add(page.href);
    const fetched = await web.get(page, {
      accept: "application/json",
      maxBytes: source.maxPageBytes,
      signal,
    });
    if (fetched === undefined) {
      throw new AppError("BAD_RESPONSE", `Cannot read "${location.href}": a page has no body`);
    }
    sumBytes += fetched.bytes.byteLength;
    if (pages.length === 0) asOfMs = Math.min(startMs, fetched.serverMs ?? startMs);
    const read = source.readPage(fetched.bytes, page, context);
    pages.push(read);
    progress({
      message: isIncrement ? "reading changes" : `page ${pages.length}`,
      share: Math.min(0.95, pages.length / expected),
    });
    page = read.next;
  }
  const at = new Date(startMs).toISOString();
  return {
    ...applyPages(before, pages),
    state: {
      since: new Date(asOfMs - OVERLAP_MS).toISOString(),
      fullAt: isIncrement ? known.data.fullAt : at,
    },
  };
}

function isRecent(fullAt: string, nowMs: number): boolean {
  const ageMs = nowMs - Date.parse(fullAt);
  return ageMs >= 0 && ageMs < FULL_LOAD_MS;
}

/** One document, as a tree of one file. */
async function readFile(
  { source }: PlacedSource,
  url: URL,
  { context, options, web }: WithClient,
): Promise<Gathered | undefined> {
  const { previous, isFull, signal, progress } = options;
  const known = fileState.safeParse(previous?.state);
  progress({ message: "fetching", share: 0.1 });
  const fetched = await web.get(url, {
    accept: "application/json, application/yaml, text/plain, */*",
    maxBytes: source.kind === "file" ? source.maxFileBytes : MAX_FILE_BYTES,
    signal,
    ...(known.success && !isFull ? known.data : {}),
  });
  if (fetched === undefined) return undefined;
  progress({ message: "reading", share: 0.8 });
  const { bytes, etag, lastModified } = fetched;
  const name = url.pathname.split("/").at(-1) ?? "";
  const tree = memoryTree({ [/\.(?:json|ya?ml|md)$/i.test(name) ? name : "servers.json"]: bytes });
  const { entries, problems, skipped } = await source.readTree(tree, context);
  return {
    entries,
    problems,
    skipped,
    state: {
      ...(etag === undefined ? {} : { etag }),
      ...(lastModified === undefined ? {} : { lastModified }),
    },
  };
}

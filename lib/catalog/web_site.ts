/**
 * Crawls a site as its robots.txt asks (RFC 9309): few pages at once, lists before details, only
 * what is new or has changed, and a bounded number of pages each time; the next crawl goes on where
 * this one stopped. Needs `--allow-net` for the site.
 *
 * @module
 */

import { z } from "zod";
import { throwIfAborted } from "../core/deadline.ts";
import { AppError, toAppError } from "../core/errors.ts";
import type { Clock } from "../core/host.ts";
import { Limiter } from "../core/limiter.ts";
import type { Gathered, GatherOptions } from "./refresh.ts";
import { parseRobots, type Robots } from "./robots.ts";
import {
  decodeText,
  type Problem,
  type ReadContext,
  type SitePage,
  type SitePageRead,
  type SiteReader,
  type SiteRecord,
  type SiteSource,
} from "./source.ts";
import type { WebClient, WebDeps } from "./web.ts";

/** Pages fetched in one crawl. */
const MAX_PAGES = 300;

/** Pages under way at once. */
const AT_ONCE = 4;

/** Time for one crawl, whatever delay the site asks for. */
const MAX_CRAWL_MS = 20 * 60_000;

/** A list that was read a while ago in this round need not be read again. */
const LIST_FRESH_MS = 20 * 3_600_000;

/** A detail page of which nobody tells when it changed is looked at again after this time. */
const DETAIL_FRESH_MS = 30 * 24 * 3_600_000;

/** As many failures one after the other end a crawl. */
const MAX_FAILURES = 8;

/** Most bytes of all pages of one crawl; 300 pages of mcpservers.org take 60 MB. */
const MAX_CRAWL_BYTES = 256 * 1024 * 1024;

/** Pages that are known at most, and the longest way to one: a site may make them up for ever. */
const MAX_KNOWN = 100_000;
const MAX_LEVELS = 8;

/** Errors that are a page's own: it was there, and could not be read. */
const OF_PAGES: ReadonlySet<string> = new Set(["BAD_RESPONSE", "TOO_LARGE"]);

const MAX_ROBOTS_BYTES = 600 * 1024;

/** Codes with which a site tells a crawler to leave. */
const UNWELCOME: ReadonlySet<string> = new Set(["FORBIDDEN", "RATE_LIMITED", "UNAUTHORIZED"]);

const pageState = z.object({
  kind: z.enum(["sitemap", "list", "detail"]),
  readAt: z.number(),
  // Its turn comes after that of pages that never failed, lest the same ones end every crawl.
  hasFailed: z.boolean().optional(),
  changed: z.string().optional(),
  etag: z.string().optional(),
  lastModified: z.string().optional(),
  // The form of records and links is that of the source's own types, and checked by nobody else.
  records: z.array(z.looseObject({ slug: z.string() })),
  pages: z.array(z.object({
    url: z.string(),
    kind: z.enum(["sitemap", "list", "detail"]),
    changed: z.string().optional(),
  })),
});

const siteState = z.object({ pages: z.record(z.string(), pageState) });

type PageState = z.infer<typeof pageState>;

/** What a page says. */
type Said = Pick<PageState, "records" | "pages" | "changed" | "etag" | "lastModified">;

const NOTHING_SAID: Said = { records: [], pages: [] };

/** What a crawl takes. */
export interface CrawlOptions {
  /** Time. */
  readonly deps: Pick<WebDeps, "clock">;
  /** Fetches pages. */
  readonly web: WebClient;
  /** Names the source and the time. */
  readonly context: ReadContext;
  /** What the site gave before, and who hears of progress. */
  readonly options: GatherOptions;
}

/**
 * Crawls a site.
 *
 * @param source Reads its pages.
 * @param location Its address.
 * @returns All records that are known, those of earlier crawls included.
 * @throws {AppError} When the site cannot be read at all, or its robots.txt closes it.
 */
export async function crawlSite(
  source: SiteSource,
  location: URL,
  { deps, web, context, options }: CrawlOptions,
): Promise<Gathered> {
  const { signal } = options;
  const robots = await readRobots(location, { web, signal });
  const starts = source.startPages(location);
  if (starts.every(({ url }) => !robots.allows(pathOf(url)))) {
    throw new AppError("FORBIDDEN", `Cannot read "${location.href}": its robots.txt closes it`, {
      hint: `Switch the source off with --source ${source.id}=none, or name a saved copy`,
    });
  }
  const crawl = new Crawl(await source.open(), {
    clock: deps.clock,
    web,
    robots,
    origin: location.origin,
    maxPageBytes: source.maxPageBytes,
    options,
  });
  await crawl.run(starts);
  const { problems, state, isPartial, isDown, fetched, lastError } = crawl;
  // What was known before stays where it is kept, and the failure is told.
  if (fetched === 0 && isDown && lastError !== undefined) throw lastError;
  // The shape was checked as far as `pageState` goes; the source wrote the rest itself.
  const records = Object.values(state).flatMap((page) => page.records as readonly SiteRecord[]);
  const read = source.assemble(records, context);
  if (read.entries.length === 0) {
    throw lastError ?? new AppError(
      "BAD_RESPONSE",
      `Cannot read "${location.href}": no page of it lists a server`,
      { hint: "Look at the site in a browser; it may ask for a sign of life, or have a new form" },
    );
  }
  return {
    entries: read.entries,
    problems: [...problems, ...read.problems],
    skipped: read.skipped,
    state: { pages: state },
    isPartial,
  };
}

/** A site without a robots.txt allows everything; one that fails to give it, nothing for now. */
async function readRobots(
  location: URL,
  { web, signal }: { readonly web: WebClient; readonly signal: AbortSignal },
): Promise<Robots> {
  try {
    const fetched = await web.get(new URL("/robots.txt", location), {
      accept: "text/plain",
      maxBytes: MAX_ROBOTS_BYTES,
      signal,
    });
    return parseRobots(fetched === undefined ? "" : decodeText(fetched.bytes), { agent: "wharf" });
  } catch (thrown) {
    const { status } = toAppError(thrown);
    // RFC 9309, 2.3.1.3: a client error means that there are no rules.
    if (status !== undefined && status >= 400 && status < 500 && status !== 429) {
      return parseRobots("", { agent: "wharf" });
    }
    throw thrown;
  }
}

function pathOf(url: URL): string {
  return `${url.pathname}${url.search}`;
}

interface CrawlDeps {
  readonly clock: Clock;
  readonly web: WebClient;
  readonly robots: Robots;
  readonly origin: string;
  readonly maxPageBytes: number;
  readonly options: GatherOptions;
}

/** One crawl. */
class Crawl {
  readonly problems: Problem[] = [];
  /** What is known by address of the page. */
  readonly state: Record<string, PageState>;
  isPartial = false;
  /** Whether a list could not be fetched, or the site wants Wharf to leave. */
  isDown = false;
  fetched = 0;
  lastError: AppError | undefined;
  readonly #reader: SiteReader;
  readonly #deps: CrawlDeps;
  readonly #limiter = new Limiter(AT_ONCE);
  readonly #seen = new Set<string>();
  readonly #startMs: number;
  #known: number;
  #nextSlotMs: number;
  #failures = 0;
  #taken = 0;
  #sumBytes = 0;
  #isOver = false;

  constructor(reader: SiteReader, deps: CrawlDeps) {
    this.#reader = reader;
    this.#deps = deps;
    this.#startMs = deps.clock.now();
    this.#nextSlotMs = this.#startMs;
    const known = siteState.safeParse(deps.options.previous?.state);
    this.state = known.success ? { ...known.data.pages } : {};
    this.#known = Object.keys(this.state).length;
  }

  /** Reads lists as far as they lead, then details. */
  async run(starts: readonly SitePage[]): Promise<void> {
    const details = new Map<string, SitePage>();
    let level: readonly SitePage[] = starts;
    for (let depth = 0; depth < MAX_LEVELS && level.length > 0; depth++) {
      const next = new Map<string, SitePage>();
      await this.#all(level, async (page) => {
        for (const link of await this.#read(page)) {
          keepNewest(link.kind === "detail" ? details : next, link);
        }
      });
      level = [...next.values()];
    }
    const areListsWhole = !this.isPartial;
    const wanted = [...details.values()].filter((page) => !this.#isFresh(page));
    const known = details.size - wanted.length;
    await this.#all(wanted, async (page) => {
      await this.#read(page);
      this.#tell(`${this.#seen.size} pages`, (known + this.fetched) / Math.max(1, details.size));
    });
    // What no list names any more is gone; what a list could not say stays.
    if (areListsWhole) {
      for (const [href, { kind }] of Object.entries(this.state)) {
        if (kind === "detail" ? !details.has(href) : !this.#seen.has(href)) delete this.state[href];
      }
    }
  }

  async #all(pages: readonly SitePage[], read: (page: SitePage) => Promise<void>): Promise<void> {
    const { signal } = this.#deps.options;
    const hasFailed = ({ url }: SitePage) => this.state[url.href]?.hasFailed === true;
    const inTurn = [...pages.filter((page) => !hasFailed(page)), ...pages.filter(hasFailed)];
    const done = await Promise.allSettled(
      inTurn.map((page) => this.#limiter.run(() => read(page), signal)),
    );
    // Only when none is under way any more.
    for (const one of done) if (one.status === "rejected") throw one.reason;
  }

  /** The links of a page: fetched, or as it was. */
  async #read(page: SitePage): Promise<readonly SitePage[]> {
    const { href } = page.url;
    if (this.#seen.has(href)) return [];
    this.#seen.add(href);
    if (!this.#isAllowed(page.url)) return [];
    if (!this.#isFresh(page) && await this.#slot()) {
      try {
        await this.#fetch(page);
      } catch (thrown) {
        this.#fail(page, thrown);
      }
    }
    return linksOf(this.state[href]);
  }

  /** Pages on other hosts would make Wharf a tool against them. */
  #isAllowed(url: URL): boolean {
    const { origin, robots } = this.#deps;
    return url.origin === origin && robots.allows(pathOf(url));
  }

  async #fetch(page: SitePage): Promise<void> {
    const { web, maxPageBytes, options } = this.#deps;
    const known = this.state[page.url.href];
    const fetched = await web.get(page.url, {
      accept: page.kind === "sitemap" ? "application/xml, text/xml" : "text/html",
      maxBytes: maxPageBytes,
      mayFollow: (target) => this.#isAllowed(target),
      signal: options.signal,
      ...(known === undefined || options.isFull
        ? {}
        : { etag: known.etag, lastModified: known.lastModified }),
    });
    this.fetched++;
    if (page.kind !== "detail") this.#tell(`${this.fetched} lists`, 0.05);
    if (fetched === undefined) this.#keep(page, known ?? NOTHING_SAID);
    else {
      const { bytes, etag, lastModified } = fetched;
      this.#sumBytes += bytes.byteLength;
      this.#keep(page, { etag, lastModified, ...plain(this.#reader.readPage(bytes, page)) });
    }
    this.#failures = 0;
  }

  /** Notes what a page says; one that is new to a full memory is forgotten. */
  #keep({ url: { href }, kind, changed }: SitePage, said: Said, hasFailed = false): void {
    if (this.state[href] === undefined && this.#known++ >= MAX_KNOWN) return;
    const { records, pages, etag, lastModified } = said;
    this.state[href] = {
      kind,
      readAt: this.#deps.clock.now(),
      changed: changed ?? said.changed,
      ...(hasFailed ? { hasFailed } : { etag, lastModified }),
      records,
      pages,
    };
  }

  #isFresh({ url, kind, changed }: SitePage): boolean {
    const known = this.state[url.href];
    if (known === undefined || known.hasFailed === true || this.#deps.options.isFull) return false;
    const ageMs = this.#startMs - known.readAt;
    if (kind !== "detail") return ageMs < LIST_FRESH_MS;
    return changed === undefined ? ageMs < DETAIL_FRESH_MS : known.changed === changed;
  }

  /** Waits for the time that the site asks for between requests; `false` when the crawl is over. */
  async #slot(): Promise<boolean> {
    const { clock, options, robots } = this.#deps;
    throwIfAborted(options.signal);
    const isSpent = this.#taken >= MAX_PAGES || this.#sumBytes > MAX_CRAWL_BYTES ||
      clock.now() - this.#startMs > MAX_CRAWL_MS;
    if (this.#isOver || isSpent) {
      this.isPartial = true;
      return false;
    }
    this.#taken++;
    const atMs = Math.max(clock.now(), this.#nextSlotMs);
    this.#nextSlotMs = atMs + (robots.crawlDelayMs ?? 0);
    if (atMs > clock.now()) await clock.sleep(atMs - clock.now(), options.signal);
    return true;
  }

  /** One bad page costs itself; a site that wants us to leave, or is down, ends the crawl. */
  #fail(page: SitePage, thrown: unknown): void {
    const error = toAppError(thrown);
    if (this.#deps.options.signal.aborted) throw thrown;
    const isGone = error.code === "NOT_FOUND";
    const isOwn = isGone || OF_PAGES.has(error.code);
    if (!isGone || page.kind !== "detail") {
      this.lastError = error;
      if (!this.#isOver) this.problems.push({ where: page.url.href, reason: error.message });
    }
    // Read again when its time comes, as if it had been good: more often would help nobody.
    const known = isGone ? undefined : this.state[page.url.href];
    this.#keep(
      page,
      { ...NOTHING_SAID, ...known, etag: undefined, lastModified: undefined },
      !isOwn,
    );
    if (!isGone) this.#failures++;
    this.isPartial ||= !isOwn;
    this.#isOver ||= UNWELCOME.has(error.code) || this.#failures >= MAX_FAILURES;
    this.isDown ||= this.#isOver || (!isOwn && page.kind !== "detail");
  }

  #tell(message: string, share: number): void {
    this.#deps.options.progress({ message, share: Math.min(0.95, share) });
  }
}

function keepNewest(pages: Map<string, SitePage>, page: SitePage): void {
  const known = pages.get(page.url.href);
  if (known === undefined ? pages.size < MAX_KNOWN : known.changed === undefined) {
    pages.set(page.url.href, page);
  }
}

function plain({ records, pages }: SitePageRead): Pick<PageState, "records" | "pages"> {
  return {
    records: records.map((record) => ({ ...record })),
    pages: pages.map(({ url, kind, changed }) => ({ url: url.href, kind, changed })),
  };
}

function linksOf(known: PageState | undefined): readonly SitePage[] {
  return (known?.pages ?? []).flatMap(({ url, kind, changed }) => {
    const parsed = URL.parse(url);
    if (parsed === null) return [];
    return [{ url: parsed, kind, ...(changed === undefined ? {} : { changed }) }];
  });
}

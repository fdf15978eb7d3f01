/**
 * mcpservers.org: a web site without an interface for programs. Its pages are
 * read by selectors that the notes on its structure grade (mcpservers-org/DOM.md),
 * and a page of another form costs itself only. Needs no permission.
 *
 * Whoever crawls asks for `startPages`, fetches what robots.txt allows, hands each
 * page to the reader, and goes on with the pages that it names. Records are plain
 * data, so that a crawl can be stored and go on another time.
 *
 * @module
 */

import { throwIfAborted } from "../../core/deadline.ts";
import { AppError, toAppError } from "../../core/errors.ts";
import { buildEntry } from "../build.ts";
import type { Entry } from "../entry.ts";
import { loadHtml } from "../html.ts";
import { parseRepository } from "../normalise.ts";
import {
  decodeText,
  Harvest,
  type ReadContext,
  type SitePage,
  type SitePageRead,
  type SiteRecord,
  type SiteSource,
  type SourceRead,
  type SourceTree,
} from "../source.ts";
import { parseSitemap } from "../sitemap.ts";
import { configKeyNeed } from "./client_config.ts";
import { readDetail, readListing, REMOTE_SECTION, slugOfPath } from "./mcpservers_page.ts";

const HOST = "https://mcpservers.org";

/** Cards on a listing page. */
const PAGE_SIZE = 30;

/** Most pages of one listing; the longest has 370. */
const MAX_LISTING_PAGES = 2000;

/** Most bytes of one page or sitemap. */
const MAX_PAGE_BYTES = 6 * 1024 * 1024;

/** Most files of a saved copy. */
const MAX_FILES = 50_000;

/** mcpservers.org. */
export const mcpserversSource: SiteSource = {
  id: "mcpservers",
  title: "mcpservers.org",
  location: HOST,
  kind: "site",
  maxPageBytes: MAX_PAGE_BYTES,
  startPages(location) {
    return ["/sitemap.xml", "/official", "/remote-mcp-servers", "/all?sort=name"].map((path) => ({
      url: new URL(path, location),
      kind: path.endsWith(".xml") ? "sitemap" : "list",
    }));
  },
  async open() {
    const readHtml = await loadHtml();
    return {
      readPage(bytes, page) {
        const text = decodeText(bytes);
        if (page.kind === "sitemap") return readSitemap(text, page);
        const root = readHtml(text, { what: page.url.href });
        return page.kind === "list"
          ? followListing(readListing(root), page)
          : { records: [readDetail(root, page)], pages: [] };
      },
    };
  },
  assemble,
  readTree,
};

/** Turns the records of a crawl into entries; several of one server are joined first. */
function assemble(records: readonly SiteRecord[], context: ReadContext): SourceRead {
  const harvest = new Harvest();
  for (const record of joinRecords(records)) {
    harvest.record(record.slug, () => siteEntry(record, context));
  }
  return harvest.finish();
}

/**
 * Joins records of the same server. What a detail page says replaces what a card says; categories
 * and marks of all listings add up.
 *
 * @param records Records in the order in which they were read.
 * @returns One record per slug.
 */
export function joinRecords(records: readonly SiteRecord[]): readonly SiteRecord[] {
  const bySlug = new Map<string, SiteRecord>();
  for (const record of records) {
    const key = record.slug.toLowerCase();
    const known = bySlug.get(key);
    if (known === undefined) {
      bySlug.set(key, record);
      continue;
    }
    const [over, under] = known.detail !== undefined && record.detail === undefined
      ? [known, record]
      : [record, known];
    bySlug.set(key, {
      ...under,
      ...over,
      slug: known.slug,
      categories: [...new Set([...known.categories ?? [], ...record.categories ?? []])],
      official: known.official === true || record.official === true,
    });
  }
  return [...bySlug.values()];
}

function siteEntry(record: SiteRecord, context: ReadContext): Entry {
  const { slug, detail } = record;
  const name = slug.split("/").at(-1) ?? slug;
  const page = `${HOST}/${slug.startsWith(REMOTE_SECTION) ? "" : "servers/"}${slug}`;
  const repository = detail?.repository;
  return buildEntry(
    {
      slug,
      name,
      title: record.name,
      description: record.description,
      url: page,
      homepage: page,
      updated: record.changed,
      repository: repository === undefined ? undefined : parseRepository(repository),
      packages: detail?.packages,
      remotes: detail?.remotes,
      categories: record.categories,
      official: record.official,
      requiresApiKey: detail && configKeyNeed(detail),
    },
    context,
  );
}

function readSitemap(xml: string, page: SitePage): SitePageRead {
  const { isIndex, places } = parseSitemap(xml, page.url);
  const pages: SitePage[] = [];
  const records: SiteRecord[] = [];
  for (const { url, changed } of places) {
    if (isIndex) {
      // skills.xml and the like list no servers.
      if (/^\/servers\/\d+\.xml$/.test(url.pathname)) pages.push({ url, kind: "sitemap" });
      continue;
    }
    const slug = slugOfPath(url.pathname);
    if (slug === undefined) continue;
    records.push({ slug, ...(changed === undefined ? {} : { changed }) });
    pages.push({ url, kind: "detail", ...(changed === undefined ? {} : { changed }) });
  }
  return { records, pages };
}

/** Records of a listing's cards, and the pages that it leads to. */
function followListing(listing: ReturnType<typeof readListing>, page: SitePage): SitePageRead {
  const { pathname, searchParams } = page.url;
  const category = /^\/category\/([^/]+)\/?$/.exec(pathname)?.[1];
  const records = listing.cards.map(({ slug, name, description, sponsor }): SiteRecord => ({
    slug,
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
    // Sponsors stand on every page, whatever it lists.
    ...(sponsor || category === undefined ? {} : { categories: [category] }),
    ...(sponsor || pathname !== "/official" ? {} : { official: true }),
  }));
  const pages: SitePage[] = [];
  const first = !searchParams.has("page") || searchParams.get("page") === "1";
  if (first) {
    const counted = Math.ceil((listing.total ?? 0) / PAGE_SIZE);
    const last = Math.min(Math.max(listing.lastPage, counted), MAX_LISTING_PAGES);
    for (let number = 2; number <= last; number += 1) {
      const url = new URL(page.url);
      url.searchParams.set("page", String(number));
      pages.push({ url, kind: "list" });
    }
    if (pathname === "/all") {
      for (const slug of listing.categories) {
        pages.push({ url: new URL(`/category/${slug}`, page.url), kind: "list" });
      }
    }
  }
  for (const { slug } of listing.cards) {
    const path = slug.startsWith(REMOTE_SECTION) ? `/${slug}` : `/servers/${slug}`;
    pages.push({ url: new URL(path, page.url), kind: "detail" });
  }
  return { records, pages };
}

/**
 * Reads saved pages: files that lie as the site's paths do, with `.html` or `index.html` at the
 * end and a query after `?` or `@` (`all.html`, `all?page=2.html`, `servers/a/b/index.html`).
 */
async function readTree(tree: SourceTree, context: ReadContext): Promise<SourceRead> {
  const reader = await mcpserversSource.open();
  const records: SiteRecord[] = [];
  const failed = new Harvest();
  for (const path of await filesOf(tree)) {
    throwIfAborted(context.signal);
    const page = pageOfFile(path);
    if (page === undefined) continue;
    try {
      const bytes = await tree.read(path, { maxBytes: MAX_PAGE_BYTES });
      if (bytes !== undefined) records.push(...reader.readPage(bytes, page).records);
    } catch (thrown) {
      failed.fail(path, toAppError(thrown));
    }
  }
  const read = assemble(records, context);
  if (read.entries.length === 0) {
    throw new AppError(
      "BAD_RESPONSE",
      `Cannot read "${context.source}": no page in it lists a server`,
    );
  }
  return { ...read, problems: [...failed.finish().problems, ...read.problems] };
}

async function filesOf(tree: SourceTree): Promise<readonly string[]> {
  const files: string[] = [];
  const folders = [""];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const { name, kind } of await tree.list(folder)) {
      const path = folder === "" ? name : `${folder}/${name}`;
      if (kind === "file") files.push(path);
      else if (path.split("/").length < 8) folders.push(path);
    }
    if (files.length > MAX_FILES) break;
  }
  return files.slice(0, MAX_FILES).sort();
}

function pageOfFile(path: string): SitePage | undefined {
  if (/\.xml$/i.test(path)) return { url: new URL(`/${path}`, HOST), kind: "sitemap" };
  if (!/\.html?$/i.test(path)) return undefined;
  const bare = path.replace(/\.html?$/i, "").replace(/\/?index$/, "");
  const url = new URL(`/${bare.replace(/[?@]/, "?")}`, HOST);
  const isDetail = slugOfPath(url.pathname) !== undefined;
  const isList = /^\/(?:all|official|remote-mcp-servers|category\/[^/]+)$/.test(url.pathname);
  if (!isDetail && !isList) return undefined;
  return { url, kind: isDetail ? "detail" : "list" };
}

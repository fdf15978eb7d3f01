/**
 * The two kinds of pages of mcpservers.org, read into plain data. What each
 * selector rests on stands in mcpservers-org/DOM.md. Needs no permission.
 *
 * @module
 */

import type { RemoteDraft } from "../build.ts";
import { readCommand, splitCommand } from "../command.ts";
import type { HtmlElement } from "../html.ts";
import { parseRepository, repositoryUrl } from "../normalise.ts";
import type { SitePage, SiteRecord } from "../source.ts";
import { type ClientConfig, readClientConfig } from "./client_config.ts";

/** Most cards that are read of one page. */
const MAX_CARDS = 500;

/** Most code blocks, and characters of each, that are kept of a README. */
const MAX_BLOCKS = 12;
const MAX_BLOCK_CHARS = 4000;

/** Beginning of the slugs of hosted servers, which have pages of their own. */
export const REMOTE_SECTION = "remote-mcp-servers/";

/** A card of a listing. */
export interface Card {
  /** Path of its page, see `slugOfPath`. */
  readonly slug: string;
  /** Name. */
  readonly name?: string;
  /** Text, cut by the site. */
  readonly description?: string;
  /** Whether it stands there because somebody paid. */
  readonly sponsor: boolean;
}

/** A listing page. */
export interface Listing {
  /** Its cards. */
  readonly cards: readonly Card[];
  /** Servers that the whole listing has, when the page says so. */
  readonly total?: number;
  /** The highest page number that is linked; 1 when there is none. */
  readonly lastPage: number;
  /** Slugs of the categories that are linked. */
  readonly categories: readonly string[];
}

/**
 * The slug of a detail page.
 *
 * @param path Path of an address.
 * @returns The slug as the site spells it, or `undefined` for other pages: localised twins
 *   (`/es/servers/…`), sitemaps, listings.
 */
export function slugOfPath(path: string): string | undefined {
  const match = /^\/(servers|remote-mcp-servers)\/([^?#]+)$/.exec(path);
  const [, section, rest = ""] = match ?? [];
  const slug = rest.replace(/\/+$/, "");
  if (section === undefined || slug === "" || /^\d+\.xml$/.test(slug)) return undefined;
  // Both sections have slugs of one segment that need not mean the same server.
  return section === "servers" ? slug : `${section}/${slug}`;
}

/** Reads a listing: `/all`, `/official`, `/remote-mcp-servers`, `/category/<slug>`. */
export function readListing(root: HtmlElement): Listing {
  const main = root.querySelector("main") ?? root;
  const cards: Card[] = [];
  let lastPage = 1;
  const categories = new Set<string>();
  for (const link of main.querySelectorAll("a[href]")) {
    const href = link.getAttribute("href") ?? "";
    const path = href.startsWith("/") ? href.replace(/[?#].*$/, "") : pathOf(href);
    const category = /^\/category\/([a-z0-9-]+)$/.exec(path)?.[1];
    if (category !== undefined) categories.add(category);
    const number = Number(/[?&]page=(\d{1,5})\b/.exec(href)?.[1] ?? 1);
    if (number > lastPage) lastPage = number;
    const slug = slugOfPath(path);
    if (slug !== undefined && cards.length < MAX_CARDS) cards.push(readCard(link, slug));
  }
  const total = /\bof\s+([\d,]{1,9})\s+servers?\b/i.exec(main.textContent ?? "")?.[1];
  return {
    cards: uniqueCards(cards),
    lastPage,
    categories: [...categories],
    ...(total === undefined ? {} : { total: Number(total.replaceAll(",", "")) }),
  };
}

/** A link to the site itself, written in full. */
function pathOf(href: string): string {
  const url = URL.parse(href);
  return url !== null && url.host.replace(/^www\./, "") === "mcpservers.org" ? url.pathname : "";
}

function readCard(link: HtmlElement, slug: string): Card {
  const blocks = [...link.querySelectorAll("div, p, h2, h3")].filter((block) =>
    block.querySelector("div, p, h2, h3") === null && textOf(block) !== ""
  );
  const named = link.querySelector("div.tracking-tight") ?? blocks[0] ?? link;
  const described = link.querySelector("div.line-clamp-3") ??
    blocks.find((block) => block !== named);
  const sponsor = [...link.querySelectorAll("span")].some((span) =>
    textOf(span).toLowerCase() === "sponsor"
  );
  const name = sponsor ? textOf(named).replace(/\s*sponsor$/i, "") : textOf(named);
  const description = described === undefined ? "" : textOf(described);
  return {
    slug,
    sponsor,
    ...(name === "" ? {} : { name }),
    ...(description === "" ? {} : { description }),
  };
}

/** A sponsor may stand twice on a page, once of its own right. */
function uniqueCards(cards: readonly Card[]): readonly Card[] {
  const bySlug = new Map<string, Card>();
  for (const card of cards) {
    const known = bySlug.get(card.slug);
    if (known === undefined || (known.sponsor && !card.sponsor)) bySlug.set(card.slug, card);
  }
  return [...bySlug.values()];
}

/**
 * Reads a detail page up to the heading of the related servers, behind which other servers stand.
 *
 * @param root The page.
 * @param page Its address.
 * @returns What the page says of its server.
 */
export function readDetail(root: HtmlElement, page: SitePage): SiteRecord {
  const main = root.querySelector("main") ?? root;
  const slug = slugOfPath(page.url.pathname) ?? page.url.pathname.slice(1);
  const head = main.querySelector("h1");
  const parts = beforeRelated(main);
  const repository = repositoryOf(parts, slug);
  const badge = [...main.querySelectorAll("span, div")].find((element) =>
    textOf(element).toLowerCase() === "official" && parts.includes(element)
  );
  const endpoints = slug.startsWith(REMOTE_SECTION) ? endpointsOf(parts) : [];
  const code = parts
    .filter((element) =>
      element.tagName === "PRE" || (element.tagName === "CODE" && element.closest("pre") === null)
    )
    .map((element) => (element.textContent ?? "").trim().slice(0, MAX_BLOCK_CHARS))
    .filter((text) => text !== "").slice(0, MAX_BLOCKS);
  const installs = readInstalls(code);
  const name = head === null ? undefined : nameOf(head) || undefined;
  const description = head === null ? undefined : descriptionAfter(head, main);
  return {
    slug,
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
    ...(badge === undefined ? {} : { official: true }),
    ...(page.changed === undefined ? {} : { changed: page.changed }),
    detail: {
      packages: installs.packages,
      remotes: installs.remotes.length > 0 ? installs.remotes : endpoints,
      ...(repository === undefined ? {} : { repository }),
      ...(page.changed === undefined ? {} : { changed: page.changed }),
    },
  };
}

/** The elements of the page in its order, without those behind "Related Servers". */
function beforeRelated(main: HtmlElement): readonly HtmlElement[] {
  const parts: HtmlElement[] = [];
  for (const element of main.querySelectorAll("*")) {
    if (/^H[1-6]$/.test(element.tagName) && /related servers/i.test(textOf(element))) break;
    parts.push(element);
  }
  return parts;
}

/** The heading's own text: the badge may be an element inside of it. */
function nameOf(head: HtmlElement): string {
  const own = [...head.childNodes].filter(({ nodeType }) => nodeType === 3)
    .map(({ textContent }) => textContent ?? "").join(" ").replace(/\s+/g, " ").trim();
  return own !== "" ? own : textOf(head).replace(/\s+official$/i, "");
}

function descriptionAfter(head: HtmlElement, main: HtmlElement): string | undefined {
  for (let next = head.nextElementSibling; next !== null; next = next.nextElementSibling) {
    if (next.tagName === "P" && textOf(next) !== "") return textOf(next);
    if (/^H[1-6]$/.test(next.tagName)) break;
  }
  const first = main.querySelector("p");
  return first === null ? undefined : textOf(first) || undefined;
}

/**
 * The link to the repository: the one above the README, or one that agrees with the slug. Others in
 * the README are badges and neighbours.
 */
function repositoryOf(parts: readonly HtmlElement[], slug: string): string | undefined {
  let headings = 0;
  for (const element of parts) {
    if (element.tagName === "H1") headings += 1;
    if (element.tagName !== "A") continue;
    const place = parseRepository(element.getAttribute("href") ?? "");
    if (place === undefined) continue;
    const agrees = place.path.toLowerCase() === slug.toLowerCase();
    if (!agrees && headings > 1) continue;
    const url = repositoryUrl(place);
    return place.ref === undefined || place.folder === undefined
      ? url
      : `${url}/tree/${place.ref}/${place.folder}`;
  }
  return undefined;
}

/** The first address that a page of a hosted server shows as code or in a field. */
function endpointsOf(parts: readonly HtmlElement[]): readonly RemoteDraft[] {
  const texts = parts.filter(({ tagName }) => ["CODE", "PRE", "INPUT"].includes(tagName))
    .map((element) => element.getAttribute("value") ?? element.textContent ?? "");
  const url = texts.flatMap((text) => [...text.matchAll(/https:\/\/[^\s"'`<>]{4,300}/g)])
    .map(([found]) => found)
    .find((found) => !/^https:\/\/(?:www\.)?(?:mcpservers\.org|github\.com)\b/.test(found));
  if (url === undefined) return [];
  return [{ url, type: /\/sse\/?$/.test(url) ? "sse" : "streamable-http" }];
}

/**
 * The first configuration of a client in the code blocks of a page, else the first command that
 * starts something. A README shows the same server for many clients, and other servers as examples.
 */
function readInstalls(blocks: readonly string[]): ClientConfig {
  for (const block of blocks) {
    const config = readClientConfig(block);
    if (config.packages.length + config.remotes.length > 0) {
      return { packages: config.packages.slice(0, 1), remotes: config.remotes.slice(0, 1) };
    }
  }
  for (const line of blocks.flatMap((block) => block.split("\n", 40))) {
    const words = splitCommand(line.replace(/^\s*[$>]\s+/, ""));
    const command = words === undefined ? undefined : readCommand(words);
    if (command?.remote !== undefined) return { packages: [], remotes: [command.remote] };
    const item = command?.package;
    // An installation may be that of anything.
    const starts = item !== undefined && (item.type === "oci" || item.runtimeHint !== undefined);
    if (starts) return { packages: [item], remotes: [] };
  }
  return { packages: [], remotes: [] };
}

function textOf(element: HtmlElement): string {
  return (element.textContent ?? "").replace(/\s+/g, " ").trim();
}

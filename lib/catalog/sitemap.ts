/**
 * Sitemaps (sitemaps.org protocol 0.9): the addresses of a site with the dates of
 * their last change. Needs no permission.
 *
 * @module
 */

/** One address of a sitemap. */
export interface SitemapPlace {
  /** The address. */
  readonly url: URL;
  /** When it last changed, as the site writes it. */
  readonly changed?: string;
}

/** A parsed sitemap. */
export interface Sitemap {
  /** Whether the addresses are those of further sitemaps. */
  readonly isIndex: boolean;
  /** The addresses. */
  readonly places: readonly SitemapPlace[];
}

/** Most addresses that one file may hold (protocol 0.9). */
const MAX_PLACES = 50_000;

/**
 * Reads a sitemap or an index of sitemaps. XML entities are decoded, nothing else of XML is used,
 * so that no document can make the reader fetch or expand anything.
 *
 * @param xml The file.
 * @param base Address of the file, for relative addresses.
 * @returns The addresses on the host of `base`; others and broken ones are left out.
 */
export function parseSitemap(xml: string, base: URL): Sitemap {
  const places: SitemapPlace[] = [];
  const isIndex = /<sitemapindex[\s>]/i.test(xml.slice(0, 4096));
  const end = isIndex ? "</sitemap>" : "</url>";
  let from = 0;
  while (places.length < MAX_PLACES) {
    const until = xml.indexOf(end, from);
    if (until === -1) break;
    const block = xml.slice(from, until);
    from = until + end.length;
    const location = element(block, "loc");
    const url = location === undefined ? null : URL.parse(location, base);
    if (url === null || url.host !== base.host) continue;
    const changed = element(block, "lastmod");
    places.push({ url, ...(changed === undefined ? {} : { changed }) });
  }
  return { isIndex, places };
}

function element(block: string, name: string): string | undefined {
  const start = block.indexOf(`<${name}>`);
  const end = start === -1 ? -1 : block.indexOf(`</${name}>`, start);
  if (end === -1) return undefined;
  const text = block.slice(start + name.length + 2, end).replace(
    /^\s*<!\[CDATA\[(.*?)\]\]>\s*$/s,
    "$1",
  );
  return text.replace(
    /&(amp|lt|gt|quot|apos);/g,
    (_whole, entity: string) => ENTITIES[entity] ?? "",
  )
    .trim();
}

const ENTITIES: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
};

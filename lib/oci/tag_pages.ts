/**
 * Reads all tags of a repository, page by page (distribution-spec, "Listing Tags"). Needs no
 * permission.
 *
 * @module
 */

import { z } from "zod";
import { AppError } from "../core/errors.ts";
import { parseJson } from "../core/json.ts";
import type { ContentCache } from "./content_cache.ts";
import { digestOf } from "./digest.ts";
import type { Operation } from "./exchange.ts";
import { nextPagePath } from "./next_page.ts";
import type { Repository } from "./reference.ts";
import { warningsOf } from "./response_facts.ts";
import type { RegistryTransport } from "./transport.ts";

/** What a registry tells of a tag beside its name. */
export interface TagDetails {
  /** The digest that the tag points to. */
  readonly digest: string;
  /** Compressed size in bytes. */
  readonly sizeBytes?: number;
  /** When it was pushed, RFC 3339. */
  readonly pushed?: string;
}

/** The tags of a repository. */
export interface TagListing {
  /** The names, each once, in the registry's order. */
  readonly tags: readonly string[];
  /** Facts by tag, from registries that send them along (Google's). */
  readonly details: ReadonlyMap<string, TagDetails>;
  /** Whether a limit of Wharf's cut the list. */
  readonly truncated: boolean;
  /** What the registry warns of. */
  readonly warnings: readonly string[];
}

const GOOGLE_MANIFEST = z.object({
  tag: z.array(z.string()).catch([]),
  imageSizeBytes: z.coerce.number().optional().catch(undefined),
  timeUploadedMs: z.coerce.number().optional().catch(undefined),
});

const PAGE = z.object({
  tags: z.array(z.string()).nullish().transform((tags) => tags ?? []),
  manifest: z.record(z.string(), GOOGLE_MANIFEST.nullable().catch(null)).optional().catch(
    undefined,
  ),
  next: z.string().optional(),
});

type Page = z.output<typeof PAGE>;

/** ECR allows no more; others clamp it. */
const PAGE_SIZE = 1000;
const MAX_PAGE_BYTES = 32 * 1024 * 1024;
const MAX_TAGS = 1_000_000;
const MAX_PAGES = 5_000;
/** A page may be empty since its tags are hidden from the caller; many in a row are a circle. */
const MAX_BARREN_PAGES = 20;

/** The distribution-spec's grammar; anything else is no tag, but may be meant for whoever reads it. */
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

/**
 * Lists the tags.
 *
 * @param deps How to ask, and where pages with an ETag are kept.
 * @param repository The repository.
 * @param operation The bounds; `maxTags` ends the reading after the page that passes it.
 * @returns All tags, or the first million.
 * @throws {AppError} What the registry says against it; `BAD_RESPONSE` for a page that leads astray.
 */
export async function readTagPages(
  deps: { readonly transport: RegistryTransport; readonly cache: ContentCache },
  repository: Repository,
  operation: Operation & { readonly maxTags?: number | undefined },
): Promise<TagListing> {
  const { maxTags = MAX_TAGS } = operation;
  const tags = new Set<string>();
  const details = new Map<string, TagDetails>();
  const warnings = new Set<string>();
  const seen = new Set<string>();
  let barren = 0;
  let path: string | undefined = `/v2/${repository.repository}/tags/list?n=${PAGE_SIZE}`;
  // A registry that leads in a circle would otherwise hold the call until its deadline.
  while (
    path !== undefined && !seen.has(path) && seen.size < MAX_PAGES && tags.size < maxTags &&
    barren < MAX_BARREN_PAGES
  ) {
    seen.add(path);
    const page = await readPage(deps, { repository, path, operation, warnings });
    const before = tags.size;
    for (const tag of page.tags) {
      if (TAG.test(tag)) tags.add(tag);
      else warnings.add("The registry lists names that are no tags; they are left out");
    }
    for (const [digest, manifest] of Object.entries(page.manifest ?? {})) {
      if (manifest !== null) addDetails({ tags, details }, digest, manifest);
    }
    barren = tags.size > before ? 0 : barren + 1;
    path = page.next ?? fallback(repository, page, { isNew: tags.size > before });
  }
  return { tags: [...tags], details, truncated: path !== undefined, warnings: [...warnings] };
}

/** A full page without a Link may still be followed by more: the spec's older way to ask. */
function fallback(
  repository: Repository,
  page: Page,
  progress: { readonly isNew: boolean },
): string | undefined {
  const last = page.tags.at(-1);
  if (page.tags.length !== PAGE_SIZE || last === undefined || !progress.isNew) return undefined;
  const query = new URLSearchParams({ n: String(PAGE_SIZE), last });
  return `/v2/${repository.repository}/tags/list?${query}`;
}

interface PageRequest {
  readonly repository: Repository;
  readonly path: string;
  readonly operation: Operation;
  readonly warnings: Set<string>;
}

async function readPage(
  deps: { readonly transport: RegistryTransport; readonly cache: ContentCache },
  request: PageRequest,
): Promise<Page> {
  const { repository, path, operation } = request;
  const name = `${repository.registry}/${repository.repository}`;
  const what = `the tags of "${name}"`;
  const key = `etag:${
    digestOf(new TextEncoder().encode(`${repository.registry}${path}`)).slice("sha256:".length)
  }`;
  const kept = await keptPage(deps.cache, key);
  const { status, headers, bytes, url } = await deps.transport.send({
    ...repository,
    scope: `repository:${repository.repository}:pull`,
    path,
    action: `list the tags of "${name}"`,
    headers: {
      accept: "application/json",
      ...(kept === undefined ? {} : { "if-none-match": kept.etag }),
    },
    accept: kept === undefined ? [] : [304],
    maxBytes: MAX_PAGE_BYTES,
  }, operation);
  for (const warning of warningsOf(headers)) request.warnings.add(warning);
  if (status === 304 && kept !== undefined) return kept.page;
  const json = parseJson(bytes, { what });
  const parsed = PAGE.omit({ next: true }).safeParse(json);
  if (!parsed.success || !isTagList(json)) {
    throw new AppError("BAD_RESPONSE", `Cannot use ${what}: the answer is no list of tags`, {
      hint: "Check that the host is a registry and that no proxy answers in its place",
    });
  }
  const next = nextPagePath(headers, url, what);
  const page: Page = { ...parsed.data, ...(next === undefined ? {} : { next }) };
  const etag = headers.get("etag");
  if (etag !== null) {
    await deps.cache.put(key, new TextEncoder().encode(JSON.stringify({ etag, page })));
  }
  return page;
}

/** An empty list may come without `tags`, but then not without `name`. */
function isTagList(json: unknown): boolean {
  return typeof json === "object" && json !== null && ("tags" in json || "name" in json);
}

const KEPT = z.object({ etag: z.string(), page: PAGE });

async function keptPage(
  cache: ContentCache,
  key: string,
): Promise<z.output<typeof KEPT> | undefined> {
  const bytes = await cache.get(key);
  if (bytes === undefined) return undefined;
  try {
    return KEPT.safeParse(JSON.parse(new TextDecoder().decode(bytes))).data;
  } catch {
    // Asked for without it, the registry sends the page anew.
    return undefined;
  }
}

/** Only for tags that are listed too: their number is bounded. */
function addDetails(
  { tags, details }: {
    readonly tags: ReadonlySet<string>;
    readonly details: Map<string, TagDetails>;
  },
  digest: string,
  manifest: z.output<typeof GOOGLE_MANIFEST>,
): void {
  const { imageSizeBytes, timeUploadedMs } = manifest;
  const pushed = timeUploadedMs !== undefined && timeUploadedMs > 0 && timeUploadedMs < 8.64e15
    ? new Date(timeUploadedMs).toISOString()
    : undefined;
  for (const tag of manifest.tag) {
    if (!tags.has(tag)) continue;
    details.set(tag, {
      digest,
      ...(imageSizeBytes === undefined || !(imageSizeBytes > 0)
        ? {}
        : { sizeBytes: imageSizeBytes }),
      ...(pushed === undefined ? {} : { pushed }),
    });
  }
}

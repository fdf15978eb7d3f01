/**
 * What Docker Hub's HTTP API answers, made into short records. Needs no permission.
 *
 * Half of that API is not documented and the other half changes, so every field may be absent,
 * null or of another kind; only an answer whose frame is missing is an error.
 *
 * @module
 */

import { z } from "zod";
import { AppError } from "../core/errors.ts";
import { cleanText, type CleanTextOptions } from "../core/text.ts";
import { type Digest, isDigest } from "./digest.ts";
import { formatPlatform } from "./platform.ts";

/** A repository, as a search finds it. */
export interface HubSearchHit {
  /** The name as people write it: `alpine`, `bitnami/nginx`. */
  readonly name: string;
  /** One line. */
  readonly description: string;
  /** Stars. */
  readonly stars: number;
  /** Pulls; Hub rounds them down in searches (`1B+`). */
  readonly pulls: number;
  /** Whether it is a Docker Official Image. */
  readonly official: boolean;
  /** Whether Docker has verified its publisher. */
  readonly verified: boolean;
  /** For example `official`, `verified_publisher`, `open_source`. */
  readonly badge?: string | undefined;
  /** When it changed last, in RFC 3339. */
  readonly lastUpdated?: string | undefined;
  /** Whether its owner has archived it. */
  readonly archived?: boolean | undefined;
}

/** What a search found. */
export interface HubSearch {
  /** How many repositories fit. */
  readonly total: number;
  /** The first of them. */
  readonly results: readonly HubSearchHit[];
  /** Which of Hub's searches answered; `v2` knows no dates. */
  readonly source: "v4" | "v2";
}

/** A repository. */
export interface HubRepository {
  /** For example `library`. */
  readonly namespace: string;
  /** For example `alpine`. */
  readonly name: string;
  /** One line. */
  readonly description: string;
  /** The overview page in Markdown; at most 25,000 characters. */
  readonly overview?: string | undefined;
  /** Whether only its owner sees it. */
  readonly private: boolean;
  /** Stars. */
  readonly stars: number;
  /** Pulls. */
  readonly pulls: number;
  /** When it changed last, in RFC 3339. */
  readonly lastUpdated?: string | undefined;
  /** When it was made, in RFC 3339. */
  readonly registered?: string | undefined;
  /** For example `active`. */
  readonly status?: string | undefined;
  /** For example `image`. */
  readonly contentTypes: readonly string[];
  /** For example `Operating systems`. */
  readonly categories: readonly string[];
  /** What all its tags take together, in bytes. */
  readonly storageBytes?: number | undefined;
  /** Whether some of its tags cannot be moved. */
  readonly immutableTags?: boolean | undefined;
}

/** One platform of a {@linkcode HubTag}. */
export interface HubImage {
  /** `os/architecture[/variant]`. */
  readonly platform: string;
  /** The digest of its manifest. */
  readonly digest?: Digest | undefined;
  /** Compressed size in bytes. */
  readonly sizeBytes?: number | undefined;
  /** For example `10.0.17763.1`. */
  readonly osVersion?: string | undefined;
}

/** A tag, as Hub knows it. */
export interface HubTag {
  /** The tag. */
  readonly name: string;
  /** The digest that it points at. */
  readonly digest?: Digest | undefined;
  /** Compressed size of one of its platforms, in bytes. */
  readonly sizeBytes?: number | undefined;
  /** When it was pushed last, in RFC 3339. */
  readonly lastPushed?: string | undefined;
  /** When it was pulled last, in RFC 3339. */
  readonly lastPulled?: string | undefined;
  /** `active`, or `inactive` when nobody has pulled it for a month. */
  readonly status?: string | undefined;
  /** For example `image`. */
  readonly contentType?: string | undefined;
  /** What it runs on; attestations are left out. */
  readonly platforms: readonly HubImage[];
}

/** A page of tags, newest first. */
export interface HubTagPage {
  /** How many tags the repository has. */
  readonly total: number;
  /** The tags of the page. */
  readonly tags: readonly HubTag[];
  /** Whether more pages follow. */
  readonly more: boolean;
}

/** A user or an organisation. */
export interface HubUser {
  /** The account's name, which is also its namespace. */
  readonly name: string;
  /** What it is. */
  readonly kind: "user" | "organization";
  /** The name of the person or organisation. */
  readonly fullName?: string | undefined;
  /** As the account says it. */
  readonly location?: string | undefined;
  /** As the account says it. */
  readonly company?: string | undefined;
  /** A web page that the account names. */
  readonly profileUrl?: string | undefined;
  /** Since when it is there, in RFC 3339. */
  readonly joined?: string | undefined;
  /** For example `verified_publisher`. */
  readonly badge?: string | undefined;
}

/** The longest overview that Hub takes. */
const MAX_OVERVIEW = 25_000;
const MAX_LIST = 200;

const text = (options: CleanTextOptions) =>
  z.unknown().transform((value) =>
    typeof value === "string" ? cleanText(value, options) || undefined : undefined
  );
const word = text({ maxChars: 100 });
const line = text({ maxChars: 300 });
const flag = z.unknown().transform((value) => typeof value === "boolean" ? value : undefined);
const count = z.unknown().transform(readCount);
const time = z.unknown().transform(readTime);
const digest = z.unknown().transform((value) =>
  typeof value === "string" && isDigest(value) ? value : undefined
);
const items = z.array(z.unknown()).transform((list) => list.slice(0, MAX_LIST));
const optionalItems = items.catch([]);

/** Texts of a list, or the names of the records in it. */
const names = optionalItems.transform((list) =>
  list.flatMap((item) => word.parse(NAMED.safeParse(item).data?.name ?? item) ?? [])
);
const NAMED = z.object({ name: z.unknown() });

const HIT = z.object({
  slug: line,
  name: line,
  id: line,
  short_description: line,
  badge: word,
  star_count: count,
  pull_count: count,
  updated_at: time,
  archived: flag,
});

const OLD_HIT = z.object({
  repo_name: line,
  short_description: line,
  star_count: count,
  pull_count: count,
  is_official: flag,
});

const REPOSITORY = z.object({
  namespace: line,
  name: line,
  description: line,
  full_description: text({ maxChars: MAX_OVERVIEW, multiline: true }),
  is_private: flag,
  star_count: count,
  pull_count: count,
  last_updated: time,
  last_modified: time,
  date_registered: time,
  status_description: word,
  content_types: names,
  categories: names,
  storage_size: count,
  immutable_tags_settings: z.object({ enabled: flag }).optional().catch(undefined),
});

const IMAGE = z.object({
  os: word,
  architecture: word,
  variant: word,
  os_version: word,
  digest,
  size: count,
});

const TAG = z.object({
  name: line,
  digest,
  full_size: count,
  tag_last_pushed: time,
  tag_last_pulled: time,
  last_updated: time,
  tag_status: word,
  content_type: word,
  images: optionalItems,
});

const PAGE = z.object({ count, next: z.unknown(), results: items });
const FOUND = z.object({ total: count, results: items });

const ACCOUNT = z.object({
  username: line,
  orgname: line,
  full_name: line,
  location: line,
  company: line,
  profile_url: text({ maxChars: 500 }),
  date_joined: time,
  type: word,
  badge: word,
});

/**
 * Reads the answer of the current search.
 *
 * @param json The answer.
 * @returns The hits; those without a name are left out.
 * @throws {AppError} `BAD_RESPONSE` when it is no search answer.
 */
export function parseSearch(json: unknown): HubSearch {
  const found = frame(FOUND, json, "search");
  const results = found.results.flatMap((item): HubSearchHit[] => {
    const hit = HIT.safeParse(item).data;
    const name = hit?.slug ?? hit?.name ?? hit?.id;
    if (hit === undefined || name === undefined) return [];
    return [{
      name: shortName(name),
      description: hit.short_description ?? "",
      stars: hit.star_count ?? 0,
      pulls: hit.pull_count ?? 0,
      official: hit.badge === "official",
      verified: hit.badge === "verified_publisher",
      badge: hit.badge === "none" ? undefined : hit.badge,
      lastUpdated: hit.updated_at,
      archived: hit.archived,
    }];
  });
  return { total: found.total ?? results.length, results, source: "v4" };
}

/**
 * Reads the answer of the older search, which knows neither dates nor badges.
 *
 * @param json The answer.
 * @returns The hits; those without a name are left out.
 * @throws {AppError} `BAD_RESPONSE` when it is no search answer.
 */
export function parseOldSearch(json: unknown): HubSearch {
  const found = frame(PAGE, json, "search");
  const results = found.results.flatMap((item): HubSearchHit[] => {
    const hit = OLD_HIT.safeParse(item).data;
    if (hit?.repo_name === undefined) return [];
    return [{
      name: shortName(hit.repo_name),
      description: hit.short_description ?? "",
      stars: hit.star_count ?? 0,
      pulls: hit.pull_count ?? 0,
      official: hit.is_official ?? false,
      verified: false,
      badge: hit.is_official === true ? "official" : undefined,
    }];
  });
  return { total: found.count ?? results.length, results, source: "v2" };
}

/**
 * Reads a repository.
 *
 * @param json The answer.
 * @param namespace The namespace that was asked for, in case the answer has none.
 * @returns The repository.
 * @throws {AppError} `BAD_RESPONSE` when it is none.
 */
export function parseHubRepository(json: unknown, namespace: string): HubRepository {
  const found = frame(REPOSITORY, json, "repository");
  if (found.name === undefined) throw strange("repository");
  return {
    namespace: found.namespace ?? namespace,
    name: found.name,
    description: found.description ?? "",
    overview: found.full_description,
    private: found.is_private ?? false,
    stars: found.star_count ?? 0,
    pulls: found.pull_count ?? 0,
    lastUpdated: found.last_updated ?? found.last_modified,
    registered: found.date_registered,
    status: found.status_description,
    contentTypes: found.content_types,
    categories: found.categories,
    storageBytes: found.storage_size,
    immutableTags: found.immutable_tags_settings?.enabled,
  };
}

/**
 * Reads a page of tags.
 *
 * @param json The answer.
 * @returns The tags; those without a name are left out.
 * @throws {AppError} `BAD_RESPONSE` when it is no page.
 */
export function parseTagPage(json: unknown): HubTagPage {
  const page = frame(PAGE, json, "tags");
  const tags = page.results.flatMap((item) => readTag(item) ?? []);
  return {
    total: page.count ?? tags.length,
    tags,
    more: typeof page.next === "string" && page.next !== "",
  };
}

/**
 * Reads one tag.
 *
 * @param json The answer.
 * @returns The tag.
 * @throws {AppError} `BAD_RESPONSE` when it is none.
 */
export function parseTag(json: unknown): HubTag {
  const tag = readTag(json);
  if (tag === undefined) throw strange("tag");
  return tag;
}

/**
 * Reads an account.
 *
 * @param json The answer.
 * @returns The user or organisation.
 * @throws {AppError} `BAD_RESPONSE` when it is none.
 */
export function parseAccount(json: unknown): HubUser {
  const found = frame(ACCOUNT, json, "account");
  const name = found.username ?? found.orgname;
  if (name === undefined) throw strange("account");
  const isOrganization = found.orgname !== undefined || found.type === "Organization";
  return {
    name,
    kind: isOrganization ? "organization" : "user",
    fullName: found.full_name,
    location: found.location,
    company: found.company,
    profileUrl: found.profile_url,
    joined: found.date_joined,
    badge: found.badge === "none" ? undefined : found.badge,
  };
}

function readTag(json: unknown): HubTag | undefined {
  const tag = TAG.safeParse(json).data;
  if (tag?.name === undefined) return undefined;
  const platforms = tag.images.flatMap((item) => readImage(item) ?? []);
  return {
    name: tag.name,
    digest: tag.digest,
    sizeBytes: tag.full_size,
    lastPushed: tag.tag_last_pushed ?? tag.last_updated,
    lastPulled: tag.tag_last_pulled,
    status: tag.tag_status,
    contentType: tag.content_type,
    platforms,
  };
}

/** Attestations stand among the images as `unknown/unknown`. */
function readImage(json: unknown): HubImage | undefined {
  const image = IMAGE.safeParse(json).data;
  if (image === undefined) return undefined;
  const { os = "unknown", architecture = "unknown", variant } = image;
  if (os === "unknown" && architecture === "unknown") return undefined;
  return {
    platform: formatPlatform({ os, architecture, ...(variant === undefined ? {} : { variant }) }),
    digest: image.digest,
    sizeBytes: image.size,
    osVersion: image.os_version,
  };
}

/** Checks what an answer must be to be of use at all. */
function frame<T>(schema: z.ZodType<T>, json: unknown, what: string): T {
  const parsed = schema.safeParse(json);
  if (!parsed.success) throw strange(what);
  return parsed.data;
}

function strange(what: string): AppError {
  return new AppError(
    "BAD_RESPONSE",
    `Cannot read Docker Hub's ${what}: the answer has not the expected form`,
    { hint: "Docker Hub may have changed its API; ask the registry itself with list_tags" },
  );
}

/** Official images are known by their short name. */
function shortName(name: string): string {
  return name.replace(/^(?:library|_)\//, "");
}

const UNITS: Readonly<Record<string, number>> = { "": 1, K: 1e3, M: 1e6, B: 1e9, T: 1e12 };

/** A number, or one that Hub has rounded for people: `1B+`, `1.8K`. */
function readCount(value: unknown): number | undefined {
  if (typeof value === "number") {
    return Number.isFinite(value) && value >= 0 ? Math.trunc(value) : undefined;
  }
  if (typeof value !== "string") return undefined;
  const match = /^\s*(\d{1,18}(?:\.\d{1,6})?)\s*([KMBT]?)\+?\s*$/i.exec(value.replaceAll(",", ""));
  const unit = UNITS[match?.[2]?.toUpperCase() ?? ""];
  return match === null || unit === undefined ? undefined : Math.round(Number(match[1]) * unit);
}

/** A time in RFC 3339 to the second; Hub writes the year 1 for never. */
function readTime(value: unknown): string | undefined {
  if (typeof value !== "string") return undefined;
  const ms = Date.parse(value);
  return Number.isNaN(ms) || ms <= 0 ? undefined : new Date(ms).toISOString().replace(/\.\d+/, "");
}

/**
 * Docker Hub's answers, parsed tolerantly: unknown words, nulls and absent fields never fail a
 * whole answer. Needs no permission.
 *
 * @module
 */

// deno-lint-ignore-file camelcase -- the records are shown as they are, in the words of the tools

import { z } from "zod";
import { AppError } from "../core/errors.ts";
import { cleanText } from "../core/text.ts";
import { isDigest } from "./digest.ts";
import { formatPlatform } from "./platform.ts";

/** One hit of a search. */
export interface HubSearchHit {
  /** Name as it is pulled: `nginx`, `grafana/grafana`. */
  readonly name: string;
  /** Short description. */
  readonly description: string;
  /** Stars. */
  readonly stars: number;
  /** Pulls; Docker Hub rounds large numbers. */
  readonly pulls: number;
  /** Whether it is a Docker official image. */
  readonly official: boolean;
  /** Whether its publisher is verified. */
  readonly verified: boolean;
  /** When it last changed, RFC 3339. */
  readonly last_updated?: string;
  /** Whether it is archived. */
  readonly archived?: boolean;
}

/** A repository. */
export interface HubRepository {
  /** `namespace/name`. */
  readonly name: string;
  /** Short description. */
  readonly description: string;
  /** The page's text in Markdown. */
  readonly full_description: string;
  /** Stars. */
  readonly stars: number;
  /** Pulls. */
  readonly pulls: number;
  /** Whether it is a Docker official image. */
  readonly official: boolean;
  /** Whether only its members see it. */
  readonly private: boolean;
  /** When it last changed, RFC 3339. */
  readonly last_updated?: string;
  /** When it was made, RFC 3339. */
  readonly registered?: string;
  /** Its state, in Docker Hub's word. */
  readonly status?: string;
  /** Names of its categories. */
  readonly categories: readonly string[];
  /** What it holds: `image`, `helm` … */
  readonly content_types: readonly string[];
}

/** A tag. */
export interface HubTag {
  /** The tag. */
  readonly name: string;
  /** The digest that it points to. */
  readonly digest?: string;
  /** Compressed size of its default platform, in bytes. */
  readonly size_bytes?: number;
  /** When it was pushed, RFC 3339. */
  readonly pushed?: string;
  /** Its platforms; attestations are not among them. */
  readonly platforms: readonly {
    readonly platform: string;
    readonly digest?: string;
    readonly size_bytes?: number;
  }[];
}

/** A user or an organisation. */
export interface HubUser {
  /** The name. */
  readonly name: string;
  /** `user` or `organisation`. */
  readonly type: string;
  /** The full name. */
  readonly full_name?: string;
  /** The place. */
  readonly location?: string;
  /** The company. */
  readonly company?: string;
  /** The home page. */
  readonly profile_url?: string;
  /** When it joined, RFC 3339. */
  readonly joined?: string;
  /** A badge such as `verified_publisher`. */
  readonly badge?: string;
}

const text = z.string().nullish().transform((value) => value ?? undefined).catch(undefined);
const flag = z.boolean().nullish().transform((value) => value ?? false).catch(false);
const count = z.union([z.number(), z.string()]).nullish().transform(countOf).catch(0);
const bytes = z.int().nonnegative().optional().catch(undefined);
const time = text.transform(timeOf);
const digest = text.transform((value) =>
  value !== undefined && isDigest(value) ? value : undefined
);

/** `1B+`, `500M+`, `10K+` or a number. */
function countOf(value: number | string | null | undefined): number {
  if (typeof value === "number") return wholeOf(value);
  const match = /^\s*([\d.,]+)\s*([KMBT])?\+?\s*$/i.exec(value ?? "");
  if (match === null) return 0;
  const factor = { K: 1e3, M: 1e6, B: 1e9, T: 1e12 }[match[2]?.toUpperCase() ?? ""] ?? 1;
  return wholeOf(Number((match[1] ?? "").replaceAll(",", "")) * factor);
}

function wholeOf(value: number): number {
  return value > 0 ? Math.min(Math.round(value), Number.MAX_SAFE_INTEGER) : 0;
}

/** RFC 3339 to the second; Docker Hub writes the year 1 for never. */
function timeOf(value: string | undefined): string | undefined {
  const ms = Date.parse(value ?? "");
  return ms > 0 ? new Date(ms).toISOString().replace(/\.\d+Z$/, "Z") : undefined;
}

/** A list of which broken items are left out; the answer is none without it. */
function resultsOf<T extends z.ZodType>(item: T) {
  return z.array(item.nullable().catch(null)).nullable()
    .transform((items) => (items ?? []).filter((entry) => entry !== null));
}

/** The same, which may also be absent or something else. */
function listOf<T extends z.ZodType>(item: T) {
  return resultsOf(item).optional().transform((items) => items ?? []).catch([]);
}

const NAMED = z.object({ name: text, label: text });

const SEARCH_V4 = z.object({
  total: count,
  results: resultsOf(z.object({
    id: text,
    name: text,
    slug: text,
    short_description: text,
    badge: text,
    star_count: count,
    pull_count: count,
    updated_at: time,
    archived: flag,
  })),
});

const SEARCH_V2 = z.object({
  count,
  results: resultsOf(z.object({
    repo_name: z.string(),
    short_description: text,
    star_count: count,
    pull_count: count,
    is_official: flag,
  })),
});

const REPOSITORY = z.object({
  name: z.string(),
  namespace: text,
  description: text,
  full_description: text,
  star_count: count,
  pull_count: count,
  is_private: flag,
  last_updated: time,
  date_registered: time,
  status_description: text,
  categories: listOf(NAMED),
  content_types: listOf(z.string()),
});

const TAG = z.object({
  name: z.string(),
  digest,
  full_size: bytes,
  tag_last_pushed: time,
  last_updated: time,
  images: listOf(z.object({
    os: text,
    architecture: text,
    variant: text,
    digest,
    size: bytes,
  })),
});

const TAG_PAGE = z.object({ count, results: resultsOf(TAG) });

const USER = z.object({
  username: text,
  orgname: text,
  type: text,
  full_name: text,
  location: text,
  company: text,
  profile_url: text,
  date_joined: time,
  badge: text,
});

/** What people pull; not the number or UUID of a database. */
const NAME = /^(?![a-f0-9]{8}-(?:[a-f0-9]{4}-){3}|\d+$)(?:[a-z0-9._-]+\/)?[a-z0-9._-]+$/;
const MAX_DESCRIPTION = 300;
/** Docker Hub's own limit of a page's text. */
const MAX_PAGE = 25_000;

/** Parses the answer of the newer search. */
export function parseSearchV4(
  json: unknown,
): { readonly total: number; readonly hits: readonly HubSearchHit[] } {
  const { total, results } = checked(SEARCH_V4, json, "search");
  const hits = results.flatMap((result): HubSearchHit[] => {
    const isOfficial = result.badge === "official";
    // Which of the three is what people pull differs between kinds of results.
    const names = [result.id, result.slug, result.name]
      .map((name) => name?.replace(/^(?:library|_)\//, "") ?? "").filter((name) => NAME.test(name));
    const name = names.find((path) => path.includes("/") !== isOfficial) ?? names[0];
    if (name === undefined) return [];
    return [{
      name,
      description: line(result.short_description),
      stars: result.star_count,
      pulls: result.pull_count,
      official: isOfficial,
      verified: result.badge === "verified_publisher",
      ...optional("last_updated", result.updated_at),
      ...(result.archived ? { archived: true } : {}),
    }];
  });
  return { total, hits };
}

/** Parses the answer of the older search; it tells no dates. */
export function parseSearchV2(
  json: unknown,
): { readonly total: number; readonly hits: readonly HubSearchHit[] } {
  const { count: total, results } = checked(SEARCH_V2, json, "search");
  return {
    total,
    hits: results.filter(({ repo_name: name }) => NAME.test(name)).map((result) => ({
      name: result.repo_name.replace(/^library\//, ""),
      description: line(result.short_description),
      stars: result.star_count,
      pulls: result.pull_count,
      official: result.is_official,
      verified: false,
    })),
  };
}

/** Parses a repository. */
export function parseRepository(json: unknown): HubRepository {
  const found = checked(REPOSITORY, json, "repository");
  const namespace = found.namespace ?? "library";
  return {
    name: `${word(namespace)}/${word(found.name)}`,
    description: line(found.description),
    full_description: cleanText(found.full_description ?? "", {
      maxChars: MAX_PAGE,
      multiline: true,
    }),
    stars: found.star_count,
    pulls: found.pull_count,
    official: namespace === "library",
    private: found.is_private,
    ...optional("last_updated", found.last_updated),
    ...optional("registered", found.date_registered),
    ...optional("status", found.status_description),
    categories: found.categories.map(({ name, label }) => word(name ?? label ?? "")).filter(
      Boolean,
    ),
    content_types: found.content_types.map(word),
  };
}

/** Parses a page of tags. */
export function parseTagPage(
  json: unknown,
): { readonly total: number; readonly tags: readonly HubTag[] } {
  const { count: total, results } = checked(TAG_PAGE, json, "page of tags");
  return { total, tags: results.map(tagOf) };
}

/** Parses one tag. */
export function parseTag(json: unknown): HubTag {
  return tagOf(checked(TAG, json, "tag"));
}

function tagOf(found: z.output<typeof TAG>): HubTag {
  const pushed = found.tag_last_pushed ?? found.last_updated;
  return {
    name: word(found.name),
    ...optional("digest", found.digest),
    ...(found.full_size === undefined ? {} : { size_bytes: found.full_size }),
    ...optional("pushed", pushed),
    platforms: found.images.flatMap((image) => {
      const { os, architecture, variant } = image;
      // Attestations are listed as images of an unknown platform.
      if (!os || !architecture || os === "unknown" || architecture === "unknown") return [];
      const platform = formatPlatform({ os, architecture, ...(variant ? { variant } : {}) });
      return [{
        platform: word(platform),
        ...optional("digest", image.digest),
        ...(image.size === undefined ? {} : { size_bytes: image.size }),
      }];
    }),
  };
}

/** Parses a user or an organisation. */
export function parseUser(json: unknown): HubUser {
  const found = checked(USER, json, "user");
  const name = found.orgname || found.username;
  if (!name) throw unfit("user");
  const isOrganisation = found.type?.toLowerCase() === "organization" || Boolean(found.orgname);
  return {
    name: word(name),
    type: isOrganisation ? "organisation" : "user",
    ...optional("full_name", found.full_name),
    ...optional("location", found.location),
    ...optional("company", found.company),
    ...optional("profile_url", found.profile_url),
    ...optional("joined", found.date_joined),
    ...optional("badge", found.badge),
  };
}

function checked<T>(schema: z.ZodType<T>, json: unknown, what: string): T {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw unfit(what);
}

function unfit(what: string): AppError {
  return new AppError("BAD_RESPONSE", `Cannot use Docker Hub's answer: it is no ${what}`, {
    hint: "Docker Hub may have changed its API; check for a newer Wharf",
  });
}

function word(value: string): string {
  return cleanText(value, { maxChars: 255 });
}

function line(value: string | undefined): string {
  return cleanText(value ?? "", { maxChars: MAX_DESCRIPTION });
}

function optional<K extends string>(key: K, value: string | undefined) {
  return value === undefined || value === "" ? {} : { [key]: cleanText(value, { maxChars: 300 }) };
}

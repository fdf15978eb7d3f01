/**
 * A page of tags: filtered, sorted, and with a cursor that stays right when tags come and go.
 * Needs no permission.
 *
 * @module
 */

import { z } from "zod";
import { AppError } from "../core/errors.ts";
import { cleanText } from "../core/text.ts";
import { compilePattern } from "./tag_pattern.ts";
import { compareRead, isDigestTag, type ReadTag, readTag } from "./tag_version.ts";

/** The orders of tags. */
export const TAG_SORTS = ["semver", "alphabetical", "registry"] as const;

/** `semver`: newest version first; `alphabetical`: by code unit; `registry`: as they came. */
export type TagSort = (typeof TAG_SORTS)[number];

/** Which tags to show. */
export interface TagViewOptions {
  /** The order. */
  readonly sort: TagSort;
  /** A word, glob or `/expression/`, see {@linkcode compilePattern}. */
  readonly pattern?: string | undefined;
  /** Show tags that only mirror a digest. @default {false} */
  readonly includeDigestTags?: boolean | undefined;
  /** Most tags on the page. */
  readonly limit: number;
  /** Goes on after a page. */
  readonly cursor?: string | undefined;
}

/** A page of tags. */
export interface TagView {
  /** The tags, in order. */
  readonly tags: readonly string[];
  /** How many tags the repository has; names that the spec forbids are not counted. */
  readonly total: number;
  /** How many of them fit the pattern and are not hidden. */
  readonly matched: number;
  /** How many were hidden because they mirror a digest. */
  readonly hidden: number;
  /** Goes on after this page; absent at the end. */
  readonly nextCursor?: string;
}

const CURSOR = z.object({
  sort: z.enum(TAG_SORTS),
  view: z.string(),
  /** The last tags shown, the very last one first. */
  last: z.tuple([z.string()], z.string()),
  position: z.int().nonnegative(),
});

/** A tag as the distribution-spec allows it; nothing else can be pulled. */
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
/** How many of the last tags may vanish between pages of the registry's order. */
const ANCHORS = 3;

/**
 * Takes a page of tags.
 *
 * @param tags All tags, in the registry's order.
 * @param options Which to show.
 * @returns The page.
 * @throws {AppError} `INVALID_ARGUMENT` for a pattern or cursor that cannot be used.
 *
 * @example
 * ```ts
 * import { viewTags } from "@wharf/wharf";
 *
 * viewTags(["1.9", "1.10", "1.10-alpine"], { sort: "semver", pattern: "1.*-alpine", limit: 9 }).tags; // ["1.10-alpine"]
 * ```
 */
export function viewTags(tags: readonly string[], options: TagViewOptions): TagView {
  const { total, hidden, sorted } = arrangement(tags, options);
  const cursor = options.cursor === undefined ? undefined : readCursor(options.cursor, options);
  const start = cursor === undefined ? 0 : startAfter(sorted, cursor);
  const page = sorted.slice(start, start + options.limit);
  const [last, ...before] = page.slice(-ANCHORS).toReversed();
  const position = start + page.length;
  return {
    tags: page,
    total,
    matched: sorted.length,
    hidden,
    ...(last === undefined || position >= sorted.length ? {} : {
      nextCursor: writeCursor({
        sort: options.sort,
        view: viewName(options),
        // The other orders say where a tag would stand, even when it has gone.
        last: options.sort === "registry" ? [last, ...before] : [last],
        position,
      }),
    }),
  };
}

type Cursor = z.output<typeof CURSOR>;

/** All tags of a view, in its order. */
interface Arrangement {
  readonly total: number;
  readonly hidden: number;
  readonly sorted: readonly string[];
}

/**
 * Views of lists that are still in somebody's hands: a page after page of ten thousand tags sorts
 * them once. Lists are never changed, so their identity is enough.
 */
const arrangements = new WeakMap<readonly string[], Map<string, Arrangement>>();
/** Views of one list that are kept. */
const MAX_VIEWS = 4;

function arrangement(tags: readonly string[], options: TagViewOptions): Arrangement {
  const key = options.sort + viewName(options);
  const views = arrangements.get(tags) ?? new Map<string, Arrangement>();
  const known = views.get(key);
  if (known !== undefined) return known;
  const arranged = arrange(tags, options);
  arrangements.set(tags, views);
  views.set(key, arranged);
  for (const oldest of views.keys()) {
    if (views.size <= MAX_VIEWS) break;
    views.delete(oldest);
  }
  return arranged;
}

function arrange(tags: readonly string[], options: TagViewOptions): Arrangement {
  const legal = tags.filter((tag) => TAG.test(tag));
  const shown = options.includeDigestTags === true
    ? legal
    : legal.filter((tag) => !isDigestTag(tag));
  const pattern = options.pattern?.trim() ?? "";
  const fits = pattern === "" ? undefined : compilePattern(pattern);
  const matched = fits === undefined ? shown : shown.filter(fits);
  return {
    total: legal.length,
    hidden: legal.length - shown.length,
    sorted: inOrder(matched, options.sort),
  };
}

function inOrder(tags: readonly string[], sort: TagSort): readonly string[] {
  if (sort === "registry") return tags;
  if (sort === "alphabetical") return tags.toSorted();
  return tags.map((tag): ReadTag => ({ tag, meaning: readTag(tag) })).sort(compareRead)
    .map(({ tag }) => tag);
}

/** Where the page behind a cursor begins. */
function startAfter(sorted: readonly string[], cursor: Cursor): number {
  const { last: [last], sort } = cursor;
  if (sort === "registry") return startInRegistryOrder(sorted, cursor);
  if (sort === "alphabetical") return firstAfter(sorted, (tag) => tag > last);
  const end: ReadTag = { tag: last, meaning: readTag(last) };
  return firstAfter(sorted, (tag) => compareRead({ tag, meaning: readTag(tag) }, end) > 0);
}

/**
 * Only the registry knows its order, so the page goes on behind the last tag that is still there;
 * when all of them have gone, their place is the best guess.
 */
function startInRegistryOrder(tags: readonly string[], cursor: Cursor): number {
  for (const anchor of cursor.last) {
    const known = tags.indexOf(anchor);
    if (known !== -1) return known + 1;
  }
  return cursor.position;
}

/** The place of the first tag behind the cursor's, by halving: the tags are in order. */
function firstAfter(sorted: readonly string[], isAfter: (tag: string) => boolean): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isAfter(sorted[middle] ?? "")) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** What a cursor belongs to, beside its order. */
function viewName(options: TagViewOptions): string {
  return JSON.stringify([options.pattern?.trim() ?? "", options.includeDigestTags === true]);
}

function writeCursor(cursor: Cursor): string {
  const bytes = new TextEncoder().encode(JSON.stringify(cursor));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_")
    .replace(/=+$/, "");
}

function readCursor(text: string, options: TagViewOptions): Cursor {
  let parsed: Cursor | undefined;
  try {
    const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
    parsed = CURSOR.safeParse(JSON.parse(new TextDecoder().decode(bytes))).data;
  } catch {
    parsed = undefined;
  }
  if (parsed === undefined) {
    throw new AppError(
      "INVALID_ARGUMENT",
      `Cannot use cursor "${cleanText(text, { maxChars: 40 })}": it is none of Wharf's`,
      {
        hint: "Pass the next_cursor of the page before, unchanged, or leave it out to begin anew",
      },
    );
  }
  if (parsed.sort !== options.sort || parsed.view !== viewName(options)) {
    throw new AppError(
      "INVALID_ARGUMENT",
      "Cannot use the cursor: it belongs to another sort or pattern",
      {
        hint:
          "Keep sort, pattern and include_digest_tags as on the page before, or leave the cursor out",
      },
    );
  }
  return parsed;
}

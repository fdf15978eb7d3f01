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
 */
export function viewTags(tags: readonly string[], options: TagViewOptions): TagView {
  const legal = tags.filter((tag) => TAG.test(tag));
  const shown = options.includeDigestTags === true
    ? legal
    : legal.filter((tag) => !isDigestTag(tag));
  const pattern = options.pattern?.trim() ?? "";
  const fits = pattern === "" ? undefined : compilePattern(pattern);
  const matched = fits === undefined ? shown : shown.filter(fits);
  const cursor = options.cursor === undefined ? undefined : readCursor(options.cursor, options);
  const { page, start } = sortedPage(matched, { ...options, cursor });
  const [last, ...before] = page.slice(-ANCHORS).toReversed();
  const position = start + page.length;
  return {
    tags: page,
    total: legal.length,
    matched: matched.length,
    hidden: legal.length - shown.length,
    ...(last === undefined || position >= matched.length ? {} : {
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

function sortedPage(
  tags: readonly string[],
  options: { readonly sort: TagSort; readonly limit: number; readonly cursor: Cursor | undefined },
): { readonly page: readonly string[]; readonly start: number } {
  const { sort, limit, cursor } = options;
  if (sort === "registry") {
    const start = cursor === undefined ? 0 : startAfter(tags, cursor);
    return { page: tags.slice(start, start + limit), start };
  }
  if (sort === "alphabetical") {
    const sorted = tags.toSorted();
    const start = cursor === undefined ? 0 : firstAfter(sorted, (tag) => tag > cursor.last[0]);
    return { page: sorted.slice(start, start + limit), start };
  }
  const sorted = tags.map((tag): ReadTag => ({ tag, meaning: readTag(tag) })).sort(compareRead);
  const last = cursor === undefined
    ? undefined
    : { tag: cursor.last[0], meaning: readTag(cursor.last[0]) };
  const start = last === undefined ? 0 : firstAfter(sorted, (read) => compareRead(read, last) > 0);
  return { page: sorted.slice(start, start + limit).map(({ tag }) => tag), start };
}

/**
 * Only the registry knows its order, so the page goes on behind the last tag that is still there;
 * when all of them have gone, their place is the best guess.
 */
function startAfter(tags: readonly string[], cursor: Cursor): number {
  for (const anchor of cursor.last) {
    const known = tags.indexOf(anchor);
    if (known !== -1) return known + 1;
  }
  return cursor.position;
}

function firstAfter<T>(sorted: readonly T[], isAfter: (item: T) => boolean): number {
  const index = sorted.findIndex(isAfter);
  return index === -1 ? sorted.length : index;
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

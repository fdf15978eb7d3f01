/**
 * What a tag means: a version in a family, a date, a hash, or just a word; and the order of tags.
 * Needs no permission.
 *
 * @example
 * ```ts
 * import { compareTags } from "./tag_version.ts";
 *
 * ["1.9", "1.10-alpine", "latest", "1.10"].sort(compareTags); // ["1.10", "1.9", "1.10-alpine", "latest"]
 * ```
 *
 * @module
 */

/** A tag, read. */
export interface TagMeaning {
  /** What kind of name it is. */
  readonly kind: "version" | "date" | "word" | "hash" | "digest";
  /** Suffix that sets a family apart: `alpine` in `1.2-alpine`; empty for the plain one. */
  readonly family: string;
  /** Numbers without leading zeros, as texts, since they may be of any length. */
  readonly numbers: readonly string[];
  /** Parts of a pre-release: `rc`, `1`; empty for a release. */
  readonly prerelease: readonly string[];
  /** Numbers that count builds of the same version. */
  readonly revision: readonly string[];
}

const KINDS = ["version", "date", "word", "hash", "digest"] as const;

const VERSION = /^v?(\d+(?:\.\d+){0,3})(?!\d|\.\d)(.*)$/i;
/** Most tags of most repositories: no date has so short a first number, and no hash has a dot. */
const SIMPLE = /^v?(\d{1,3}(?:\.\d+){1,3})$/i;
const PRERELEASE =
  /^(?:alpha|beta|rc|cr|pre|preview|prerelease|dev|snapshot|nightly|canary|next|test|ea|milestone|m|a|b)(?:\d[\d.]*|\.[0-9a-z.]+)?$/i;
/** Java's words for a release that is none of the above. */
const RELEASE = /^(?:final|ga|release)$/i;
/** A date with the time behind it, if any: `202409151030`, `2024-09-15T10-30-00Z`. */
const DATE =
  /^v?(\d{4})([-._]?)(\d{2})\2(\d{2})(?:(\d{4}(?:\d{2})?)|T(\d{2}[-_.]?\d{2}[-_.]?\d{2})(?:\.\d+)?Z?)?(?!\d)(.*)$/i;
const DIGEST_TAG = /^sha(?:256|512)-[a-f0-9]{32,}(?:\..+)?$/;
/** A number alone with more digits is a build number or a time, not a version. */
const LONGEST_MAJOR = 5;

/**
 * Whether a tag only mirrors a digest, as signatures and attestations are stored.
 *
 * @param tag A tag.
 * @returns `true` for `sha256-<hex>` with or without an ending.
 */
export function isDigestTag(tag: string): boolean {
  return DIGEST_TAG.test(tag);
}

/**
 * Reads a tag.
 *
 * @param tag A tag.
 * @returns What it means.
 */
export function readTag(tag: string): TagMeaning {
  const nothing = { family: "", numbers: [], prerelease: [], revision: [] };
  const simple = SIMPLE.exec(tag)?.[1];
  if (simple !== undefined) {
    return { kind: "version", ...nothing, numbers: simple.split(".").map(plain) };
  }
  if (isDigestTag(tag)) return { kind: "digest", ...nothing };
  const date = readDate(tag);
  if (date !== undefined) return date;
  if (isHash(tag)) return { kind: "hash", ...nothing };
  return readVersion(tag) ?? { kind: "word", ...nothing };
}

/** `20240915`, `2024-09-15`, `2024.09.15`, with or without more behind. */
function readDate(tag: string): TagMeaning | undefined {
  const match = DATE.exec(tag);
  if (match === null) return undefined;
  const [, year = "", separator, month = "", day = "", digits, clock, rest = ""] = match;
  const fits = Number(year) >= 2000 && Number(year) <= 2100 && Number(month) >= 1 &&
    Number(month) <= 12 && Number(day) >= 1 && Number(day) <= 31;
  if (!fits || (separator === "" && /^[a-f0-9]/i.test(rest))) return undefined;
  const time = (digits ?? clock ?? "").replace(/\D/g, "").padEnd(6, "0");
  return { kind: "date", numbers: [year, month, day, time].map(plain), ...readRest(rest) };
}

/** 7 to 40 hex digits that no person would choose, or `sha-`, `git-` and such. */
function isHash(tag: string): boolean {
  if (/^(?:sha|git|commit)-[a-f0-9]{7,64}$/.test(tag)) return true;
  return /^[a-f0-9]{7,64}$/.test(tag) && /[a-f]/.test(tag) && /\d/.test(tag);
}

function readVersion(tag: string): TagMeaning | undefined {
  const match = VERSION.exec(tag);
  if (match === null) return undefined;
  const [, digits = "", rest = ""] = match;
  const isAlone = !digits.includes(".");
  if (isAlone && digits.length > LONGEST_MAJOR) return undefined;
  // `1password`, `3scale`: a word that begins with a digit.
  if (/^[A-Za-z]/.test(rest) && !PRERELEASE.test(rest.split(/[-_+]/)[0] ?? "")) return undefined;
  return { kind: "version", numbers: digits.split(".").map(plain), ...readRest(rest) };
}

function readRest(rest: string): Pick<TagMeaning, "family" | "prerelease" | "revision"> {
  const family: string[] = [];
  const prerelease: string[] = [];
  const revision: string[] = [];
  for (const part of rest.replace(/^\./, "").split(/[-_+]/).filter(Boolean)) {
    // Of `1.2.3-4-gabcdef0` only the 4 orders; a family for each commit would be none.
    if (RELEASE.test(part) || isHash(part.replace(/^g/, ""))) continue;
    const isCount = /^r?\d{1,20}$/.test(part);
    if (PRERELEASE.test(part) && family.length === 0) {
      prerelease.push(...part.toLowerCase().match(/[a-z]+|\d+/g) ?? []);
    } else if (prerelease.length > 0 && family.length === 0 && isCount) prerelease.push(part);
    else if ((isCount && family.length === 0) || /^r\d{1,20}$/.test(part)) {
      revision.push(plain(part.replace("r", "")));
    } else family.push(part);
  }
  return { family: family.join("-"), prerelease, revision };
}

/** Without leading zeros. */
function plain(digits: string): string {
  return digits.startsWith("0") ? digits.replace(/^0+(?=\d)/, "") : digits;
}

/**
 * Orders tags, the one that a person would look for first: versions of the plain family, newest
 * first; versions of other families, family by family; dates; words, `latest` before the others;
 * hashes; mirrors of digests. A total order: no two different tags are equal.
 *
 * @param a A tag.
 * @param b Another.
 * @returns Below 0 when `a` comes first.
 */
export function compareTags(a: string, b: string): number {
  return compareRead({ tag: a, meaning: readTag(a) }, { tag: b, meaning: readTag(b) });
}

/** A tag with its meaning, so that a sort reads each tag once. */
export interface ReadTag {
  /** The tag. */
  readonly tag: string;
  /** What it means. */
  readonly meaning: TagMeaning;
}

/**
 * As {@linkcode compareTags}, for tags that have been read.
 *
 * @param a A tag.
 * @param b Another.
 * @returns Below 0 when `a` comes first.
 */
export function compareRead(a: ReadTag, b: ReadTag): number {
  const [x, y] = [a.meaning, b.meaning];
  return KINDS.indexOf(x.kind) - KINDS.indexOf(y.kind) ||
    (x.kind === "word" ? Number(b.tag === "latest") - Number(a.tag === "latest") : 0) ||
    compareText(x.family, y.family) ||
    compareLists(y.numbers, x.numbers) ||
    comparePrereleases(y.prerelease, x.prerelease) ||
    compareLists(y.revision, x.revision) ||
    compareText(a.tag, b.tag);
}

/** By code unit, so that every machine gives the same order. */
function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A missing number is lower than any: `1.27` moves, and stands behind `1.27.3`. */
function compareLists(a: readonly string[], b: readonly string[]): number {
  for (let index = 0; index < Math.max(a.length, b.length); index++) {
    const [x, y] = [a[index], b[index]];
    if (x === undefined || y === undefined) return x === undefined ? -1 : 1;
    const order = x.length - y.length || compareText(x, y);
    if (order !== 0) return order;
  }
  return 0;
}

/** Semantic Versioning 2.0.0, 11: a pre-release is lower than its release, numbers than words. */
function comparePrereleases(a: readonly string[], b: readonly string[]): number {
  if (a.length === 0 || b.length === 0) return Number(a.length === 0) - Number(b.length === 0);
  for (let index = 0; index < Math.max(a.length, b.length); index++) {
    const [x, y] = [a[index], b[index]];
    if (x === undefined || y === undefined) return x === undefined ? -1 : 1;
    const [xIsNumber, yIsNumber] = [/^\d+$/.test(x), /^\d+$/.test(y)];
    if (xIsNumber !== yIsNumber) return xIsNumber ? -1 : 1;
    const [p, q] = xIsNumber ? [plain(x), plain(y)] : [x, y];
    const order = (xIsNumber ? p.length - q.length : 0) || compareText(p, q);
    if (order !== 0) return order;
  }
  return 0;
}

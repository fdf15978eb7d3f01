/**
 * What a form of config file can do: the same for JSON with comments and for TOML. Needs no
 * permission.
 *
 * @module
 */

import type { Broken } from "./place.ts";

/** Where an entry stands in a client's config. */
export interface EntryPath {
  /** Key of the object that holds the servers, at the top of the file. */
  readonly map: string;
  /** Name of the entry in it. */
  readonly name: string;
}

/** The entry of a server as clients take it: texts, lists of texts, and one level of texts. */
export type Entry = Readonly<
  Record<string, string | readonly string[] | Readonly<Record<string, string>>>
>;

/**
 * Whether a value has the form of entries that Wharf writes; others may hold numbers and more.
 *
 * @param value What a file has in the place of an entry.
 */
export function isEntry(value: unknown): value is Entry {
  const isText = (item: unknown) => typeof item === "string";
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    Object.values(value).every((item: unknown) =>
      isText(item) || (Array.isArray(item) && item.every(isText)) ||
      (typeof item === "object" && item !== null && !Array.isArray(item) &&
        Object.values(item).every(isText))
    );
}

/** Keys that say how a server is reached, in any client: those of another way must not stay. */
const REACH: ReadonlySet<string> = new Set([
  "args",
  "bearer_token",
  "bearer_token_env_var",
  "command",
  "env_http_headers",
  "headers",
  "httpUrl",
  "http_headers",
  "serverUrl",
  "transport",
  "type",
  "url",
]);

/** Keys of a program; Codex refuses them beside an address. */
const PROGRAM: ReadonlySet<string> = new Set(["cwd", "env", "envFile", "env_vars"]);

/**
 * Whether a key of an earlier entry has to go.
 *
 * @param key The key.
 * @param entry The new entry.
 */
export function isStale(key: string, entry: Entry): boolean {
  if (Object.hasOwn(entry, key)) return false;
  return REACH.has(key) || (PROGRAM.has(key) && !Object.hasOwn(entry, "command"));
}

/**
 * What an entry says after it was connected: its user may have added variables, time-outs or tools
 * that are switched off, and they stay.
 *
 * @param old What is there.
 * @param entry The new entry.
 */
export function merged(old: unknown, entry: Entry): Readonly<Record<string, unknown>> {
  if (typeof old !== "object" || old === null || Array.isArray(old)) return entry;
  const kept = Object.entries(old).filter(([key]) => !isStale(key, entry));
  return { ...Object.fromEntries(kept), ...entry };
}

/** A config file's text that was read and found whole. */
export interface OpenedText {
  /** What the whole text means. */
  readonly value: Readonly<Record<string, unknown>>;
  /** What the entry means, or `undefined` where there is none. */
  readonly entry: unknown;
  /**
   * The text with this entry. Where one is there, what says how the server is reached is changed,
   * see {@linkcode merged}, and the rest of it stays with its comments.
   */
  set(entry: Entry): string;
  /** The text without the entry; only where there is one. */
  remove(): string;
  /** The text with what may be secret replaced by `…`, line for line; for people to look at. */
  conceal(): string;
}

/** One form of config file. */
export interface ConfigFormat {
  /**
   * Reads a text.
   *
   * @param text Without byte order mark; an empty one is an empty document.
   * @param path Where the entry is looked for.
   * @returns The text, or why it has to stay as it is.
   */
  open(text: string, path: EntryPath): OpenedText | Broken;
}

/** What stands where a value is not shown. */
export const HIDDEN = "…";

/** Keys of an entry whose values say how the server is started or reached. */
const SHOWN: ReadonlySet<string> = new Set([
  "args",
  "bearer_token_env_var",
  "command",
  "cwd",
  "httpUrl",
  "serverUrl",
  "type",
  "url",
]);

/** A secret inside of a value that is shown otherwise: in an address, or behind an equals sign. */
const SECRET_PART = /:\/\/[^/\s]*@|[?&][^=\s]*=|^-[^=]*(?:token|secret|pass|key)[^=]*=/i;

/** A flag whose value is the next word. */
const SECRET_FLAG = /^-.*(?:token|secret|pass|key)/i;

/**
 * Whether a text of an entry is shown to people.
 *
 * @param path Keys from the entry down to the text; items of a list have their number.
 * @param text The text.
 * @param before The item before it in a list, which may be a flag.
 */
export function isShown(
  path: readonly (string | number)[],
  text: string,
  before: string | undefined = undefined,
): boolean {
  const [first] = path;
  // A reference to a variable is no secret, wherever it stands.
  if (/^(?:Bearer )?\$\{?[\w:]+\}?$/.test(text)) return true;
  if (typeof first !== "string" || !SHOWN.has(first) || SECRET_PART.test(text)) return false;
  return before === undefined || !SECRET_FLAG.test(before) || before.includes("=");
}

/** A part of a text that is not shown. */
export interface HiddenRange {
  /** First character. */
  readonly start: number;
  /** After the last character. */
  readonly end: number;
  /** What is shown before and after the `…`. */
  readonly around: readonly [string, string];
}

/**
 * Puts `…` in the place of ranges and keeps the number of lines.
 *
 * @param text The text.
 * @param ranges What to hide; they do not overlap.
 */
export function hide(text: string, ranges: readonly HiddenRange[]): string {
  let shown = "";
  let at = 0;
  for (const { start, end, around } of ranges.toSorted((one, two) => one.start - two.start)) {
    const lines = text.slice(start, end).split("\n").length - 1;
    shown += `${text.slice(at, start)}${around[0]}${HIDDEN}${"\n".repeat(lines)}${around[1]}`;
    at = end;
  }
  return shown + text.slice(at);
}

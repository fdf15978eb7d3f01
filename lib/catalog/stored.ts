/**
 * Entries as the cache holds them: what is usual is left out, so that 40,000
 * entries stay small, and reading them back checks what later code relies on
 * without a full validation of every text, which would take longer than the rest
 * of a start. Needs no permission.
 *
 * @example
 * ```ts
 * import { packEntries, storedEntriesSchema, unpackEntries } from "./stored.ts";
 *
 * const stored = storedEntriesSchema.parse(JSON.parse(JSON.stringify(packEntries([]))));
 * unpackEntries(stored); // []
 * ```
 *
 * @module
 */

import { z } from "zod";
import { AppError } from "../core/errors.ts";
import { KEY_UNKNOWN, NONE } from "./build.ts";
import type { Entry, KeyNeed, LaunchMethod, Package, Remote } from "./entry.ts";

/** Version of the stored form; raise it when {@linkcode Entry} changes its meaning. */
export const STORED_VERSION = 1;

/** An entry in its stored form: JSON without the fields that have their usual value. */
export type StoredEntry = Readonly<Record<string, unknown>> & { readonly id: string };

/** A list of stored entries, as {@linkcode packEntries} makes it. */
export type StoredEntries = readonly StoredEntry[];

const LINE_FEED = 10;

/** Fields that hold lists, and are left out when empty. */
const LISTS = [
  "packages",
  "remotes",
  "settings",
  "categories",
  "tags",
  "launchMethods",
] as const;

/** Fields that are left out when false. */
const FLAGS = ["official", "featured", "dockerBuilt"] as const;

/**
 * Checks the outer form of a stored list: enough that {@linkcode unpackEntries} and its callers do
 * not meet a value of the wrong type where they call a method.
 */
export const storedEntriesSchema: z.ZodType<StoredEntries> = z.custom<StoredEntries>(
  (value) => Array.isArray(value) && value.every(isStoredEntry),
  "not a list of catalogue entries",
);

/**
 * Packs entries for the cache.
 *
 * @param entries The entries.
 * @returns Values for `JSON.stringify`; parts are shared with the entries, so they are not to be changed.
 */
export function packEntries(entries: readonly Entry[]): StoredEntries {
  return entries.map((entry) => {
    const packed: Record<string, unknown> & { id: string } = { ...entry };
    for (const field of LISTS) if (entry[field].length === 0) delete packed[field];
    for (const field of FLAGS) if (!entry[field]) delete packed[field];
    if (entry.title === entry.name) delete packed.title;
    if (entry.description === "") delete packed.description;
    if (entry.status === "active") delete packed.status;
    if (entry.requiresApiKey.evidence === KEY_UNKNOWN.evidence) delete packed.requiresApiKey;
    if (entry.packages.length > 0) packed.packages = entry.packages.map(packInstall);
    if (entry.remotes.length > 0) packed.remotes = entry.remotes.map(packInstall);
    return packed;
  });
}

/**
 * Gives stored entries their full form again. Equal lists of launch methods and empty lists are shared.
 *
 * @param stored What {@linkcode storedEntriesSchema} accepted.
 * @returns The entries, in the same order.
 */
export function unpackEntries(stored: StoredEntries): readonly Entry[] {
  const shared = new Map<string, readonly LaunchMethod[]>();
  const methods = (list: readonly LaunchMethod[]) => {
    const key = list.join();
    const known = shared.get(key) ?? list;
    shared.set(key, known);
    return known;
  };
  return stored.map((packed) => {
    // The schema has checked the types of what the file holds; the defaults complete it.
    const known = packed as Partial<Entry> & Pick<Entry, "id" | "name" | "sources">;
    return {
      ...known,
      title: known.title ?? known.name,
      description: known.description ?? "",
      packages: known.packages?.map(unpackPackage) ?? NONE,
      remotes: known.remotes?.map(unpackRemote) ?? NONE,
      settings: known.settings ?? NONE,
      categories: known.categories ?? NONE,
      tags: known.tags ?? NONE,
      official: known.official ?? false,
      featured: known.featured ?? false,
      dockerBuilt: known.dockerBuilt ?? false,
      requiresApiKey: known.requiresApiKey ?? KEY_UNKNOWN,
      launchMethods: methods(known.launchMethods ?? NONE),
      status: known.status ?? "active",
    };
  });
}

/** Entries by number, which may lie in memory as bytes until somebody looks at one. */
export interface EntryList {
  /** How many there are. */
  readonly length: number;
  /**
   * One entry.
   *
   * @param number From 0 to below `length`.
   */
  at(number: number): Entry;
}

/**
 * Packs entries as one JSON document per line.
 *
 * @param entries The entries.
 */
export function packLines(entries: readonly Entry[]): Uint8Array<ArrayBuffer> {
  const lines = packEntries(entries).map((entry) => `${JSON.stringify(entry)}\n`);
  return new TextEncoder().encode(lines.join(""));
}

/**
 * Opens packed lines; each is parsed when it is looked at, so that 40,000 entries cost a start
 * nothing but their bytes.
 *
 * @param bytes What {@linkcode packLines} gave, of a file whose digest was checked.
 */
export function openLines(bytes: Uint8Array): EntryList {
  const ends: number[] = [];
  for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, at + 1)) {
    ends.push(at);
  }
  const offsets = Uint32Array.from(ends);
  const decoder = new TextDecoder();
  return {
    length: offsets.length,
    at(number) {
      const start = number === 0 ? 0 : (offsets[number - 1] ?? 0) + 1;
      const line = decoder.decode(bytes.subarray(start, offsets[number]));
      const [entry] = unpackEntries([JSON.parse(line)]);
      if (entry === undefined) {
        throw new AppError("INTERNAL", `Cannot read entry ${number}: there is none`);
      }
      return entry;
    },
  };
}

/**
 * Entries that are in memory already.
 *
 * @param entries The entries.
 */
export function listOf(entries: readonly Entry[]): EntryList {
  return {
    length: entries.length,
    at(number) {
      const entry = entries[number];
      if (entry === undefined) {
        throw new AppError("INTERNAL", `Cannot read entry ${number}: there is none`);
      }
      return entry;
    },
  };
}

function packInstall(item: Package | Remote): Readonly<Record<string, unknown>> {
  return "run" in item && item.run !== undefined
    ? { ...withoutUsual(item), run: withoutUsual(item.run) }
    : withoutUsual(item);
}

/** Drops empty lists and `false`. */
function withoutUsual(record: object): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(record).filter(([, value]) =>
      value !== false && !(Array.isArray(value) && value.length === 0)
    ),
  );
}

function unpackPackage(item: Package): Package {
  const { run } = item;
  return {
    ...item,
    settings: item.settings ?? NONE,
    args: item.args ?? NONE,
    ...(run === undefined ? {} : {
      run: {
        ...run,
        volumes: run.volumes ?? NONE,
        disableNetwork: run.disableNetwork ?? false,
        allowHosts: run.allowHosts ?? NONE,
        longLived: run.longLived ?? false,
      },
    }),
  };
}

function unpackRemote(item: Remote): Remote {
  return { ...item, settings: item.settings ?? NONE };
}

function isStoredEntry(value: unknown): boolean {
  if (!isRecord(value)) return false;
  return isText(value.id) && isText(value.name) && isOptional(value.title, isText) &&
    isOptional(value.description, isText) && isListOf(value.sources, isSource) &&
    LISTS.every((field) => isOptional(value[field], Array.isArray)) &&
    isOptional(value.packages, (list) => isListOf(list, isPackage)) &&
    isOptional(value.remotes, (list) => isListOf(list, isRemote)) &&
    isOptional(value.settings, (list) => isListOf(list, isSetting)) &&
    ["categories", "tags", "launchMethods"].every((field) =>
      isOptional(value[field], (list) => isListOf(list, isText))
    ) &&
    isOptional(
      value.tools,
      (list) => isListOf(list, (tool) => isRecord(tool) && isText(tool.name)),
    ) &&
    isOptional(value.requiresApiKey, isKeyNeed) &&
    ["repoUrl", "repoFolder", "homepage", "containerImage"].every((field) =>
      isOptional(value[field], isText)
    );
}

function isSource(value: unknown): boolean {
  return isRecord(value) && isText(value.source) && isText(value.id);
}

function isPackage(value: unknown): boolean {
  return isRecord(value) && isText(value.type) && isText(value.identifier) &&
    isText(value.transport) && isListOf(value.from, isText) &&
    isOptional(value.settings, (list) => isListOf(list, isSetting)) &&
    isOptional(value.args, (list) => isListOf(list, isRecord)) &&
    isOptional(value.run, isRun);
}

function isRun(value: unknown): boolean {
  return isRecord(value) && isOptional(value.allowHosts, (list) => isListOf(list, isText)) &&
    isOptional(value.volumes, (list) => isListOf(list, isVolume));
}

function isVolume(value: unknown): boolean {
  return isRecord(value) && isText(value.source) && isText(value.target);
}

function isRemote(value: unknown): boolean {
  return isRecord(value) && isText(value.url) && isText(value.type) &&
    isListOf(value.from, isText) &&
    isOptional(value.settings, (list) => isListOf(list, isSetting));
}

function isSetting(value: unknown): boolean {
  return isRecord(value) && isText(value.name) && isText(value.kind) &&
    typeof value.required === "boolean" && typeof value.secret === "boolean";
}

function isKeyNeed(value: unknown): value is KeyNeed {
  return isRecord(value) && isText(value.evidence) &&
    (typeof value.value === "boolean" || value.value === "unknown");
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isListOf(value: unknown, isItem: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(isItem);
}

function isOptional(value: unknown, isRight: (item: unknown) => boolean): boolean {
  return value === undefined || isRight(value);
}

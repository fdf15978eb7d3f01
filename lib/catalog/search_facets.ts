/**
 * What entries are filtered and sorted by, in typed arrays: an opened index holds its entries as
 * bytes, and to parse 40,000 of them for one filter would take a third of a second. Needs no
 * permission.
 *
 * @module
 */

import type { Entry, LaunchMethod } from "./entry.ts";

/** Kinds of words that an entry is filed under, as they begin in {@linkcode Facets.words}. */
export type FacetKind = "category" | "tag" | "source";

/** Facts of all entries; an entry is its number. */
export interface Facets {
  /** Bits of {@linkcode FLAG} by entry. */
  readonly flags: Uint8Array;
  /** Everything that entries are filed under, as {@linkcode facetWord} writes it. */
  readonly words: readonly string[];
  /** Where the words of each entry begin in `numbers`; one more than there are entries. */
  readonly starts: Uint32Array;
  /** Numbers of words, entry by entry. */
  readonly numbers: Uint32Array;
  /** Stars; -1 when no source counts them. */
  readonly stars: Float64Array;
  /** When a source last changed the record, in milliseconds since 1970; 0 when none says. */
  readonly updatedMs: Float64Array;
  /** Names in lower case. */
  readonly names: () => readonly string[];
}

/** Facts that an entry has or has not, as bits. */
export const FLAG = {
  official: 1,
  featured: 2,
  needsKey: 4,
  needsNoKey: 8,
  podman: 16,
  stdioProxy: 32,
  remoteHttp: 64,
} as const;

const LAUNCH_FLAGS: Readonly<Record<LaunchMethod, number>> = {
  "podman": FLAG.podman,
  "stdio-proxy": FLAG.stdioProxy,
  "remote-http": FLAG.remoteHttp,
};

/** One word that an entry is filed under, apart from the same word of another kind. */
export function facetWord(kind: FacetKind, word: string): string {
  return `${kind}:${word}`;
}

/** The bits of some launch methods. */
export function launchFlags(methods: readonly LaunchMethod[]): number {
  return methods.reduce((bits, method) => bits | LAUNCH_FLAGS[method], 0);
}

/**
 * Collects the facts.
 *
 * @param entries The entries; their places are their numbers.
 */
export function buildFacets(entries: readonly Entry[]): Facets {
  const known = new Map<string, number>();
  const starts = new Uint32Array(entries.length + 1);
  const numbers: number[] = [];
  entries.forEach((entry, number) => {
    starts[number] = numbers.length;
    for (const word of new Set(wordsOf(entry))) {
      const place = known.get(word) ?? known.size;
      known.set(word, place);
      numbers.push(place);
    }
  });
  starts[entries.length] = numbers.length;
  const names = entries.map(({ name }) => name.toLowerCase());
  return {
    flags: Uint8Array.from(entries, flagsOf),
    words: [...known.keys()],
    starts,
    numbers: Uint32Array.from(numbers),
    stars: Float64Array.from(entries, ({ stars = -1 }) => stars),
    updatedMs: Float64Array.from(entries, updatedMsOf),
    names: () => names,
  };
}

/**
 * The facts as bytes, by name of the part.
 *
 * @param facets The facts.
 */
export function packFacets(facets: Facets): ReadonlyMap<string, Uint8Array<ArrayBuffer>> {
  const { flags, words, starts, numbers, stars, updatedMs, names } = facets;
  const json = (list: readonly string[]) => new TextEncoder().encode(JSON.stringify(list));
  const bytes = (array: Uint8Array | Uint32Array | Float64Array) =>
    new Uint8Array(array.buffer, array.byteOffset, array.byteLength).slice();
  return new Map([
    ["facet-flags", bytes(flags)],
    ["facet-words", json(words)],
    ["facet-starts", bytes(starts)],
    ["facet-numbers", bytes(numbers)],
    ["facet-stars", bytes(stars)],
    ["facet-updated", bytes(updatedMs)],
    ["facet-names", json(names())],
  ]);
}

/**
 * The facts from bytes.
 *
 * @param parts What {@linkcode packFacets} gave, of a file whose digest was checked.
 */
export function unpackFacets(parts: ReadonlyMap<string, Uint8Array<ArrayBuffer>>): Facets {
  const part = (name: string) => parts.get(name) ?? new Uint8Array();
  const numbersOf = (name: string) => part(name).slice().buffer;
  const texts = (name: string): readonly string[] =>
    JSON.parse(new TextDecoder().decode(part(name)) || "[]");
  // Only the order by name needs them.
  let names: readonly string[] | undefined;
  return {
    flags: part("facet-flags"),
    words: texts("facet-words"),
    starts: new Uint32Array(numbersOf("facet-starts")),
    numbers: new Uint32Array(numbersOf("facet-numbers")),
    stars: new Float64Array(numbersOf("facet-stars")),
    updatedMs: new Float64Array(numbersOf("facet-updated")),
    names: () => names ??= texts("facet-names"),
  };
}

function wordsOf({ categories, tags, sources }: Entry): readonly string[] {
  return [
    ...categories.map((word) => facetWord("category", word)),
    ...tags.map((word) => facetWord("tag", word)),
    ...sources.map(({ source }) => facetWord("source", source)),
  ];
}

function flagsOf({ official, featured, requiresApiKey, launchMethods }: Entry): number {
  let flags = launchFlags(launchMethods);
  if (official) flags |= FLAG.official;
  if (featured) flags |= FLAG.featured;
  if (requiresApiKey.value === true) flags |= FLAG.needsKey;
  if (requiresApiKey.value === false) flags |= FLAG.needsNoKey;
  return flags;
}

function updatedMsOf({ sources }: Entry): number {
  return sources.reduce(
    (newest, { updated = "" }) => Math.max(newest, Date.parse(updated) || 0),
    0,
  );
}

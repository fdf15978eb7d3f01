/**
 * The search over the catalogue: text first, then quality. Needs no permission.
 *
 * @example
 * ```ts
 * import { SearchIndex } from "./search.ts";
 * import { builtinEntries } from "./sources/builtin.ts";
 *
 * const index = SearchIndex.build(builtinEntries({ source: "builtin" }));
 * index.find("query a postgres database", { limit: 1 }).hits[0]?.entry.name; // "postgres"
 * ```
 *
 * @module
 */

import { z } from "zod";
import { AppError } from "../core/errors.ts";
import type { Sections } from "../store.ts";
import type { Entry } from "./entry.ts";
import { compileFilters, type EntryFilters } from "./filters.ts";
import { foldId } from "./normalise.ts";
import { decodeCursor, encodeCursor, type Mark } from "./search_cursor.ts";
import {
  buildTermIndex,
  FIELD,
  type FieldName,
  packTermIndex,
  type TermIndex,
  unpackTermIndex,
  weightAt,
} from "./search_index.ts";
import { type Query, type QueryWord, readQuery } from "./search_query.ts";
import { qualityOf } from "./search_rank.ts";
import { Speller } from "./search_spelling.ts";
import { wordsOf } from "./search_terms.ts";
import { type EntryList, listOf, openLines, packLines } from "./stored.ts";

/** One server that was found. */
export interface SearchHit {
  /** The server. */
  readonly entry: Entry;
  /** How well it fits; only comparable within one answer. */
  readonly score: number;
  /** Why it was found, such as `name: postgres`. */
  readonly reasons: readonly string[];
}

/** What {@linkcode SearchIndex.find} takes beside the query. */
export interface FindOptions {
  /** Which entries may be found. @default all */
  readonly filters?: EntryFilters;
  /** Most hits. */
  readonly limit: number;
  /** Goes on after an earlier answer. */
  readonly cursor?: string;
}

/** What a search gives. */
export interface FindResult {
  /** The hits, best first. */
  readonly hits: readonly SearchHit[];
  /** How many there are on all pages. */
  readonly total: number;
  /** The next page; absent at the end. */
  readonly nextCursor?: string;
  /** Words that nobody uses, and what they were taken for. */
  readonly corrections: readonly { readonly word: string; readonly used: readonly string[] }[];
  /** Ids to try when nothing was found. */
  readonly nearest: readonly string[];
}

/** The order of a list. */
export type ListSort = "quality" | "name" | "stars" | "updated";

/** What {@linkcode SearchIndex.list} takes. */
export interface ListOptions {
  /** Which entries are listed. @default all */
  readonly filters?: EntryFilters;
  /** The order: best, A to Z, most stars, newest. @default {"quality"} */
  readonly sort?: ListSort;
  /** Most entries. */
  readonly limit: number;
  /** Goes on after an earlier answer. */
  readonly cursor?: string;
}

/** What a list gives. */
export interface ListResult {
  /** The entries in order. */
  readonly entries: readonly Entry[];
  /** How many there are on all pages. */
  readonly total: number;
  /** The next page; absent at the end. */
  readonly nextCursor?: string;
}

/** An entry that has less than this share of the words that the best one has is no hit, */
const LEAST_COVERAGE = 0.55;

/** unless there are fewer hits than this: then half of that share is enough. */
const FEW_HITS = 20;

/** What a full match of all words is worth over one of some. */
const COVERAGE_POWER = 1.6;

/** How much a name that the query names whole is worth. */
const NAME_SHARE = 0.45;

/** What it is worth to be called exactly as was written, words that say nothing included. */
const EXACT_NAME = 1.6;

/** How much quality is worth against text. */
const QUALITY_SHARE = 0.22;

/** Most reasons of a hit. */
const MAX_REASONS = 3;

const FIELD_NAMES: readonly FieldName[] = ["name", "title", "tag", "tool", "owner", "description"];

const namesSchema = z.object({
  ids: z.array(z.string()),
  aliases: z.array(z.tuple([z.string(), z.number()])),
});

/** One numbered entry and what it is sorted by. */
interface Ranked {
  readonly number: number;
  readonly key: number | string;
}

/** What an index is made of. */
interface Parts {
  readonly entries: EntryList;
  readonly index: TermIndex;
  readonly quality: Float32Array;
  readonly ids: readonly string[];
  /** Ids that an entry has in its sources, and its number. */
  readonly aliases: readonly (readonly [string, number])[];
}

/** The index over one state of the catalogue. */
export class SearchIndex {
  readonly #entries: EntryList;
  readonly #index: TermIndex;
  readonly #quality: Float32Array;
  readonly #ids: readonly string[];
  readonly #aliases: Parts["aliases"];
  readonly #scores: Float32Array;
  readonly #covered: Float32Array;
  readonly #best: Float32Array;
  #byId: ReadonlyMap<string, number> | undefined;
  #speller: Speller | undefined;

  private constructor({ entries, index, quality, ids, aliases }: Parts) {
    this.#entries = entries;
    this.#index = index;
    this.#quality = quality;
    this.#ids = ids;
    this.#aliases = aliases;
    this.#scores = new Float32Array(entries.length);
    this.#covered = new Float32Array(entries.length);
    this.#best = new Float32Array(entries.length);
  }

  /**
   * Builds the index.
   *
   * @param entries The merged catalogue.
   */
  static build(entries: readonly Entry[]): SearchIndex {
    return new SearchIndex({
      entries: listOf(entries),
      index: buildTermIndex(entries),
      quality: Float32Array.from(entries, qualityOf),
      ids: entries.map(({ id }) => id),
      aliases: entries.flatMap(({ id, sources }, number) =>
        sources.filter((source) => source.id !== id).map((source) => [source.id, number] as const)
      ),
    });
  }

  /**
   * Opens an index that was packed.
   *
   * @param parts What {@linkcode SearchIndex.pack} gave, of a file whose digest was checked.
   */
  static open(parts: Sections): SearchIndex {
    const part = (name: string) => parts.get(name) ?? new Uint8Array();
    const entries = openLines(part("entries"));
    const { ids, aliases } = namesSchema.parse(
      JSON.parse(new TextDecoder().decode(part("names"))),
    );
    return new SearchIndex({
      entries,
      index: unpackTermIndex(parts, entries.length),
      quality: new Float32Array(part("quality").slice().buffer),
      ids,
      aliases,
    });
  }

  /** The index with its entries as bytes, by name of the part. */
  pack(): Sections {
    const { length } = this.#entries;
    const entries = Array.from({ length }, (_, number) => this.#entries.at(number));
    return new Map([
      ["entries", packLines(entries)],
      [
        "names",
        new TextEncoder().encode(JSON.stringify({ ids: this.#ids, aliases: this.#aliases })),
      ],
      ["quality", new Uint8Array(this.#quality.slice().buffer)],
      ...packTermIndex(this.#index),
    ]);
  }

  /** Number of servers. */
  get size(): number {
    return this.#ids.length;
  }

  /**
   * Finds servers.
   *
   * @param query What is wanted, in words; may be empty where a filter is given.
   * @param options Filters, limit and cursor.
   * @throws {AppError} `INVALID_ARGUMENT` for a query without words and filters, or a wrong cursor.
   */
  find(query: string, options: FindOptions): FindResult {
    const { filters = {}, limit, cursor } = options;
    const read = this.#read(query);
    const passes = compileFilters(filters);
    const question = [query, filters];
    const mark = cursor === undefined ? undefined : decodeCursor(cursor, question);
    if (read.words.length === 0) {
      if (passes === undefined) {
        throw new AppError("INVALID_ARGUMENT", `Cannot search for "${query}": it has no words`, {
          hint: "Say what the server is to do, or browse with registry-list",
        });
      }
      return this.#findByQuality({ passes, question, limit, mark });
    }
    const ranked = this.#rank(read, passes, query);
    const page = this.#page(ranked, { limit, mark });
    const hits = page.shown.map(({ number, key }) => ({
      entry: this.#entries.at(number),
      score: Number(key),
      reasons: this.#reasons(number, read.words),
    }));
    return {
      hits,
      total: ranked.length,
      ...this.#next(page, question),
      corrections: read.corrections,
      nearest: ranked.length > 0 ? [] : this.nearestIds(query, 5),
    };
  }

  /**
   * Lists servers.
   *
   * @param options Filters, order, limit and cursor.
   * @throws {AppError} `INVALID_ARGUMENT` for a wrong cursor.
   */
  list(options: ListOptions): ListResult {
    const { filters = {}, sort = "quality", limit, cursor } = options;
    const question = [sort, filters];
    const mark = cursor === undefined ? undefined : decodeCursor(cursor, question);
    const passes = compileFilters(filters);
    const ranked: Ranked[] = [];
    // The quality is known without a look at the entry.
    const isBlind = passes === undefined && sort === "quality";
    for (let number = 0; number < this.size; number++) {
      if (isBlind) {
        ranked.push({ number, key: this.#qualityKey(number) });
        continue;
      }
      const entry = this.#entries.at(number);
      if (passes === undefined || passes(entry)) {
        const key = sort === "quality" ? this.#qualityKey(number) : sortKey(entry, sort);
        ranked.push({ number, key });
      }
    }
    const page = this.#page(ranked, { limit, mark });
    return {
      entries: page.shown.map(({ number }) => this.#entries.at(number)),
      total: ranked.length,
      ...this.#next(page, question),
    };
  }

  /**
   * Looks a server up.
   *
   * @param id Any of its ids, whatever the case; or the last part of one, when no other server has it.
   */
  get(id: string): Entry | undefined {
    const number = this.#numberOf(id.trim());
    if (number !== undefined) return this.#entries.at(number);
    const wanted = id.trim().toLowerCase();
    if (!/^[\w.-]{1,100}$/.test(wanted)) return undefined;
    const named: Entry[] = [];
    for (let other = 0; other < this.size; other++) {
      const last = this.#ids[other]?.split("/").at(-1);
      if (last?.toLowerCase() === wanted) named.push(this.#entries.at(other));
    }
    return named.length === 1 ? named[0] : undefined;
  }

  /**
   * Ids that are like one that does not exist.
   *
   * @param id What was looked for.
   * @param limit How many.
   */
  nearestIds(id: string, limit: number): readonly string[] {
    const wanted = id.trim().toLowerCase();
    const last = wanted.split("/").at(-1) ?? "";
    const found = new Set<string>();
    const words = wordsOf(last);
    if (words.length > 0) {
      const ranked = this.#rank(this.#read(last), undefined, last);
      const source = `${wanted.split("/")[0]}/`;
      // Of what fits, that of the source that was meant comes first.
      const { shown } = this.#page(ranked, { limit: limit * 4, mark: undefined });
      const ids = shown.map(({ number }) => this.#idOf(number));
      for (const near of ids.filter((other) => other.startsWith(source))) found.add(near);
      for (const near of ids) found.add(near);
    }
    return [...found].slice(0, limit);
  }

  #read(query: string): Query {
    const index = this.#index;
    return readQuery(query, {
      index,
      speller: () => this.#speller ??= new Speller(index.words(), index.wordCounts),
    });
  }

  #numberOf(id: string): number | undefined {
    this.#byId ??= new Map([
      ...this.#aliases.map(([alias, number]) => [foldId(alias), number] as const),
      // An entry's own id wins over the same id in a source of another.
      ...this.#ids.map((own, number) => [foldId(own), number] as const),
    ]);
    return this.#byId.get(foldId(id));
  }

  #idOf(number: number): string {
    return this.#ids[number] ?? "";
  }

  #qualityKey(number: number): number {
    return Math.round((this.#quality[number] ?? 0) * 10_000) / 10_000;
  }

  #findByQuality(options: {
    readonly passes: (entry: Entry) => boolean;
    readonly question: unknown;
    readonly limit: number;
    readonly mark: Mark | undefined;
  }): FindResult {
    const ranked: Ranked[] = [];
    for (let number = 0; number < this.size; number++) {
      if (options.passes(this.#entries.at(number))) {
        ranked.push({ number, key: this.#qualityKey(number) });
      }
    }
    const page = this.#page(ranked, options);
    return {
      hits: page.shown.map(({ number, key }) => ({
        entry: this.#entries.at(number),
        score: Number(key),
        reasons: [],
      })),
      total: ranked.length,
      ...this.#next(page, options.question),
      corrections: [],
      nearest: [],
    };
  }

  /** Scores every entry that has enough of the query's words. */
  #rank(
    query: Query,
    passes: ((entry: Entry) => boolean) | undefined,
    text: string,
  ): Ranked[] {
    const { starts, entries } = this.#index;
    const [scores, covered, best] = [this.#scores, this.#covered, this.#best];
    const touched: number[] = [];
    for (const { meanings, idf } of query.words) {
      const ofWord: number[] = [];
      for (const { term, weight } of meanings) {
        const end = starts[term + 1] ?? 0;
        for (let position = starts[term] ?? 0; position < end; position++) {
          const number = entries[position] ?? 0;
          const value = weight * weightAt(this.#index, position);
          const before = best[number] ?? 0;
          if (before === 0) ofWord.push(number);
          if (value > before) best[number] = value;
        }
      }
      for (const number of ofWord) {
        const value = best[number] ?? 0;
        if (scores[number] === 0) touched.push(number);
        scores[number] = (scores[number] ?? 0) + idf * value;
        // A weak mention covers a word in part.
        covered[number] = (covered[number] ?? 0) + idf * Math.min(1, value);
        best[number] = 0;
      }
    }
    const whole = query.words.reduce((sum, { idf }) => sum + idf, 0);
    const most = touched.reduce((max, number) => Math.max(max, covered[number] ?? 0), 0);
    const nameIsQuery = this.#namesOf(query);
    const strict = most * LEAST_COVERAGE;
    const hasFew = touched.filter((number) => (covered[number] ?? 0) >= strict).length < FEW_HITS;
    const least = hasFew ? strict / 2 : strict;
    const written = text.trim().toLowerCase();
    const ranked: Ranked[] = [];
    for (const number of touched) {
      const share = covered[number] ?? 0;
      const words = scores[number] ?? 0;
      scores[number] = 0;
      covered[number] = 0;
      if (share < least) continue;
      if (passes !== undefined && !passes(this.#entries.at(number))) continue;
      const nameShare = nameIsQuery.get(number) ?? 0;
      const isName = nameShare > 0 && this.#isCalled(number, written);
      const key = words * (isName ? EXACT_NAME : 1) * (share / whole) ** COVERAGE_POWER *
        (1 + NAME_SHARE * nameShare * share / most) *
        (1 + QUALITY_SHARE * (this.#quality[number] ?? 0));
      ranked.push({ number, key: Math.round(key * 10_000) / 10_000 });
    }
    return ranked;
  }

  /** Whether a text is the id of an entry, or the last part of it. */
  #isCalled(number: number, text: string): boolean {
    const id = this.#idOf(number).toLowerCase();
    return id === text || id.endsWith(`/${text}`);
  }

  /** For entries whose name has words of the query: which share of the name they are. */
  #namesOf({ words }: Query): ReadonlyMap<number, number> {
    const { starts, entries, fields, nameTerms } = this.#index;
    const shares = new Map<number, number>();
    for (const { meanings } of words) {
      for (const { term, weight } of meanings) {
        if (weight < 0.7) continue;
        const end = starts[term + 1] ?? 0;
        for (let position = starts[term] ?? 0; position < end; position++) {
          if (((fields[position] ?? 0) & FIELD.name) === 0) continue;
          const number = entries[position] ?? 0;
          const share = weight / Math.max(1, nameTerms[number] ?? 1);
          shares.set(number, Math.min(1, (shares.get(number) ?? 0) + share));
        }
      }
    }
    return shares;
  }

  /** Why an entry was found: the fields of each word, the telling ones first. */
  #reasons(number: number, words: readonly QueryWord[]): readonly string[] {
    const byField = new Map<FieldName, string[]>();
    for (const { word, meanings } of words) {
      let bits = 0;
      let strongest = 0;
      for (const { term, weight } of meanings) {
        const position = this.#positionOf(term, number);
        if (position === undefined || weight <= strongest) continue;
        bits = this.#index.fields[position] ?? 0;
        strongest = weight;
      }
      const field = FIELD_NAMES.find((name) => (bits & FIELD[name]) !== 0);
      if (field !== undefined) byField.set(field, [...byField.get(field) ?? [], word]);
    }
    return FIELD_NAMES.flatMap((field) => {
      const found = byField.get(field);
      return found === undefined ? [] : [`${field}: ${found.join(", ")}`];
    }).slice(0, MAX_REASONS);
  }

  /** Where an entry stands in the list of a term; the lists are in the order of numbers. */
  #positionOf(term: number, number: number): number | undefined {
    const { starts, entries } = this.#index;
    let low = starts[term] ?? 0;
    let high = starts[term + 1] ?? 0;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((entries[middle] ?? 0) < number) low = middle + 1;
      else high = middle;
    }
    return low < (starts[term + 1] ?? 0) && entries[low] === number ? low : undefined;
  }

  /** The entries after a mark, in order; only those of the page are sorted. */
  #page(ranked: readonly Ranked[], { limit, mark }: {
    readonly limit: number;
    readonly mark: Mark | undefined;
  }): { readonly shown: readonly Ranked[]; readonly hasMore: boolean } {
    const order = (a: Ranked, b: Ranked) =>
      compareKeys(a.key, b.key) || compareIds(this.#idOf(a.number), this.#idOf(b.number));
    let rest = ranked;
    if (mark !== undefined) {
      const number = this.#numberOf(mark.id);
      // Where the last entry stands now: new entries change what rare words are worth.
      const now = ranked.find((item) => item.number === number);
      const key = now?.key ?? mark.key;
      rest = ranked.filter((item) =>
        (compareKeys(key, item.key) || compareIds(mark.id, this.#idOf(item.number))) < 0
      );
    }
    return { shown: firstOf(rest, limit, order), hasMore: rest.length > limit };
  }

  #next(
    { shown, hasMore }: { readonly shown: readonly Ranked[]; readonly hasMore: boolean },
    question: unknown,
  ): { readonly nextCursor?: string } {
    const last = shown.at(-1);
    if (!hasMore || last === undefined) return {};
    return { nextCursor: encodeCursor({ key: last.key, id: this.#idOf(last.number) }, question) };
  }
}

/** What an entry is sorted by, where its quality is not asked for. */
function sortKey(entry: Entry, sort: Exclude<ListSort, "quality">): number | string {
  switch (sort) {
    case "stars":
      return entry.stars ?? -1;
    case "updated":
      return entry.sources.reduce(
        (newest, { updated = "" }) => Math.max(newest, Date.parse(updated) || 0),
        0,
      );
    case "name":
      return entry.name.toLowerCase();
  }
}

/** Numbers from high to low, texts from A to Z. */
function compareKeys(a: number | string, b: number | string): number {
  if (typeof a === "number" && typeof b === "number") return b - a;
  return a < b ? -1 : a > b ? 1 : 0;
}

function compareIds(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The first items in an order, without sorting the others. */
function firstOf<T>(items: readonly T[], count: number, order: (a: T, b: T) => number): T[] {
  const first: T[] = [];
  for (const item of items) {
    const last = first.at(-1);
    if (first.length === count && last !== undefined && order(item, last) >= 0) continue;
    let low = 0;
    let high = first.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = first[middle];
      if (other !== undefined && order(other, item) <= 0) low = middle + 1;
      else high = middle;
    }
    first.splice(low, 0, item);
    if (first.length > count) first.pop();
  }
  return first;
}

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
import { buildFacets, type Facets, packFacets, unpackFacets } from "./search_facets.ts";
import { buildTermIndex, packTermIndex, type TermIndex, unpackTermIndex } from "./search_index.ts";
import { Matcher } from "./search_match.ts";
import { type Page, pageOf, type Ranked } from "./search_page.ts";
import { type Query, readQuery } from "./search_query.ts";
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

/** Ids that are offered where nothing was found. */
const MAX_NEAREST = 5;

const namesSchema = z.object({
  ids: z.array(z.string()),
  aliases: z.array(z.tuple([z.string(), z.number()])),
});

/** What an index is made of. */
interface Parts {
  readonly entries: EntryList;
  readonly index: TermIndex;
  readonly facets: Facets;
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
  readonly #facets: Facets;
  readonly #matcher: Matcher;
  #byId: ReadonlyMap<string, number> | undefined;
  #speller: Speller | undefined;

  private constructor({ entries, index, facets, quality, ids, aliases }: Parts) {
    this.#entries = entries;
    this.#index = index;
    this.#quality = quality;
    this.#ids = ids;
    this.#aliases = aliases;
    this.#facets = facets;
    this.#matcher = new Matcher(index, { quality, ids });
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
      facets: buildFacets(entries),
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
      facets: unpackFacets(parts),
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
      ...packFacets(this.#facets),
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
    const passes = compileFilters(filters, this.#facets);
    const question = [query, filters];
    const after = cursor === undefined ? undefined : decodeCursor(cursor, question);
    if (read.words.length === 0 && passes === undefined) {
      throw new AppError("INVALID_ARGUMENT", `Cannot search for "${query}": it has no words`, {
        hint: "Say what the server is to do, or browse with registry-list",
      });
    }
    const ranked = read.words.length === 0
      ? this.#all(passes, "quality")
      : this.#matcher.rank(read, { passes, text: query });
    const page = this.#page(ranked, limit, after);
    const total = ranked.numbers.length;
    return {
      hits: page.shown.map((number) => ({
        entry: this.#entries.at(number),
        score: Number(ranked.keyOf(number)),
        reasons: this.#matcher.reasons(number, read.words),
      })),
      total,
      ...this.#next(page, ranked, question),
      corrections: read.corrections,
      nearest: total > 0 ? [] : this.nearestIds(query, MAX_NEAREST),
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
    const after = cursor === undefined ? undefined : decodeCursor(cursor, question);
    const ranked = this.#all(compileFilters(filters, this.#facets), sort);
    const page = this.#page(ranked, limit, after);
    return {
      entries: page.shown.map((number) => this.#entries.at(number)),
      total: ranked.numbers.length,
      ...this.#next(page, ranked, question),
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
    const named = this.#ids.flatMap((other, place) => isLastPart(other, wanted) ? [place] : []);
    const [only] = named;
    return named.length === 1 && only !== undefined ? this.#entries.at(only) : undefined;
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
      const ranked = this.#matcher.rank(this.#read(last), { text: last });
      const source = `${wanted.split("/")[0]}/`;
      // Of what fits, that of the source that was meant comes first.
      const ids = this.#page(ranked, limit * 4).shown.map((number) => this.#idOf(number));
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

  /** What entries are sorted by. */
  #keyOf(sort: ListSort): Ranked["keyOf"] {
    const { stars, updatedMs, names } = this.#facets;
    switch (sort) {
      case "quality":
        return (number) => Math.round((this.#quality[number] ?? 0) * 10_000) / 10_000;
      case "stars":
        return (number) => stars[number] ?? -1;
      case "updated":
        return (number) => updatedMs[number] ?? 0;
      case "name": {
        const all = names();
        return (number) => all[number] ?? "";
      }
    }
  }

  /** Every entry that passes. */
  #all(passes: ((number: number) => boolean) | undefined, sort: ListSort): Ranked {
    const numbers: number[] = [];
    for (let number = 0; number < this.size; number++) {
      if (passes === undefined || passes(number)) numbers.push(number);
    }
    return { numbers, keyOf: this.#keyOf(sort) };
  }

  #page(ranked: Ranked, limit: number, after?: Mark): Page {
    const afterNumber = after === undefined ? undefined : this.#numberOf(after.id);
    return pageOf(ranked, { limit, ids: this.#ids, after, afterNumber });
  }

  #next({ shown, hasMore }: Page, { keyOf }: Ranked, question: unknown): {
    readonly nextCursor?: string;
  } {
    const last = shown.at(-1);
    if (!hasMore || last === undefined) return {};
    return { nextCursor: encodeCursor({ key: keyOf(last), id: this.#idOf(last) }, question) };
  }
}

/** Whether a name is what stands after the last slash of an id. */
function isLastPart(id: string, name: string): boolean {
  const at = id.length - name.length;
  return at > 0 && id[at - 1] === "/" && id.slice(at).toLowerCase() === name;
}

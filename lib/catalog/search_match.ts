/**
 * Scores entries against a query: text first, then quality. Needs no permission.
 *
 * @module
 */

import { FIELD, type FieldName, type TermIndex, weightAt } from "./search_index.ts";
import type { Ranked } from "./search_page.ts";
import type { Query, QueryWord } from "./search_query.ts";

/** An entry that has less than this share of the words that the best one has is no hit, */
const LEAST_COVERAGE = 0.5;

/** unless there are fewer hits than this: then half of that share is enough. */
const FEW_HITS = 20;

/** What a full match of all words is worth over one of some. */
const COVERAGE_POWER = 2.5;

/** How much a name that the query names whole is worth. */
const NAME_SHARE = 0.45;

/** What it is worth to be called exactly as was written, words that say nothing included. */
const EXACT_NAME = 1.6;

/** How much quality is worth against text. */
const QUALITY_SHARE = 0.22;

/** A word that stands for another less well than this does not name an entry. */
const NAMING_WEIGHT = 0.7;

/** Most reasons of a hit. */
const MAX_REASONS = 3;

const FIELD_NAMES: readonly FieldName[] = ["name", "title", "tag", "tool", "owner", "description"];

/** What {@linkcode Matcher.rank} takes beside the query. */
export interface MatchOptions {
  /** What was asked, as it was written. */
  readonly text: string;
  /** Which entries may be found. @default all */
  readonly passes?: ((number: number) => boolean) | undefined;
}

/** Scores the entries of one index. */
export class Matcher {
  readonly #index: TermIndex;
  readonly #quality: Float32Array;
  readonly #ids: readonly string[];
  // Kept between queries, all zeros, since to make them anew would cost more than most queries.
  readonly #scores: Float32Array;
  readonly #covered: Float32Array;
  readonly #best: Float32Array;

  /**
   * @param index Terms to entries.
   * @param entries What is known of each entry beside its words, by number.
   */
  constructor(
    index: TermIndex,
    entries: { readonly quality: Float32Array; readonly ids: readonly string[] },
  ) {
    this.#index = index;
    this.#quality = entries.quality;
    this.#ids = entries.ids;
    this.#scores = new Float32Array(index.size);
    this.#covered = new Float32Array(index.size);
    this.#best = new Float32Array(index.size);
  }

  /**
   * Finds every entry that has enough of the query's words.
   *
   * @param query The query in terms of the index.
   * @param options Its text, and which entries may be found.
   */
  rank(query: Query, options: MatchOptions): Ranked {
    const { passes, text } = options;
    const touched = this.#score(query);
    const [scores, covered] = [this.#scores, this.#covered];
    const allowed = passes === undefined ? touched : touched.filter(passes);
    const whole = query.words.reduce((sum, { idf }) => sum + idf, 0);
    let most = 0;
    for (const number of allowed) most = Math.max(most, covered[number] ?? 0);
    const strict = most * LEAST_COVERAGE;
    let full = 0;
    for (const number of allowed) if ((covered[number] ?? 0) >= strict) full++;
    const least = full < FEW_HITS ? strict / 2 : strict;
    const named = this.#namedBy(query);
    const written = text.trim().toLowerCase();
    const keys = new Map<number, number>();
    for (const number of allowed) {
      const share = covered[number] ?? 0;
      if (share < least) continue;
      const nameShare = named.get(number) ?? 0;
      const isName = nameShare > 0 && this.#isCalled(number, written);
      const key = (scores[number] ?? 0) * (isName ? EXACT_NAME : 1) *
        (share / whole) ** COVERAGE_POWER *
        (1 + NAME_SHARE * nameShare * share / most) *
        (1 + QUALITY_SHARE * (this.#quality[number] ?? 0));
      keys.set(number, Math.round(key * 10_000) / 10_000);
    }
    for (const number of touched) {
      scores[number] = 0;
      covered[number] = 0;
    }
    return { numbers: [...keys.keys()], keyOf: (number) => keys.get(number) ?? 0 };
  }

  /**
   * Why an entry was found.
   *
   * @param number The entry.
   * @param words The words of the query.
   * @returns The fields with the words that they have, the telling fields first.
   */
  reasons(number: number, words: readonly QueryWord[]): readonly string[] {
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

  /** Sums up words in `#scores` and `#covered`; gives the entries that have any. */
  #score({ words }: Query): readonly number[] {
    const { starts, entries } = this.#index;
    const [scores, covered, best] = [this.#scores, this.#covered, this.#best];
    const touched: number[] = [];
    for (const { meanings, idf } of words) {
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
    return touched;
  }

  /** Whether a text is the id of an entry, or the last part of it. */
  #isCalled(number: number, text: string): boolean {
    const id = (this.#ids[number] ?? "").toLowerCase();
    return id === text || id.endsWith(`/${text}`);
  }

  /** For entries whose name has words of the query: which share of the name they are. */
  #namedBy({ words }: Query): ReadonlyMap<number, number> {
    const { starts, entries, fields, nameTerms } = this.#index;
    const shares = new Map<number, number>();
    for (const { meanings } of words) {
      for (const { term, weight } of meanings) {
        if (weight < NAMING_WEIGHT) continue;
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

  /** Where an entry stands in the list of a term; the lists are in the order of numbers. */
  #positionOf(term: number, number: number): number | undefined {
    const { starts, entries } = this.#index;
    let low = starts[term] ?? 0;
    const end = starts[term + 1] ?? 0;
    let high = end;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((entries[middle] ?? 0) < number) low = middle + 1;
      else high = middle;
    }
    return low < end && entries[low] === number ? low : undefined;
  }
}

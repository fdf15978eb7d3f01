/**
 * What a query means in terms of the index: for each word the terms that it stands for, with how
 * well each does. Needs no permission.
 *
 * @module
 */

import { numberOf, placeOf, type TermIndex } from "./search_index.ts";
import type { Speller } from "./search_spelling.ts";
import { termOf, wordsOf } from "./search_terms.ts";
import { EXPANDED, RELATED, STOP_WORDS, WEAK_WORDS } from "./search_words.ts";

/** A term that a word of the query may mean. */
export interface Meaning {
  /** Number of the term. */
  readonly term: number;
  /** How well it stands for the word, from 0 to 1. */
  readonly weight: number;
}

/** One word of a query. */
export interface QueryWord {
  /** As it was written, in lower case. */
  readonly word: string;
  /** What it may mean; empty when nothing is near. */
  readonly meanings: readonly Meaning[];
  /** How much it says: rare words say more. */
  readonly idf: number;
}

/** A query in terms of the index. */
export interface Query {
  /** Its words. */
  readonly words: readonly QueryWord[];
  /** Words that were taken for others. */
  readonly corrections: readonly { readonly word: string; readonly used: readonly string[] }[];
}

/** Most words of a query that count. */
const MAX_WORDS = 24;

/** Words that begin like the query's last one. */
const MAX_PREFIXED = 12;

/** Fewer letters begin anything. */
const MIN_PREFIX_CHARS = 3;

/** A known word within a query is whole; only longer ones also find `shortener` by `shorten`. */
const MIN_INNER_PREFIX_CHARS = 5;

/** Known words of fewer letters are near to too many others to be slips. */
const MIN_SLIP_CHARS = 5;

/** How much a weak word counts. */
const WEAK_SHARE = 0.4;

/** As few entries may have a word by a slip, */
const RARE = 4;

/** when another that is nearly the same is in as many times more. */
const MUCH_MORE = 15;

/** How well a word stands for another. */
const WEIGHT = { related: 0.35, prefix: 0.55, corrected: 0.75, slip: 0.4, part: 0.7 };

/**
 * Reads a query.
 *
 * @param text What was asked.
 * @param deps The index, and the speller, which is made when it is needed.
 */
export function readQuery(text: string, deps: {
  readonly index: TermIndex;
  readonly speller: () => Speller;
}): Query {
  const { index } = deps;
  const all = wordsOf(text).flatMap((word) => EXPANDED.get(word) ?? [word]);
  const telling = all.filter((word) => !STOP_WORDS.has(word));
  const unique = [...new Set(telling.length === 0 ? all : telling)].slice(0, MAX_WORDS);
  const asked = new Set(unique.map(termOf));
  const corrections: { word: string; used: readonly string[] }[] = [];
  const seen = new Set<string>();
  const words: QueryWord[] = [];
  unique.forEach((word, place) => {
    const term = termOf(word);
    if (seen.has(term)) return;
    seen.add(term);
    const meanings = new Map<number, number>();
    const add = (other: string, weight: number) => {
      const number = numberOf(index, other);
      if (number === undefined) return false;
      meanings.set(number, Math.max(meanings.get(number) ?? 0, weight));
      return true;
    };
    const isKnown = add(term, 1);
    for (const other of RELATED.get(word) ?? RELATED.get(term) ?? []) {
      // Of "book a hotel", the hotel is not met by what books.
      if (!asked.has(termOf(other))) add(termOf(other), WEIGHT.related);
    }
    // `you tube` and `time series` are also written as one word.
    const at = all.indexOf(word);
    const next = all[at + 1];
    if (next !== undefined) add(termOf(word + next), 1);
    const previous = all[at - 1];
    if (previous !== undefined) add(termOf(previous + word), 1);
    const isLast = place === unique.length - 1;
    if (word.length >= (!isKnown || isLast ? MIN_PREFIX_CHARS : MIN_INNER_PREFIX_CHARS)) {
      const beginning = isKnown ? word : shorter(term, word);
      for (const prefixed of beginningWith(index.terms, beginning)) {
        if (prefixed !== term) add(prefixed, WEIGHT.prefix * word.length / prefixed.length);
      }
    }
    const met = isKnown
      ? countOf(term, index)
      : [...meanings.keys()].reduce((sum, number) => sum + entriesOf(number, index), 0);
    // What hardly anybody uses may be a slip of a usual word, but is also what was written.
    if (met <= RARE && (!isKnown || word.length >= MIN_SLIP_CHARS)) {
      const near = isKnown
        ? deps.speller().correct(word, { limit: 1, maxEdits: 1 })
          .filter((other) => countOf(termOf(other), index) > met * MUCH_MORE)
        : deps.speller().correct(word, { limit: 3 })
          .filter((other) => countOf(termOf(other), index) > met);
      const weight = isKnown ? WEIGHT.slip : WEIGHT.corrected;
      const used = near.filter((other, rank) => {
        const share = weight / (1 + rank);
        for (const part of EXPANDED.get(other) ?? []) add(termOf(part), share * WEIGHT.part);
        return add(termOf(other), share);
      });
      if (used.length > 0) corrections.push({ word, used });
      else if (meanings.size === 0) {
        for (const part of partsOf(word, index)) add(part, WEIGHT.part);
      }
    }
    const share = WEAK_WORDS.has(word) ? WEAK_SHARE : 1;
    words.push({ word, meanings: toMeanings(meanings), idf: share * idfOf(meanings, index) });
  });
  return { words, corrections };
}

function toMeanings(meanings: ReadonlyMap<number, number>): readonly Meaning[] {
  return [...meanings].map(([term, weight]) => ({ term, weight }));
}

/** Of the best meaning; a word that nothing is known of still counts against what lacks it. */
function idfOf(meanings: ReadonlyMap<number, number>, index: TermIndex): number {
  let best = 0;
  let weightOfBest = 0;
  for (const [term, weight] of meanings) {
    const count = entriesOf(term, index);
    const idf = Math.log(1 + (index.size - count + 0.5) / (count + 0.5));
    if (weight > weightOfBest) {
      best = idf;
      weightOfBest = weight;
    } else if (weight === weightOfBest) best = Math.min(best, idf);
  }
  return best === 0 ? Math.log(1 + index.size) / 2 : best;
}

/** A folded word finds `recruiter` by `recruiting`, but must not be too short to say something. */
function shorter(term: string, word: string): string {
  return term.length >= 4 ? term : word;
}

/** Terms that begin with a word. */
function beginningWith(sorted: readonly string[], word: string): readonly string[] {
  const found: string[] = [];
  for (
    let index = placeOf(sorted, word);
    index < sorted.length && found.length < MAX_PREFIXED * 4;
    index++
  ) {
    const term = sorted[index] ?? "";
    if (!term.startsWith(word)) break;
    found.push(term);
  }
  return found.sort((a, b) => a.length - b.length).slice(0, MAX_PREFIXED);
}

/** Entries that have a term. */
function countOf(term: string, index: TermIndex): number {
  const number = numberOf(index, term);
  return number === undefined ? 0 : entriesOf(number, index);
}

/** The same by the number of a term. */
function entriesOf(number: number, { starts }: TermIndex): number {
  return (starts[number + 1] ?? 0) - (starts[number] ?? 0);
}

/** Two known terms that a word is made of, as `postgresadmin`. */
function partsOf(word: string, index: TermIndex): readonly string[] {
  let best: readonly string[] = [];
  let bestCount = 0;
  for (let at = 3; at <= word.length - 3; at++) {
    const pair = [termOf(word.slice(0, at)), termOf(word.slice(at))];
    const count = Math.min(...pair.map((term) => countOf(term, index)));
    // A part that two entries have is a coincidence.
    if (count > 2 && count > bestCount) {
      best = pair;
      bestCount = count;
    }
  }
  return best;
}

/**
 * Finds the words that a misspelt one was meant to be: the only importer of `fuse.js`, which
 * compares the few words of the vocabulary that have about the same letters. Needs no permission.
 *
 * @module
 */

import Fuse from "fuse.js";

/** A word and how often it occurs. */
export interface KnownWord {
  /** The word. */
  readonly word: string;
  /** Number of entries that have it. */
  readonly count: number;
}

/** Fewer letters may be anything. */
const MIN_CHARS = 3;

/** Most words that are compared. */
const MAX_CANDIDATES = 250;

/** Letters that may be in one word only; a transposed pair has none, a wrong letter two. */
const MAX_LETTER_DIFFERENCE = 3;

/** How much a match may differ (0 equal, 1 anything): enough for two letters that changed places in four. */
const THRESHOLD = 0.6;

/** From as many letters on, two slips in one word are taken for slips. */
const LONG_WORD = 8;

/** How much the score of `fuse.js` is worth, in edits. */
const SCORE_SHARE = 1;

/** How much it is worth that `e` times as many entries have a word, in edits. */
const COUNT_SHARE = 0.15;

/** The vocabulary by letters. */
export class Speller {
  readonly #words: readonly string[];
  readonly #counts: ArrayLike<number>;
  readonly #letters: Uint32Array;

  /**
   * @param words The vocabulary.
   * @param counts Number of entries by word.
   */
  constructor(words: readonly string[], counts: ArrayLike<number>) {
    this.#words = words;
    this.#counts = counts;
    this.#letters = Uint32Array.from(words, lettersOf);
  }

  /**
   * The nearest words.
   *
   * @param word A word that the vocabulary lacks, in lower case.
   * @param options `limit`: how many; `maxEdits`: how far. @default by the length of the word
   * @returns The nearest first; empty when none is near.
   */
  correct(
    word: string,
    options: { readonly limit: number; readonly maxEdits?: number },
  ): readonly string[] {
    const { limit, maxEdits = word.length < LONG_WORD ? 1.5 : 2 } = options;
    // `s3` and `auth0` are no slips.
    if (word.length < MIN_CHARS || /\d/.test(word)) return [];
    const candidates = this.#candidates(word);
    const fuse = new Fuse(candidates, {
      keys: ["word"],
      includeScore: true,
      threshold: THRESHOLD,
      distance: 4,
      minMatchCharLength: 2,
    });
    // Near words first; one that many entries have is meant more often than one that a few have.
    return fuse.search(word)
      .map(({ item, score = 1 }) => {
        const edits = distance(word, item.word);
        return {
          word: item.word,
          edits,
          rank: edits + score * SCORE_SHARE - Math.log1p(item.count) * COUNT_SHARE,
        };
      })
      .filter((near) => near.word !== word && near.edits <= maxEdits)
      .sort((a, b) => a.rank - b.rank)
      .slice(0, limit)
      .map((near) => near.word);
  }

  #candidates(word: string): readonly KnownWord[] {
    const letters = lettersOf(word);
    const found: (KnownWord & { readonly difference: number })[] = [];
    const reach = word.length < 6 ? 1 : 2;
    for (let index = 0; index < this.#words.length; index++) {
      const candidate = this.#words[index] ?? "";
      if (Math.abs(candidate.length - word.length) > reach) continue;
      const difference = bits(letters ^ (this.#letters[index] ?? 0));
      if (difference > MAX_LETTER_DIFFERENCE) continue;
      found.push({ word: candidate, count: this.#counts[index] ?? 0, difference });
    }
    return found.length <= MAX_CANDIDATES
      ? found
      : found.sort((a, b) => a.difference - b.difference || b.count - a.count).slice(
        0,
        MAX_CANDIDATES,
      );
  }
}

/** One bit for each letter, one for all digits, one for the rest. */
function lettersOf(word: string): number {
  let letters = 0;
  for (let index = 0; index < word.length; index++) {
    const code = word.charCodeAt(index);
    if (code >= 97 && code <= 122) letters |= 1 << (code - 97);
    else if (code >= 48 && code <= 57) letters |= 1 << 26;
    else letters |= 1 << 27;
  }
  return letters >>> 0;
}

function bits(value: number): number {
  let left = value >>> 0;
  let count = 0;
  while (left !== 0) {
    left &= left - 1;
    count++;
  }
  return count;
}

/** Edits between two words; a transposed pair is one, a wrong first letter counts half more. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const isSame = a[row - 1] === b[column - 1];
      let cost = Math.min(
        (previous[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (previous[column - 1] ?? 0) + (isSame ? 0 : 1),
      );
      if (
        row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      ) cost = Math.min(cost, (before[column - 2] ?? 0) + 1);
      current.push(cost);
    }
    [before, previous] = [previous, current];
  }
  return (previous[b.length] ?? 0) + (a[0] === b[0] ? 0 : 0.5);
}

/**
 * Finds the words that a misspelt one was meant to be: the only importer of `fuse.js`, which
 * compares the few words of the vocabulary that have about the same letters. Needs no permission.
 *
 * @module
 */

import Fuse from "fuse.js";

/** A word of the vocabulary that is near. */
interface NearWord {
  readonly word: string;
  /** Number of entries that have it. */
  readonly count: number;
  /** How many slips lie between. */
  readonly edits: number;
}

/** Rows of the table of edits. */
type Rows = readonly [Uint8Array, Uint8Array, Uint8Array];

/** Fewer letters may be anything. */
const MIN_CHARS = 3;

/** Longer words are none that people write. */
const MAX_CHARS = 40;

/** A wrong first letter counts as much more: people seldom begin a word wrongly. */
const FIRST_LETTER = 0.5;

/** How much a match may differ (0 equal, 1 anything): enough for two letters that changed places in four. */
const THRESHOLD = 0.6;

/** From as many letters on, two slips in one word are taken for slips. */
const LONG_WORD = 8;

/** How much the score of `fuse.js` is worth, in edits. */
const SCORE_SHARE = 1;

/** How much it is worth that `e` times as many entries have a word, in edits. */
const COUNT_SHARE = 0.15;

/** The vocabulary by length and letters: a slip changes little of either. */
export class Speller {
  readonly #words: readonly string[];
  readonly #counts: ArrayLike<number>;
  /** Numbers of the words, the short ones first. */
  readonly #byLength: Uint32Array;
  /** Letters of each, in the same order, so that they are looked through in one go. */
  readonly #letters: Uint32Array;
  /** Where the words of each length begin. */
  readonly #starts: Uint32Array;

  /**
   * @param words The vocabulary.
   * @param counts Number of entries by word.
   */
  constructor(words: readonly string[], counts: ArrayLike<number>) {
    this.#words = words;
    this.#counts = counts;
    // Those that are too long stand where nothing is looked for.
    const lengthOf = ({ length }: string) => length > MAX_CHARS ? 0 : length;
    const starts = new Uint32Array(MAX_CHARS + 2);
    for (const word of words) starts[lengthOf(word) + 1] = (starts[lengthOf(word) + 1] ?? 0) + 1;
    for (let at = 1; at < starts.length; at++) {
      starts[at] = (starts[at] ?? 0) + (starts[at - 1] ?? 0);
    }
    this.#byLength = new Uint32Array(words.length);
    this.#letters = new Uint32Array(words.length);
    const next = starts.slice();
    words.forEach((word, number) => {
      const place = next[lengthOf(word)] ?? 0;
      next[lengthOf(word)] = place + 1;
      this.#byLength[place] = number;
      this.#letters[place] = lettersOf(word);
    });
    this.#starts = starts;
  }

  /**
   * The nearest words.
   *
   * @param word A word in lower case, as a rule one that the vocabulary lacks.
   * @param options `limit`: how many; `maxEdits`: how many slips lie between. @default by the length of the word
   * @returns The nearest first, without the word itself; empty when none is near.
   */
  correct(
    word: string,
    options: { readonly limit: number; readonly maxEdits?: number },
  ): readonly string[] {
    const { limit, maxEdits = word.length < LONG_WORD ? 1 + FIRST_LETTER : 2 } = options;
    // `s3` and `auth0` are no slips.
    if (word.length < MIN_CHARS || word.length > MAX_CHARS || /\d/.test(word)) return [];
    const fuse = new Fuse(this.#near(word, maxEdits), {
      keys: ["word"],
      includeScore: true,
      threshold: THRESHOLD,
      distance: 4,
      minMatchCharLength: 2,
    });
    // Near words first; one that many entries have is meant more often than one that a few have.
    return fuse.search(word)
      .map(({ item: { word: near, edits, count }, score = 1 }) => ({
        near,
        rank: edits + score * SCORE_SHARE - Math.log1p(count) * COUNT_SHARE,
      }))
      .sort((a, b) => a.rank - b.rank)
      .slice(0, limit)
      .map(({ near }) => near);
  }

  /** Every word within some edits; `fuse.js` has to compare those only. */
  #near(word: string, maxEdits: number): readonly NearWord[] {
    const letters = lettersOf(word);
    const slips = Math.floor(maxEdits);
    const found: NearWord[] = [];
    const row = () => new Uint8Array(MAX_CHARS + 1);
    const rows: Rows = [row(), row(), row()];
    const first = this.#starts[Math.max(0, word.length - slips)] ?? 0;
    const end = this.#starts[Math.min(MAX_CHARS, word.length + slips) + 1] ?? 0;
    for (let place = first; place < end; place++) {
      // A slip puts one letter in the place of another, at most.
      if (bits(letters ^ (this.#letters[place] ?? 0)) > 2 * slips) continue;
      const number = this.#byLength[place] ?? 0;
      const near = this.#words[number] ?? "";
      if (near === word) continue;
      const edits = editsBetween(word, near, { most: slips, rows }) +
        (near[0] === word[0] ? 0 : FIRST_LETTER);
      if (edits <= maxEdits) found.push({ word: near, count: this.#counts[number] ?? 0, edits });
    }
    return found;
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

/** Number of ones (Warren, Hacker's Delight, 5-1). */
function bits(value: number): number {
  let sum = value - ((value >>> 1) & 0x55555555);
  sum = (sum & 0x33333333) + ((sum >>> 2) & 0x33333333);
  return Math.imul((sum + (sum >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** Edits between two words, a transposed pair being one; anything above `most` when there are more. */
function editsBetween(a: string, b: string, { most, rows }: {
  readonly most: number;
  /** Three rows of the table, made once for all words. */
  readonly rows: Rows;
}): number {
  let [before, previous, current] = rows;
  for (let column = 0; column <= b.length; column++) previous[column] = column;
  for (let row = 1; row <= a.length; row++) {
    const letter = a.charCodeAt(row - 1);
    current[0] = row;
    let least = row;
    for (let column = 1; column <= b.length; column++) {
      const other = b.charCodeAt(column - 1);
      let cost = Math.min(
        (previous[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (previous[column - 1] ?? 0) + (letter === other ? 0 : 1),
      );
      if (
        row > 1 && column > 1 && letter === b.charCodeAt(column - 2) &&
        a.charCodeAt(row - 2) === other
      ) cost = Math.min(cost, (before[column - 2] ?? 0) + 1);
      current[column] = cost;
      least = Math.min(least, cost);
    }
    // A transposed pair may still save one.
    if (least > most + 1) return least;
    [before, previous, current] = [previous, current, before];
  }
  return previous[b.length] ?? 0;
}

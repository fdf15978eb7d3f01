/**
 * The inverted index: for each term the entries that have it, with a weight by field (BM25F,
 * Robertson and Zaragoza 2009, chapter 3.6) and a mark of the fields. Kept in typed arrays, since
 * 40,000 entries have a million of such pairs. Needs no permission.
 *
 * @module
 */

import type { Entry } from "./entry.ts";
import { termOf, wordsOf } from "./search_terms.ts";
import { STOP_WORDS } from "./search_words.ts";

/** Parts of an entry that are searched, as bits. */
export const FIELD = { name: 1, title: 2, tag: 4, tool: 8, owner: 16, description: 32 } as const;

/** Name of a field. */
export type FieldName = keyof typeof FIELD;

/** How much a term says in each field. */
const WEIGHTS: Readonly<Record<FieldName, number>> = {
  name: 4,
  title: 3,
  tag: 1.6,
  tool: 1.4,
  owner: 0.6,
  description: 1,
};

/** Terms counted per field of one entry: a text that repeats all words must not match all queries. */
const MAX_TERMS: Readonly<Record<FieldName, number>> = {
  name: 16,
  title: 16,
  tag: 40,
  tool: 200,
  owner: 12,
  description: 80,
};

/** BM25's saturation. */
const SATURATION = 1;

/** How much a long text counts against an entry, from 0 to 1. */
const LENGTH_SHARE = 0.35;

/** Weights are kept in steps of this. */
const STEP = 1 / 64;

/** Terms to entries. */
export interface TermIndex {
  /** Number of entries. */
  readonly size: number;
  /** The terms, from A to Z; their places are their numbers. */
  readonly terms: readonly string[];
  /** Where the entries of each term begin; one more than there are terms. */
  readonly starts: Uint32Array;
  /** Entries, term by term. */
  readonly entries: Uint32Array;
  /** Weight of each, in steps of `STEP`; see {@linkcode weightAt}. */
  readonly weights: Uint8Array;
  /** Fields of each, as bits of {@linkcode FIELD}. */
  readonly fields: Uint8Array;
  /** Distinct terms in the name of each entry. */
  readonly nameTerms: Uint8Array;
  /** Words as texts have them, before they were folded to terms. */
  readonly words: () => readonly string[];
  /** Entries by word. */
  readonly wordCounts: Uint32Array;
}

/** Weight of a term in an entry. */
export function weightAt(index: TermIndex, position: number): number {
  return (index.weights[position] ?? 0) * STEP;
}

/**
 * Finds the number of a term.
 *
 * @param index The index.
 * @param term A folded word.
 * @returns Its number, or `undefined` when no entry has it.
 */
export function numberOf({ terms }: TermIndex, term: string): number | undefined {
  const number = placeOf(terms, term);
  return terms[number] === term ? number : undefined;
}

/**
 * Where a term stands, or would stand.
 *
 * @param terms Terms from A to Z.
 * @param term A term, or how one begins.
 */
export function placeOf(terms: readonly string[], term: string): number {
  let low = 0;
  let high = terms.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((terms[middle] ?? "") < term) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * The index as bytes, by name of the part.
 *
 * @param index The index.
 */
export function packTermIndex(index: TermIndex): ReadonlyMap<string, Uint8Array<ArrayBuffer>> {
  const texts = (list: readonly string[]) => new TextEncoder().encode(list.join("\n"));
  return new Map([
    ["terms", texts(index.terms)],
    ["starts", bytesOf(index.starts)],
    ["numbers", bytesOf(index.entries)],
    ["weights", bytesOf(index.weights)],
    ["fields", bytesOf(index.fields)],
    ["name-terms", bytesOf(index.nameTerms)],
    ["words", texts(index.words())],
    ["word-counts", bytesOf(index.wordCounts)],
  ]);
}

/**
 * The index from bytes.
 *
 * @param parts What {@linkcode packTermIndex} gave, of a file whose digest was checked.
 * @param size Number of entries.
 */
export function unpackTermIndex(
  parts: ReadonlyMap<string, Uint8Array<ArrayBuffer>>,
  size: number,
): TermIndex {
  const part = (name: string) => parts.get(name) ?? new Uint8Array();
  const texts = (name: string) => {
    const text = new TextDecoder().decode(part(name));
    return text === "" ? [] : text.split("\n");
  };
  // Only a misspelt word needs them.
  let words: readonly string[] | undefined;
  return {
    size,
    terms: texts("terms"),
    starts: new Uint32Array(part("starts").slice().buffer),
    entries: new Uint32Array(part("numbers").slice().buffer),
    weights: part("weights"),
    fields: part("fields"),
    nameTerms: part("name-terms"),
    words: () => words ??= texts("words"),
    wordCounts: new Uint32Array(part("word-counts").slice().buffer),
  };
}

function bytesOf(numbers: Uint8Array | Uint32Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength).slice();
}

/** The texts of an entry by field. */
function textsOf(entry: Entry): readonly (readonly [FieldName, readonly string[]])[] {
  return [
    ["name", [entry.name]],
    ["title", [entry.title]],
    ["tag", [...entry.tags, ...entry.categories]],
    ["tool", entry.tools?.map(({ name }) => name) ?? []],
    ["owner", repositoryOf(entry)],
    ["description", [entry.description]],
  ];
}

/** Whose repository it is, and its name; else the first part of the id after the source. */
function repositoryOf({ repoUrl, repoFolder = "", id }: Entry): readonly string[] {
  if (repoUrl === undefined) {
    // `io.github.acme` is acme, who need not have to do with GitHub.
    return id.split("/").slice(1, -1).map((part) =>
      part.replace(/^(?:io\.github|[a-z]{2,3})\./, "")
    );
  }
  return [...repoUrl.split("/").slice(3), repoFolder.split("/").at(-1) ?? ""];
}

/**
 * Builds the index.
 *
 * @param entries The entries; their places are their numbers.
 */
export function buildTermIndex(entries: readonly Entry[]): TermIndex {
  const terms = new Map<string, number>();
  const lists: number[][] = [];
  const wordNumbers = new Map<string, number>();
  const wordCounts: number[] = [];
  const wordSeen: number[] = [];
  const nameTerms = new Uint8Array(entries.length);
  const lengths = new Float32Array(entries.length);
  let totalLength = 0;
  // Per entry: raw weight and fields of each of its terms.
  const found = new Map<number, { weight: number; fields: number }>();
  entries.forEach((entry, number) => {
    found.clear();
    let length = 0;
    for (const [field, texts] of textsOf(entry)) {
      let left = MAX_TERMS[field];
      for (const text of texts) {
        if (text === "" || left <= 0) continue;
        const words = wordsOf(text);
        // `sequential-thinking` is also looked for as one word.
        if ((field === "name" || field === "title") && words.length > 1 && words.length < 5) {
          words.push(words.filter((word) => !STOP_WORDS.has(word)).join(""));
        }
        for (const word of words) {
          if (left <= 0) break;
          if (word === "" || STOP_WORDS.has(word)) continue;
          left--;
          let wordNumber = wordNumbers.get(word);
          if (wordNumber === undefined) {
            wordNumber = wordNumbers.size;
            wordNumbers.set(word, wordNumber);
            wordCounts.push(0);
            wordSeen.push(-1);
          }
          if (wordSeen[wordNumber] !== number) {
            wordSeen[wordNumber] = number;
            wordCounts[wordNumber] = (wordCounts[wordNumber] ?? 0) + 1;
          }
          const term = termOf(word);
          let termNumber = terms.get(term);
          if (termNumber === undefined) {
            termNumber = terms.size;
            terms.set(term, termNumber);
            lists.push([]);
          }
          if (field === "description") length++;
          const known = found.get(termNumber);
          if (known === undefined) {
            found.set(termNumber, { weight: WEIGHTS[field], fields: FIELD[field] });
          } else if ((known.fields & FIELD[field]) === 0) {
            known.weight += WEIGHTS[field];
            known.fields |= FIELD[field];
          } // Of one field each further mention says less.
          else known.weight += WEIGHTS[field] / 4;
        }
      }
      if (field === "name") nameTerms[number] = Math.min(255, found.size);
    }
    lengths[number] = length;
    totalLength += length;
    for (const [term, { weight, fields }] of found) {
      // Weight, fields and entry in one number keep the lists small while they grow.
      lists[term]?.push(number * 65_536 + Math.min(1023, Math.round(weight * 32)) * 64 + fields);
    }
  });
  const average = Math.max(1, totalLength / Math.max(1, entries.length));
  const total = lists.reduce((sum, list) => sum + list.length, 0);
  const starts = new Uint32Array(lists.length + 1);
  const numbers = new Uint32Array(total);
  const weights = new Uint8Array(total);
  const fields = new Uint8Array(total);
  let position = 0;
  const sorted = [...terms.keys()].sort();
  sorted.forEach((term, place) => {
    starts[place] = position;
    for (const packed of lists[terms.get(term) ?? 0] ?? []) {
      const number = Math.floor(packed / 65_536);
      const rest = packed % 65_536;
      const raw = Math.floor(rest / 64) / 32;
      const norm = 1 - LENGTH_SHARE + LENGTH_SHARE * (lengths[number] ?? 0) / average;
      const weight = raw * (SATURATION + 1) / (raw + SATURATION * norm);
      numbers[position] = number;
      weights[position] = Math.max(1, Math.min(255, Math.round(weight / STEP)));
      fields[position] = rest % 64;
      position++;
    }
  });
  starts[lists.length] = position;
  const words = [...wordNumbers.keys()];
  return {
    size: entries.length,
    terms: sorted,
    starts,
    entries: numbers,
    weights,
    fields,
    nameTerms,
    words: () => words,
    wordCounts: Uint32Array.from(wordCounts),
  };
}

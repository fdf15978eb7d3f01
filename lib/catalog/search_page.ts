/**
 * Pages of a ranked list: the entries after a mark, in order. Needs no permission.
 *
 * @module
 */

import type { Mark } from "./search_cursor.ts";

/** Entries in no order yet, and what they are sorted by. */
export interface Ranked {
  /** Numbers of the entries. */
  readonly numbers: readonly number[];
  /** What an entry of the list is sorted by: numbers from high to low, texts from A to Z. */
  readonly keyOf: (number: number) => number | string;
}

/** Some entries of a list. */
export interface Page {
  /** The entries, in order. */
  readonly shown: readonly number[];
  /** Whether others follow. */
  readonly hasMore: boolean;
}

/** What {@linkcode pageOf} takes beside the list. */
export interface PageOptions {
  /** Most entries. */
  readonly limit: number;
  /** Ids by number: they decide between equal keys. */
  readonly ids: readonly string[];
  /** Where the page before ended. */
  readonly after?: Mark | undefined;
  /** The entry that the mark names, when there still is one. */
  readonly afterNumber?: number | undefined;
}

/**
 * Takes one page. Only its own entries are sorted, so that a long list costs one look at each.
 *
 * @param ranked The list.
 * @param options Where the page begins and how long it is.
 */
export function pageOf({ numbers, keyOf }: Ranked, options: PageOptions): Page {
  const { limit, ids, after, afterNumber } = options;
  const order = (a: number, b: number) =>
    compareKeys(keyOf(a), keyOf(b)) || compareIds(ids[a] ?? "", ids[b] ?? "");
  let rest = numbers;
  if (after !== undefined) {
    // Where that entry stands now: new entries change what rare words are worth.
    const key = afterNumber !== undefined && numbers.includes(afterNumber)
      ? keyOf(afterNumber)
      : after.key;
    rest = numbers.filter((number) =>
      (compareKeys(key, keyOf(number)) || compareIds(after.id, ids[number] ?? "")) < 0
    );
  }
  return { shown: firstOf(rest, limit, order), hasMore: rest.length > limit };
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

/**
 * Which entries a question is about. Needs no permission.
 *
 * @example
 * ```ts
 * import { compileFilters } from "./filters.ts";
 * import { buildFacets } from "./search_facets.ts";
 * import { builtinEntries } from "./sources/builtin.ts";
 *
 * const entries = builtinEntries({ source: "builtin" });
 * const passes = compileFilters({ official: true }, buildFacets(entries));
 * entries.filter((_, number) => passes?.(number)).length > 0; // true
 * ```
 *
 * @module
 */

import { mapCategory, normaliseTags } from "./categories.ts";
import type { LaunchMethod } from "./entry.ts";
import { type FacetKind, type Facets, facetWord, FLAG, launchFlags } from "./search_facets.ts";

/** Filters: of a list any word may fit, and all filters have to. */
export interface EntryFilters {
  /** Categories, in anybody's words. */
  readonly categories?: readonly string[];
  /** Tags. */
  readonly tags?: readonly string[];
  /** Sources that know the server. */
  readonly sources?: readonly string[];
  /** Whether it is made by the maker of the product that it serves. */
  readonly official?: boolean;
  /** Whether Wharf's own list names it. */
  readonly featured?: boolean;
  /** Whether a credential is needed. */
  readonly requiresApiKey?: boolean | "unknown";
  /** Ways to launch it. */
  readonly launchMethods?: readonly LaunchMethod[];
}

/**
 * Makes one test of all filters.
 *
 * @param filters The filters; an empty list is no filter.
 * @param facets The facts of the entries.
 * @returns The test of an entry's number, or `undefined` when every entry passes.
 */
export function compileFilters(
  filters: EntryFilters,
  facets: Facets,
): ((number: number) => boolean) | undefined {
  const { categories, tags, sources, official, featured, requiresApiKey, launchMethods } = filters;
  const { flags } = facets;
  const tests: ((number: number) => boolean)[] = [];
  const flagged = (bit: number, wanted: boolean) =>
    tests.push((number) => (((flags[number] ?? 0) & bit) !== 0) === wanted);
  if (official !== undefined) flagged(FLAG.official, official);
  if (featured !== undefined) flagged(FLAG.featured, featured);
  if (requiresApiKey === true) flagged(FLAG.needsKey, true);
  else if (requiresApiKey === false) flagged(FLAG.needsNoKey, true);
  else if (requiresApiKey === "unknown") flagged(FLAG.needsKey | FLAG.needsNoKey, false);
  if (launchMethods !== undefined && launchMethods.length > 0) {
    flagged(launchFlags(launchMethods), true);
  }
  const filed = (kind: FacetKind, wanted: readonly string[] | undefined) => {
    if (wanted !== undefined && wanted.length > 0) {
      tests.push(filedUnder(facets, wanted.map((word) => facetWord(kind, word))));
    }
  };
  filed("category", categories?.map((name) => mapCategory(name) ?? name));
  // A tag of which nothing is left is no reason to show everything.
  filed("tag", tags?.map((tag) => normaliseTags([tag])[0] ?? tag));
  filed("source", sources);
  return tests.length === 0 ? undefined : (number) => tests.every((test) => test(number));
}

/** Whether an entry is filed under any of some words. */
function filedUnder(
  { words, starts, numbers }: Facets,
  wanted: readonly string[],
): (number: number) => boolean {
  const places = new Set(wanted.map((word) => words.indexOf(word)));
  return (number) => {
    const end = starts[number + 1] ?? 0;
    for (let at = starts[number] ?? 0; at < end; at++) {
      if (places.has(numbers[at] ?? -1)) return true;
    }
    return false;
  };
}

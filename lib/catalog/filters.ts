/**
 * Which entries a question is about. Needs no permission.
 *
 * @example
 * ```ts
 * import { compileFilters } from "./filters.ts";
 * import { builtinEntries } from "./sources/builtin.ts";
 *
 * const passes = compileFilters({ official: true });
 * builtinEntries({ source: "builtin" }).filter((entry) => passes?.(entry)).length > 0; // true
 * ```
 *
 * @module
 */

import { mapCategory, normaliseTags } from "./categories.ts";
import type { Entry, LaunchMethod } from "./entry.ts";

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
 * @returns The test, or `undefined` when every entry passes.
 */
export function compileFilters(filters: EntryFilters): ((entry: Entry) => boolean) | undefined {
  const tests: ((entry: Entry) => boolean)[] = [];
  const anyOf = (
    wanted: readonly string[] | undefined,
    of: (entry: Entry) => readonly string[],
  ) => {
    if (wanted === undefined || wanted.length === 0) return;
    const set = new Set(wanted);
    tests.push((entry) => of(entry).some((word) => set.has(word)));
  };
  const { categories, tags, sources, official, featured, requiresApiKey, launchMethods } = filters;
  anyOf(categories?.map((name) => mapCategory(name) ?? name), (entry) => entry.categories);
  anyOf(tags && normaliseTags(tags), (entry) => entry.tags);
  anyOf(sources, (entry) => entry.sources.map(({ source }) => source));
  anyOf(launchMethods, (entry) => entry.launchMethods);
  if (official !== undefined) tests.push((entry) => entry.official === official);
  if (featured !== undefined) tests.push((entry) => entry.featured === featured);
  if (requiresApiKey !== undefined) {
    tests.push((entry) => entry.requiresApiKey.value === requiresApiKey);
  }
  return tests.length === 0 ? undefined : (entry) => tests.every((test) => test(entry));
}

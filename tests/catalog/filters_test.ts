/**
 * Filters over facts, as they are built and as they are opened. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import type { Entry, LaunchMethod } from "../../lib/catalog/entry.ts";
import { compileFilters, type EntryFilters } from "../../lib/catalog/filters.ts";
import { buildFacets, packFacets, unpackFacets } from "../../lib/catalog/search_facets.ts";
import { makeEntry } from "./make.ts";

const METHODS: readonly LaunchMethod[] = ["podman", "stdio-proxy", "remote-http"];

const entryOf = fc.record({
  categories: fc.uniqueArray(fc.constantFrom("database", "cloud", "search")),
  tags: fc.uniqueArray(fc.constantFrom("sql", "database", "web")),
  sources: fc.uniqueArray(fc.constantFrom("docker", "awesome", "official"), { minLength: 1 }),
  official: fc.boolean(),
  featured: fc.boolean(),
  key: fc.constantFrom<boolean | "unknown">(true, false, "unknown"),
  launchMethods: fc.uniqueArray(fc.constantFrom(...METHODS)),
}).map(({ key, sources, ...facts }): Entry => ({
  ...makeEntry("a/b"),
  ...facts,
  sources: sources.map((source) => ({ source, id: `${source}/b` })),
  requiresApiKey: { value: key, evidence: "said so" },
}));

const filtersOf = fc.record({
  categories: fc.uniqueArray(fc.constantFrom("database", "cloud", "none such")),
  tags: fc.uniqueArray(fc.constantFrom("sql", "database", "none such")),
  sources: fc.uniqueArray(fc.constantFrom("docker", "awesome", "none such")),
  official: fc.boolean(),
  featured: fc.boolean(),
  requiresApiKey: fc.constantFrom<boolean | "unknown">(true, false, "unknown"),
  launchMethods: fc.uniqueArray(fc.constantFrom(...METHODS)),
}, { requiredKeys: [] });

/** What the filters mean, said plainly over the entry itself. */
function isMeant(entry: Entry, filters: Partial<EntryFilters>): boolean {
  const anyOf = (wanted: readonly string[] | undefined, has: readonly string[]) =>
    wanted === undefined || wanted.length === 0 || wanted.some((word) => has.includes(word));
  const is = <T>(wanted: T | undefined, has: T) => wanted === undefined || wanted === has;
  return anyOf(filters.categories, entry.categories) && anyOf(filters.tags, entry.tags) &&
    anyOf(filters.sources, entry.sources.map(({ source }) => source)) &&
    anyOf(filters.launchMethods, entry.launchMethods) && is(filters.official, entry.official) &&
    is(filters.featured, entry.featured) &&
    is(filters.requiresApiKey, entry.requiresApiKey.value);
}

Deno.test("compileFilters() lets pass what is meant, of built and of opened facts", () => {
  fc.assert(
    fc.property(fc.array(entryOf, { maxLength: 8 }), filtersOf, (entries, filters) => {
      const built = buildFacets(entries);
      const expected = entries.map((entry) => isMeant(entry, filters));
      for (const facets of [built, unpackFacets(packFacets(built))]) {
        const passes = compileFilters(filters, facets) ?? (() => true);
        assert.deepEqual(entries.map((_, number) => passes(number)), expected);
      }
    }),
    { seed: 21, numRuns: 500 },
  );
});

Deno.test("compileFilters() understands anybody's words", () => {
  const facets = buildFacets([{ ...makeEntry("a/b"), categories: ["database"], tags: ["my-sql"] }]);
  const passes = (filters: EntryFilters) => compileFilters(filters, facets)?.(0);
  assert.equal(passes({ categories: ["🗄️ Databases"] }), true);
  assert.equal(passes({ tags: ["My SQL"] }), true);
  // The words of one kind are none of another.
  assert.equal(passes({ categories: ["my-sql"] }), false);
  assert.equal(passes({ tags: ["database"] }), false);
  assert.equal(passes({ sources: ["database"] }), false);
  // Nothing is left of it, which is no reason to show everything.
  assert.equal(passes({ tags: ["!!"] }), false);
});

Deno.test("compileFilters() is no filter where none is given", () => {
  const facets = buildFacets([]);
  assert.equal(compileFilters({}, facets), undefined);
  assert.equal(compileFilters({ categories: [], tags: [], launchMethods: [] }, facets), undefined);
});

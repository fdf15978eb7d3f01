/**
 * How good servers are that fit equally well. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { Entry } from "../../lib/catalog/entry.ts";
import { qualityOf } from "../../lib/catalog/search_rank.ts";
import { makeEntry } from "./make.ts";

const PLAIN = makeEntry("awesome/acme/notes");

Deno.test("qualityOf() rises by each fact that speaks for a server", () => {
  const better: readonly Partial<Entry>[] = [
    { official: true },
    { featured: true },
    { sources: [...PLAIN.sources, { source: "docker", id: "docker/notes" }] },
    { launchMethods: ["podman"] },
    { verified: true },
    { dockerBuilt: true },
    { tools: [] },
    { stars: 10 },
  ];
  for (const facts of better) {
    assert.ok(qualityOf({ ...PLAIN, ...facts }) > qualityOf(PLAIN), JSON.stringify(facts));
  }
  assert.ok(qualityOf({ ...PLAIN, stars: 9000 }) > qualityOf({ ...PLAIN, stars: 90 }));
});

Deno.test("qualityOf() falls by each fact that speaks against a server", () => {
  const worse: readonly Partial<Entry>[] = [
    { status: "deprecated" },
    { status: "archived" },
    { verified: false },
    { cloneGroup: "a/b", cloneRank: 3 },
  ];
  for (const facts of worse) {
    assert.ok(qualityOf({ ...PLAIN, ...facts }) < qualityOf(PLAIN), JSON.stringify(facts));
  }
});

Deno.test("qualityOf() takes nothing from the first of a group, or for no stars or two records of one source", () => {
  const same: readonly Partial<Entry>[] = [
    { cloneGroup: "awesome/acme/notes", cloneRank: 0 },
    { stars: 0 },
    { sources: [...PLAIN.sources, { source: "awesome", id: "awesome/acme/notes-2" }] },
  ];
  for (const facts of same) {
    assert.equal(qualityOf({ ...PLAIN, ...facts }), qualityOf(PLAIN), JSON.stringify(facts));
  }
});

import assert from "node:assert/strict";
import { packEntries, storedEntriesSchema, unpackEntries } from "../../lib/catalog/stored.ts";
import { builtinEntries } from "../../lib/catalog/sources/builtin.ts";
import { makeEntry } from "./make.ts";

Deno.test("packEntries() and unpackEntries() keep entries as they are", () => {
  const entries = [
    ...builtinEntries({ source: "builtin" }),
    makeEntry("ours/bare"),
    makeEntry("ours/full", {
      title: "Full",
      description: "All of it",
      status: "deprecated",
      categories: ["search"],
      remotes: [{ url: "https://a.example/mcp" }],
      requiresApiKey: { value: false, evidence: "said so" },
    }),
  ];
  const text = JSON.stringify(packEntries(entries));
  assert.ok(text.length < JSON.stringify(entries).length);
  assert.ok(!text.includes("[]"));
  const back = unpackEntries(storedEntriesSchema.parse(JSON.parse(text)));
  assert.deepEqual(back, entries);
});

Deno.test("storedEntriesSchema refuses what would break those who read entries", () => {
  const good = JSON.parse(JSON.stringify(packEntries([
    makeEntry("ours/x", {
      packages: [{ type: "oci", identifier: "a/b", settings: [], run: { volumes: [] } }],
      remotes: [{ url: "https://a.example" }],
      tools: [{ name: "t" }],
    }),
  ])))[0];
  assert.ok(storedEntriesSchema.safeParse([good]).success);
  const broken: Record<string, unknown>[] = [
    { id: 1 },
    { name: undefined },
    { description: 3 },
    { sources: [{}] },
    { packages: [{ ...good.packages[0], identifier: null }] },
    { packages: [{ ...good.packages[0], run: { volumes: [{}] } }] },
    { packages: {} },
    { remotes: [{ url: "x" }] },
    { settings: [{ name: "A" }] },
    { tags: [1] },
    { launchMethods: "podman" },
    { tools: [{}] },
    { requiresApiKey: { value: "maybe", evidence: "" } },
    { repoUrl: 4 },
  ];
  for (const change of broken) {
    const result = storedEntriesSchema.safeParse([{ ...good, ...change }]);
    assert.equal(result.success, false, JSON.stringify(change));
  }
  assert.equal(storedEntriesSchema.safeParse({}).success, false);
  assert.equal(storedEntriesSchema.safeParse([null]).success, false);
});

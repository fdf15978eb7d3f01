import assert from "node:assert/strict";
import { builtinEntries, builtinSource } from "../../../lib/catalog/sources/builtin.ts";
import { CATEGORIES } from "../../../lib/catalog/categories.ts";
import { mergeEntries } from "../../../lib/catalog/merge.ts";
import { memoryTree } from "../../../lib/catalog/source.ts";

const entries = builtinEntries({ source: "builtin" });

Deno.test("builtinEntries() has the seven reference servers and a few dozen others", () => {
  const reference = entries.filter(({ id }) => id.startsWith("reference/")).map(({ name }) => name);
  assert.deepEqual(reference.sort(), [
    "everything",
    "fetch",
    "filesystem",
    "git",
    "memory",
    "sequentialthinking",
    "time",
  ]);
  assert.ok(entries.length >= 50);
  assert.ok(entries.every(({ id, featured }) => featured && /^(?:reference|builtin)\//.test(id)));
  assert.ok(entries.every(({ sources }) => sources[0]?.source === "builtin"));
});

Deno.test("builtinEntries() are complete: a way to launch, a known category, no lost package", () => {
  const vocabulary = new Set(CATEGORIES.map(({ slug }) => slug));
  for (const entry of entries) {
    assert.ok(entry.launchMethods.length > 0, entry.id);
    assert.ok(entry.description.length > 20, entry.id);
    assert.ok(entry.categories.length > 0, entry.id);
    assert.ok(entry.categories.every((word) => vocabulary.has(word)), entry.id);
    assert.notEqual(entry.requiresApiKey.value, "unknown", entry.id);
    const locked = entry.packages.some(({ settings }) =>
      settings.some(({ required, secret }) => required && secret)
    );
    assert.ok(!locked || entry.requiresApiKey.value === true, entry.id);
  }
});

Deno.test("builtinEntries() are all different servers", () => {
  const { entries: merged } = mergeEntries(entries);
  assert.equal(merged.length, entries.length);
});

Deno.test("every argument and volume of builtinEntries() refers to a setting that exists", () => {
  for (const { id, packages } of entries) {
    for (const item of packages) {
      const names = new Set(item.settings.map(({ name }) => name));
      const templates = [
        ...item.args.map(({ value }) => value ?? ""),
        ...item.run?.volumes.flatMap(({ source, target }) => [source, target]) ?? [],
      ];
      for (const [, name = ""] of templates.join(" ").matchAll(/\{([^{}]+)\}/g)) {
        assert.ok(names.has(name), `${id}: ${name}`);
      }
    }
  }
});

Deno.test("builtinSource.readTree() needs nothing to read", async () => {
  const read = await builtinSource.readTree(memoryTree({}), { source: "builtin" });
  assert.equal(read.entries.length, entries.length);
  assert.deepEqual(read.problems, []);
});

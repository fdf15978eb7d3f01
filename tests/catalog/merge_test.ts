import assert from "node:assert/strict";
import fc from "fast-check";
import { mergeEntries } from "../../lib/catalog/merge.ts";
import type { Entry } from "../../lib/catalog/entry.ts";
import { type EntryFacts, makeEntry } from "./make.ts";

/** Merges entries that are one server. */
function merged(...entries: readonly Entry[]): Entry {
  const { entries: result } = mergeEntries(entries);
  const [entry, another] = result;
  assert.equal(another, undefined);
  assert.ok(entry);
  return entry;
}

const repo = "https://github.com/acme/tool";

Deno.test("mergeEntries() takes each field from the most trusted source that has it", () => {
  const entry = merged(
    makeEntry("awesome/acme/tool", {
      repo,
      title: "acme/tool",
      description: "From the list",
      license: "MIT",
      categories: ["database"],
      requiresApiKey: { value: false, evidence: "its text says so" },
    }),
    makeEntry("docker/tool", {
      repo: `${repo}/tree/abc/src`,
      title: "Tool",
      description: "From Docker",
      tags: ["sql"],
      categories: ["devops"],
      tools: [{ name: "query" }],
      packages: [{ type: "oci", identifier: "mcp/tool" }],
      requiresApiKey: { value: true, evidence: "KEY is a required secret" },
      stars: 3,
    }),
    makeEntry("official/io.github.acme/tool", {
      repo,
      homepage: "https://acme.example",
      tags: ["graph"],
      verified: true,
      updated: "2026-01-01T00:00:00Z",
      stars: 5,
    }),
  );
  assert.equal(entry.id, "official/io.github.acme/tool");
  assert.equal(entry.title, "Tool");
  assert.equal(entry.description, "From Docker");
  assert.deepEqual([entry.repoUrl, entry.repoFolder, entry.repoRef], [repo, "src", "abc"]);
  assert.deepEqual([entry.homepage, entry.license, entry.stars], [
    "https://acme.example",
    "MIT",
    5,
  ]);
  assert.deepEqual(entry.categories, ["devops", "database"]);
  assert.deepEqual(entry.tags, ["graph", "sql"]);
  assert.deepEqual(entry.tools, [{ name: "query" }]);
  assert.equal(entry.containerImage, "docker.io/mcp/tool");
  assert.equal(entry.dockerBuilt, true);
  assert.equal(entry.verified, true);
  assert.deepEqual(entry.requiresApiKey, { value: true, evidence: "KEY is a required secret" });
  assert.deepEqual(entry.launchMethods, ["podman"]);
  assert.equal(entry.notLaunchable, undefined);
  assert.equal(entry.lastRefreshed, "2026-01-02T03:04:05Z");
});

Deno.test("mergeEntries() says what came from where", () => {
  const { sources } = merged(
    makeEntry("docker/tool", {
      repo,
      description: "From Docker",
      packages: [{ type: "oci", identifier: "mcp/tool" }],
      tags: ["sql"],
    }),
    makeEntry("awesome/acme/tool", { repo, description: "From the list", license: "MIT" }),
  );
  assert.deepEqual(sources.map(({ id, gave }) => [id, gave]), [
    ["docker/tool", [
      "title",
      "description",
      "repoUrl",
      "containerImage",
      "requiresApiKey",
      "packages",
      "tags",
    ]],
    ["awesome/acme/tool", ["title", "repoUrl", "license", "requiresApiKey"]],
  ]);
});

Deno.test("mergeEntries() puts an operator's own catalogue first and a foreign claim last", () => {
  const own = merged(
    makeEntry("builtin/tool", { repo }),
    makeEntry("ours/tool", { repo, title: "Ours" }),
  );
  assert.deepEqual([own.id, own.title], ["ours/tool", "Ours"]);
  const claimed = merged(
    makeEntry("official/io.github.evil/tool", { repo, verified: false, description: "evil" }),
    makeEntry("awesome/acme/tool", { repo, description: "good" }),
  );
  assert.deepEqual([claimed.id, claimed.description, claimed.verified], [
    "awesome/acme/tool",
    "good",
    false,
  ]);
});

Deno.test("mergeEntries() prefers the active and newer of one source", () => {
  const packages = [{ type: "npm", identifier: "tool" }];
  const entry = merged(
    makeEntry("official/a.a/tool", { packages, status: "deprecated", updated: "2026-03-01" }),
    makeEntry("official/b.b/tool", { packages, updated: "2026-01-01" }),
    makeEntry("official/c.c/tool", { packages, updated: "2026-02-01" }),
  );
  assert.equal(entry.id, "official/c.c/tool");
  assert.equal(entry.status, "active");
  assert.deepEqual(entry.packages[0]?.from, [
    "official/c.c/tool",
    "official/b.b/tool",
    "official/a.a/tool",
  ]);
});

Deno.test("mergeEntries() takes a package whole and fills what it does not say", () => {
  const setting = (name: string, facts: object = {}) => ({
    name,
    kind: "env" as const,
    required: false,
    secret: false,
    ...facts,
  });
  const [item, another] = merged(
    makeEntry("official/io.github.acme/tool", {
      packages: [{
        type: "npm",
        identifier: "@Acme/tool",
        version: "2",
        args: [{ value: "serve" }],
        settings: [setting("KEY", { description: "the key" })],
      }],
    }),
    makeEntry("mcpservers/tool", {
      packages: [
        {
          type: "npm",
          identifier: "@acme/tool",
          version: "1",
          runtimeHint: "npx",
          args: [{ value: "{path}" }],
          settings: [
            setting("KEY", { secret: true, example: "abc" }),
            setting("MORE"),
            setting("FIXED", { value: "1" }),
            { ...setting("path"), kind: "variable" },
          ],
        },
        { type: "npm", identifier: "@acme/tool", transport: "sse" },
      ],
    }),
  ).packages;
  assert.deepEqual([item?.identifier, item?.version, item?.runtimeHint], [
    "@Acme/tool",
    "2",
    "npx",
  ]);
  assert.deepEqual(item?.args, [{ value: "serve" }]);
  assert.deepEqual(item?.settings, [
    setting("KEY", { description: "the key", secret: true, example: "abc" }),
    setting("MORE"),
  ]);
  assert.equal(another?.transport, "sse");
});

Deno.test("mergeEntries() joins remotes and keeps the sign-in that one of them knows", () => {
  const url = "https://mcp.acme.example/mcp";
  const header = { name: "X", kind: "header" as const, required: true, secret: true };
  const remotes = (one: object, two: object) =>
    merged(
      makeEntry("official/com.acme/tool", { remotes: [{ url, ...one }] }),
      makeEntry("docker/tool", { remotes: [{ url: `${url}/`, type: "sse", ...two }] }),
    ).remotes;
  const [signed, none] = remotes({}, { oauth: [{ provider: "acme" }] });
  assert.equal(none, undefined);
  assert.deepEqual([signed?.url, signed?.type, signed?.oauth], [
    url,
    "streamable-http",
    [{ provider: "acme" }],
  ]);
  assert.deepEqual(
    remotes({ settings: [header] }, { oauth: [{ provider: "acme" }] })[0]?.oauth,
    undefined,
  );
  assert.deepEqual(remotes({}, { settings: [header] })[0]?.settings, [header]);
});

Deno.test("mergeEntries() keeps the reason where nothing can be launched", () => {
  const entry = merged(
    makeEntry("docker/tool", { repo, notLaunchable: "a container per tool" }),
    makeEntry("awesome/acme/tool", { repo }),
  );
  assert.equal(entry.notLaunchable, "a container per tool");
  const packaged = merged(
    makeEntry("official/io.github.acme/tool", {
      repo,
      packages: [{ type: "nuget", identifier: "A" }],
    }),
    makeEntry("awesome/acme/tool", { repo }),
  );
  assert.match(packaged.notLaunchable ?? "", /nuget/);
});

Deno.test("mergeEntries() leaves an entry that is alone as it is", () => {
  const entry = makeEntry("docker/tool", { repo });
  assert.equal(mergeEntries([entry]).entries[0], entry);
  assert.deepEqual(mergeEntries([]).entries, []);
});

Deno.test("mergeEntries() does not depend on the order of the entries", () => {
  const sources = ["builtin", "official", "docker", "mcpservers", "awesome", "ours"];
  const pool = ["a", "b", "c", "d"];
  const facts: fc.Arbitrary<EntryFacts> = fc.record({
    repo: fc.option(fc.constantFrom(...pool.map((name) => `https://github.com/acme/${name}`)), {
      nil: undefined,
    }),
    folder: fc.option(fc.constantFrom("x", "y"), { nil: undefined }),
    packages: fc.array(
      fc.record({
        type: fc.constantFrom("npm", "oci"),
        identifier: fc.constantFrom(...pool),
        args: fc.constantFrom([], [{ value: "one" }], [{ value: "two" }]),
      }),
      { maxLength: 2 },
    ),
    remotes: fc.array(
      fc.record({ url: fc.constantFrom(...pool.map((name) => `https://${name}.example/mcp`)) }),
      { maxLength: 4 },
    ),
    description: fc.constantFrom(
      "",
      "one two three four five six seven",
      "one two three four five six eight",
    ),
  }).map(({ repo, ...rest }) => (repo === undefined ? rest : { ...rest, repo }));
  const catalogue = fc.uniqueArray(
    fc.tuple(fc.constantFrom(...sources), fc.integer({ min: 0, max: 5 }), facts),
    { selector: ([source, number]) => `${source}/${number}`, maxLength: 24 },
  );
  fc.assert(
    fc.property(catalogue, fc.integer(), (list, seed) => {
      const entries = list.map(([source, number, fact]) => makeEntry(`${source}/n${number}`, fact));
      const shuffled = shuffle(entries, seed);
      const first = mergeEntries(entries);
      assert.deepEqual(mergeEntries(shuffled), first);
      // Nothing is lost or made twice, and every id that was given is found again.
      const found = first.entries.flatMap(({ sources: refs }) => refs.map(({ id }) => id));
      assert.deepEqual(found.sort(), entries.map(({ id }) => id).sort());
      // No two folders of one repository in one entry.
      for (const { sources: refs } of first.entries) {
        const places = refs.map(({ id }) => entries.find((entry) => entry.id === id))
          .filter((entry) => entry?.repoUrl !== undefined && entry.repoFolder !== undefined);
        const byRepo = new Map<string, Set<string>>();
        for (const entry of places) {
          const folders = byRepo.get(entry?.repoUrl ?? "") ?? new Set();
          byRepo.set(entry?.repoUrl ?? "", folders.add(entry?.repoFolder ?? ""));
        }
        assert.ok([...byRepo.values()].every((folders) => folders.size === 1));
      }
    }),
    { seed: 20260103, numRuns: 300 },
  );
});

/** Mulberry32: the same order for the same seed. */
function shuffle<T>(items: readonly T[], seed: number): T[] {
  const result = [...items];
  let state = seed >>> 0;
  for (let index = result.length - 1; index > 0; index -= 1) {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    const other = ((mixed ^ (mixed >>> 14)) >>> 0) % (index + 1);
    const [one, two] = [result[index], result[other]];
    if (one !== undefined && two !== undefined) {
      result[index] = two;
      result[other] = one;
    }
  }
  return result;
}

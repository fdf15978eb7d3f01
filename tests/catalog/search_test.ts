/**
 * The search over a small catalogue. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import type { Entry } from "../../lib/catalog/entry.ts";
import { type FindOptions, type ListSort, SearchIndex } from "../../lib/catalog/search.ts";
import { AppError } from "../../lib/core/errors.ts";
import { makeEntry } from "./make.ts";

const ENTRIES: readonly Entry[] = [
  makeEntry("docker/postgres", {
    description: "Reads schemas and runs queries.",
    packages: [{ type: "oci", identifier: "docker.io/mcp/postgres" }],
    tools: [{ name: "list_tables" }, { name: "explain_query" }],
    tags: ["database"],
  }),
  makeEntry("awesome/acme/postgresMcpServer", {
    description: "Talks to PostgreSQL.",
    repo: "https://github.com/acme/postgresMcpServer",
  }),
  makeEntry("awesome/acme/pizza", {
    description: "Orders pizza, and keeps the orders in a database.",
  }),
  makeEntry("awesome/acme/k8s-tools", { description: "Looks after pods and clusters." }),
  makeEntry("official/io.github.acme/kubernetes", {
    description: "Kubernetes for models.",
    official: true,
    stars: 900,
    remotes: [{ type: "streamable-http", url: "https://k8s.example/mcp" }],
  }),
  makeEntry("awesome/acme/youtube", { title: "YouTube", description: "Finds videos." }),
  makeEntry("awesome/acme/hub", { title: "GitHub", description: "Issues and pull requests." }),
  makeEntry("awesome/acme/weather", { description: "Forecasts for any city." }),
  makeEntry("awesome/acme/notes", { description: "Remembers what you said.", stars: 5 }),
];

const INDEX = SearchIndex.build(ENTRIES);

function ids(query: string, options: Partial<FindOptions> = {}): readonly string[] {
  return INDEX.find(query, { limit: 10, ...options }).hits.map(({ entry }) => entry.id);
}

Deno.test("SearchIndex.find() ranks what the query names first", () => {
  assert.equal(ids("query a postgres database")[0], "docker/postgres");
  assert.equal(ids("order a pizza")[0], "awesome/acme/pizza");
  assert.deepEqual(ids("mcp server for weather"), ["awesome/acme/weather"]);
});

Deno.test("SearchIndex.find() lets words meet that mean the same", () => {
  assert.deepEqual(ids("postgresql").toSorted(), ids("postgres").toSorted());
  assert.deepEqual(ids("k8s").toSorted(), ids("kubernetes").toSorted());
  assert.equal(ids("k8s").length, 2);
  assert.deepEqual(ids("remember"), ids("memory"));
  assert.deepEqual(ids("clusters"), ids("cluster"));
});

Deno.test("SearchIndex.find() splits names and joins words", () => {
  assert.ok(ids("postgres").includes("awesome/acme/postgresMcpServer"));
  assert.deepEqual(ids("you tube"), ["awesome/acme/youtube"]);
  assert.deepEqual(ids("GitHub"), ["awesome/acme/hub"]);
  assert.deepEqual(ids("list tables"), ["docker/postgres"]);
  assert.deepEqual(ids("k8s-tools")[0], "awesome/acme/k8s-tools");
});

Deno.test("SearchIndex.find() puts quality behind text, and before chance", () => {
  assert.equal(ids("kubernetes")[0], "official/io.github.acme/kubernetes");
  const clones = SearchIndex.build([
    { ...makeEntry("a/notes", { description: "Notes." }), cloneGroup: "b/notes", cloneRank: 1 },
    { ...makeEntry("b/notes", { description: "Notes." }), cloneGroup: "b/notes", cloneRank: 0 },
  ]);
  assert.equal(clones.find("notes", { limit: 1 }).hits[0]?.entry.id, "b/notes");
});

Deno.test("SearchIndex.find() corrects a slip, and says so", () => {
  const { hits, corrections } = INDEX.find("wether", { limit: 1 });
  assert.equal(hits[0]?.entry.id, "awesome/acme/weather");
  assert.deepEqual(corrections, [{ word: "wether", used: ["weather"] }]);
  assert.equal(ids("kubernets")[0], "official/io.github.acme/kubernetes");
  assert.deepEqual(INDEX.find("zzzzzz", { limit: 1 }).hits, []);
});

Deno.test("SearchIndex.find() says why", () => {
  const reasons = INDEX.find("postgres tables database", { limit: 1 }).hits[0]?.reasons;
  assert.deepEqual(reasons, ["name: postgres", "tag: database", "tool: tables"]);
});

Deno.test("SearchIndex.find() offers near ids when nothing passes", () => {
  const { hits, nearest } = INDEX.find("postgres", { limit: 5, filters: { tags: ["nope"] } });
  assert.deepEqual(hits, []);
  assert.ok(nearest.includes("docker/postgres"));
});

Deno.test("SearchIndex.find() filters by every fact", () => {
  const filtered = (filters: FindOptions["filters"]) =>
    ids("", { ...(filters === undefined ? {} : { filters }) });
  assert.deepEqual(filtered({ tags: ["Database"] }), ["docker/postgres"]);
  assert.deepEqual(filtered({ official: true }), ["official/io.github.acme/kubernetes"]);
  assert.deepEqual(filtered({ sources: ["docker"] }), ["docker/postgres"]);
  assert.deepEqual(filtered({ launchMethods: ["podman", "remote-http"] }).toSorted(), [
    "docker/postgres",
    "official/io.github.acme/kubernetes",
  ]);
  assert.equal(filtered({ requiresApiKey: "unknown" }).length, ENTRIES.length);
  assert.deepEqual(filtered({ featured: true }), []);
  assert.deepEqual(filtered({ categories: ["no such"] }), []);
});

Deno.test("SearchIndex.find() holds what passes the filters against what passes only", () => {
  const index = SearchIndex.build([
    makeEntry("docker/all", { description: "Alpha beta gamma delta epsilon zeta." }),
    makeEntry("awesome/some", { description: "Alpha." }),
  ]);
  const query = "alpha beta gamma delta epsilon zeta";
  const found = (filters: FindOptions["filters"] = {}) =>
    index.find(query, { limit: 5, filters }).hits.map(({ entry }) => entry.id);
  assert.deepEqual(found(), ["docker/all"]);
  assert.deepEqual(found({ sources: ["awesome"] }), ["awesome/some"]);
});

Deno.test("SearchIndex.find() refuses a question without words or filters", () => {
  for (const query of ["", "   ", "!?", "…"]) {
    assert.throws(
      () => INDEX.find(query, { limit: 1 }),
      (error) => error instanceof AppError && error.code === "INVALID_ARGUMENT",
    );
  }
  // A question of stop words only is about those words.
  assert.doesNotThrow(() => INDEX.find("mcp server", { limit: 1 }));
});

Deno.test("SearchIndex.get() finds by any id, whatever the case, and by a name of one only", () => {
  const entry = makeEntry("official/io.github.a/b");
  const merged: Entry = {
    ...entry,
    sources: [...entry.sources, { source: "awesome", id: "awesome/A/B" }],
  };
  const index = SearchIndex.build([merged, makeEntry("docker/c"), makeEntry("awesome/x/c")]);
  assert.equal(index.get("OFFICIAL/io.github.a/B")?.id, merged.id);
  assert.equal(index.get("awesome/a/b")?.id, merged.id);
  assert.equal(index.get("b")?.id, merged.id);
  assert.equal(index.get("c"), undefined);
  assert.equal(index.get("../etc/passwd"), undefined);
});

Deno.test("SearchIndex.nearestIds() offers what is like a wrong id, that of its source first", () => {
  assert.equal(INDEX.nearestIds("awesome/acme/postgress", 3)[0], "awesome/acme/postgresMcpServer");
  assert.equal(INDEX.nearestIds("docker/postgre", 3)[0], "docker/postgres");
  assert.deepEqual(INDEX.nearestIds("", 3), []);
});

Deno.test("SearchIndex.open() answers as the index that was packed", () => {
  const opened = SearchIndex.open(INDEX.pack());
  assert.equal(opened.size, INDEX.size);
  for (const query of ["postgres database", "k8s", "wether", "pizza orders"]) {
    assert.deepEqual(opened.find(query, { limit: 10 }), INDEX.find(query, { limit: 10 }));
  }
  assert.deepEqual(opened.list({ limit: 10 }), INDEX.list({ limit: 10 }));
  assert.deepEqual(opened.get("docker/postgres"), INDEX.get("docker/postgres"));
  const empty = SearchIndex.open(SearchIndex.build([]).pack());
  assert.deepEqual(empty.find("x", { limit: 1 }).hits, []);
});

Deno.test("SearchIndex.list() sorts", () => {
  const sorted = (sort: ListSort) =>
    INDEX.list({ sort, limit: 20 }).entries.map(({ name }) => name);
  assert.deepEqual(
    sorted("name"),
    sorted("name").toSorted((a, b) => a.toLowerCase() < b.toLowerCase() ? -1 : 1),
  );
  assert.deepEqual(sorted("stars").slice(0, 2), ["kubernetes", "notes"]);
  assert.equal(sorted("quality")[0], "kubernetes");
});

const entryOf = fc.record({
  name: fc.constantFrom("alpha", "beta", "gamma", "delta", "alpha-beta", "gamma data"),
  number: fc.nat({ max: 500 }),
  stars: fc.option(fc.nat({ max: 50 }), { nil: undefined }),
  text: fc.constantFrom("alpha data", "beta data files", "gamma", "data", "files of alpha"),
}).map(({ name, number, stars, text }) =>
  makeEntry(`awesome/o${number}/${name.replace(" ", "-")}`, {
    name,
    description: text,
    ...(stars === undefined ? {} : { stars }),
  })
);
const catalogOf = fc.uniqueArray(entryOf, {
  selector: ({ id }) => id,
  minLength: 1,
  maxLength: 60,
});

Deno.test("paging shows every hit once, whatever the page size", () => {
  fc.assert(
    fc.property(catalogOf, fc.integer({ min: 1, max: 9 }), (entries, limit) => {
      const index = SearchIndex.build(entries);
      for (const query of ["alpha data", "files"]) {
        const whole = index.find(query, { limit: 1000 }).hits.map(({ entry }) => entry.id);
        const paged: string[] = [];
        let cursor: string | undefined;
        do {
          const page = index.find(query, { limit, ...(cursor === undefined ? {} : { cursor }) });
          paged.push(...page.hits.map(({ entry }) => entry.id));
          cursor = page.nextCursor;
          assert.equal(page.total, whole.length);
        } while (cursor !== undefined);
        assert.deepEqual(paged, whole);
      }
    }),
    { seed: 7, numRuns: 60 },
  );
});

Deno.test("a list pages on rightly when entries come and go between pages", () => {
  fc.assert(
    fc.property(catalogOf, catalogOf, fc.constantFrom<ListSort>("name", "stars", "quality"), (
      before,
      added,
      sort,
    ) => {
      const first = SearchIndex.build(before).list({ sort, limit: 5 });
      const known = new Set(before.map(({ id }) => id));
      const gone = first.entries.at(-1);
      // The last one shown is removed, and others are added.
      const after = [
        ...before.filter((entry) => entry !== gone),
        ...added.filter(({ id }) => !known.has(id)),
      ];
      const shown = new Set(first.entries.map(({ id }) => id));
      const rest: string[] = [];
      let cursor = first.nextCursor;
      const index = SearchIndex.build(after);
      while (cursor !== undefined) {
        const page = index.list({ sort, limit: 7, cursor });
        rest.push(...page.entries.map(({ id }) => id));
        cursor = page.nextCursor;
      }
      assert.ok(rest.every((id) => !shown.has(id)), "no double");
      if (first.nextCursor !== undefined) {
        for (const { id } of before) assert.ok(shown.has(id) || rest.includes(id), `${id} is lost`);
      }
    }),
    { seed: 11, numRuns: 60 },
  );
});

Deno.test("a cursor of another question, or none of ours, is refused", () => {
  const { nextCursor = "" } = INDEX.list({ limit: 1 });
  assert.notEqual(nextCursor, "");
  const refused = (cursor: string, state: RegExp) =>
    assert.throws(
      () => INDEX.list({ limit: 1, sort: "name", cursor }),
      (error) =>
        error instanceof AppError && error.code === "INVALID_ARGUMENT" && state.test(error.message),
    );
  refused(nextCursor, /that of another question/);
  for (const foreign of ["", "x", "%%%", btoa("{}"), btoa('{"q":1}'), "A".repeat(5000)]) {
    refused(foreign, /none of Wharf's/);
  }
});

Deno.test("no text of a catalogue or a query breaks the search", () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: "grapheme", maxLength: 60 }), { maxLength: 8 }),
      fc.string({ unit: "grapheme", maxLength: 80 }),
      (texts, query) => {
        const index = SearchIndex.build(
          texts.map((text, number) =>
            makeEntry(`a/n${number}`, { title: text, description: text })
          ),
        );
        const opened = SearchIndex.open(index.pack());
        try {
          assert.deepEqual(opened.find(query, { limit: 5 }), index.find(query, { limit: 5 }));
        } catch (thrown) {
          assert.ok(thrown instanceof AppError && thrown.code === "INVALID_ARGUMENT");
        }
      },
    ),
    { seed: 3, numRuns: 150 },
  );
});

/**
 * Names of proxied tools: stable, within what clients accept, never shared. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { AppError } from "../../lib/core/errors.ts";
import {
  checkPrefix,
  defaultPrefix,
  exposedName,
  MAX_PREFIX_CHARS,
  MAX_TOOL_NAME_CHARS,
  NameTable,
} from "../../lib/gateway/names.ts";

const RUNS = { seed: 42, numRuns: 500 } as const;

Deno.test("defaultPrefix() takes the telling part of an id", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["reference/memory", "memory"],
    ["builtin/github-mcp-server", "github"],
    ["docker/mcp-server-time", "time"],
    ["awesome/acme/server-everything", "everything"],
    ["awesome/acme/mcp-server", "acme"],
    ["awesome/acme/mcp", "acme"],
    ["docker/SQLite", "sqlite"],
    ["official/io.github.x/my.tool", "my_tool"],
    ["server", "server"],
    ["official/@scope", "_scope"],
    ["", "server"],
  ];
  for (const [id, prefix] of cases) assert.equal(defaultPrefix(id), prefix, id);
});

Deno.test("defaultPrefix() keeps long ids apart and is always a prefix", () => {
  const start = "awesome/owner/a-very-long-name-of-a-server-that-goes-on";
  assert.notEqual(defaultPrefix(`${start}-1`), defaultPrefix(`${start}-2`));
  fc.assert(
    fc.property(fc.string({ maxLength: 120 }), (id) => {
      const prefix = defaultPrefix(id);
      assert.equal(checkPrefix(prefix), prefix);
      assert.notEqual(prefix, "");
      assert.ok(prefix.length <= MAX_PREFIX_CHARS);
    }),
    RUNS,
  );
});

Deno.test("checkPrefix() takes an empty prefix and refuses what clients would", () => {
  assert.equal(checkPrefix(""), "");
  assert.equal(checkPrefix("git-hub_2"), "git-hub_2");
  for (const prefix of ["a b", "a/b", "ä", "x".repeat(33), "a\n"]) {
    assert.throws(() => checkPrefix(prefix), (thrown) => {
      assert.ok(thrown instanceof AppError);
      assert.equal(thrown.code, "INVALID_ARGUMENT");
      return true;
    });
  }
});

Deno.test("exposedName() joins prefix and tool, and leaves a tool alone without one", () => {
  assert.equal(exposedName("github", "create_issue"), "github_create_issue");
  assert.equal(exposedName("", "create_issue"), "create_issue");
  assert.equal(exposedName("a", "x".repeat(62)), `a_${"x".repeat(62)}`);
});

Deno.test("exposedName() shortens with a hash that stays the same", () => {
  const name = exposedName("github", "a.tool/with:odd characters");
  assert.equal(name, exposedName("github", "a.tool/with:odd characters"));
  assert.match(name, /^github_a_tool_with_odd_characters_[0-9a-f]{8}$/);
  assert.equal(exposedName("a", "x".repeat(63)).length, MAX_TOOL_NAME_CHARS);
  assert.match(exposedName("", "ツール"), /^tool_[0-9a-f]{8}$/);
  // Names that are written alike once cleaned.
  assert.notEqual(exposedName("p", "a.b"), exposedName("p", "a/b"));
  // The hash knows where the prefix ends.
  assert.notEqual(exposedName("p_q", "é"), exposedName("p", "q_é"));
});

Deno.test("exposedName() gives what clients accept, whatever the upstream says", () => {
  const hostile = fc.oneof(
    fc.string({ maxLength: 200 }),
    fc.string({ unit: "binary", maxLength: 200 }),
    fc.constantFrom("", "__proto__", "constructor", "-rf", "_".repeat(90), "\0"),
  );
  fc.assert(
    fc.property(fc.constantFrom("", "p", "a_b", "x".repeat(32)), hostile, (prefix, tool) => {
      assert.match(exposedName(prefix, tool), /^[a-zA-Z0-9_-]{1,64}$/);
    }),
    RUNS,
  );
});

Deno.test("exposedName() gives two tools of a server two names", () => {
  fc.assert(
    fc.property(
      fc.constantFrom("", "p", "x".repeat(32)),
      fc.uniqueArray(fc.string({ maxLength: 90 }), { maxLength: 60 }),
      (prefix, tools) => {
        assert.equal(new Set(tools.map((tool) => exposedName(prefix, tool))).size, tools.length);
      },
    ),
    { seed: 7, numRuns: 200 },
  );
});

Deno.test("NameTable.find() looks names up, so that underscores mean nothing", () => {
  const table = new NameTable();
  table.set({ id: "x/a", prefix: "my_git", tools: ["list_all", "é"] });
  table.set({ id: "x/b", prefix: "my", tools: ["git"] });
  assert.deepEqual(table.find("my_git_list_all"), {
    name: "my_git_list_all",
    id: "x/a",
    tool: "list_all",
  });
  assert.equal(table.find("my_git")?.id, "x/b");
  assert.equal(table.find("mcp_my_git")?.tool, "git");
  assert.equal(table.find(exposedName("my_git", "é"))?.tool, "é");
  assert.equal(table.find("my_git_list"), undefined);
  assert.equal(table.find("__proto__"), undefined);
  assert.deepEqual(table.names(), [...table.names()].sort());
  assert.equal(table.names().length, 3);
});

Deno.test("NameTable.check() names the names that collide and who has them", () => {
  const table = new NameTable(["registry-add"]);
  table.set({ id: "x/a", prefix: "", tools: ["read", "write"] });
  assert.throws(
    () => table.check({ id: "x/b", prefix: "", tools: ["read", "registry-add", "other"] }),
    (thrown) => {
      assert.ok(thrown instanceof AppError);
      assert.equal(
        thrown.message,
        'Cannot add "x/b" with no prefix: names collide: read (taken by x/a), ' +
          "registry-add (taken by wharf)",
      );
      assert.deepEqual(thrown.details, {
        collisions: [{ name: "read", takenBy: "x/a" }, { name: "registry-add", takenBy: "wharf" }],
      });
      return true;
    },
  );
  table.check({ id: "x/b", prefix: "b", tools: ["read"] });
  // A server does not stand in its own way.
  table.check({ id: "x/a", prefix: "", tools: ["read", "write"] });
  const many = Array.from({ length: 8 }, (_, index) => `t${index}`);
  table.set({ id: "x/c", prefix: "c", tools: many });
  assert.throws(
    () => table.check({ id: "x/d", prefix: "c", tools: many }),
    /prefix "c".*t4 \(taken by x\/c\), and 3 more$/,
  );
});

Deno.test("NameTable.set() leaves a taken name with who had it", () => {
  const table = new NameTable();
  table.set({ id: "x/a", prefix: "", tools: ["read"] });
  const { named, collisions } = table.set({
    id: "x/b",
    prefix: "",
    tools: ["read", "list", "list"],
  });
  assert.deepEqual(named.map(({ tool }) => tool), ["list"]);
  assert.deepEqual(collisions.map(({ name, takenBy }) => [name, takenBy]), [
    ["read", "x/a"],
    ["list", "x/b"],
  ]);
  assert.equal(table.find("read")?.id, "x/a");
});

Deno.test("NameTable.set() replaces the names that a server had, delete() frees them", () => {
  const table = new NameTable();
  table.set({ id: "x/a", prefix: "a", tools: ["one", "two"] });
  table.set({ id: "x/a", prefix: "a", tools: ["two", "three"] });
  assert.deepEqual(table.names(), ["a_three", "a_two"]);
  table.set({ id: "x/b", prefix: "b", tools: ["one"] });
  table.delete("x/a");
  assert.deepEqual(table.names(), ["b_one"]);
});

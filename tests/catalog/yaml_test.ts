/**
 * YAML of catalogues, and the sources that are written in it. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { AppError } from "../../lib/core/errors.ts";
import { memoryTree } from "../../lib/catalog/source.ts";
import { customSource } from "../../lib/catalog/sources/custom.ts";
import { dockerSource } from "../../lib/catalog/sources/docker.ts";
import { loadYaml, MAX_YAML_CHARS } from "../../lib/catalog/yaml.ts";

const readYaml = await loadYaml();

function codeOf(text: string): string {
  try {
    readYaml(text, { what: "server.yaml" });
    return "read";
  } catch (thrown) {
    assert.ok(thrown instanceof AppError);
    assert.match(thrown.message, /^Cannot read "server.yaml": /);
    return thrown.code;
  }
}

Deno.test("loadYaml() reads plain documents", () => {
  const text = "name: time\nnested:\n  - a: 1\n    b: [x, y]\nempty:\n";
  assert.deepEqual(readYaml(text, { what: "x" }), {
    name: "time",
    nested: [{ a: 1, b: ["x", "y"] }],
    empty: null,
  });
  assert.deepEqual(readYaml("a: &x 1\nb: *x\n", { what: "x" }), { a: 1, b: 1 });
});

Deno.test("loadYaml() refuses aliases that expand without bound", () => {
  const lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"];
  for (let level = 1; level < 12; level += 1) {
    const parts = Array(9).fill(`*a${level - 1}`).join(", ");
    lines.push(`a${level}: &a${level} [${parts}]`);
  }
  assert.equal(codeOf(lines.join("\n")), "TOO_LARGE");
});

Deno.test("loadYaml() refuses depth before the parser's stack meets it", () => {
  assert.equal(codeOf("[".repeat(5000)), "TOO_LARGE");
  assert.equal(codeOf("- ".repeat(5000) + "x"), "TOO_LARGE");
  assert.equal(codeOf("? ".repeat(5000) + "x"), "TOO_LARGE");
  const indented = Array.from({ length: 330 }, (_, level) => `${" ".repeat(level)}a:`).join("\n");
  assert.equal(codeOf(indented), "TOO_LARGE");
});

Deno.test("loadYaml() refuses long texts and what is no YAML", () => {
  assert.equal(codeOf("x".repeat(MAX_YAML_CHARS + 1)), "TOO_LARGE");
  assert.equal(codeOf("a: ]"), "BAD_RESPONSE");
  assert.equal(codeOf("a: *nobody"), "BAD_RESPONSE");
});

Deno.test("loadYaml() never reaches a prototype or runs a tag", () => {
  assert.equal(codeOf("b: !!js/function 'x'\n"), "BAD_RESPONSE");
  const value = readYaml("__proto__:\n  polluted: true\n", { what: "x" });
  assert.equal(Object.getPrototypeOf(value), Object.prototype);
  assert.equal(Object.hasOwn(Object.prototype, "polluted"), false);
});

Deno.test("loadYaml() gives nothing but what JSON can hold", () => {
  const text = "date: 2001-01-01\ntime: 2001-01-01T00:00:00Z\nversion: 1.10\nsize: 0x1f\n" +
    "most: .inf\nnone: .nan\nyes: yes\ntrue: true\n";
  assert.deepEqual(readYaml(text, { what: "x" }), {
    date: "2001-01-01",
    time: "2001-01-01T00:00:00Z",
    version: 1.1,
    size: 31,
    most: null,
    none: null,
    yes: "yes",
    true: true,
  });
});

Deno.test("loadYaml() knows no merge keys, custom types, cycles or further documents", () => {
  assert.deepEqual(readYaml("a: &x {k: 1}\nb: {<<: *x}\n", { what: "x" }), {
    a: { k: 1 },
    b: { "<<": { k: 1 } },
  });
  assert.equal(codeOf("a: !!binary aGk="), "BAD_RESPONSE");
  assert.equal(codeOf("a: !!set {x, y}"), "BAD_RESPONSE");
  assert.equal(codeOf("a: !mine x"), "BAD_RESPONSE");
  assert.equal(codeOf("? [a, b]\n: 1"), "BAD_RESPONSE");
  assert.equal(codeOf("a: 1\n---\nb: 2"), "BAD_RESPONSE");
  assert.equal(codeOf("&a [*a]"), "TOO_LARGE");
  assert.equal(codeOf("a: &a {b: *a}"), "TOO_LARGE");
});

Deno.test("loadYaml() shares nothing between aliases", () => {
  const value = readYaml("a: &x [1]\nb: *x\n", { what: "x" });
  assert.deepEqual(value, { a: [1], b: [1] });
  assert.ok(typeof value === "object" && value !== null && "a" in value && "b" in value);
  assert.notEqual(value.a, value.b);
});

const context = { source: "docker" };

Deno.test("dockerSource.readTree() reads folders of server.yaml, each at its own risk", async () => {
  const tree = memoryTree({
    "servers/good/server.yaml": "name: good\ntype: server\nimage: mcp/good\n",
    "servers/good/tools.json": '[{"name": "a"}]',
    "servers/good/readme.md": "Docs: https://docs.example.com/good\n",
    "servers/tools-broken/server.yaml": "name: x\ntype: server\nimage: mcp/x\n",
    "servers/tools-broken/tools.json": "[",
    "servers/broken/server.yaml": "name: [",
    "servers/nameless/server.yaml": "type: server\nimage: mcp/y\n",
    "servers/huge/server.yaml": "x".repeat(MAX_YAML_CHARS + 1),
    "servers/empty/notes.txt": "x",
    "servers/README.md": "x",
  });
  const { entries, problems, skipped } = await dockerSource.readTree(tree, context);
  assert.deepEqual(entries.map(({ id, homepage, tools }) => [id, homepage, tools]), [
    ["docker/good", "https://docs.example.com/good", [{ name: "a" }]],
    ["docker/tools-broken", undefined, undefined],
  ]);
  assert.equal(
    entries[0]?.sources[0]?.url,
    "https://github.com/docker/mcp-registry/tree/main/servers/good",
  );
  assert.deepEqual(problems.map(({ where }) => where), [
    "servers/broken/server.yaml",
    "servers/huge/server.yaml",
    "servers/nameless/server.yaml",
    "servers/tools-broken/tools.json",
  ]);
  assert.equal(skipped, 1);
});

Deno.test("dockerSource.readTree() refuses a tree without servers, and stops when told to", async () => {
  await assert.rejects(
    dockerSource.readTree(memoryTree({ "servers/x/notes.txt": "x" }), context),
    (thrown) => thrown instanceof AppError && thrown.code === "BAD_RESPONSE",
  );
  const tree = memoryTree({ "servers/a/server.yaml": "name: a\ntype: server\nimage: mcp/a\n" });
  await assert.rejects(dockerSource.readTree(tree, { ...context, signal: AbortSignal.abort() }));
});

Deno.test("customSource() reads folders of server.yaml in its root or below servers", async () => {
  const yaml = "name: a\ntype: remote\nremote:\n  url: https://a.example.com/mcp\n";
  const source = customSource({ id: "ours", location: "/srv" });
  for (const root of ["", "servers/"]) {
    const tree = memoryTree({ [`${root}a/server.yaml`]: yaml, [`${root}a/server.json`]: "{}" });
    const { entries } = await source.readTree(tree, { source: "ours" });
    assert.deepEqual(entries.map(({ id }) => id), ["ours/a"], root);
  }
});

/**
 * How texts become terms. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { termOf, wordsOf } from "../../lib/catalog/search_terms.ts";

Deno.test("wordsOf() splits at borders and humps", () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ["postgresMcpServer", ["postgres", "mcp", "server"]],
    ["HTTPServer", ["http", "server", "httpserver"]],
    ["notionApi", ["notion", "api", "notionapi"]],
    ["LaTeX", ["la", "te", "x", "latex"]],
    ["snake_case-and.dots/too", ["snake", "case", "and", "dots", "too"]],
    ["C# and C++, F#", ["c#", "and", "c++", "f#"]],
    ["##heading## +1", ["heading", "1"]],
    ["n8n S3 k8s", ["n8n", "s3", "k8s"]],
    ["", []],
    ["!?…", []],
  ];
  for (const [text, words] of cases) assert.deepEqual(wordsOf(text), words, text);
});

Deno.test("wordsOf() keeps names whole that people write with humps", () => {
  assert.deepEqual(wordsOf("GitHub"), ["github"]);
  assert.deepEqual(wordsOf("YouTube PostgreSQL macOS"), ["youtube", "postgresql", "macos"]);
  assert.deepEqual(wordsOf("myGitHubTools").slice(0, 3), ["my", "github", "tools"]);
});

Deno.test("wordsOf() folds accents, and pairs signs of scripts without blanks", () => {
  assert.deepEqual(wordsOf("Café Zürich"), ["cafe", "zurich"]);
  assert.deepEqual(wordsOf("数据库"), ["数据", "据库"]);
  assert.deepEqual(wordsOf("天"), ["天"]);
  assert.deepEqual(wordsOf("погода в Москве"), ["погода", "в", "москве"]);
});

Deno.test("wordsOf() drops what is no word but data", () => {
  assert.deepEqual(wordsOf(`key ${"a".repeat(41)} end`), ["key", "end"]);
  assert.deepEqual(wordsOf(`key ${"A".repeat(200)} end`), ["key", "end"]);
});

Deno.test("termOf() lets words meet that mean the same", () => {
  const groups = [
    ["postgres", "postgresql", "psql", "pg"],
    ["kubernetes", "k8s", "kubectl"],
    ["javascript", "js"],
    ["database", "databases", "db", "dbs"],
    ["github", "gh"],
    ["query", "queries", "querying"],
    ["file", "files"],
    ["regex", "regexp"],
    ["deploy", "deployment", "deploys", "deployed"],
  ];
  for (const [first = "", ...others] of groups) {
    for (const other of others) assert.equal(termOf(other), termOf(first), other);
  }
  const apart = ["redis", "read", "reddit", "notion", "note", "slack", "black", "aws", "access"];
  assert.equal(new Set(apart.map(termOf)).size, apart.length);
});

Deno.test("termOf() never leaves a word empty, and gives the same every time", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 60 }), (text) => {
      for (const word of wordsOf(text)) {
        assert.ok(word.length > 0 && word === word.toLowerCase(), word);
        const term = termOf(word);
        assert.ok(term.length >= Math.min(word.length, 2), `${word} became ${term}`);
        assert.equal(termOf(word), term);
      }
    }),
    { seed: 9, numRuns: 500 },
  );
});

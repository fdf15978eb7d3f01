/**
 * Tests of lib/mcp/document.ts and lib/mcp/render.ts. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { documentPart } from "../../lib/mcp/document.ts";
import { dayText, fitting, joined, tokensOf } from "../../lib/mcp/render.ts";

const DIGEST = `sha256:${"a".repeat(64)}`;
const OPTIONS = { what: "it", digest: DIGEST, maxChars: 1000 };
const encode = (text: string) => new TextEncoder().encode(text);

Deno.test("documentPart() gives the whole verbatim, odd spacing included", () => {
  const text = '{ "b":1,\n\t"a" : [ ] }\n';
  assert.deepEqual(documentPart(encode(text), OPTIONS), {
    content: text,
    totalChars: text.length,
    isEscaped: false,
  });
});

Deno.test("documentPart() gives parts that join to the whole, and never splits a character", () => {
  const text = JSON.stringify({ a: "😀".repeat(50) });
  for (const maxChars of [7, 8, 10, 33]) {
    let whole = "";
    let cursor: string | undefined;
    do {
      const part = documentPart(encode(text), { ...OPTIONS, maxChars, cursor });
      assert.ok(part.content.length <= maxChars);
      assert.ok(part.content.isWellFormed());
      whole += part.content;
      cursor = part.nextCursor;
    } while (cursor !== undefined);
    assert.equal(whole, text);
  }
});

Deno.test("documentPart() follows a JSON pointer with its escapes", () => {
  const bytes = encode(JSON.stringify({ "a/b": { "m~n": [10, { x: null }] } }));
  const select = (path: string) => documentPart(bytes, { ...OPTIONS, path }).content;
  assert.equal(select("/a~1b/m~0n/0"), "10");
  assert.equal(select("/a~1b/m~0n/1/x"), "null");
  assert.equal(select("/a~1b/m~0n/1"), '{\n  "x": null\n}');
  assert.throws(() => select("/a~1b/m~0n/2"), /Cannot find path/);
  assert.throws(() => select("/toString"), /Cannot find path/);
  // A list has places, and nothing else (RFC 6901, 4).
  for (const path of ["/length", "/01", "/-", "/-1", "/1.0"]) {
    assert.throws(() => select(`/a~1b/m~0n${path}`), /Cannot find path/, path);
  }
  assert.throws(() => select("/a~1b/m~0n/0/deeper"), /Cannot find path/);
});

Deno.test("documentPart() refuses a cursor beyond the end", () => {
  for (
    const cursor of [
      "2",
      "999999999",
      "-1",
      "x",
      "1e1",
      `2-${"a".repeat(12)}`,
      `1-${"a".repeat(11)}`,
    ]
  ) {
    assert.throws(
      () => documentPart(encode("{}"), { ...OPTIONS, maxChars: 10, cursor }),
      /Cannot use cursor/,
      cursor,
    );
  }
});

Deno.test("days and joined parts read well", () => {
  assert.equal(dayText("2026-01-02T03:04:05Z"), "2026-01-02");
  assert.equal(dayText("yesterday"), "");
  assert.equal(dayText(undefined), "");
  assert.equal(joined(["a", undefined, "", "b"], ", "), "a, b");
});

Deno.test("fitting() keeps to the budget, but shows one item at least", () => {
  const items = Array.from({ length: 100 }, () => "x".repeat(36));
  assert.equal(fitting(items, 100), 10);
  assert.equal(fitting(["x".repeat(10_000)], 1), 1);
  assert.equal(fitting([], 1), 0);
  assert.equal(tokensOf("12345"), 2);
});

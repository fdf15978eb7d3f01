/**
 * Tests of lib/core/large_json.ts. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import {
  joined,
  jsonParts,
  largeJson,
  LargeString,
  parseJsonParts,
} from "../../lib/core/large_json.ts";

const encoder = new TextEncoder();
const LIMITS = { maxDepth: 64, maxStringBytes: 8 };

function bytes(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text);
}

/** Cuts bytes into parts of a few sizes. */
function cut(whole: Uint8Array<ArrayBuffer>, size: number): Uint8Array<ArrayBuffer>[] {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for (let at = 0; at < whole.length; at += size) parts.push(whole.slice(at, at + size));
  return parts;
}

function textOf(value: unknown): string {
  return new TextDecoder().decode(joined(jsonParts(value)));
}

Deno.test("parseJsonParts() and jsonParts() keep any value, however it is cut", () => {
  const property = fc.property(
    fc.json({ stringUnit: "grapheme" }),
    fc.integer({ min: 1, max: 40 }),
    (text, size) => {
      const value = parseJsonParts(cut(bytes(text), size), LIMITS);
      if (value === undefined) {
        // The name of a member is long.
        assert.match(text, /"(?:[^"\\]|\\.){2,}":/);
        return;
      }
      assert.deepEqual(JSON.parse(JSON.stringify(value)), JSON.parse(text));
      assert.deepEqual(JSON.parse(textOf(value)), JSON.parse(text));
    },
  );
  fc.assert(property, { seed: 5, numRuns: 500 });
});

Deno.test("parseJsonParts() leaves long strings as the bytes that they came as", () => {
  const part = bytes('{"a":"short","b":["\\u00e9\\"é and more"],"c":1}');
  const value = parseJsonParts([part], LIMITS) as { a: string; b: [LargeString]; c: number };
  assert.equal(value.a, "short");
  assert.equal(value.c, 1);
  const [large] = value.b;
  assert.ok(large instanceof LargeString);
  assert.equal(large.parts[0]?.buffer, part.buffer, "not a copy");
  assert.equal(large.toJSON(), 'é"é and more');
  assert.equal(textOf({ x: value.b }), '{"x":["\\u00e9\\"é and more"]}');
  assert.ok(largeJson(value).length > large.byteLength);
  assert.equal(largeJson({ a: 1 }).length, 7);
});

Deno.test("parseJsonParts() passes on nothing that is no JSON", () => {
  const invalid = [
    '{"a":"0123456789\n"}',
    '{"a":"0123456789\u0000"}',
    '{"a":"0123456789\\x"}',
    '{"a":"0123456789\\u12g4"}',
    '{"a":"0123456789\\u12"}',
    '{"a":"0123456789',
    '{"a":"0123456789\\"}',
    '"0123456789" "0123456789"',
    '{"a":"0123456789"',
  ];
  for (const text of invalid) {
    assert.throws(() => JSON.parse(text));
    for (const size of [1, 5, 1000]) {
      assert.equal(parseJsonParts(cut(bytes(text), size), LIMITS), undefined, text);
    }
  }
  const broken = bytes('{"a":"0123456789__"}');
  broken[14] = 0xc3;
  assert.equal(parseJsonParts([broken], LIMITS), undefined, "not UTF-8");
});

Deno.test("parseJsonParts() gives back what nests too deep, and long names of members", () => {
  assert.equal(parseJsonParts([bytes("[".repeat(65) + "]".repeat(65))], LIMITS), undefined);
  assert.equal(parseJsonParts([bytes('{"0123456789":1}')], LIMITS), undefined);
  // The first of two members of a name is lost with what it holds.
  assert.equal(parseJsonParts([bytes('{"a":"0123456789","a":1}')], LIMITS), undefined);
});

Deno.test("jsonParts() puts several long strings where they belong", () => {
  const [one, two] = ['"first of two"', '"second of two"'].map((text) =>
    new LargeString([bytes(text.slice(0, 3)), bytes(text.slice(3))])
  );
  const value = [two, { one, again: two }, "text"];
  const expected = ["second of two", { one: "first of two", again: "second of two" }, "text"];
  assert.deepEqual(JSON.parse(textOf(value)), expected);
  assert.deepEqual(JSON.parse(JSON.stringify(value)), expected);
  assert.equal(new TextDecoder().decode(joined(jsonParts({}, "\n"))), "{}\n");
});

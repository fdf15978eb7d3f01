import assert from "node:assert/strict";
import fc from "fast-check";
import { parseJson } from "../../lib/core/json.ts";

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const WHAT = { what: 'the manifest of "docker.io/library/alpine"' };

Deno.test("parseJson() reads what JSON.stringify writes", () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), (text) => {
      assert.deepEqual(parseJson(bytesOf(text), WHAT), JSON.parse(text));
    }),
    { seed: 20260101, numRuns: 300 },
  );
});

Deno.test("parseJson() drops a byte order mark", () => {
  assert.deepEqual(parseJson(bytesOf('\uFEFF{"a":1}'), WHAT), { a: 1 });
});

Deno.test("parseJson() names what it could not read, and the next step", () => {
  const texts = ["", "{", "<html>502</html>", "{'a':1}", "[1,]", "nul", '{"a":1}{}', "\u0000"];
  for (const text of texts) {
    assert.throws(() => parseJson(bytesOf(text), WHAT), {
      code: "BAD_RESPONSE",
      message: 'Cannot read the manifest of "docker.io/library/alpine": it is not valid JSON',
      hint: /proxy/,
    }, text);
  }
});

Deno.test("parseJson() refuses bytes that are not UTF-8", () => {
  assert.throws(() => parseJson(new Uint8Array([0x22, 0xff, 0x22]), WHAT), {
    code: "BAD_RESPONSE",
  });
});

Deno.test("parseJson() reads 64 levels and refuses the 65th", () => {
  const nested = (depth: number) => bytesOf("[".repeat(depth) + "]".repeat(depth));
  assert.ok(Array.isArray(parseJson(nested(64), WHAT)));
  assert.throws(() => parseJson(nested(65), WHAT), {
    code: "BAD_RESPONSE",
    message: /deeper than 64 levels/,
  });
  assert.ok(Array.isArray(parseJson(nested(65), { ...WHAT, maxDepth: 65 })));
});

Deno.test("parseJson() refuses a bomb of brackets before it is parsed", () => {
  const bomb = new Uint8Array(5_000_000).fill("[".charCodeAt(0));
  assert.throws(() => parseJson(bomb, WHAT), { message: /deeper than 64 levels/ });
  const objects = bytesOf('{"a":'.repeat(200_000));
  assert.throws(() => parseJson(objects, WHAT), { message: /deeper than 64 levels/ });
});

Deno.test("parseJson() does not count brackets inside of strings", () => {
  const text = JSON.stringify({ a: '["\\'.repeat(100), "{{{{": '\\"[[[[' });
  assert.deepEqual(parseJson(bytesOf(text), { ...WHAT, maxDepth: 1 }), JSON.parse(text));
});

Deno.test("parseJson() counts siblings once", () => {
  const text = `[${Array(1000).fill('{"a":[]}').join(",")}]`;
  assert.deepEqual(parseJson(bytesOf(text), { ...WHAT, maxDepth: 3 }), JSON.parse(text));
});

Deno.test("parseJson() keeps a hostile __proto__ an ordinary key", () => {
  const value = parseJson(bytesOf('{"__proto__":{"polluted":true}}'), WHAT);
  assert.equal(Object.getPrototypeOf(value), Object.prototype);
  assert.ok(!("polluted" in {}));
});

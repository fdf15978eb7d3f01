/**
 * Tests of lib/oci/tag_nfa.ts. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Matcher, type Node } from "../../lib/oci/tag_nfa.ts";

const a: Node = { kind: "test", test: (character) => character === "a" };
const end: Node = { kind: "end" };
const start: Node = { kind: "start" };
const many = (node: Node): Node => ({ kind: "repeat", node, least: 1, most: Infinity });
const all = (...nodes: readonly Node[]): Node => ({ kind: "sequence", nodes });

/** `(a+)+$` */
const catastrophic = all(many(many(a)), end);

Deno.test("test() takes steps in proportion to the text", () => {
  const stepsFor = (length: number) => {
    const matcher = new Matcher(catastrophic, "/(a+)+$/");
    const before = matcher.steps;
    assert.ok(!matcher.test(`${"a".repeat(length)}!`));
    return matcher.steps - before;
  };
  const [once, twice] = [stepsFor(1000), stepsFor(2000)];
  assert.ok(once < 10 * 1000, `${once} steps`);
  assert.ok(twice < 2 * once + 10, `${twice} steps for twice the length, ${once} for one`);
});

Deno.test("test() stops at the first character that cannot begin a fit", () => {
  const matcher = new Matcher(all(start, a), "/^a/");
  const before = matcher.steps;
  assert.ok(!matcher.test("b".repeat(10_000)));
  assert.ok(matcher.steps - before < 10);
});

Deno.test("test() gives up when all texts together take too many steps", () => {
  const matcher = new Matcher(catastrophic, "/(a+)+$/", { maxSteps: 500 });
  const text = `${"a".repeat(50)}!`;
  assert.throws(() => {
    for (let count = 0; count < 100; count++) matcher.test(text);
  }, { code: "INVALID_ARGUMENT", message: /takes too long on these tags/ });
  assert.ok(matcher.steps < 600);
});

Deno.test("test() honours anchors inside of choices", () => {
  const matcher = new Matcher({ kind: "choice", nodes: [all(start, a), all(a, end)] }, "/^a|a$/");
  const texts = ["ab", "ba", "bab", "a", "", "b"];
  assert.deepEqual(texts.map((text) => matcher.test(text)), [
    true,
    true,
    false,
    true,
    false,
    false,
  ]);
});

Deno.test("test() lets the empty expression fit everything", () => {
  const matcher = new Matcher(all(), "//");
  assert.deepEqual(["", "x"].map((text) => matcher.test(text)), [true, true]);
  const empty = new Matcher(all(start, end), "/^$/");
  assert.deepEqual(["", "x"].map((text) => empty.test(text)), [true, false]);
});

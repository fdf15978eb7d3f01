/**
 * Tests of lib/core/nearest.ts. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { nearestNames } from "../../lib/core/nearest.ts";

Deno.test("nearestNames() gives the nearest first", () => {
  const table: readonly (readonly [string, readonly string[], readonly string[]])[] = [
    ["3.99", ["3.19", "3.9", "edge", "20240915"], ["3.19", "3.9"]],
    ["latst", ["stable", "latest", "test"], ["latest"]],
    ["LATEST", ["stable", "latest"], ["latest"]],
    ["1.27.3-alpine", ["1", "1.27.3", "1.27.3-alpine3.20", "x"], [
      "1.27.3-alpine3.20",
      "1.27.3",
      "1",
    ]],
    ["nginx", ["library/nginx", "nginx-unit", "ngnix"], ["nginx-unit", "ngnix"]],
    ["abc", ["xyz", "uvwxyz", ""], []],
    ["a", [], []],
  ];
  for (const [wanted, names, expected] of table) {
    assert.deepEqual(nearestNames(wanted, names, 5), expected, wanted);
  }
});

Deno.test("nearestNames() gives no more than asked for, in the same order for any input order", () => {
  const names = ["1.1", "1.2", "1.3", "2.1"];
  assert.deepEqual(nearestNames("1.0", names, 2), ["1.1", "1.2"]);
  assert.deepEqual(nearestNames("1.0", names.toReversed(), 2), ["1.1", "1.2"]);
});

Deno.test("nearestNames() bounds its work on long names", () => {
  const long = "a".repeat(100_000);
  assert.deepEqual(nearestNames(`${long}b`, [`${long}c`, "b"], 5), [`${long}c`]);
});

/** Levenshtein's distance by its definition. */
function distance(a: string, b: string): number {
  if (a === "" || b === "") return a.length + b.length;
  const [shortA, shortB] = [a.slice(1), b.slice(1)];
  if (a[0] === b[0]) return distance(shortA, shortB);
  return 1 + Math.min(distance(shortA, b), distance(a, shortB), distance(shortA, shortB));
}

Deno.test("nearestNames() takes a name for near by Levenshtein's distance", () => {
  const word = fc.string({ unit: fc.constantFrom("a", "b", "c"), minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(word, word, (wanted, name) => {
      const begins = name.startsWith(wanted) || wanted.startsWith(name);
      const near = begins ||
        distance(wanted, name) <= Math.max(2, Math.floor(wanted.length / 2));
      assert.deepEqual(nearestNames(wanted, [name], 1), near ? [name] : []);
    }),
    { seed: 20260106, numRuns: 500 },
  );
});

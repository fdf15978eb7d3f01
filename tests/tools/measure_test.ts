/** Tests of how benchmarks are counted; none asserts on time. @module */

import assert from "node:assert/strict";
import { formatTable, measure, ratio } from "../bench/measure.ts";

Deno.test("measure() runs the contenders in turn, warm-ups included", async () => {
  const calls: string[] = [];
  const contender = (name: string) => ({
    name,
    run: () => {
      calls.push(name);
      return Promise.resolve();
    },
  });
  const rows = await measure([contender("a"), contender("b")], { warmUps: 1, rounds: 2 });
  assert.equal(calls.join(""), "ababab");
  assert.deepEqual(rows.map(({ name }) => name), ["a", "b"]);
});

Deno.test("measure() lets each run be put away before the next begins", async () => {
  const calls: string[] = [];
  const contender = (name: string) => ({
    name,
    run: () => Promise.resolve(calls.push(`${name} runs`)),
    settle: () => Promise.resolve(calls.push(`${name} settles`)),
  });
  await measure([contender("a"), contender("b")], { warmUps: 0, rounds: 1 });
  assert.deepEqual(calls, ["a runs", "a settles", "b runs", "b settles"]);
});

Deno.test("formatTable() compares every row with the first", () => {
  const rows = [
    { name: "peer", medianMs: 50, rangeMs: [40, 61.04] as const },
    { name: "faster", medianMs: 2.5, rangeMs: [2, 3] as const },
    { name: "slower", medianMs: 75, rangeMs: [70, 80] as const },
  ];
  assert.deepEqual(formatTable("what was asked", rows), [
    "what was asked",
    "  peer       50.0 ms  (40.0 to 61.0)",
    "  faster     2.50 ms  (2.00 to 3.00)      20.0 times faster",
    "  slower     75.0 ms  (70.0 to 80.0)      1.5 times slower",
  ]);
  assert.equal(ratio(1, 1), "1.0 times faster");
});

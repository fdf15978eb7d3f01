/** Tests of the counts of test runs. @module */

import assert from "node:assert/strict";
import { addCounts, formatCounts, isRoutine, NONE, readCounts } from "../../tools/counts.ts";

Deno.test("readCounts() reads the closing line of deno test, with colours and steps", () => {
  assert.deepEqual(readCounts("ok | 47 passed | 0 failed (34ms)"), {
    passed: 47,
    failed: 0,
    skipped: 0,
  });
  assert.deepEqual(
    readCounts(
      "\x1b[0m\x1b[31mFAILED\x1b[0m | 2 passed (1 step) | 3 failed (1 step) | 1 ignored (4 steps) | 9 measured | 5 filtered out \x1b[0m(39ms)",
    ),
    { passed: 2, failed: 3, skipped: 1 },
  );
});

Deno.test("readCounts() does not take a test's name or output for the closing line", () => {
  for (
    const line of ["", "running 3 tests from ./a_test.ts", "says ok | 1 passed | 0 failed (1ms)"]
  ) {
    assert.equal(readCounts(line), undefined, line);
  }
});

Deno.test("isRoutine() drops what passed and keeps what did not", () => {
  const kept = [
    "a does b ... FAILED (1ms)",
    "a does b ...",
    "a does b [skopeo not found] ... ignored (0ms)",
    "ok | 47 passed | 0 failed (34ms)",
    "says ... ok (in its own words)!",
  ];
  const dropped = [
    "a does b ... \x1b[0m\x1b[32mok\x1b[0m (740µs)",
    "a does b ... ok (1m3s)",
  ];
  assert.deepEqual([...kept, ...dropped].filter((line) => !isRoutine(line)), kept);
});

Deno.test("formatCounts() ends in the line that CI reads", () => {
  assert.equal(formatCounts(NONE), "0 passed, 0 failed");
  const sum = addCounts([
    { passed: 5, failed: 0, skipped: 2 },
    { passed: 1, failed: 1, skipped: 0 },
  ]);
  assert.equal(formatCounts(sum), "6 passed, 1 failed, 2 skipped");
});

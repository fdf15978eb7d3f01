/**
 * Tests of lib/core/units.ts. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { counted, countText, sizeText } from "../../lib/core/units.ts";

Deno.test("sizeText() takes the unit that reads best", () => {
  assert.deepEqual(
    [0, 999, 1000, 3_600_000, 9_949_999, 9_950_000, 999_499, 999_500].map(sizeText),
    [
      "0 B",
      "999 B",
      "1.0 kB",
      "3.6 MB",
      "9.9 MB",
      "10 MB",
      "999 kB",
      "1.0 MB",
    ],
  );
  assert.deepEqual([1e9, 1.5e12, 9e15].map(sizeText), ["1.0 GB", "1.5 TB", "9000 TB"]);
});

Deno.test("countText() shortens what nobody counts", () => {
  assert.deepEqual([0, 9999, 10_000, 1_234_567, 1e9, 5e13].map(countText), [
    "0",
    "9999",
    "10K",
    "1.2M",
    "1.0B",
    "50T",
  ]);
});

Deno.test("counted() puts the noun into the number that fits", () => {
  assert.deepEqual([0, 1, 2].map((count) => counted(count, "tool")), [
    "0 tools",
    "1 tool",
    "2 tools",
  ]);
});

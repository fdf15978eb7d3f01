/**
 * Tests of lib/connect/difference.ts. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { difference } from "../../lib/connect/difference.ts";

Deno.test("difference() shows nothing where nothing changed", () => {
  assert.deepEqual(difference("", ""), []);
  assert.deepEqual(difference("a\nb\n", "a\r\nb"), []);
});

Deno.test("difference() shows three lines around a change", () => {
  const before = Array.from({ length: 20 }, (_, index) => `line ${index + 1}`);
  const after = before.toSpliced(9, 1, "changed");
  assert.deepEqual(difference(before.join("\n"), after.join("\n")), [
    "@@ -7,7 +7,7 @@",
    " line 7",
    " line 8",
    " line 9",
    "-line 10",
    "+changed",
    " line 11",
    " line 12",
    " line 13",
  ]);
});

Deno.test("difference() joins changes that are near each other and parts those that are not", () => {
  const before = Array.from({ length: 30 }, (_, index) => `${index + 1}`);
  const near = before.toSpliced(20, 1).toSpliced(15, 1);
  assert.deepEqual(
    difference(before.join("\n"), near.join("\n")).filter((line) => line.startsWith("@@")),
    ["@@ -13,12 +13,10 @@"],
  );
  const apart = before.toSpliced(25, 0, "new").toSpliced(2, 1);
  assert.deepEqual(
    difference(before.join("\n"), apart.join("\n")).filter((line) => !line.startsWith(" ")),
    ["@@ -1,6 +1,5 @@", "-3", "@@ -23,6 +22,7 @@", "+new"],
  );
});

Deno.test("difference() shows a new file and one that goes", () => {
  assert.deepEqual(difference("", "a\nb\n"), ["@@ -0,0 +1,2 @@", "+a", "+b"]);
  assert.deepEqual(difference("a\nb\n", ""), ["@@ -1,2 +0,0 @@", "-a", "-b"]);
});

Deno.test("difference() cuts long lines and shows what could not be seen", () => {
  const [, line] = difference("", `\t${"x".repeat(500)}\u202E`);
  assert.equal(line?.length, 201);
  assert.deepEqual(difference("", "\ta\u202Eb"), ["@@ -0,0 +1,1 @@", "+\ta\\u202eb"]);
});

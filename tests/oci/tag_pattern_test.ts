/**
 * Tests of lib/oci/tag_pattern.ts. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { AppError } from "../../lib/core/errors.ts";
import { compilePattern } from "../../lib/oci/tag_pattern.ts";

const TAGS = [
  "1.27",
  "1.27-alpine",
  "1.27.3-alpine3.20",
  "1.26-alpine",
  "latest",
  "v1.0",
  "RC-1",
  "a_b",
  "x-{y}",
];

function fitting(pattern: string): readonly string[] {
  return TAGS.filter(compilePattern(pattern));
}

function faultOf(pattern: string): AppError {
  try {
    compilePattern(pattern)("a");
  } catch (thrown) {
    if (thrown instanceof AppError) return thrown;
    throw thrown;
  }
  return assert.fail(`${pattern} was taken`);
}

Deno.test("compilePattern() finds a plain word anywhere in a tag", () => {
  assert.deepEqual(fitting("alpine"), ["1.27-alpine", "1.27.3-alpine3.20", "1.26-alpine"]);
  // A dot is a dot there.
  assert.deepEqual(fitting("1.2"), ["1.27", "1.27-alpine", "1.27.3-alpine3.20", "1.26-alpine"]);
  assert.deepEqual(fitting("rc"), []);
});

Deno.test("compilePattern() holds a glob against the whole tag", () => {
  const table: readonly (readonly [string, readonly string[]])[] = [
    ["1.27*", ["1.27", "1.27-alpine", "1.27.3-alpine3.20"]],
    ["1.2?", ["1.27"]],
    ["1.2?-alpine", ["1.27-alpine", "1.26-alpine"]],
    ["1.2[67]", ["1.27"]],
    ["1.2[!7]-*", ["1.26-alpine"]],
    ["1.2[^7]-*", ["1.26-alpine"]],
    ["1.2[0-6]*", ["1.26-alpine"]],
    ["{latest,v*}", ["latest", "v1.0"]],
    ["1.{27,26{-alpine,}}", ["1.27", "1.26-alpine"]],
    ["*", TAGS],
    ["a[_]b", ["a_b"]],
    ["[]]", []],
    ["*-[{]*", ["x-{y}"]],
    ["lat,est}", []],
  ];
  for (const [pattern, expected] of table) assert.deepEqual(fitting(pattern), expected, pattern);
});

Deno.test("compilePattern() finds an expression in a part of the tag", () => {
  const table: readonly (readonly [string, readonly string[]])[] = [
    ["/^1\\.27/", ["1.27", "1.27-alpine", "1.27.3-alpine3.20"]],
    ["/^1\\.2[0-6]-/", ["1.26-alpine"]],
    ["/^v?\\d+\\.\\d+$/", ["1.27", "v1.0"]],
    ["/^rc/i", ["RC-1"]],
    ["/^rc/", []],
    ["/[^\\d.a-z-]/", ["RC-1", "a_b", "x-{y}"]],
    ["/[^A-Z]c/i", []],
    ["/[r-s][a-c]/i", ["RC-1"]],
    ["/^\\w+$/", ["latest", "a_b"]],
    ["/\\W\\d{2}/", ["1.27", "1.27-alpine", "1.27.3-alpine3.20", "1.26-alpine"]],
    ["/alpine(?:\\d|$)/", ["1.27-alpine", "1.27.3-alpine3.20", "1.26-alpine"]],
    ["/(?:test|late)st$|^v/", ["latest", "v1.0"]],
    ["/\\{y\\}/", ["x-{y}"]],
    ["/y}/", ["x-{y}"]],
    ["/^.{3,4}$/", ["1.27", "v1.0", "RC-1", "a_b"]],
    ["/^1.{8,}?$/", ["1.27-alpine", "1.27.3-alpine3.20", "1.26-alpine"]],
    ["//", TAGS],
    ["/$/", TAGS],
    ["/[\\w-]\\s/", []],
    ["/[\\]-]1/", ["RC-1"]],
  ];
  for (const [pattern, expected] of table) assert.deepEqual(fitting(pattern), expected, pattern);
});

Deno.test("compilePattern() says what it does not support", () => {
  const table: readonly (readonly [string, RegExp])[] = [
    ["/a/g", /the flag "g"/],
    ["/a", /no "\/" at its end/],
    ["/(?=a)/", /look-around and named groups/],
    ["/(?<n>a)/", /look-around and named groups/],
    ["/\\1/", /it has \\1/],
    ["/\\bx/", /it has \\b/],
    ["/a**/", /a repeat of a repeat/],
    ["/a{2}+/", /a repeat of a repeat/],
    ["/*a/", /a "\*" behind nothing/],
    ["/{2}/", /a "\{" behind nothing/],
    ["/a{/", /a bare "\{"/],
    ["/a{,3}/", /a bare "\{"/],
    ["/a{3,2}/", /the repeat \{3,2\}/],
    ["/a{101}/", /the repeat \{101\}/],
    ["/a{1,101}/", /the repeat \{1,101\}/],
    ["/^*/", /a repeated anchor/],
    ["/(a/", /a "\(" without "\)"/],
    ["/a)/", /a "\)" too many/],
    ["/[a/", /an unfinished end/],
    ["/[]/", /an empty class/],
    ["/[^]/", /an empty class/],
    ["/[z-a]/", /a range in the wrong order/],
    ["/[a-\\d]/", /a range in the wrong order/],
    ["/\\/", /an unfinished end/],
    ["{a,b", /a "\{" without "\}"/],
    ["[a", /an unfinished end/],
    [`/${"(".repeat(21)}a${")".repeat(21)}/`, /groups nested so deep/],
    [`${"{".repeat(21)}a${"}".repeat(21)}`, /braces nested so deep/],
    ["a".repeat(201), /longer than 200 characters/],
  ];
  for (const [pattern, expected] of table) {
    const error = faultOf(pattern);
    assert.equal(error.code, "INVALID_ARGUMENT", pattern);
    assert.match(error.message, expected, pattern);
    assert.ok(error.hint, pattern);
  }
});

Deno.test("compilePattern() refuses patterns that grow, with or without states", () => {
  assert.match(faultOf("/((a{100}){100}){100}/").message, /grows too large/);
  // An empty group adds no state, so that counting states alone would not end.
  assert.match(faultOf("/((((((){100}){100}){100}){100}){100}){100}/").message, /grows too large/);
  assert.match(faultOf("/(((((|){100}){100}){100}){100}){100}/").message, /grows too large/);
});

Deno.test("compilePattern() answers where a backtracking matcher would not return", () => {
  const long = `${"a".repeat(50_000)}!`;
  for (const pattern of ["/(a+)+$/", "/(a|aa)+$/", "/(.*)*x$/", "/^(a?){50}a{50}$/", "*a*a*a*b"]) {
    assert.ok(!compilePattern(pattern)(long), pattern);
  }
});

/** Expressions of the subset, with all that they may hold. */
const expression = fc.letrec<{ node: string; atom: string; repeated: string }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4 },
    tie("repeated"),
    fc.tuple(tie("repeated"), tie("node")).map(([a, b]) => a + b),
    fc.tuple(tie("node"), tie("node")).map(([a, b]) => `${a}|${b}`),
  ),
  atom: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom("a", "b", "B", "1", "-", "\\.", "\\-", ".", "\\d", "\\w", "\\W", "\\D", "\\s"),
    fc.constantFrom("[ab]", "[^a]", "[a-c1]", "[^\\d.]", "[A-B]", "[-a]", "[a-]", "[\\w-]", "[.]"),
    fc.constantFrom("^", "$"),
    tie("node").map((node) => `(${node})`),
    tie("node").map((node) => `(?:${node})`),
  ),
  repeated: fc.tuple(
    tie("atom"),
    fc.constantFrom("", "", "", "*", "+", "?", "*?", "+?", "{2}", "{0,2}", "{1,}", "{0}"),
  ).map(([atom, repeat]) => atom === "^" || atom === "$" ? atom : atom + repeat),
})).node;

Deno.test("compilePattern() agrees with JavaScript's expressions", () => {
  fc.assert(
    fc.property(
      expression.filter((source) => source.length < 60),
      fc.array(fc.string({ unit: fc.constantFrom("a", "b", "A", "B", "c", "1", ".", "-", "_") }), {
        minLength: 1,
        maxLength: 6,
      }),
      fc.constantFrom("", "i"),
      (source, tags, flags) => {
        const fits = compilePattern(`/${source}/${flags}`);
        const own = new RegExp(source, flags);
        for (const tag of tags.map((text) => text.slice(0, 10))) {
          assert.equal(fits(tag), own.test(tag), `/${source}/${flags} on "${tag}"`);
        }
      },
    ),
    { seed: 20260101, numRuns: 3000 },
  );
});

Deno.test("compilePattern() takes or refuses any text, and nothing else", () => {
  const syntax = fc.constantFrom(..."/()[]{}*+?|\\^$.,-a1!".split(""));
  fc.assert(
    fc.property(fc.string({ unit: syntax, maxLength: 30 }), (pattern) => {
      try {
        compilePattern(pattern)("a-1");
      } catch (thrown) {
        assert.ok(thrown instanceof AppError && thrown.code === "INVALID_ARGUMENT", pattern);
      }
    }),
    { seed: 20260102, numRuns: 5000 },
  );
});

/**
 * Colours and line breaks. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { allowsColours, paint } from "../../lib/cli/paint.ts";
import { wrapWords } from "../../lib/cli/wrap.ts";

Deno.test("allowsColours() follows NO_COLOR, the terminal and its kind", () => {
  assert.equal(allowsColours(true, {}), true);
  assert.equal(allowsColours(true, { NO_COLOR: "" }), true);
  assert.equal(allowsColours(true, { NO_COLOR: "1" }), false);
  assert.equal(allowsColours(true, { TERM: "dumb" }), false);
  assert.equal(allowsColours(false, {}), false);
});

Deno.test("paint() leaves a text alone that no terminal shows", () => {
  assert.equal(paint("ok", "green", {}), "ok");
  assert.equal(paint("ok", "green", { hasColours: true }), "\x1b[32mok\x1b[0m");
});

Deno.test("wrapWords() breaks between words only", () => {
  assert.deepEqual(wrapWords("one two three", 7), ["one two", "three"]);
  assert.deepEqual(wrapWords("a /very/long/path b", 6), ["a", "/very/long/path", "b"]);
  assert.deepEqual(wrapWords("one two", Infinity), ["one two"]);
  assert.deepEqual(wrapWords("", 10), [""]);
});

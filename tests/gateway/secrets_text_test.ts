import assert from "node:assert/strict";
import { shownText } from "../../lib/gateway/secrets_text.ts";

Deno.test("shownText() hides secrets in every form that servers repeat them in", () => {
  const options = { secrets: ["Bearer abc+def/1", "key 12345"], maxChars: 200 };
  const shown = (text: string) => shownText(text, options);
  assert.equal(shown("got Bearer abc+def/1"), "got ***");
  assert.equal(shown("got abc+def/1, want more"), "got ***, want more");
  assert.equal(shown("?key=abc%2Bdef%2F1&x"), "?key=***&x");
  assert.equal(shown("key 12345 and 12345"), "*** and ***");
  assert.equal(shown("a bearer token is wanted"), "a bearer token is wanted");
});

Deno.test("shownText() hides nothing that is too short to be a secret", () => {
  assert.equal(shownText("a is on", { secrets: ["a", "on", ""], maxChars: 100 }), "a is on");
});

Deno.test("shownText() cleans and cuts, and shows no half of a secret", () => {
  const text = `one\u202e\n\u0007two${" ".repeat(10)}`;
  assert.equal(shownText(text, { secrets: [], maxChars: 100 }), "one two");
  const secret = "s3cret".repeat(20);
  const long = `${"x".repeat(90)}${secret}`;
  assert.doesNotMatch(shownText(long, { secrets: [secret], maxChars: 100 }), /s3/);
});

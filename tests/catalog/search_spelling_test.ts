/**
 * What misspelt words are taken for. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { Speller } from "../../lib/catalog/search_spelling.ts";

const COUNTS: Readonly<Record<string, number>> = {
  postgres: 90,
  jira: 60,
  dria: 1,
  linkding: 1,
  linkedin: 40,
  kubernetes: 80,
  weather: 30,
  whether: 2,
  rewriting: 9,
  s3: 20,
  auth0: 5,
  database: 400,
  databases: 50,
};

const SPELLER = new Speller(Object.keys(COUNTS), Object.values(COUNTS));

Deno.test("Speller.correct() finds the word that was meant", () => {
  const first = (word: string) => SPELLER.correct(word, { limit: 1 })[0];
  assert.equal(first("postgrs"), "postgres");
  assert.equal(first("psotgres"), "postgres");
  assert.equal(first("postgress"), "postgres");
  assert.equal(first("kuberntese"), "kubernetes");
  assert.equal(first("databse"), "database");
  // Two letters that changed places are one slip, even in a short word.
  assert.equal(first("jria"), "jira");
});

Deno.test("Speller.correct() prefers what many have, among words that are equally near", () => {
  assert.deepEqual(SPELLER.correct("linkdin", { limit: 2 }), ["linkedin", "linkding"]);
  assert.equal(SPELLER.correct("wheather", { limit: 1 })[0], "weather");
});

Deno.test("Speller.correct() leaves alone what is too far, too short, or has digits", () => {
  for (const word of ["zzzzzz", "js", "s4", "auth1", "recruit", "", "x".repeat(500)]) {
    assert.deepEqual(SPELLER.correct(word, { limit: 3 }), [], word);
  }
});

Deno.test("Speller.correct() never gives the word itself, and keeps to the edits that are asked for", () => {
  assert.deepEqual(SPELLER.correct("database", { limit: 3 }), ["databases"]);
  assert.deepEqual(SPELLER.correct("kuberntese", { limit: 3, maxEdits: 1 }), []);
  assert.deepEqual(SPELLER.correct("database", { limit: 0 }), []);
});

Deno.test("Speller.correct() finds any word of eight letters or more with one slip in it", () => {
  const letters = fc.string({
    unit: fc.constantFrom(..."abcdefghijklmnop"),
    minLength: 8,
    maxLength: 16,
  });
  fc.assert(
    fc.property(
      fc.uniqueArray(letters, { minLength: 1, maxLength: 30 }),
      fc.nat(),
      fc.constantFrom("omit", "double", "swap"),
      (words, seed, slip) => {
        const word = words[seed % words.length] ?? "";
        // The first letter stays: people seldom begin a word wrongly.
        const at = 1 + seed % (word.length - 2);
        const wrong = slip === "omit"
          ? word.slice(0, at) + word.slice(at + 1)
          : slip === "double"
          ? word.slice(0, at) + word[at] + word.slice(at)
          : word.slice(0, at) + word[at + 1] + word[at] + word.slice(at + 2);
        if (words.includes(wrong)) return;
        const speller = new Speller(words, words.map(() => 1));
        assert.ok(speller.correct(wrong, { limit: words.length }).includes(word), wrong);
      },
    ),
    { seed: 5, numRuns: 200 },
  );
});

Deno.test("Speller bears any vocabulary and any word", () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: "grapheme", maxLength: 60 }), { maxLength: 20 }),
      fc.string({ unit: "grapheme", maxLength: 60 }),
      (words, word) => {
        const found = new Speller(words, words.map(() => 1)).correct(word, { limit: 3 });
        assert.ok(found.length <= 3 && found.every((near) => words.includes(near)));
      },
    ),
    { seed: 6, numRuns: 200 },
  );
});

/**
 * What queries mean in terms of an index. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { buildTermIndex } from "../../lib/catalog/search_index.ts";
import { type Query, readQuery } from "../../lib/catalog/search_query.ts";
import { Speller } from "../../lib/catalog/search_spelling.ts";
import { makeEntry } from "./make.ts";

const TEXTS = [
  "Reads a YouTube channel",
  "Reads YouTube videos",
  "Keeps files in Google Drive",
  "Google Drive for teams",
  "Talks to OpenAI models",
  "OpenAI images",
  "OpenAI speech",
  "A URL shortener",
  "An open interest tracker",
  "PostgreSQL tables",
  "PostgreSQL admin",
  "PostgreSQL roles and admin",
  "An admin of postgres",
];

const INDEX = buildTermIndex(
  TEXTS.map((description, number) => makeEntry(`a/n${number}`, { description })),
);

function read(text: string): Query {
  return readQuery(text, {
    index: INDEX,
    speller: () => new Speller(INDEX.words(), INDEX.wordCounts),
  });
}

/** The terms of each word of a query. */
function termsOf(text: string): readonly (readonly string[])[] {
  return read(text).words.map(({ meanings }) =>
    meanings.map(({ term }) => INDEX.terms[term] ?? "")
  );
}

Deno.test("readQuery() leaves out what says nothing, unless nothing else is asked", () => {
  assert.deepEqual(read("an mcp server for YouTube").words.map(({ word }) => word), ["youtube"]);
  assert.deepEqual(read("the server").words.map(({ word }) => word), ["the", "server"]);
  assert.deepEqual(read(" ?! ").words, []);
  // The same word twice counts once.
  assert.equal(read("postgres postgresql psql").words.length, 1);
});

Deno.test("readQuery() joins neighbours, writes abbreviations out, and takes words apart", () => {
  assert.ok(termsOf("you tube")[0]?.includes("youtub"));
  assert.deepEqual(read("gdrive").words.map(({ word }) => word), ["google", "drive"]);
  assert.deepEqual(termsOf("postgresadmin"), [["postgr", "admin"]]);
});

Deno.test("readQuery() takes the beginnings of words at less weight", () => {
  const [word] = read("short").words;
  const [meaning] = word?.meanings ?? [];
  assert.equal(INDEX.terms[meaning?.term ?? -1], "shorten");
  assert.ok((meaning?.weight ?? 1) < 1);
});

Deno.test("readQuery() corrects a word that nobody uses, and one that only begins a rare one", () => {
  assert.deepEqual(read("opanai").corrections, [{ word: "opanai", used: ["openai"] }]);
  // "openi" also begins "openinterest", which is no reason to show that only.
  assert.deepEqual(read("openi").corrections[0]?.used[0], "openai");
  assert.deepEqual(read("openai").corrections, []);
});

Deno.test("readQuery() says more of rare words, less of weak ones, and reads a bounded number", () => {
  const [rare, usual] = read("shortener postgres").words;
  assert.ok((rare?.idf ?? 0) > (usual?.idf ?? 0));
  const [weak, strong] = read("create zzzz").words;
  assert.ok((weak?.idf ?? 0) < (strong?.idf ?? 0));
  const many = Array.from({ length: 500 }, (_, number) => `word${number}`).join(" ");
  assert.equal(read(many).words.length, 24);
});

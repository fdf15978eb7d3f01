/**
 * From text to terms: words, folded so that what people mean by one word is one term. Needs no
 * permission.
 *
 * @example
 * ```ts
 * import { termOf, wordsOf } from "./search_terms.ts";
 *
 * wordsOf("postgresMcpServer").map(termOf); // ["postgr", "mcp", "server"]
 * termOf("PostgreSQL".toLowerCase()) === termOf("postgres"); // true
 * ```
 *
 * @module
 */

import { BRANDS, CANONICAL } from "./search_words.ts";

/** Words longer than this are no words, but data. */
const MAX_WORD_CHARS = 40;

/** Names of three parts are shorter than what joins words as `postgresMcpServer` does. */
const MAX_NAME_CHARS = 16;

/** Folded words by word: texts repeat the same few thousand. */
const TERMS = new Map<string, string>();
const MAX_KEPT_TERMS = 100_000;

/** Scripts without blanks between words. */
const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]/u;

/** What stands between words. */
const BORDER = /[^\p{L}\p{N}+#]+/u;

/** The same for most texts, in half the time. */
const ASCII_BORDER = /[^A-Za-z0-9+#]+/;

/** Most words, which are taken as they are. */
const LOWER_CASE = /^[a-z0-9]+$/;

/** Words of several humps. */
const HUMPED = /[a-z][A-Z]|[A-Z0-9][A-Z][a-z]/;

/** `fooBar`, `HTTPServer`, but not `GitHub` or `YouTube`, which people write as one word. */
const HUMP = /(?<=[a-z])(?=[A-Z])|(?<=[A-Z0-9])(?=[A-Z][a-z])/;

/** Their humps are no borders, in `myGitHubTools` as well. */
const JOINED = new RegExp(
  BRANDS.map((brand) => `(?<!${/^[a-z]/.test(brand) ? "[A-Za-z]" : "[A-Z]"})${brand}(?![a-z])`)
    .join("|"),
  "g",
);

/**
 * The words of a text, in lower case. A word of several humps or parts gives its parts.
 *
 * @param text Any text.
 */
export function wordsOf(text: string): string[] {
  const isPlain = isAscii(text);
  const plain = isPlain ? text : text.normalize("NFKD").replace(/\p{M}+/gu, "");
  const words: string[] = [];
  for (const run of plain.split(isPlain ? ASCII_BORDER : BORDER)) {
    if (run === "" || run.length > MAX_WORD_CHARS * 3) continue;
    if (!isPlain && UNSPACED.test(run)) {
      words.push(...pairs(run.toLowerCase()));
      continue;
    }
    if (LOWER_CASE.test(run)) {
      if (run.length <= MAX_WORD_CHARS) words.push(run);
      continue;
    }
    for (const part of HUMPED.test(run) ? humps(run) : [run]) {
      const word = part.toLowerCase().replace(/^[+#]+|#{2,}$/g, "");
      if (word !== "" && word.length <= MAX_WORD_CHARS) words.push(word);
    }
  }
  return words;
}

/** The parts of a word, and the whole of one that may be a name, such as `LaTeX`. */
function humps(run: string): string[] {
  const parts = run.replace(JOINED, (brand) => ` ${brand.toLowerCase()} `).split(HUMP)
    .flatMap((part) => part.split(" ")).filter((part) => part !== "");
  const isName = parts.length === 2 || (parts.length === 3 && run.length <= MAX_NAME_CHARS);
  return isName ? [...parts, run] : parts;
}

/** Neighbours of a script without blanks, as pairs. */
function pairs(run: string): string[] {
  const characters = [...run];
  if (characters.length === 1) return characters;
  return characters.slice(1).map((character, index) => `${characters[index]}${character}`);
}

function isAscii(text: string): boolean {
  // deno-lint-ignore no-control-regex -- the range is that of ASCII
  return !/[^\x00-\x7f]/.test(text);
}

/**
 * Folds a word: synonyms to one word, endings away.
 *
 * @param word A word in lower case.
 */
export function termOf(word: string): string {
  const known = TERMS.get(word);
  if (known !== undefined) return known;
  const same = CANONICAL.get(word) ?? CANONICAL.get(singular(word));
  const term = stem(same ?? word);
  if (TERMS.size < MAX_KEPT_TERMS) TERMS.set(word, term);
  return term;
}

function singular(word: string): string {
  if (word.length < 4 || !word.endsWith("s") || /(?:ss|us|is|os)$/.test(word)) return word;
  if (word.endsWith("ies") && word.length > 4) return `${word.slice(0, -3)}y`;
  if (/(?:x|ch|sh|ss|z)es$/.test(word)) return word.slice(0, -2);
  return word.slice(0, -1);
}

/** Endings of English that do not change what a tool is about. Never leaves less than three letters. */
function stem(word: string): string {
  if (word.length < 4 || !/^[a-z]+$/.test(word)) return word;
  let base = singular(word);
  if (base.length > 6 && base.endsWith("ation")) base = base.slice(0, -3);
  else if (base.length > 5 && base.endsWith("ing")) base = undoubled(base.slice(0, -3));
  else if (base.length > 4 && base.endsWith("ed")) base = undoubled(base.slice(0, -2));
  else if (base.length > 8 && base.endsWith("ment")) base = base.slice(0, -4);
  else if (base.length > 6 && base.endsWith("ly")) base = base.slice(0, -2);
  return base.length > 4 && base.endsWith("e") ? base.slice(0, -1) : base;
}

function undoubled(word: string): string {
  return /([bdfgmnprt])\1$/.test(word) ? word.slice(0, -1) : word;
}

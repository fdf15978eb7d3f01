/**
 * Patterns for tags: a plain word, a glob, or a `/regular expression/`, matched in linear time
 * whatever the pattern is. Needs no permission.
 *
 * JavaScript's own expressions backtrack, so one pattern from a model could hang the server. This
 * reads a documented subset of them for {@linkcode Matcher} instead.
 *
 * @example
 * ```ts
 * import { compilePattern } from "./tag_pattern.ts";
 *
 * compilePattern("1.2*-alpine")("1.27-alpine"); // true
 * compilePattern("/^v?1\\./")("v1.0"); // true
 * ```
 *
 * @module
 */

import { AppError } from "../core/errors.ts";
import { truncate } from "../core/text.ts";
import { type CharTest, Matcher, type Node } from "./tag_nfa.ts";

/** Decides whether a tag fits. */
export type TagPredicate = (tag: string) => boolean;

const MAX_PATTERN = 200;
const MAX_REPEAT = 100;
const MAX_NESTING = 20;

const SUPPORTED =
  "Supported are literals . [a-z] [^a] \\d \\w \\s ^ $ | ( ) (?: ) * + ? {m,n} and the flag i; " +
  "or use a glob such as 1.2*-alpine";

const CLASSES: Readonly<Record<string, CharTest>> = {
  d: (character) => character >= "0" && character <= "9",
  w: (character) => /[A-Za-z0-9_]/.test(character),
  s: (character) => /\s/.test(character),
};

/**
 * Compiles a pattern.
 *
 * @param pattern A plain word (the tag contains it), a glob with `* ? [abc] {a,b}` (the whole tag
 * fits it), or `/expression/` with the flag `i` or none (a part of the tag fits it).
 * @returns The predicate; its time is bounded by the lengths of pattern and tag.
 * @throws {AppError} `INVALID_ARGUMENT` that says what is not supported.
 */
export function compilePattern(pattern: string): TagPredicate {
  if (pattern.length > MAX_PATTERN) {
    throw new AppError(
      "INVALID_ARGUMENT",
      `Cannot use pattern "${truncate(pattern, 40)}": it is longer than ${MAX_PATTERN} characters`,
      { hint: "Shorten it" },
    );
  }
  const expression = /^\/(.*)\/([a-z]*)$/s.exec(pattern);
  if (expression !== null) {
    const [, source = "", flags = ""] = expression;
    if (flags !== "" && flags !== "i") throw unsupported(pattern, `the flag "${flags}"`);
    const ignoreCase = flags === "i";
    return predicate(new ExpressionParser(pattern, source, { ignoreCase }).parse(), pattern);
  }
  // No tag has a slash, so this can only be an expression that was not finished.
  if (pattern.startsWith("/")) throw unsupported(pattern, 'no "/" at its end');
  if (!/[*?[\]{}]/.test(pattern)) return (tag) => tag.includes(pattern);
  const glob = new GlobParser(pattern).parse();
  const whole: Node = { kind: "sequence", nodes: [{ kind: "start" }, glob, { kind: "end" }] };
  return predicate(whole, pattern);
}

function predicate(root: Node, pattern: string): TagPredicate {
  const matcher = new Matcher(root, pattern);
  return (tag) => matcher.test(tag);
}

/** A cursor over a pattern. */
class Reader {
  readonly pattern: string;
  readonly source: string;
  at = 0;

  constructor(pattern: string, source: string) {
    this.pattern = pattern;
    this.source = source;
  }

  peek(): string | undefined {
    return this.source[this.at];
  }

  rest(): string {
    return this.source.slice(this.at);
  }

  take(character: string): boolean {
    if (this.peek() !== character) return false;
    this.at++;
    return true;
  }

  next(): string {
    const character = this.peek();
    if (character === undefined) throw unsupported(this.pattern, "an unfinished end");
    this.at++;
    return character;
  }

  /** `[...]`, the opening bracket being read; `negations` begin an inverted class. */
  set(negations: string, fold: (character: string) => string): CharTest {
    const inverted = negations.includes(this.peek() ?? " ");
    if (inverted) this.at++;
    const tests: CharTest[] = [];
    for (let first = true;; first = false) {
      const low = this.next();
      if (low === "]" && !first) break;
      const shorthand = low === "\\" ? this.#escaped() : low;
      if (typeof shorthand !== "string") {
        tests.push(shorthand);
        continue;
      }
      if (
        this.peek() === "-" && this.source[this.at + 1] !== "]" && this.at + 1 < this.source.length
      ) {
        this.at++;
        const end = this.next();
        const high = end === "\\" ? this.#escaped() : end;
        if (typeof high !== "string" || high < shorthand) {
          throw unsupported(this.pattern, "a range in the wrong order");
        }
        const [from, to] = [shorthand, high];
        tests.push((character) =>
          [character, character.toLowerCase(), character.toUpperCase()]
            .some((form) =>
              (form === character || fold(form) === fold(character)) && form >= from && form <= to
            )
        );
      } else {
        const wanted = fold(shorthand);
        tests.push((character) => fold(character) === wanted);
      }
    }
    return (character) => tests.some((test) => test(character)) !== inverted;
  }

  #escaped(): string | CharTest {
    const character = this.next();
    const named = CLASSES[character.toLowerCase()];
    if (named === undefined) {
      if (/[A-Za-z0-9]/.test(character)) throw unsupported(this.pattern, `\\${character}`);
      return character;
    }
    return character === character.toLowerCase() ? named : (tested) => !named(tested);
  }

  /** What stands behind a backslash outside of a class. */
  escape(fold: (character: string) => string): CharTest {
    const escaped = this.#escaped();
    if (typeof escaped !== "string") return escaped;
    const wanted = fold(escaped);
    return (character) => fold(character) === wanted;
  }
}

class ExpressionParser {
  readonly #reader: Reader;
  readonly #fold: (character: string) => string;
  #depth = 0;

  constructor(pattern: string, source: string, options: { readonly ignoreCase: boolean }) {
    this.#reader = new Reader(pattern, source);
    this.#fold = options.ignoreCase
      ? (character) => character.toLowerCase()
      : (character) => character;
  }

  parse(): Node {
    const node = this.#choice();
    if (this.#reader.peek() !== undefined) {
      throw unsupported(this.#reader.pattern, 'a ")" too many');
    }
    return node;
  }

  #choice(): Node {
    const nodes: [Node, ...Node[]] = [this.#sequence()];
    while (this.#reader.take("|")) nodes.push(this.#sequence());
    return { kind: "choice", nodes };
  }

  #sequence(): Node {
    const nodes: Node[] = [];
    for (let next = this.#reader.peek(); next !== undefined && next !== "|" && next !== ")";) {
      nodes.push(this.#repeated());
      next = this.#reader.peek();
    }
    return { kind: "sequence", nodes };
  }

  #repeated(): Node {
    let node = this.#atom();
    const bounds = this.#bounds();
    if (bounds !== undefined) {
      if (node.kind === "start" || node.kind === "end") {
        throw unsupported(this.#reader.pattern, "a repeated anchor");
      }
      node = { kind: "repeat", node, ...bounds };
      // A lazy repeat finds another match, but never another answer.
      this.#reader.take("?");
      if ("*+?".includes(this.#reader.peek() ?? " ")) {
        throw unsupported(this.#reader.pattern, "a repeat of a repeat");
      }
    }
    return node;
  }

  #bounds(): { least: number; most: number } | undefined {
    if (this.#reader.take("*")) return { least: 0, most: Infinity };
    if (this.#reader.take("+")) return { least: 1, most: Infinity };
    if (this.#reader.take("?")) return { least: 0, most: 1 };
    const rest = this.#reader.rest();
    const braces = /^\{(\d{1,3})(?:(,)(\d{1,3})?)?\}/.exec(rest);
    if (braces === null) {
      if (rest.startsWith("{")) throw unsupported(this.#reader.pattern, 'a bare "{"');
      return undefined;
    }
    this.#reader.at += braces[0].length;
    const least = Number(braces[1]);
    const most = braces[2] === undefined
      ? least
      : braces[3] === undefined
      ? Infinity
      : Number(braces[3]);
    if (least > MAX_REPEAT || (most !== Infinity && most > MAX_REPEAT) || most < least) {
      throw unsupported(this.#reader.pattern, `the repeat ${braces[0]}`);
    }
    return { least, most };
  }

  #atom(): Node {
    const reader = this.#reader;
    const character = reader.next();
    switch (character) {
      case "^":
        return { kind: "start" };
      case "$":
        return { kind: "end" };
      case ".":
        return { kind: "test", test: (tested) => tested !== "\n" };
      case "[":
        // JavaScript has empty classes; that "]" here would be a literal elsewhere.
        if (/^\^?\]/.test(reader.rest())) throw unsupported(reader.pattern, "an empty class");
        return { kind: "test", test: reader.set("^", this.#fold) };
      case "\\":
        return { kind: "test", test: reader.escape(this.#fold) };
      case "(":
        return this.#group();
      case "*":
      case "+":
      case "?":
      case "{":
        throw unsupported(reader.pattern, `a "${character}" behind nothing`);
      default: {
        const wanted = this.#fold(character);
        return { kind: "test", test: (tested) => this.#fold(tested) === wanted };
      }
    }
  }

  #group(): Node {
    if (this.#reader.take("?") && !this.#reader.take(":")) {
      throw unsupported(this.#reader.pattern, "look-around and named groups");
    }
    this.#depth++;
    if (this.#depth > MAX_NESTING) throw unsupported(this.#reader.pattern, "groups nested so deep");
    const node = this.#choice();
    this.#depth--;
    if (!this.#reader.take(")")) throw unsupported(this.#reader.pattern, 'a "(" without ")"');
    return node;
  }
}

class GlobParser {
  readonly #reader: Reader;
  #depth = 0;

  constructor(pattern: string) {
    this.#reader = new Reader(pattern, pattern);
  }

  parse(): Node {
    return this.#sequence("");
  }

  #sequence(stops: string): Node {
    const nodes: Node[] = [];
    for (
      let next = this.#reader.peek();
      next !== undefined && !stops.includes(next);
      next = this.#reader.peek()
    ) nodes.push(this.#atom());
    return { kind: "sequence", nodes };
  }

  #atom(): Node {
    const character = this.#reader.next();
    const any: Node = { kind: "test", test: () => true };
    switch (character) {
      case "*":
        return { kind: "repeat", node: any, least: 0, most: Infinity };
      case "?":
        return any;
      case "[":
        return { kind: "test", test: this.#reader.set("!^", (tested) => tested) };
      case "{": {
        this.#depth++;
        if (this.#depth > MAX_NESTING) {
          throw unsupported(this.#reader.pattern, "braces nested so deep");
        }
        const nodes: [Node, ...Node[]] = [this.#sequence(",}")];
        while (this.#reader.take(",")) nodes.push(this.#sequence(",}"));
        this.#depth--;
        if (!this.#reader.take("}")) throw unsupported(this.#reader.pattern, 'a "{" without "}"');
        return { kind: "choice", nodes };
      }
      default:
        return { kind: "test", test: (tested) => tested === character };
    }
  }
}

function unsupported(pattern: string, what: string): AppError {
  return new AppError(
    "INVALID_ARGUMENT",
    `Cannot use pattern "${truncate(pattern, 100)}": it has ${what}`,
    {
      hint: SUPPORTED,
    },
  );
}

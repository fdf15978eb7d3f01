/**
 * Patterns for tags: a plain word, a glob, or a `/regular expression/`, matched in linear time
 * whatever the pattern is. Needs no permission.
 *
 * JavaScript's own expressions backtrack, so one pattern from a model could hang the server. This
 * is Thompson's simulation over a documented subset instead.
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

/** Decides whether a tag fits. */
export type TagPredicate = (tag: string) => boolean;

type CharTest = (character: string) => boolean;

type Node =
  | { readonly kind: "test"; readonly test: CharTest }
  | { readonly kind: "start" }
  | { readonly kind: "end" }
  | { readonly kind: "sequence"; readonly nodes: readonly Node[] }
  | { readonly kind: "choice"; readonly nodes: readonly Node[] }
  | { readonly kind: "repeat"; readonly node: Node; readonly least: number; readonly most: number };

type State =
  | { kind: "test"; test: CharTest; next: number }
  | { kind: "split"; next: number; other: number }
  | { kind: "start" | "end"; next: number }
  | { kind: "match" };

const MAX_PATTERN = 200;
const MAX_STATES = 2000;
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
      `Cannot use pattern "${pattern.slice(0, 40)}…": it is longer than ${MAX_PATTERN} characters`,
      { hint: "Shorten it" },
    );
  }
  const expression = /^\/(.*)\/([a-z]*)$/s.exec(pattern);
  if (expression !== null) {
    const [, source = "", flags = ""] = expression;
    if (flags !== "" && flags !== "i") throw unsupported(pattern, `the flag "${flags}"`);
    return matcher(new ExpressionParser(pattern, source, flags === "i").parse(), pattern);
  }
  if (!/[*?[\]{}]/.test(pattern)) return (tag) => tag.includes(pattern);
  const glob = new GlobParser(pattern).parse();
  return matcher({ kind: "sequence", nodes: [{ kind: "start" }, glob, { kind: "end" }] }, pattern);
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

  constructor(pattern: string, source: string, ignoreCase: boolean) {
    this.#reader = new Reader(pattern, source);
    this.#fold = ignoreCase ? (character) => character.toLowerCase() : (character) => character;
  }

  parse(): Node {
    const node = this.#choice();
    if (this.#reader.peek() !== undefined) {
      throw unsupported(this.#reader.pattern, 'a ")" too many');
    }
    return node;
  }

  #choice(): Node {
    const nodes = [this.#sequence()];
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
    const rest = this.#reader.source.slice(this.#reader.at);
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
        const nodes = [this.#sequence(",}")];
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

/** Thompson's construction and simulation: every character visits every state at most once. */
function matcher(root: Node, pattern: string): TagPredicate {
  const states: State[] = [{ kind: "match" }];
  const add = (state: State): number => {
    if (states.length >= MAX_STATES) throw unsupported(pattern, "a pattern that grows so large");
    return states.push(state) - 1;
  };
  /** Builds from the back: the state to begin a node with, when `next` follows it. */
  const build = (node: Node, next: number): number => {
    switch (node.kind) {
      case "test":
        return add({ kind: "test", test: node.test, next });
      case "start":
      case "end":
        return add({ kind: node.kind, next });
      case "sequence":
        return node.nodes.reduceRight((after, part) => build(part, after), next);
      case "choice":
        return node.nodes.map((part) => build(part, next))
          .reduceRight((other, entry) => add({ kind: "split", next: entry, other }));
      case "repeat":
        return buildRepeat(node, next);
    }
  };
  const buildRepeat = (node: Node & { kind: "repeat" }, next: number): number => {
    let entry = next;
    if (node.most === Infinity) {
      const loop: State = { kind: "split", next: 0, other: next };
      entry = add(loop);
      loop.next = build(node.node, entry);
    } else {
      for (let index = node.least; index < node.most; index++) {
        entry = add({ kind: "split", next: build(node.node, entry), other: next });
      }
    }
    for (let index = 0; index < node.least; index++) entry = build(node.node, entry);
    return entry;
  };
  const start = build(root, 0);
  return (tag) => simulate(states, start, tag);
}

function simulate(states: readonly State[], start: number, tag: string): boolean {
  let current: number[] = [];
  for (let at = 0; at <= tag.length; at++) {
    const visited = new Uint8Array(states.length);
    const reached: number[] = [];
    // A match may begin at every position.
    const pending = [...current, start];
    for (let index = pending.pop(); index !== undefined; index = pending.pop()) {
      if (visited[index] === 1) continue;
      visited[index] = 1;
      const state = states[index];
      if (state === undefined) continue;
      if (state.kind === "match") return true;
      if (state.kind === "split") pending.push(state.other, state.next);
      else if (state.kind === "test") reached.push(index);
      else if (state.kind === "start" ? at === 0 : at === tag.length) pending.push(state.next);
    }
    const character = tag[at];
    if (character === undefined) return false;
    current = reached.flatMap((index) => {
      const state = states[index];
      return state?.kind === "test" && state.test(character) ? [state.next] : [];
    });
  }
  return false;
}

function unsupported(pattern: string, what: string): AppError {
  return new AppError(
    "INVALID_ARGUMENT",
    `Cannot use pattern "${pattern.slice(0, 100)}": it has ${what}`,
    {
      hint: SUPPORTED,
    },
  );
}

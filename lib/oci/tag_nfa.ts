/**
 * Matches texts against an expression by Thompson's simulation: every character visits every state
 * at most once, so no expression can hang the server. Needs no permission.
 *
 * @example
 * ```ts
 * import { Matcher, type Node } from "./tag_nfa.ts";
 *
 * const a: Node = { kind: "test", test: (character) => character === "a" };
 * const root: Node = { kind: "sequence", nodes: [a, { kind: "end" }] };
 * new Matcher(root, "/a$/").test("beta"); // true
 * ```
 *
 * @module
 */

import { AppError } from "../core/errors.ts";
import { truncate } from "../core/text.ts";

/** Whether one character (UTF-16 unit) fits. */
export type CharTest = (character: string) => boolean;

/** A part of an expression. */
export type Node =
  | { readonly kind: "test"; readonly test: CharTest }
  | { readonly kind: "start" }
  | { readonly kind: "end" }
  | { readonly kind: "sequence"; readonly nodes: readonly Node[] }
  | { readonly kind: "choice"; readonly nodes: readonly [Node, ...Node[]] }
  | { readonly kind: "repeat"; readonly node: Node; readonly least: number; readonly most: number };

/** `mark` is the round in which the state was last visited. */
type State =
  | { readonly kind: "test"; readonly test: CharTest; readonly next: State; mark: number }
  | { readonly kind: "split"; next: State; readonly other: State; mark: number }
  | { readonly kind: "start" | "end"; readonly next: State; mark: number }
  | { readonly kind: "match"; mark: number };

type TestState = State & { readonly kind: "test" };

const MAX_STATES = 2000;
/** Parts that are built; repeats of an empty group add no state, but take time. */
const MAX_BUILT = 20_000;
/** Visits of states for all texts together: a second or two. A simple one needs 1 or 2 a character. */
const MAX_STEPS = 200_000_000;

/** Whether any text of a list fits an expression; finds a fit anywhere in a text. */
export class Matcher {
  readonly #pattern: string;
  readonly #entry: State;
  readonly #anchored: boolean;
  readonly #maxSteps: number;
  #round = 0;
  #steps = 0;

  /**
   * @param root The expression.
   * @param pattern The expression as it was written, for errors.
   * @param options Most visits of states for all texts together. @default {200000000}
   * @throws {AppError} `INVALID_ARGUMENT` when the expression grows too large.
   */
  constructor(root: Node, pattern: string, options: { readonly maxSteps?: number } = {}) {
    this.#pattern = pattern;
    this.#maxSteps = options.maxSteps ?? MAX_STEPS;
    this.#entry = new Builder(pattern).build(root, { kind: "match", mark: 0 });
    this.#anchored = this.#close([this.#entry], { atStart: false, atEnd: true })?.length === 0;
  }

  /** Visits of states so far. */
  get steps(): number {
    return this.#steps;
  }

  /**
   * Tests a text.
   *
   * @param text The text.
   * @returns Whether a part of it fits.
   * @throws {AppError} `INVALID_ARGUMENT` when all texts together took too many steps.
   */
  test(text: string): boolean {
    let current: State[] = [this.#entry];
    for (let at = 0;; at++) {
      const atEnd = at === text.length;
      const reached = this.#close(current, { atStart: at === 0, atEnd });
      if (reached === undefined) return true;
      if (atEnd) return false;
      const character = text.charAt(at);
      // A fit may begin at every position, unless it must begin at the first.
      current = this.#anchored ? [] : [this.#entry];
      for (const state of reached) if (state.test(character)) current.push(state.next);
      if (current.length === 0) return false;
    }
  }

  /** The states that wait for a character; `undefined` when the match is among those reached. */
  #close(
    from: readonly State[],
    place: { readonly atStart: boolean; readonly atEnd: boolean },
  ): readonly TestState[] | undefined {
    this.#round++;
    const waiting: TestState[] = [];
    const pending = [...from];
    for (let state = pending.pop(); state !== undefined; state = pending.pop()) {
      if (state.mark === this.#round) continue;
      state.mark = this.#round;
      this.#steps++;
      switch (state.kind) {
        case "match":
          return undefined;
        case "split":
          pending.push(state.other, state.next);
          break;
        case "test":
          waiting.push(state);
          break;
        case "start":
          if (place.atStart) pending.push(state.next);
          break;
        case "end":
          if (place.atEnd) pending.push(state.next);
      }
    }
    if (this.#steps > this.#maxSteps) throw tooLarge(this.#pattern, "takes too long on these tags");
    return waiting;
  }
}

/** Thompson's construction, from the back. */
class Builder {
  readonly #pattern: string;
  #states = 0;
  #built = 0;

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  /** The state to begin a node with, when `next` follows it. */
  build(node: Node, next: State): State {
    if (++this.#built > MAX_BUILT) throw tooLarge(this.#pattern, "grows too large");
    switch (node.kind) {
      case "test":
        return this.#add({ kind: "test", test: node.test, next, mark: 0 });
      case "start":
      case "end":
        return this.#add({ kind: node.kind, next, mark: 0 });
      case "sequence":
        return node.nodes.reduceRight((after, part) => this.build(part, after), next);
      case "choice": {
        const [first, ...others] = node.nodes;
        return others.reduce(
          (other, part) =>
            this.#add({ kind: "split", next: this.build(part, next), other, mark: 0 }),
          this.build(first, next),
        );
      }
      case "repeat":
        return this.#repeat(node, next);
    }
  }

  #repeat(node: Node & { readonly kind: "repeat" }, next: State): State {
    let entry = next;
    if (node.most === Infinity) {
      const loop = this.#add({ kind: "split", next, other: next, mark: 0 });
      loop.next = this.build(node.node, loop);
      entry = loop;
    } else {
      for (let count = node.least; count < node.most; count++) {
        const body = this.build(node.node, entry);
        entry = this.#add({ kind: "split", next: body, other: next, mark: 0 });
      }
    }
    for (let count = 0; count < node.least; count++) entry = this.build(node.node, entry);
    return entry;
  }

  #add<T extends State>(state: T): T {
    if (++this.#states > MAX_STATES) throw tooLarge(this.#pattern, "grows too large");
    return state;
  }
}

function tooLarge(pattern: string, what: string): AppError {
  return new AppError(
    "INVALID_ARGUMENT",
    `Cannot use pattern "${truncate(pattern, 100)}": it ${what}`,
    {
      hint: "Use fewer and smaller repeats, or a glob such as 1.2*-alpine",
    },
  );
}

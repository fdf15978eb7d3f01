/**
 * Parts that are loaded when they are asked for. Needs no permission.
 *
 * @example
 * ```ts
 * import { once } from "./late.ts";
 *
 * const answer = once(() => Promise.resolve(42));
 * answer.isMade(); // false
 * await answer(); // 42
 * ```
 *
 * @module
 */

/** A part that is loaded when it is asked for. */
export interface Late<T> {
  (): Promise<T>;
  /** Whether it was asked for. */
  isMade(): boolean;
}

/**
 * Makes a part at the first question and remembers it.
 *
 * @param make Makes it; where that fails, the next question tries again.
 */
export function once<T>(make: () => Promise<T>): Late<T> {
  let made: Promise<T> | undefined;
  const get = () => {
    made ??= make().catch((thrown) => {
      // A wrong setting is said at each call, and not remembered as an answer.
      made = undefined;
      throw thrown;
    });
    return made;
  };
  return Object.assign(get, { isMade: () => made !== undefined });
}

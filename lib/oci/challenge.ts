/**
 * `WWW-Authenticate` challenges (RFC 9110, 11.6.1). Needs no permission.
 *
 * @example
 * ```ts
 * import { parseChallenges } from "./challenge.ts";
 *
 * parseChallenges('Bearer realm="https://auth.example/token",service="r"')[0]?.parameters["realm"];
 * ```
 *
 * @module
 */

import { HeaderReader } from "./header_reader.ts";

/** One way in which a server offers to authenticate. */
export interface Challenge {
  /** The scheme in lower case: `basic`, `bearer`. */
  readonly scheme: string;
  /** Parameters by their name in lower case. */
  readonly parameters: Readonly<Record<string, string>>;
}

/**
 * Parses challenges. `fetch` joins several header fields with commas, which also separate the
 * parameters inside one challenge: a word that a blank and no `=` follows begins the next one.
 *
 * @param header The value of `WWW-Authenticate`, from anywhere; garbage gives no challenge.
 * @returns The challenges in their order.
 */
export function parseChallenges(header: string): readonly Challenge[] {
  const reader = new HeaderReader(header);
  const challenges: Writable[] = [];
  // Parameters belong to the last scheme that a blank follows; a lone word has none.
  let current: Writable | undefined;
  // Right behind a scheme stands its first parameter or its token68.
  let isBehindScheme = false;
  while (!reader.done()) {
    const word = reader.token();
    if (word === "") {
      isBehindScheme &&= !reader.at(",");
      reader.skip();
      continue;
    }
    const isSpaced = reader.blanks();
    const isAlone = reader.done() || reader.at(",");
    if (reader.take("=")) {
      // A token68 may end in several of them; it is no parameter and carries nothing here.
      if (reader.take("=")) continue;
      reader.blanks();
      const value = reader.value();
      if (current !== undefined) current.parameters[word.toLowerCase()] ??= value;
      isBehindScheme = false;
    } else if (isAlone ? !isBehindScheme : isSpaced) {
      const challenge = { scheme: word.toLowerCase(), parameters: Object.create(null) };
      challenges.push(challenge);
      if (isSpaced) current = challenge;
      isBehindScheme = !isAlone;
    }
  }
  return challenges;
}

interface Writable {
  readonly scheme: string;
  readonly parameters: Record<string, string>;
}

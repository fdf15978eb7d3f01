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
 * parameters inside one challenge: a word followed by a blank and no `=` begins the next one.
 *
 * @param header The value of `WWW-Authenticate`, from anywhere; garbage gives no challenge.
 * @returns The challenges in their order.
 */
export function parseChallenges(header: string): readonly Challenge[] {
  const reader = new HeaderReader(header);
  const challenges: { scheme: string; parameters: Record<string, string> }[] = [];
  while (!reader.done()) {
    const word = reader.token();
    if (word === "") {
      reader.skip();
      continue;
    }
    const spaced = reader.blanks();
    const current = challenges.at(-1);
    if (reader.take("=")) {
      // `scheme token68==` ends in more of them; it is no parameter and carries nothing here.
      if (reader.take("=")) continue;
      reader.blanks();
      const value = reader.value();
      if (current !== undefined) current.parameters[word.toLowerCase()] ??= value;
    } else if (spaced || reader.done() || reader.at(",")) {
      challenges.push({ scheme: word.toLowerCase(), parameters: Object.create(null) });
    }
  }
  return challenges;
}

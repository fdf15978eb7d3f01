/**
 * Which settings hold a credential, and whether a server needs one: one
 * judgement for all sources, with its evidence. Needs no permission.
 *
 * @example
 * ```ts
 * import { looksSecret } from "./credentials.ts";
 *
 * looksSecret("GITHUB_TOKEN"); // true
 * looksSecret("MAX_TOKENS"); // false
 * ```
 *
 * @module
 */

import type { KeyNeed, Setting } from "./entry.ts";

/** Words that end the names of credentials. */
const SECRET_WORDS = new Set([
  "APIKEY",
  "AUTHORIZATION",
  "CREDENTIAL",
  "CREDENTIALS",
  "JWT",
  "KEY",
  "PASSPHRASE",
  "PASSWD",
  "PASSWORD",
  "PAT",
  "PWD",
  "SECRET",
  "TOKEN",
]);

/** Words before `KEY` that make it something else than a credential. */
const HARMLESS_KEYS = new Set(["PUBLIC", "PRIMARY", "PARTITION", "SORT", "CACHE", "PROJECT"]);

/**
 * Whether a name is that of a credential.
 *
 * @param name Environment variable, header or variable.
 * @returns `true` when its last word is one such as `KEY`, `TOKEN` or `PASSWORD`; a closing `VALUE`
 *   does not count.
 */
export function looksSecret(name: string): boolean {
  const words = name.replace(/([a-z0-9])([A-Z])/g, "$1_$2").toUpperCase().split(/[^A-Z0-9]+/)
    .filter((word) => word !== "" && word !== "VALUE");
  const last = words.at(-1) ?? "";
  if (last === "KEY" && HARMLESS_KEYS.has(words.at(-2) ?? "")) return false;
  return SECRET_WORDS.has(last) || /(?:API|ACCESS|SECRET|AUTH)(?:KEY|TOKEN)$/.test(last);
}

/** What {@linkcode judgeKeyNeed} rests on. */
export interface KeyFacts {
  /** Settings of all packages and remotes of one source's record. */
  readonly settings: readonly Setting[];
  /** Who signs the user in, when the record asks for OAuth. */
  readonly oauth?: readonly string[];
  /**
   * Names of secrets that the record calls optional in so many words, as against those of which
   * it does not say whether they are required.
   */
  readonly optional: ReadonlySet<string>;
  /** What the absence of any secret means: evidence for `false`, or `undefined` when it means nothing. */
  readonly silence: string | undefined;
}

/**
 * Judges whether the user needs a credential. A required secret or a sign-in says yes; a secret
 * of which nothing is said, neither yes nor no.
 *
 * @param facts What one source's record says.
 * @returns The answer with its evidence.
 */
export function judgeKeyNeed(facts: KeyFacts): KeyNeed {
  const asked = facts.settings.filter(({ value }) => value === undefined);
  const secrets = asked.filter(({ secret }) => secret);
  const required = secrets.find((setting) => setting.required && setting.default === undefined);
  if (required !== undefined) {
    return { value: true, evidence: `${required.name} is a required secret` };
  }
  const [provider] = facts.oauth ?? [];
  if (provider !== undefined) return { value: true, evidence: `sign-in (OAuth) with ${provider}` };
  const unsaid = secrets.find(({ name }) => !facts.optional.has(name));
  if (unsaid !== undefined) {
    return { value: "unknown", evidence: `${unsaid.name} is a secret, not said whether required` };
  }
  const [optional] = secrets;
  if (optional !== undefined) {
    return { value: false, evidence: `${optional.name} is an optional secret` };
  }
  return facts.silence === undefined
    ? { value: "unknown", evidence: "no source says" }
    : { value: false, evidence: facts.silence };
}

/** Answers in the order in which one beats another when sources differ. */
const STRENGTH = new Map<boolean | "unknown", number>([[true, 0], [false, 1], ["unknown", 2]]);

/**
 * Joins the answers of several sources: who says yes is believed first, since a needless key costs
 * less than a missing one; any answer beats `unknown`.
 *
 * @param needs The answers, the most trusted source first.
 * @returns One of them.
 */
export function joinKeyNeeds(needs: readonly KeyNeed[]): KeyNeed {
  let best: KeyNeed | undefined;
  for (const need of needs) {
    if (best === undefined || strength(need) < strength(best)) best = need;
  }
  return best ?? { value: "unknown", evidence: "no source says" };
}

function strength(need: KeyNeed): number {
  return STRENGTH.get(need.value) ?? STRENGTH.size;
}

/**
 * Text of a remote server, fit to be shown: cleaned, short, and without the secrets that were sent
 * there, since some servers repeat what they were sent. Needs no permission.
 *
 * @example
 * ```ts
 * import { shownText } from "./secrets_text.ts";
 *
 * shownText("bad key sk-123456", { secrets: ["sk-123456"], maxChars: 100 }); // "bad key ***"
 * ```
 *
 * @module
 */

import { cleanText } from "../core/text.ts";

/** How {@linkcode shownText} treats a text. */
export interface ShownTextOptions {
  /** Values that must not be seen. */
  readonly secrets: readonly string[];
  /** Most characters to keep. */
  readonly maxChars: number;
}

/** Shorter ones stand in ordinary words too; they protect nothing. */
const SECRET_CHARS = 4;

/**
 * Prepares a text.
 *
 * @param text Text from outside.
 * @param options The secrets and the length.
 * @returns One line without any of the secrets, also where they are written for a URL or cut into
 * scheme and value, as in `Bearer abc`.
 */
export function shownText(text: string, { secrets, maxChars }: ShownTextOptions): string {
  const forms = secrets.flatMap((secret) => [secret, ...secret.split(/\s+/)])
    .flatMap((secret) => [secret, encodeURIComponent(secret)])
    .filter((secret) => secret.length >= SECRET_CHARS && !SCHEMES.has(secret.toLowerCase()))
    // The longest first, so that none is found inside of another one.
    .toSorted((a, b) => b.length - a.length);
  const bounded = text.slice(0, maxChars * 4 + 4096);
  const hidden = forms.reduce((shown, secret) => shown.replaceAll(secret, "***"), bounded);
  // A secret that the cut went through stands at the end, where nothing is shown.
  return cleanText(hidden.slice(0, maxChars * 4), { maxChars });
}

const SCHEMES: ReadonlySet<string> = new Set(["bearer", "basic", "token"]);

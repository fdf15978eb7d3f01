/**
 * Text safety: everything that came from outside passes here before a person,
 * a terminal or a model sees it. Needs no permission.
 *
 * @example
 * ```ts
 * import { cleanText } from "./text.ts";
 *
 * cleanText("safe\u202Eevil\u0007", { maxChars: 100 }); // "safeevil"
 * ```
 *
 * @module
 */

/**
 * Characters that show nothing and can hide instructions or turn the reading
 * direction: C0 (but tab and line feed) and C1 controls, soft hyphen, zero-width characters,
 * bidirectional controls (UAX #9), line and paragraph separators, variation
 * selectors 17-256, tags, interlinear annotation, byte order mark, and lone
 * surrogates.
 */
const HIDDEN =
  // deno-lint-ignore no-control-regex -- finding control characters is the purpose
  /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u00AD\u034F\u061C\u115F\u1160\u17B4\u17B5\u180B-\u180F\u200B-\u200F\u2028-\u202E\u2060-\u206F\u3164\uFEFF\uFFA0\uFFF9-\uFFFB\u{1D173}-\u{1D17A}\u{E0000}-\u{E0FFF}]|\p{Cs}/gu;

/** How {@linkcode cleanText} treats a text. */
export interface CleanTextOptions {
  /** Most characters (UTF-16 units) to keep; a cut is marked with `…`. */
  readonly maxChars: number;
  /** Keep line breaks; without it the text becomes one line. @default {false} */
  readonly multiline?: boolean;
}

/**
 * Removes hidden characters, folds white space, and cuts the text.
 *
 * @param text Text from outside.
 * @param options The length to keep and whether lines stay apart.
 * @returns Text that is safe to show; never longer than `maxChars`.
 */
export function cleanText(text: string, options: CleanTextOptions): string {
  // A cut before the scan bounds the work on a hostile text.
  const bounded = text.length > options.maxChars * 4 + 1024
    ? text.slice(0, options.maxChars * 4 + 1024)
    : text;
  let cleaned = bounded.replaceAll("\r\n", "\n").replaceAll("\r", "\n").replace(HIDDEN, "");
  cleaned = options.multiline === true
    ? cleaned.replace(/[ \t]+\n/g, "\n").replace(/\n{3,}/g, "\n\n").trim()
    : cleaned.replace(/\s+/g, " ").trim();
  return truncate(cleaned, options.maxChars);
}

/**
 * Whether a text holds characters that a reader cannot see.
 *
 * @param text Text from outside.
 * @returns `true` when {@linkcode cleanText} would remove something hidden.
 */
export function hasHiddenCharacters(text: string): boolean {
  return text.replaceAll("\r\n", "\n").search(HIDDEN) !== -1;
}

/**
 * Writes hidden characters, tabs and line breaks as `\uXXXX`, so that a text stays one line in
 * which everything can be seen. Inside of a JSON string the meaning stays the same.
 *
 * @param text Any text.
 * @returns The text on one line.
 */
export function escapeHidden(text: string): string {
  const escape = (found: string) =>
    found.split("")
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`).join("");
  return text.replace(HIDDEN, escape).replace(/[\t\n]/g, escape);
}

/**
 * Cuts a text without splitting a surrogate pair.
 *
 * @param text Any text.
 * @param maxChars Most UTF-16 units to keep, the mark `…` included.
 * @returns The text, or its beginning followed by `…`.
 */
export function truncate(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text;
  if (maxChars <= 1) return maxChars === 1 ? "…" : "";
  let end = maxChars - 1;
  const last = text.charCodeAt(end - 1);
  if (last >= 0xD800 && last <= 0xDBFF) end -= 1;
  return `${text.slice(0, end).trimEnd()}…`;
}

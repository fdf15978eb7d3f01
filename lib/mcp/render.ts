/**
 * Words and numbers for reading: sizes, counts, lists, and answers cut to a budget. Needs no
 * permission.
 *
 * @module
 */

/** About four characters make a token in English and in JSON. */
const CHARS_PER_TOKEN = 4;

/** What a list may cost a model, in tokens. */
export const LIST_BUDGET_TOKENS = 2000;

/**
 * Estimates what a text costs a model.
 *
 * @param text Any text.
 * @returns Tokens, rounded up.
 */
export function tokensOf(text: string): number {
  return Math.ceil(text.length / CHARS_PER_TOKEN);
}

/**
 * How many of a list's first items fit a budget.
 *
 * @param items The items, as they will be written.
 * @param budgetTokens What they may cost.
 * @returns At least 1, where there is one.
 */
export function fitting(items: readonly string[], budgetTokens: number): number {
  let left = budgetTokens * CHARS_PER_TOKEN;
  let count = 0;
  for (const item of items) {
    // The separator, and the second copy in the structured answer, cost as well.
    left -= item.length + 4;
    if (left < 0) break;
    count++;
  }
  return Math.min(items.length, Math.max(1, count));
}

/**
 * A size in decimal units, as registries show it.
 *
 * @param bytes A number of bytes.
 * @returns For example `3.6 MB`.
 */
export function sizeText(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let value = bytes / 1000;
  let unit = 0;
  while (value >= 999.95 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value.toFixed(value < 10 ? 1 : 0)} ${units[unit]}`;
}

/**
 * A number that people read.
 *
 * @param count A whole number.
 * @returns For example `1.2M`.
 */
export function countText(count: number): string {
  if (count < 10_000) return String(count);
  const units = ["K", "M", "B", "T"];
  let value = count / 1000;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)}${units[unit]}`;
}

/**
 * The day of a time.
 *
 * @param time RFC 3339, or anything.
 * @returns `2026-01-31`, or an empty text.
 */
export function dayText(time: string | undefined): string {
  return /^\d{4}-\d{2}-\d{2}/.exec(time ?? "")?.[0] ?? "";
}

/**
 * Joins the parts that are there.
 *
 * @param parts Texts, some of them empty or absent.
 * @param separator What stands between.
 * @returns The joined text.
 */
export function joined(parts: readonly (string | undefined)[], separator: string): string {
  return parts.filter((part) => part !== undefined && part !== "").join(separator);
}

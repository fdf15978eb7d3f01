/**
 * Words and numbers for reading: sizes, counts, lists, and answers cut to a budget. Needs no
 * permission.
 *
 * @module
 */

/** About four characters make a token in English and in JSON. */
const CHARS_PER_TOKEN = 4;

/** What a list may cost a model, in tokens; models read either the text or the structured answer. */
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
 * @param items The items, in the longer of the forms in which they will be written.
 * @param budgetTokens What they may cost.
 * @returns At least 1, where there is one.
 */
export function fitting(items: readonly string[], budgetTokens: number): number {
  let left = budgetTokens * CHARS_PER_TOKEN;
  let count = 0;
  for (const item of items) {
    // The separator costs as well.
    left -= item.length + 1;
    if (left < 0) break;
    count++;
  }
  return Math.min(items.length, Math.max(1, count));
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

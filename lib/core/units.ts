/**
 * Sizes and counts for reading, in decimal units as registries show them. Needs no permission.
 *
 * @example
 * ```ts
 * import { sizeText } from "./units.ts";
 *
 * sizeText(3_600_000); // "3.6 MB"
 * ```
 *
 * @module
 */

/**
 * A size.
 *
 * @param bytes A number of bytes.
 * @returns For example `3.6 MB`.
 */
export function sizeText(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const { value, unit } = scaled(bytes, ["kB", "MB", "GB", "TB"]);
  return `${value.toFixed(value < 9.95 ? 1 : 0)} ${unit}`;
}

/**
 * A count.
 *
 * @param count A whole number.
 * @returns For example `1.2M`; counts below 10,000 as they are.
 */
export function countText(count: number): string {
  if (count < 10_000) return String(count);
  const { value, unit } = scaled(count, ["K", "M", "B", "T"]);
  return `${value.toFixed(value < 9.95 ? 1 : 0)}${unit}`;
}

/**
 * So many of something, with the noun in the number that fits.
 *
 * @param count How many.
 * @param noun The thing, one of it; its plural ends in s.
 * @returns For example `1 tool`, `2 tools`.
 */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** The number in the largest unit that leaves at least 1 before the point, after rounding. */
function scaled(
  number: number,
  units: readonly [string, ...string[]],
): { readonly value: number; readonly unit: string } {
  let value = number / 1000;
  let [unit] = units;
  for (const next of units.slice(1)) {
    if (value < 999.5) break;
    value /= 1000;
    unit = next;
  }
  return { value, unit };
}

/**
 * Whether two parsed documents mean the same. Needs no permission.
 *
 * @module
 */

/**
 * Compares values of JSON or TOML. The order of keys does not count.
 *
 * @param one A value.
 * @param other Another.
 */
export function sameValue(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true;
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) {
    return false;
  }
  if (one instanceof Date || other instanceof Date) {
    // A TOML date knows its form as well as its time; its text has both.
    return one instanceof Date && other instanceof Date &&
      JSON.stringify(one) === JSON.stringify(other);
  }
  if (Array.isArray(one) || Array.isArray(other)) {
    return Array.isArray(one) && Array.isArray(other) && one.length === other.length &&
      one.every((item, index) => sameValue(item, other[index]));
  }
  const [mine, theirs] = [Object.entries(one), new Map(Object.entries(other))];
  return mine.length === theirs.size &&
    mine.every(([key, value]) => theirs.has(key) && sameValue(value, theirs.get(key)));
}

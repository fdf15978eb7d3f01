/**
 * Names that may have been meant. Needs no permission.
 *
 * @module
 */

/** Longer names are compared by their beginning. */
const COMPARED = 64;

/**
 * Finds the names nearest to one that does not exist.
 *
 * @param wanted The name as it was given.
 * @param candidates The names that exist; the first 20,000 are looked at.
 * @param limit Most names to give.
 * @returns The nearest first; only those that are near at all.
 */
export function nearestNames(
  wanted: string,
  candidates: readonly string[],
  limit: number,
): readonly string[] {
  const target = wanted.slice(0, COMPARED).toLowerCase();
  const most = Math.max(2, Math.floor(target.length / 2));
  const scored = candidates.slice(0, 20_000).flatMap((name) => {
    const other = name.slice(0, COMPARED).toLowerCase();
    const gap = Math.abs(other.length - target.length);
    // A name that goes on where the wanted one ends is near, whatever its length; next to it one
    // that ends before.
    const distance = other.startsWith(target)
      ? Math.min(1, gap)
      : target.startsWith(other) && other !== ""
      ? Math.min(2, gap)
      : editDistance(target, other, most);
    return distance <= most ? [{ name, distance, gap }] : [];
  });
  return scored.sort((a, b) =>
    a.distance - b.distance || a.gap - b.gap || (a.name < b.name ? -1 : 1)
  )
    .slice(0, limit).map(({ name }) => name);
}

/** Levenshtein's distance, given up past `most`. */
function editDistance(a: string, b: string, most: number): number {
  if (Math.abs(a.length - b.length) > most) return most + 1;
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    let least = i;
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      const value = Math.min(
        (previous[j] ?? 0) + 1,
        (current[j - 1] ?? 0) + 1,
        (previous[j - 1] ?? 0) + cost,
      );
      current.push(value);
      if (value < least) least = value;
    }
    if (least > most) return most + 1;
    previous = current;
  }
  return previous[b.length] ?? most + 1;
}

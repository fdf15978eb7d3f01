/**
 * Grows a catalogue as it grows by itself: more servers of the same kind, and names that nobody has
 * used before. The same every time. Needs no permission.
 *
 * @module
 */

import type { Entry } from "../../lib/catalog/mod.ts";

const SYLLABLES = "ka ro mi ten lux vor ba shi dex ply quo nar zen fi gra tol".split(" ");

/**
 * Adds entries to a catalogue: each is another one under a new name, with half of the words of a
 * third. Every other name, and one word in each text, is new to the vocabulary, since it is by its
 * size that misspelt words cost time.
 *
 * @param entries The catalogue to begin with.
 * @param count Number of entries to reach.
 */
export function grow(entries: readonly Entry[], count: number): readonly Entry[] {
  const grown = [...entries];
  for (let number = 0; grown.length < count; number++) {
    const entry = entries[number % entries.length];
    const other = entries[(number * 7919 + 13) % entries.length];
    if (entry === undefined || other === undefined) break;
    const copy = Math.floor(number / entries.length) + 1;
    const words = entry.description.split(" ");
    const others = other.description.split(" ");
    grown.push({
      ...entry,
      id: `${entry.id}-${copy}`,
      name: `${entry.name}-${number % 2 === 0 ? copy : newWord(number)}`,
      title: `${entry.title} ${copy}`,
      description: [
        ...words.slice(0, words.length / 2),
        ...others.slice(others.length / 2),
        newWord(number * 31 + 7),
      ].join(" "),
      sources: entry.sources.map((source) => ({ ...source, id: `${source.id}-${copy}` })),
    });
  }
  return grown;
}

/** A word of four syllables. */
function newWord(number: number): string {
  let left = number;
  let word = "";
  for (let place = 0; place < 4; place++) {
    word += SYLLABLES[left % SYLLABLES.length] ?? "";
    left = Math.floor(left / SYLLABLES.length) + place * 7;
  }
  return word;
}

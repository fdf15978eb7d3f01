/**
 * Finds near-identical entries: forks of a template and mass listings, whose
 * texts differ by a few words at most (CATALOGUES.md 2: 184 repositories named
 * `remote-mcp-server`). They stay in the catalogue; search ranks them down.
 * Needs no permission.
 *
 * @module
 */

import type { Entry } from "./entry.ts";
import { foldId } from "./normalise.ts";

/** Fewest words of a description that can show a likeness. */
const MIN_WORDS = 6;

/** Texts of one group begin with the same words, as many as this. */
const SHARED_BEGINNING = 6;

/** Fewest words in common, as a part of all words of both texts. */
const LIKENESS = 0.65;

/** An entry with what it is compared by. */
interface Text {
  readonly entry: Entry;
  readonly words: ReadonlySet<string>;
}

/**
 * Gives each near-identical entry its `cloneGroup` and `cloneRank`. The first of a group, which is
 * not ranked down, is the one that most speaks for: known to more sources, official, launchable,
 * then the first id.
 *
 * @param entries Merged entries.
 * @returns The same entries in the same order; those in groups as copies with the two fields.
 */
export function rankClones(entries: readonly Entry[]): readonly Entry[] {
  const buckets = new Map<string, Text[]>();
  for (const entry of entries) {
    const words = wordsOf(entry.description);
    if (words.length < MIN_WORDS) continue;
    const key = words.slice(0, SHARED_BEGINNING).join(" ");
    const bucket = buckets.get(key) ?? [];
    bucket.push({ entry, words: new Set(words) });
    buckets.set(key, bucket);
  }
  const marks = new Map<Entry, { readonly cloneGroup: string; readonly cloneRank: number }>();
  for (const bucket of buckets.values()) {
    if (bucket.length < 2) continue;
    for (const group of groupsOf(bucket)) {
      const [first] = group;
      if (group.length < 2 || first === undefined) continue;
      group.forEach(({ entry }, cloneRank) =>
        marks.set(entry, { cloneGroup: first.entry.id, cloneRank })
      );
    }
  }
  return entries.map((entry) => {
    const mark = marks.get(entry);
    return mark === undefined ? entry : { ...entry, ...mark };
  });
}

/** Groups around the first member that each text is like; the order of members decides, so it is fixed first. */
function groupsOf(bucket: readonly Text[]): readonly (readonly Text[])[] {
  const groups: Text[][] = [];
  for (const text of [...bucket].sort(byStanding)) {
    // Whoever several sources know was not copied by a machine.
    const group = text.entry.sources.length > 1
      ? undefined
      : groups.find(([first]) => first !== undefined && isLike(text, first));
    if (group === undefined) groups.push([text]);
    else group.push(text);
  }
  return groups;
}

function byStanding(a: Text, b: Text): number {
  const standing = ({ entry }: Text) =>
    (entry.featured ? 16 : 0) + (entry.official ? 8 : 0) + (entry.dockerBuilt ? 4 : 0) +
    (entry.launchMethods.length > 0 ? 1 : 0);
  return b.entry.sources.length - a.entry.sources.length || standing(b) - standing(a) ||
    (foldId(a.entry.id) < foldId(b.entry.id) ? -1 : 1);
}

/**
 * Whether two texts say the same. What an entry is named after must stand in the other's text too:
 * "Connect to Notion" and "Connect to Slack" differ by one word, and that is the server.
 */
function isLike(text: Text, first: Text): boolean {
  let common = 0;
  for (const word of text.words) if (first.words.has(word)) common += 1;
  const all = text.words.size + first.words.size - common;
  if (common / all < LIKENESS) return false;
  const named = wordsOf(`${text.entry.name} ${text.entry.title}`)
    .filter((word) => text.words.has(word));
  return named.every((word) => first.words.has(word));
}

function wordsOf(text: string): readonly string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
}

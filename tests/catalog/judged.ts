/**
 * Queries with their judged answers, and how well a search does on them. Needs no permission.
 *
 * @module
 */

import type { Entry } from "../../lib/catalog/entry.ts";

/** A query and what is a right answer to it. */
export interface JudgedQuery {
  /** What is asked. */
  readonly query: string;
  /** Every one has to match the entry's texts; judged by reading the data, not by what a search found. */
  readonly right: readonly RegExp[];
}

/** How well a search does. */
export interface Quality {
  /** Share of right answers among the first five, or among as many as there are right ones. */
  readonly precisionAt5: number;
  /** One by the place of the first right answer. */
  readonly reciprocalRank: number;
  /** Queries whose first five are not all right, with the wrong ones. */
  readonly wrong: readonly { readonly query: string; readonly ids: readonly string[] }[];
}

/**
 * Declares a query.
 *
 * @param query What is asked.
 * @param right What each right answer has in its texts.
 */
export function judged(query: string, ...right: readonly RegExp[]): JudgedQuery {
  // From the beginning of a word: "ghost" is not answered by what says "almostghosted".
  const fromStart = ({ source, flags }: RegExp) => new RegExp(`(?<![a-z0-9])(?:${source})`, flags);
  return { query, right: right.map(fromStart) };
}

/**
 * Everything that an entry says of itself; words of several humps in parts as well. Where its code
 * lies and that it speaks MCP is no answer: nearly every entry has "github.com", "io.github." and
 * "Model Context Protocol".
 */
export function textOf(entry: Entry): string {
  const { id, title, description, tags, categories, tools = [], repoUrl = "" } = entry;
  const text = [
    id.replace("/io.github.", "/"),
    title.replace(/^io\.github\./, ""),
    description.replace(/https?:\/\/\S+/g, ""),
    ...repoUrl.split("/").slice(3),
    ...tags,
    ...categories,
    ...tools.map(({ name }) => name),
  ].join("\n").replace(/model context protocol/gi, "MCP");
  return `${text}\n${text.replace(/([a-z0-9])([A-Z])/g, "$1 $2")}`;
}

/**
 * Measures a search.
 *
 * @param queries What is asked, with the judgements.
 * @param entries Everything that could be found.
 * @param find The search: the first five entries for a query.
 */
export function measureQuality(
  queries: readonly JudgedQuery[],
  entries: readonly Entry[],
  find: (query: string) => readonly Entry[],
): Quality {
  const texts = entries.map(textOf);
  let precision = 0;
  let reciprocal = 0;
  const wrong: { query: string; ids: readonly string[] }[] = [];
  for (const { query, right } of queries) {
    const isRight = (text: string) => right.every((pattern) => pattern.test(text));
    const possible = Math.min(5, texts.filter(isRight).length);
    if (possible === 0) throw new Error(`No entry is a right answer to "${query}"`);
    const found = find(query).slice(0, 5);
    const marks = found.map((entry) => isRight(textOf(entry)));
    const first = marks.indexOf(true);
    precision += Math.min(1, marks.filter(Boolean).length / possible);
    reciprocal += first < 0 ? 0 : 1 / (first + 1);
    if (marks.filter(Boolean).length < possible) {
      wrong.push({
        query,
        ids: found.flatMap(({ id }, index) => marks[index] === true ? [] : [id]),
      });
    }
  }
  return {
    precisionAt5: precision / queries.length,
    reciprocalRank: reciprocal / queries.length,
    wrong,
  };
}

/**
 * The pages of an answer as one, for `--all`. Needs no permission.
 *
 * @module
 */

import type { ToolResult } from "../mcp/mod.ts";

type Facts = Readonly<Record<string, unknown>>;

/** One answer of a tool, for machines and for reading. */
export interface Page {
  /** As the tool gave it. */
  readonly result: ToolResult;
  /** Its structured form. */
  readonly answer: Facts;
  /** Its text. */
  readonly text: string;
}

/** How many there are on a page of the catalogue, and in all. */
const COUNT = /^\d+( of (\d+) servers;)/;

/** Where a page goes on. */
const MORE = "Go on with cursor=";

/**
 * Joins pages: lists one after the other; what each page says again is said once, and where it goes
 * on not at all.
 *
 * @param pages In order, at least one.
 * @returns The last page, with what all of them hold.
 */
export function joinPages(pages: readonly [Page, ...Page[]]): Page {
  const [first] = pages;
  if (pages.length === 1) return first;
  const { next_cursor: _, ...facts } = first.answer;
  return {
    result: pages.at(-1)?.result ?? first.result,
    answer: { ...facts, ...joinedLists(pages.map(({ answer }) => answer)) },
    text: joinedText(pages.map(({ text }) => text)),
  };
}

/** Lists of all pages; notes are about the answer, not parts of it. */
function joinedLists(answers: readonly Facts[]): Facts {
  const lists = new Map<string, unknown[]>();
  for (const answer of answers) {
    for (const [name, value] of Object.entries(answer)) {
      if (!Array.isArray(value) || name === "notes") continue;
      const list = lists.get(name) ?? [];
      for (const item of value) list.push(item);
      lists.set(name, list);
    }
  }
  return Object.fromEntries(lists);
}

function joinedText(texts: readonly string[]): string {
  const lines = new Set(texts.flatMap((text) => text.split("\n")));
  const kept = [...lines].filter((line) => !line.startsWith(MORE));
  const [head = "", ...rest] = kept;
  const { servers = [], notes = [] } = Object.groupBy(
    rest.filter((line) => !COUNT.test(line)),
    (line) => line.startsWith("- ") ? "servers" : "notes",
  );
  return [head.replace(COUNT, "$2$1"), ...servers, ...notes].join("\n");
}

/**
 * How a JSON text is laid out, and new members in the same layout. Needs no permission.
 *
 * @module
 */

import type { JsonNode } from "./jsonc_tree.ts";
import { lineEnd } from "./place.ts";

/** The layout of a text. */
export interface Layout {
  /** How its lines end. */
  readonly eol: "\n" | "\r\n";
  /** One step of indentation. */
  readonly unit: string;
  /** Whether there is a blank after a colon. */
  readonly isSpaced: boolean;
}

/** Lists that fit are written on one line, as people do. */
const MAX_COLUMNS = 100;

/** White space and comments. */
export interface Trivia {
  /** After the last of it. */
  readonly end: number;
  /** After the last comment, or where it began. */
  readonly commentEnd: number;
  /** Whether the last comment runs to the end of its line. */
  readonly endsLine: boolean;
}

/**
 * Finds how a text is laid out.
 *
 * @param text A valid JSON text.
 * @param root Its tree.
 */
export function layoutOf(text: string, root: JsonNode): Layout {
  const [first] = root.properties;
  const own = root.properties.map(({ start }) => indentAt(text, start)).find((indent) =>
    indent !== undefined && indent !== ""
  );
  const colon = first === undefined
    ? ": "
    : text.slice(first.start, first.node.start).replace(/^"(?:[^"\\]|\\.)*"/, "");
  return {
    eol: lineEnd(text),
    unit: own ?? "  ",
    isSpaced: first === undefined || /:\s/.test(colon),
  };
}

/**
 * The indentation of what stands first on its line.
 *
 * @param text The text.
 * @param offset Where it stands.
 * @returns `undefined` where something else is before it on the line.
 */
export function indentAt(text: string, offset: number): string | undefined {
  const line = text.slice(text.lastIndexOf("\n", offset - 1) + 1, offset);
  return /^[ \t]*$/.test(line) ? line : undefined;
}

/** The white space that the line of an offset begins with. */
export function lineIndent(text: string, offset: number): string {
  return /^[ \t]*/.exec(text.slice(text.lastIndexOf("\n", offset - 1) + 1))?.[0] ?? "";
}

/**
 * Skips white space and comments.
 *
 * @param text A valid JSON text.
 * @param offset Where to begin, outside of strings and comments.
 * @param options `sameLine`: stop before the line ends; a comment that spans lines is whole.
 */
export function skipTrivia(
  text: string,
  offset: number,
  options: { readonly sameLine?: boolean } = {},
): Trivia {
  const blank = options.sameLine === true ? /[ \t]*/y : /[ \t\r\n]*/y;
  const comment = /\/\/[^\r\n]*|\/\*[^]*?\*\//y;
  let end = offset;
  let commentEnd = offset;
  let endsLine = false;
  while (true) {
    blank.lastIndex = end;
    blank.exec(text);
    end = blank.lastIndex;
    comment.lastIndex = end;
    const found = comment.exec(text)?.[0];
    if (found === undefined) return { end, commentEnd, endsLine };
    end += found.length;
    commentEnd = end;
    endsLine = found.startsWith("//");
  }
}

/**
 * Writes a value over several lines.
 *
 * @param value Texts, lists and objects of them.
 * @param layout The layout to follow.
 * @param indent Indentation of the line that the value begins on.
 */
export function writeValue(value: unknown, layout: Layout, indent: string): string {
  const { eol, unit } = layout;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const inner = indent + unit;
  if (Array.isArray(value)) {
    const line = writeInline(value, { ...layout, isSpaced: true });
    if (inner.length + line.length <= MAX_COLUMNS) return line;
    const items = value.map((item) => inner + writeValue(item, layout, inner));
    return `[${eol}${items.join(`,${eol}`)}${eol}${indent}]`;
  }
  const members = Object.entries(value).map(([key, member]) =>
    `${inner}${JSON.stringify(key)}: ${writeValue(member, layout, inner)}`
  );
  return members.length === 0 ? "{}" : `{${eol}${members.join(`,${eol}`)}${eol}${indent}}`;
}

/**
 * Writes a value on one line.
 *
 * @param value Texts, lists and objects of them.
 * @param layout The layout to follow.
 */
export function writeInline(value: unknown, layout: Pick<Layout, "isSpaced">): string {
  if (!layout.isSpaced) return JSON.stringify(value);
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) {
    return `[${value.map((item) => writeInline(item, layout)).join(", ")}]`;
  }
  const members = Object.entries(value).map(([key, member]) =>
    `${JSON.stringify(key)}: ${writeInline(member, layout)}`
  );
  return members.length === 0 ? "{}" : `{ ${members.join(", ")} }`;
}

/**
 * Changes one entry in JSON with comments and leaves every other character where it is: comments,
 * trailing commas, indentation, line ends. Needs no permission.
 *
 * @module
 */

import {
  type ConfigFormat,
  type Entry,
  type EntryPath,
  type HiddenRange,
  hide,
  isShown,
  isStale,
  type OpenedText,
} from "./format.ts";
import {
  indentAt,
  type Layout,
  layoutOf,
  lineIndent,
  skipTrivia,
  writeInline,
  writeValue,
} from "./jsonc_layout.ts";
import { type JsonNode, type JsonProperty, type JsonReader, loadJsonReader } from "./jsonc_tree.ts";
import { type Broken, placeAt } from "./place.ts";
import { sameValue } from "./same_value.ts";

/**
 * Loads the form of most clients.
 *
 * @returns JSON, with or without comments and trailing commas.
 */
export async function loadJsonc(): Promise<ConfigFormat> {
  const read = await loadJsonReader();
  return {
    open(text, path) {
      // Some clients begin with an empty file.
      if (text.trim() === "") return fresh(path);
      const root = read(text);
      return "problem" in root ? root : openTree(text, root, { path, read });
    },
  };
}

function fresh(path: EntryPath): OpenedText {
  const layout: Layout = { eol: "\n", unit: "  ", isSpaced: true };
  return {
    value: {},
    entry: undefined,
    set: (entry) => `${writeValue({ [path.map]: { [path.name]: entry } }, layout, "")}\n`,
    remove: () => "",
    conceal: () => "",
  };
}

/** Where to look, and how to read a text again once it was changed. */
interface Search {
  readonly path: EntryPath;
  readonly read: JsonReader;
}

function openTree(text: string, root: JsonNode, search: Search): OpenedText | Broken {
  const { path } = search;
  if (root.kind !== "object") {
    return { problem: "holds no object", place: placeAt(text, root.start) };
  }
  const map = only(text, root, path.map);
  if (map !== undefined && "problem" in map) return map;
  if (map !== undefined && map.node.kind !== "object") {
    return {
      problem: `has something else than an object in "${path.map}"`,
      place: placeAt(text, map.node.start),
    };
  }
  const own = map === undefined ? undefined : only(text, map.node, path.name);
  if (own !== undefined && "problem" in own) return own;
  const layout = layoutOf(text, root);
  return {
    // The root is an object, so that its value is one.
    value: root.value as Readonly<Record<string, unknown>>,
    entry: own?.node.value,
    set(entry: Entry): string {
      if (map === undefined) {
        return insert(text, root, { [path.map]: { [path.name]: entry } }, layout);
      }
      if (own === undefined) return insert(text, map.node, { [path.name]: entry }, layout);
      return own.node.kind === "object"
        ? update(text, entry, { ...search, layout })
        : assign(text, map.node, { own, value: entry, layout });
    },
    remove: () => map === undefined || own === undefined ? text : cut(text, map.node, own),
    conceal: () => conceal(text, root, own),
  };
}

/** Changes an entry member by member, so that what its user wrote into it stays. */
function update(
  text: string,
  entry: Entry,
  search: Search & { readonly layout: Layout },
): string {
  const { read, path, layout } = search;
  const root = read(text);
  const own = "problem" in root
    ? undefined
    : root.properties.find(({ key }) => key === path.map)?.node.properties
      .find(({ key }) => key === path.name)?.node;
  if (own === undefined) return text;
  const stale = own.properties.find(({ key }) => isStale(key, entry));
  if (stale !== undefined) return update(cut(text, own, stale), entry, search);
  for (const [key, value] of Object.entries(entry)) {
    const member = own.properties.find((property) => property.key === key);
    if (member === undefined) {
      return update(insert(text, own, { [key]: value }, layout), entry, search);
    }
    if (!sameValue(member.node.value, value)) {
      return update(assign(text, own, { own: member, value, layout }), entry, search);
    }
  }
  return text;
}

/** The text with another value of a member. */
function assign(
  text: string,
  object: JsonNode,
  { own, value, layout }: {
    readonly own: JsonProperty;
    readonly value: unknown;
    readonly layout: Layout;
  },
): string {
  const isOneLine = !text.slice(object.start, object.end).includes("\n");
  const written = isOneLine
    ? writeInline(value, layout)
    : writeValue(value, layout, lineIndent(text, own.start));
  return splice(text, own.node.start, own.node.end, written);
}

/** A member by its name; two of the same name are read differently by different programs. */
function only(text: string, object: JsonNode, key: string): JsonProperty | Broken | undefined {
  const [first, second] = object.properties.filter((property) => property.key === key);
  if (second === undefined) return first;
  return { problem: `has "${key}" twice`, place: placeAt(text, second.start) };
}

/** The text with one more member in an object, after the last one. */
function insert(
  text: string,
  object: JsonNode,
  member: Readonly<Record<string, unknown>>,
  layout: Layout,
): string {
  const [[key, value] = ["", undefined]] = Object.entries(member);
  const { eol, unit } = layout;
  const outer = lineIndent(text, object.start);
  const last = object.properties.at(-1);
  const body = text.slice(object.start, object.end);
  const isOneLine = !body.includes("\n");
  const name = JSON.stringify(key);
  if (last === undefined) {
    if (isOneLine && object.start > 0 && !text.includes("\n")) {
      const written = `${name}:${layout.isSpaced ? " " : ""}${writeInline(value, layout)}`;
      const blank = layout.isSpaced ? " " : "";
      return splice(text, object.start + 1, object.end - 1, `${blank}${written}${blank}`);
    }
    const inner = outer + unit;
    const written = `${inner}${name}: ${writeValue(value, layout, inner)}`;
    const { commentEnd } = skipTrivia(text, object.start + 1);
    const hasComment = commentEnd > object.start + 1;
    const from = hasComment ? commentEnd : object.start + 1;
    const rest = text.slice(from, object.end - 1);
    // A line end before the brace belongs to the comment above and serves the new member too.
    if (hasComment && rest.includes("\n")) return splice(text, from, from, `${eol}${written}`);
    return splice(text, from, object.end - 1, `${eol}${written}${eol}${outer}`);
  }
  const comma = commaAfter(text, last.node.end);
  const after = comma === undefined ? last.node.end : comma + 1;
  if (isOneLine) {
    const written = `${name}:${layout.isSpaced ? " " : ""}${writeInline(value, layout)}`;
    const blank = layout.isSpaced ? " " : "";
    return comma === undefined
      ? splice(text, after, after, `,${blank}${written}`)
      : splice(text, after, after, `${blank}${written},`);
  }
  const indent =
    object.properties.map(({ start }) => indentAt(text, start)).findLast((found) =>
      found !== undefined
    ) ?? outer + unit;
  // A comment on the last member's line stays on it.
  const at = skipTrivia(text, after, { sameLine: true }).commentEnd;
  const written = `${eol}${indent}${name}: ${writeValue(value, layout, indent)}`;
  return comma === undefined
    ? `${text.slice(0, after)},${text.slice(after, at)}${written}${text.slice(at)}`
    : splice(text, at, at, `${written},`);
}

/** The text without one member of an object. */
function cut(text: string, object: JsonNode, own: JsonProperty): string {
  const index = object.properties.indexOf(own);
  const [previous, next] = [object.properties[index - 1], object.properties[index + 1]];
  const comma = commaAfter(text, own.node.end);
  const end = comma === undefined ? own.node.end : comma + 1;
  if (previous === undefined && next === undefined) {
    const around = text.slice(object.start + 1, own.start) + text.slice(end, object.end - 1);
    if (around.trim() === "") return splice(text, object.start + 1, object.end - 1, "");
  }
  const before = previous === undefined ? object.start + 1 : previous.node.end;
  const previousComma = previous === undefined ? undefined : commaAfter(text, before);
  const gap = skipTrivia(text, previousComma === undefined ? before : previousComma + 1);
  const blanks = /(\r?\n)?([ \t]*)$/.exec(text.slice(gap.commentEnd, own.start));
  // Behind a comment to the line's end, another of its kind is harmless and one of two ends is not.
  const endsItsLine = gap.endsLine ? /[ \t]*(?:\r?\n|\/\/|$)/y : /[ \t]*(?:\r?\n|\/[/*]|$)/y;
  endsItsLine.lastIndex = end;
  // Without its line end, what follows on this line must not become part of a comment above.
  const takesLine = blanks?.[1] !== undefined &&
    (endsItsLine.test(text) || (next === undefined && !gap.endsLine));
  if (!takesLine && next !== undefined && blanks?.[1] !== undefined) {
    const blank = /^[ \t]*/.exec(text.slice(end))?.[0].length ?? 0;
    return splice(text, own.start, end + blank, "");
  }
  const start = takesLine
    ? own.start - (blanks?.[0].length ?? 0)
    : own.start - (blanks?.[1] === undefined ? blanks?.[2]?.length ?? 0 : 0);
  const without = splice(text, start, end, "");
  // The comma before it goes with the last member, unless the text ends its lists with commas.
  return next === undefined && comma === undefined && previousComma !== undefined
    ? splice(without, previousComma, previousComma + 1, "")
    : without;
}

/** Where the comma after a member is, if there is one. */
function commaAfter(text: string, offset: number): number | undefined {
  const { end } = skipTrivia(text, offset);
  return text[end] === "," ? end : undefined;
}

function splice(text: string, start: number, end: number, written: string): string {
  return text.slice(0, start) + written + text.slice(end);
}

/** Hides texts and comments of everything but the entry, and of the entry what may be secret. */
function conceal(text: string, root: JsonNode, own: JsonProperty | undefined): string {
  const ranges: HiddenRange[] = [];
  const strings: { readonly start: number; readonly end: number }[] = [];
  const visit = (node: JsonNode, path: readonly (string | number)[] | undefined): void => {
    if (node.kind === "string") {
      strings.push(node);
      const before = typeof path?.at(-1) === "number" ? beforeIn(own?.node, path) : undefined;
      if (path === undefined || !isShown(path, String(node.value), before)) {
        ranges.push({ start: node.start, end: node.end, around: ['"', '"'] });
      }
    }
    for (const property of node.properties) {
      strings.push({ start: property.start, end: property.start + keyLength(text, property) });
      const inside = property === own ? [] : path && [...path, property.key];
      visit(property.node, inside);
    }
    node.items.forEach((item, index) => visit(item, path && [...path, index]));
  };
  visit(root, undefined);
  strings.sort((one, two) => one.start - two.start);
  // Comments stand between strings; a commented-out entry may hold a secret as well as a live one.
  let at = 0;
  for (const { start, end } of [...strings, { start: text.length, end: text.length }]) {
    for (const found of text.slice(at, start).matchAll(/\/\/[^\r\n]*|\/\*[^]*?\*\//g)) {
      const from = at + found.index;
      const around: HiddenRange["around"] = found[0].startsWith("//")
        ? ["// ", ""]
        : ["/* ", " */"];
      ranges.push({ start: from, end: from + found[0].length, around });
    }
    at = end;
  }
  return hide(text, ranges);
}

/** The item before one in a list of the entry. */
function beforeIn(
  entry: JsonNode | undefined,
  path: readonly (string | number)[],
): string | undefined {
  const list = entry?.properties.find(({ key }) => key === path[0])?.node;
  const before = list?.items[Number(path.at(-1)) - 1]?.value;
  return typeof before === "string" ? before : undefined;
}

function keyLength(text: string, { start }: JsonProperty): number {
  return /"(?:[^"\\]|\\.)*"/y.exec(text.slice(start))?.[0].length ?? 0;
}

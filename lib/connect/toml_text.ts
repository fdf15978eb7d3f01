/**
 * Changes one table of a TOML text and leaves every other character where it is: comments, other
 * tables, line ends. Needs no permission.
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
import { type Broken, lineEnd } from "./place.ts";
import { inlineMembers, spansOf, type Statement, statementsOf } from "./toml_scan.ts";
import { loadTomlReader, type TomlReader } from "./toml_value.ts";

/**
 * Loads the form of Codex.
 *
 * @returns TOML, with one table per server.
 */
export async function loadToml(): Promise<ConfigFormat> {
  const read = await loadTomlReader();
  return { open: (text, path) => open(text, path, read) };
}

function open(text: string, path: EntryPath, read: TomlReader): OpenedText | Broken {
  const parsed = read(text);
  if ("problem" in parsed) return parsed;
  const { value } = parsed;
  const map = Object.hasOwn(value, path.map) ? value[path.map] : undefined;
  if (map !== undefined && !isTable(map)) {
    return { problem: `has something else than a table in "${path.map}"`, place: undefined };
  }
  const entry = map !== undefined && Object.hasOwn(map, path.name) ? map[path.name] : undefined;
  const statements = statementsOf(text);
  const found: Found = {
    text,
    path,
    statements,
    own: statements.filter((statement) => isWithin(statement.path, [path.map, path.name])),
    inline: inlineMap(text, statements, path),
    isTable: isTable(entry),
  };
  return {
    value,
    entry,
    set: (entry) => set(found, entry),
    remove: () => remove(found),
    conceal: () => conceal(found),
  };
}

/** A text and where the entry stands in it. */
interface Found {
  readonly text: string;
  readonly path: EntryPath;
  readonly statements: readonly Statement[];
  /** The statements of the entry. */
  readonly own: readonly Statement[];
  /** The inline table of all servers, where they are written so. */
  readonly inline: Statement | undefined;
  /** Whether the entry is a table at all. */
  readonly isTable: boolean;
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    !(value instanceof Date);
}

function isWithin(path: readonly string[], outer: readonly string[]): boolean {
  return outer.every((key, index) => path[index] === key);
}

function inlineMap(
  text: string,
  statements: readonly Statement[],
  { map }: EntryPath,
): Statement | undefined {
  return statements.find(({ kind, path, valueStart }) =>
    kind === "pair" && path.length === 1 && path[0] === map && text[valueStart] === "{"
  );
}

function set(found: Found, entry: Entry): string {
  const { text, path, own, inline, isTable } = found;
  if (inline !== undefined) return setInline(found, inline, entry);
  const [first] = own;
  if (first === undefined) return append(text, path, entry);
  // `wharf = { … }` below `[mcp_servers]`.
  if (own.length === 1 && first.kind === "pair" && first.path.length === 2) {
    const written = inlineEntry(text, first.valueStart, entry);
    return text.slice(0, first.valueStart) + written + text.slice(first.valueEnd);
  }
  if (!isTable) return append(remove(found), path, entry, lineEnd(text));
  return update(found, entry);
}

/** One change of the lines of an entry. */
interface Patch {
  readonly start: number;
  readonly end: number;
  readonly written: string;
}

/** Changes an entry line by line, so that what its user wrote into it stays. */
function update({ text, path, own }: Found, entry: Entry): string {
  const direct = own.filter(({ kind, path }) => kind === "pair" && path.length === 3);
  const header = own.find(({ kind, path }) => kind === "table" && path.length === 2);
  const anchor = direct.findLast((pair) => !isStale(pair.path[2] ?? "", entry)) ?? header ??
    direct.at(-1);
  // Tables below it only: their own may follow them.
  if (anchor === undefined) return append(text, path, entry);
  const patches: Patch[] = [];
  for (const { start, end, path: [, , key = ""] } of own) {
    const isReplaced = Object.hasOwn(entry, key) && !direct.some((pair) => pair.path[2] === key);
    if (isStale(key, entry) || isReplaced) patches.push({ start, end, written: "" });
  }
  const missing: string[] = [];
  for (const [key, value] of Object.entries(entry)) {
    const pair = direct.find((candidate) => candidate.path[2] === key);
    if (pair === undefined) missing.push(`${key} = ${valueText(value)}`);
    else {
      patches.push({ start: pair.valueStart, end: pair.valueEnd, written: valueText(value) });
    }
  }
  if (missing.length > 0) patches.push(addition(text, anchor, missing));
  return patches.toSorted((one, two) => two.start - one.start || two.end - one.end).reduce(
    (changed, { start, end, written }) => changed.slice(0, start) + written + changed.slice(end),
    text,
  );
}

/** New lines behind a line of the entry, with the keys that it is written with. */
function addition(text: string, anchor: Statement, pairs: readonly string[]): Patch {
  const eol = lineEnd(text);
  const keys = anchor.kind === "pair" ? anchor.path.slice(anchor.table.length, -1) : [];
  const indent = /^[ \t]*/.exec(text.slice(anchor.start))?.[0] ?? "";
  const lines = pairs.map((pair) => indent + [...keys, pair].join("."));
  const isCutShort = !text.slice(0, anchor.end).endsWith("\n");
  const written = isCutShort ? eol + lines.join(eol) : lines.join(eol) + eol;
  return { start: anchor.end, end: anchor.end, written };
}

/** The text with the entry's table at its end; what removes it finds the same blank line. */
function append(
  text: string,
  path: EntryPath,
  entry: Entry,
  eol: string = lineEnd(text),
): string {
  const written = tableText(path, entry, eol);
  if (text === "") return `${written}${eol}`;
  return text.endsWith("\n") ? `${text}${eol}${written}${eol}` : `${text}${eol}${eol}${written}`;
}

function remove(found: Found): string {
  const { text, inline } = found;
  if (inline !== undefined) return removeInline(found, inline);
  let kept = text;
  for (const { start, end } of groupsOf(found).toReversed()) {
    let before = kept.slice(0, start);
    const isCutShort = end === kept.length && !kept.endsWith("\n");
    // The blank line before it was written with it.
    if (/(?:^|\n)\r?\n$/.test(before)) before = before.replace(/\r?\n$/, "");
    if (isCutShort) before = before.replace(/\r?\n$/, "");
    kept = before + kept.slice(end);
  }
  return kept;
}

/** The entry's lines, as ranges of statements that follow each other. */
function groupsOf(
  { statements, own }: Found,
): readonly { readonly start: number; readonly end: number }[] {
  const groups: { start: number; end: number; last: number }[] = [];
  for (const statement of own) {
    const index = statements.indexOf(statement);
    const group = groups.at(-1);
    if (group !== undefined && group.last === index - 1) {
      group.end = statement.end;
      group.last = index;
    } else groups.push({ start: statement.start, end: statement.end, last: index });
  }
  return groups;
}

function setInline({ text, path }: Found, map: Statement, entry: Entry): string {
  const members = inlineMembers(text, map.valueStart);
  const own = members.filter((member) => member.path[0] === path.name);
  const [first] = own;
  if (first !== undefined && own.length === 1 && first.path.length === 1) {
    const written = inlineEntry(text, first.valueStart, entry);
    return text.slice(0, first.valueStart) + written + text.slice(first.valueEnd);
  }
  const last = members.at(-1);
  const pair = `${path.name} = ${inlineText(entry)}`;
  return last === undefined
    ? `${text.slice(0, map.valueStart)}{ ${pair} }${text.slice(map.valueEnd)}`
    : `${text.slice(0, last.valueEnd)}, ${pair}${text.slice(last.valueEnd)}`;
}

function removeInline({ text, path }: Found, map: Statement): string {
  const members = inlineMembers(text, map.valueStart);
  let kept = text;
  for (const [index, member] of [...members.entries()].toReversed()) {
    if (member.path[0] !== path.name) continue;
    const previous = members[index - 1];
    const next = members[index + 1];
    if (previous !== undefined) {
      kept = kept.slice(0, previous.valueEnd) + kept.slice(member.valueEnd);
    } else if (next !== undefined) kept = kept.slice(0, member.start) + kept.slice(next.start);
    else kept = `${kept.slice(0, map.valueStart)}{}${kept.slice(map.valueEnd)}`;
  }
  return kept;
}

function tableText({ map, name }: EntryPath, entry: Entry, eol: string): string {
  const pairs = Object.entries(entry).map(([key, value]) => `${key} = ${valueText(value)}`);
  return [`[${map}.${name}]`, ...pairs].join(eol);
}

function inlineText(entry: Entry, kept: readonly string[] = []): string {
  const pairs = Object.entries(entry).map(([key, value]) => `${key} = ${valueText(value)}`);
  return `{ ${[...pairs, ...kept].join(", ")} }`;
}

/** An inline entry in the place of one that is there, or of something else. */
function inlineEntry(text: string, offset: number, entry: Entry): string {
  const old = text[offset] === "{" ? inlineMembers(text, offset) : [];
  const kept = old.filter(({ path: [key = ""] }) =>
    !Object.hasOwn(entry, key) && !isStale(key, entry)
  );
  return inlineText(entry, kept.map(({ start, valueEnd }) => text.slice(start, valueEnd)));
}

function valueText(value: Entry[string]): string {
  if (typeof value === "string") return stringText(value);
  if (isList(value)) return `[${value.map(stringText).join(", ")}]`;
  return `{ ${
    Object.entries(value).map(([key, item]) => `${stringText(key)} = ${stringText(item)}`)
      .join(", ")
  } }`;
}

function isList(value: Entry[string]): value is readonly string[] {
  return Array.isArray(value);
}

/** A path of Windows reads best as it is; everything else as in JSON, which TOML's strings include. */
function stringText(value: string): string {
  // deno-lint-ignore no-control-regex -- literal strings cannot hold control characters
  if (value.includes("\\") && !/['\u0000-\u001f\u007f]/.test(value)) return `'${value}'`;
  return JSON.stringify(value).replaceAll("\u007f", "\\u007f");
}

/** Hides strings and comments of everything but the entry, and of the entry what may be secret. */
function conceal({ text, own }: Found): string {
  const ranges = spansOf(text).flatMap(({ kind, start, end }): HiddenRange[] => {
    if (kind === "key") return [];
    if (kind === "comment") return [{ start, end, around: ["# ", ""] }];
    const statement = own.find((candidate) =>
      start >= candidate.valueStart && end <= candidate.valueEnd
    );
    const path = statement?.path.slice(2) ?? [];
    const before = /("(?:[^"\\]|\\.)*"|'[^']*')\s*,\s*$/.exec(text.slice(0, start))?.[1];
    const shown = statement !== undefined && path.length > 0 &&
      text[statement.valueStart] !== "{" &&
      isShown(path, text.slice(start + 1, end - 1), before?.slice(1, -1));
    return shown ? [] : [{ start, end, around: ['"', '"'] }];
  });
  return hide(text, ranges);
}

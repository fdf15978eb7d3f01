/**
 * Prints any tool's structured answer for a person: facts as aligned lines, lists of records as
 * tables, lists of words in columns. Needs no permission.
 *
 * @example
 * ```ts
 * import { renderFacts } from "./render.ts";
 *
 * renderFacts({ name: "alpine", size_bytes: 3_800_000 }, { columns: 80 });
 * // ["name  alpine", "size  3.8 MB"]
 * ```
 *
 * @module
 */

import { sizeText } from "../core/units.ts";
import { fit, table, type TableOptions } from "./table.ts";

type Record_ = Readonly<Record<string, unknown>>;

/**
 * Renders a structured answer.
 *
 * @param value An object as a tool's `structuredContent` has it, already cleaned by the tool.
 * @param options The width to fit into.
 * @returns Lines without a line feed.
 */
export function renderFacts(value: Record_, options: TableOptions): string[] {
  const facts: [string, string][] = [];
  const blocks: string[][] = [];
  for (const [key, item] of Object.entries(value)) {
    if (isEmpty(item)) continue;
    const label = title(key);
    if (isRecord(item)) {
      blocks.push(["", `${label}:`, ...indent(renderFacts(item, narrower(options)))]);
    } else if (Array.isArray(item) && item.every(isRecord)) {
      blocks.push(["", `${label}:`, ...indent(records(item, narrower(options)))]);
    } else if (Array.isArray(item)) {
      const words = item.map((word) => scalar(key, word));
      const line = words.join(", ");
      if (line.length <= 60 && !words.some((word) => word.includes(" "))) facts.push([label, line]);
      else blocks.push(["", `${label}:`, ...indent(words)]);
    } else facts.push([label, scalar(key, item)]);
  }
  const width = Math.max(0, ...facts.map(([label]) => label.length));
  const lines = facts.flatMap(([label, text]) => wrap(label.padEnd(width), text, options));
  const all = [...lines, ...blocks.flat()];
  return all[0] === "" ? all.slice(1) : all;
}

/** One table; columns that no record fills are left out, nested values become one cell. */
function records(items: readonly Record_[], options: TableOptions): string[] {
  const keys = [...new Set(items.flatMap((item) => Object.keys(item)))]
    .filter((key) => items.some((item) => !isEmpty(item[key])));
  const [only, ...others] = keys;
  // One fact about each needs no header, and can be piped on.
  if (only !== undefined && others.length === 0) return items.map((item) => cell(only, item[only]));
  return table(
    keys.map(title),
    items.map((item) => keys.map((key) => cell(key, item[key]))),
    options,
  );
}

function cell(key: string, value: unknown): string {
  if (isEmpty(value)) return "";
  if (Array.isArray(value)) {
    return value.map((item) => cell(key, item)).join(isRecord(value[0]) ? "; " : ", ");
  }
  if (isRecord(value)) {
    return Object.entries(value).filter(([, item]) => !isEmpty(item))
      .map(([name, item]) => `${title(name)} ${cell(name, item)}`).join(", ");
  }
  return scalar(key, value).replaceAll("\n", " ");
}

function scalar(key: string, value: unknown): string {
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number" && /(^|_)bytes$/.test(key)) return sizeText(value);
  return String(value);
}

/** `size_bytes` is shown as `size`, since its value carries the unit; other words are data. */
function title(key: string): string {
  if (!/^[a-z][a-z0-9_]*$/.test(key)) return key;
  return key.replace(/_bytes$/, "").replaceAll("_", " ");
}

function wrap(label: string, text: string, options: TableOptions): string[] {
  const [first = "", ...rest] = text.split("\n");
  const blank = " ".repeat(label.length);
  return [`${label}  ${first}`, ...rest.map((line) => `${blank}  ${line}`)]
    .map((line) => options.columns === undefined ? line : fitUnlessWord(line, options.columns));
}

/** A digest or URL is useless when cut, so only prose gives way to the terminal's width. */
function fitUnlessWord(line: string, columns: number): string {
  const longest = Math.max(...line.split(" ").map((word) => word.length));
  return longest > columns / 2 ? line : fit(line, columns);
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => line === "" ? line : `  ${line}`);
}

function narrower(options: TableOptions): TableOptions {
  return { columns: options.columns === undefined ? undefined : Math.max(20, options.columns - 2) };
}

function isRecord(value: unknown): value is Record_ {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === "" ||
    (Array.isArray(value) && value.length === 0) ||
    (isRecord(value) && Object.keys(value).length === 0);
}

/**
 * A tool's result for a person: its texts cleaned, and what is no text named. Needs no permission.
 *
 * @example
 * ```ts
 * import { contentLines } from "./content.ts";
 *
 * contentLines({ content: [{ type: "text", text: "hello\u0007" }] }, { columns: 80 }); // ["hello"]
 * ```
 *
 * @module
 */

import { cleanText } from "../core/text.ts";
import { sizeText } from "../core/units.ts";
import { renderFacts } from "./render.ts";
import type { TableOptions } from "./table.ts";

type Record_ = Readonly<Record<string, unknown>>;

/** As much as a person scrolls through; `--output json` has all of it. */
const MAX_CHARS = 4 * 1024 * 1024;

const MAX_NAME_CHARS = 400;

/** More than any terminal shows; deeper values are told by JSON. */
const MAX_DEPTH = 20;

/**
 * Lines of a result.
 *
 * @param result The result of `tools/call` as it came (MCP, "Tool Result").
 * @param options The width to fit facts into.
 * @returns Lines that are safe to show: the blocks, or the structured result where there is none.
 */
export function contentLines(result: Record_, options: TableOptions): readonly string[] {
  const { content, structuredContent } = result;
  const blocks = Array.isArray(content) ? content.filter(isRecord) : [];
  if (blocks.length > 0) return blocks.map(blockText);
  if (!isRecord(structuredContent)) return [];
  return renderFacts(cleanRecord(structuredContent, MAX_DEPTH), options);
}

function blockText(block: Record_): string {
  const { type, text, data, mimeType, resource, uri, name, title } = block;
  switch (type) {
    case "text":
      return many(text);
    case "image":
    case "audio":
      return `[${type} ${facts(one(mimeType), sizeOf(data))}]`;
    case "resource_link":
      return `[resource ${facts(one(title ?? name), one(uri))}]`;
    case "resource": {
      const inner = isRecord(resource) ? resource : {};
      if (typeof inner.text === "string") return many(inner.text);
      return `[resource ${facts(one(inner.uri), one(inner.mimeType), sizeOf(inner.blob))}]`;
    }
    default:
      return `[${one(type)}]`;
  }
}

function facts(...parts: readonly string[]): string {
  return parts.filter((part) => part !== "").join(", ");
}

/** Size of what base64 holds. */
function sizeOf(data: unknown): string {
  const { length } = typeof data === "string" ? data.replace(/=+$/, "") : "";
  return sizeText(Math.floor(length * 3 / 4));
}

function many(text: unknown): string {
  return typeof text === "string" ? cleanText(text, { maxChars: MAX_CHARS, multiline: true }) : "";
}

function one(text: unknown): string {
  return typeof text === "string" ? cleanText(text, { maxChars: MAX_NAME_CHARS }) : "";
}

function cleanRecord(value: Record_, depth: number): Record_ {
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [one(name), cleanValue(member, depth - 1)]),
  );
}

function cleanValue(value: unknown, depth: number): unknown {
  if (typeof value === "string") return many(value);
  if (typeof value !== "object" || value === null) return value;
  if (depth <= 0) return one(JSON.stringify(value));
  if (Array.isArray(value)) return value.map((item) => cleanValue(item, depth - 1));
  return isRecord(value) ? cleanRecord(value, depth) : value;
}

function isRecord(value: unknown): value is Record_ {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

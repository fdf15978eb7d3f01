/**
 * Content that came with later versions of MCP than the one that a client speaks. Such a client
 * refuses a whole result for one block of a kind that it does not know, so it gets a text in its
 * place, which says what is missing and why. Needs no permission.
 *
 * @example
 * ```ts
 * import { readableBy } from "./older_client.ts";
 *
 * const result = { content: [{ type: "audio", data: "aa==", mimeType: "audio/wav" }] };
 * readableBy("2025-11-25", result) === result; // true
 * ```
 *
 * @module
 */

import { isObject, type JsonObject } from "../rpc/mod.ts";

/** The version that a kind of block came with. */
const SINCE: ReadonlyMap<unknown, string> = new Map([
  ["audio", "2025-03-26"],
  ["resource_link", "2025-06-18"],
]);

/** Who speaks this or a later version can read everything. */
const ALL_SINCE = "2025-06-18";

/**
 * A result that a client can read.
 *
 * @param version The version of MCP that was agreed upon with the client.
 * @param result Of a tool, a prompt or a task.
 * @returns The same object where the client can read it.
 */
export function readableBy(version: string, result: JsonObject): JsonObject {
  // Versions are days, so that their order is that of their texts.
  if (version >= ALL_SINCE) return result;
  const { content, messages } = result;
  const isUnread = (block: unknown): boolean =>
    isObject(block) && version < (SINCE.get(block.type) ?? "");
  if (Array.isArray(content) && content.some(isUnread)) {
    return { ...result, content: content.map((block) => readable(version, block)) };
  }
  if (Array.isArray(messages) && messages.some((message) => isUnread(message?.content))) {
    return {
      ...result,
      messages: messages.map((message) =>
        isObject(message) ? { ...message, content: readable(version, message.content) } : message
      ),
    };
  }
  return result;
}

function readable(version: string, block: unknown): unknown {
  if (!isObject(block)) return block;
  const since = SINCE.get(block.type);
  if (since === undefined || version >= since) return block;
  const why = `the client speaks MCP ${version}, which has none; ${since} has`;
  const text = block.type === "audio"
    ? `[Sound (${String(block.mimeType)}) is left out: ${why}]`
    : `${String(block.name)}: ${String(block.uri)} [a link as text: ${why}]`;
  return { type: "text", text };
}

/**
 * Results with large strings on their way through the SDK's transport, which writes every message as
 * one text: it is given a seal in their place, and what it has written is put right again when the
 * client reads it. Needs no permission.
 *
 * @module
 */

import { jsonParts, type Parts } from "../core/large_json.ts";
import type { JSONRPCMessage } from "../mcp/protocol.ts";

/** What messages with a seal stand for. */
const originals = new WeakMap<JSONRPCMessage, JSONRPCMessage>();

/**
 * The message as it was before it was sealed.
 *
 * @param message Any message.
 * @returns The message that it stands for, or itself.
 */
export function originalOf(message: JSONRPCMessage): JSONRPCMessage {
  return originals.get(message) ?? message;
}

/** The sealed results of one answer; they live as long as it does. */
export class SealedResults {
  /** By the text that stands in their place. */
  readonly #results = new Map<string, Parts>();

  /**
   * Seals a result.
   *
   * @param message Any message.
   * @returns A message that is written for it, or the message itself where nothing in it is large.
   */
  seal(message: JSONRPCMessage): JSONRPCMessage {
    if (!("result" in message)) return message;
    const parts = jsonParts(message.result);
    if (parts.length === 1) return message;
    // Nobody can know it before, so that no text of a server's is taken for it.
    const result = { [crypto.randomUUID()]: true };
    const sealed = { ...message, result };
    this.#results.set(JSON.stringify(result), parts);
    originals.set(sealed, message);
    return sealed;
  }

  /**
   * Puts the results in.
   *
   * @param chunk What the SDK has written: whole events, or a whole document.
   * @returns The same with the results in place of their seals.
   */
  open(chunk: Uint8Array<ArrayBuffer>): Parts {
    if (this.#results.size === 0) return [chunk];
    const text = new TextDecoder().decode(chunk);
    for (const [seal, parts] of this.#results) {
      const at = text.indexOf(seal);
      if (at === -1) continue;
      this.#results.delete(seal);
      const encoder = new TextEncoder();
      return [
        ...this.open(encoder.encode(text.slice(0, at))),
        ...parts,
        ...this.open(encoder.encode(text.slice(at + seal.length))),
      ];
    }
    return [chunk];
  }
}

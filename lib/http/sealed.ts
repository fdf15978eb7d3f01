/**
 * Results with large strings on their way through the SDK's transport, which writes every message as
 * one text: it is given a seal in their place, and what it has written is put right again when the
 * client reads it. Needs no permission.
 *
 * @module
 */

import { largeJson, type Parts } from "../core/large_json.ts";
import type { JSONRPCMessage } from "../mcp/protocol.ts";

/** From this length on a result is sealed, so that its text is made once and not three times. */
const LONG_CHARS = 64 * 1024;

/** A message as it was before it was sealed. */
export interface Original {
  /** The message. */
  readonly message: JSONRPCMessage;
  /** Length of its result's text, roughly; absent for what has no result. */
  readonly length?: number;
}

const originals = new WeakMap<JSONRPCMessage, Original>();

/**
 * The message as it was before it was sealed.
 *
 * @param message Any message.
 * @returns The message that it stands for, or itself, and what is known of its length.
 */
export function originalOf(message: JSONRPCMessage): Original {
  return originals.get(message) ?? { message };
}

/** The sealed results of one answer; they live as long as it does. */
export class SealedResults {
  /** By the text that stands in their place. */
  readonly #results = new Map<string, Parts>();

  /**
   * Seals a result.
   *
   * @param message Any message.
   * @returns A message that is written for it, or the message itself where its result is short.
   */
  seal(message: JSONRPCMessage): JSONRPCMessage {
    if (!("result" in message)) return message;
    const json = largeJson(message.result);
    const { length } = json;
    if (!json.isLarge && length < LONG_CHARS) {
      originals.set(message, { message, length });
      return message;
    }
    // Nobody can know it before, so that no text of a server's is taken for it.
    const result = { [crypto.randomUUID()]: true };
    const sealed = { ...message, result };
    this.#results.set(JSON.stringify(result), json.parts());
    originals.set(sealed, { message, length });
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

/**
 * Git's pkt-line framing: four hexadecimal digits of length, then as many bytes less four
 * (gitprotocol-common, "pkt-line Format"). Reads no further than it is asked to. Needs no
 * permission.
 *
 * @example
 * ```ts
 * import { encodePkt, PktReader } from "./git_pkt.ts";
 *
 * async function* answer() {
 *   yield new TextEncoder().encode(encodePkt("NAK\n") + "0000");
 * }
 * const reader = new PktReader(answer());
 * await reader.next(); // the bytes of "NAK\n"
 * await reader.next(); // "flush"
 * await reader.next(); // undefined
 * ```
 *
 * @module
 */

import { AppError } from "../core/errors.ts";

/** One packet: its bytes, or the end of a part. */
export type Pkt = Uint8Array | "flush";

/** A flush packet, as it is sent. */
export const FLUSH = "0000";

/** The length counts itself. */
const HEADER_BYTES = 4;

/**
 * Frames a text of ASCII characters.
 *
 * @param text Without length.
 * @returns The packet.
 */
export function encodePkt(text: string): string {
  return (text.length + HEADER_BYTES).toString(16).padStart(HEADER_BYTES, "0") + text;
}

/**
 * The text of a packet.
 *
 * @param bytes The packet.
 * @returns Its text without the line break at its end, which git may leave out.
 */
export function pktText(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes).replace(/\n$/, "");
}

/** Takes packets out of a stream. */
export class PktReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);

  /**
   * Begins at the start of an answer.
   *
   * @param chunks The answer, in pieces of any size.
   */
  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /**
   * Takes the next packet.
   *
   * @returns The packet; `undefined` where the answer ends between two packets.
   * @throws {AppError} `BAD_RESPONSE` for what is no packet, or one that was cut off.
   */
  async next(): Promise<Pkt | undefined> {
    const header = await this.#take(HEADER_BYTES);
    if (header === undefined) return undefined;
    const digits = new TextDecoder().decode(header);
    const length = /^[0-9a-f]{4}$/i.test(digits) ? parseInt(digits, 16) : -1;
    if (length === 0) return "flush";
    // 1 to 3 are signs of protocol version 2, which was not asked for.
    if (length < HEADER_BYTES) throw badPkt("it holds something else");
    const bytes = await this.#take(length - HEADER_BYTES);
    if (bytes === undefined) throw badPkt("it ends too early");
    return bytes;
  }

  /** Gives up the rest of the answer, so that its connection ends. */
  async stop(): Promise<void> {
    await this.#chunks.return?.();
  }

  async #take(count: number): Promise<Uint8Array | undefined> {
    if (this.#rest.byteLength < count) {
      const parts = [this.#rest];
      let have = this.#rest.byteLength;
      while (have < count) {
        const { done, value } = await this.#chunks.next();
        if (done === true) {
          if (have === 0) return undefined;
          throw badPkt("it ends too early");
        }
        parts.push(value);
        have += value.byteLength;
      }
      this.#rest = joinBytes(parts);
    }
    const taken = this.#rest.subarray(0, count);
    this.#rest = this.#rest.subarray(count);
    return taken;
  }
}

/**
 * Joins pieces.
 *
 * @param parts In order.
 * @returns One array.
 */
export function joinBytes(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.byteLength;
  }
  return whole;
}

function badPkt(state: string): AppError {
  return new AppError("BAD_RESPONSE", `Cannot read the git server's answer: ${state}`, {
    retryable: true,
    hint: "Try again later; if it stays, check the URL in a browser",
  });
}

/**
 * Checks a pack before anything else reads it (gitformat-pack, "pack-*.pack files have the
 * following format"): checksum, number of objects, and how large each one is once it is
 * decompressed and its delta applied, so that no decompression bomb is ever unpacked. Needs no
 * permission.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { inflateSync } from "node:zlib";
import { AppError, toAppError } from "../core/errors.ts";

/** How much a pack may hold. */
export interface PackLimits {
  /** Most objects: commits, folders and files. */
  readonly maxObjects: number;
  /** Most bytes of one object, decompressed. */
  readonly maxObjectBytes: number;
  /** Most bytes of all objects, decompressed and with deltas applied. */
  readonly maxTotalBytes: number;
}

/** What Wharf unpacks when nothing else is said. */
export const PACK_LIMITS: PackLimits = {
  maxObjects: 200_000,
  maxObjectBytes: 128 * 1024 * 1024,
  maxTotalBytes: 512 * 1024 * 1024,
};

/** `PACK`, version, number of objects. */
const HEADER_BYTES = 12;

/** SHA-1 of all before it. */
const TRAILER_BYTES = 20;

const SIGNATURE = 0x5041434b;

const TYPE = { offsetDelta: 6, referenceDelta: 7 } as const;

/** Commit, tree, blob, tag, and the two kinds of deltas. */
const TYPES: ReadonlySet<number> = new Set([1, 2, 3, 4, TYPE.offsetDelta, TYPE.referenceDelta]);

/** Between two pauses for whatever else Wharf does. */
const STEP_BYTES = 8 * 1024 * 1024;

/**
 * Goes through all objects of a pack.
 *
 * @param pack The pack as the server sent it.
 * @param options `limits` on what it may hold; `pause` is awaited now and then and may throw to end the work.
 * @returns The number of objects.
 * @throws {AppError} `TOO_LARGE` past a limit, `BAD_RESPONSE` for what is no whole pack.
 */
export async function inspectPack(
  pack: Uint8Array,
  options: { readonly limits?: PackLimits; readonly pause: () => Promise<void> },
): Promise<number> {
  const { limits = PACK_LIMITS, pause } = options;
  const view = new DataView(pack.buffer, pack.byteOffset, pack.byteLength);
  const end = pack.byteLength - TRAILER_BYTES;
  if (end < HEADER_BYTES || view.getUint32(0) !== SIGNATURE || view.getUint32(4) !== 2) {
    throw badPack("it is cut off, or no pack of version 2");
  }
  const sum = createHash("sha1").update(pack.subarray(0, end)).digest();
  if (sum.some((byte, index) => byte !== pack[end + index])) {
    throw badPack("it does not match its own checksum");
  }
  const count = view.getUint32(8);
  if (count > limits.maxObjects) throw tooLarge(`it holds more than ${limits.maxObjects} objects`);
  const cursor = new Cursor(pack.subarray(0, end), HEADER_BYTES);
  let total = 0;
  let nextPause = STEP_BYTES;
  for (let index = 0; index < count; index++) {
    total += objectBytes(cursor, limits.maxObjectBytes);
    if (total > limits.maxTotalBytes) {
      throw tooLarge(`it holds more than ${limits.maxTotalBytes} bytes`);
    }
    if (total < nextPause) continue;
    nextPause = total + STEP_BYTES;
    await pause();
  }
  if (cursor.offset !== end) throw badPack("it holds more than its header says");
  return count;
}

/** Goes past one object; for a delta, its own size and that of its result count. */
function objectBytes(cursor: Cursor, maxBytes: number): number {
  const first = cursor.byte();
  const type = (first >> 4) & 0b111;
  if (!TYPES.has(type)) throw badPack("an object is of a kind that git does not know");
  let size = first & 0b1111;
  if (first >= 0b1000_0000) size += cursor.varint() * 16;
  if (size > maxBytes) throw tooLarge(`an object in it is larger than ${maxBytes} bytes`);
  if (type === TYPE.offsetDelta) cursor.varint();
  if (type === TYPE.referenceDelta) cursor.skip(20);
  const content = cursor.inflate(size);
  if (type !== TYPE.offsetDelta && type !== TYPE.referenceDelta) return size;
  const delta = new Cursor(content, 0);
  delta.varint();
  const result = delta.varint();
  if (result > maxBytes) throw tooLarge(`an object in it is larger than ${maxBytes} bytes`);
  return size + result;
}

/** Reads on from a place. */
class Cursor {
  readonly #bytes: Uint8Array;
  offset: number;

  constructor(bytes: Uint8Array, offset: number) {
    this.#bytes = bytes;
    this.offset = offset;
  }

  byte(): number {
    const byte = this.#bytes[this.offset];
    if (byte === undefined) throw badPack("it is cut off");
    this.offset += 1;
    return byte;
  }

  skip(count: number): void {
    this.offset += count;
  }

  /** Seven bits a byte, the lowest first. Offsets are written in another order, but end the same way. */
  varint(): number {
    let value = 0;
    // More than seven bytes would pass what a number can hold.
    for (let factor = 1; factor < 2 ** 49; factor *= 128) {
      const byte = this.byte();
      value += (byte & 0b0111_1111) * factor;
      if (byte < 0b1000_0000) return value;
    }
    throw badPack("it holds a number that is too large");
  }

  inflate(size: number): Uint8Array {
    const { content, taken } = inflated(this.#bytes.subarray(this.offset), size);
    if (content.byteLength !== size) throw badPack("an object has another size than it says");
    this.offset += taken;
    return content;
  }
}

function inflated(bytes: Uint8Array, size: number): { content: Uint8Array; taken: number } {
  try {
    // One byte more than was announced is enough to see that the announcement is wrong.
    const answer: unknown = inflateSync(bytes, { info: true, maxOutputLength: size + 1 });
    // `info` makes it tell how far it read, which its type does not know.
    const { buffer, engine } = answer as { buffer: Uint8Array; engine: { bytesWritten: number } };
    return { content: buffer, taken: engine.bytesWritten };
  } catch (thrown) {
    throw badPack("an object in it cannot be decompressed", toAppError(thrown));
  }
}

function badPack(state: string, cause?: unknown): AppError {
  return new AppError("BAD_RESPONSE", `Cannot use the git server's pack: ${state}`, {
    retryable: true,
    hint: "Try again; the connection may have broken",
    ...(cause === undefined ? {} : { cause }),
  });
}

function tooLarge(state: string): AppError {
  return new AppError("TOO_LARGE", `Cannot use the git server's pack: ${state}`, {
    hint: "Check that the source names a catalogue, not another repository",
  });
}

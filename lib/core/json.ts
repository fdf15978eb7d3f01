/**
 * JSON from outside, bounded in depth. Needs no permission.
 *
 * @module
 */

import { AppError } from "./errors.ts";

/** How {@linkcode parseJson} reads. */
export interface ParseJsonOptions {
  /** What the text is, for the error: `the manifest of "docker.io/library/alpine"`. */
  readonly what: string;
  /** Most nested arrays and objects. @default {64} */
  readonly maxDepth?: number;
}

/**
 * Parses JSON text in UTF-8. The depth is checked before the parser recurses, since no reader of
 * these documents needs more and some recurse themselves.
 *
 * @param bytes The text; a byte order mark is dropped.
 * @param options What it is, and the limits.
 * @returns The value; the caller validates its shape.
 * @throws {AppError} `BAD_RESPONSE` that names what was read.
 */
export function parseJson(bytes: Uint8Array, options: ParseJsonOptions): unknown {
  const maxDepth = options.maxDepth ?? 64;
  if (depthOf(bytes) > maxDepth) {
    throw new AppError(
      "BAD_RESPONSE",
      `Cannot read ${options.what}: its JSON is nested deeper than ${maxDepth} levels`,
      { hint: "The other side sends something that is not meant for Wharf; check the address" },
    );
  }
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new AppError("BAD_RESPONSE", `Cannot read ${options.what}: it is not valid JSON`, {
      cause,
      hint: "Check that the address is the right one, and that no proxy answers in its place",
    });
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * The deepest nesting of arrays and objects, counted outside of strings; one pass, no recursion.
 *
 * @param bytes JSON text in UTF-8; what it says of other bytes means nothing.
 * @returns The depth; 0 for a plain value.
 */
export function depthOf(bytes: Uint8Array): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index];
    if (inString) {
      if (byte === BACKSLASH) index++;
      else if (byte === QUOTE) inString = false;
    } else if (byte === QUOTE) inString = true;
    // "{" and "[" differ from "}" and "]" by 2.
    else if (byte === 0x7b || byte === 0x5b) {
      depth++;
      if (depth > deepest) deepest = depth;
    } else if (byte === 0x7d || byte === 0x5d) depth--;
  }
  return deepest;
}

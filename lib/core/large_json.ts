/**
 * JSON whose long strings stay the bytes that they came as, so that what is only passed on, such as
 * an image of some megabytes in a result, is not copied into a string, parsed, and written again.
 * Needs no permission.
 *
 * @example
 * ```ts
 * import { jsonParts, parseJsonParts } from "./large_json.ts";
 *
 * const bytes = new TextEncoder().encode(`{"data":"${"A".repeat(100_000)}"}`);
 * const value = parseJsonParts([bytes], { maxDepth: 64, maxStringBytes: 65_536 });
 * jsonParts(value); // The same text, and the long string in it is the same memory.
 * ```
 *
 * @module
 */

import { depthOf } from "./json.ts";

/** Bytes in order, as they came. */
export type Parts = readonly Uint8Array<ArrayBuffer>[];

/** How {@linkcode parseJsonParts} reads. */
export interface JsonPartsOptions {
  /** Most nested arrays and objects. */
  readonly maxDepth: number;
  /** Longest string that becomes one, in bytes of its JSON text; longer ones stay bytes. */
  readonly maxStringBytes: number;
}

/**
 * Where a long string stood. Nobody outside of this process knows it, so that no text of others
 * can be taken for it.
 */
const MARK: string = crypto.randomUUID();

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SPACE = 0x20;
const LETTER_U = 0x75;

/** What may follow a backslash (RFC 8259, 7): `"` `\` `/` `b` `f` `n` `r` `t` `u`. */
const ESCAPED = new Set([QUOTE, BACKSLASH, 0x2f, 0x62, 0x66, 0x6e, 0x72, 0x74, LETTER_U]);

const encoder = new TextEncoder();

/** Long strings met while something is written as JSON; `undefined`: they are written in full. */
let collected: LargeString[] | undefined;

/**
 * A long string of a JSON text. `JSON.stringify` writes it as the string that it stands for; whoever
 * wants to look into it takes `JSON.parse(JSON.stringify(value))`.
 */
export class LargeString {
  /** Its JSON text, quotes included. */
  readonly parts: Parts;
  /** Length of its JSON text in bytes. */
  readonly byteLength: number;

  /** @param parts Its JSON text, quotes included; it is not checked here. */
  constructor(parts: Parts) {
    this.parts = parts;
    this.byteLength = lengthOf(parts);
  }

  /** The string, or a mark where {@linkcode jsonParts} puts the bytes in. */
  toJSON(): string {
    if (collected !== undefined) return `${MARK}${collected.push(this) - 1}`;
    // It has been checked: it is the text of a string.
    return JSON.parse(new TextDecoder().decode(joined(this.parts))) as string;
  }
}

/**
 * Parses JSON text in UTF-8.
 *
 * @param parts The text.
 * @param options Limits.
 * @returns The value, a {@linkcode LargeString} in place of each long string; `undefined` where the
 * text has to be parsed as a whole, which tells why: it is no JSON, it nests too deep, or a long
 * string is the name of a member.
 */
export function parseJsonParts(parts: Parts, options: JsonPartsOptions): unknown {
  const { maxDepth, maxStringBytes } = options;
  const cut = cutStrings(parts, maxStringBytes);
  if (cut === undefined) return undefined;
  const rest = joined(cut.rest);
  if (depthOf(rest) > maxDepth) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(rest));
  } catch {
    return undefined;
  }
  let found = 0;
  const put = (inner: unknown): unknown => {
    if (typeof inner === "string") {
      if (!inner.startsWith(MARK)) return inner;
      found++;
      return cut.strings[Number(inner.slice(MARK.length))];
    }
    if (typeof inner !== "object" || inner === null) return inner;
    // A fresh value of JSON: its members are its own, and nobody else has it yet.
    const members = inner as Record<string, unknown>;
    for (const name of Object.keys(members)) {
      const before = members[name];
      const after = put(before);
      if (after !== before) members[name] = after;
    }
    return inner;
  };
  value = put(value);
  return found === cut.strings.length ? value : undefined;
}

/** A value's JSON text, and where the bytes of its long strings go. */
export interface LargeJson {
  /** Length of the whole text: in characters, long strings in bytes. */
  readonly length: number;
  /** Whether there are long strings in it. */
  readonly isLarge: boolean;
  /**
   * The text in UTF-8; the bytes of long strings are not copied.
   *
   * @param end What comes after it. @default nothing
   */
  parts(end?: string): Parts;
}

/**
 * Writes JSON text.
 *
 * @param value Any value of JSON, with a {@linkcode LargeString} wherever a string may be.
 */
export function largeJson(value: unknown): LargeJson {
  const strings: LargeString[] = [];
  collected = strings;
  let text: string;
  try {
    text = JSON.stringify(value);
  } finally {
    collected = undefined;
  }
  return {
    length: strings.reduce((sum, { byteLength }) => sum + byteLength, text.length),
    isLarge: strings.length > 0,
    parts(end = "") {
      const parts: Uint8Array<ArrayBuffer>[] = [];
      let start = 0;
      for (const [index, string] of strings.entries()) {
        const mark = `"${MARK}${index}"`;
        const before = text.slice(start, text.indexOf(mark, start));
        parts.push(encoder.encode(before), ...string.parts);
        start += before.length + mark.length;
      }
      parts.push(encoder.encode((start === 0 ? text : text.slice(start)) + end));
      return parts;
    },
  };
}

/**
 * Writes JSON text in UTF-8.
 *
 * @param value As for {@linkcode largeJson}.
 * @param end What comes after it. @default nothing
 */
export function jsonParts(value: unknown, end?: string): Parts {
  return largeJson(value).parts(end);
}

/**
 * One array of bytes out of parts.
 *
 * @param parts The parts.
 * @returns The only part, where there is one; else a copy of all.
 */
export function joined(parts: Parts): Uint8Array<ArrayBuffer> {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const whole = new Uint8Array(lengthOf(parts));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** How many bytes parts have together. */
export function lengthOf(parts: Parts): number {
  return parts.reduce((sum, { length }) => sum + length, 0);
}

interface Cut {
  /** The text with a mark in place of each long string. */
  readonly rest: Parts;
  readonly strings: readonly LargeString[];
}

/** Takes the long strings out; `undefined` when one is not as RFC 8259, 7 wants strings. */
function cutStrings(parts: Parts, maxStringBytes: number): Cut | undefined {
  const rest: Uint8Array<ArrayBuffer>[] = [];
  const strings: LargeString[] = [];
  const string = new StringScan();
  // What is not yet given to the rest begins here.
  let from = { part: 0, at: 0 };
  let begin: { readonly part: number; readonly at: number } | undefined;
  for (const [index, part] of parts.entries()) {
    for (let at = 0; at < part.length;) {
      if (begin === undefined) {
        const quote = part.indexOf(QUOTE, at);
        if (quote === -1) break;
        begin = { part: index, at: quote };
        at = quote + 1;
        string.begin();
        continue;
      }
      at = string.take(part, at);
      if (!string.hasEnded) continue;
      if (string.length > maxStringBytes) {
        const end = { part: index, at };
        const text = span(parts, begin, end);
        if (!string.isValid || (string.hasOther && !isUtf8(text))) return undefined;
        rest.push(...span(parts, from, begin), encoder.encode(`"${MARK}${strings.length}"`));
        strings.push(new LargeString(text));
        from = end;
      }
      begin = undefined;
    }
  }
  rest.push(...span(parts, from, { part: parts.length, at: 0 }));
  return { rest, strings };
}

/** Reads a string to its end, across parts. */
class StringScan {
  /** Bytes so far, quotes included. */
  length = 0;
  hasEnded = false;
  /** Whether all characters may stand in a string of JSON. */
  isValid = true;
  /** Whether there are others than those of ASCII. */
  hasOther = false;
  /** What comes next: 0 a character, 1 what a backslash escapes, from 2 on the digits of `\u`. */
  #escape = 0;

  begin(): void {
    this.length = 1;
    this.hasEnded = false;
    this.isValid = true;
    this.hasOther = false;
    this.#escape = 0;
  }

  /** Reads on; gives the place after the end, or the part's length. */
  take(part: Uint8Array, from: number): number {
    // Locals: this loop runs over every byte of a large message.
    let escape = this.#escape;
    let lowest = 0xff;
    let highest = 0;
    let at = from;
    for (; at < part.length; at++) {
      const byte = part[at] ?? 0;
      if (escape !== 0) {
        if (escape === 1) {
          if (!ESCAPED.has(byte)) this.isValid = false;
          escape = byte === LETTER_U ? 2 : 0;
        } else {
          if (!isHex(byte)) this.isValid = false;
          escape = escape === 5 ? 0 : escape + 1;
        }
      } else if (byte === QUOTE) {
        this.hasEnded = true;
        at++;
        break;
      } else if (byte === BACKSLASH) escape = 1;
      if (byte < lowest) lowest = byte;
      if (byte > highest) highest = byte;
    }
    if (lowest < SPACE) this.isValid = false;
    if (highest > 0x7f) this.hasOther = true;
    this.#escape = escape;
    this.length += at - from;
    return at;
  }
}

function isHex(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x46) ||
    (byte >= 0x61 && byte <= 0x66);
}

/** The bytes from one place to before another. */
function span(
  parts: Parts,
  from: { readonly part: number; readonly at: number },
  to: { readonly part: number; readonly at: number },
): Parts {
  const taken: Uint8Array<ArrayBuffer>[] = [];
  for (let index = from.part; index <= to.part; index++) {
    const part = parts[index]?.subarray(
      index === from.part ? from.at : 0,
      index === to.part ? to.at : undefined,
    );
    if (part !== undefined && part.length > 0) taken.push(part);
  }
  return taken;
}

function isUtf8(parts: Parts): boolean {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  try {
    for (const part of parts) decoder.decode(part, { stream: true });
    decoder.decode();
    return true;
  } catch {
    return false;
  }
}

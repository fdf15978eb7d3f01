/**
 * The data of server-sent events as their bytes come, not copied (HTML, 9.2.5). Needs no permission.
 *
 * @example
 * ```ts
 * import { EventReader } from "./event_reader.ts";
 *
 * const events = new EventReader();
 * events.push(new TextEncoder().encode("id: 7\ndata: {}\n\n")); // The bytes of "{}".
 * ```
 *
 * @module
 */

import { joined, type Parts } from "../core/large_json.ts";
import { type Line, LineCutter } from "../core/lines.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const COLON = 0x3a;
const SPACE = 0x20;

const encoder = new TextEncoder();
const DATA = encoder.encode("data");
const EVENT = encoder.encode("event");
const BETWEEN: Bytes = new Uint8Array([LINE_FEED]);

/** Reads a stream of events whose lines end with a line feed, as all do that are known. */
export class EventReader {
  // Whoever gives the chunks bounds the events.
  readonly #lines = new LineCutter(Infinity);
  #data: Line[] = [];
  #isMessage = true;

  /**
   * Takes a chunk.
   *
   * @param chunk The next bytes; nobody else uses them.
   * @returns The data of each message that it ends; events of other types, and those without data, are
   * left out.
   */
  push(chunk: Bytes): readonly Parts[] {
    const messages: Parts[] = [];
    for (const whole of this.#lines.cut(chunk)) {
      const line = withoutReturn(whole ?? []);
      if (line.length === 0) {
        const data = this.#data.flatMap((one, index) => index === 0 ? one : [BETWEEN, ...one]);
        if (this.#isMessage && data.some(({ length }) => length > 0)) messages.push(data);
        this.#data = [];
        this.#isMessage = true;
        continue;
      }
      const data = valueOf(line, DATA);
      if (data !== undefined) this.#data.push(data);
      const type = valueOf(line, EVENT);
      if (type !== undefined) this.#isMessage = /^(?:message)?$/.test(textOf(type));
    }
    return messages;
  }
}

/** A line without the carriage return before its end. */
function withoutReturn(line: Line): Line {
  const last = line.at(-1);
  if (last === undefined || last.at(-1) !== CARRIAGE_RETURN) return withoutEmpty(line);
  return withoutEmpty([...line.slice(0, -1), last.subarray(0, -1)]);
}

function withoutEmpty(line: Line): Line {
  return line.every(({ length }) => length > 0) ? line : line.filter(({ length }) => length > 0);
}

/** The value of a line of this field; `undefined` for a line of another one. */
function valueOf(line: Line, field: Bytes): Line | undefined {
  const [first, second, ...more] = line;
  if (first === undefined) return undefined;
  // The name may be cut in two.
  const isCut = second !== undefined && first.length < field.length + 2;
  const head = isCut ? joined([first, second]) : first;
  const rest = isCut || second === undefined ? more : [second, ...more];
  if (head.length < field.length) return undefined;
  for (let at = 0; at < field.length; at++) if (head[at] !== field[at]) return undefined;
  if (head.length === field.length) return rest.length === 0 ? [] : undefined;
  if (head[field.length] !== COLON) return undefined;
  const start = field.length + (head[field.length + 1] === SPACE ? 2 : 1);
  return [head.subarray(start), ...rest];
}

function textOf(line: Line): string {
  return line.map((part) => new TextDecoder().decode(part)).join("");
}

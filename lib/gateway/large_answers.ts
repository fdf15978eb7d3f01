/**
 * Answers of remote servers that are only passed on. The SDK reads a stream of events through two
 * transforms and checks each message against schemas, which takes longer than the rest of a call, and
 * copies a large result several times. So an answer that begins with the result, as nearly all do,
 * does not go through the SDK; of any other one it sees all but a large result, which is put in
 * afterwards. Needs no permission.
 *
 * @module
 */

import { depthOf } from "../core/json.ts";
import { joined, lengthOf, parseJsonParts, type Parts } from "../core/large_json.ts";
import { isObject, type JsonObject, kindOf, type RpcId } from "../rpc/mod.ts";
import { EventReader } from "./event_reader.ts";
import type { JSONRPCMessage } from "./sdk.ts";

/** As those of a pipe. */
const LARGE_MESSAGE_BYTES = 128 * 1024;
const LIMITS = { maxDepth: 512, maxStringBytes: 64 * 1024 };

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** `data:`, which begins a line of an event (HTML, 9.2.5), and the space that may follow. */
const DATA = new TextEncoder().encode("data:");
const SPACE = 0x20;

type Bytes = Uint8Array<ArrayBuffer>;

/** The answers of one connection. */
export class LargeAnswers {
  /** Requests in flight whose results are only passed on. */
  readonly #passed = new Set<RpcId>();
  /** What the SDK does not see. */
  readonly #results = new Map<RpcId, unknown>();

  /** The result of this request is only passed on. */
  expect(id: RpcId): void {
    this.#passed.add(id);
  }

  /** The request is over. */
  forget(id: RpcId): void {
    this.#passed.delete(id);
    this.#results.delete(id);
  }

  /**
   * Reads an answer, as far as that is worth it.
   *
   * @param response The answer to a request.
   * @param id The request.
   * @param deliver Takes messages that the SDK does not see.
   * @returns What the SDK reads in place of the answer: what is left of it.
   */
  async read(
    response: Response,
    id: RpcId | undefined,
    deliver: (message: JSONRPCMessage) => void,
  ): Promise<Response> {
    if (id === undefined || response.body === null || !this.#passed.has(id)) return response;
    const { status, headers } = response;
    const type = headers.get("content-type") ?? "";
    const isStream = /^text\/event-stream\b/i.test(type);
    if (!isStream && !/^application\/json\b/i.test(type)) return response;
    const reader = response.body.getReader();
    const events = isStream ? new EventReader() : undefined;
    const held: Bytes[] = [];
    try {
      for (let next = await reader.read(); !next.done; next = await reader.read()) {
        held.push(next.value);
        const [first, ...more] = events?.push(next.value) ?? [];
        if (first === undefined) continue;
        const message = answerIn(first, id);
        if (message === undefined) break;
        deliver(message);
        for (const data of more) deliverAny(data, deliver);
        void drain(reader, events, deliver);
        return new Response(null, { status: 202, headers });
      }
      const message = isStream ? undefined : answerIn(held, id);
      if (message !== undefined) {
        deliver(message);
        return new Response(null, { status: 202, headers });
      }
    } catch {
      // What broke off breaks off for the SDK too, which knows how to resume it.
    }
    const filter = isStream ? new EventFilter((parts) => this.#take(parts, id)) : undefined;
    return new Response(restOf(held, { reader, filter }), { status, headers });
  }

  /**
   * Puts the result in that was taken out.
   *
   * @param message What the SDK has read.
   */
  complete(message: JSONRPCMessage): JSONRPCMessage {
    if (!("id" in message) || "method" in message || message.id === undefined) return message;
    const result = this.#results.get(message.id);
    this.forget(message.id);
    // It is what the server sent, which the SDK would have taken for any result.
    return result === undefined ? message : { ...message, result } as JSONRPCMessage;
  }

  /** What the SDK reads in place of a large result; `undefined` for anything else. */
  #take(parts: Parts, id: RpcId): Bytes | undefined {
    if (lengthOf(parts) < LARGE_MESSAGE_BYTES) return undefined;
    const json = parseJsonParts(parts, LIMITS);
    if (kindOf(json) !== "result" || !isObject(json) || json.id !== id) return undefined;
    const result: unknown = json.result;
    if (!isObject(result)) return undefined;
    this.#results.set(id, result);
    const empty: JsonObject = { jsonrpc: "2.0", id, result: {} };
    return new TextEncoder().encode(JSON.stringify(empty));
  }
}

type Light = (parts: Parts) => Bytes | undefined;
type Reader = ReadableStreamDefaultReader<Bytes>;

/** The message in some data, if it is the answer to a request. */
function answerIn(data: Parts, id: RpcId): JSONRPCMessage | undefined {
  const message = messageIn(data);
  return message !== undefined && "id" in message && !("method" in message) && message.id === id
    ? message
    : undefined;
}

function messageIn(data: Parts): JSONRPCMessage | undefined {
  const json = lengthOf(data) < LARGE_MESSAGE_BYTES
    ? smallJson(data)
    : parseJsonParts(data, LIMITS);
  // The SDK's type names members that a proxy has no business with, such as those of `_meta`.
  return kindOf(json) === undefined ? undefined : json as JSONRPCMessage;
}

function smallJson(data: Parts): unknown {
  const bytes = joined(data);
  if (depthOf(bytes) > LIMITS.maxDepth) return undefined;
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

function deliverAny(data: Parts, deliver: (message: JSONRPCMessage) => void): void {
  const message = messageIn(data);
  if (message !== undefined) deliver(message);
}

/** Reads on to the end, so that the connection can be used again; mostly nothing comes. */
async function drain(
  reader: Reader,
  events: EventReader | undefined,
  deliver: (message: JSONRPCMessage) => void,
): Promise<void> {
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      for (const data of events?.push(next.value) ?? []) deliverAny(data, deliver);
    }
  } catch {
    // The answer is there; nothing has to follow it.
  }
}

/** Passes whole lines at once, nobody can use less than one; a large result leaves the stream. */
class EventFilter {
  readonly #light: Light;
  #held: Bytes[] = [];

  constructor(light: Light) {
    this.#light = light;
  }

  push(chunk: Bytes): Parts {
    const [first, last] = lineEnds(chunk);
    if (last === -1) {
      this.#held.push(chunk);
      return [];
    }
    const held = this.#held;
    this.#held = last + 1 < chunk.length ? [chunk.subarray(last + 1)] : [];
    const lines = chunk.subarray(0, last + 1);
    if (held.length === 0) return [lines];
    // A large result is longer than any chunk.
    return [...lightLine([...held, lines.subarray(0, first)], this.#light), lines.subarray(first)];
  }

  end(): Parts {
    return this.#held;
  }
}

/** Where the first line of a chunk ends, and the last one. */
function lineEnds(chunk: Bytes): readonly [first: number, last: number] {
  const feed = chunk.indexOf(LINE_FEED);
  const carriage = chunk.indexOf(CARRIAGE_RETURN);
  const first = feed === -1 || (carriage !== -1 && carriage < feed) ? carriage : feed;
  return [first, Math.max(chunk.lastIndexOf(LINE_FEED), chunk.lastIndexOf(CARRIAGE_RETURN))];
}

function lightLine(parts: Parts, light: Light): Parts {
  const [head, ...rest] = parts;
  const isData = head !== undefined && head.length > DATA.length &&
    DATA.every((byte, index) => head[index] === byte);
  if (!isData) return parts;
  const short = light([
    head.subarray(DATA.length + (head[DATA.length] === SPACE ? 1 : 0)),
    ...rest,
  ]);
  return short === undefined ? parts : [DATA, short];
}

/** What was held, and what follows it. */
function restOf(
  held: readonly Bytes[],
  { reader, filter }: { readonly reader: Reader; readonly filter: EventFilter | undefined },
): ReadableStream<Bytes> {
  const chunks = held.values();
  return new ReadableStream<Bytes>({
    async pull(controller) {
      while (true) {
        const kept = chunks.next();
        const { done, value } = kept.done === true ? await reader.read() : kept;
        const parts = value === undefined ? filter?.end() ?? [] : filter?.push(value) ?? [value];
        for (const part of parts) if (part.length > 0) controller.enqueue(part);
        if (done === true) return controller.close();
        if (parts.length > 0) return;
      }
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 });
}

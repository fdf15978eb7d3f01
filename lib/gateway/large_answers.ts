/**
 * Large results of remote servers, taken out of the answer before the SDK reads it, which would copy
 * them several times: it sees an empty result, and the real one is put in afterwards. Needs no
 * permission.
 *
 * @module
 */

import { lengthOf, parseJsonParts, type Parts } from "../core/large_json.ts";
import { isObject, type JsonObject, kindOf, type RpcId } from "../rpc/mod.ts";
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

/** The large results of one connection. */
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
   * Takes a large result out of an answer.
   *
   * @param response The answer to a request.
   * @param id The request.
   * @returns An answer that reads the same, but for the result that it lacks.
   */
  lighten(response: Response, id: RpcId | undefined): Response {
    if (id === undefined || response.body === null || !this.#passed.has(id)) return response;
    const type = response.headers.get("content-type") ?? "";
    const light = (parts: Parts): Bytes | undefined => this.#take(parts, id);
    const filter = /^text\/event-stream\b/i.test(type)
      ? new EventFilter(light)
      : /^application\/json\b/i.test(type)
      ? new DocumentFilter(light)
      : undefined;
    return filter === undefined ? response : new Response(filtered(response.body, filter), {
      status: response.status,
      headers: response.headers,
    });
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

/** Changes bytes on their way. */
interface Filter {
  /** Takes a chunk; gives what can go on. */
  push(chunk: Bytes): Parts;
  /** Gives the rest. */
  end(): Parts;
}

/** A document is one message, which is read at its end either way. */
class DocumentFilter implements Filter {
  readonly #light: Light;
  readonly #parts: Bytes[] = [];

  constructor(light: Light) {
    this.#light = light;
  }

  push(chunk: Bytes): Parts {
    this.#parts.push(chunk);
    return [];
  }

  end(): Parts {
    const short = this.#light(this.#parts);
    return short === undefined ? this.#parts : [short];
  }
}

/** Whole lines pass at once; nobody can use less than one. */
class EventFilter implements Filter {
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

function filtered(body: ReadableStream<Bytes>, filter: Filter): ReadableStream<Bytes> {
  const reader = body.getReader();
  return new ReadableStream<Bytes>({
    async pull(controller) {
      while (true) {
        const { done, value } = await reader.read();
        const parts = done ? filter.end() : filter.push(value);
        for (const part of parts) if (part.length > 0) controller.enqueue(part);
        if (done) return controller.close();
        if (parts.length > 0) return;
      }
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 });
}

/**
 * MCP over two streams of bytes, one JSON-RPC message a line (MCP specification, "Transports",
 * stdio). Needs no permission: the streams are passed in.
 *
 * What the SDK's own lacks: a bound on the length of a line, an error for a malformed message
 * instead of silence, and an end that waits for the calls in hand.
 *
 * @module
 */

import { toAppError } from "../core/errors.ts";
import type { Clock } from "../core/host.ts";
import { joined, jsonParts } from "../core/large_json.ts";
import { type Line, lineGroupsOf } from "../core/lines.ts";
import { cleanText } from "../core/text.ts";
import { WriteQueue } from "../core/write_queue.ts";
import type { LargeTransport } from "../rpc/mod.ts";
import { type JSONRPCMessage, JSONRPCMessageSchema } from "./sdk.ts";

/** The streams of a session. */
export interface StdioStreams {
  /** Messages from the client. */
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** Messages to the client. */
  readonly writable: WritableStream<Uint8Array<ArrayBuffer>>;
}

/** How {@linkcode StdioTransport} behaves. */
export interface StdioOptions {
  /** Measures the grace at the end. */
  readonly clock: Clock;
  /**
   * Time that calls in hand get when the client closes its side, and again that their answers get
   * to be read, in milliseconds. @default {5000}
   */
  readonly graceMs?: number;
  /** Most bytes of a line. @default {16777216} */
  readonly maxLineBytes?: number;
}

/** Codes of JSON-RPC 2.0, 5.1. */
const PARSE_ERROR = -32700;
const INVALID_REQUEST = -32600;

/** A client that sends and does not read is waited for when so much is on its way to it. */
const MAX_QUEUED_BYTES = 8 * 1024 * 1024;

/** A transport over byte streams. */
export class StdioTransport implements LargeTransport {
  /** Large strings are written as they came. */
  readonly sendsLarge = true;
  /** Set by the SDK: the session has ended. */
  onclose?: () => void;
  /** Set by the SDK: something is wrong, the session goes on. */
  onerror?: (error: Error) => void;
  /** Set by the SDK: a message has come. */
  onmessage?: (message: JSONRPCMessage) => void;

  readonly #reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #clock: Clock;
  readonly #graceMs: number;
  readonly #maxLineBytes: number;
  readonly #decoder = new TextDecoder();
  readonly #queue: WriteQueue;
  /** Ids of the client's requests that are not answered yet. */
  readonly #pending = new Set<string | number>();
  #idle = Promise.withResolvers<void>();
  #draining: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #closed = false;

  /**
   * @param streams Where messages come from and go to.
   * @param options Clock and limits.
   */
  constructor(streams: StdioStreams, options: StdioOptions) {
    this.#reader = streams.readable.getReader();
    this.#writer = streams.writable.getWriter();
    // The client reads no more; the end of its own side follows.
    this.#queue = new WriteQueue(this.#writer, () => void this.close());
    this.#clock = options.clock;
    this.#graceMs = options.graceMs ?? 5_000;
    this.#maxLineBytes = options.maxLineBytes ?? 16 * 1024 * 1024;
  }

  /** Begins to read. */
  start(): Promise<void> {
    void this.#read();
    return Promise.resolve();
  }

  /**
   * Sends a message; messages keep their order.
   *
   * @param message The message.
   */
  send(message: JSONRPCMessage): Promise<void> {
    if ("id" in message && !("method" in message) && message.id !== undefined) {
      this.#pending.delete(message.id);
      if (this.#pending.size === 0) this.#idle.resolve();
    }
    return this.#write(message);
  }

  /** Takes no more messages, waits for the calls in hand within the grace, and ends. */
  drain(): Promise<void> {
    return this.#draining ??= this.#drain();
  }

  /** Ends the session; what was sent before still arrives, where somebody reads it. */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #drain(): Promise<void> {
    if (this.#pending.size > 0) {
      this.#idle = Promise.withResolvers();
      await this.#withinGrace(this.#idle.promise);
    }
    await this.close();
  }

  async #close(): Promise<void> {
    await this.#withinGrace(this.#queue.written);
    this.#closed = true;
    this.#queue.free();
    await this.#reader.cancel().catch(() => {});
    this.#reader.releaseLock();
    this.#writer.releaseLock();
    this.onclose?.();
  }

  async #withinGrace(work: Promise<void>): Promise<void> {
    const waited = new AbortController();
    await Promise.race([work, this.#clock.sleep(this.#graceMs, waited.signal).catch(() => {})]);
    waited.abort();
  }

  async #read(): Promise<void> {
    try {
      for await (const lines of lineGroupsOf(this.#reader, this.#maxLineBytes)) {
        for (const line of lines) {
          if (this.#draining !== undefined || this.#closing !== undefined) return;
          this.#receive(line);
          if (this.#queue.bytes > MAX_QUEUED_BYTES) await this.#queue.written;
        }
      }
    } catch (thrown) {
      if (!this.#closed) {
        this.onerror?.(toAppError(thrown));
      }
    }
    // The client has closed its side; it may still read the answers that are under way.
    await this.drain();
  }

  #receive(line: Line | undefined): void {
    if (line === undefined) {
      const limit = Math.floor(this.#maxLineBytes / 1024 / 1024);
      this.#refuse(null, INVALID_REQUEST, `Invalid request: a message is longer than ${limit} MiB`);
      return;
    }
    const text = this.#decoder.decode(joined(line)).trim();
    if (text === "") return;
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch {
      const shown = cleanText(text, { maxChars: 60 });
      this.#refuse(null, PARSE_ERROR, `Parse error: not valid JSON: ${shown}`);
      return;
    }
    if (Array.isArray(json)) {
      this.#refuse(
        null,
        INVALID_REQUEST,
        "Invalid request: batches are not supported; send one message a line",
      );
      return;
    }
    const parsed = JSONRPCMessageSchema.safeParse(json);
    if (!parsed.success) {
      this.#refuse(idOf(json), INVALID_REQUEST, "Invalid request: not a JSON-RPC 2.0 message");
      return;
    }
    const message = parsed.data;
    if ("method" in message && "id" in message) this.#pending.add(message.id);
    else if ("method" in message) this.#forgetCancelled(message);
    this.onmessage?.(message);
  }

  /** A request that is cancelled gets no answer. */
  #forgetCancelled(
    message: { readonly method: string; readonly params?: object | undefined },
  ): void {
    if (message.method !== "notifications/cancelled") return;
    const id = message.params !== undefined && "requestId" in message.params
      ? message.params.requestId
      : undefined;
    if (typeof id === "string" || typeof id === "number") this.#pending.delete(id);
  }

  /** An error without a request that the SDK knows of; JSON-RPC 2.0 then has the id `null`. */
  #refuse(id: string | number | null, code: number, message: string): void {
    void this.#write({ jsonrpc: "2.0", id, error: { code, message } });
  }

  async #write(message: unknown): Promise<void> {
    if (!this.#closed) await this.#queue.push(jsonParts(message, "\n"));
  }
}

/**
 * The id of a request. That of a broken response is the server's own: an answer to it would be
 * taken for one to a request of the client's.
 */
function idOf(json: unknown): string | number | null {
  if (typeof json !== "object" || json === null || !("id" in json)) return null;
  if ("result" in json || "error" in json) return null;
  return typeof json.id === "string" || typeof json.id === "number" ? json.id : null;
}

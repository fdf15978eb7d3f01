/**
 * MCP over a child's two streams, seen from the client: one JSON-RPC message a line (MCP
 * specification, "Transports", stdio). Needs no permission: the streams are passed in.
 *
 * What the SDK's own lacks: bounds on what a hostile server can make us keep, an end for one that
 * writes something else than messages, and results that are passed on as they came.
 *
 * @module
 */

import { AppError, toAppError } from "../core/errors.ts";
import type { Clock } from "../core/host.ts";
import { depthOf } from "../core/json.ts";
import { joined, jsonParts, lengthOf, parseJsonParts } from "../core/large_json.ts";
import { type Line, lineGroupsOf } from "../core/lines.ts";
import { cleanText } from "../core/text.ts";
import { WriteQueue } from "../core/write_queue.ts";
import { isObject, kindOf, type PeerSendOptions } from "../rpc/mod.ts";
import type { JSONRPCMessage, Transport } from "./sdk.ts";

/** The streams of a child process, as a `ChildProcess` has them. */
export interface PipeStreams {
  /** Messages to the server. */
  readonly stdin: WritableStream<Uint8Array<ArrayBuffer>>;
  /** Messages from the server. */
  readonly stdout: ReadableStream<Uint8Array<ArrayBuffer>>;
}

/** How a {@linkcode PipeTransport} behaves. */
export interface PipeOptions {
  /** Measures the grace at the end. */
  readonly clock: Clock;
  /** Takes lines that are no messages, such as a {@linkcode LogTail}'s `push`. */
  readonly onGarbage?: (line: string) => void;
  /** Most bytes of a message from the server. @default {33554432} */
  readonly maxMessageBytes?: number;
  /** Most lines in a row that are no messages. @default {1000} */
  readonly maxGarbageLines?: number;
  /** Most bytes that wait for a server that does not read. @default {67108864} */
  readonly maxQueuedBytes?: number;
  /** Time that the server gets to end its output when its input is closed, in milliseconds. @default {1000} */
  readonly graceMs?: number;
}

/** JSON that nests deeper is no answer of a tool, and takes a hundred times its size when parsed. */
const MAX_DEPTH = 512;

/** Most messages of a batch, which protocol version 2025-03-26 allows. */
const MAX_BATCH = 1_000;

/** From this size on it is worth it to leave the long strings of a result as they came. */
const LARGE_MESSAGE_BYTES = 128 * 1024;
const LARGE_STRING_BYTES = 64 * 1024;

/** Characters of a line that is no message that are kept. */
const GARBAGE_CHARS = 400;

/** A line that may be a message begins so. */
const OPENINGS = new Set("{[");

/** A transport over a child's streams. */
export class PipeTransport implements Transport {
  /** Set by the owner: the session has ended. */
  onclose?: () => void;
  /** Set by the owner: what is wrong; when the session ends by it, `onclose` follows. */
  onerror?: (error: Error) => void;
  /** Set by the owner: a message has come, as the server sent it. */
  onmessage?: <T extends JSONRPCMessage>(message: T) => void;

  readonly #reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #queue: WriteQueue;
  readonly #options: Required<PipeOptions>;
  readonly #decoder = new TextDecoder();
  /** Ids of the requests in flight whose results are only passed on. */
  readonly #passed = new Set<unknown>();
  #reading: Promise<void> = Promise.resolve();
  #garbageLines = 0;
  /** The server has closed its side, or is not worth waiting for. */
  #hasEnded = false;
  #closing: Promise<void> | undefined;

  /**
   * @param streams Where messages come from and go to.
   * @param options Clock and limits.
   */
  constructor(streams: PipeStreams, options: PipeOptions) {
    this.#reader = streams.stdout.getReader();
    this.#writer = streams.stdin.getWriter();
    // A write that fails tells so itself.
    this.#writer.closed.catch(() => {});
    // It reads no more: no call can be answered.
    this.#queue = new WriteQueue(this.#writer, () => void this.close());
    this.#options = {
      onGarbage: () => {},
      maxMessageBytes: 32 * 1024 * 1024,
      maxGarbageLines: 1_000,
      maxQueuedBytes: 64 * 1024 * 1024,
      graceMs: 1_000,
      ...options,
    };
  }

  /** Begins to read. */
  start(): Promise<void> {
    this.#reading = this.#read();
    return Promise.resolve();
  }

  /**
   * Sends a message; messages keep their order.
   *
   * @param message The message.
   * @returns Settles when the server's pipe has taken it, or when the session has ended: `onclose`
   * tells that, and no answer follows.
   * @throws {AppError} `UNAVAILABLE` when the server reads so slowly that too much waits for it.
   */
  async send(message: JSONRPCMessage, options: PeerSendOptions = {}): Promise<void> {
    if (this.#closing !== undefined) return;
    const parts = jsonParts(message, "\n");
    const { maxQueuedBytes } = this.#options;
    if (this.#queue.bytes > 0 && this.#queue.bytes + lengthOf(parts) > maxQueuedBytes) {
      throw new AppError(
        "UNAVAILABLE",
        `Cannot send a message: ${this.#queue.bytes} bytes wait for a server that does not read`,
        { retryable: true, hint: "Wait for calls that run, or restart the server" },
      );
    }
    if ("method" in message && "id" in message && options.takesLarge === true) {
      this.#passed.add(message.id);
    } else if ("method" in message && message.method === "notifications/cancelled") {
      this.#passed.delete(message.params?.requestId);
    }
    await this.#queue.push(parts);
  }

  /**
   * Ends the session as MCP wants it: closes the server's input, and reads on within the grace,
   * so that a server that writes at its end is not killed by that.
   */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    if (!this.#hasEnded) {
      const waited = new AbortController();
      const over = this.#options.clock.sleep(this.#options.graceMs, waited.signal).catch(() => {});
      await Promise.race([
        over,
        this.#queue.written.then(() => this.#writer.close()).catch(() => {}).then(() =>
          this.#reading
        ),
      ]);
      waited.abort();
    }
    // Neither is waited for: a write that a server does not take settles when its process ends.
    this.#writer.abort(new AppError("CANCELLED", "Cannot send a message: the session has ended"))
      .catch(() => {});
    this.#reader.cancel().catch(() => {});
    await this.#reading;
    this.#queue.free();
    this.#writer.releaseLock();
    this.#reader.releaseLock();
    this.onclose?.();
  }

  async #read(): Promise<void> {
    try {
      for await (const lines of lineGroupsOf(this.#reader, this.#options.maxMessageBytes)) {
        for (const line of lines) {
          // What comes after the end is read, and dropped.
          if (this.#closing === undefined) this.#receive(line);
        }
      }
    } catch (thrown) {
      this.onerror?.(toAppError(thrown));
    }
    this.#hasEnded = true;
    void this.close();
  }

  #receive(parts: Line | undefined): void {
    if (parts === undefined) {
      const limit = this.#options.maxMessageBytes;
      return this.#fail("TOO_LARGE", `it sent a message of more than ${limit} bytes`);
    }
    if (this.#passes(parts)) return;
    const line = joined(parts);
    const text = this.#decoder.decode(line).trim();
    if (text === "") return;
    if (!OPENINGS.has(text.charAt(0))) return this.#garbage(text);
    if (depthOf(line) > MAX_DEPTH) {
      return this.#fail("BAD_RESPONSE", `it sent JSON that nests deeper than ${MAX_DEPTH} levels`);
    }
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch {
      return this.#garbage(text);
    }
    if (!Array.isArray(json)) return this.#deliver(json, text);
    if (json.length > MAX_BATCH) {
      return this.#fail("TOO_LARGE", `it sent more than ${MAX_BATCH} messages as one`);
    }
    for (const message of json) this.#deliver(message, text);
  }

  /** Whether it was a large result that is only passed on: its long strings stay bytes. */
  #passes(parts: Line): boolean {
    if (this.#passed.size === 0 || lengthOf(parts) < LARGE_MESSAGE_BYTES) return false;
    const json = parseJsonParts(parts, {
      maxDepth: MAX_DEPTH,
      maxStringBytes: LARGE_STRING_BYTES,
    });
    if (kindOf(json) !== "result" || !isObject(json) || !this.#passed.has(json.id)) return false;
    this.#deliver(json, "");
    return true;
  }

  #deliver(json: unknown, text: string): void {
    const kind = kindOf(json);
    if (kind === undefined || !isObject(json)) return this.#garbage(text);
    this.#garbageLines = 0;
    if (kind === "result" || kind === "error") this.#passed.delete(json.id);
    // The SDK's type names members that a proxy has no business with, such as those of `_meta`.
    this.onmessage?.(json as JSONRPCMessage);
  }

  #garbage(text: string): void {
    this.#options.onGarbage(cleanText(text, { maxChars: GARBAGE_CHARS }));
    this.#garbageLines++;
    if (this.#garbageLines <= this.#options.maxGarbageLines) return;
    this.#fail(
      "BAD_RESPONSE",
      `it sent ${this.#garbageLines} lines in a row that are no messages`,
    );
  }

  #fail(code: "TOO_LARGE" | "BAD_RESPONSE", reason: string): void {
    this.#hasEnded = true;
    this.onerror?.(
      new AppError(code, `Cannot read from the server: ${reason}`, { details: { reason } }),
    );
    void this.close();
  }
}

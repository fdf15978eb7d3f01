/**
 * The transport that clients spoke before Streamable HTTP: a stream of events out, single POSTs in
 * (MCP specification 2024-11-05, "HTTP with SSE"). Needs no permission.
 *
 * @module
 */

import { AppError } from "../core/errors.ts";
import type { Clock } from "../core/host.ts";
import type { JSONRPCMessage, Transport } from "../mcp/protocol.ts";

/** Proxies close a stream that is silent. */
const KEEP_ALIVE_MS = 15_000;

/** What may wait for a client that reads slowly, before notifications are dropped. */
const MAX_NOTIFIED_BYTES = 16 * 1024 * 1024;

/** What may wait at all, some large results included; past it the client is dropped. */
const MAX_QUEUED_BYTES = 256 * 1024 * 1024;

/** One session over HTTP with SSE. */
export class SseTransport implements Transport {
  /** Set by the SDK: the session has ended. */
  onclose?: () => void;
  /** Set by the SDK: something is wrong. */
  onerror?: (error: Error) => void;
  /** Set by the SDK: a message has come. */
  onmessage?: (message: JSONRPCMessage) => void;
  /** Part of the address that messages are posted to. */
  readonly sessionId: string = crypto.randomUUID();

  readonly #endpoint: string;
  readonly #clock: Clock;
  readonly #encoder = new TextEncoder();
  readonly #ended = new AbortController();
  /** The ids of requests that have no answer yet. */
  readonly #pending = new Set<unknown>();
  #controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>> | undefined;
  #hasDropped = false;

  /**
   * @param endpoint Path that messages are posted to.
   * @param clock Measures the keep-alive.
   */
  constructor(endpoint: string, clock: Clock) {
    this.#endpoint = endpoint;
    this.#clock = clock;
  }

  /** Is aborted when the session ends. */
  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  /** How many requests have no answer yet. */
  get calls(): number {
    return this.#pending.size;
  }

  /** The SDK's word for "begin"; the stream begins with {@linkcode open}. */
  start(): Promise<void> {
    return Promise.resolve();
  }

  /**
   * Opens the stream.
   *
   * @returns The answer to the client's GET; its first event names the endpoint.
   */
  open(): Response {
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      start: (controller) => {
        this.#controller = controller;
        this.#emit(`event: endpoint\ndata: ${this.#endpoint}?sessionId=${this.sessionId}\n\n`);
      },
      cancel: () => this.close(),
    }, { highWaterMark: MAX_QUEUED_BYTES, size: (chunk) => chunk.byteLength });
    void this.#keepAlive();
    return new Response(body, {
      headers: {
        "content-type": "text/event-stream",
        "cache-control": "no-cache, no-transform",
        "x-accel-buffering": "no",
      },
    });
  }

  /**
   * Passes a message of the client on.
   *
   * @param message A checked message.
   */
  receive(message: JSONRPCMessage): void {
    if ("method" in message && "id" in message) this.#pending.add(message.id);
    // What was cancelled is not answered.
    if ("method" in message && message.method === "notifications/cancelled") {
      this.#pending.delete(message.params?.["requestId"]);
    }
    this.onmessage?.(message);
  }

  /**
   * Sends a message. Notifications to a client that does not read are dropped; one that lets far too
   * much wait is given up.
   *
   * @param message The message.
   */
  send(message: JSONRPCMessage): Promise<void> {
    const isNotification = "method" in message && !("id" in message);
    if (isNotification && this.#waitingBytes > MAX_NOTIFIED_BYTES) {
      // Told once for a stream: a flood must not become one of the log.
      if (!this.#hasDropped) this.onerror?.(slow("notifications are dropped"));
      this.#hasDropped = true;
      return Promise.resolve();
    }
    if (!("method" in message)) this.#pending.delete(message.id);
    this.#emit(`event: message\ndata: ${JSON.stringify(message)}\n\n`);
    return Promise.resolve();
  }

  /** Ends the session. */
  close(): Promise<void> {
    if (this.#ended.signal.aborted) return Promise.resolve();
    this.#ended.abort();
    this.#pending.clear();
    try {
      this.#controller?.close();
    } catch {
      // The client has gone, and its stream with it.
    }
    this.onclose?.();
    return Promise.resolve();
  }

  /** Bytes that the client has not taken yet. */
  get #waitingBytes(): number {
    return MAX_QUEUED_BYTES - (this.#controller?.desiredSize ?? MAX_QUEUED_BYTES);
  }

  #emit(text: string): void {
    const controller = this.#controller;
    if (this.#ended.signal.aborted || controller === undefined) return;
    if (this.#waitingBytes >= MAX_QUEUED_BYTES) {
      this.onerror?.(slow("its session ends"));
      void this.close();
      return;
    }
    controller.enqueue(this.#encoder.encode(text));
  }

  async #keepAlive(): Promise<void> {
    try {
      while (!this.#ended.signal.aborted) {
        await this.#clock.sleep(KEEP_ALIVE_MS, this.#ended.signal);
        this.#emit(": keep-alive\n\n");
      }
    } catch {
      // The session has ended.
    }
  }
}

function slow(outcome: string): AppError {
  return new AppError("TOO_LARGE", `Cannot send to the client: it does not read, ${outcome}`);
}

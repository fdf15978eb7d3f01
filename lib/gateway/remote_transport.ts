/**
 * Messages to and from a remote server: Streamable HTTP by the MCP SDK, or the older SSE transport
 * where a server knows only that (MCP specification, "Transports", backwards compatibility). Adds
 * what the SDK leaves open: an end that is noticed and has a reason, no request that waits for an
 * answer that cannot come any more, a session that is ended on the other side too. Needs no
 * permission of its own.
 *
 * @module
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { abortError, deadline } from "../core/deadline.ts";
import { AppError, toAppError } from "../core/errors.ts";
import type { Clock } from "../core/host.ts";
import { isObject, type PeerMessageInfo, type PeerSendOptions } from "../rpc/mod.ts";
import { LargeAnswers } from "./large_answers.ts";
import type { LogTail } from "./log_tail.ts";
import type { StreamEnd } from "./net_fetch.ts";
import type { RemoteFetch } from "./remote_fetch.ts";
import {
  type FetchLike,
  type JSONRPCMessage,
  SSEClientTransport,
  SseError,
  StreamableHTTPClientTransport,
  StreamableHTTPError,
  type Transport,
} from "./sdk.ts";

/** What a {@linkcode RemoteTransport} works with. */
export interface RemoteTransportDeps {
  /** Asks the server. */
  readonly remote: RemoteFetch;
  /** Measures time limits. */
  readonly clock: Clock;
  /** Takes what is worth knowing. */
  readonly tail: LogTail;
}

/** How a {@linkcode RemoteTransport} connects. */
export interface RemoteTransportOptions {
  /** The server. */
  readonly url: URL;
  /** The protocol; Streamable HTTP falls back to SSE. @default {"streamable-http"} */
  readonly type?: "streamable-http" | "sse";
  /** Time until a stream of the SSE transport says where to post, in milliseconds. @default {30000} */
  readonly openTimeoutMs?: number;
}

type Inner = StreamableHTTPClientTransport | SSEClientTransport;
type Id = string | number;

/** An exchange that is to bring an answer. */
interface Exchange {
  /** Ends it. */
  readonly dropped: AbortController;
  /** Settles when the server has the request: its answer has begun, if only with a head. */
  readonly begun: PromiseWithResolvers<void>;
}

const OPEN_TIMEOUT_MS = 30_000;

/** For the other side to end a session. */
const GOODBYE_MS = 1_000;

/** For a request to get there before its cancellation, which goes another way. */
const ORDER_MS = 1_000;

/** For an answer that has come but is still being read when its stream ends. */
const READ_MS = 250;

/** Streams that may be asked for at once, and then one a second. */
const FIRST_STREAMS = 5;
const STREAM_MS = 1_000;

/** Within half a minute or so; then the other side is gone. */
const RECONNECTION = {
  initialReconnectionDelay: 500,
  maxReconnectionDelay: 10_000,
  reconnectionDelayGrowFactor: 2,
  maxRetries: 5,
};

/** Statuses with which a server says that it does not know Streamable HTTP. */
const OLDER: ReadonlySet<number | undefined> = new Set([400, 404, 405]);

/** JSON-RPC's range for errors of an implementation. */
const CONNECTION_CLOSED = -32_000;

/** A pipe to a remote server. */
export class RemoteTransport implements Transport {
  /** @inheritdoc */
  onclose?: NonNullable<Transport["onclose"]>;
  /** Told of what ends the connection, before `onclose`. */
  onerror?: NonNullable<Transport["onerror"]>;
  /** @inheritdoc */
  onmessage?: NonNullable<Transport["onmessage"]>;
  readonly #deps: RemoteTransportDeps;
  readonly #options: RemoteTransportOptions;
  /** Aborts when the connection is about to end. */
  readonly #leaving = new AbortController();
  readonly #over = new AbortController();
  readonly #ended = Promise.withResolvers<AppError | undefined>();
  /** Requests that wait for an answer, and the exchange that is to bring it. */
  readonly #unanswered = new Map<Id, Exchange>();
  /** Those of them whose stream ended, and is to be resumed. */
  readonly #suspended = new Set<Id>();
  /** Cancellations on their way. */
  readonly #cancelling = new Set<Promise<void>>();
  /** The SDK looks at it before each try. */
  readonly #reconnection = { ...RECONNECTION };
  /** Errors of sending: whoever sent has them, and the log need not. */
  readonly #thrown = new WeakSet<Error>();
  /**
   * Our request in whose answer's stream a message comes: the SDK reads each stream in the context
   * in which the request was sent, and tells it in no other way.
   */
  readonly #stream = new AsyncLocalStorage<Id | undefined>();
  readonly #large = new LargeAnswers();
  #inner: Inner | undefined;
  #protocolVersion: string | undefined;
  #nextStreamMs = 0;
  #problem: AppError | undefined;
  #fault: AppError | undefined;
  #closing: Promise<void> | undefined;

  /**
   * @param deps What asks the server.
   * @param options The server.
   */
  constructor(deps: RemoteTransportDeps, options: RemoteTransportOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  /** Settles at the end: with what ended it, or with nothing when it was closed from here. */
  get ended(): Promise<AppError | undefined> {
    return this.#ended.promise;
  }

  /** The session that the server gave. */
  get sessionId(): string | undefined {
    return this.#inner instanceof StreamableHTTPClientTransport ? this.#inner.sessionId : undefined;
  }

  /** @inheritdoc */
  async start(): Promise<void> {
    if (this.#options.type === "sse") await this.#openSse();
  }

  /**
   * Sends a message; the first one decides the protocol.
   *
   * @throws {AppError} When the server does not take it.
   */
  async send(message: JSONRPCMessage, options: PeerSendOptions = {}): Promise<void> {
    if (this.#closing !== undefined) throw this.#fault ?? closed();
    if ("method" in message && "id" in message && options.takesLarge === true) {
      this.#large.expect(message.id);
    }
    if (this.#inner !== undefined) {
      const cancelled = cancelledBy(message);
      if (cancelled === undefined) return await this.#deliver(this.#inner, message);
      return await this.#cancel(cancelled, message);
    }
    const inner = new StreamableHTTPClientTransport(this.#options.url, {
      fetch: this.#exchange,
      reconnectionOptions: this.#reconnection,
    });
    await inner.start();
    this.#use(inner);
    try {
      await this.#deliver(inner, message);
    } catch (thrown) {
      const error = toAppError(thrown);
      if (!OLDER.has(error.status) || this.#closing !== undefined) throw error;
      await this.#fallBack(inner, error);
      await this.#deliver(this.#inner, message);
    }
  }

  /** @inheritdoc */
  setProtocolVersion(version: string): void {
    this.#protocolVersion = version;
    this.#inner?.setProtocolVersion(version);
  }

  /**
   * Takes note of a stream of events that has ended; `net_fetch.ts` tells it.
   *
   * @param end How it ended.
   */
  streamEnded({ request, resumable, error }: StreamEnd): void {
    if (error?.code === "TOO_LARGE") return this.#end(error);
    if (request.method !== "POST") return;
    // It is what was sent: JSON of our own.
    const sent: unknown = JSON.parse(request.body ?? "null");
    const id = isObject(sent) ? sent.id : undefined;
    if (typeof id !== "number" && typeof id !== "string") return;
    if (!this.#unanswered.has(id)) return;
    if (resumable) this.#suspended.add(id);
    else void this.#giveUp(id);
  }

  /** Ends the session and the connection. */
  close(): Promise<void> {
    return this.end(GOODBYE_MS);
  }

  /**
   * Ends the session and the connection. Safe to call twice.
   *
   * @param graceMs Time for the server to end the session, in milliseconds.
   */
  end(graceMs: number): Promise<void> {
    return this.#closing ??= this.#close(graceMs);
  }

  async #close(graceMs: number): Promise<void> {
    const inner = this.#inner;
    this.#leaving.abort();
    if (inner instanceof StreamableHTTPClientTransport && this.#fault === undefined) {
      using limit = deadline(this.#deps.clock, graceMs);
      await Promise.race([
        Promise.allSettled(this.#cancelling).then(() => inner.terminateSession())
          .catch((thrown) => this.#note(thrown)),
        new Promise((resolve) => limit.signal.addEventListener("abort", resolve, { once: true })),
      ]);
    }
    this.#over.abort(this.#fault ?? closed());
    // The SDK would go on trying to resume what it lost by being closed.
    this.#reconnection.maxRetries = 0;
    if (inner !== undefined) await shut(inner);
    this.#ended.resolve(this.#fault);
    this.onclose?.();
  }

  /** Ends the connection for a reason. */
  #end(error: AppError): void {
    if (this.#closing !== undefined) return;
    this.#fault = error;
    this.onerror?.(error);
    void this.end(0);
  }

  /** Cancels a request, after it and before the end of the connection. */
  async #cancel(id: Id, message: JSONRPCMessage): Promise<void> {
    const told = this.#hasBegun(id).then(() => this.#deliver(this.#inner, message));
    this.#cancelling.add(told);
    try {
      await told;
    } finally {
      this.#cancelling.delete(told);
      // It gets no answer (MCP specification, "Cancellation"), and many servers leave its stream open.
      const exchange = this.#unanswered.get(id);
      this.#forget(id);
      const why = "Cannot wait for an answer: the request was cancelled";
      exchange?.dropped.abort(new AppError("CANCELLED", why));
    }
  }

  /** Waits until the server has a request, as far as it says so in time. */
  async #hasBegun(id: Id): Promise<void> {
    const waited = new AbortController();
    const signal = AbortSignal.any([waited.signal, this.#leaving.signal]);
    await Promise.race([
      this.#unanswered.get(id)?.begun.promise,
      this.#deps.clock.sleep(ORDER_MS, signal).catch(() => {}),
    ]);
    waited.abort();
  }

  #forget(id: Id): void {
    this.#unanswered.delete(id);
    this.#suspended.delete(id);
    this.#large.forget(id);
  }

  async #deliver(inner: Inner | undefined, message: JSONRPCMessage): Promise<void> {
    const id = "method" in message && "id" in message ? message.id : undefined;
    if (id !== undefined) {
      const begun = Promise.withResolvers<void>();
      this.#unanswered.set(id, { dropped: new AbortController(), begun });
    }
    try {
      await this.#stream.run(id, () => inner?.send(message));
    } catch (thrown) {
      if (id !== undefined) this.#forget(id);
      throw this.#fault ?? this.#told(thrown);
    }
  }

  /** @throws {AppError} The refusal of Streamable HTTP, where the older transport is refused too. */
  async #fallBack(from: Inner, refusal: AppError): Promise<void> {
    await shut(from);
    this.#inner = undefined;
    this.#deps.tail.push(`${refusal.message}; trying the older SSE transport`);
    try {
      await this.#openSse();
    } catch (thrown) {
      this.#note(thrown);
      throw refusal;
    }
  }

  async #openSse(): Promise<void> {
    const { url, openTimeoutMs = OPEN_TIMEOUT_MS } = this.#options;
    const inner = new SSEClientTransport(url, { fetch: this.#exchange });
    this.#problem = undefined;
    using limit = deadline(this.#deps.clock, openTimeoutMs, this.#over.signal);
    const late = Promise.withResolvers<never>();
    const stop = (): void => late.reject(abortError(limit.signal));
    limit.signal.addEventListener("abort", stop, { once: true });
    try {
      await Promise.race([inner.start(), late.promise]);
    } catch (thrown) {
      await shut(inner);
      throw this.#problem ?? this.#told(thrown);
    } finally {
      limit.signal.removeEventListener("abort", stop);
    }
    this.#use(inner);
  }

  #use(inner: Inner): void {
    this.#inner = inner;
    if (this.#protocolVersion !== undefined) inner.setProtocolVersion(this.#protocolVersion);
    inner.onmessage = (message) => this.#take(message);
    inner.onerror = (error) => this.#hear(error);
  }

  #take(message: JSONRPCMessage): void {
    if (this.#closing !== undefined) return;
    if ("id" in message && !("method" in message) && message.id !== undefined) {
      this.#unanswered.delete(message.id);
      this.#suspended.delete(message.id);
    }
    const relatedTo = this.#stream.getStore();
    const info: PeerMessageInfo = relatedTo === undefined ? {} : { relatedTo };
    this.onmessage?.(this.#large.complete(message), info);
  }

  #hear(error: Error): void {
    if (this.#closing !== undefined) return;
    if (!this.#thrown.has(error) && !this.#isOver(this.#stream.getStore())) this.#note(error);
    // Without its one stream the older transport has lost its session; it must not open another.
    if (error instanceof SseError) {
      // Not before it has set the timer that its end clears.
      queueMicrotask(() => this.#end(brokenOff("its event stream broke off")));
      return;
    }
    if (!/^Maximum reconnection attempts/.test(error.message)) return;
    // Without the stream for notifications a session goes on, if the server is there at all.
    if (this.#suspended.size > 0 || this.#problem?.code === "UNREACHABLE") {
      this.#end(brokenOff("its event stream broke off and could not be resumed"));
    }
  }

  /** What the SDK asks, and what it must not see. */
  readonly #exchange: FetchLike = async (url, init = {}) => {
    const { method = "GET" } = init;
    // The SDK comes back for an answer even when it was an error, and leaves that stream open.
    const id = this.#stream.getStore();
    if (method === "GET" && this.#isOver(id)) return new Response(null, { status: 405 });
    const exchange = id === undefined ? undefined : this.#unanswered.get(id);
    const signal = AbortSignal.any([init.signal ?? [], exchange?.dropped.signal ?? []].flat());
    try {
      if (method === "GET") await this.#pace(signal);
      const response = await this.#deps.remote.fetch(url, { ...init, signal });
      this.#problem = undefined;
      exchange?.begun.resolve();
      if (response.ok && method === "GET") return await this.#streamOf(response);
      if (response.ok && method === "POST") {
        return await this.#large.read(response, id, (message) => this.#take(message));
      }
      if (response.ok || method === "DELETE") return response;
      // The server offers no stream (MCP specification, "Listening for Messages"): by 405, or since
      // nothing at all is there for this method.
      const isNone = response.status === 405 || response.status === 404;
      if (method === "GET" && isNone && this.#inner !== undefined) {
        await response.body?.cancel();
        for (const id of this.#suspended) void this.#giveUp(id);
        return new Response(null, { status: 405 });
      }
      const error = await this.#deps.remote.refusal(response);
      const hasSession = new Headers(init.headers).has("mcp-session-id") ||
        this.#inner instanceof SSEClientTransport;
      // Older servers of the SDK say 400 where 404 is right.
      const isGone = response.status === 404 ||
        (response.status === 400 && /\bsession\b/i.test(error.message));
      if (isGone && hasSession && method === "POST") this.#end(expired(response.status));
      throw error;
    } catch (thrown) {
      this.#problem = toAppError(thrown);
      if (method === "POST") this.#thrown.add(this.#problem);
      throw this.#problem;
    }
  };

  /** Whether a request needs no answer any more. */
  #isOver(id: Id | undefined): boolean {
    return id !== undefined && !this.#unanswered.has(id);
  }

  /** The SDK would read whatever comes in place of a stream of events, or leave it open. */
  async #streamOf(response: Response): Promise<Response> {
    const type = response.headers.get("content-type") ?? "no type";
    if (/^text\/event-stream\b/i.test(type)) return response;
    await response.body?.cancel();
    // No stream is a choice that a server has, where the messages need none.
    if (this.#inner !== undefined) return new Response(null, { status: 405 });
    throw this.#notMcp(type);
  }

  /** A server that ends every stream at once would be asked for the next one without end. */
  async #pace(signal: AbortSignal | undefined): Promise<void> {
    const nowMs = this.#deps.clock.now();
    const waitMs = this.#nextStreamMs - nowMs;
    const earliestMs = nowMs - (FIRST_STREAMS - 1) * STREAM_MS;
    this.#nextStreamMs = Math.max(this.#nextStreamMs, earliestMs) + STREAM_MS;
    if (waitMs > 0) await this.#deps.clock.sleep(waitMs, signal);
  }

  /** Answers a request whose stream is gone, so that nobody waits for it. */
  async #giveUp(id: Id): Promise<void> {
    try {
      await this.#deps.clock.sleep(READ_MS, this.#over.signal);
    } catch {
      // All requests end with the connection.
      return;
    }
    if (!this.#unanswered.has(id)) return;
    this.#forget(id);
    const message = "The connection broke off before the answer came";
    this.onmessage?.({ jsonrpc: "2.0", id, error: { code: CONNECTION_CLOSED, message } });
  }

  #note(thrown: unknown): void {
    const text = thrown instanceof Error ? thrown.message : String(thrown);
    this.#deps.tail.push(this.#deps.remote.shown(text));
  }

  #notMcp(type: string): AppError {
    const shown = this.#deps.remote.shown(type);
    const { host } = this.#options.url;
    return new AppError("BAD_RESPONSE", `Cannot use "${host}": it answered with ${shown}`, {
      hint: "Check the address: it should be the one of the MCP server, not of a web page",
    });
  }

  /** An error of the SDK's in our words; its text may hold whatever the server sent. */
  #told(thrown: unknown): AppError {
    if (thrown instanceof AppError) return thrown;
    const { host } = this.#options.url;
    if (thrown instanceof StreamableHTTPError && thrown.code === -1) {
      return this.#notMcp(thrown.message.replace(/^.*content type: /, ""));
    }
    const said = this.#deps.remote.shown(thrown instanceof Error ? thrown.message : String(thrown));
    return new AppError("BAD_RESPONSE", `Cannot use "${host}": ${said}`, {
      hint: "Check that the address is the one of an MCP server",
    });
  }
}

/** The request that a message cancels, if it does. */
function cancelledBy(message: JSONRPCMessage): Id | undefined {
  if (!("method" in message) || message.method !== "notifications/cancelled") return undefined;
  const id = message.params?.requestId;
  return typeof id === "number" || typeof id === "string" ? id : undefined;
}

/** The SDK's own end of a transport; ours is told once, by us. */
async function shut(inner: Inner): Promise<void> {
  delete inner.onmessage;
  delete inner.onerror;
  await inner.close();
}

function closed(): AppError {
  return new AppError("CANCELLED", "Cannot send a message: the connection is closed");
}

function brokenOff(reason: string): AppError {
  return new AppError("UNAVAILABLE", `Cannot use the server: ${reason}`, {
    retryable: true,
    details: { reason },
    hint: "Try again, so that it is connected anew",
  });
}

function expired(status: number): AppError {
  return brokenOff(`it has ended the session (status ${status}), a new one has to be begun`);
}

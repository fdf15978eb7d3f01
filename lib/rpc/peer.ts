/**
 * One side of a JSON-RPC 2.0 conversation over a transport of the SDK's: requests, answers,
 * notifications, progress and cancellation, in both directions and for every method. Needs no
 * permission.
 *
 * It stands where the SDK's `Protocol` would: that one rewrites the text of errors, refuses results
 * whose `_meta` it does not know, and measures time by timers of its own, so that nothing built on
 * it can pass everything on unchanged.
 *
 * @module
 */

import { abortError, OVER, throwIfAborted } from "../core/deadline.ts";
import { AppError, toAppError } from "../core/errors.ts";
import { cleanText } from "../core/text.ts";
import { IncomingRequests } from "./incoming.ts";
import {
  faultOf,
  isObject,
  type JsonObject,
  RPC_CODES,
  type RpcCall,
  RpcError,
  type RpcErrorAnswer,
  type RpcFault,
  type RpcId,
  type RpcMessage,
  type RpcRequest,
  type RpcResult,
  tellMessage,
} from "./json_rpc.ts";
import type { PeerDeps, RequestOptions, SendOptions } from "./peer_types.ts";
import type { JSONRPCMessage, PeerMessageInfo, PeerSendOptions } from "./sdk.ts";

const MAX_INCOMING = 64;

/** Tasks whose progress is still passed on after the request that began them was answered. */
const MAX_TASKS = 1_000;

/** Most answers that wait for the other side to read them; many may have been asked for at once. */
const MAX_REPLIES = 10_000;

/** The answer to a request that was taken back; the code is that of the Language Server Protocol. */
const CANCELLED: RpcFault = { code: -32800, message: "Request cancelled" };

/** Odd messages that are told one by one; after that their number is enough. */
const MAX_TOLD = 5;

interface Flight {
  readonly action: string;
  readonly resolve: (result: JsonObject) => void;
  readonly reject: (error: AppError) => void;
  readonly onProgress?: ((progress: JsonObject) => void) | undefined;
  readonly onResult?: ((result: JsonObject) => void) | undefined;
  readonly origin: unknown;
  /** When the other side was last heard of, in milliseconds since the Unix epoch. */
  heardMs: number;
}

/** One side of a conversation. */
export class Peer {
  readonly #deps: PeerDeps;
  readonly #flights = new Map<number, Flight>();
  readonly #incoming: IncomingRequests;
  /** By the id of the request that began a task (MCP, "Tasks": its token stays valid). */
  readonly #taskProgress = new Map<number, (progress: JsonObject) => void>();
  /** From 1: servers built with the SDK take no cancellation of request 0. */
  #nextId = 1;
  #oddities = 0;
  #replies = 0;
  #ended: ((action: string) => AppError) | undefined;

  /** @param deps The transport and what takes its messages. */
  constructor(deps: PeerDeps) {
    this.#deps = deps;
    this.#incoming = new IncomingRequests(deps.clock);
  }

  /** Requests that wait for an answer. */
  get inFlight(): number {
    return this.#flights.size;
  }

  /** Begins the conversation. */
  async start(): Promise<void> {
    const { transport } = this.#deps;
    transport.onmessage = (message, extra) => this.#receive(message, extra);
    transport.onerror = (error) => this.#deps.onTransport(this.#transportError(error));
    transport.onclose = () => this.#deps.onTransport(undefined);
    try {
      await transport.start();
    } catch (thrown) {
      throw this.#transportError(thrown);
    }
  }

  /**
   * Asks the other side.
   *
   * @param call Method and parameters, sent as they are.
   * @param options Time limits, cancellation and progress.
   * @returns The result as it came.
   * @throws {RpcError} What the other side answered.
   * @throws {AppError} `TIMEOUT`, `CANCELLED`, `BAD_RESPONSE`, or what {@linkcode fail} was given.
   */
  async request(call: RpcCall, options: RequestOptions): Promise<JsonObject> {
    const action = options.action ?? `ask "${this.#deps.name}" for ${call.method}`;
    if (this.#ended !== undefined) throw this.#ended(action);
    throwIfAborted(options.signal);
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<JsonObject>();
    const flight: Flight = {
      action,
      resolve,
      reject,
      onProgress: options.onProgress,
      onResult: options.onResult,
      origin: options.origin,
      heardMs: this.#deps.clock.now(),
    };
    this.#flights.set(id, flight);
    const cancel = (): void => {
      if (options.signal === undefined) return;
      this.#giveUp(id, call.method, { ...options, error: abortError(options.signal) });
    };
    options.signal?.addEventListener("abort", cancel, { once: true });
    const answered = new AbortController();
    void this.#watch(id, call.method, options, answered.signal);
    const withToken = options.onProgress === undefined ? call : {
      ...call,
      params: {
        ...call.params,
        _meta: { ...objectOf(call.params?._meta), progressToken: id },
      },
    };
    this.#send({ jsonrpc: "2.0", id, ...withToken }, options).catch((error: AppError) => {
      this.#flights.delete(id);
      reject(error);
    });
    try {
      const result = await promise;
      if (options.onProgress !== undefined && isObject(result.task)) {
        this.#keepProgress(id, options.onProgress);
      }
      return result;
    } finally {
      this.#flights.delete(id);
      answered.abort(OVER);
      options.signal?.removeEventListener("abort", cancel);
    }
  }

  /**
   * Tells the other side.
   *
   * @param call Method and parameters, sent as they are.
   * @param options Which request it belongs to.
   * @throws {AppError} When it cannot be sent.
   */
  async notify(call: RpcCall, options: SendOptions = {}): Promise<void> {
    if (this.#ended !== undefined) throw this.#ended(`tell "${this.#deps.name}" ${call.method}`);
    await this.#send({ jsonrpc: "2.0", ...call }, options);
  }

  /**
   * Ends the conversation on this side: requests in flight and later ones are rejected, handlers
   * that run are aborted. Safe to call twice; the first reason stays.
   *
   * @param errorFor Why, for what was tried.
   */
  fail(errorFor: (action: string) => AppError): void {
    if (this.#ended !== undefined) return;
    this.#ended = errorFor;
    const flights = [...this.#flights.values()];
    this.#flights.clear();
    for (const { action, reject } of flights) reject(errorFor(action));
    this.#incoming.abort(errorFor(`answer "${this.#deps.name}"`));
    this.#taskProgress.clear();
  }

  #keepProgress(id: number, onProgress: (progress: JsonObject) => void): void {
    const [oldest] = this.#taskProgress.keys();
    if (this.#taskProgress.size >= MAX_TASKS && oldest !== undefined) {
      this.#taskProgress.delete(oldest);
    }
    this.#taskProgress.set(id, onProgress);
  }

  /** Waits for the answer's time limits; progress moves the first. One timer, however much comes. */
  async #watch(
    id: number,
    method: string,
    { timeoutMs, maxMs = timeoutMs, ...options }: RequestOptions,
    answered: AbortSignal,
  ): Promise<void> {
    const { clock } = this.#deps;
    const startedMs = clock.now();
    try {
      while (true) {
        const flight = this.#flights.get(id);
        if (flight === undefined) return;
        const nowMs = clock.now();
        const leftMs = Math.min(flight.heardMs + timeoutMs, startedMs + maxMs) - nowMs;
        if (leftMs <= 0) {
          const silent = nowMs - startedMs < maxMs || maxMs === timeoutMs;
          const limit = (silent ? timeoutMs : maxMs) / 1000;
          const state = silent ? `it gave no sign in ${limit} s` : `it took more than ${limit} s`;
          const error = new AppError("TIMEOUT", `Cannot ${flight.action}: ${state}`, {
            retryable: true,
            hint: "Try again; look at its log with registry-logs, or allow it more time",
          });
          return this.#giveUp(id, method, { ...options, error });
        }
        await clock.sleep(leftMs, answered);
      }
    } catch {
      // It was answered.
    }
  }

  /** Rejects a request that nobody waits for any more, and tells the other side to stop. */
  #giveUp(
    id: number,
    method: string,
    { error, ...options }: SendOptions & { readonly error: AppError },
  ): void {
    const flight = this.#flights.get(id);
    if (flight === undefined) return;
    this.#flights.delete(id);
    flight.reject(error);
    // MCP specification, "Cancellation": `initialize` must not be cancelled.
    if (method === "initialize") return;
    const params = { requestId: id, reason: error.message };
    this.#send({ jsonrpc: "2.0", method: "notifications/cancelled", params }, options).catch(() => {
      // It does not read; the request is over on this side either way.
    });
  }

  #receive(value: unknown, info: PeerMessageInfo = {}): void {
    if (this.#ended !== undefined) return;
    try {
      this.#take(value, info);
    } catch (thrown) {
      // A listener's fault must not end the conversation for all others.
      const { message } = toAppError(thrown);
      this.#deps.log.error("a listener failed", { server: this.#deps.name, message });
    }
  }

  #take(value: unknown, info: PeerMessageInfo): void {
    const told = tellMessage(value);
    switch (told?.kind) {
      case "result":
        return this.#takeResult(told.message);
      case "error":
        return this.#takeError(told.message);
      case "request":
        return void this.#answer(told.message, info);
      case "notification":
        return this.#takeNotification(told.message, info);
      default:
        return this.#odd("a message that is not JSON-RPC 2.0");
    }
  }

  #takeResult({ id, result }: RpcResult): void {
    const flight = this.#flightOf(id);
    if (flight === undefined) return this.#odd("an answer to no request");
    if (isObject(result)) {
      flight.resolve(result);
      return flight.onResult?.(result);
    }
    flight.reject(
      new AppError(
        "BAD_RESPONSE",
        `Cannot ${flight.action}: the result is not a JSON object`,
        { hint: "The server does not keep to MCP; report it to its makers" },
      ),
    );
  }

  #takeError({ id, error }: RpcErrorAnswer): void {
    const flight = this.#flightOf(id);
    if (flight !== undefined) return flight.reject(new RpcError(error, flight));
    this.#odd(`the error "${cleanText(error.message, { maxChars: 200 })}", to no request`);
  }

  #takeNotification(notification: RpcCall, info: PeerMessageInfo): void {
    const { method, params } = notification;
    if (method === "notifications/cancelled") {
      const id = params?.requestId;
      if (typeof id === "string" || typeof id === "number") {
        this.#incoming.cancel(
          id,
          new AppError("CANCELLED", `Cannot answer "${this.#deps.name}": it has cancelled`),
        );
      }
      return;
    }
    if (method === "notifications/progress") {
      const flight = this.#flightOf(params?.progressToken);
      if (flight?.onProgress !== undefined) {
        flight.heardMs = this.#deps.clock.now();
        const { progressToken: _, ...progress } = params ?? {};
        return flight.onProgress(progress);
      }
      const ofTask = this.#taskProgress.get(Number(params?.progressToken));
      if (ofTask !== undefined) {
        const { progressToken: _, ...progress } = params ?? {};
        return ofTask(progress);
      }
    }
    this.#deps.onNotification(notification, this.#originsOf(info));
  }

  /** Whose requests a message may belong to. */
  #originsOf({ relatedTo }: PeerMessageInfo): readonly unknown[] {
    const related = this.#flightOf(relatedTo);
    const flights = related === undefined ? [...this.#flights.values()] : [related];
    return [...new Set(flights.flatMap(({ origin }) => origin === undefined ? [] : [origin]))];
  }

  /** The request that an id or a token of ours names; some servers give a number back as text. */
  #flightOf(id: unknown): Flight | undefined {
    if (typeof id === "number") return this.#flights.get(id);
    return typeof id === "string" && /^[1-9]\d{0,15}$/.test(id)
      ? this.#flights.get(Number(id))
      : undefined;
  }

  async #answer(
    { id, method, params }: RpcRequest,
    info: PeerMessageInfo,
  ): Promise<void> {
    const { maxIncoming = MAX_INCOMING, answersCancelled = false } = this.#deps;
    if (method === "ping") return await this.#reply({ jsonrpc: "2.0", id, result: {} });
    if (this.#incoming.has(id) || this.#incoming.size >= maxIncoming) {
      const message = this.#incoming.has(id)
        ? "A request with this id is in hand already"
        : `More than ${maxIncoming} requests at a time`;
      this.#odd(message.toLowerCase());
      return await this.#refuse(id, { code: RPC_CODES.invalidRequest, message });
    }
    const controller = this.#incoming.begin(id);
    const { signal } = controller;
    try {
      throwIfAborted(signal);
      const call = params === undefined ? { method } : { method, params };
      const result = await this.#deps.onRequest(call, {
        id,
        signal,
        origins: this.#originsOf(info),
        isRelated: this.#flightOf(info.relatedTo) !== undefined,
      });
      throwIfAborted(signal);
      await this.#reply({ jsonrpc: "2.0", id, result });
    } catch (thrown) {
      // MCP specification, "Cancellation": who has cancelled gets no answer.
      if (!signal.aborted) await this.#refuse(id, faultOf(thrown));
      else if (answersCancelled) await this.#refuse(id, CANCELLED);
    } finally {
      this.#incoming.end(id, controller);
    }
  }

  #refuse(id: RpcId, error: RpcFault): Promise<void> {
    return this.#reply({ jsonrpc: "2.0", id, error });
  }

  /** Sends an answer. Who asks and asks, and reads no answer, would fill the memory. */
  async #reply(message: RpcMessage): Promise<void> {
    if (this.#ended !== undefined) return;
    const { name, onTransport } = this.#deps;
    if (this.#replies >= MAX_REPLIES) {
      const reason = `it reads none of the ${MAX_REPLIES} answers that it asked for`;
      onTransport(
        new AppError("TOO_LARGE", `Cannot answer "${name}": ${reason}`, { details: { reason } }),
      );
      return onTransport(undefined);
    }
    this.#replies++;
    try {
      await this.#send(message);
    } catch (thrown) {
      onTransport(toAppError(thrown));
    } finally {
      this.#replies--;
    }
  }

  async #send(
    message: RpcMessage,
    { relatedTo, takesLarge }: Pick<RequestOptions, "relatedTo" | "takesLarge"> = {},
  ): Promise<void> {
    try {
      // The SDK's type names members that a proxy has no business with, such as those of `_meta`.
      const sent = message as JSONRPCMessage;
      // A task says more after the request that began it was answered: that way is closed then.
      const isOpen = relatedTo !== undefined && this.#incoming.has(relatedTo);
      const options: PeerSendOptions = {
        ...(isOpen ? { relatedRequestId: relatedTo } : {}),
        ...(takesLarge === undefined ? {} : { takesLarge }),
      };
      await this.#deps.transport.send(sent, options);
    } catch (thrown) {
      throw this.#transportError(thrown);
    }
  }

  #transportError(thrown: unknown): AppError {
    if (thrown instanceof AppError) return thrown;
    const said = cleanText(thrown instanceof Error ? thrown.message : String(thrown), {
      maxChars: 600,
    });
    return new AppError("UNAVAILABLE", `Cannot reach "${this.#deps.name}": ${said}`, {
      cause: thrown,
      retryable: true,
      hint: "Try again; look at its log with registry-logs",
    });
  }

  #odd(what: string): void {
    this.#oddities++;
    if (this.#oddities > MAX_TOLD) return;
    this.#deps.log.warn("a server sent something odd", {
      server: this.#deps.name,
      what,
      ...(this.#oddities === MAX_TOLD ? { further: "not told" } : {}),
    });
  }
}

function objectOf(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}

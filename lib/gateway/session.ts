/**
 * A conversation with one upstream server, from the handshake to its end: what it offers, calls
 * that pass through unchanged, its own requests and notifications, and a clear reason for whoever
 * waits when it ends. Needs no permission.
 *
 * @example
 * ```ts ignore
 * await using session = new UpstreamSession({ launched, clock, log, name: "memory" });
 * await session.connect(signal);
 * session.definitions.tools.map(({ name }) => name);
 * const result = await session.call("read_graph", {}, { signal });
 * ```
 *
 * @module
 */

import { Burst } from "../core/burst.ts";
import { AppError, toAppError } from "../core/errors.ts";
import { cleanText, truncate } from "../core/text.ts";
import {
  type Incoming,
  isObject,
  type JsonObject,
  Peer,
  type RpcCall,
  RpcError,
} from "../rpc/mod.ts";
import {
  collectDefinitions,
  type Definitions,
  type ListKind,
  NO_DEFINITIONS,
} from "./definitions.ts";
import { initialize, type ServerInfo } from "./handshake.ts";
import type { LaunchedExit } from "./launched.ts";
import { type Listener, Listeners } from "./listeners.ts";
import type {
  CallOptions,
  ServerRequestHandler,
  SessionDeps,
  SessionEnd,
  SessionOptions,
  ToolCallOptions,
  UpstreamNotification,
} from "./session_types.ts";

/** After the end of a pipe or a process, for the other one to end. */
const END_GRACE_MS = 500;

/** After the end, for the last words on standard error: they explain it. */
const LAST_WORDS_MS = 50;

/** Lines of a server's log that an error carries, and that its hint shows. */
const LOG_LINES = 10;
const SHOWN_LINES = 3;
const SHOWN_CHARS = 200;

/** Which lists a notification is about. */
const CHANGES: Readonly<Record<string, readonly ListKind[]>> = {
  "notifications/tools/list_changed": ["tools"],
  "notifications/prompts/list_changed": ["prompts"],
  "notifications/resources/list_changed": ["resources", "templates"],
};

/** A conversation with an upstream server. Disposing it closes it. */
export class UpstreamSession implements AsyncDisposable {
  readonly #deps: SessionDeps;
  readonly #options: Required<SessionOptions>;
  readonly #peer: Peer;
  readonly #changes: Burst<ListKind>;
  readonly #listListeners: Listeners<readonly ListKind[]>;
  readonly #notificationListeners: Listeners<UpstreamNotification>;
  readonly #endListeners: Listeners<SessionEnd>;
  /** Settles when `connect` is over, either way. */
  readonly #connected = Promise.withResolvers<void>();
  readonly #pipeEnded = Promise.withResolvers<void>();
  #info: ServerInfo | undefined;
  #definitions = NO_DEFINITIONS;
  #exit: LaunchedExit | undefined;
  /** What the transport said last. */
  #fault: AppError | undefined;
  #isEnding = false;
  #end: SessionEnd | undefined;
  #closing: Promise<void> | undefined;

  /**
   * @param deps The server and what serves it.
   * @param options Limits.
   */
  constructor(deps: SessionDeps, options: SessionOptions = {}) {
    const callTimeoutMs = options.callTimeoutMs ?? 600_000;
    this.#deps = deps;
    this.#options = {
      startupTimeoutMs: 30_000,
      callTimeoutMs,
      maxCallMs: callTimeoutMs * 6,
      definitions: {},
      ...options,
    };
    this.#listListeners = new Listeners(deps);
    this.#notificationListeners = new Listeners(deps);
    this.#endListeners = new Listeners(deps);
    this.#peer = new Peer({
      transport: deps.launched.transport,
      clock: deps.clock,
      log: deps.log,
      name: deps.name,
      onRequest: (request, about) => this.#handle(request, about),
      onNotification: (notification, origins) => this.#take({ ...notification, origins }),
      onTransport: (error) => this.#hear(error),
    });
    this.#changes = new Burst({
      clock: deps.clock,
      run: (kinds, signal) => this.#refresh([...kinds], signal),
    });
    void deps.launched.exited.then((exit) => {
      this.#exit = exit;
      void this.#onEnd("exit");
    });
  }

  /** What the server says of itself. Before `connect` it is an error to ask. */
  get info(): ServerInfo {
    if (this.#info !== undefined) return this.#info;
    throw new AppError("INTERNAL", `Cannot describe "${this.#deps.name}": it is not connected`);
  }

  /** What the server offers; empty before `connect`. */
  get definitions(): Definitions {
    return this.#definitions;
  }

  /** Requests that wait for an answer. */
  get inFlight(): number {
    return this.#peer.inFlight;
  }

  /** How it ended, once it has. */
  get ended(): SessionEnd | undefined {
    return this.#end;
  }

  /**
   * Shakes hands and collects what the server offers. When it fails, the server is stopped.
   *
   * @param signal Gives up.
   * @throws {AppError} `TIMEOUT`, `CANCELLED`, `UNAVAILABLE`, `UNSUPPORTED`, `BAD_RESPONSE` or
   * `TOO_LARGE`, with the last lines of the server's log.
   */
  async connect(signal?: AbortSignal): Promise<void> {
    const { name, handlers = {} } = this.#deps;
    const { startupTimeoutMs } = this.#options;
    try {
      await this.#peer.start();
      this.#info = await initialize(this.#peer, {
        name,
        transport: this.#deps.launched.transport,
        clientInfo: this.#deps.clientInfo ?? { name: "wharf", version: "0" },
        capabilities: this.#deps.capabilities ?? capabilitiesOf(handlers),
        timeoutMs: startupTimeoutMs,
        ...(signal === undefined ? {} : { signal }),
      });
      this.#definitions = await this.#collect(this.#offered(), signal);
    } catch (thrown) {
      const error = this.#withLog(startError(toAppError(thrown)));
      await this.close(END_GRACE_MS);
      throw error;
    } finally {
      this.#connected.resolve();
    }
  }

  /**
   * Calls a tool.
   *
   * @param name The server's own name for it.
   * @param args The arguments, sent as they are; absent ones are left out.
   * @param options Cancellation, progress, `_meta`.
   * @returns The result as it came, with whatever members it has.
   * @throws {RpcError} The JSON-RPC error that the server answered with.
   * @throws {AppError} `UNAVAILABLE` when the server has ended, `TIMEOUT`, `CANCELLED`.
   */
  call(
    name: string,
    args: JsonObject | undefined,
    options: ToolCallOptions = {},
  ): Promise<JsonObject> {
    const { meta, ...rest } = options;
    const params = {
      name,
      ...(args === undefined ? {} : { arguments: args }),
      ...(meta === undefined ? {} : { _meta: meta }),
    };
    return this.request({ method: "tools/call", params }, rest);
  }

  /**
   * Passes any request on, such as `resources/read`.
   *
   * @param call Method and parameters, sent as they are but for the progress token.
   * @param options Cancellation and progress.
   * @returns The result as it came.
   * @throws As `call`.
   */
  request(call: RpcCall, options: CallOptions = {}): Promise<JsonObject> {
    const { name } = this.#deps;
    const action = call.method === "tools/call"
      ? `call tool "${cleanText(String(call.params?.name), { maxChars: 100 })}" of "${name}"`
      : `ask "${name}" for ${call.method}`;
    return this.#request(call, { ...options, action });
  }

  /**
   * Passes a notification on, such as `notifications/roots/list_changed`.
   *
   * @param notification Method and parameters, sent as they are.
   * @throws {AppError} When the session has ended.
   */
  notify(notification: RpcCall): Promise<void> {
    return this.#peer.notify(notification);
  }

  /**
   * Asks for a sign of life.
   *
   * @param options Time limit and cancellation. The time is 10 s unless given.
   */
  async ping(options: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {}): Promise<
    void
  > {
    await this.request({ method: "ping" }, { timeoutMs: 10_000, ...options });
  }

  /**
   * Tells when lists have changed: once for a burst of the server's notifications, after the lists
   * were collected anew. Where that fails the old ones stay, and the log says why.
   *
   * @returns Stops telling.
   */
  onListChanged(listener: Listener<readonly ListKind[]>): () => void {
    return this.#listListeners.add(listener);
  }

  /**
   * Collects a list anew soon, as after a notification, where the server does not announce its
   * changes.
   */
  lookForChanges(kind: ListKind): void {
    const announced = this.#info?.capabilities[kind === "templates" ? "resources" : kind];
    const isTold = isObject(announced) && announced.listChanged === true;
    if (!isTold && this.#offered().includes(kind)) this.#changes.add(kind);
  }

  /**
   * Gives all notifications but those of changed lists, of cancellation, and of progress that
   * belongs to a call in flight. A listener that falls behind loses some, which the log says.
   *
   * @returns Stops giving.
   */
  onNotification(listener: Listener<UpstreamNotification>): () => void {
    return this.#notificationListeners.add(listener);
  }

  /**
   * Tells once when the session has ended, at once when it has already.
   *
   * @returns Stops telling.
   */
  onClosed(listener: Listener<SessionEnd>): () => void {
    const remove = this.#endListeners.add(listener);
    if (this.#end !== undefined) void listener(this.#end);
    return remove;
  }

  /**
   * Ends the session and stops the server: closes its input first, as MCP wants it. Safe to call
   * twice. Calls in flight are rejected at once.
   *
   * @param graceMs Time that the server gets after that, in milliseconds. @default {5000}
   */
  close(graceMs = 5_000): Promise<void> {
    const why = (action: string) =>
      new AppError("UNAVAILABLE", `Cannot ${action}: it was stopped`, {
        retryable: true,
        hint: "Try again, so that it starts anew",
      });
    this.#finish(why, { asked: true });
    return this.#closing ??= this.#close(graceMs);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(graceMs: number): Promise<void> {
    const { launched } = this.#deps;
    const closed = launched.transport.close().catch((thrown) => {
      const { message } = toAppError(thrown);
      this.#deps.log.debug("a transport did not close", { server: this.#deps.name, message });
    });
    await this.#within(END_GRACE_MS, Promise.all([closed, launched.exited]));
    await launched.stop(graceMs);
    await closed;
  }

  async #request(
    call: RpcCall,
    options: CallOptions & { readonly action: string },
  ): Promise<JsonObject> {
    const { timeoutMs = this.#options.callTimeoutMs } = options;
    const maxMs = Math.max(timeoutMs, this.#options.maxCallMs);
    return await this.#peer.request(call, { ...options, timeoutMs, maxMs });
  }

  async #handle(
    { method, params }: RpcCall,
    { signal, origins, isRelated }: Incoming,
  ): Promise<JsonObject> {
    const { handlers = {} } = this.#deps;
    const handler = Object.hasOwn(handlers, method) ? handlers[method] : undefined;
    if (handler === undefined) {
      throw new AppError("UNSUPPORTED", `Cannot answer: method "${method}" is not found`);
    }
    return await handler(params ?? {}, { signal, origins, isRelated });
  }

  #take(notification: UpstreamNotification): void {
    const kinds = CHANGES[notification.method];
    if (kinds !== undefined) return kinds.forEach((kind) => this.#changes.add(kind));
    this.#notificationListeners.tell(notification);
  }

  #offered(): ListKind[] {
    const has = (name: string) => this.info.capabilities[name] !== undefined;
    return [
      ...(has("tools") ? ["tools" as const] : []),
      ...(has("prompts") ? ["prompts" as const] : []),
      ...(has("resources") ? ["resources" as const, "templates" as const] : []),
    ];
  }

  #collect(kinds: readonly ListKind[], signal?: AbortSignal): Promise<Definitions> {
    const { clock, name } = this.#deps;
    const withSignal = signal === undefined ? {} : { signal };
    return collectDefinitions({
      clock,
      name,
      ask: (call, options) => this.#peer.request(call, { ...options, ...withSignal }),
    }, {
      kinds,
      previous: this.#definitions,
      limits: { ...this.#options.definitions, timeoutMs: this.#options.startupTimeoutMs },
    });
  }

  async #refresh(kinds: readonly ListKind[], signal: AbortSignal): Promise<void> {
    // What comes on the way must not be overwritten by the first lists, which are older.
    await this.#connected.promise;
    if (signal.aborted) return;
    const changed = this.#offered().filter((kind) => kinds.includes(kind));
    if (changed.length === 0) return;
    try {
      this.#definitions = await this.#collect(changed, signal);
    } catch (thrown) {
      if (signal.aborted) return;
      const { message } = toAppError(thrown);
      this.#deps.log.warn("changed lists could not be read; the old ones stay", {
        server: this.#deps.name,
        message,
      });
      return;
    }
    this.#listListeners.tell(changed);
  }

  #hear(error: AppError | undefined): void {
    if (error === undefined) {
      this.#pipeEnded.resolve();
      return void this.#onEnd("pipe");
    }
    this.#fault = error;
    this.#deps.log.warn("the connection to a server has a fault", {
      server: this.#deps.name,
      message: error.message,
    });
  }

  /** Whichever ends first, pipe or process: the other one says why, or has last words. */
  async #onEnd(first: "pipe" | "exit"): Promise<void> {
    if (this.#isEnding || this.#end !== undefined) return;
    this.#isEnding = true;
    const other = first === "pipe" ? this.#deps.launched.exited : this.#pipeEnded.promise;
    // A pipe that was given up has its reason already.
    if (first === "exit" || this.#fault === undefined) {
      await this.#within(END_GRACE_MS, other);
      await this.#deps.clock.sleep(LAST_WORDS_MS);
    }
    const { code = "UNAVAILABLE" } = this.#fault ?? {};
    const said = this.#fault?.details?.reason;
    const reason = typeof said === "string" ? said : this.#exit?.reason ?? "it closed its output";
    this.#finish(
      (action) =>
        this.#withLog(
          new AppError(code, `Cannot ${action}: ${reason}`, {
            retryable: code === "UNAVAILABLE",
            hint: "Try again, so that it starts anew",
          }),
        ),
      { asked: false },
    );
    await this.close().catch((thrown) => {
      const { message } = toAppError(thrown);
      this.#deps.log.error("a server could not be stopped", { server: this.#deps.name, message });
    });
  }

  #finish(errorFor: (action: string) => AppError, { asked }: { readonly asked: boolean }): void {
    if (this.#end !== undefined) return;
    this.#end = {
      error: errorFor(`use "${this.#deps.name}"`),
      asked,
      ...(this.#exit === undefined ? {} : { exit: this.#exit }),
    };
    const end = this.#end;
    this.#changes[Symbol.dispose]();
    this.#peer.fail(errorFor);
    this.#endListeners.tell(end);
  }

  #withLog(error: AppError): AppError {
    // A remote's log says again what failed.
    const lines = this.#deps.launched.logTail(LOG_LINES)
      .filter((line) => !line.includes(error.message));
    if (lines.length === 0 || error.details?.log !== undefined) return error;
    const last = lines.slice(-SHOWN_LINES).map((line) => truncate(line, SHOWN_CHARS));
    const shown = `Its last lines: ${last.join(" | ")}`;
    return new AppError(error.code, error.message, {
      hint: error.hint === undefined ? shown : `${error.hint}. ${shown}`,
      retryable: error.retryable,
      details: { ...error.details, server: this.#deps.name, log: lines },
      cause: error.cause ?? (error instanceof RpcError ? error : undefined),
    });
  }

  async #within(ms: number, work: Promise<unknown>): Promise<void> {
    const waited = new AbortController();
    await Promise.race([work, this.#deps.clock.sleep(ms, waited.signal).catch(() => {})]);
    waited.abort();
  }
}

/** What keeps a server from starting; its answer to the handshake is no answer to whoever calls. */
function startError(error: AppError): AppError {
  if (!(error instanceof RpcError)) return error;
  const { code, message, details = {} } = error;
  const hint = "Check its settings";
  return new AppError(code, message, { hint, details, cause: error });
}

/** What handlers can do, in MCP's words. */
function capabilitiesOf(handlers: Readonly<Record<string, ServerRequestHandler>>): JsonObject {
  return {
    ...(Object.hasOwn(handlers, "sampling/createMessage") ? { sampling: {} } : {}),
    ...(Object.hasOwn(handlers, "elicitation/create")
      ? { elicitation: { form: {}, url: {} } }
      : {}),
    ...(Object.hasOwn(handlers, "roots/list") ? { roots: { listChanged: true } } : {}),
  };
}

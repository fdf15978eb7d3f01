/**
 * One MCP server for one session: what is Wharf's own, and what activated servers offer, spoken
 * over the protocol. Needs no permission.
 *
 * The SDK's `Server` rewrites errors, refuses results that it does not know and drops members, so
 * that nothing built on it can pass everything on unchanged; the same conversation that Wharf has
 * with servers is had with clients instead.
 *
 * @module
 */

import { AppError, toAppError } from "../core/errors.ts";
import type { Clock, Log } from "../core/host.ts";
import { isWanted, type LogLevel, logLevel } from "../core/log_levels.ts";
import { cleanText } from "../core/text.ts";
import type { ListKind, Proxy, ProxySession } from "../gateway/mod.ts";
import { nearestNames } from "../core/nearest.ts";
import {
  type Incoming,
  isObject,
  type JsonObject,
  Peer,
  RPC_CODES,
  type RpcCall,
  RpcError,
} from "../rpc/mod.ts";
import { clientInfo, SessionClient } from "./client.ts";
import { NOTHING } from "./completion.ts";
import { type CallEnd, type CallListener, endOfError, endOfResult } from "./finished_call.ts";
import type { Inventory } from "./inventory.ts";
import {
  completion,
  errorResult,
  OwnAnswers,
  protocolError,
  resourceError,
  sentence,
  shownError,
} from "./own.ts";
import { readableBy } from "./older_client.ts";
import { page } from "./page.ts";
import { LATEST_PROTOCOL_VERSION, SUPPORTED_PROTOCOL_VERSIONS, type Transport } from "./sdk.ts";
import type { CallContext, Caller, Progress } from "./tool.ts";

/** What a {@linkcode Server} works with. */
export interface ServerOptions {
  /** Name and version for the handshake. */
  readonly info: { readonly name: string; readonly version: string };
  /** What a model reads once. */
  readonly instructions: string;
  /** What is Wharf's own. */
  readonly inventory: Inventory;
  /** What activated servers offer; absent where there are none and will be none. */
  readonly proxy?: Proxy;
  /** Measures how long clients take to answer. */
  readonly clock: Clock;
  /** Is told of faults. */
  readonly log: Log;
  /** Who signed in, where somebody had to. */
  readonly user?: string;
  /** Is told of each call of a tool once it has ended. */
  readonly onCall?: CallListener;
}

/** How the messages of a session come. */
export interface ConnectOptions {
  /** Whether a request takes up a stream until it is answered, so that it always is. @default {false} */
  readonly answersCancelled?: boolean;
}

/** Requests of a client's at a time. */
const MAX_INCOMING = 1_000;

/** What names the items of each list (MCP specification, "Server features"). */
const KEYS = {
  tools: "name",
  prompts: "name",
  resources: "uri",
  templates: "uriTemplate",
} as const;

/** Who is told of a changed list, and how. */
const CHANGES: Readonly<Record<ListKind, string>> = {
  tools: "notifications/tools/list_changed",
  prompts: "notifications/prompts/list_changed",
  resources: "notifications/resources/list_changed",
  templates: "notifications/resources/list_changed",
};

/** One session's server. Connect it to a transport, and close it with the session. */
export class Server {
  /** Called once, however the session ends; whoever connects may chain it. */
  onclose?: () => void;
  readonly #options: ServerOptions;
  readonly #own: OwnAnswers;
  #session: Session | undefined;

  /** @param options What it offers. */
  constructor(options: ServerOptions) {
    this.#options = options;
    this.#own = new OwnAnswers(options);
  }

  /**
   * Begins the session.
   *
   * @param transport Not started yet; the server owns it from here on.
   * @param options How its messages come.
   */
  async connect(transport: Transport, options: ConnectOptions = {}): Promise<void> {
    this.#session = new Session(transport, {
      ...this.#options,
      ...options,
      own: this.#own,
      onEnd: () => this.onclose?.(),
    });
    await this.#session.start();
  }

  /** Ends the session: what its calls wait for is cancelled. */
  async close(): Promise<void> {
    await this.#session?.end();
  }
}

interface SessionDeps extends ServerOptions, ConnectOptions {
  readonly own: OwnAnswers;
  readonly onEnd: () => void;
}

/** A conversation with one client. */
class Session {
  readonly #deps: SessionDeps;
  readonly #transport: Transport;
  readonly #peer: Peer;
  readonly #client: SessionClient;
  readonly #proxy: ProxySession | undefined;
  readonly #stopTelling: () => void;
  #level: LogLevel | undefined;
  /** The version of MCP that was agreed upon. */
  #version: string = LATEST_PROTOCOL_VERSION;
  #ending: Promise<void> | undefined;
  #isTold = false;

  constructor(transport: Transport, deps: SessionDeps) {
    this.#deps = deps;
    this.#transport = transport;
    this.#peer = new Peer({
      transport,
      log: deps.log,
      clock: deps.clock,
      name: "the client",
      maxIncoming: MAX_INCOMING,
      answersCancelled: deps.answersCancelled ?? false,
      onRequest: async (request, about) =>
        readableBy(this.#version, await this.#answer(request, about)),
      onNotification: (notification) => this.#proxy?.notify(notification),
      onTransport: (error) => {
        if (error !== undefined) {
          // A client that does not read is its operator's to look into; the rest is its own.
          const level = error.code === "TOO_LARGE" ? "warn" : "debug";
          deps.log[level]("protocol error", { reason: error.message });
        } else {
          void this.end();
          this.#tellEnd();
        }
      },
    });
    this.#client = new SessionClient(this.#peer);
    this.#proxy = deps.proxy?.open(this.#client);
    this.#stopTelling = deps.proxy?.onListChanged((kinds) => this.#tellChanges(kinds)) ??
      (() => {});
  }

  start(): Promise<void> {
    return this.#peer.start();
  }

  end(): Promise<void> {
    if (this.#ending === undefined) {
      // Closing the transport leads here again, at once.
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      this.#ending = promise;
      this.#end().then(resolve, reject);
    }
    return this.#ending;
  }

  async #end(): Promise<void> {
    this.#stopTelling();
    this.#peer.fail((action) =>
      new AppError("CANCELLED", `Cannot ${action}: the session has ended`)
    );
    this.#proxy?.[Symbol.dispose]();
    await this.#transport.close();
    this.#tellEnd();
  }

  #tellEnd(): void {
    if (!this.#isTold) this.#deps.onEnd();
    this.#isTold = true;
  }

  async #answer({ method, params = {} }: RpcCall, about: Incoming): Promise<JsonObject> {
    switch (method) {
      case "initialize":
        return this.#initialize(params);
      case "logging/setLevel":
        return await this.#setLevel(params, about);
      case "tools/list":
        return this.#page("tools", params);
      case "prompts/list":
        return this.#page("prompts", params);
      case "resources/list":
        return this.#page("resources", params);
      case "resources/templates/list":
        return this.#page("templates", params);
      case "tools/call":
        return await this.#toldCall(params, about);
      case "prompts/get":
        return await this.#getPrompt(params, about);
      case "resources/read":
      case "resources/subscribe":
      case "resources/unsubscribe":
        return await this.#resource({ method, params }, about);
      case "completion/complete":
        return await this.#complete(params, about);
      default: {
        const answer = await this.#orProtocolError(this.#pass({ method, params }, about));
        if (answer !== undefined) return answer;
        throw protocolError(RPC_CODES.methodNotFound, "Method not found");
      }
    }
  }

  #initialize(params: JsonObject): JsonObject {
    const { info, instructions, proxy } = this.#deps;
    this.#client.introduce(clientInfo(params));
    const { protocolVersion } = params;
    const version = SUPPORTED_PROTOCOL_VERSIONS.find((known) => known === protocolVersion) ??
      LATEST_PROTOCOL_VERSION;
    this.#version = version;
    return {
      protocolVersion: version,
      capabilities: {
        tools: { listChanged: true },
        prompts: proxy === undefined ? {} : { listChanged: true },
        resources: proxy === undefined ? {} : { listChanged: true, subscribe: true },
        completions: {},
        logging: {},
        ...(proxy === undefined
          ? {}
          : { tasks: { list: {}, cancel: {}, requests: { tools: { call: {} } } } }),
      },
      serverInfo: { ...info, title: "Wharf" },
      instructions,
    };
  }

  async #setLevel(params: JsonObject, about: Incoming): Promise<JsonObject> {
    const level = logLevel(params.level);
    if (level === undefined) {
      throw protocolError(
        RPC_CODES.invalidParams,
        `Unknown log level: ${cleanText(String(params.level), { maxChars: 40 })}`,
      );
    }
    this.#level = level;
    return await this.#pass({ method: "logging/setLevel", params }, about) ?? {};
  }

  #page(kind: ListKind, { cursor }: JsonObject): JsonObject {
    const { proxy, own } = this.#deps;
    const offered = proxy === undefined
      ? []
      : kind === "tools"
      ? proxy.list("tools").map(({ definition }) => definition)
      : proxy.list(kind);
    const key = KEYS[kind];
    const ours = kind === "resources" ? [] : own.list(kind);
    const taken = new Set(ours.map((item) => item[key]));
    // Each once, or a cursor would lead back to where it was.
    const all = [...ours, ...offered.filter((item) => !taken.has(item[key]))];
    const { items, nextCursor } = page(all, key, cursor);
    const member = kind === "templates" ? "resourceTemplates" : kind;
    return { [member]: items, ...(nextCursor === undefined ? {} : { nextCursor }) };
  }

  /** Calls a tool, and tells how that ended. */
  async #toldCall(params: JsonObject, about: Incoming): Promise<JsonObject> {
    const { onCall, clock, inventory, proxy } = this.#deps;
    if (onCall === undefined) return await this.#callTool(params, about);
    const startedMs = clock.now();
    const tool = String(params.name);
    // Asked before the call: after it the server may be gone.
    const server = proxy?.serverOf(tool);
    const tell = (end: CallEnd) =>
      onCall({
        tool,
        ...(server === undefined ? {} : { server }),
        isKnown: server !== undefined || inventory.findTool(tool) !== undefined,
        ...(about.signal.aborted ? { outcome: "cancelled" } : end),
        tookMs: Math.max(0, clock.now() - startedMs),
        caller: this.#caller(),
        arguments: params.arguments,
      });
    try {
      const result = await this.#callTool(params, about);
      tell(endOfResult(result));
      return result;
    } catch (thrown) {
      tell(endOfError(thrown));
      throw thrown;
    }
  }

  async #callTool(params: JsonObject, about: Incoming): Promise<JsonObject> {
    const own = await this.#deps.own.callTool(
      params,
      this.#context(params, about),
      (error) => this.#log(params.name, error, about),
    );
    if (own !== undefined) return own;
    try {
      const answer = await this.#pass({ method: "tools/call", params }, about);
      if (answer !== undefined) return answer;
    } catch (thrown) {
      if (thrown instanceof RpcError) throw thrown;
      const error = toAppError(thrown);
      this.#log(params.name, error, about);
      return { ...errorResult(error) };
    }
    const names = [...this.#deps.own.list("tools"), ...this.#offeredTools()]
      .map(({ name }) => String(name));
    const shown = cleanText(String(params.name), { maxChars: 80 });
    const near = nearestNames(String(params.name), names, 1);
    const meant = near.length === 0 ? "See tools/list" : `Did you mean ${near[0]}? See tools/list`;
    throw protocolError(RPC_CODES.invalidParams, `Unknown tool: ${shown}. ${meant}`);
  }

  #offeredTools(): readonly JsonObject[] {
    return this.#deps.proxy?.list("tools").map(({ definition }) => definition) ?? [];
  }

  #caller(): Caller {
    const { sessionId } = this.#transport;
    const { user } = this.#deps;
    return {
      client: this.#client.name,
      transport: sessionId === undefined ? "stdio" : "http",
      ...(sessionId === undefined ? {} : { session: sessionId }),
      ...(user === undefined ? {} : { user }),
    };
  }

  #context(params: JsonObject, { id, signal }: Incoming): CallContext {
    const tell = this.#progress(params, { id, signal });
    return {
      signal,
      caller: this.#caller(),
      progress: ({ message, done, total }: Progress) =>
        tell?.({
          progress: done,
          ...(total === undefined ? {} : { total }),
          ...(message === undefined ? {} : { message }),
        }),
      ...(this.#proxy === undefined ? {} : { origin: this.#proxy.origin(id) }),
      ...this.#client.people({ id, signal }),
    };
  }

  /** Tells the client how far a request is, where it wants to know. */
  #progress(
    { _meta: meta }: JsonObject,
    { id, signal }: Pick<Incoming, "id" | "signal">,
  ): ((progress: JsonObject) => void) | undefined {
    const progressToken = isObject(meta) ? meta.progressToken : undefined;
    if (progressToken === undefined) return undefined;
    return (progress) => {
      if (signal.aborted) return;
      const params = { ...progress, progressToken };
      this.#client.notify({ method: "notifications/progress", params }, id);
    };
  }

  /** Passes a request on to the activated server that it is for, if there is one. */
  async #pass(call: RpcCall, { id, signal }: Incoming): Promise<JsonObject | undefined> {
    const onProgress = this.#progress(call.params ?? {}, { id, signal });
    return await this.#proxy?.request(call, {
      id,
      signal,
      takesLarge: "sendsLarge" in this.#transport,
      ...(onProgress === undefined ? {} : { onProgress }),
    });
  }

  async #getPrompt(params: JsonObject, about: Incoming): Promise<JsonObject> {
    const answer = this.#deps.own.getPrompt(params) ??
      await this.#orProtocolError(this.#pass({ method: "prompts/get", params }, about));
    if (answer !== undefined) return answer;
    const shown = cleanText(String(params.name), { maxChars: 80 });
    throw protocolError(RPC_CODES.invalidParams, `Unknown prompt: ${shown}. See prompts/list`);
  }

  async #resource(call: RpcCall, about: Incoming): Promise<JsonObject> {
    const uri = String(call.params?.uri);
    const own = call.method === "resources/read"
      ? await this.#deps.own.readResource(uri, about.signal)
      : undefined;
    const answer = own ?? await this.#orProtocolError(this.#pass(call, about), uri);
    if (answer !== undefined) return answer;
    const shown = cleanText(uri, { maxChars: 200 });
    throw protocolError(
      RPC_CODES.resourceNotFound,
      `Unknown resource: ${shown}. See resources/list and resources/templates/list`,
      { uri },
    );
  }

  async #complete(params: JsonObject, about: Incoming): Promise<JsonObject> {
    const answer = await this.#deps.own.complete(params, about.signal) ??
      await this.#orProtocolError(this.#pass({ method: "completion/complete", params }, about))
        .catch((error: RpcError) => {
          // Wharf completes; a server that does not has nothing to complete with.
          if (error.fault.code === RPC_CODES.methodNotFound) return undefined;
          throw error;
        });
    // Whoever types gains nothing from an error, so an unknown name completes to nothing.
    return answer ?? completion(NOTHING);
  }

  /** Only tools have results that say that they failed. */
  async #orProtocolError<T>(work: Promise<T>, uri?: string): Promise<T> {
    try {
      return await work;
    } catch (thrown) {
      if (thrown instanceof RpcError) throw thrown;
      const error = toAppError(thrown);
      if (uri !== undefined) throw resourceError(error, uri);
      throw protocolError(RPC_CODES.internalError, sentence(error));
    }
  }

  #log(tool: unknown, error: AppError, { id }: Incoming): void {
    if (error.code === "CANCELLED" || error.code === "INVALID_ARGUMENT") return;
    const level = error.code === "INTERNAL" ? "error" : "warning";
    if (!isWanted(level, this.#level, this.#level !== undefined)) return;
    const data = { tool, code: error.code, message: shownError(error).message };
    const params = { level, logger: "wharf", data };
    this.#client.notify({ method: "notifications/message", params }, id);
  }

  #tellChanges(kinds: ReadonlySet<ListKind>): void {
    for (const method of new Set([...kinds].map((kind) => CHANGES[kind]))) {
      this.#client.notify({ method });
    }
  }
}

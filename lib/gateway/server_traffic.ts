/**
 * What passes between one server and Wharf's clients, beside calls: its questions go to the client
 * whose call they belong to, its notifications to those whom they concern. It outlives the server's
 * process: what clients have subscribed to is subscribed to again. Needs no permission.
 *
 * @module
 */

import { toAppError } from "../core/errors.ts";
import type { Clock, Log } from "../core/host.ts";
import {
  isObject,
  type JsonObject,
  RPC_CODES,
  type RpcCall,
  RpcError,
  type RpcFault,
} from "../rpc/mod.ts";
import type { CallOrigin, Origin, ProxyClient } from "./proxy_types.ts";
import type { UpstreamSession } from "./session.ts";
import type {
  ServerRequestContext,
  ServerRequestHandler,
  UpstreamNotification,
} from "./session_types.ts";
import { Subscriptions } from "./subscriptions.ts";
import { begunTask, relatedTask, withTaskId } from "./tasks.ts";
import type { Traffic } from "./traffic.ts";
import { Turns } from "./turns.ts";

/** What a {@linkcode ServerTraffic} works with. */
export interface ServerTrafficDeps {
  /** Measures time limits. */
  readonly clock: Clock;
  /** The operator's log. */
  readonly log: Log;
  /** The clients. */
  readonly traffic: Traffic;
}

/** What servers are told that Wharf can do: whatever some client can; who cannot says so when asked. */
export const CLIENT_CAPABILITIES: JsonObject = {
  sampling: { context: {}, tools: {} },
  elicitation: { form: {}, url: {} },
  roots: { listChanged: true },
  tasks: {
    list: {},
    cancel: {},
    requests: { sampling: { createMessage: {} }, elicitation: { create: {} } },
  },
};

/** What a client must be able to do to be asked. */
const CAPABILITIES: Readonly<Record<string, string>> = {
  "sampling/createMessage": "sampling",
  "elicitation/create": "elicitation",
  "roots/list": "roots",
  "tasks/get": "tasks",
  "tasks/result": "tasks",
  "tasks/list": "tasks",
  "tasks/cancel": "tasks",
};

/** Pages to be opened, and tasks of clients, that are remembered; the oldest are forgotten. */
const MAX_REMEMBERED = 1_000;

/** Ids are remembered. */
const MAX_ID_CHARS = 1_024;

/** Questions about a task that a client works on. */
const OF_TASKS: ReadonlySet<string> = new Set(["tasks/get", "tasks/result", "tasks/cancel"]);

/** For a server to take a level, a subscription, or the end of a task. */
const TELL_MS = 5_000;

/** What Wharf's clients have to do with one server. */
export class ServerTraffic {
  readonly #id: string;
  readonly #deps: ServerTrafficDeps;
  /** Calls that ask their clients, one after the other. */
  readonly turns: Turns = new Turns();
  /** What clients want to be told of. */
  readonly subscriptions: Subscriptions;
  /** Pages that a client was asked to open, by their ids. */
  readonly #pages = new Map<string, ProxyClient>();
  /** Tasks that clients work on for the server. */
  readonly #clientTasks = new Map<string, ProxyClient>();
  /** Who has told the server of roots. */
  #rootsOf: ProxyClient | undefined;
  /** Whether the server knows roots of a client that has gone. */
  #hasOldRoots = false;
  #session: UpstreamSession | undefined;
  #level: string | undefined;

  /**
   * @param id Id of the server.
   * @param deps The clients.
   */
  constructor(id: string, deps: ServerTrafficDeps) {
    this.#id = id;
    this.#deps = deps;
    this.subscriptions = new Subscriptions((call) => this.#tell(call));
  }

  /** Whether clients wait for something that the server is to say by itself. */
  get isAwaited(): boolean {
    return !this.subscriptions.isEmpty || this.#deps.traffic.tasks.isAnyOpen(this.#id);
  }

  /** Answers what the server asks. */
  get handlers(): Readonly<Record<string, ServerRequestHandler>> {
    return Object.fromEntries(
      Object.keys(CAPABILITIES).map((method) => [
        method,
        (params: JsonObject, context: ServerRequestContext) =>
          this.#ask({ method, params }, context),
      ]),
    );
  }

  /**
   * Takes a session that has just connected: its notifications from now on, and what clients had
   * asked of an earlier one.
   */
  async attach(session: UpstreamSession): Promise<void> {
    this.#session = session;
    this.#level = undefined;
    this.#rootsOf = undefined;
    this.#hasOldRoots = false;
    session.onNotification((notification) => this.#take(notification));
    await Promise.all([this.tellLevel(), this.subscriptions.renew()]);
  }

  /** Forgets a client that has gone. */
  forget(client: ProxyClient): void {
    this.subscriptions.forget(client);
    if (this.#rootsOf === client) {
      this.#rootsOf = undefined;
      this.#hasOldRoots = true;
    }
    for (const known of [this.#pages, this.#clientTasks]) {
      for (const [id, other] of known) if (other === client) known.delete(id);
    }
  }

  /**
   * Takes note of pages that a call wants opened before it is tried again (MCP, "Elicitation", URL
   * mode): that they are done with is told to whoever called.
   *
   * @param client Who called.
   * @param fault What the server answered.
   */
  expectPages(client: ProxyClient, { code, data }: RpcFault): void {
    if (code !== RPC_CODES.urlElicitationRequired || !isObject(data)) return;
    const pages: unknown[] = Array.isArray(data.elicitations) ? data.elicitations : [];
    for (const page of pages.slice(0, MAX_REMEMBERED)) {
      if (isObject(page)) this.#expectPage(client, page.elicitationId);
    }
  }

  /** Asks the server for the level of logs that clients want. */
  async tellLevel(): Promise<void> {
    const { level } = this.#deps.traffic;
    const can = this.#session?.info.capabilities.logging !== undefined;
    if (!can || level === undefined || level === this.#level) return;
    this.#level = level;
    await this.#tell({ method: "logging/setLevel", params: { level } }).catch((thrown) =>
      this.#failed("logging/setLevel", thrown)
    );
  }

  /** Passes on that roots have changed. */
  tellRootsChanged(): void {
    this.#session?.notify({ method: "notifications/roots/list_changed" }).catch((thrown) =>
      this.#failed("notifications/roots/list_changed", thrown)
    );
  }

  /**
   * Has the server ask for roots again where those that it knows are of a client that has gone, as
   * soon as there is one client whom such a question goes to: it must not work with another's.
   */
  lookForRoots(): void {
    const able = this.#deps.traffic.clients.filter(({ capabilities }) =>
      capabilities.roots !== undefined
    );
    if (!this.#hasOldRoots || able.length !== 1) return;
    this.#hasOldRoots = false;
    this.tellRootsChanged();
  }

  /**
   * Passes on how a task of a client's stands.
   *
   * @param client Who works on it.
   * @param params As they came.
   */
  tellTask(client: ProxyClient, params: JsonObject): void {
    const { taskId } = params;
    if (typeof taskId !== "string" || this.#clientTasks.get(taskId) !== client) return;
    this.#session?.notify({ method: "notifications/tasks/status", params }).catch((thrown) =>
      this.#failed("notifications/tasks/status", thrown)
    );
  }

  /** Ends a task whose client has gone. */
  cancelTask(taskId: string): void {
    this.#tell({ method: "tasks/cancel", params: { taskId } }).catch((thrown) =>
      this.#failed("tasks/cancel", thrown)
    );
  }

  async #tell(call: RpcCall): Promise<void> {
    if (this.#session === undefined || this.#session.ended !== undefined) return;
    await this.#session.request(call, { timeoutMs: TELL_MS });
  }

  /** Passes a question on to the client that it is for. */
  async #ask(call: RpcCall, context: ServerRequestContext): Promise<JsonObject> {
    const params = call.params ?? {};
    const { client, id } = this.#addressee(call, context);
    this.#check(client, call);
    const task = this.#deps.traffic.tasks.findUpstream(this.#id, relatedTask(params));
    const token = isObject(params._meta) ? params._meta.progressToken : undefined;
    const asked = task === undefined ? params : withTaskId(params, task.upstreamId, task.id);
    if (call.method === "elicitation/create") this.#expectPage(client, params.elicitationId);
    using _asked = this.turns.ask(client);
    const result = await client.request({ method: call.method, params: asked }, {
      signal: context.signal,
      ...(id === undefined ? {} : { relatedTo: id }),
      ...(token === undefined ? {} : {
        onProgress: (progress) => this.#passProgress({ ...progress, progressToken: token }),
      }),
    });
    if (call.method === "roots/list") {
      this.#rootsOf = client;
      this.#hasOldRoots = false;
    }
    this.#keepTask(client, call, result);
    if (call.method === "tasks/list") return this.#ownTasks(client, result);
    return task === undefined ? result : withTaskId(result, task.id, task.upstreamId);
  }

  #expectPage(client: ProxyClient, id: unknown): void {
    if (typeof id !== "string" || id.length > MAX_ID_CHARS) return;
    remember(this.#pages, id, client);
  }

  #keepTask(client: ProxyClient, { method }: RpcCall, result: JsonObject): void {
    const taskId = begunTask(result);
    if (taskId === undefined) return;
    const other = this.#clientTasks.get(taskId);
    // Whose task it is must stay clear: its result is for the server, its questions for one client.
    if (other !== undefined && other !== client) {
      throw refused(method, "the client's task has the id of another client's");
    }
    remember(this.#clientTasks, taskId, client);
  }

  /** A client knows one server, Wharf: what it does for others is not this one's to see. */
  #ownTasks(client: ProxyClient, result: JsonObject): JsonObject {
    if (!Array.isArray(result.tasks)) return result;
    const isOwn = (task: unknown): boolean =>
      isObject(task) && this.#clientTasks.get(String(task.taskId)) === client;
    return { ...result, tasks: result.tasks.filter(isOwn) };
  }

  #passProgress(params: JsonObject): void {
    this.#session?.notify({ method: "notifications/progress", params }).catch(() => {
      // Whoever is gone needs no progress.
    });
  }

  /** Whom a question is for, and which of its requests it belongs to. */
  #addressee(
    question: RpcCall,
    { origins, isRelated }: ServerRequestContext,
  ): { readonly client: ProxyClient; readonly id?: Origin["id"] } {
    const running = origins.filter(isCallOrigin);
    const { method, params = {} } = question;
    const client = this.#ownerOf(method, params);
    if (client !== undefined) {
      const call = running.findLast((origin) => origin.client === client);
      return call ?? { client };
    }
    const call = isRelated ? running[0] : this.turns.callOf(running);
    return call ?? { client: this.#onlyOne(question) };
  }

  /** Whom a question names by a task; one whose task is forgotten is nobody else's. */
  #ownerOf(method: string, params: JsonObject): ProxyClient | undefined {
    const related = relatedTask(params);
    if (related !== undefined) {
      const task = this.#deps.traffic.tasks.findUpstream(this.#id, related);
      if (task !== undefined) return task.client;
      throw refused(method, "whoever began the task that it belongs to is gone");
    }
    if (!OF_TASKS.has(method)) return undefined;
    const client = this.#clientTasks.get(String(params.taskId));
    if (client !== undefined) return client;
    throw refused(method, "no client works on such a task", RPC_CODES.invalidParams);
  }

  /** The one client that can answer a question which belongs to no call. */
  #onlyOne(question: RpcCall): ProxyClient {
    const [first = "", ...others] = neededFor(question);
    const kind = this.#deps.traffic.clients.filter(({ capabilities }) =>
      hasCapability(capabilities, first)
    );
    const whole = kind.filter(({ capabilities }) =>
      others.every((needed) => hasCapability(capabilities, needed))
    );
    // Where none can do all of it, what the only one lacks is the better reason.
    const able = whole.length === 0 ? kind : whole;
    const [only] = able;
    if (only !== undefined && able.length === 1) return only;
    throw refused(
      question.method,
      able.length === 0
        ? `no client that can answer is connected (it takes the capability "${first}")`
        : `it belongs to no call, and ${able.length} clients could answer`,
    );
  }

  /** A client is not asked for what it has not said that it can do. */
  #check(client: ProxyClient, call: RpcCall): void {
    const { method } = call;
    for (const [index, needed] of neededFor(call).entries()) {
      if (hasCapability(client.capabilities, needed)) continue;
      const reason = `the client "${client.name}" has no capability "${needed}"`;
      // MCP, "Elicitation": a mode that was not declared is an invalid parameter.
      const code = index === 0 ? RPC_CODES.methodNotFound : RPC_CODES.invalidParams;
      throw refused(method, reason, code);
    }
  }

  #take({ method, params = {}, origins }: UpstreamNotification): void {
    const call = { method, params };
    switch (method) {
      case "notifications/message":
        return this.#passLog(call, origins.filter(isCallOrigin));
      case "notifications/resources/updated":
        for (const client of this.subscriptions.clientsOf(params.uri)) client.notify(call);
        return;
      case "notifications/tasks/status": {
        const task = this.#deps.traffic.tasks.findUpstream(this.#id, params.taskId);
        if (task === undefined) return;
        this.#deps.traffic.tasks.note(task, params);
        const told = withTaskId(params, task.upstreamId, task.id);
        return task.client.notify({ method, params: told });
      }
      case "notifications/elicitation/complete":
        return this.#pages.get(String(params.elicitationId))?.notify(call);
      default:
        this.#deps.log.debug("a notification of a server concerns nobody", {
          server: this.#id,
          method,
        });
    }
  }

  /** To whoever's task it is; to those whose calls run; where none does, to everybody. */
  #passLog(call: RpcCall, running: readonly CallOrigin[]): void {
    const { traffic } = this.#deps;
    const { params = {} } = call;
    const related = relatedTask(params);
    if (related !== undefined) {
      const task = traffic.tasks.findUpstream(this.#id, related);
      if (task === undefined || !traffic.wants(task.client, params.level)) return;
      const told = withTaskId(params, task.upstreamId, task.id);
      return task.client.notify({ method: call.method, params: told });
    }
    const ids = new Map(running.map(({ client, id }) => [client, id]));
    for (const client of ids.size === 0 ? traffic.clients : ids.keys()) {
      if (traffic.wants(client, params.level)) client.notify(call, ids.get(client));
    }
  }

  #failed(method: string, thrown: unknown): void {
    this.#deps.log.debug("a server could not be told", {
      server: this.#id,
      method,
      reason: toAppError(thrown).message,
    });
  }
}

/** Origins that the gateway gave come back as they were. */
function isCallOrigin(origin: unknown): origin is CallOrigin {
  return typeof origin === "object" && origin !== null && "client" in origin && "key" in origin;
}

/** What a client must be able to do to be asked that; the first is for any such question. */
function neededFor({ method, params = {} }: RpcCall): readonly string[] {
  const mode = params.mode === "url" ? "elicitation.url" : "elicitation.form";
  const usesTools = params.tools !== undefined || params.toolChoice !== undefined;
  return [
    CAPABILITIES[method] ?? "",
    ...(method === "elicitation/create" ? [mode] : []),
    ...(method === "sampling/createMessage" && usesTools ? ["sampling.tools"] : []),
    ...(params.task === undefined ? [] : [`tasks.requests.${method.replace("/", ".")}`]),
  ];
}

function hasCapability(capabilities: JsonObject, path: string): boolean {
  // Before modes had names there were forms (MCP 2025-06-18).
  if (path === "elicitation.form" && !hasCapability(capabilities, "elicitation.url")) return true;
  let at: unknown = capabilities;
  for (const name of path.split(".")) at = isObject(at) ? at[name] : undefined;
  return at !== undefined;
}

function refused(
  method: string,
  reason: string,
  code: number = RPC_CODES.methodNotFound,
): RpcError {
  const message = `Cannot pass on ${method}: ${reason}`;
  return new RpcError({ code, message }, { action: `ask for ${method}` });
}

function remember(known: Map<string, ProxyClient>, id: string, client: ProxyClient): void {
  const [oldest] = known.keys();
  if (known.size >= MAX_REMEMBERED && oldest !== undefined) known.delete(oldest);
  known.set(id, client);
}

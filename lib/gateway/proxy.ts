/**
 * The door for clients: what activated servers offer, asked for by Wharf's names and answered as
 * the servers answer. Needs no permission.
 *
 * @example
 * ```ts ignore
 * using session = proxy.open(client);
 * const result = await session.request(call, { id, signal });
 * ```
 *
 * @module
 */

import { Burst } from "../core/burst.ts";
import { AppError } from "../core/errors.ts";
import type { Clock, Log } from "../core/host.ts";
import { cleanText } from "../core/text.ts";
import {
  isObject,
  type JsonObject,
  RPC_CODES,
  type RpcCall,
  RpcError,
  type RpcId,
} from "../rpc/mod.ts";
import type { Activations } from "./activations.ts";
import type { ForwardOptions } from "./active_server_types.ts";
import type { ListKind } from "./definitions.ts";
import { Listeners } from "./listeners.ts";
import type { Lists } from "./offers.ts";
import type { Origin, ProxyClient } from "./proxy_types.ts";
import { begunTask, type Task, withTaskId } from "./tasks.ts";

/** What a {@linkcode Proxy} works with. */
export interface ProxyDeps {
  /** The activated servers. */
  readonly activations: Activations;
  /** Makes one announcement of a burst of changes. */
  readonly clock: Clock;
  /** The operator's log. */
  readonly log: Log;
}

/** What comes with a client's request. */
export interface RequestAbout {
  /** Its id with the client. */
  readonly id: RpcId;
  /** Cancels it. */
  readonly signal: AbortSignal;
  /** Takes progress, without the token; absent where the client asks for none. */
  readonly onProgress?: (progress: JsonObject) => void;
  /** Whether the client is sent a `LargeString` as the bytes that it is. @default {false} */
  readonly takesLarge?: boolean;
}

/** Addresses of resources that results have pointed to, and that no list holds; the newest. */
const MAX_LINKS = 10_000;

/** Longer ones are not remembered. */
const MAX_LINK_CHARS = 2 * 1024;

/** Pages of a server's list of tasks. */
const MAX_TASK_PAGES = 20;

/** What activated servers offer, for any number of clients. */
export class Proxy {
  readonly #deps: ProxyDeps;
  readonly #listeners: Listeners<ReadonlySet<ListKind>>;

  /** @param deps The activated servers. */
  constructor(deps: ProxyDeps) {
    const { activations, clock, log } = deps;
    this.#deps = deps;
    this.#listeners = new Listeners({ log, name: "wharf" });
    const changes = new Burst<ListKind>({
      clock,
      run: (kinds) => {
        this.#listeners.tell(kinds);
        return Promise.resolve();
      },
    });
    activations.onChange((kinds) => kinds.forEach((kind) => changes.add(kind)));
  }

  /** The lists as they stand; servers that announce no changes are looked at once more. */
  list<Kind extends ListKind>(kind: Kind): Lists[Kind] {
    const { activations } = this.#deps;
    activations.lookForChanges(kind);
    return activations.offers.lists[kind];
  }

  /**
   * Finds the server that a tool is of.
   *
   * @param tool The tool's name with Wharf.
   * @returns The server's id, or `undefined` where it is of none.
   */
  serverOf(tool: string): string | undefined {
    return this.#deps.activations.offers.findTool(tool)?.id;
  }

  /**
   * Tells which lists have changed, once for a burst of changes.
   *
   * @returns Stops telling.
   */
  onListChanged(listener: (kinds: ReadonlySet<ListKind>) => void): () => void {
    return this.#listeners.add(listener);
  }

  /**
   * Begins a session with a client.
   *
   * @param client The client.
   * @returns Disposing it ends the session.
   */
  open(client: ProxyClient): ProxySession {
    return new ProxySession(this.#deps.activations, client);
  }
}

/** One client's session with all activated servers. */
export class ProxySession implements Disposable {
  readonly #activations: Activations;
  readonly #client: ProxyClient;
  readonly #open: Disposable;
  /** Which server pointed to a resource. */
  readonly #links = new Map<string, string>();

  /**
   * @param activations The activated servers.
   * @param client The client.
   */
  constructor(activations: Activations, client: ProxyClient) {
    this.#activations = activations;
    this.#client = client;
    this.#open = activations.traffic.open(client);
  }

  /** Ends what the client has asked to be told of. */
  [Symbol.dispose](): void {
    this.#open[Symbol.dispose]();
    this.#links.clear();
  }

  /** Whose request it is, for calls that take another way. */
  origin(id: RpcId): Origin {
    return { client: this.#client, id };
  }

  /**
   * Passes a request on to the server that it is for.
   *
   * @param call Method and parameters, with Wharf's names.
   * @param about Its id, cancellation and progress.
   * @returns The result as the server gave it; `undefined` when it is for no activated server.
   * @throws {RpcError} What the server answered.
   * @throws {AppError} What keeps it from an answer.
   */
  async request(call: RpcCall, about: RequestAbout): Promise<JsonObject | undefined> {
    const { params = {} } = call;
    switch (call.method) {
      case "tools/call": {
        const named = this.#activations.offers.findTool(String(params.name));
        return named && await this.#call(named.id, {
          method: call.method,
          params: { ...params, name: named.tool },
        }, about);
      }
      case "prompts/get": {
        const named = this.#activations.offers.findPrompt(String(params.name));
        return named && await this.#call(named.id, {
          method: call.method,
          params: { ...params, name: named.tool },
        }, about);
      }
      case "resources/read": {
        const id = this.#ownerOf(params.uri);
        return id === undefined ? undefined : await this.#call(id, call, about);
      }
      case "resources/subscribe":
      case "resources/unsubscribe":
        return await this.#subscribe(call, about);
      case "completion/complete":
        return await this.#complete(params, about);
      case "logging/setLevel":
        return await this.#setLevel(params.level);
      case "tasks/list":
        return { tasks: await this.#tasks(about) };
      case "tasks/get":
      case "tasks/result":
      case "tasks/cancel":
        return await this.#task(call, about);
      default:
        return undefined;
    }
  }

  /**
   * Takes a notification of the client's.
   *
   * @param notification Method and parameters.
   */
  notify({ method, params = {} }: RpcCall): void {
    const { traffic } = this.#activations;
    if (method === "notifications/initialized") traffic.lookForRoots();
    if (method === "notifications/roots/list_changed") traffic.tellRootsChanged();
    if (method === "notifications/tasks/status") traffic.tellTask(this.#client, params);
  }

  async #call(id: string, call: RpcCall, about: RequestAbout): Promise<JsonObject> {
    let task: Task | undefined;
    const onResult = (result: JsonObject): void => {
      const taskId = call.params?.task === undefined ? undefined : begunTask(result);
      if (taskId !== undefined) {
        task = this.#activations.traffic.tasks.add(id, this.#client, taskId);
      }
    };
    const options = { ...this.#options(about), onResult };
    const result = await this.#activations.server(id).request(call, options);
    this.#remember(id, result);
    return task === undefined ? result : withTaskId(result, task.upstreamId, task.id);
  }

  #options({ id, signal, onProgress, takesLarge = false }: RequestAbout): ForwardOptions {
    return {
      origin: this.origin(id),
      signal,
      takesLarge,
      ...(onProgress === undefined ? {} : { onProgress }),
    };
  }

  #ownerOf(uri: unknown): string | undefined {
    if (typeof uri !== "string") return undefined;
    return this.#activations.offers.findResource(uri, this.#links.get(uri));
  }

  /** A link in a result is read where it came from, whether that server lists it or not. */
  #remember(id: string, { content }: JsonObject): void {
    if (!Array.isArray(content)) return;
    for (const block of content) {
      if (!isObject(block) || block.type !== "resource_link") continue;
      const { uri } = block;
      if (typeof uri !== "string" || uri.length > MAX_LINK_CHARS) continue;
      if (this.#activations.offers.isListed(uri)) continue;
      this.#links.delete(uri);
      const [oldest] = this.#links.keys();
      if (this.#links.size >= MAX_LINKS && oldest !== undefined) this.#links.delete(oldest);
      this.#links.set(uri, id);
    }
  }

  async #subscribe(
    { method, params = {} }: RpcCall,
    about: RequestAbout,
  ): Promise<JsonObject | undefined> {
    const { uri } = params;
    const id = this.#ownerOf(uri);
    if (id === undefined || typeof uri !== "string") return undefined;
    const server = this.#activations.server(id);
    if (method === "resources/unsubscribe") await server.unsubscribe(this.#client, uri);
    else await server.subscribe(this.#client, uri, about.signal);
    return {};
  }

  async #complete(params: JsonObject, about: RequestAbout): Promise<JsonObject | undefined> {
    const { ref } = params;
    if (!isObject(ref)) return undefined;
    const method = "completion/complete";
    if (ref.type === "ref/prompt") {
      const named = this.#activations.offers.findPrompt(String(ref.name));
      const renamed = { ...params, ref: { ...ref, name: named?.tool } };
      return named && await this.#call(named.id, { method, params: renamed }, about);
    }
    const id = this.#ownerOf(ref.uri);
    return id === undefined ? undefined : await this.#call(id, { method, params }, about);
  }

  async #setLevel(level: unknown): Promise<JsonObject> {
    if (await this.#activations.traffic.setLevel(this.#client, level)) return {};
    throw invalid(`Unknown log level: ${cleanText(String(level), { maxChars: 40 })}`);
  }

  async #task({ method, params = {} }: RpcCall, about: RequestAbout): Promise<JsonObject> {
    const { taskId } = params;
    const task = typeof taskId === "string"
      ? this.#activations.traffic.tasks.find(this.#client, taskId)
      : undefined;
    if (task === undefined) {
      throw invalid(`Unknown task: ${cleanText(String(taskId), { maxChars: 80 })}. See tasks/list`);
    }
    const call = { method, params: withTaskId(params, task.id, task.upstreamId) };
    const answer = await this.#activations.server(task.server).request(call, this.#options(about));
    this.#activations.traffic.tasks.note(
      task,
      method === "tasks/result" ? { status: "completed" } : answer,
    );
    return withTaskId(answer, task.upstreamId, task.id);
  }

  /**
   * The client's tasks, as the servers that work on them describe them. One that cannot list its
   * tasks hides no others.
   */
  async #tasks(about: RequestAbout): Promise<readonly JsonObject[]> {
    const tasks = this.#activations.traffic.tasks.of(this.#client);
    const servers = [...new Set(tasks.map(({ server }) => server))];
    const lists = await Promise.allSettled(
      servers.map((server) =>
        this.#tasksOf(server, { about, tasks: tasks.filter((task) => task.server === server) })
      ),
    );
    const [failed] = lists.filter(({ status }) => status === "rejected");
    if (failed?.status === "rejected" && lists.length === 1) throw failed.reason;
    return lists.flatMap((list) => list.status === "fulfilled" ? list.value : []);
  }

  async #tasksOf(
    server: string,
    { about, tasks }: { readonly about: RequestAbout; readonly tasks: readonly Task[] },
  ): Promise<readonly JsonObject[]> {
    const own = new Map(tasks.map((task) => [task.upstreamId, task]));
    const found: JsonObject[] = [];
    let cursor: unknown;
    for (let page = 0; page < MAX_TASK_PAGES; page++) {
      const params = cursor === undefined ? {} : { params: { cursor } };
      const answer = await this.#activations.server(server)
        .request({ method: "tasks/list", ...params }, this.#options(about));
      const listed: unknown[] = Array.isArray(answer.tasks) ? answer.tasks : [];
      for (const item of listed) {
        const task = isObject(item) ? own.get(String(item.taskId)) : undefined;
        // A server knows one client, Wharf: what others have begun is not this one's to see.
        if (task !== undefined && isObject(item)) found.push({ ...item, taskId: task.id });
      }
      cursor = answer.nextCursor;
      if (cursor === undefined || cursor === null) return found;
    }
    throw new AppError("TOO_LARGE", `Cannot list the tasks of "${server}": the list has no end`, {
      hint: "Ask for one task with tasks/get",
    });
  }
}

function invalid(message: string): RpcError {
  return new RpcError({ code: RPC_CODES.invalidParams, message }, { action: "answer" });
}

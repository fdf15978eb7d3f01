/**
 * Whose task is whose (MCP, "Tasks"): a task belongs to the client that began it and to the server
 * that works on it. Clients see the server's own ids, but where two servers gave one client the
 * same. Needs no permission.
 *
 * @module
 */

import { isObject, type JsonObject } from "../rpc/mod.ts";
import type { ProxyClient } from "./proxy_types.ts";

/** Tasks of one client that are remembered; the oldest are forgotten. */
const MAX_TASKS = 1_000;

/** How a task stands that changes no more. */
const OVER: ReadonlySet<unknown> = new Set(["completed", "failed", "cancelled"]);

/** Ids are remembered. */
const MAX_ID_CHARS = 1_024;

/** Where a message names the task that it belongs to. */
const RELATED = "io.modelcontextprotocol/related-task";

/** A task. */
export interface Task {
  /** Its id with the client. */
  readonly id: string;
  /** Its id with the server. */
  readonly upstreamId: string;
  /** Id of the server. */
  readonly server: string;
  /** Who began it. */
  readonly client: ProxyClient;
}

/** All tasks. */
export class Tasks {
  readonly #byClient = new Map<ProxyClient, Map<string, Task>>();
  /** By the server and its own id. */
  readonly #upstream = new Map<string, Map<string, Task>>();
  readonly #over = new WeakSet<Task>();

  /**
   * Takes note of a task that has begun. A server that gives an id again, such as one that counts
   * from 1 after a restart, has forgotten the earlier task: whoever began that knows it no more.
   *
   * @param server Id of the server.
   * @param client Who began it.
   * @param upstreamId Its id with the server.
   */
  add(server: string, client: ProxyClient, upstreamId: string): Task {
    const earlier = this.findUpstream(server, upstreamId);
    if (earlier !== undefined) this.#drop(earlier);
    const tasks = this.#byClient.get(client) ?? new Map<string, Task>();
    this.#byClient.set(client, tasks);
    const other = tasks.get(upstreamId);
    const id = other === undefined || other.server === server
      ? upstreamId
      : `${upstreamId} (${server})`;
    const task = { id, upstreamId, server, client };
    const [oldest] = tasks.values();
    if (tasks.size >= MAX_TASKS && oldest !== undefined) this.#drop(oldest);
    tasks.set(id, task);
    const ofServer = this.#upstream.get(server) ?? new Map<string, Task>();
    this.#upstream.set(server, ofServer.set(upstreamId, task));
    return task;
  }

  /** A client's task by the id that the client knows. */
  find(client: ProxyClient, id: string): Task | undefined {
    return this.#byClient.get(client)?.get(id);
  }

  /** All tasks of a client. */
  of(client: ProxyClient): readonly Task[] {
    return [...this.#byClient.get(client)?.values() ?? []];
  }

  /** A server's task by the id that the server knows. */
  findUpstream(server: string, upstreamId: unknown): Task | undefined {
    return typeof upstreamId === "string" ? this.#upstream.get(server)?.get(upstreamId) : undefined;
  }

  /**
   * Takes note of how a task stands.
   *
   * @param task The task.
   * @param said What the server says of it.
   */
  note(task: Task, { status }: JsonObject): void {
    if (OVER.has(status)) this.#over.add(task);
  }

  /** Whether a task may change still. */
  isOpen(task: Task): boolean {
    return !this.#over.has(task);
  }

  /** Whether a server works on any task that somebody waits for. */
  isAnyOpen(server: string): boolean {
    for (const task of this.#upstream.get(server)?.values() ?? []) {
      if (this.isOpen(task)) return true;
    }
    return false;
  }

  /** Forgets the tasks of a client that has gone. */
  delete(client: ProxyClient): void {
    for (const task of this.of(client)) this.#drop(task);
    this.#byClient.delete(client);
  }

  /** Forgets the tasks of a server that was removed. */
  deleteServer(server: string): void {
    for (const task of [...this.#upstream.get(server)?.values() ?? []]) this.#drop(task);
  }

  #drop({ id, upstreamId, server, client }: Task): void {
    this.#byClient.get(client)?.delete(id);
    const ofServer = this.#upstream.get(server);
    ofServer?.delete(upstreamId);
    if (ofServer?.size === 0) this.#upstream.delete(server);
  }
}

/** The id of the task that a result begins, if it does; one that is too long is none. */
export function begunTask(result: JsonObject): string | undefined {
  const { task } = result;
  const id = isObject(task) ? task.taskId : undefined;
  return typeof id === "string" && id.length <= MAX_ID_CHARS ? id : undefined;
}

/** The id of the task that a message belongs to, if it says so. */
export function relatedTask(params: JsonObject): string | undefined {
  const meta = params._meta;
  const related = isObject(meta) ? meta[RELATED] : undefined;
  return isObject(related) && typeof related.taskId === "string" ? related.taskId : undefined;
}

/**
 * A message with another id for its task, wherever MCP puts it; the same message where the ids are
 * the same.
 *
 * @param message Parameters or a result.
 * @param from The id that stands there.
 * @param to The id to put in its place.
 */
export function withTaskId(message: JsonObject, from: string, to: string): JsonObject {
  if (from === to) return message;
  const swapped = (value: unknown): unknown =>
    isObject(value) && value.taskId === from ? { ...value, taskId: to } : value;
  const { _meta: meta, task } = message;
  return {
    ...Object.assign({}, swapped(message)),
    ...(task === undefined ? {} : { task: swapped(task) }),
    ...(isObject(meta) ? { _meta: { ...meta, [RELATED]: swapped(meta[RELATED]) } } : {}),
  };
}

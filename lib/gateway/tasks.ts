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

  /**
   * Takes note of a task that has begun.
   *
   * @param server Id of the server.
   * @param client Who began it.
   * @param upstreamId Its id with the server.
   */
  add(server: string, client: ProxyClient, upstreamId: string): Task {
    const tasks = this.#byClient.get(client) ?? new Map<string, Task>();
    this.#byClient.set(client, tasks);
    const other = tasks.get(upstreamId);
    const id = other === undefined || other.server === server
      ? upstreamId
      : `${upstreamId} (${server})`;
    const task = { id, upstreamId, server, client };
    const [oldest] = tasks.keys();
    if (tasks.size >= MAX_TASKS && oldest !== undefined) tasks.delete(oldest);
    tasks.set(id, task);
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

  /** A server's task by the id that the server knows; the newest, where it gave one id twice. */
  findUpstream(server: string, upstreamId: unknown): Task | undefined {
    for (const tasks of [...this.#byClient.values()].reverse()) {
      for (const task of tasks.values()) {
        if (task.server === server && task.upstreamId === upstreamId) return task;
      }
    }
    return undefined;
  }

  /** Forgets the tasks of a client that has gone. */
  delete(client: ProxyClient): void {
    this.#byClient.delete(client);
  }
}

/** The id of the task that a result begins, if it does. */
export function begunTask(result: JsonObject): string | undefined {
  const { task } = result;
  return isObject(task) && typeof task.taskId === "string" ? task.taskId : undefined;
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

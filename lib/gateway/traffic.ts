/**
 * What passes between Wharf's clients and the servers behind it, beside calls: who is there, how
 * much of the logs each wants, whose tasks run. Needs no permission.
 *
 * @module
 */

import type { Clock, Log } from "../core/host.ts";
import type { JsonObject } from "../rpc/mod.ts";
import { isWanted, leastSevere, type LogLevel, logLevel } from "../core/log_levels.ts";
import type { ProxyClient } from "./proxy_types.ts";
import { ServerTraffic } from "./server_traffic.ts";
import { Tasks } from "./tasks.ts";

/** What {@linkcode Traffic} works with. */
export interface TrafficDeps {
  /** Measures time limits. */
  readonly clock: Clock;
  /** The operator's log. */
  readonly log: Log;
}

/** The clients, and what they have to do with each server. */
export class Traffic {
  readonly #deps: TrafficDeps;
  readonly #levels = new Map<ProxyClient, LogLevel | undefined>();
  readonly #servers = new Map<string, ServerTraffic>();
  /** Whether any client has ever set a level, one that has gone included. */
  #isLevelSet = false;
  /** All tasks of all servers. */
  readonly tasks: Tasks = new Tasks();

  /** @param deps Clock and log. */
  constructor(deps: TrafficDeps) {
    this.#deps = deps;
  }

  /** The clients that are there, in the order in which they came. */
  get clients(): readonly ProxyClient[] {
    return [...this.#levels.keys()];
  }

  /** The level to ask servers for; `undefined` where no client has ever set any. */
  get level(): LogLevel | undefined {
    return this.#isLevelSet ? leastSevere([...this.#levels.values()]) : undefined;
  }

  /**
   * Takes note of a client that has come.
   *
   * @param client The client.
   * @returns Disposing it forgets the client, with everything that it has asked to be told of.
   */
  open(client: ProxyClient): Disposable {
    this.#levels.set(client, undefined);
    return {
      [Symbol.dispose]: () => {
        const before = this.level;
        this.#levels.delete(client);
        // Nobody else can ask for what they come to.
        for (const task of this.tasks.of(client)) {
          if (this.tasks.isOpen(task)) this.#servers.get(task.server)?.cancelTask(task.upstreamId);
        }
        this.tasks.delete(client);
        for (const server of this.#servers.values()) server.forget(client);
        this.lookForRoots();
        if (this.level !== before) void this.#tellLevel();
      },
    };
  }

  /**
   * Sets how much of the logs a client gets; settles when the servers know.
   *
   * @param client The client.
   * @param name The level's name.
   * @returns Whether there is such a level.
   */
  async setLevel(client: ProxyClient, name: unknown): Promise<boolean> {
    const level = logLevel(name);
    if (level === undefined) return false;
    const before = this.level;
    this.#levels.set(client, level);
    this.#isLevelSet = true;
    if (this.level !== before) await this.#tellLevel();
    return true;
  }

  /** Whether a client wants a message of that level. */
  wants(client: ProxyClient, level: unknown): boolean {
    return isWanted(level, this.#levels.get(client), this.#isLevelSet);
  }

  /**
   * What clients have to do with a server; it stays the same over restarts.
   *
   * @param id Id of the server.
   */
  server(id: string): ServerTraffic {
    const known = this.#servers.get(id);
    if (known !== undefined) return known;
    const server = new ServerTraffic(id, { ...this.#deps, traffic: this });
    this.#servers.set(id, server);
    return server;
  }

  /** Forgets a server that was removed. */
  drop(id: string): void {
    this.#servers.delete(id);
    this.tasks.deleteServer(id);
  }

  /** Has servers ask for roots again that know those of a client that has gone. */
  lookForRoots(): void {
    for (const server of this.#servers.values()) server.lookForRoots();
  }

  /** Passes on that a client's roots have changed; servers then ask for them. */
  tellRootsChanged(): void {
    for (const server of this.#servers.values()) server.tellRootsChanged();
  }

  /** Passes on how a task stands that a client works on. */
  tellTask(client: ProxyClient, params: JsonObject): void {
    for (const server of this.#servers.values()) server.tellTask(client, params);
  }

  async #tellLevel(): Promise<void> {
    await Promise.all([...this.#servers.values()].map((server) => server.tellLevel()));
  }
}

/**
 * Wharf between scripted servers and scripted clients, both of which speak plain JSON-RPC and
 * remember what they got. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { MemoryDisk } from "../../lib/core/memory_disk.ts";
import { resolveValues } from "../../lib/gateway/stored_value.ts";
import type { LaunchWishes, Started } from "../../lib/gateway/launcher.ts";
import {
  Activations,
  ActiveStore,
  AuditLog,
  parsePolicy,
  Proxy,
  Redactor,
  SettingsStore,
} from "../../lib/gateway/mod.ts";
import type { ActivationPlan } from "../../lib/gateway/plan_types.ts";
import { createInventory } from "../../lib/mcp/inventory.ts";
import type { Inventory } from "../../lib/mcp/mod.ts";
import { type JSONRPCMessage, Server } from "../../lib/mcp/protocol.ts";
import { makeEntry } from "../catalog/make.ts";
import { FakeClock } from "../fake_clock.ts";
import { FakeLog } from "../fake_log.ts";
import { InMemoryTransport } from "../sdk.ts";
import {
  type Answer,
  type Message,
  ScriptedServer,
  type ServerOptions,
  until,
} from "./scripted_server.ts";

/** A client that says what a test tells it to. */
export class RawClient implements AsyncDisposable {
  /** Everything that came, oldest first. */
  readonly received: Message[] = [];
  /** Answers to what servers ask; others are refused as not found, `undefined` is no answer. */
  readonly answers: Record<string, Answer> = {};
  /** Which request of its own each message belongs to, as the transport was told. */
  readonly ways = new WeakMap<object, string | number>();
  readonly #transport: InMemoryTransport;
  readonly #waiting = new Map<string | number, (message: Message) => void>();
  #nextId = 1;

  /** @param transport Its end of a pair. */
  constructor(transport: InMemoryTransport) {
    this.#transport = transport;
    transport.onmessage = (message) => void this.#take(message as Message);
  }

  /** Sends a message as it is. */
  async send(message: Record<string, unknown>): Promise<void> {
    // A test may send what the SDK's types do not know.
    await this.#transport.send({ jsonrpc: "2.0", ...message } as JSONRPCMessage);
  }

  /** Asks, and gives the whole answer. */
  async ask(
    method: string,
    params?: Record<string, unknown>,
    id: string | number = this.#nextId++,
  ): Promise<Message> {
    const { promise, resolve } = Promise.withResolvers<Message>();
    this.#waiting.set(id, resolve);
    await this.send({ id, method, ...(params === undefined ? {} : { params }) });
    return await promise;
  }

  /** Asks, and gives the result. */
  async result(method: string, params?: Record<string, unknown>): Promise<Record<string, unknown>> {
    const { result, error } = await this.ask(method, params);
    assert.ok(result !== undefined, JSON.stringify(error));
    return result;
  }

  /** Messages with a method. */
  got(method: string): readonly Message[] {
    return this.received.filter((message) => message.method === method);
  }

  /** The requests that messages with a method belong to; `undefined` for those of none. */
  waysOf(method: string): readonly (string | number | undefined)[] {
    return this.got(method).map((message) => this.ways.get(message));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#transport.close();
  }

  async #take(message: Message): Promise<void> {
    this.received.push(message);
    const { id, method } = message;
    if (method === undefined && id !== undefined) {
      this.#waiting.get(id)?.(message);
      this.#waiting.delete(id);
      return;
    }
    if (method === undefined || id === undefined) return;
    const answer = this.answers[method];
    const body = answer === undefined
      ? { error: { code: -32601, message: "Method not found" } }
      : await answer(message);
    if (body === undefined) return;
    const isError = typeof body === "object" && body !== null && "error" in body;
    await this.send({ id, ...(isError ? body : { result: body }) });
  }
}

/** How a scripted client introduces itself. */
export interface ClientOptions {
  /** What it can do. @default nothing */
  readonly capabilities?: Record<string, unknown>;
  /** Its name. @default {"test"} */
  readonly name?: string;
  /** The version of MCP that it asks for. @default {"2025-11-25"} */
  readonly version?: string;
}

/** Wharf, its servers and its clients. */
export interface ProxyWorld extends AsyncDisposable {
  readonly clock: FakeClock;
  readonly log: FakeLog;
  readonly activations: Activations;
  readonly proxy: Proxy;
  /** Adds a server; it is the newest of `servers` then. */
  add(
    name: string,
    options?: ServerOptions & { readonly prefix?: string },
  ): Promise<ScriptedServer>;
  /** Every process that was started, oldest first. */
  readonly servers: readonly ScriptedServer[];
  /** Connects a client. */
  connect(options?: ClientOptions): Promise<RawClient>;
  /** Lets announcements of changes go out. */
  settle(): Promise<void>;
}

/**
 * Makes a world.
 *
 * @param options What is Wharf's own, and when servers rest.
 */
export function makeProxyWorld(
  options: { readonly inventory?: Inventory; readonly idleMs?: number } = {},
): ProxyWorld {
  const { idleMs = 0 } = options;
  const disk = new MemoryDisk();
  const clock = new FakeClock();
  const log = new FakeLog();
  const servers: ScriptedServer[] = [];
  const scripts = new Map<string, ServerOptions>();
  const policy = parsePolicy(undefined);
  const inventory = options.inventory ??
    createInventory({ tools: [], prompts: [], templates: [] });
  const activations = new Activations({
    launcher: {
      unavailable: () => Promise.resolve({}),
      async launch(plan: ActivationPlan, wishes: LaunchWishes): Promise<Started> {
        const { secrets } = await resolveValues(wishes.values, plan.parts.settings, {
          variable: () => undefined,
          files: { read: () => Promise.resolve(undefined) },
        });
        const server = new ScriptedServer(scripts.get(plan.id));
        servers.push(server);
        return { launched: server.launched, pinned: "pinned@1", how: "npm", notes: [], secrets };
      },
    },
    find: (id) =>
      Promise.resolve(
        makeEntry(id, {
          packages: [{
            type: "npm",
            identifier: `${id.split("/")[1]}-mcp`,
            version: "1.0.0",
            settings: [{ name: "TOKEN", kind: "env", required: false, secret: true }],
          }],
        }),
      ),
    nearest: () => Promise.resolve([]),
    store: new ActiveStore({ disk, log }),
    settings: new SettingsStore({ disk, log }, policy),
    audit: new AuditLog({ disk, log, clock }),
    redactor: new Redactor(),
    policy,
    reserved: {
      tools: inventory.listTools().map(({ name }) => name),
      prompts: inventory.prompts.map(({ name }) => name),
    },
    idleMs,
    clock,
    log,
    clientInfo: { name: "wharf", version: "1" },
  });
  const proxy = new Proxy({ activations, clock, log });
  const clients: RawClient[] = [];
  return {
    clock,
    log,
    activations,
    proxy,
    servers,
    async add(name, { prefix = "", ...script } = {}) {
      scripts.set(`ours/${name}`, script);
      await activations.add({
        id: `ours/${name}`,
        prefix,
        dryRun: false,
        confirm: true,
        persist: true,
        acceptsNew: false,
        acceptsChanges: false,
      }, {
        actor: { client: "test", transport: "stdio" },
        by: "operator",
        signal: new AbortController().signal,
        progress: () => {},
      });
      const server = servers.at(-1);
      assert.ok(server !== undefined);
      return server;
    },
    async connect({ capabilities = {}, name = "test", version = "2025-11-25" } = {}) {
      const server = new Server({
        info: { name: "wharf", version: "1" },
        instructions: "",
        inventory,
        proxy,
        clock,
        log,
      });
      const [ours, theirs] = InMemoryTransport.createLinkedPair();
      const client = new RawClient(theirs);
      clients.push(client);
      const send = ours.send.bind(ours);
      ours.send = (message, options) => {
        const way = options?.relatedRequestId;
        if (way !== undefined) client.ways.set(message, way);
        return send(message, options);
      };
      await theirs.start();
      await server.connect(ours);
      const answer = await client.ask("initialize", {
        protocolVersion: version,
        capabilities,
        clientInfo: { name, version: "1" },
      }, "hello");
      assert.equal(answer.id, "hello");
      await client.send({ method: "notifications/initialized" });
      return client;
    },
    async settle() {
      for (let turn = 0; turn < 12; turn++) {
        await clock.advance(250);
        await new Promise((resolve) => setTimeout(resolve, 0));
      }
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) await client[Symbol.asyncDispose]();
      await activations.close();
    },
  };
}

export { until };

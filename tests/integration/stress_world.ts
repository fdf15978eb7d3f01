/**
 * One Wharf in a process of its own, with servers behind it that do what tests tell them to, and
 * clients that answer by name. Needs all permissions.
 *
 * @module
 */

import assert from "node:assert/strict";
import {
  Client,
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  LoggingMessageNotificationSchema,
  ResourceUpdatedNotificationSchema,
  StreamableHTTPClientTransport,
  ToolListChangedNotificationSchema,
} from "../sdk.ts";
import { StdioClientTransport } from "./sdk_stdio.ts";
import type { Seen } from "./stress_server.ts";
import { startWharf, type WharfCommand, wharfCommand, type WharfServer } from "./wharf.ts";

const SERVER = new URL("./stress_server.ts", import.meta.url).pathname;

/** Wharf, and how to get at it. */
export interface StressWorld extends AsyncDisposable {
  /** Wharf over HTTP. */
  readonly wharf: WharfServer;
  /** Adds a server; its name is the prefix of its tools. */
  add(name: string, target?: Readonly<Record<string, unknown>>): Promise<void>;
  /** Removes a server. */
  remove(name: string): Promise<void>;
  /** Connects a client over HTTP. */
  connect(name: string, options?: ClientOptions): Promise<StressClient>;
  /** Connects a client over stdio, to a Wharf of its own with the servers of this one. */
  connectStdio(name: string): Promise<StressClient>;
  /** The way to start such a Wharf. */
  stdio(): Promise<WharfCommand>;
  /** How a server stands, as Wharf says. */
  active(name: string): Promise<Readonly<Record<string, unknown>>>;
}

/** What a client can do. */
export interface ClientOptions {
  /** Whether it answers questions. @default {true} */
  readonly answers?: boolean;
}

/** The target of a server that is a process, speaking a version of MCP, with a scheme of its own. */
export function processOf(
  version = "2025-11-25",
  scheme = "stress",
): Readonly<Record<string, unknown>> {
  const flags = ["run", "-q", "--no-prompt", "--no-config", "--no-lock", "--cached-only"];
  return { command: Deno.execPath(), args: [...flags, SERVER, version, scheme] };
}

/** Starts Wharf, without servers. */
export async function startStress(): Promise<StressWorld> {
  await using stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "wharf-stress-" });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const env = { XDG_STATE_HOME: `${folder}/state`, MCP_REGISTRY_CACHE_DIR: `${folder}/cache` };
  const config = `${folder}/config.json`;
  const policy = { unsandboxed: true, "ad_hoc": true };
  await Deno.writeTextFile(config, JSON.stringify({ policy }));
  const args = ["--config", config];
  const wharf = stack.use(await startWharf(args, { env }));
  stack.defer(async () => void await wharf.stop("SIGTERM"));
  const operator = stack.use(
    await connected("operator", overHttp(wharf.mcp), { answers: false }),
  );
  const connect = async (name: string, options: ClientOptions = {}) =>
    await connected(name, overHttp(wharf.mcp), options);
  const open = stack.move();
  return {
    wharf,
    connect,
    async connectStdio(name) {
      const command = await wharfCommand(args, { env });
      return await connected(name, new StdioClientTransport({ ...command, stderr: "ignore" }), {});
    },
    stdio: () => wharfCommand(args, { env }),
    async add(name, target = processOf()) {
      await operator.call("registry-add", { id: name, prefix: name, confirm: true, ...target });
    },
    async remove(name) {
      await operator.call("registry-remove", { id: `adhoc/${name}` });
    },
    async active(name) {
      const { structuredContent } = await operator.call("registry-active", {});
      const { servers } = Object(structuredContent);
      return servers.find(({ id }: { readonly id: string }) => id === `adhoc/${name}`);
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

/** Without coming back: a client that has left would try that with each call that it had. */
function overHttp(mcp: URL): StreamableHTTPClientTransport {
  return new StreamableHTTPClientTransport(mcp, {
    reconnectionOptions: {
      maxRetries: 0,
      initialReconnectionDelay: 0,
      maxReconnectionDelay: 0,
      reconnectionDelayGrowFactor: 1,
    },
  });
}

async function connected(
  name: string,
  transport: StreamableHTTPClientTransport | StdioClientTransport,
  options: ClientOptions,
): Promise<StressClient> {
  const client = new StressClient(name, options);
  await client.sdk.connect(transport);
  return client;
}

/** What is given to one call. */
export interface CallOptions {
  /** Cancels it. */
  readonly signal?: AbortSignal;
  /** Takes the messages of its progress. */
  readonly onProgress?: (message: string) => void;
}

/** A client that answers whatever it is asked with its own name. */
export class StressClient implements AsyncDisposable {
  /** Its name. */
  readonly name: string;
  /** The SDK's client. */
  readonly sdk: Client;
  /** What it was asked, by the key of the call. */
  readonly asked: string[] = [];
  /** The log as it came. */
  readonly logged: string[] = [];
  /** Resources whose updates it was told of. */
  readonly updated: string[] = [];
  /** How often it was told that the tools have changed. */
  toolChanges = 0;

  /**
   * @param name Its name.
   * @param options What it can do.
   */
  constructor(name: string, { answers = true }: ClientOptions) {
    this.name = name;
    this.sdk = new Client({ name, version: "1" }, {
      capabilities: answers ? { sampling: {}, elicitation: {}, roots: {} } : {},
    });
    if (answers) this.#answer();
    this.sdk.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => {
      this.logged.push(String(params.data));
    });
    this.sdk.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => {
      this.updated.push(params.uri);
    });
    this.sdk.setNotificationHandler(ToolListChangedNotificationSchema, () => {
      this.toolChanges++;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { transport } = this.sdk;
    await this.sdk.close();
    // The SDK leaves a timer of two seconds behind.
    if (transport instanceof StdioClientTransport) await pause(2_100);
  }

  /** Ends the session, as a client that says so does. */
  async leave(): Promise<void> {
    const { transport } = this.sdk;
    if (transport instanceof StreamableHTTPClientTransport) await transport.terminateSession();
    await this.sdk.close();
  }

  /** Calls a tool, and gives a result that has not failed. */
  async call(
    name: string,
    args: Readonly<Record<string, unknown>> = {},
    { signal, onProgress }: CallOptions = {},
  ): Promise<Record<string, unknown>> {
    const result = await this.sdk.callTool({ name, arguments: args }, undefined, {
      timeout: 55_000,
      ...(signal === undefined ? {} : { signal }),
      ...(onProgress === undefined
        ? {}
        : { onprogress: ({ message }) => onProgress(message ?? "") }),
    });
    assert.ok(result.isError !== true, JSON.stringify(result.content).slice(0, 2_000));
    return result;
  }

  /** Calls a tool whose answer is JSON in a text. */
  async json(
    name: string,
    args: Readonly<Record<string, unknown>> = {},
    options: CallOptions = {},
  ): Promise<Record<string, unknown>> {
    const { content } = await this.call(name, args, options);
    const [block] = Array.isArray(content) ? content : [];
    return JSON.parse(block?.text);
  }

  /** What a server saw since it was asked last. */
  async seen(server: string): Promise<Seen> {
    const { structuredContent } = await this.call(`${server}_seen`);
    // The server gives exactly this.
    return structuredContent as unknown as Seen;
  }

  #answer(): void {
    this.sdk.setRequestHandler(CreateMessageRequestSchema, ({ params }) => {
      const { content } = params.messages[0] ?? {};
      const key = content !== undefined && "text" in content ? content.text : "";
      this.asked.push(key);
      const text = `${this.name} answers ${key}`;
      return { role: "assistant", model: this.name, content: { type: "text", text } };
    });
    this.sdk.setRequestHandler(ElicitRequestSchema, ({ params }) => {
      this.asked.push(params.message);
      return { action: "accept", content: { who: `${this.name} fills in ${params.message}` } };
    });
    this.sdk.setRequestHandler(ListRootsRequestSchema, () => ({
      roots: [{ uri: `file:///${this.name}`, name: this.name }],
    }));
  }
}

/** A number of 0 to 1 after the other, the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Waits, within bounds, until something holds. */
export async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let turn = 0; turn < 400; turn++) {
    if (await holds()) return;
    await pause(25);
  }
  assert.fail(`it did not come to this: ${what}`);
}

/** Waits. */
export async function pause(durationMs: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, durationMs));
}

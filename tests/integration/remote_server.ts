/**
 * A real MCP server over HTTP on loopback, built with the SDK's server and its transport, and ways
 * to break it. Needs net permission for 127.0.0.1.
 *
 * @module
 */

import { MemoryEventStore } from "../../lib/http/event_store.ts";
import { WebStandardStreamableHTTPServerTransport } from "../../lib/mcp/sdk.ts";
import {
  CallToolRequestSchema,
  ListToolsRequestSchema,
  ResultSchema,
  Server,
  type ServerRequest,
} from "../sdk.ts";

/** Answers before the server does; `undefined` leaves it to the server. */
export type Intercept = (
  request: Request,
) => Response | undefined | Promise<Response | undefined>;

/** How a {@linkcode RemoteServer} behaves. */
export interface RemoteServerOptions {
  /** Whether requests are answered with JSON alone. @default {false} */
  readonly json?: boolean;
  /** Whether streams can be resumed. @default {false} */
  readonly resumable?: boolean;
  /** Answers first. */
  readonly intercept?: Intercept;
  /** Tools in place of its own. */
  readonly tools?: readonly RemoteTool[];
}

/** What a {@linkcode RemoteTool} can do while it is called. */
export interface RemoteCall {
  /** Asks the client something. */
  readonly ask: (
    method: string,
    params?: Record<string, unknown>,
  ) => Promise<Record<string, unknown>>;
}

/** A tool of a test's own. */
export interface RemoteTool {
  /** As it is listed. */
  readonly definition: {
    readonly name: string;
    readonly description?: string;
    readonly inputSchema: {
      readonly type: "object";
      readonly properties?: Record<string, object>;
      readonly required?: string[];
    };
  };
  /** Answers a call. */
  readonly call: (
    args: Record<string, unknown>,
    about: RemoteCall,
  ) => Record<string, unknown> | Promise<Record<string, unknown>>;
}

/** What was asked. */
export interface Asked {
  /** HTTP method. */
  readonly method: string;
  /** Path. */
  readonly path: string;
  /** Headers. */
  readonly headers: Headers;
}

const TOOLS = ["echo", "slow", "cut", "broken"].map((name) => ({
  name,
  inputSchema: { type: "object" as const },
}));

/** A server at `/mcp` with the tools `echo`, `slow` (with progress), `cut` and `broken`. */
export class RemoteServer implements AsyncDisposable {
  /** All requests, in order. */
  readonly asked: Asked[] = [];
  /** Sessions that are open. */
  readonly sessions = new Map<string, WebStandardStreamableHTTPServerTransport>();
  /** Aborts the signal of a `slow` call that was cancelled. */
  readonly cancelled = Promise.withResolvers<void>();
  /** Changes what is answered first. */
  intercept: Intercept | undefined;
  readonly #options: RemoteServerOptions;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #cut = new AbortController();

  constructor(options: RemoteServerOptions = {}) {
    this.#options = options;
    this.intercept = options.intercept;
    this.#server = Deno.serve({
      hostname: "127.0.0.1",
      port: 0,
      signal: this.#cut.signal,
      onListen() {},
      onError: () => new Response("Broken\n", { status: 500 }),
    }, (request) => this.#handle(request));
  }

  /** The server's address. */
  get url(): URL {
    return new URL(`http://127.0.0.1:${this.#server.addr.port}/mcp`);
  }

  /** How often a method was asked. */
  count(method: string): number {
    return this.asked.filter((one) => one.method === method).length;
  }

  /** Sends a notification to every session. */
  async notify(): Promise<void> {
    for (const transport of this.sessions.values()) {
      await transport.send({ jsonrpc: "2.0", method: "notifications/tools/list_changed" });
    }
  }

  /** Closes everything at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#cut.abort();
    await this.#server.finished;
    for (const transport of this.sessions.values()) await transport.close();
  }

  async #handle(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    this.asked.push({
      method: request.method,
      path: pathname,
      headers: new Headers(request.headers),
    });
    const early = await this.intercept?.(request);
    if (early !== undefined) return early;
    if (pathname !== "/mcp") return new Response("Nothing here\n", { status: 404 });
    const id = request.headers.get("mcp-session-id");
    if (id === null) return await (await this.#open()).handleRequest(request);
    const transport = this.sessions.get(id);
    if (transport === undefined) return new Response("No such session\n", { status: 404 });
    return await transport.handleRequest(request);
  }

  async #open(): Promise<WebStandardStreamableHTTPServerTransport> {
    const { json = false, resumable = false } = this.#options;
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => crypto.randomUUID(),
      enableJsonResponse: json,
      onsessioninitialized: (id) => void this.sessions.set(id, transport),
      onsessionclosed: (id) => void this.sessions.delete(id),
      ...(resumable ? { eventStore: new MemoryEventStore(), retryInterval: 50 } : {}),
    });
    const server = new Server({ name: "remote", version: "1" }, {
      capabilities: { tools: { listChanged: true } },
    });
    const { tools: own } = this.#options;
    const listed = own?.map(({ definition }) => definition) ?? TOOLS;
    server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: listed }));
    server.setRequestHandler(CallToolRequestSchema, async ({ params }, extra) => {
      const tool = own?.find(({ definition }) => definition.name === params.name);
      if (tool !== undefined) {
        return await tool.call(params.arguments ?? {}, {
          // The SDK's types know what servers ask; tests ask anything.
          ask: (method, asked) =>
            extra.sendRequest({ method, params: asked } as ServerRequest, ResultSchema),
        });
      }
      const { signal, closeSSEStream, sendNotification } = extra;
      if (params.name === "slow") {
        const token = params._meta?.progressToken;
        if (token !== undefined) {
          await sendNotification({
            method: "notifications/progress",
            params: { progressToken: token, progress: 1 },
          });
        }
        await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
        this.cancelled.resolve();
      }
      // The answer comes when the stream is closed already: it has to be fetched.
      if (params.name === "cut") closeSSEStream?.();
      const text = JSON.stringify(params.arguments ?? {});
      return { content: [{ type: "text", text }], structuredContent: { sent: text } };
    });
    await server.connect(transport);
    return transport;
  }
}

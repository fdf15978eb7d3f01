/**
 * A whole MCP server for the official conformance suite, over stdio or, with `--port`, over
 * Streamable HTTP on loopback; its address then is the first line of its output. Needs net
 * permission for HTTP, none for stdio.
 *
 * @example
 * ```sh
 * deno run --allow-net=127.0.0.1 tests/integration/conformance_server.ts --port 0
 * ```
 *
 * @module
 */

import { MemoryEventStore } from "../../lib/http/event_store.ts";
import {
  CallToolRequestSchema,
  CompleteRequestSchema,
  ErrorCode,
  GetPromptRequestSchema,
  ListPromptsRequestSchema,
  ListResourcesRequestSchema,
  ListResourceTemplatesRequestSchema,
  ListToolsRequestSchema,
  type LoggingLevel,
  LoggingLevelSchema,
  McpError,
  ReadResourceRequestSchema,
  type RequestExtra,
  Server,
  SetLevelRequestSchema,
  StdioServerTransport,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
  WebStandardStreamableHTTPServerTransport,
} from "../sdk.ts";
import {
  type ConformanceTool,
  PROMPTS,
  readResource,
  RESOURCES,
  TEMPLATE,
  TEMPLATE_IDS,
  TOOLS,
} from "./conformance_offers.ts";

/** Levels of log messages, the least severe first (RFC 5424). */
const LEVELS = LoggingLevelSchema.options;

/** A client that polls comes back after so long. */
const RETRY_MS = 100;

/**
 * Makes the server of one session.
 *
 * @returns The server, not connected.
 */
export function conformanceServer(): Server {
  const server = new Server({ name: "conformance", version: "1.0.0" }, {
    capabilities: {
      tools: { listChanged: true },
      prompts: { listChanged: true },
      resources: { subscribe: true, listChanged: true },
      completions: {},
      logging: {},
    },
  });
  const subscribed = new Set<string>();
  let level: LoggingLevel = "debug";

  server.setRequestHandler(SetLevelRequestSchema, ({ params }) => {
    level = params.level;
    return {};
  });
  server.setRequestHandler(SubscribeRequestSchema, ({ params }) => {
    existing(params.uri);
    subscribed.add(params.uri);
    return {};
  });
  server.setRequestHandler(UnsubscribeRequestSchema, ({ params }) => {
    subscribed.delete(params.uri);
    return {};
  });

  server.setRequestHandler(ListToolsRequestSchema, () => ({
    tools: Object.entries(TOOLS).map(([name, tool]) => ({
      name,
      description: tool.description,
      ...tool.also,
      inputSchema: { ...(tool.inputSchema ?? schemaOf(tool)), type: "object" as const },
    })),
  }));
  server.setRequestHandler(CallToolRequestSchema, async ({ params }, extra) => {
    const tool = TOOLS[params.name];
    if (tool === undefined) throw invalid(`Unknown tool: ${params.name}`);
    const capabilities = server.getClientCapabilities();
    try {
      const content = await tool.call(params.arguments ?? {}, {
        extra,
        can: {
          sampling: capabilities?.sampling !== undefined,
          elicitation: capabilities?.elicitation !== undefined,
        },
        log: (text) => log(extra, text),
        async updated(uri) {
          if (subscribed.has(uri)) await server.sendResourceUpdated({ uri });
        },
      });
      return { content: [...content], ...tool.beside };
    } catch (thrown) {
      if (extra.signal.aborted) throw thrown;
      return { content: [{ type: "text", text: messageOf(thrown) }], isError: true };
    }
  });

  server.setRequestHandler(ListPromptsRequestSchema, () => ({
    prompts: Object.entries(PROMPTS).map(([name, { description, args = {}, also }]) => ({
      name,
      description,
      ...also,
      arguments: Object.keys(args).map((arg) => ({
        name: arg,
        description: `Argument ${arg}`,
        required: true,
      })),
    })),
  }));
  server.setRequestHandler(GetPromptRequestSchema, ({ params }) => {
    const prompt = PROMPTS[params.name];
    if (prompt === undefined) throw invalid(`Unknown prompt: ${params.name}`);
    const args = params.arguments ?? {};
    for (const name of Object.keys(prompt.args ?? {})) {
      if (args[name] === undefined) throw invalid(`Missing argument: ${name}`);
    }
    return {
      description: prompt.description,
      messages: prompt.get(args).map((content) => ({ role: "user", content })),
    };
  });

  server.setRequestHandler(ListResourcesRequestSchema, () => ({
    resources: Object.entries(RESOURCES).map(([uri, { name, description, mimeType, also }]) => ({
      uri,
      name,
      description,
      mimeType,
      ...also,
    })),
  }));
  server.setRequestHandler(ListResourceTemplatesRequestSchema, () => ({
    resourceTemplates: [TEMPLATE],
  }));
  server.setRequestHandler(ReadResourceRequestSchema, ({ params }) => ({
    contents: [existing(params.uri)],
  }));

  server.setRequestHandler(CompleteRequestSchema, ({ params: { ref, argument } }) => {
    const all = ref.type === "ref/prompt"
      ? PROMPTS[ref.name]?.args?.[argument.name]
      : ref.uri === TEMPLATE.uriTemplate && argument.name === "id"
      ? TEMPLATE_IDS
      : undefined;
    if (all === undefined) throw invalid(`Nothing to complete: ${argument.name}`);
    const values = all.filter((value) => value.startsWith(argument.value));
    return { completion: { values, total: values.length, hasMore: false } };
  });

  async function log(extra: RequestExtra, text: string): Promise<void> {
    if (LEVELS.indexOf("info") < LEVELS.indexOf(level)) return;
    await extra.sendNotification({
      method: "notifications/message",
      params: { level: "info", logger: "conformance", data: text },
    });
  }

  return server;
}

/** The server over Streamable HTTP. */
export interface ConformanceHttp extends AsyncDisposable {
  /** Where MCP is. */
  readonly url: URL;
  /** Resolves when it has ended. */
  readonly finished: Promise<void>;
}

/**
 * Serves over HTTP on 127.0.0.1; every session has a server of its own.
 *
 * @param port Where; 0 is a free one.
 */
export function serveConformance(port: number): ConformanceHttp {
  const sessions = new Map<string, WebStandardStreamableHTTPServerTransport>();
  const cut = new AbortController();
  const http = Deno.serve({
    hostname: "127.0.0.1",
    port,
    signal: cut.signal,
    onListen() {},
  }, async (request) => {
    if (new URL(request.url).pathname !== "/mcp") return new Response(null, { status: 404 });
    const id = request.headers.get("mcp-session-id");
    if (id === null) return await (await open()).handleRequest(request);
    const session = sessions.get(id);
    if (session === undefined) return new Response("No such session\n", { status: 404 });
    return await session.handleRequest(request);
  });
  const { addr } = http;

  async function open(): Promise<WebStandardStreamableHTTPServerTransport> {
    const hosts = ["127.0.0.1", "localhost"].map((name) => `${name}:${addr.port}`);
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => crypto.randomUUID(),
      eventStore: new MemoryEventStore(),
      retryInterval: RETRY_MS,
      enableDnsRebindingProtection: true,
      allowedHosts: hosts,
      allowedOrigins: hosts.map((host) => `http://${host}`),
      onsessioninitialized: (id) => void sessions.set(id, transport),
      onsessionclosed: (id) => void sessions.delete(id),
    });
    await conformanceServer().connect(transport);
    return transport;
  }

  return {
    url: new URL(`http://127.0.0.1:${addr.port}/mcp`),
    finished: http.finished,
    async [Symbol.asyncDispose]() {
      for (const session of sessions.values()) await session.close();
      cut.abort();
      await http.finished;
    },
  };
}

function schemaOf({ args = [] }: ConformanceTool): Readonly<Record<string, unknown>> {
  return {
    type: "object",
    properties: Object.fromEntries(args.map((name) => [name, { type: "string" }])),
    ...(args.length === 0 ? {} : { required: args }),
  };
}

function existing(uri: string): NonNullable<ReturnType<typeof readResource>> {
  const content = readResource(uri);
  // The code that the specification has for it (MCP, "Resources", error handling).
  if (content === undefined) throw new McpError(-32002, "Resource not found", { uri });
  return content;
}

function invalid(message: string): McpError {
  return new McpError(ErrorCode.InvalidParams, message);
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

if (import.meta.main) {
  const [flag, port] = Deno.args;
  if (flag === "--port") {
    const http = serveConformance(Number(port));
    await Deno.stdout.write(new TextEncoder().encode(`${http.url.href}\n`));
    await http.finished;
  } else {
    await conformanceServer().connect(new StdioServerTransport());
  }
}

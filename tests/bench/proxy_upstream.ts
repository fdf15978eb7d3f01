/**
 * A small MCP server in a process of its own, which `proxy.ts` asks directly and through Wharf:
 * over stdio, or over Streamable HTTP on a free port of loopback, whose address is its first line.
 * Built with the SDK's server, as most servers are. Needs net permission for 127.0.0.1.
 *
 * @example
 * ```sh
 * deno run --allow-net=127.0.0.1 tests/bench/proxy_upstream.ts http
 * ```
 *
 * @module
 */

import { WebStandardStreamableHTTPServerTransport } from "../../lib/mcp/sdk.ts";
import {
  CallToolRequestSchema,
  ListToolsRequestSchema,
  Server,
  StdioServerTransport,
} from "../sdk.ts";

const TOOLS = ["echo", "wait", "text", "image"].map((name) => ({
  name,
  inputSchema: { type: "object" as const },
}));

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Characters that do not compress to nothing, and need no escape. */
function noise(size: number): string {
  let state = 1;
  const characters = Array.from({ length: 4096 }, () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return ALPHABET[state % ALPHABET.length] ?? "A";
  }).join("");
  return characters.repeat(Math.ceil(size / characters.length)).slice(0, size);
}

function createServer(): Server {
  const server = new Server({ name: "bench", version: "1" }, { capabilities: { tools: {} } });
  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: TOOLS }));
  server.setRequestHandler(CallToolRequestSchema, async ({ params }) => {
    const { text = "", ms = 0, bytes = 0 } = params.arguments ?? {};
    switch (params.name) {
      case "wait":
        await new Promise((resolve) => setTimeout(resolve, Number(ms)));
        return { content: [{ type: "text", text: String(text) }] };
      case "text":
        return { content: [{ type: "text", text: noise(Number(bytes)) }] };
      case "image":
        return { content: [{ type: "image", data: noise(Number(bytes)), mimeType: "image/png" }] };
      default:
        return { content: [{ type: "text", text: String(text) }] };
    }
  });
  return server;
}

function serveHttp(): void {
  const sessions = new Map<string, WebStandardStreamableHTTPServerTransport>();
  const open = async (): Promise<WebStandardStreamableHTTPServerTransport> => {
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => crypto.randomUUID(),
      onsessioninitialized: (id) => void sessions.set(id, transport),
      onsessionclosed: (id) => void sessions.delete(id),
    });
    await createServer().connect(transport);
    return transport;
  };
  Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen: ({ port }) =>
      void Deno.stdout.writeSync(new TextEncoder().encode(`http://127.0.0.1:${port}/mcp\n`)),
  }, async (request) => {
    const id = request.headers.get("mcp-session-id");
    const transport = id === null ? await open() : sessions.get(id);
    return await transport?.handleRequest(request) ?? new Response(null, { status: 404 });
  });
}

if (import.meta.main) {
  if (Deno.args[0] === "http") serveHttp();
  else await createServer().connect(new StdioServerTransport());
}

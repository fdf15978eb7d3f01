/**
 * Servers that are used once. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { HttpRequest } from "../../lib/core/http.ts";
import { MemoryDisk } from "../../lib/core/memory_disk.ts";
import {
  type DirectPerson,
  type DirectServer,
  type DirectSpec,
  openDirect,
} from "../../lib/gateway/direct_call.ts";
import { parsePolicy } from "../../lib/gateway/policy.ts";
import { FakeClock } from "../fake_clock.ts";
import { FakeLog } from "../fake_log.ts";
import { nobody } from "./oauth_world.ts";
import { servedNet } from "./served_net.ts";

const URL_OF_SERVER = "https://mcp.example/mcp";
const TOOLS = [
  { name: "list_pages", inputSchema: { type: "object" } },
  { name: "li\u202est", description: "Odd", inputSchema: { type: "object" } },
  { name: "search", inputSchema: { type: "object" } },
];

const PERSON: DirectPerson = {
  authorize: nobody,
  elicit: () => Promise.reject(new Error("A person was asked")),
  opensPages: false,
};

/** What a server answers a tool call with. */
type Answer = (params: Record<string, unknown>) => Record<string, unknown>;

/** Connects to a server, and tells what was asked of it. */
function reach(
  spec: Partial<DirectSpec> = {},
  { answer = () => ({ result: { content: [] } }), policy = {}, person = {} }: {
    readonly answer?: Answer;
    readonly policy?: Record<string, unknown>;
    readonly person?: Partial<DirectPerson>;
  } = {},
) {
  const log = new FakeLog();
  const messages: Record<string, unknown>[] = [];
  const net = servedNet(async (request) => {
    if (request.method === "GET") return new Response(null, { status: 405 });
    if (request.method === "DELETE") return new Response(null, { status: 204 });
    const message = await request.json();
    messages.push(message);
    if (message.id === undefined) return new Response(null, { status: 202 });
    const answers: Record<string, Record<string, unknown>> = {
      "initialize": {
        result: {
          protocolVersion: "2025-11-25",
          capabilities: { tools: {} },
          serverInfo: { name: "srv", version: "1" },
        },
      },
      "tools/list": { result: { tools: TOOLS } },
      "ping": { result: {} },
    };
    const given = answers[message.method] ?? answer(message.params);
    return Response.json({ jsonrpc: "2.0", id: message.id, ...given });
  });
  const open = (timeoutMs = 30_000): Promise<DirectServer> =>
    openDirect({ url: URL_OF_SERVER, ...spec }, {
      net,
      clock: new FakeClock(),
      log,
      env: {},
      variable: (name) => name === "TOKEN" ? "t0ken-value" : undefined,
      files: { read: () => Promise.resolve(undefined) },
      listen: () => Promise.reject(new Error("Nobody signs in")),
      disk: new MemoryDisk(),
      policy: parsePolicy(policy),
      clientInfo: { name: "wharf", version: "9" },
    }, { person: { ...PERSON, ...person }, timeoutMs });
  return { open, net, log, messages, requests: (): readonly HttpRequest[] => net.requests };
}

Deno.test("openDirect() shakes hands, calls with the headers given, and ends the session", async () => {
  const { open, messages, net, log } = reach({
    headers: ["Authorization=Bearer env:TOKEN", "X-Api-Key=hunter2"],
  }, { answer: (params) => ({ result: { content: [], echoed: params } }) });
  {
    await using server = await open();
    assert.equal(server.info.name, "srv");
    const result = await server.call("search", { q: 1 });
    assert.deepEqual(result["echoed"], { name: "search", arguments: { q: 1 } });
  }
  const initialize = messages.find(({ method }) => method === "initialize");
  assert.deepEqual(initialize?.["params"], {
    protocolVersion: "2025-11-25",
    capabilities: { elicitation: { form: {} } },
    clientInfo: { name: "wharf", version: "9" },
  });
  for (const { headers } of net.requests) {
    assert.equal(new Headers(headers).get("authorization"), "Bearer t0ken-value");
  }
  const told = JSON.stringify(log.records);
  assert.match(told, /a credential in a command line can be read by others.*X-Api-Key/);
  assert.doesNotMatch(told, /t0ken|hunter2/);
});

Deno.test("openDirect() gives a server as long to begin as it is told", async () => {
  const { open, net } = reach({}, { answer: () => ({ result: {} }) });
  await using server = await open(2000);
  assert.equal(server.info.name, "srv");
  assert.equal(net.requests[0]?.timeoutMs, 2000);
});

Deno.test("openDirect() says that pages can be opened only where they can", async () => {
  const { open, messages } = reach({}, { person: { opensPages: true } });
  await using _server = await open();
  const initialize = messages.find(({ method }) => method === "initialize");
  assert.match(JSON.stringify(initialize), /"elicitation":\{"form":\{\},"url":\{\}\}/);
});

Deno.test("tool() finds a tool, or names the nearest ones, cleaned", async () => {
  const { open } = reach();
  await using server = await open();
  assert.equal(server.tool("search").name, "search");
  assert.deepEqual(server.definitions, TOOLS);
  assert.throws(() => server.tool("list"), {
    code: "NOT_FOUND",
    message: 'Cannot call "list" of "mcp.example": it has no such tool',
    hint: "Nearest tools: list, list_pages",
  });
  assert.throws(() => server.tool("q\u202e".repeat(30)), {
    hint: "List its tools: leave the tool out",
  });
});

Deno.test("call() tells the server's errors without what was sent to it", async () => {
  const { open } = reach({ headers: ["X-Key=env:TOKEN"] }, {
    answer: () => ({ error: { code: -32602, message: "bad key t0ken-value" } }),
  });
  await using server = await open();
  await assert.rejects(server.call("search", {}), {
    code: "INVALID_ARGUMENT",
    message: 'Cannot call tool "search" of "mcp.example": bad key [secret]',
  });
});

Deno.test("call() names the pages that a call needs to be opened first", async () => {
  const pages = ["https://pay.example/1", "javascript:alert(1)", 5, "http://x.example/\u202e"];
  const { open } = reach({}, {
    answer: () => ({
      error: {
        code: -32042,
        message: "Pay first",
        data: { elicitations: pages.map((url) => ({ mode: "url", url })) },
      },
    }),
  });
  await using server = await open();
  await assert.rejects(server.call("search", {}), {
    code: "FORBIDDEN",
    message: 'Cannot call tool "search" of "mcp.example": Pay first',
    hint: "Open https://pay.example/1 and http://x.example/%E2%80%AE in a browser, then call again",
  });
});

Deno.test("openDirect() asks nothing of what the operator's policy refuses", async () => {
  const cases: readonly [policy: Record<string, unknown>, url: string, reason: RegExp][] = [
    [{ deny: [{ host: "*.example" }] }, URL_OF_SERVER, /the operator denies host "\*\.example"/],
    [{ deny: [{ host: "mcp.example" }] }, "https://MCP.example:444/", /denies host/],
    [{ require_allowed: true }, URL_OF_SERVER, /no rule of the operator allows it/],
    [{ require_official: true }, URL_OF_SERVER, /no source calls it official/],
    [{ network: "none" }, URL_OF_SERVER, /the operator allows no network/],
  ];
  for (const [policy, url, reason] of cases) {
    const { open, requests } = reach({ url }, { policy });
    await assert.rejects(open(), (error: Error & { code?: string }) => {
      assert.equal(error.code, "FORBIDDEN");
      assert.match(error.message, reason);
      return true;
    });
    assert.equal(requests().length, 0);
  }
  const allowed = reach({}, {
    policy: { require_allowed: true, allow: [{ host: "mcp.example" }], confirm: "always" },
  });
  await using _server = await allowed.open();
});

Deno.test("openDirect() refuses addresses of another form, and shows no login", async () => {
  for (const url of ["nothing", "ftp://x.example/", "https://me:hunter2@mcp.example/mcp"]) {
    const { open, requests } = reach({ url });
    await assert.rejects(open(), (error: Error & { code?: string; hint?: string }) => {
      assert.equal(error.code, "INVALID_ARGUMENT");
      assert.doesNotMatch(`${error.message} ${error.hint}`, /hunter2/);
      return true;
    });
    assert.equal(requests().length, 0);
  }
  const { open } = reach({ url: "http://mcp.example/mcp" });
  await assert.rejects(open(), { code: "ADDRESS_REFUSED" });
});

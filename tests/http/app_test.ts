/**
 * MCP over HTTP without a socket: routes, guards, sessions and their end. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { createHttpApp, type HttpApp, type HttpAppOptions } from "../../lib/http/mod.ts";
import { createInventory } from "../../lib/mcp/inventory.ts";
import { Server } from "../../lib/mcp/protocol.ts";
import { type BoundTool, defineTool } from "../../lib/mcp/tool.ts";
import { z } from "zod";
import { FakeClock } from "../fake_clock.ts";
import { FakeLog } from "../fake_log.ts";

const INITIALIZE = {
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: {
    protocolVersion: "2025-11-25",
    capabilities: {},
    clientInfo: { name: "test", version: "1" },
  },
};

const BOTH = "application/json, text/event-stream";

/** A tool that waits until the test lets it go. */
function gate(): { readonly tool: BoundTool; readonly started: Promise<void>; open(): void } {
  const started = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<void>();
  const tool = defineTool({
    name: "gate",
    title: "Gate",
    toolset: "oci",
    description: "Waits.",
    annotations: {
      readOnlyHint: true,
      destructiveHint: false,
      idempotentHint: true,
      openWorldHint: false,
    },
    input: z.strictObject({}),
    output: z.object({}),
    async handle() {
      started.resolve();
      await opened.promise;
      return { structured: {}, text: "through" };
    },
  });
  return { tool: tool.bind({}), started: started.promise, open: opened.resolve };
}

interface TestApp extends AsyncDisposable {
  readonly app: HttpApp;
  readonly clock: FakeClock;
  readonly log: FakeLog;
  readonly closedServers: () => number;
  request(path: string, init?: RequestInit): Promise<Response>;
  post(body: unknown, headers?: Record<string, string>): Promise<Response>;
  /** Opens a session and gives its id. */
  open(headers?: Record<string, string>): Promise<string>;
}

function openApp(
  options: Partial<HttpAppOptions> & { tools?: readonly BoundTool[] } = {},
): TestApp {
  const clock = new FakeClock();
  const log = new FakeLog();
  const inventory = createInventory({ tools: options.tools ?? [], prompts: [], templates: [] });
  let closed = 0;
  const app = createHttpApp({
    connect: () => {
      const server = new Server({
        info: { name: "wharf", version: "1" },
        instructions: "",
        inventory,
        clock,
        log,
      });
      const cleanUp = server.onclose;
      server.onclose = () => {
        closed++;
        cleanUp?.();
      };
      return server;
    },
    clock,
    log,
    allowedHosts: [],
    allowedOrigins: [],
    ...options,
  });
  const request = (path: string, init: RequestInit = {}) =>
    app.handle(new Request(new URL(path, "http://127.0.0.1:8080"), init));
  const post = (body: unknown, headers: Record<string, string> = {}) =>
    request("/mcp", {
      method: "POST",
      headers: { "content-type": "application/json", accept: BOTH, ...headers },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
  return {
    app,
    clock,
    log,
    closedServers: () => closed,
    request,
    post,
    async open(headers = {}) {
      const response = await post(INITIALIZE, headers);
      assert.equal(response.status, 200, await response.clone().text());
      await response.text();
      const id = response.headers.get("mcp-session-id");
      assert.ok(id !== null);
      await (await post(
        { jsonrpc: "2.0", method: "notifications/initialized" },
        { "mcp-session-id": id, ...headers },
      )).body?.cancel();
      return id;
    },
    async [Symbol.asyncDispose]() {
      await app.close({ graceMs: 0 });
    },
  };
}

/** The JSON of the first message event of a stream. */
function firstMessage(
  text: string,
): { readonly result?: unknown; readonly error?: { code: number } } {
  const data = text.split("\n").find((line) => line.startsWith("data: {"));
  assert.ok(data !== undefined, text);
  return JSON.parse(data.slice("data: ".length));
}

async function statusOf(promise: Promise<Response>): Promise<number> {
  const response = await promise;
  await response.body?.cancel();
  return response.status;
}

Deno.test("health, readiness and the root page are plain GETs", async () => {
  await using app = openApp();
  const health = await app.request("/healthz");
  assert.deepEqual([health.status, await health.text()], [200, "OK\n"]);
  const ready = await app.request("/readyz");
  assert.deepEqual(await ready.json(), { status: "ready", sessions: 0, max_sessions: 1000 });
  assert.match(await (await app.request("/")).text(), /MCP at \/mcp/);
  assert.equal(await statusOf(app.request("/nothing")), 404);
});

Deno.test("a session answers over SSE, and over JSON to a client that takes only that", async () => {
  await using app = openApp();
  const id = await app.open();
  const ping = { jsonrpc: "2.0", id: 2, method: "ping" };
  const events = await app.post(ping, { "mcp-session-id": id });
  assert.equal(events.headers.get("content-type"), "text/event-stream");
  assert.deepEqual(firstMessage(await events.text()).result, {});
  const json = await app.post(INITIALIZE, { accept: "application/json" });
  assert.match(json.headers.get("content-type") ?? "", /^application\/json/);
  assert.equal((await json.json()).id, 1);
  assert.equal(app.app.sessionCount, 2);
});

Deno.test("a missing session is 400, an unknown one 404, a wrong method 405", async () => {
  await using app = openApp();
  const ping = { jsonrpc: "2.0", id: 2, method: "ping" };
  assert.equal(await statusOf(app.post(ping)), 400);
  assert.equal(await statusOf(app.post(ping, { "mcp-session-id": "nope" })), 404);
  assert.equal(await statusOf(app.request("/mcp", { headers: { accept: BOTH } })), 400);
  const put = await app.request("/mcp", { method: "PUT", body: "x" });
  assert.deepEqual([put.status, put.headers.get("allow")], [405, "GET, POST, DELETE"]);
  await put.body?.cancel();
  assert.equal(await statusOf(app.request("/sse", { method: "POST", body: "x" })), 405);
  assert.equal(await statusOf(app.request("/messages")), 405);
});

Deno.test("a malformed body is a parse error, one over the limit is 413", async () => {
  await using app = openApp({ maxBodyBytes: 1000 });
  const malformed = await app.post("{");
  assert.equal(malformed.status, 400);
  assert.equal((await malformed.json()).error.code, -32700);
  assert.equal(await statusOf(app.post({ jsonrpc: "2.0", x: "y".repeat(2000) })), 413);
  // Counted while it streams, whatever its length says.
  const body = new ReadableStream({
    pull: (controller) => controller.enqueue(new TextEncoder().encode("x".repeat(600))),
  });
  assert.equal(
    await statusOf(app.request("/mcp", { method: "POST", body, headers: { accept: BOTH } })),
    413,
  );
  assert.equal(app.app.sessionCount, 0);
});

Deno.test("a body that does not end is not waited for", async () => {
  await using app = openApp();
  const body = new ReadableStream({
    start: (controller) => controller.enqueue(new TextEncoder().encode("{")),
  });
  const answer = statusOf(
    app.request("/mcp", { method: "POST", body, headers: { accept: BOTH } }),
  );
  await app.clock.advance(60_000);
  assert.equal(await answer, 408);
  assert.equal(app.clock.sleeping, 0);
});

Deno.test("a refused initialize leaves no session behind", async () => {
  await using app = openApp();
  const response = await app.post(INITIALIZE, { accept: "text/plain" });
  assert.equal(response.status, 406);
  await response.body?.cancel();
  assert.equal(app.app.sessionCount, 0);
  assert.equal(app.closedServers(), 1);
});

Deno.test("DELETE ends a session, once", async () => {
  await using app = openApp();
  const id = await app.open();
  const headers = { "mcp-session-id": id };
  assert.equal(await statusOf(app.request("/mcp", { method: "DELETE", headers })), 200);
  assert.equal(app.app.sessionCount, 0);
  assert.equal(app.closedServers(), 1);
  assert.equal(await statusOf(app.request("/mcp", { method: "DELETE", headers })), 404);
});

Deno.test("a Host that is not allowed is refused (DNS rebinding)", async () => {
  await using app = openApp({ allowedHosts: ["wharf.example"] });
  const from = (host: string) => statusOf(app.request("/healthz", { headers: { host } }));
  for (
    const host of [
      "localhost",
      "localhost:99",
      "127.0.0.1:8080",
      "[::1]:1",
      "wharf.example",
      "Wharf.Example:443",
    ]
  ) {
    assert.equal(await from(host), 200, host);
  }
  for (const host of ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", ""]) {
    assert.equal(await from(host), 403, host);
  }
});

Deno.test("an address of IPv6 that is allowed is known as clients write it", async () => {
  await using app = openApp({ allowedHosts: ["FD00:0::2", "[fd00::3]", "fd00::4:1"] });
  const from = (host: string) => statusOf(app.request("/healthz", { headers: { host } }));
  for (const host of ["[fd00::2]:8080", "[fd00::2]", "[fd00::3]:8080", "[fd00::4:1]"]) {
    assert.equal(await from(host), 200, host);
  }
  for (const host of ["[fd00::5]:8080", "fd00::2", "[fd00::4]:1"]) {
    assert.equal(await from(host), 403, host);
  }
});

Deno.test("an Origin that is not allowed is refused, an allowed one sees the answer", async () => {
  await using app = openApp({ allowedOrigins: ["https://app.example"] });
  const from = (origin: string) => app.request("/healthz", { headers: { origin } });
  for (const origin of ["http://localhost:3000", "https://app.example", "http://127.0.0.1"]) {
    const response = await from(origin);
    assert.equal(response.status, 200, origin);
    assert.equal(response.headers.get("access-control-allow-origin"), origin);
    await response.body?.cancel();
  }
  for (const origin of ["https://evil.example", "null", "file://", "https://app.example.evil"]) {
    assert.equal(await statusOf(from(origin)), 403, origin);
  }
  const preflight = await app.request("/mcp", {
    method: "OPTIONS",
    headers: { origin: "https://app.example" },
  });
  assert.equal(preflight.status, 204);
  assert.match(preflight.headers.get("access-control-allow-headers") ?? "", /Mcp-Session-Id/);
});

Deno.test("a token is wanted everywhere but for health, and named in the challenge", async () => {
  await using app = openApp({ authToken: "correct horse" });
  assert.equal(await statusOf(app.request("/healthz")), 200);
  const missing = await app.post(INITIALIZE);
  assert.equal(missing.status, 401);
  assert.equal(missing.headers.get("www-authenticate"), 'Bearer realm="wharf"');
  await missing.body?.cancel();
  const wrong = await app.post(INITIALIZE, { authorization: "Bearer wrong" });
  assert.match(wrong.headers.get("www-authenticate") ?? "", /error="invalid_token"/);
  await wrong.body?.cancel();
  assert.equal(await statusOf(app.request("/sse")), 401);
  assert.ok(!JSON.stringify(app.log.records).includes("correct"));
});

Deno.test("the right token opens a session", async () => {
  await using app = openApp({ authToken: "correct-horse" });
  await app.open({ authorization: "bearer correct-horse" });
  assert.equal(app.app.sessionCount, 1);
});

Deno.test("sessions are limited, and a full house says when to come back", async () => {
  await using app = openApp({ maxSessions: 2 });
  await app.open();
  await app.open();
  const full = await app.post(INITIALIZE);
  assert.deepEqual([full.status, full.headers.get("retry-after")], [503, "30"]);
  await full.body?.cancel();
  assert.equal(await statusOf(app.request("/sse")), 503);
  assert.equal(await statusOf(app.request("/readyz")), 503);
});

Deno.test("an idle session ends, one with an open stream does not", async () => {
  await using app = openApp({ sessionIdleMs: 10_000 });
  const idle = await app.open();
  const busy = await app.open();
  const stream = await app.request("/mcp", {
    headers: { accept: "text/event-stream", "mcp-session-id": busy },
  });
  assert.equal(stream.status, 200);
  await app.clock.advance(10_000);
  await app.clock.advance(10_000);
  const ping = { jsonrpc: "2.0", id: 2, method: "ping" };
  assert.equal(await statusOf(app.post(ping, { "mcp-session-id": idle })), 404);
  assert.equal(app.app.sessionCount, 1);
  await stream.body?.cancel();
});

Deno.test("closing finishes the call in hand and takes no new session", async () => {
  const { tool, started, open } = gate();
  await using app = openApp({ tools: [tool] });
  const id = await app.open();
  const call = app.post(
    { jsonrpc: "2.0", id: 2, method: "tools/call", params: { name: "gate", arguments: {} } },
    { "mcp-session-id": id },
  ).then((response) => response.text());
  await started;
  const closed = app.app.close({ graceMs: 5000 });
  assert.equal(await statusOf(app.post(INITIALIZE)), 503);
  open();
  assert.match(await call, /through/);
  await app.clock.advance(100);
  await closed;
  assert.equal(app.app.sessionCount, 0);
});

Deno.test("closing finishes the call in hand over the older transport too", async () => {
  const { tool, started, open } = gate();
  await using app = openApp({ tools: [tool] });
  const stream = await app.request("/sse");
  assert.ok(stream.body !== null);
  const reader = stream.body.pipeThrough(new TextDecoderStream()).getReader();
  const endpoint = /data: (.+)\n/.exec((await reader.read()).value ?? "")?.[1] ?? "";
  const send = (message: unknown) =>
    statusOf(app.request(endpoint, { method: "POST", body: JSON.stringify(message) }));
  await send(INITIALIZE);
  await reader.read();
  const call = { jsonrpc: "2.0", method: "tools/call", params: { name: "gate", arguments: {} } };
  await send({ ...call, id: 2 });
  await started;
  await send({ ...call, id: 3 });
  // Nobody waits for the answer of what was cancelled.
  await send({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 3 } });
  const closed = app.app.close({ graceMs: 5000 });
  open();
  assert.match((await reader.read()).value ?? "", /"id":2,.*through/);
  await app.clock.advance(50);
  await closed;
  assert.equal((await reader.read()).done, true);
  assert.equal(app.app.sessionCount, 0);
});

Deno.test("a stream that broke goes on after its last event", async () => {
  const { tool, started, open } = gate();
  await using app = openApp({ tools: [tool] });
  const id = await app.open();
  const posted = app.post(
    { jsonrpc: "2.0", id: 2, method: "tools/call", params: { name: "gate", arguments: {} } },
    { "mcp-session-id": id, "mcp-protocol-version": "2025-11-25" },
  );
  await started;
  // The head of an answer waits so long for a body that is soon whole.
  await app.clock.advance(500);
  const response = await posted;
  assert.ok(response.body !== null);
  const reader = response.body.getReader();
  const first = new TextDecoder().decode((await reader.read()).value);
  const lastEvent = /^id: (.+)$/m.exec(first)?.[1];
  assert.ok(lastEvent !== undefined, first);
  await reader.cancel();
  open();
  const resumed = await app.request("/mcp", {
    headers: { accept: "text/event-stream", "mcp-session-id": id, "last-event-id": lastEvent },
  });
  assert.equal(resumed.status, 200);
  assert.ok(resumed.body !== null);
  const rest = resumed.body.getReader();
  const event = new TextDecoder().decode((await rest.read()).value);
  assert.match(event, /through/);
  await rest.cancel();
});

Deno.test("a stream that has brought its answer is not opened again", async () => {
  await using app = openApp();
  const id = await app.open();
  const headers = { "mcp-session-id": id, "mcp-protocol-version": "2025-11-25" };
  const resume = async (body: unknown) => {
    const response = await app.post(body, headers);
    const lastEvent = [...(await response.text()).matchAll(/^id: (.+)$/gm)].at(-1)?.[1] ?? "";
    const resumed = await app.request("/mcp", {
      headers: { ...headers, accept: "text/event-stream", "last-event-id": lastEvent },
    });
    await resumed.body?.cancel();
    return resumed.status;
  };
  const unknown = { jsonrpc: "2.0", id: 2, method: "no/such" };
  assert.equal(await resume(unknown), 405, "the SDK's client would come back after each error");
  // Answers of a batch share a stream, so that one may follow another.
  assert.equal(await resume([{ ...unknown, id: 3 }, { ...unknown, id: 4 }]), 200);
});

Deno.test("the older transport answers on its stream", async () => {
  await using app = openApp();
  const stream = await app.request("/sse");
  assert.ok(stream.body !== null);
  const reader = stream.body.pipeThrough(new TextDecoderStream()).getReader();
  const endpoint = /data: (.+)\n/.exec((await reader.read()).value ?? "")?.[1] ?? "";
  assert.match(endpoint, /^\/messages\?sessionId=[0-9a-f-]{36}$/);
  const send = (body: string, path = endpoint) =>
    statusOf(app.request(path, { method: "POST", body }));
  assert.equal(await send(JSON.stringify(INITIALIZE)), 202);
  const answer = (await reader.read()).value ?? "";
  assert.match(
    answer,
    /^event: message\ndata: \{"jsonrpc":"2.0","id":1,"result":\{"protocolVersion"/,
  );
  assert.equal(await send("{"), 400);
  assert.equal(await send("{}"), 400);
  assert.equal(await send("{}", "/messages?sessionId=nope"), 404);
  assert.equal(await send("{}", "/messages"), 400);
  await app.clock.advance(15_000);
  assert.equal((await reader.read()).value, ": keep-alive\n\n");
  await reader.cancel();
  assert.equal(app.app.sessionCount, 0);
});

Deno.test("200 sessions opened and ended leave nothing behind", async () => {
  await using app = openApp();
  const ids = await Promise.all(Array.from({ length: 200 }, () => app.open()));
  assert.equal(new Set(ids).size, 200);
  await Promise.all(
    ids.map((id) =>
      statusOf(app.request("/mcp", { method: "DELETE", headers: { "mcp-session-id": id } }))
    ),
  );
  assert.equal(app.app.sessionCount, 0);
  assert.equal(app.closedServers(), 200);
});

/**
 * Who is let in to MCP over HTTP, with a token of the operator's and with an issuer's, and what
 * they may ask for. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import {
  createHttpApp,
  type HttpApp,
  type HttpAppOptions,
  type HttpExchange,
} from "../../lib/http/mod.ts";
import type { FinishedCall } from "../../lib/mcp/mod.ts";
import { Server } from "../../lib/mcp/protocol.ts";
import { FakeClock } from "../fake_clock.ts";
import { FakeLog } from "../fake_log.ts";
import { makeWorld } from "../mcp/world.ts";
import { AUDIENCE, ISSUER, NOW_SECONDS, TestIssuer } from "./test_issuer.ts";

const METADATA = "/.well-known/oauth-protected-resource";

interface TestApp extends AsyncDisposable {
  readonly app: HttpApp;
  readonly clock: FakeClock;
  readonly log: FakeLog;
  request(path: string, init?: RequestInit, remote?: string): Promise<Response>;
  /** Posts one message with a token. */
  post(token: string | undefined, body: unknown, session?: string): Promise<Response>;
  /** Opens a session and gives its id. */
  open(token: string): Promise<string>;
}

function openApp(options: Partial<HttpAppOptions> = {}): TestApp {
  const clock = new FakeClock();
  const log = new FakeLog();
  const { inventory } = makeWorld();
  const app = createHttpApp({
    connect: () =>
      new Server({
        info: { name: "wharf", version: "1" },
        instructions: "",
        inventory,
        clock,
        log,
      }),
    own: inventory,
    clock,
    log,
    allowedHosts: ["wharf.example"],
    allowedOrigins: [],
    ...options,
  });
  const request = (path: string, init: RequestInit = {}, remote = "192.0.2.1") =>
    app.handle(new Request(new URL(path, "https://wharf.example"), init), { remote });
  const post = (token: string | undefined, body: unknown, session?: string) =>
    request("/mcp", {
      method: "POST",
      headers: {
        accept: "application/json, text/event-stream",
        "content-type": "application/json",
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(session === undefined ? {} : { "mcp-session-id": session }),
      },
      body: JSON.stringify(body),
    });
  return {
    app,
    clock,
    log,
    request,
    post,
    async open(token) {
      const response = await post(token, INITIALIZE);
      assert.equal(response.status, 200, await response.clone().text());
      await response.text();
      return response.headers.get("mcp-session-id") ?? "";
    },
    async [Symbol.asyncDispose]() {
      await app.close({ graceMs: 0 });
    },
  };
}

async function openGuarded(options: Partial<HttpAppOptions> = {}) {
  const issuer = await TestIssuer.open();
  const oauth = { issuer: ISSUER, audiences: [AUDIENCE], net: issuer.net };
  return { issuer, app: openApp({ oauth, ...options }) };
}

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

function call(name: string, args: unknown = {}): unknown {
  return { jsonrpc: "2.0", id: 2, method: "tools/call", params: { name, arguments: args } };
}

async function statusOf(promise: Promise<Response>): Promise<number> {
  const response = await promise;
  await response.body?.cancel();
  return response.status;
}

async function challengeOf(promise: Promise<Response>): Promise<readonly [number, string | null]> {
  const response = await promise;
  await response.body?.cancel();
  return [response.status, response.headers.get("www-authenticate")];
}

const DESCRIBED = `resource_metadata="https://wharf.example${METADATA}/mcp"`;

Deno.test("with an issuer, a call without a token is told where to sign in", async () => {
  const { app } = await openGuarded();
  await using _ = app;
  assert.deepEqual(await challengeOf(app.post(undefined, INITIALIZE)), [
    401,
    `Bearer realm="wharf", scope="read write", ${DESCRIBED}`,
  ]);
  for (const path of ["/mcp", "/sse", "/messages"]) {
    assert.equal(await statusOf(app.request(path)), 401, path);
  }
  assert.equal(await statusOf(app.request("/healthz")), 200);
});

Deno.test("Wharf describes itself as a protected resource, at both addresses", async () => {
  const { app } = await openGuarded();
  await using _ = app;
  for (const path of [METADATA, `${METADATA}/mcp`]) {
    const response = await app.request(path);
    assert.equal(response.status, 200);
    assert.deepEqual(await response.json(), {
      resource: AUDIENCE,
      authorization_servers: [ISSUER],
      scopes_supported: ["read", "write"],
      bearer_methods_supported: ["header"],
      resource_name: "Wharf",
    });
  }
  assert.equal(await statusOf(app.request(`${METADATA}/other`)), 404);
  assert.equal(await statusOf(app.request(METADATA, { method: "POST", body: "x" })), 404);
});

Deno.test("Wharf calls itself what the client calls it, where no audience is an address", async () => {
  const { app } = await openGuarded({
    oauth: {
      issuer: ISSUER,
      audiences: ["api://wharf"],
      net: (await TestIssuer.open()).net,
    },
  });
  await using _ = app;
  const { resource } = await (await app.request(METADATA)).json();
  assert.equal(resource, "https://wharf.example/mcp");
});

Deno.test("without an issuer there is nothing to describe", async () => {
  await using app = openApp({ authToken: "correct-horse" });
  assert.equal(await statusOf(app.request(METADATA)), 404);
  assert.deepEqual(await challengeOf(app.post("wrong", INITIALIZE)), [
    401,
    'Bearer realm="wharf", error="invalid_token", error_description="the token is wrong"',
  ]);
});

Deno.test("a token that is wrong is refused with the reason, and nothing of it is logged", async () => {
  const { app, issuer } = await openGuarded();
  await using _ = app;
  const late = await issuer.sign({ exp: 1 });
  assert.deepEqual(await challengeOf(app.post(late, INITIALIZE)), [
    401,
    'Bearer realm="wharf", error="invalid_token", error_description="the token has expired", ' +
    `scope="read write", ${DESCRIBED}`,
  ]);
  for (const bad of [issuer.confused(), `${issuer.signingInput({}, { alg: "none" })}.`]) {
    assert.equal((await challengeOf(app.post(bad, INITIALIZE)))[0], 401);
  }
  assert.ok(!JSON.stringify(app.log.records).includes(late.slice(0, 20)));
  assert.equal(app.app.sessionCount, 0);
});

Deno.test("read may look; to change it is told to ask for more, before a session sees the call", async () => {
  const { app, issuer } = await openGuarded();
  await using _ = app;
  const token = await issuer.sign({ scope: "openid read" });
  const session = await app.open(token);
  assert.equal(await statusOf(app.post(token, call("registry-list"), session)), 200);
  const refused: readonly unknown[] = [
    call("registry-add", { id: "x" }),
    call("memory_create"),
    [call("registry-list"), call("registry-exec")],
  ];
  for (const body of refused) {
    assert.deepEqual(await challengeOf(app.post(token, body, session)), [
      403,
      'Bearer realm="wharf", error="insufficient_scope", ' +
      `error_description="this needs the scope write", scope="read write", ${DESCRIBED}`,
    ]);
  }
  const more = await issuer.sign({ scope: "read write" });
  assert.equal(await statusOf(app.post(more, call("registry-remove", { id: "x" }), session)), 200);
});

Deno.test("a token without a scope of Wharf's may nothing", async () => {
  const { app, issuer } = await openGuarded();
  await using _ = app;
  for (const scope of ["openid", "", "READ", "readwrite", "read:all"]) {
    const [status, challenge] = await challengeOf(
      app.post(await issuer.sign({ scope }), INITIALIZE),
    );
    assert.equal(status, 403, scope);
    assert.match(challenge ?? "", /error="insufficient_scope".*scope="read"/);
  }
});

Deno.test("over the older transport the same scopes hold", async () => {
  const { app, issuer } = await openGuarded();
  await using _ = app;
  const headers = { authorization: `Bearer ${await issuer.sign()}` };
  const stream = await app.request("/sse", { headers });
  assert.ok(stream.body !== null);
  const reader = stream.body.pipeThrough(new TextDecoderStream()).getReader();
  const endpoint = /data: (.+)\n/.exec((await reader.read()).value ?? "")?.[1] ?? "";
  const send = (body: unknown) =>
    statusOf(app.request(endpoint, { method: "POST", headers, body: JSON.stringify(body) }));
  assert.equal(await send(INITIALIZE), 202);
  assert.equal(await send(call("registry-add")), 403);
  // Who knows the address of another's session is told that there is none.
  const other = { authorization: `Bearer ${await issuer.sign({ sub: "bob" })}` };
  const ping = JSON.stringify({ jsonrpc: "2.0", id: 3, method: "ping" });
  const taken = app.request(endpoint, { method: "POST", headers: other, body: ping });
  assert.equal(await statusOf(taken), 404);
  await reader.cancel();
});

Deno.test("over the older transport the session ends with the token that opened it", async () => {
  const { app, issuer } = await openGuarded();
  await using _ = app;
  const token = await issuer.sign({ exp: NOW_SECONDS + 60 });
  const stream = await app.request("/sse", { headers: { authorization: `Bearer ${token}` } });
  assert.equal(app.app.sessionCount, 1);
  const ended = stream.text();
  await app.clock.advance(60_000);
  assert.match(await ended, /^event: endpoint/);
  assert.equal(app.app.sessionCount, 0);
});

Deno.test("a session belongs to its subject: another is told that there is none", async () => {
  const { app, issuer } = await openGuarded();
  await using _ = app;
  const session = await app.open(await issuer.sign());
  const ping = { jsonrpc: "2.0", id: 3, method: "ping" };
  const renewed = await issuer.sign({ jti: "2" });
  assert.equal(await statusOf(app.post(renewed, ping, session)), 200);
  const other = await issuer.sign({ sub: "bob", scope: "read write" });
  assert.equal(await statusOf(app.post(other, ping, session)), 404);
  const headers = { authorization: `Bearer ${other}`, "mcp-session-id": session };
  assert.equal(await statusOf(app.request("/mcp", { method: "DELETE", headers })), 404);
  assert.equal(app.app.sessionCount, 1);
});

Deno.test("a stream ends with the token that opened it, and its session goes on with a new one", async () => {
  const { app, issuer } = await openGuarded();
  await using _ = app;
  const session = await app.open(await issuer.sign());
  const listen = async (exp: number) =>
    await app.request("/mcp", {
      headers: {
        accept: "text/event-stream",
        authorization: `Bearer ${await issuer.sign({ exp })}`,
        "mcp-session-id": session,
      },
    });
  const stream = await listen(NOW_SECONDS + 60);
  assert.equal(stream.status, 200);
  const ended = stream.text();
  await app.clock.advance(60_000);
  assert.equal(await ended, "");
  const renewed = await listen(NOW_SECONDS + 3600);
  assert.equal(renewed.status, 200);
  await renewed.body?.cancel();
  assert.equal(app.app.sessionCount, 1);
});

Deno.test("a new key of the issuer's is fetched when a token comes with it, and a withdrawn one goes", async () => {
  const { app, issuer } = await openGuarded();
  await using _ = app;
  const old = await issuer.sign();
  await app.open(old);
  await app.clock.advance(30_000);
  await issuer.addKey("2");
  issuer.removeKey("1");
  const asked = issuer.asked.length;
  await app.open(await issuer.sign());
  assert.equal(issuer.asked.length, asked + 2);
  assert.equal((await challengeOf(app.post(old, INITIALIZE)))[0], 401);
});

Deno.test("when the issuer does not give its keys, nobody is let in and nobody is called wrong", async () => {
  const { app, issuer } = await openGuarded();
  await using _ = app;
  issuer.isDown = true;
  const response = await app.post(await issuer.sign(), INITIALIZE);
  assert.deepEqual([response.status, response.headers.get("retry-after")], [503, "10"]);
  await response.body?.cancel();
  issuer.isDown = false;
  await app.clock.advance(5_000);
  await app.open(await issuer.sign());
});

Deno.test("the operator's token works beside the issuer's", async () => {
  const { app } = await openGuarded({ authToken: "correct-horse" });
  await using _ = app;
  const session = await app.open("correct-horse");
  assert.equal(await statusOf(app.post("correct-horse", call("registry-remove"), session)), 200);
});

Deno.test("who asks too often waits: by subject with a token, by address without", async () => {
  const { app, issuer } = await openGuarded({ ratePerMinute: 3 });
  await using _ = app;
  const post = async (token: string | undefined) => await statusOf(app.post(token, INITIALIZE));
  const ada = await issuer.sign();
  assert.deepEqual([await post(ada), await post(ada), await post(ada), await post(ada)], [
    200,
    200,
    200,
    429,
  ]);
  const waited = await app.post(ada, INITIALIZE);
  assert.equal(waited.headers.get("retry-after"), "20");
  await waited.body?.cancel();
  assert.equal(await post(await issuer.sign({ sub: "bob" })), 200);
  assert.deepEqual([await post("x"), await post(undefined), await post("y"), await post("z")], [
    401,
    401,
    401,
    429,
  ]);
  assert.equal(await statusOf(app.request("/mcp", {}, "192.0.2.2")), 401);
  assert.equal(await statusOf(app.request("/healthz")), 200);
  await app.clock.advance(20_000);
  assert.equal(await post(ada), 200);
});

Deno.test("an issuer that anyone could answer for is refused at the start", async () => {
  const { net } = await TestIssuer.open();
  const oauth = { issuer: "http://auth.example", audiences: [AUDIENCE], net };
  assert.throws(() => openApp({ oauth }), { code: "INVALID_ARGUMENT" });
});

Deno.test("a refused call is told with who tried it", async () => {
  const calls: FinishedCall[] = [];
  const { app, issuer } = await openGuarded({ onCall: (call) => calls.push(call) });
  await using _ = app;
  const token = await issuer.sign();
  const session = await app.open(token);
  assert.equal(await statusOf(app.post(token, call("registry-add", { id: "x" }), session)), 403);
  assert.deepEqual(calls, [{
    tool: "registry-add",
    isKnown: false,
    outcome: "refused",
    code: "FORBIDDEN",
    tookMs: 0,
    caller: { client: "unknown", transport: "http", user: "ada", session },
    arguments: { id: "x" },
  }]);
});

Deno.test("/metrics is for whoever may look, or for everyone where the operator says so", async () => {
  const { app, issuer } = await openGuarded({ metrics: () => "up 1\n" });
  await using _ = app;
  assert.equal(await statusOf(app.request("/metrics")), 401);
  const without = { authorization: `Bearer ${await issuer.sign({ scope: "other" })}` };
  assert.equal(await statusOf(app.request("/metrics", { headers: without })), 403);
  const headers = { authorization: `Bearer ${await issuer.sign()}` };
  const shown = await app.request("/metrics", { headers });
  assert.deepEqual([shown.headers.get("content-type"), await shown.text()], [
    "text/plain; version=0.0.4; charset=utf-8",
    "up 1\n",
  ]);
  assert.equal(await statusOf(app.request("/metrics", { method: "POST", headers })), 404);
  await using open = openApp({ authToken: "t", metrics: () => "up 1\n", publicMetrics: true });
  assert.equal(await statusOf(open.request("/metrics")), 200);
  await using none = openApp();
  assert.equal(await statusOf(none.request("/metrics")), 404);
});

Deno.test("every answer is counted, by names of Wharf's own", async () => {
  const exchanges: HttpExchange[] = [];
  await using app = openApp({ authToken: "t", onExchange: (exchange) => exchanges.push(exchange) });
  await statusOf(app.request("/healthz"));
  await statusOf(app.request("/mcp"));
  await statusOf(app.request("/a/path/that/somebody/wrote", { method: "PATCH", body: "x" }));
  await statusOf(app.request("/mcp", { headers: { host: "evil.example" } }));
  assert.deepEqual(
    exchanges.map(({ route, method, status, tookMs }) => [route, method, status, tookMs]),
    [
      ["/healthz", "GET", 200, 0],
      ["/mcp", "GET", 401, 0],
      ["other", "other", 404, 0],
      ["/mcp", "GET", 403, 0],
    ],
  );
});

Deno.test("an origin as the audience is taken with and without its slash, and covers both transports", async () => {
  const issuer = await TestIssuer.open();
  const oauth = { issuer: ISSUER, audiences: ["https://wharf.example"], net: issuer.net };
  await using app = openApp({ oauth });
  for (const aud of ["https://wharf.example", "https://wharf.example/"]) {
    await app.open(await issuer.sign({ aud }));
  }
  assert.equal((await app.post(await issuer.sign(), INITIALIZE)).status, 401);
  const { resource } = await (await app.request(METADATA)).json();
  assert.equal(resource, "https://wharf.example");
});

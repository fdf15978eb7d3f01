import assert from "node:assert/strict";
import { MemoryDisk } from "../../lib/core/memory_disk.ts";
import { type Authorize, OAuth } from "../../lib/gateway/oauth.ts";
import { OAuthStore } from "../../lib/gateway/oauth_store.ts";
import { launchRemote } from "../../lib/gateway/remote.ts";
import { FakeClock } from "../fake_clock.ts";
import { FakeLog } from "../fake_log.ts";
import { AuthServer } from "./auth_server.ts";
import { FakePorts } from "./fake_listen.ts";
import {
  CALL,
  type Handler,
  INITIALIZE,
  INITIALIZED,
  serve,
  URL_OF_SERVER,
  world,
} from "./remote_world.ts";
import { servedNet } from "./served_net.ts";

/** A guarded server, and who signs in to it. */
function guarded(scope: (request: Request) => Promise<string> = () => Promise.resolve("")) {
  const login = new AuthServer({
    issuer: "https://login.example",
    resource: URL_OF_SERVER.href,
    scopes: ["read"],
  });
  const ports = new FakePorts();
  const disk = new MemoryDisk();
  const log = new FakeLog();
  const handler: Handler = async (request) => {
    if (request.url !== URL_OF_SERVER.href) return await login.handle(request);
    if (!login.accepts(request)) {
      return new Response(null, { status: 401, headers: { "www-authenticate": login.challenge } });
    }
    const wanted = await scope(request);
    if (login.accepts(request, wanted)) return await serve()(request);
    const challenge = `${login.challenge}, error="insufficient_scope", scope="${wanted}"`;
    return new Response(null, { status: 403, headers: { "www-authenticate": challenge } });
  };
  const net = servedNet(handler);
  const oauth = new OAuth({
    net,
    clock: new FakeClock(),
    listen: ports.listen,
    store: new OAuthStore({ disk, log }),
    disk,
    log,
  });
  const browser: Authorize = async ({ url }) => {
    const answer = await login.handle(new Request(url));
    await ports.visit(new URL(answer.headers.get("location") ?? ""));
    return undefined;
  };
  return { login, handler, oauth, browser };
}

Deno.test("launchRemote() signs in before it returns", async () => {
  const { handler, oauth, browser, login } = guarded();
  const { launched, transport, net } = await world(handler, { oauth, authorize: browser });
  assert.equal(login.count("GET /authorize"), 1);
  assert.match(net.requests[0]?.body ?? "", /"ping"/);
  await transport.send(INITIALIZE);
  assert.match(net.requests.at(-1)?.headers?.authorization ?? "", /^Bearer access-token-/);
  await launched.stop(0);
  await assert.rejects(world(handler, { oauth: guarded().oauth }), { code: "UNAUTHORIZED" });
});

Deno.test("launchRemote() can be cancelled while a person signs in", async () => {
  const { handler, oauth } = guarded();
  const caller = new AbortController();
  const deps = { net: servedNet(handler), clock: new FakeClock(), log: new FakeLog(), oauth };
  const authorize: Authorize = () => {
    caller.abort();
    return Promise.resolve(undefined);
  };
  await assert.rejects(
    launchRemote({ url: URL_OF_SERVER }, { ...deps, authorize }, { signal: caller.signal }),
    { code: "CANCELLED" },
  );
});

Deno.test("launchRemote() does not sign in where the credentials are given", async () => {
  const { handler, oauth, browser, login } = guarded();
  const { launched, transport, net } = await world(handler, {
    oauth,
    authorize: browser,
    headers: { AUTHORIZATION: "Bearer mine-123" },
  });
  assert.equal(net.requests.length, 0, "nor does it ask whether to");
  await assert.rejects(transport.send(INITIALIZE), { code: "UNAUTHORIZED" });
  assert.equal(login.asked.length, 0);
  await launched.stop(0);
});

Deno.test("send() signs in again for a wider scope, once", async () => {
  const { handler, oauth, browser, login } = guarded(async (request) => {
    if (request.method !== "POST") return "";
    const { method } = await request.clone().json();
    return method === "tools/call" ? "read write" : "read";
  });
  const { launched, transport, messages } = await world(handler, { oauth, authorize: browser });
  await transport.send(INITIALIZE);
  await transport.send(CALL);
  assert.equal(messages.length, 2);
  assert.equal(login.count("GET /authorize"), 2);
  await launched.stop(0);
});

Deno.test("send() does not ask a person again for what a new token did not bring", async () => {
  let answers = 0;
  const { handler, oauth, browser, login } = guarded(async (request) => {
    if (request.method !== "POST") return "";
    const { method } = await request.clone().json();
    // More than a token ever has.
    return method === "tools/call" ? `read admin-${answers++}` : "";
  });
  const { launched, transport } = await world(handler, { oauth, authorize: browser });
  await transport.send(INITIALIZE);
  for (let round = 0; round < 6; round++) {
    await assert.rejects(transport.send(CALL), { code: "UNAUTHORIZED", status: 403 });
  }
  assert.equal(login.count("GET /authorize"), 1 + 3);
  // What needs no more goes on.
  await transport.send(INITIALIZED);
  await launched.stop(0);
});

Deno.test("a 403 that asks for nothing is an error", async () => {
  const { handler, oauth, browser, login } = guarded();
  const { launched, transport } = await world(async (request) => {
    const answer = await handler(request);
    return request.headers.has("authorization") && answer.ok
      ? new Response("not yours", { status: 403 })
      : answer;
  }, { oauth, authorize: browser });
  await assert.rejects(transport.send(INITIALIZE), { code: "FORBIDDEN", message: /not yours/ });
  assert.equal(login.count("GET /authorize"), 1);
  await launched.stop(0);
});

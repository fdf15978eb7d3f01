import assert from "node:assert/strict";
import { MemoryDisk } from "../../lib/core/memory_disk.ts";
import { type Authorize, OAuth } from "../../lib/gateway/oauth.ts";
import { OAuthStore } from "../../lib/gateway/oauth_store.ts";
import { openDisk } from "../../lib/host/disk.ts";
import { listen, openNet } from "../../lib/host/net.ts";
import { FakeLog } from "../fake_log.ts";
import { AuthServer } from "../gateway/auth_server.ts";
import { RemoteServer } from "./remote_server.ts";
import { CLOCK, connect } from "./remote_session.ts";

/** A server that wants a token, and the authorization server that gives it. */
function guarded(): {
  readonly server: RemoteServer;
  readonly login: AuthServer;
  readonly oauth: OAuth;
  readonly authorize: Authorize;
  readonly disk: MemoryDisk;
} & AsyncDisposable {
  const server = new RemoteServer();
  const { origin } = server.url;
  const login = new AuthServer({ issuer: origin, resource: server.url.href });
  server.intercept = async (request) => {
    if (new URL(request.url).pathname !== "/mcp") return await login.handle(request);
    if (login.accepts(request)) return undefined;
    return new Response("Who are you?\n", {
      status: 401,
      headers: { "www-authenticate": login.challenge },
    });
  };
  const disk = new MemoryDisk();
  const log = new FakeLog();
  const net = openNet({ userAgent: "wharf-test/1", clock: CLOCK });
  const store = new OAuthStore({ disk, log });
  const oauth = new OAuth({ net, clock: CLOCK, listen, store, disk, log });
  return {
    server,
    login,
    oauth,
    disk,
    // A browser: it goes where it is sent.
    authorize: async ({ url }) => {
      const page = await fetch(url);
      assert.equal(page.status, 200);
      assert.match(await page.text(), /You may close this window/);
      return undefined;
    },
    async [Symbol.asyncDispose]() {
      await net[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

Deno.test("launchRemote() signs in with a real browser step, renews, and signs in again when revoked", async () => {
  await using world = guarded();
  const { server, login, oauth, authorize } = world;
  {
    await using connected = await connect(server.url, { oauth, authorize });
    await connected.session.call("echo", {});
    assert.equal(login.count("GET /authorize"), 1);
    // In the middle of a session the token ends: it is renewed, and nobody notices.
    login.revoke();
    await Promise.all([1, 2, 3].map((n) => connected.session.call("echo", { n })));
    assert.equal(login.count("POST /token"), 2);
    assert.equal(connected.session.ended, undefined);
    assert.doesNotMatch(JSON.stringify(connected.log.records), /access-token|refresh-token/);
  }
  assert.equal(server.sessions.size, 0, "the session was ended with the token");
  // Another process, without a person.
  await using later = await connect(server.url, { oauth });
  await later.session.call("echo", {});
  assert.equal(login.count("GET /authorize"), 1);
  login.revoke();
  login.refreshTokens.clear();
  await assert.rejects(later.session.call("echo", {}), {
    code: "UNAUTHORIZED",
    message: /asks for a sign-in/,
  });
  await using again = await connect(server.url, { oauth, authorize });
  await again.session.call("echo", {});
  assert.equal(login.count("GET /authorize"), 2);
});

Deno.test("launchRemote() signs in for two connections at once by one sign-in", async () => {
  await using world = guarded();
  const { server, login, oauth, authorize } = world;
  const both = [1, 2].map(() => connect(server.url, { oauth, authorize }));
  for (const connected of await Promise.all(both)) {
    await connected.session.call("echo", {});
    await connected[Symbol.asyncDispose]();
  }
  assert.equal(login.count("GET /authorize"), 1);
});

Deno.test("a guarded server takes a token that is given, and no sign-in is begun", async () => {
  await using world = guarded();
  const { server, login, oauth, authorize } = world;
  login.tokens.set("given-token", "");
  const headers = { Authorization: "Bearer given-token" };
  await using connected = await connect(server.url, { oauth, authorize, headers });
  await connected.session.call("echo", {});
  assert.deepEqual(login.asked, []);
});

Deno.test("tokens are in a file of mode 0600, and processes that renew at once do not lose them", async () => {
  const directory = await Deno.makeTempDir();
  try {
    await using world = guarded();
    const { server, login, authorize } = world;
    await using net = openNet({ userAgent: "wharf-test/1", clock: CLOCK });
    const log = new FakeLog();
    // Each with a disk of its own, as processes have.
    const all = [1, 2, 3].map(() => {
      const disk = openDisk(directory);
      const store = new OAuthStore({ disk, log });
      return new OAuth({ net, clock: CLOCK, listen, store, disk, log });
    });
    const [first] = all;
    assert.ok(first !== undefined);
    const rejected = await first.renew({ server: server.url, authorize });
    login.revoke();
    const tokens = await Promise.all(all.map((one) => one.renew({ server: server.url, rejected })));
    assert.equal(new Set(tokens).size, 1);
    assert.equal(login.count("POST /token"), 2);
    const { mode } = await Deno.stat(`${directory}/oauth.json`);
    if (Deno.build.os !== "windows") assert.equal((mode ?? 0) & 0o777, 0o600);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("a server that refuses every token is not signed in to again and again", async () => {
  await using world = guarded();
  const { server, login, oauth, authorize } = world;
  await using connected = await connect(server.url, { oauth, authorize });
  const refuse = login.challenge;
  server.intercept = async (request) => {
    if (new URL(request.url).pathname !== "/mcp") return await login.handle(request);
    return new Response(null, { status: 401, headers: { "www-authenticate": refuse } });
  };
  for (let round = 0; round < 3; round++) {
    await assert.rejects(connected.session.call("echo", {}), {
      code: "UNAUTHORIZED",
      message: /refuses the token that it was signed in for/,
    });
  }
  assert.ok(login.count("POST /token") <= 2);
  assert.equal(login.count("GET /authorize"), 1);
  // From the beginning it is the same.
  await assert.rejects(connect(server.url, { oauth, authorize }), { code: "UNAUTHORIZED" });
});

Deno.test("metadata of a server inside may name addresses inside, never the metadata service", async () => {
  await using world = guarded();
  const { server, oauth, authorize } = world;
  server.intercept = ({ url }) => {
    if (new URL(url).pathname === "/mcp") {
      const challenge = 'Bearer resource_metadata="http://169.254.169.254/latest"';
      return new Response(null, { status: 401, headers: { "www-authenticate": challenge } });
    }
    return new Response(null, { status: 404 });
  };
  await assert.rejects(connect(server.url, { oauth, authorize }), { code: "ADDRESS_REFUSED" });
});

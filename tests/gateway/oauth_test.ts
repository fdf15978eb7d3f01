import assert from "node:assert/strict";
import type { Authorize } from "../../lib/gateway/oauth.ts";
import { settle } from "../fake_clock.ts";
import { AuthServer } from "./auth_server.ts";
import { ISSUER, nobody, SERVER, world } from "./oauth_world.ts";

Deno.test("renew() signs in: discovery, registration, PKCE, resource, state", async () => {
  const { server, net, oauth, browser, ports, clock, store } = world();
  const asked: URL[] = [];
  const token = await oauth.renew({
    server: SERVER,
    challenge: { resourceMetadataUrl: new URL(server.metadataUrl) },
    authorize: (request, options) => {
      asked.push(request.url);
      assert.equal(request.server, SERVER);
      assert.match(request.redirectUrl.href, /^http:\/\/127\.0\.0\.1:\d+\/callback$/);
      return browser(request, options);
    },
  });
  assert.equal(server.tokens.has(token), true);
  assert.equal(await oauth.token(SERVER), token);
  const [url] = asked;
  assert.equal(url?.searchParams.get("resource"), SERVER.href);
  assert.equal(url?.searchParams.get("code_challenge_method"), "S256");
  assert.ok((url?.searchParams.get("state")?.length ?? 0) >= 43);
  assert.deepEqual(server.asked, [
    "GET /.well-known/oauth-protected-resource/mcp",
    "GET /.well-known/oauth-authorization-server",
    "POST /register",
    "GET /authorize",
    "POST /token",
  ]);
  // All but the server's own address stood in an answer.
  assert.deepEqual(
    net.requests.map(({ url, origin }) => [url.host, origin]).slice(0, 2),
    [["mcp.example", "named"], ["login.example", "derived"]],
  );
  assert.equal(ports.open, 0);
  assert.equal(clock.sleeping, 0);
  assert.equal((await store.read(SERVER)).tokens?.issuer, ISSUER);
});

Deno.test("renew() gives the kept token to a later process, and keeps servers apart", async () => {
  const { oauth, open, browser } = world();
  const token = await oauth.renew({ server: SERVER, authorize: browser });
  assert.equal(await open().token(SERVER), token);
  assert.equal(await open().renew({ server: SERVER, authorize: nobody }), token);
  assert.equal(await open().token(new URL("#part", SERVER)), token);
  assert.equal(await open().token(new URL("https://mcp.example/other")), undefined);
});

Deno.test("renew() renews without a person, and again with the rotated token", async () => {
  const { server, oauth, browser, log } = world();
  let token = await oauth.renew({ server: SERVER, authorize: browser });
  for (let round = 0; round < 2; round++) {
    server.revoke();
    const renewed = await oauth.renew({ server: SERVER, rejected: token });
    assert.notEqual(renewed, token);
    assert.equal(server.tokens.has(renewed), true);
    token = renewed;
  }
  assert.equal(server.count("GET /authorize"), 1);
  assert.equal(server.count("POST /register"), 1);
  assert.doesNotMatch(JSON.stringify(log.records), /access-token|refresh-token|code-/);
});

Deno.test("renew() asks once, whoever asks at the same time", async () => {
  const { server, oauth, browser } = world();
  let asked = 0;
  const authorize: Authorize = async (request, options) => {
    asked++;
    await settle();
    return await browser(request, options);
  };
  const request = { server: SERVER, authorize };
  const tokens = await Promise.all([1, 2, 3].map(() => oauth.renew(request)));
  assert.equal(new Set(tokens).size, 1);
  assert.equal(asked, 1);
  server.revoke();
  const [rejected] = tokens;
  assert.ok(rejected !== undefined);
  const renewed = await Promise.all([1, 2, 3].map(() => oauth.renew({ ...request, rejected })));
  assert.equal(new Set(renewed).size, 1);
  assert.equal(server.count("POST /token"), 2);
});

Deno.test("renew() takes what another process has renewed meanwhile", async () => {
  const { server, oauth, open, browser } = world();
  const rejected = await oauth.renew({ server: SERVER, authorize: browser });
  server.revoke();
  const tokens = await Promise.all(
    [oauth, open(), open()].map((one) => one.renew({ server: SERVER, rejected })),
  );
  assert.equal(new Set(tokens).size, 1);
  assert.equal(server.count("POST /token"), 2);
});

Deno.test("token() and renew() know when a token's time is over", async () => {
  const { oauth, clock, browser, server } = world();
  const token = await oauth.renew({ server: SERVER, authorize: browser });
  await clock.advance(3569_000);
  assert.equal(await oauth.token(SERVER), token);
  await clock.advance(2_000);
  assert.equal(await oauth.token(SERVER), undefined);
  assert.notEqual(await oauth.renew({ server: SERVER }), token);
  assert.equal(server.count("GET /authorize"), 1);
});

Deno.test("renew() drops what is revoked, and says that a person is needed", async () => {
  const { server, oauth, browser, store } = world();
  const rejected = await oauth.renew({ server: SERVER, authorize: browser });
  server.revoke();
  server.refreshTokens.clear();
  await assert.rejects(oauth.renew({ server: SERVER, rejected }), {
    code: "UNAUTHORIZED",
    message: 'Cannot use "mcp.example": it asks for a sign-in',
  });
  const record = await store.read(SERVER);
  assert.equal(record.tokens, undefined);
  assert.ok(record.client !== undefined);
  const token = await oauth.renew({ server: SERVER, rejected, authorize: browser });
  assert.equal(server.tokens.has(token), true);
  assert.equal(server.count("POST /register"), 1, "the registration stays good");
});

Deno.test("renew() drops tokens that cannot be renewed", async () => {
  const { server, oauth, browser, store } = world({ refreshes: false });
  const rejected = await oauth.renew({ server: SERVER, authorize: browser });
  server.revoke();
  await assert.rejects(oauth.renew({ server: SERVER, rejected }), { code: "UNAUTHORIZED" });
  assert.equal((await store.read(SERVER)).tokens, undefined);
});

Deno.test("renew() registers anew when the server has forgotten the client", async () => {
  const { server, oauth, browser } = world();
  const rejected = await oauth.renew({ server: SERVER, authorize: browser });
  server.revoke();
  server.clients.clear();
  const token = await oauth.renew({ server: SERVER, rejected, authorize: browser });
  assert.equal(server.tokens.has(token), true);
  assert.equal(server.count("POST /register"), 2);
});

Deno.test("renew() comes back to the registered address, and registers anew where it is taken", async () => {
  const { server, oauth, browser, ports, store } = world({ refreshes: false });
  const first = await oauth.renew({ server: SERVER, authorize: browser });
  const { redirectUrl = "" } = await store.read(SERVER);
  const second = await oauth.renew({ server: SERVER, rejected: first, authorize: browser });
  assert.equal((await store.read(SERVER)).redirectUrl, redirectUrl);
  assert.equal(server.count("POST /register"), 1);
  ports.taken.add(Number(new URL(redirectUrl).port));
  await oauth.renew({ server: SERVER, rejected: second, authorize: browser });
  assert.notEqual((await store.read(SERVER)).redirectUrl, redirectUrl);
  assert.equal(server.count("POST /register"), 2);
});

Deno.test("renew() uses the operator's client, at one authorization server only", async () => {
  const { server, oauth, browser, store, disk } = world({ registers: false });
  const redirectUris = ["http://127.0.0.1:8123/callback"];
  server.clients.set("ours", { redirectUris, secret: "client-secret" });
  const client = { id: "ours", secret: "client-secret", redirectPort: 8123 };
  await assert.rejects(oauth.renew({ server: SERVER, authorize: browser }), {
    code: "BAD_RESPONSE",
    message: /does not support dynamic client registration/,
  });
  const rejected = await oauth.renew({ server: SERVER, authorize: browser, client });
  server.revoke();
  const token = await oauth.renew({ server: SERVER, rejected, client });
  assert.equal(server.tokens.has(token), true);
  const bytes = await disk.read("oauth.json", { maxBytes: 100_000 });
  assert.doesNotMatch(new TextDecoder().decode(bytes), /client-secret/);
  assert.equal((await store.read(SERVER)).client?.issuer, ISSUER);
  // The server names another authorization server: the secret must not go there.
  const evil = new AuthServer({ issuer: "https://evil.example", resource: SERVER.href });
  const posted: string[] = [];
  server.revoke();
  server.intercept = async (request) => {
    if (request.method === "POST") posted.push(await request.clone().text());
    return await evil.handle(request);
  };
  await assert.rejects(
    oauth.renew({ server: SERVER, rejected: token, authorize: nobody, client }),
    {
      code: "ADDRESS_REFUSED",
      message: /another authorization server/,
    },
  );
  assert.doesNotMatch(posted.join(), /client-secret|refresh-token/);
});

Deno.test("renew() asks for more scope by a person, and keeps the token that is good for less", async () => {
  const { server, oauth, browser, store } = world({ scopes: ["read"] });
  const rejected = await oauth.renew({ server: SERVER, authorize: browser });
  const challenge = { scope: "read write", insufficientScope: true };
  await assert.rejects(oauth.renew({ server: SERVER, rejected, challenge }), {
    code: "UNAUTHORIZED",
  });
  assert.equal((await store.read(SERVER)).tokens?.access_token, rejected);
  const token = await oauth.renew({ server: SERVER, rejected, challenge, authorize: browser });
  assert.equal(server.tokens.get(token), "read write");
});

Deno.test("renew() waits for a person as long as it may, or until nobody waits", async () => {
  const { oauth, ports, clock, server } = world({ authorizeTimeoutMs: 60_000 });
  const shown = Promise.withResolvers<AbortSignal>();
  const authorize: Authorize = (_, { signal }) => {
    shown.resolve(signal);
    return Promise.resolve(undefined);
  };
  const late = assert.rejects(oauth.renew({ server: SERVER, authorize }), {
    code: "TIMEOUT",
    message: /nobody came back from its page in 60 s/,
  });
  const signal = await shown.promise;
  assert.equal(signal.aborted, false);
  await clock.advance(60_000);
  await late;
  assert.equal(signal.aborted, true);
  const caller = new AbortController();
  const seen = Promise.withResolvers<void>();
  const left = assert.rejects(
    oauth.renew({
      server: SERVER,
      authorize: () => {
        seen.resolve();
        return Promise.resolve(undefined);
      },
    }, caller.signal),
    { code: "CANCELLED" },
  );
  await seen.promise;
  caller.abort();
  await left;
  await settle();
  assert.equal(ports.open, 0);
  assert.equal(clock.sleeping, 0);
  // Who never came back may not have been known there: it is asked to register again.
  assert.equal(server.count("POST /register"), 2);
});

Deno.test("renew() registers anew when the registration's secret is past its time", async () => {
  const { oauth, browser, clock, store, server } = world({ refreshes: false });
  const rejected = await oauth.renew({ server: SERVER, authorize: browser });
  const endSeconds = clock.now() / 1000 + 60;
  await store.update(SERVER, ({ client, ...record }) => ({
    ...record,
    client: { client_id: "", ...client, client_secret_expires_at: endSeconds },
  }));
  await clock.advance(61_000);
  await oauth.renew({ server: SERVER, rejected, authorize: browser });
  assert.equal(server.count("POST /register"), 2);
});

Deno.test("renew() asks one thing after the other", async () => {
  const { oauth, browser, server } = world();
  let open = 0;
  const authorize: Authorize = async (request, options) => {
    assert.equal(++open, 1);
    await settle();
    const answer = await browser(request, options);
    open--;
    return answer;
  };
  const scopes = ["read", "write"];
  const tokens = await Promise.all(
    scopes.map((scope) =>
      oauth.renew({ server: SERVER, authorize, challenge: { scope, insufficientScope: true } })
    ),
  );
  assert.deepEqual(tokens.map((token) => server.tokens.get(token)), scopes);
  assert.equal(server.count("POST /register"), 1);
});

import assert from "node:assert/strict";
import type { AddressKind } from "../../lib/core/address.ts";
import { AppError } from "../../lib/core/errors.ts";
import { MemoryDisk } from "../../lib/core/memory_disk.ts";
import { type Authorize, OAuth, type OAuthOptions } from "../../lib/gateway/oauth.ts";
import { OAuthStore } from "../../lib/gateway/oauth_store.ts";
import { FakeClock, settle } from "../fake_clock.ts";
import { FakeLog } from "../fake_log.ts";
import { AuthServer, type AuthServerOptions } from "./auth_server.ts";
import { FakePorts } from "./fake_listen.ts";
import { servedNet } from "./served_net.ts";

const SERVER = new URL("https://mcp.example/mcp");
const ISSUER = "https://login.example";

interface WorldOptions extends Partial<AuthServerOptions>, OAuthOptions {
  readonly peer?: (url: URL) => AddressKind;
}

function world(options: WorldOptions = {}) {
  const { peer, authorizeTimeoutMs, ...rest } = options;
  const server = new AuthServer({ issuer: ISSUER, resource: SERVER.href, ...rest });
  const net = servedNet((request) => server.handle(request), peer === undefined ? {} : { peer });
  const clock = new FakeClock();
  const ports = new FakePorts();
  const disk = new MemoryDisk();
  const log = new FakeLog();
  const store = new OAuthStore({ disk, log });
  const open = () =>
    new OAuth(
      { net, clock, listen: ports.listen, store, disk, log },
      authorizeTimeoutMs === undefined ? {} : { authorizeTimeoutMs },
    );
  /** A person with a browser, who allows everything. */
  const browser: Authorize = async ({ url }) => {
    const answer = await server.handle(new Request(url));
    const location = answer.headers.get("location");
    assert.ok(location !== null, `no redirect from ${url}: ${answer.status}`);
    const page = await ports.visit(new URL(location));
    assert.match(await page.text(), /You may close this window/);
    return undefined;
  };
  return { server, net, clock, ports, disk, log, store, oauth: open(), open, browser };
}

/** Nobody may be asked. */
const nobody: Authorize = () => Promise.reject(new Error("A person was asked"));

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

Deno.test("renew() keeps tokens when the authorization server is out of order", async () => {
  const { server, oauth, browser, store } = world();
  const rejected = await oauth.renew({ server: SERVER, authorize: browser });
  server.revoke();
  const faults: [() => Response, string][] = [
    [() => new Response("down", { status: 503 }), "UNAVAILABLE"],
    [() => new Response("slow", { status: 429 }), "UNAVAILABLE"],
    [() => {
      throw new AppError("UNREACHABLE", 'Cannot reach "login.example": it is gone');
    }, "UNREACHABLE"],
  ];
  for (const [fault, code] of faults) {
    server.intercept = ({ url }) => url === `${ISSUER}/token` ? fault() : undefined;
    await assert.rejects(oauth.renew({ server: SERVER, rejected, authorize: nobody }), { code });
    assert.ok((await store.read(SERVER)).tokens !== undefined);
  }
  // The metadata cannot be had either: nor is a person asked then.
  server.intercept = () => {
    throw new AppError("UNREACHABLE", 'Cannot reach "mcp.example": it is gone');
  };
  await assert.rejects(oauth.renew({ server: SERVER, rejected, authorize: nobody }), {
    code: "UNREACHABLE",
  });
  server.intercept = undefined;
  assert.equal(server.tokens.has(await oauth.renew({ server: SERVER, rejected })), true);
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

Deno.test("renew() sends no refresh token to another authorization server", async () => {
  const { server, oauth, browser } = world();
  const rejected = await oauth.renew({ server: SERVER, authorize: browser });
  const evil = new AuthServer({ issuer: "https://evil.example", resource: SERVER.href });
  const posted: string[] = [];
  server.intercept = async (request) => {
    if (request.method === "POST") posted.push(await request.clone().text());
    return await evil.handle(request);
  };
  await assert.rejects(oauth.renew({ server: SERVER, rejected }), { code: "UNAUTHORIZED" });
  assert.doesNotMatch(posted.join(), /refresh-token/);
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

Deno.test("renew() turns away answers with another state, and takes the right one after them", async () => {
  const { oauth, browser, ports, server } = world();
  const token = await oauth.renew({
    server: SERVER,
    authorize: async (request, options) => {
      const wrong = [
        "?code=evil&state=guess",
        "?code=evil",
        "",
        `?code=a&code=b&state=${request.url.searchParams.get("state")}`,
        `?state=${request.url.searchParams.get("state")}`,
      ];
      for (const query of wrong) {
        const page = await ports.visit(new URL(query, request.redirectUrl));
        assert.equal(page.status, 400, query);
      }
      return await browser(request, options);
    },
  });
  assert.equal(server.tokens.has(token), true);
});

Deno.test("renew() takes the address that a person gives by hand, if it is the right one", async () => {
  const { server, oauth, log } = world();
  const byHand = async (url: URL): Promise<URL> => {
    const answer = await server.handle(new Request(url));
    return new URL(answer.headers.get("location") ?? "");
  };
  const token = await oauth.renew({ server: SERVER, authorize: ({ url }) => byHand(url) });
  assert.equal(server.tokens.has(token), true);
  await oauth.forget(SERVER);
  assert.equal(await oauth.token(SERVER), undefined);
  const changes: [string, string | undefined, string][] = [
    ["state", "other", "BAD_RESPONSE"],
    ["iss", "https://evil.example", "BAD_RESPONSE"],
    ["code", undefined, "BAD_RESPONSE"],
    ["code", "made-up", "UNAUTHORIZED"],
  ];
  for (const [name, value, code] of changes) {
    const authorize: Authorize = async ({ url }) => {
      const back = await byHand(url);
      if (value === undefined) back.searchParams.delete(name);
      else back.searchParams.set(name, value);
      return back;
    };
    await assert.rejects(oauth.renew({ server: SERVER, authorize }), (error: AppError) => {
      assert.equal(error.code, code, `${name}=${value}: ${error.message}`);
      assert.doesNotMatch(error.message, /made-up/);
      return true;
    });
  }
  assert.equal(await oauth.token(SERVER), undefined);
  assert.doesNotMatch(JSON.stringify(log.records), /code-|token-/);
});

Deno.test("renew() says what the authorization server refused, and what the person did", async () => {
  const { oauth, ports, clock, store } = world();
  const refused: Authorize = async ({ url, redirectUrl }) => {
    const back = new URL(redirectUrl);
    back.searchParams.set("state", url.searchParams.get("state") ?? "");
    back.searchParams.set("error", "access_denied");
    back.searchParams.set("error_description", "Not\u202e today");
    assert.match(await (await ports.visit(back)).text(), /Not signed in/);
    return undefined;
  };
  await assert.rejects(oauth.renew({ server: SERVER, authorize: refused }), {
    code: "FORBIDDEN",
    message:
      'Cannot sign in to "mcp.example": its authorization server says access_denied, Not today',
  });
  const declined = new AppError("CANCELLED", "Cannot sign in: it was declined");
  const authorize = () => Promise.reject(declined);
  await assert.rejects(oauth.renew({ server: SERVER, authorize }), declined);
  assert.equal((await store.read(SERVER)).client, undefined);
  assert.equal(ports.open, 0);
  assert.equal(clock.sleeping, 0);
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

Deno.test("renew() asks no inside address that an outside server names", async () => {
  const inside = new AuthServer({ issuer: "https://inside.example", resource: SERVER.href });
  const peer = ({ hostname }: URL) => hostname === "inside.example" ? "private" : "public";
  for (const what of ["metadata", "issuer", "endpoint"]) {
    const { server, oauth, net } = world({ peer });
    server.intercept = async (request) => {
      const { host, pathname } = new URL(request.url);
      if (what === "issuer" && host === "mcp.example") return await inside.handle(request);
      if (what !== "endpoint" || !pathname.endsWith("authorization-server")) return undefined;
      const fake = new AuthServer({ issuer: "https://inside.example", resource: SERVER.href });
      const { issuer: _, ...metadata } = await (await fake.handle(
        new Request("https://inside.example/.well-known/oauth-authorization-server"),
      )).json();
      return Response.json({ ...metadata, issuer: ISSUER });
    };
    const challenge = what === "metadata"
      ? { resourceMetadataUrl: new URL("https://inside.example/metadata") }
      : {};
    await assert.rejects(oauth.renew({ server: SERVER, authorize: nobody, challenge }), {
      code: "ADDRESS_REFUSED",
    }, what);
    const asked = net.requests.filter(({ url }) => url.host === "inside.example");
    assert.ok(asked.every(({ origin }) => origin === "derived"), what);
  }
});

Deno.test("renew() takes no sign-in page and no endpoint over plain http", async () => {
  const plain = new AuthServer({ issuer: "http://login.example", resource: SERVER.href });
  for (const only of ["page", "all"]) {
    const { server, oauth } = world();
    server.intercept = async (request) => {
      const { pathname } = new URL(request.url);
      if (only === "all" && pathname.includes("protected-resource")) {
        return await plain.handle(request);
      }
      if (!pathname.endsWith("authorization-server")) return undefined;
      server.intercept = undefined;
      const metadata = await (await server.handle(request)).json();
      return Response.json({
        ...metadata,
        authorization_endpoint: "http://login.example/authorize",
      });
    };
    await assert.rejects(oauth.renew({ server: SERVER, authorize: nobody }), {
      code: "ADDRESS_REFUSED",
      message: /https/,
    });
  }
});

Deno.test("renew() says that a server has no way to sign in", async () => {
  const { server, oauth } = world();
  server.intercept = () => new Response("Nothing\n", { status: 404 });
  await assert.rejects(oauth.renew({ server: SERVER, authorize: nobody }), {
    code: "UNAUTHORIZED",
    message: 'Cannot sign in to "mcp.example": it names no authorization server',
  });
  assert.equal(server.count("POST /register"), 0);
});

Deno.test("renew() says what is wrong with an authorization server", async () => {
  const json = (value: unknown, status = 200) => () => Response.json(value, { status });
  const page = () => new Response("<html>refresh-token-1</html>", { status: 404 });
  const cases: [string, () => Response, string, RegExp][] = [
    ["/token", json({ access_token: 1 }), "BAD_RESPONSE", /form that OAuth has/],
    ["/token", () => new Response("{"), "BAD_RESPONSE", /form that OAuth has/],
    ["/token", page, "BAD_RESPONSE", /says server_error, HTTP 404$/],
    ["/token", json({ error: "temporarily_unavailable" }, 400), "UNAVAILABLE", /says temp/],
    ["/register", json({ error: "invalid_client_metadata" }, 400), "UNAUTHORIZED", /metadata/],
    ["/.well-known/oauth-authorization-server", json([]), "BAD_RESPONSE", /form that OAuth/],
    ["/.well-known/oauth-authorization-server", json({}, 500), "BAD_RESPONSE", /HTTP 500/],
    [
      "/.well-known/oauth-protected-resource/mcp",
      json({ resource: "https://bank.example/", authorization_servers: [ISSUER] }),
      "BAD_RESPONSE",
      /does not match/,
    ],
  ];
  for (const [path, answer, code, message] of cases) {
    const { server, oauth, browser, ports } = world();
    server.intercept = ({ url }) => new URL(url).pathname === path ? answer() : undefined;
    await assert.rejects(oauth.renew({ server: SERVER, authorize: browser }), (error: AppError) => {
      assert.equal(error.code, code, `${path}: ${error.message}`);
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /code-\d|<html>/);
      return true;
    });
    assert.equal(ports.open, 0);
  }
});

Deno.test("renew() survives a file that is of no use", async () => {
  const { oauth, browser, disk, server } = world();
  await disk.write("oauth.json", new TextEncoder().encode('{"version":1,"data":{"servers":7}}'));
  assert.equal(await oauth.token(SERVER), undefined);
  const token = await oauth.renew({ server: SERVER, authorize: browser });
  assert.equal(server.tokens.has(token), true);
});

Deno.test("renew() can be cancelled in the middle of an exchange", async () => {
  const { oauth, server, net, clock } = world();
  const caller = new AbortController();
  server.intercept = ({ url }) => {
    if (url !== `${ISSUER}/.well-known/oauth-authorization-server`) return undefined;
    caller.abort();
    return new Promise(() => {});
  };
  await assert.rejects(oauth.renew({ server: SERVER, authorize: nobody }, caller.signal), {
    code: "CANCELLED",
  });
  await settle();
  assert.equal(net.open, 0);
  assert.equal(clock.sleeping, 0);
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

Deno.test("renew() sends nobody to an address that misleads", async () => {
  const endpoints = ["https://bank.example@login.example/", `${ISSUER}/${"x".repeat(9000)}`];
  for (const endpoint of endpoints) {
    const { server, oauth } = world();
    server.intercept = async (request) => {
      if (!request.url.endsWith("authorization-server")) return undefined;
      server.intercept = undefined;
      const metadata = await (await server.handle(request)).json();
      return Response.json({ ...metadata, authorization_endpoint: endpoint });
    };
    await assert.rejects(oauth.renew({ server: SERVER, authorize: nobody }), {
      code: "ADDRESS_REFUSED",
      message: /no plain https address/,
    });
  }
});

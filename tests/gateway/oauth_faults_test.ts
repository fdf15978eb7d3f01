import assert from "node:assert/strict";
import { AppError } from "../../lib/core/errors.ts";
import type { Authorize } from "../../lib/gateway/oauth.ts";
import { settle } from "../fake_clock.ts";
import { AuthServer } from "./auth_server.ts";
import { ISSUER, nobody, SERVER, world } from "./oauth_world.ts";

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
});

Deno.test("renew() signs in by the addresses of the first version, and tells tokens to no guess", async () => {
  const { oauth, server, browser } = world({ issuer: SERVER.origin });
  server.intercept = ({ url }) =>
    url.includes("/.well-known/") ? new Response(null, { status: 404 }) : undefined;
  server.wantsResource = false;
  const rejected = await oauth.renew({ server: SERVER, authorize: browser });
  server.revoke();
  const token = await oauth.renew({ server: SERVER, rejected });
  assert.equal(server.tokens.has(token), true);
  // Signed in elsewhere, and then nothing is described any more.
  const other = world();
  const kept = await other.oauth.renew({ server: SERVER, authorize: other.browser });
  const posted: string[] = [];
  other.server.intercept = async (request) => {
    if (request.method === "POST") posted.push(await request.clone().text());
    return new Response(null, { status: 404 });
  };
  await assert.rejects(other.oauth.renew({ server: SERVER, rejected: kept }), {
    code: "UNAUTHORIZED",
  });
  assert.deepEqual(posted, []);
  assert.equal((await other.store.read(SERVER)).tokens?.access_token, kept);
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

/**
 * Wharf as a resource server of a real authorization server, and the MCP SDK's client signing in
 * through what Wharf says of itself. Needs all permissions.
 *
 * @module
 */

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import {
  Client,
  type OAuthClientInformationMixed,
  type OAuthClientMetadata,
  type OAuthClientProvider,
  type OAuthTokens,
  StreamableHTTPClientTransport,
  UnauthorizedError,
} from "../sdk.ts";
import { Access } from "../../lib/http/access.ts";
import { systemClock } from "../../lib/host/clock.ts";
import { openNet } from "../../lib/host/net.ts";
import { FakeClock } from "../fake_clock.ts";
import { FakeLog } from "../fake_log.ts";
import {
  type AuthorizationServer,
  signInAs,
  startAuthorizationServer,
  tokenPart,
} from "./authorization_server.ts";
import { startWharf, type WharfServer } from "./wharf.ts";

const AUDIENCE = "urn:wharf:tests";

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

function guardedWharf(issuer: AuthorizationServer): Promise<WharfServer> {
  return startWharf(["--oauth-issuer", issuer.issuer, "--oauth-audience", AUDIENCE]);
}

async function post(
  wharf: WharfServer,
  token: string,
  { body = INITIALIZE, session }: { readonly body?: unknown; readonly session?: string } = {},
): Promise<{ readonly status: number; readonly challenge: string; readonly session: string }> {
  const response = await fetch(wharf.mcp, {
    method: "POST",
    headers: {
      accept: "application/json, text/event-stream",
      "content-type": "application/json",
      authorization: `Bearer ${token}`,
      ...(session === undefined ? {} : { "mcp-session-id": session }),
    },
    body: JSON.stringify(body),
  });
  await response.text();
  return {
    status: response.status,
    challenge: response.headers.get("www-authenticate") ?? "",
    session: response.headers.get("mcp-session-id") ?? "",
  };
}

Deno.test("a token of the real server's lets in, and its scopes hold", async () => {
  await using issuer = await startAuthorizationServer({ audience: AUDIENCE });
  await using wharf = await guardedWharf(issuer);
  const { status, session } = await post(wharf, await issuer.token("read"));
  assert.equal(status, 200);
  const call = (name: string) => ({
    jsonrpc: "2.0",
    id: 2,
    method: "tools/call",
    params: { name, arguments: {} },
  });
  const read = await issuer.token("read");
  assert.equal((await post(wharf, read, { body: call("registry-status"), session })).status, 200);
  const refused = await post(wharf, read, { body: call("registry-remove"), session });
  assert.equal(refused.status, 403);
  assert.match(refused.challenge, /error="insufficient_scope".*scope="read write"/);
  const write = await issuer.token("read write");
  assert.equal((await post(wharf, write, { body: call("registry-remove"), session })).status, 200);
});

Deno.test("tokens that are expired, for others, of others, or forged are refused", async () => {
  await using issuer = await startAuthorizationServer({ audience: AUDIENCE });
  await using other = await startAuthorizationServer({ audience: AUDIENCE });
  await using wharf = await guardedWharf(issuer);
  const faultOf = async (token: string) => {
    const { status, challenge } = await post(wharf, token);
    assert.equal(status, 401, challenge);
    assert.match(challenge, /resource_metadata="http:\/\/127\.0\.0\.1:\d+\/\.well-known\//);
    return /error_description="([^"]+)"/.exec(challenge)?.[1];
  };
  assert.equal(
    await faultOf(await issuer.sign({ exp: Math.floor(Date.now() / 1000) - 60 })),
    "the token has expired",
  );
  issuer.audience = "urn:another";
  assert.equal(await faultOf(await issuer.token("read")), "the token is for another audience");
  issuer.audience = AUDIENCE;
  assert.equal(
    await faultOf(await other.token("read")),
    "the token was signed with an unknown key",
  );
  assert.equal(
    await faultOf(await issuer.sign({ iss: other.issuer })),
    "the token is of another issuer",
  );
  const claims = (await issuer.token("read write")).split(".")[1] ?? "";
  assert.equal(
    await faultOf(`${tokenPart({ alg: "none", typ: "at+jwt" })}.${claims}.`),
    "the token's algorithm is not allowed",
  );
  const { kid, publicJwk } = issuer.key;
  const input = `${tokenPart({ alg: "HS256", typ: "at+jwt", kid })}.${claims}`;
  for (const secret of [JSON.stringify(publicJwk), String(publicJwk["n"])]) {
    const mac = createHmac("sha256", secret).update(input).digest("base64url");
    assert.equal(await faultOf(`${input}.${mac}`), "the token's algorithm is not allowed");
  }
  const [head, , signature] = (await issuer.token("read")).split(".");
  assert.equal(await faultOf(`${head}.${claims}.${signature}`), "the token's signature is wrong");
  assert.ok(!wharf.stderr().includes(claims));
});

Deno.test("keys that the server changes are fetched, and those that it withdrew are not used", async () => {
  await using issuer = await startAuthorizationServer({ audience: AUDIENCE });
  const log = new FakeLog();
  // Wharf's own time, so that nobody has to wait for a key's name to be worth a question again.
  const clock = new FakeClock(Date.now());
  await using net = openNet({ userAgent: "test", clock: systemClock });
  const access = new Access(
    { oauth: { issuer: issuer.issuer, audiences: [AUDIENCE], net } },
    { clock, log },
  );
  const isLetIn = async (token: string) => {
    const headers = { authorization: `Bearer ${token}` };
    const found = await access.identify(new Request("http://127.0.0.1/mcp", { headers }));
    return !(found instanceof Response);
  };
  const before = await issuer.token("read");
  assert.ok(await isLetIn(before));
  await issuer.rotate();
  const after = await issuer.token("read");
  assert.ok(!await isLetIn(after));
  await clock.advance(30_000);
  assert.ok(await isLetIn(after));
  assert.ok(!await isLetIn(before));
});

Deno.test("without the net permission for its issuer Wharf says which flag it lacks", async () => {
  await using issuer = await startAuthorizationServer({ audience: AUDIENCE });
  await using wharf = await startWharf(
    ["--toolsets", "oci", "--oauth-issuer", issuer.issuer, "--oauth-audience", AUDIENCE],
    { permissions: ["--allow-net=127.0.0.1:0", "--allow-env"] },
  );
  assert.equal((await post(wharf, await issuer.token("read"))).status, 503);
  const host = new URL(issuer.issuer).host;
  assert.ok(wharf.stderr().includes(`--allow-net=${host}`), wharf.stderr());
});

/** A client of the SDK's, and the person who signs in at once. */
class Person implements OAuthClientProvider {
  readonly redirectUrl = "http://127.0.0.1:9/callback";
  readonly clientMetadata: OAuthClientMetadata = {
    client_name: "Test",
    redirect_uris: [this.redirectUrl],
    grant_types: ["authorization_code"],
    response_types: ["code"],
    token_endpoint_auth_method: "none",
  };
  /** Scopes that were asked for, in order. */
  readonly asked: (string | null)[] = [];
  /** What the browser brought back last. */
  code = "";
  readonly #name: string;
  #client: OAuthClientInformationMixed | undefined;
  #tokens: OAuthTokens | undefined;
  #verifier = "";

  constructor(name: string) {
    this.#name = name;
  }

  clientInformation(): OAuthClientInformationMixed | undefined {
    return this.#client;
  }

  saveClientInformation(client: OAuthClientInformationMixed): void {
    this.#client = client;
  }

  tokens(): OAuthTokens | undefined {
    return this.#tokens;
  }

  saveTokens(tokens: OAuthTokens): void {
    this.#tokens = tokens;
  }

  async redirectToAuthorization(url: URL): Promise<void> {
    this.asked.push(url.searchParams.get("scope"));
    // Whoever is careful grants no more than is needed now.
    if (this.asked.length === 1) url.searchParams.set("scope", "read");
    const back = await signInAs(url, this.#name);
    this.code = back.searchParams.get("code") ?? "";
    assert.notEqual(this.code, "", back.href);
  }

  saveCodeVerifier(verifier: string): void {
    this.#verifier = verifier;
  }

  codeVerifier(): string {
    return this.#verifier;
  }
}

Deno.test("the SDK's client signs in by what Wharf says of itself, and asks for more when it must", async () => {
  await using issuer = await startAuthorizationServer({ audience: AUDIENCE });
  await using wharf = await guardedWharf(issuer);
  const authProvider = new Person("ada");
  const first = new StreamableHTTPClientTransport(wharf.mcp, { authProvider });
  await assert.rejects(
    new Client({ name: "test", version: "1" }).connect(first),
    UnauthorizedError,
  );
  await first.finishAuth(authProvider.code);
  const transport = new StreamableHTTPClientTransport(wharf.mcp, { authProvider });
  const client = new Client({ name: "test", version: "1" });
  await client.connect(transport);
  assert.ok((await client.listTools()).tools.some(({ name }) => name === "registry-add"));
  await client.callTool({ name: "registry-status", arguments: {} });
  const change = { name: "registry-remove", arguments: { id: "nothing/there" } };
  await assert.rejects(client.callTool(change), UnauthorizedError);
  await transport.finishAuth(authProvider.code);
  const { isError } = await client.callTool(change);
  assert.equal(isError, true);
  assert.deepEqual(authProvider.asked, ["read write", "read write"]);
  await client.close();
});

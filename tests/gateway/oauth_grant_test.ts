/**
 * Signing in without a person: as a client itself, by a key, and by an identity provider's word; and
 * clients that describe themselves. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync, verify } from "node:crypto";
import type { OAuthClient } from "../../lib/gateway/oauth_provider.ts";
import { keyAuthentication } from "../../lib/gateway/oauth_grant.ts";
import { ISSUER, nobody, SERVER, type World, world } from "./oauth_world.ts";

const SECRET = "client-s3cret";
const ID_TOKEN = "id-t0ken";
const CLIENT: OAuthClient = {
  id: "me",
  secret: SECRET,
  grant: { kind: "client_credentials" },
};
const PROVIDER = "https://idp.example/token";
const ENTERPRISE: OAuthClient = {
  id: "me",
  secret: SECRET,
  grant: {
    kind: "id_jag",
    provider: { tokenUrl: new URL(PROVIDER), clientId: "us", idToken: ID_TOKEN },
  },
};

/** What came to a token endpoint. */
interface Asked {
  readonly at: string;
  readonly form: Readonly<Record<string, string>>;
  readonly authorization: string | null;
}

/** A world whose token endpoints take any grant, or refuse with an error of OAuth. */
function granting(
  { refuse, scopes, provider = {} }: {
    readonly refuse?: string;
    readonly scopes?: readonly string[];
    readonly provider?: Record<string, unknown>;
  } = {},
): World & { readonly tokens: Asked[] } {
  const made = world({ registers: false, ...(scopes === undefined ? {} : { scopes }) });
  const tokens: Asked[] = [];
  made.server.intercept = async (request) => {
    if (request.method !== "POST") return undefined;
    const form = Object.fromEntries(new URLSearchParams(await request.text()));
    tokens.push({ at: request.url, form, authorization: request.headers.get("authorization") });
    if (request.url === PROVIDER) {
      return Response.json({ access_token: "the-assertion", token_type: "N_A", ...provider }, {
        status: "error" in provider ? 400 : 200,
      });
    }
    if (refuse !== undefined) {
      return Response.json({ error: refuse, error_description: `not ${SECRET}` }, { status: 401 });
    }
    return Response.json({
      access_token: `token-${tokens.length}`,
      token_type: "Bearer",
      expires_in: 600,
    });
  };
  return { ...made, tokens };
}

Deno.test("renew() signs a client in as itself, and keeps the token but not the secret", async () => {
  const { oauth, open, tokens, store, ports, log } = granting({ scopes: ["a", "b"] });
  assert.equal(await oauth.renew({ server: SERVER, client: CLIENT, authorize: nobody }), "token-1");
  assert.deepEqual(tokens, [{
    at: `${ISSUER}/token`,
    form: {
      grant_type: "client_credentials",
      scope: "a b",
      resource: SERVER.href,
      client_id: "me",
      client_secret: SECRET,
    },
    authorization: null,
  }]);
  assert.equal(ports.open, 0);
  assert.equal(await open().renew({ server: SERVER, client: CLIENT }), "token-1");
  // There is nothing to refresh with: the client signs in again.
  assert.equal(
    await oauth.renew({ server: SERVER, client: CLIENT, rejected: "token-1" }),
    "token-2",
  );
  assert.doesNotMatch(JSON.stringify([await store.read(SERVER), log.records]), /s3cret/);
});

Deno.test("renew() asks for the scope that the server wants", async () => {
  const { oauth, tokens } = granting({ scopes: ["a"] });
  await oauth.renew({ server: SERVER, client: CLIENT, challenge: { scope: "admin" } });
  assert.equal(tokens[0]?.form["scope"], "admin");
});

Deno.test("renew() sends a client's credentials to its own authorization server only", async () => {
  const client = { ...CLIENT, issuer: "https://other.example" };
  const { oauth, tokens } = granting();
  await assert.rejects(oauth.renew({ server: SERVER, client }), {
    message: /bound to authorization server https:\/\/other\.example/,
  });
  assert.deepEqual(tokens, []);
  // Whoever was first is remembered.
  const later = granting();
  await later.oauth.renew({ server: SERVER, client: CLIENT });
  await later.store.update(SERVER, (record) => ({
    ...record,
    tokens: undefined,
    client: { client_id: "me", issuer: "https://other.example" },
  }));
  await assert.rejects(later.oauth.renew({ server: SERVER, client: CLIENT }));
  assert.equal(later.tokens.length, 1);
});

Deno.test("renew() keeps the secret of a person's client from other authorization servers", async () => {
  const { server, oauth, net } = world();
  const client = { id: "me", secret: SECRET, issuer: "https://other.example" };
  await assert.rejects(oauth.renew({ server: SERVER, client, authorize: nobody }), {
    code: "ADDRESS_REFUSED",
    message: /it now names another authorization server/,
  });
  assert.equal(server.count("POST /token"), 0);
  assert.doesNotMatch(JSON.stringify(net.requests), /s3cret/);
});

Deno.test("renew() tells a refusal without the secret", async () => {
  const { oauth } = granting({ refuse: "invalid_client" });
  await assert.rejects(oauth.renew({ server: SERVER, client: CLIENT }), (error: Error) => {
    assert.match(error.message, /it says invalid_client, not \*\*\*/);
    return true;
  });
});

Deno.test("renew() proves a client by its key, whatever its kind", async () => {
  const kinds = [
    ["ES256", generateKeyPairSync("ec", { namedCurve: "P-256" })],
    ["ES384", generateKeyPairSync("ec", { namedCurve: "P-384" })],
    ["RS256", generateKeyPairSync("rsa", { modulusLength: 2048 })],
  ] as const;
  for (const [algorithm, { privateKey, publicKey }] of kinds) {
    const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    const { oauth, tokens, log, store } = granting();
    const client: OAuthClient = {
      id: "me",
      privateKey: pem,
      grant: { kind: "client_credentials" },
    };
    await oauth.renew({ server: SERVER, client });
    const { form } = tokens[0] ?? {};
    assert.equal(
      form?.["client_assertion_type"],
      "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    );
    const [head = "", body = "", signature = ""] = (form?.["client_assertion"] ?? "").split(".");
    const read = (part: string) => JSON.parse(new TextDecoder().decode(bytesOf(part)));
    assert.equal(read(head).alg, algorithm);
    const { iss, sub, aud, exp, iat } = read(body);
    assert.deepEqual([iss, sub, aud, exp - iat], ["me", "me", ISSUER, 300]);
    const isGood = verify(
      algorithm === "ES384" ? "sha384" : "sha256",
      new TextEncoder().encode(`${head}.${body}`),
      {
        key: createPublicKey(publicKey.export({ type: "spki", format: "pem" })),
        dsaEncoding: "ieee-p1363",
      },
      bytesOf(signature),
    );
    assert.ok(isGood, algorithm);
    assert.doesNotMatch(JSON.stringify([await store.read(SERVER), log.records]), /PRIVATE/);
  }
});

Deno.test("keyAuthentication() refuses keys that no algorithm fits, without showing them", () => {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  const odd = [
    privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    publicKey.export({ type: "spki", format: "pem" }).toString(),
    rsa.export({ type: "pkcs1", format: "pem" }).toString(),
    "hunter2",
    "",
  ];
  for (const pem of odd) {
    assert.throws(() => keyAuthentication("me", pem), {
      code: "INVALID_ARGUMENT",
      message: "Cannot use the client's key: it is of no known kind",
    });
  }
});

Deno.test("renew() swaps an identity provider's token for one of the authorization server", async () => {
  const { oauth, tokens, store, log } = granting({ scopes: ["a"] });
  assert.equal(await oauth.renew({ server: SERVER, client: ENTERPRISE }), "token-2");
  assert.deepEqual(tokens.map(({ at, form }) => ({ at, ...form })), [{
    at: PROVIDER,
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    requested_token_type: "urn:ietf:params:oauth:token-type:id-jag",
    audience: ISSUER,
    resource: SERVER.href,
    scope: "a",
    subject_token: ID_TOKEN,
    subject_token_type: "urn:ietf:params:oauth:token-type:id_token",
    client_id: "us",
  }, {
    at: `${ISSUER}/token`,
    grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer",
    assertion: "the-assertion",
    scope: "a",
    resource: SERVER.href,
    client_id: "me",
    client_secret: SECRET,
  }]);
  assert.doesNotMatch(JSON.stringify([await store.read(SERVER), log.records]), /s3cret|id-t0ken/);
});

Deno.test("renew() tells what an identity provider says, and goes no further", async () => {
  const refused = granting({
    provider: { error: "invalid_grant", error_description: `${ID_TOKEN} is over` },
  });
  await assert.rejects(refused.oauth.renew({ server: SERVER, client: ENTERPRISE }), {
    code: "UNAUTHORIZED",
    message:
      'Cannot sign in at the identity provider "idp.example": it says invalid_grant, *** is over',
  });
  assert.equal(refused.tokens.length, 1);
  const odd = granting({ provider: { issued_token_type: "urn:x:something-else" } });
  await assert.rejects(odd.oauth.renew({ server: SERVER, client: ENTERPRISE }), {
    code: "BAD_RESPONSE",
    message: /it gives no assertion for the server/,
  });
  assert.equal(odd.tokens.length, 1);
});

Deno.test("renew() names a client by its metadata where the authorization server takes that", async () => {
  const metadataUrl = "https://us.example/client.json";
  const { server, oauth, browser } = world();
  const metadata = await (await server.handle(
    new Request(`${ISSUER}/.well-known/oauth-authorization-server`),
  )).json();
  server.intercept = ({ url }) =>
    new URL(url).pathname === "/.well-known/oauth-authorization-server"
      ? Response.json({ ...metadata, client_id_metadata_document_supported: true })
      : undefined;
  const asked: URL[] = [];
  await oauth.renew({
    server: SERVER,
    client: { metadataUrl },
    authorize: (request, options) => {
      asked.push(request.url);
      // As the document says it.
      server.clients.set(metadataUrl, { redirectUris: [request.redirectUrl.href] });
      return browser(request, options);
    },
  });
  assert.equal(asked[0]?.searchParams.get("client_id"), metadataUrl);
  assert.equal(server.count("POST /register"), 0);
  // One that does not know such documents is registered at.
  const other = world();
  await other.oauth.renew({ server: SERVER, client: { metadataUrl }, authorize: other.browser });
  assert.equal(other.server.count("POST /register"), 1);
});

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.fromBase64(text, { alphabet: "base64url" });
}

/**
 * A real authorization server on loopback (oidc-provider): discovery, dynamic registration, client
 * credentials, authorization codes with PKCE and resource indicators, JWT access tokens, and keys
 * that change. Needs net permission for loopback.
 *
 * @example
 * ```ts ignore
 * await using server = await startAuthorizationServer({ audience: "urn:wharf" });
 * const token = await server.token("read");
 * ```
 *
 * @module
 */

import assert from "node:assert/strict";
import { createServer } from "node:http";
import Provider from "oidc-provider";

/** What the server signs with. */
export interface SigningKey {
  /** Its name. */
  readonly kid: string;
  /** The private key. */
  readonly privateKey: CryptoKey;
  /** The public half as the server publishes it. */
  readonly publicJwk: Readonly<Record<string, unknown>>;
}

/** The server. */
export interface AuthorizationServer extends AsyncDisposable {
  /** Its address. */
  readonly issuer: string;
  /** Its audience in the tokens that it gives. */
  audience: string;
  /** The key that it signs with now. */
  readonly key: SigningKey;
  /** Takes a new key, and forgets the old one. */
  rotate(): Promise<void>;
  /** A token by client credentials (RFC 6749, 4.4). */
  token(scope: string): Promise<string>;
  /** Signs what an honest server would not. */
  sign(claims: Readonly<Record<string, unknown>>): Promise<string>;
}

const CLIENT = { id: "robot", secret: "a-secret-of-tests" };
const ALGORITHM = {
  name: "RSASSA-PKCS1-v1_5",
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
  hash: "SHA-256",
};

let keys = 0;

async function makeKey(): Promise<{ readonly key: SigningKey; readonly jwk: JsonWebKey }> {
  const pair = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const kid = `key-${++keys}`;
  const jwk = {
    ...await crypto.subtle.exportKey("jwk", pair.privateKey),
    kid,
    alg: "RS256",
    use: "sig",
  };
  const { kty, n, e } = jwk;
  const publicJwk = { kty, n, e, kid, alg: "RS256", use: "sig" };
  // What the export adds for this runtime is not for publishing.
  const { key_ops: _, ext: __, ...published } = jwk;
  return { key: { kid, privateKey: pair.privateKey, publicJwk }, jwk: published };
}

/** A part of a token, as it is signed. */
export function tokenPart(value: unknown): string {
  return new TextEncoder().encode(JSON.stringify(value)).toBase64({
    alphabet: "base64url",
    omitPadding: true,
  });
}

/**
 * Starts the server.
 *
 * @param options The audience of its tokens, whatever resource was asked for.
 */
export async function startAuthorizationServer(
  options: { readonly audience: string },
): Promise<AuthorizationServer> {
  const { promise: listening, resolve: listens } = Promise.withResolvers<void>();
  let answer: (request: unknown, response: unknown) => void = () => {};
  const server = createServer((request, response) => answer(request, response));
  server.listen(0, "127.0.0.1", listens);
  await listening;
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  const issuer = `http://127.0.0.1:${address.port}`;
  let audience = options.audience;
  let current: SigningKey;

  async function rotate(): Promise<void> {
    const { key, jwk } = await makeKey();
    const provider = new Provider(issuer, {
      jwks: { keys: [jwk] },
      cookies: { keys: ["a-cookie-key-of-tests"] },
      clients: [{
        client_id: CLIENT.id,
        client_secret: CLIENT.secret,
        redirect_uris: [],
        response_types: [],
        grant_types: ["client_credentials"],
      }],
      // Clients of the MCP SDK are native: any loopback port is theirs (RFC 8252, 7.3).
      clientDefaults: { application_type: "native" },
      scopes: ["read", "write"],
      pkce: { required: () => true },
      findAccount: (_: unknown, id: string) => ({
        accountId: id,
        claims: () => ({ sub: id }),
      }),
      features: {
        clientCredentials: { enabled: true },
        devInteractions: { enabled: true },
        registration: { enabled: true },
        resourceIndicators: {
          enabled: true,
          defaultResource: () => "https://wharf.example/mcp",
          useGrantedResource: () => true,
          getResourceServerInfo: () => ({
            scope: "read write",
            audience,
            accessTokenFormat: "jwt",
            accessTokenTTL: 3600,
            jwt: { sign: { alg: "RS256" } },
          }),
        },
      },
    });
    current = key;
    answer = provider.callback();
  }

  await rotate();
  return {
    issuer,
    get audience() {
      return audience;
    },
    set audience(value) {
      audience = value;
    },
    get key() {
      return current;
    },
    rotate,
    async token(scope) {
      const response = await fetch(`${issuer}/token`, {
        method: "POST",
        headers: { authorization: `Basic ${btoa(`${CLIENT.id}:${CLIENT.secret}`)}` },
        body: new URLSearchParams({ grant_type: "client_credentials", scope }),
      });
      const { access_token: token, ...rest } = await response.json();
      assert.equal(typeof token, "string", JSON.stringify(rest));
      return token;
    },
    async sign(claims) {
      const now = Math.floor(Date.now() / 1000);
      const input = [
        { alg: "RS256", typ: "at+jwt", kid: current.kid },
        {
          iss: issuer,
          sub: "ada",
          aud: audience,
          exp: now + 600,
          iat: now,
          scope: "read",
          ...claims,
        },
      ].map(tokenPart).join(".");
      const bytes = new TextEncoder().encode(input);
      const signature = await crypto.subtle.sign(ALGORITHM.name, current.privateKey, bytes);
      return `${input}.${
        new Uint8Array(signature).toBase64({ alphabet: "base64url", omitPadding: true })
      }`;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/**
 * Does what a person does in a browser: signs in, agrees, and is sent back to the client.
 *
 * @param url Where the client sends the person.
 * @param person Who signs in.
 * @returns The address that the browser is sent to at the end; nobody listens there.
 */
export async function signInAs(url: URL, person: string): Promise<URL> {
  const cookies = new Map<string, string>();
  const back = url.searchParams.get("redirect_uri") ?? "";
  let next = url;
  for (let step = 0; step < 20; step++) {
    if (next.href.startsWith(back)) return next;
    const isQuestion = /^\/interaction\/[^/]+$/.test(next.pathname);
    const body = isQuestion
      ? { body: new URLSearchParams({ prompt: await promptOf(next, cookies), login: person }) }
      : {};
    const response = await fetch(next, {
      method: isQuestion ? "POST" : "GET",
      headers: { cookie: cookieText(cookies) },
      redirect: "manual",
      ...body,
    });
    keepCookies(response, cookies);
    const text = await response.text();
    const location = response.headers.get("location");
    assert.ok(location !== null, `${next.pathname} led nowhere: ${response.status} ${text}`);
    next = new URL(location, next);
  }
  throw new Error("the sign-in goes round in circles");
}

/** What the page asks for: `login` or `consent`. */
async function promptOf(page: URL, cookies: Map<string, string>): Promise<string> {
  const response = await fetch(page, { headers: { cookie: cookieText(cookies) } });
  keepCookies(response, cookies);
  const text = await response.text();
  return /name="prompt" value="(\w+)"/.exec(text)?.[1] ?? "";
}

function cookieText(cookies: ReadonlyMap<string, string>): string {
  return [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
}

function keepCookies(response: Response, cookies: Map<string, string>): void {
  for (const cookie of response.headers.getSetCookie()) {
    const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
    cookies.set(name, value);
  }
}

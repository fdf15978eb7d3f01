/**
 * An authorization server that tests shape as they like: its keys, its documents, and any token,
 * also one that no honest server would sign. Needs no permission.
 *
 * @example
 * ```ts ignore
 * const issuer = await TestIssuer.open();
 * const token = await issuer.sign({ sub: "ada", aud: "https://wharf.example/mcp" });
 * ```
 *
 * @module
 */

import { createHmac } from "node:crypto";
import { type ServedNet, servedNet, type ServedNetOptions } from "../gateway/served_net.ts";

/** Where the server is. */
export const ISSUER = "https://auth.example";

/** What Wharf calls itself in these tests. */
export const AUDIENCE = "https://wharf.example/mcp";

interface Key {
  readonly kid: string;
  readonly pair: CryptoKeyPair;
  readonly jwk: JsonWebKey;
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/** The server. */
export class TestIssuer {
  /** Documents by path, over those that the server makes itself. */
  readonly documents: Map<string, unknown> = new Map<string, unknown>();
  /** The network on which it answers. */
  readonly net: ServedNet;
  /** Whether it answers with an error. */
  isDown = false;
  #keys: Key[] = [];

  private constructor(options: ServedNetOptions) {
    this.net = servedNet((request) => this.#answer(request), options);
  }

  /** Opens a server with one key, named `1`. */
  static async open(options: ServedNetOptions = {}): Promise<TestIssuer> {
    const issuer = new TestIssuer(options);
    await issuer.addKey("1");
    return issuer;
  }

  /** Paths that were asked for, in order. */
  get asked(): readonly string[] {
    return this.net.requests.map(({ url }) => url.pathname);
  }

  /** Adds a key; tokens are signed with the last one. */
  async addKey(kid: string): Promise<void> {
    const pair = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
    this.#keys.push({ kid, pair, jwk: await crypto.subtle.exportKey("jwk", pair.publicKey) });
  }

  /** Forgets a key. */
  removeKey(kid: string): void {
    this.#keys = this.#keys.filter((key) => key.kid !== kid);
  }

  /** The public keys as the server publishes them. */
  keySet(): { readonly keys: readonly object[] } {
    return {
      keys: this.#keys.map(({ kid, jwk: { kty, crv, x, y } }) => ({
        kid,
        kty,
        crv,
        x,
        y,
        alg: "ES256",
        use: "sig",
      })),
    };
  }

  /**
   * Signs a token.
   *
   * @param claims Over those of an ordinary token of an hour.
   * @param header Over `{ alg: "ES256", kid, typ: "at+jwt" }`; `undefined` leaves a word out.
   */
  async sign(
    claims: Readonly<Record<string, unknown>> = {},
    header: Readonly<Record<string, unknown>> = {},
  ): Promise<string> {
    const key = this.#keys.at(-1);
    if (key === undefined) throw new Error("there is no key");
    const input = this.signingInput(claims, { kid: key.kid, ...header });
    const signature = await crypto.subtle.sign(
      ALGORITHM,
      key.pair.privateKey,
      new TextEncoder().encode(input),
    );
    return `${input}.${
      new Uint8Array(signature).toBase64({ alphabet: "base64url", omitPadding: true })
    }`;
  }

  /** A token that is signed with the public key as if it were a shared secret. */
  confused(): string {
    const input = this.signingInput({}, { alg: "HS256", kid: "1" });
    const secret = JSON.stringify(this.keySet().keys[0]);
    return `${input}.${createHmac("sha256", secret).update(input).digest("base64url")}`;
  }

  /** Header and claims as they are signed. */
  signingInput(
    claims: Readonly<Record<string, unknown>>,
    header: Readonly<Record<string, unknown>>,
  ): string {
    const all = {
      iss: ISSUER,
      sub: "ada",
      aud: AUDIENCE,
      exp: NOW_SECONDS + 3600,
      scope: "read",
      ...claims,
    };
    return [{ alg: "ES256", typ: "at+jwt", ...header }, all].map((part) =>
      new TextEncoder().encode(JSON.stringify(part)).toBase64({
        alphabet: "base64url",
        omitPadding: true,
      })
    ).join(".");
  }

  #answer(request: Request): Response {
    const { pathname } = new URL(request.url);
    if (this.isDown) return new Response("down", { status: 502 });
    const document = this.documents.get(pathname);
    if (document !== undefined) return Response.json(document);
    if (pathname === "/.well-known/oauth-authorization-server") {
      return Response.json({ issuer: ISSUER, jwks_uri: `${ISSUER}/jwks` });
    }
    if (pathname === "/jwks") return Response.json(this.keySet());
    return new Response("nothing", { status: 404 });
  }
}

/** The time of these tests, where `FakeClock` begins, in seconds. */
export const NOW_SECONDS = Date.UTC(2026, 0, 1) / 1000;

/**
 * From a challenge to an `Authorization` header: Basic, or a bearer token from a token server (the
 * distribution project's token and OAuth2 documents). Needs no permission: the network is passed
 * in.
 *
 * @module
 */

import { z } from "zod";
import { AppError } from "../core/errors.ts";
import type { Clock } from "../core/host.ts";
import type { HttpResponse, Net, UrlOrigin } from "../core/http.ts";
import { parseJson } from "../core/json.ts";
import type { Challenge } from "./challenge.ts";
import type { FoundCredential } from "./credentials.ts";
import { nextHop } from "./redirect.ts";
import { readRefusal, type Refusal } from "./registry_error.ts";

/** A header that authenticates, while it lasts. */
export interface Authorization {
  /** The value of `Authorization`. */
  readonly header: string;
  /** Its scheme. */
  readonly scheme: "basic" | "bearer";
  /** Where the credential behind it came from; `undefined` for an anonymous token. */
  readonly source: string | undefined;
  /** When it ends, in milliseconds since the Unix epoch. */
  readonly expiresMs: number;
}

/** What a challenge is answered for. */
export interface AuthorizationRequest {
  /** The registry's name. */
  readonly registry: string;
  /** The scope that Wharf needs: `repository:library/alpine:pull`, or empty. */
  readonly scope: string;
  /** What the registry asks for. */
  readonly challenges: readonly Challenge[];
  /** Address of the challenged request. */
  readonly url: URL;
  /** How the token server's address is to be treated. */
  readonly origin: UrlOrigin;
  /** The credential for the registry, or `undefined`. */
  readonly found: FoundCredential | undefined;
}

const TEXT = z.string().optional().catch(undefined);

const TOKEN = z.object({
  token: TEXT,
  access_token: TEXT,
  refresh_token: TEXT,
  expires_in: z.coerce.number().optional().catch(undefined),
  issued_at: TEXT,
});

const MAX_BYTES = 256 * 1024;
const MAX_REDIRECTS = 3;

/** The token document: a token that tells no time lasts 60 s; shorter ones are treated as that. */
const SHORTEST_S = 60;
const MARGIN_MS = 5_000;

/** Statuses that say "no POST here", or that the refresh token is not one; RFC 6749, 5.2 has 400. */
const POST_REFUSED = new Set([400, 401, 404, 405]);

/** Makes headers from challenges and credentials. */
export class Authorizer {
  readonly #net: Net;
  readonly #clock: Clock;
  /** Refresh tokens that a token server has replaced, by registry and the token replaced first. */
  readonly #rotated = new Map<string, string>();

  /** @param deps Network and clock. */
  constructor(deps: { readonly net: Net; readonly clock: Clock }) {
    this.#net = deps.net;
    this.#clock = deps.clock;
  }

  /**
   * Answers a challenge.
   *
   * @param request What is asked for, and with which credential.
   * @param signal Gives up.
   * @returns The header, or `undefined` where the challenge cannot be answered.
   * @throws {AppError} What the token server or the address policy says against it.
   */
  async authorize(
    request: AuthorizationRequest,
    signal: AbortSignal,
  ): Promise<Authorization | undefined> {
    const { challenges, found } = request;
    const credential = found?.credential;
    const source = found?.source;
    if (credential?.kind === "bearer") {
      const header = `Bearer ${credential.token}`;
      return { header, scheme: "bearer", source, expiresMs: Infinity };
    }
    const challenge = challenges.find(({ scheme, parameters }) =>
      scheme === "bearer" && parameters["realm"] !== undefined
    );
    if (challenge !== undefined) {
      const realm = realmOf(challenge, request);
      const scopes = scopesOf(challenge, request.scope);
      return await this.#token({ request, challenge, realm, scopes }, signal);
    }
    const isBasic = challenges.some(({ scheme }) => scheme === "basic");
    if (!isBasic || credential?.kind !== "basic") return undefined;
    return { header: basicHeader(credential), scheme: "basic", source, expiresMs: Infinity };
  }

  async #token(asked: Asked, signal: AbortSignal): Promise<Authorization> {
    const { found, registry } = asked.request;
    const identity = found?.credential.kind === "identity" ? found.credential.token : undefined;
    const rotation = `${registry} ${identity}`;
    let response: HttpResponse | undefined;
    if (identity !== undefined) {
      response = await this.#post(asked, this.#rotated.get(rotation) ?? identity, signal);
      if (POST_REFUSED.has(response.status)) {
        await response.cancel();
        response = undefined;
        // The one that the user has may still be good.
        this.#rotated.delete(rotation);
      }
    }
    response ??= await this.#get(asked, signal);
    if (response.status !== 200) {
      throw new TokenRefused(await readRefusal(response), asked.realm.host, found?.source);
    }
    const what = `the token of "${asked.realm.host}"`;
    const parsed = TOKEN.safeParse(
      parseJson(await response.bytes({ maxBytes: MAX_BYTES }), { what }),
    );
    const token = parsed.data?.token || parsed.data?.access_token;
    // A line feed in a header would be a second header.
    if (!parsed.success || !token || !/^[\x21-\x7e]+$/.test(token)) {
      throw new AppError("BAD_RESPONSE", `Cannot use ${what}: the answer holds none`, {
        hint: "Check that the registry's token server works",
      });
    }
    const { refresh_token: rotated } = parsed.data;
    if (rotated && identity !== undefined) this.#rotated.set(rotation, rotated);
    return {
      header: `Bearer ${token}`,
      scheme: "bearer",
      source: found?.source,
      expiresMs: this.#expiry(parsed.data),
    };
  }

  async #post(asked: Asked, token: string, signal: AbortSignal): Promise<HttpResponse> {
    const form = new URLSearchParams({
      grant_type: "refresh_token",
      client_id: "wharf",
      refresh_token: token,
      service: asked.challenge.parameters["service"] ?? asked.request.registry,
    });
    if (asked.scopes.length > 0) form.set("scope", asked.scopes.join(" "));
    return await this.#net.fetch({
      url: asked.realm,
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded", accept: "application/json" },
      body: form.toString(),
      origin: asked.request.origin,
      signal,
    });
  }

  /** Follows redirects, without the credential once another host is met. */
  async #get(asked: Asked, signal: AbortSignal): Promise<HttpResponse> {
    let url = new URL(asked.realm);
    const service = asked.challenge.parameters["service"];
    if (service !== undefined) url.searchParams.set("service", service);
    for (const scope of asked.scopes) url.searchParams.append("scope", scope);
    const credential = asked.request.found?.credential;
    let header = credential?.kind === "basic" ? basicHeader(credential) : undefined;
    let { origin } = asked.request;
    for (let followed = 0;; followed++) {
      const response = await this.#net.fetch({
        url,
        headers: {
          accept: "application/json",
          ...(header === undefined ? {} : { authorization: header }),
        },
        origin,
        signal,
      });
      const next = await nextHop(response, { url, origin }, {
        action: `log in to "${asked.request.registry}"`,
        followed,
        most: MAX_REDIRECTS,
      });
      if (next === undefined) return response;
      if (next.url.host !== url.host) header = undefined;
      ({ url, origin } = next);
    }
  }

  /** `issued_at` counts only where it makes sense, since clocks differ. */
  #expiry(token: z.output<typeof TOKEN>): number {
    const now = this.#clock.now();
    const lifeMs = Math.max(SHORTEST_S, token.expires_in ?? SHORTEST_S) * 1000;
    const issued = Date.parse(token.issued_at ?? "");
    const start = issued <= now && issued + lifeMs > now ? issued : now;
    return start + lifeMs - MARGIN_MS;
  }
}

interface Asked {
  readonly request: AuthorizationRequest;
  readonly challenge: Challenge;
  readonly realm: URL;
  readonly scopes: readonly string[];
}

/** The realm may be relative; https, unless the registry itself is spoken to over http. */
function realmOf(challenge: Challenge, request: AuthorizationRequest): URL {
  const realm = URL.parse(challenge.parameters["realm"] ?? "", request.url);
  const isWeb = realm !== null && (realm.protocol === "https:" ||
    (realm.protocol === "http:" && request.url.protocol === "http:"));
  if (realm !== null && isWeb && realm.username === "" && realm.password === "") return realm;
  throw new AppError(
    "ADDRESS_REFUSED",
    `Cannot log in to "${request.registry}": its token server's address is unsafe`,
    { hint: "The realm must be an https address; check the registry's configuration" },
  );
}

/** Some registries read only the first scope, and theirs is the one that they ask for. */
function scopesOf(challenge: Challenge, own: string): readonly string[] {
  return [...new Set([challenge.parameters["scope"] ?? "", own])].filter(Boolean);
}

function basicHeader(credential: { readonly username: string; readonly password: string }): string {
  const bytes = new TextEncoder().encode(`${credential.username}:${credential.password}`);
  return `Basic ${btoa(String.fromCharCode(...bytes))}`;
}

/** A token server's refusal; the transport turns it into an `AppError` with the caller's context. */
export class TokenRefused extends AppError {
  /** What the token server answered. */
  readonly refusal: Refusal;
  /** Where the credential that it refused came from; `undefined` for anonymous access. */
  readonly source: string | undefined;

  /**
   * @param refusal What the token server answered.
   * @param host Its host.
   * @param source Where the credential came from.
   */
  constructor(refusal: Refusal, host: string, source: string | undefined) {
    super(
      "BAD_RESPONSE",
      `Cannot log in: the token server "${host}" answers with status ${refusal.status}`,
      { status: refusal.status, hint: "Check that the registry's token server works" },
    );
    this.refusal = refusal;
    this.source = source;
  }
}

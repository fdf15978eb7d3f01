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
import { SingleFlight } from "../core/single_flight.ts";
import type { Challenge } from "./challenge.ts";
import type { FoundCredential } from "./credentials.ts";

/** A header that authenticates, while it lasts. */
export interface Authorization {
  /** The value of `Authorization`. */
  readonly header: string;
  /** When it ends, in milliseconds since the Unix epoch. */
  readonly expiresMs: number;
}

/** What a challenge is answered for. */
export interface AuthorizationRequest {
  /** The registry's name; part of the key under which calls share one token. */
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

const TOKEN = z.object({
  token: z.string().optional(),
  access_token: z.string().optional(),
  refresh_token: z.string().optional(),
  expires_in: z.number().optional().catch(undefined),
  issued_at: z.string().optional().catch(undefined),
});

const MAX_BYTES = 256 * 1024;
const MAX_REDIRECTS = 3;

/** The token document: a token that tells no time lasts 60 s; shorter ones are treated as that. */
const SHORTEST_S = 60;
const MARGIN_MS = 5_000;

/** Statuses that say "no POST here", by registry. */
const POST_REFUSED = new Set([400, 401, 404, 405]);

/** Gets headers, one token request per registry and scope however many calls wait. */
export class Authorizer {
  readonly #net: Net;
  readonly #clock: Clock;
  readonly #flights = new SingleFlight<Authorization>();
  /** Refresh tokens that a token server has replaced, by registry and source. */
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
    const credential = request.found?.credential;
    const bearer = request.challenges.find(({ scheme, parameters }) =>
      scheme === "bearer" && parameters["realm"] !== undefined
    );
    const basic = request.challenges.some(({ scheme }) => scheme === "basic");
    if (credential?.kind === "bearer") {
      return { header: `Bearer ${credential.token}`, expiresMs: Infinity };
    }
    if (bearer !== undefined) {
      const realm = realmOf(bearer, request);
      const scopes = scopesOf(bearer, request.scope);
      const key = [request.registry, realm.href, ...scopes, request.found?.source].join(" ");
      return await this.#flights.run(
        key,
        (shared) => this.#token({ request, challenge: bearer, realm, scopes }, shared),
        signal,
      );
    }
    if (basic && credential?.kind === "basic") {
      return { header: basicHeader(credential), expiresMs: Infinity };
    }
    return undefined;
  }

  async #token(asked: Asked, signal: AbortSignal): Promise<Authorization> {
    const credential = asked.request.found?.credential;
    let response: HttpResponse | undefined;
    if (credential?.kind === "identity") {
      response = await this.#post(asked, credential.token, signal);
      if (POST_REFUSED.has(response.status)) {
        await response.cancel();
        response = undefined;
      }
    }
    response ??= await this.#get(asked, signal);
    if (response.status !== 200) throw await refused(response, asked);
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
    if (rotated) this.#rotated.set(rotationKey(asked.request), rotated);
    return { header: `Bearer ${token}`, expiresMs: this.#expiry(parsed.data) };
  }

  async #post(asked: Asked, token: string, signal: AbortSignal): Promise<HttpResponse> {
    const form = new URLSearchParams({
      grant_type: "refresh_token",
      client_id: "wharf",
      refresh_token: this.#rotated.get(rotationKey(asked.request)) ?? token,
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
    let { origin } = asked.request;
    const credential = asked.request.found?.credential;
    let header = credential?.kind === "basic" ? basicHeader(credential) : undefined;
    for (let hop = 0;; hop++) {
      const response = await this.#net.fetch({
        url,
        headers: {
          accept: "application/json",
          ...(header === undefined ? {} : { authorization: header }),
        },
        origin,
        signal,
      });
      const location = response.headers.get("location");
      if (response.status < 300 || response.status > 399 || location === null) return response;
      await response.cancel();
      const next = URL.parse(location, url);
      if (next === null || hop >= MAX_REDIRECTS || !isSafeStep(url, next)) {
        throw new AppError(
          "ADDRESS_REFUSED",
          `Cannot follow the token server "${url.host}": its redirect is unsafe`,
          {
            hint: "Check the registry's token server",
          },
        );
      }
      if (next.host !== url.host) header = undefined;
      if (response.peer === "public" || response.peer === undefined) origin = "derived";
      url = next;
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

function isSafeStep(from: URL, to: URL): boolean {
  return to.protocol === "https:" || (to.protocol === "http:" && from.protocol === "http:");
}

function basicHeader(credential: { readonly username: string; readonly password: string }): string {
  const bytes = new TextEncoder().encode(`${credential.username}:${credential.password}`);
  return `Basic ${btoa(String.fromCharCode(...bytes))}`;
}

function rotationKey(request: AuthorizationRequest): string {
  return `${request.registry} ${request.found?.source}`;
}

/** The token server's refusal means for the caller what the registry's own would mean. */
async function refused(response: HttpResponse, asked: Asked): Promise<TokenRefused> {
  await response.cancel();
  return new TokenRefused(response.status, response.headers, asked.realm.host);
}

/** A token server's refusal; the transport turns it into an `AppError` with the caller's context. */
export class TokenRefused extends AppError {
  /** The token server's headers, for when to come back. */
  readonly headers: Headers;

  /**
   * @param status The token server's status.
   * @param headers Its headers.
   * @param host Its host.
   */
  constructor(status: number, headers: Headers, host: string) {
    super(
      "UNAUTHORIZED",
      `Cannot log in: the token server "${host}" answers with status ${status}`,
      {
        status,
      },
    );
    this.headers = headers;
  }
}

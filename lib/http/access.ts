/**
 * Who is let in, and how others are told to sign in: a bearer token of the operator's own, or
 * access tokens of an OAuth 2.1 issuer, for which Wharf is a resource server (MCP specification
 * 2025-11-25, "Authorization"; RFC 6750, RFC 9728). Needs net permission for the issuer.
 *
 * @module
 */

import { createHash, timingSafeEqual } from "node:crypto";
import { toAppError } from "../core/errors.ts";
import type { Clock, Log } from "../core/host.ts";
import type { Net } from "../core/http.ts";
import { cleanText } from "../core/text.ts";
import { refusal } from "./guard.ts";
import { Issuer, type IssuerKeys } from "./issuer.ts";
import { checkJwt, type JwtCheck, type TokenClaims } from "./jwt.ts";
import { ANONYMOUS, type Principal } from "./principal.ts";
import { isGranted, type Scope, SCOPES, scopeText } from "./scope.ts";

/** The issuer whose access tokens are accepted. */
export interface OAuthOptions {
  /** Its address, as it writes itself. */
  readonly issuer: string;
  /**
   * What its tokens name as their audience, at least one. The first that is an http address is
   * what Wharf calls itself (RFC 9728, `resource`).
   */
  readonly audiences: readonly string[];
  /** Asks it. */
  readonly net: Net;
}

/** What {@linkcode Access} takes. With neither a token nor an issuer everyone is let in. */
export interface AccessOptions {
  /** The operator's own bearer token; it may do everything. */
  readonly authToken?: string;
  /** The issuer of access tokens. */
  readonly oauth?: OAuthOptions;
}

/** What {@linkcode Access} works with. */
export interface AccessDeps {
  /** The time, for tokens and keys. */
  readonly clock: Clock;
  /** Is told of the issuer's trouble. */
  readonly log: Log;
}

/** Where the description of a protected resource lies (RFC 9728, 3). */
const METADATA_PATH = "/.well-known/oauth-protected-resource";

const MAX_NAME_CHARS = 200;

/** A check, and whose name stood behind it. */
type Checked = JwtCheck & { readonly issuer: string };

/** Decides who is let in. */
export class Access {
  readonly #deps: AccessDeps;
  readonly #token: Uint8Array | undefined;
  readonly #oauth: (OAuthOptions & { readonly keys: Issuer }) | undefined;

  /**
   * @param options What is accepted.
   * @param deps Clock and log.
   * @throws {AppError} `INVALID_ARGUMENT` for an issuer that cannot be trusted.
   */
  constructor(options: AccessOptions, deps: AccessDeps) {
    const { authToken, oauth } = options;
    this.#deps = deps;
    this.#token = authToken === undefined ? undefined : hash(authToken);
    this.#oauth = oauth === undefined ? undefined : {
      ...oauth,
      audiences: oauth.audiences.flatMap(spellingsOf),
      keys: new Issuer(oauth.issuer, { ...deps, net: oauth.net }),
    };
  }

  /** Asks the issuer for its keys, so that its trouble is told at the start. Never rejects. */
  async prepare(): Promise<void> {
    // The log has what is wrong; the first call tries again.
    await this.#oauth?.keys.keys().catch(() => {});
  }

  /**
   * Finds out who calls.
   *
   * @param request Any request.
   * @returns The caller, or the answer that refuses the request.
   */
  async identify(request: Request): Promise<Principal | Response> {
    if (this.#token === undefined && this.#oauth === undefined) return ANONYMOUS;
    const header = request.headers.get("authorization") ?? "";
    const given = /^Bearer +(\S+)$/i.exec(header)?.[1];
    if (given === undefined) return this.#unauthorized(request);
    const digest = hash(given);
    // In a time that tells nothing about the token.
    if (this.#token !== undefined && timingSafeEqual(digest, this.#token)) return OPERATOR;
    if (this.#oauth === undefined) return this.#unauthorized(request, "the token is wrong");
    return await this.#identifyByIssuer(request, given, this.#oauth);
  }

  /**
   * Holds a caller's scopes against what a request needs.
   *
   * @param principal The caller.
   * @param needed What is needed.
   * @param request The request.
   * @returns The answer that refuses it, or `undefined`.
   */
  checkScope(
    principal: Principal,
    needed: Scope,
    { request }: { readonly request: Request },
  ): Response | undefined {
    if (isGranted(principal.scopes, needed)) return undefined;
    const problem = `this needs the scope ${needed}`;
    return refusal(403, `Forbidden: ${problem}`, {
      "www-authenticate": this.#challenge(request, needed, {
        error: "insufficient_scope",
        error_description: problem,
      }),
    });
  }

  /**
   * Describes Wharf as a protected resource (RFC 9728), at the address that the standard makes of
   * Wharf's own, and without its path for clients that guess.
   *
   * @param request Any request.
   * @returns The description, or `undefined` where the request is for something else.
   */
  describe(request: Request): Response | undefined {
    if (this.#oauth === undefined || !/^(?:GET|HEAD)$/.test(request.method)) return undefined;
    const resource = resourceOf(this.#oauth, request);
    const { pathname } = new URL(request.url);
    if (pathname !== METADATA_PATH && pathname !== descriptionOf(resource).pathname) {
      return undefined;
    }
    return Response.json({
      resource,
      authorization_servers: [this.#oauth.issuer],
      scopes_supported: SCOPES,
      bearer_methods_supported: ["header"],
      resource_name: "Wharf",
    });
  }

  async #identifyByIssuer(
    request: Request,
    token: string,
    oauth: OAuthOptions & { readonly keys: Issuer },
  ): Promise<Principal | Response> {
    const { audiences } = oauth;
    const { clock, log } = this.#deps;
    const against = async ({ keys, issuer }: IssuerKeys): Promise<Checked> => ({
      ...await checkJwt(token, { keys, issuer, audiences, nowMs: clock.now() }),
      issuer,
    });
    try {
      const known = await oauth.keys.keys();
      let checked = await against(known);
      if ("fault" in checked && checked.unknownKey) {
        const newer = await oauth.keys.newerKeys(known);
        if (newer !== undefined) checked = await against(newer);
      }
      return "fault" in checked
        ? this.#unauthorized(request, checked.fault)
        : principalOf(checked.claims, checked.issuer);
    } catch (thrown) {
      log.debug("a token cannot be checked", { reason: toAppError(thrown).message });
      return refusal(503, "Cannot check tokens: the issuer does not give its keys", {
        "retry-after": "10",
      });
    }
  }

  /**
   * RFC 6750, 3.1: no error is named to who sent no credential. All scopes are: a client that
   * registers itself by what it reads here could never get a scope that was not named.
   */
  #unauthorized(request: Request, problem?: string): Response {
    const fault = problem === undefined
      ? {}
      : { error: "invalid_token", error_description: problem };
    const message = problem === undefined
      ? "Unauthorized: send a bearer token for this server"
      : `Unauthorized: ${problem}`;
    return refusal(401, message, {
      "www-authenticate": this.#challenge(request, "write", fault),
    });
  }

  /** RFC 6750, 3, with the address of the description (RFC 9728, 5.1). */
  #challenge(
    request: Request,
    needed: Scope,
    fault: Readonly<Record<string, string>>,
  ): string {
    const parameters = {
      realm: "wharf",
      ...fault,
      ...(this.#oauth === undefined ? {} : {
        scope: scopeText(needed),
        resource_metadata: descriptionOf(resourceOf(this.#oauth, request)).href,
      }),
    };
    const pairs = Object.entries(parameters).map(([name, value]) => `${name}="${value}"`);
    return `Bearer ${pairs.join(", ")}`;
  }
}

/** Whoever has the operator's own token. */
const OPERATOR: Principal = { id: "token", name: "token", scopes: new Set(SCOPES) };

/** An address without a path has two spellings, and clients and issuers use either. */
function spellingsOf(audience: string): readonly string[] {
  const url = URL.parse(audience);
  const isOrigin = url !== null && /^https?:$/.test(url.protocol) &&
    (audience === url.origin || audience === `${url.origin}/`);
  return isOrigin ? [audience, audience === url.origin ? `${audience}/` : url.origin] : [audience];
}

/** What Wharf calls itself: what the operator says, else what the client calls it. */
function resourceOf({ audiences }: OAuthOptions, request: Request): string {
  const named = audiences.find((audience) => /^https?:$/.test(URL.parse(audience)?.protocol ?? ""));
  return named ?? new URL("/mcp", request.url).href;
}

/** RFC 9728, 3.1: the well-known part stands before the path. */
function descriptionOf(resource: string): URL {
  const { pathname } = new URL(resource);
  return new URL(`${METADATA_PATH}${pathname === "/" ? "" : pathname}`, resource);
}

function principalOf(
  { subject, scopes, expiresAtMs }: TokenClaims,
  issuer: string,
): Principal {
  return {
    id: JSON.stringify([issuer, subject]),
    name: cleanText(subject, { maxChars: MAX_NAME_CHARS }),
    scopes: new Set(SCOPES.filter((scope) => scopes.includes(scope))),
    expiresAtMs,
  };
}

/** Equal lengths for the comparison, whatever was sent. */
function hash(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createHash("sha256").update(text).digest());
}

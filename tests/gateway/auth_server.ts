/**
 * An authorization server and the protected resource that trusts it, as a function from request to
 * response: metadata (RFC 9728, RFC 8414), registration (RFC 7591), authorization codes with PKCE
 * (RFC 7636), resource indicators (RFC 8707), rotating refresh tokens. It is strict: what a client
 * gets wrong is refused. Needs no permission.
 *
 * @example
 * ```ts
 * import { AuthServer } from "./auth_server.ts";
 *
 * const server = new AuthServer({ issuer: "https://login.example", resource: "https://mcp.example/mcp" });
 * const metadata = await server.handle(
 *   new Request("https://login.example/.well-known/oauth-authorization-server"),
 * );
 * ```
 *
 * @module
 */

import { createHash } from "node:crypto";

/** What an {@linkcode AuthServer} is. */
export interface AuthServerOptions {
  /** Its own address. */
  readonly issuer: string;
  /** The resource that it gives tokens for. */
  readonly resource: string;
  /** Life of an access token. @default {3600} */
  readonly expiresInSeconds?: number;
  /** Whether it gives refresh tokens. @default {true} */
  readonly refreshes?: boolean;
  /** Whether it lets clients register. @default {true} */
  readonly registers?: boolean;
  /** Scopes that the resource names. */
  readonly scopes?: readonly string[];
}

interface Grant {
  readonly clientId: string;
  readonly redirectUri: string;
  readonly challenge: string;
  readonly scope: string;
}

interface Client {
  readonly redirectUris: readonly string[];
  readonly secret?: string;
}

type Answer = Response | undefined | Promise<Response | undefined>;

/** A strict authorization server. */
export class AuthServer {
  /** Access tokens that are good, with their scope. */
  readonly tokens = new Map<string, string>();
  /** Refresh tokens that are good. */
  readonly refreshTokens = new Map<string, string>();
  /** Registered clients. */
  readonly clients = new Map<string, Client>();
  /** Everything that was asked: method and path. */
  readonly asked: string[] = [];
  /** Whether it is told the resource, as a client does that has the resource's metadata. */
  wantsResource = true;
  /** Answers before the server does. */
  intercept: ((request: Request) => Answer) | undefined;
  readonly #options: AuthServerOptions;
  readonly #grants = new Map<string, Grant>();
  #count = 0;

  constructor(options: AuthServerOptions) {
    this.#options = options;
  }

  /** The `WWW-Authenticate` of the resource. */
  get challenge(): string {
    return `Bearer realm="mcp", resource_metadata="${this.metadataUrl}"`;
  }

  /** Where the resource describes itself. */
  get metadataUrl(): string {
    const { origin, pathname } = new URL(this.#options.resource);
    return `${origin}/.well-known/oauth-protected-resource${pathname === "/" ? "" : pathname}`;
  }

  /** How often something was asked. */
  count(asked: string): number {
    return this.asked.filter((one) => one === asked).length;
  }

  /** Whether a request of the resource carries a good token. */
  accepts(request: Request, scope = ""): boolean {
    const token = request.headers.get("authorization")?.replace(/^Bearer /, "") ?? "";
    return this.tokens.get(token)?.includes(scope) === true;
  }

  /** Ends every access token. */
  revoke(): void {
    this.tokens.clear();
  }

  /**
   * Answers as authorization server, and with the resource's metadata.
   *
   * @throws For what it does not know.
   */
  async handle(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const { issuer, resource } = this.#options;
    this.asked.push(`${request.method} ${url.pathname}`);
    const early = await this.intercept?.(request);
    if (early !== undefined) return early;
    if (`${url.origin}${url.pathname}` === this.metadataUrl) {
      const { scopes } = this.#options;
      return Response.json({
        resource,
        authorization_servers: [issuer],
        ...(scopes === undefined ? {} : { scopes_supported: scopes }),
      });
    }
    if (url.origin !== new URL(issuer).origin) return new Response("Nothing\n", { status: 404 });
    switch (`${request.method} ${url.pathname}`) {
      case "GET /.well-known/oauth-authorization-server":
        return Response.json(this.#metadata());
      case "POST /register":
        return this.#register(await request.json());
      case "GET /authorize":
        return this.#authorize(url.searchParams);
      case "POST /token":
        return this.#token(request, new URLSearchParams(await request.text()));
      default:
        return new Response("Nothing\n", { status: 404 });
    }
  }

  #metadata() {
    const { issuer, registers = true } = this.#options;
    return {
      issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      ...(registers ? { registration_endpoint: `${issuer}/register` } : {}),
      response_types_supported: ["code"],
      code_challenge_methods_supported: ["S256"],
      token_endpoint_auth_methods_supported: ["none", "client_secret_post"],
      authorization_response_iss_parameter_supported: true,
    };
  }

  #register(metadata: { readonly redirect_uris: readonly string[] }): Response {
    const clientId = `client-${++this.#count}`;
    this.clients.set(clientId, { redirectUris: metadata.redirect_uris });
    return Response.json({ ...metadata, client_id: clientId }, { status: 201 });
  }

  /** The person allows everything. */
  #authorize(parameters: URLSearchParams): Response {
    const get = (name: string) => parameters.get(name) ?? "";
    const client = this.clients.get(get("client_id"));
    const redirectUri = get("redirect_uri");
    // A server that does not know who asks must not redirect (RFC 6749, 4.1.2.1).
    if (client === undefined || !client.redirectUris.includes(redirectUri)) {
      return new Response("Unknown client\n", { status: 400 });
    }
    const back = new URL(redirectUri);
    back.searchParams.set("state", get("state"));
    back.searchParams.set("iss", this.#options.issuer);
    const isRight = get("response_type") === "code" && get("code_challenge_method") === "S256" &&
      this.#isResource(get("resource")) && get("state").length >= 32;
    if (isRight) {
      const code = `code-${++this.#count}`;
      this.#grants.set(code, {
        clientId: get("client_id"),
        redirectUri,
        challenge: get("code_challenge"),
        scope: get("scope"),
      });
      back.searchParams.set("code", code);
    } else {
      back.searchParams.set("error", "invalid_request");
    }
    return new Response(null, { status: 302, headers: { location: back.href } });
  }

  #token(request: Request, form: URLSearchParams): Response {
    const get = (name: string) => form.get(name) ?? "";
    const clientId = get("client_id");
    const client = this.clients.get(clientId);
    if (client === undefined || client.secret !== (form.get("client_secret") ?? undefined)) {
      return refusal("invalid_client");
    }
    if (request.headers.has("authorization") || !this.#isResource(get("resource"))) {
      return refusal("invalid_target");
    }
    if (get("grant_type") === "refresh_token") {
      const scope = this.refreshTokens.get(get("refresh_token"));
      if (scope === undefined) return refusal("invalid_grant");
      this.refreshTokens.delete(get("refresh_token"));
      return this.#give(scope);
    }
    const grant = this.#grants.get(get("code"));
    this.#grants.delete(get("code"));
    const challenge = createHash("sha256").update(get("code_verifier")).digest("base64url");
    const isRight = grant !== undefined && grant.clientId === clientId &&
      grant.redirectUri === get("redirect_uri") && grant.challenge === challenge;
    return isRight ? this.#give(grant.scope) : refusal("invalid_grant");
  }

  #isResource(resource: string): boolean {
    return resource === (this.wantsResource ? this.#options.resource : "");
  }

  #give(scope: string): Response {
    const { expiresInSeconds = 3600, refreshes = true } = this.#options;
    const number = ++this.#count;
    this.tokens.set(`access-token-${number}`, scope);
    if (refreshes) this.refreshTokens.set(`refresh-token-${number}`, scope);
    return Response.json({
      access_token: `access-token-${number}`,
      token_type: "Bearer",
      expires_in: expiresInSeconds,
      ...(refreshes ? { refresh_token: `refresh-token-${number}` } : {}),
    });
  }
}

function refusal(error: string): Response {
  return Response.json({ error, error_description: `it is ${error}` }, { status: 400 });
}

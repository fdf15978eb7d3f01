/**
 * From where Wharf may be called over HTTP: the Host and Origin headers (DNS rebinding), CORS, and
 * the form of refusals. Needs no permission.
 *
 * @module
 */

/** What is let in. */
export interface GuardOptions {
  /** Host names, beside loopback, that the `Host` header may carry; `*` for any. */
  readonly allowedHosts: readonly string[];
  /** Origins, beside loopback and the allowed hosts, that browsers may call from. */
  readonly allowedOrigins: readonly string[];
}

const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);

const EXPOSED = "Mcp-Session-Id, WWW-Authenticate";
const ALLOWED_HEADERS =
  "Authorization, Content-Type, Accept, Last-Event-ID, Mcp-Session-Id, Mcp-Protocol-Version";

/** Decides from where Wharf may be called. */
export class Guard {
  readonly #hosts: ReadonlySet<string>;
  readonly #origins: ReadonlySet<string>;

  /** @param options What is let in. */
  constructor(options: GuardOptions) {
    this.#hosts = new Set(options.allowedHosts.map(asInHeader));
    this.#origins = new Set(options.allowedOrigins.map((origin) => origin.toLowerCase()));
  }

  /**
   * Checks where a request was sent to and where it comes from.
   *
   * @param request Any request.
   * @returns The CORS headers for its answer, or the answer that refuses it.
   */
  checkOrigin(request: Request): Readonly<Record<string, string>> | Response {
    const host = request.headers.get("host") ?? new URL(request.url).host;
    if (!this.#isAllowedHost(host)) {
      return refusal(403, "Forbidden: this Host is not allowed; see --allowed-host");
    }
    const origin = request.headers.get("origin");
    if (origin === null) return {};
    if (!this.#isAllowedOrigin(origin)) {
      return refusal(403, "Forbidden: this Origin is not allowed; see --allowed-origin");
    }
    return {
      "access-control-allow-origin": origin,
      "access-control-expose-headers": EXPOSED,
      "vary": "Origin",
    };
  }

  #isAllowedHost(host: string): boolean {
    const lower = host.toLowerCase();
    const name = lower.replace(/:\d+$/, "");
    return LOOPBACK.has(name) || this.#hosts.has("*") || this.#hosts.has(name) ||
      this.#hosts.has(lower);
  }

  #isAllowedOrigin(origin: string): boolean {
    const lower = origin.toLowerCase();
    if (this.#origins.has(lower)) return true;
    const url = URL.parse(lower);
    if (url === null || !/^https?:$/.test(url.protocol)) return false;
    // An allowed host may be a page of its own; `*` only means that the token guards.
    return LOOPBACK.has(url.hostname) || this.#hosts.has(url.hostname) || this.#hosts.has(url.host);
  }
}

/** A host as clients write it in `Host`: an address of IPv6 in brackets and short (RFC 9110, 7.2). */
function asInHeader(host: string): string {
  const lower = host.toLowerCase();
  if (!/^[^[]*:.*:/.test(lower)) return lower;
  return URL.parse(`http://[${lower}]/`)?.hostname ?? lower;
}

/**
 * The answer to a CORS preflight.
 *
 * @param cors The headers of an origin that is let in.
 * @returns 204.
 */
export function preflight(cors: Readonly<Record<string, string>>): Response {
  return new Response(null, {
    status: 204,
    headers: {
      ...cors,
      "access-control-allow-methods": "GET, POST, DELETE, OPTIONS",
      "access-control-allow-headers": ALLOWED_HEADERS,
      "access-control-max-age": "86400",
    },
  });
}

/**
 * A refusal as MCP clients read it: a JSON-RPC error without an id.
 *
 * @param status The HTTP status.
 * @param message One sentence.
 * @param headers Further headers.
 * @returns The answer.
 */
export function refusal(
  status: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const code = status === 404 ? -32001 : -32000;
  return Response.json({ jsonrpc: "2.0", error: { code, message }, id: null }, { status, headers });
}

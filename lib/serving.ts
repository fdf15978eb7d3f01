/**
 * The settings of `wharf serve`: transport, address, who is let in, limits. Needs no permission.
 *
 * @module
 */

import { AppError } from "./core/errors.ts";
import type { Env } from "./core/host.ts";
import { type Flags, list, oneOf, text, wholeNumber } from "./flags.ts";

/** An OAuth 2.1 issuer whose access tokens let callers in. */
export interface OAuthConfig {
  /** Its address, as it writes itself. */
  readonly issuer: string;
  /** Audiences of which a token has to name one. */
  readonly audiences: readonly string[];
}

/** Settings of `wharf serve`. */
export interface ServeConfig {
  /** How clients talk to Wharf. @default {"stdio"} */
  readonly transport: "stdio" | "http";
  /** Address to listen on. @default {"127.0.0.1"} */
  readonly hostname: string;
  /** TCP port; 0 takes a free one. @default {8080} */
  readonly port: number;
  /** Bearer token that HTTP clients must send, or `undefined`. */
  readonly authToken: string | undefined;
  /** Path of a file with that token, or `undefined`; see {@linkcode withAuthToken}. */
  readonly authTokenFile: string | undefined;
  /** Issuer of access tokens that HTTP clients may send, or `undefined`. */
  readonly oauth: OAuthConfig | undefined;
  /** Paths of the certificate chain and its key in PEM form, or `undefined` for plain http. */
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined;
  /** Path of the file that a line for each call of a tool goes to; else the log takes it. */
  readonly auditFile: string | undefined;
  /** Whether those lines hold what tools were called with. @default {false} */
  readonly auditArguments: boolean;
  /** Whether `/metrics` is for everyone. @default {false} */
  readonly publicMetrics: boolean;
  /**
   * Requests of one caller in a minute; 0 for any number.
   * @default {3000}, and 0 on loopback where nobody signs in
   */
  readonly ratePerMinute: number;
  /** Most sessions at once. @default {1000} */
  readonly maxSessions: number;
  /** Time after which a session that nobody uses ends, in milliseconds. @default {30 min} */
  readonly sessionIdleMs: number;
  /** Most bytes of one request. @default {4 MiB} */
  readonly maxBodyBytes: number;
  /** Host names, beside loopback, that the `Host` header may carry. */
  readonly allowedHosts: readonly string[];
  /** Origins, beside loopback, that browsers may call from. */
  readonly allowedOrigins: readonly string[];
  /** Whether each HTTP session has activations and settings of its own. @default {false} */
  readonly isolateSessions: boolean;
}

const DEFAULT_PORT = 8080;
const LOOPBACK = new Set(["127.0.0.1", "::1", "localhost"]);

/**
 * Resolves the settings of the server.
 *
 * @param flags Flag values by name.
 * @param env The environment variables that Wharf declares.
 * @param warnings Takes what was wrong but could be mended.
 * @throws {AppError} `INVALID_ARGUMENT` for a value that cannot be mended safely.
 */
export function resolveServe(flags: Flags, env: Env, warnings: string[]): ServeConfig {
  const authTokenFile = text(flags["auth-token-file"]);
  // Whoever names a file means it, whatever the environment holds.
  const authToken = text(flags["auth-token"]) ??
    (authTokenFile === undefined ? text(env["MCP_AUTH_TOKEN"]) : undefined);
  const oauth = oauthConfig(flags);
  // People write an address of IPv6 as it stands in a URL, too.
  const hostname = (text(flags["host"]) ?? "127.0.0.1").replace(/^\[(.*)\]$/, "$1");
  const named = text(flags["transport"]);
  const transport = oneOf(
    named === undefined ? "MCP_TRANSPORT" : "transport",
    named ?? transportAlias(env["MCP_TRANSPORT"]),
    ["stdio", "http"],
    "stdio",
  );
  if (transport === "http" && authToken !== undefined && !/^[\x21-\x7e]+$/.test(authToken)) {
    // Nobody could ever send it, and the value is nobody's to see.
    throw new AppError("INVALID_ARGUMENT", "Cannot use the token: no header can carry it", {
      hint: "Take one without blanks and accents, for example from: openssl rand -hex 32",
    });
  }
  const isLocal = LOOPBACK.has(hostname);
  const isOpen = authToken === undefined && authTokenFile === undefined && oauth === undefined;
  if (
    transport === "http" && !isLocal && isOpen && flags["allow-unauthenticated"] !== true
  ) {
    throw new AppError(
      "INVALID_ARGUMENT",
      `Cannot serve on "${hostname}": beyond loopback anyone could use Wharf with your credentials`,
      {
        hint:
          "Set MCP_AUTH_TOKEN (or --auth-token-file), or --oauth-issuer, or pass --allow-unauthenticated",
      },
    );
  }
  return {
    transport,
    hostname,
    port: port(text(flags["port"]), env["MCP_PORT"], warnings),
    authToken,
    authTokenFile,
    oauth,
    tls: tlsFiles(flags),
    auditFile: text(flags["audit-log"]),
    auditArguments: flags["audit-arguments"] === true,
    publicMetrics: flags["metrics-public"] === true,
    ratePerMinute: wholeNumber(flags, "rate-limit", {
      least: 0,
      most: 1_000_000,
      // The programs of one machine would all be one caller, and it is theirs.
      unless: isLocal && isOpen ? 0 : 3000,
    }),
    maxSessions: wholeNumber(flags, "max-sessions", { least: 1, most: 100_000, unless: 1000 }),
    sessionIdleMs: wholeNumber(flags, "session-idle", { least: 1, most: 10_080, unless: 30 }) *
      60_000,
    maxBodyBytes: wholeNumber(flags, "max-request", { least: 1, most: 1024, unless: 4 }) * 1024 *
      1024,
    // Who binds a name expects to be reached by it.
    allowedHosts: [hostname, ...list(flags["allowed-host"])],
    allowedOrigins: list(flags["allowed-origin"]),
    isolateSessions: flags["isolate-sessions"] === true,
  };
}

function oauthConfig(flags: Flags): OAuthConfig | undefined {
  const issuer = text(flags["oauth-issuer"]);
  const audiences = list(flags["oauth-audience"]);
  if (issuer === undefined && audiences.length === 0) return undefined;
  if (issuer === undefined) {
    throw new AppError(
      "INVALID_ARGUMENT",
      `Cannot use --oauth-audience "${audiences[0]}": no issuer is named`,
      { hint: "Add --oauth-issuer with the address of your authorization server" },
    );
  }
  if (audiences.length > 0) return { issuer, audiences };
  throw new AppError(
    "INVALID_ARGUMENT",
    `Cannot use issuer "${issuer}": without an audience a token for any other server would do`,
    { hint: "Add --oauth-audience with the address of this server, such as https://HOST/mcp" },
  );
}

function tlsFiles(flags: Flags): ServeConfig["tls"] {
  const certFile = text(flags["tls-cert"]);
  const keyFile = text(flags["tls-key"]);
  if (certFile === undefined && keyFile === undefined) return undefined;
  if (certFile !== undefined && keyFile !== undefined) return { certFile, keyFile };
  const [given, missing] = certFile === undefined ? ["key", "cert"] : ["cert", "key"];
  throw new AppError(
    "INVALID_ARGUMENT",
    `Cannot serve over TLS with --tls-${given} alone: the other half is missing`,
    { hint: `Add --tls-${missing} with a file in PEM form` },
  );
}

/**
 * The token out of its file: the first line, without white space around it.
 *
 * @param serve Settings that name a file.
 * @param bytes What the file holds, or `undefined` where there is none.
 * @returns The settings with the token.
 * @throws {AppError} `NOT_FOUND`, or `INVALID_ARGUMENT` for a file without a usable token.
 */
export function withAuthToken(serve: ServeConfig, bytes: Uint8Array | undefined): ServeConfig {
  const { authTokenFile } = serve;
  const cannot = `Cannot read the token file "${authTokenFile}"`;
  if (bytes === undefined) {
    throw new AppError("NOT_FOUND", `${cannot}: there is none`, {
      hint: "Check the path of --auth-token-file",
    });
  }
  const [line = ""] = new TextDecoder().decode(bytes).split("\n");
  const authToken = line.trim();
  if (!/^[\x21-\x7e]{8,}$/.test(authToken)) {
    throw new AppError("INVALID_ARGUMENT", `${cannot}: its first line is no token`, {
      hint: "Write one line of at least 8 characters, for example from: openssl rand -hex 32",
    });
  }
  return { ...serve, authToken };
}

/** The older Go server's word for the same transport. */
function transportAlias(value: string | undefined): string | undefined {
  return value === "streamable-http" || value === "sse" ? "http" : text(value);
}

/** Operators of the older Go server expect 8080 and a warning, not a failed start. */
function port(flag: string | undefined, env: string | undefined, warnings: string[]): number {
  const value = flag ?? text(env);
  if (value === undefined) return DEFAULT_PORT;
  if (/^\d{1,5}$/.test(value) && Number(value) <= 65535) return Number(value);
  const where = flag === undefined ? "MCP_PORT" : "--port";
  warnings.push(`${where} "${value}" is not a port from 0 to 65535; using ${DEFAULT_PORT}`);
  return DEFAULT_PORT;
}

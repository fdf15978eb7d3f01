/**
 * `wharf health`: whether a server answers, for container engines and scripts where no other
 * program is at hand. Needs net permission for the server.
 *
 * @module
 */

import { AppError, toAppError } from "../core/errors.ts";
import type { Net } from "../core/http.ts";
import type { Terminal } from "./terminal.ts";

/** A server that is alive answers at once. */
const TIMEOUT_MS = 5000;

/** What {@linkcode checkHealth} needs. */
export interface HealthDeps {
  /** The network. */
  readonly net: Net;
  /** Where to print. */
  readonly terminal: Terminal;
  /** Ends the question. */
  readonly signal: AbortSignal;
  /** Time that was asked for, in milliseconds. @default {5000} */
  readonly timeoutMs?: number | undefined;
}

/**
 * The address to ask.
 *
 * @param url What `--url` says.
 * @param port The port of a server on this machine, where nothing is said.
 * @throws {AppError} `INVALID_ARGUMENT` for what is no address of HTTP.
 */
export function healthUrl(url: unknown, port: number): URL {
  if (typeof url !== "string") return new URL(`http://127.0.0.1:${port}/healthz`);
  const parsed = URL.parse(url);
  if (parsed !== null && /^https?:$/.test(parsed.protocol) && parsed.username === "") return parsed;
  // The value is not repeated: it may hold a password.
  throw new AppError("INVALID_ARGUMENT", "Cannot use --url: it is no plain address of HTTP", {
    hint: "Write for example --url http://127.0.0.1:8080/healthz",
  });
}

/**
 * Asks a server whether it is well, and prints the answer.
 *
 * @param url Its `/healthz` or `/readyz`.
 * @param deps Network and terminal.
 * @returns The exit code: 0 where it answers with 200.
 * @throws {AppError} `UNREACHABLE` where it answers otherwise or not at all.
 */
export async function checkHealth(
  url: URL,
  { net, terminal, signal, timeoutMs = TIMEOUT_MS }: HealthDeps,
): Promise<number> {
  const response = await net.fetch({ url, timeoutMs, signal })
    .catch((thrown) => Promise.reject(notRunning(toAppError(thrown), url)));
  await response.cancel();
  if (response.status !== 200) {
    throw new AppError("UNREACHABLE", `Cannot use "${url.href}": it answers ${response.status}`, {
      hint: "See the server's log",
    });
  }
  terminal.out(`${url.href}: well`);
  return 0;
}

/** On this machine it is not a firewall that refuses. */
function notRunning(error: AppError, { hostname }: URL): AppError {
  const isLocal = ["127.0.0.1", "[::1]", "localhost"].includes(hostname);
  if (!isLocal || !error.message.endsWith(": the connection was refused")) return error;
  return new AppError(error.code, error.message, {
    cause: error.cause,
    hint: "Start it with wharf serve --transport http, or name its port with --port",
    retryable: error.retryable,
  });
}

/**
 * Servers that others run, reached over HTTP: Streamable HTTP, or SSE where a server knows only
 * that, with secrets in headers or a sign-in by OAuth. Needs net permission for the server, and
 * for its authorization server and 127.0.0.1 where it wants a sign-in, through what it is given.
 *
 * @example
 * ```ts ignore
 * await using server = await launchRemote({ url: new URL("https://mcp.example/mcp") }, deps);
 * await using session = new UpstreamSession({ launched: server, clock, log, name: "example" });
 * ```
 *
 * @module
 */

import { AppError } from "../core/errors.ts";
import type { Clock, Log } from "../core/host.ts";
import type { Net } from "../core/http.ts";
import type { Launched, LaunchedExit } from "./launched.ts";
import { LogTail } from "./log_tail.ts";
import { Heard, isLoopback, netFetch } from "./net_fetch.ts";
import type { Authorize, OAuth } from "./oauth.ts";
import type { OAuthClient } from "./oauth_provider.ts";
import { RemoteFetch, type RemoteFetchOptions } from "./remote_fetch.ts";
import { RemoteTransport } from "./remote_transport.ts";

/** A server to reach. */
export interface RemoteSpec {
  /** Its address. */
  readonly url: URL;
  /** Its protocol; Streamable HTTP falls back to SSE. @default {"streamable-http"} */
  readonly type?: "streamable-http" | "sse";
  /**
   * Headers of every request; their values are secrets. With `authorization` among them there is
   * no sign-in.
   */
  readonly headers?: Readonly<Record<string, string>>;
  /** Further values that must not be shown, such as those in the address. */
  readonly secrets?: readonly string[];
  /** Whether plain http may be used where the server is not on this machine. @default {false} */
  readonly allowPlainHttp?: boolean;
  /** A client that the operator registered at the authorization server. */
  readonly client?: OAuthClient;
  /** Most bytes of one message. @default {33554432} */
  readonly maxMessageBytes?: number;
  /** Time for the answer to a request to begin, and again to end, in milliseconds. @default {900000} */
  readonly answerTimeoutMs?: number;
}

/** What {@linkcode launchRemote} works with. */
export interface RemoteDeps {
  /** Does the exchanges. */
  readonly net: Net;
  /** Measures time limits. */
  readonly clock: Clock;
  /** Told what happens, without any secret. */
  readonly log: Log;
  /** Signs in; without it a server that asks for a sign-in is an error. */
  readonly oauth?: OAuth;
  /** Hands a page to a person; without it what is kept of a sign-in is used and renewed only. */
  readonly authorize?: Authorize;
}

/** How {@linkcode launchRemote} connects. */
export interface RemoteOptions {
  /** Ends the sign-in; a connection is ended by `stop`. */
  readonly signal?: AbortSignal;
  /** Time to say whether a sign-in is needed, in milliseconds. @default {30_000} */
  readonly probeTimeoutMs?: number;
}

/** A slow tool may answer late; whoever waits for it has a time limit of its own. */
const ANSWER_TIMEOUT_MS = 900_000;

/** For the question whether a sign-in is needed. */
const PROBE_TIMEOUT_MS = 30_000;

/** For the other side to end a session whose owner has gone. */
const DISPOSE_GRACE_MS = 1_000;

/**
 * Connects to a server. Where it asks for a sign-in, that is done before this returns, since a
 * person takes longer than a handshake may.
 *
 * @param spec The server.
 * @param deps Network, time and sign-in.
 * @param options Cancellation.
 * @returns The connection; its transport is not yet started.
 * @throws {AppError} `ADDRESS_REFUSED` for plain http, what the network says, and what
 * {@linkcode OAuth.renew} does.
 */
export async function launchRemote(
  spec: RemoteSpec,
  deps: RemoteDeps,
  options: RemoteOptions = {},
): Promise<Launched> {
  const { url } = spec;
  if (url.protocol === "http:" && !isLoopback(url) && spec.allowPlainHttp !== true) {
    throw new AppError(
      "ADDRESS_REFUSED",
      `Cannot connect to "${url.host}": its address is not https`,
      { hint: "Use its https address; everybody on the way can read and change plain http" },
    );
  }
  const heard = new Heard();
  const fetchOptions = remoteOptions(spec, deps, heard);
  if (fetchOptions.signIn !== undefined) await probe(spec, deps, { ...options, fetchOptions });
  return new LaunchedRemote(spec, deps, fetchOptions);
}

function remoteOptions(spec: RemoteSpec, deps: RemoteDeps, heard: Heard): RemoteFetchOptions {
  const { url, headers = {}, secrets = [], client } = spec;
  const { oauth, authorize } = deps;
  const isGiven = Object.keys(headers).some((name) => name.toLowerCase() === "authorization");
  return {
    server: url,
    heard,
    secrets: [...secrets, ...Object.values(headers)],
    ...(oauth === undefined || isGiven ? {} : {
      signIn: {
        oauth,
        ...(authorize === undefined ? {} : { authorize }),
        ...(client === undefined ? {} : { client }),
      },
    }),
  };
}

/** Asks something that changes nothing, so that a server that wants a sign-in says so. */
async function probe(
  spec: RemoteSpec,
  deps: RemoteDeps,
  { signal, probeTimeoutMs = PROBE_TIMEOUT_MS, fetchOptions }: RemoteOptions & {
    readonly fetchOptions: RemoteFetchOptions;
  },
): Promise<void> {
  const ask = netFetch(deps, {
    server: spec.url,
    heard: fetchOptions.heard,
    answerTimeoutMs: probeTimeoutMs,
    ...(spec.headers === undefined ? {} : { headers: spec.headers }),
  });
  const response = await new RemoteFetch(ask, fetchOptions).fetch(spec.url, {
    method: "POST",
    headers: {
      accept: "application/json, text/event-stream",
      "content-type": "application/json",
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: "wharf-probe", method: "ping" }),
    ...(signal === undefined ? {} : { signal }),
  });
  await response.body?.cancel();
}

/** A connection as a {@linkcode Launched} server. */
class LaunchedRemote implements Launched {
  readonly transport: RemoteTransport;
  readonly exited: Promise<LaunchedExit>;
  readonly #tail = new LogTail();

  constructor(spec: RemoteSpec, deps: RemoteDeps, fetchOptions: RemoteFetchOptions) {
    const { url, type, headers, maxMessageBytes, answerTimeoutMs = ANSWER_TIMEOUT_MS } = spec;
    const ask = netFetch(deps, {
      server: url,
      heard: fetchOptions.heard,
      answerTimeoutMs,
      // Some servers send the head at once and the rest when a tool is done.
      bodyTimeoutMs: answerTimeoutMs,
      onStreamEnd: (end) => this.transport.streamEnded(end),
      ...(headers === undefined ? {} : { headers }),
      ...(maxMessageBytes === undefined ? {} : { maxMessageBytes }),
    });
    this.transport = new RemoteTransport({
      remote: new RemoteFetch(ask, fetchOptions),
      clock: deps.clock,
      tail: this.#tail,
    }, { url, ...(type === undefined ? {} : { type }) });
    this.exited = this.transport.ended.then((fault) => {
      const reason = reasonOf(fault);
      deps.log.debug("a connection to a server has ended", { server: url.host, reason });
      return { reason };
    });
  }

  logTail(lines: number): readonly string[] {
    return this.#tail.lines(lines);
  }

  async stop(graceMs: number): Promise<void> {
    await this.transport.end(graceMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop(DISPOSE_GRACE_MS);
  }
}

function reasonOf(fault: AppError | undefined): string {
  const reason = fault?.details?.reason;
  if (typeof reason === "string") return reason;
  return fault === undefined ? "it was disconnected" : fault.message;
}

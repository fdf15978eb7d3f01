/**
 * One request on its way to a registry: in the scheme that the registry speaks, and through its
 * redirects. Needs no permission: the network is passed in.
 *
 * @module
 */

import { AppError } from "../core/errors.ts";
import type { Clock } from "../core/host.ts";
import type { HttpResponse, Net } from "../core/http.ts";
import type { HostState } from "./host_state.ts";
import { type Hop, nextHop } from "./redirect.ts";
import { apiHost } from "./reference.ts";
import { readRefusal, type Refusal } from "./registry_error.ts";
import type { Authorization } from "./token.ts";

/** The bounds of one operation, which may take several requests. */
export interface Operation {
  /** Aborts at the deadline, or when the caller cancels. */
  readonly signal: AbortSignal;
  /** The deadline, in milliseconds since the Unix epoch; no wait goes past it. */
  readonly endsMs: number;
}

/** One request. */
export interface RegistryRequest {
  /** The registry's name. */
  readonly registry: string;
  /** The repository's path, for scope and credentials; empty for the registry as a whole. */
  readonly repository: string;
  /** The scope to ask for; empty for none. */
  readonly scope: string;
  /** Path and query below the registry's root. */
  readonly path: string;
  /** What Wharf wants to do, for errors: `read "docker.io/library/alpine:3"`. */
  readonly action: string;
  /** @default {"GET"} */
  readonly method?: "GET" | "HEAD";
  /** Further headers. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Statuses of 300 and above that the caller handles itself; their bodies are dropped. */
  readonly accept?: readonly number[];
  /** Most bytes of the body; 0 drops it unread. */
  readonly maxBytes: number;
}

/** How a request is sent. */
export interface Sending {
  /** The registry; its scheme is found out here. */
  readonly host: HostState;
  /** The bounds. */
  readonly operation: Operation;
  /** What authenticates it; `undefined` for nothing. */
  readonly used: Authorization | undefined;
}

/** What came of a request. */
export interface Exchanged {
  /** The answer. */
  readonly response: HttpResponse;
  /** What stands against the request; `undefined` for a success, whose body is unread. */
  readonly refusal: Refusal | undefined;
  /** Address of the request, before redirects. */
  readonly url: URL;
  /** What authenticated it at the registry. */
  readonly used: Authorization | undefined;
  /** The host that answered when a redirect left the registry's. */
  readonly redirectedTo: string | undefined;
}

const MAX_REDIRECTS = 5;

/**
 * Sends a request once. Where plain http is allowed it is tried first and then https, until one of
 * them has answered.
 *
 * @param deps Network and clock.
 * @param request What to ask.
 * @param sending Registry, bounds and what authenticates.
 * @returns What came of it; any status.
 * @throws {AppError} What the network or the address policy says against it.
 */
export async function exchange(
  deps: { readonly net: Net; readonly clock: Clock },
  request: RegistryRequest,
  sending: Sending,
): Promise<Exchanged> {
  const { host } = sending;
  const over = (scheme: "http:" | "https:") => follow(deps, request, { ...sending, scheme });
  if (host.scheme !== undefined) return await over(host.scheme);
  let plain: Exchanged | undefined;
  let plainError: AppError | undefined;
  try {
    plain = await over("http:");
    if (!mayWantHttps(plain, request)) {
      host.scheme = "http:";
      return plain;
    }
  } catch (thrown) {
    // A TLS server drops what it does not understand.
    if (!(thrown instanceof AppError && thrown.code === "UNREACHABLE")) throw thrown;
    plainError = thrown;
  }
  try {
    const secure = await over("https:");
    host.scheme = "https:";
    return secure;
  } catch (thrown) {
    // Where nothing answers https either, what the plain attempt gave is what to go by.
    const isAbsent = thrown instanceof AppError && thrown.code === "UNREACHABLE" &&
      thrown.details?.["speaks_tls"] !== true;
    if (isAbsent && plain !== undefined) return plain;
    throw isAbsent ? plainError ?? thrown : thrown;
  }
}

async function follow(
  deps: { readonly net: Net; readonly clock: Clock },
  request: RegistryRequest,
  sending: Sending & { readonly scheme: "http:" | "https:" },
): Promise<Exchanged> {
  const { operation, used, scheme } = sending;
  const { action, registry, path, method = "GET" } = request;
  const first = new URL(path, `${scheme}//${apiHost(registry)}`);
  let hop: Hop = { url: first, origin: "named" };
  let header = used?.header;
  let hasLeft = false;
  for (let followed = 0;; followed++) {
    const response = await deps.net.fetch({
      ...hop,
      method,
      headers: { ...request.headers, ...(header === undefined ? {} : { authorization: header }) },
      timeoutMs: Math.max(1, operation.endsMs - deps.clock.now()),
      signal: operation.signal,
    });
    const next = await nextHop(response, hop, { action, followed, most: MAX_REDIRECTS });
    if (next === undefined) {
      const refusal = response.status < 300 ? undefined : await readRefusal(response);
      const redirectedTo = hasLeft ? hop.url.host : undefined;
      return { response, refusal, url: first, used, redirectedTo };
    }
    if (next.url.host !== hop.url.host) {
      // RFC 9110, 15.4: what authenticates to one host is not for another. It does not come back
      // either when a chain returns, since somebody else then chose the path.
      header = undefined;
      hasLeft = true;
    }
    hop = next;
  }
}

/**
 * A Go or nginx server that expects TLS answers plain http with a 400 that says so, except to a
 * HEAD, whose answer has no text.
 */
function mayWantHttps({ refusal }: Exchanged, { method }: RegistryRequest): boolean {
  if (refusal?.status !== 400) return false;
  return method === "HEAD" || /https/i.test(new TextDecoder().decode(refusal.body));
}

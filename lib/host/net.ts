/**
 * The network: HTTP requests under an address policy, and a listening server. Needs
 * `--allow-net` for the hosts that are asked.
 *
 * @module
 */

import { type AddressKind, addressKind } from "../core/address.ts";
import { abortError, deadline, throwIfAborted } from "../core/deadline.ts";
import { AppError } from "../core/errors.ts";
import type { Clock } from "../core/host.ts";
import {
  boundedResponse,
  type HttpRequest,
  type Listening,
  type ListenOptions,
  type Net,
} from "../core/http.ts";
import { networkError } from "./net_error.ts";

/** PEM texts that a host needs beside the public certificate authorities. */
export interface Certificates {
  /** Further certificate authorities to trust. */
  readonly caCerts: readonly string[];
  /** Client certificate, together with `key`. */
  readonly cert?: string;
  /** Private key of the client certificate. */
  readonly key?: string;
}

/** What {@linkcode openNet} takes. */
export interface NetOptions {
  /** The `user-agent` of every request. */
  readonly userAgent: string;
  /** Measures the deadlines. */
  readonly clock: Clock;
  /** Certificates by `host[:port]`; asked once for each. */
  readonly certs?: (host: string) => Promise<Certificates | undefined>;
}

const DEFAULT_TIMEOUT_MS = 30_000;

/**
 * Opens the network.
 *
 * @param options Name, clock and certificates.
 * @returns The network; disposing it closes its connections.
 */
export function openNet(options: NetOptions): Net & AsyncDisposable {
  const clients = new Map<string, Promise<Deno.HttpClient | undefined>>();

  function clientFor(host: string): Promise<Deno.HttpClient | undefined> {
    const known = clients.get(host);
    if (known !== undefined) return known;
    const opened = openClient(host);
    clients.set(host, opened);
    // What failed is tried again with the next request: somebody may have mended the files.
    opened.catch(() => clients.delete(host));
    return opened;
  }

  async function openClient(host: string): Promise<Deno.HttpClient | undefined> {
    const certs = await options.certs?.(host);
    if (certs === undefined) return undefined;
    const { caCerts, cert, key } = certs;
    try {
      return Deno.createHttpClient({
        caCerts: [...caCerts],
        ...(cert === undefined || key === undefined ? {} : { cert, key }),
      });
    } catch (cause) {
      throw new AppError(
        "INVALID_ARGUMENT",
        `Cannot use the certificates for "${host}": a file is not in PEM form`,
        { cause, hint: `Check the files in the folder certs.d/${host}` },
      );
    }
  }

  return {
    async fetch(request) {
      const { url, timeoutMs = DEFAULT_TIMEOUT_MS } = request;
      throwIfAborted(request.signal);
      const limit = exchangeLimit(request, { timeoutMs, clock: options.clock });
      const { signal } = limit;
      const translate = (thrown: unknown) =>
        networkError(thrown, {
          url,
          timeoutMs: limit.timeoutMs,
          signal,
          callerSignal: request.signal,
        });
      try {
        checkUrl(url);
        const peer = await checkAddress(request, signal);
        const client = await clientFor(url.host);
        const response = await fetch(url, {
          method: request.method ?? "GET",
          headers: headersOf(request, options.userAgent),
          redirect: "manual",
          signal,
          ...(request.body === undefined ? {} : { body: request.body }),
          ...(client === undefined ? {} : { client }),
        });
        if (response.body === null) limit[Symbol.dispose]();
        else limit.beginBody();
        // The deadline's timer is freed when the body has been read or dropped.
        return boundedResponse(response, {
          peer,
          translate,
          onEnd: () => limit[Symbol.dispose](),
        });
      } catch (thrown) {
        limit[Symbol.dispose]();
        throw translate(thrown);
      }
    },
    async [Symbol.asyncDispose]() {
      for (const client of await Promise.allSettled(clients.values())) {
        if (client.status === "fulfilled") client.value?.close();
      }
      clients.clear();
    },
  };
}

/** The request's headers over those that every request has. */
function headersOf(request: HttpRequest, userAgent: string): Headers {
  const headers = new Headers({
    // An encoded body would not match its digest, so none is asked for unless the caller does.
    "accept-encoding": "identity",
    "user-agent": userAgent,
  });
  try {
    for (const [name, value] of Object.entries(request.headers ?? {})) headers.set(name, value);
  } catch {
    // Deno's own error would show the value, which may be a secret.
    throw new AppError(
      "INVALID_ARGUMENT",
      `Cannot ask "${request.url.host}": a header holds characters that HTTP does not allow`,
      { hint: "Check the token or password for line breaks and characters beyond Latin-1" },
    );
  }
  return headers;
}

/** `fetch` knows more schemes, `file:` among them, and would send a URL's password to its host. */
function checkUrl(url: URL): void {
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    throw new AppError(
      "ADDRESS_REFUSED",
      `Cannot connect to "${url.host}": ${url.protocol} is not https: or http:`,
      { hint: "Use an address that begins with https://" },
    );
  }
  if (url.username !== "" || url.password !== "") {
    throw new AppError(
      "ADDRESS_REFUSED",
      `Cannot connect to "${url.host}": its address holds a user name or password`,
      { hint: "Remove what stands before the @; credentials come from the credential files" },
    );
  }
}

/** The time that an exchange has: one limit for all of it, or one for its head and one for its body. */
interface ExchangeLimit extends Disposable {
  readonly signal: AbortSignal;
  /** The limit that holds now, in milliseconds. */
  readonly timeoutMs: number;
  /** The head has come. */
  beginBody(): void;
}

function exchangeLimit(
  { bodyTimeoutMs, signal: callerSignal }: HttpRequest,
  { timeoutMs, clock }: { readonly timeoutMs: number; readonly clock: Clock },
): ExchangeLimit {
  if (bodyTimeoutMs === undefined) {
    const whole = deadline(clock, timeoutMs, callerSignal);
    const { signal } = whole;
    return { signal, timeoutMs, beginBody() {}, [Symbol.dispose]: () => whole[Symbol.dispose]() };
  }
  const head = deadline(clock, timeoutMs);
  // A body without an end needs no signal of its own, and each one costs.
  const over = bodyTimeoutMs === Infinity ? undefined : new AbortController();
  let body: Disposable = head;
  let currentMs = timeoutMs;
  const signals = [head.signal, over?.signal, callerSignal].filter((one) => one !== undefined);
  return {
    signal: AbortSignal.any(signals),
    get timeoutMs() {
      return currentMs;
    },
    beginBody() {
      head[Symbol.dispose]();
      if (over === undefined) return;
      currentMs = bodyTimeoutMs;
      const limit = deadline(clock, bodyTimeoutMs);
      limit.signal.addEventListener("abort", () => over.abort(limit.signal.reason), { once: true });
      body = limit;
    },
    [Symbol.dispose]() {
      head[Symbol.dispose]();
      body[Symbol.dispose]();
    },
  };
}

/**
 * Refuses link-local and metadata addresses always, and loopback and private ones where the URL
 * came from an answer of a public host. Names are resolved first, by the resolver that `fetch`
 * uses; an address that changes between the two look-ups is not caught, since Deno's `fetch`
 * cannot be told which address to use. (`--deny-net=169.254.0.0/16` closes that gap: Deno checks
 * it when it connects.)
 *
 * @returns What kind of address will answer.
 */
async function checkAddress(
  request: HttpRequest,
  signal: AbortSignal,
): Promise<AddressKind | undefined> {
  const { hostname } = request.url;
  const kinds = new Set<AddressKind>();
  for (const address of await addressesOf(hostname, signal)) {
    const kind = addressKind(address);
    if (kind === "link-local") {
      throw new AppError(
        "ADDRESS_REFUSED",
        `Cannot connect to "${hostname}": ${address} is a link-local or metadata address`,
        { hint: "Wharf never connects to such addresses; use the registry's public name" },
      );
    }
    if (request.origin === "derived" && (kind === "loopback" || kind === "private")) {
      throw new AppError(
        "ADDRESS_REFUSED",
        `Cannot connect to "${hostname}": a public host sent Wharf to the ${kind} address ${address}`,
        { hint: "If this is your own registry, name it directly in the reference" },
      );
    }
    if (kind !== undefined) kinds.add(kind);
  }
  // A name with addresses of several kinds is treated as the least trusted of them.
  const [only] = kinds;
  return kinds.size > 1 ? "public" : only;
}

async function addressesOf(hostname: string, signal: AbortSignal): Promise<readonly string[]> {
  if (addressKind(hostname) !== undefined) return [hostname];
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(abortError(signal));
  signal.addEventListener("abort", abort, { once: true });
  try {
    // A resolver that does not answer cannot be interrupted, but it can be left behind.
    // Loaded for the first name: a registry that is named by its address does without.
    const { lookup } = await import("node:dns/promises");
    const found = await Promise.race([lookup(hostname, { all: true }), aborted.promise]);
    return found.map(({ address }) => address);
  } catch (thrown) {
    if (signal.aborted) throw thrown;
    // No such name here; a proxy may know it, and otherwise `fetch` says what is wrong. Nor may
    // Deno resolve a name that was granted for one port only: there the operator vouches for it.
    return [];
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/**
 * Listens for HTTP requests.
 *
 * @param options Address, handler and signal.
 * @returns The server, once it listens.
 * @throws {AppError} `PERMISSION_MISSING`, or `UNAVAILABLE` when the port is taken.
 */
export async function listen(options: ListenOptions): Promise<Listening> {
  const { hostname, port, signal } = options;
  // Deno would listen for ever with a signal that has aborted already.
  throwIfAborted(signal);
  const bracketed = hostname.includes(":") ? `[${hostname}]` : hostname;
  const ready = Promise.withResolvers<URL>();
  const connections = new AbortController();
  const cut = Promise.withResolvers<void>();
  let state: "open" | "draining" | "closed" = "open";
  // Deno 2.9 ends the whole process when the signal of a server aborts that is shutting down or
  // has ended. So its signal aborts only while it is open, and later nobody waits any more.
  const close = () => {
    if (state === "open") connections.abort();
    else cut.resolve();
    state = "closed";
  };
  try {
    const server = Deno.serve({
      hostname,
      port,
      signal: connections.signal,
      onListen: (address) => ready.resolve(new URL(`http://${bracketed}:${address.port}/`)),
      onError: () => new Response("Internal error\n", { status: 500 }),
    }, (request, { remoteAddr }) => {
      const remote = "hostname" in remoteAddr ? remoteAddr.hostname : "unknown";
      return options.handler(request, { remote });
    });
    signal.addEventListener("abort", close, { once: true });
    const finished = Promise.race([server.finished, cut.promise]).finally(() => {
      state = "closed";
      signal.removeEventListener("abort", close);
    });
    return {
      url: await ready.promise,
      finished,
      async shutdown() {
        if (state === "open") {
          state = "draining";
          // Its end is that of the server, which `finished` waits for.
          server.shutdown().catch(() => {});
        }
        await finished;
      },
    };
  } catch (thrown) {
    throw listenError(`${bracketed}:${port}`, thrown);
  }
}

function listenError(where: string, thrown: unknown): AppError {
  const cannot = `Cannot listen on "${where}"`;
  const cause = thrown;
  if (thrown instanceof Deno.errors.NotCapable) {
    return new AppError(
      "PERMISSION_MISSING",
      `${cannot}: Deno was started without net permission`,
      {
        cause,
        hint: `Start Wharf with --allow-net=${where}`,
      },
    );
  }
  const [state, hint] = listenFailure(thrown);
  return new AppError("UNAVAILABLE", `${cannot}: ${state}`, { cause, hint });
}

function listenFailure(thrown: unknown): readonly [state: string, hint: string] {
  if (thrown instanceof Deno.errors.AddrInUse) {
    return ["the port is taken", "Choose another with --port, or --port 0 for a free one"];
  }
  if (thrown instanceof Deno.errors.PermissionDenied) {
    return ["the system does not allow it", "Choose a port from 1024 up"];
  }
  return ["it is no address of this machine", "Use --host 127.0.0.1, or 0.0.0.0 for all addresses"];
}

/**
 * The network: HTTP requests under an address policy, and a listening server. Needs
 * `--allow-net` for the hosts that are asked.
 *
 * @module
 */

import { lookup } from "node:dns/promises";
import { type AddressKind, addressKind } from "../core/address.ts";
import { abortError, deadline } from "../core/deadline.ts";
import { AppError } from "../core/errors.ts";
import type { Clock } from "../core/host.ts";
import {
  boundedResponse,
  type HttpRequest,
  type HttpResponse,
  type Listening,
  type ListenOptions,
  type Net,
} from "../core/http.ts";

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
    return opened;
  }

  async function openClient(host: string): Promise<Deno.HttpClient | undefined> {
    const certs = await options.certs?.(host);
    if (certs === undefined) return undefined;
    const { caCerts, cert, key } = certs;
    return Deno.createHttpClient({
      caCerts: [...caCerts],
      ...(cert === undefined || key === undefined ? {} : { cert, key }),
    });
  }

  return {
    async fetch(request) {
      const limit = deadline(
        options.clock,
        request.timeoutMs ?? DEFAULT_TIMEOUT_MS,
        request.signal,
      );
      const translate = (thrown: unknown) => networkError(request.url, thrown, limit.signal);
      try {
        const peer = await checkAddress(request);
        const client = await clientFor(request.url.host);
        const response = await fetch(request.url, {
          method: request.method ?? "GET",
          // A decoded body would not match its digest, so nothing is decoded unless asked for.
          headers: {
            "accept-encoding": "identity",
            "user-agent": options.userAgent,
            ...request.headers,
          },
          redirect: "manual",
          signal: limit.signal,
          ...(request.body === undefined ? {} : { body: request.body }),
          ...(client === undefined ? {} : { client }),
        });
        return endsWith(
          boundedResponse(response, { peer, translate }),
          () => limit[Symbol.dispose](),
        );
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

/** Frees the deadline's timer when the body has been read or dropped. */
function endsWith(response: HttpResponse, end: () => void): HttpResponse {
  return {
    status: response.status,
    headers: response.headers,
    peer: response.peer,
    async bytes(options) {
      try {
        return await response.bytes(options);
      } finally {
        end();
      }
    },
    async *stream(options) {
      try {
        yield* response.stream(options);
      } finally {
        end();
      }
    },
    async cancel() {
      await response.cancel();
      end();
    },
  };
}

/**
 * Refuses link-local and metadata addresses always, and loopback and private ones where the URL
 * came from an answer of a public host. Names are resolved first, by the resolver that `fetch`
 * uses; an address that changes between the two look-ups is not caught, since Deno's `fetch`
 * cannot be told which address to use.
 *
 * @returns What kind of address will answer.
 */
async function checkAddress(request: HttpRequest): Promise<AddressKind | undefined> {
  const { hostname } = request.url;
  const kinds = new Set<AddressKind>();
  for (const address of await addressesOf(hostname)) {
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

async function addressesOf(hostname: string): Promise<readonly string[]> {
  if (addressKind(hostname) !== undefined) return [hostname];
  try {
    const found = await lookup(hostname, { all: true });
    return found.map(({ address }) => address);
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotCapable) throw thrown;
    // No such name here; a proxy may know it, and otherwise `fetch` says what is wrong.
    return [];
  }
}

/** What a failed exchange means, with the next step. */
function networkError(url: URL, thrown: unknown, signal: AbortSignal): unknown {
  if (thrown instanceof AppError) return thrown;
  if (thrown instanceof Deno.errors.NotCapable) {
    return new AppError(
      "PERMISSION_MISSING",
      `Cannot reach "${url.host}": Deno was started without net permission for it`,
      { cause: thrown, hint: `Start Wharf with --allow-net=${url.host}` },
    );
  }
  if (signal.aborted) return abortError(signal);
  const text = thrown instanceof Error ? describe(thrown) : String(thrown);
  return new AppError("UNREACHABLE", `Cannot reach "${url.host}": ${reason(text)}`, {
    cause: thrown,
    hint: nextStep(text, url),
    retryable: !isLasting(text),
  });
}

/** Deno keeps the useful part in the causes. */
function describe(error: Error): string {
  const parts: string[] = [];
  let current: unknown = error;
  while (current instanceof Error && parts.length < 5) {
    parts.push(current.message);
    current = current.cause;
  }
  return parts.join(": ");
}

/** Failures that the same call would meet again. */
function isLasting(text: string): boolean {
  return /certificate|dns error|failed to lookup|no such host|InvalidContentType/i.test(text);
}

function reason(text: string): string {
  if (/UnknownIssuer|self.?signed|UnknownCA/i.test(text)) {
    return "its certificate is not signed by a trusted authority";
  }
  if (/certificate.*expired|Expired/i.test(text)) return "its certificate has expired";
  if (/NotValidForName/i.test(text)) return "its certificate is for another name";
  if (/InvalidContentType|wrong version number/i.test(text)) return "it does not speak TLS";
  if (/dns error|failed to lookup|no such host/i.test(text)) return "the name does not resolve";
  if (/refused/i.test(text)) return "the connection was refused";
  if (/reset|closed before|unexpected end|incomplete|eof/i.test(text)) {
    return "the connection broke off";
  }
  if (/unreachable/i.test(text)) return "the network is unreachable";
  return "the connection failed";
}

function nextStep(text: string, url: URL): string {
  if (/UnknownIssuer|self.?signed|UnknownCA/i.test(text)) {
    return `Put its CA into /etc/containers/certs.d/${url.host}/ca.crt, or name it in DENO_CERT`;
  }
  if (/InvalidContentType|wrong version number/i.test(text)) {
    return `If it serves plain http, start Wharf with --insecure-registry ${url.host}`;
  }
  if (/dns error|failed to lookup|no such host/i.test(text)) {
    return "Check the spelling of the host";
  }
  return "Check that the host is up and that no firewall or proxy is in the way";
}

/**
 * Listens for HTTP requests.
 *
 * @param options Address, handler and signal.
 * @returns The server, once it listens.
 * @throws {AppError} `PERMISSION_MISSING`, or `UNAVAILABLE` when the port is taken.
 */
export function listen(options: ListenOptions): Promise<Listening> {
  const { hostname, port } = options;
  const ready = Promise.withResolvers<Listening>();
  try {
    const server = Deno.serve({
      hostname,
      port,
      signal: options.signal,
      onListen: (address) => {
        const name = address.hostname.includes(":") ? `[${address.hostname}]` : address.hostname;
        ready.resolve({
          url: new URL(`http://${name}:${address.port}/`),
          finished: server.finished,
          shutdown: () => server.shutdown(),
        });
      },
      onError: () => new Response("Internal error\n", { status: 500 }),
    }, (request, { remoteAddr }) => {
      const remote = "hostname" in remoteAddr ? remoteAddr.hostname : "unknown";
      return options.handler(request, { remote });
    });
  } catch (thrown) {
    ready.reject(listenError(hostname, port, thrown));
  }
  return ready.promise;
}

function listenError(hostname: string, port: number, thrown: unknown): unknown {
  const where = `${hostname}:${port}`;
  if (thrown instanceof Deno.errors.NotCapable) {
    return new AppError("PERMISSION_MISSING", `Cannot listen on "${where}": no net permission`, {
      cause: thrown,
      hint: `Start Wharf with --allow-net=${where}`,
    });
  }
  if (thrown instanceof Deno.errors.AddrInUse) {
    return new AppError("UNAVAILABLE", `Cannot listen on "${where}": the port is taken`, {
      cause: thrown,
      hint: "Choose another with --port, or --port 0 for a free one",
    });
  }
  if (thrown instanceof Deno.errors.AddrNotAvailable) {
    return new AppError(
      "UNAVAILABLE",
      `Cannot listen on "${where}": it is no address of this machine`,
      {
        cause: thrown,
        hint: "Use --host 127.0.0.1, or 0.0.0.0 for all addresses",
      },
    );
  }
  return thrown;
}

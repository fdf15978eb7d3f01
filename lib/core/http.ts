/**
 * HTTP as the layers see it: one exchange, no redirect followed, and a body
 * that cannot be read without a byte limit. Needs no permission; the real
 * network is `lib/host/net.ts`.
 *
 * @example
 * ```ts
 * import { boundedResponse } from "./http.ts";
 *
 * const response = boundedResponse(new Response("hello"));
 * new TextDecoder().decode(await response.bytes({ maxBytes: 1024 })); // "hello"
 * ```
 *
 * @module
 */

import type { AddressKind } from "./address.ts";
import { AppError } from "./errors.ts";

/**
 * Where a URL came from. `named`: a user, operator or catalogue named its host.
 * `derived`: it stood in an answer of a public host (redirect, token realm,
 * Link, foreign layer), so loopback and private addresses are refused.
 */
export type UrlOrigin = "named" | "derived";

/** One HTTP request. */
export interface HttpRequest {
  /** Absolute http or https URL without user information. */
  readonly url: URL;
  /** How it is asked. @default {"GET"} */
  readonly method?: "GET" | "HEAD" | "POST" | "DELETE";
  /** Request headers; the host adds `user-agent` only. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Request body, for POST. */
  readonly body?: string;
  /** Decides the address policy, see {@linkcode UrlOrigin}. @default {"named"} */
  readonly origin?: UrlOrigin;
  /**
   * Time for the whole exchange, body included, in milliseconds; with `bodyTimeoutMs`, time until
   * the answer's head has come.
   * @default {30000}
   */
  readonly timeoutMs?: number;
  /**
   * Time for the body from its head on, in milliseconds. `Infinity` for a stream that lives until
   * somebody ends it. @default what `timeoutMs` leaves
   */
  readonly bodyTimeoutMs?: number;
  /** Ends the exchange early. */
  readonly signal?: AbortSignal;
}

/** How much of a body may be read. */
export interface ReadOptions {
  /** Most bytes; one more is a `TOO_LARGE` error and closes the connection. */
  readonly maxBytes: number;
}

/** The answer to one {@linkcode HttpRequest}. Read it or cancel it. */
export interface HttpResponse {
  /** The status code; redirects arrive as they are. */
  readonly status: number;
  /** The response headers. */
  readonly headers: Headers;
  /** What kind of address answered; `undefined` where it is not known, as behind a proxy. */
  readonly peer: AddressKind | undefined;
  /**
   * Reads the whole body.
   *
   * @throws {AppError} `TOO_LARGE` past `maxBytes`, `TIMEOUT`, `CANCELLED`, `UNREACHABLE` when the connection breaks.
   */
  bytes(options: ReadOptions): Promise<Uint8Array<ArrayBuffer>>;
  /** Streams the body under the same limit and errors as `bytes`. */
  stream(options: ReadOptions): AsyncIterable<Uint8Array<ArrayBuffer>>;
  /** Drops the body so that the connection is free again. Safe to call twice. */
  cancel(): Promise<void>;
}

/** The network, as one door. */
export interface Net {
  /**
   * Does one exchange. Never follows a redirect, never sends cookies.
   *
   * @throws {AppError} `PERMISSION_MISSING`, `ADDRESS_REFUSED`, `UNREACHABLE`, `TIMEOUT` or
   * `CANCELLED`. An `UNREACHABLE` host that speaks TLS, but not with us (its certificate is not
   * trusted), has `details.speaks_tls`.
   */
  fetch(request: HttpRequest): Promise<HttpResponse>;
}

/** What {@linkcode boundedResponse} is told of the exchange. */
export interface BoundedResponseOptions {
  /** What kind of address answered. */
  readonly peer?: AddressKind | undefined;
  /** Turns an error of the body stream into an `AppError`. @default identity */
  readonly translate?: (thrown: unknown) => unknown;
  /** Told when the body has been read, has failed or was dropped; it may be told twice. */
  readonly onEnd?: () => void;
}

/**
 * Wraps a web `Response` so that its body can be read only under a limit.
 *
 * @param response A response whose body nobody has read.
 * @param options What is known of the exchange.
 * @returns The bounded response.
 *
 * @example
 * ```ts
 * import { boundedResponse } from "@wharf/wharf";
 *
 * const response = boundedResponse(new Response("hello"));
 * (await response.bytes({ maxBytes: 1024 })).length; // 5
 * ```
 */
export function boundedResponse(
  response: Response,
  options: BoundedResponseOptions = {},
): HttpResponse {
  const { translate = (thrown: unknown) => thrown, onEnd = () => {} } = options;
  async function* stream(limits: ReadOptions): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    if (response.body === null) return onEnd();
    let total = 0;
    const reader = response.body.getReader();
    try {
      while (true) {
        const { done, value } = await reader.read();
        if (done) return;
        total += value.byteLength;
        if (total > limits.maxBytes) {
          throw new AppError(
            "TOO_LARGE",
            `Cannot read the answer: it is larger than ${limits.maxBytes} bytes`,
          );
        }
        yield value;
      }
    } catch (thrown) {
      throw translate(thrown);
    } finally {
      onEnd();
      await reader.cancel().catch(() => {});
    }
  }
  return {
    status: response.status,
    headers: response.headers,
    peer: options.peer,
    stream,
    async bytes(limits) {
      const chunks: Uint8Array<ArrayBuffer>[] = [];
      let total = 0;
      for await (const chunk of stream(limits)) {
        chunks.push(chunk);
        total += chunk.byteLength;
      }
      const [only] = chunks;
      if (chunks.length === 1 && only !== undefined) return only;
      const whole = new Uint8Array(total);
      let offset = 0;
      for (const chunk of chunks) {
        whole.set(chunk, offset);
        offset += chunk.byteLength;
      }
      return whole;
    },
    async cancel() {
      if (response.body !== null && !response.body.locked) {
        await response.body.cancel().catch(() => {});
      }
      onEnd();
    },
  };
}

/** A server that listens. */
export interface Listening {
  /** Where it listens, with the port that was taken. */
  readonly url: URL;
  /** Settles when the last connection is closed, or nobody waits for it any more. */
  readonly finished: Promise<void>;
  /**
   * Takes no new connection and waits until the answers in hand are sent. When the signal aborts
   * meanwhile, it stops waiting; connections that are still open then end with the process.
   */
  shutdown(): Promise<void>;
}

/** What to listen with. */
export interface ListenOptions {
  /** Address to bind. */
  readonly hostname: string;
  /** TCP port; 0 takes a free one. */
  readonly port: number;
  /** Answers one request. A rejection becomes a 500 without details. */
  readonly handler: (request: Request, info: { readonly remote: string }) => Promise<Response>;
  /** Ends the server, connections included. */
  readonly signal: AbortSignal;
}

/**
 * Listens for HTTP.
 *
 * @throws {AppError} `PERMISSION_MISSING`, or `UNAVAILABLE` when the port is taken.
 */
export type Listen = (options: ListenOptions) => Promise<Listening>;

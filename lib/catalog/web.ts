/**
 * Fetches documents of the web as a polite reader does: conditional requests, redirects by hand,
 * `Retry-After` heard, a bound on size and time. Needs `--allow-net` for the hosts.
 *
 * @module
 */

import { throwIfAborted } from "../core/deadline.ts";
import { AppError, toAppError } from "../core/errors.ts";
import type { Clock } from "../core/host.ts";
import type { HttpResponse, Net, UrlOrigin } from "../core/http.ts";

/** What a document was when it was fetched before. */
export interface Validators {
  /** Its entity tag (RFC 9110, 8.8.3). */
  readonly etag?: string | undefined;
  /** Its `Last-Modified` (RFC 9110, 8.8.2). */
  readonly lastModified?: string | undefined;
}

/** What {@linkcode WebClient.get} takes beside the address. */
export interface GetOptions extends Validators {
  /** Media types that are wanted. */
  readonly accept: string;
  /** Most bytes, after decompression. */
  readonly maxBytes: number;
  /** Ends the exchange early. */
  readonly signal?: AbortSignal;
}

/** A document. */
export interface Fetched extends Validators {
  /** The body. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Where it was found, after redirects. */
  readonly url: URL;
}

/** What a {@linkcode WebClient} works with. */
export interface WebDeps {
  /** The network. */
  readonly net: Net;
  /** Time. */
  readonly clock: Clock;
  /** A number from 0 to below 1, for jitter. */
  readonly random: () => number;
}

const MAX_REDIRECTS = 5;

/** Tries of one request that fails on the other side. */
const MAX_TRIES = 3;

/** A server that asks for a longer wait is asked again with the next refresh. */
const MAX_WAIT_MS = 30_000;

const TIMEOUT_MS = 60_000;

/** Codes of a redirect that a GET may follow (RFC 9110, 15.4). */
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** Failures of the other side that may be over in a moment. */
const PASSING: ReadonlySet<number> = new Set([429, 500, 502, 503, 504]);

/** Reads the web. */
export class WebClient {
  readonly #deps: WebDeps;

  /** @param deps Network, clock and jitter. */
  constructor(deps: WebDeps) {
    this.#deps = deps;
  }

  /**
   * Fetches a document.
   *
   * @param url An http or https address.
   * @param options Media types, bounds, and what is known of the document.
   * @returns The document, or `undefined` when it has not changed.
   * @throws {AppError} `NOT_FOUND`, `FORBIDDEN`, `RATE_LIMITED`, `UNAVAILABLE`, `BAD_RESPONSE` by the
   * answer; `ADDRESS_REFUSED`, `UNREACHABLE`, `TOO_LARGE`, `TIMEOUT`, `CANCELLED` by the exchange.
   */
  async get(url: URL, options: GetOptions): Promise<Fetched | undefined> {
    let current = url;
    let origin: UrlOrigin = "named";
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      const response = await this.#ask(current, { ...options, origin });
      if (response.status === 304) {
        await response.cancel();
        return undefined;
      }
      if (!REDIRECTS.has(response.status)) return await document(response, { ...options, current });
      await response.cancel();
      const next = redirected(current, response.headers.get("location"));
      // What a server of this machine or network says may lead there again.
      if (response.peer === undefined || response.peer === "public") origin = "derived";
      current = next;
    }
    throw new AppError("BAD_RESPONSE", `Cannot read "${url.href}": it redirects too often`, {
      hint: "Open the address in a browser, and name the one that it ends at",
    });
  }

  /** One request, tried again where the other side fails in passing. */
  async #ask(
    url: URL,
    options: GetOptions & { readonly origin: UrlOrigin },
  ): Promise<HttpResponse> {
    const { clock, net, random } = this.#deps;
    const { accept, etag, lastModified, origin, signal } = options;
    for (let attempt = 1;; attempt++) {
      throwIfAborted(signal);
      const response = await net.fetch({
        url,
        headers: {
          "accept": accept,
          "accept-encoding": "gzip",
          ...(etag === undefined ? {} : { "if-none-match": etag }),
          ...(lastModified === undefined ? {} : { "if-modified-since": lastModified }),
        },
        origin,
        timeoutMs: TIMEOUT_MS,
        ...(signal === undefined ? {} : { signal }),
      });
      if (!PASSING.has(response.status)) return response;
      const asked = retryAfterMs(response.headers, clock.now());
      const waitMs = asked ?? 500 * 2 ** attempt * (1 + random());
      if (attempt === MAX_TRIES || waitMs > MAX_WAIT_MS) return response;
      await response.cancel();
      await clock.sleep(waitMs, signal);
    }
  }
}

/** The body of a good answer; every other one is an error that says what it means. */
async function document(
  response: HttpResponse,
  options: GetOptions & { readonly current: URL },
): Promise<Fetched> {
  const { current: url, maxBytes } = options;
  const { status, headers } = response;
  if (status !== 200) {
    await response.cancel();
    throw statusError(url, status);
  }
  try {
    const bytes = await response.bytes({ maxBytes });
    const etag = headers.get("etag") ?? undefined;
    const lastModified = headers.get("last-modified") ?? undefined;
    return { bytes, url, etag, lastModified };
  } catch (thrown) {
    const error = toAppError(thrown);
    if (error.code !== "TOO_LARGE") throw error;
    throw new AppError(
      "TOO_LARGE",
      `Cannot read "${url.href}": it is larger than ${maxBytes} bytes`,
      { cause: thrown, hint: "Check that it is the address that was meant" },
    );
  }
}

function statusError(url: URL, status: number): AppError {
  const fail = (code: AppError["code"], state: string, hint: string) =>
    new AppError(code, `Cannot read "${url.href}": ${state}`, {
      hint,
      status,
      retryable: PASSING.has(status),
    });
  if (status === 404 || status === 410) {
    return fail("NOT_FOUND", "there is no such page", "Check the address of the source");
  }
  if (status === 401 || status === 403) {
    return fail("FORBIDDEN", "the server does not let Wharf read it", "Use a mirror of the source");
  }
  if (status === 429) {
    return fail("RATE_LIMITED", "the server asks to slow down", "Wait for the next refresh");
  }
  return status >= 500
    ? fail("UNAVAILABLE", `the server fails with ${status}`, "Wait for the next refresh")
    : fail("BAD_RESPONSE", `the server answers ${status}`, "Check the address of the source");
}

function redirected(from: URL, location: string | null): URL {
  if (location === null || !URL.canParse(location, from)) {
    throw new AppError("BAD_RESPONSE", `Cannot read "${from.href}": it redirects nowhere`);
  }
  const next = new URL(location, from);
  const isDowngrade = from.protocol === "https:" && next.protocol !== "https:";
  if (isDowngrade || !/^https?:$/.test(next.protocol)) {
    throw new AppError(
      "BAD_RESPONSE",
      `Cannot read "${from.href}": it redirects to ${next.protocol.slice(0, -1)}`,
      { hint: "Name the address that it redirects to, if you trust it" },
    );
  }
  next.username = "";
  next.password = "";
  return next;
}

/** Seconds or a date (RFC 9110, 10.2.3), in milliseconds from now. */
function retryAfterMs(headers: Headers, nowMs: number): number | undefined {
  const value = headers.get("retry-after")?.trim();
  if (value === undefined) return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}

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
  /**
   * Says whether a redirect may be followed to an address of http or https.
   *
   * @default every one may, but never from https to http
   */
  readonly mayFollow?: (target: URL) => boolean;
  /** Ends the exchange early. */
  readonly signal?: AbortSignal;
}

/** A document. */
export interface Fetched extends Validators {
  /** The body. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Where it was found, after redirects. */
  readonly url: URL;
  /** What the server's clock said, in milliseconds since the Unix epoch. */
  readonly serverMs?: number | undefined;
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

/** Tries of one request that fails on the other side, and of one to which no connection can be made. */
const MAX_TRIES = 3;
const MAX_CONNECTS = 2;

/** A server that asks for a longer wait is asked again with the next refresh. */
const MAX_WAIT_MS = 30_000;

const TIMEOUT_MS = 60_000;

/** Codes of a redirect that a GET may follow (RFC 9110, 15.4). */
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** Failures of the other side that may be over in a moment. */
const PASSING: ReadonlySet<number> = new Set([429, 500, 502, 503, 504]);

/** What one exchange came to. */
type Answer =
  | { readonly kind: "document"; readonly document: Fetched }
  | { readonly kind: "unchanged" }
  | { readonly kind: "redirect"; readonly target: URL; readonly peer: HttpResponse["peer"] };

type AskOptions = GetOptions & { readonly origin: UrlOrigin };

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
      const answer = await this.#ask(current, { ...options, origin });
      if (answer.kind === "document") return answer.document;
      if (answer.kind === "unchanged") return undefined;
      // What a server of this machine or network says may lead there again, but only as long as
      // nobody else had a say in the way.
      if (answer.peer !== "private" && answer.peer !== "loopback") origin = "derived";
      current = answer.target;
    }
    throw new AppError("BAD_RESPONSE", `Cannot read "${shown(url)}": it redirects too often`, {
      hint: "Open the address in a browser, and name the one that it ends at",
    });
  }

  /** One request, tried again where the other side fails in passing. */
  async #ask(url: URL, options: AskOptions): Promise<Answer> {
    const { clock, random } = this.#deps;
    const { signal } = options;
    for (let attempt = 1;; attempt++) {
      throwIfAborted(signal);
      try {
        return await this.#exchange(url, options);
      } catch (thrown) {
        const error = toAppError(thrown);
        // Whoever needed all the time of one exchange gets no second one.
        if (!error.retryable || error.code === "TIMEOUT") throw error;
        const mostTries = error.code === "UNREACHABLE" ? MAX_CONNECTS : MAX_TRIES;
        const waitMs = error.retryAfterMs ?? 500 * 2 ** attempt * (1 + random());
        if (attempt >= mostTries || waitMs > MAX_WAIT_MS) throw error;
        await clock.sleep(waitMs, signal);
      }
    }
  }

  async #exchange(url: URL, options: AskOptions): Promise<Answer> {
    const { clock, net } = this.#deps;
    const { accept, etag, lastModified, origin, signal } = options;
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
    const { status, headers, peer } = response;
    if (status === 200) {
      return { kind: "document", document: await document(response, url, options) };
    }
    await response.cancel();
    // Only what was asked about can be unchanged.
    if (status === 304 && (etag ?? lastModified) !== undefined) return { kind: "unchanged" };
    if (!REDIRECTS.has(status)) throw statusError(url, response, clock.now());
    return { kind: "redirect", target: redirected(url, headers.get("location"), options), peer };
  }
}

/** The body of a good answer. */
async function document(
  response: HttpResponse,
  url: URL,
  { maxBytes }: GetOptions,
): Promise<Fetched> {
  const { headers } = response;
  const serverMs = Date.parse(headers.get("date") ?? "");
  try {
    return {
      bytes: await response.bytes({ maxBytes }),
      url,
      etag: headers.get("etag") ?? undefined,
      lastModified: headers.get("last-modified") ?? undefined,
      serverMs: Number.isNaN(serverMs) ? undefined : serverMs,
    };
  } catch (thrown) {
    const error = toAppError(thrown);
    if (error.code !== "TOO_LARGE") throw error;
    throw new AppError(
      "TOO_LARGE",
      `Cannot read "${shown(url)}": it is larger than ${maxBytes} bytes`,
      { cause: thrown, hint: "Check that it is the address that was meant" },
    );
  }
}

/** An answer that is no document, as an error that says what it means. */
function statusError(url: URL, { status, headers }: HttpResponse, nowMs: number): AppError {
  const fail = (code: AppError["code"], state: string, hint: string) => {
    const retryAfterMs = readRetryAfter(headers, nowMs);
    return new AppError(code, `Cannot read "${shown(url)}": ${state}`, {
      hint,
      status,
      retryable: PASSING.has(status),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    });
  };
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

function redirected(from: URL, location: string | null, { mayFollow }: GetOptions): URL {
  const next = location === null ? null : URL.parse(location, from);
  if (next === null) {
    throw new AppError("BAD_RESPONSE", `Cannot read "${shown(from)}": it redirects nowhere`, {
      hint: "Open the address in a browser, and name the one that it ends at",
    });
  }
  next.username = "";
  next.password = "";
  const isDowngrade = from.protocol === "https:" && next.protocol === "http:";
  if (isDowngrade || !/^https?:$/.test(next.protocol) || mayFollow?.(next) === false) {
    throw new AppError(
      "BAD_RESPONSE",
      `Cannot read "${shown(from)}": it redirects to ${next.protocol}//${next.host}`,
      { hint: "Name the address that it redirects to, if you trust it" },
    );
  }
  return next;
}

/** An address in an error: its query may hold a token. */
function shown(url: URL): string {
  return `${url.origin}${url.pathname}`;
}

/** Seconds or a date (RFC 9110, 10.2.3), in milliseconds from now. */
function readRetryAfter(headers: Headers, nowMs: number): number | undefined {
  const value = headers.get("retry-after")?.trim();
  if (value === undefined) return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}

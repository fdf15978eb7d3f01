/**
 * A function in the shape of `fetch` over Wharf's own network, for the MCP SDK's HTTP transports
 * and its sign-in: with the address policy on every hop, redirects within an origin only,
 * credentials for one origin only, and bounds on what comes back. Needs net permission for the
 * hosts that are asked, through the network it is given.
 *
 * @example
 * ```ts ignore
 * const fetch = netFetch({ net, clock }, { server: new URL("https://mcp.example/mcp") });
 * const transport = new StreamableHTTPClientTransport(server, { fetch });
 * ```
 *
 * @module
 */

import { type AddressKind, addressKind } from "../core/address.ts";
import { deadline, throwIfAborted } from "../core/deadline.ts";
import { AppError, toAppError } from "../core/errors.ts";
import type { Clock } from "../core/host.ts";
import type { HttpRequest, HttpResponse, Net } from "../core/http.ts";
import type { FetchLike } from "./sdk.ts";
import { SseLimit } from "./sse_limit.ts";

/** What {@linkcode netFetch} works with. */
export interface NetFetchDeps {
  /** Does the exchanges. */
  readonly net: Net;
  /** Measures time limits. */
  readonly clock: Clock;
}

/** How a stream of events ended. */
export interface StreamEnd {
  /** What was asked for it. */
  readonly request: FetchRequest;
  /** An event with an id has come: the stream may be resumed (`Last-Event-ID`). */
  readonly resumable: boolean;
  /** Why it ended, where it was not its server that closed it. */
  readonly error?: AppError;
}

/** A request as it was given to the function. */
export interface FetchRequest {
  /** `GET`, `POST` or `DELETE`. */
  readonly method: string;
  /** Its headers, without those that {@linkcode NetFetchOptions.headers} adds. */
  readonly headers: Headers;
  /** Its body. */
  readonly body?: string;
}

/**
 * Who has answered so far, on the way from one address to the next: a server inside of the own
 * network may name others there, one outside may not (nor may whoever it names).
 */
export class Heard {
  #inside = false;
  #outside = false;

  /** Whether only inside addresses have answered, and at least one. */
  get insideOnly(): boolean {
    return this.#inside && !this.#outside;
  }

  /**
   * Takes note of who answered.
   *
   * @param peer What kind of address; `undefined` where that is not known.
   */
  note(peer: AddressKind | undefined): void {
    if (peer === "loopback" || peer === "private") this.#inside = true;
    else this.#outside = true;
  }
}

/** How {@linkcode netFetch} asks. */
export interface NetFetchOptions {
  /** The server that was named. */
  readonly server: URL;
  /** Sent to the server's own origin and nowhere else; they replace headers of the request. */
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * Whether other origins may be asked, as a sign-in does. What a public host names may then lead
   * to no private address, and nothing but loopback is asked over plain http.
   * @default {false}
   */
  readonly otherOrigins?: boolean;
  /** Shared by all functions that ask on behalf of one server. @default its own */
  readonly heard?: Heard;
  /** Most bytes of an event, or of a body that is none. @default {33554432} */
  readonly maxMessageBytes?: number;
  /** Time until the head of an answer, in milliseconds. @default {30000} */
  readonly answerTimeoutMs?: number;
  /** Time for a body that is no stream of events, in milliseconds. @default {60000} */
  readonly bodyTimeoutMs?: number;
  /** Told when a stream of events has ended or was dropped. */
  readonly onStreamEnd?: (end: StreamEnd) => void;
}

const MAX_MESSAGE_BYTES = 32 * 1024 * 1024;
const ANSWER_TIMEOUT_MS = 30_000;
const BODY_TIMEOUT_MS = 60_000;

/** Redirects in a row. */
const MOST_REDIRECTS = 3;

/** Of an answer that says what is wrong, its beginning is enough. */
const ERROR_BYTES = 256 * 1024;

/** What a stream of events may bring in the long run; what comes faster waits in the network. */
const STREAM_BYTES_PER_SECOND = 4 * 1024 * 1024;

const METHODS = new Set(["GET", "POST", "DELETE"] as const);

/** Redirects that keep method and body (RFC 9110, 15.4.8 and 15.4.9), and those that do for GET. */
const KEEPING = new Set([307, 308]);
const FOR_GET = new Set([301, 302, 303]);

/**
 * Makes the function. An answer that redirects to another origin comes back as it is where other
 * origins may be asked, so that the SDK's discovery goes on with the next address.
 *
 * @param deps Network and time.
 * @param options The server and the limits.
 * @returns The function. It throws `AppError`s only: what the network says, `ADDRESS_REFUSED` for
 * an origin that may not be asked, `BAD_RESPONSE` and `TOO_LARGE` for an answer that is refused.
 */
export function netFetch(deps: NetFetchDeps, options: NetFetchOptions): FetchLike {
  const heard = options.heard ?? new Heard();

  async function exchange(request: HttpRequest): Promise<HttpResponse> {
    const isServer = request.url.origin === options.server.origin;
    if (!isServer) checkOther(request.url, options);
    const response = await deps.net.fetch({
      ...request,
      origin: isServer || heard.insideOnly ? "named" : "derived",
    });
    heard.note(response.peer);
    return response;
  }

  return async (target, init = {}) => {
    throwIfAborted(init.signal ?? undefined);
    const given = requestOf(init);
    const dropped = new AbortController();
    const signal = init.signal === undefined || init.signal === null
      ? dropped.signal
      : AbortSignal.any([init.signal, dropped.signal]);
    const limits = {
      timeoutMs: options.answerTimeoutMs ?? ANSWER_TIMEOUT_MS,
      bodyTimeoutMs: Infinity,
      signal,
    };
    let url = new URL(target);
    for (let followed = 0;; followed++) {
      const response = await exchange({
        ...limits,
        url,
        method: given.method,
        headers: headersFor(url, given.headers, options),
        ...(given.body === undefined ? {} : { body: given.body }),
      });
      const next = nextOf(response, url, given.method);
      if (next !== undefined && next.origin === url.origin) {
        await response.cancel();
        if (followed === MOST_REDIRECTS) throw tooMany(url);
        url = next;
        continue;
      }
      if (next !== undefined && options.otherOrigins !== true) {
        await response.cancel();
        throw leadsAway(url, next);
      }
      return answerOf(response, { deps, options, given, dropped, signal, url });
    }
  };
}

function requestOf(init: RequestInit): FetchRequest & { readonly method: NetMethod } {
  const method = (init.method ?? "GET").toUpperCase();
  const headers = init.headers instanceof Headers ? init.headers : new Headers(init.headers);
  const { body } = init;
  if (!isNetMethod(method)) throw unsupported(`the method ${method}`);
  if (body === undefined || body === null) return { method, headers };
  if (typeof body === "string") return { method, headers, body };
  if (!(body instanceof URLSearchParams)) throw unsupported("a body that is not text");
  const typed = new Headers(headers);
  if (!typed.has("content-type")) {
    typed.set("content-type", "application/x-www-form-urlencoded;charset=UTF-8");
  }
  return { method, headers: typed, body: body.toString() };
}

type NetMethod = "GET" | "POST" | "DELETE";

function isNetMethod(method: string): method is NetMethod {
  const known: ReadonlySet<string> = METHODS;
  return known.has(method);
}

function unsupported(what: string): AppError {
  return new AppError("INTERNAL", `Cannot send a request: ${what} is not supported`, {
    hint: "This is a fault in Wharf; please report it",
  });
}

/** Credentials go to the server's own origin only, whoever built the request. */
function headersFor(
  url: URL,
  given: Headers,
  { server, headers }: NetFetchOptions,
): Readonly<Record<string, string>> {
  if (headers === undefined || url.origin !== server.origin) return Object.fromEntries(given);
  const all = new Headers(given);
  for (const [name, value] of Object.entries(headers)) setHeader(all, name, value);
  return Object.fromEntries(all);
}

function setHeader(headers: Headers, name: string, value: string): void {
  try {
    headers.set(name, value);
  } catch {
    // The engine's own error would show the value, which may be a secret.
    throw new AppError(
      "INVALID_ARGUMENT",
      `Cannot send the header "${
        name.slice(0, 100)
      }": it holds characters that HTTP does not allow`,
      { hint: "Check its name, and its value for line breaks and characters beyond Latin-1" },
    );
  }
}

function checkOther(url: URL, { server, otherOrigins = false }: NetFetchOptions): void {
  if (!otherOrigins) {
    throw new AppError(
      "ADDRESS_REFUSED",
      `Cannot send a message to "${url.host}": the server is "${server.host}"`,
      { hint: "Use the address that the server itself names, if you trust it" },
    );
  }
  if (url.protocol === "http:" && !isLoopback(url)) {
    throw new AppError(
      "ADDRESS_REFUSED",
      `Cannot sign in at "${url.host}": its address is not https`,
      { hint: `"${server.host}" sent Wharf there; report it to its makers` },
    );
  }
}

/**
 * Whether a URL is one of this machine, so that plain http gives nothing away.
 *
 * @param url Any URL.
 */
export function isLoopback({ hostname }: URL): boolean {
  return hostname === "localhost" || hostname.endsWith(".localhost") ||
    addressKind(hostname) === "loopback";
}

/** Where an answer leads that has to be asked again elsewhere. */
function nextOf(response: HttpResponse, from: URL, method: NetMethod): URL | undefined {
  const { status } = response;
  if (!KEEPING.has(status) && !(method === "GET" && FOR_GET.has(status))) return undefined;
  const location = response.headers.get("location");
  const next = location === null ? null : URL.parse(location, from);
  if (next === null || next.username !== "" || next.password !== "") return undefined;
  return next;
}

function tooMany(url: URL): AppError {
  return new AppError(
    "BAD_RESPONSE",
    `Cannot reach "${url.host}": it redirects more than ${MOST_REDIRECTS} times in a row`,
    { hint: "Check the address; the server may redirect in a circle" },
  );
}

function leadsAway(url: URL, next: URL): AppError {
  const target = `${next.origin}${next.pathname}`.slice(0, 300);
  return new AppError(
    "ADDRESS_REFUSED",
    `Cannot reach "${url.host}": it redirects to another origin, ${next.origin}`,
    { hint: `If you trust that address, use ${target} itself` },
  );
}

interface AnswerContext {
  readonly deps: NetFetchDeps;
  readonly options: NetFetchOptions;
  readonly given: FetchRequest;
  /** Ends the exchange. */
  readonly dropped: AbortController;
  readonly signal: AbortSignal;
  readonly url: URL;
}

/** Statuses that have no body (Fetch, 2.2.3). */
const WITHOUT_BODY = new Set([101, 103, 204, 205, 304]);

async function answerOf(response: HttpResponse, context: AnswerContext): Promise<Response> {
  const { status, headers } = response;
  if (status < 200 || status > 599) {
    await response.cancel();
    throw badAnswer(context.url, `it answered with the status ${status}`);
  }
  if (WITHOUT_BODY.has(status)) {
    await response.cancel();
    return new Response(null, { status, headers });
  }
  const encoding = headers.get("content-encoding") ?? "identity";
  if (encoding.toLowerCase() !== "identity") {
    await response.cancel();
    throw badAnswer(context.url, "it compresses its answer though asked not to");
  }
  const isStream = status === 200 &&
    /^text\/event-stream\b/i.test(headers.get("content-type") ?? "");
  const chunks = isStream ? events(response, context) : document(response, context);
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      const { done, value } = await chunks.next();
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
    cancel(reason) {
      // A read that waits ends by this; the iterator could not be told meanwhile.
      context.dropped.abort(reason);
      chunks.return(undefined).catch(() => {});
    },
  }, { highWaterMark: 0 });
  return new Response(body, { status, headers });
}

/** A whole answer: bounded in bytes and in time. */
async function* document(
  response: HttpResponse,
  { deps, options, dropped, url }: AnswerContext,
): AsyncGenerator<Uint8Array<ArrayBuffer>, undefined> {
  const { maxMessageBytes = MAX_MESSAGE_BYTES, bodyTimeoutMs = BODY_TIMEOUT_MS } = options;
  const maxBytes = response.status < 400 ? maxMessageBytes : Math.min(maxMessageBytes, ERROR_BYTES);
  using limit = deadline(deps.clock, bodyTimeoutMs);
  limit.signal.addEventListener("abort", () => dropped.abort(limit.signal.reason), { once: true });
  if (Number(response.headers.get("content-length") ?? 0) > maxBytes) {
    await response.cancel();
    throw tooLarge(url, maxBytes);
  }
  try {
    yield* response.stream({ maxBytes });
  } catch (thrown) {
    const error = toAppError(thrown);
    throw error.code === "TOO_LARGE" ? tooLarge(url, maxBytes) : error;
  }
  return undefined;
}

function tooLarge(url: URL, maxBytes: number): AppError {
  const reason = `it sent an answer of more than ${maxBytes} bytes`;
  return new AppError("TOO_LARGE", `Cannot read the answer of "${url.host}": ${reason}`, {
    details: { reason },
    hint: "Ask it for less, such as a page or a part",
  });
}

function badAnswer(url: URL, state: string): AppError {
  return new AppError("BAD_RESPONSE", `Cannot use the answer of "${url.host}": ${state}`, {
    hint: "Check that the address is the right one, and that no proxy answers in its place",
  });
}

/** A stream of events: each bounded in bytes, all together in speed, and as long as it wants. */
async function* events(
  response: HttpResponse,
  { deps, options, given, signal }: AnswerContext,
): AsyncGenerator<Uint8Array<ArrayBuffer>, undefined> {
  const { maxMessageBytes = MAX_MESSAGE_BYTES, onStreamEnd } = options;
  const limit = new SseLimit({ maxEventBytes: maxMessageBytes });
  const most = 2 * maxMessageBytes;
  let credit = most;
  let countedMs = deps.clock.now();
  let error: AppError | undefined;
  try {
    for await (const chunk of response.stream({ maxBytes: Number.MAX_SAFE_INTEGER })) {
      limit.take(chunk);
      yield chunk;
      const nowMs = deps.clock.now();
      credit += (nowMs - countedMs) / 1000 * STREAM_BYTES_PER_SECOND;
      credit = Math.min(most, credit) - chunk.byteLength;
      countedMs = nowMs;
      if (credit < 0) {
        await deps.clock.sleep(Math.ceil(-credit / STREAM_BYTES_PER_SECOND * 1000), signal);
      }
    }
  } catch (thrown) {
    error = toAppError(thrown);
    throw error;
  } finally {
    const { hasId: resumable } = limit;
    onStreamEnd?.({ request: given, resumable, ...(error === undefined ? {} : { error }) });
  }
  return undefined;
}

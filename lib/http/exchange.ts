/**
 * One request over HTTP: its body under limits, and what it asks for. Needs no permission.
 *
 * @module
 */

import { OVER } from "../core/deadline.ts";
import { toAppError } from "../core/errors.ts";
import type { Clock } from "../core/host.ts";
import { boundedResponse } from "../core/http.ts";
import { parseJson } from "../core/json.ts";
import { refusal } from "./guard.ts";

/** How a body is read. */
export interface ReadJsonOptions {
  /** Measures how long it takes. */
  readonly clock: Clock;
  /** Most bytes. */
  readonly maxBytes: number;
}

/** Whoever sends a request slowly holds a connection all the while. */
const BODY_TIMEOUT_MS = 60_000;

/** Deeper than any argument is meant to be. */
const MAX_DEPTH = 200;

/**
 * Reads the body of a request.
 *
 * @param request Nobody has read its body.
 * @param options Its limits.
 * @returns What the JSON says, or the answer that refuses it: 400, 408 or 413.
 */
export async function readJson(
  request: Request,
  { clock, maxBytes }: ReadJsonOptions,
): Promise<unknown> {
  const read = new AbortController();
  const late = clock.sleep(BODY_TIMEOUT_MS, read.signal).then(
    () => refusal(408, "The request took too long to come", { connection: "close" }),
    // It came in time.
    () => undefined,
  );
  try {
    const whole = bodyOf(request, maxBytes);
    const bytes = await Promise.race([whole, late]);
    // What comes of a body that came too late is nobody's.
    whole.catch(() => {});
    if (!(bytes instanceof Uint8Array)) return bytes;
    return parseJson(bytes, { what: "the request", maxDepth: MAX_DEPTH });
  } catch (thrown) {
    if (toAppError(thrown).code === "TOO_LARGE") {
      return refusal(413, `Request larger than ${maxBytes} bytes`);
    }
    return Response.json({
      jsonrpc: "2.0",
      error: { code: -32700, message: "Parse error: the request is not valid JSON" },
      id: null,
    }, { status: 400 });
  } finally {
    read.abort(OVER);
  }
}

/** The body within its limit. The server holds a body to the length that its head gives. */
async function bodyOf(request: Request, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const length = Number(request.headers.get("content-length") ?? Infinity);
  return length <= maxBytes
    ? await request.bytes()
    : await boundedResponse(new Response(request.body)).bytes({ maxBytes });
}

/**
 * Whether a request begins a session.
 *
 * @param json Its body.
 */
export function isInitialize(json: unknown): boolean {
  const messages = Array.isArray(json) ? json : [json];
  return messages.some((message) =>
    typeof message === "object" && message !== null && "method" in message &&
    message.method === "initialize"
  );
}

/**
 * Whether a client takes a stream of events.
 *
 * @param request Its request.
 */
export function acceptsEvents(request: Request): boolean {
  return /text\/event-stream|\*\/\*/.test(request.headers.get("accept") ?? "");
}

/**
 * Names both types of answers, as the SDK wants them; a client that takes only JSON was given a
 * session of JSON.
 *
 * @param request A request whose body was read.
 */
export function withAccept(request: Request): Request {
  const accept = request.headers.get("accept") ?? "";
  const isComplete = accept.includes("application/json") && accept.includes("text/event-stream");
  if (request.method !== "POST" || isComplete || !/application\/json|\*\/\*/.test(accept)) {
    return request;
  }
  const headers = new Headers(request.headers);
  headers.set("accept", "application/json, text/event-stream");
  return new Request(request.url, { method: request.method, headers });
}

/**
 * Gives an answer before the request's body was read.
 *
 * @param request The request.
 * @param response The answer.
 */
export async function dropped(request: Request, response: Response): Promise<Response> {
  await request.body?.cancel().catch(() => {});
  return response;
}

/**
 * MCP over HTTP: routes, sessions, and their end. Needs no permission: requests are passed in, a
 * test may call it without a socket.
 *
 * @module
 */

import { boundedResponse } from "../core/http.ts";
import { parseJson } from "../core/json.ts";
import type { Clock, Log } from "../core/host.ts";
import { toAppError } from "../core/errors.ts";
import { JSONRPCMessageSchema, type Server, type Transport } from "../mcp/protocol.ts";
import { MemoryEventStore } from "./event_store.ts";
import { Guard, type GuardOptions, preflight, refusal } from "./guard.ts";
import { SseTransport } from "./sse.ts";
import { HttpTransport } from "./transport.ts";

/** What {@linkcode createHttpApp} takes. */
export interface HttpAppOptions extends GuardOptions {
  /** Makes the MCP server of a new session. */
  readonly connect: () => Server | Promise<Server>;
  /** Measures idle time. */
  readonly clock: Clock;
  /** Is told of sessions and faults. */
  readonly log: Log;
  /** Most bytes of a request. @default {4194304} */
  readonly maxBodyBytes?: number;
  /** Most sessions at once. @default {1000} */
  readonly maxSessions?: number;
  /** Time after which a session without a call or stream ends, in milliseconds. @default {1800000} */
  readonly sessionIdleMs?: number;
}

/** MCP over HTTP. */
export interface HttpApp {
  /**
   * Answers a request.
   *
   * @param request Any request.
   * @returns The answer; never a rejection.
   */
  handle(request: Request): Promise<Response>;
  /**
   * Ends: no new sessions, the calls in hand finish, then every session is closed.
   *
   * @param options Time for the calls in hand, in milliseconds.
   */
  close(options: { readonly graceMs: number }): Promise<void>;
  /** How many sessions are open. */
  readonly sessionCount: number;
}

interface Session {
  readonly server: Server;
  readonly transport: Transport;
  /** Whose session it is; others are told that there is none. */
  readonly principal: string;
  /** What its streams have brought; absent for the older transport, which resumes none. */
  readonly events?: MemoryEventStore;
  /** Whether several requests came in one body: their answers share a stream. */
  hasBatches: boolean;
  /** Answers under way, streams included. */
  open: number;
  /** Calls under way. */
  calls: number;
  lastSeenMs: number;
}

const SESSION_HEADER = "mcp-session-id";
const SWEEP_MS = 60_000;
/** A client that polls is told to come back after so long (SEP-1699). */
const RETRY_MS = 1_000;

/**
 * Makes the HTTP side of Wharf.
 *
 * @param options Servers, limits and guards.
 * @returns The app; close it to end its sessions.
 */
export function createHttpApp(options: HttpAppOptions): HttpApp {
  const { clock, log } = options;
  const maxBodyBytes = options.maxBodyBytes ?? 4 * 1024 * 1024;
  const maxSessions = options.maxSessions ?? 1000;
  const sessionIdleMs = options.sessionIdleMs ?? 30 * 60_000;
  const guard = new Guard(options);
  const sessions = new Map<string, Session>();
  const ended = new AbortController();
  let isDraining = false;
  let isSweeping = false;

  async function handle(request: Request): Promise<Response> {
    try {
      const cors = guard.checkOrigin(request);
      if (cors instanceof Response) return await dropped(request, cors);
      const response = await route(request, cors);
      for (const [name, value] of Object.entries(cors)) response.headers.set(name, value);
      return response;
    } catch (thrown) {
      log.error("request failed", {
        path: new URL(request.url).pathname,
        reason: toAppError(thrown).message,
      });
      return refusal(500, "Internal error");
    }
  }

  async function route(
    request: Request,
    cors: Readonly<Record<string, string>>,
  ): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (request.method === "OPTIONS") return preflight(cors);
    const isRead = request.method === "GET" || request.method === "HEAD";
    if (pathname === "/healthz" && isRead) return new Response("OK\n");
    if (pathname === "/readyz" && isRead) return readiness();
    if (pathname === "/" && isRead) {
      return new Response("Wharf serves MCP at /mcp (Streamable HTTP) and /sse (older clients)\n");
    }
    if (!["/mcp", "/sse", "/messages"].includes(pathname)) {
      return await dropped(request, new Response("Not found; MCP is at /mcp\n", { status: 404 }));
    }
    const principal = guard.checkToken(request);
    if (principal instanceof Response) return await dropped(request, principal);
    if (pathname === "/mcp") return await streamable(request, principal);
    return pathname === "/sse"
      ? await openSse(request, principal)
      : await postMessage(request, principal);
  }

  function readiness(): Response {
    const status = isDraining ? "draining" : sessions.size >= maxSessions ? "full" : "ready";
    return Response.json({ status, sessions: sessions.size, max_sessions: maxSessions }, {
      status: status === "ready" ? 200 : 503,
    });
  }

  /** Streamable HTTP: the SDK speaks it, sessions are found here. */
  async function streamable(request: Request, principal: string): Promise<Response> {
    if (!["GET", "POST", "DELETE"].includes(request.method)) {
      return await dropped(
        request,
        refusal(405, "Method not allowed", { allow: "GET, POST, DELETE" }),
      );
    }
    const id = request.headers.get(SESSION_HEADER);
    const body = request.method === "POST" ? await readBody(request) : undefined;
    if (body instanceof Response) return body;
    if (id === null) {
      if (!isInitialize(body?.json)) {
        return refusal(400, "Bad request: Mcp-Session-Id is missing; begin with initialize");
      }
      return await openStreamable(request, principal, body?.json);
    }
    const session = find(id, principal);
    if (!(session?.transport instanceof HttpTransport)) {
      return refusal(404, "Session not found; begin a new one with initialize");
    }
    return await answer(session, request, body?.json);
  }

  async function openStreamable(
    request: Request,
    principal: string,
    json: unknown,
  ): Promise<Response> {
    const full = noRoom();
    if (full !== undefined) return full;
    const events = new MemoryEventStore();
    const transport = new HttpTransport({
      sessionIdGenerator: () => crypto.randomUUID(),
      eventStore: events,
      retryInterval: RETRY_MS,
      enableJsonResponse: !acceptsEvents(request),
      onsessioninitialized: (id) => void sessions.set(id, session),
    });
    const session = await begin(transport, principal, events);
    const response = await answer(session, request, json);
    // A refused initialize leaves no session behind.
    if (transport.sessionId === undefined) await session.server.close();
    return response;
  }

  async function answer(session: Session, request: Request, json: unknown): Promise<Response> {
    const { transport } = session;
    if (!(transport instanceof HttpTransport)) {
      return refusal(404, "Session not found; begin a new one with initialize");
    }
    session.lastSeenMs = clock.now();
    session.hasBatches ||= Array.isArray(json);
    // The SDK's client comes back for more after each error; its stream would stay open for ever.
    const lastEvent = request.headers.get("last-event-id") ?? "";
    if (!session.hasBatches && session.events?.isAnswer(lastEvent) === true) {
      return refusal(405, "Nothing follows the answer", { allow: "POST, DELETE" });
    }
    session.open++;
    const isCall = request.method === "POST";
    if (isCall) session.calls++;
    const onEnd = () => {
      session.open--;
      if (isCall) session.calls--;
      session.lastSeenMs = clock.now();
    };
    return await transport.handleRequest(
      withAccept(request),
      json === undefined ? { onEnd } : { onEnd, parsedBody: json },
    );
  }

  async function openSse(request: Request, principal: string): Promise<Response> {
    if (request.method !== "GET") {
      return await dropped(request, refusal(405, "Method not allowed", { allow: "GET" }));
    }
    const full = noRoom();
    if (full !== undefined) return full;
    const transport = new SseTransport("/messages", clock);
    const session = await begin(transport, principal);
    sessions.set(transport.sessionId, session);
    // The stream is the session: it ends with it.
    session.open = 1;
    return transport.open();
  }

  async function postMessage(request: Request, principal: string): Promise<Response> {
    if (request.method !== "POST") {
      return await dropped(request, refusal(405, "Method not allowed", { allow: "POST" }));
    }
    const id = new URL(request.url).searchParams.get("sessionId");
    if (id === null) {
      return await dropped(request, refusal(400, "Bad request: sessionId is missing"));
    }
    const session = find(id, principal);
    if (!(session?.transport instanceof SseTransport)) {
      return await dropped(request, refusal(404, "Session not found; open a new one at /sse"));
    }
    const body = await readBody(request);
    if (body instanceof Response) return body;
    const message = JSONRPCMessageSchema.safeParse(body.json);
    if (!message.success) return refusal(400, "Bad request: not a JSON-RPC 2.0 message");
    session.lastSeenMs = clock.now();
    session.transport.receive(message.data);
    return new Response("Accepted\n", { status: 202 });
  }

  async function begin(
    transport: Transport,
    principal: string,
    events?: MemoryEventStore,
  ): Promise<Session> {
    const server = await options.connect();
    const cleanUp = server.onclose;
    server.onclose = () => {
      cleanUp?.();
      if (transport.sessionId !== undefined) sessions.delete(transport.sessionId);
    };
    await server.connect(transport);
    void sweep();
    return {
      server,
      transport,
      principal,
      ...(events === undefined ? {} : { events }),
      hasBatches: false,
      open: 0,
      calls: 0,
      lastSeenMs: clock.now(),
    };
  }

  function find(id: string, principal: string): Session | undefined {
    const session = sessions.get(id);
    return session?.principal === principal ? session : undefined;
  }

  function noRoom(): Response | undefined {
    if (isDraining) return refusal(503, "Wharf is stopping", { "retry-after": "5" });
    if (sessions.size < maxSessions) return undefined;
    return refusal(503, `Too many sessions: ${maxSessions} are open`, { "retry-after": "30" });
  }

  async function readBody(request: Request): Promise<{ readonly json: unknown } | Response> {
    try {
      const bytes = await bodyOf(request, maxBodyBytes);
      return { json: parseJson(bytes, { what: "the request", maxDepth: 200 }) };
    } catch (thrown) {
      const error = toAppError(thrown);
      if (error.code === "TOO_LARGE") {
        return refusal(413, `Request larger than ${maxBodyBytes} bytes`);
      }
      return Response.json({
        jsonrpc: "2.0",
        error: { code: -32700, message: "Parse error: the request is not valid JSON" },
        id: null,
      }, { status: 400 });
    }
  }

  /** Runs while there are sessions, so that an idle app holds no timer. */
  async function sweep(): Promise<void> {
    if (isSweeping) return;
    isSweeping = true;
    try {
      do {
        await clock.sleep(Math.min(SWEEP_MS, sessionIdleMs), ended.signal);
        for (const session of [...sessions.values()]) {
          const isIdle = session.open === 0 && clock.now() - session.lastSeenMs >= sessionIdleMs;
          if (isIdle) await session.server.close();
        }
      } while (sessions.size > 0);
    } catch {
      // The app is closed.
    } finally {
      isSweeping = false;
    }
  }

  async function close({ graceMs }: { readonly graceMs: number }): Promise<void> {
    isDraining = true;
    const endsMs = clock.now() + graceMs;
    while (clock.now() < endsMs && [...sessions.values()].some(({ calls }) => calls > 0)) {
      await clock.sleep(Math.min(50, graceMs));
    }
    ended.abort();
    await Promise.all([...sessions.values()].map(({ server }) => server.close()));
    sessions.clear();
  }

  return {
    handle,
    close,
    get sessionCount() {
      return sessions.size;
    },
  };
}

function isInitialize(json: unknown): boolean {
  const messages = Array.isArray(json) ? json : [json];
  return messages.some((message) =>
    typeof message === "object" && message !== null && "method" in message &&
    message.method === "initialize"
  );
}

function acceptsEvents(request: Request): boolean {
  return /text\/event-stream|\*\/\*/.test(request.headers.get("accept") ?? "");
}

/** The SDK wants both types named; a client that takes only JSON was given a session of JSON. */
function withAccept(request: Request): Request {
  const accept = request.headers.get("accept") ?? "";
  const isComplete = accept.includes("application/json") && accept.includes("text/event-stream");
  if (request.method !== "POST" || isComplete || !/application\/json|\*\/\*/.test(accept)) {
    return request;
  }
  const headers = new Headers(request.headers);
  headers.set("accept", "application/json, text/event-stream");
  return new Request(request.url, { method: request.method, headers });
}

/** The body within its limit. The server holds a body to the length that its head gives. */
async function bodyOf(request: Request, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const length = Number(request.headers.get("content-length") ?? Infinity);
  return length <= maxBytes
    ? await request.bytes()
    : await boundedResponse(new Response(request.body)).bytes({ maxBytes });
}

/** An answer that is given before the request's body was read. */
async function dropped(request: Request, response: Response): Promise<Response> {
  await request.body?.cancel().catch(() => {});
  return response;
}

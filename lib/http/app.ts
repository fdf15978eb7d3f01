/**
 * MCP over HTTP: routes, sessions, and their end. Needs no permission: requests are passed in, a
 * test may call it without a socket.
 *
 * @module
 */

import type { Clock, Log } from "../core/host.ts";
import { OVER } from "../core/deadline.ts";
import { toAppError } from "../core/errors.ts";
import type { CallListener } from "../mcp/mod.ts";
import { JSONRPCMessageSchema, type Server } from "../mcp/protocol.ts";
import { Access, type AccessOptions } from "./access.ts";
import { EventBudget, MemoryEventStore } from "./event_store.ts";
import { acceptsEvents, dropped, isInitialize, readJson, withAccept } from "./exchange.ts";
import { Guard, type GuardOptions, preflight, refusal } from "./guard.ts";
import { ANONYMOUS, type Principal } from "./principal.ts";
import { callerOfAddress, RateLimit } from "./rate_limit.ts";
import { calledTools, type OwnOffer, ScopeRule } from "./scope.ts";
import { type Session, Sessions } from "./sessions.ts";
import { SseTransport } from "./sse.ts";
import { HttpTransport } from "./transport.ts";

/** What {@linkcode createHttpApp} takes. */
export interface HttpAppOptions extends GuardOptions, AccessOptions {
  /** Makes the MCP server of a new session of a caller's. */
  readonly connect: (caller: { readonly user: string }) => Server | Promise<Server>;
  /** What Wharf itself offers: the scope `read` reaches no further. @default nothing */
  readonly own?: OwnOffer;
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
  /** Requests of one caller in a minute; 0 for any number. @default {0} */
  readonly ratePerMinute?: number;
  /** Is told of calls of tools that are refused before a session sees them. */
  readonly onCall?: CallListener;
  /** Is told of each request that was answered. */
  readonly onExchange?: (exchange: HttpExchange) => void;
  /** Gives `/metrics`, as Prometheus reads it. @default there is none */
  readonly metrics?: () => string;
  /** Whether `/metrics` is for everyone; else for whoever may look. @default {false} */
  readonly publicMetrics?: boolean;
}

/** A request that was answered. */
export interface HttpExchange {
  /** The path, where it is one of Wharf's; else `other`. */
  readonly route: string;
  /** The method, where Wharf knows it; else `other`. */
  readonly method: string;
  /** The status of the answer. */
  readonly status: number;
  /** Time until the head of the answer, in milliseconds. */
  readonly tookMs: number;
}

/** MCP over HTTP. */
export interface HttpApp {
  /**
   * Answers a request.
   *
   * @param request Any request.
   * @param info The address that it came from. @default one that is not known
   * @returns The answer; never a rejection.
   */
  handle(request: Request, info?: { readonly remote: string }): Promise<Response>;
  /**
   * Ends: no new sessions, the calls in hand finish, then every session is closed.
   *
   * @param options Time for the calls in hand, in milliseconds.
   */
  close(options: { readonly graceMs: number }): Promise<void>;
  /** How many sessions are open. */
  readonly sessionCount: number;
}

const ROUTES = [
  "/",
  "/healthz",
  "/mcp",
  "/messages",
  "/metrics",
  "/readyz",
  "/sse",
  "/.well-known/oauth-protected-resource",
  "/.well-known/oauth-protected-resource/mcp",
];

const METHODS = ["DELETE", "GET", "HEAD", "OPTIONS", "POST"];

const SESSION_HEADER = "mcp-session-id";
/** What the sessions may keep together for clients that come back to a stream. */
const MAX_EVENT_BYTES = 32 * 1024 * 1024;

/** The longest time that a timer takes: 2^31 - 1 ms. */
const MAX_TIMER_MS = 2_147_483_647;

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
  const guard = new Guard(options);
  const access = new Access(options, { clock, log });
  const rule = new ScopeRule(options.own ?? { listTools: () => [], prompts: [], templates: [] });
  const rate = new RateLimit(clock, { perMinute: options.ratePerMinute ?? 0 });
  const budget = new EventBudget(MAX_EVENT_BYTES);
  const sessions = new Sessions({
    connect: options.connect,
    clock,
    maxSessions,
    idleMs: options.sessionIdleMs ?? 30 * 60_000,
  });
  let isDraining = false;

  async function handle(
    request: Request,
    { remote }: { readonly remote: string } = { remote: "unknown" },
  ): Promise<Response> {
    const startedMs = clock.now();
    const response = await answered(request, remote);
    options.onExchange?.({
      route: known(ROUTES, new URL(request.url).pathname),
      method: known(METHODS, request.method),
      status: response.status,
      tookMs: Math.max(0, clock.now() - startedMs),
    });
    return response;
  }

  async function answered(request: Request, remote: string): Promise<Response> {
    try {
      const cors = guard.checkOrigin(request);
      if (cors instanceof Response) return await dropped(request, cors);
      const response = await route(request, { cors, remote });
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
    { cors, remote }: {
      readonly cors: Readonly<Record<string, string>>;
      readonly remote: string;
    },
  ): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (request.method === "OPTIONS") return preflight(cors);
    const isRead = request.method === "GET" || request.method === "HEAD";
    if (pathname === "/healthz" && isRead) return new Response("OK\n");
    if (pathname === "/readyz" && isRead) return readiness();
    if (pathname === "/" && isRead) {
      return new Response("Wharf serves MCP at /mcp (Streamable HTTP) and /sse (older clients)\n");
    }
    const description = access.describe(request);
    if (description !== undefined) return description;
    const isMetrics = pathname === "/metrics" && isRead && options.metrics !== undefined;
    if (isMetrics && options.publicMetrics === true) return metricsText();
    if (!isMetrics && !["/mcp", "/sse", "/messages"].includes(pathname)) {
      return await dropped(request, new Response("Not found; MCP is at /mcp\n", { status: 404 }));
    }
    const principal = await admitted(request, remote);
    if (principal instanceof Response) return await dropped(request, principal);
    if (isMetrics) return metricsText();
    if (pathname === "/mcp") return await streamable(request, principal);
    return pathname === "/sse"
      ? await openSse(request, principal)
      : await postMessage(request, principal);
  }

  /** Who calls, where they may and do not call too often. */
  async function admitted(request: Request, remote: string): Promise<Principal | Response> {
    const principal = await access.identify(request);
    // Whoever has no credential of their own counts by their address, wrong credentials too.
    const caller = principal instanceof Response || principal === ANONYMOUS
      ? callerOfAddress(remote)
      : principal.id;
    const waitMs = rate.take(caller);
    if (waitMs > 0) {
      return refusal(429, "Too many requests", { "retry-after": `${Math.ceil(waitMs / 1000)}` });
    }
    if (principal instanceof Response) return principal;
    return access.checkScope(principal, "read", { request }) ?? principal;
  }

  function metricsText(): Response {
    return new Response(options.metrics?.(), {
      headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" },
    });
  }

  function readiness(): Response {
    const status = isDraining ? "draining" : sessions.isFull ? "full" : "ready";
    return Response.json({ status, sessions: sessions.size, max_sessions: maxSessions }, {
      status: status === "ready" ? 200 : 503,
    });
  }

  /** Streamable HTTP: the SDK speaks it, sessions are found here. */
  async function streamable(request: Request, principal: Principal): Promise<Response> {
    if (!["GET", "POST", "DELETE"].includes(request.method)) {
      return await dropped(
        request,
        refusal(405, "Method not allowed", { allow: "GET, POST, DELETE" }),
      );
    }
    const id = request.headers.get(SESSION_HEADER);
    const body = request.method === "POST" ? await readBody(request, principal) : undefined;
    if (body instanceof Response) return body;
    if (id === null) {
      if (!isInitialize(body?.json)) {
        return refusal(400, "Bad request: Mcp-Session-Id is missing; begin with initialize");
      }
      return await openStreamable(request, principal, body?.json);
    }
    const session = sessions.find(id, principal);
    if (!(session?.transport instanceof HttpTransport)) {
      return refusal(404, "Session not found; begin a new one with initialize");
    }
    return await answer(session, request, { principal, json: body?.json });
  }

  async function openStreamable(
    request: Request,
    principal: Principal,
    json: unknown,
  ): Promise<Response> {
    const full = noRoom();
    if (full !== undefined) return full;
    const events = new MemoryEventStore({ budget });
    const transport = new HttpTransport({
      sessionIdGenerator: () => crypto.randomUUID(),
      eventStore: events,
      retryInterval: RETRY_MS,
      enableJsonResponse: !acceptsEvents(request),
      onsessioninitialized: (id) => sessions.add(id, session),
    }, clock);
    const session = await sessions.begin(transport, principal, events);
    try {
      return await answer(session, request, { principal, json });
    } finally {
      // A refused initialize leaves no session behind.
      if (transport.sessionId === undefined) await session.server.close();
    }
  }

  async function answer(
    session: Session,
    request: Request,
    { principal, json }: { readonly principal: Principal; readonly json: unknown },
  ): Promise<Response> {
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
    const stream = request.method === "GET" ? new AbortController() : undefined;
    const onEnd = () => {
      session.open--;
      if (isCall) session.calls--;
      session.lastSeenMs = clock.now();
      stream?.abort(OVER);
    };
    if (stream !== undefined) {
      void atEndOf(principal, stream.signal, () => transport.closeStandaloneSSEStream());
    }
    return await transport.handleRequest(
      withAccept(request),
      json === undefined ? { onEnd } : { onEnd, parsedBody: json },
    );
  }

  /** A stream does not outlive the token that opened it; its client comes back with a new one. */
  async function atEndOf(
    { expiresAtMs }: Principal,
    signal: AbortSignal,
    end: () => void,
  ): Promise<void> {
    if (expiresAtMs === undefined) return;
    try {
      const leftMs = Math.max(0, expiresAtMs - clock.now());
      await clock.sleep(Math.min(leftMs, MAX_TIMER_MS), signal);
      end();
    } catch {
      // The stream has ended before.
    }
  }

  async function openSse(request: Request, principal: Principal): Promise<Response> {
    if (request.method !== "GET") {
      return await dropped(request, refusal(405, "Method not allowed", { allow: "GET" }));
    }
    const full = noRoom();
    if (full !== undefined) return full;
    const transport = new SseTransport("/messages", clock);
    const session = await sessions.begin(transport, principal);
    sessions.add(transport.sessionId, session);
    // The stream is the session: it ends with it.
    session.open = 1;
    void atEndOf(principal, transport.ended, () => void transport.close());
    return transport.open();
  }

  async function postMessage(request: Request, principal: Principal): Promise<Response> {
    if (request.method !== "POST") {
      return await dropped(request, refusal(405, "Method not allowed", { allow: "POST" }));
    }
    const id = new URL(request.url).searchParams.get("sessionId");
    if (id === null) {
      return await dropped(request, refusal(400, "Bad request: sessionId is missing"));
    }
    const session = sessions.find(id, principal);
    if (!(session?.transport instanceof SseTransport)) {
      return await dropped(request, refusal(404, "Session not found; open a new one at /sse"));
    }
    const body = await readBody(request, principal);
    if (body instanceof Response) return body;
    const message = JSONRPCMessageSchema.safeParse(body.json);
    if (!message.success) return refusal(400, "Bad request: not a JSON-RPC 2.0 message");
    session.lastSeenMs = clock.now();
    session.transport.receive(message.data);
    return new Response("Accepted\n", { status: 202 });
  }

  function noRoom(): Response | undefined {
    if (isDraining) return refusal(503, "Wharf is stopping", { "retry-after": "5" });
    if (!sessions.isFull) return undefined;
    return refusal(503, `Too many sessions: ${maxSessions} are open`, { "retry-after": "30" });
  }

  /** The body, where the caller may ask for what it says; no session sees another one. */
  async function readBody(
    request: Request,
    principal: Principal,
  ): Promise<{ readonly json: unknown } | Response> {
    const json = await readJson(request, { clock, maxBytes: maxBodyBytes });
    if (json instanceof Response) return json;
    const refused = access.checkScope(principal, rule.neededFor(json), { request });
    if (refused === undefined) return { json };
    tellRefused(request, principal, json);
    return refused;
  }

  /** Calls that no session sees are told of here. */
  function tellRefused(request: Request, { name: user }: Principal, json: unknown): void {
    const session = request.headers.get(SESSION_HEADER);
    for (const { tool, arguments: given } of calledTools(json)) {
      options.onCall?.({
        tool,
        isKnown: false,
        outcome: "refused",
        code: "FORBIDDEN",
        tookMs: 0,
        caller: {
          client: "unknown",
          transport: "http",
          user,
          ...(session === null ? {} : { session }),
        },
        arguments: given,
      });
    }
  }

  async function close({ graceMs }: { readonly graceMs: number }): Promise<void> {
    isDraining = true;
    await sessions.close(graceMs);
  }

  void access.prepare();
  return {
    handle,
    close,
    get sessionCount() {
      return sessions.size;
    },
  };
}

/** The word, if it is one of them. */
function known(words: readonly string[], word: string): string {
  return words.includes(word) ? word : "other";
}

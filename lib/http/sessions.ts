/**
 * The sessions over HTTP: each belongs to one caller, ends when nobody uses it, and with the app.
 * Needs no permission.
 *
 * @module
 */

import type { Clock } from "../core/host.ts";
import type { Server, Transport } from "../mcp/protocol.ts";
import type { MemoryEventStore } from "./event_store.ts";
import type { Principal } from "./principal.ts";
import { SseTransport } from "./sse.ts";

/** One session. */
export interface Session {
  /** Speaks the protocol. */
  readonly server: Server;
  /** Carries it. */
  readonly transport: Transport;
  /** Whose session it is; others are told that there is none. */
  readonly owner: string;
  /** What holds its place until it is added. */
  readonly place: symbol;
  /** What its streams have brought; absent for the older transport, which resumes none. */
  readonly events?: MemoryEventStore;
  /** Whether several requests came in one body: their answers share a stream. */
  hasBatches: boolean;
  /** Answers under way, streams included. */
  open: number;
  /** Calls under way. */
  calls: number;
  /** When it was used last, in milliseconds since the Unix epoch. */
  lastSeenMs: number;
}

/** What {@linkcode Sessions} takes. */
export interface SessionsOptions {
  /** Makes the MCP server of a new session of a caller's. */
  readonly connect: (caller: { readonly user: string }) => Server | Promise<Server>;
  /** Measures idle time. */
  readonly clock: Clock;
  /** Most sessions at once. */
  readonly maxSessions: number;
  /** Time after which a session without a call or stream ends, in milliseconds. */
  readonly idleMs: number;
}

const SWEEP_MS = 60_000;

/** The sessions that are open. */
export class Sessions {
  readonly #options: SessionsOptions;
  readonly #sessions = new Map<string, Session>();
  /** Places of sessions that have begun and are not added yet. */
  readonly #beginning = new Set<symbol>();
  readonly #ended = new AbortController();
  #isSweeping = false;

  /** @param options Servers, clock and limits. */
  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  /** How many are open. */
  get size(): number {
    return this.#sessions.size;
  }

  /** Whether no other may begin. */
  get isFull(): boolean {
    return this.#sessions.size + this.#beginning.size >= this.#options.maxSessions;
  }

  /**
   * Begins a session; it counts when it is added.
   *
   * @param transport Carries it.
   * @param principal Whose it is.
   * @param events What its streams bring. @default nothing is kept
   */
  async begin(
    transport: Transport,
    principal: Principal,
    events?: MemoryEventStore,
  ): Promise<Session> {
    const place = Symbol();
    this.#beginning.add(place);
    const server = await this.#connect(principal, place);
    const cleanUp = server.onclose;
    server.onclose = () => {
      cleanUp?.();
      this.#beginning.delete(place);
      events?.clear();
      if (transport.sessionId !== undefined) this.#sessions.delete(transport.sessionId);
    };
    await server.connect(transport, { answersCancelled: !(transport instanceof SseTransport) });
    void this.#sweep();
    return {
      server,
      transport,
      owner: principal.id,
      place,
      ...(events === undefined ? {} : { events }),
      hasBatches: false,
      open: 0,
      calls: 0,
      lastSeenMs: this.#options.clock.now(),
    };
  }

  /**
   * Adds a session.
   *
   * @param id What the client calls it by.
   * @param session The session.
   */
  add(id: string, session: Session): void {
    this.#beginning.delete(session.place);
    this.#sessions.set(id, session);
    // It began while the app was closed.
    if (this.#ended.signal.aborted) void session.server.close();
  }

  /**
   * Finds a session.
   *
   * @param id What the client calls it by.
   * @param principal Who asks for it.
   * @returns The session, or `undefined` where there is none of this caller.
   */
  find(id: string, principal: Principal): Session | undefined {
    const session = this.#sessions.get(id);
    return session?.owner === principal.id ? session : undefined;
  }

  /**
   * Lets the calls in hand finish, then ends all sessions.
   *
   * @param graceMs Time for the calls, in milliseconds.
   */
  async close(graceMs: number): Promise<void> {
    const { clock } = this.#options;
    const endsMs = clock.now() + graceMs;
    const isBusy = () => [...this.#sessions.values()].some(callsOf);
    while (clock.now() < endsMs && isBusy()) await clock.sleep(Math.min(50, graceMs));
    this.#ended.abort();
    await Promise.all([...this.#sessions.values()].map(({ server }) => server.close()));
    this.#sessions.clear();
  }

  async #connect({ name }: Principal, place: symbol): Promise<Server> {
    try {
      return await this.#options.connect({ user: name });
    } catch (thrown) {
      this.#beginning.delete(place);
      throw thrown;
    }
  }

  /** Runs while there are sessions, so that an idle app holds no timer. */
  async #sweep(): Promise<void> {
    if (this.#isSweeping) return;
    this.#isSweeping = true;
    const { clock, idleMs } = this.#options;
    try {
      do {
        await clock.sleep(Math.min(SWEEP_MS, idleMs), this.#ended.signal);
        for (const session of [...this.#sessions.values()]) {
          const isIdle = session.open === 0 && clock.now() - session.lastSeenMs >= idleMs;
          if (isIdle) await session.server.close();
        }
      } while (this.#sessions.size > 0);
    } catch {
      // The app is closed.
    } finally {
      this.#isSweeping = false;
    }
  }
}

/** Calls of a session under way; those over the older transport are answered on its stream. */
function callsOf({ transport, calls }: Session): number {
  return transport instanceof SseTransport ? transport.calls : calls;
}

/**
 * The last events of a session, so that a client whose stream broke can go on where it was (MCP
 * specification, "Resumability and Redelivery"). Needs no permission.
 *
 * @module
 */

import { largeJson } from "../core/large_json.ts";
import type { EventStore, JSONRPCMessage } from "../mcp/protocol.ts";
import { originalOf } from "./sealed.ts";

/** How much is kept. */
export interface EventStoreOptions {
  /** Most events. @default {1000} */
  readonly maxEvents?: number;
  /** Most bytes of all events together, roughly. @default {8388608} */
  readonly maxBytes?: number;
  /** What all sessions may keep together. @default no limit but their own */
  readonly budget?: EventBudget;
}

/** An event as it is kept. */
interface StoredEvent {
  readonly id: string;
  readonly streamId: string;
  /** Its text, which takes far less than what is made of it; with long strings, the event. */
  readonly content: string | JSONRPCMessage;
  readonly isAnswer: boolean;
  /** What it takes, roughly. */
  readonly bytes: number;
  /** Who has it. */
  readonly store: { drop(id: string): void };
}

/** What an event takes beside its text. */
const OVERHEAD_BYTES = 400;

/** An event without content only marks a place in its stream (SEP-1699). */
const NO_CONTENT = "{}";

/** What the events of all sessions may take together; the oldest go first, whosever they are. */
export class EventBudget {
  readonly #maxBytes: number;
  /** In the order in which they came. */
  readonly #kept = new Set<StoredEvent>();
  #bytes = 0;

  /** @param maxBytes Most bytes, roughly. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes that are kept. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Takes room.
   *
   * @param event What needs it; it stays, others go.
   */
  take(event: StoredEvent): void {
    this.#kept.add(event);
    this.#bytes += event.bytes;
    for (const oldest of this.#kept) {
      if (this.#bytes <= this.#maxBytes || oldest === event) break;
      oldest.store.drop(oldest.id);
    }
  }

  /**
   * Gives room back.
   *
   * @param event What needs it no more.
   */
  give(event: StoredEvent): void {
    if (this.#kept.delete(event)) this.#bytes -= event.bytes;
  }
}

/** How a message is kept that was not sealed, and how long its text is. */
function keptAs(
  message: JSONRPCMessage,
  length: number | undefined,
): { readonly content: string | JSONRPCMessage; readonly length: number } {
  if (length === undefined) {
    const json = largeJson(message);
    if (json.isLarge) return { content: message, length: json.length };
  }
  const content = JSON.stringify(message);
  return { content, length: content.length };
}

/** Keeps events in memory; the oldest go first. */
export class MemoryEventStore implements EventStore {
  readonly #events = new Map<string, StoredEvent>();
  readonly #maxEvents: number;
  readonly #maxBytes: number;
  readonly #budget: EventBudget | undefined;
  #bytes = 0;
  #count = 0;

  /** @param options How much is kept. */
  constructor(options: EventStoreOptions = {}) {
    this.#maxEvents = options.maxEvents ?? 1000;
    this.#maxBytes = options.maxBytes ?? 8 * 1024 * 1024;
    this.#budget = options.budget;
  }

  /**
   * Keeps an event.
   *
   * @param streamId The stream that it goes to.
   * @param sent The event.
   * @returns Its id, unique in the session.
   */
  storeEvent(streamId: string, sent: JSONRPCMessage): Promise<string> {
    this.#count++;
    const { message, length } = originalOf(sent);
    const id = `${this.#count}-${streamId}`;
    const kept = message === sent ? keptAs(message, length) : { content: message, length };
    const bytes = (kept.length ?? 0) + OVERHEAD_BYTES;
    const isAnswer = "result" in message || "error" in message;
    const event = { id, streamId, content: kept.content, isAnswer, bytes, store: this };
    this.#events.set(id, event);
    this.#bytes += bytes;
    for (const oldest of this.#events.keys()) {
      const fits = this.#events.size <= this.#maxEvents && this.#bytes <= this.#maxBytes;
      if (fits || oldest === id) break;
      this.drop(oldest);
    }
    this.#budget?.take(event);
    return Promise.resolve(id);
  }

  /** Forgets all events, since the session has ended. */
  clear(): void {
    for (const id of [...this.#events.keys()]) this.drop(id);
  }

  /**
   * Forgets an event, since others need the room.
   *
   * @param id The event's id.
   */
  drop(id: string): void {
    const event = this.#events.get(id);
    if (event === undefined) return;
    this.#events.delete(id);
    this.#bytes -= event.bytes;
    this.#budget?.give(event);
  }

  /**
   * The stream of an event.
   *
   * @param eventId The event's id.
   * @returns The stream's id, or `undefined` for an event that is not kept (any more).
   */
  getStreamIdForEventId(eventId: string): Promise<string | undefined> {
    return Promise.resolve(this.#events.get(eventId)?.streamId);
  }

  /**
   * Whether an event answers a request: where the stream was opened for that request alone, nothing
   * follows it.
   *
   * @param eventId The event's id.
   * @returns `false` also for an event that is not kept (any more).
   */
  isAnswer(eventId: string): boolean {
    return this.#events.get(eventId)?.isAnswer === true;
  }

  /**
   * Sends what followed an event on its stream.
   *
   * @param lastEventId The last event that the client has.
   * @param sink Takes the events, in order.
   * @returns The stream's id.
   */
  async replayEventsAfter(
    lastEventId: string,
    sink: { readonly send: (eventId: string, message: JSONRPCMessage) => Promise<void> },
  ): Promise<string> {
    const streamId = this.#events.get(lastEventId)?.streamId ?? "";
    let isAfter = false;
    for (const [id, event] of [...this.#events]) {
      const { content } = event;
      if (isAfter && event.streamId === streamId && content !== NO_CONTENT) {
        // It was a message when it was stored.
        const message = typeof content === "string" ? JSON.parse(content) : content;
        await sink.send(id, message);
      }
      if (id === lastEventId) isAfter = true;
    }
    return streamId;
  }
}

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
}

interface StoredEvent {
  readonly streamId: string;
  readonly message: JSONRPCMessage;
  readonly bytes: number;
}

/** Keeps events in memory; the oldest go first. */
export class MemoryEventStore implements EventStore {
  readonly #events = new Map<string, StoredEvent>();
  readonly #maxEvents: number;
  readonly #maxBytes: number;
  #bytes = 0;
  #count = 0;

  /** @param options How much is kept. */
  constructor(options: EventStoreOptions = {}) {
    this.#maxEvents = options.maxEvents ?? 1000;
    this.#maxBytes = options.maxBytes ?? 8 * 1024 * 1024;
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
    const bytes = length ?? largeJson(message).length;
    this.#events.set(id, { streamId, message, bytes });
    this.#bytes += bytes;
    for (const [oldest, event] of this.#events) {
      const fits = this.#events.size <= this.#maxEvents && this.#bytes <= this.#maxBytes;
      if (fits || oldest === id) break;
      this.#events.delete(oldest);
      this.#bytes -= event.bytes;
    }
    return Promise.resolve(id);
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
    const message = this.#events.get(eventId)?.message;
    return message !== undefined && ("result" in message || "error" in message);
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
      // A priming event has no content; it only marks a place.
      const hasContent = Object.keys(event.message).length > 0;
      if (isAfter && event.streamId === streamId && hasContent) await sink.send(id, event.message);
      if (id === lastEventId) isAfter = true;
    }
    return streamId;
  }
}

/**
 * Messages on their way into a stream of bytes, in order. What comes while the stream is busy, or in
 * the same turn, goes as one write: each one wakes the reader. Needs no permission.
 *
 * @module
 */

import { joined, lengthOf, type Parts } from "./large_json.ts";

/** What small messages are put together up to; larger parts are written as they are. */
const BATCH_BYTES = 64 * 1024;

interface Message {
  readonly parts: Parts;
  readonly bytes: number;
  readonly taken: () => void;
}

/** Writes messages. */
export class WriteQueue {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #onBroken: () => void;
  /** The messages that no write has begun for. */
  #waiting: Message[] = [];
  readonly #untaken = new Set<Message>();
  #bytes = 0;
  #writing: Promise<void> | undefined;

  /**
   * @param writer Where to; the queue alone writes.
   * @param onBroken Told when a write fails; later messages are dropped.
   */
  constructor(
    writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>,
    onBroken: () => void,
  ) {
    this.#writer = writer;
    this.#onBroken = onBroken;
  }

  /** Bytes that the stream has not taken yet. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Settles when all that was pushed so far is taken or dropped. */
  get written(): Promise<void> {
    return this.#writing ?? Promise.resolve();
  }

  /**
   * Adds a message.
   *
   * @param parts Its bytes.
   * @returns Settles when the stream has taken it, when a write fails, or by {@linkcode free}.
   */
  push(parts: Parts): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const message = { parts, bytes: lengthOf(parts), taken: resolve };
    this.#bytes += message.bytes;
    this.#waiting.push(message);
    this.#untaken.add(message);
    this.#writing ??= this.#write();
    return promise;
  }

  /** Frees those who wait, though the stream takes nothing. */
  free(): void {
    for (const { taken } of this.#untaken) taken();
    this.#untaken.clear();
  }

  async #write(): Promise<void> {
    // What is pushed in the same turn goes with it.
    await Promise.resolve();
    let isBroken = false;
    while (this.#waiting.length > 0) {
      const messages = this.#waiting;
      this.#waiting = [];
      try {
        for (const batch of isBroken ? [] : batchesOf(messages)) {
          for (const part of batch.parts) await this.#writer.write(part);
          this.#take(batch.messages);
        }
      } catch {
        isBroken = true;
        this.#onBroken();
      }
      this.#take(messages);
    }
    this.#writing = undefined;
  }

  #take(messages: readonly Message[]): void {
    for (const message of messages) {
      if (!this.#untaken.delete(message)) continue;
      this.#bytes -= message.bytes;
      message.taken();
    }
  }
}

interface Batch {
  readonly messages: readonly Message[];
  readonly parts: Parts;
}

/** Small messages together, large ones alone. */
function* batchesOf(messages: readonly Message[]): Generator<Batch> {
  let small: Message[] = [];
  let bytes = 0;
  for (const message of messages) {
    if (small.length > 0 && bytes + message.bytes > BATCH_BYTES) {
      yield { messages: small, parts: [joined(small.flatMap(({ parts }) => parts))] };
      small = [];
      bytes = 0;
    }
    if (message.bytes > BATCH_BYTES) yield { messages: [message], parts: message.parts };
    else {
      small.push(message);
      bytes += message.bytes;
    }
  }
  if (small.length === 0) return;
  yield { messages: small, parts: [joined(small.flatMap(({ parts }) => parts))] };
}

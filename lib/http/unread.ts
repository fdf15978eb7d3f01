/**
 * What was sent to clients and is not read yet: the SDK's streams take everything, and a server that
 * floods would fill the memory through a client that does not read. Needs no permission.
 *
 * @module
 */

/** Most bytes of a stream that wait for the client, before notifications are dropped. */
const MAX_STREAM_BYTES = 16 * 1024 * 1024;

/** The same in messages. */
const MAX_STREAM_MESSAGES = 1_000;

/** Most bytes of all streams of a session; then its client is given up. */
const MAX_SESSION_BYTES = 256 * 1024 * 1024;

/** All streams of one session. */
export class UnreadSession {
  #bytes = 0;

  /** Whether so much waits that the client is not worth waiting for. */
  get isHopeless(): boolean {
    return this.#bytes > MAX_SESSION_BYTES;
  }

  /** Begins a stream. */
  stream(): UnreadStream {
    return new UnreadStream((bytes) => this.#bytes += bytes);
  }
}

/** One stream. */
export class UnreadStream {
  readonly #count: (bytes: number) => void;
  #bytes = 0;
  #messages = 0;
  /** Messages that were dropped. */
  dropped = 0;

  /** @param count Told by how many bytes more or less wait. */
  constructor(count: (bytes: number) => void) {
    this.#count = count;
  }

  /** Whether there is room for what may be dropped. */
  get hasRoom(): boolean {
    return this.#bytes < MAX_STREAM_BYTES && this.#messages < MAX_STREAM_MESSAGES;
  }

  /** A message waits. */
  add(bytes: number): void {
    this.#messages++;
    this.#change(bytes);
  }

  /** The client has taken a chunk. */
  take(bytes: number): void {
    this.#messages = Math.max(0, this.#messages - 1);
    this.#change(-Math.min(bytes, this.#bytes));
  }

  /** Nothing of it waits any more. */
  end(): void {
    this.#messages = 0;
    this.#change(-this.#bytes);
  }

  #change(bytes: number): void {
    this.#bytes += bytes;
    this.#count(bytes);
  }
}

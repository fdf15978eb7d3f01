/**
 * Bounds on a stream of server-sent events as its bytes pass: the size of one event, and how fast
 * events may come in the long run. Needs no permission.
 *
 * @example
 * ```ts
 * import { SseLimit } from "./sse_limit.ts";
 *
 * const limit = new SseLimit({ maxEventBytes: 1024 });
 * limit.take(new TextEncoder().encode("id: 7\ndata: {}\n\n"));
 * limit.hasId; // true
 * ```
 *
 * @module
 */

import { AppError } from "../core/errors.ts";

/** The bounds of a {@linkcode SseLimit}. */
export interface SseLimitOptions {
  /** Most bytes of one event, comments before it included. */
  readonly maxEventBytes: number;
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** `id`, which begins the field that makes a stream resumable. */
const FIELD = [0x69, 0x64];
const COLON = 0x3a;

/** Reads a stream of events just far enough to tell where each one ends (HTML, 9.2.5). */
export class SseLimit {
  readonly #maxEventBytes: number;
  #eventBytes = 0;
  /** Bytes of the current line. */
  #lineBytes = 0;
  /** Whether the line so far is the beginning of `id:`. */
  #mayBeId = true;
  #afterReturn = false;
  #hasId = false;

  /** @param options The bounds. */
  constructor(options: SseLimitOptions) {
    this.#maxEventBytes = options.maxEventBytes;
  }

  /** Whether an event with an id has come, so that the stream can be resumed after it. */
  get hasId(): boolean {
    return this.#hasId;
  }

  /**
   * Takes the next bytes.
   *
   * @param chunk As it came.
   * @throws {AppError} `TOO_LARGE` when an event has more bytes than may be.
   */
  take(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at];
      if (byte === LINE_FEED && this.#afterReturn) {
        // The second half of one line end.
        this.#afterReturn = false;
        continue;
      }
      this.#afterReturn = byte === CARRIAGE_RETURN;
      if (byte === LINE_FEED || byte === CARRIAGE_RETURN) {
        this.#check();
        if (this.#lineBytes === 0) this.#eventBytes = 0;
        this.#lineBytes = 0;
        this.#mayBeId = true;
        continue;
      }
      if (this.#mayBeId) this.#readId(byte);
      this.#lineBytes++;
      this.#eventBytes++;
      if (this.#lineBytes <= FIELD.length) continue;
      // Inside of a line nothing matters until its end, which is found faster by the engine.
      const rest = endOfLine(chunk, at + 1) - (at + 1);
      this.#lineBytes += rest;
      this.#eventBytes += rest;
      at += rest;
    }
    this.#check();
  }

  #readId(byte: number | undefined): void {
    if (this.#lineBytes === FIELD.length) {
      this.#hasId ||= byte === COLON;
      this.#mayBeId = false;
    } else {
      this.#mayBeId = byte === FIELD[this.#lineBytes];
    }
  }

  #check(): void {
    if (this.#eventBytes <= this.#maxEventBytes) return;
    const reason = `it sent a message of more than ${this.#maxEventBytes} bytes`;
    throw new AppError("TOO_LARGE", `Cannot read an event: ${reason}`, {
      details: { reason },
      hint: "Ask it for less, such as a page or a part",
    });
  }
}

function endOfLine(chunk: Uint8Array, from: number): number {
  const feed = chunk.indexOf(LINE_FEED, from);
  const end = feed === -1 ? chunk.length : feed;
  const carriage = chunk.subarray(from, end).indexOf(CARRIAGE_RETURN);
  return carriage === -1 ? end : from + carriage;
}

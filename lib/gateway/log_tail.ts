/**
 * The last lines of what a server writes for people. Takes any flood: it is read for ever, into a
 * ring of a fixed size, and decoded only when somebody asks. Needs no permission.
 *
 * @example
 * ```ts
 * import { LogTail } from "./log_tail.ts";
 *
 * const tail = new LogTail();
 * await tail.feed(ReadableStream.from([new TextEncoder().encode("one\ntwo\n")]));
 * tail.lines(1); // ["two"]
 * ```
 *
 * @module
 */

import { cleanText } from "../core/text.ts";

/** How much a {@linkcode LogTail} keeps. */
export interface LogTailOptions {
  /** Most bytes that are kept. @default {204800} */
  readonly maxBytes?: number;
  /** Most characters of a line that is shown; a cut is marked with `…`. @default {2000} */
  readonly maxLineChars?: number;
}

const LINE_FEED = 0x0a;

/** Room at the beginning: most servers write little. */
const FIRST_BYTES = 4096;

/** Colours and cursor movements (ECMA-48, CSI and OSC sequences). */
const TERMINAL_SEQUENCES =
  // deno-lint-ignore no-control-regex -- finding control sequences is the purpose
  /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]{0,500}(?:\u0007|\u001b\\)?)/g;

/** A ring of bytes that gives lines. */
export class LogTail {
  readonly #maxBytes: number;
  readonly #maxLineChars: number;
  #ring = new Uint8Array(0);
  /** Where the next byte goes. */
  #end = 0;
  /** Bytes that came in all. */
  #total = 0;

  /** @param options Limits. */
  constructor(options: LogTailOptions = {}) {
    this.#maxBytes = options.maxBytes ?? 200 * 1024;
    this.#maxLineChars = options.maxLineChars ?? 2_000;
  }

  /**
   * Reads a stream to its end. Never rejects: a stream that fails has ended.
   *
   * @param stream Such as a child's standard error.
   * @param signal Stops reading, where a grandchild holds the pipe open.
   */
  async feed(stream: ReadableStream<Uint8Array>, signal?: AbortSignal): Promise<void> {
    const reader = stream.getReader();
    const leave = (): void => {
      reader.cancel().catch(() => {
        // It has failed; there is nothing more to read either way.
      });
    };
    signal?.addEventListener("abort", leave, { once: true });
    if (signal?.aborted === true) leave();
    try {
      while (true) {
        const { done, value } = await reader.read();
        if (done) return;
        this.#append(value);
      }
    } catch {
      // What came before is what there is to show.
    } finally {
      signal?.removeEventListener("abort", leave);
      reader.releaseLock();
    }
  }

  /**
   * Adds one line.
   *
   * @param text What Wharf itself has to say, or what came another way; one line.
   */
  push(text: string): void {
    const bytes = new TextEncoder().encode(`${text.replaceAll("\n", " ")}\n`);
    if (this.#total > 0 && this.#last() !== LINE_FEED) this.#append(new Uint8Array([LINE_FEED]));
    this.#append(bytes);
  }

  /**
   * The last lines, oldest first, cleaned: no control characters, no colours, no empty lines.
   *
   * @param count Most lines.
   */
  lines(count: number): readonly string[] {
    if (count <= 0) return [];
    const lines = this.#text().split(/[\r\n]+/)
      .map((line) =>
        cleanText(line.replace(TERMINAL_SEQUENCES, ""), { maxChars: this.#maxLineChars })
      )
      .filter((line) => line !== "");
    return lines.slice(-count);
  }

  #last(): number | undefined {
    return this.#ring[(this.#end === 0 ? this.#ring.length : this.#end) - 1];
  }

  #text(): string {
    const hasLost = this.#total > this.#ring.length;
    const length = hasLost ? this.#ring.length : this.#total;
    const bytes = new Uint8Array(length);
    const old = hasLost ? this.#ring.subarray(this.#end) : new Uint8Array(0);
    bytes.set(old);
    bytes.set(this.#ring.subarray(0, length - old.length), old.length);
    const text = new TextDecoder().decode(bytes);
    if (!hasLost) return text;
    // The first line has lost its beginning, or is the beginning of a single endless one.
    const first = text.indexOf("\n");
    return first === -1 || first === text.length - 1 ? text : text.slice(first + 1);
  }

  #append(chunk: Uint8Array): void {
    const kept = chunk.length > this.#maxBytes ? chunk.subarray(-this.#maxBytes) : chunk;
    this.#makeRoom(kept.length);
    const first = Math.min(kept.length, this.#ring.length - this.#end);
    this.#ring.set(kept.subarray(0, first), this.#end);
    this.#ring.set(kept.subarray(first), 0);
    this.#end = this.#ring.length === 0 ? 0 : (this.#end + kept.length) % this.#ring.length;
    this.#total += chunk.length;
  }

  /** Doubles the ring until it has its full size; before that it has never wrapped. */
  #makeRoom(bytes: number): void {
    const size = this.#ring.length;
    if (size === this.#maxBytes || this.#total + bytes < size) return;
    const larger = new Uint8Array(
      Math.min(this.#maxBytes, Math.max(FIRST_BYTES, (this.#total + bytes) * 2)),
    );
    larger.set(this.#ring.subarray(0, this.#total));
    this.#ring = larger;
    this.#end = this.#total;
  }
}

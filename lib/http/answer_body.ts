/**
 * The body of an answer: whole where it is soon there and short, a stream otherwise. Needs no
 * permission.
 *
 * A stream costs the runtime an operation that waits until the client has all of it, and where many
 * clients call at once these pile up faster than they end: a busy server's memory would grow with
 * every call. Most calls are answered at once, and their answers need no stream.
 *
 * @module
 */

import { joined, lengthOf, type Parts } from "../core/large_json.ts";
import type { SealedResults } from "./sealed.ts";
import type { UnreadStream } from "./unread.ts";

/** What an {@linkcode AnswerBody} does with what the SDK has written. */
export interface AnswerBodyOptions {
  /** Puts the results in. */
  readonly results: SealedResults;
  /** Is told of what was taken. */
  readonly unread: UnreadStream;
  /** Told once when the last byte was taken, or when nobody wants it any more. */
  readonly end: () => void;
}

type Bytes = Uint8Array<ArrayBuffer>;

/** What is kept until it is whole; larger bodies are streams. */
const MAX_WHOLE_BYTES = 64 * 1024;

/** Reads the body that the SDK writes. */
export class AnswerBody {
  readonly #reader: ReadableStreamDefaultReader<Bytes>;
  readonly #options: AnswerBodyOptions;
  /** What was read, and belongs before what comes next. */
  #read: Bytes[] = [];
  /** What is being read. */
  #next: Promise<Parts | undefined> | undefined;

  /**
   * @param body What the SDK writes; nobody else reads it.
   * @param options What is done with it.
   */
  constructor(body: ReadableStream<Bytes>, options: AnswerBodyOptions) {
    this.#reader = body.getReader();
    this.#options = options;
  }

  /**
   * The whole body, or a stream that begins with what was read of it meanwhile.
   *
   * @param over Settles when it is not waited for any longer; never rejects.
   */
  async wholeUnless(over: Promise<unknown>): Promise<Bytes | ReadableStream<Bytes>> {
    const late = over.then(() => "late" as const);
    for (let bytes = 0; bytes <= MAX_WHOLE_BYTES;) {
      this.#next ??= this.#take();
      const parts = await Promise.race([this.#next, late]);
      if (parts === "late") break;
      this.#next = undefined;
      if (parts === undefined) return joined(this.#read);
      this.#read.push(...parts);
      bytes += lengthOf(parts);
    }
    return this.stream();
  }

  /** The body as a stream. Cheaper than a `TransformStream`, which is two streams. */
  stream(): ReadableStream<Bytes> {
    return new ReadableStream<Bytes>({
      pull: async (controller) => {
        while (this.#read.length === 0) {
          const taken = this.#next ?? this.#take();
          this.#next = undefined;
          const parts = await taken;
          if (parts === undefined) return controller.close();
          this.#read.push(...parts);
        }
        const [first] = this.#read.splice(0, 1);
        if (first !== undefined) controller.enqueue(first);
      },
      cancel: async (reason) => {
        this.#options.end();
        await this.#reader.cancel(reason);
      },
    }, { highWaterMark: 0 });
  }

  /** What comes next; `undefined`: nothing. */
  async #take(): Promise<Parts | undefined> {
    const { results, unread, end } = this.#options;
    try {
      const { done, value } = await this.#reader.read();
      if (done) {
        end();
        return undefined;
      }
      const parts = results.open(value);
      unread.take(lengthOf(parts));
      return parts;
    } catch (thrown) {
      end();
      throw thrown;
    }
  }
}

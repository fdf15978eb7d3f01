/**
 * Lines of a stream of bytes, bounded in memory whatever is sent. Needs no permission.
 *
 * @module
 */

/** A line without its end, as the parts that it came in; a short one mostly has one part. */
export type Line = readonly Uint8Array<ArrayBuffer>[];

const LINE_FEED = 0x0a;

/** A part of this size is kept as it came; copying it would double the memory of a long line. */
const OWN_PART_BYTES = 4 * 1024;

/** Smaller parts are copied together: a list of single bytes would cost many times the limit. */
const BLOCK_BYTES = 16 * 1024;

/**
 * Cuts a stream into lines. Those that come together can be gone through in one turn of the loop.
 *
 * @param reader The stream, whose chunks are not used by anybody else; whoever cancels it ends the
 * lines.
 * @param maxBytes Most bytes of a line, its end not counted.
 * @returns For each chunk the lines that it ends, to be gone through before the next is asked for;
 * `undefined` stands for one that is too long; it comes as soon as that is known, and the line's
 * rest is dropped. A last line may lack its end.
 */
export async function* lineGroupsOf(
  reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>,
  maxBytes: number,
): AsyncGenerator<Iterable<Line | undefined>> {
  const cutter = new LineCutter(maxBytes);
  while (true) {
    const { done, value } = await reader.read();
    if (done) break;
    yield cutter.cut(value);
  }
  if (!cutter.isEmpty) yield [cutter.take()];
}

/**
 * Cuts a stream into lines, one at a time; otherwise as {@linkcode lineGroupsOf}.
 *
 * @param reader The stream.
 * @param maxBytes Most bytes of a line, its end not counted.
 */
export async function* linesOf(
  reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>,
  maxBytes: number,
): AsyncGenerator<Line | undefined> {
  for await (const lines of lineGroupsOf(reader, maxBytes)) yield* lines;
}

/** Holds the beginning of a line until its end comes. */
class LineCutter {
  readonly #maxBytes: number;
  #parts: Uint8Array<ArrayBuffer>[] = [];
  /** Bytes that came in small parts, after `#parts`. */
  #block: Uint8Array<ArrayBuffer> | undefined;
  #blockLength = 0;
  #length = 0;
  #isTooLong = false;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  *cut(chunk: Uint8Array<ArrayBuffer>): Generator<Line | undefined> {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, start)) {
      const last = chunk.subarray(start, end);
      start = end + 1;
      if (this.isEmpty && !this.#isTooLong && last.length <= this.#maxBytes) {
        yield [last];
        continue;
      }
      if (this.#append(last) === "too long") yield undefined;
      else if (!this.#isTooLong) yield this.take();
      this.#isTooLong = false;
    }
    if (this.#append(chunk.subarray(start)) === "too long") yield undefined;
  }

  /** The line so far; the next one begins. */
  take(): Line {
    this.#closeBlock();
    const parts = this.#parts;
    this.#parts = [];
    this.#length = 0;
    return parts;
  }

  /** Says when it becomes too long. */
  #append(part: Uint8Array<ArrayBuffer>): "too long" | undefined {
    if (part.length === 0 || this.#isTooLong) return;
    this.#length += part.length;
    if (this.#length > this.#maxBytes) {
      this.take();
      this.#isTooLong = true;
      return "too long";
    }
    if (part.length >= OWN_PART_BYTES) {
      this.#closeBlock();
      this.#parts.push(part);
      return;
    }
    this.#block ??= new Uint8Array(BLOCK_BYTES);
    if (this.#blockLength + part.length > BLOCK_BYTES) this.#closeBlock();
    this.#block.set(part, this.#blockLength);
    this.#blockLength += part.length;
  }

  /** The block itself goes on to be used, so that one byte in it takes no more room than that. */
  #closeBlock(): void {
    if (this.#blockLength === 0 || this.#block === undefined) return;
    this.#parts.push(this.#block.slice(0, this.#blockLength));
    this.#blockLength = 0;
  }
}

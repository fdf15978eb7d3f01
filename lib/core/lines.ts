/**
 * Lines of a stream of bytes, bounded in memory whatever is sent. Needs no permission.
 *
 * @module
 */

const LINE_FEED = 0x0a;
const EMPTY = new Uint8Array(0);

/** What is kept of a large buffer's room for the next line. */
const KEPT_ROOM = 64 * 1024;

/**
 * Cuts a stream into lines.
 *
 * @param reader The stream; whoever cancels it ends the lines.
 * @param maxBytes Most bytes of a line, its end not counted.
 * @returns Lines without their end, each valid until the next is asked for; `undefined` stands for
 * one that is too long; it comes as soon as that is known, and the line's rest is dropped. A last
 * line may lack its end.
 */
export async function* linesOf(
  reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>,
  maxBytes: number,
): AsyncGenerator<Uint8Array | undefined> {
  const line = new LineBuffer(maxBytes);
  while (true) {
    const { done, value } = await reader.read();
    if (done) break;
    let start = 0;
    for (let end = value.indexOf(LINE_FEED); end !== -1; end = value.indexOf(LINE_FEED, start)) {
      if (line.append(value.subarray(start, end)) === "too long") yield undefined;
      else if (!line.isTooLong) yield line.whole();
      line.clear();
      start = end + 1;
    }
    if (line.append(value.subarray(start)) === "too long") yield undefined;
  }
  if (!line.isEmpty) yield line.whole();
}

/**
 * The beginning of a line. It is copied into one buffer: a list of parts would cost many times the
 * limit when every byte comes alone.
 */
class LineBuffer {
  readonly #maxBytes: number;
  #bytes = EMPTY;
  #length = 0;
  #isTooLong = false;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  get isTooLong(): boolean {
    return this.#isTooLong;
  }

  /** Says when it becomes too long. */
  append(part: Uint8Array): "too long" | undefined {
    if (part.length === 0 || this.#isTooLong) return;
    const length = this.#length + part.length;
    if (length > this.#maxBytes) {
      this.clear();
      this.#isTooLong = true;
      return "too long";
    }
    if (length > this.#bytes.length) {
      const room = Math.min(this.#maxBytes, Math.max(length, this.#bytes.length * 2));
      const larger = new Uint8Array(room);
      larger.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = larger;
    }
    this.#bytes.set(part, this.#length);
    this.#length = length;
  }

  whole(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  clear(): void {
    if (this.#bytes.length > KEPT_ROOM) this.#bytes = EMPTY;
    this.#length = 0;
    this.#isTooLong = false;
  }
}

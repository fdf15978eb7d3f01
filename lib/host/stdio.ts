/**
 * Standard input, output and error. Needs no permission.
 *
 * @module
 */

import { joined } from "../core/large_json.ts";
import { type Line, linesOf } from "../core/lines.ts";

/** The standard streams of this process. */
export interface Stdio {
  /** Standard input. */
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** Standard output; it carries the protocol when MCP is served over it. */
  readonly writable: WritableStream<Uint8Array<ArrayBuffer>>;
  /** Writes a line to standard output. */
  out(line: string): void;
  /** Writes a line to standard error. */
  err(line: string): void;
  /**
   * Replaces the line that a terminal shows on standard error; `undefined` where it is none. The
   * cursor stays at the line's start, so that whatever else is written covers it.
   */
  readonly status: ((line: string) => void) | undefined;
  /**
   * Asks whoever types into standard input for a line; nothing else may read it meanwhile.
   *
   * @param prompt What is shown on standard error before it.
   * @param signal Gives up; what is typed later is the answer to the next question.
   * @returns The line without its end; `undefined` at the end of the input, or when given up.
   */
  question(prompt: string, signal: AbortSignal): Promise<string | undefined>;
  /** Whether a person types into standard input. */
  stdinIsTerminal(): boolean;
  /** Width of the terminal that shows standard output, or `undefined` where it is none. */
  columns(): number | undefined;
}

/** Anything narrower is a terminal that does not tell its size. */
const NARROWEST = 20;

/** A longer line is no answer. */
const MAX_LINE_BYTES = 64 * 1024;

/**
 * Opens the standard streams.
 *
 * @returns The streams; each may be used by one reader or writer.
 */
export function openStdio(): Stdio {
  const encoder = new TextEncoder();
  const lines = typedLines();
  const write = (
    stream: { writeSync(bytes: Uint8Array): number },
    [before, after] = ["", "\n"],
  ) =>
  (line: string) => {
    const bytes = encoder.encode(`${before}${line}${after}`);
    try {
      for (let sent = 0; sent < bytes.length;) sent += stream.writeSync(bytes.subarray(sent));
    } catch (thrown) {
      // `wharf tags … | head` closes the pipe: the reader has what it wanted.
      if (!(thrown instanceof Deno.errors.BrokenPipe)) throw thrown;
    }
  };
  return {
    get readable() {
      return Deno.stdin.readable;
    },
    get writable() {
      return Deno.stdout.writable;
    },
    out: write(Deno.stdout),
    err: write(Deno.stderr),
    status: Deno.stderr.isTerminal() ? write(Deno.stderr, ["\x1b[K", "\r"]) : undefined,
    async question(prompt, signal) {
      write(Deno.stderr, ["", ""])(prompt);
      const line = await lines.next(signal);
      // The cursor stands behind the prompt still.
      if (line === undefined) write(Deno.stderr)("");
      return line;
    },
    stdinIsTerminal: () => Deno.stdin.isTerminal(),
    columns() {
      if (!Deno.stdout.isTerminal()) return undefined;
      try {
        const { columns } = Deno.consoleSize();
        return columns < NARROWEST ? 80 : columns;
      } catch {
        return 80;
      }
    },
  };
}

/** Lines of standard input, which is opened with the first. */
function typedLines(): { next(signal: AbortSignal): Promise<string | undefined> } {
  let lines: AsyncGenerator<Line | undefined> | undefined;
  let pending: Promise<string | undefined> | undefined;
  async function read(): Promise<string | undefined> {
    lines ??= linesOf(Deno.stdin.readable.getReader(), MAX_LINE_BYTES);
    const { done, value } = await lines.next();
    if (done === true) return undefined;
    return new TextDecoder().decode(joined(value ?? [])).replace(/\r$/, "");
  }
  return {
    async next(signal) {
      const given = Promise.withResolvers<undefined>();
      const giveUp = () => given.resolve(undefined);
      if (signal.aborted) return undefined;
      signal.addEventListener("abort", giveUp, { once: true });
      try {
        pending ??= read();
        const line = await Promise.race([pending, given.promise]);
        if (!signal.aborted) pending = undefined;
        return line;
      } finally {
        signal.removeEventListener("abort", giveUp);
      }
    },
  };
}

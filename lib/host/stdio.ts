/**
 * Standard input, output and error. Needs no permission.
 *
 * @module
 */

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
  /** Whether a person types into standard input. */
  stdinIsTerminal(): boolean;
  /** Width of the terminal that shows standard output, or `undefined` where it is none. */
  columns(): number | undefined;
}

/** Anything narrower is a terminal that does not tell its size. */
const NARROWEST = 20;

/**
 * Opens the standard streams.
 *
 * @returns The streams; each may be used by one reader or writer.
 */
export function openStdio(): Stdio {
  const encoder = new TextEncoder();
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

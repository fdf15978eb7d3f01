/**
 * What a command may print to. Needs no permission; `main.ts` passes the real one.
 *
 * @module
 */

/** Where a command prints. */
export interface Terminal {
  /** Writes a line to standard output. */
  out(line: string): void;
  /** Writes a line to standard error. */
  err(line: string): void;
  /** Replaces the last line of a terminal on standard error, an empty one clears it; absent where it is none. */
  readonly status?: ((line: string) => void) | undefined;
  /**
   * Asks the person for a line; absent where nobody types. The answer comes without its end, and is
   * `undefined` when there is none any more or the signal aborts.
   */
  readonly question?:
    | ((prompt: string, signal: AbortSignal) => Promise<string | undefined>)
    | undefined;
  /** Width in columns, or `undefined` where standard output is no terminal. */
  readonly columns: number | undefined;
}

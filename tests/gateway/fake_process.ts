/**
 * A child process that a test plays: its streams, its end, and what was asked of it. Needs no
 * permission.
 *
 * @module
 */

import type { ChildProcess, ExitStatus } from "../../lib/core/host.ts";

/** A {@linkcode ChildProcess} under the test's control. */
export class FakeProcess implements ChildProcess {
  /** @inheritdoc */
  readonly pid = 4242;
  /** @inheritdoc */
  readonly stdin: WritableStream<Uint8Array<ArrayBuffer>>;
  /** @inheritdoc */
  readonly stdout: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** @inheritdoc */
  readonly stderr: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** @inheritdoc */
  readonly exited: Promise<ExitStatus>;
  /** What reached its standard input. */
  readonly input: string[] = [];
  /** The grace of each `stop`. */
  readonly stops: number[] = [];
  readonly #out: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #err: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #exit = Promise.withResolvers<ExitStatus>();

  /** @param onInputEnd Called when its input is closed; by default it goes on. */
  constructor(onInputEnd: (child: FakeProcess) => void = () => {}) {
    const decoder = new TextDecoder();
    this.stdin = new WritableStream({
      write: (chunk) => void this.input.push(decoder.decode(chunk)),
      close: () => onInputEnd(this),
    });
    const stdout = new TransformStream<Uint8Array<ArrayBuffer>>(undefined, { highWaterMark: 64 });
    const stderr = new TransformStream<Uint8Array<ArrayBuffer>>(undefined, { highWaterMark: 64 });
    this.stdout = stdout.readable;
    this.stderr = stderr.readable;
    this.#out = stdout.writable.getWriter();
    this.#err = stderr.writable.getWriter();
    this.#out.closed.catch(() => {});
    this.#err.closed.catch(() => {});
    this.exited = this.#exit.promise;
  }

  /** Writes to standard output. */
  async say(text: string): Promise<void> {
    await this.#out.write(new TextEncoder().encode(text));
  }

  /** Writes to standard error. */
  async warn(text: string): Promise<void> {
    await this.#err.write(new TextEncoder().encode(text));
  }

  /**
   * Ends.
   *
   * @param status How.
   * @param leavesPipesOpen Whether a grandchild holds them.
   */
  exit(status: ExitStatus, leavesPipesOpen = false): void {
    if (!leavesPipesOpen) {
      for (const writer of [this.#out, this.#err]) writer.close().catch(() => {});
    }
    this.#exit.resolve(status);
  }

  /** @inheritdoc */
  stop(graceMs: number): Promise<ExitStatus> {
    this.stops.push(graceMs);
    this.exit({ code: 143, signal: "SIGTERM" });
    return this.exited;
  }

  /** @inheritdoc */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop(0);
  }
}

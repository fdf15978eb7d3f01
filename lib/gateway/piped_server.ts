/**
 * A child process that speaks MCP on its pipes, as a launched server: its log is kept, its end told,
 * and nothing of it stays. Needs no permission: the child is passed in.
 *
 * @module
 */

import type { ChildProcess, Clock, ExitStatus } from "../core/host.ts";
import type { Launched, LaunchedExit, Usage } from "./launched.ts";
import { LogTail } from "./log_tail.ts";
import { PipeTransport } from "./pipe_transport.ts";

/** What differs between a process and a container. */
export interface PipedServerOptions {
  /** Measures graces. */
  readonly clock: Clock;
  /** Says how it ended. @default by code and signal */
  readonly exitOf?: (status: ExitStatus) => LaunchedExit;
  /** Measures what it takes. */
  readonly usage?: (signal?: AbortSignal) => Promise<Usage>;
  /** Removes what the end of the child leaves. */
  readonly remove?: () => Promise<void>;
}

/** Between closed input, SIGTERM and SIGKILL for a server whose owner has gone. */
const DISPOSE_GRACE_MS = 500;

/** After a server's end, for output on its way: a grandchild may hold the pipes for ever. */
const DRAIN_MS = 1_000;

/** A server on the pipes of a child. */
export class PipedServer implements Launched {
  /** Not yet started. */
  readonly transport: PipeTransport;
  /** Settles when the child has ended. */
  readonly exited: Promise<LaunchedExit>;
  /** What it takes, where that can be measured. */
  readonly usage?: (signal?: AbortSignal) => Promise<Usage>;
  readonly #child: ChildProcess;
  readonly #options: PipedServerOptions;
  readonly #tail = new LogTail();
  readonly #drained: Promise<void>;
  #stopping: Promise<void> | undefined;

  /**
   * Reads the child's log from now on.
   *
   * @param child The child.
   * @param options Clock, and what is special about it.
   */
  constructor(child: ChildProcess, options: PipedServerOptions) {
    const { clock, exitOf = exitByCode, usage } = options;
    this.#child = child;
    this.#options = options;
    if (usage !== undefined) this.usage = usage;
    this.transport = new PipeTransport(child, {
      clock,
      onGarbage: (line) => this.#tail.push(line),
    });
    const over = new AbortController();
    const fed = this.#tail.feed(child.stderr, over.signal);
    this.exited = child.exited.then(exitOf);
    this.#drained = child.exited.then(() => this.#drain(fed, over));
  }

  /** The last lines of its log. */
  logTail(lines: number): readonly string[] {
    return this.#tail.lines(lines);
  }

  /** Closed input, then SIGTERM, then SIGKILL, as MCP has it for stdio. */
  stop(graceMs: number): Promise<void> {
    return this.#stopping ??= this.#stop(graceMs);
  }

  /** Stops it soon. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop(DISPOSE_GRACE_MS);
  }

  async #stop(graceMs: number): Promise<void> {
    // A server that is well ends by this alone.
    await this.transport.close();
    await this.#child.stop(graceMs);
    await this.#options.remove?.();
    await this.#drained;
  }

  /** Frees the pipes of a child that has ended, whoever else holds them. */
  async #drain(fed: Promise<void>, over: AbortController): Promise<void> {
    const waited = new AbortController();
    const late = this.#options.clock.sleep(DRAIN_MS, waited.signal).catch(() => {});
    await Promise.race([fed, late]);
    waited.abort();
    over.abort();
    await Promise.all([fed, this.transport.close()]);
  }
}

/**
 * How a process ended.
 *
 * @param status Its code and signal.
 */
export function exitByCode({ code, signal }: ExitStatus): LaunchedExit {
  return signal === undefined
    ? { code, reason: `it ended with code ${code}` }
    : { code, signal, reason: `it was ended by ${signal}` };
}

/**
 * A server that was started or reached, whichever way: a pipe for messages and what is known of
 * its end. Needs no permission: types only.
 *
 * @module
 */

import type { Transport } from "./sdk.ts";

/** How a {@linkcode Launched} server ended. */
export interface LaunchedExit {
  /** Exit code of the process or container. */
  readonly code?: number;
  /** The signal that ended it. */
  readonly signal?: string;
  /** One clause for people, such as `it ended with code 1`. */
  readonly reason: string;
}

/** What a running server takes. */
export interface Usage {
  /** Resident memory, in bytes. */
  readonly memoryBytes?: number;
  /** Share of one core, in percent. */
  readonly cpuPercent?: number;
}

/** A server that was started or reached. Disposing it stops it. */
export interface Launched extends AsyncDisposable {
  /** Carries its messages; not yet started. */
  readonly transport: Transport;
  /** Settles when it has ended; for a remote, when the connection is closed. Never rejects. */
  readonly exited: Promise<LaunchedExit>;
  /** The last lines of what it wrote for people, cleaned. */
  logTail(lines: number): readonly string[];
  /** What it takes at this moment; absent where nothing can be measured. */
  usage?(signal?: AbortSignal): Promise<Usage>;
  /**
   * Stops it. After it nothing of it remains; safe to call twice.
   *
   * @param graceMs Time to end by itself, in milliseconds.
   */
  stop(graceMs: number): Promise<void>;
}

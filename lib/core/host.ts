/**
 * The effects that Wharf may cause, as interfaces. `lib/host` implements them,
 * one file per Deno permission; everything else receives the part it needs.
 * Needs no permission.
 *
 * @module
 */

import type { ReadOptions } from "./http.ts";

/** Time. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /**
   * Waits.
   *
   * @param ms Milliseconds to wait.
   * @param signal Rejects the wait with the signal's reason.
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** What a process has of the machine's memory. */
export interface MemoryUse {
  /** All of it that is not swapped out. */
  readonly residentBytes: number;
  /** What the program's objects take, those included that nobody holds any more. */
  readonly heapBytes: number;
}

/** Facts that go with a log message; values are shown as JSON. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** A logger: one line per call, never a secret. */
export interface Log {
  /** For whoever debugs Wharf. */
  debug(message: string, fields?: LogFields): void;
  /** For the operator: what happens. */
  info(message: string, fields?: LogFields): void;
  /** For the operator: something is not as it should be; Wharf goes on. */
  warn(message: string, fields?: LogFields): void;
  /** For the operator: something failed. */
  error(message: string, fields?: LogFields): void;
}

/** The environment variables that Wharf declares, read once at start; unset ones are absent. */
export type Env = Readonly<Record<string, string>>;

/** Reads single files that others own, such as credential files. */
export interface Files {
  /**
   * Reads a file.
   *
   * @param path Absolute path.
   * @returns The bytes, or `undefined` when there is no such file.
   * @throws {AppError} `PERMISSION_MISSING` or `TOO_LARGE`.
   */
  read(path: string, options: ReadOptions): Promise<Uint8Array<ArrayBuffer> | undefined>;
}

/** How {@linkcode ConfigFiles.replace} changes a file. */
export interface FileChange {
  /** What the file has to hold until the very moment of the change; `undefined`: nothing is there. */
  readonly expected: Uint8Array | undefined;
  /** What it holds from then on; `undefined` removes it. */
  readonly bytes: Uint8Array | undefined;
  /** Absolute path of a copy of what was there, with the same mode; written before the change. */
  readonly backup: string;
}

/** Config files that other programs own, which Wharf changes where its user asks for it. */
export interface ConfigFiles extends Files {
  /**
   * What is at a path; links are followed.
   *
   * @param path Absolute path.
   * @returns `undefined` where nothing is.
   * @throws {AppError} `PERMISSION_MISSING`.
   */
  kind(path: string): Promise<"file" | "directory" | "other" | undefined>;
  /**
   * Names in a folder; a missing folder has none.
   *
   * @param path Absolute path.
   * @throws {AppError} `PERMISSION_MISSING`.
   */
  names(path: string): Promise<readonly string[]>;
  /**
   * Changes a file whole or not at all. What a link leads to is changed, and the link stays; the
   * file's mode and owner stay too. A new file is for its owner alone.
   *
   * @param path Absolute path.
   * @param change What was read before, and what is written.
   * @returns `false` where the file holds something else than was expected: nothing was changed.
   * @throws {AppError} `PERMISSION_MISSING`, `FORBIDDEN` for a file that is read-only, `UNAVAILABLE`.
   */
  replace(path: string, change: FileChange): Promise<boolean>;
}

/** One entry of a {@linkcode Disk} folder. */
export interface DiskEntry {
  /** Name inside the folder. */
  readonly name: string;
  /** Symbolic links and other kinds are never listed. */
  readonly kind: "file" | "directory";
  /** Size in bytes; 0 for a folder. */
  readonly sizeBytes: number;
  /** Last change, in milliseconds since the Unix epoch. */
  readonly modifiedMs: number;
}

/**
 * A directory of Wharf's own. Paths are relative, with `/`; a path that would
 * leave the root is an `INVALID_ARGUMENT` error. Several processes may share it.
 */
export interface Disk {
  /** Reads a file; `undefined` when there is no such file. */
  read(path: string, options: ReadOptions): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Writes whole or not at all: temporary file, fsync, rename. Makes folders. Mode 0600. */
  write(path: string, bytes: Uint8Array): Promise<void>;
  /** Renames within the root, replacing the target. A missing source is not an error. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file or a folder with all in it; a missing one is not an error. */
  remove(path: string): Promise<void>;
  /** Lists a folder; a missing one is empty. */
  list(path: string): Promise<readonly DiskEntry[]>;
  /**
   * Takes an exclusive lock that other processes respect and that ends with this process.
   *
   * @param name A file name in the root.
   * @param signal Gives up waiting.
   * @returns Disposing it frees the lock.
   */
  lock(name: string, signal?: AbortSignal): Promise<AsyncDisposable>;
}

/** What to start. There is no shell: every argument reaches the program as it is. */
export interface ProcessSpec {
  /** Program name, looked up on the PATH, or an absolute path. */
  readonly command: string;
  /** Arguments, one element each. */
  readonly args: readonly string[];
  /** The whole environment of the child: nothing is inherited. */
  readonly env: Env;
  /** Working directory. */
  readonly cwd?: string;
  /**
   * Whether it leads a process group of its own, so that what it starts ends with it, as far as
   * that is not in another group again. Without effect on Windows. @default {false}
   */
  readonly ownGroup?: boolean;
}

/** How a process ended. */
export interface ExitStatus {
  /** Exit code; 128 + signal number when a signal ended it. */
  readonly code: number;
  /** The signal's name, or `undefined`. */
  readonly signal?: string;
}

/** A running child process with piped streams. */
export interface ChildProcess extends AsyncDisposable {
  /** Process id. */
  readonly pid: number;
  /** Bytes to the child. */
  readonly stdin: WritableStream<Uint8Array<ArrayBuffer>>;
  /** Bytes from the child. */
  readonly stdout: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** Bytes from the child. */
  readonly stderr: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** Settles when the child has ended. */
  readonly exited: Promise<ExitStatus>;
  /**
   * SIGTERM, then SIGKILL.
   *
   * @param graceMs Time between the two, in milliseconds.
   */
  stop(graceMs: number): Promise<ExitStatus>;
}

/** What {@linkcode Processes.run} takes beside the {@linkcode ProcessSpec}. */
export interface RunOptions {
  /** Bytes for the child's standard input, which is then closed. @default empty */
  readonly stdin?: Uint8Array;
  /** Most bytes of standard output; one more ends the child with `TOO_LARGE`. */
  readonly maxBytes: number;
  /** Time for the whole run, in milliseconds; past it the child is ended with `TIMEOUT`. */
  readonly timeoutMs: number;
  /** Ends the child. */
  readonly signal?: AbortSignal;
}

/** The result of a finished run. */
export interface RunResult extends ExitStatus {
  /** Standard output, whole. */
  readonly stdout: Uint8Array<ArrayBuffer>;
  /** The last 64 KiB of standard error, as text. */
  readonly stderr: string;
}

/** Child processes. */
export interface Processes {
  /**
   * Starts a child with piped streams.
   *
   * @throws {AppError} `NOT_FOUND` when there is no such program, `PERMISSION_MISSING`.
   */
  start(spec: ProcessSpec): ChildProcess;
  /**
   * Runs a child to its end.
   *
   * @throws {AppError} As `start`, and `TIMEOUT`, `CANCELLED`, `TOO_LARGE`. A non-zero code is no error.
   */
  run(spec: ProcessSpec, options: RunOptions): Promise<RunResult>;
}

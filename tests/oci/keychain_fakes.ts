/**
 * Files, processes, a log and a clock for the tests of credentials. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { AppError } from "../../lib/core/errors.ts";
import type {
  Clock,
  Files,
  Log,
  LogFields,
  Processes,
  ProcessSpec,
  RunOptions,
  RunResult,
} from "../../lib/core/host.ts";

const encoder = new TextEncoder();

/** Files by path: a text, an object as JSON, or the error that reading gives. */
export type FileContents = Record<string, string | object | AppError>;

/** Files in memory that tell what was read. */
export class FakeFiles implements Files {
  /** May be changed while a test runs. */
  readonly contents: FileContents;
  /** Paths in the order in which they were asked for. */
  readonly reads: string[] = [];

  constructor(contents: FileContents) {
    this.contents = contents;
  }

  read(path: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    this.reads.push(path);
    const content = this.contents[path];
    if (content === undefined) return Promise.resolve(undefined);
    if (content instanceof AppError) return Promise.reject(content);
    const text = typeof content === "string" ? content : JSON.stringify(content);
    return Promise.resolve(encoder.encode(text));
  }
}

/** What a program answers to a server's name: an object as JSON, a failure, or an error. */
export type HelperAnswer =
  | object
  | { readonly code: number; readonly stdout: string; readonly stderr: string };

/** A program: what it answers for the server that it reads from its standard input. */
export type Helper = (server: string, options: RunOptions) => HelperAnswer | Promise<HelperAnswer>;

/** Credential helpers in memory; an unknown program is missing. */
export class FakeProcesses implements Processes {
  /** Every run: the program and the server. */
  readonly runs: { readonly spec: ProcessSpec; readonly server: string }[] = [];
  readonly #helpers: Readonly<Record<string, Helper>>;

  constructor(helpers: Readonly<Record<string, Helper>> = {}) {
    this.#helpers = helpers;
  }

  start(): never {
    assert.fail("a credential helper is run to its end");
  }

  async run(spec: ProcessSpec, options: RunOptions): Promise<RunResult> {
    const server = new TextDecoder().decode(options.stdin);
    this.runs.push({ spec, server });
    assert.deepEqual(spec.args, ["get"]);
    const helper = this.#helpers[spec.command];
    if (helper === undefined) {
      throw new AppError("NOT_FOUND", `Cannot run "${spec.command}": there is no such program`, {
        hint: "Install it",
      });
    }
    const answer = await helper(server, options);
    const { code, stdout, stderr } = "code" in answer && "stdout" in answer && "stderr" in answer
      ? answer
      : { code: 0, stdout: JSON.stringify(answer), stderr: "" };
    return { code: Number(code), stdout: encoder.encode(String(stdout)), stderr: String(stderr) };
  }
}

/** A log that keeps warnings; anything else fails the test. */
export class FakeLog implements Log {
  /** Each warning with its fields. */
  readonly warnings: { readonly message: string; readonly fields: LogFields }[] = [];

  debug(): void {
    assert.fail("nothing is logged for debugging here");
  }

  info(): void {
    assert.fail("nothing is told here");
  }

  warn(message: string, fields: LogFields = {}): void {
    this.warnings.push({ message, fields });
  }

  error(): void {
    assert.fail("no credential is worth an error line");
  }
}

/** A clock that stands still until it is moved. */
export class FakeClock implements Clock {
  /** Milliseconds since the Unix epoch. */
  nowMs = 1_788_000_000_000;

  now(): number {
    return this.nowMs;
  }

  sleep(): Promise<void> {
    assert.fail("nothing waits here");
  }
}

/** Base64 of `user:password` in UTF-8, as auth files have it. */
export function basicAuth(username: string, password: string): string {
  return btoa(String.fromCharCode(...encoder.encode(`${username}:${password}`)));
}

/**
 * A server in memory that speaks real JSON-RPC over real streams of bytes, does as a test tells
 * it, and remembers what it was sent. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { Launched, LaunchedExit } from "../../lib/gateway/launched.ts";
import { LogTail } from "../../lib/gateway/log_tail.ts";
import { type PipeOptions, PipeTransport } from "../../lib/gateway/pipe_transport.ts";
import { UpstreamSession } from "../../lib/gateway/session.ts";
import type { SessionDeps, SessionOptions } from "../../lib/gateway/session_types.ts";
import { FakeClock } from "../fake_clock.ts";
import { FakeLog } from "../fake_log.ts";

/** A parsed line of ours; tests look at any part of it. */
export interface Message {
  readonly jsonrpc?: unknown;
  readonly id?: string | number;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
}

/** Answers a request: a result, an `{ error }`, or nothing at all for `undefined`. */
export type Answer = (request: Message) => unknown;

/** What a scripted server is at the beginning. */
export interface ServerOptions {
  /** Answers by method; `initialize` and the lists have defaults. */
  readonly answers?: Readonly<Record<string, Answer>>;
  /** What it can do. @default {tools: {listChanged: true}} */
  readonly capabilities?: Record<string, unknown>;
  /** Options of its transport. */
  readonly pipe?: Partial<PipeOptions>;
  /** Whether it reads what it is sent. @default {true} */
  readonly reads?: boolean;
  /** Whether it ends by itself when its input is closed, as servers should. @default {true} */
  readonly ends?: boolean;
}

const encoder = new TextEncoder();

/** A server under the test's control. */
export class ScriptedServer {
  readonly clock = new FakeClock();
  readonly log = new FakeLog();
  readonly tail = new LogTail();
  /** Every message that came, oldest first. */
  readonly received: Message[] = [];
  /** Graces that `stop` was called with. */
  readonly stops: number[] = [];
  readonly transport: PipeTransport;
  readonly launched: Launched;
  readonly answers: Record<string, Answer>;
  /** Settles when its input was closed. */
  readonly inputClosed: Promise<void>;
  #paused: Promise<void> = Promise.resolve();
  readonly #exit = Promise.withResolvers<LaunchedExit>();
  readonly #output: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;

  constructor(options: ServerOptions = {}) {
    const big = new ByteLengthQueuingStrategy({ highWaterMark: 1024 * 1024 });
    const input = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>();
    const output = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>(
      undefined,
      big,
      big,
    );
    this.#output = output.writable.getWriter();
    this.#output.closed.catch(() => {});
    this.transport = new PipeTransport({ stdin: input.writable, stdout: output.readable }, {
      clock: this.clock,
      onGarbage: (line) => this.tail.push(line),
      ...options.pipe,
    });
    this.launched = {
      transport: this.transport,
      exited: this.#exit.promise,
      logTail: (lines) => this.tail.lines(lines),
      stop: async (graceMs) => {
        this.stops.push(graceMs);
        await this.exit({ reason: "it was ended by SIGKILL", signal: "SIGKILL" });
      },
      [Symbol.asyncDispose]: () => this.launched.stop(0),
    };
    this.answers = {
      "initialize": () => ({
        protocolVersion: "2025-11-25",
        capabilities: options.capabilities ?? { tools: { listChanged: true } },
        serverInfo: { name: "scripted", version: "1.0" },
      }),
      "tools/list": () => ({
        tools: [{ name: "echo", inputSchema: { type: "object" } }],
      }),
      ...options.answers,
    };
    this.inputClosed = options.reads === false
      ? Promise.resolve()
      : this.#read(input.readable).then(
        async () => {
          if (options.ends !== false) await this.exit({ code: 0, reason: "it ended with code 0" });
        },
      );
  }

  /** A session with it, not connected yet. */
  session(deps: Partial<SessionDeps> = {}, options: SessionOptions = {}): UpstreamSession {
    const { launched, clock, log } = this;
    return new UpstreamSession({ launched, clock, log, name: "memory", ...deps }, options);
  }

  /** A session that has connected. */
  async connected(
    deps: Partial<SessionDeps> = {},
    options: SessionOptions = {},
  ): Promise<UpstreamSession> {
    const session = this.session(deps, options);
    await session.connect();
    return session;
  }

  /** Messages with a method. */
  sent(method: string): readonly Message[] {
    return this.received.filter((message) => message.method === method);
  }

  /** Reads no more until what it gives is called. */
  pause(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#paused = promise;
    return resolve;
  }

  /** Sends a message. */
  send(message: Record<string, unknown>): Promise<void> {
    return this.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
  }

  /** Sends bytes; nobody need read them. */
  async write(chunk: string | Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#output.write(typeof chunk === "string" ? encoder.encode(chunk) : chunk)
      .catch(() => {});
  }

  /** Closes its output. */
  async endOutput(): Promise<void> {
    await this.#output.close().catch(() => {});
  }

  /** Ends it: its output is closed, too, unless a grandchild holds it open. */
  async exit(exit: LaunchedExit, options: { holdsOutput?: boolean } = {}): Promise<void> {
    if (options.holdsOutput !== true) await this.endOutput();
    this.#exit.resolve(exit);
  }

  async #read(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    let rest = "";
    try {
      for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
        const lines = `${rest}${chunk}`.split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) await this.#receive(JSON.parse(line));
        await this.#paused;
      }
    } catch {
      // The session was aborted.
    }
  }

  async #receive(message: Message): Promise<void> {
    assert.equal(message.jsonrpc, "2.0");
    this.received.push(message);
    if (message.method === undefined || message.id === undefined) return;
    const answer = this.answers[message.method];
    if (answer === undefined) {
      const error = { code: -32601, message: "Method not found" };
      return await this.send({ id: message.id, error });
    }
    const body = await answer(message);
    if (body === undefined) return;
    const isError = typeof body === "object" && body !== null && "error" in body;
    await this.send({ id: message.id, ...(isError ? body : { result: body }) });
  }
}

/**
 * Waits until something holds, in turns of the event loop.
 *
 * @param holds What to wait for; it throws, or gives `false`, until then.
 */
export async function until(holds: () => boolean): Promise<void> {
  for (let turn = 0; turn < 2_000; turn++) {
    if (holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  assert.fail(`it never came to hold: ${holds}`);
}

/**
 * Waits for a rejection.
 *
 * @param promise What must reject.
 * @returns The error.
 */
export async function rejection(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (thrown) {
    assert.ok(thrown instanceof Error);
    return thrown;
  }
  return assert.fail("it did not reject");
}

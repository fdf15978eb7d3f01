/**
 * MCP without an SDK: a client that sends what it is told and reads only when it is asked to, and a
 * server over HTTP that says which message belongs to which request. Needs net and run permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type Message, StressServer } from "./stress_server.ts";
import type { WharfCommand } from "./wharf.ts";

/** How a {@linkcode RawSession} begins. */
export interface RawOptions {
  /** The version of MCP that is asked for. @default {"2025-11-25"} */
  readonly version?: string;
  /** What the client can do. @default nothing */
  readonly capabilities?: Readonly<Record<string, unknown>>;
}

const ACCEPT = "application/json, text/event-stream";

/** Sends a message; answers and whatever else belongs to it come back. */
type Send = (message: Message) => Promise<void>;

/** A session of plain JSON. */
export class RawSession implements AsyncDisposable {
  /** Everything that came and is no answer. */
  readonly received: Message[] = [];
  /** The version that was agreed upon. */
  version = "";
  readonly #waiting = new Map<string | number, (message: Message) => void>();
  #send: Send = () => Promise.resolve();
  #end: () => Promise<void> = () => Promise.resolve();
  #nextId = 1;

  private constructor() {}

  /** Begins a session over HTTP. */
  static async overHttp(mcp: URL, options: RawOptions = {}): Promise<RawSession> {
    const session = new RawSession();
    const headers = new Headers({ "content-type": "application/json", accept: ACCEPT });
    session.#send = async (message) => {
      const response = await fetch(mcp, {
        method: "POST",
        headers,
        body: JSON.stringify({ jsonrpc: "2.0", ...message }),
      });
      assert.ok(response.ok, `status ${response.status}`);
      const id = response.headers.get("mcp-session-id");
      if (id !== null) headers.set("mcp-session-id", id);
      await session.#takeEvents(response);
    };
    session.#end = async () => {
      const response = await fetch(mcp, { method: "DELETE", headers });
      await response.body?.cancel();
    };
    await session.#begin(options);
    return session;
  }

  /** Begins a session over the streams of a process. */
  static async overStdio(
    { command, ...rest }: WharfCommand,
    options: RawOptions = {},
  ): Promise<RawSession> {
    const session = new RawSession();
    const child = new Deno.Command(command, {
      ...rest,
      clearEnv: true,
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const writer = child.stdin.getWriter();
    session.#send = (message) =>
      writer.write(new TextEncoder().encode(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`));
    const reading = session.#takeLines(child.stdout);
    session.#end = async () => {
      await writer.close();
      await reading;
      assert.equal((await child.status).code, 0);
    };
    await session.#begin(options);
    return session;
  }

  /** Asks, and gives the whole answer. */
  async ask(
    method: string,
    params: Record<string, unknown> = {},
    id: string | number = `raw-${this.#nextId++}`,
  ): Promise<Message> {
    assert.ok(!this.#waiting.has(id), `${id} is asked already`);
    const { promise, resolve } = Promise.withResolvers<Message>();
    this.#waiting.set(id, resolve);
    await this.#send({ id, method, params });
    return await promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end();
  }

  async #begin({ version = "2025-11-25", capabilities = {} }: RawOptions): Promise<void> {
    const { result } = await this.ask("initialize", {
      protocolVersion: version,
      capabilities,
      clientInfo: { name: "raw", version: "1" },
    }, "hello");
    this.version = String(result?.["protocolVersion"]);
    await this.#send({ method: "notifications/initialized" });
  }

  #take(message: Message): void {
    const { id, method } = message;
    if (method !== undefined || id === undefined) return void this.received.push(message);
    const resolve = this.#waiting.get(id);
    assert.ok(resolve !== undefined, `an answer to nothing: ${JSON.stringify(id)}`);
    this.#waiting.delete(id);
    resolve(message);
  }

  async #takeEvents(response: Response): Promise<void> {
    if (response.body === null) return;
    let rest = "";
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      const events = `${rest}${chunk}`.split("\n\n");
      rest = events.pop() ?? "";
      for (const event of events) {
        const data = /^data: (.+)$/m.exec(event)?.[1];
        if (data !== undefined) this.#take(JSON.parse(data));
      }
    }
  }

  async #takeLines(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    let rest = "";
    for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
      const lines = `${rest}${chunk}`.split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.#take(JSON.parse(line));
    }
  }
}

/** A {@linkcode StressServer} over HTTP. */
export interface ServedStress extends AsyncDisposable {
  /** Where it is. */
  readonly url: URL;
  /** Streams of requests that are open. */
  readonly open: number;
}

/** Serves one session on a free port: what belongs to a request comes on that request's stream. */
export function serveStress(): ServedStress {
  const encoder = new TextEncoder();
  const streams = new Map<string | number, ReadableStreamDefaultController<Uint8Array>>();
  /** The stream for what belongs to no request. */
  const GENERAL = "general";
  const server = new StressServer({
    send(message, relatedTo) {
      const name = relatedTo ?? GENERAL;
      const stream = streams.get(name);
      stream?.enqueue(
        encoder.encode(`data: ${JSON.stringify({ jsonrpc: "2.0", ...message })}\n\n`),
      );
      if (message["id"] !== relatedTo || message["method"] !== undefined) return;
      // Whoever has gone is noticed by sending, too.
      if (streams.delete(name)) stream?.close();
    },
  });
  const headers = { "content-type": "text/event-stream", "mcp-session-id": "stress" };
  const open = (name: string | number): Response => {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => void streams.set(name, controller),
      cancel: () => void streams.delete(name),
    });
    return new Response(body, { headers });
  };
  const http = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    async (request) => {
      if (request.method === "GET") return open(GENERAL);
      if (request.method === "DELETE") return new Response(null, { status: 204 });
      const message: Message = await request.json();
      const { id, method } = message;
      const isRequest = id !== undefined && method !== undefined;
      const response = isRequest ? open(id) : new Response(null, { status: 202 });
      // Answers may be there at once, for which the stream must be open.
      server.receive(message);
      return response;
    },
  );
  return {
    url: new URL(`http://127.0.0.1:${http.addr.port}/mcp`),
    get open() {
      return [...streams.keys()].filter((name) => name !== GENERAL).length;
    },
    async [Symbol.asyncDispose]() {
      for (const stream of streams.values()) stream.close();
      await http.shutdown();
    },
  };
}

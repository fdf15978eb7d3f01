/**
 * MCP over byte streams: hostile lines, order, and the end of a session. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { JSONRPCMessage } from "../../lib/mcp/protocol.ts";
import { LargeString } from "../../lib/core/large_json.ts";
import { StdioTransport } from "../../lib/mcp/protocol.ts";
import { FakeClock } from "../fake_clock.ts";

const encoder = new TextEncoder();

interface Pipe {
  readonly transport: StdioTransport;
  readonly clock: FakeClock;
  /** Messages that arrived. */
  readonly received: JSONRPCMessage[];
  /** Lines that were sent. */
  readonly sent: () => unknown[];
  readonly closed: Promise<void>;
  write(chunk: string | Uint8Array<ArrayBuffer>): Promise<void>;
  end(): Promise<void>;
}

async function openPipe(options: { maxLineBytes?: number } = {}): Promise<Pipe> {
  const input = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>();
  const writer = input.writable.getWriter();
  let output = "";
  const decoder = new TextDecoder();
  const clock = new FakeClock();
  const writable = new WritableStream<Uint8Array<ArrayBuffer>>({
    write: (chunk) => void (output += decoder.decode(chunk, { stream: true })),
  });
  const transport = new StdioTransport({ readable: input.readable, writable }, {
    clock,
    ...options,
  });
  const received: JSONRPCMessage[] = [];
  transport.onmessage = (message) => received.push(message);
  const closed = Promise.withResolvers<void>();
  transport.onclose = () => closed.resolve();
  await transport.start();
  return {
    transport,
    clock,
    received,
    sent: () => output.split("\n").filter(Boolean).map((line) => JSON.parse(line)),
    closed: closed.promise,
    write: (chunk) => writer.write(typeof chunk === "string" ? encoder.encode(chunk) : chunk),
    end: () => writer.close(),
  };
}

/** Lets everything that waits for nothing but turns of the loop run. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

function request(id: string | number): string {
  return JSON.stringify({ jsonrpc: "2.0", id, method: "ping" });
}

Deno.test("StdioTransport reads messages however they are cut into chunks", async () => {
  const pipe = await openPipe();
  const text = `${request(1)}\r\n\n${request("é")}\n`;
  for (const byte of encoder.encode(text)) await pipe.write(new Uint8Array([byte]));
  await settle();
  assert.deepEqual(pipe.received.map((message) => "id" in message && message.id), [1, "é"]);
  await pipe.transport.close();
});

Deno.test("StdioTransport reads several messages of one chunk, and a last one without its end", async () => {
  const pipe = await openPipe();
  await pipe.write(`${request(1)}\n${request(2)}\n${request(3)}`);
  await pipe.end();
  await settle();
  assert.equal(pipe.received.length, 3);
  for (const id of [1, 2, 3]) await pipe.transport.send({ jsonrpc: "2.0", id, result: {} });
  await pipe.closed;
});

Deno.test("StdioTransport answers what is no message, and goes on", async () => {
  const pipe = await openPipe();
  await pipe.write("garbage{\n[]\n{}\n");
  await pipe.write(`{"jsonrpc":"2.0","id":7,"method":5}\n${request(1)}\n`);
  await settle();
  assert.deepEqual(
    pipe.sent().map((line) => {
      const { id, error } = line as { id: unknown; error: { code: number } }; // our own lines
      return [id, error.code];
    }),
    [[null, -32700], [null, -32600], [null, -32600], [7, -32600]],
  );
  const [, batch] = pipe.sent();
  assert.deepEqual(batch, {
    jsonrpc: "2.0",
    id: null,
    error: {
      code: -32600,
      message: "Invalid request: batches are not supported; send one message a line",
    },
  });
  assert.equal(pipe.received.length, 1);
  await pipe.transport.close();
});

Deno.test("StdioTransport drops a line of 100 MB without keeping it", async () => {
  const pipe = await openPipe();
  const mebibyte = new Uint8Array(1024 * 1024).fill(0x61);
  for (let index = 0; index < 100; index++) await pipe.write(mebibyte);
  await pipe.write(`\n${request(1)}\n`);
  await settle();
  assert.deepEqual(pipe.sent(), [{
    jsonrpc: "2.0",
    id: null,
    error: { code: -32600, message: "Invalid request: a message is longer than 16 MiB" },
  }]);
  assert.equal(pipe.received.length, 1);
  await pipe.transport.close();
});

Deno.test("StdioTransport takes a line of just its limit", async () => {
  const line = request(1);
  const pipe = await openPipe({ maxLineBytes: line.length });
  await pipe.write(`${line}\n${line} \n`);
  await settle();
  assert.equal(pipe.received.length, 1);
  assert.equal(pipe.sent().length, 1);
  await pipe.transport.close();
});

Deno.test("StdioTransport keeps the order of what it sends", async () => {
  const pipe = await openPipe();
  const ids = Array.from({ length: 50 }, (_, id) => id);
  await Promise.all(ids.map((id) => pipe.transport.send({ jsonrpc: "2.0", id, result: {} })));
  assert.deepEqual(pipe.sent().map((line) => (line as { id: number }).id), ids); // our own lines
  await pipe.transport.close();
});

Deno.test("StdioTransport sends a large string as the bytes that it is", async () => {
  const pipe = await openPipe();
  const large = new LargeString([encoder.encode('"ab'), encoder.encode('c\\n"')]);
  await pipe.transport.send({ jsonrpc: "2.0", id: 1, result: { content: [{ text: large }] } });
  await pipe.transport.send({ jsonrpc: "2.0", id: 2, result: {} });
  assert.deepEqual(pipe.sent(), [
    { jsonrpc: "2.0", id: 1, result: { content: [{ text: "abc\n" }] } },
    { jsonrpc: "2.0", id: 2, result: {} },
  ]);
  await pipe.transport.close();
});

Deno.test("StdioTransport waits for calls in hand when the client closes its side", async () => {
  const pipe = await openPipe();
  await pipe.write(`${request(1)}\n`);
  await pipe.end();
  await settle();
  await pipe.transport.send({ jsonrpc: "2.0", id: 1, result: {} });
  await pipe.closed;
  assert.equal(pipe.sent().length, 1);
});

Deno.test("StdioTransport sends what is still queued when the session ends", async () => {
  const input = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>();
  let sent = "";
  const writable = new WritableStream<Uint8Array<ArrayBuffer>>({
    // A client that reads slowly: each write takes some turns of the loop.
    async write(chunk) {
      await settle();
      sent += new TextDecoder().decode(chunk);
    },
  });
  const transport = new StdioTransport({ readable: input.readable, writable }, {
    clock: new FakeClock(),
  });
  await transport.start();
  for (let id = 0; id < 5; id++) void transport.send({ jsonrpc: "2.0", id, result: {} });
  await transport.close();
  const ids = sent.trim().split("\n").map((line) => JSON.parse(line).id);
  assert.deepEqual(ids, [0, 1, 2, 3, 4]);
});

Deno.test("StdioTransport waits no longer than its grace", async () => {
  const pipe = await openPipe();
  await pipe.write(`${request(1)}\n`);
  await pipe.end();
  await settle();
  await pipe.clock.advance(5000);
  await pipe.closed;
  // A late answer has nowhere to go, and harms nothing.
  await pipe.transport.send({ jsonrpc: "2.0", id: 1, result: {} });
  assert.deepEqual(pipe.sent(), []);
});

Deno.test("StdioTransport does not wait for a call that the client has cancelled", async () => {
  const pipe = await openPipe();
  const cancel = { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1 } };
  await pipe.write(`${request(1)}\n${JSON.stringify(cancel)}\n`);
  await pipe.end();
  await pipe.closed;
});

Deno.test("StdioTransport ends when the client reads no more", async () => {
  const input = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>();
  const writable = new WritableStream<Uint8Array<ArrayBuffer>>({
    write: () => Promise.reject(new Error("broken pipe")),
  });
  const transport = new StdioTransport({ readable: input.readable, writable }, {
    clock: new FakeClock(),
  });
  const closed = Promise.withResolvers<void>();
  transport.onclose = () => closed.resolve();
  await transport.start();
  await transport.send({ jsonrpc: "2.0", id: 1, result: {} });
  await closed.promise;
});

Deno.test("StdioTransport answers a broken response without its id, which is the server's own", async () => {
  const pipe = await openPipe();
  await pipe.write(`{"jsonrpc":"2.0","id":5,"result":3}\n{"jsonrpc":"2.0","id":6,"error":"no"}\n`);
  await settle();
  assert.deepEqual(pipe.sent().map((line) => (line as { id: unknown }).id), [null, null]); // our own lines
  await pipe.transport.close();
});

Deno.test("StdioTransport survives JSON that is nested very deep", async () => {
  const pipe = await openPipe();
  const depth = 100_000;
  await pipe.write(`${"[".repeat(depth)}${"]".repeat(depth)}\n${"[".repeat(depth)}\n`);
  const params = `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;
  await pipe.write(`{"jsonrpc":"2.0","id":1,"method":"ping","params":${params}}\n${request(2)}\n`);
  await settle();
  assert.equal(pipe.received.length, 2);
  assert.equal(pipe.sent().length, 2);
  await pipe.transport.close();
});

Deno.test("StdioTransport drops what is unfinished when the session is closed", async () => {
  const pipe = await openPipe();
  await pipe.write(request(1));
  await settle();
  await pipe.transport.close();
  assert.equal(pipe.received.length, 0);
  await pipe.transport.close();
});

/** A client that stops reading until it is told to go on. */
async function openStuck() {
  const input = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>();
  const writer = input.writable.getWriter();
  const reads = Promise.withResolvers<void>();
  const clock = new FakeClock();
  const writable = new WritableStream<Uint8Array<ArrayBuffer>>({ write: () => reads.promise });
  const transport = new StdioTransport({ readable: input.readable, writable }, { clock });
  let received = 0;
  transport.onmessage = () => void received++;
  const closed = Promise.withResolvers<void>();
  transport.onclose = () => closed.resolve();
  await transport.start();
  return {
    transport,
    clock,
    closed: closed.promise,
    received: () => received,
    reads: reads.resolve,
    send: (text: string) => writer.write(encoder.encode(`${text}\n`)),
  };
}

Deno.test("StdioTransport does not wait for ever for a client that reads no more", async () => {
  const stuck = await openStuck();
  void stuck.transport.send({ jsonrpc: "2.0", id: 1, result: {} });
  const ended = stuck.transport.close();
  await settle();
  await stuck.clock.advance(5000);
  await ended;
  await stuck.closed;
  stuck.reads();
});

Deno.test("StdioTransport takes no more from a client that does not read its answers", async () => {
  const stuck = await openStuck();
  void stuck.transport.send({ jsonrpc: "2.0", id: 0, result: { text: "x".repeat(9_000_000) } });
  const sent = [1, 2, 3].map((id) => stuck.send(request(id)));
  await settle();
  assert.equal(stuck.received(), 1);
  stuck.reads();
  await Promise.all(sent);
  await settle();
  assert.equal(stuck.received(), 3);
  await stuck.transport.close();
});

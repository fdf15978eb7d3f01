/**
 * Tests of lib/gateway/pipe_transport.ts: hostile output, order, back-pressure and the end. Needs
 * no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { AppError } from "../../lib/core/errors.ts";
import { LargeString } from "../../lib/core/large_json.ts";
import { type PipeOptions, PipeTransport } from "../../lib/gateway/pipe_transport.ts";
import type { JSONRPCMessage } from "../../lib/gateway/sdk.ts";
import { FakeClock, settle } from "../fake_clock.ts";
import { rejection, until } from "./scripted_server.ts";

const encoder = new TextEncoder();
const NOTE = '{"jsonrpc":"2.0","method":"notifications/message","params":{"x":1}}';

interface Pipe {
  readonly transport: PipeTransport;
  readonly clock: FakeClock;
  readonly received: JSONRPCMessage[];
  readonly errors: Error[];
  readonly garbage: string[];
  /** How often `onclose` was called. */
  readonly closes: () => number;
  readonly input: ReadableStream<Uint8Array<ArrayBuffer>>;
  write(chunk: string | Uint8Array<ArrayBuffer>): Promise<void>;
  end(): Promise<void>;
}

async function openPipe(options: Partial<PipeOptions> = {}): Promise<Pipe> {
  const input = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>();
  const output = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>();
  const writer = output.writable.getWriter();
  writer.closed.catch(() => {});
  const clock = new FakeClock();
  const garbage: string[] = [];
  const transport = new PipeTransport({ stdin: input.writable, stdout: output.readable }, {
    clock,
    onGarbage: (line) => garbage.push(line),
    ...options,
  });
  const received: JSONRPCMessage[] = [];
  const errors: Error[] = [];
  let closes = 0;
  transport.onmessage = (message) => void received.push(message);
  transport.onerror = (error) => void errors.push(error);
  transport.onclose = () => void closes++;
  await transport.start();
  return {
    transport,
    clock,
    received,
    errors,
    garbage,
    closes: () => closes,
    input: input.readable,
    write: (chunk) =>
      writer.write(typeof chunk === "string" ? encoder.encode(chunk) : chunk).catch(() => {}),
    end: () => writer.close(),
  };
}

/** Closes a pipe whose server does not end by itself. */
async function closePipe(pipe: Pipe): Promise<void> {
  const closed = pipe.transport.close();
  await pipe.clock.advance(1_000);
  await closed;
  assert.equal(pipe.closes(), 1);
  assert.equal(pipe.clock.sleeping, 0);
}

async function textOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<string> {
  let text = "";
  try {
    for await (const chunk of stream.pipeThrough(new TextDecoderStream())) text += chunk;
  } catch {
    // It was aborted.
  }
  return text;
}

Deno.test("PipeTransport reads messages however they are cut, and keeps members it does not know", async () => {
  const pipe = await openPipe();
  const message = { jsonrpc: "2.0", id: "é", result: { _meta: { progressToken: {} }, x: [null] } };
  for (const byte of encoder.encode(`\uFEFF${JSON.stringify(message)}\r\n\n${NOTE}\n`)) {
    await pipe.write(new Uint8Array([byte]));
  }
  await until(() => pipe.received.length === 2);
  assert.deepEqual(pipe.received[0], message);
  assert.deepEqual(pipe.garbage, []);
  await closePipe(pipe);
});

Deno.test("PipeTransport takes a batch apart", async () => {
  const pipe = await openPipe();
  await pipe.write(`[${NOTE},${NOTE},5]\n`);
  await until(() => pipe.received.length === 2);
  assert.equal(pipe.garbage.length, 1);
  await pipe.write(`[${Array(1_001).fill(NOTE).join()}]\n`);
  await until(() => pipe.closes() === 1);
  assert.equal(pipe.received.length, 2);
  assert.match(String(pipe.errors[0]), /more than 1000 messages as one/);
});

Deno.test("PipeTransport keeps garbage for the log, and goes on", async () => {
  const pipe = await openPipe();
  const lines = [
    "Server listening on\u001b[31m stdio",
    "{not json",
    '{"jsonrpc":"1.0","id":1,"result":{}}',
    '{"jsonrpc":"2.0","id":{},"result":{}}',
    '{"jsonrpc":"2.0","id":1.5,"result":{}}',
    '{"jsonrpc":"2.0","id":null,"method":"ping"}',
    '{"jsonrpc":"2.0","id":true,"error":{"code":1,"message":""}}',
    '{"jsonrpc":"2.0","id":1,"error":"no"}',
    '{"jsonrpc":"2.0","id":1}',
    '{"jsonrpc":"2.0","method":5}',
    '{"jsonrpc":"2.0","method":"x","params":[1]}',
    `{"x":"${"y".repeat(1000)}"}`,
    "[1]",
  ];
  await pipe.write(`${lines.join("\n")}\n${NOTE}\n`);
  await until(() => pipe.received.length === 1);
  assert.equal(pipe.garbage.length, lines.length);
  assert.equal(pipe.garbage[0], "Server listening on[31m stdio");
  assert.ok(pipe.garbage.every((line) => line.length <= 400));
  assert.deepEqual(pipe.errors, []);
  await closePipe(pipe);
});

Deno.test("PipeTransport ends a server that writes nothing but garbage", async () => {
  const pipe = await openPipe({ maxGarbageLines: 10 });
  // What counts is how many come in a row.
  for (let turn = 0; turn < 5; turn++) await pipe.write(`${"x\n".repeat(10)}${NOTE}\n`);
  await settle();
  assert.equal(pipe.closes(), 0);
  assert.equal(pipe.received.length, 5);
  await pipe.write("x\n".repeat(11));
  await until(() => pipe.closes() === 1);
  const [error] = pipe.errors;
  assert.ok(error instanceof AppError);
  assert.equal(error.code, "BAD_RESPONSE");
  assert.match(error.message, /11 lines in a row that are no messages/);
});

Deno.test("PipeTransport ends at a message of 200 MB before it is whole, without keeping it", async () => {
  const pipe = await openPipe();
  const mebibyte = new Uint8Array(1024 * 1024).fill(0x61);
  let written = 0;
  for (let index = 0; index < 200 && pipe.closes() === 0; index++) {
    await pipe.write(mebibyte);
    await settle();
    written++;
  }
  await until(() => pipe.closes() === 1);
  assert.ok(written <= 34, `it took ${written} MiB`);
  const [error] = pipe.errors;
  assert.ok(error instanceof AppError);
  assert.equal(error.code, "TOO_LARGE");
});

Deno.test("PipeTransport takes a message of just its limit", async () => {
  const pipe = await openPipe({ maxMessageBytes: NOTE.length });
  await pipe.write(`${NOTE}\n`);
  await until(() => pipe.received.length === 1);
  await pipe.write(`${NOTE} \n`);
  await until(() => pipe.closes() === 1);
  assert.equal(pipe.received.length, 1);
});

Deno.test("PipeTransport refuses a bomb of brackets before it is parsed", async () => {
  const pipe = await openPipe();
  await pipe.write(`{"jsonrpc":"2.0","id":1,"result":${"[".repeat(1_000_000)}\n`);
  await until(() => pipe.closes() === 1);
  assert.match(String(pipe.errors[0]), /nests deeper than 512 levels/);
  const deep = await openPipe();
  const nested = `${"[".repeat(500)}${"]".repeat(500)}`;
  await deep.write(`{"jsonrpc":"2.0","id":1,"result":{"x":${nested}}}\n`);
  await until(() => deep.received.length === 1);
  await closePipe(deep);
});

Deno.test("PipeTransport keeps the order of what it sends", async () => {
  const pipe = await openPipe();
  const text = textOf(pipe.input);
  const ids = Array.from({ length: 50 }, (_, id) => id);
  await Promise.all(ids.map((id) => pipe.transport.send({ jsonrpc: "2.0", id, result: {} })));
  await closePipe(pipe);
  const lines = (await text).split("\n").filter(Boolean).map((line) => JSON.parse(line));
  assert.deepEqual(lines.map(({ id }) => id), ids);
});

Deno.test("PipeTransport waits for a server that reads slowly, and refuses what is too much", async () => {
  const pipe = await openPipe({ maxQueuedBytes: 1_000 });
  const note = (size: number) => ({
    jsonrpc: "2.0" as const,
    method: "x",
    params: { text: "x".repeat(size) },
  });
  // Alone it may be larger than the limit.
  const first = pipe.transport.send(note(2_000));
  const error = await rejection(pipe.transport.send(note(10)));
  assert.ok(error instanceof AppError);
  assert.equal(error.code, "UNAVAILABLE");
  assert.match(error.message, /2\d\d\d bytes wait for a server that does not read/);
  const reader = pipe.input.getReader();
  await reader.read();
  await first;
  const second = pipe.transport.send(note(10));
  await reader.read();
  await second;
  reader.releaseLock();
  await closePipe(pipe);
});

Deno.test("PipeTransport.close() closes the server's input first, and reads what it still writes", async () => {
  const pipe = await openPipe();
  const text = textOf(pipe.input);
  const closed = pipe.transport.close();
  assert.equal(await text, "");
  await pipe.write(`${NOTE}\nbye\n`);
  assert.equal(pipe.closes(), 0);
  await pipe.end();
  await closed;
  assert.equal(pipe.closes(), 1);
  assert.deepEqual(pipe.received, [], "what comes after the end is nobody's");
  await pipe.transport.close();
  await pipe.transport.send({ jsonrpc: "2.0", method: "x" });
  assert.equal(pipe.closes(), 1);
  assert.equal(pipe.clock.sleeping, 0);
});

Deno.test("PipeTransport.close() waits no longer than its grace for a server that reads nothing", async () => {
  const pipe = await openPipe({ graceMs: 300 });
  const sent = pipe.transport.send({ jsonrpc: "2.0", method: "x" });
  const closed = pipe.transport.close();
  await pipe.clock.advance(299);
  assert.equal(pipe.closes(), 0);
  await pipe.clock.advance(1);
  await Promise.all([closed, sent]);
  assert.equal(pipe.closes(), 1);
});

Deno.test("PipeTransport ends when the server closes its output, at once", async () => {
  const pipe = await openPipe();
  const sent = pipe.transport.send({ jsonrpc: "2.0", method: "x" });
  await pipe.write(NOTE);
  await pipe.end();
  await until(() => pipe.closes() === 1);
  await sent;
  assert.equal(pipe.received.length, 1, "a last message may lack its line feed");
  assert.deepEqual(pipe.errors, []);
});

Deno.test("PipeTransport ends when the server reads no more", async () => {
  const pipe = await openPipe();
  await pipe.input.cancel();
  await pipe.transport.send({ jsonrpc: "2.0", method: "x" });
  await pipe.end();
  await until(() => pipe.closes() === 1);
});

Deno.test("PipeTransport tells of a pipe that fails", async () => {
  const clock = new FakeClock();
  const transport = new PipeTransport({
    stdin: new WritableStream(),
    stdout: new ReadableStream({
      pull: () => Promise.reject(new Deno.errors.BadResource("bad file descriptor")),
    }),
  }, { clock });
  const errors: Error[] = [];
  const closed = Promise.withResolvers<void>();
  transport.onerror = (error) => errors.push(error);
  transport.onclose = () => closed.resolve();
  await transport.start();
  await closed.promise;
  assert.match(String(errors[0]), /bad file descriptor/);
});

Deno.test("PipeTransport leaves the long strings of a result as they came, where that is asked for", async () => {
  const pipe = await openPipe();
  const sent = textOf(pipe.input);
  const call = { jsonrpc: "2.0" as const, method: "tools/call" };
  await pipe.transport.send({ ...call, id: 1 }, { takesLarge: true });
  await pipe.transport.send({ ...call, id: 2 });
  await pipe.transport.send({ ...call, id: 3 }, { takesLarge: true });
  const text = "x".repeat(200_000);
  const result = (id: number) => ({ jsonrpc: "2.0", id, result: { content: [{ text }] } });
  const error = { jsonrpc: "2.0", id: 3, error: { code: -32603, message: text } };
  for (const message of [result(1), result(2), error, result(1)]) {
    await pipe.write(`${JSON.stringify(message)}\n`);
  }
  await settle();
  assert.equal(pipe.received.length, 4);
  const [large, ...plain] = pipe.received;
  assert.ok(
    (large as ReturnType<typeof result>).result.content[0]?.text as unknown instanceof LargeString,
  );
  assert.deepEqual(JSON.parse(JSON.stringify(large)), result(1));
  assert.deepEqual(plain, [result(2), error, result(1)]);
  await closePipe(pipe);
  await sent;
});

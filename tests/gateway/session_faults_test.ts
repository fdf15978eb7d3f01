/**
 * Tests of lib/gateway/session.ts with servers that are broken, hostile or gone: each ends in an
 * error that says so, within bounds. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { AppError, type ErrorCode } from "../../lib/core/errors.ts";
import { RpcError } from "../../lib/rpc/mod.ts";
import type { Transport } from "../../lib/gateway/sdk.ts";
import type { UpstreamSession } from "../../lib/gateway/session.ts";
import type { SessionEnd } from "../../lib/gateway/session_types.ts";
import { settle } from "../fake_clock.ts";
import { rejection, ScriptedServer, type ServerOptions, until } from "./scripted_server.ts";

function asAppError(error: Error): AppError {
  assert.ok(error instanceof AppError);
  return error;
}

function tool(name: string): Record<string, unknown> {
  return { name, inputSchema: { type: "object" } };
}

/** A start that must fail; time passes until it has. */
interface StartFault {
  readonly fault: string;
  readonly server?: ServerOptions;
  /** What the server does by itself. */
  readonly act?: (server: ScriptedServer) => Promise<void>;
  /** How long it may take. @default 0 */
  readonly withinMs?: number;
  readonly code: ErrorCode;
  readonly message: RegExp;
}

const INITIALIZED = {
  protocolVersion: "2025-11-25",
  capabilities: { tools: {} },
  serverInfo: { name: "x", version: "1" },
};

const STARTS: readonly StartFault[] = [
  {
    fault: "a handshake that never comes",
    server: { answers: { "initialize": () => undefined } },
    withinMs: 30_000,
    code: "TIMEOUT",
    message: /^Cannot start "memory": it gave no sign in 30 s$/,
  },
  {
    fault: "a server that reads nothing",
    server: { reads: false },
    withinMs: 30_000,
    code: "TIMEOUT",
    message: /gave no sign in 30 s/,
  },
  {
    fault: "a banner in place of a handshake",
    server: { answers: { "initialize": () => undefined } },
    act: (server) => server.write("Welcome to the server!\nPress any key\n"),
    withinMs: 30_000,
    code: "TIMEOUT",
    message: /gave no sign in 30 s/,
  },
  {
    fault: "garbage without end",
    server: { answers: { "initialize": () => undefined } },
    act: (server) => server.write("garbage\n".repeat(5_000)),
    code: "BAD_RESPONSE",
    message: /^Cannot start "memory": it sent 1001 lines in a row that are no messages$/,
  },
  {
    fault: "a line without end",
    server: { answers: { "initialize": () => undefined } },
    act: async (server) => {
      const mebibyte = new Uint8Array(1024 * 1024);
      for (let index = 0; index < 34; index++) await server.write(mebibyte);
    },
    code: "TOO_LARGE",
    message: /^Cannot start "memory": it sent a message of more than 33554432 bytes$/,
  },
  {
    fault: "an answer with an invalid id",
    server: { answers: { "initialize": () => undefined } },
    act: async (server) => {
      for (const id of ["null", "{}", "[1]", "1.5", "true", '"x"', "7", "-1", '"1e0"']) {
        const result = JSON.stringify(INITIALIZED);
        await server.write(`{"jsonrpc":"2.0","id":${id},"result":${result}}\n`);
      }
    },
    withinMs: 30_000,
    code: "TIMEOUT",
    message: /gave no sign in 30 s/,
  },
  {
    fault: "a version of another age",
    server: {
      answers: { "initialize": () => ({ ...INITIALIZED, protocolVersion: "1999-01-01\u202E" }) },
    },
    code: "UNSUPPORTED",
    message: /it speaks version "1999-01-01" of MCP, Wharf speaks 2024-10-07 to 2025-11-25$/,
  },
  {
    fault: "no version",
    server: { answers: { "initialize": () => ({}) } },
    code: "BAD_RESPONSE",
    message: /^Cannot start "memory": it names no version of MCP$/,
  },
  {
    fault: "an introduction of 2 MB",
    server: {
      answers: { "initialize": () => ({ ...INITIALIZED, instructions: "x".repeat(2_000_000) }) },
    },
    code: "TOO_LARGE",
    message: /says more than 1048576 characters of itself/,
  },
  {
    fault: "a handshake that is refused",
    server: { answers: { "initialize": () => ({ error: { code: -32000, message: "No key" } }) } },
    code: "UNAVAILABLE",
    message: /^Cannot start "memory": No key$/,
  },
  {
    fault: "a process that ends at once",
    server: { answers: { "initialize": () => undefined } },
    act: (server) => server.exit({ code: 1, reason: "it ended with code 1" }),
    code: "UNAVAILABLE",
    message: /^Cannot start "memory": it ended with code 1$/,
  },
  {
    fault: "a tool list that repeats its cursor",
    server: { answers: { "tools/list": () => ({ tools: [], nextCursor: "x" }) } },
    code: "BAD_RESPONSE",
    message:
      /^Cannot list the tools of "memory": the list has no end: page 2 gives a cursor again$/,
  },
  {
    fault: "a tool list that grows for ever",
    server: {
      answers: {
        "tools/list": ({ params }) => ({
          tools: [],
          nextCursor: `${params?.cursor ?? ""}x`,
        }),
      },
    },
    code: "TOO_LARGE",
    message: /does not end within 200 pages/,
  },
  {
    fault: "100,000 tools",
    server: {
      answers: {
        "tools/list": () => ({
          tools: Array.from({ length: 100_000 }, (_, index) => tool(`t${index}`)),
        }),
      },
    },
    code: "TOO_LARGE",
    message: /it has more than 1000$/,
  },
  {
    fault: "a tool list that never comes",
    server: { answers: { "tools/list": () => undefined } },
    withinMs: 30_000,
    code: "TIMEOUT",
    message: /^Cannot list the tools of "memory": it gave no sign in 30 s$/,
  },
  {
    fault: "a tool list of another shape",
    server: { answers: { "tools/list": () => ({ tools: { echo: {} } }) } },
    code: "BAD_RESPONSE",
    message: /has no list "tools"/,
  },
  {
    fault: "a process that ends while it is asked for its tools",
    server: {
      answers: { "tools/list": () => undefined },
    },
    act: async (server) => {
      await until(() => server.sent("tools/list").length === 1);
      await server.exit({ code: 139, signal: "SIGSEGV", reason: "it was ended by SIGSEGV" });
    },
    code: "UNAVAILABLE",
    message: /^Cannot list the tools of "memory": it was ended by SIGSEGV$/,
  },
];

for (const { fault, server: options, act, withinMs = 0, code, message } of STARTS) {
  Deno.test(`UpstreamSession.connect() ends in ${code} for ${fault}`, async () => {
    const server = new ScriptedServer(options);
    server.tail.push("Error: cannot find module \u001b[31mx");
    const session = server.session();
    let failed = false;
    const connecting = rejection(session.connect()).finally(() => failed = true);
    await act?.(server);
    if (withinMs > 0) {
      await server.clock.advance(withinMs - 1);
      assert.equal(failed, false, "it gave up too early");
      await server.clock.advance(1);
    }
    // The rest is the time that a server gets to end.
    for (let step = 0; step < 10 && !failed; step++) await server.clock.advance(500);
    const error = asAppError(await connecting);
    assert.equal(error.code, code);
    assert.match(error.message, message);
    assert.match(error.hint ?? "", /Its last lines: /);
    const { log } = error.details ?? {};
    assert.ok(Array.isArray(log) && log.length <= 10);
    assert.ok(log.includes("Error: cannot find module x") || log.length === 10);
    assert.equal(error.details?.server, "memory");
    assert.deepEqual(server.stops.length, 1, "it is stopped, and once");
    assert.match((await rejection(session.call("x", {}))).message, /^Cannot call tool "x" of/);
    await session.close();
    assert.equal(server.clock.sleeping, 0);
    assert.equal(session.inFlight, 0);
  });
}

Deno.test("UpstreamSession.connect() gives up when it is told to", async () => {
  const server = new ScriptedServer({ answers: { "initialize": () => undefined } });
  const session = server.session();
  const controller = new AbortController();
  const connecting = rejection(session.connect(controller.signal));
  await until(() => server.sent("initialize").length === 1);
  controller.abort();
  assert.equal(asAppError(await connecting).code, "CANCELLED");
  assert.equal(server.sent("notifications/cancelled").length, 0, "a handshake is not cancelled");
  assert.equal(server.stops.length, 1);
  assert.equal(server.clock.sleeping, 0);
  const listing = new ScriptedServer({ answers: { "tools/list": () => undefined } });
  const other = new AbortController();
  const lists = rejection(listing.session().connect(other.signal));
  await until(() => listing.sent("tools/list").length === 1);
  other.abort();
  assert.equal(asAppError(await lists).code, "CANCELLED");
});

/** How a server can end while calls run. */
const ENDS: readonly {
  readonly how: string;
  readonly act: (server: ScriptedServer) => Promise<void>;
  readonly withinMs: number;
  readonly reason: string;
}[] = [
  {
    how: "its process ends",
    act: (server) => server.exit({ code: 1, reason: "it ended with code 1" }),
    withinMs: 50,
    reason: "it ended with code 1",
  },
  {
    how: "its pipe ends before its process",
    act: async (server) => {
      await server.endOutput();
      await server.clock.advance(400);
      await server.exit({ signal: "SIGKILL", reason: "it was ended by SIGKILL" });
    },
    withinMs: 50,
    reason: "it was ended by SIGKILL",
  },
  {
    how: "its pipe ends and its process goes on",
    act: (server) => server.endOutput(),
    withinMs: 550,
    reason: "it closed its output",
  },
  {
    how: "its process ends and a grandchild holds the pipe",
    act: (server) =>
      server.exit({ code: 2, reason: "it ended with code 2" }, { holdsOutput: true }),
    withinMs: 550,
    reason: "it ended with code 2",
  },
];

Deno.test("UpstreamSession quotes no lines of a log that say its error again", async () => {
  const server = new ScriptedServer({ answers: { "initialize": () => ({}) } });
  const message = 'Cannot start "memory": it names no version of MCP';
  server.tail.push(`${message}; trying the older SSE transport`);
  server.tail.push(message);
  const failed = rejection(server.session().connect());
  await server.clock.advance(5000);
  const error = asAppError(await failed);
  assert.equal(error.message, message);
  assert.doesNotMatch(error.hint ?? "", /last lines/);
  assert.equal(error.details?.log, undefined);
});

for (const { how, act, withinMs, reason } of ENDS) {
  Deno.test(`UpstreamSession rejects calls in flight within a second when ${how}`, async () => {
    const server = new ScriptedServer({ answers: { "tools/call": () => undefined }, ends: false });
    const session = await server.connected();
    const ends: SessionEnd[] = [];
    session.onClosed((end) => void ends.push(end));
    session.onClosed((end) => void ends.push(end))();
    for (let line = 0; line < 20; line++) server.tail.push(`line ${line}`);
    const calls = Promise.all([1, 2, 3].map((name) => rejection(session.call(`${name}`, {}))));
    await until(() => server.sent("tools/call").length === 3);
    await act(server);
    const late = rejection(session.call("late", {}));
    await server.clock.advance(withinMs);
    for (const [index, error] of [...await calls, await late].entries()) {
      const { code, message, retryable, hint, details } = asAppError(error);
      assert.equal(code, "UNAVAILABLE");
      const name = ["1", "2", "3", "late"][index];
      assert.equal(message, `Cannot call tool "${name}" of "memory": ${reason}`);
      assert.ok(retryable);
      assert.match(hint ?? "", /Its last lines: line 17 \| line 18 \| line 19$/);
      assert.deepEqual(details?.log, Array.from({ length: 10 }, (_, line) => `line ${line + 10}`));
    }
    assert.equal(ends.length, 1);
    assert.equal(ends[0]?.asked, false);
    assert.equal(ends[0]?.error.message, `Cannot use "memory": ${reason}`);
    assert.equal(session.ended, ends[0]);
    const again = rejection(session.call("again", {}));
    assert.equal((await again).message, `Cannot call tool "again" of "memory": ${reason}`);
    assert.match(
      (await rejection(session.notify({ method: "x" }))).message,
      /^Cannot tell "memory"/,
    );
    session.onClosed((end) => void ends.push(end));
    assert.equal(ends.length, 2, "who comes late is told at once");
    const closed = session.close();
    await server.clock.advance(2_000);
    await closed;
    assert.equal(server.stops.length, 1, "what is left of it is stopped");
    assert.equal(server.clock.sleeping, 0);
  });
}

Deno.test("UpstreamSession ends at a message of 200 MB in the middle of a call", async () => {
  const server = new ScriptedServer({ answers: { "tools/call": () => undefined } });
  const session = await server.connected();
  const call = rejection(session.call("t", {}));
  await until(() => server.sent("tools/call").length === 1);
  const mebibyte = new Uint8Array(1024 * 1024).fill(0x20);
  let written = 0;
  for (; written < 200 && session.ended === undefined; written++) await server.write(mebibyte);
  const error = asAppError(await call);
  assert.equal(error.code, "TOO_LARGE");
  assert.match(error.message, /^Cannot call tool "t" of "memory": it sent a message of more than/);
  assert.ok(!error.retryable);
  assert.ok(written < 40, `it took ${written} MiB`);
  await session.close();
});

Deno.test("UpstreamSession goes on through 100,000 notifications that nobody reads so fast", async () => {
  const server = new ScriptedServer();
  await using session = await server.connected();
  const { promise, resolve } = Promise.withResolvers<void>();
  let given = 0;
  session.onNotification(() => {
    given++;
    return promise;
  });
  const line = '{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"x"}}\n';
  for (let batch = 0; batch < 100; batch++) await server.write(line.repeat(1_000));
  server.answers["tools/call"] = () => ({ ok: true });
  assert.deepEqual(await session.call("t", {}), { ok: true });
  assert.equal(given, 1_000);
  const counts = server.log.records.map(({ fields }) => fields.count);
  assert.deepEqual(counts, [1, 10, 100, 1_000, 10_000]);
  resolve();
});

Deno.test("UpstreamSession ends a server that asks and asks, and reads no answers", async () => {
  const server = new ScriptedServer();
  const session = await server.connected();
  const resume = server.pause();
  const pings = Array.from(
    { length: 15_000 },
    (_, id) => `{"jsonrpc":"2.0","id":${id},"method":"ping"}`,
  );
  await server.write(`${pings.join("\n")}\n`);
  await until(() => session.ended !== undefined);
  assert.equal(session.ended?.error.code, "TOO_LARGE");
  assert.match(session.ended?.error.message ?? "", /it reads none of the 10000 answers/);
  const closed = session.close();
  await server.clock.advance(2_000);
  await closed;
  resume();
});

Deno.test("UpstreamSession refuses more requests of a server than it can have in hand", async () => {
  const server = new ScriptedServer();
  const { promise, resolve } = Promise.withResolvers<void>();
  await using _session = await server.connected({
    handlers: { "roots/list": async () => (await promise, { roots: [] }) },
  });
  for (let id = 0; id < 64; id++) await server.send({ id, method: "roots/list" });
  await server.send({ id: 64, method: "roots/list" });
  await until(() => server.received.at(-1)?.id === 64);
  assert.match(server.received.at(-1)?.error?.message ?? "", /More than 64 requests at a time/);
  await server.send({ id: 5, method: "roots/list" });
  await until(() => server.received.at(-1)?.id === 5);
  assert.match(server.received.at(-1)?.error?.message ?? "", /with this id is in hand already/);
  resolve();
  await until(() => server.received.filter(({ result }) => result !== undefined).length === 64);
});

Deno.test("UpstreamSession ignores answers to nothing, and tells of the first few", async () => {
  const server = new ScriptedServer({ answers: { "tools/call": () => ({ ok: true }) } });
  await using session = await server.connected();
  for (let id = 100; id < 200; id++) await server.send({ id, result: {} });
  await server.send({ id: "x", error: { code: 1, message: "odd" } });
  await server.send({ error: { code: -32700, message: "Parse error" } });
  await server.send({ id: null, error: { code: -32700, message: "Parse error" } });
  assert.deepEqual(await session.call("t", {}), { ok: true });
  assert.equal(server.log.records.length, 5);
  assert.deepEqual(server.log.records[4]?.fields, {
    server: "memory",
    what: "an answer to no request",
    further: "not told",
  });
});

Deno.test("UpstreamSession survives listeners that fail", async () => {
  const server = new ScriptedServer({
    answers: {
      "tools/call": async ({ id }) => {
        const params = { progressToken: id, progress: 1 };
        await server.send({ method: "notifications/progress", params });
        return { ok: true };
      },
    },
  });
  const session = await server.connected();
  const fault = new AppError("INTERNAL", "Cannot hear: deaf");
  const fail = (): never => {
    throw fault;
  };
  session.onClosed(fail);
  session.onNotification(fail);
  await server.send({ method: "notifications/x" });
  assert.deepEqual(await session.call("t", {}, { onProgress: fail }), { ok: true });
  await session.close();
  assert.equal(
    server.log.records.filter(({ message }) => message === "a listener failed").length,
    3,
  );
});

Deno.test("UpstreamSession.close() closes the input, waits, and stops what has not ended", async () => {
  const server = new ScriptedServer({ answers: { "tools/call": () => undefined }, ends: false });
  const session = await server.connected();
  const ends: SessionEnd[] = [];
  session.onClosed((end) => void ends.push(end));
  const call = rejection(session.call("t", {}));
  await until(() => server.sent("tools/call").length === 1);
  const closed = Promise.all([session.close(2_000), session.close()]);
  const error = asAppError(await call);
  assert.equal(error.code, "UNAVAILABLE");
  assert.equal(error.message, 'Cannot call tool "t" of "memory": it was stopped');
  assert.equal(ends[0]?.asked, true);
  await server.inputClosed;
  assert.deepEqual(server.stops, []);
  await server.clock.advance(500);
  await closed;
  assert.deepEqual(server.stops, [2_000]);
  assert.equal(server.clock.sleeping, 0);
  assert.equal(ends.length, 1);
});

Deno.test("UpstreamSession.close() is quick with a server that ends with its input", async () => {
  const server = new ScriptedServer();
  const session = await server.connected();
  await session.close();
  assert.equal(server.clock.sleeping, 0);
  assert.deepEqual(session.ended?.asked, true);
  const unused = new ScriptedServer();
  await unused.session().close();
  assert.deepEqual(unused.stops, [5_000]);
});

/** A transport that is no pipe, such as one over HTTP. */
class LooseTransport implements Transport {
  onmessage?: <T>(message: T) => void;
  onclose?: () => void;
  onerror?: (error: Error) => void;
  version: string | undefined;
  fault: unknown;
  setProtocolVersion = (version: string): void => void (this.version = version);

  start(): Promise<void> {
    return this.fault === undefined ? Promise.resolve() : Promise.reject(this.fault);
  }

  send(message: unknown): Promise<void> {
    if (this.fault !== undefined) return Promise.reject(this.fault);
    const { id, method } = message as { id?: number; method: string }; // our own messages
    const result = method === "initialize" ? INITIALIZED : { tools: [] };
    if (id !== undefined) queueMicrotask(() => this.onmessage?.({ jsonrpc: "2.0", id, result }));
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.onclose?.();
    return Promise.reject(new AppError("UNREACHABLE", "Cannot close: already gone"));
  }
}

/** A session over it, with the parts of a scripted server. */
function overLoose(
  transport: LooseTransport,
): { session: UpstreamSession; server: ScriptedServer } {
  const server = new ScriptedServer();
  const launched = { ...server.launched, transport };
  return { session: server.session({ launched }), server };
}

Deno.test("UpstreamSession works over any transport, and goes on after a send that fails", async () => {
  const transport = new LooseTransport();
  const { session, server } = overLoose(transport);
  await session.connect();
  assert.equal(transport.version, "2025-11-25");
  transport.fault = new TypeError("connection\u202E reset");
  const error = asAppError(await rejection(session.call("t", {})));
  assert.equal(error.code, "UNAVAILABLE");
  assert.equal(error.message, 'Cannot reach "memory": connection reset');
  transport.onmessage?.({ jsonrpc: "2.0", id: 1, method: "ping" });
  transport.onmessage?.("no message");
  transport.onerror?.(new AppError("UNREACHABLE", "Cannot read: stream dropped"));
  await settle();
  transport.fault = undefined;
  assert.deepEqual(await session.call("t", {}), { tools: [] });
  assert.equal(session.ended, undefined);
  const closed = session.close();
  await server.clock.advance(500);
  await closed;
  assert.ok(server.log.records.some(({ message }) => message === "a transport did not close"));
});

Deno.test("UpstreamSession.connect() tells why a transport cannot start", async () => {
  const transport = new LooseTransport();
  transport.fault = "refused";
  const { session, server } = overLoose(transport);
  const connecting = rejection(session.connect());
  await server.clock.advance(500);
  assert.equal((await connecting).message, 'Cannot reach "memory": refused');
});

Deno.test("UpstreamSession logs that a server cannot be stopped", async () => {
  const server = new ScriptedServer();
  const fault = new AppError("INTERNAL", "Cannot stop: it is a zombie");
  const launched = { ...server.launched, stop: () => Promise.reject(fault) };
  const session = await server.connected({ launched });
  await server.exit({ code: 0, reason: "it ended with code 0" });
  await server.clock.advance(50);
  assert.equal(server.log.records.at(-1)?.message, "a server could not be stopped");
  assert.equal(await rejection(session.close()), fault);
});

Deno.test("UpstreamSession.connect() keeps the server's own error as the cause", async () => {
  const fault = { code: -32602, message: "Unsupported", data: { supported: ["2024-11-05"] } };
  const server = new ScriptedServer({ answers: { "initialize": () => ({ error: fault }) } });
  server.tail.push("a line");
  const error = await rejection(server.session().connect());
  assert.ok(error.cause instanceof RpcError);
  assert.deepEqual(error.cause.fault, fault);
});

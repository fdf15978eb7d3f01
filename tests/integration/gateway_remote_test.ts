import assert from "node:assert/strict";
import { AppError } from "../../lib/core/errors.ts";
import { type Intercept, RemoteServer } from "./remote_server.ts";
import { CLOCK, connect } from "./remote_session.ts";

function textOf(result: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(result.content);
}

const SSE = { headers: { "content-type": "text/event-stream" } };

/** Answers calls of tools, and leaves all else to the server. */
function onCall(
  answer: (id: unknown, request: Request) => Response | Promise<Response>,
): Intercept {
  return async (request) => {
    if (request.method !== "POST") return undefined;
    const message = await request.clone().json();
    return message.method === "tools/call" ? await answer(message.id, request) : undefined;
  };
}

Deno.test("launchRemote() speaks Streamable HTTP with a real server, as stream and as JSON", async () => {
  for (const json of [false, true]) {
    await using server = new RemoteServer({ json });
    {
      await using connected = await connect(server.url, { headers: { "X-Api-Key": "key-12345" } });
      const { session, launched } = connected;
      assert.deepEqual(session.definitions.tools.map(({ name }) => name), [
        "echo",
        "slow",
        "cut",
        "broken",
      ]);
      const result = await session.call("echo", { a: "ä" });
      assert.deepEqual(result, {
        content: [{ type: "text", text: '{"a":"ä"}' }],
        structuredContent: { sent: '{"a":"ä"}' },
      });
      await Promise.all([1, 2, 3].map((n) => session.call("echo", { n })));
      assert.ok(server.asked.every(({ headers }) => headers.get("x-api-key") === "key-12345"));
      assert.equal(server.sessions.size, 1);
      await session.close();
      assert.deepEqual(await launched.exited, { reason: "it was disconnected" });
      await assert.rejects(launched.transport.send({ jsonrpc: "2.0", method: "x" }), {
        code: "CANCELLED",
      });
    }
    assert.equal(server.sessions.size, 0, "the session was ended there too");
    assert.equal(server.count("DELETE"), 1);
  }
});

Deno.test("launchRemote() passes notifications, progress and cancellation", async () => {
  await using server = new RemoteServer();
  await using connected = await connect(server.url);
  const { session } = connected;
  const changed = Promise.withResolvers<unknown>();
  session.onListChanged(changed.resolve);
  while (server.count("GET") === 0) await CLOCK.sleep(10);
  await server.notify();
  assert.deepEqual(await changed.promise, ["tools"]);
  const caller = new AbortController();
  const progress = Promise.withResolvers<unknown>();
  const call = assert.rejects(
    session.call("slow", {}, { signal: caller.signal, onProgress: progress.resolve }),
    { code: "CANCELLED" },
  );
  assert.deepEqual(await progress.promise, { progress: 1 });
  caller.abort();
  await call;
  await server.cancelled.promise;
});

Deno.test("launchRemote() fetches an answer whose stream was closed, by Last-Event-ID", async () => {
  await using server = new RemoteServer({ resumable: true });
  await using connected = await connect(server.url);
  assert.match(textOf(await connected.session.call("cut", { a: 1 })), /"a\\":1/);
  const resumed = server.asked.filter(({ headers }) => headers.has("last-event-id"));
  assert.ok(resumed.length >= 1);
});

Deno.test("launchRemote() opens no stream for an answer that is an error", async () => {
  await using server = new RemoteServer({ resumable: true });
  await using connected = await connect(server.url);
  const { session } = connected;
  for (let turn = 0; turn < 5; turn++) {
    await assert.rejects(session.request({ method: "no/such" }));
  }
  // By the time that this stream has been resumed, the others would have been.
  assert.match(textOf(await session.call("cut", {})), /{}/);
  const resumed = server.asked.filter(({ headers }) => headers.has("last-event-id"));
  assert.equal(resumed.length, 1);
});

Deno.test("launchRemote() resumes after a connection that was cut in the middle of an event", async () => {
  let events = 0;
  await using server = new RemoteServer({
    intercept: async (request) => {
      const lastId = request.headers.get("last-event-id");
      if (request.method === "GET" && lastId !== null) {
        assert.equal(lastId, "first");
        const result = { content: [{ type: "text", text: "late" }] };
        const message = JSON.stringify({ jsonrpc: "2.0", id: events, result });
        return new Response(`id: second\ndata: ${message}\n\n`, SSE);
      }
      return await onCall((id) => {
        events = Number(id);
        const encoder = new TextEncoder();
        return new Response(
          new ReadableStream({
            start(controller) {
              controller.enqueue(encoder.encode("retry: 20\nid: first\ndata:\n\ndata: {"));
              setTimeout(() => controller.error(new Error("cut")), 20);
            },
          }),
          SSE,
        );
      })(request);
    },
  });
  await using connected = await connect(server.url);
  assert.match(textOf(await connected.session.call("echo", {})), /late/);
});

Deno.test("a call whose stream is cut and cannot be resumed fails at once, and the next one works", async () => {
  const cuts: ((controller: ReadableStreamDefaultController<Uint8Array>) => void)[] = [
    (controller) => controller.close(),
    (controller) => controller.error(new Error("cut")),
  ];
  await using server = new RemoteServer();
  await using connected = await connect(server.url);
  for (const cut of cuts) {
    server.intercept = onCall(() => {
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          controller.enqueue(new TextEncoder().encode(": hello\n\n"));
          setTimeout(() => cut(controller), 10);
        },
      });
      return new Response(body, SSE);
    });
    await assert.rejects(connected.session.call("echo", {}), /broke off before the answer came/);
    server.intercept = undefined;
    await connected.session.call("echo", {});
  }
  assert.equal(connected.session.ended, undefined);
});

Deno.test("a session that the server has ended is said to be so, and a new one can be begun", async () => {
  await using server = new RemoteServer();
  await using connected = await connect(server.url);
  server.sessions.clear();
  await assert.rejects(connected.session.call("echo", {}), {
    code: "UNAVAILABLE",
    message: /it has ended the session \(status 404\), a new one has to be begun/,
  });
  assert.match((await connected.launched.exited).reason, /has ended the session/);
  assert.equal(server.count("DELETE"), 0, "there is nothing left to end");
  await using again = await connect(server.url);
  await again.session.call("echo", {});
});

Deno.test("a server that goes away fails the call in hand at once, and later ones clearly", async () => {
  const server = new RemoteServer();
  await using connected = await connect(server.url);
  while (server.count("GET") === 0) await CLOCK.sleep(10);
  const slow = assert.rejects(connected.session.call("slow", {}), /broke off|Cannot reach/);
  while (server.count("POST") < 4) await CLOCK.sleep(10);
  await server[Symbol.asyncDispose]();
  await slow;
  await assert.rejects(connected.session.call("echo", {}), {
    code: "UNREACHABLE",
    message: /connection was refused/,
  });
});

Deno.test("a message that is too large ends its call or the session, not Wharf", async () => {
  const megabyte = new TextEncoder().encode("x".repeat(1024 * 1024));
  const endless = (start: string, type: string) => {
    let sent = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.enqueue(sent === 0 ? new TextEncoder().encode(start) : megabyte);
        if (++sent > 200) controller.close();
      },
    });
    return new Response(body, { headers: { "content-type": type } });
  };
  await using server = new RemoteServer();
  for (const type of ["application/json", "text/event-stream"]) {
    await using connected = await connect(server.url);
    server.intercept = onCall(() => endless('data: {"', type));
    const before = Deno.memoryUsage().rss;
    await assert.rejects(connected.session.call("echo", {}), {
      code: "TOO_LARGE",
      message: /more than 33554432 bytes/,
    });
    assert.ok(Deno.memoryUsage().rss - before < 400 * 1024 * 1024);
    server.intercept = undefined;
  }
});

Deno.test("a flood of events harms nobody else", async () => {
  const note = {
    jsonrpc: "2.0",
    method: "notifications/message",
    params: { level: "info", data: 1 },
  };
  const event = new TextEncoder().encode(`data: ${JSON.stringify(note)}\n\n`.repeat(1000));
  let sent = 0;
  await using server = new RemoteServer({
    intercept: ({ method }) => {
      if (method !== "GET") return undefined;
      const flood = new ReadableStream<Uint8Array>({
        pull(controller) {
          sent++;
          controller.enqueue(event);
        },
      });
      return new Response(flood, SSE);
    },
  });
  await using connected = await connect(server.url, { maxMessageBytes: 1024 * 1024 });
  for (let count = 0; count < 5; count++) {
    await connected.session.call("echo", { count });
    await CLOCK.sleep(50);
  }
  assert.ok(sent > 10);
  assert.ok(sent * event.length < 64 * 1024 * 1024, "it is slowed down by what is read");
});

Deno.test("a server that ends every stream at once is not asked without end", async () => {
  await using server = new RemoteServer({
    intercept: ({ method }) => {
      if (method !== "GET") return undefined;
      return new Response("retry: 0\nid: 1\ndata:\n\n", SSE);
    },
  });
  await using connected = await connect(server.url);
  await CLOCK.sleep(1200);
  assert.ok(server.count("GET") <= 8, `${server.count("GET")} streams`);
  await connected.session.call("echo", {});
});

Deno.test("a server that hangs ends in a time-out, wherever it hangs", async () => {
  const hanging = Promise.withResolvers<Response>();
  const body = () => new Response(new ReadableStream({ start() {} }), SSE);
  for (const answer of [() => hanging.promise, body]) {
    await using server = new RemoteServer({ intercept: answer });
    await assert.rejects(connect(server.url, { startupTimeoutMs: 200 }), { code: "TIMEOUT" });
  }
  // Nor may the end of the session wait for it.
  await using server = new RemoteServer();
  await using connected = await connect(server.url);
  server.intercept = ({ method }) => method === "DELETE" ? hanging.promise : undefined;
  const closed = Promise.withResolvers<unknown>();
  connected.session.onClosed(closed.resolve);
  await connected.launched.stop(100);
  await closed.promise;
  assert.deepEqual(await connected.launched.exited, { reason: "it was disconnected" });
  hanging.resolve(new Response(null));
});

Deno.test("an answer that is not MCP is said to be so", async () => {
  const secret = "key-abcdef";
  const json = (value: unknown, status: number) => () => Response.json(value, { status });
  const html = (status: number) => () =>
    new Response(`<html>${secret}</html>`, { status, headers: { "content-type": "text/html" } });
  const cases: [Intercept, string, RegExp][] = [
    [html(200), "BAD_RESPONSE", /answered with text\/html$/],
    [html(502), "UNAVAILABLE", /failed with status 502$/],
    [html(404), "NOT_FOUND", /nothing at this address$/],
    [
      json({ error: `bad ${secret}` }, 401),
      "UNAUTHORIZED",
      /accept the credentials \(bad \*\*\*\)$/,
    ],
    [json({ error: { message: "no" } }, 403), "FORBIDDEN", /does not allow this \(no\)$/],
    [json("slow down", 429), "RATE_LIMITED", /slow down \(slow down\)$/],
    [json({ jsonrpc: 1 }, 200), "BAD_RESPONSE", /Cannot use/],
    [() => new Response(null, { status: 302 }), "BAD_RESPONSE", /status 302$/],
  ];
  for (const [intercept, code, message] of cases) {
    await using server = new RemoteServer({ intercept });
    const started = connect(server.url, { headers: { Authorization: `Bearer ${secret}` } });
    await assert.rejects(started, (error: AppError) => {
      assert.equal(error.code, code, error.message);
      assert.match(error.message, message);
      assert.doesNotMatch(JSON.stringify([error.message, error.hint, error.details]), /abcdef/);
      return true;
    });
  }
});

Deno.test("a redirect to another origin takes no header along", async () => {
  await using other = new RemoteServer();
  await using server = new RemoteServer({
    intercept: () => Response.redirect(other.url, 307),
  });
  await assert.rejects(connect(server.url, { headers: { Authorization: "Bearer secret-1" } }), {
    code: "ADDRESS_REFUSED",
    message: /redirects to another origin/,
  });
  assert.equal(other.asked.length, 0);
});

Deno.test("launchRemote() falls back to SSE, and the end of its stream is the end", async () => {
  const encoder = new TextEncoder();
  let stream: ReadableStreamDefaultController<Uint8Array> | undefined;
  const emit = (event: string, data: string) =>
    stream?.enqueue(encoder.encode(`event: ${event}\ndata: ${data}\n\n`));
  const results: Readonly<Record<string, unknown>> = {
    initialize: {
      protocolVersion: "2024-11-05",
      capabilities: { tools: {} },
      serverInfo: { name: "old", version: "1" },
    },
    "tools/list": { tools: [{ name: "echo", inputSchema: { type: "object" } }] },
    "tools/call": { content: [] },
  };
  const intercept: Intercept = async (request) => {
    const { pathname } = new URL(request.url);
    if (request.method === "GET" && pathname === "/mcp") {
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => void (stream = controller),
      });
      emit("endpoint", "/messages?session=1");
      return new Response(body, SSE);
    }
    if (pathname !== "/messages") return new Response("Cannot POST\n", { status: 405 });
    const { id, method } = await request.json();
    if (id !== undefined) {
      emit("message", JSON.stringify({ jsonrpc: "2.0", id, result: results[method] }));
    }
    return new Response("Accepted", { status: 202 });
  };
  for (const type of ["sse", "streamable-http"] as const) {
    await using server = new RemoteServer({ intercept });
    await using connected = await connect(server.url, { type });
    assert.deepEqual(connected.session.definitions.tools.map(({ name }) => name), ["echo"]);
    assert.deepEqual(await connected.session.call("echo", {}), { content: [] });
    assert.equal(connected.launched.logTail(5).length, type === "sse" ? 0 : 1);
    const gets = server.count("GET");
    stream?.close();
    assert.deepEqual(await connected.launched.exited, { reason: "its event stream broke off" });
    await assert.rejects(connected.session.call("echo", {}), { code: "UNAVAILABLE" });
    await CLOCK.sleep(50);
    assert.equal(server.count("GET"), gets, "no other session was opened");
  }
});

Deno.test("server-everything from npm is reached over Streamable HTTP and over SSE", async () => {
  for (const type of ["streamable-http", "sse"] as const) {
    const port = freePort();
    await using child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--no-config",
        "--no-lock",
        "npm:@modelcontextprotocol/server-everything@2026.8.31",
        type === "sse" ? "sse" : "streamableHttp",
      ],
      env: { PORT: String(port) },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const url = new URL(`http://127.0.0.1:${port}/${type === "sse" ? "sse" : "mcp"}`);
    await untilListening(port);
    // The catalogue may know no better than "http".
    await using connected = await connect(url);
    assert.ok(connected.session.definitions.tools.length > 5);
    const result = await connected.session.call("echo", { message: "ahoy" });
    assert.match(textOf(result), /ahoy/);
    await connected.session.close();
    child.kill("SIGKILL");
    await child.status;
  }
});

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

async function untilListening(port: number): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return;
    } catch {
      await CLOCK.sleep(100);
    }
  }
  throw new AppError("TIMEOUT", `Cannot reach port ${port}`);
}

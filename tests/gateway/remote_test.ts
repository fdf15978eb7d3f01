import assert from "node:assert/strict";
import { AppError } from "../../lib/core/errors.ts";
import type { RemoteSpec } from "../../lib/gateway/remote.ts";
import type { JSONRPCMessage } from "../../lib/gateway/sdk.ts";
import { settle } from "../fake_clock.ts";
import { CALL, type Handler, INITIALIZE, INITIALIZED, serve, world } from "./remote_world.ts";

const EVENTS = { "content-type": "text/event-stream" };

/** Lets the timers of the SDK pass, which are real. */
function pass(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

Deno.test("launchRemote() sends and receives, and ends the session with the connection", async () => {
  const { net, launched, transport, messages, closes, log } = await world(serve(), {
    headers: { "X-Key": "secret-1" },
  });
  await transport.start();
  await transport.send(INITIALIZE);
  transport.setProtocolVersion?.("2025-11-25");
  await transport.send(INITIALIZED);
  await transport.send(CALL);
  assert.deepEqual(messages.map((message) => "result" in message && message.result), [
    { name: "initialize" },
    { name: "tools/call" },
  ]);
  assert.equal(transport.sessionId, "session-1");
  await launched.stop(1000);
  await launched.stop(1000);
  assert.deepEqual(await launched.exited, { reason: "it was disconnected" });
  assert.equal(closes(), 1);
  assert.deepEqual(net.requests.map(({ method }) => method), [
    "POST",
    "POST",
    "GET",
    "POST",
    "DELETE",
  ]);
  assert.ok(net.requests.every(({ headers }) => headers?.["x-key"] === "secret-1"));
  assert.equal(net.requests.at(-1)?.headers?.["mcp-protocol-version"], "2025-11-25");
  assert.doesNotMatch(JSON.stringify(log.records), /secret-1/);
  assert.deepEqual(launched.logTail(9), []);
  await assert.rejects(transport.send(CALL), { code: "CANCELLED" });
});

Deno.test("launchRemote() takes plain http only where it is told to, or to this machine", async () => {
  const url = new URL("http://mcp.example/mcp");
  await assert.rejects(world(serve(), { url }), {
    code: "ADDRESS_REFUSED",
    message: 'Cannot connect to "mcp.example": its address is not https',
  });
  const allowed: Partial<RemoteSpec>[] = [
    { url, allowPlainHttp: true },
    { url: new URL("http://127.0.0.1:1/mcp") },
  ];
  for (const spec of allowed) {
    const { launched, transport } = await world(serve(), spec);
    await transport.send(INITIALIZE);
    await launched.stop(0);
  }
});

Deno.test("stop() does not wait for a server that does not answer", async () => {
  const { launched, transport, clock, net } = await world(
    serve({ DELETE: () => new Promise(() => {}) }),
  );
  await transport.send(INITIALIZE);
  const stopped = launched.stop(500);
  await clock.advance(500);
  await stopped;
  await settle();
  assert.equal(net.open, 0);
  assert.equal(clock.sleeping, 0);
});

Deno.test("stop() takes it that a server keeps its sessions", async () => {
  for (const status of [405, 500]) {
    const handler = serve({ DELETE: () => new Response("no", { status }) });
    const { launched, transport, errors } = await world(handler);
    await transport.send(INITIALIZE);
    await launched[Symbol.asyncDispose]();
    assert.deepEqual(errors, []);
    assert.equal(launched.logTail(9).length, status === 500 ? 1 : 0);
  }
});

Deno.test("send() tells what a server refused, without what it was sent", async () => {
  const secret = "sk-12 34567";
  const json = (status: number, value: unknown, headers: HeadersInit = {}) => () =>
    Response.json(value, { status, headers });
  const said = `key ${secret} of ${encodeURIComponent(secret)} and 34567\u202e is bad`;
  const cases: [Handler, object][] = [
    [json(401, { error_description: said }), {
      code: "UNAUTHORIZED",
      message: 'Cannot use "mcp.example": it does not accept the credentials ' +
        "(key *** of *** and *** is bad)",
    }],
    [json(429, { detail: "later" }, { "retry-after": "7" }), {
      code: "RATE_LIMITED",
      retryAfterMs: 7000,
      retryable: true,
      message: /slow down \(later\)$/,
    }],
    [json(503, {}, { "retry-after": "Fri, 31 Dec" }), { code: "UNAVAILABLE", retryable: true }],
    [json(418, { error: { message: "teapot" } }), { message: /status 418 \(teapot\)$/ }],
    [json(418, { error: 5 }), { message: /status 418 \(\{"error":5\}\)$/ }],
    [() => new Response("<p>page</p>", { status: 418 }), { message: /status 418$/ }],
  ];
  for (const [answer, expected] of cases) {
    const { launched, transport, errors } = await world(serve({ initialize: answer }), {
      headers: { authorization: secret },
    });
    await assert.rejects(transport.send(INITIALIZE), expected);
    await launched.stop(0);
    assert.deepEqual(errors, []);
    assert.deepEqual(launched.logTail(9), []);
  }
});

Deno.test("send() says that an answer is a page", async () => {
  const page = () => new Response("<p>x</p>", { headers: { "content-type": "text/html" } });
  const { launched, transport } = await world(serve({ initialize: page }));
  await assert.rejects(transport.send(INITIALIZE), {
    code: "BAD_RESPONSE",
    message: 'Cannot use "mcp.example": it answered with text/html',
  });
  await launched.stop(0);
});

Deno.test("a page in place of the stream for notifications is no stream", async () => {
  let asked = 0;
  const page = () => {
    asked++;
    return new Response("<p>hello</p>", { headers: { "content-type": "text/html" } });
  };
  const { launched, transport, net } = await world(serve({ GET: page }));
  await transport.send(INITIALIZE);
  await transport.send(INITIALIZED);
  await settle();
  assert.equal(asked, 1);
  assert.equal(net.open, 0);
  await launched.stop(0);
});

Deno.test("the refusal of Streamable HTTP is told where SSE is refused too", async () => {
  const handler = serve({
    initialize: () => Response.json({ error: "key missing" }, { status: 400 }),
    GET: () => new Response("<p>x</p>", { status: 200, headers: { "content-type": "text/html" } }),
  });
  const { launched, transport, net } = await world(handler);
  await assert.rejects(transport.send(INITIALIZE), {
    code: "BAD_RESPONSE",
    message: 'Cannot use "mcp.example": it answered with status 400 (key missing)',
  });
  const [first, second] = launched.logTail(9);
  assert.match(first ?? "", /status 400.*trying the older SSE transport/);
  assert.match(second ?? "", /answered with text\/html/);
  await launched.stop(0);
  await settle();
  assert.equal(net.open, 0);
});

/** A server that knows only SSE, and what writes to its stream. */
function older(post: Handler = () => new Response(null, { status: 202 })) {
  let stream: ReadableStreamDefaultController<Uint8Array> | undefined;
  const write = (text: string) => stream?.enqueue(new TextEncoder().encode(text));
  const handler: Handler = (request) => {
    if (request.method === "POST") {
      return request.url.includes("/messages")
        ? post(request)
        : new Response(null, { status: 405 });
    }
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => void (stream = controller),
    });
    return new Response(body, { headers: EVENTS });
  };
  return { handler, write, close: () => stream?.close() };
}

Deno.test("a server of the SSE transport that does not say where to post ends in a time-out", async () => {
  for (const type of ["sse", "streamable-http"] as const) {
    const { handler } = older();
    const { launched, transport, clock, net } = await world(handler, { type });
    const started = type === "sse" ? transport.start() : transport.send(INITIALIZE);
    const late = assert.rejects(started, { code: type === "sse" ? "TIMEOUT" : "BAD_RESPONSE" });
    await settle();
    await clock.advance(30_000);
    await late;
    await launched.stop(0);
    await settle();
    assert.equal(net.open, 0);
    assert.equal(clock.sleeping, 0);
  }
});

Deno.test("a server of the SSE transport may not name another origin to post to", async () => {
  const { handler, write } = older();
  const { launched, transport, net } = await world(handler, { type: "sse" });
  const started = assert.rejects(transport.start(), { code: "BAD_RESPONSE", message: /origin/ });
  await settle();
  write("event: endpoint\ndata: https://evil.example/messages\n\n");
  await started;
  assert.equal(net.requests.length, 1);
  await launched.stop(0);
});

Deno.test("a session of the SSE transport ends when the server has forgotten it", async () => {
  const { handler, write } = older(() => new Response("gone", { status: 404 }));
  const { launched, transport, errors, closes } = await world(handler, { type: "sse" });
  transport.setProtocolVersion?.("2024-11-05");
  const started = transport.start();
  await settle();
  write("event: endpoint\ndata: /messages\n\n");
  await started;
  await assert.rejects(transport.send(CALL), { code: "UNAVAILABLE", message: /ended the session/ });
  assert.match((await launched.exited).reason, /ended the session/);
  assert.equal(errors.length, 1);
  assert.equal(closes(), 1);
  assert.equal(transport.sessionId, undefined);
});

Deno.test("a session of the SSE transport ends with its stream", async () => {
  const { handler, write, close } = older();
  const { launched, transport, net } = await world(handler, { type: "sse" });
  const started = transport.start();
  await settle();
  write("event: endpoint\ndata: /messages\n\n");
  await started;
  close();
  assert.deepEqual(await launched.exited, { reason: "its event stream broke off" });
  assert.equal(net.requests.length, 1);
});

Deno.test("a session has ended however the server says so, and only then", async () => {
  const cases: [number, string, boolean][] = [
    [404, "", true],
    [400, "Bad Request: No valid session ID provided", true],
    [400, "Bad Request: no such tool", false],
  ];
  for (const [status, text, ends] of cases) {
    const handler = serve({ "tools/call": () => new Response(text, { status }) });
    const { launched, transport, closes } = await world(handler);
    await transport.send(INITIALIZE);
    await assert.rejects(transport.send(CALL), {
      code: ends ? "UNAVAILABLE" : "BAD_RESPONSE",
      retryable: ends,
    });
    await settle();
    assert.equal(closes(), ends ? 1 : 0, text);
    await launched.stop(0);
  }
});

Deno.test("a server without a stream for notifications keeps its session", async () => {
  for (const status of [404, 405, 500]) {
    const handler = serve({ GET: () => new Response("none", { status }) });
    const { launched, transport, closes, messages, net } = await world(handler);
    await transport.send(INITIALIZE);
    await transport.send(INITIALIZED);
    await settle();
    await transport.send(CALL);
    assert.equal(messages.length, 2);
    assert.equal(closes(), 0);
    assert.equal(net.open, 0);
    await launched.stop(0);
  }
});

/** A stream that has an id, so that it can be resumed, and ends without an answer. */
function resumable(): Response {
  return new Response("retry: 1\nid: 7\ndata:\n\n", { headers: EVENTS });
}

Deno.test("a request whose stream cannot be resumed is answered with an error", async () => {
  const { launched, transport, clock, messages, net } = await world(
    serve({ "tools/call": resumable, GET: () => new Response(null, { status: 405 }) }),
  );
  await transport.send(INITIALIZE);
  await transport.send(CALL);
  await pass(30);
  assert.equal(net.requests.at(-1)?.headers?.["last-event-id"], "7");
  await clock.advance(250);
  assert.deepEqual(messages.at(-1), {
    jsonrpc: "2.0",
    id: 2,
    error: { code: -32000, message: "The connection broke off before the answer came" },
  });
  await clock.advance(1000);
  assert.equal(messages.length, 2, "it is told once");
  await launched.stop(0);
  assert.equal(clock.sleeping, 0);
});

Deno.test("a request that a stream may still answer is left alone", async () => {
  const { launched, transport, clock, messages } = await world(serve({
    "tools/call": resumable,
    GET: () =>
      new Response(`data: ${JSON.stringify({ jsonrpc: "2.0", id: 2, result: {} })}\n\n`, {
        headers: EVENTS,
      }),
  }));
  await transport.send(INITIALIZE);
  await transport.send(CALL);
  await pass(30);
  await clock.advance(1000);
  assert.deepEqual(messages.at(-1), { jsonrpc: "2.0", id: 2, result: {} });
  await launched.stop(0);
});

Deno.test("a connection ends when a stream with an open request cannot be had again", async () => {
  const { launched, transport, clock, errors } = await world(
    serve({ "tools/call": resumable, GET: () => new Response("no", { status: 500 }) }),
  );
  await transport.send(INITIALIZE);
  await transport.send(CALL);
  for (let step = 0; step < 12; step++) {
    await pass(10);
    await clock.advance(1000);
  }
  assert.deepEqual(await launched.exited, {
    reason: "its event stream broke off and could not be resumed",
  });
  assert.equal(errors.length, 1);
  assert.ok(launched.logTail(20).length > 1);
});

Deno.test("a connection goes on without the stream for notifications, while the server is there", async () => {
  let streams = 0;
  for (const state of ["there", "gone"]) {
    const handler = serve({
      GET: () => {
        if (streams++ === 0) return new Response("retry: 1\n\n", { headers: EVENTS });
        if (state === "there") return new Response("busy", { status: 409 });
        throw new AppError("UNREACHABLE", 'Cannot reach "mcp.example": it is gone');
      },
    });
    streams = 0;
    const { launched, transport, clock, closes } = await world(handler);
    await transport.send(INITIALIZE);
    await transport.send(INITIALIZED);
    for (let step = 0; step < 12; step++) {
      await pass(10);
      await clock.advance(1000);
    }
    assert.equal(closes(), state === "there" ? 0 : 1);
    await launched.stop(0);
  }
});

Deno.test("streams are asked for once a second after the first ones", async () => {
  const handler = serve({ GET: () => new Response("retry: 0\n\n", { headers: EVENTS }) });
  const { launched, transport, clock, net } = await world(handler);
  await transport.send(INITIALIZE);
  await transport.send(INITIALIZED);
  const streams = () => net.requests.filter(({ method }) => method === "GET").length;
  await pass(50);
  assert.equal(streams(), 5);
  for (let second = 1; second <= 3; second++) {
    await clock.advance(1000);
    await pass(20);
    assert.equal(streams(), 5 + second);
  }
  await launched.stop(0);
  await settle();
  assert.equal(clock.sleeping, 0);
});

Deno.test("an event that is too large ends the connection, and is not asked for again", async () => {
  const big = () => new Response(`id: 1\ndata:\n\ndata: ${"x".repeat(2000)}`, { headers: EVENTS });
  const { launched, transport, net, errors } = await world(serve({ "tools/call": big }), {
    maxMessageBytes: 1000,
  });
  await transport.send(INITIALIZE);
  await transport.send(CALL);
  assert.deepEqual(await launched.exited, {
    reason: "it sent a message of more than 1000 bytes",
  });
  assert.ok(errors[0] instanceof AppError && errors[0].code === "TOO_LARGE");
  await pass(20);
  assert.equal(net.requests.filter(({ method }) => method === "GET").length, 0);
});

Deno.test("what the SDK cannot read is in the log, cleaned", async () => {
  const odd = () =>
    new Response(
      'data: {"no": "message\u202e"}\n\ndata: {"jsonrpc":"2.0","id":2,"result":{}}\n\n',
      {
        headers: EVENTS,
      },
    );
  const { launched, transport, messages, clock } = await world(serve({ "tools/call": odd }));
  await transport.send(INITIALIZE);
  await transport.send(CALL);
  await settle();
  assert.deepEqual(messages.at(-1), { jsonrpc: "2.0", id: 2, result: {} });
  assert.equal(launched.logTail(9).length >= 1, true);
  assert.doesNotMatch(launched.logTail(9).join(), /\u202e/);
  await clock.advance(1000);
  await launched.stop(0);
});

const CANCEL: JSONRPCMessage = {
  jsonrpc: "2.0",
  method: "notifications/cancelled",
  params: { requestId: 2 },
};

Deno.test("a cancellation follows its request, and does not wait for a silent server for long", async () => {
  const head = Promise.withResolvers<void>();
  const { launched, transport, clock, net } = await world(serve({
    "tools/call": async () => {
      await head.promise;
      return new Response(new ReadableStream(), { headers: EVENTS });
    },
  }));
  await transport.send(INITIALIZE);
  const posted = () => net.requests.filter(({ body }) => String(body).includes("cancelled")).length;
  const sent = transport.send(CALL).catch(() => {});
  const cancelled = transport.send(CANCEL);
  await pass(10);
  assert.equal(posted(), 0, "the server does not know yet what is cancelled");
  head.resolve();
  await Promise.all([sent, cancelled]);
  assert.equal(posted(), 1);
  // What was answered or never asked is waited for even less.
  await transport.send(CANCEL);
  assert.deepEqual([posted(), clock.sleeping], [2, 0]);
  await launched.stop(0);
});

Deno.test("a cancellation gets to the server before the end of the session", async () => {
  const { launched, transport, clock, net } = await world(
    serve({ "tools/call": () => new Promise(() => {}) }),
  );
  await transport.send(INITIALIZE);
  void transport.send(CALL).catch(() => {});
  const cancelled = transport.send(CANCEL);
  const stopped = launched.stop(1_000);
  await Promise.all([cancelled, stopped]);
  assert.deepEqual(
    net.requests.slice(-2).map(({ method, body = "" }) => [method, /cancelled/.test(String(body))]),
    [["POST", true], ["DELETE", false]],
  );
  assert.equal(clock.sleeping, 0);
});

Deno.test("a request that was cancelled leaves nothing open, be its answer begun or not", async () => {
  const never = () => new ReadableStream<Uint8Array>();
  const answers: Readonly<Record<string, () => Response | Promise<Response>>> = {
    "a stream without an end": () => new Response(never(), { headers: EVENTS }),
    "one that can be resumed": () =>
      new Response(
        new ReadableStream({
          start: (controller) =>
            controller.enqueue(new TextEncoder().encode("retry: 1\nid: 7\ndata:\n\n")),
        }),
        { headers: EVENTS },
      ),
    "no head": () => new Promise(() => {}),
  };
  for (const [name, answer] of Object.entries(answers)) {
    const { launched, transport, clock, net, closes, messages } = await world(
      serve({ "tools/call": answer, GET: resumable }),
    );
    await transport.send(INITIALIZE);
    const sent = transport.send(CALL).catch(() => {});
    await pass(5);
    const cancelled = transport.send(CANCEL);
    await clock.advance(1_000);
    await Promise.all([sent, cancelled]);
    await pass(30);
    assert.equal(net.open, 0, name);
    assert.deepEqual(net.requests.filter(({ method }) => method === "GET"), [], name);
    // The connection is as good as before.
    await transport.send({ jsonrpc: "2.0", id: 3, method: "tools/list" });
    await pass(5);
    assert.deepEqual([messages.length, closes(), launched.logTail(9)], [2, 0, []], name);
    await launched.stop(0);
    assert.equal(clock.sleeping, 0, name);
  }
});

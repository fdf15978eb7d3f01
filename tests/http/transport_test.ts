/**
 * Tests of lib/http/transport.ts. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { LargeString } from "../../lib/core/large_json.ts";
import { MemoryEventStore } from "../../lib/http/event_store.ts";
import { HttpTransport } from "../../lib/http/transport.ts";
import { FakeClock } from "../fake_clock.ts";

const LARGE = new LargeString([
  new TextEncoder().encode(`"${"x".repeat(70_000)}`),
  new TextEncoder().encode(`\\n${"y".repeat(70_000)}"`),
]);
const TEXT = LARGE.toJSON();

const HEADERS = {
  "content-type": "application/json",
  "accept": "application/json, text/event-stream",
  "mcp-protocol-version": "2025-11-25",
};

function post(body: unknown, headers: Record<string, string> = {}): Request {
  return new Request("http://localhost/mcp", {
    method: "POST",
    headers: { ...HEADERS, ...headers },
    body: JSON.stringify(body),
  });
}

/** A session that answers each call with a large result. */
async function open(json: boolean, clock?: FakeClock): Promise<{
  readonly transport: HttpTransport;
  readonly session: Record<string, string>;
}> {
  const transport = new HttpTransport({
    sessionIdGenerator: () => "session",
    enableJsonResponse: json,
    eventStore: new MemoryEventStore(),
  }, clock);
  transport.onmessage = (message) => {
    if (!("id" in message) || !("method" in message)) return;
    const { id } = message;
    const plain = message.method === "tools/call" && message.id === "plain";
    const text = plain ? TEXT : LARGE;
    const content = [{ type: "text", text }, { type: "text", text: "short" }];
    const isCall = message.method === "tools/call";
    // The SDK's type has no place for it, and the transport writes whatever there is.
    void transport.send({ jsonrpc: "2.0", id, result: isCall ? { content } : {} });
  };
  await transport.start();
  const params = {
    protocolVersion: "2025-11-25",
    capabilities: {},
    clientInfo: { name: "t", version: "1" },
  };
  const begun = await handle(transport, { id: 0, method: "initialize", params });
  await begun.text();
  return { transport, session: { "mcp-session-id": "session" } };
}

function handle(
  transport: HttpTransport,
  call: { readonly id: unknown; readonly method: string; readonly params?: unknown },
  more: { readonly session?: Record<string, string>; readonly onEnd?: () => void } = {},
): Promise<Response> {
  const body = { jsonrpc: "2.0", ...call };
  return transport.handleRequest(post(body, more.session), {
    parsedBody: body,
    ...(more.onEnd === undefined ? {} : { onEnd: more.onEnd }),
  });
}

/** Shows the large text as its name. */
function textsOf(message: unknown): readonly string[] {
  const { result } = message as { result?: { content?: { text: string }[] } };
  return result?.content?.map(({ text }) => text === TEXT ? "large" : text.slice(0, 100)) ?? [];
}

Deno.test("HttpTransport sends large strings in events, and again to a client that resumes", async () => {
  const { transport, session } = await open(false);
  let ends = 0;
  const answer = await handle(transport, { id: 1, method: "tools/call" }, {
    session,
    onEnd: () => void ends++,
  });
  assert.equal(ends, 0);
  const events = await answer.text();
  assert.equal(ends, 1);
  const messages = events.split("\n").filter((line) => line.startsWith("data: {"));
  assert.deepEqual(messages.map((line) => textsOf(JSON.parse(line.slice(6)))), [[
    "large",
    "short",
  ]]);

  const [, first] = /^id: (.+)$/m.exec(events) ?? [];
  assert.ok(first !== undefined);
  const { body } = await transport.handleRequest(
    new Request("http://localhost/mcp", {
      headers: { ...HEADERS, ...session, "last-event-id": first },
    }),
  );
  assert.ok(body !== null);
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let again = "";
  while (!again.includes("\n\n")) again += (await reader.read()).value ?? "\n\n";
  await reader.cancel();
  const [, json = ""] = /^data: (\{.*)$/m.exec(again) ?? [];
  assert.deepEqual(textsOf(JSON.parse(json)), ["large", "short"]);
  await transport.close();
});

Deno.test("HttpTransport sends large strings in a document", async () => {
  const { transport, session } = await open(true);
  const answer = await handle(transport, { id: "one", method: "tools/call" }, { session });
  assert.deepEqual(textsOf(await answer.json()), ["large", "short"]);
  await transport.close();
});

Deno.test("HttpTransport sends a long result the same way", async () => {
  const { transport, session } = await open(true);
  const answer = await handle(transport, { id: "plain", method: "tools/call" }, { session });
  assert.deepEqual(textsOf(await answer.json()), ["large", "short"]);
  await transport.close();
});

Deno.test("HttpTransport tells of an end that the client makes, and of one without a body", async () => {
  const { transport, session } = await open(false);
  let ends = 0;
  const onEnd = () => void ends++;
  const answer = await handle(transport, { id: 1, method: "tools/call" }, { session, onEnd });
  await answer.body?.cancel();
  assert.equal(ends, 1);
  const body = { jsonrpc: "2.0", method: "notifications/initialized" };
  const accepted = await transport.handleRequest(post(body, session), { parsedBody: body, onEnd });
  assert.equal(accepted.status, 202);
  assert.equal(ends, 2);
  await transport.close();
});

/** What a promise has come to by now. */
async function stateOf(promise: Promise<unknown>): Promise<"open" | "done"> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
  return await Promise.race([
    promise.then(() => "done" as const),
    Promise.resolve("open" as const),
  ]);
}

Deno.test("HttpTransport gives a short answer whole, and streams one that is long or takes long", async () => {
  const clock = new FakeClock();
  const { transport, session } = await open(false, clock);
  transport.onmessage = () => {};
  const ends: number[] = [];
  const ask = (id: number) =>
    handle(transport, { id, method: "x" }, { session, onEnd: () => void ends.push(id) });

  const short = ask(1);
  assert.equal(await stateOf(short), "open");
  await transport.send({ jsonrpc: "2.0", id: 1, result: { is: "short" } });
  const whole = await short;
  assert.deepEqual(ends, [1], "all of it was taken");
  assert.match(await whole.text(), /^id: .*\n(?:.*\n)*data: .*"is":"short"/);

  const long = ask(2);
  await transport.send({ jsonrpc: "2.0", id: 2, result: { text: "x".repeat(100_000) } });
  const streamed = await long;
  assert.deepEqual(ends, [1]);
  assert.match(await streamed.text(), /x{100000}/);
  assert.deepEqual(ends, [1, 2]);

  const slow = ask(3);
  await clock.advance(499);
  assert.equal(await stateOf(slow), "open");
  await clock.advance(1);
  const head = await slow;
  await transport.send({ jsonrpc: "2.0", id: 3, result: { is: "slow" } });
  assert.match(await head.text(), /^id: .*\n(?:.*\n)*data: .*"is":"slow"/);

  const told = ask(4);
  assert.equal(await stateOf(told), "open");
  await transport.send({ ...NOTE, params: { level: "info", data: "now" } }, {
    relatedRequestId: 4,
  });
  const early = await told;
  await transport.send({ jsonrpc: "2.0", id: 4, result: { is: "told" } });
  assert.match(await early.text(), /"now"(?:.*\n)*.*"is":"told"/);
  assert.deepEqual(ends, [1, 2, 3, 4]);
  await transport.close();
});

Deno.test("HttpTransport ends what waits when the session ends", async () => {
  const { transport, session } = await open(false, new FakeClock());
  transport.onmessage = () => {};
  let ends = 0;
  const answer = handle(transport, { id: 1, method: "x" }, { session, onEnd: () => void ends++ });
  assert.equal(await stateOf(answer), "open");
  await transport.close();
  await (await answer).text();
  assert.equal(ends, 1);
});

const NOTE = { jsonrpc: "2.0", method: "notifications/message" } as const;

Deno.test("HttpTransport drops notifications for a client that does not read, and no answer", async () => {
  const { transport, session } = await open(false);
  const problems: string[] = [];
  transport.onerror = ({ message }) => void problems.push(message);
  const call = { id: "slow", method: "slow" };
  transport.onmessage = () => {};
  const answer = await handle(transport, call, { session });
  for (let n = 0; n < 40_000; n++) {
    await transport.send({ ...NOTE, params: { level: "info", data: n } }, {
      relatedRequestId: "slow",
    });
  }
  await transport.send({ jsonrpc: "2.0", id: "slow", result: { done: true } });
  assert.deepEqual(problems, [
    "Cannot send to the client: it does not read, notifications are dropped",
  ]);
  const text = await answer.text();
  const count = text.split("notifications/message").length - 1;
  assert.ok(count >= 31_999 && count <= 32_000, String(count));
  assert.match(text, /"done":true/);
  await transport.close();
});

Deno.test("HttpTransport bounds what waits by its size, and goes on when it was read", async () => {
  const { transport, session } = await open(false);
  transport.onmessage = () => {};
  const answer = await handle(transport, { id: "slow", method: "slow" }, { session });
  const data = "x".repeat(4 * 1024 * 1024);
  const send = async (from: number) => {
    for (let n = from; n < from + 10; n++) {
      await transport.send({ ...NOTE, params: { n, data } }, { relatedRequestId: "slow" });
    }
  };
  await send(0);
  assert.ok(answer.body !== null);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const readUntil = async (word: string) => {
    while (!text.includes(word)) text += (await reader.read()).value ?? assert.fail(word);
  };
  await readUntil('"n":3');
  await send(10);
  await readUntil('"n":12');
  await transport.send({ jsonrpc: "2.0", id: "slow", result: {} });
  await readUntil('"result"');
  const seen = [...text.matchAll(/"n":(\d+)/g)].map(([, n]) => Number(n));
  assert.ok(!seen.includes(9) && seen.includes(0) && seen.includes(10), seen.join());
  await reader.cancel();
  await transport.close();
});

Deno.test("HttpTransport gives a client up that lets hundreds of megabytes wait", async () => {
  const { transport, session } = await open(false);
  let isClosed = false;
  transport.onclose = () => void (isClosed = true);
  transport.onmessage = () => {};
  const answers: Response[] = [];
  const result = { content: [{ type: "text", text: "x".repeat(16 * 1024 * 1024) }] };
  for (let id = 1; id < 40 && !isClosed; id++) {
    answers.push(await handle(transport, { id, method: "slow" }, { session }));
    await transport.send({ jsonrpc: "2.0", id, result });
  }
  assert.equal(isClosed, true);
  assert.ok(answers.length < 20, String(answers.length));
  await Promise.all(answers.map((answer) => answer.body?.cancel().catch(() => {})));
});

const QUESTION = { jsonrpc: "2.0", id: 7, method: "roots/list" } as const;
const UNHEARD = { message: "Cannot ask the client: it listens to no stream" };

function listen(
  transport: HttpTransport,
  session: Record<string, string>,
  lastEvent?: string,
): Promise<Response> {
  const last = lastEvent === undefined ? {} : { "last-event-id": lastEvent };
  const headers = { ...HEADERS, ...session, ...last };
  return transport.handleRequest(new Request("http://localhost/mcp", { headers }));
}

Deno.test("HttpTransport refuses a question that no stream can bring to the client", async () => {
  const { transport, session } = await open(false);
  transport.onmessage = () => {};
  await assert.rejects(transport.send(QUESTION), UNHEARD);
  // Within a request its own stream is there.
  const answer = await handle(transport, { id: "slow", method: "slow" }, { session });
  await transport.send(QUESTION, { relatedRequestId: "slow" });
  await transport.send({ jsonrpc: "2.0", id: "slow", result: {} });
  assert.match(await answer.text(), /"roots\/list"/);
  const stream = await listen(transport, session);
  await transport.send(QUESTION);
  const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("roots/list")) text += (await reader?.read())?.value ?? assert.fail(text);
  await reader?.cancel();
  // What is sent between two of its streams waits for the client to come back.
  const [, last] = [...text.matchAll(/^id: (.+)$/gm)].at(-1) ?? [];
  await transport.send({ ...QUESTION, id: 8 });
  const again = await listen(transport, session, last);
  const rest = again.body?.pipeThrough(new TextDecoderStream()).getReader();
  assert.match((await rest?.read())?.value ?? "", /"id":8/);
  await rest?.cancel();
  await transport.close();
});

Deno.test("HttpTransport sends what goes before a document on the common stream", async () => {
  const { transport, session } = await open(true);
  transport.onmessage = () => {};
  const answer = handle(transport, { id: "slow", method: "slow" }, { session });
  await assert.rejects(transport.send(QUESTION, { relatedRequestId: "slow" }), UNHEARD);
  const stream = await listen(transport, session);
  await transport.send(QUESTION, { relatedRequestId: "slow" });
  await transport.send(NOTE, { relatedRequestId: "slow" });
  await transport.send({ jsonrpc: "2.0", id: "slow", result: { done: true } });
  assert.match(await (await answer).text(), /"done":true/);
  const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes(NOTE.method)) text += (await reader?.read())?.value ?? assert.fail(text);
  assert.match(text, /"roots\/list"/);
  await reader?.cancel();
  await transport.close();
});

Deno.test("HttpTransport counts what waits on the common stream, whatever else is asked for", async () => {
  const { transport, session } = await open(false);
  const problems: string[] = [];
  transport.onerror = ({ message }) => void problems.push(message);
  const answer = await handle(transport, { id: 1, method: "tools/call" }, { session });
  const [, ofAnswer] = /^id: (.+)$/m.exec(await answer.text()) ?? [];
  const stream = await listen(transport, session);
  // One that is refused, and one that goes on with an answer; both end.
  const second = await listen(transport, session);
  assert.equal(second.status, 409);
  await second.text();
  const resumed = await listen(transport, session, ofAnswer);
  assert.equal(resumed.status, 200);
  await resumed.body?.cancel();
  problems.length = 0;
  for (let n = 0; n < 33_000; n++) {
    await transport.send({ ...NOTE, params: { level: "info", data: n } });
  }
  assert.deepEqual(problems, [
    "Cannot send to the client: it does not read, notifications are dropped",
  ]);
  await stream.body?.cancel();
  await transport.close();
});

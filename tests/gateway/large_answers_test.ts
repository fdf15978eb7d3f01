/**
 * Tests of lib/gateway/large_answers.ts. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { LargeString } from "../../lib/core/large_json.ts";
import { LargeAnswers } from "../../lib/gateway/large_answers.ts";
import type { JSONRPCMessage } from "../../lib/gateway/sdk.ts";
import { settle } from "../fake_clock.ts";

const TEXT = "x".repeat(300_000);

/** What the SDK sees of a result that is large. */
const EMPTY: JSONRPCMessage = { jsonrpc: "2.0", id: 7, result: {} };

function answer(id: number, text = TEXT): string {
  return JSON.stringify({ jsonrpc: "2.0", id, result: { content: [{ type: "text", text }] } });
}

/** An answer that comes in chunks. */
function response(type: string, text: string, chunkBytes = 65_536): Response {
  const bytes = new TextEncoder().encode(text);
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    chunks.push(bytes.slice(at, at + chunkBytes));
  }
  return new Response(ReadableStream.from(chunks), { headers: { "content-type": type } });
}

/** The messages of a stream of events. */
function messagesOf(events: string): JSONRPCMessage[] {
  return events.split("\n").filter((line) => line.startsWith("data:"))
    .map((line) => JSON.parse(line.slice("data:".length)));
}

function largeOf(message: JSONRPCMessage): unknown {
  const { result } = message as unknown as { result: { content: [{ text: unknown }] } };
  return result.content[0].text;
}

const PROGRESS = '{"jsonrpc":"2.0","method":"notifications/progress","params":{}}';

interface Read {
  /** What did not go through the SDK, as plain JSON. */
  readonly delivered: readonly unknown[];
  /** What it reads. */
  readonly rest: Response;
}

async function read(large: LargeAnswers, whole: Response, id: number | undefined): Promise<Read> {
  const delivered: unknown[] = [];
  const rest = await large.read(whole, id, (message) => {
    delivered.push(JSON.parse(JSON.stringify(message)));
  });
  return { delivered, rest };
}

Deno.test("LargeAnswers reads a result that comes first, and whatever follows it", async () => {
  for (const chunkBytes of [100, 4096, 65_536, 1_000_000]) {
    for (const text of ["short", TEXT]) {
      const large = new LargeAnswers();
      large.expect(7);
      const events = `id: 0\nretry: 5\ndata:\n\n: hello\r\nevent: message\r\ndata: ${
        answer(7, text)
      }\r\n\r\ndata:${PROGRESS}\n\n`;
      const sent = response("text/event-stream", events, chunkBytes);
      sent.headers.set("mcp-session-id", "s");
      const { delivered, rest } = await read(large, sent, 7);
      assert.equal(rest.status, 202);
      assert.equal(rest.headers.get("mcp-session-id"), "s");
      await settle();
      assert.deepEqual(delivered, [JSON.parse(answer(7, text)), JSON.parse(PROGRESS)]);
    }
  }
});

Deno.test("LargeAnswers reads an error, and a document", async () => {
  const error = '{"jsonrpc":"2.0","id":7,"error":{"code":-32602,"message":"No"}}';
  for (
    const [type, body] of [
      ["text/event-stream", `data: ${error}\n\n`],
      ["application/json", error],
      ["application/json; charset=utf-8", answer(7)],
    ] as const
  ) {
    const large = new LargeAnswers();
    large.expect(7);
    const { delivered, rest } = await read(large, response(type, body), 7);
    assert.equal(rest.status, 202);
    assert.deepEqual(delivered, [JSON.parse(body.replace(/^data: /, ""))]);
  }
});

Deno.test("LargeAnswers delivers long strings as bytes", async () => {
  const large = new LargeAnswers();
  large.expect(7);
  const delivered: JSONRPCMessage[] = [];
  await large.read(response("text/event-stream", `data: ${answer(7)}\n\n`), 7, (message) => {
    delivered.push(message);
  });
  assert.ok(delivered[0] !== undefined && largeOf(delivered[0]) instanceof LargeString);
});

Deno.test("LargeAnswers takes a large result out of any other stream, and puts it in again", async () => {
  for (const chunkBytes of [1000, 4096, 65_536]) {
    const large = new LargeAnswers();
    large.expect(7);
    const events = `: hello\r\nevent: message\ndata: ${PROGRESS}\n\nid: 1\ndata: ${
      answer(7)
    }\n\ndata:${PROGRESS}\n\n`;
    const sent = response("text/event-stream", events, chunkBytes);
    const { delivered, rest } = await read(large, sent, 7);
    assert.deepEqual(delivered, []);
    const light = await rest.text();
    assert.ok(light.length < 1000, `${light.length} characters`);
    assert.match(light, /^: hello\r\nevent: message\n/);
    const [first, second, third] = messagesOf(light);
    assert.deepEqual(first, JSON.parse(PROGRESS));
    assert.deepEqual(third, JSON.parse(PROGRESS));
    assert.deepEqual(second, EMPTY);
    assert.ok(second !== undefined);
    const whole = large.complete(second);
    assert.ok(largeOf(whole) instanceof LargeString);
    assert.deepEqual(JSON.parse(JSON.stringify(whole)), JSON.parse(answer(7)));
    assert.equal(large.complete(second), second, "once");
  }
});

Deno.test("LargeAnswers leaves everything else to the SDK", async () => {
  const cases: readonly [type: string, body: string, id: number | undefined][] = [
    ["text/event-stream", `data: ${answer(7)}\n\n`, undefined],
    ["text/event-stream", `data: ${answer(7)}\n\n`, 8],
    ["text/event-stream", `data: ${answer(8)}\n\n`, 7],
    ["text/event-stream", `data: ${answer(7, "short")}`, 7],
    ["text/event-stream", `data: ${answer(7)}`.replace("{", "["), 7],
    ["text/event-stream", `event: ${answer(7)}\n\n`, 7],
    ["text/event-stream", `event: other\ndata: ${answer(7, "short")}\n\n`, 7],
    ["text/event-stream", `data: ${answer(7)} and more\n\n`, 7],
    ["text/event-stream", "id: 1\ndata:\n\n", 7],
    ["text/event-stream", "", 7],
    ["application/json", answer(8), 7],
    ["application/json", answer(7).slice(0, -1), 7],
    ["application/json", "", 7],
    ["text/html", answer(7), 7],
  ];
  for (const [type, body, id] of cases) {
    const large = new LargeAnswers();
    large.expect(7);
    const { delivered, rest } = await read(large, response(type, body), id);
    assert.deepEqual(delivered, []);
    assert.ok(await rest.text() === body, `${type}: ${body.slice(0, 60)}`);
  }
});

Deno.test("LargeAnswers lets the SDK see where a stream breaks off", async () => {
  const large = new LargeAnswers();
  large.expect(7);
  const begin = new TextEncoder().encode("id: 1\ndata:\n\n");
  const broken = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start: (controller) => controller.enqueue(begin),
    pull: (controller) => controller.error(new Error("broken")),
  }, { highWaterMark: 0 });
  const headers = { "content-type": "text/event-stream" };
  const { delivered, rest } = await read(large, new Response(broken, { headers }), 7);
  assert.deepEqual(delivered, []);
  const reader = rest.body?.getReader();
  assert.deepEqual((await reader?.read())?.value, begin);
  await assert.rejects(async () => await reader?.read(), /broken/);
});

Deno.test("LargeAnswers forgets a request that is over", async () => {
  const large = new LargeAnswers();
  large.expect(7);
  const events = `data: ${PROGRESS}\n\ndata: ${answer(7)}\n\n`;
  await (await read(large, response("text/event-stream", events), 7)).rest.text();
  large.forget(7);
  assert.equal(large.complete(EMPTY), EMPTY);
  const { rest } = await read(large, response("application/json", answer(7)), 7);
  assert.equal(await rest.text(), answer(7));
});

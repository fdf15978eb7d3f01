/**
 * Tests of lib/gateway/large_answers.ts. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { LargeString } from "../../lib/core/large_json.ts";
import { LargeAnswers } from "../../lib/gateway/large_answers.ts";
import type { JSONRPCMessage } from "../../lib/gateway/sdk.ts";

const TEXT = "x".repeat(300_000);

/** What the SDK sees of it. */
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

Deno.test("LargeAnswers takes a large result out of a stream, and puts it in again", async () => {
  for (const chunkBytes of [1000, 4096, 65_536]) {
    const large = new LargeAnswers();
    large.expect(7);
    const progress = '{"jsonrpc":"2.0","method":"notifications/progress","params":{}}';
    const events = `: hello\r\nevent: message\ndata: ${progress}\n\nid: 1\ndata: ${
      answer(7)
    }\n\ndata:${progress}\n\n`;
    const light = await large.lighten(response("text/event-stream", events, chunkBytes), 7).text();
    assert.ok(light.length < 1000, `${light.length} characters`);
    assert.match(light, /^: hello\r\nevent: message\n/);
    const [first, second, third] = messagesOf(light);
    assert.deepEqual(first, JSON.parse(progress));
    assert.deepEqual(third, JSON.parse(progress));
    assert.deepEqual(second, EMPTY);
    assert.ok(second !== undefined);
    const whole = large.complete(second);
    assert.ok(largeOf(whole) instanceof LargeString);
    assert.deepEqual(JSON.parse(JSON.stringify(whole)), JSON.parse(answer(7)));
    assert.equal(large.complete(second), second, "once");
  }
});

Deno.test("LargeAnswers does the same for a document", async () => {
  const large = new LargeAnswers();
  large.expect(7);
  const light = await large.lighten(response("application/json", answer(7)), 7).json();
  assert.deepEqual(light, EMPTY);
  assert.deepEqual(JSON.parse(JSON.stringify(large.complete(EMPTY))), JSON.parse(answer(7)));
});

Deno.test("LargeAnswers leaves everything else as it is", async () => {
  const cases: readonly [type: string, body: string, id: number | undefined][] = [
    ["text/event-stream", `data: ${answer(7)}\n\n`, undefined],
    ["text/event-stream", `data: ${answer(7)}\n\n`, 8],
    ["text/event-stream", `data: ${answer(8)}\n\n`, 7],
    ["text/event-stream", `data: ${answer(7, "short")}\n\n`, 7],
    ["text/event-stream", `data: ${answer(7)}`.replace("{", "["), 7],
    ["text/event-stream", `event: ${answer(7)}\n\n`, 7],
    ["text/event-stream", `data: ${answer(7)} and more\n\n`, 7],
    ["application/json", answer(8), 7],
    ["application/json", answer(7).slice(0, -1), 7],
    ["application/json", "", 7],
    ["text/html", answer(7), 7],
  ];
  for (const [type, body, id] of cases) {
    const large = new LargeAnswers();
    large.expect(7);
    assert.equal(await large.lighten(response(type, body), id).text(), body);
  }
});

Deno.test("LargeAnswers forgets a request that is over", async () => {
  const large = new LargeAnswers();
  large.expect(7);
  await large.lighten(response("application/json", answer(7)), 7).json();
  large.forget(7);
  assert.equal(large.complete(EMPTY), EMPTY);
  const later = large.lighten(response("application/json", answer(7)), 7);
  assert.equal(await later.text(), answer(7));
});

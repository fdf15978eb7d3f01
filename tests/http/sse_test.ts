/**
 * Tests of lib/http/sse.ts. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { SseTransport } from "../../lib/http/sse.ts";
import { FakeClock } from "../fake_clock.ts";

const MIB = 1024 * 1024;

/** A session whose client reads when it is told to. */
function open() {
  const transport = new SseTransport("/messages", new FakeClock());
  const problems: string[] = [];
  let isClosed = false;
  transport.onerror = ({ message }) => void problems.push(message);
  transport.onclose = () => void (isClosed = true);
  const { body } = transport.open();
  assert.ok(body !== null);
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  return { transport, problems, reader, isClosed: () => isClosed };
}

const resultOf = (id: number, bytes: number) => ({
  jsonrpc: "2.0" as const,
  id,
  result: { text: "x".repeat(bytes) },
});

Deno.test("SseTransport sends large results one after the other, also to a client that is slow", async () => {
  const { transport, problems, reader, isClosed } = open();
  for (const id of [1, 2, 3]) await transport.send(resultOf(id, 20 * MIB));
  await transport.send({ jsonrpc: "2.0", id: "q", method: "roots/list" });
  let text = "";
  while (!text.includes("roots/list")) {
    const { value = assert.fail("it ended") } = await reader.read();
    text = text.slice(-100) + value;
  }
  assert.deepEqual([problems, isClosed()], [[], false]);
  await reader.cancel();
});

Deno.test("SseTransport drops notifications for a client that does not read, and gives it up in the end", async () => {
  const { transport, problems, reader, isClosed } = open();
  const note = (n: number) =>
    transport.send({
      jsonrpc: "2.0",
      method: "notifications/message",
      params: { level: "info", data: `${n} ${"x".repeat(MIB)}` },
    });
  for (let n = 0; n < 40; n++) await note(n);
  await transport.send(resultOf(1, 10));
  assert.deepEqual(problems, [
    "Cannot send to the client: it does not read, notifications are dropped",
  ]);
  let text = "";
  while (!text.includes('"result"')) text += (await reader.read()).value ?? assert.fail("it ended");
  const seen = text.split("notifications/message").length - 1;
  assert.ok(seen >= 15 && seen <= 20, String(seen));
  // Now that all is read, there is room again.
  await note(77);
  assert.match((await reader.read()).value ?? "", /"77 x/);
  assert.equal(isClosed(), false);
  for (let id = 2; id < 20 && !isClosed(); id++) await transport.send(resultOf(id, 20 * MIB));
  assert.equal(isClosed(), true);
  assert.equal(problems.at(-1), "Cannot send to the client: it does not read, its session ends");
  await reader.cancel();
});

Deno.test("SseTransport counts requests until their answer, their cancellation or the end", async () => {
  const transport = new SseTransport("/messages", new FakeClock());
  const { body } = transport.open();
  const request = (id: number) =>
    transport.receive({ jsonrpc: "2.0", id, method: "tools/call", params: {} });
  for (const id of [1, 2, 3]) request(id);
  transport.receive({ jsonrpc: "2.0", method: "notifications/initialized" });
  assert.equal(transport.calls, 3);
  // A question of the server's is no answer, whatever its id.
  await transport.send({ jsonrpc: "2.0", id: 1, method: "ping" });
  assert.equal(transport.calls, 3);
  await transport.send({ jsonrpc: "2.0", id: 1, result: {} });
  transport.receive({
    jsonrpc: "2.0",
    method: "notifications/cancelled",
    params: { requestId: 2 },
  });
  assert.equal(transport.calls, 1);
  await transport.close();
  assert.equal(transport.calls, 0);
  await body?.cancel();
});

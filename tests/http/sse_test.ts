/** The older transport, without a server behind it. Needs no permission. @module */

import assert from "node:assert/strict";
import { SseTransport } from "../../lib/http/sse.ts";
import { FakeClock } from "../fake_clock.ts";

Deno.test("SseTransport drops a client that does not read, and says so once", async () => {
  const transport = new SseTransport("/messages", new FakeClock());
  const problems: string[] = [];
  let closed = 0;
  transport.onerror = ({ message }) => void problems.push(message);
  transport.onclose = () => closed++;
  const { body } = transport.open();
  assert.ok(body !== null);
  const text = "x".repeat(1024 * 1024);
  for (let sent = 0; sent < 40; sent++) {
    await transport.send({ jsonrpc: "2.0", method: "notifications/message", params: { text } });
  }
  assert.deepEqual(problems, ["Cannot send to the client: it does not read its stream"]);
  assert.ok(transport.ended.aborted);
  assert.equal(closed, 1);
  // What waited for it is bounded, and ends.
  const { byteLength } = await new Response(body).bytes();
  assert.ok(byteLength > 16 * text.length && byteLength < 18 * text.length, `${byteLength}`);
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

/**
 * Tests of how requests are taken back, by way of the conversation that they are part of. Needs no
 * permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type JsonObject, Peer, type RpcCall } from "../../lib/rpc/mod.ts";
import { FakeClock } from "../fake_clock.ts";
import { FakeLog } from "../fake_log.ts";
import { InMemoryTransport } from "../sdk.ts";

type Sent = Record<string, unknown>;

/** A peer whose handler never answers, and the other side of it. */
async function open(answersCancelled?: boolean) {
  const [ours, theirs] = InMemoryTransport.createLinkedPair();
  const clock = new FakeClock();
  const asked: { readonly call: RpcCall; readonly signal: AbortSignal }[] = [];
  const peer = new Peer({
    transport: ours,
    clock,
    log: new FakeLog(),
    name: "test",
    ...(answersCancelled === undefined ? {} : { answersCancelled }),
    onRequest: (call, { signal }) => {
      asked.push({ call, signal });
      if (call.method === "answer") return Promise.resolve({ done: true });
      const { promise, reject } = Promise.withResolvers<JsonObject>();
      signal.addEventListener("abort", () => reject(signal.reason));
      return promise;
    },
    onNotification: () => {},
    onTransport: () => {},
  });
  const got: Sent[] = [];
  theirs.onmessage = (message) => void got.push({ ...message });
  await peer.start();
  await theirs.start();
  const turn = () => new Promise((resolve) => setTimeout(resolve, 0));
  return {
    clock,
    asked,
    got,
    async request(id: string | number, method = "hold") {
      await theirs.send({ jsonrpc: "2.0", id, method });
      await turn();
    },
    async cancel(requestId: string | number) {
      await theirs.send({
        jsonrpc: "2.0",
        method: "notifications/cancelled",
        params: { requestId },
      });
      await turn();
    },
  };
}

const REFUSAL = { code: -32800, message: "Request cancelled" };

Deno.test("Peer gives a cancelled request no answer, unless it takes up a stream", async () => {
  for (const answersCancelled of [undefined, false, true]) {
    const { request, cancel, asked, got } = await open(answersCancelled);
    await request("a");
    await cancel("a");
    assert.equal(asked[0]?.signal.aborted, true);
    assert.deepEqual(
      got,
      answersCancelled === true ? [{ jsonrpc: "2.0", id: "a", error: REFUSAL }] : [],
    );
  }
});

Deno.test("Peer takes a cancellation that comes before its request", async () => {
  const { request, cancel, asked, got } = await open(true);
  await cancel(7);
  await request(7);
  assert.deepEqual(asked, []);
  assert.deepEqual(got, [{ jsonrpc: "2.0", id: 7, error: REFUSAL }]);
  // It is used up.
  await request(7, "answer");
  assert.deepEqual(got.at(-1), { jsonrpc: "2.0", id: 7, result: { done: true } });
});

Deno.test("Peer takes a number and its text for two ids", async () => {
  const { request, cancel, asked } = await open();
  await cancel("7");
  await request(7);
  assert.equal(asked[0]?.signal.aborted, false);
});

Deno.test("Peer takes a cancellation that comes too late for nothing", async () => {
  const { request, cancel, asked, got } = await open();
  await request(1, "answer");
  await cancel(1);
  await request(1, "answer");
  assert.equal(asked.length, 2);
  assert.equal(got.length, 2);
});

Deno.test("Peer forgets a cancellation of what does not come", async () => {
  const { request, cancel, asked, clock } = await open();
  await cancel(1);
  await clock.advance(10_000);
  await request(1, "answer");
  assert.equal(asked.length, 1);
  for (let id = 0; id <= 1_000; id++) await cancel(`x${id}`);
  await request("x0", "answer");
  await request("x1000", "answer");
  assert.equal(asked.length, 2, "only the newest are kept");
});

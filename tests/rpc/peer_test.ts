/**
 * A conversation over a transport that a test looks into. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/rpc/mod.ts";
import { Peer } from "../../lib/rpc/mod.ts";
import type { JSONRPCMessage, PeerSendOptions, Transport } from "../../lib/rpc/sdk.ts";
import { FakeClock } from "../fake_clock.ts";
import { FakeLog } from "../fake_log.ts";

/** A peer, and what it sends. */
async function open(onRequest: () => Promise<JsonObject> = () => Promise.resolve({})) {
  const sent: { readonly message: unknown; readonly options: PeerSendOptions | undefined }[] = [];
  const transport: Transport = {
    start: () => Promise.resolve(),
    close: () => Promise.resolve(),
    send(message, options) {
      sent.push({ message, options });
      return Promise.resolve();
    },
  };
  const heard: unknown[] = [];
  const clock = new FakeClock();
  const peer = new Peer({
    transport,
    clock,
    log: new FakeLog(),
    name: "other",
    onRequest,
    onNotification: (notification) => heard.push(notification.method),
    onTransport: () => {},
  });
  await peer.start();
  // A test may send what the SDK's types do not know.
  const receive = (message: object) =>
    transport.onmessage?.({ jsonrpc: "2.0", ...message } as JSONRPCMessage);
  return { peer, sent, heard, receive };
}

Deno.test("Peer sends what belongs to a request by its way while that is open, and by the common one after", async () => {
  const answered = Promise.withResolvers<JsonObject>();
  const { peer, sent, receive } = await open(() => answered.promise);
  receive({ id: "r", method: "work" });
  await peer.notify({ method: "early" }, { relatedTo: "r" });
  answered.resolve({});
  while (sent.length < 2) await Promise.resolve();
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  await peer.notify({ method: "late" }, { relatedTo: "r" });
  assert.deepEqual(sent.map(({ options }) => options?.relatedRequestId), [
    "r",
    undefined,
    undefined,
  ]);
});

Deno.test("Peer shows a result before what follows it", async () => {
  const { peer, sent, heard, receive } = await open();
  const asked = peer.request({ method: "begin" }, {
    timeoutMs: 1_000,
    onResult: () => heard.push("result"),
  });
  assert.equal(sent.length, 1);
  receive({ id: 1, result: {} });
  receive({ method: "after" });
  assert.deepEqual(heard, ["result", "after"]);
  assert.deepEqual(await asked, {});
});

/**
 * Tests of lib/http/outlet.ts. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { withOutlet } from "../../lib/http/outlet.ts";

/** A source that a test feeds, and what came of it. */
function open(maxQueuedBytes?: number) {
  let source: ReadableStreamDefaultController<Uint8Array> | undefined;
  const ends: boolean[] = [];
  let cancelled: unknown;
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => void (source = controller),
    cancel: (reason) => void (cancelled = reason),
  });
  assert.ok(source !== undefined);
  const response = withOutlet(new Response(body, { status: 201, headers: { a: "b" } }), {
    onEnd: (isFull) => void ends.push(isFull),
    ...(maxQueuedBytes === undefined ? {} : { maxQueuedBytes }),
  });
  return { source, response, ends, cancelled: () => cancelled };
}

async function settle(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 0));
}

function bytes(length: number): Uint8Array {
  return new Uint8Array(length).fill(7);
}

Deno.test("withOutlet() passes an answer on, and tells when its last byte is taken", async () => {
  const { source, response, ends } = open(10);
  assert.deepEqual([response.status, response.headers.get("a")], [201, "b"]);
  source.enqueue(bytes(3));
  source.enqueue(bytes(100));
  source.close();
  await settle();
  assert.deepEqual(ends, [], "nobody has read yet");
  assert.deepEqual(await response.bytes(), bytes(103));
  assert.deepEqual(ends, [false]);
});

Deno.test("withOutlet() ends at once where there is no body, or nothing in it", async () => {
  const ends: boolean[] = [];
  const empty = new Response(null, { status: 202 });
  const onEnd = (isFull: boolean) => void ends.push(isFull);
  assert.equal(withOutlet(empty, { onEnd }), empty);
  assert.deepEqual(ends, [false]);
  const none = open();
  none.source.close();
  assert.equal(await none.response.text(), "");
  assert.deepEqual(none.ends, [false]);
});

Deno.test("withOutlet() breaks off when too much waits, and lets go of the source", async () => {
  const { source, response, ends, cancelled } = open(10);
  for (let part = 0; part < 4; part++) source.enqueue(bytes(4));
  await settle();
  assert.deepEqual(ends, [true]);
  assert.match(String(cancelled()), /it does not read/);
  await assert.rejects(response.bytes(), /it does not read/);
  assert.deepEqual(ends, [true]);
});

Deno.test("withOutlet() goes on for a client that reads in time", async () => {
  const { source, response, ends } = open(10);
  const reader = response.body?.getReader();
  for (let part = 0; part < 50; part++) {
    source.enqueue(bytes(8));
    assert.equal((await reader?.read())?.value?.length, 8);
  }
  source.close();
  assert.equal((await reader?.read())?.done, true);
  assert.deepEqual(ends, [false]);
});

Deno.test("withOutlet() tells the source that nobody wants it any more, and the client of its fault", async () => {
  const left = open();
  await left.response.body?.cancel("gone");
  assert.deepEqual([left.cancelled(), left.ends], ["gone", [false]]);
  const broken = open();
  broken.source.error(new TypeError("broken"));
  await assert.rejects(broken.response.text(), /broken/);
  assert.deepEqual(broken.ends, [false]);
});

/**
 * Tests of lib/http/event_store.ts. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { EventBudget, MemoryEventStore } from "../../lib/http/event_store.ts";

function message(id: number, text = "") {
  return { jsonrpc: "2.0" as const, id, result: { text } };
}

async function replayed(store: MemoryEventStore, after: string): Promise<number[]> {
  const ids: number[] = [];
  await store.replayEventsAfter(after, {
    send: (_eventId, event) => {
      if ("id" in event && typeof event.id === "number") ids.push(event.id);
      return Promise.resolve();
    },
  });
  return ids;
}

Deno.test("MemoryEventStore replays what followed on the same stream only", async () => {
  const store = new MemoryEventStore();
  const first = await store.storeEvent("a", message(1));
  await store.storeEvent("b", message(2));
  await store.storeEvent("a", message(3));
  assert.equal(await store.getStreamIdForEventId(first), "a");
  assert.deepEqual(await replayed(store, first), [3]);
});

Deno.test("MemoryEventStore gives nothing for an event that it does not keep", async () => {
  const store = new MemoryEventStore();
  await store.storeEvent("a", message(1));
  assert.equal(await store.getStreamIdForEventId("nope"), undefined);
  assert.deepEqual(await replayed(store, "nope"), []);
});

Deno.test("MemoryEventStore drops the oldest past its limits", async () => {
  const store = new MemoryEventStore({ maxEvents: 3, maxBytes: 1_000_000 });
  const ids: string[] = [];
  for (let id = 1; id <= 5; id++) ids.push(await store.storeEvent("a", message(id)));
  const kept = await Promise.all(ids.map((id) => store.getStreamIdForEventId(id)));
  assert.deepEqual(kept, [undefined, undefined, "a", "a", "a"]);
});

Deno.test("MemoryEventStore keeps to its bytes, but always the newest event", async () => {
  const store = new MemoryEventStore({ maxEvents: 1000, maxBytes: 2000 });
  const small = await store.storeEvent("a", message(1, "x".repeat(600)));
  const large = await store.storeEvent("a", message(2, "x".repeat(5000)));
  assert.equal(await store.getStreamIdForEventId(small), undefined);
  assert.equal(await store.getStreamIdForEventId(large), "a");
});

Deno.test("MemoryEventStore tells answers from other events", async () => {
  const store = new MemoryEventStore();
  const request = { jsonrpc: "2.0" as const, id: 1 };
  const answers = [
    await store.storeEvent("a", message(1)),
    await store.storeEvent("a", { ...request, error: { code: -32602, message: "no" } }),
  ];
  const others = [
    await store.storeEvent("a", { ...request, method: "ping" }),
    await store.storeEvent("a", { jsonrpc: "2.0", method: "notifications/message" }),
    "nope",
  ];
  assert.ok(answers.every((id) => store.isAnswer(id)));
  assert.ok(!others.some((id) => store.isAnswer(id)));
});

Deno.test("EventBudget keeps what all sessions have within its bytes: the oldest go, whosever", async () => {
  const message = { jsonrpc: "2.0", method: "x".repeat(100) } as const;
  const probe = new EventBudget(0);
  await new MemoryEventStore({ budget: probe }).storeEvent("s", message);
  const { bytes } = probe;
  assert.ok(bytes > JSON.stringify(message).length);
  const budget = new EventBudget(3 * bytes);
  const [ada, bob] = [new MemoryEventStore({ budget }), new MemoryEventStore({ budget })];
  const [first, second] = [await ada.storeEvent("s", message), await ada.storeEvent("s", message)];
  const [third, fourth] = [await bob.storeEvent("s", message), await bob.storeEvent("s", message)];
  const kept = async () =>
    [
      ...await Promise.all([first, second].map((id) => ada.getStreamIdForEventId(id))),
      ...await Promise.all([third, fourth].map((id) => bob.getStreamIdForEventId(id))),
    ].map((stream) => stream !== undefined);
  assert.deepEqual(await kept(), [false, true, true, true]);
  assert.equal(budget.bytes, 3 * bytes);
  ada.clear();
  assert.deepEqual(await kept(), [false, false, true, true]);
  assert.equal(budget.bytes, 2 * bytes);
  bob.clear();
  assert.equal(budget.bytes, 0);
});

Deno.test("EventBudget keeps an event that is larger than all the room, until the next one comes", async () => {
  const budget = new EventBudget(1);
  const store = new MemoryEventStore({ budget });
  const only = await store.storeEvent("s", message(1));
  assert.equal(await store.getStreamIdForEventId(only), "s");
  const next = await store.storeEvent("s", message(2));
  assert.equal(await store.getStreamIdForEventId(only), undefined);
  assert.equal(await store.getStreamIdForEventId(next), "s");
});

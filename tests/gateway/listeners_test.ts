/**
 * Tests of lib/gateway/listeners.ts. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { AppError } from "../../lib/core/errors.ts";
import { Listeners } from "../../lib/gateway/listeners.ts";
import { FakeLog } from "../fake_log.ts";

Deno.test("Listeners tell all, whoever fails or leaves on the way", async () => {
  const log = new FakeLog();
  const listeners = new Listeners<number>({ log, name: "memory" });
  const heard: string[] = [];
  const fault = new AppError("INTERNAL", "Cannot hear: deaf");
  const note = (event: number): void => void heard.push(`note ${event}`);
  listeners.add(() => {
    throw fault;
  });
  listeners.add(() => Promise.reject(fault));
  const removeFirst = listeners.add(note);
  listeners.add(note);
  listeners.add((event) => {
    heard.push(`last ${event}`);
    removeFirst();
  });
  listeners.tell(1);
  listeners.tell(2);
  await Promise.resolve();
  await Promise.resolve();
  assert.deepEqual(heard, ["note 1", "note 1", "last 1", "note 2", "last 2"]);
  assert.equal(log.records.length, 4);
  assert.deepEqual(log.records[0], {
    level: "error",
    message: "a listener failed",
    fields: { server: "memory", message: "Cannot hear: deaf" },
  });
});

Deno.test("Listeners lose events of who falls behind, and say how many", async () => {
  const log = new FakeLog();
  const listeners = new Listeners<number>({ log, name: "memory", maxPending: 3 });
  const { promise, resolve } = Promise.withResolvers<void>();
  const heard: number[] = [];
  listeners.add((event) => {
    heard.push(event);
    return promise;
  });
  for (let event = 0; event < 150; event++) listeners.tell(event);
  assert.deepEqual(heard, [0, 1, 2]);
  assert.deepEqual(log.records.map(({ fields }) => fields.count), [1, 10, 100]);
  resolve();
  await new Promise((done) => setTimeout(done, 0));
  listeners.tell(150);
  assert.deepEqual(heard, [0, 1, 2, 150]);
});

import assert from "node:assert/strict";
import { FakeClock } from "./fake_clock.ts";

Deno.test("FakeClock stands still until it is moved", async () => {
  const clock = new FakeClock(1000);
  const order: string[] = [];
  const late = clock.sleep(200).then(() => order.push(`late at ${clock.now()}`));
  const early = clock.sleep(100).then(async () => {
    order.push(`early at ${clock.now()}`);
    await clock.sleep(50);
    order.push(`again at ${clock.now()}`);
  });
  assert.deepEqual(clock.pendingMs, [100, 200]);
  await clock.advance(99);
  assert.deepEqual(order, []);
  await clock.advance(201);
  assert.deepEqual(order, ["early at 1100", "again at 1150", "late at 1200"]);
  assert.equal(clock.now(), 1300);
  assert.equal(clock.sleeping, 0);
  await Promise.all([late, early]);
});

Deno.test("FakeClock sleep() ends with the signal", async () => {
  const clock = new FakeClock();
  const caller = new AbortController();
  const slept = assert.rejects(clock.sleep(100, caller.signal), { code: "CANCELLED" });
  caller.abort();
  await slept;
  assert.equal(clock.sleeping, 0);
  await assert.rejects(clock.sleep(100, AbortSignal.abort()), { code: "CANCELLED" });
});

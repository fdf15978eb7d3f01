/**
 * Tests of lib/gateway/restarts.ts. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Restarts } from "../../lib/gateway/restarts.ts";
import { FakeClock } from "../fake_clock.ts";
import { FakeLog } from "../fake_log.ts";

/** Restarts of a server that starts, or not, as a test says. */
function make(start: () => Promise<unknown>) {
  const clock = new FakeClock();
  const log = new FakeLog();
  const states: string[] = [];
  const onState = (state: string) => void states.push(state);
  return {
    restarts: new Restarts({ clock, log, id: "ours/a", start, onState }),
    clock,
    log,
    states,
  };
}

const away = () => Promise.reject(new Error("away"));

Deno.test("Restarts try at longer intervals, and give up", async () => {
  const { restarts, clock, log, states } = make(away);
  restarts.begin(0);
  for (const [index, waitMs] of [1000, 2000, 4000, 8000, 16_000].entries()) {
    await clock.advance(waitMs - 1);
    assert.equal(restarts.count, index);
    await clock.advance(1);
    assert.equal(restarts.count, index + 1);
  }
  assert.deepEqual(states, [...Array(5).fill("restarting"), "failed"]);
  assert.equal(log.records.length, 5);
  assert.equal(clock.sleeping, 0);
  // One that has used them all is not tried again.
  restarts.begin(0);
  await clock.advance(60_000);
  assert.deepEqual([restarts.count, states.at(-1)], [5, "failed"]);
});

Deno.test("Restarts end with a start, and go on from there when that does not last", async () => {
  let starts = 0;
  const { restarts, clock, states } = make(() => ++starts === 1 ? away() : Promise.resolve());
  restarts.begin(0);
  await clock.advance(60_000);
  assert.deepEqual([starts, states, clock.sleeping], [2, ["restarting", "restarting"], 0]);
  restarts.begin(60_000);
  await clock.advance(3_999);
  assert.equal(starts, 2);
  await clock.advance(1);
  assert.equal(starts, 3);
  // What has run for a while begins anew.
  restarts.begin(60_001);
  await clock.advance(1_000);
  assert.equal(starts, 4);
});

Deno.test("Restarts.stop() ends a wait, and the tries after one that runs", async () => {
  const starting = Promise.withResolvers<never>();
  const { restarts, clock, log, states } = make(() => starting.promise);
  restarts.begin(0);
  restarts.stop();
  await clock.advance(60_000);
  assert.deepEqual([restarts.count, clock.sleeping], [0, 0]);
  restarts.begin(0);
  await clock.advance(2_000);
  assert.equal(restarts.count, 1);
  restarts.stop();
  starting.reject(new Error("away"));
  await clock.advance(60_000);
  assert.deepEqual([restarts.count, clock.sleeping, log.records], [1, 0, []]);
  assert.ok(!states.includes("failed"));
});

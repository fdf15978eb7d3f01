/**
 * Tests of lib/core/burst.ts. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Burst } from "../../lib/core/burst.ts";
import { FakeClock } from "../fake_clock.ts";

function make(): { clock: FakeClock; burst: Burst<string>; runs: string[][]; free: () => void } {
  const clock = new FakeClock();
  const runs: string[][] = [];
  let hold: Promise<void> | undefined;
  let free = (): void => {};
  const burst = new Burst<string>({
    clock,
    run: async (items) => {
      runs.push([...items]);
      const { promise, resolve } = Promise.withResolvers<void>();
      hold = runs.length === 1 ? promise : undefined;
      free = resolve;
      await hold;
    },
  });
  return { clock, burst, runs, free: () => free() };
}

Deno.test("Burst runs once for many calls, and again for what comes while it runs", async () => {
  const { clock, burst, runs, free } = make();
  for (let index = 0; index < 1_000; index++) burst.add(index % 2 === 0 ? "a" : "b");
  await clock.advance(99);
  assert.deepEqual(runs, []);
  await clock.advance(1);
  assert.deepEqual(runs, [["a", "b"]]);
  burst.add("c");
  burst.add("c");
  await clock.advance(5_000);
  assert.equal(runs.length, 1, "never two runs at a time");
  free();
  await clock.advance(999);
  assert.equal(runs.length, 1);
  await clock.advance(1);
  assert.deepEqual(runs[1], ["c"]);
  await clock.advance(5_000);
  assert.equal(runs.length, 2);
  burst.add("d");
  await clock.advance(100);
  assert.deepEqual(runs[2], ["d"]);
  burst[Symbol.dispose]();
  await clock.advance(0);
  assert.equal(clock.sleeping, 0);
});

Deno.test("Burst drops what waits when it is disposed of", async () => {
  const { clock, burst, runs } = make();
  burst.add("a");
  burst[Symbol.dispose]();
  burst.add("b");
  await clock.advance(5_000);
  assert.deepEqual(runs, []);
  assert.equal(clock.sleeping, 0);
});

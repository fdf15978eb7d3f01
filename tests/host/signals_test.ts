/**
 * Tests of lib/host/signals.ts. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { stopper } from "../../lib/host/signals.ts";

Deno.test("stopper() begins to end once, and takes signals that come with the first for its echo", () => {
  let now = 1000;
  const done: (string | number)[] = [];
  const stop = stopper({ now: () => now }, {
    begin: () => void done.push("begin"),
    end: (code) => void done.push(code),
  });
  stop();
  stop();
  now += 499;
  stop();
  assert.deepEqual(done, ["begin"]);
  now += 1;
  stop();
  assert.deepEqual(done, ["begin", 130]);
});

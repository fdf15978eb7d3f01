/**
 * Parts that are loaded when they are asked for. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { once } from "../../lib/core/late.ts";

Deno.test("once() makes a part at the first question, and no second time", async () => {
  let made = 0;
  const part = once(() => Promise.resolve(++made));
  assert.equal(part.isMade(), false);
  assert.deepEqual(await Promise.all([part(), part()]), [1, 1]);
  assert.deepEqual([part.isMade(), made], [true, 1]);
});

Deno.test("once() tries again after a failure", async () => {
  let tries = 0;
  const part = once(() => {
    tries++;
    return tries === 1 ? Promise.reject(new Error("not yet")) : Promise.resolve("made");
  });
  await assert.rejects(part(), /not yet/);
  assert.equal(part.isMade(), false);
  assert.equal(await part(), "made");
});

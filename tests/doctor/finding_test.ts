/**
 * How checks are run. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { AppError } from "../../lib/core/errors.ts";
import { type Check, runChecks, worst } from "../../lib/doctor/finding.ts";
import { FakeClock } from "../fake_clock.ts";

const good: Check = {
  name: "good",
  run: () => Promise.resolve([{ check: "good", state: "ok", message: "fine" }]),
};

Deno.test("runChecks() leaves behind what hangs, and keeps the order", async () => {
  const clock = new FakeClock();
  const hanging: Check = { name: "hanging", missed: "fail", run: () => new Promise(() => {}) };
  const { signal } = new AbortController();
  const findings = runChecks([hanging, good], { clock, timeoutMs: 5000, signal });
  await clock.advance(5000);
  assert.deepEqual((await findings).map(({ check, state, message }) => [check, state, message]), [
    ["hanging", "fail", "no answer within 5 s"],
    ["good", "ok", "fine"],
  ]);
  assert.equal(clock.sleeping, 0);
});

Deno.test("runChecks() makes a finding of a fault, with its hint as the next step", async () => {
  const broken: Check = {
    name: "broken",
    run: () => Promise.reject(new AppError("FORBIDDEN", "Cannot look: no", { hint: "Ask" })),
  };
  const { signal } = new AbortController();
  assert.deepEqual(await runChecks([broken], { clock: new FakeClock(), timeoutMs: 1, signal }), [
    { check: "broken", state: "warn", message: "Cannot look: no", next: "Ask" },
  ]);
});

Deno.test("runChecks() ends with its signal", async () => {
  const hanging: Check = { name: "hanging", run: () => new Promise(() => {}) };
  const stop = new AbortController();
  const clock = new FakeClock();
  const findings = runChecks([hanging], { clock, timeoutMs: 5000, signal: stop.signal });
  stop.abort();
  assert.match((await findings)[0]?.message ?? "", /cancelled/);
  assert.equal(clock.sleeping, 0);
});

Deno.test("worst() is the worst of all", () => {
  const finding = (state: "ok" | "warn" | "fail") => ({ check: "x", state, message: "" });
  assert.equal(worst([]), "ok");
  assert.equal(worst([finding("ok"), finding("warn")]), "warn");
  assert.equal(worst([finding("fail"), finding("warn")]), "fail");
});

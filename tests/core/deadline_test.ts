import assert from "node:assert/strict";
import { abortError, deadline, throwIfAborted } from "../../lib/core/deadline.ts";
import { AppError } from "../../lib/core/errors.ts";
import { FakeClock } from "../fake_clock.ts";

Deno.test("deadline() aborts with TIMEOUT at its time and not before", async () => {
  const clock = new FakeClock();
  using limit = deadline(clock, 5000);
  await clock.advance(4999);
  assert.ok(!limit.signal.aborted);
  await clock.advance(1);
  assert.ok(limit.signal.aborted);
  const error = abortError(limit.signal);
  assert.equal(error.code, "TIMEOUT");
  assert.ok(error.retryable);
  assert.match(error.message, /5 s/);
});

Deno.test("deadline() frees its timer when it is disposed of, and stays quiet", async () => {
  const clock = new FakeClock();
  let signal: AbortSignal;
  {
    using limit = deadline(clock, 5000);
    signal = limit.signal;
    assert.equal(clock.sleeping, 1);
  }
  await clock.advance(10_000);
  assert.equal(clock.sleeping, 0);
  assert.ok(!signal.aborted);
});

Deno.test("deadline() lets the caller's cancel through with its reason", () => {
  const caller = new AbortController();
  using limit = deadline(new FakeClock(), 5000, caller.signal);
  const reason = new AppError("CANCELLED", "Cannot go on: the client left");
  caller.abort(reason);
  assert.ok(limit.signal.aborted);
  assert.equal(abortError(limit.signal), reason);
});

Deno.test("deadline() has aborted at once when the caller had", () => {
  using limit = deadline(new FakeClock(), 5000, AbortSignal.abort());
  assert.ok(limit.signal.aborted);
  assert.equal(abortError(limit.signal).code, "CANCELLED");
});

Deno.test("deadline() inside of another ends with the shorter one", async () => {
  const clock = new FakeClock();
  using outer = deadline(clock, 1000);
  using inner = deadline(clock, 5000, outer.signal);
  await clock.advance(1000);
  assert.equal(abortError(inner.signal).code, "TIMEOUT");
  assert.match(abortError(inner.signal).message, /in 1 s/);
});

Deno.test("throwIfAborted() throws what the reason says", () => {
  throwIfAborted();
  throwIfAborted(new AbortController().signal);
  assert.throws(() => throwIfAborted(AbortSignal.abort()), { code: "CANCELLED" });
  assert.throws(() => throwIfAborted(AbortSignal.abort("enough")), { code: "CANCELLED" });
  assert.throws(() => throwIfAborted(AbortSignal.abort(new DOMException("", "TimeoutError"))), {
    code: "TIMEOUT",
  });
});

Deno.test("abortError() takes an unknown reason for a cancel and keeps it as the cause", () => {
  const reason = new RangeError("because");
  const error = abortError(AbortSignal.abort(reason));
  assert.equal(error.code, "CANCELLED");
  assert.equal(error.cause, reason);
});

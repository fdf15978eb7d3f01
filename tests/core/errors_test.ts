import assert from "node:assert/strict";
import { AppError, toAppError } from "../../lib/core/errors.ts";

Deno.test("AppError() keeps what it is told and leaves the rest undefined", () => {
  const cause = new Error("below");
  const full = new AppError("RATE_LIMITED", 'Cannot ask "quay.io": it asks to slow down', {
    hint: "Wait a minute",
    retryable: true,
    retryAfterMs: 60_000,
    status: 429,
    details: { limit: 100 },
    cause,
  });
  assert.equal(full.name, "AppError");
  assert.equal(full.code, "RATE_LIMITED");
  assert.equal(full.message, 'Cannot ask "quay.io": it asks to slow down');
  assert.equal(full.hint, "Wait a minute");
  assert.ok(full.retryable);
  assert.equal(full.retryAfterMs, 60_000);
  assert.equal(full.status, 429);
  assert.deepEqual(full.details, { limit: 100 });
  assert.equal(full.cause, cause);
  const bare = new AppError("NOT_FOUND", 'Cannot find "x": there is none');
  assert.ok(!bare.retryable);
  for (const key of ["hint", "retryAfterMs", "status", "details", "cause"] as const) {
    assert.equal(bare[key], undefined, key);
  }
  assert.ok(!("cause" in Object.getOwnPropertyDescriptors(bare)));
});

Deno.test("toAppError() leaves an AppError as it is", () => {
  const error = new AppError("NOT_FOUND", 'Cannot find "x": there is none');
  assert.equal(toAppError(error), error);
});

Deno.test("toAppError() tells a cancel from a time-out by the name of the error", () => {
  const cancelled = toAppError(new DOMException("stop", "AbortError"));
  assert.equal(cancelled.code, "CANCELLED");
  assert.ok(!cancelled.retryable);
  const late = toAppError(new DOMException("late", "TimeoutError"));
  assert.equal(late.code, "TIMEOUT");
  assert.ok(late.retryable);
  assert.match(late.hint ?? "", /--timeout/);
});

Deno.test("toAppError() calls everything else internal and keeps the cause", () => {
  const cause = new RangeError("index 7");
  const error = toAppError(cause);
  assert.equal(error.code, "INTERNAL");
  assert.match(error.message, /index 7/);
  assert.equal(error.cause, cause);
  assert.match(toAppError(new RangeError()).message, /RangeError/);
  assert.match(toAppError("a string").message, /a string/);
  assert.match(toAppError(undefined).message, /undefined/);
});

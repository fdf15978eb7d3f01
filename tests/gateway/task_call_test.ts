/**
 * Tools that work as tasks, called as any other. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { abortError } from "../../lib/core/deadline.ts";
import { AppError } from "../../lib/core/errors.ts";
import { callAsTask, wantsTask } from "../../lib/gateway/task_call.ts";
import type { CallOptions } from "../../lib/gateway/session_types.ts";
import type { JsonObject, RpcCall } from "../../lib/rpc/mod.ts";
import { FakeClock, settle } from "../fake_clock.ts";

const CALL = { name: "dig", arguments: { deep: true } };
const WORKING = { taskId: "t1", status: "working", pollInterval: 500 };

/** A server with one task, whose result comes when it is told. */
function world(first: JsonObject = { task: { ...WORKING, statusMessage: "begun" } }) {
  const asked: RpcCall[] = [];
  const clock = new FakeClock();
  const result = Promise.withResolvers<JsonObject>();
  let status: JsonObject = { ...WORKING, statusMessage: "half" };
  return {
    asked,
    clock,
    result,
    become: (next: JsonObject) => void (status = next),
    session: {
      request: async (call: RpcCall, { signal }: CallOptions = {}): Promise<JsonObject> => {
        asked.push(call);
        if (call.method === "tools/call") return first;
        if (call.method === "tasks/get") return status;
        if (call.method === "tasks/cancel") return {};
        assert.equal(call.method, "tasks/result");
        const ended = Promise.withResolvers<never>();
        signal?.addEventListener("abort", () => ended.reject(abortError(signal)));
        return await Promise.race([result.promise, ended.promise]);
      },
    },
  };
}

Deno.test("wantsTask() is about tools that can be called in no other way", () => {
  assert.equal(wantsTask({ execution: { taskSupport: "required" } }), true);
  for (const taskSupport of ["optional", "forbidden", undefined, 5]) {
    assert.equal(wantsTask({ execution: { taskSupport } }), false);
  }
  for (const execution of [undefined, "required", null, []]) {
    assert.equal(wantsTask({ execution }), false);
  }
});

Deno.test("callAsTask() waits for the result, and tells what the task says meanwhile", async () => {
  const { session, clock, asked, result, become } = world();
  const told: JsonObject[] = [];
  const called = callAsTask(CALL, { session, clock }, {
    onProgress: (progress) => void told.push(progress),
  });
  await settle();
  assert.deepEqual(asked.map(({ method }) => method), ["tools/call", "tasks/result"]);
  assert.deepEqual(asked[0]?.params, { ...CALL, task: {} });
  await clock.advance(500);
  become({ ...WORKING, status: "input_required", pollInterval: 0 });
  await clock.advance(500);
  // No server is asked without a pause.
  assert.equal(asked.filter(({ method }) => method === "tasks/get").length, 2);
  await clock.advance(200);
  become({ ...WORKING, status: "completed" });
  await clock.advance(60_000);
  const count = asked.length;
  await clock.advance(60_000);
  assert.equal(asked.length, count, "a task that is over is not asked about");
  result.resolve({ content: [] });
  assert.deepEqual(await called, { content: [] });
  assert.deepEqual(told.slice(0, 3), [
    { progress: 1, message: "begun" },
    { progress: 2, message: "half" },
    { progress: 3 },
  ]);
  assert.equal(clock.sleeping, 0);
});

Deno.test("callAsTask() cancels the task with the call", async () => {
  const { session, clock, asked } = world();
  const caller = new AbortController();
  const called = callAsTask(CALL, { session, clock }, {
    signal: caller.signal,
    onProgress: () => {},
  });
  await settle();
  caller.abort();
  await assert.rejects(called, { code: "CANCELLED" });
  assert.deepEqual(asked.at(-1), { method: "tasks/cancel", params: { taskId: "t1" } });
  assert.equal(clock.sleeping, 0);
});

Deno.test("callAsTask() passes on an answer at once, and a task that failed", async () => {
  const { session, clock, asked } = world({ content: [{ type: "text", text: "now" }] });
  assert.deepEqual(await callAsTask(CALL, { session, clock }), {
    content: [{ type: "text", text: "now" }],
  });
  assert.equal(asked.length, 1);
  const failing = world();
  failing.result.reject(new AppError("UNAVAILABLE", "Cannot dig: it rains"));
  await assert.rejects(callAsTask(CALL, failing), { message: "Cannot dig: it rains" });
  assert.deepEqual(failing.asked.map(({ method }) => method), ["tools/call", "tasks/result"]);
});

import assert from "node:assert/strict";
import { SingleFlight } from "../../lib/core/single_flight.ts";
import { settle } from "../fake_clock.ts";

/** Whether the signal of a task has aborted. */
const [GOES_ON, STOPPED] = [false, true];

/** A task that counts its starts and ends when the test says so. */
function slowTask() {
  const flights: {
    signal: AbortSignal;
    end: (value: string) => void;
    fail: (e: unknown) => void;
  }[] = [];
  const task = (signal: AbortSignal) => {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    flights.push({ signal, end: resolve, fail: reject });
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    return promise;
  };
  return { task, flights };
}

Deno.test("run() shares one task between callers of the same key", async () => {
  const single = new SingleFlight<string>();
  const { task, flights } = slowTask();
  const callers = [1, 2, 3].map(() => single.run("token", task, new AbortController().signal));
  await settle();
  assert.equal(flights.length, 1);
  flights[0]?.end("secret");
  assert.deepEqual(await Promise.all(callers), ["secret", "secret", "secret"]);
});

Deno.test("run() keeps keys apart and forgets a finished task", async () => {
  const single = new SingleFlight<string>();
  const { task, flights } = slowTask();
  const a = single.run("a", task);
  const b = single.run("b", task);
  await settle();
  assert.equal(flights.length, 2);
  flights[0]?.end("first");
  flights[1]?.end("other");
  assert.deepEqual(await Promise.all([a, b]), ["first", "other"]);
  const again = single.run("a", task);
  await settle();
  assert.equal(flights.length, 3);
  flights[2]?.end("second");
  assert.equal(await again, "second");
});

Deno.test("run() gives a failure to every caller and forgets it", async () => {
  const single = new SingleFlight<string>();
  const { task, flights } = slowTask();
  const error = new RangeError("no");
  const failed = [single.run("a", task), single.run("a", task, new AbortController().signal)]
    .map((caller) => assert.rejects(caller, (thrown) => thrown === error));
  await settle();
  flights[0]?.fail(error);
  await Promise.all(failed);
  const again = single.run("a", task);
  await settle();
  flights[1]?.end("well");
  assert.equal(await again, "well");
});

Deno.test("run() lets one caller leave while the others wait on", async () => {
  const single = new SingleFlight<string>();
  const { task, flights } = slowTask();
  const leaver = new AbortController();
  const leaving = assert.rejects(single.run("a", task, leaver.signal), { code: "CANCELLED" });
  const staying = single.run("a", task, new AbortController().signal);
  await settle();
  leaver.abort();
  await leaving;
  assert.equal(flights[0]?.signal.aborted, GOES_ON);
  flights[0]?.end("value");
  assert.equal(await staying, "value");
});

Deno.test("run() aborts the task when the last caller has left", async () => {
  const single = new SingleFlight<string>();
  const { task, flights } = slowTask();
  const [one, two] = [new AbortController(), new AbortController()];
  const left = [one, two].map(({ signal }) =>
    assert.rejects(single.run("a", task, signal), { code: "CANCELLED" })
  );
  await settle();
  one.abort();
  await settle();
  assert.equal(flights[0]?.signal.aborted, GOES_ON);
  two.abort();
  await Promise.all(left);
  assert.equal(flights[0]?.signal.aborted, STOPPED);
});

Deno.test("run() starts anew for a caller who comes while a task is being aborted", async () => {
  const single = new SingleFlight<string>();
  const { task, flights } = slowTask();
  const leaver = new AbortController();
  const left = assert.rejects(single.run("a", task, leaver.signal), { code: "CANCELLED" });
  await settle();
  leaver.abort();
  const next = single.run("a", task);
  await left;
  await settle();
  assert.equal(flights.length, 2);
  // The end of the first must not take the second out of the table.
  const joined = single.run("a", task);
  await settle();
  assert.equal(flights.length, 2);
  flights[1]?.end("fresh");
  assert.deepEqual(await Promise.all([next, joined]), ["fresh", "fresh"]);
});

Deno.test("run() does not abort a task that a caller without a signal waits for", async () => {
  const single = new SingleFlight<string>();
  const { task, flights } = slowTask();
  const leaver = new AbortController();
  const staying = single.run("a", task);
  const left = assert.rejects(single.run("a", task, leaver.signal), { code: "CANCELLED" });
  await settle();
  leaver.abort();
  await left;
  assert.equal(flights[0]?.signal.aborted, GOES_ON);
  flights[0]?.end("value");
  assert.equal(await staying, "value");
});

Deno.test("run() rejects a caller who has left already and starts nothing", async () => {
  const { task, flights } = slowTask();
  await assert.rejects(new SingleFlight<string>().run("a", task, AbortSignal.abort()), {
    code: "CANCELLED",
  });
  assert.equal(flights.length, 0);
});

Deno.test("run() rejects when the task throws before it waits", async () => {
  const error = new RangeError("no");
  const single = new SingleFlight<string>();
  const throwing = () => {
    throw error;
  };
  await assert.rejects(single.run("a", throwing), (thrown) => thrown === error);
  assert.equal(await single.run("a", () => Promise.resolve("well")), "well");
});

import assert from "node:assert/strict";
import { AppError } from "../../lib/core/errors.ts";
import type { Processes, ProcessSpec, RunOptions, RunResult } from "../../lib/core/host.ts";
import { MemoryDisk } from "../../lib/core/memory_disk.ts";
import { type LaunchPlan, launchProcess } from "../../lib/gateway/process_launch.ts";
import { FakeClock, settle } from "../fake_clock.ts";
import { FakeProcess } from "./fake_process.ts";

const PLAN: LaunchPlan = {
  label: "npm:a@1.0.0",
  command: "deno",
  args: ["run", "npm:a@1.0.0"],
  env: { API_KEY: "k" },
  folder: "processes/npm-a",
  cwd: "/state/processes/npm-a/home",
};

const PREPARE = { command: "deno", args: ["cache", "npm:a@1.0.0"], env: { DENO_DIR: "/d" } };

/** Processes that start one child, and whose runs end with a status. */
function fixture(
  child = new FakeProcess(),
  result: Partial<RunResult> | AppError = {},
): {
  readonly child: FakeProcess;
  readonly deps: {
    readonly processes: Processes;
    readonly clock: FakeClock;
    readonly disk: MemoryDisk;
  };
  readonly started: ProcessSpec[];
  readonly runs: [ProcessSpec, RunOptions][];
} {
  const started: ProcessSpec[] = [];
  const runs: [ProcessSpec, RunOptions][] = [];
  const processes: Processes = {
    start(spec) {
      started.push(spec);
      return child;
    },
    run(spec, options) {
      runs.push([spec, options]);
      if (result instanceof AppError) return Promise.reject(result);
      return Promise.resolve({ code: 0, stdout: new Uint8Array(), stderr: "", ...result });
    },
  };
  const clock = new FakeClock();
  return { child, deps: { processes, clock, disk: new MemoryDisk() }, started, runs };
}

/** A child that ends when its input does, as a server should. */
function obedient(): FakeProcess {
  return new FakeProcess((child) => child.exit({ code: 0 }));
}

Deno.test("launchProcess() fetches, makes the folder, and starts what was planned", async () => {
  const { deps, started, runs } = fixture(obedient());
  const said: string[] = [];
  const { signal } = new AbortController();
  const server = await launchProcess({ ...PLAN, prepare: PREPARE }, deps, {
    progress: (message) => said.push(message),
    prepareTimeoutMs: 5,
    signal,
  });
  assert.deepEqual(said, ["fetching npm:a@1.0.0"]);
  assert.deepEqual(runs, [[
    { ...PREPARE, cwd: PLAN.cwd },
    { maxBytes: 1024 * 1024, timeoutMs: 5, signal },
  ]]);
  const { command, args, env, cwd } = PLAN;
  assert.deepEqual(started, [{ command, args, env, cwd, ownGroup: true }]);
  assert.deepEqual(
    (await deps.disk.list("processes/npm-a/home")).map(({ name }) => name),
    [".wharf"],
  );
  await server.stop(0);
});

Deno.test("launchProcess() says what the fetcher said when a package cannot be had", async () => {
  const { deps, started } = fixture(obedient(), {
    code: 1,
    stderr: "error: npm package 'a' does not exist\u001b\n\n  at registry\u202e\n",
  });
  await assert.rejects(launchProcess({ ...PLAN, prepare: PREPARE }, deps), (thrown) => {
    assert.ok(thrown instanceof AppError);
    assert.equal(thrown.code, "UNAVAILABLE");
    assert.equal(
      thrown.message,
      "Cannot fetch \"npm:a@1.0.0\": error: npm package 'a' does not exist; at registry",
    );
    return true;
  });
  assert.deepEqual(started, []);
  const silent = fixture(obedient(), { code: 3 });
  await assert.rejects(
    launchProcess({ ...PLAN, prepare: PREPARE }, silent.deps),
    { message: 'Cannot fetch "npm:a@1.0.0": code 3' },
  );
});

Deno.test("launchProcess() starts nothing once it is cancelled", async () => {
  const { deps, started } = fixture();
  await assert.rejects(
    launchProcess(PLAN, deps, { signal: AbortSignal.abort() }),
    { code: "CANCELLED" },
  );
  const cancelled = new AppError("CANCELLED", "Cannot finish: the call was cancelled");
  const running = fixture(obedient(), cancelled);
  await assert.rejects(launchProcess({ ...PLAN, prepare: PREPARE }, running.deps), cancelled);
  assert.deepEqual([...started, ...running.started], []);
});

Deno.test("launchProcess() carries messages, and keeps the log and what is no message", async () => {
  const { deps, child } = fixture(obedient());
  const server = await launchProcess(PLAN, deps);
  const messages: unknown[] = [];
  server.transport.onmessage = (message) => messages.push(message);
  await server.transport.start();
  await server.transport.send({ jsonrpc: "2.0", id: 1, method: "ping" });
  await child.warn("Listening\u001b[31m on stdio\n");
  await child.say('Hello!\n{"jsonrpc":"2.0","id":1,"result":{}}\n');
  await settle();
  assert.deepEqual(child.input, ['{"jsonrpc":"2.0","id":1,"method":"ping"}\n']);
  assert.deepEqual(messages, [{ jsonrpc: "2.0", id: 1, result: {} }]);
  assert.deepEqual([...server.logTail(5)].sort(), ["Hello!", "Listening on stdio"]);
  await server.stop(0);
});

Deno.test("stop() ends a server by closing its input first", async () => {
  const { deps, child } = fixture(obedient());
  const server = await launchProcess(PLAN, deps);
  await server.transport.start();
  await Promise.all([server.stop(1000), server.stop(5)]);
  assert.deepEqual(await server.exited, { code: 0, reason: "it ended with code 0" });
  // Asked of a child that has ended: nothing happens to it.
  assert.deepEqual(child.stops, [1000]);
  assert.equal(deps.clock.sleeping, 0);
});

Deno.test("stop() ends a server that goes on without input", async () => {
  const { deps, child } = fixture();
  const server = await launchProcess(PLAN, deps);
  await server.transport.start();
  const stopped = server.stop(2000);
  await deps.clock.advance(1000);
  await stopped;
  assert.deepEqual(child.stops, [2000]);
  assert.deepEqual(await server.exited, {
    code: 143,
    signal: "SIGTERM",
    reason: "it was ended by SIGTERM",
  });
  assert.equal(deps.clock.sleeping, 0);
});

Deno.test("launchProcess() tells of an end, and closes pipes that a grandchild holds", async () => {
  const { deps, child } = fixture();
  const server = await launchProcess(PLAN, deps);
  let isClosed = false;
  server.transport.onclose = () => {
    isClosed = true;
  };
  await server.transport.start();
  await child.warn("last words\n");
  child.exit({ code: 1 }, true);
  assert.deepEqual(await server.exited, { code: 1, reason: "it ended with code 1" });
  await settle();
  assert.ok(!isClosed, "output on its way is waited for");
  await deps.clock.advance(1000);
  await deps.clock.advance(1000);
  assert.ok(isClosed);
  assert.deepEqual(server.logTail(1), ["last words"]);
  await server.stop(0);
  assert.equal(deps.clock.sleeping, 0);
});

Deno.test("launchProcess() gives a server that ends with its owner", async () => {
  const { deps, child } = fixture(obedient());
  {
    await using server = await launchProcess(PLAN, deps);
    await server.transport.start();
  }
  assert.deepEqual(child.stops, [500]);
});

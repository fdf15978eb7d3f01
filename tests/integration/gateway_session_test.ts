/**
 * Sessions with real processes: faults that a server can have, and servers from npm. Needs all
 * permissions, and npm for the latter.
 *
 * @module
 */

import assert from "node:assert/strict";
import { AppError } from "../../lib/core/errors.ts";
import { MemoryDisk } from "../../lib/core/memory_disk.ts";
import type { JsonObject, RpcCall } from "../../lib/rpc/mod.ts";
import { RpcError } from "../../lib/rpc/mod.ts";
import { launchProcess } from "../../lib/gateway/process_launch.ts";
import { UpstreamSession } from "../../lib/gateway/session.ts";
import type { SessionDeps, SessionOptions } from "../../lib/gateway/session_types.ts";
import { systemClock } from "../../lib/host/clock.ts";
import { openProcesses } from "../../lib/host/process.ts";
import { FakeLog } from "../fake_log.ts";

const CHILD = new URL("gateway_session_child.ts", import.meta.url).pathname;
const PASSED_ON = [
  "PATH",
  "HOME",
  "DENO_DIR",
  "DENO_CERT",
  "SSL_CERT_FILE",
  "NODE_EXTRA_CA_CERTS",
  "NPM_CONFIG_REGISTRY",
  "HTTPS_PROXY",
];

/** The first start fetches the package. */
const FETCHING: SessionOptions = { startupTimeoutMs: 300_000 };

/** A process and the session with it. */
interface Started {
  readonly session: UpstreamSession;
  /** Its id among processes, for what happens to it from outside. */
  readonly pid: number;
}

interface StartOptions {
  readonly deps?: Partial<SessionDeps>;
  readonly options?: SessionOptions;
  readonly env?: Readonly<Record<string, string>>;
}

async function start(
  args: readonly string[],
  { deps = {}, options = {}, env: given = {} }: StartOptions = {},
): Promise<Started> {
  const env: Record<string, string> = { NO_COLOR: "1", ...given };
  for (const name of PASSED_ON) {
    const value = Deno.env.get(name);
    if (value !== undefined) env[name] = value;
  }
  const processes = openProcesses();
  let pid = 0;
  const launched = await launchProcess({
    command: Deno.execPath(),
    args: ["run", "-A", "-q", "--no-config", "--no-lock", "--no-prompt", ...args],
    env,
    label: "test",
    folder: "test",
    cwd: Deno.cwd(),
  }, {
    processes: {
      ...processes,
      start: (spec) => {
        const child = processes.start(spec);
        pid = child.pid;
        return child;
      },
    },
    clock: systemClock,
    disk: new MemoryDisk(),
  });
  const parts = { launched, clock: systemClock, log: new FakeLog(), name: "child", ...deps };
  return { session: new UpstreamSession(parts, options), pid };
}

async function connect(mode: string, options: SessionOptions = {}): Promise<Started> {
  const started = await start([CHILD, mode], { options });
  await started.session.connect();
  return started;
}

async function failure(promise: Promise<unknown>): Promise<AppError> {
  try {
    await promise;
  } catch (thrown) {
    assert.ok(thrown instanceof AppError, String(thrown));
    return thrown;
  }
  return assert.fail("it did not reject");
}

function isAlive(pid: number): boolean {
  try {
    return !Deno.readTextFileSync(`/proc/${pid}/stat`).includes(") Z ");
  } catch {
    return false;
  }
}

Deno.test("a session with a real process passes results of every size, 64 calls at a time", async () => {
  const { session, pid } = await connect("well");
  assert.equal(session.info.protocolVersion, "2025-06-18");
  const calls = Array.from({ length: 1_000 }, (_, index) => ({ index, text: "é".repeat(index) }));
  for (let first = 0; first < calls.length; first += 64) {
    const some = calls.slice(first, first + 64);
    const results = await Promise.all(some.map((args) => session.call("echo", args)));
    assert.deepEqual(results.map(({ structuredContent }) => structuredContent), some);
  }
  for (const chars of [0, 1_000_000, 10_000_000]) {
    const { text } = await session.call("large", { chars });
    assert.equal(text, "é".repeat(chars));
  }
  await session.close();
  assert.equal(isAlive(pid), false);
});

Deno.test("a session cancels at a real process, and goes on", async () => {
  const { session } = await connect("well");
  const heard = Promise.withResolvers<RpcCall>();
  session.onNotification((notification) => heard.resolve(notification));
  const controller = new AbortController();
  const call = failure(session.call("never", {}, { signal: controller.signal }));
  controller.abort();
  assert.equal((await call).code, "CANCELLED");
  assert.equal((await heard.promise).method, "notifications/was_cancelled");
  assert.deepEqual((await session.call("echo", { x: 1 })).structuredContent, { x: 1 });
  await session.close();
});

/** Calls that end the server. */
const ENDS: readonly { tool: string; code: string; message: RegExp; log?: RegExp }[] = [
  {
    tool: "die",
    code: "UNAVAILABLE",
    message: /^Cannot call tool "die" of "child": it ended with code 3$/,
    log: /the disk is full/,
  },
  { tool: "kill", code: "UNAVAILABLE", message: /it was ended by SIGKILL$/ },
  { tool: "orphan", code: "UNAVAILABLE", message: /it ended with code 4$/ },
  { tool: "huge-message", code: "TOO_LARGE", message: /a message of more than 33554432 bytes$/ },
  {
    tool: "garbage",
    code: "BAD_RESPONSE",
    message: /1001 lines in a row that are no messages$/,
    log: /not a message/,
  },
];

for (const { tool, code, message, log } of ENDS) {
  Deno.test(`a real process that does "${tool}" in a call ends it clearly`, async () => {
    const { session, pid } = await connect("well");
    const before = Deno.memoryUsage().rss;
    const others = failure(session.call("never", {}));
    const error = await failure(session.call(tool, {}));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    if (log !== undefined) assert.match(error.hint ?? "", log);
    assert.equal((await others).code, code);
    assert.equal(session.inFlight, 0);
    await session.close();
    assert.equal(isAlive(pid), false);
    const grownBytes = Deno.memoryUsage().rss - before;
    assert.ok(grownBytes < 200 * 1024 * 1024, `${grownBytes} bytes more`);
  });
}

for (const tool of ["stderr-flood", "stdout-flood"]) {
  Deno.test(`a real process that does "${tool}" harms nobody`, async () => {
    const { session } = await connect("well");
    const before = Deno.memoryUsage().rss;
    session.onNotification(() => new Promise(() => {}));
    assert.deepEqual(await session.call(tool, {}), { flooded: true });
    const grownBytes = Deno.memoryUsage().rss - before;
    assert.ok(grownBytes < 150 * 1024 * 1024, `${grownBytes} bytes more`);
    await session.close();
  });
}

Deno.test("a session stops a real process that ignores its input and SIGTERM", async () => {
  const { session, pid } = await connect("stubborn");
  await session.close(200);
  assert.equal(isAlive(pid), false);
});

Deno.test("a session does not wait for a real process that reads nothing more", async () => {
  const { session, pid } = await connect("well");
  Deno.kill(pid, "SIGSTOP");
  const text = "x".repeat(8 * 1024 * 1024);
  const calls = Array.from({ length: 9 }, () => failure(session.call("echo", { text })));
  const refused = await Promise.race(calls);
  assert.equal(refused.code, "UNAVAILABLE");
  assert.match(refused.message, /bytes wait for a server that does not read$/);
  const closed = session.close(200);
  for (const error of await Promise.all(calls)) assert.equal(error.code, "UNAVAILABLE");
  await closed;
  assert.equal(isAlive(pid), false);
});

/** Starts that fail. */
const STARTS: readonly { mode: string; code: string; message: RegExp }[] = [
  { mode: "mute", code: "TIMEOUT", message: /^Cannot start "child": it gave no sign in 1 s$/ },
  { mode: "babble", code: "BAD_RESPONSE", message: /1001 lines in a row that are no messages/ },
  { mode: "endless", code: "BAD_RESPONSE", message: /the list has no end/ },
];

for (const { mode, code, message } of STARTS) {
  Deno.test(`a real process that starts as "${mode}" is stopped`, async () => {
    const startupTimeoutMs = mode === "mute" ? 1_000 : 30_000;
    const { session, pid } = await start([CHILD, mode], { options: { startupTimeoutMs } });
    const error = await failure(session.connect());
    assert.equal(error.code, code);
    assert.match(error.message, message);
    await session.close();
    assert.equal(isAlive(pid), false);
  });
}

Deno.test("a session tells why a real process could not run at all", async () => {
  const { session } = await start(["no-such-module.ts"]);
  const error = await failure(session.connect());
  assert.equal(error.code, "UNAVAILABLE");
  assert.match(error.message, /^Cannot start "child": it ended with code 1$/);
  assert.match(error.hint ?? "", /Module not found/);
});

Deno.test("server-memory from npm is driven through a session", async () => {
  const file = await Deno.makeTempFile({ suffix: ".jsonl" });
  const { session } = await start(["npm:@modelcontextprotocol/server-memory@2026.8.31"], {
    deps: { name: "memory" },
    options: FETCHING,
    env: { MEMORY_FILE_PATH: file },
  });
  await session.connect();
  assert.equal(session.info.name, "memory-server");
  const names = session.definitions.tools.map(({ name }) => name);
  assert.ok(names.includes("create_entities") && names.includes("read_graph"), names.join());
  assert.deepEqual(session.definitions.notes, []);
  const entity = { name: "Wharf", entityType: "program", observations: [`é ${file}`] };
  const created = await session.call("create_entities", { entities: [entity] });
  assert.notEqual(created.isError, true);
  const graph = await session.call("search_nodes", { query: file });
  const structured = graph.structuredContent as { entities: JsonObject[] }; // the server's schema
  assert.deepEqual(structured.entities, [entity]);
  assert.match(await Deno.readTextFile(file), /Wharf/);
  await session.close();
  await Deno.remove(file);
});

Deno.test("server-everything from npm is driven through a session, in both directions", async () => {
  const sampled: JsonObject[] = [];
  const { session } = await start(["npm:@modelcontextprotocol/server-everything@2026.8.31"], {
    deps: {
      name: "everything",
      handlers: {
        "sampling/createMessage": (params, { origins }) => {
          sampled.push({ ...params, origins });
          const content = { type: "text", text: "sampled by a test" };
          return Promise.resolve({ role: "assistant", model: "test", content });
        },
        "roots/list": () => Promise.resolve({ roots: [{ uri: "file:///tmp", name: "tmp" }] }),
        "elicitation/create": () => Promise.resolve({ action: "decline" }),
      },
    },
    options: FETCHING,
  });
  await session.connect();
  const { tools, prompts, resources, templates } = session.definitions;
  for (const list of [tools, prompts, resources, templates]) assert.ok(list.length > 0);
  const echo = await session.call("echo", { message: "hello" });
  assert.deepEqual(echo.content, [{ type: "text", text: "Echo: hello" }]);

  const progress: JsonObject[] = [];
  const long = tools.find(({ name }) => /long-?running/i.test(name));
  assert.ok(long !== undefined, tools.map(({ name }) => name).join());
  const onProgress = (step: JsonObject): void => void progress.push(step);
  await session.call(long.name, { duration: 1, steps: 4 }, { onProgress });
  assert.deepEqual(progress.map((step) => step.progress), [1, 2, 3, 4]);
  assert.ok(progress.every((step) => !("progressToken" in step)));

  const sampling = tools.find(({ name }) => /sampl/i.test(name) && !/async/i.test(name));
  assert.ok(sampling !== undefined, tools.map(({ name }) => name).join());
  const answer = await session.call(sampling.name, { prompt: "hi", maxTokens: 10 }, {
    origin: "this test",
  });
  assert.match(JSON.stringify(answer.content), /sampled by a test/);
  assert.deepEqual(sampled[0]?.origins, ["this test"]);

  const { uri } = resources[0] ?? {};
  const read = await session.request({ method: "resources/read", params: { uri } });
  assert.ok(Array.isArray(read.contents));
  const error = await failure(session.request({ method: "prompts/get", params: { name: "none" } }));
  assert.ok(error instanceof RpcError);
  assert.equal(error.fault.code, -32602);
  await session.close();
});

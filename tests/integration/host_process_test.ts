import assert from "node:assert/strict";
import type { ProcessSpec, RunOptions, RunResult } from "../../lib/core/host.ts";
import { openProcesses } from "../../lib/host/process.ts";
import { FakeClock, settle } from "../fake_clock.ts";
import { ask } from "./host_child.ts";

const posix = Deno.build.os !== "windows";
const PATH = Deno.env.get("PATH") ?? "";
const deno = Deno.execPath();

/** Runs a program with limits that no test reaches unless it means to. */
function run(
  spec: Partial<ProcessSpec>,
  options: Partial<RunOptions> = {},
  clock: FakeClock = new FakeClock(),
): Promise<RunResult> {
  return openProcesses(clock).run(
    { command: "sh", args: [], env: { PATH }, ...spec },
    { maxBytes: 10 * 1024 * 1024, timeoutMs: 60_000, ...options },
  );
}

const shell = (script: string): Partial<ProcessSpec> => ({ args: ["-c", script] });

async function textOf(result: Promise<RunResult>): Promise<string> {
  return new TextDecoder().decode((await result).stdout);
}

/** A test of what the shell and the signals of POSIX do. */
function posixTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, ignore: !posix, fn });
}

posixTest("run() passes every argument on as it is", async () => {
  const args = [
    "",
    " ",
    "two words",
    "$HOME",
    "`id`",
    "$(id)",
    "; rm -rf /",
    "a'b\"c\\d",
    "*",
    "--flag=x",
    "line\nbreak",
    "日本 😀",
    "%PATH%",
    "-",
  ];
  const program = "console.log(JSON.stringify(Deno.args))";
  const answer = await textOf(run({
    command: deno,
    args: ["eval", "--no-config", program, "--", ...args],
    env: { NO_COLOR: "1" },
  }));
  assert.deepEqual(JSON.parse(answer), args);
});

posixTest("run() gives the child the environment that was given, and nothing else", async () => {
  Deno.env.set("WHARF_TEST_SECRET", "hunter2");
  try {
    const env = { PATH, ONLY: "this one", EMPTY: "", MULTI: "a\nb" };
    const program = "/usr/bin/env";
    const lines = (await textOf(run({ command: program, args: ["-0"], env }))).split("\0");
    assert.deepEqual(
      lines.toSorted(),
      ["", ...Object.entries(env).map(([name, value]) => `${name}=${value}`)].toSorted(),
    );
    assert.equal(await textOf(run({ command: program, env: {} })), "");
  } finally {
    Deno.env.delete("WHARF_TEST_SECRET");
  }
});

posixTest("run() uses the working directory", async () => {
  const folder = await Deno.realPath(await Deno.makeTempDir());
  try {
    assert.equal(await textOf(run({ ...shell("pwd -P"), cwd: folder })), `${folder}\n`);
  } finally {
    await Deno.remove(folder);
  }
});

posixTest("run() gives the exit code, the output and the errors apart", async () => {
  const { code, signal, stdout, stderr } = await run(shell("echo out; echo err >&2; exit 3"));
  assert.equal(code, 3);
  assert.equal(signal, undefined);
  assert.equal(new TextDecoder().decode(stdout), "out\n");
  assert.equal(stderr, "err\n");
});

posixTest("run() tells the signal that ended the child", async () => {
  const { code, signal } = await run(shell("kill -9 $$"));
  assert.equal(code, 137);
  assert.equal(signal, "SIGKILL");
});

posixTest("run() writes the input and closes it", async () => {
  const stdin = new Uint8Array(1024 * 1024).map((_, index) => index % 251);
  assert.deepEqual((await run({ command: "cat" }, { stdin })).stdout, stdin);
  assert.equal(await textOf(run({ command: "cat" })), "");
});

posixTest("run() does not mind a child that leaves its input unread", async () => {
  const { code } = await run(shell("exit 0"), { stdin: new Uint8Array(1024 * 1024) });
  assert.equal(code, 0);
});

posixTest("run() reads both streams at once and keeps the end of the errors", async () => {
  const script = "i=0; while [ $i -lt 3000 ]; do " +
    "echo oooooooooooooooooooooooooooooooooooooooooooooooooo; " +
    'echo "error $i xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" >&2; i=$((i+1)); done';
  const { stdout, stderr } = await run(shell(script));
  assert.equal(stdout.byteLength, 3000 * 51);
  assert.equal(stderr.length, 64 * 1024);
  assert.match(stderr, /error 2999 x+\n$/);
});

posixTest("run() ends a child that prints too much", async () => {
  await assert.rejects(run({ command: "yes" }, { maxBytes: 100_000 }), {
    code: "TOO_LARGE",
    message: 'Cannot use the output of "yes": it is larger than 100000 bytes',
  });
  const exact = await run(shell("printf 12345"), { maxBytes: 5 });
  assert.equal(exact.stdout.byteLength, 5);
});

posixTest("run() ends a child whose time is over", async () => {
  const clock = new FakeClock();
  const result = assert.rejects(run({ command: "sleep", args: ["300"] }, {}, clock), {
    code: "TIMEOUT",
    message: 'Cannot run "sleep": it did not end in 60 s',
    retryable: true,
  });
  await clock.advance(60_000);
  await result;
  assert.equal(clock.sleeping, 0);
});

posixTest(
  "run() ends a child when its caller cancels, and starts none for one who has",
  async () => {
    const caller = new AbortController();
    const result = assert.rejects(
      run({ command: "sleep", args: ["300"] }, { signal: caller.signal }),
      { code: "CANCELLED" },
    );
    caller.abort();
    await result;
    const missing = { command: "wharf-no-such-program" };
    await assert.rejects(run(missing, { signal: AbortSignal.abort() }), { code: "CANCELLED" });
  },
);

posixTest("run() kills a child that does not listen", async () => {
  const clock = new FakeClock();
  const caller = new AbortController();
  const folder = await Deno.makeTempDir();
  try {
    const script = 'trap "" TERM; : > ready; while :; do sleep 0.1; done';
    const result = assert.rejects(
      run({ ...shell(script), cwd: folder }, { signal: caller.signal }, clock),
      { code: "CANCELLED" },
    );
    while (await Deno.stat(`${folder}/ready`).catch(() => undefined) === undefined) await settle();
    caller.abort();
    await settle();
    // Half a second for SIGTERM, beside the time of the whole run.
    assert.deepEqual(clock.pendingMs, [500, 60_000]);
    await clock.advance(500);
    await result;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

posixTest("run() does not wait for a grandchild that keeps the pipes", async () => {
  const clock = new FakeClock();
  const result = run(shell("sleep 300 & echo $!"), {}, clock);
  // The child has ended; what is on its way gets another second.
  while (!clock.pendingMs.includes(1000)) await settle();
  await clock.advance(1000);
  const { code, stdout } = await result;
  assert.equal(code, 0);
  Deno.kill(Number(new TextDecoder().decode(stdout)), "SIGKILL");
  assert.equal(clock.sleeping, 0);
});

Deno.test("run() says that there is no such program", async () => {
  await assert.rejects(run({ command: "wharf-no-such-program" }), {
    code: "NOT_FOUND",
    message: 'Cannot run "wharf-no-such-program": there is no such program',
    hint: "Install wharf-no-such-program, or add its folder to PATH",
  });
});

posixTest("run() looks the program up on the PATH of the child", async () => {
  await assert.rejects(run({ command: "sh", env: { PATH: "/nowhere" } }), { code: "NOT_FOUND" });
});

posixTest("run() says what else keeps a program from starting", async () => {
  const cwd = "/wharf-no-such-folder";
  await assert.rejects(run({ command: "sh", cwd }), {
    code: "NOT_FOUND",
    message: `Cannot run "sh": there is no folder "${cwd}" to run it in`,
  });
  await assert.rejects(run({ command: Deno.cwd() }), {
    code: "FORBIDDEN",
    message: `Cannot run "${Deno.cwd()}": the system does not allow it`,
  });
  await assert.rejects(run({ command: "sh", args: ["a\0b"] }), {
    code: "INVALID_ARGUMENT",
    message: 'Cannot run "sh": an argument holds a NUL character',
  });
  const long = ["x".repeat(8 * 1024 * 1024)];
  await assert.rejects(run({ command: "sh", args: long }), {
    code: "UNAVAILABLE",
    message: 'Cannot run "sh": the system did not start it',
  });
});

posixTest("run() names the flag that is missing", async () => {
  assert.deepEqual(await ask(["run", "sh", "-c", "exit 0"], { flags: [] }), {
    code: "PERMISSION_MISSING",
    message: 'Cannot run "sh": Deno was started without run permission for it',
    hint: "Start Wharf with --allow-run=sh",
  });
  // A narrow grant is enough, whatever the environment of the parent holds.
  const env = { PATH, LD_LIBRARY_PATH: "/nowhere", HOME: Deno.env.get("HOME") ?? "/" };
  assert.equal(await ask(["run", "true"], { flags: ["--allow-run=true"], env }), 0);
  assert.deepEqual(await ask(["runWithLibraryPath", "true"], { flags: ["--allow-run=true"] }), {
    code: "PERMISSION_MISSING",
    message:
      'Cannot run "true": Deno passes LD_LIBRARY_PATH on only with run permission for all programs',
    hint: "Leave LD_LIBRARY_PATH out, or start Wharf with --allow-run",
  });
});

posixTest("start() gives a child with open pipes that talks both ways", async () => {
  const processes = openProcesses(new FakeClock());
  await using child = processes.start({ command: "cat", args: [], env: { PATH } });
  assert.ok(child.pid > 0);
  const writer = child.stdin.getWriter();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  for (const line of ["one\n", "two\n"]) {
    await writer.write(new TextEncoder().encode(line));
    assert.equal((await reader.read()).value, line);
  }
  await writer.close();
  assert.ok((await reader.read()).done);
  assert.deepEqual(await child.exited, { code: 0 });
});

posixTest("stop() asks first, and does not wait when the child has ended", async () => {
  const clock = new FakeClock();
  await using child = openProcesses(clock).start({
    command: "sleep",
    args: ["300"],
    env: { PATH },
  });
  assert.deepEqual(await child.stop(5000), { code: 143, signal: "SIGTERM" });
  assert.equal(clock.sleeping, 0);
  assert.deepEqual(await child.stop(5000), { code: 143, signal: "SIGTERM" });
});

posixTest("stop() kills a child that does not listen, after its grace", async () => {
  const clock = new FakeClock();
  await using child = openProcesses(clock).start({
    command: "sh",
    args: ["-c", 'trap "" TERM; echo ready; read line'],
    env: { PATH },
  });
  const reader = child.stdout.getReader();
  assert.ok(!(await reader.read()).done);
  reader.releaseLock();
  const stopped = child.stop(5000);
  let ended = false;
  child.exited.then(() => ended = true);
  await clock.advance(4999);
  assert.ok(!ended);
  await clock.advance(1);
  assert.deepEqual(await stopped, { code: 137, signal: "SIGKILL" });
});

posixTest("start() leaves nothing behind when it is disposed of", async () => {
  let exited: Promise<unknown>;
  {
    await using child = openProcesses(new FakeClock()).start({
      command: "sh",
      args: ["-c", "echo unread; echo unread >&2; exec sleep 300"],
      env: { PATH },
    });
    exited = child.exited;
  }
  assert.deepEqual(await exited, { code: 143, signal: "SIGTERM" });
});

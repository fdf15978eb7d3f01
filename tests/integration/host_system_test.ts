import assert from "node:assert/strict";
import { systemClock } from "../../lib/host/clock.ts";
import { ENV_NAMES, readEnv, readVariable } from "../../lib/host/env.ts";
import { grantedPermissions } from "../../lib/host/permissions.ts";
import { settle } from "../fake_clock.ts";
import { ask, child } from "./host_child.ts";

Deno.test("systemClock tells the time of the system", () => {
  const before = Date.now();
  const now = systemClock.now();
  assert.ok(before <= now && now <= Date.now());
});

Deno.test("systemClock sleep() ends by itself and with its signal", async () => {
  await systemClock.sleep(1);
  await systemClock.sleep(1, new AbortController().signal);
  await assert.rejects(systemClock.sleep(1, AbortSignal.abort()), { code: "CANCELLED" });
  const caller = new AbortController();
  const slept = assert.rejects(systemClock.sleep(60_000, caller.signal), { code: "CANCELLED" });
  caller.abort();
  // The sanitizer fails the test where a timer is left behind.
  await slept;
});

Deno.test("systemClock sleep() does not end at once for a time beyond what timers can hold", async () => {
  const caller = new AbortController();
  let woken = false;
  const slept = assert.rejects(
    systemClock.sleep(2 ** 40, caller.signal).finally(() => woken = true),
    { code: "CANCELLED" },
  );
  await settle();
  assert.ok(!woken);
  caller.abort();
  await slept;
});

Deno.test("ENV_NAMES holds each name once, in order", () => {
  assert.deepEqual(ENV_NAMES, [...new Set(ENV_NAMES)].sort());
});

Deno.test("readEnv() reads the declared names, those it is asked for, and no other", () => {
  const names = ["HUB_USERNAME", "WHARF_UNDECLARED"];
  const before = names.map((name) => [name, Deno.env.get(name)] as const);
  try {
    for (const name of names) Deno.env.set(name, "set");
    const env = readEnv();
    assert.equal(env["HUB_USERNAME"], "set");
    assert.ok(!("WHARF_UNDECLARED" in env));
    assert.equal(readEnv(["WHARF_UNDECLARED"])["WHARF_UNDECLARED"], "set");
    assert.equal(readVariable("WHARF_UNDECLARED"), "set");
    assert.equal(readVariable("WHARF_NEVER_SET"), undefined);
    Deno.env.set("HUB_USERNAME", "");
    assert.equal(readEnv()["HUB_USERNAME"], "");
    Deno.env.delete("HUB_USERNAME");
    assert.ok(!("HUB_USERNAME" in readEnv()));
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) Deno.env.delete(name);
      else Deno.env.set(name, value);
    }
  }
});

Deno.test({
  name: "readEnv() takes a name that was not granted for unset",
  // Windows starts no program without some variables of its own.
  ignore: Deno.build.os === "windows",
  async fn() {
    const env = { HOME: "/home/somebody", OCI_TOKEN: "secret-token", PATH: "/usr/bin:/bin" };
    assert.deepEqual(await ask(["env"], { flags: ["--allow-env"], env }), env);
    assert.deepEqual(await ask(["env"], { flags: ["--allow-env=HOME"], env }), {
      HOME: env.HOME,
    });
    assert.deepEqual(await ask(["env"], { flags: [], env }), {});
  },
});

Deno.test("grantedPermissions() lists kinds as a whole", async () => {
  assert.deepEqual(await grantedPermissions(), ["net", "read", "write", "run", "env"]);
  const flags = ["--allow-net", "--allow-read", "--allow-env"];
  assert.deepEqual(await ask(["permissions"], { flags }), ["net", "read", "env"]);
  assert.deepEqual(await ask(["permissions"], { flags: [] }), []);
});

Deno.test("grantedPermissions() shows what a narrow grant covers", async () => {
  const flags = [
    "--allow-net=quay.io,ghcr.io,registry.example",
    "--allow-read=/cache/wharf",
    "--allow-run=git",
    "--allow-env=HOME",
  ];
  assert.deepEqual(await ask(["permissions", "/cache/wharf", "/etc"], { flags }), [
    "net=ghcr.io,quay.io",
    "read=/cache/wharf",
    "run=git",
    "env=HOME",
  ]);
});

Deno.test("grantedPermissions() says when a part was denied", async () => {
  const flags = ["--allow-net", "--deny-net=169.254.0.0/16"];
  assert.deepEqual(await ask(["permissions"], { flags }), ["net (part)"]);
});

Deno.test("openStdio() carries bytes from standard input to standard output", async () => {
  const running = child(["echo"], { flags: [] }).spawn();
  const bytes = new Uint8Array(1024 * 1024).map((_, index) => index % 251);
  const writer = running.stdin.getWriter();
  const written = writer.write(bytes).then(() => writer.close());
  const { stdout, code } = await running.output();
  await written;
  assert.equal(code, 0);
  assert.deepEqual(stdout.subarray(0, bytes.length), bytes);
  assert.equal(new TextDecoder().decode(stdout.subarray(bytes.length)), '"end"\n');
});

Deno.test("openStdio() out() does not mind that its reader has left", async () => {
  const running = child(["lines"], { flags: [] }).spawn();
  await running.stdin.close();
  const reader = running.stdout.getReader();
  assert.ok(!(await reader.read()).done);
  await reader.cancel();
  assert.equal(await new Response(running.stderr).text(), "finished\n");
  assert.equal((await running.status).code, 0);
});

Deno.test("openStdio() knows that pipes are no terminal", async () => {
  assert.deepEqual(await ask(["terminal"], { flags: [] }), { columns: null, stdin: false });
});

Deno.test({
  name: "openStdio() tells the width of a terminal",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const program = new URL("host_child.ts", import.meta.url).pathname;
    const deno = `${Deno.execPath()} run --quiet --no-config --no-lock '${program}' terminal`;
    const widthIn = async (columns: number) => {
      const { stdout } = await new Deno.Command("script", {
        args: ["-qec", `stty cols ${columns}; ${deno}`, "/dev/null"],
        stdin: "null",
      }).output();
      return JSON.parse(new TextDecoder().decode(stdout));
    };
    assert.deepEqual(await widthIn(132), { columns: 132, stdin: true });
    // A terminal that does not tell its size says 0.
    assert.deepEqual(await widthIn(0), { columns: 80, stdin: true });
  },
});

import assert from "node:assert/strict";
import { AppError } from "../../lib/core/errors.ts";
import type { Processes, ProcessSpec, RunOptions, RunResult } from "../../lib/core/host.ts";
import { RuntimeFinder } from "../../lib/gateway/runtimes.ts";

/** Programs that answer with a text and a code, or fail. */
function programs(
  answers: Record<string, string | number | AppError>,
): { readonly processes: Processes; readonly runs: [ProcessSpec, RunOptions][] } {
  const runs: [ProcessSpec, RunOptions][] = [];
  return {
    runs,
    processes: {
      start: (spec) => assert.fail(`started ${spec.command}`),
      run(spec, options): Promise<RunResult> {
        runs.push([spec, options]);
        const answer = answers[spec.command] ??
          new AppError("NOT_FOUND", `Cannot run "${spec.command}": there is no such program`);
        if (answer instanceof AppError) return Promise.reject(answer);
        const text = typeof answer === "string" ? answer : "";
        return Promise.resolve({
          code: typeof answer === "number" ? answer : 0,
          stdout: new TextEncoder().encode(text),
          stderr: "",
        });
      },
    },
  };
}

Deno.test("find() reads the versions of those that are there", async () => {
  const { processes, runs } = programs({
    deno: "deno 2.9.6 (stable, release, x86_64-unknown-linux-gnu)\nv8 14.1\ntypescript 5.9.2\n",
    npx: "11.4.2\n",
    uvx: "uvx 0.9.1+2 (abc 2026-01-01)\n",
  });
  const finder = new RuntimeFinder({
    processes,
    env: { PATH: "/bin", HOME: "/h", OCI_TOKEN: "x" },
  });
  const found = {
    deno: { state: "ready", version: "2.9.6" },
    npx: { state: "ready", version: "11.4.2" },
    uvx: { state: "ready", version: "0.9.1+2" },
  };
  assert.deepEqual(await finder.find(), found);
  assert.deepEqual(await finder.find(), found);
  assert.equal(runs.length, 3, "each is asked once");
  const [spec, options] = runs[0] ?? assert.fail("nothing was run");
  assert.deepEqual(spec, {
    command: "deno",
    args: ["--version"],
    env: { PATH: "/bin", HOME: "/h", DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" },
  });
  assert.equal(options.timeoutMs, 10_000);
});

Deno.test("find() starts neither npx nor uvx where they may not be used", async () => {
  const { processes, runs } = programs({ deno: "deno 2.9.6\n", npx: "11.4.2\n" });
  const finder = new RuntimeFinder({ processes, env: {} }, { hasPlain: false });
  const { deno, npx, uvx } = await finder.find();
  assert.deepEqual([deno.state, npx.state, uvx.state], ["ready", "unusable", "unusable"]);
  assert.deepEqual(runs.map(([{ command }]) => command), ["deno"]);
});

Deno.test("find() tells what may not be run from what is missing, slow or broken", async (t) => {
  const refused = new AppError("PERMISSION_MISSING", 'Cannot run "deno": no run permission', {
    hint: "Start Wharf with --allow-run=deno",
  });
  const slow = new AppError("TIMEOUT", 'Cannot run "npx": it did not end in 10 s');
  const { processes } = programs({ deno: refused, npx: slow });
  await t.assertSnapshot(await new RuntimeFinder({ processes, env: {} }).find());
  const others = programs({
    deno: "deno 2.5.9",
    npx: 127,
    uvx: "what?",
  });
  await t.assertSnapshot(await new RuntimeFinder({ ...others, env: {} }).find());
  const bare = programs({
    deno: new AppError("PERMISSION_MISSING", "Cannot run"),
    npx: new AppError("FORBIDDEN", "Cannot run"),
    uvx: "",
  });
  await t.assertSnapshot(await new RuntimeFinder({ ...bare, env: {} }).find());
});

Deno.test("find() asks again for what was not ready", async () => {
  const answers: Record<string, string> = { deno: "deno 1.46.3" };
  const finder = new RuntimeFinder({ ...programs(answers), env: {} });
  assert.equal((await finder.find()).deno.state, "unusable");
  answers.deno = "deno 3.0.0";
  assert.deepEqual((await finder.find()).deno, { state: "ready", version: "3.0.0" });
});

Deno.test("find() ends with its signal", async () => {
  const cancelled = new AppError("CANCELLED", "Cannot finish: the call was cancelled");
  const finder = new RuntimeFinder({ ...programs({ deno: cancelled }), env: {} });
  const { signal } = new AbortController();
  await assert.rejects(finder.find(signal), cancelled);
});

import assert from "node:assert/strict";
import { AppError } from "../../lib/core/errors.ts";
import { type AdHocCommand, planCommand } from "../../lib/gateway/ad_hoc.ts";

const OPTIONS = {
  policy: { unsandboxed: true },
  stateDirectory: "/state",
  env: { PATH: "/bin", HOME: "/home/ann", OCI_TOKEN: "hidden" },
};

Deno.test("planCommand() takes a command as it is given", () => {
  const plan = planCommand(
    { command: "node", args: ["server.js", "--port", "$HOME; rm"], env: { NODE_OPTIONS: "--x" } },
    OPTIONS,
  );
  assert.match(plan.folder, /^processes\/command-[0-9a-f]{16}$/);
  assert.deepEqual(plan, {
    sandbox: "none",
    why: "a given command runs as it is",
    label: "node",
    command: "node",
    args: ["server.js", "--port", "$HOME; rm"],
    env: { PATH: "/bin", HOME: "/home/ann", NODE_OPTIONS: "--x" },
    folder: plan.folder,
    cwd: `/state/${plan.folder}/home`,
    notes: ["it may do whatever the user that runs Wharf may do"],
  });
  for (const command of ["/usr/bin/env", "C:\\Tools\\a.exe", "python3.13", "_x"]) {
    const bare = planCommand({ command }, { ...OPTIONS, env: {} });
    assert.deepEqual([bare.command, bare.args, bare.env], [command, [], {}]);
  }
});

Deno.test("planCommand() needs the operator's leave", () => {
  assert.throws(
    () => planCommand({ command: "node\u202e" }, { ...OPTIONS, policy: { unsandboxed: false } }),
    (thrown) =>
      thrown instanceof AppError && thrown.code === "FORBIDDEN" &&
      thrown.message === 'Cannot run "node": the operator allows no process without a sandbox',
  );
});

Deno.test("planCommand() refuses what no program can be given", () => {
  const cases: [AdHocCommand, RegExp][] = [
    [{ command: "./server" }, /neither the name of a program nor an absolute path$/],
    [{ command: "-c" }, /neither the name/],
    [{ command: "" }, /neither the name/],
    [{ command: "node server.js" }, /neither the name/],
    [{ command: "node", args: ["a\0b"] }, /holds a NUL character$/],
    [{ command: "node", env: { A: "\0" } }, /holds a NUL character$/],
    [{ command: "node", args: ["x".repeat(40_000)] }, /longer than 32768 characters$/],
    [{ command: "node", args: Array.from({ length: 300 }, () => "a") }, /more than 256 arguments$/],
    [{ command: "node", env: { "A=B": "c" } }, /"A=B" is no name of a variable$/],
  ];
  for (const [given, message] of cases) {
    assert.throws(() => planCommand(given, OPTIONS), (thrown) => {
      assert.ok(thrown instanceof AppError);
      assert.equal(thrown.code, "INVALID_ARGUMENT");
      assert.match(thrown.message, message);
      return true;
    });
  }
});

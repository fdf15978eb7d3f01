/**
 * Tests of lib/connect/launch.ts. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { GLOBAL_FLAGS } from "../../lib/cli/commands.ts";
import { launchCommand, type Started } from "../../lib/connect/launch.ts";
import { AppError } from "../../lib/core/errors.ts";

const linux = { os: "linux", env: {} };
const compiled: Started = {
  isCompiled: true,
  execPath: "/usr/local/bin/wharf",
  mainModule: "file:///tmp/deno-compile-wharf/main.ts",
  runFlags: ["-P=full"],
  directory: "/project",
};

Deno.test("launchCommand() names the binary itself where it is one", () => {
  assert.deepEqual(launchCommand(compiled, {}, linux), {
    command: "/usr/local/bin/wharf",
    args: [],
  });
});

Deno.test("launchCommand() runs a checkout or a published module as it was run", () => {
  const deno = { ...compiled, isCompiled: false, execPath: "/bin/deno" };
  assert.deepEqual(
    launchCommand({ ...deno, mainModule: "file:///my%20code/main.ts" }, {}, linux).args,
    ["run", "-P=full", "/my code/main.ts"],
  );
  const windows = { ...deno, mainModule: "file:///C:/my%20code/main.ts" };
  assert.deepEqual(
    launchCommand(windows, {}, { os: "windows", env: {} }).args,
    ["run", "-P=full", "C:\\my code\\main.ts"],
  );
  const published = { ...deno, mainModule: "https://jsr.io/@wharf/wharf/0.1.0/main.ts" };
  assert.deepEqual(
    launchCommand(published, { toolsets: ["oci"] }, linux).args,
    ["run", "-P=full", "jsr:@wharf/wharf@0.1.0/main", "--toolsets", "oci"],
  );
  const other = { ...deno, mainModule: "https://example.com/wharf/main.ts" };
  assert.equal(launchCommand(other, {}, linux).args.at(-1), "https://example.com/wharf/main.ts");
});

Deno.test("launchCommand() passes on what a server takes, and paths that hold elsewhere", () => {
  const { args } = launchCommand(compiled, {
    "config": "wharf.json",
    "state-dir": "/state",
    "source": ["own=./list.json", "two=https://example.com/x,y", "none", "ssh=ssh://git@host/x"],
    "toolsets": ["oci,hub", "gateway"],
    "idle-stop": "5",
    // Of connect itself.
    "name": "other",
    "dry-run": true,
    "output": "json",
    "http": "http://x",
  }, linux);
  assert.deepEqual(args, [
    "--toolsets",
    "oci,hub",
    "--toolsets",
    "gateway",
    "--source",
    "own=/project/list.json",
    "--source",
    "two=https://example.com/x,y",
    "--source",
    "none",
    "--source",
    "ssh=ssh://git@host/x",
    "--state-dir",
    "/state",
    "--idle-stop",
    "5",
    "--config",
    "/project/wharf.json",
  ]);
  const windows = launchCommand({ ...compiled, directory: "C:\\work" }, { config: "a.json" }, {
    os: "windows",
    env: {},
  });
  assert.deepEqual(windows.args, ["--config", "C:\\work\\a.json"]);
});

Deno.test("launchCommand() passes on every flag that all commands take", () => {
  const own = GLOBAL_FLAGS.filter(({ name }) => name !== "help" && name !== "version");
  const given = Object.fromEntries(
    own.map(({ name, repeats }) => [name, repeats === true ? ["/x"] : "/x"]),
  );
  const { args } = launchCommand(compiled, given, linux);
  assert.deepEqual(
    args.filter((word) => word.startsWith("--")).toSorted(),
    own.map(({ name }) => `--${name}`).toSorted(),
  );
});

Deno.test("launchCommand() writes no password into a config", () => {
  for (
    const source of [
      "a=https://user:s3cret@host/x",
      "a=https://s3cret@host/x",
      "a=ssh://u:s3cret@h",
    ]
  ) {
    assert.throws(() => launchCommand(compiled, { source: [source] }, linux), (thrown) => {
      assert.ok(thrown instanceof AppError);
      assert.equal(thrown.code, "INVALID_ARGUMENT");
      assert.doesNotMatch(`${thrown.message}${thrown.hint}`, /s3cret/);
      return true;
    });
  }
});

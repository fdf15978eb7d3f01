/**
 * What people see on a terminal, and programs in a pipe. Needs run permission for deno and for
 * `script`, which makes a terminal on Linux.
 *
 * @module
 */

import assert from "node:assert/strict";
import { denoArgs } from "../../tools/deno.ts";
import { textWidth } from "../../lib/cli/width.ts";
import { runWharf } from "./wharf.ts";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;

/** Runs Wharf on a terminal; the lines that it shows, escape sequences included. */
async function onTerminal(
  args: readonly string[],
  options: { readonly columns: number; readonly env?: Readonly<Record<string, string>> },
): Promise<readonly string[]> {
  const flags = ["run", "-q", "--no-prompt", "--allow-read", "--allow-env=TERM,HOME"];
  const words = [Deno.execPath(), ...await denoArgs([...flags, "--ignore-env", MAIN, ...args])];
  const line = words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
  const env = Object.fromEntries(
    ["PATH", "HOME", "DENO_DIR"].flatMap((name) => {
      const value = Deno.env.get(name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
  const { stdout } = await new Deno.Command("script", {
    args: ["-qec", `stty cols ${options.columns}; ${line}`, "/dev/null"],
    clearEnv: true,
    env: { TERM: "xterm", ...env, ...options.env },
    stdin: "null",
  }).output();
  return new TextDecoder().decode(stdout).split(/\r?\n/);
}

// deno-lint-ignore no-control-regex -- what colours are made of
const COLOUR = /\x1b\[\d+m/g;

const ignore = Deno.build.os !== "linux";

Deno.test({
  name: "on a terminal, help and tables fit its width, with colours",
  ignore,
  async fn() {
    for (
      const args of [["help"], ["help", "add"], ["tools"], ["doctor", "--toolsets", "catalog"]]
    ) {
      const lines = await onTerminal([...args, "--source", "none"], { columns: 70 });
      const wide = lines.map((line) => line.replace(COLOUR, ""))
        // Paths, addresses and command lines stay whole.
        .filter((line) => textWidth(line) > 70 && !/\/|wharf /.test(line));
      assert.deepEqual(wide, [], args.join(" "));
      assert.ok(lines.length > 5, lines.join("\n"));
      const isColoured = lines.some((line) => COLOUR.test(line));
      assert.equal(isColoured, args[0] !== "tools", args.join(" "));
      COLOUR.lastIndex = 0;
    }
  },
});

Deno.test({
  name: "NO_COLOR is honoured, also where Deno grants no variable",
  ignore,
  async fn() {
    for (const args of [["help"], ["doctor", "--toolsets", "catalog", "--source", "none"]]) {
      const env = { NO_COLOR: "1" };
      const lines = await onTerminal(args, { columns: 100, env });
      assert.ok(!lines.join("\n").includes("\x1b"), args.join(" "));
    }
  },
});

Deno.test("in a pipe, everything is plain, and help needs no permission", async () => {
  const env = { NO_COLOR: "" };
  for (const name of ["serve", "tags", "doctor"]) {
    const [first, second] = await Promise.all([
      runWharf(["help", name], { permissions: [], env }),
      runWharf([name, "--help"], { permissions: [], env }),
    ]);
    assert.deepEqual([first.code, first.stderr], [0, ""]);
    assert.equal(first.stdout, second.stdout);
    assert.ok(!first.stdout.includes("\x1b"));
    assert.match(first.stdout, /^NAME\n[^]*\nSYNOPSIS\n[^]*\nDESCRIPTION\n[^]*\nEXAMPLES\n/);
  }
  const doctor = await runWharf(["doctor", "--toolsets", "catalog"], { env });
  assert.ok(!doctor.stdout.includes("\x1b"));
});

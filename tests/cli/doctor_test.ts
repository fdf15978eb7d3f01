/**
 * What `wharf doctor` prints, and how it ends. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { parseArguments } from "../../lib/cli/arguments.ts";
import { printDiagnosis, printFlags } from "../../lib/cli/doctor.ts";
import type { Terminal } from "../../lib/cli/terminal.ts";
import { textWidth } from "../../lib/cli/width.ts";
import type { Diagnosis } from "../../lib/doctor/mod.ts";

const DIAGNOSIS: Diagnosis = {
  state: "warn",
  findings: [
    { check: "podman", state: "ok", message: "5.4.2, rootless, starts containers" },
    {
      check: "source docker",
      state: "warn",
      message: 'Cannot reach "github.com": the name does not resolve; never read',
      next: "Check the spelling of the host",
    },
  ],
  needed: {
    flags: ["--no-prompt", "--allow-net=ghcr.io,*.quay.io", "--allow-read=/a b"],
    grants: [
      { kind: "net", value: "ghcr.io", why: "images" },
      { kind: "net", value: "*.quay.io", why: "images" },
      { kind: "read", value: "/a b", why: "settings" },
    ],
  },
};

function terminal(shape: Pick<Terminal, "columns" | "hasColours">) {
  const [out, err]: string[][] = [[], []];
  return {
    ...shape,
    lines: out ?? [],
    errors: err ?? [],
    out: (line: string) => void out?.push(line),
    err: (line: string) => void err?.push(line),
  };
}

Deno.test("printDiagnosis() prints plainly into a pipe", async (t) => {
  const piped = terminal({ columns: undefined });
  assert.equal(printDiagnosis(DIAGNOSIS, { output: "table" }, piped), 0);
  await t.assertSnapshot(piped.lines);
});

Deno.test("printDiagnosis() fits the terminal, and colours states where that is wanted", () => {
  const narrow = terminal({ columns: 60, hasColours: true });
  printDiagnosis(DIAGNOSIS, { output: "table" }, narrow);
  assert.equal(
    narrow.lines[0],
    "\x1b[32mok  \x1b[0m  podman         5.4.2, rootless, starts containers",
  );
  // deno-lint-ignore no-control-regex -- what colours are made of
  const plain = narrow.lines.map((line) => line.replace(/\x1b\[\d+m/g, ""));
  assert.deepEqual(plain.filter((line) => textWidth(line) > 60), []);
  assert.ok(plain.length > DIAGNOSIS.findings.length + 6);
});

Deno.test("printDiagnosis() ends with 1 where something failed, and is JSON for scripts", () => {
  const piped = terminal({ columns: undefined });
  const failed: Diagnosis = { ...DIAGNOSIS, state: "fail" };
  assert.equal(printDiagnosis(failed, { output: "json" }, piped), 1);
  assert.deepEqual(JSON.parse(piped.lines.join("\n")), {
    state: "fail",
    checks: DIAGNOSIS.findings,
    permissions: DIAGNOSIS.needed,
  });
});

Deno.test("printFlags() prints one line, and warns of blanks in it", () => {
  const piped = terminal({ columns: 40 });
  assert.equal(printFlags(DIAGNOSIS.needed, { output: "table" }, piped), 0);
  assert.deepEqual(piped.lines, ["--no-prompt --allow-net=ghcr.io,*.quay.io '--allow-read=/a b'"]);
  assert.equal(piped.errors.length, 1);
  const json = terminal({ columns: undefined });
  printFlags(DIAGNOSIS.needed, { output: "json" }, json);
  assert.deepEqual(JSON.parse(json.lines[0] ?? ""), { flags: DIAGNOSIS.needed.flags });
  assert.deepEqual(json.errors, []);
});

Deno.test("parseArguments() reads the registries of doctor by comma", () => {
  const parsed = parseArguments(["doctor", "--flags", "--registry", "ghcr.io, quay.io"]);
  assert.ok(parsed.kind === "doctor");
  assert.deepEqual([parsed.isFlagsOnly, parsed.registries], [true, ["ghcr.io", "quay.io"]]);
  const bare = parseArguments(["doctor"]);
  assert.ok(bare.kind === "doctor");
  assert.deepEqual([bare.isFlagsOnly, bare.registries, bare.output], [false, [], "table"]);
});

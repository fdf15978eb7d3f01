/**
 * Tests of lib/cli/help.ts and of the table of commands. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { parseArguments } from "../../lib/cli/arguments.ts";
import { COMMANDS, GLOBAL_FLAGS } from "../../lib/cli/commands.ts";
import { helpText } from "../../lib/cli/help.ts";
import { MANUAL } from "../../lib/cli/manual.ts";
import { textWidth } from "../../lib/cli/width.ts";

Deno.test("helpText() lists every command and flag", async (t) => {
  const text = helpText();
  for (const command of COMMANDS) assert.ok(text.includes(`  ${command.name} `), command.name);
  for (const flag of GLOBAL_FLAGS) assert.ok(text.includes(`--${flag.name}`), flag.name);
  await t.assertSnapshot(text.split("\n"));
});

Deno.test("helpText() explains each command", async (t) => {
  await t.assertSnapshot(COMMANDS.map((command) => helpText(command).split("\n")));
});

Deno.test("every example of the help is a command line that parses", () => {
  for (const command of COMMANDS) {
    for (const example of command.examples) {
      const words = [...example.matchAll(/'([^']*)'|(\S+)/g)].map((m) => m[1] ?? m[2] ?? "");
      assert.doesNotThrow(() => parseArguments(words), example);
      assert.equal(words[0], command.name);
    }
  }
});

Deno.test("a flag means the same in every command", () => {
  const kinds = new Map<string, string>();
  for (const flag of [...GLOBAL_FLAGS, ...COMMANDS.flatMap((command) => command.flags)]) {
    const kind = `${flag.value === undefined} ${flag.repeats === true}`;
    assert.equal(kinds.get(flag.name) ?? kind, kind, flag.name);
    kinds.set(flag.name, kind);
  }
});

Deno.test("every command has its part of the manual, and an example", () => {
  const names = COMMANDS.map(({ name }) => name);
  assert.deepEqual(Object.keys(MANUAL).toSorted(), names.toSorted());
  for (const { name, examples } of COMMANDS) assert.ok(examples.length > 0, name);
});

Deno.test("helpText() fits the terminal, but breaks no command line", () => {
  const examples = new Set(
    COMMANDS.flatMap((command) => command.examples).map((example) => `    wharf ${example}`),
  );
  for (const columns of [30, 60, 80, 300]) {
    for (const command of [undefined, ...COMMANDS]) {
      const lines = helpText(command, { columns }).split("\n");
      const wide = lines.filter((line) =>
        textWidth(line) > Math.min(columns, 100) && !examples.has(line) &&
        // A word alone is whole: it is of no use when cut.
        !/^ +(?:wharf \S+.*|--\S+ \S+|\S+)$/.test(line)
      );
      assert.deepEqual(wide, [], `${command?.name} at ${columns}`);
    }
  }
});

Deno.test("helpText() is plain where no terminal shows it", () => {
  for (const command of [undefined, ...COMMANDS]) {
    assert.ok(!helpText(command).includes("\x1b"));
    assert.ok(
      helpText(command, { columns: 80, hasColours: true }).startsWith("\x1b[1mNAME\x1b[0m\n"),
    );
  }
});

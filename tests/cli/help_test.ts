/**
 * Tests of lib/cli/help.ts and of the table of commands. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { parseArguments } from "../../lib/cli/arguments.ts";
import { COMMANDS, GLOBAL_FLAGS } from "../../lib/cli/commands.ts";
import { helpText } from "../../lib/cli/help.ts";

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

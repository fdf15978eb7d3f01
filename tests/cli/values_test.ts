/**
 * What may be a value, held against what the help says. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { parseArguments } from "../../lib/cli/arguments.ts";
import { COMMANDS, GLOBAL_FLAGS } from "../../lib/cli/commands.ts";
import { completionScript } from "../../lib/cli/completions.ts";
import { argumentsOf, FLAGS_WITH_VALUES, SHELLS, valuesOf } from "../../lib/cli/values.ts";
import { AppError } from "../../lib/core/errors.ts";

const FLAGS = [
  ...GLOBAL_FLAGS.map((flag) => ({ flag, command: "" })),
  ...COMMANDS.flatMap(({ name, flags }) => flags.map((flag) => ({ flag, command: name }))),
];

Deno.test("valuesOf() knows the words that the help names, and the help those that it knows", () => {
  for (const { flag, command } of FLAGS) {
    const values = valuesOf(flag.name, command);
    if (flag.value === "FILE") assert.equal(values.kind, "file", `${command} --${flag.name}`);
    if (flag.value === "DIR") assert.equal(values.kind, "directory", `${command} --${flag.name}`);
    const isChoice = /^(?:[a-z][\w-]*, )*[a-z][\w-]* or [\w-]+(?: \(|$)/.test(flag.about);
    if (isChoice) assert.equal(values.kind, "words", `${command} --${flag.name}`);
    if (values.kind !== "words") continue;
    for (const word of values.words) {
      assert.match(flag.about, new RegExp(`\\b${word}\\b`), `${command} --${flag.name}`);
    }
  }
});

Deno.test("valuesOf() knows no flag that is not there", () => {
  for (const key of FLAGS_WITH_VALUES) {
    const [command, name] = key.includes(".") ? key.split(".") : [undefined, key];
    assert.ok(
      FLAGS.some(({ flag, command: of }) => flag.name === name && (command ?? of) === of),
      key,
    );
  }
});

Deno.test("a value that is a word of a flag is one that parses", () => {
  for (const { flag, command } of FLAGS) {
    const values = valuesOf(flag.name, command);
    if (values.kind !== "words" || flag.name !== "output") continue;
    for (const word of values.words) {
      assert.doesNotThrow(() => parseArguments(["tools", `--${flag.name}`, word]));
    }
  }
});

Deno.test("completionScript() is one for each shell, and other shells are refused", () => {
  for (const shell of SHELLS) {
    const parsed = parseArguments(["completions", shell]);
    assert.deepEqual([parsed.kind, argumentsOf("completions")], ["completions", SHELLS]);
    const script = completionScript(shell);
    for (const { name } of COMMANDS) assert.ok(script.includes(name), `${shell}: ${name}`);
  }
  assert.throws(
    () => parseArguments(["completions", "tcsh"]),
    (error) => error instanceof AppError && error.hint === "Choose from bash, zsh, fish",
  );
  assert.throws(() => parseArguments(["completions"]), /<shell> is missing/);
});

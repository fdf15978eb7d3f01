/**
 * The completion scripts in the real shells. Needs run permission for them and for deno.
 *
 * @module
 */

import assert from "node:assert/strict";
import { COMMANDS } from "../../lib/cli/commands.ts";
import { type Shell, SHELLS } from "../../lib/cli/values.ts";
import { CLIENTS } from "../../lib/connect/mod.ts";
import { TOOLSETS } from "../../lib/mcp/mod.ts";
import { integrationTest } from "./needs.ts";
import { runWharf } from "./wharf.ts";

/** Completes a command line in a shell: its words, the last one unfinished. */
type Complete = (words: readonly string[]) => Promise<readonly string[]>;

/** The script of a shell, in a folder of its own. */
async function withScript(
  shell: Shell,
  use: (folder: string, script: string) => Promise<void>,
): Promise<void> {
  const { code, stdout, stderr } = await runWharf(["completions", shell], { permissions: [] });
  assert.deepEqual([code, stderr], [0, ""]);
  const folder = await Deno.makeTempDir({ prefix: "wharf-completions-" });
  try {
    const script = `${folder}/wharf.${shell}`;
    await Deno.writeTextFile(script, stdout);
    await use(folder, script);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Runs a program, and gives the lines that it prints. */
async function lines(program: string, args: readonly string[], cwd: string): Promise<string[]> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    cwd,
    stdin: "null",
    env: { TERM: "dumb" },
  }).output();
  const said = new TextDecoder().decode(stderr);
  assert.ok(success, said);
  assert.equal(said, "");
  return new TextDecoder().decode(stdout).split("\n").map((line) => line.trim()).filter(Boolean);
}

const COMPLETE: Readonly<Record<Shell, (folder: string, script: string) => Complete>> = {
  // As readline calls it: words are taken apart at equals signs too.
  bash: (folder, script) => async (words) =>
    await lines("bash", [
      "--norc",
      "-c",
      'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _wharf; printf "%s\\n" "${COMPREPLY[@]}"',
      "bash",
      script,
      "wharf",
      ...words.flatMap((word) => word.split(/(=)/)).filter((part, at, all) =>
        part !== "" || at === all.length - 1
      ),
    ], folder),
  // A terminal with a person at it who presses Tab: what is offered, and what the line becomes.
  zsh: (folder, script) => async (words) => {
    const [offered, line] = [`${folder}/.offered`, `${folder}/.line`];
    await Deno.writeTextFile(offered, "");
    await Deno.writeTextFile(
      `${folder}/.rc`,
      `PS1= PROMPT2=
autoload -Uz compinit && compinit -D -u
source ${script}
compadd() {
  if [[ " \${(j: :)@} " == *' -'[OAD]' '* ]]; then builtin compadd "$@"; return; fi
  local -a hits
  builtin compadd -A hits "$@"
  (( $#hits )) && print -l -- $hits >> ${offered}
  builtin compadd "$@"
}
show-line() { print -r -- $BUFFER > ${line}; BUFFER=; }
zle -N show-line
zle-line-init() { print -n rea''dy; }
zle -N zle-line-init
bindkey '^I' complete-word
bindkey '^X' show-line
`,
    );
    const typed = ["wharf", ...words].join(" ");
    await lines("zsh", [
      "-f",
      "-c",
      `zmodload zsh/zpty; zpty z zsh -f -i
zpty -w z "source ${folder}/.rc"
zpty -r -m z seen '*ready*'
zpty -w -n z $'${typed}\\t\\x18'
zpty -w z "print -n do''ne"
zpty -r -m z seen '*done*'
zpty -d z`,
    ], folder);
    const all = (await Deno.readTextFile(offered)).split("\n").filter(Boolean);
    if (all.length > 0) return all;
    // Paths are put in without being offered.
    const after = (await Deno.readTextFile(line)).trim();
    return after === typed.trim() ? [] : [after.split(/[ =]/).at(-1) ?? ""];
  },
  fish: (folder, script) => async (words) =>
    (await lines("fish", [
      "--no-config",
      "-c",
      `source ${script}; complete -C '${["wharf", ...words].join(" ")}'`,
    ], folder)).map((line) => line.split("\t")[0] ?? ""),
};

for (const shell of SHELLS) {
  const open = COMPLETE[shell];
  integrationTest(`${shell} completes commands, flags and values`, { needs: [shell] }, async () => {
    await withScript(shell, async (folder, script) => {
      await Deno.mkdir(`${folder}/inner-folder`);
      await Deno.writeTextFile(`${folder}/inner-file.json`, "{}");
      const complete = open(folder, script);
      const sorted = async (...words: string[]) =>
        [...new Set(await complete(words))].map((word) => word.replace(/\/$/, "")).toSorted();
      const commands = [...COMMANDS.map((command) => command.name), "help"].toSorted();
      assert.deepEqual(await sorted(""), commands);
      assert.deepEqual(await sorted("re"), ["refresh", "remove"]);
      assert.deepEqual(await sorted("--toolsets", "oci", "ta"), ["tags"]);
      assert.deepEqual(await sorted("tags", "--so"), ["--sort", "--source"]);
      assert.deepEqual(await sorted("tags", "--sort", ""), ["alphabetical", "registry", "semver"]);
      assert.deepEqual(await sorted("list", "--sort", "s"), ["stars"]);
      assert.deepEqual(await sorted("--log-level", "w"), ["warn"]);
      assert.deepEqual(await sorted("help", "sea"), ["search"]);
      assert.deepEqual(await sorted("completions", ""), ["bash", "fish", "zsh"]);
      assert.deepEqual(
        await sorted("connect", "z"),
        CLIENTS.map(({ id }) => id).filter((id) => id.startsWith("z")),
      );
      assert.deepEqual(await sorted("doctor", "--fl"), ["--flags"]);
      assert.deepEqual(await sorted("doctor", "--toolsets", ""), TOOLSETS.toSorted());
      const last = (await sorted("--toolsets", "oci,h")).map((word) => word.replace(/^oci,/, ""));
      assert.deepEqual(last, ["hub"]);
      assert.deepEqual(await sorted("--config", "inner-fi"), ["inner-file.json"]);
      assert.deepEqual(await sorted("serve", "--tls-key", "inner-fi"), ["inner-file.json"]);
      assert.deepEqual(await sorted("--cache-dir", "inner-"), ["inner-folder"]);
      assert.deepEqual(await sorted("inspect", "--platform", ""), []);
      assert.deepEqual(await sorted("inspect", "a"), []);
      const after = await sorted("tags", "--sort=sem");
      assert.deepEqual(after.map((word) => word.replace("--sort=", "")), ["semver"]);
    });
  });
}

/**
 * Completion of Wharf's words in a shell, made from the table of commands. Needs no permission.
 *
 * @example
 * ```ts
 * import { completionScript } from "./completions.ts";
 *
 * completionScript("bash").includes("complete -F _wharf wharf"); // true
 * ```
 *
 * @module
 */

import { COMMANDS, type CommandSpec, type FlagSpec, GLOBAL_FLAGS } from "./commands.ts";
import { bashScript } from "./completions_bash.ts";
import { fishScript } from "./completions_fish.ts";
import { zshScript } from "./completions_zsh.ts";
import { argumentsOf, type Shell, type Values, valuesOf } from "./values.ts";

/** A flag as a script completes it. */
export interface CompletedFlag {
  /** Name without dashes. */
  readonly name: string;
  /** One line for the shells that show it. */
  readonly about: string;
  /** Word that stands for the value; absent for a switch. */
  readonly value: string | undefined;
  /** Whether it may be given again. */
  readonly repeats: boolean;
  /** What the value may be. */
  readonly values: Values;
}

/** A command as a script completes it. */
export interface CompletedCommand {
  /** Its name. */
  readonly name: string;
  /** One line for the shells that show it. */
  readonly about: string;
  /** Its own flags. */
  readonly flags: readonly CompletedFlag[];
  /** What its first argument may be; none: whatever a person writes. */
  readonly words: readonly string[];
}

/** Everything that is completed. */
export interface CompletedWords {
  /** The commands. */
  readonly commands: readonly CompletedCommand[];
  /** Flags of every command. */
  readonly globals: readonly CompletedFlag[];
}

/** `help` is no command of the table, since it only shows it. */
const HELP = { name: "help", about: "Show help, or that of a command", flags: [] };

/**
 * A script for a shell.
 *
 * @param shell The shell.
 * @returns Its text, without a line feed at its end.
 */
export function completionScript(shell: Shell): string {
  const complete = ({ name, about, flags }: Pick<CommandSpec, "name" | "about" | "flags">) => ({
    name,
    about,
    flags: flags.map((flag) => completed(flag, name)),
    words: argumentsOf(name),
  });
  const words: CompletedWords = {
    commands: [...COMMANDS, HELP].map(complete),
    globals: GLOBAL_FLAGS.map((flag) => completed(flag, "")),
  };
  switch (shell) {
    case "bash":
      return bashScript(words);
    case "zsh":
      return zshScript(words);
    case "fish":
      return fishScript(words);
  }
}

function completed({ name, about, value, repeats }: FlagSpec, command: string): CompletedFlag {
  return { name, about, value, repeats: repeats === true, values: valuesOf(name, command) };
}

/**
 * Help texts, made from the table of commands. Needs no permission.
 *
 * @module
 */

import { COMMANDS, type CommandSpec, type FlagSpec, GLOBAL_FLAGS } from "./commands.ts";

/**
 * The text of `wharf --help` or `wharf <command> --help`.
 *
 * @param command The command to explain; without it, all of them.
 * @returns Text of several lines, without a line feed at its end.
 */
export function helpText(command?: CommandSpec): string {
  return (command === undefined ? overview() : details(command)).join("\n");
}

function overview(): string[] {
  return [
    "Wharf looks into container images in any registry, finds MCP servers and runs them, for people",
    "and for models (MCP).",
    "",
    "Usage: wharf [command] [arguments] [flags]",
    "",
    "Commands:",
    ...columns(COMMANDS.map((command) => [command.name, command.about])),
    "",
    "Flags of every command:",
    ...columns(GLOBAL_FLAGS.map(flagRow)),
    "",
    "Try:",
    "  wharf inspect alpine",
    "  wharf tags nginx '1.*-alpine'",
    "  wharf find query a postgres database",
    "  wharf serve --transport http",
    "",
    "wharf <command> --help says more.",
  ];
}

function details(command: CommandSpec): string[] {
  const positionals = command.positionals.map(({ parameter, required }) =>
    required ? `<${parameter}>` : `[${parameter}]`
  );
  if (command.name === "call") positionals.push("[name=value …]");
  const lines = [
    command.about,
    "",
    `Usage: ${["wharf", command.name, ...positionals, "[flags]"].join(" ")}`,
  ];
  if (command.flags.length > 0) lines.push("", "Flags:", ...columns(command.flags.map(flagRow)));
  lines.push("", "Flags of every command:", ...columns(GLOBAL_FLAGS.map(flagRow)));
  lines.push("", "Examples:", ...command.examples.map((example) => `  wharf ${example}`));
  return lines;
}

function flagRow(flag: FlagSpec): [string, string] {
  const value = flag.value === undefined ? "" : ` ${flag.value}`;
  return [`--${flag.name}${value}`, flag.about + (flag.repeats === true ? "; may repeat" : "")];
}

function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}

/**
 * The completion script for fish 3. Needs no permission.
 *
 * @module
 */

import type { CompletedCommand, CompletedFlag, CompletedWords } from "./completions.ts";

/**
 * Writes the script.
 *
 * @param words What is completed.
 */
export function fishScript({ commands, globals }: CompletedWords): string {
  const valued = new Set(
    [...globals, ...commands.flatMap(({ flags }) => flags)]
      .filter(({ value }) => value !== undefined).map(({ name }) => `--${name}`),
  );
  return [
    `# Completion of wharf for fish: wharf completions fish > ~/.config/fish/completions/wharf.fish
# Succeeds where the command is the argument, or where there is none yet and no argument.
function __wharf_command_is
    set -l tokens (commandline -opc)
    set -e tokens[1]
    set -l skip
    for token in $tokens
        if test -n "$skip"
            set skip
        else if contains -- $token ${[...valued].join(" ")}
            set skip 1
        else if not string match -q -- '-*' $token
            test "$token" = "$argv[1]"
            return
        end
    end
    test -z "$argv[1]"
end
# Values by comma: what stands before the last one stays.
function __wharf_list
    set -l before (commandline -ct | string replace -r '^--[a-z-]+=' '' | string match -r '^.*,')
    for word in $argv
        echo "$before$word"
    end
end`,
    "complete -c wharf -f",
    ...globals.map((flag) => flagLine(flag, undefined)),
    ...commands.map(({ name, about }) =>
      `complete -c wharf -n __wharf_command_is -a ${name} -d ${quoted(about)}`
    ),
    ...commands.flatMap(commandLines),
  ].join("\n");
}

function commandLines({ name, flags, words }: CompletedCommand): readonly string[] {
  const first = words.length === 0
    ? []
    : [`complete -c wharf -n '__wharf_command_is ${name}' -a '${words.join(" ")}'`];
  return [...flags.map((flag) => flagLine(flag, name)), ...first];
}

function flagLine(
  { name, about, value, values }: CompletedFlag,
  command: string | undefined,
): string {
  const condition = command === undefined ? "" : ` -n '__wharf_command_is ${command}'`;
  const start = `complete -c wharf${condition} -l ${name} -d ${quoted(about)}`;
  if (value === undefined) return start;
  switch (values.kind) {
    case "words":
      return `${start} -x -a '${values.words.join(" ")}'`;
    case "list":
      return `${start} -x -a '(__wharf_list ${values.words.join(" ")})'`;
    case "file":
      return `${start} -r -F`;
    case "directory":
      return `${start} -x -a '(__fish_complete_directories)'`;
    case "any":
      return `${start} -x`;
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}

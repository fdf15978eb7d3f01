/**
 * The completion script for zsh 5. Needs no permission.
 *
 * @module
 */

import type { CompletedCommand, CompletedFlag, CompletedWords } from "./completions.ts";

/**
 * Writes the script, for `source` as well as for a file `_wharf` in a folder of `fpath`.
 *
 * @param words What is completed.
 */
export function zshScript({ commands, globals }: CompletedWords): string {
  return `#compdef wharf
# Completion of wharf for zsh. In ~/.zshrc, after compinit: source <(wharf completions zsh)
_wharf() {
  local curcontext="$curcontext" state line
  local -a commands globals
  globals=(
${globals.map((flag) => `    ${flagSpec(flag)}`).join("\n")}
  )
  commands=(
${commands.map(({ name, about }) => `    ${quoted(`${name}:${about}`)}`).join("\n")}
  )
  _arguments -C $globals '1: :->command' '*:: :->rest'
  case $state in
    command) _describe -t commands 'command' commands ;;
    rest)
      case $words[1] in
${commands.map(commandCase).join("\n")}
      esac
      ;;
  esac
}
if [[ \${funcstack[1]} == _wharf ]]; then
  _wharf "$@"
else
  compdef _wharf wharf
fi`;
}

function commandCase({ name, flags, words }: CompletedCommand): string {
  const first = words.length === 0 ? [] : [quoted(`1:argument:(${words.join(" ")})`)];
  const specs = [...flags.map(flagSpec), ...first];
  return `        ${name}) _arguments $globals ${specs.join(" ")} ;;`;
}

/** As _arguments takes it: `*--name=[about]:VALUE:(words)`, where `=` allows a blank too. */
function flagSpec({ name, about, value, repeats, values }: CompletedFlag): string {
  const escaped = about.replace(/[[\]:\\]/g, "\\$&");
  const start = `${repeats ? "*" : ""}--${name}`;
  if (value === undefined) return quoted(`${start}[${escaped}]`);
  const title = value.replace(/[[\]:\\]/g, "\\$&");
  return quoted(`${start}=[${escaped}]:${title}:${action()}`);

  function action(): string {
    switch (values.kind) {
      case "words":
        return `(${values.words.join(" ")})`;
      case "list":
        return `_sequence compadd - ${values.words.join(" ")}`;
      case "file":
        return "_files";
      case "directory":
        return "_files -/";
      case "any":
        return " ";
    }
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

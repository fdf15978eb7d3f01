/**
 * The completion script for bash 3.2 and later. Needs no permission.
 *
 * @module
 */

import type { CompletedCommand, CompletedFlag, CompletedWords } from "./completions.ts";

/**
 * Writes the script.
 *
 * @param words What is completed; every word is one of Wharf's own, without blanks and quotes.
 */
export function bashScript({ commands, globals }: CompletedWords): string {
  const valued = new Set(
    [...globals, ...commands.flatMap(({ flags }) => flags)]
      .filter(({ value }) => value !== undefined).map(({ name }) => `--${name}`),
  );
  return `# Completion of wharf for bash. In ~/.bashrc: source <(wharf completions bash)
_wharf() {
  local cur prev command word index skip words list
  COMPREPLY=()
  cur=\${COMP_WORDS[COMP_CWORD]}
  prev=\${COMP_WORDS[COMP_CWORD - 1]}
  # bash takes --flag=value apart at the equals sign.
  if [[ $cur == "=" ]]; then
    cur=
  elif [[ $prev == "=" ]]; then
    prev=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  command=
  skip=
  index=0
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    if [[ -n $skip && $word != "=" ]]; then
      skip=
    elif [[ " ${[...valued].join(" ")} " == *" $word "* ]]; then
      skip=1
    elif [[ $word != -* && $word != "=" ]]; then
      [[ -z $command ]] && command=$word || index=$((index + 1))
    fi
  done
  words=
  list=
  case $command:$prev in
${valueCases(commands, globals)}
  esac
  if [[ -n $list ]]; then
    # Values by comma: only the last one is completed.
    local before=
    [[ $cur == *,* ]] && before=\${cur%,*},
    COMPREPLY=($(compgen -P "$before" -W "$list" -- "\${cur##*,}"))
    return
  fi
  if [[ -z $words && $cur == -* ]]; then
    words="${globals.map(dashed).join(" ")}"
    case $command in
${flagCases(commands)}
    esac
  elif [[ -z $words && -z $command ]]; then
    words="${commands.map(({ name }) => name).join(" ")}"
  elif [[ -z $words && $index == 0 ]]; then
    case $command in
${argumentCases(commands)}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -F _wharf wharf`;
}

function dashed({ name }: CompletedFlag): string {
  return `--${name}`;
}

/** A command's own values stand before those of all commands. */
function valueCases(
  commands: readonly CompletedCommand[],
  globals: readonly CompletedFlag[],
): string {
  const lines = commands.flatMap(({ name, flags }) =>
    flags.map((flag) => valueCase(flag, `${name}:--${flag.name}`))
  );
  return [...lines, ...globals.map((flag) => valueCase(flag, `*:--${flag.name}`))]
    .filter((line) => line !== undefined).join("\n");
}

function valueCase({ value, values }: CompletedFlag, pattern: string): string | undefined {
  if (value === undefined) return undefined;
  switch (values.kind) {
    case "words":
      return `    ${pattern}) words="${values.words.join(" ")}" ;;`;
    case "list":
      return `    ${pattern}) list="${values.words.join(" ")}" ;;`;
    case "file":
      return `    ${pattern}) COMPREPLY=($(compgen -f -- "$cur")); return ;;`;
    case "directory":
      return `    ${pattern}) COMPREPLY=($(compgen -d -- "$cur")); return ;;`;
    case "any":
      return `    ${pattern}) return ;;`;
  }
}

function flagCases(commands: readonly CompletedCommand[]): string {
  return commands.filter(({ flags }) => flags.length > 0)
    .map(({ name, flags }) => `      ${name}) words="$words ${flags.map(dashed).join(" ")}" ;;`)
    .join("\n");
}

function argumentCases(commands: readonly CompletedCommand[]): string {
  return commands.filter(({ words }) => words.length > 0)
    .map(({ name, words }) => `      ${name}) words="${words.join(" ")}" ;;`).join("\n");
}

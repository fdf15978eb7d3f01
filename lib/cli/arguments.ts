/**
 * From argv to an invocation. Needs no permission.
 *
 * @example
 * ```ts
 * import { parseArguments } from "./arguments.ts";
 *
 * parseArguments(["tags", "alpine", "--limit", "5"]);
 * // { kind: "tool", tool: "list_tags", arguments: { repository: "alpine", limit: "5" }, … }
 * ```
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { AppError } from "../core/errors.ts";
import { nearestNames } from "../core/nearest.ts";
import { type Shell, SHELLS, valuesOf } from "./values.ts";
import {
  COMMANDS,
  type CommandSpec,
  findCommand,
  type FlagSpec,
  GLOBAL_FLAGS,
  type Show,
} from "./commands.ts";
import { type Elicit, elicitFlag, type RemoteTarget, remoteTarget } from "./remote_flags.ts";

/** How an answer is printed. */
export type Output = "table" | "json";

/** What a command line asks for, and its flags by name. */
export type Invocation =
  & { readonly flags: Readonly<Record<string, string | boolean | readonly string[]>> }
  & (
    | { readonly kind: "serve" }
    | { readonly kind: "health" }
    | {
      readonly kind: "tool";
      /** Name of the command that calls it. */
      readonly command: string;
      /** Name of the tool. */
      readonly tool: string;
      /** Arguments by parameter; those from the command line are texts. */
      readonly arguments: Readonly<Record<string, unknown>>;
      readonly output: Output;
      readonly show: Show;
      /** Follow the answer's cursor to the end. */
      readonly all: boolean;
    }
    | {
      readonly kind: "remote";
      /** The server. */
      readonly target: RemoteTarget;
      /** Name of the tool; without it they are listed. */
      readonly tool: string | undefined;
      /** Arguments as texts, to be brought into the form that the tool asks for. */
      readonly pairs: Readonly<Record<string, string>>;
      /** Arguments as they are. */
      readonly json: Readonly<Record<string, unknown>>;
      /** How the server's questions are answered. */
      readonly elicit: Elicit | undefined;
      readonly output: Output;
    }
    | { readonly kind: "tools"; readonly output: Output }
    | {
      readonly kind: "connect";
      /** Name of the client; without it all are listed. */
      readonly client: string | undefined;
      readonly output: Output;
    }
    | {
      readonly kind: "doctor";
      readonly output: Output;
      /** Only the flags of `deno run`. */
      readonly isFlagsOnly: boolean;
      /** The registries that were named. */
      readonly registries: readonly string[];
    }
    | { readonly kind: "completions"; readonly shell: Shell }
    | { readonly kind: "help"; readonly command: CommandSpec | undefined }
    | { readonly kind: "version" }
  );

const EVERY_FLAG: ReadonlyMap<string, FlagSpec> = new Map(
  [...GLOBAL_FLAGS, ...COMMANDS.flatMap((command) => command.flags)].map((flag) => [
    flag.name,
    flag,
  ]),
);

/**
 * Parses a command line.
 *
 * @param argv The arguments after the program's name.
 * @returns What is asked for. No command at all means `serve`.
 * @throws {AppError} `INVALID_ARGUMENT` that names the word and the next step.
 */
export function parseArguments(argv: readonly string[]): Invocation {
  const specs = [...EVERY_FLAG.values()];
  const names = (test: (flag: FlagSpec) => boolean) => specs.filter(test).map((flag) => flag.name);
  const unknown: string[] = [];
  const written = joinEmpty(argv.map(doubleDashed));
  const parsed: Readonly<Record<string, unknown>> = parseArgs(written, {
    string: [...names((flag) => flag.value !== undefined), "_"],
    boolean: names((flag) => flag.value === undefined),
    collect: names((flag) => flag.repeats === true),
    alias: { help: "h", version: "V" },
    unknown: (_argument: string, key?: string) => {
      if (key !== undefined) unknown.push(key);
    },
  });
  const words = Array.isArray(parsed["_"]) ? parsed["_"].map(String) : [];
  const [name = "serve", ...rest] = words;
  const flags = givenFlags(parsed, written);
  if (name === "help") {
    const [about = "help"] = rest;
    return { kind: "help", command: about === "help" ? undefined : known(about), flags };
  }
  const [stray] = unknown;
  if (stray !== undefined) {
    throw unknownFlag(stray, words.length > 0 ? findCommand(name) : undefined);
  }
  if (flags["version"] === true) return { kind: "version", flags };
  if (flags["help"] === true) {
    return { kind: "help", command: words.length === 0 ? undefined : known(name), flags };
  }
  const command = known(name);
  checkFlags(command, flags);
  return invocation(command, rest, flags);
}

function invocation(
  command: CommandSpec,
  words: readonly string[],
  flags: Invocation["flags"],
): Invocation {
  if (command.name === "call") return callInvocation(command, words, flags);
  const values: Record<string, unknown> = {};
  command.positionals.forEach((positional, index) => {
    if (positional.pairs === true) {
      const pairs = words.slice(index);
      for (const pair of pairs) checkPair(pair, command.examples[0] ?? command.name);
      if (pairs.length > 0) values[positional.parameter] = pairs;
      return;
    }
    const word = positional.joins === true && words.length > index
      ? words.slice(index).join(" ")
      : words[index];
    if (word !== undefined && word !== "") values[positional.parameter] = word;
    else if (positional.required) throw missing(command, positional.parameter);
  });
  const extra = words[command.positionals.length];
  if (extra !== undefined && !takesAll(command)) {
    throw new AppError(
      "INVALID_ARGUMENT",
      `Cannot use "${extra}": "${command.name}" takes no more`,
      {
        hint: `See wharf ${command.name} --help`,
      },
    );
  }
  for (const flag of command.flags) {
    const value = flags[flag.name];
    if (flag.parameter === undefined || value === undefined) continue;
    for (const word of [value].flat()) checkValue(command, flag, String(word));
    values[flag.parameter] = value;
  }
  if (command.name === "serve") return { kind: "serve", flags };
  if (command.name === "connect") {
    return { kind: "connect", client: words[0], output: output(flags), flags };
  }
  if (command.name === "completions") return { kind: "completions", shell: shell(words[0]), flags };
  if (command.name === "doctor") {
    const registries = String(flags["registry"] ?? "").split(",").map((name) => name.trim());
    return {
      kind: "doctor",
      output: output(flags),
      isFlagsOnly: flags["flags"] === true,
      registries: registries.filter(Boolean),
      flags,
    };
  }
  if (command.name === "health") return { kind: "health", flags };
  if (command.tool === undefined) return { kind: "tools", output: output(flags), flags };
  return {
    kind: "tool",
    command: command.name,
    tool: command.tool,
    arguments: values,
    output: output(flags),
    show: command.show ?? "facts",
    all: flags["all"] === true || command.show === "document",
    flags,
  };
}

/**
 * The form of an error where a command line may be too wrong to be parsed.
 *
 * @param argv The arguments after the program's name.
 */
export function wantedOutput(argv: readonly string[]): Output {
  const asked = argv.some((word, at) =>
    /^--?output=json$/.test(word) ||
    (/^--?output$/.test(word) && argv[at + 1] === "json")
  );
  return asked ? "json" : "table";
}

/** Whether the last positional argument takes every word that is left. */
function takesAll({ positionals }: CommandSpec): boolean {
  const last = positionals.at(-1);
  return last?.joins === true || last?.pairs === true;
}

/** `call` takes `name=value` pairs; a value keeps every `=` after the first. */
function callInvocation(
  command: CommandSpec,
  words: readonly string[],
  flags: Invocation["flags"],
): Invocation {
  const [tool, ...rest] = words;
  const json = jsonObject(flags["json"]);
  const pairs = pairsOf(rest, tool);
  const target = remoteTarget(flags);
  if (tool === undefined && flags["json"] !== undefined) throw missing(command, "tool");
  if (target !== undefined) {
    return {
      kind: "remote",
      target,
      tool,
      pairs,
      json,
      elicit: elicitFlag(flags),
      output: output(flags),
      flags,
    };
  }
  if (tool === undefined) throw missing(command, "tool");
  return {
    kind: "tool",
    command: command.name,
    tool,
    arguments: { ...json, ...pairs },
    output: output(flags),
    show: "facts",
    all: false,
    flags,
  };
}

function pairsOf(
  words: readonly string[],
  tool = "tool",
): Readonly<Record<string, string>> {
  const values: Record<string, string> = {};
  for (const pair of words) {
    checkPair(pair, `call ${tool} name=value`);
    const at = pair.indexOf("=");
    values[pair.slice(0, at)] = pair.slice(at + 1);
  }
  return values;
}

function checkPair(pair: string, example: string): void {
  if (pair.indexOf("=") >= 1) return;
  throw new AppError("INVALID_ARGUMENT", `Cannot use "${pair}": it is not name=value`, {
    hint: `Write for example: wharf ${example}`,
  });
}

/** What help says of a value is asked for here, in the words of the command line. */
function checkValue({ name: command }: CommandSpec, flag: FlagSpec, value: string): void {
  const values = valuesOf(flag.name, command);
  if (values.kind === "words" && !values.words.includes(value)) {
    throw new AppError(
      "INVALID_ARGUMENT",
      `Cannot use --${flag.name} "${value}": there is no such choice`,
      { hint: `Choose from ${values.words.join(", ")}` },
    );
  }
  if (flag.value === "NAME=VALUE" && value.indexOf("=") < 1) {
    // What was meant may be a secret, and is not repeated.
    throw new AppError("INVALID_ARGUMENT", `Cannot use --${flag.name}: it is not NAME=VALUE`, {
      hint: `Write for example: --${flag.name} NAME=file:/path`,
    });
  }
  if (flag.value === "N" && !/^[1-9]\d*$/.test(value)) {
    throw new AppError("INVALID_ARGUMENT", `Cannot use --${flag.name} "${value}": it is no count`, {
      hint: "Pass a whole number from 1 on",
    });
  }
}

function jsonObject(value: unknown): Record<string, unknown> {
  if (typeof value !== "string") return {};
  let parsed: unknown;
  try {
    parsed = JSON.parse(value);
  } catch (cause) {
    throw new AppError("INVALID_ARGUMENT", "Cannot use --json: it is not valid JSON", {
      cause,
      hint: `Quote it for your shell, for example --json '{"repository":"alpine"}'`,
    });
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw new AppError("INVALID_ARGUMENT", "Cannot use --json: it is not an object", {
      hint: `Write for example --json '{"repository":"alpine"}'`,
    });
  }
  return { ...parsed };
}

/** The parser takes an empty word for no value at all, unless it stands behind `=`. */
function joinEmpty(argv: readonly string[]): string[] {
  const isOpen = (word: string | undefined) =>
    word?.startsWith("--") === true && EVERY_FLAG.get(word.slice(2))?.mayBeEmpty === true;
  return argv.flatMap((word, at) => {
    if (word === "" && isOpen(argv[at - 1])) return [];
    return [isOpen(word) && argv[at + 1] === "" ? `${word}=` : word];
  });
}

/** Older servers were started with `-port 8080`; single letters stay short flags. */
function doubleDashed(argument: string): string {
  const name = /^-([a-z][a-z-]+)(=.*)?$/.exec(argument)?.[1];
  return name !== undefined && EVERY_FLAG.has(name) ? `-${argument}` : argument;
}

function givenFlags(
  parsed: Readonly<Record<string, unknown>>,
  argv: readonly string[],
): Invocation["flags"] {
  const flags: Record<string, string | boolean | readonly string[]> = {};
  for (const [name, flag] of EVERY_FLAG) {
    const value = parsed[name];
    if (value === undefined || value === false) continue;
    if (Array.isArray(value)) {
      if (value.length > 0) flags[name] = value.map(String);
    } else if (flag.value === undefined) flags[name] = value === true;
    else flags[name] = String(value);
    const isEmpty = flag.mayBeEmpty === true && argv.includes(`--${name}=`);
    if (flag.value !== undefined && [flags[name]].flat().includes("") && !isEmpty) {
      throw new AppError("INVALID_ARGUMENT", `Cannot use --${name}: its value is missing`, {
        hint: `Write --${name} ${flag.value}`,
      });
    }
  }
  return flags;
}

function checkFlags(command: CommandSpec, flags: Invocation["flags"]): void {
  for (const name of Object.keys(flags)) {
    const fits = [...GLOBAL_FLAGS, ...command.flags].some((flag) => flag.name === name);
    if (!fits) throw unknownFlag(name, command);
  }
}

function shell(name: string | undefined): Shell {
  const found = SHELLS.find((candidate) => candidate === name);
  if (found !== undefined) return found;
  throw new AppError("INVALID_ARGUMENT", `Cannot complete for "${name}": it is not known`, {
    hint: `Choose from ${SHELLS.join(", ")}`,
  });
}

function output(flags: Invocation["flags"]): Output {
  const value = flags["output"] ?? "table";
  if (value === "table" || value === "json") return value;
  throw new AppError("INVALID_ARGUMENT", `Cannot use --output "${value}": there is no such form`, {
    hint: "Choose from table, json",
  });
}

function known(name: string): CommandSpec {
  const command = findCommand(name);
  if (command !== undefined) return command;
  const names = COMMANDS.map((spec) => spec.name);
  const byTool = COMMANDS.find(({ tool }) => tool === name)?.name;
  const [near] = byTool === undefined ? nearestNames(name, [...names, "help"], 1) : [byTool];
  throw new AppError("INVALID_ARGUMENT", `Cannot run "${name}": there is no such command`, {
    hint: near === undefined
      ? `Choose from ${names.join(", ")}`
      : `Did you mean wharf ${near}? See wharf help for all`,
  });
}

function unknownFlag(name: string, command: CommandSpec | undefined): AppError {
  const dashes = name.length === 1 ? "-" : "--";
  const place = command === undefined ? "wharf" : `wharf ${command.name}`;
  const flags = [...GLOBAL_FLAGS, ...command?.flags ?? []].map((flag) => flag.name);
  // A flag of another command is no slip.
  const [near] = EVERY_FLAG.has(name) || name.length === 1 ? [] : nearestNames(name, flags, 1);
  return new AppError(
    "INVALID_ARGUMENT",
    `Cannot use ${dashes}${name}: ${place} has no such flag`,
    { hint: `${near === undefined ? "" : `Did you mean --${near}? `}See ${place} --help` },
  );
}

function missing(command: CommandSpec, parameter: string): AppError {
  const example = command.examples[0] ?? command.name;
  return new AppError(
    "INVALID_ARGUMENT",
    `Cannot run "${command.name}": <${parameter}> is missing`,
    {
      hint: `Write for example: wharf ${example}`,
    },
  );
}

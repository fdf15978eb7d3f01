/**
 * What tools say of each other, in the words of the command line: `wharf tags` for `list_tags`,
 * `--method` for `launch_method=`. A model reads the same hints in the words of tools. Needs no
 * permission.
 *
 * @example
 * ```ts
 * import { inCommands } from "./wording.ts";
 *
 * inCommands("Look at registry-active, then registry-add id=a/b accept_changes=true");
 * // "Look at wharf active, then wharf add a/b --accept-changes"
 * ```
 *
 * @module
 */

import { AppError } from "../core/errors.ts";
import { COMMANDS, type CommandSpec, type FlagSpec } from "./commands.ts";

/** Commands by their tool. A tool whose name is a plain word cannot be told from that word. */
const BY_TOOL: ReadonlyMap<string, CommandSpec> = new Map(
  COMMANDS.flatMap((command) =>
    command.tool !== undefined && /[-_]/.test(command.tool) ? [[command.tool, command]] : []
  ),
);

/** A tool with its arguments, as JSON or as words; an argument alone; what somebody else says. */
const WORDS = new RegExp(
  [
    String.raw`(?<![\w-])(?:Call )?(?<tool>${[...BY_TOOL.keys()].join("|")})(?![\w-])` +
    String.raw`(?: (?<json>\{.*\})|(?<pairs>(?: [a-z_]+=[^\s;,]+)*))`,
    String.raw`(?<![\w-])(?<name>[a-z_]+)=(?:"(?<quoted>[^"\n]*)"|(?<value>[^\s;,")]+))`,
    String.raw`(?<![\w-])(?<bare>[a-z]+(?:_[a-z]+)+)(?![\w-])`,
    String.raw`"[^"\n]*"`,
  ].join("|"),
  "g",
);

/**
 * Puts a text into the words of the command line.
 *
 * @param text What a tool says. What stands in quotes may be somebody else's and stays.
 * @param command The command that was run: an argument alone is one of its flags.
 */
export function inCommands(text: string, command?: CommandSpec): string {
  return text.replaceAll(WORDS, (whole, ...rest) => {
    const found: Readonly<Record<string, string | undefined>> = rest.at(-1);
    const { tool, json, pairs = "", name, bare } = found;
    const called = tool === undefined ? undefined : BY_TOOL.get(tool);
    if (called !== undefined) {
      const args = json === undefined ? pairsOf(pairs) : objectOf(json);
      if (args === undefined) return whole;
      return `${whole.startsWith("Call ") ? "Run " : ""}${commandLine(called, args)}`;
    }
    const flag = flagOf(command, name ?? bare);
    if (flag === undefined) return whole;
    return bare === undefined
      ? flagText(flag, found["quoted"] ?? found["value"] ?? "")
      : `--${flag.name}`;
  });
}

/**
 * Puts an error into the words of the command line: its hint, and where an argument is wrong, the
 * flag that gave it.
 *
 * @param error What a tool threw.
 * @param command The command that was run; the error stays as it is for one that calls any tool.
 */
export function errorInCommands(error: AppError, command: CommandSpec | undefined): AppError {
  // `call` names tools itself.
  if (command?.tool === undefined) return error;
  const { code, message, hint = "" } = error;
  const isArgument = code === "INVALID_ARGUMENT" &&
    message.startsWith(`Cannot call ${command.tool}: "`);
  if (!isArgument) {
    const named = message.replace(/^Cannot finish(?= in \d)/, `Cannot finish "${command.name}"`);
    return reworded(error, named, inCommands(hint, command));
  }
  return reworded(error, argumentText(message, command), `See wharf ${command.name} --help`);
}

/**
 * Puts the error of a server that is called once into the words of the command line: it has no
 * settings, what it wants is given by flags.
 *
 * @param error What the call threw.
 */
export function errorInFlags(error: AppError): AppError {
  if (!/\bits settings\b/.test(error.hint ?? "")) return error;
  const hint = 'Give its key, for example by --header "Authorization=Bearer file:/path"';
  return reworded(error, error.message, hint);
}

/** The same error in other words. */
function reworded(error: AppError, message: string, hint: string): AppError {
  const { code, cause, retryable, retryAfterMs, status, details } = error;
  return new AppError(code, message, {
    cause,
    retryable,
    ...(hint === "" ? {} : { hint }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(status === undefined ? {} : { status }),
    ...(details === undefined ? {} : { details }),
  });
}

/** `"limit": too big` is `--limit: too big`. */
function argumentText(message: string, command: CommandSpec): string {
  return message.replace(`Cannot call ${command.tool}`, `Cannot run "${command.name}"`)
    .replaceAll(/(?<=[:;] )"([a-z_]+)(?:\.\d+)?"/g, (whole, parameter) => {
      const flag = flagOf(command, parameter);
      if (flag !== undefined) return `--${flag.name}`;
      const isWord = command.positionals.some((one) => one.parameter === parameter);
      return isWord ? `<${parameter}>` : whole;
    });
}

/** `wharf add a/b --accept-changes` */
function commandLine(command: CommandSpec, args: Readonly<Record<string, unknown>>): string {
  const words = command.positionals.flatMap(({ parameter, pairs }) => {
    const value = args[parameter];
    if (value === undefined) return [];
    if (pairs !== true) return [value];
    // A shell would take the angle brackets of a blank to fill in for files.
    return Object.entries(Object(value)).map(([name, given]) =>
      `${name}=${String(given).replace(/^<.*>$/, "VALUE")}`
    );
  });
  const flags = Object.entries(args).flatMap(([parameter, value]) => {
    const flag = flagOf(command, parameter);
    return flag === undefined ? [] : [flagText(flag, String(value))];
  });
  return ["wharf", command.name, ...words, ...flags].join(" ");
}

/** A switch says no more than that it is on; what follows the word stays, as the end of a sentence. */
function flagText({ name, value: word }: FlagSpec, value: string): string {
  return word === undefined ? `--${name}${value.replace(/^true/, "")}` : `--${name} ${value}`;
}

function flagOf(command: CommandSpec | undefined, parameter: string | undefined) {
  return command?.flags.find((flag) =>
    flag.parameter !== undefined && flag.parameter === parameter
  );
}

function pairsOf(text: string): Readonly<Record<string, string>> {
  const pairs = text.split(" ").filter(Boolean).map((pair) => {
    const at = pair.indexOf("=");
    return [pair.slice(0, at), pair.slice(at + 1)];
  });
  return Object.fromEntries(pairs);
}

function objectOf(json: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const parsed: unknown = JSON.parse(json);
    return typeof parsed === "object" && parsed !== null ? { ...parsed } : undefined;
  } catch {
    // It only looked like one.
    return undefined;
  }
}

/**
 * Command lines as catalogues print them (`npx -y …`, `uvx …`, `docker run …`),
 * read for the package they name. Nothing is ever run, and there is no shell
 * here: a text that needs one is not read at all. Needs no permission.
 *
 * @example
 * ```ts
 * import { readCommand, splitCommand } from "./command.ts";
 *
 * const words = splitCommand("npx -y @acme/mcp@1.2 --stdio");
 * words && readCommand(words)?.package?.identifier; // "@acme/mcp"
 * ```
 *
 * @module
 */

import type { PackageDraft, RemoteDraft } from "./build.ts";
import { looksSecret } from "./credentials.ts";
import type { Argument, Setting } from "./entry.ts";
import { readRuntimeArguments, type RuntimeFacts, toRunFacts } from "./container_args.ts";

/** Longest command line that is read. */
const MAX_COMMAND_CHARS = 2000;

/** Characters that only a shell gives a meaning. */
const SHELL = /[|;&<>`\n]|\$\(|\$\{?[A-Za-z_]/;

/**
 * Splits a command line at blanks; quotes keep blanks together.
 *
 * @param line The text.
 * @returns The words, or `undefined` when it takes a shell to understand it.
 */
export function splitCommand(line: string): readonly string[] | undefined {
  const text = line.trim();
  if (text === "" || text.length > MAX_COMMAND_CHARS || SHELL.test(text)) return undefined;
  const words: string[] = [];
  let word: string | undefined;
  let quote: string | undefined;
  for (const char of text) {
    if (quote !== undefined) {
      if (char === quote) quote = undefined;
      else word = `${word ?? ""}${char}`;
    } else if (char === '"' || char === "'") {
      quote = char;
      word ??= "";
    } else if (char === " " || char === "\t") {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = `${word ?? ""}${char}`;
  }
  if (quote !== undefined) return undefined;
  if (word !== undefined) words.push(word);
  return words;
}

/** What a command starts or reaches. */
export interface CommandFacts {
  /** A package that it starts or installs. */
  readonly package?: PackageDraft;
  /** A server that it only connects to. */
  readonly remote?: RemoteDraft;
}

/** Packages that catalogues name beside a server: installers, bridges, inspectors. */
const HELPERS = new Set([
  "@modelcontextprotocol/inspector",
  "@smithery/cli",
  "add-mcp",
  "install-mcp",
  "mcp-proxy",
  "skills",
  "smithery",
  "supergateway",
]);

/** First arguments that set a server up or sign in rather than start it. */
const SETUP = /^(?:--?)?(?:add|configure|init|install|login|register|setup)$/i;

/**
 * Reads a command for the package that it starts or installs, or the remote that it connects to.
 *
 * @param words Program and arguments, one element each.
 * @param env Environment that stands beside it; values are taken as examples.
 * @returns What it names, or `undefined` for any other command.
 */
export function readCommand(
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
): CommandFacts | undefined {
  if (words[1] === "mcp" && words[2] === "add") return readClientCommand(words.slice(3));
  const item = readPackageCommand(words, env);
  if (item === undefined) return undefined;
  if (item.identifier === "mcp-remote") return readBridge(item.args ?? []);
  if (HELPERS.has(item.identifier) || item.identifier.startsWith("create-")) return undefined;
  const begin = (item.args ?? []).slice(0, 2);
  if (!begin.some(({ value }) => SETUP.test(value ?? ""))) return { package: item };
  const { args: _setup, ...bare } = item;
  return { package: bare };
}

function readPackageCommand(
  words: readonly string[],
  env: Readonly<Record<string, string>>,
): PackageDraft | undefined {
  const [first = "", ...rest] = words;
  const program = (first.split(/[/\\]/).at(-1) ?? "").replace(/\.(?:exe|cmd)$/i, "").toLowerCase();
  if (program === "cmd" && rest[0]?.toLowerCase() === "/c") {
    return readPackageCommand(rest.slice(1), env);
  }
  if (program === "env") return readEnvCommand(rest, env);
  const settings = Object.entries(env).map(([name, example]) => environmentSetting(name, example));
  if (program === "docker" || program === "podman") {
    return rest[0] === "run" ? containerPackage(rest.slice(1), settings) : undefined;
  }
  const npx = npxWords(program, rest);
  if (npx !== undefined) return runner(npx, NPX, { settings, runtimeHint: "npx" });
  const uvx = uvxWords(program, rest);
  if (uvx !== undefined) return runner(uvx, UVX, { settings, runtimeHint: "uvx" });
  return installed(program, rest, settings);
}

/** The words after the runner, where the program is one that runs npm packages. */
function npxWords(program: string, rest: readonly string[]): readonly string[] | undefined {
  if (program === "npx" || program === "bunx" || program === "pnpx") return rest;
  const runs = program === "npm" || program === "pnpm" || program === "yarn" || program === "bun";
  const [verb = ""] = rest;
  return runs && ["dlx", "exec", "x"].includes(verb) ? rest.slice(1) : undefined;
}

/** The same for PyPI. */
function uvxWords(program: string, rest: readonly string[]): readonly string[] | undefined {
  if (program === "uvx") return rest;
  if (program === "pipx" && rest[0] === "run") return rest.slice(1);
  return program === "uv" && rest[0] === "tool" && rest[1] === "run" ? rest.slice(2) : undefined;
}

/** `claude mcp add …` and its like: a remote URL, or the command after `--`. */
function readClientCommand(words: readonly string[]): CommandFacts | undefined {
  const divider = words.indexOf("--");
  if (divider !== -1) {
    const item = readPackageCommand(words.slice(divider + 1), {});
    return item === undefined ? undefined : { package: item };
  }
  const url = words.find(isWebAddress);
  if (url === undefined) return undefined;
  return { remote: { url, type: words.includes("sse") ? "sse" : "streamable-http" } };
}

/** `mcp-remote URL --header "Name: value"`: a bridge, so the URL is what counts. */
function readBridge(args: readonly Argument[]): CommandFacts | undefined {
  const words = args.map(({ value }) => value ?? "");
  const url = words.find(isWebAddress);
  if (url === undefined) return undefined;
  const settings = new Map<string, Setting>();
  words.forEach((word, index) => {
    const header = words[index - 1] === "--header" ? /^([\w-]+):\s*(.*)$/s.exec(word) : null;
    const [, name, text = ""] = header ?? [];
    if (name === undefined) return;
    const value = text.replace(/\$\{(\w+)\}/g, (_whole, variable: string) => {
      const secret = looksSecret(variable) || looksSecret(name);
      settings.set(variable, { name: variable, kind: "variable", required: true, secret });
      return `{${variable}}`;
    });
    // A header without a variable holds somebody's placeholder, or somebody's key.
    const fixed = value.includes("{") ? { value } : {};
    settings.set(`header ${name}`, {
      name,
      kind: "header",
      required: true,
      secret: looksSecret(name),
      ...fixed,
    });
  });
  const type = /\/sse\/?$/.test(url) ? "sse" : "streamable-http";
  return { remote: { url, type, settings: [...settings.values()] } };
}

function isWebAddress(word: string): boolean {
  return /^https?:\/\//i.test(word);
}

/** A setting for a variable that a command or configuration sets; the value there is an example. */
export function environmentSetting(name: string, example: string): Setting {
  const secret = looksSecret(name);
  return {
    name,
    kind: "env",
    required: false,
    secret,
    ...(example === "" || secret ? {} : { example }),
  };
}

type Identify = (word: string) => Pick<PackageDraft, "type" | "identifier" | "version"> | undefined;

/** How a runner reads its own options. */
interface Runner {
  /** Options that take the next word. */
  readonly withValue: ReadonlySet<string>;
  /** Options that name the package; the first word is then a program in it. */
  readonly package: ReadonlySet<string>;
  /** Reads the word that names the package. */
  readonly identify: Identify;
}

const NPX: Runner = {
  withValue: new Set(["-c", "--call", "-w", "--workspace", "--registry", "--cache"]),
  package: new Set(["-p", "--package"]),
  identify: npmPackage,
};

const UVX: Runner = {
  withValue: new Set(["-p", "--python", "--with", "--index-url", "-i", "--index", "--directory"]),
  package: new Set(["--from", "--spec"]),
  identify: pypiPackage,
};

/** `npx [options] package[@version] [arguments]`, and the same of other runners. */
function runner(
  words: readonly string[],
  how: Runner,
  facts: Pick<PackageDraft, "settings" | "runtimeHint">,
): PackageDraft | undefined {
  let named: string | undefined;
  let index = 0;
  for (; index < words.length; index += 1) {
    const word = words[index] ?? "";
    if (!word.startsWith("-")) break;
    const [option = "", glued] = word.split("=", 2);
    if (how.package.has(option)) named = glued ?? words[++index];
    else if (how.withValue.has(option) && glued === undefined) index += 1;
  }
  const first = words[index];
  const word = named ?? first;
  const found = word === undefined ? undefined : how.identify(word);
  if (found === undefined) return undefined;
  return {
    ...found,
    ...facts,
    args: words.slice(index + 1).map((value) => ({ value })),
    ...(named === undefined || first === undefined ? {} : { program: first }),
  };
}

/** `@scope/name@version`; a GitHub short form, a path or a URL is no npm package. */
function npmPackage(word: string): ReturnType<Identify> {
  const match = /^((?:@[\w.~-]+\/)?[\w.~-]+)(?:@([\w.~^-]+))?$/.exec(word);
  const [, identifier, version] = match ?? [];
  return identifier === undefined || /^[.~-]/.test(identifier)
    ? undefined
    : { type: "npm", identifier, ...exactVersion(version) };
}

/** `name[extra]==version` (PEP 508, the part that command lines use). */
function pypiPackage(word: string): ReturnType<Identify> {
  const match = /^([A-Za-z0-9][\w.-]*)(?:\[[\w,.-]*\])?(?:(?:==|@)([\w.+!-]+)|[<>~!=].*)?$/.exec(
    word,
  );
  const [, identifier, version] = match ?? [];
  return identifier === undefined
    ? undefined
    : { type: "pypi", identifier, ...exactVersion(version) };
}

function exactVersion(version: string | undefined): { readonly version?: string } {
  return version === undefined || !/^v?\d/.test(version) ? {} : { version };
}

/** `npm install -g name`, `pip install name` and their like: the package, without a command. */
function installed(
  program: string,
  words: readonly string[],
  settings: readonly Setting[],
): PackageDraft | undefined {
  const python = /^python\d?(?:\.\d+)?$/.test(program) && words[0] === "-m" && words[1] === "pip";
  const isPip = program === "pip" || program === "pip3" || program === "pipx" || python;
  const isUv = program === "uv";
  const isNpm = program === "npm" || program === "pnpm" || program === "yarn" || program === "bun";
  if (!isPip && !isUv && !isNpm) return undefined;
  const rest = python ? words.slice(2) : words;
  const verb = isUv && (rest[0] === "tool" || rest[0] === "pip") ? rest[1] : rest[0];
  if (verb !== "install" && verb !== "i" && verb !== "add" && verb !== "global") return undefined;
  const names = rest.slice(rest.indexOf(verb) + 1).filter((word) =>
    !word.startsWith("-") && word !== "add"
  );
  const [only, another] = names;
  // Of several packages it cannot be said which one is the server.
  if (only === undefined || another !== undefined) return undefined;
  const found = isNpm ? npmPackage(only) : pypiPackage(only);
  return found === undefined ? undefined : { ...found, settings };
}

/** `env NAME=value … command`. */
function readEnvCommand(
  words: readonly string[],
  env: Readonly<Record<string, string>>,
): PackageDraft | undefined {
  const assigned: Record<string, string> = { ...env };
  let index = 0;
  for (; index < words.length; index += 1) {
    const match = /^([A-Za-z_]\w*)=(.*)$/s.exec(words[index] ?? "");
    if (match === null) break;
    assigned[match[1] ?? ""] = match[2] ?? "";
  }
  const rest = words.slice(index);
  return rest[0] === "env" ? undefined : readPackageCommand(rest, assigned);
}

/** `docker run [options] image [arguments]`. */
function containerPackage(
  words: readonly string[],
  settings: readonly Setting[],
): PackageDraft | undefined {
  const facts: RuntimeFacts = readRuntimeArguments(words);
  const [image, ...args] = facts.rest;
  if (image === undefined) return undefined;
  const known = new Map(settings.map((setting) => [setting.name, setting]));
  for (const { name, value } of facts.env) {
    if (known.has(name)) continue;
    known.set(name, environmentSetting(name, value ?? ""));
  }
  return {
    type: "oci",
    identifier: image,
    settings: [...known.values()],
    args: args.map((value) => ({ value })),
    run: toRunFacts(facts),
    runtimeArgs: facts.refused,
  };
}

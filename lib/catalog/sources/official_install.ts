/**
 * Packages and remotes of the official registry's `server.json`: inputs become
 * settings, arguments become templates over them, arguments for `docker run`
 * become environment and volumes. Needs no permission.
 *
 * @module
 */

import { type PackageDraft, present, type RemoteDraft } from "../build.ts";
import { readRuntimeArguments, toRunFacts } from "../container_args.ts";
import { looksSecret } from "../credentials.ts";
import type { Argument, Setting, SettingFormat, SettingKind, Transport } from "../entry.ts";
import type {
  OfficialArgument,
  OfficialInput,
  OfficialPackage,
  OfficialRemote,
} from "./official_record.ts";

/** Headers that a server which names them hardly works without. */
const KEY_HEADER = /^(?:authorization|authentication|x-api-key|api-?key)$/i;

/** A placeholder that stands where a value should: an example, not a value. */
const PLACEHOLDER = /^(?:<[^<>]*>|your[-_ ].*|xxx+.*)$/i;

/** The settings of one package or remote while they are gathered. */
class Settings {
  readonly #byKey = new Map<string, Setting>();
  /** Names of secrets that the record calls optional. */
  readonly optional = new Set<string>();

  add(setting: Setting): void {
    const key = `${setting.kind} ${setting.name}`;
    if (!this.#byKey.has(key)) this.#byKey.set(key, setting);
  }

  has(kind: SettingKind, name: string): boolean {
    return this.#byKey.has(`${kind} ${name}`);
  }

  /** Makes a setting of an input, and settings of its variables. */
  input(kind: SettingKind, name: string, input: OfficialInput): void {
    const isPlaceholder = input.value !== undefined && PLACEHOLDER.test(input.value);
    const value = isPlaceholder ? undefined : input.value;
    const secret = input.isSecret ?? looksSecret(name);
    const needed = kind === "header" && KEY_HEADER.test(name) && input.isRequired === undefined;
    if (secret && input.isRequired === false) this.optional.add(name);
    // `{TOKEN}` alone is the variable itself: one setting is enough.
    const only = /^\{([^{}]+)\}$/.exec(value ?? "")?.[1];
    const variable = only === undefined ? undefined : input.variables[only];
    if (variable !== undefined && kind === "env") {
      if (variable.isSecret === true && variable.isRequired === false) this.optional.add(name);
      this.add({
        ...describe({ ...input, ...defined(variable), value: undefined }),
        name,
        kind,
        required: variable.isRequired ?? input.isRequired ?? false,
        secret: variable.isSecret ?? secret,
      });
      return;
    }
    if (value !== undefined) this.variables(value, input, kind === "header" ? "secret" : "keep");
    this.add({
      ...describe(isPlaceholder ? { ...input, placeholder: input.value } : input),
      name,
      kind,
      required: input.isRequired ?? needed,
      secret,
      ...present("value", value),
    });
  }

  /**
   * Makes settings of the `{name}` in a template. Those that are not declared are made too, unless
   * they are to be kept as text: in headers as secrets (213 of 229 `Bearer {token}` declare nothing).
   */
  variables(
    template: string,
    input: Pick<OfficialInput, "variables">,
    undeclared: "secret" | "plain" | "keep",
  ): void {
    for (const [, name = ""] of template.matchAll(/\{([A-Za-z_][\w.-]*)\}/g)) {
      const declared = input.variables[name];
      if (declared === undefined && undeclared === "keep") continue;
      const facts = declared ??
        { choices: [], isRequired: true, isSecret: undeclared === "secret" };
      const secret = facts.isSecret ?? looksSecret(name);
      if (secret && facts.isRequired === false) this.optional.add(name);
      this.add({
        ...describe(facts),
        name,
        kind: "variable",
        required: facts.isRequired ?? false,
        secret,
      });
    }
  }

  list(): readonly Setting[] {
    return [...this.#byKey.values()];
  }
}

/** A package or remote with the secrets that are optional in so many words. */
export interface Installed<T> {
  /** The draft. */
  readonly draft: T;
  /** Names of optional secrets. */
  readonly optional: ReadonlySet<string>;
}

/**
 * Reads a package.
 *
 * @returns The draft, or `undefined` when the record does not say what package it is.
 */
export function readPackage(item: OfficialPackage): Installed<PackageDraft> | undefined {
  const type = packageType(item);
  const identifier = item.identifier ?? item.name;
  if (type === undefined || identifier === undefined || identifier.trim() === "") return undefined;
  const settings = new Settings();
  for (const variable of item.environmentVariables) {
    settings.input("env", variable.name, variable);
  }
  const args = item.packageArguments.flatMap((argument) => readArgument(argument, settings));
  const runtime = type === "oci"
    ? readContainer(item.runtimeArguments, settings)
    : { runtimeArgs: item.runtimeArguments.flatMap(argumentWords).filter((word) => word !== "-y") };
  return {
    optional: settings.optional,
    draft: {
      type,
      identifier: type === "oci" ? imageOf(item, identifier) : identifier,
      transport: transportOf(item.transport.type),
      settings: settings.list(),
      args,
      ...runtime,
      ...present("version", type === "oci" ? undefined : item.version),
      ...present("registryUrl", type === "oci" ? undefined : item.registryBaseUrl),
      ...present("sha256", item.fileSha256),
      ...present("runtimeHint", item.runtimeHint),
    },
  };
}

/** Reads a hosted server. */
export function readRemote(item: OfficialRemote): Installed<RemoteDraft> {
  const settings = new Settings();
  for (const header of item.headers) settings.input("header", header.name, header);
  settings.variables(item.url, item, "plain");
  const type = item.type ?? item.transportType;
  return {
    optional: settings.optional,
    draft: {
      url: item.url,
      type: type === "sse" ? "sse" : "streamable-http",
      settings: settings.list(),
    },
  };
}

/** Old records say `registry_name: unknown` in two of three cases; the runner may tell. */
function packageType(item: OfficialPackage): string | undefined {
  const named = (item.registryType ?? item.registryName ?? "").toLowerCase();
  if (named === "docker") return "oci";
  if (named !== "" && named !== "unknown") return named;
  const byRunner = new Map([["npx", "npm"], ["uvx", "pypi"], ["docker", "oci"]]);
  return byRunner.get(item.runtimeHint ?? "");
}

function transportOf(type: string | undefined): Transport {
  return type === "sse" || type === "streamable-http" ? type : "stdio";
}

/** Before 2025-10-11 the registry's host and the tag stood apart from the identifier. */
function imageOf(item: OfficialPackage, identifier: string): string {
  const host = item.registryBaseUrl === undefined
    ? undefined
    : URL.parse(item.registryBaseUrl)?.host;
  const [first = ""] = identifier.split("/");
  const qualified = identifier.includes("/") && /[.:]/.test(first);
  const full = host === undefined || host === "docker.io" || qualified
    ? identifier
    : `${host}/${identifier}`;
  const tagged = /[:@][^/]*$/.test(full);
  const { version } = item;
  return tagged || version === undefined || !/^\w[\w.-]*$/.test(version)
    ? full
    : `${full}:${version}`;
}

function readArgument(argument: OfficialArgument, settings: Settings): readonly Argument[] {
  // The seed's records glue name and hint: `--directory <path>`.
  const [word = "", ...hint] = (argument.name ?? "").trim().split(/\s+/);
  const isNamed = argument.type === "named" || (argument.type !== "positional" && word !== "");
  // A name without dashes is the name of a flag all the same.
  const name = !isNamed || word === "" ? undefined : word.startsWith("-") ? word : `--${word}`;
  const list = argument.isRepeated === true;
  if (argument.value !== undefined && !PLACEHOLDER.test(argument.value)) {
    settings.variables(argument.value, argument, "keep");
    const [, each] = list ? /\{([A-Za-z_][\w.-]*)\}/.exec(argument.value) ?? [] : [];
    return [{ value: argument.value, ...present("name", name), ...present("each", each) }];
  }
  const label = argument.valueHint ?? (hint.join(" ") || undefined);
  if (name !== undefined && label === undefined && !asksForValue(argument)) return [{ name }];
  const variable = variableName(name ?? label ?? argument.description ?? "argument");
  const secret = argument.isSecret ?? looksSecret(variable);
  if (secret && argument.isRequired === false) settings.optional.add(variable);
  settings.add({
    ...describe(argument),
    ...(list ? { format: "list" } : {}),
    name: variable,
    kind: "variable",
    required: argument.isRequired ?? false,
    secret,
  });
  return [{
    value: `{${variable}}`,
    ...present("name", name),
    ...present("each", list ? variable : undefined),
  }];
}

/** A named argument that says nothing of a value is a plain switch, always given. */
function asksForValue(argument: OfficialArgument): boolean {
  return argument.default !== undefined || argument.format !== undefined ||
    argument.placeholder !== undefined || argument.choices.length > 0 ||
    argument.isSecret === true || argument.description !== undefined;
}

function variableName(label: string): string {
  const name = label.replace(/^-+/, "").replace(/[^A-Za-z0-9_.-]+/g, "_").replace(
    /^[^A-Za-z]+|_+$/g,
    "",
  );
  return name.slice(0, 60) || "argument";
}

/** Arguments for `docker run`, with the variables of their templates. */
function readContainer(
  list: readonly OfficialArgument[],
  settings: Settings,
): Pick<PackageDraft, "run" | "runtimeArgs"> {
  if (list.length === 0) return {};
  const facts = readRuntimeArguments(list.flatMap(argumentWords), { mixed: true });
  for (const { name, value } of facts.env) {
    const source = list.find((argument) => argument.value?.startsWith(`${name}=`) === true);
    if (settings.has("env", name)) continue;
    settings.input("env", name, {
      choices: [],
      variables: {},
      ...source,
      ...present("value", value),
    });
  }
  const kept = [
    ...facts.volumes.flatMap(({ source, target }) => [source, target]),
    facts.user ?? "",
  ];
  for (const argument of list) {
    const template = argument.value ?? "";
    if (kept.some((text) => text !== "" && template.includes(text))) {
      settings.variables(template, argument, "plain");
    }
  }
  return { run: toRunFacts(facts), runtimeArgs: facts.refused };
}

/** The words that an argument puts on the command line as it stands. */
function argumentWords(argument: OfficialArgument): readonly string[] {
  const name = argument.type === "positional" ? undefined : argument.name;
  const isSwitch = argument.format === "boolean" && argument.value === "true";
  const value = isSwitch ? undefined : argument.value;
  return [name ?? "", value ?? ""].filter((word) => word !== "");
}

/** The texts of an input that a setting keeps. */
function describe(input: Omit<OfficialInput, "variables" | "isRequired" | "isSecret">): Pick<
  Setting,
  "description" | "format" | "example" | "default" | "choices"
> {
  return {
    ...present("description", input.description),
    ...present("format", formatOf(input.format)),
    ...present("example", input.placeholder),
    ...present("default", input.default),
    ...present("choices", input.choices.length === 0 ? undefined : input.choices),
  };
}

function formatOf(format: string | undefined): SettingFormat | undefined {
  if (format === "number" || format === "integer") return "number";
  return format === "boolean" || format === "filepath" ? format : undefined;
}

/** The fields of an input that are given, so that they do not hide those of another. */
function defined<T extends object>(input: T): Partial<T> {
  // Dropping fields of T leaves a part of T.
  return Object.fromEntries(
    Object.entries(input).filter(([, value]) =>
      value !== undefined && !(Array.isArray(value) && value.length === 0)
    ),
  ) as Partial<T>;
}

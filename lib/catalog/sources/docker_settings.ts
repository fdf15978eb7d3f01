/**
 * What a `server.yaml` of Docker's registry wants to be told: secrets,
 * environment, parameters, and the templates that join them (CATALOGUES.md 1),
 * turned into settings, arguments and volumes. Needs no permission.
 *
 * Templates there are `{{<server>.<parameter>|<filter>…}}`, `${ENV}` and `$ENV`; here all
 * become `{name}`, see `Setting.value`.
 *
 * @module
 */

import type { Argument, RunFacts, Setting, SettingFormat, Volume } from "../entry.ts";
import { looksSecret } from "../credentials.ts";
import { present } from "../build.ts";
import { isEngineSocket } from "../container_args.ts";
import type { DockerConfig, DockerRun } from "./docker_record.ts";

/** Deepest level of objects inside `config.parameters`; the data has two. */
const MAX_PARAMETER_DEPTH = 4;

/** One property of `config.parameters`, by its path. */
interface Parameter {
  readonly required: boolean;
  readonly format?: SettingFormat;
  readonly description?: string;
  readonly default?: string;
  readonly choices?: readonly string[];
}

/** What the templates of one record come to. */
export interface DockerSettings {
  /** Everything that is asked for or set. */
  readonly settings: readonly Setting[];
  /** Arguments after the image's entry point. */
  readonly args: readonly Argument[];
  /** Mounts, user and network. */
  readonly run: RunFacts;
  /** Secrets that the record calls optional. */
  readonly optional: ReadonlySet<string>;
  /** What is reported and never passed on, such as published ports. */
  readonly runtimeArgs: readonly string[];
}

/**
 * Reads the settings of one record.
 *
 * @param config Its `config`.
 * @param run Its `run`.
 * @param headers Its `remote.headers`; given for a remote server.
 * @returns Settings, arguments and run facts.
 */
export function readDockerSettings(
  config: DockerConfig,
  run: DockerRun,
  headers?: Readonly<Record<string, string>>,
): DockerSettings {
  return new SettingsReader(config, run).read(headers);
}

class SettingsReader {
  readonly #config: DockerConfig;
  readonly #run: DockerRun;
  readonly #parameters: ReadonlyMap<string, Parameter>;
  readonly #settings = new Map<string, Setting>();
  readonly #optional = new Set<string>();
  /** Parameters that something else than one environment variable refers to. */
  readonly #shared: ReadonlySet<string>;

  constructor(config: DockerConfig, run: DockerRun) {
    this.#config = config;
    this.#run = run;
    // One record has `parameters:` empty and its content one level too high.
    this.#parameters = flatten(config.parameters ?? config);
    const uses = [...config.env.map(({ value }) => value ?? ""), ...run.command, ...run.volumes]
      .concat(run.user ?? "").flatMap((text) => references(text));
    this.#shared = new Set(uses.filter((path, index) => uses.indexOf(path) !== index));
  }

  read(headers: Readonly<Record<string, string>> | undefined): DockerSettings {
    this.#readSecrets(headers === undefined ? "env" : "variable");
    this.#readEnvironment();
    const args = this.#run.command.map((text) => this.#argument(text));
    const sockets = this.#run.volumes.filter(isEngineSocket);
    const volumes = this.#run.volumes.filter((text) => !isEngineSocket(text))
      .map((text) => this.#volume(text)).filter((volume) => volume !== undefined);
    for (const [name, value] of Object.entries(headers ?? {})) {
      this.#add({
        name,
        kind: "header",
        required: false,
        secret: looksSecret(name),
        value: this.#template(value),
      });
    }
    const user = this.#run.user === undefined ? undefined : this.#template(this.#run.user);
    return {
      settings: [...this.#settings.values()],
      args,
      run: {
        volumes,
        disableNetwork: this.#run.disableNetwork ?? false,
        allowHosts: this.#run.allowHosts,
        longLived: false,
        ...present("user", user),
      },
      optional: this.#optional,
      runtimeArgs: [
        ...this.#run.ports.map((port) => `-p ${port}`),
        ...sockets.map((socket) => `-v ${socket}`),
      ],
    };
  }

  #add(setting: Setting): void {
    const key = `${setting.kind} ${setting.name}`;
    if (!this.#settings.has(key)) this.#settings.set(key, setting);
  }

  /** `required` is absent in 204 of 214 secrets, and then means yes. */
  #readSecrets(kind: "env" | "variable"): void {
    for (const secret of this.#config.secrets) {
      const name = secret.env ?? secret.name;
      if (name === undefined) continue;
      if (secret.required === false) this.#optional.add(name);
      this.#add({
        name,
        kind,
        required: secret.required ?? true,
        secret: true,
        ...present("description", secret.description),
        ...present("example", secret.example),
      });
    }
  }

  #readEnvironment(): void {
    for (const item of this.#config.env) {
      // A few records name the secret in `name` and the variable in `env`.
      const name = item.env ?? item.name;
      if (name === undefined) continue;
      const path = wholeReference(item.value);
      const parameter = path === undefined ? undefined : this.#parameters.get(path);
      const inlined = path !== undefined && !this.#shared.has(path);
      const secret = looksSecret(name);
      this.#add({
        name,
        kind: "env",
        required: item.required ??
          (item.value === undefined ? secret : parameter?.required ?? false),
        secret,
        ...present("format", parameter?.format),
        ...present("description", item.description ?? parameter?.description),
        ...present("example", item.example),
        ...present("default", item.default ?? parameter?.default),
        ...present("choices", parameter?.choices),
        ...present(
          "value",
          inlined || item.value === undefined ? undefined : this.#template(item.value),
        ),
      });
    }
    for (const [name, value] of Object.entries(this.#run.env)) {
      this.#add({
        name,
        kind: "env",
        required: false,
        secret: false,
        value: this.#template(value),
      });
    }
  }

  #argument(text: string): Argument {
    const [path, only] = references(text);
    const each = path !== undefined && only === undefined && this.#isList(path, text)
      ? path
      : undefined;
    return { value: this.#template(text), ...present("each", each) };
  }

  /** `source:target[:ro]`, or `{{list|volume|into}}`: each path at the same place inside. */
  #volume(text: string): Volume | undefined {
    const whole = wholeReference(text);
    if (whole !== undefined) {
      this.#variable(whole);
      const place = `{${whole}}`;
      const each = this.#isList(whole, text) ? whole : undefined;
      return {
        source: place,
        target: place,
        kind: "host",
        readOnly: false,
        ...present("each", each),
      };
    }
    const parts = this.#template(text).split(":");
    const readOnly = parts.at(-1) === "ro";
    const [source, target, rest] = readOnly || parts.at(-1) === "rw" ? parts.slice(0, -1) : parts;
    if (source === undefined || target === undefined || rest !== undefined) return undefined;
    const named = /^[A-Za-z0-9][\w.-]*$/.test(source);
    return { source, target, kind: named ? "named" : "host", readOnly };
  }

  #isList(path: string, text: string): boolean {
    return this.#parameters.get(path)?.format === "list" || /\|\s*into\b/.test(text);
  }

  /** Rewrites the templates of a text and makes settings of what they refer to. */
  #template(text: string): string {
    return text.replace(REFERENCE, (_whole, path: string) => {
      this.#variable(path.trim());
      return `{${path.trim()}}`;
    }).replace(/\$\{(\w+)\}|\$([A-Za-z_]\w*)/g, (whole, braced?: string, bare?: string) => {
      const name = braced ?? bare ?? "";
      const known = this.#settings.has(`env ${name}`) || this.#settings.has(`variable ${name}`);
      return known ? `{${name}}` : whole;
    });
  }

  #variable(path: string): void {
    const parameter = this.#parameters.get(path);
    const secret = looksSecret(path);
    const { required = true, ...facts } = parameter ?? {};
    this.#add({ name: path, kind: "variable", required, secret, ...facts });
  }
}

/** `{{root.path|filter}}`: the root is always the server's own name and is dropped. */
const REFERENCE = /\{\{\s*[^{}.|]+\.([^{}|]+)(?:\|[^{}]*)?\}\}/g;

function references(text: string): string[] {
  return [...text.matchAll(REFERENCE)].map(([, path = ""]) => path.trim());
}

/** The path, when the text is one template and nothing else. */
function wholeReference(text: string | undefined): string | undefined {
  if (text === undefined || !/^\{\{[^{}]*\}\}$/.test(text.trim())) return undefined;
  return references(text)[0];
}

/** Flattens the JSON Schema in `config.parameters` to paths such as `confluence.url`. */
function flatten(schema: unknown): ReadonlyMap<string, Parameter> {
  const found = new Map<string, Parameter>();
  collect(schema, { prefix: "", required: true, depth: 1 }, found);
  return found;
}

function collect(
  node: unknown,
  at: { readonly prefix: string; readonly required: boolean; readonly depth: number },
  found: Map<string, Parameter>,
): void {
  if (!isRecord(node) || !isRecord(node.properties) || at.depth > MAX_PARAMETER_DEPTH) return;
  const names = Array.isArray(node.required) ? node.required : [];
  for (const [name, property] of Object.entries(node.properties)) {
    if (!isRecord(property)) continue;
    const path = `${at.prefix}${name}`;
    // A property inside an optional object is wanted only if the object is.
    const required = at.required && names.includes(name);
    if (!isRecord(property.properties)) found.set(path, readParameter(property, required));
    else collect(property, { prefix: `${path}.`, required, depth: at.depth + 1 }, found);
  }
}

function readParameter(property: Record<string, unknown>, required: boolean): Parameter {
  const { type, description, default: fallback, enum: choices } = property;
  const format: SettingFormat | undefined = type === "array"
    ? "list"
    : type === "integer" || type === "number"
    ? "number"
    : type === "boolean"
    ? "boolean"
    : undefined;
  return {
    required,
    ...present("format", format),
    ...present("description", typeof description === "string" ? description : undefined),
    ...present("default", scalarText(fallback)),
    ...present("choices", Array.isArray(choices) ? choices.map(String) : undefined),
  };
}

function scalarText(value: unknown): string | undefined {
  if (Array.isArray(value)) return JSON.stringify(value.map(String));
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean"
    ? String(value)
    : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

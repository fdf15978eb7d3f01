/**
 * What the settings of a package or remote come to: arguments, environment, headers, address and
 * volumes, by the rules of the catalogue's model (`entry.ts`). A value never becomes an option, a
 * second header, another host or another mount than its template says. Needs no permission.
 *
 * @example
 * ```ts
 * import { renderArgs } from "./render.ts";
 * import { Values } from "./template.ts";
 *
 * const port = { name: "port", kind: "variable", required: false, secret: false } as const;
 * const values = new Values([port], new Map([["port", { kind: "text", text: "80" }]]));
 * renderArgs([{ name: "--port", value: "{port}" }], values).args; // ["--port", "80"]
 * ```
 *
 * @module
 */

import { type Argument, isEngineSocket, type Setting, type Volume } from "../catalog/mod.ts";
import { AppError } from "../core/errors.ts";
import type { Env } from "../core/host.ts";
import { cleanText } from "../core/text.ts";
import { isPlainAbsolute } from "./policy.ts";
import { type Element, type Expansion, isNumber, valueError, type Values } from "./template.ts";

/** What every rendering says beside its result. */
export interface Rendering {
  /** Whether a value in it is hidden: it can be shown, but nothing can be started with it. */
  readonly isHidden: boolean;
  /** Names of the secrets in it, sorted. */
  readonly secrets: readonly string[];
}

/** Collects what a {@linkcode Rendering} says. */
class Facts {
  readonly #values: Values;
  readonly #secrets = new Set<string>();
  isHidden = false;

  constructor(values: Values) {
    this.#values = values;
  }

  add(expansion: Expansion): void {
    this.isHidden ||= expansion.isHidden;
    for (const setting of expansion.settings) {
      if (setting.secret) this.#secrets.add(setting.name);
      // The engine hands its secrets to containers as variables, whole; nobody else learns them.
      if (this.#values.engineSecret(setting) === undefined) continue;
      throw valueError(setting.name, "a podman secret can only become a whole variable");
    }
  }

  get(): Rendering {
    return { isHidden: this.isHidden, secrets: [...this.#secrets].sort() };
  }
}

/**
 * The arguments of a package.
 *
 * @param args The catalogue's.
 * @param values What its settings come to.
 * @returns One argv element each. An argument whose setting has no value, or an empty one, is left out.
 * @throws {AppError} `INVALID_ARGUMENT` for a value that would be read as an option.
 */
export function renderArgs(
  args: readonly Argument[],
  values: Values,
): Rendering & { readonly args: readonly string[] } {
  const facts = new Facts(values);
  const rendered = args.flatMap((argument) => {
    if (argument.each === undefined) return oneArgument(argument, { values, facts });
    const name = argument.each;
    return values.elements(name).flatMap((element) =>
      oneArgument(argument, { values, facts, element: { ...element, name } })
    );
  });
  return { args: rendered, ...facts.get() };
}

interface ArgumentContext {
  readonly values: Values;
  readonly facts: Facts;
  readonly element?: Element & { readonly name: string };
}

function oneArgument(
  { name, value }: Argument,
  { values, facts, element }: ArgumentContext,
): readonly string[] {
  const flag = name === undefined ? [] : [name];
  if (value === undefined) return flag;
  const expansion = values.expand(value, element === undefined ? {} : { element });
  if (expansion === undefined) return [];
  const [only] = expansion.settings;
  if (name !== undefined && only?.format === "boolean" && value === `{${only.name}}`) {
    facts.add(expansion);
    return expansion.text === "false" || expansion.text === "" ? [] : flag;
  }
  if (expansion.text === "" && expansion.settings.length > 0) return [];
  if (looksLikeOption(expansion) && !(name !== undefined && isNumberOf(expansion))) {
    throw valueError(
      expansion.settings.map((setting) => setting.name).join(", "),
      "it would be read as an option, since it begins with -",
    );
  }
  facts.add(expansion);
  return [...flag, expansion.text];
}

/** The catalogue may write options of its own; a value may not begin or name one. */
function looksLikeOption({ text, lead, isGiven }: Expansion): boolean {
  return isGiven && text.startsWith("-") && /^-*$/.test(lead);
}

/** `--offset -5`: a negative number after its flag. */
function isNumberOf({ text, settings: [only, other] }: Expansion): boolean {
  return only?.format === "number" && other === undefined && isNumber(text);
}

/**
 * The environment of a package.
 *
 * @param settings Its settings.
 * @param values What they come to.
 * @returns The variables that have a value; those whose value only the container engine knows are
 * in `engineSecrets`.
 */
export function renderEnv(
  settings: readonly Setting[],
  values: Values,
): Rendering & {
  readonly env: Env;
  readonly engineSecrets: readonly { readonly name: string; readonly target: string }[];
} {
  const facts = new Facts(values);
  const env: [string, string][] = [];
  const engineSecrets: { name: string; target: string }[] = [];
  for (const setting of settings) {
    if (setting.kind !== "env") continue;
    const secret = values.engineSecret(setting);
    if (secret !== undefined) {
      engineSecrets.push({ name: secret, target: setting.name });
      continue;
    }
    const expansion = values.of(setting, isJson(setting.value) ? { escape: inJson } : {});
    if (expansion === undefined) continue;
    facts.add(expansion);
    env.push([setting.name, expansion.text]);
  }
  return { env: Object.fromEntries(env), engineSecrets, ...facts.get() };
}

/** A fixed value such as `{"Authorization": "Bearer {TOKEN}"}`. */
function isJson(template: string | undefined): boolean {
  if (template === undefined || !/^\s*[[{]/.test(template)) return false;
  try {
    return typeof JSON.parse(template) === "object";
  } catch {
    return false;
  }
}

/** A value inside of a JSON string stays there. */
function inJson(value: string): string {
  return JSON.stringify(value).slice(1, -1);
}

/** Headers that the connection sets itself; a catalogue has no say in them (RFC 9110 7). */
const OWN_HEADERS = new Set([
  "accept",
  "connection",
  "content-length",
  "content-type",
  "host",
  "keep-alive",
  "last-event-id",
  "mcp-protocol-version",
  "mcp-session-id",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/**
 * The headers of a remote.
 *
 * @param settings Its settings.
 * @param values What they come to.
 * @returns The headers that have a value, and the names of those that a server cannot be sent.
 * @throws {AppError} `INVALID_ARGUMENT` for a value that no header can hold (RFC 9110 5.5).
 */
export function renderHeaders(
  settings: readonly Setting[],
  values: Values,
): Rendering & {
  readonly headers: Readonly<Record<string, string>>;
  readonly refused: readonly string[];
} {
  const facts = new Facts(values);
  const headers: [string, string][] = [];
  const refused: string[] = [];
  for (const setting of settings) {
    if (setting.kind !== "header") continue;
    if (OWN_HEADERS.has(setting.name.toLowerCase())) {
      refused.push(setting.name);
      continue;
    }
    const expansion = values.of(setting);
    if (expansion === undefined) continue;
    if (!/^[\t\x20-\x7E\x80-\xFF]*$/.test(expansion.text)) {
      throw valueError(setting.name, "a header cannot hold its characters");
    }
    facts.add(expansion);
    headers.push([setting.name, expansion.text]);
  }
  return { headers: Object.fromEntries(headers), refused, ...facts.get() };
}

/** What a container is to see of this machine, or of the engine's own volumes. */
export interface Mount {
  /** Absolute path of this machine, or the name of a volume. */
  readonly source: string;
  /** Absolute path in the container. */
  readonly target: string;
  /** `host`: a path of this machine. */
  readonly kind: "host" | "named";
  /** Whether the container may only read it. */
  readonly readOnly: boolean;
}

/**
 * The volumes of an image. Whether the operator has opened the paths is for the policy to say.
 *
 * @param volumes The catalogue's.
 * @param values What its settings come to.
 * @returns The mounts, without volumes whose settings have no value, and those that the catalogue
 * writes in a form that is never mounted.
 * @throws {AppError} `INVALID_ARGUMENT` for a given path that is not plain and absolute, `FORBIDDEN`
 * for the socket of a container engine.
 */
export function renderVolumes(
  volumes: readonly Volume[],
  values: Values,
): Rendering & { readonly mounts: readonly Mount[]; readonly refused: readonly Mount[] } {
  const facts = new Facts(values);
  const refused: Mount[] = [];
  const mounts = volumes.flatMap((volume) => {
    const { each } = volume;
    const elements = each === undefined
      ? [undefined]
      : values.elements(each).map((element) => ({ ...element, name: each }));
    return elements.flatMap((element) => {
      const options = element === undefined ? {} : { element };
      const source = values.expand(volume.source, options);
      const target = values.expand(volume.target, options);
      if (source === undefined || target === undefined) return [];
      const { kind, readOnly } = volume;
      const mount = { source: source.text, target: target.text, kind, readOnly };
      try {
        if (!source.isHidden) checkSource(volume, source.text);
        if (!target.isHidden) checkTarget(target.text);
      } catch (thrown) {
        // What a person gave is theirs to mend; the catalogue's own words are only refused.
        if (source.isGiven || target.isGiven) throw thrown;
        refused.push(mount);
        return [];
      }
      facts.add(source);
      facts.add(target);
      return [mount];
    });
  });
  return { mounts, refused, ...facts.get() };
}

function checkSource({ kind }: Volume, source: string): void {
  if (isEngineSocket(source)) {
    throw new AppError(
      "FORBIDDEN",
      `Cannot mount "${shown(source)}": it opens the container engine, and with it this machine`,
      { hint: "Give another path, or choose another server" },
    );
  }
  const isFit = kind === "named"
    ? /^[A-Za-z0-9][\w.-]{0,200}$/.test(source)
    // Engines separate the parts of a mount by these.
    : isPlainAbsolute(source) && !/[:,]/.test(source.replace(/^[A-Za-z]:/, ""));
  if (!isFit) throw mountError(source, kind === "named" ? "name of a volume" : "absolute path");
}

function checkTarget(target: string): void {
  const isFit = target.startsWith("/") && isPlainAbsolute(target) && !/[:,]/.test(target) &&
    !/^\/+$/.test(target);
  if (!isFit) throw mountError(target, "absolute path below the root");
}

function mountError(path: string, expected: string): AppError {
  return new AppError("INVALID_ARGUMENT", `Cannot mount "${shown(path)}": it is no ${expected}`, {
    hint: "Give an absolute path without .., colons and commas with registry-config-set",
  });
}

function shown(path: string): string {
  return cleanText(path, { maxChars: 200 });
}

/**
 * The user inside of a container.
 *
 * @param user The catalogue's template; absent: the image's own.
 * @param values What its settings come to.
 * @returns `user[:group]`, or `undefined`.
 * @throws {AppError} `INVALID_ARGUMENT` for anything else than names or numbers.
 */
export function renderUser(user: string | undefined, values: Values): string | undefined {
  const expansion = user === undefined ? undefined : values.expand(user);
  if (expansion === undefined || expansion.text === "") return undefined;
  if (
    expansion.isHidden ||
    /^[A-Za-z0-9_][\w.-]{0,63}(?::[A-Za-z0-9_][\w.-]{0,63})?$/.test(expansion.text)
  ) {
    return expansion.text;
  }
  throw new AppError(
    "INVALID_ARGUMENT",
    `Cannot run as "${shown(expansion.text)}": it is neither user nor user:group`,
    { hint: "Give names or numbers with registry-config-set" },
  );
}

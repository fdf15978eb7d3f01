/**
 * Values as a person gives them: a text, or where the value is to be found when the server starts
 * (`env:NAME`, `file:/path`, `podman-secret:name`). Needs what the references name: environment
 * variables that Wharf declares, and read permission for the files.
 *
 * @module
 */

import type { Setting } from "../catalog/mod.ts";
import { AppError } from "../core/errors.ts";
import type { Files } from "../core/host.ts";
import { cleanText } from "../core/text.ts";
import { isInside, isPlainAbsolute, matches, type Policy } from "./policy.ts";
import type { GivenValue, GivenValues } from "./template.ts";

/** A value as it is kept. */
export type StoredValue =
  | {
    /** The value itself. */
    readonly kind: "text";
    /** The value. */
    readonly text: string;
  }
  | {
    /** A variable of Wharf's own environment. */
    readonly kind: "env";
    /** Its name. */
    readonly name: string;
  }
  | {
    /** A file, whose last line break does not count. */
    readonly kind: "file";
    /** Its absolute path. */
    readonly path: string;
  }
  | {
    /** A secret that the container engine keeps. */
    readonly kind: "podman-secret";
    /** Its name there. */
    readonly name: string;
  };

/** Who gives a value: the operator at a terminal, or a client of the server. */
export type Giver = "operator" | "client";

/** Largest file that is a value. */
const MAX_FILE_BYTES = 64 * 1024;

/** Wharf's own credentials, which no server may be handed. */
const OWN_VARIABLES = /^(?:OCI_(?:TOKEN|USERNAME|PASSWORD)|MCP_AUTH_TOKEN|DOCKER_AUTH_CONFIG)$/i;

/**
 * Reads a value as a person writes it.
 *
 * @param text `env:NAME`, `file:/path`, `podman-secret:name`, or the value itself; `text:` before a
 * value that begins like one of these. `file://` begins an address and is a value.
 * @returns The value, not looked up.
 * @throws {AppError} `INVALID_ARGUMENT` for a reference of another form.
 */
export function readValue(text: string): StoredValue {
  const [, kind, rest = ""] = /^(env|file|podman-secret|text):(.*)$/s.exec(text) ?? [];
  if (kind === undefined || (kind === "file" && rest.startsWith("//"))) {
    return { kind: "text", text };
  }
  if (kind === "text") return { kind, text: rest };
  if (kind === "env" && /^[A-Za-z_]\w{0,254}$/.test(rest)) return { kind, name: rest };
  if (kind === "file" && isPlainAbsolute(rest)) return { kind, path: rest };
  // As podman names secrets (`podman secret create`).
  if (kind === "podman-secret" && /^[A-Za-z0-9][A-Za-z0-9_.-]{0,251}$/.test(rest)) {
    return { kind, name: rest };
  }
  throw new AppError(
    "INVALID_ARGUMENT",
    `Cannot use a value that begins with "${kind}:": ${
      kind === "file" ? "an absolute path must follow" : "a name must follow"
    }`,
    { hint: `Write text:${kind}:… where the value itself begins so` },
  );
}

/**
 * Writes a reference, or says that there is a text; a text itself is never shown.
 *
 * @param value The value.
 * @returns Such as `env:NAME`, or `stored`.
 */
export function describeValue(value: StoredValue): string {
  if (value.kind === "text") return "stored";
  return `${value.kind}:${
    cleanText(value.kind === "file" ? value.path : value.name, { maxChars: 300 })
  }`;
}

/** What {@linkcode checkReference} decides by. */
export interface ReferenceRules {
  /** Who gives the value. */
  readonly by: Giver;
  /** The entry's settings: a client may name the variables that the entry declares. */
  readonly declared: readonly Setting[];
  /** What the operator allows. */
  readonly policy: ValuePolicy;
}

/** The part of the policy that is about values. */
export type ValuePolicy = Pick<Policy, "envAllow" | "valueFiles" | "valueSecrets">;

/**
 * Checks that a client names no value that the operator did not mean for it: a prompt could else
 * make Wharf hand any file or variable of its own to a server.
 *
 * @param value The value.
 * @param rules Who gives it, and what is allowed.
 * @throws {AppError} `FORBIDDEN` that says what the operator can do.
 */
export function checkReference(value: StoredValue, rules: ReferenceRules): void {
  const { by, declared, policy } = rules;
  if (value.kind === "env") {
    const isDeclared = declared.some(({ name }) => name === value.name) ||
      policy.envAllow.some((wildcard) => matches(wildcard, value.name));
    if (OWN_VARIABLES.test(value.name)) throw forbidden(value, "it is Wharf's own credential");
    if (by === "client" && !isDeclared) {
      throw forbidden(value, "the entry declares no variable of that name", "policy.env_allow");
    }
  }
  if (value.kind === "podman-secret" && by === "client") {
    const isDeclared = declared.some(({ name }) => foldName(name) === foldName(value.name)) ||
      policy.valueSecrets.some((wildcard) => matches(wildcard, value.name));
    if (!isDeclared) {
      throw forbidden(value, "it bears the name of no setting", "policy.value_secrets");
    }
  }
  if (value.kind === "file" && by === "client" && !isInside(value.path, policy.valueFiles)) {
    throw forbidden(value, "the operator has not opened its folder", "policy.value_files");
  }
}

/** Secrets of podman are often named in lower case with `-`. */
function foldName(name: string): string {
  return name.toLowerCase().replaceAll(/[-.]/g, "_");
}

function forbidden(value: StoredValue, state: string, key?: string): AppError {
  return new AppError("FORBIDDEN", `Cannot use "${describeValue(value)}" as a value: ${state}`, {
    hint: key === undefined
      ? "Give the server a credential of its own"
      : `The operator may allow it with ${key} in Wharf's configuration, or set it at a terminal`,
  });
}

/** Where references are looked up. */
export interface ValueDeps {
  /**
   * Reads a variable of Wharf's own environment.
   *
   * @throws {AppError} `PERMISSION_MISSING` where Wharf may not.
   */
  readonly variable: (name: string) => string | undefined;
  /** Reads the files that references name. */
  readonly files: Files;
}

/** Values that a server can be started with. */
export interface ResolvedValues {
  /** By the names of settings. */
  readonly given: GivenValues;
  /** Texts that must not be shown: what references led to, and values of secret or unknown settings. */
  readonly secrets: readonly string[];
}

/**
 * Looks the values up, right before a server starts.
 *
 * @param stored The values as they are kept.
 * @param settings The settings that the entry declares.
 * @param deps Where to look.
 * @returns The values.
 * @throws {AppError} `NOT_FOUND` that names the setting and what is not there, `BAD_RESPONSE` for a
 * file that is no text, and what reading files throws.
 */
export async function resolveValues(
  stored: ReadonlyMap<string, StoredValue>,
  settings: readonly Setting[],
  deps: ValueDeps,
): Promise<ResolvedValues> {
  const given = new Map<string, GivenValue>();
  const secrets = new Set<string>();
  for (const [name, value] of stored) {
    if (value.kind === "podman-secret") {
      given.set(name, value);
      continue;
    }
    const text = await textOf(name, value, deps);
    given.set(name, { kind: "text", text });
    const setting = settings.find((item) => item.name === name);
    if (value.kind !== "text" || setting === undefined || setting.secret) secrets.add(text);
  }
  secrets.delete("");
  return { given, secrets: [...secrets] };
}

async function textOf(
  setting: string,
  value: Exclude<StoredValue, { readonly kind: "podman-secret" }>,
  { variable, files }: ValueDeps,
): Promise<string> {
  if (value.kind === "text") return value.text;
  if (value.kind === "env") {
    const text = variable(value.name);
    if (text !== undefined && text !== "") return text;
    throw missing(setting, value, `Wharf's environment has no ${value.name}`);
  }
  const bytes = await files.read(value.path, { maxBytes: MAX_FILE_BYTES });
  if (bytes === undefined) throw missing(setting, value, "there is no such file");
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes).replace(/\r?\n$/, "");
  } catch {
    throw new AppError(
      "BAD_RESPONSE",
      `Cannot use "${describeValue(value)}" for "${setting}": the file is no UTF-8 text`,
      { hint: "Give a file that holds the value alone" },
    );
  }
}

function missing(setting: string, value: StoredValue, state: string): AppError {
  return new AppError(
    "NOT_FOUND",
    `Cannot use "${describeValue(value)}" for "${setting}": ${state}`,
    { hint: `Provide it, or set "${setting}" to another value with registry-config-set` },
  );
}

/**
 * The values as far as a plan may know them: texts of settings that are not secret.
 *
 * @param stored The values as they are kept.
 * @param settings The settings that the entry declares.
 */
export function plannedValues(
  stored: ReadonlyMap<string, StoredValue>,
  settings: readonly Setting[],
): GivenValues {
  const isOpen = (name: string) => {
    const named = settings.filter((setting) => setting.name === name);
    return named.length > 0 && named.every(({ secret }) => !secret);
  };
  return new Map(
    [...stored].map(([name, value]): [string, GivenValue] => {
      if (value.kind === "podman-secret") return [name, value];
      return [name, value.kind === "text" && isOpen(name) ? value : { kind: "hidden" }];
    }),
  );
}

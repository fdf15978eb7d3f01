/**
 * What may stand as the value of a flag or argument, for help and completion. Needs no permission.
 *
 * @module
 */

import { CLIENTS } from "../connect/mod.ts";
import { TOOLSETS } from "../mcp/mod.ts";
import { COMMANDS } from "./commands.ts";
import { ELICIT } from "./remote_flags.ts";

/** The shells with completions. */
export const SHELLS = ["bash", "zsh", "fish"] as const;

/** One of {@linkcode SHELLS}. */
export type Shell = typeof SHELLS[number];

/** What a value may be. */
export type Values =
  /** One of these words. */
  | { readonly kind: "words"; readonly words: readonly string[] }
  /** Some of these words, by comma. */
  | { readonly kind: "list"; readonly words: readonly string[] }
  /** A path of this machine. */
  | { readonly kind: "file" | "directory" }
  /** Whatever a person writes. */
  | { readonly kind: "any" };

const words = (...all: readonly string[]): Values => ({ kind: "words", words: all });

/** Values by flag; `command.flag` where a flag takes others in one command. */
const FLAGS: Readonly<Record<string, Values>> = {
  "audit-log": { kind: "file" },
  "auth-token-file": { kind: "file" },
  "cache-dir": { kind: "directory" },
  "config": { kind: "file" },
  "config-file": { kind: "file" },
  "elicit": words(...ELICIT),
  "engine": words("podman", "docker"),
  "key": words("true", "false", "unknown"),
  "launch": words("podman", "stdio-proxy", "remote-http"),
  "list.sort": words("quality", "name", "stars", "updated"),
  "log-format": words("text", "json"),
  "log-level": words("debug", "info", "warn", "error"),
  "method": words("podman", "stdio-proxy", "remote-http"),
  "network": words("none", "default"),
  "output": words("table", "json"),
  "restore": words("lazy", "eager", "off"),
  "state-dir": { kind: "directory" },
  "tags.sort": words("semver", "alphabetical", "registry"),
  "tls-cert": { kind: "file" },
  "tls-key": { kind: "file" },
  "toolsets": { kind: "list", words: TOOLSETS },
  "transport": words("stdio", "http"),
};

/** Words of the first argument, by command. */
const ARGUMENTS: Readonly<Record<string, () => readonly string[]>> = {
  "completions": () => SHELLS,
  "connect": () => CLIENTS.map(({ id }) => id),
  "help": () => COMMANDS.map(({ name }) => name),
};

/**
 * What may be the value of a flag.
 *
 * @param flag The flag's name.
 * @param command The command's name.
 */
export function valuesOf(flag: string, command: string): Values {
  return FLAGS[`${command}.${flag}`] ?? FLAGS[flag] ?? { kind: "any" };
}

/**
 * What may be the first argument of a command.
 *
 * @param command The command's name, or `help`.
 * @returns The words; none where a person writes what nobody knows.
 */
export function argumentsOf(command: string): readonly string[] {
  return ARGUMENTS[command]?.() ?? [];
}

/** The flags whose values are known, as in {@linkcode valuesOf}, for the tests of this table. */
export const FLAGS_WITH_VALUES: readonly string[] = Object.keys(FLAGS);

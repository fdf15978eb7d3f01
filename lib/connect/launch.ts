/**
 * The command by which a client starts Wharf, made from the one that started this Wharf. Needs no
 * permission.
 *
 * @module
 */

import { AppError } from "../core/errors.ts";
import { join, type Machine } from "./machine.ts";

/** How this Wharf was started. */
export interface Started {
  /** Whether it is a compiled binary. */
  readonly isCompiled: boolean;
  /** The binary, or the deno that runs it. */
  readonly execPath: string;
  /** URL of the main module. */
  readonly mainModule: string;
  /** Flags of `deno run` for the main module; a binary needs none. */
  readonly runFlags: readonly string[];
  /** Working directory, which relative paths in flags are meant from. */
  readonly directory: string;
}

/** Flag values by name, as the command line gave them. */
export type Flags = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

/** Flags of Wharf that a server takes as well, in the order in which they are written. */
const SERVE_FLAGS: readonly string[] = [
  "toolsets",
  "insecure-registry",
  "source",
  "engine",
  "state-dir",
  "restore",
  "idle-stop",
  "config",
  "timeout",
  "cache-dir",
  "log-level",
  "log-format",
];

/** Flags whose value is a path: a client starts Wharf in a directory of its own. */
const PATHS: ReadonlySet<string> = new Set(["state-dir", "config", "cache-dir"]);

/**
 * The command for a client's entry.
 *
 * @param started How this Wharf was started.
 * @param flags The flags that were given; those of a server go into the entry.
 * @param machine For the form of paths.
 * @returns Program and arguments, without any shell.
 * @throws {AppError} `INVALID_ARGUMENT` for a flag that holds a password.
 */
export function launchCommand(
  started: Started,
  flags: Flags,
  machine: Machine,
): { readonly command: string; readonly args: readonly string[] } {
  const own = SERVE_FLAGS.flatMap((name) => {
    const values = [flags[name] ?? []].flat().filter((value) => typeof value === "string");
    return values.flatMap((value) => [`--${name}`, settled(name, value, { started, machine })]);
  });
  const { isCompiled, execPath, mainModule } = started;
  if (isCompiled) return { command: execPath, args: own };
  const main = mainModule.startsWith("file:")
    ? localPath(mainModule, machine)
    : registryName(mainModule);
  return { command: execPath, args: ["run", ...started.runFlags, main, ...own] };
}

/** A value that means the same wherever Wharf is started. */
function settled(
  name: string,
  value: string,
  { started, machine }: { readonly started: Started; readonly machine: Machine },
): string {
  // A user without password is how git names its side of ssh.
  if (/https?:\/\/[^/\s]*@|:\/\/[^/\s]*:[^/\s]*@/i.test(value)) {
    throw new AppError(
      "INVALID_ARGUMENT",
      `Cannot write --${name} into a client's config: it holds a password`,
      { hint: "Give it in Wharf's own config file, and pass --config FILE" },
    );
  }
  const [, label = "", place = value] = name === "source"
    ? /^([^=\s]+=)(\.{1,2}[/\\].*)$/s.exec(value) ?? []
    : [];
  if (!PATHS.has(name) && label === "") return value;
  if (isAbsolute(place)) return label + place;
  return label + join(machine, started.directory, place.replace(/^\.[/\\]/, ""));
}

function isAbsolute(path: string): boolean {
  return /^(?:[/\\]|[A-Za-z]:)/.test(path);
}

function localPath(url: string, { os }: Machine): string {
  const path = decodeURIComponent(new URL(url).pathname);
  return os === "windows" ? path.slice(1).replaceAll("/", "\\") : path;
}

/** `https://jsr.io/@wharf/wharf/0.1.0/main.ts` as it was asked for. */
function registryName(url: string): string {
  const [, name, version, file] = /^https:\/\/jsr\.io\/(@[^/]+\/[^/]+)\/([^/]+)\/(.+)\.ts$/
    .exec(url) ?? [];
  return name === undefined ? url : `jsr:${name}@${version}/${file}`;
}

/**
 * Where the programs of a machine keep their settings, by the customs of its system. Needs no
 * permission.
 *
 * @module
 */

import type { Env } from "../core/host.ts";

/** What decides where files are. */
export interface Machine {
  /** The operating system, as `Deno.build.os` names it. */
  readonly os: string;
  /** The environment variables that Wharf declares. */
  readonly env: Env;
}

/** A variable that is set to something. */
export function text(env: Env, name: string): string | undefined {
  const value = env[name]?.trim();
  return value === undefined || value === "" ? undefined : value;
}

/** Joins parts of a path as the system writes them. */
export function join({ os }: Machine, ...parts: readonly string[]): string {
  const separator = os === "windows" ? "\\" : "/";
  return parts.map((part, index) => index === 0 ? part.replace(/[/\\]+$/, "") : part)
    .join(separator);
}

/** The user's own directory. */
export function home({ os, env }: Machine): string | undefined {
  return os === "windows" ? text(env, "USERPROFILE") ?? text(env, "HOME") : text(env, "HOME");
}

/** `$XDG_CONFIG_HOME` on Linux, `~/.config` where it is not set and on macOS. */
export function xdgConfig(machine: Machine): string | undefined {
  const own = machine.os === "darwin" ? undefined : text(machine.env, "XDG_CONFIG_HOME");
  // The XDG specification says to ignore a relative path.
  if (own?.startsWith("/")) return own;
  const folder = home(machine);
  return folder === undefined ? undefined : join(machine, folder, ".config");
}

/** `%APPDATA%` of Windows. */
export function roaming(machine: Machine): string | undefined {
  const own = text(machine.env, "APPDATA");
  if (own !== undefined) return own;
  const folder = home(machine);
  return folder === undefined ? undefined : join(machine, folder, "AppData", "Roaming");
}

/** Where desktop programs keep their data: Electron calls it `appData`. */
export function appData(machine: Machine): string | undefined {
  if (machine.os === "windows") return roaming(machine);
  if (machine.os !== "darwin") return xdgConfig(machine);
  const folder = home(machine);
  return folder === undefined ? undefined : join(machine, folder, "Library", "Application Support");
}

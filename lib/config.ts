/**
 * The settings of one run of Wharf, resolved from flags and environment. Needs no permission:
 * `main.ts` reads both and passes them in.
 *
 * @example
 * ```ts
 * import { resolveConfig } from "./config.ts";
 *
 * const config = resolveConfig({ transport: "http" }, { MCP_PORT: "9000" }, "linux");
 * config.serve.port; // 9000
 * ```
 *
 * @module
 */

import { join } from "@std/path/join";
import { z } from "zod";
import { AppError } from "./core/errors.ts";
import { cleanText } from "./core/text.ts";
import type { Env } from "./core/host.ts";
import { type Flags, list, oneOf, text } from "./flags.ts";
import { type Toolset, TOOLSETS } from "./mcp/mod.ts";
import { resolveServe, type ServeConfig } from "./serving.ts";

export type { Flags } from "./flags.ts";
export type { OAuthConfig, ServeConfig } from "./serving.ts";

/** The operating systems whose customs for directories differ. */
export type OperatingSystem = "linux" | "darwin" | "windows" | string;

/** How the log lines look. */
export type LogFormat = "text" | "json";

/** The least severe log line that is written. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** Settings of the catalogue. */
export interface CatalogConfig {
  /** Places of sources by name, as `placeSources` of the catalogue takes them. */
  readonly sources: Readonly<Record<string, string>>;
  /** Time between two refreshes of a source, in milliseconds; 0: never by itself. @default {24 h} */
  readonly refreshIntervalMs: number;
  /** Directory for clones of git sources. @default the cache directory */
  readonly gitDirectory: string | undefined;
}

/** When activated servers are started after a restart of Wharf. */
export type Restore = "lazy" | "eager" | "off";

/** Settings of the gateway. */
export interface GatewayConfig {
  /** The program that runs containers. @default {"podman"} */
  readonly engine: "podman" | "docker";
  /** Directory of what is active and of settings, or `undefined` where no home directory is known. */
  readonly stateDirectory: string | undefined;
  /** Time without a call after which a server rests, in milliseconds; 0: never. @default {0} */
  readonly idleMs: number;
  /** When servers start that were active before. @default {"lazy"} */
  readonly restore: Restore;
  /** The operator's policy, as the config file has it. */
  readonly policy: unknown;
}

/** All settings of one run. */
export interface Config {
  /** The toolsets that are offered. */
  readonly toolsets: readonly Toolset[];
  /** Registries (`host` or `host:port`) that are spoken to over plain http. */
  readonly insecureRegistries: ReadonlySet<string>;
  /** Time for one operation, in milliseconds. @default {60000} */
  readonly timeoutMs: number;
  /** Directory of the cache, or `undefined` where no home directory is known. */
  readonly cacheDirectory: string | undefined;
  /** Settings of the catalogue. */
  readonly catalog: CatalogConfig;
  /** Settings of the gateway. */
  readonly gateway: GatewayConfig;
  /** How log lines look. */
  readonly logFormat: LogFormat;
  /** The least severe log line that is written. */
  readonly logLevel: LogLevel;
  /** Settings of the server. */
  readonly serve: ServeConfig;
  /** What was wrong but could be mended; the operator is told once. */
  readonly warnings: readonly string[];
}

/** The config file; unknown keys are refused, since a misspelt one would silently do nothing. */
const FILE = z.strictObject({
  sources: z.record(z.string(), z.string()).optional(),
  // The gateway checks it, when it is loaded.
  policy: z.unknown().optional(),
});

/** What a config file says. */
export type ConfigFile = Readonly<z.infer<typeof FILE>>;

const DEFAULT_REFRESH_HOURS = 24;
const HOUR_MS = 3_600_000;
const DEFAULT_TIMEOUT_SECONDS = 60;

/**
 * Resolves flags and environment into a {@linkcode Config}; a flag wins over a variable.
 *
 * @param flags Flag values by name.
 * @param env The environment variables that Wharf declares.
 * @param os The operating system, for the customs of its directories.
 * @param file What the config file says; flags win over it.
 * @returns The settings, with the warnings to show.
 * @throws {AppError} `INVALID_ARGUMENT` for a value that cannot be mended safely.
 */
export function resolveConfig(
  flags: Flags,
  env: Env,
  os: OperatingSystem,
  file: ConfigFile = {},
): Config {
  const warnings: string[] = [];
  const cache = text(flags["cache-dir"]) ?? cacheDirectory(env, os);
  return {
    toolsets: toolsets(list(flags["toolsets"])),
    insecureRegistries: new Set(list(flags["insecure-registry"]).map(insecureHost)),
    timeoutMs: seconds(text(flags["timeout"])) * 1000,
    cacheDirectory: cache,
    catalog: {
      sources: { ...file.sources, ...sourceFlags(flags["source"]) },
      refreshIntervalMs: refreshHours(env, warnings) * HOUR_MS,
      gitDirectory: text(env["MCP_REGISTRY_SOURCES_DIR"]) ?? cache,
    },
    gateway: {
      engine: oneOf("engine", text(flags["engine"]), ["podman", "docker"], "podman"),
      stateDirectory: text(flags["state-dir"]) ?? stateDirectory(env, os),
      idleMs: minutes(text(flags["idle-stop"])) * 60_000,
      restore: oneOf("restore", text(flags["restore"]), ["lazy", "eager", "off"], "lazy"),
      policy: file.policy,
    },
    logFormat: oneOf("log-format", text(flags["log-format"]), ["text", "json"], "text"),
    logLevel: oneOf(
      "log-level",
      text(flags["log-level"]),
      ["debug", "info", "warn", "error"],
      "info",
    ),
    serve: resolveServe(flags, env, warnings),
    warnings,
  };
}

/**
 * Where the config file lies.
 *
 * @param flags Flag values by name; `--config` names another file.
 * @param env The environment variables that Wharf declares.
 * @param os The operating system, for the customs of its directories.
 * @returns The path and whether somebody named it, so that it has to be there.
 */
export function configPath(
  flags: Flags,
  env: Env,
  os: OperatingSystem,
): { readonly path: string; readonly isNamed: boolean } | undefined {
  const named = text(flags["config"]);
  if (named !== undefined) return { path: named, isNamed: true };
  const folder = configDirectory(env, os);
  return folder === undefined ? undefined : { path: join(folder, "config.json"), isNamed: false };
}

/**
 * Reads what a config file holds.
 *
 * @param bytes The file: JSON in UTF-8.
 * @param path Where it is, for the error.
 * @throws {AppError} `INVALID_ARGUMENT` that names the place or the key.
 */
export function parseConfigFile(bytes: Uint8Array, path: string): ConfigFile {
  const parsed = FILE.safeParse(parsedJson(bytes, path));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue?.code === "unrecognized_keys"
    ? `"${issue.keys[0]}" is no key of it`
    : `"${issue?.path.join(".")}" has the wrong form`;
  throw new AppError("INVALID_ARGUMENT", `Cannot use config file "${path}": ${where}`, {
    hint: `Keys are ${Object.keys(FILE.shape).join(", ")}`,
  });
}

/** A registry's host as people write it, also with a scheme. */
function insecureHost(value: string): string {
  const host = value.toLowerCase().replace(/^https?:\/\//, "").replace(/\/$/, "");
  if (/^[^\s/@]+$/.test(host)) return host;
  throw new AppError(
    "INVALID_ARGUMENT",
    `Cannot use --insecure-registry "${cleanText(value, { maxChars: 100 })}": it is no host`,
    { hint: "Write a host, with its port where it has one, for example registry.example:5000" },
  );
}

function parsedJson(bytes: Uint8Array, path: string): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    // The engine's own words would repeat what the file holds.
    const [, line, column] = /line (\d+) column (\d+)/.exec(String(cause)) ?? [];
    const where = line === undefined ? "" : ` at ${line}:${column}`;
    throw new AppError(
      "INVALID_ARGUMENT",
      `Cannot use config file "${path}": it is not valid JSON${where}`,
      { cause, hint: "Mend it, or name another with --config" },
    );
  }
}

/** `name=where`, or `none` for all that are not named. */
function sourceFlags(value: unknown): Readonly<Record<string, string>> {
  // A place may hold a comma, so that a list by comma is not possible here.
  const values = Array.isArray(value) ? value.map(String) : [];
  return Object.fromEntries(values.map((item) => {
    if (item === "none") return ["none", "none"];
    const [, name, where] = /^([^=\s]+)=(.+)$/s.exec(item.trim()) ?? [];
    if (name === undefined || where === undefined) {
      throw new AppError("INVALID_ARGUMENT", `Cannot use source "${item}": it has no place`, {
        hint: "Write --source NAME=ADDRESS-OR-PATH, --source NAME=none, or --source none",
      });
    }
    return [name, where];
  }));
}

/** A wrong interval is no reason not to start. */
function refreshHours(env: Env, warnings: string[]): number {
  const value = text(env["MCP_REGISTRY_REFRESH_INTERVAL"]);
  if (value === undefined) return DEFAULT_REFRESH_HOURS;
  const hours = Number(value);
  if (Number.isFinite(hours) && hours >= 0 && hours <= 8760) return hours;
  warnings.push(
    `MCP_REGISTRY_REFRESH_INTERVAL "${value}" is not a number of hours from 0 to 8760; using ${DEFAULT_REFRESH_HOURS}`,
  );
  return DEFAULT_REFRESH_HOURS;
}

function toolsets(names: readonly string[]): readonly Toolset[] {
  if (names.length === 0) return TOOLSETS;
  const wanted = new Set<Toolset>();
  for (const name of names) {
    const known = TOOLSETS.find((toolset) => toolset === name);
    if (known === undefined) {
      throw new AppError("INVALID_ARGUMENT", `Cannot use toolset "${name}": there is none`, {
        hint: `Choose from ${TOOLSETS.join(", ")}`,
      });
    }
    wanted.add(known);
  }
  return TOOLSETS.filter((toolset) => wanted.has(toolset));
}

function minutes(value: string | undefined): number {
  const parsed = Number(value ?? 0);
  if (Number.isFinite(parsed) && parsed >= 0 && parsed <= 10_080) return parsed;
  throw new AppError("INVALID_ARGUMENT", `Cannot use --idle-stop "${value}": it is no time`, {
    hint: "Pass minutes from 0 (never) to 10080",
  });
}

function seconds(value: string | undefined): number {
  if (value === undefined) return DEFAULT_TIMEOUT_SECONDS;
  const parsed = Number(value);
  if (Number.isFinite(parsed) && parsed > 0 && parsed <= 3600) return parsed;
  throw new AppError(
    "INVALID_ARGUMENT",
    `Cannot use time-out "${value}": it is not a number of seconds`,
    { hint: "Pass --timeout with a number from 0.1 to 3600" },
  );
}

/** XDG Base Directory on Linux, and the custom of macOS and Windows. */
function cacheDirectory(env: Env, os: OperatingSystem): string | undefined {
  const own = text(env["MCP_REGISTRY_CACHE_DIR"]);
  if (own !== undefined) return own;
  if (os === "windows") {
    const local = text(env["LOCALAPPDATA"]);
    return local === undefined ? undefined : join(local, "wharf", "cache");
  }
  const home = text(env["HOME"]);
  if (os === "darwin") {
    return home === undefined ? undefined : join(home, "Library", "Caches", "wharf");
  }
  const xdg = text(env["XDG_CACHE_HOME"]);
  // The XDG specification says to ignore a relative path.
  if (xdg?.startsWith("/")) return join(xdg, "wharf");
  return home === undefined ? undefined : join(home, ".cache", "wharf");
}

/** The same customs, for what the operator writes. */
function configDirectory(env: Env, os: OperatingSystem): string | undefined {
  if (os === "windows") {
    const roaming = text(env["APPDATA"]);
    return roaming === undefined ? undefined : join(roaming, "wharf");
  }
  const home = text(env["HOME"]);
  if (os === "darwin") {
    return home === undefined ? undefined : join(home, "Library", "Application Support", "wharf");
  }
  const xdg = text(env["XDG_CONFIG_HOME"]);
  if (xdg?.startsWith("/")) return join(xdg, "wharf");
  return home === undefined ? undefined : join(home, ".config", "wharf");
}

/** The same customs, for what has to stay. */
function stateDirectory(env: Env, os: OperatingSystem): string | undefined {
  if (os === "windows") {
    const local = text(env["LOCALAPPDATA"]);
    return local === undefined ? undefined : join(local, "wharf", "state");
  }
  const home = text(env["HOME"]);
  if (os === "darwin") {
    return home === undefined
      ? undefined
      : join(home, "Library", "Application Support", "wharf", "state");
  }
  const xdg = text(env["XDG_STATE_HOME"]);
  if (xdg?.startsWith("/")) return join(xdg, "wharf");
  return home === undefined ? undefined : join(home, ".local", "state", "wharf");
}

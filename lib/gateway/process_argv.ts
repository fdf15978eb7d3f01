/**
 * The argv of `deno`, `npx` and `uvx` for a pinned package, and what of Wharf's environment they
 * are given. Needs no permission: it starts nothing.
 *
 * @module
 */

import { METADATA_ADDRESSES } from "../core/address.ts";
import { AppError } from "../core/errors.ts";
import type { Env } from "../core/host.ts";
import { cleanText } from "../core/text.ts";
import type { PinnedPackage } from "./package_name.ts";

/** The server's own part of a command: what settings and templates came to, see `render.ts`. */
export interface ServerPart {
  /** Its arguments, one argv element each. */
  readonly args: readonly string[];
  /** Its environment. */
  readonly env: Env;
}

/** What Deno's sandbox lets a package do. */
export interface DenoGrants {
  /** Absolute path of the lock file that pins what the package depends on. */
  readonly lockFile: string;
  /** `none`: no connection at all. */
  readonly network: "none" | "default";
  /** Hosts that it may reach; empty, or with `*` among them: any. */
  readonly allowHosts: readonly string[];
  /** Absolute paths that it may read. */
  readonly read: readonly string[];
  /** Absolute paths that it may write. */
  readonly write: readonly string[];
  /** Most bytes of its heap. */
  readonly heapBytes: number;
  /** Process id of Wharf, with which the server ends. */
  readonly pid: number;
}

/** What Node programs ask of the system at their start; neither its name nor its user or addresses. */
const SYSTEM_FACTS = [
  "cpus",
  "gid",
  "homedir",
  "loadavg",
  "osRelease",
  "osUptime",
  "systemMemoryInfo",
  "uid",
];

/**
 * Ends the server when Wharf is gone, however it went: the parent of a process changes then, and
 * is the first process where Wharf was gone before this ran. It runs before the package, shares
 * its permissions, and needs none of them.
 */
function watchParent(pid: number): string {
  return "const parent = Deno.ppid;" +
    `if (parent === 1 && ${pid} !== 1) Deno.exit(1);` +
    "Deno.unrefTimer(setInterval(() => { if (Deno.ppid !== parent) Deno.exit(1); }, 1000));";
}

/** Flags of both commands: nothing of the user's own configuration counts. */
const ALONE = ["--quiet", "--no-config", "--node-modules-dir=none"];

/** What a host in `--allow-net` looks like (a name, an IPv4 or a bracketed IPv6 address). */
const HOST =
  /^(?:(?:\*\.)?[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/;

const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Variables that tell a runtime how to reach the network, where there is no direct way. */
const PLUMBING = [
  "ALL_PROXY",
  "APPDATA",
  "DENO_CERT",
  "DENO_TLS_CA_STORE",
  "HTTPS_PROXY",
  "HTTP_PROXY",
  "LOCALAPPDATA",
  "NODE_EXTRA_CA_CERTS",
  "NO_PROXY",
  "NPM_CONFIG_REGISTRY",
  "PATH",
  "SSL_CERT_DIR",
  "SSL_CERT_FILE",
  "SystemRoot",
  "TMPDIR",
  "UV_DEFAULT_INDEX",
  "all_proxy",
  "http_proxy",
  "https_proxy",
  "no_proxy",
];

/** Variables by which a catalogue's data would reach past the server, into what starts it. */
const STEERING = new RegExp(
  "^(?:PATH|HOME|SHELL|ENV|IFS|BASH_.*|DENO_.*|LD_.*|DYLD_.*|GLIBC_.*|MALLOC_.*|UV_.*|PIP_.*|" +
    "NPM_CONFIG_.*|NODE_(?:OPTIONS|PATH|EXTRA_CA_CERTS|TLS_REJECT_UNAUTHORIZED|REPL_.*|V8_.*)|" +
    "PYTHON(?:PATH|HOME|STARTUP|WARNINGS|BREAKPOINT|INSPECT|USERBASE|EXECUTABLE|PLATLIBDIR)|" +
    "SSL_CERT_(?:DIR|FILE)|GCONV_PATH|GIT_.*|PERL.*|RUBY.*)$",
  "i",
);

/**
 * Whether a variable steers the runtime rather than the server.
 *
 * @param name A variable's name.
 */
export function steers(name: string): boolean {
  return STEERING.test(name);
}

/**
 * What of Wharf's own environment a runtime needs to work at all. Under Deno the package itself
 * reads none of it.
 *
 * @param env Wharf's environment.
 */
export function plumbing(env: Env): Env {
  return Object.fromEntries(
    PLUMBING.flatMap((name) => {
      const value = env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/**
 * The arguments that make Deno fetch a package and all that it depends on, without running any
 * of it. The first time writes the lock file, with a hash of each archive; later ones obey it.
 *
 * @param pinned The package.
 * @param lockFile Absolute path of the lock file.
 */
export function denoPrepareArgs(pinned: PinnedPackage, lockFile: string): readonly string[] {
  return ["cache", ...ALONE, `--lock=${lockFile}`, specifierOf(pinned)];
}

/**
 * The arguments that run a prepared npm package under Deno's permissions: nothing that was not
 * fetched before, no program, no native library, no prompt.
 *
 * @param pinned The package.
 * @param server Its arguments and environment, whose names it may read.
 * @param grants What it may do.
 * @throws {AppError} `INVALID_ARGUMENT` for a path, host or name that would read as another grant.
 */
export function denoArgs(
  pinned: PinnedPackage,
  server: ServerPart,
  grants: DenoGrants,
): readonly string[] {
  const names = ["HOME", ...Object.keys(server.env)].map(envName);
  return [
    "run",
    ...ALONE,
    "--no-prompt",
    "--cached-only",
    "--frozen",
    `--lock=${grants.lockFile}`,
    `--v8-flags=--max-old-space-size=${Math.ceil(grants.heapBytes / 1024 / 1024)}`,
    `--preload=data:application/javascript,${encodeURIComponent(watchParent(grants.pid))}`,
    "--deny-import",
    // What is not listed reads as unset: most packages look for variables that they can do without.
    `--allow-env=${names.join(",")}`,
    "--ignore-env",
    `--allow-sys=${SYSTEM_FACTS.join(",")}`,
    `--allow-read=${grants.read.map(grantPath).join(",")}`,
    // Other files read as missing: packages look for settings in many places, and stop at a refusal.
    "--ignore-read",
    ...(grants.write.length === 0
      ? []
      : [`--allow-write=${grants.write.map(grantPath).join(",")}`]),
    ...netArgs(grants),
    specifierOf(pinned),
    ...server.args,
  ];
}

function netArgs({ network, allowHosts }: DenoGrants): readonly string[] {
  if (network === "none") return [];
  const hosts = allowHosts.includes("*") ? [] : allowHosts.map(hostName);
  return [
    hosts.length === 0 ? "--allow-net" : `--allow-net=${hosts.join(",")}`,
    `--deny-net=${METADATA_ADDRESSES.join(",")}`,
  ];
}

/** Deno splits lists at commas and has no escape for them. */
function grantPath(path: string): string {
  const isAbsolute = path.startsWith("/") || /^[A-Za-z]:[\\/]/.test(path);
  if (isAbsolute && !path.includes(",") && !path.includes("\0")) return path;
  throw new AppError(
    "INVALID_ARGUMENT",
    `Cannot give Deno's sandbox the path "${cleanText(path, { maxChars: 200 })}": ` +
      (isAbsolute ? "it holds a comma" : "it is not absolute"),
    { hint: "Use an absolute path without commas" },
  );
}

function hostName(host: string): string {
  if (HOST.test(host)) return host;
  throw new AppError(
    "INVALID_ARGUMENT",
    `Cannot allow the host "${cleanText(host, { maxChars: 200 })}": it is no host:port`,
    { hint: "Write hosts as example.com or example.com:443" },
  );
}

function envName(name: string): string {
  if (ENV_NAME.test(name)) return name;
  throw new AppError(
    "INVALID_ARGUMENT",
    `Cannot set "${cleanText(name, { maxChars: 100 })}": it is no name of a variable`,
    { hint: "Names have letters, digits and underscores" },
  );
}

/** As Deno names a package: npm:name@version, and the program where there is a choice. */
function specifierOf({ name, version, program }: PinnedPackage): string {
  return `npm:${name}@${version}${program === undefined ? "" : `/${program}`}`;
}

/**
 * The arguments of `npx` (npm 7 and later): a program of one package at one version, asking
 * nothing.
 *
 * @param pinned The package.
 * @param server Its arguments.
 */
export function npxArgs(
  pinned: PinnedPackage,
  server: Pick<ServerPart, "args">,
): readonly string[] {
  const { name, version, program } = pinned;
  return program === undefined
    ? ["--yes", "--", `${name}@${version}`, ...server.args]
    : ["--yes", `--package=${name}@${version}`, "--", program, ...server.args];
}

/**
 * The arguments of `uvx`: a program of one package at one version.
 *
 * @param pinned The package.
 * @param server Its arguments.
 */
export function uvxArgs(
  pinned: PinnedPackage,
  server: Pick<ServerPart, "args">,
): readonly string[] {
  const { name, extras, version, program } = pinned;
  // Everything after the program's name is the program's own.
  return ["--from", `${name}${extras}==${version}`, program ?? name, ...server.args];
}

/**
 * What a container with npx or uvx is given. Its home is `/tmp`, the one place that any user of
 * it may write to.
 *
 * @param pinned The package.
 * @param server Its arguments and environment.
 */
export function containerArgs(pinned: PinnedPackage, server: ServerPart): ServerPart {
  if (pinned.type === "npm") {
    return {
      args: ["npx", ...npxArgs(pinned, server)],
      env: {
        HOME: "/tmp",
        npm_config_cache: "/tmp/npm-cache",
        npm_config_update_notifier: "false",
        ...server.env,
      },
    };
  }
  return {
    args: ["uvx", ...uvxArgs(pinned, server)],
    env: { HOME: "/tmp", UV_CACHE_DIR: "/tmp/uv-cache", UV_NO_PROGRESS: "1", ...server.env },
  };
}

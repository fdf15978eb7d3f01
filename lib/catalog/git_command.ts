/**
 * The git binary, with nothing of the user's: no configuration, credentials, hooks or prompts, no
 * protocol but http(s), no redirect, and an environment that names each variable. Needs
 * `--allow-run=git`.
 *
 * @module
 */

import { AppError, toAppError } from "../core/errors.ts";
import type { Env, Processes, RunResult } from "../core/host.ts";
import { cleanText } from "../core/text.ts";

/** What git is run with. */
export interface GitCommandDeps {
  /** Starts it. */
  readonly processes: Processes;
  /** Gives it its PATH, proxy and certificate variables. */
  readonly env: Env;
}

/** One run of git. */
export interface GitRun {
  /** The repository's folder, absolute; absent for a command that needs none. */
  readonly gitDir?: string;
  /** Further settings for this run, `name=value`. */
  readonly settings?: readonly string[];
  /** Subcommand and arguments. */
  readonly args: readonly string[];
  /** Bytes for its standard input. */
  readonly stdin?: Uint8Array;
  /** An empty folder that it takes for the user's. */
  readonly home: string;
  /** Most bytes of its output. */
  readonly maxBytes: number;
  /** Time for it, in milliseconds. */
  readonly timeoutMs: number;
  /** Ends it. */
  readonly signal?: AbortSignal;
}

/** The oldest that knows all that is asked of it (`--no-write-fetch-head` came with 2.29). */
const MIN_VERSION = [2, 30] as const;

/** All that git may see of Wharf's environment. */
const PASSED_ON: readonly string[] = [
  "PATH",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "ALL_PROXY",
  "NO_PROXY",
  "http_proxy",
  "https_proxy",
  "all_proxy",
  "no_proxy",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "GIT_SSL_CAINFO",
];

/** Set for every run; the repository's own configuration is made by `git init` alone. */
const SETTINGS: readonly string[] = [
  "protocol.allow=never",
  "protocol.http.allow=always",
  "protocol.https.allow=always",
  // Wharf follows redirects itself, under its address policy.
  "http.followRedirects=false",
  // Ends a transfer that Wharf no longer watches, too.
  "http.lowSpeedLimit=1",
  "http.lowSpeedTime=60",
  "credential.helper=",
  "core.askPass=",
  "core.hooksPath=/dev/null",
  "core.fsmonitor=false",
  "core.symlinks=false",
  "submodule.recurse=false",
  "fetch.recurseSubmodules=false",
  "transfer.bundleURI=false",
  "gc.auto=0",
  "maintenance.auto=false",
  // Objects stay in the pack that they came in, and a large one is never held in memory.
  "fetch.unpackLimit=1",
  "core.bigFileThreshold=16m",
];

const VERSION_TIMEOUT_MS = 10_000;

/**
 * Finds out whether there is a git that may be run.
 *
 * @param deps Processes and environment.
 * @param home An empty folder that it takes for the user's.
 * @returns Its version, or the reason why not.
 */
export async function mayRunGit(
  deps: GitCommandDeps,
  home: string,
): Promise<{ readonly version: string } | { readonly reason: string }> {
  try {
    const result = await deps.processes.run(
      { command: "git", args: ["--version"], env: environment(deps.env, home) },
      { maxBytes: 1024, timeoutMs: VERSION_TIMEOUT_MS },
    );
    const text = new TextDecoder().decode(result.stdout);
    const [, version, major, minor] = /^git version ((\d+)\.(\d+)\S*)/.exec(text) ?? [];
    if (result.code !== 0 || version === undefined) return { reason: "git tells no version" };
    const [wantedMajor, wantedMinor] = MIN_VERSION;
    const old = Number(major) < wantedMajor ||
      (Number(major) === wantedMajor && Number(minor) < wantedMinor);
    return old ? { reason: `git ${version} is older than ${MIN_VERSION.join(".")}` } : { version };
  } catch (thrown) {
    return { reason: toAppError(thrown).message };
  }
}

/**
 * Runs git once.
 *
 * @param deps Processes and environment.
 * @param run What to run.
 * @returns Its output.
 * @throws {AppError} `UNREACHABLE` when it could not connect, `UNAVAILABLE` when the connection
 * broke, the server refused or the disk is full, `BAD_RESPONSE` for every other failure, and what
 * {@linkcode Processes.run} throws.
 */
export async function runGit(deps: GitCommandDeps, run: GitRun): Promise<Uint8Array> {
  const { gitDir, settings = [], args, stdin, home, maxBytes, timeoutMs, signal } = run;
  const result = await deps.processes.run({
    command: "git",
    args: [
      ...[...SETTINGS, ...settings].flatMap((setting) => ["-c", setting]),
      // A folder with a special first character is a folder all the same.
      "--literal-pathspecs",
      ...(gitDir === undefined ? [] : [`--git-dir=${gitDir}`]),
      ...args,
    ],
    env: environment(deps.env, home),
  }, {
    maxBytes,
    timeoutMs,
    ...(stdin === undefined ? {} : { stdin }),
    ...(signal === undefined ? {} : { signal }),
  });
  if (result.code !== 0) throw failure(args[0] ?? "", result);
  return result.stdout;
}

function environment(env: Env, home: string): Env {
  const passed = PASSED_ON.flatMap((name) => {
    const value = env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    ...Object.fromEntries(passed),
    HOME: home,
    XDG_CONFIG_HOME: home,
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_SYSTEM: "/dev/null",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_ATTR_NOSYSTEM: "1",
    GIT_TERMINAL_PROMPT: "0",
    GIT_NO_LAZY_FETCH: "1",
    GIT_NO_REPLACE_OBJECTS: "1",
    // Its messages are read below.
    LC_ALL: "C",
  };
}

const DISK_FULL = /No space left on device|Disk quota exceeded|File too large/;

/** Curl's words, as far as no connection came about at all. */
const NO_CONNECTION =
  /Could not resolve|Failed to connect|Couldn't connect|Connection refused|SSL certificate|Could not resolve proxy/;

/** What a server or a broken connection does, as opposed to what lies on the disk. */
const OTHER_SIDE =
  /unable to access|RPC failed|early EOF|hung up|disconnect|Connection reset|remote error|couldn't find remote ref|not our ref|timed out|expected flush|bad line length/i;

function failure(subcommand: string, { code, stderr, signal }: RunResult): AppError {
  const lines = stderr.split("\n").filter((line) => line.trim() !== "");
  const line = lines.find((text) => text.startsWith("fatal: ")) ?? lines.at(-1) ?? "";
  const words = cleanText(line.replace(/^fatal: /, ""), { maxChars: 200 });
  const how = signal === undefined ? `code ${code}` : signal;
  const state = words === "" ? `it ended with ${how}` : `it says "${words}"`;
  const cannot = `Cannot run "git ${subcommand}"`;
  if (DISK_FULL.test(stderr)) {
    return new AppError("UNAVAILABLE", `${cannot}: the disk is full`, {
      retryable: true,
      hint: "Make room in the cache directory, or name another one",
    });
  }
  if (NO_CONNECTION.test(stderr)) {
    return new AppError("UNREACHABLE", `${cannot}: ${state}`, {
      retryable: true,
      hint: "Check the network, and the proxy and certificate variables",
    });
  }
  if (OTHER_SIDE.test(stderr)) {
    return new AppError("UNAVAILABLE", `${cannot}: ${state}`, {
      retryable: true,
      hint: "Try again later",
    });
  }
  return new AppError("BAD_RESPONSE", `${cannot}: ${state}`, {
    hint: "Try again; if it stays, remove the git folder of the cache directory",
  });
}

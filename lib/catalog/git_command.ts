/**
 * The git binary as a tool on one folder: no network, no configuration, credentials, hooks or
 * prompts of the user's, and an environment that names each variable. Needs `--allow-run=git`.
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
  /** Gives it its PATH. */
  readonly env: Env;
  /** Absolute path of a folder that it may write to. */
  readonly directory: string;
}

/** One run of git. */
export interface GitRun {
  /** The repository's folder, absolute. */
  readonly gitDir: string;
  /** Subcommand and arguments. What comes from outside stands after `--`. */
  readonly args: readonly string[];
  /** Bytes for its standard input. */
  readonly stdin?: Uint8Array;
  /** Most bytes of its output. */
  readonly maxBytes: number;
  /** Ends it. */
  readonly signal?: AbortSignal;
}

/** The oldest that was tried; Debian 11 has it. */
const MIN_VERSION = [2, 30] as const;

/** Set for every run; the repository's own configuration is made by `git init` alone. */
const SETTINGS: readonly string[] = [
  // Wharf fetches by itself, under its own address policy.
  "protocol.allow=never",
  "credential.helper=",
  "core.askPass=",
  "core.hooksPath=/dev/null",
  "core.fsmonitor=false",
  "core.symlinks=false",
  "submodule.recurse=false",
  "gc.auto=0",
  "maintenance.auto=false",
  // A large object is never held in memory.
  "core.bigFileThreshold=16m",
];

const VERSION_TIMEOUT_MS = 10_000;

/** Indexing 256 MiB takes some ten seconds. */
const RUN_TIMEOUT_MS = 5 * 60_000;

/**
 * Finds out whether there is a git that may be run.
 *
 * @param deps Processes and environment.
 * @returns Its version, or the reason why not.
 */
export async function findGit(
  deps: GitCommandDeps,
): Promise<{ readonly version: string } | { readonly reason: string }> {
  try {
    const result = await deps.processes.run(
      { command: "git", args: ["--version"], env: environment(deps) },
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
 * @throws {AppError} `UNAVAILABLE` when the disk is full, `BAD_RESPONSE` for every other failure of
 * git, and what {@linkcode Processes.run} throws.
 */
export async function runGit(deps: GitCommandDeps, run: GitRun): Promise<Uint8Array> {
  const { gitDir, args, stdin, maxBytes, signal } = run;
  const result = await deps.processes.run({
    command: "git",
    args: [
      ...SETTINGS.flatMap((setting) => ["-c", setting]),
      // A folder with a special first character is a folder all the same.
      "--literal-pathspecs",
      `--git-dir=${gitDir}`,
      ...args,
    ],
    env: environment(deps),
  }, {
    maxBytes,
    timeoutMs: RUN_TIMEOUT_MS,
    ...(stdin === undefined ? {} : { stdin }),
    ...(signal === undefined ? {} : { signal }),
  });
  if (result.code !== 0) throw failure(args[0] ?? "", result);
  return result.stdout;
}

function environment({ env, directory }: GitCommandDeps): Env {
  // A folder that never exists, so that nothing in it can count.
  const home = `${directory}/git/home`;
  return {
    ...(env["PATH"] === undefined ? {} : { PATH: env["PATH"] }),
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

function failure(subcommand: string, { code, stderr, signal }: RunResult): AppError {
  const cannot = `Cannot run "git ${subcommand}"`;
  if (DISK_FULL.test(stderr)) {
    return new AppError("UNAVAILABLE", `${cannot}: the disk is full`, {
      retryable: true,
      hint: "Make room in the cache directory, or name another one",
    });
  }
  const lines = stderr.split("\n").filter((line) => line.trim() !== "");
  const line = lines.find((text) => text.startsWith("fatal: ")) ?? lines.at(-1) ?? "";
  const words = cleanText(line.replace(/^fatal: /, ""), { maxChars: 200 });
  const state = words === "" ? `it ended with ${signal ?? `code ${code}`}` : `it says "${words}"`;
  return new AppError("BAD_RESPONSE", `${cannot}: ${state}`, {
    hint: "Try again; if it stays, remove the git folder of the cache directory",
  });
}

/**
 * Starts what `process_plan.ts` or `ad_hoc.ts` planned, as a server with a pipe for messages and a
 * tail of its log. Needs run permission for the plan's program and write permission for the state
 * directory, both through what it is given.
 *
 * @example
 * ```ts ignore
 * await using server = await launchProcess(plan, { processes, clock, disk });
 * await client.connect(server.transport);
 * ```
 *
 * @module
 */

import { throwIfAborted } from "../core/deadline.ts";
import { AppError } from "../core/errors.ts";
import type { ChildProcess, Clock, Disk, Processes } from "../core/host.ts";
import { cleanText } from "../core/text.ts";
import type { Launched, LaunchedExit } from "./launched.ts";
import { LogTail } from "./log_tail.ts";
import { PipeTransport } from "./pipe_transport.ts";
import type { LocalPlan } from "./process_plan.ts";

/** What is needed of a plan to start it. */
export type LaunchPlan =
  & Pick<LocalPlan, "command" | "args" | "env" | "label" | "folder" | "cwd">
  & {
    /** See {@linkcode LocalPlan.prepare}. */
    readonly prepare?: LocalPlan["prepare"];
  };

/** What {@linkcode launchProcess} works with. */
export interface LaunchDeps {
  /** Starts the program. */
  readonly processes: Processes;
  /** Measures time limits. */
  readonly clock: Clock;
  /** The state directory that the plan was made for. */
  readonly disk: Disk;
}

/** How {@linkcode launchProcess} starts. */
export interface LaunchOptions {
  /** Ends the preparation; a server that runs is ended by `stop`. */
  readonly signal?: AbortSignal;
  /** Time to fetch the package, in milliseconds. @default {180000} */
  readonly prepareTimeoutMs?: number;
  /** Told what takes time, one clause. */
  readonly progress?: (message: string) => void;
}

const PREPARE_TIMEOUT_MS = 180_000;

/** A fetch prints nothing; what it prints all the same is of no use. */
const PREPARE_BYTES = 1024 * 1024;

/** Lines of a failed fetch that its error shows. */
const FAILED_LINES = 6;

/** Between closed input, SIGTERM and SIGKILL for a server whose owner has gone. */
const DISPOSE_GRACE_MS = 500;

/** After a server's end, for output on its way: a grandchild may hold the pipes for ever. */
const DRAIN_MS = 1_000;

/** A file that makes the folder, since folders exist by their files only. */
const MARKER = "home/.wharf";

/**
 * Starts a planned process.
 *
 * @param plan What to start.
 * @param deps Processes, time and the state directory.
 * @param options Limits.
 * @returns The running server; its transport is not yet started.
 * @throws {AppError} `UNAVAILABLE` when the package cannot be fetched, with what its fetcher said;
 * `NOT_FOUND` and `PERMISSION_MISSING` for the program, `TIMEOUT`, `CANCELLED`.
 */
export async function launchProcess(
  plan: LaunchPlan,
  deps: LaunchDeps,
  options: LaunchOptions = {},
): Promise<Launched> {
  throwIfAborted(options.signal);
  const marker = `${plan.folder}/${MARKER}`;
  if (await deps.disk.read(marker, { maxBytes: 1 }) === undefined) {
    await deps.disk.write(marker, new Uint8Array());
  }
  await prepare(plan, deps, options);
  throwIfAborted(options.signal);
  const { command, args, env, cwd } = plan;
  // What npx, uvx or a given command starts in turn ends with it.
  const child = deps.processes.start({ command, args, env, cwd, ownGroup: true });
  return new LaunchedProcess(child, deps.clock);
}

async function prepare(
  { label, cwd, prepare }: LaunchPlan,
  { processes }: LaunchDeps,
  { signal, progress, prepareTimeoutMs = PREPARE_TIMEOUT_MS }: LaunchOptions,
): Promise<void> {
  if (prepare === undefined) return;
  progress?.(`fetching ${label}`);
  const { code, stderr } = await processes.run({ ...prepare, cwd }, {
    maxBytes: PREPARE_BYTES,
    timeoutMs: prepareTimeoutMs,
    ...(signal === undefined ? {} : { signal }),
  });
  if (code === 0) return;
  const said = stderr.split("\n").map((line) => cleanText(line, { maxChars: 300 }))
    .filter((line) => line !== "").slice(0, FAILED_LINES).join("; ");
  throw new AppError("UNAVAILABLE", `Cannot fetch "${label}": ${said || `code ${code}`}`, {
    retryable: true,
    hint: "Check the name, the version and the network, and try again",
  });
}

/** A child process as a {@linkcode Launched} server. */
class LaunchedProcess implements Launched {
  readonly transport: PipeTransport;
  readonly exited: Promise<LaunchedExit>;
  readonly #child: ChildProcess;
  readonly #clock: Clock;
  readonly #tail = new LogTail();
  readonly #drained: Promise<void>;
  #stopping: Promise<void> | undefined;

  constructor(child: ChildProcess, clock: Clock) {
    this.#child = child;
    this.#clock = clock;
    this.transport = new PipeTransport(child, {
      clock,
      onGarbage: (line) => this.#tail.push(line),
    });
    const over = new AbortController();
    const fed = this.#tail.feed(child.stderr, over.signal);
    this.exited = child.exited.then(exitOf);
    this.#drained = child.exited.then(() => this.#drain(fed, over));
  }

  logTail(lines: number): readonly string[] {
    return this.#tail.lines(lines);
  }

  stop(graceMs: number): Promise<void> {
    return this.#stopping ??= this.#stop(graceMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop(DISPOSE_GRACE_MS);
  }

  /** As MCP has it for stdio: closed input, then SIGTERM, then SIGKILL. */
  async #stop(graceMs: number): Promise<void> {
    // A server that is well ends by this alone.
    await this.transport.close();
    await this.#child.stop(graceMs);
    await this.#drained;
  }

  /** Frees the pipes of a child that has ended, whoever else holds them. */
  async #drain(fed: Promise<void>, over: AbortController): Promise<void> {
    const waited = new AbortController();
    const late = this.#clock.sleep(DRAIN_MS, waited.signal).catch(() => {});
    await Promise.race([fed, late]);
    waited.abort();
    over.abort();
    await Promise.all([fed, this.transport.close()]);
  }
}

function exitOf(status: { readonly code: number; readonly signal?: string }): LaunchedExit {
  const { code, signal } = status;
  return signal === undefined
    ? { code, reason: `it ended with code ${code}` }
    : { code, signal, reason: `it was ended by ${signal}` };
}

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
import type { Clock, Disk, Processes } from "../core/host.ts";
import { cleanText } from "../core/text.ts";
import type { Launched } from "./launched.ts";
import { PipedServer } from "./piped_server.ts";
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
  return new PipedServer(child, { clock: deps.clock });
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

/**
 * Local processes that a killed Wharf left: they carry its mark in their environment, which what
 * they start in turn inherits. Needs read permission for `/proc`, and run permission for `kill`; does
 * nothing on systems without `/proc`.
 *
 * @module
 */

import { toAppError } from "../core/errors.ts";
import type { Disk, Env, Files, Log, Processes } from "../core/host.ts";
import type { Owner } from "./engine.ts";

/** What finds and ends processes. */
export interface OrphanDeps {
  /** Opens `/proc`. */
  readonly openFolder: (path: string) => Pick<Disk, "list">;
  /** Reads environments. */
  readonly files: Files;
  /** Runs `kill`. */
  readonly processes: Processes;
  /** Tells where it is. */
  readonly env: Env;
  /** The operator's log. */
  readonly log: Log;
}

const OWNER = "WHARF_OWNER";
const RUN = "WHARF_RUN";

/** Linux allows 128 KiB for one string; the marks stand among the first. */
const MAX_ENVIRON_BYTES = 2 * 1024 * 1024;

const KILL_TIMEOUT_MS = 5000;

/**
 * The mark of a run's processes.
 *
 * @param owner Whose processes.
 * @returns Variables for their environment.
 */
export function processMark({ id, run }: Owner): Env {
  return { [OWNER]: id, [RUN]: run };
}

/**
 * Ends processes of an owner's runs that have ended.
 *
 * @param owner Id of the owner.
 * @param isAlive Whether a run still goes on.
 * @param deps What finds and ends them.
 * @returns Their process ids.
 */
export async function endOrphanProcesses(
  owner: string,
  isAlive: (run: string) => Promise<boolean>,
  deps: OrphanDeps,
): Promise<readonly number[]> {
  const { openFolder, files, processes, env, log } = deps;
  const ended: number[] = [];
  for (const { name } of await openFolder("/proc").list("")) {
    if (!/^\d{1,10}$/.test(name)) continue;
    const run = await runOf(name, owner, files);
    if (run === undefined || await isAlive(run)) continue;
    const { code } = await processes.run({
      command: "kill",
      args: ["-KILL", name],
      env: env["PATH"] === undefined ? {} : { PATH: env["PATH"] },
    }, { maxBytes: 1024, timeoutMs: KILL_TIMEOUT_MS });
    // One that ended meanwhile cannot be killed.
    if (code === 0) ended.push(Number(name));
  }
  if (ended.length > 0) {
    log.info("ended processes of a Wharf that was killed", { pids: ended.join() });
  }
  return ended;
}

/** The run in a process's mark; those of other users and owners have none. */
async function runOf(pid: string, owner: string, files: Files): Promise<string | undefined> {
  try {
    const bytes = await files.read(`/proc/${pid}/environ`, { maxBytes: MAX_ENVIRON_BYTES });
    const variables = new TextDecoder().decode(bytes).split("\0");
    if (!variables.includes(`${OWNER}=${owner}`)) return undefined;
    return variables.find((text) => text.startsWith(`${RUN}=`))?.slice(RUN.length + 1);
  } catch (thrown) {
    // It has ended, or is somebody else's.
    if (toAppError(thrown).code === "PERMISSION_MISSING") throw thrown;
    return undefined;
  }
}

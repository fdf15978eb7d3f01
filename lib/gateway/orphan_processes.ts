/**
 * Local processes that a killed Wharf left: they carry its mark in their environment, which what
 * they start in turn inherits. Needs run permission for `ps` and `kill`: Deno lets nobody read
 * `/proc` who may not do everything. Finds nothing where `ps` shows no environments, as on macOS.
 *
 * @module
 */

import type { Env, Log, Processes } from "../core/host.ts";
import type { Owner } from "./engine.ts";

/** What finds and ends processes. */
export interface OrphanDeps {
  /** Runs `ps` and `kill`. */
  readonly processes: Processes;
  /** Tells where they are. */
  readonly env: Env;
  /** The operator's log. */
  readonly log: Log;
}

const OWNER = "WHARF_OWNER";
const RUN = "WHARF_RUN";

/** Processes of this user, also those without a terminal, with their environments, uncut (ps(1)). */
const LIST = ["xeww", "-o", "pid=,args="];

/** Environments are a few KiB each; Linux allows 128 KiB for one string. */
const MAX_LIST_BYTES = 64 * 1024 * 1024;

const TIMEOUT_MS = 5000;

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
 * @throws {AppError} `NOT_FOUND` or `PERMISSION_MISSING` where `ps` cannot be run.
 */
export async function endOrphanProcesses(
  owner: string,
  isAlive: (run: string) => Promise<boolean>,
  deps: OrphanDeps,
): Promise<readonly number[]> {
  const { processes, log } = deps;
  const env = deps.env["PATH"] === undefined ? {} : { PATH: deps.env["PATH"] };
  const { stdout } = await processes.run({ command: "ps", args: LIST, env }, {
    maxBytes: MAX_LIST_BYTES,
    timeoutMs: TIMEOUT_MS,
  });
  const ended: number[] = [];
  for (const { pid, run } of markedBy(owner, new TextDecoder().decode(stdout))) {
    if (await isAlive(run)) continue;
    const { code } = await processes.run({ command: "kill", args: ["-KILL", pid], env }, {
      maxBytes: 1024,
      timeoutMs: TIMEOUT_MS,
    });
    // One that ended meanwhile cannot be killed.
    if (code === 0) ended.push(Number(pid));
  }
  if (ended.length > 0) {
    log.info("ended processes of a Wharf that was killed", { pids: ended.join() });
  }
  return ended;
}

/** The processes with an owner's mark, in a list of `ps`: one a line, its variables at the end. */
function markedBy(
  owner: string,
  list: string,
): readonly { readonly pid: string; readonly run: string }[] {
  return list.split("\n").flatMap((line) => {
    const [pid = "", ...words] = line.trim().split(" ");
    if (!/^[1-9]\d{0,9}$/.test(pid) || !words.includes(`${OWNER}=${owner}`)) return [];
    const run = words.find((word) => word.startsWith(`${RUN}=`))?.slice(RUN.length + 1);
    return run === undefined ? [] : [{ pid, run }];
  });
}

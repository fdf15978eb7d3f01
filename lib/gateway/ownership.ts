/**
 * Whose containers are whose: an id for the state directory, and a lock that tells whether a run of
 * Wharf still goes on, so that what a killed one left is found and what a living one has is not
 * touched. Needs no permission: the disk is passed in.
 *
 * @module
 */

import { z } from "zod";
import { toAppError } from "../core/errors.ts";
import type { Clock, Disk, Log } from "../core/host.ts";
import { JsonStore } from "../store.ts";
import type { ContainerEngine } from "./engine.ts";

const schema = z.object({ id: z.string().regex(/^[a-z0-9]{8,32}$/) });

/** What {@linkcode ownerId} and {@linkcode holdRun} work with. */
export interface OwnershipDeps {
  /** The state directory. */
  readonly disk: Disk;
  /** The operator's log. */
  readonly log: Log;
}

/** A lock that is free is got in this time. */
const FREE_MS = 200;

/** A mark that was just made may not be locked yet. */
const YOUNG_MS = 60_000;

/**
 * The id of a state directory; it is made at the first use.
 *
 * @param deps The directory, and a log.
 */
export async function ownerId(deps: OwnershipDeps): Promise<string> {
  const file = new JsonStore(deps, { path: "owner.json", version: 1, schema });
  await using _lock = await deps.disk.lock("owner.json.lock");
  const known = await file.read();
  if (known !== undefined) return known.id;
  const id = crypto.randomUUID().replaceAll("-", "").slice(0, 12);
  await file.write({ id });
  return id;
}

/**
 * Marks a run as alive for as long as the process is, and removes what runs that have ended left.
 *
 * @param run Id of this run.
 * @param deps Directory, log, clock and engine.
 * @returns Disposing it ends the mark.
 */
export async function holdRun(
  run: string,
  deps: OwnershipDeps & {
    readonly clock: Clock;
    readonly engine: Pick<ContainerEngine, "removeOrphans">;
    /** Ends local processes of runs that have ended. */
    readonly endProcesses: (isAlive: (run: string) => Promise<boolean>) => Promise<unknown>;
  },
): Promise<AsyncDisposable> {
  const { disk, log, engine, endProcesses } = deps;
  const held = await disk.lock(lockOf(run));
  const known = new Map<string, Promise<boolean>>([[run, Promise.resolve(true)]]);
  const goesOn = (other: string) => {
    const answer = known.get(other) ?? isAlive(other, deps);
    known.set(other, answer);
    return answer;
  };
  endProcesses(goesOn).catch((thrown) =>
    log.debug("no processes were looked for", { reason: toAppError(thrown).message })
  );
  engine.removeOrphans(goesOn)
    .then(
      (removed) => {
        if (removed.length > 0) {
          log.info("removed what a run of Wharf left that has ended", {
            names: removed.join(", "),
          });
        }
      },
      (thrown) => log.debug("nothing was looked for", { reason: toAppError(thrown).message }),
    );
  removeMarks(goesOn, deps).catch((thrown) =>
    log.debug("no marks were looked for", { reason: toAppError(thrown).message })
  );
  return {
    async [Symbol.asyncDispose]() {
      await held[Symbol.asyncDispose]();
      await disk.remove(lockOf(run));
    },
  };
}

/** Looks at the marks of runs that were killed and left nothing else, which frees them. */
async function removeMarks(
  goesOn: (run: string) => Promise<boolean>,
  { disk, clock }: { readonly disk: Disk; readonly clock: Clock },
): Promise<void> {
  const latest = clock.now() - YOUNG_MS;
  for (const { name, modifiedMs } of await disk.list("")) {
    const run = /^run-(.+)\.lock$/.exec(name)?.[1];
    if (run !== undefined && modifiedMs < latest) await goesOn(run);
  }
}

/** Whether somebody holds the lock of a run. */
async function isAlive(
  run: string,
  { disk, clock }: { readonly disk: Disk; readonly clock: Clock },
): Promise<boolean> {
  // What is in a label is not to be a path.
  if (!/^[A-Za-z0-9-]{1,64}$/.test(run)) return false;
  const late = new AbortController();
  const done = new AbortController();
  clock.sleep(FREE_MS, done.signal).then(() => late.abort(), () => {});
  try {
    const lock = await disk.lock(lockOf(run), late.signal);
    await lock[Symbol.asyncDispose]();
    await disk.remove(lockOf(run));
    return false;
  } catch {
    return true;
  } finally {
    done.abort();
  }
}

function lockOf(run: string): string {
  return `run-${run}.lock`;
}

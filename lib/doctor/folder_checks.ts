/**
 * The folders that Wharf writes to: whether they can be written, how large they are, and how much
 * room is left. Needs read and write permission for them, through what it is given; a probe file is
 * all that is written, and it is removed.
 *
 * @module
 */

import { AppError, toAppError } from "../core/errors.ts";
import type { Disk } from "../core/host.ts";
import { sizeText } from "../core/units.ts";
import type { CheckContext } from "./doctor_types.ts";
import { type Check, failed, type Finding } from "./finding.ts";

/** Below this a refresh of the catalogue may not find room. */
const LITTLE_BYTES = 1024 * 1024 * 1024;

/** Below this nothing of use can be kept. */
const LEAST_BYTES = 32 * 1024 * 1024;

/** More entries than any cache of Wharf has; another folder may have been named. */
const MAX_ENTRIES = 50_000;

const PROBE = new TextEncoder().encode("wharf doctor\n");

/** A folder to look at. */
interface Folder {
  readonly check: "cache" | "state";
  readonly disk: Disk;
  readonly path: string | undefined;
  readonly isInMemory: boolean;
  /** The flag that names another one. */
  readonly flag: string;
  /** What follows from a folder that cannot be written. */
  readonly without: string;
}

/**
 * The checks of the cache, of the state, and of the disks that hold them.
 *
 * @param context Effects and settings.
 */
export function folderChecks(context: CheckContext): readonly Check[] {
  const { deps, settings } = context;
  const { folders, inMemory, toolsets } = settings;
  const cache: Folder = {
    check: "cache",
    disk: deps.disk,
    path: folders.cache,
    isInMemory: inMemory.cache,
    flag: "--cache-dir",
    without: "it is kept in memory and forgotten at the end",
  };
  const state: Folder = {
    check: "state",
    disk: deps.state,
    path: folders.state,
    isInMemory: inMemory.state,
    flag: "--state-dir",
    without: "what is activated is forgotten at the end",
  };
  const all = toolsets.includes("gateway") ? [cache, state] : [cache];
  return [
    ...all.map((folder): Check => ({
      name: folder.check,
      run: async (signal) => [await look(folder, context, signal)],
    })),
    { name: "disk", run: async () => await room(context, all) },
  ];
}

async function look(
  folder: Folder,
  { deps }: CheckContext,
  signal: AbortSignal,
): Promise<Finding> {
  const { check, path, isInMemory, flag, without, disk } = folder;
  if (path === undefined) {
    return {
      check,
      state: "warn",
      message: `no home directory is known; ${without}`,
      next: `Name a folder with ${flag}, or set HOME`,
    };
  }
  if (isInMemory) {
    const granted = await Promise.all(
      (["read", "write"] as const).map((kind) => deps.isGranted({ kind, value: path })),
    );
    if (granted.every(Boolean)) {
      return {
        check,
        state: "warn",
        message: `the system does not let Wharf write "${path}"; ${without}`,
        next:
          `Check its owner and mode, and whether the disk is read-only; or name another with ${flag}`,
      };
    }
    return {
      check,
      state: "warn",
      message: `Wharf may not read and write "${path}"; ${without}`,
      next: `Start Wharf with --allow-read=${path} --allow-write=${path}`,
    };
  }
  try {
    await probe(disk);
  } catch (thrown) {
    const error = toAppError(thrown);
    return {
      check,
      state: "fail",
      message: error.message,
      next: `${error.hint ?? "Check the folder"}; or name another one with ${flag}`,
    };
  }
  try {
    const { bytes, isWhole } = await sizeOf(disk, signal);
    return {
      check,
      state: "ok",
      message: `${isWhole ? "" : "more than "}${sizeText(bytes)} in ${path}, can be written`,
    };
  } catch (thrown) {
    if (signal.aborted) throw thrown;
    return failed(check, thrown, "warn");
  }
}

/** Writes a file, reads it back and removes it. */
async function probe(disk: Disk): Promise<number> {
  const name = `doctor-${crypto.randomUUID()}`;
  try {
    await disk.write(name, PROBE);
    const entry = (await disk.list("")).find((found) => found.name === name);
    if (entry?.sizeBytes !== PROBE.length) {
      throw new AppError("UNAVAILABLE", `Cannot write "${name}": it is not there afterwards`, {
        hint: "Check the disk",
      });
    }
    return entry.modifiedMs;
  } finally {
    await disk.remove(name).catch(() => {});
  }
}

/**
 * What the disk takes for the present time.
 *
 * @param disk A folder that can be written.
 * @returns Milliseconds since the Unix epoch.
 * @throws {AppError} As writing does.
 */
export async function fileTime(disk: Disk): Promise<number> {
  return await probe(disk);
}

/** Size of all files, as far as they can be counted. */
async function sizeOf(
  disk: Disk,
  signal: AbortSignal,
): Promise<{ readonly bytes: number; readonly isWhole: boolean }> {
  let bytes = 0;
  let entries = 0;
  const folders = [""];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    signal.throwIfAborted();
    for (const { name, kind, sizeBytes } of await disk.list(folder)) {
      if (++entries > MAX_ENTRIES) return { bytes, isWhole: false };
      if (kind === "directory") folders.push(folder === "" ? name : `${folder}/${name}`);
      else bytes += sizeBytes;
    }
  }
  return { bytes, isWhole: true };
}

/** Room for each folder; two on one disk mostly have the same. */
async function room({ deps }: CheckContext, all: readonly Folder[]): Promise<readonly Finding[]> {
  const findings = await Promise.all(
    all.filter(({ isInMemory }) => !isInMemory).map(async ({ check, path, flag }) => {
      if (path === undefined) return undefined;
      try {
        const bytes = await deps.freeBytes(path);
        const message = `${sizeText(bytes)} free for the ${check}`;
        if (bytes >= LITTLE_BYTES) return { check: "disk", state: "ok", message } as const;
        return {
          check: "disk",
          state: bytes < LEAST_BYTES ? "fail" : "warn",
          message,
          next: `Make room, or name another folder with ${flag}`,
        } as const;
      } catch (thrown) {
        return failed("disk", thrown, "warn");
      }
    }),
  );
  return findings.filter((finding) => finding !== undefined);
}

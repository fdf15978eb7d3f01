/**
 * Config files of other programs, changed whole or not at all. Needs `--allow-read` and
 * `--allow-write` for the folder of each.
 *
 * @module
 */

import { AppError } from "../core/errors.ts";
import type { ConfigFiles, FileChange } from "../core/host.ts";
import { systemClock } from "./clock.ts";
import { absent, guarded, readFile, syncFolder } from "./disk.ts";

/** A config file may hold secrets. */
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

/** Another Wharf is done with a file in far less time than these tries take. */
const LOCK_TRIES = 40;
const LOCK_POLL_MS = 25;

/** A file that was read before is read again whole, whatever its size was allowed to be then. */
const ANY_SIZE = { maxBytes: 256 * 1024 * 1024 };

/**
 * Opens the door to config files.
 *
 * @returns A reader and writer of absolute paths.
 */
export function openConfigFiles(): ConfigFiles {
  return {
    read: (path, options) => guarded(() => readFile(path, options), reading(path)),
    kind: (path) =>
      guarded(async () => {
        const found = await absent(() => Deno.stat(path));
        if (found === undefined) return undefined;
        return found.isFile ? "file" : found.isDirectory ? "directory" : "other";
      }, reading(path)),
    names: (path) =>
      guarded(
        async () => await absent(() => namesIn(path)) ?? [],
        reading(path),
      ),
    replace: (path, change) => {
      const folder = dirname(path);
      const flags = `--allow-read=${folder} --allow-write=${folder}`;
      return guarded(() => replace(path, change), { path, kind: "write", flags });
    },
  };
}

function reading(path: string) {
  return { path, kind: "read", flags: `--allow-read=${path}` } as const;
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
}

async function replace(path: string, change: FileChange): Promise<boolean> {
  const target = await linkTarget(path);
  const found = await absent(() => Deno.stat(target));
  if (found?.mode !== undefined && found.mode !== null && (found.mode & 0o200) === 0) {
    throw new AppError("FORBIDDEN", `Cannot write "${path}": the file is read-only`, {
      hint: "Another program may make it (a dotfile manager): change it there, or chmod u+w it",
    });
  }
  await Deno.mkdir(dirname(target), { recursive: true, mode: FOLDER_MODE });
  using lock = await lockFile(target);
  if (lock === undefined || !await holds(target, change.expected)) return false;
  return await write(target, change, found);
}

/** Writes beside the file what it is to hold, and puts it in its place. */
async function write(
  target: string,
  { expected, bytes, backup }: FileChange,
  found: Deno.FileInfo | undefined,
): Promise<boolean> {
  const folder = dirname(target);
  const temporary = `${folder}/.${crypto.randomUUID()}.tmp`;
  const made: string[] = [];
  try {
    if (bytes !== undefined) made.push(await writeNew(temporary, bytes, found));
    if (expected !== undefined) made.push(await writeNew(backup, expected, found));
    // Another program may have written while this one did.
    let isDone = await holds(target, expected);
    if (isDone && bytes === undefined) await Deno.remove(target);
    else if (isDone) isDone = await put(temporary, target, expected === undefined);
    if (!isDone) {
      for (const name of made) await absent(() => Deno.remove(name));
      return false;
    }
  } catch (thrown) {
    // Nothing was changed, so that there is nothing to keep a copy of.
    for (const name of made) await Deno.remove(name).catch(() => {});
    throw thrown;
  }
  await syncFolder(folder);
  return true;
}

/** Gives a written file its name; `false` where a file is there that should not be. */
async function put(temporary: string, target: string, isNew: boolean): Promise<boolean> {
  if (isNew) {
    try {
      // Unlike a rename, a link never takes the place of a file.
      await Deno.link(temporary, target);
      await Deno.remove(temporary);
      return true;
    } catch (thrown) {
      if (thrown instanceof Deno.errors.AlreadyExists) return false;
      // Not every file system knows links.
    }
  }
  await Deno.rename(temporary, target);
  return true;
}

/**
 * Keeps other Wharfs from a file that is there; other programs do not ask. On Windows a locked file
 * could neither be read nor replaced, so that nothing is locked there.
 *
 * @returns `undefined` where somebody holds it all the time.
 */
async function lockFile(path: string): Promise<Disposable | undefined> {
  const file = Deno.build.os === "windows" ? undefined : await absent(() => Deno.open(path));
  if (file === undefined) return { [Symbol.dispose]() {} };
  for (let tries = 0; tries < LOCK_TRIES; tries++) {
    const exclusive = true;
    if (await file.tryLock(exclusive)) return file;
    await systemClock.sleep(LOCK_POLL_MS);
  }
  file.close();
  return undefined;
}

/** Where a chain of links leads; the path itself where it is none. */
async function linkTarget(path: string): Promise<string> {
  const found = await absent(() => Deno.lstat(path));
  if (found?.isSymlink !== true) return path;
  const target = await absent(() => Deno.realPath(path));
  if (target !== undefined) return target;
  throw new AppError(
    "FORBIDDEN",
    `Cannot write "${path}": it is a link to a file that is not there`,
    {
      hint: "Make the file that it leads to, or remove the link",
    },
  );
}

async function holds(path: string, expected: Uint8Array | undefined): Promise<boolean> {
  const now = await readFile(path, ANY_SIZE);
  if (now === undefined || expected === undefined) return now === expected;
  return now.length === expected.length && now.every((byte, index) => byte === expected[index]);
}

/** Writes a file that must not be there yet, with the mode and owner of another; gives its path. */
async function writeNew(
  path: string,
  bytes: Uint8Array,
  like: Deno.FileInfo | undefined,
): Promise<string> {
  {
    using file = await Deno.open(path, { write: true, createNew: true, mode: FILE_MODE });
    for (let sent = 0; sent < bytes.length;) sent += await file.write(bytes.subarray(sent));
    await file.sync();
  }
  if (like === undefined || Deno.build.os === "windows") return path;
  if (like.mode !== null) await Deno.chmod(path, like.mode & 0o777);
  // With sudo the file stays its user's; without it there is no other owner to give it to.
  await Deno.chown(path, like.uid, like.gid).catch(() => {});
  return path;
}

/** Windows takes both separators; elsewhere a backslash is a letter. */
function dirname(path: string): string {
  const other = Deno.build.os === "windows" ? path.lastIndexOf("\\") : -1;
  return path.slice(0, Math.max(path.lastIndexOf("/"), other)) || "/";
}

/**
 * Config files of other programs, changed whole or not at all. Needs `--allow-read` and
 * `--allow-write` for the folder of each.
 *
 * @module
 */

import { AppError } from "../core/errors.ts";
import type { ConfigFiles, FileChange } from "../core/host.ts";
import { absent, guarded, readFile, syncFolder } from "./disk.ts";

/** A config file may hold secrets. */
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

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
  if (!await holds(target, change.expected)) return false;
  const folder = dirname(target);
  await Deno.mkdir(folder, { recursive: true, mode: FOLDER_MODE });
  const temporary = `${folder}/.${crypto.randomUUID()}.tmp`;
  const made: string[] = [];
  try {
    if (change.bytes !== undefined) made.push(await writeNew(temporary, change.bytes, found));
    if (change.expected !== undefined) {
      made.push(await writeNew(change.backup, change.expected, found));
    }
    // Another program may have written while this one did.
    const isExpected = await holds(target, change.expected);
    if (isExpected && change.bytes === undefined) await Deno.remove(target);
    else if (isExpected) await Deno.rename(temporary, target);
    else {
      for (const name of made) await Deno.remove(name);
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

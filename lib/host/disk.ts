/**
 * Files: single ones that others own, and rooted directories of Wharf's own. Needs `--allow-read`
 * and `--allow-write` for what is touched.
 *
 * @module
 */

import { abortError, throwIfAborted } from "../core/deadline.ts";
import { AppError } from "../core/errors.ts";
import type { Clock, Disk, DiskEntry, Files } from "../core/host.ts";
import type { ReadOptions } from "../core/http.ts";
import { rooted } from "../core/memory_disk.ts";
import { systemClock } from "./clock.ts";

/** Between two tries for a lock that another process holds. */
const LOCK_POLL_MS = 25;

/** State may hold settings, so nobody else may read it. */
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

/** A file on its way to its name; a process that was killed leaves one behind. */
const TEMPORARY = /^\.[0-9a-f-]{36}\.tmp$/;

/** No write takes this long, so an older temporary file has no owner any more. */
const STALE_MS = 60 * 60 * 1000;

/**
 * Opens the door to files that others own.
 *
 * @returns A reader of absolute paths; links are followed, other kinds than files are refused.
 */
export function openFiles(): Files {
  return {
    read: (path, options) =>
      guarded(() => readFile(path, options), { path, kind: "read", flags: `--allow-read=${path}` }),
  };
}

/**
 * Opens a directory; it is made at the first write.
 *
 * @param root Absolute path of the directory.
 * @param clock Waits between tries for a lock, and tells how old a file is.
 * @returns The rooted disk.
 */
export function openDisk(root: string, clock: Clock = systemClock): Disk {
  const swept = new Set<string>();
  const flags = `--allow-read=${root} --allow-write=${root}`;
  const reading = { path: root, kind: "read", flags } as const;
  const writing = { path: root, kind: "write", flags } as const;

  /** The absolute path, once no part of it is a link out of the root. */
  async function inside(path: string): Promise<string> {
    const target = join(root, rooted(path));
    let current = root;
    for (const part of path.split("/")) {
      current = join(current, part);
      const found = await absent(() => Deno.lstat(current));
      if (found === undefined) break;
      if (found.isSymlink) {
        throw new AppError("FORBIDDEN", `Cannot use path "${path}": it leads through a link`, {
          hint: `Remove the link in ${root}`,
        });
      }
    }
    return target;
  }

  /** Removes what killed processes left in a folder, once per folder. */
  async function sweep(folder: string): Promise<void> {
    if (swept.has(folder)) return;
    swept.add(folder);
    for await (const { name } of Deno.readDir(folder)) {
      if (!TEMPORARY.test(name)) continue;
      const path = join(folder, name);
      const found = await absent(() => Deno.lstat(path));
      const ageMs = clock.now() - (found?.mtime?.getTime() ?? clock.now());
      if (ageMs > STALE_MS) await absent(() => Deno.remove(path));
    }
  }

  return {
    read: (path, options) =>
      guarded(async () => await readFile(await inside(path), options), reading),
    write: (path, bytes) =>
      guarded(async () => {
        const target = await inside(path);
        await makeFolder(dirname(target));
        await sweep(dirname(target));
        await replaceFile(target, bytes);
      }, writing),
    rename: (from, to) =>
      guarded(async () => {
        const [source, target] = [await inside(from), await inside(to)];
        // A missing folder of the target must not look like a missing source.
        if (await absent(() => Deno.lstat(source)) === undefined) return;
        await makeFolder(dirname(target));
        await absent(() => Deno.rename(source, target));
      }, writing),
    remove: (path) =>
      guarded(async () => {
        const target = await inside(path);
        await absent(() => Deno.remove(target, { recursive: true }));
      }, writing),
    list: (path) =>
      guarded(async () => {
        const folder = path === "" || path === "." ? root : await inside(path);
        return await absent(() => listFolder(folder)) ?? [];
      }, reading),
    lock: (name, signal) =>
      guarded(async () => {
        const path = await inside(name);
        await makeFolder(dirname(path));
        return await lockFile(path, { clock, signal });
      }, writing),
  };
}

/**
 * Reads a regular file of bounded size.
 *
 * @param path Absolute path.
 * @param options The most bytes.
 * @returns `undefined` when there is no such file.
 */
export async function readFile(
  path: string,
  { maxBytes }: ReadOptions,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const tooLarge = () =>
    new AppError("TOO_LARGE", `Cannot read "${path}": it is larger than ${maxBytes} bytes`, {
      hint: "Check that it is the file that was meant",
    });
  // Asked before it is opened: opening a named pipe would wait for its writer.
  const found = await absent(() => Deno.stat(path));
  if (found === undefined) return undefined;
  if (!found.isFile) {
    throw new AppError("UNSUPPORTED", `Cannot read "${path}": it is not a regular file`, {
      hint: "Name a file; folders, pipes and devices are not read",
    });
  }
  if (found.size > maxBytes) throw tooLarge();
  using file = await absent(() => Deno.open(path));
  if (file === undefined) return undefined;
  // The size is a first guess: the file may grow while it is read, and some systems tell none.
  let bytes = new Uint8Array(found.size + 1);
  let filled = 0;
  while (true) {
    const count = await file.read(bytes.subarray(filled));
    if (count === null) return bytes.slice(0, filled);
    filled += count;
    if (filled > maxBytes) throw tooLarge();
    if (filled === bytes.length) {
      const larger = new Uint8Array(Math.min(bytes.length * 2, maxBytes + 1));
      larger.set(bytes);
      bytes = larger;
    }
  }
}

async function makeFolder(folder: string): Promise<void> {
  await Deno.mkdir(folder, { recursive: true, mode: FOLDER_MODE });
}

/** Temporary file, fsync, rename, fsync of the folder: whole or not at all, after a power loss too. */
async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  const folder = dirname(path);
  const temporary = join(folder, `.${crypto.randomUUID()}.tmp`);
  try {
    {
      using file = await Deno.open(temporary, { write: true, createNew: true, mode: FILE_MODE });
      for (let sent = 0; sent < bytes.length;) sent += await file.write(bytes.subarray(sent));
      await file.sync();
    }
    await Deno.rename(temporary, path);
  } catch (thrown) {
    await Deno.remove(temporary).catch(() => {});
    throw thrown;
  }
  await syncFolder(folder);
}

/** Makes a rename in a folder last, where the system can. */
export async function syncFolder(folder: string): Promise<void> {
  try {
    using file = await Deno.open(folder);
    await file.sync();
  } catch {
    // Windows cannot open a folder; its rename is durable by itself.
  }
}

async function lockFile(
  path: string,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal | undefined },
): Promise<AsyncDisposable> {
  throwIfAborted(signal);
  const file = await Deno.open(path, { read: true, write: true, create: true, mode: FILE_MODE });
  const exclusive = true;
  try {
    // Polling, since a blocked lock call could not be given up.
    while (!(await file.tryLock(exclusive))) await clock.sleep(LOCK_POLL_MS, signal);
  } catch (thrown) {
    file.close();
    throw signal?.aborted === true ? abortError(signal) : thrown;
  }
  let held = true;
  return {
    [Symbol.asyncDispose]() {
      // The system frees the lock with the last handle of the file.
      if (held) file.close();
      held = false;
      return Promise.resolve();
    },
  };
}

async function listFolder(folder: string): Promise<DiskEntry[]> {
  const entries: DiskEntry[] = [];
  for await (const { name, isFile, isDirectory } of Deno.readDir(folder)) {
    if ((!isFile && !isDirectory) || TEMPORARY.test(name)) continue;
    const found = await absent(() => Deno.lstat(join(folder, name)));
    // Another process may have removed it since.
    if (found === undefined) continue;
    entries.push({
      name,
      kind: isFile ? "file" : "directory",
      sizeBytes: isFile ? found.size : 0,
      modifiedMs: found.mtime?.getTime() ?? 0,
    });
  }
  return entries;
}

/** `undefined` for what does not exist; a missing permission is never taken for that. */
export async function absent<T>(action: () => Promise<T>): Promise<T | undefined> {
  try {
    return await action();
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound || thrown instanceof Deno.errors.NotADirectory) {
      return undefined;
    }
    throw thrown;
  }
}

/** What an action is about, for its errors. */
export interface Guarded {
  /** The path that the error names. */
  readonly path: string;
  /** What was tried. */
  readonly kind: "read" | "write";
  /** What grants the permission. */
  readonly flags: string;
}

/** Runs an action; a failed system call becomes an `AppError` with the next step. */
export async function guarded<T>(action: () => Promise<T>, about: Guarded): Promise<T> {
  try {
    return await action();
  } catch (thrown) {
    throw fileError(thrown, about);
  }
}

/** What a failed system call means, with the next step. */
function fileError(thrown: unknown, { path, kind, flags }: Guarded): unknown {
  if (thrown instanceof AppError || !(thrown instanceof Error)) return thrown;
  const cannot = `Cannot ${kind} "${path}"`;
  const cause = thrown;
  if (thrown instanceof Deno.errors.NotCapable) {
    return new AppError(
      "PERMISSION_MISSING",
      `${cannot}: Deno was started without ${kind} permission for it`,
      { cause, hint: `Start Wharf with ${flags}` },
    );
  }
  const code = "code" in thrown ? thrown.code : undefined;
  if (thrown instanceof Deno.errors.PermissionDenied || code === "EROFS") {
    return new AppError("FORBIDDEN", `${cannot}: the system does not allow it`, {
      cause,
      hint: "Check the owner and mode of the file, and whether the disk is read-only",
    });
  }
  if (code === "ENOSPC" || code === "EDQUOT") {
    return new AppError("UNAVAILABLE", `${cannot}: the disk is full`, {
      cause,
      retryable: true,
      hint: "Make room, or name another directory",
    });
  }
  // Deno ends the text with the call and the path, which stand in the message already.
  return new AppError("UNAVAILABLE", `${cannot}: ${thrown.message.replace(/ \(os error.*$/, "")}`, {
    cause,
    hint: "Check the file and the disk that holds it",
  });
}

/** Every system that Deno runs on takes `/`, Windows included. */
function join(folder: string, name: string): string {
  return `${folder}/${name}`;
}

function dirname(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

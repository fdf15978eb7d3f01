/**
 * Files: single ones that others own, and rooted directories of Wharf's own. Needs `--allow-read`
 * and `--allow-write` for what is touched.
 *
 * @module
 */

import { dirname, join } from "node:path";
import { AppError } from "../core/errors.ts";
import type { Clock, Disk, DiskEntry, Files } from "../core/host.ts";
import type { ReadOptions } from "../core/http.ts";
import { rooted } from "../core/memory_disk.ts";

/** Between two tries for a lock that another process holds. */
const LOCK_POLL_MS = 25;

/** State may hold settings, so nobody else may read it. */
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

/**
 * Opens the door to files that others own.
 *
 * @returns A reader of absolute paths.
 */
export function openFiles(): Files {
  return { read: (path, options) => guarded(path, "read", () => readFile(path, options)) };
}

/**
 * Opens a directory; it is made at the first write.
 *
 * @param root Absolute path of the directory.
 * @param clock Waits between tries for a lock.
 * @returns The rooted disk.
 */
export function openDisk(root: string, clock: Clock): Disk {
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

  return {
    read: (path, options) =>
      guarded(root, "read", async () => await readFile(await inside(path), options)),
    write: (path, bytes) =>
      guarded(root, "write", async () => await replaceFile(await inside(path), bytes)),
    rename: (from, to) =>
      guarded(root, "write", async () => {
        const [source, target] = [await inside(from), await inside(to)];
        await absent(() => Deno.rename(source, target));
      }),
    remove: (path) =>
      guarded(root, "write", async () => {
        const target = await inside(path);
        await absent(() => Deno.remove(target, { recursive: true }));
      }),
    list: (path) =>
      guarded(root, "read", async () => {
        const folder = path === "" || path === "." ? root : await inside(path);
        return await absent(() => listFolder(folder)) ?? [];
      }),
    lock: (name, signal) =>
      guarded(root, "write", async () => {
        const path = await inside(name);
        await Deno.mkdir(dirname(path), { recursive: true, mode: FOLDER_MODE });
        const file = await Deno.open(path, {
          read: true,
          write: true,
          create: true,
          mode: FILE_MODE,
        });
        try {
          // Polling, since a blocked lock call could not be given up.
          while (!(await file.tryLock(/* exclusive */ true))) {
            await clock.sleep(LOCK_POLL_MS, signal);
          }
        } catch (thrown) {
          file.close();
          throw thrown;
        }
        return {
          async [Symbol.asyncDispose]() {
            await file.unlock();
            file.close();
          },
        };
      }),
  };
}

async function readFile(
  path: string,
  options: ReadOptions,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  using file = await absent(() => Deno.open(path));
  if (file === undefined) return undefined;
  const { size, isFile } = await file.stat();
  if (!isFile) return undefined;
  if (size > options.maxBytes) throw tooLarge(path, options);
  // The file may grow while it is read, and a device tells no size.
  const bytes = new Uint8Array(size + 1);
  let filled = 0;
  while (filled < bytes.length) {
    const count = await file.read(bytes.subarray(filled));
    if (count === null) return bytes.slice(0, filled);
    filled += count;
  }
  throw new AppError("UNAVAILABLE", `Cannot read "${path}": it grows while it is read`, {
    retryable: true,
    hint: "Try again",
  });
}

function tooLarge(path: string, options: ReadOptions): AppError {
  return new AppError(
    "TOO_LARGE",
    `Cannot read "${path}": it is larger than ${options.maxBytes} bytes`,
    {
      hint: "Check that it is the file that was meant",
    },
  );
}

/** Temporary file, fsync, rename, fsync of the folder: whole or not at all, after a power loss too. */
async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  const folder = dirname(path);
  await Deno.mkdir(folder, { recursive: true, mode: FOLDER_MODE });
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

async function syncFolder(folder: string): Promise<void> {
  try {
    using file = await Deno.open(folder);
    await file.sync();
  } catch {
    // Windows cannot open a folder; its rename is durable by itself.
  }
}

async function listFolder(folder: string): Promise<DiskEntry[]> {
  const entries: DiskEntry[] = [];
  for await (const { name, isFile, isDirectory } of Deno.readDir(folder)) {
    if (!isFile && !isDirectory) continue;
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
async function absent<T>(action: () => Promise<T>): Promise<T | undefined> {
  try {
    return await action();
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound || thrown instanceof Deno.errors.NotADirectory) {
      return undefined;
    }
    throw thrown;
  }
}

async function guarded<T>(
  path: string,
  kind: "read" | "write",
  action: () => Promise<T>,
): Promise<T> {
  try {
    return await action();
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotCapable) {
      throw new AppError(
        "PERMISSION_MISSING",
        `Cannot ${kind} "${path}": Deno was started without ${kind} permission for it`,
        { cause: thrown, hint: `Start Wharf with --allow-read=${path} --allow-write=${path}` },
      );
    }
    if (thrown instanceof Deno.errors.PermissionDenied) {
      throw new AppError("FORBIDDEN", `Cannot ${kind} "${path}": the system does not allow it`, {
        cause: thrown,
        hint: "Check the owner and mode of the file",
      });
    }
    throw thrown;
  }
}

/**
 * A disk in memory: for tests, and for a run without the permission to write. Needs no permission.
 *
 * @module
 */

import { AppError } from "./errors.ts";
import type { Disk, DiskEntry } from "./host.ts";
import type { ReadOptions } from "./http.ts";
import { Limiter } from "./limiter.ts";

interface MemoryFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly modifiedMs: number;
}

/** A {@linkcode Disk} that forgets everything with the process. */
export class MemoryDisk implements Disk {
  readonly #files = new Map<string, MemoryFile>();
  readonly #locks = new Map<string, Limiter>();
  #writes = 0;

  /** Reads a file, see {@linkcode Disk.read}. */
  read(path: string, options: ReadOptions): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return Promise.try(() => {
      const bytes = this.#files.get(rooted(path))?.bytes;
      if (bytes !== undefined && bytes.byteLength > options.maxBytes) {
        throw new AppError(
          "TOO_LARGE",
          `Cannot read "${path}": it is larger than ${options.maxBytes} bytes`,
        );
      }
      return bytes?.slice();
    });
  }

  /** Writes a file, see {@linkcode Disk.write}. */
  write(path: string, bytes: Uint8Array): Promise<void> {
    return Promise.try(() => {
      const target = rooted(path);
      // The number of the write stands for its time: order is all that a reader needs here.
      this.#writes++;
      this.#files.set(target, { bytes: new Uint8Array(bytes), modifiedMs: this.#writes });
    });
  }

  /** Renames a file or a folder, see {@linkcode Disk.rename}. */
  rename(from: string, to: string): Promise<void> {
    return Promise.try(() => {
      const [source, target] = [rooted(from), rooted(to)];
      // A copy of the entries, since the map changes on the way.
      for (const [name, file] of [...this.#files]) {
        if (name !== source && !name.startsWith(`${source}/`)) continue;
        this.#files.delete(name);
        this.#files.set(`${target}${name.slice(source.length)}`, file);
      }
    });
  }

  /** Removes a file or a folder, see {@linkcode Disk.remove}. */
  remove(path: string): Promise<void> {
    return Promise.try(() => {
      const target = rooted(path);
      for (const name of this.#files.keys()) {
        if (name === target || name.startsWith(`${target}/`)) this.#files.delete(name);
      }
    });
  }

  /** Lists a folder, see {@linkcode Disk.list}. */
  list(path: string): Promise<readonly DiskEntry[]> {
    return Promise.try(() => {
      const folder = path === "" || path === "." ? "" : `${rooted(path)}/`;
      const entries = new Map<string, DiskEntry>();
      for (const [name, file] of this.#files) {
        if (!name.startsWith(folder)) continue;
        const [first = "", ...rest] = name.slice(folder.length).split("/");
        const known = entries.get(first);
        entries.set(first, {
          name: first,
          kind: rest.length === 0 ? "file" : "directory",
          sizeBytes: rest.length === 0 ? file.bytes.byteLength : 0,
          modifiedMs: Math.max(file.modifiedMs, known?.modifiedMs ?? 0),
        });
      }
      return [...entries.values()];
    });
  }

  /** Takes a lock inside of this process, see {@linkcode Disk.lock}. */
  lock(name: string, signal?: AbortSignal): Promise<AsyncDisposable> {
    return new Promise((resolve, reject) => {
      const lock = this.#locks.get(rooted(name)) ?? new Limiter(1);
      this.#locks.set(name, lock);
      lock.run(() => {
        const held = Promise.withResolvers<void>();
        resolve({
          [Symbol.asyncDispose]: () => {
            held.resolve();
            return Promise.resolve();
          },
        });
        return held.promise;
      }, signal).catch(reject);
    });
  }
}

/**
 * Checks a path of a rooted disk.
 *
 * @param path Relative, with `/`.
 * @returns The same path.
 * @throws {AppError} `INVALID_ARGUMENT` for a path that could leave the root.
 */
export function rooted(path: string): string {
  const parts = path.split("/");
  const safe = path !== "" && !/[\\\0:]/.test(path) &&
    parts.every((part) => part !== "" && part !== "." && part !== "..");
  if (safe) return path;
  throw new AppError(
    "INVALID_ARGUMENT",
    `Cannot use path "${path}": it is not inside the directory`,
    {
      hint: "Use a relative path with / and without . or ..",
    },
  );
}

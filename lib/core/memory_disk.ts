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

  /** @inheritdoc */
  read(path: string, options: ReadOptions): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const bytes = this.#files.get(rooted(path))?.bytes;
    if (bytes !== undefined && bytes.byteLength > options.maxBytes) {
      return Promise.reject(
        new AppError(
          "TOO_LARGE",
          `Cannot read "${path}": it is larger than ${options.maxBytes} bytes`,
        ),
      );
    }
    return Promise.resolve(bytes?.slice());
  }

  /** @inheritdoc */
  write(path: string, bytes: Uint8Array): Promise<void> {
    // The number of the write stands for its time: order is all that a reader needs here.
    this.#writes++;
    this.#files.set(rooted(path), { bytes: new Uint8Array(bytes), modifiedMs: this.#writes });
    return Promise.resolve();
  }

  /** @inheritdoc */
  rename(from: string, to: string): Promise<void> {
    const source = rooted(from);
    const file = this.#files.get(source);
    if (file !== undefined) {
      this.#files.delete(source);
      this.#files.set(rooted(to), file);
    }
    return Promise.resolve();
  }

  /** @inheritdoc */
  remove(path: string): Promise<void> {
    const target = rooted(path);
    for (const name of this.#files.keys()) {
      if (name === target || name.startsWith(`${target}/`)) this.#files.delete(name);
    }
    return Promise.resolve();
  }

  /** @inheritdoc */
  list(path: string): Promise<readonly DiskEntry[]> {
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
    return Promise.resolve([...entries.values()]);
  }

  /** @inheritdoc */
  lock(name: string, signal?: AbortSignal): Promise<AsyncDisposable> {
    const lock = this.#locks.get(name) ?? new Limiter(1);
    this.#locks.set(name, lock);
    return new Promise((resolve, reject) => {
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

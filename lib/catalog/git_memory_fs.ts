/**
 * The file system that isomorphic-git reads and writes: a map in memory, so that nothing a
 * repository holds can name a path on the disk. Needs no permission.
 *
 * @module
 */

/** An error with the code of a system call, which is how isomorphic-git tells "missing" from "broken". */
class SystemError extends Error {
  readonly code: string;

  constructor(code: string, path: string) {
    super(`${code}: ${path}`);
    this.code = code;
  }
}

/** What isomorphic-git asks of a path. */
interface Stats {
  readonly type: "file" | "dir";
  readonly size: number;
  readonly mode: number;
  readonly mtimeMs: number;
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
}

/** The part of Node's `fs.promises` that isomorphic-git wants, without links. */
export class MemoryFs {
  readonly #files = new Map<string, Uint8Array>();

  /** Reads a file; as a text when an encoding is named. */
  readFile(path: string, options?: string | { encoding?: string }): Promise<Uint8Array | string> {
    const bytes = this.#files.get(path);
    if (bytes === undefined) return missing(path);
    const encoding = typeof options === "string" ? options : options?.encoding;
    return Promise.resolve(encoding === undefined ? bytes : new TextDecoder().decode(bytes));
  }

  /** Writes a file; folders come with it. */
  writeFile(path: string, content: Uint8Array | string): Promise<void> {
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    this.#files.set(path, bytes);
    return Promise.resolve();
  }

  /** Removes a file. */
  unlink(path: string): Promise<void> {
    return this.#files.delete(path) ? Promise.resolve() : missing(path);
  }

  /** Names in a folder. */
  readdir(path: string): Promise<string[]> {
    const names = new Set<string>();
    for (const file of this.#files.keys()) {
      if (file.startsWith(`${path}/`)) {
        names.add(file.slice(path.length + 1).split("/", 1)[0] ?? "");
      }
    }
    return names.size === 0 ? missing(path) : Promise.resolve([...names]);
  }

  /** Folders exist by the files in them. */
  mkdir(_path: string): Promise<void> {
    return Promise.resolve();
  }

  /** Folders go with their files. */
  rmdir(_path: string): Promise<void> {
    return Promise.resolve();
  }

  /** What a path is. */
  stat(path: string): Promise<Stats> {
    const size = this.#files.get(path)?.byteLength;
    const folder = [...this.#files.keys()].some((file) => file.startsWith(`${path}/`));
    if (size === undefined && !folder) return missing(path);
    return Promise.resolve({
      type: folder ? "dir" : "file",
      size: size ?? 0,
      mode: folder ? 0o040000 : 0o100644,
      mtimeMs: 0,
      isFile: () => !folder,
      isDirectory: () => folder,
      isSymbolicLink: () => false,
    });
  }

  /** What a path is; there are no links. */
  lstat(path: string): Promise<Stats> {
    return this.stat(path);
  }

  /** There are no links. */
  readlink(path: string): Promise<never> {
    return missing(path);
  }

  /** There are no links. */
  symlink(_target: string, path: string): Promise<never> {
    return Promise.reject(new SystemError("EPERM", path));
  }
}

function missing(path: string): Promise<never> {
  return Promise.reject(new SystemError("ENOENT", path));
}

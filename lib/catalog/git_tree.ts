/**
 * The files of a git commit, in memory: a {@linkcode SourceTree} that whoever reads a repository
 * fills under limits. A name that would be dangerous on a disk is refused although nothing is ever
 * checked out, links and submodules are left out, and what was left out is counted. Needs no
 * permission.
 *
 * @example
 * ```ts
 * import { GitTreeBuilder } from "./git_tree.ts";
 *
 * const builder = new GitTreeBuilder();
 * if (builder.admits("servers/time/server.yaml", { mode: "100644", sizeBytes: 10 })) {
 *   builder.add("servers/time/server.yaml", new TextEncoder().encode("name: time"));
 * }
 * builder.admits("../../etc/passwd", { mode: "100644", sizeBytes: 10 }); // false
 * builder.finish().leftOut; // 1
 * ```
 *
 * @module
 */

import { AppError } from "../core/errors.ts";
import type { ReadOptions } from "../core/http.ts";
import type { SourceTree, TreeEntry } from "./source.ts";

/** How much of a repository is read. */
export interface GitTreeLimits {
  /** Most files; one more refuses the repository. */
  readonly maxFiles: number;
  /** Most bytes of all files; one more refuses the repository. */
  readonly maxTotalBytes: number;
  /** Most bytes of one file; a larger one is left out. */
  readonly maxFileBytes: number;
}

/** What Wharf reads of a repository when nothing else is said. */
export const GIT_TREE_LIMITS: GitTreeLimits = {
  maxFiles: 20_000,
  maxTotalBytes: 64 * 1024 * 1024,
  maxFileBytes: 4 * 1024 * 1024,
};

/** What git says of an entry. */
export interface GitFileFacts {
  /** Mode in octal digits as git prints it: `100644`, `120000` for a link, `160000` for a submodule. */
  readonly mode: string;
  /** Size in bytes; `undefined` for content that the server kept back. */
  readonly sizeBytes: number | undefined;
}

/** What was read. */
export interface GitTree {
  /** The files. */
  readonly tree: SourceTree;
  /** Entries that were left out: hostile names, links, submodules, files that are too large. */
  readonly leftOut: number;
}

/** The longest name of a common file system. */
const MAX_NAME_CHARS = 255;

const MAX_PATH_CHARS = 1024;

/** Catalogues need three or four; a deeper one only costs time. */
const MAX_DEPTH = 32;

/** A few trees that name each other often enough give billions of paths. */
const MAX_LEFT_OUT = 200_000;

/** Control characters, backslashes, and what stands for bytes that are not UTF-8. */
// deno-lint-ignore no-control-regex -- they are what is looked for
const FORBIDDEN = /[\u0000-\u001f\u007f-\u009f\\\ufffd]/;

/** `.git` as some file system would understand it: case, a short name, trailing dots and spaces. */
const GIT_FOLDER = /^(?:\.git|git~[0-9]+)[. ]*$/i;

/**
 * Whether a path of a repository may be used. Git itself refuses most of the others on checkout,
 * but it stores them (git-fsck, "hasDot", "hasDotdot", "hasDotgit", "nullPathname").
 *
 * @param path Path with `/` from the root of the repository.
 * @returns `false` for one that is absolute, leaves the root, names git's own folder, holds a
 * control character or a backslash, or is too long or too deep.
 */
export function isPlainPath(path: string): boolean {
  if (path.length > MAX_PATH_CHARS || FORBIDDEN.test(path)) return false;
  const parts = path.split("/");
  return parts.length <= MAX_DEPTH &&
    parts.every((part) =>
      part !== "" && part !== "." && part !== ".." && part.length <= MAX_NAME_CHARS &&
      !GIT_FOLDER.test(part)
    );
}

/** Gathers files until the limits are met. */
export class GitTreeBuilder {
  readonly #limits: GitTreeLimits;
  readonly #files = new Map<string, Uint8Array>();
  readonly #folders = new Map<string, Map<string, TreeEntry>>([["", new Map()]]);
  #admitted = 0;
  #admittedBytes = 0;
  #leftOut = 0;

  /**
   * Begins with an empty tree.
   *
   * @param limits How much may be read. @default {GIT_TREE_LIMITS}
   */
  constructor(limits: GitTreeLimits = GIT_TREE_LIMITS) {
    this.#limits = limits;
  }

  /**
   * Asks whether a file is wanted, before its content is read; one that is not is counted.
   *
   * @param path Path with `/` from the root of the repository.
   * @param facts What git says of it.
   * @returns Whether to read and {@linkcode GitTreeBuilder.add} it.
   * @throws {AppError} `TOO_LARGE` when the repository as a whole passes a limit.
   */
  admits(path: string, facts: GitFileFacts): boolean {
    const { maxFiles, maxTotalBytes, maxFileBytes } = this.#limits;
    const { mode, sizeBytes } = facts;
    // 100644 and 100755, and 100664 of old repositories: every other kind is no file.
    if (
      !mode.startsWith("100") || !isPlainPath(path) || sizeBytes === undefined ||
      sizeBytes > maxFileBytes
    ) {
      this.leaveOut();
      return false;
    }
    this.#admitted += 1;
    this.#admittedBytes += sizeBytes;
    if (this.#admitted > maxFiles) throw tooLarge(`it has more than ${maxFiles} files`);
    if (this.#admittedBytes > maxTotalBytes) {
      throw tooLarge(`its files are larger than ${maxTotalBytes} bytes together`);
    }
    return true;
  }

  /**
   * Counts an entry that is not read.
   *
   * @throws {AppError} `TOO_LARGE` when they are so many that the repository is built to do harm.
   */
  leaveOut(): void {
    this.#leftOut += 1;
    if (this.#leftOut > MAX_LEFT_OUT) {
      throw tooLarge(`more than ${MAX_LEFT_OUT} entries of it cannot be used`);
    }
  }

  /**
   * Adds a file that was admitted. A second entry of the same name, which a hostile tree may hold,
   * is left out.
   *
   * @param path Path with `/` from the root of the repository.
   * @param bytes The content.
   */
  add(path: string, bytes: Uint8Array): void {
    if (!this.#place(path)) {
      this.leaveOut();
      return;
    }
    this.#files.set(path, bytes);
  }

  /**
   * Ends the reading.
   *
   * @returns The tree and how much is missing from it.
   */
  finish(): GitTree {
    const [files, folders] = [this.#files, this.#folders];
    return {
      leftOut: this.#leftOut,
      tree: {
        list: (path) => Promise.resolve([...folders.get(path)?.values() ?? []]),
        read: (path, options) => Promise.try(() => checkedSize(path, files.get(path), options)),
      },
    };
  }

  /** Lists the path in its folders; `false` when a part of it is taken by something else. */
  #place(path: string): boolean {
    const parts = path.split("/");
    const names = parts.map((name, index) => ({
      folder: parts.slice(0, index).join("/"),
      entry: { name, kind: index === parts.length - 1 ? "file" : "directory" } satisfies TreeEntry,
    }));
    const taken = names.some(({ folder, entry }) => {
      const known = this.#folders.get(folder)?.get(entry.name);
      return known !== undefined && (known.kind === "file" || entry.kind === "file");
    });
    if (taken) return false;
    for (const { folder, entry } of names) {
      const listed = this.#folders.get(folder) ?? new Map<string, TreeEntry>();
      listed.set(entry.name, entry);
      this.#folders.set(folder, listed);
    }
    return true;
  }
}

function checkedSize(
  path: string,
  bytes: Uint8Array | undefined,
  { maxBytes }: ReadOptions,
): Uint8Array | undefined {
  if (bytes !== undefined && bytes.byteLength > maxBytes) {
    throw new AppError("TOO_LARGE", `Cannot read "${path}": it is larger than ${maxBytes} bytes`);
  }
  return bytes;
}

function tooLarge(state: string): AppError {
  return new AppError("TOO_LARGE", `Cannot read the git repository: ${state}`, {
    hint: "Check that the source names a catalogue, not another repository",
  });
}

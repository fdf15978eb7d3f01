/**
 * The objects of git repositories without the git binary: isomorphic-git resolves them in memory,
 * and the packs are kept on the disk. Needs read and write permission for the disk's directory
 * where it has one.
 *
 * @module
 */

import { throwIfAborted } from "../core/deadline.ts";
import { AppError, toAppError } from "../core/errors.ts";
import type { GitCommit } from "./git.ts";
import { MemoryFs } from "./git_memory_fs.ts";
import { FOLDER_MODE, isWanted, parseCommit, parseTree, SUBMODULE_MODE } from "./git_objects.ts";
import { inspectPack } from "./git_pack.ts";
import { PackShelf, type ShelfDeps } from "./git_shelf.ts";
import {
  brokenRepository,
  type CommitQuery,
  type ObjectStore,
  type ObjectStores,
  type OpenOptions,
} from "./git_store.ts";
import { type GitTree, GitTreeBuilder } from "./git_tree.ts";

/** Git's own limit is `core.maxTreeDepth`, 2048 by default. */
const MAX_DEPTH = 2048;

/** Folders and files that are looked at; a few trees that name each other give billions of paths. */
const MAX_ENTRIES = 500_000;

/** How often progress is told while files are read. */
const PROGRESS_FILES = 250;

/** Where the repository lies in its file system in memory. */
const ROOT = "/repository";

type IsomorphicGit = typeof import("./isomorphic_git.ts");

/** Keeps objects by isomorphic-git. */
export class LibraryStores implements ObjectStores {
  readonly #deps: ShelfDeps;

  /**
   * Loads nothing yet.
   *
   * @param deps Disk and log.
   */
  constructor(deps: ShelfDeps) {
    this.#deps = deps;
  }

  /** Reads and checks the packs that were kept. */
  async open(options: OpenOptions): Promise<ObjectStore | undefined> {
    const shelf = new PackShelf(this.#deps, options.key);
    const kept = await shelf.load();
    if (kept === undefined) return undefined;
    const objects = new PackedObjects(await loadLibrary(), options.pause);
    for (const pack of kept.packs) {
      await inspectPack(pack, options);
      await objects.add(pack);
    }
    // The server is going to be told that it is here.
    if (await objects.read(kept.commit) === undefined) throw brokenRepository("its commit is gone");
    return new LibraryStore(objects, shelf, kept.commit);
  }

  /** Begins without any object. */
  async create(options: OpenOptions): Promise<ObjectStore> {
    const objects = new PackedObjects(await loadLibrary(), options.pause);
    return new LibraryStore(objects, new PackShelf(this.#deps, options.key), undefined);
  }
}

async function loadLibrary(): Promise<IsomorphicGit> {
  try {
    return await import("./isomorphic_git.ts");
  } catch (cause) {
    // It reads variables while it loads, which Deno refuses where "env" is not set to ignore them.
    throw new AppError(
      "PERMISSION_MISSING",
      `Cannot read git repositories: isomorphic-git does not load (${toAppError(cause).message})`,
      { cause, hint: "Start Wharf with one of its permission sets, such as -P=discover" },
    );
  }
}

class LibraryStore implements ObjectStore {
  readonly commit: string | undefined;
  readonly #objects: PackedObjects;
  readonly #shelf: PackShelf;
  readonly #added: Uint8Array[] = [];

  constructor(objects: PackedObjects, shelf: PackShelf, commit: string | undefined) {
    this.#objects = objects;
    this.#shelf = shelf;
    this.commit = commit;
  }

  async add(pack: Uint8Array): Promise<void> {
    await this.#objects.add(pack);
    this.#added.push(pack);
  }

  async read(query: CommitQuery): Promise<GitCommit> {
    const found = await this.#objects.read(query.commit);
    if (found?.type !== "commit") throw brokenRepository("the server did not send its commit");
    const { tree, committedAt } = parseCommit(found.bytes);
    const files = await readFiles(this.#objects, tree, query);
    return {
      commit: query.commit,
      ...(committedAt === undefined ? {} : { committedAt }),
      ...files,
    };
  }

  async keep(commit: string): Promise<void> {
    if (this.commit === undefined) await this.#shelf.clear();
    await this.#shelf.add(commit, this.#added);
  }

  /** All of it is memory. */
  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

/** The objects of some packs. */
class PackedObjects {
  readonly #git: IsomorphicGit;
  readonly #pause: () => Promise<void>;
  readonly #fs = new MemoryFs();
  /** Isomorphic-git's own memory of indexes. */
  readonly #cache = {};
  #packs = 0;

  constructor(git: IsomorphicGit, pause: () => Promise<void>) {
    this.#git = git;
    this.#pause = pause;
  }

  /** Indexes one more pack. */
  async add(pack: Uint8Array): Promise<void> {
    const filepath = `objects/pack/pack-${this.#packs}.pack`;
    await this.#fs.writeFile(`${ROOT}/${filepath}`, pack);
    await blamed(() =>
      this.#git.indexPack({ ...this.#repository(), filepath, onProgress: this.#pause })
    );
    this.#packs += 1;
  }

  /** Reads an object; `undefined` when no pack holds it. */
  async read(id: string): Promise<{ type: string; bytes: Uint8Array } | undefined> {
    try {
      const found = await blamed(() =>
        this.#git.readObject({ ...this.#repository(), oid: id, format: "content" })
      );
      if (found.object instanceof Uint8Array && found.type !== undefined) {
        return { type: found.type, bytes: found.object };
      }
    } catch (thrown) {
      const { cause } = toAppError(thrown);
      if (cause instanceof Error && cause.name === "NotFoundError") return undefined;
      throw thrown;
    }
    throw brokenRepository("an object has no content");
  }

  #repository(): { fs: { promises: MemoryFs }; dir: string; gitdir: string; cache: object } {
    return { fs: { promises: this.#fs }, dir: ROOT, gitdir: ROOT, cache: this.#cache };
  }
}

/** Whatever isomorphic-git throws is the repository's fault; what Wharf throws in it is not. */
async function blamed<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (thrown) {
    throw thrown instanceof AppError ? thrown : brokenRepository("an object is broken", thrown);
  }
}

interface Waiting {
  readonly id: string;
  readonly path: string;
  readonly depth: number;
}

/** Reads the folders that are wanted and the files in them. */
async function readFiles(
  objects: PackedObjects,
  root: string,
  { folders, filtered, signal, progress }: CommitQuery,
): Promise<GitTree> {
  const builder = new GitTreeBuilder();
  const waiting: Waiting[] = [{ id: root, path: "", depth: 0 }];
  let seen = 0;
  let files = 0;
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    throwIfAborted(signal);
    if (folder.depth > MAX_DEPTH) throw brokenRepository("its folders are nested too deep");
    const tree = await objects.read(folder.id);
    if (tree?.type !== "tree") throw brokenRepository("a folder is missing");
    const below: Waiting[] = [];
    for (const { mode, name, id } of parseTree(tree.bytes)) {
      seen += 1;
      if (seen > MAX_ENTRIES) throw tooMany();
      const path = folder.depth === 0 ? name : `${folder.path}/${name}`;
      if (!isWanted(path, folders)) continue;
      if (mode === FOLDER_MODE) {
        below.push({ id, path, depth: folder.depth + 1 });
        continue;
      }
      // A submodule's commit lies in another repository.
      const blob = mode === SUBMODULE_MODE ? undefined : await objects.read(id);
      // Only a server that can keep files back may have left one out.
      if (blob === undefined && mode !== SUBMODULE_MODE && !filtered) {
        throw brokenRepository("a file is missing");
      }
      if (!builder.admits(path, { mode, sizeBytes: blob?.bytes.byteLength })) continue;
      if (blob !== undefined) builder.add(path, blob.bytes);
      files += 1;
      if (files % PROGRESS_FILES === 0) progress(files);
    }
    waiting.push(...below.reverse());
  }
  return builder.finish();
}

function tooMany(): AppError {
  return new AppError(
    "TOO_LARGE",
    `Cannot read the git repository: it has more than ${MAX_ENTRIES} entries`,
    { hint: "Check that the source names a catalogue, not another repository" },
  );
}

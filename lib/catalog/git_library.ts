/**
 * Git repositories without the git binary: Wharf fetches and checks the pack, isomorphic-git
 * resolves the objects in it, in memory. Packs are kept on the disk, so that the next fetch brings
 * only what changed. Needs `--allow-net` for the host, and read and write permission for the
 * disk's directory where it has one.
 *
 * @module
 */

import { throwIfAborted } from "../core/deadline.ts";
import { AppError, toAppError } from "../core/errors.ts";
import type { Clock, Disk, Log } from "../core/host.ts";
import type { Net } from "../core/http.ts";
import type { GitCommit, GitReader, GitRequest } from "./git.ts";
import { MemoryFs } from "./git_memory_fs.ts";
import { FOLDER_MODE, isWanted, parseCommit, parseTree } from "./git_objects.ts";
import { inspectPack } from "./git_pack.ts";
import type { GitRemote } from "./git_remote.ts";
import { PackShelf, repositoryKey, type ShelfContent } from "./git_shelf.ts";
import { GIT_TREE_LIMITS, GitTreeBuilder } from "./git_tree.ts";
import { fetchPack } from "./git_upload_pack.ts";

/** What the client works with. */
export interface LibraryDeps {
  /** Fetches packs. */
  readonly net: Net;
  /** Keeps them. */
  readonly disk: Disk;
  /** Measures silence. */
  readonly clock: Clock;
  /** Told what had to be mended. */
  readonly log: Log;
}

/** Most bytes of one pack on the way. */
const MAX_PACK_BYTES = 256 * 1024 * 1024;

/** Git's own limit is `core.maxTreeDepth`, 2048 by default. */
const MAX_DEPTH = 2048;

/** Folders and files that are looked at; a few trees that name each other give billions of paths. */
const MAX_ENTRIES = 500_000;

/** How often progress is told while files are read. */
const PROGRESS_FILES = 250;

/** Where the repository lies in its file system in memory. */
const ROOT = "/repository";

type IsomorphicGit = typeof import("isomorphic-git");

/** Reads repositories by isomorphic-git. */
export class LibraryGit implements GitReader {
  readonly #deps: LibraryDeps;

  /**
   * Loads nothing yet.
   *
   * @param deps Effects.
   */
  constructor(deps: LibraryDeps) {
    this.#deps = deps;
  }

  /** Reads the commit that the remote offers, see {@linkcode GitReader.read}. */
  async read(remote: GitRemote, request: GitRequest): Promise<GitCommit> {
    const { disk } = this.#deps;
    const git = await loadLibrary();
    await using _lock = await disk.lock(`git/${repositoryKey(request.url)}.lock`, request.signal);
    const shelf = new PackShelf(this.#deps, request.url);
    const kept = await shelf.load();
    const objects = kept === undefined ? undefined : await this.#reopen(git, kept, request);
    const job = { remote, request, shelf };
    if (objects !== undefined && kept !== undefined) {
      try {
        if (kept.commit !== remote.commit) {
          await this.#fetch(objects, { ...job, have: kept.commit });
        }
        return await readCommit(objects, job);
      } catch (thrown) {
        if (!isBroken(thrown)) throw thrown;
        this.#anew(thrown);
      }
    }
    const fresh = new PackedObjects(git);
    await this.#fetch(fresh, job);
    return await readCommit(fresh, job);
  }

  /** What was kept, if it is whole. */
  async #reopen(
    git: IsomorphicGit,
    kept: ShelfContent,
    request: GitRequest,
  ): Promise<PackedObjects | undefined> {
    const objects = new PackedObjects(git);
    try {
      for (const pack of kept.packs) await objects.add(pack, this.#pauses(request));
      // The server is told that it is here.
      const commit = await objects.read(kept.commit);
      if (commit !== undefined) return objects;
    } catch (thrown) {
      if (!isBroken(thrown)) throw thrown;
      this.#anew(thrown);
    }
    return undefined;
  }

  async #fetch(objects: PackedObjects, job: FetchJob): Promise<void> {
    const { remote, request, shelf, have } = job;
    const { signal } = request;
    const { host } = remote.url;
    request.progress?.({ message: `Fetching commit ${remote.commit.slice(0, 12)} from ${host}` });
    const pack = await fetchPack(this.#deps, {
      remote,
      maxFileBytes: GIT_TREE_LIMITS.maxFileBytes,
      maxBytes: MAX_PACK_BYTES,
      ...(have === undefined ? {} : { have }),
      ...(signal === undefined ? {} : { signal }),
      received: (bytes) => {
        request.progress?.({ message: `Fetching from ${host}: ${bytes} bytes`, done: bytes });
      },
    });
    await objects.add(pack, this.#pauses(request));
    if (have === undefined) await shelf.clear();
    await shelf.add(remote.commit, pack);
  }

  /** Lets others work in between, and ends the work when the caller does. */
  #pauses({ signal }: GitRequest): () => Promise<void> {
    return async () => {
      await this.#deps.clock.sleep(0, signal);
      throwIfAborted(signal);
    };
  }

  #anew(thrown: unknown): void {
    this.#deps.log.warn("What was kept of a git repository is broken; it is fetched whole", {
      reason: toAppError(thrown).message,
    });
  }
}

interface Job {
  readonly remote: GitRemote;
  readonly request: GitRequest;
  readonly shelf: PackShelf;
}

interface FetchJob extends Job {
  readonly have?: string;
}

/** Whether what lies here is at fault, or a server that counts on more than there is. */
function isBroken(thrown: unknown): boolean {
  return toAppError(thrown).code === "BAD_RESPONSE";
}

async function loadLibrary(): Promise<IsomorphicGit> {
  try {
    return await import("isomorphic-git");
  } catch (cause) {
    // It reads variables while it loads, which Deno refuses where "env" is not set to ignore them.
    throw new AppError(
      "PERMISSION_MISSING",
      `Cannot read git repositories: isomorphic-git does not load (${toAppError(cause).message})`,
      { cause, hint: "Start Wharf with one of its permission sets, such as -P=discover" },
    );
  }
}

/** The objects of some packs. */
class PackedObjects {
  readonly #git: IsomorphicGit;
  readonly #fs = new MemoryFs();
  /** Isomorphic-git's own memory of indexes. */
  readonly #cache = {};
  #packs = 0;

  constructor(git: IsomorphicGit) {
    this.#git = git;
  }

  /**
   * Checks and indexes one more pack; its deltas may build on those before it.
   *
   * @throws {AppError} `BAD_RESPONSE`, `TOO_LARGE`, and what `pause` throws.
   */
  async add(pack: Uint8Array, pause: () => Promise<void>): Promise<void> {
    if (await inspectPack(pack, { pause }) === 0) return;
    const filepath = `objects/pack/pack-${this.#packs}.pack`;
    await this.#fs.writeFile(`${ROOT}/${filepath}`, pack);
    await asBroken(() =>
      this.#git.indexPack({
        fs: { promises: this.#fs },
        dir: ROOT,
        gitdir: ROOT,
        filepath,
        cache: this.#cache,
        onProgress: pause,
      })
    );
    this.#packs += 1;
  }

  /** Reads an object; `undefined` when no pack holds it. */
  async read(id: string): Promise<{ type: string; bytes: Uint8Array } | undefined> {
    try {
      const found = await asBroken(() =>
        this.#git.readObject({
          fs: { promises: this.#fs },
          dir: ROOT,
          gitdir: ROOT,
          oid: id,
          format: "content",
          cache: this.#cache,
        })
      );
      if (found.object instanceof Uint8Array && found.type !== undefined) {
        return { type: found.type, bytes: found.object };
      }
    } catch (thrown) {
      const { cause } = toAppError(thrown);
      if (cause instanceof Error && cause.name === "NotFoundError") return undefined;
      throw thrown;
    }
    throw broken("an object has no content");
  }
}

/** Whatever isomorphic-git throws is the repository's fault. */
async function asBroken<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (thrown) {
    throw thrown instanceof AppError ? thrown : broken("an object is broken", thrown);
  }
}

async function readCommit(objects: PackedObjects, { remote, request }: Job): Promise<GitCommit> {
  const { commit } = remote;
  const found = await objects.read(commit);
  if (found?.type !== "commit") throw broken("the server did not send its commit");
  const { tree, committedAt } = parseCommit(found.bytes);
  const files = await readFiles(objects, tree, { remote, request });
  return { commit, ...(committedAt === undefined ? {} : { committedAt }), ...files };
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
  { remote, request }: Pick<Job, "remote" | "request">,
): Promise<Pick<GitCommit, "tree" | "leftOut">> {
  const builder = new GitTreeBuilder();
  const folders: Waiting[] = [{ id: root, path: "", depth: 0 }];
  let seen = 0;
  let files = 0;
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    throwIfAborted(request.signal);
    if (folder.depth > MAX_DEPTH) throw broken("its folders are nested too deep");
    const tree = await objects.read(folder.id);
    if (tree?.type !== "tree") throw broken("a folder is missing");
    const below: Waiting[] = [];
    for (const { mode, name, id } of parseTree(tree.bytes)) {
      seen += 1;
      if (seen > MAX_ENTRIES) throw tooMany();
      const path = folder.depth === 0 ? name : `${folder.path}/${name}`;
      if (!isWanted(path, request.folders)) continue;
      if (mode === FOLDER_MODE) {
        below.push({ id, path, depth: folder.depth + 1 });
        continue;
      }
      // A submodule's commit lies in another repository.
      const blob = mode === "160000" ? undefined : await objects.read(id);
      if (blob === undefined && mode !== "160000" && !remote.capabilities.has("filter")) {
        throw broken("a file is missing");
      }
      if (!builder.admits(path, { mode, sizeBytes: blob?.bytes.byteLength })) continue;
      if (blob !== undefined) builder.add(path, blob.bytes);
      files += 1;
      if (files % PROGRESS_FILES === 0) {
        request.progress?.({ message: `Reading files: ${files}`, done: files });
      }
    }
    folders.push(...below.reverse());
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

function broken(state: string, cause?: unknown): AppError {
  return new AppError("BAD_RESPONSE", `Cannot read the git repository: ${state}`, {
    hint: "Try again; if it stays, tell whoever keeps the repository",
    ...(cause === undefined ? {} : { cause }),
  });
}

/**
 * The objects of git repositories by the git binary, in a bare repository for each URL. Git does
 * not fetch here: it could not apply Wharf's address policy, and a fetch that is ended leaves its
 * helpers running. It indexes the packs that Wharf fetched and reads objects from them; nothing is
 * checked out, so no path of a repository reaches the disk. A repository that is broken is made
 * anew beside the old one and takes its place when it is whole. Needs `--allow-run=git`, and read
 * and write permission for the directory.
 *
 * @module
 */

import type { Disk } from "../core/host.ts";
import type { GitCommit } from "./git.ts";
import { type GitCommandDeps, type GitRun, runGit } from "./git_command.ts";
import { parseCommit } from "./git_objects.ts";
import {
  brokenRepository,
  type CommitQuery,
  type ObjectStore,
  type ObjectStores,
  type OpenOptions,
} from "./git_store.ts";
import { GIT_TREE_LIMITS, type GitTree, GitTreeBuilder } from "./git_tree.ts";

/** What the client works with. */
export interface BinaryDeps extends GitCommandDeps {
  /** Replaces and removes repositories; its root is `directory`. */
  readonly disk: Disk;
}

/** Repositories lie in this folder of the disk. */
const FOLDER = "git";

/** The file in a repository that names the commit of which all is there; written last. */
const COMMIT = "wharf-commit";

/** Each fetch adds a pack; with more than these the repository is made anew. */
const MOST_PACKS = 20;

/** Nor may all packs together be larger. */
const MAX_BYTES = 512 * 1024 * 1024;

/** Entries and their names; a larger listing is of no catalogue. */
const MAX_LIST_BYTES = 64 * 1024 * 1024;

/** What git writes beside contents: a line for each object. */
const LINE_BYTES = 100;

/** Keeps objects by the git binary. */
export class BinaryStores implements ObjectStores {
  readonly #deps: BinaryDeps;

  /**
   * Starts nothing yet.
   *
   * @param deps Effects.
   */
  constructor(deps: BinaryDeps) {
    this.#deps = deps;
  }

  /** Looks at what is kept, and removes what was cut off on its way there. */
  async open({ key }: OpenOptions): Promise<ObjectStore | undefined> {
    const { disk } = this.#deps;
    const folder = `${FOLDER}/${key}`;
    await sweep(disk, key);
    const packs = `${folder}/objects/pack`;
    let count = 0;
    let bytes = 0;
    for (const { name, sizeBytes } of await disk.list(packs)) {
      if (name.startsWith("tmp_")) await disk.remove(`${packs}/${name}`).catch(() => {});
      if (!name.endsWith(".pack")) continue;
      count += 1;
      bytes += sizeBytes;
    }
    if (count > MOST_PACKS || bytes > MAX_BYTES) return undefined;
    const noted = await disk.read(`${folder}/${COMMIT}`, { maxBytes: LINE_BYTES });
    const commit = noted === undefined ? "" : new TextDecoder().decode(noted);
    if (!/^[0-9a-f]{40}$/.test(commit)) return undefined;
    return new BinaryStore(this.#deps, { folder, key, commit });
  }

  /** Makes an empty repository beside the one that is kept. */
  async create({ key, signal }: OpenOptions): Promise<ObjectStore> {
    await sweep(this.#deps.disk, key);
    const folder = `${FOLDER}/${key}.${crypto.randomUUID()}.new`;
    const gitDir = `${this.#deps.directory}/${folder}`;
    await runGit(this.#deps, {
      gitDir,
      args: ["init", "--quiet", "--bare", "--template=", "--initial-branch=wharf", "--", gitDir],
      maxBytes: LINE_BYTES,
      ...(signal === undefined ? {} : { signal }),
    });
    return new BinaryStore(this.#deps, { folder, key, commit: undefined });
  }
}

/**
 * Removes what was on its way in or out, also of processes that were killed. A git that outlives
 * its Wharf for a moment may still write there; then the next one removes it.
 */
async function sweep(disk: Disk, key: string): Promise<void> {
  for (const { name } of await disk.list(FOLDER)) {
    if (name.startsWith(`${key}.`) && /\.(?:new|old)$/.test(name)) {
      await disk.remove(`${FOLDER}/${name}`).catch(() => {});
    }
  }
}

interface Place {
  readonly folder: string;
  readonly key: string;
  readonly commit: string | undefined;
}

class BinaryStore implements ObjectStore {
  readonly commit: string | undefined;
  readonly #deps: BinaryDeps;
  readonly #folder: string;
  readonly #key: string;

  constructor(deps: BinaryDeps, { folder, key, commit }: Place) {
    this.#deps = deps;
    this.#folder = folder;
    this.#key = key;
    this.commit = commit;
  }

  async add(pack: Uint8Array): Promise<void> {
    const args = ["index-pack", "--stdin", "--fix-thin"];
    await this.#git({ args, stdin: pack, maxBytes: LINE_BYTES });
  }

  async read(query: CommitQuery): Promise<GitCommit> {
    const [found] = await this.#contents([query.commit], query);
    if (found?.type !== "commit") throw brokenRepository("its commit is missing");
    const { tree, committedAt } = parseCommit(found.bytes);
    const files = await this.#files(tree, query);
    return {
      commit: query.commit,
      ...(committedAt === undefined ? {} : { committedAt }),
      ...files,
    };
  }

  async keep(commit: string): Promise<void> {
    const { disk } = this.#deps;
    await disk.write(`${this.#folder}/${COMMIT}`, new TextEncoder().encode(commit));
    if (this.commit !== undefined) return;
    const kept = `${FOLDER}/${this.#key}`;
    // A folder cannot be renamed over another one.
    await disk.rename(kept, `${kept}.${crypto.randomUUID()}.old`);
    await disk.rename(this.#folder, kept);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await sweep(this.#deps.disk, this.#key).catch(() => {});
  }

  async #files(tree: string, query: CommitQuery): Promise<GitTree> {
    const { folders, filtered, signal, progress } = query;
    const listing = await this.#git({
      args: ["ls-tree", "-r", "-z", "--full-tree", tree, "--", ...folders],
      maxBytes: MAX_LIST_BYTES,
      signal,
    });
    const entries = parseListing(listing);
    const sizes = await this.#sizes(
      [...new Set(entries.filter(isBlob).map(({ id }) => id))],
      query,
    );
    const builder = new GitTreeBuilder();
    const admitted = entries.filter((entry) => {
      const sizeBytes = sizes.get(entry.id);
      // Only a server that can keep files back may have left one out.
      if (sizeBytes === undefined && isBlob(entry) && !filtered) {
        throw brokenRepository("a file is missing");
      }
      return builder.admits(entry.path, { mode: entry.mode, sizeBytes });
    });
    const found = await this.#contents([...new Set(admitted.map(({ id }) => id))], query);
    const contents = new Map(found.map(({ id, bytes }) => [id, bytes]));
    for (const { id, path } of admitted) {
      const bytes = contents.get(id);
      if (bytes === undefined) throw brokenRepository("a file is missing");
      builder.add(path, bytes);
    }
    progress(admitted.length, admitted.length);
    return builder.finish();
  }

  /** The sizes of objects, without those that are not here. */
  async #sizes(
    ids: readonly string[],
    { signal }: CommitQuery,
  ): Promise<ReadonlyMap<string, number>> {
    if (ids.length === 0) return new Map();
    const output = await this.#git({
      args: ["cat-file", "--batch-check"],
      stdin: encodeLines(ids),
      maxBytes: ids.length * LINE_BYTES,
      signal,
    });
    const sizes = new Map<string, number>();
    for (const line of new TextDecoder().decode(output).split("\n")) {
      const [, id, size] = /^([0-9a-f]{40}) blob (\d+)$/.exec(line) ?? [];
      if (id !== undefined) sizes.set(id, Number(size));
    }
    return sizes;
  }

  /** The contents of objects, without those that are not here. */
  async #contents(
    ids: readonly string[],
    { signal }: CommitQuery,
  ): Promise<readonly FoundObject[]> {
    if (ids.length === 0) return [];
    return parseObjects(
      await this.#git({
        args: ["cat-file", "--batch"],
        stdin: encodeLines(ids),
        maxBytes: GIT_TREE_LIMITS.maxTotalBytes + ids.length * LINE_BYTES,
        signal,
      }),
    );
  }

  #git(
    { signal, ...run }: Omit<GitRun, "gitDir" | "signal"> & {
      readonly signal?: AbortSignal | undefined;
    },
  ): Promise<Uint8Array> {
    return runGit(this.#deps, {
      ...run,
      gitDir: `${this.#deps.directory}/${this.#folder}`,
      ...(signal === undefined ? {} : { signal }),
    });
  }
}

interface FoundObject {
  readonly id: string;
  readonly type: string;
  readonly bytes: Uint8Array;
}

interface ListedEntry {
  readonly mode: string;
  readonly type: string;
  readonly id: string;
  readonly path: string;
}

/** A file or a link, as opposed to a submodule. */
function isBlob({ type }: ListedEntry): boolean {
  return type === "blob";
}

function encodeLines(lines: readonly string[]): Uint8Array {
  return new TextEncoder().encode(lines.map((line) => `${line}\n`).join(""));
}

/** Git-ls-tree, "OUTPUT FORMAT", with `-z`. */
function parseListing(bytes: Uint8Array): readonly ListedEntry[] {
  return new TextDecoder().decode(bytes).split("\0").filter((line) => line !== "").map((line) => {
    const tab = line.indexOf("\t");
    const [mode = "", type = "", id = ""] = line.slice(0, tab).split(" ");
    return { mode, type, id, path: line.slice(tab + 1) };
  });
}

/** Git-cat-file, "BATCH OUTPUT". */
function parseObjects(bytes: Uint8Array): readonly FoundObject[] {
  const decoder = new TextDecoder();
  const objects: FoundObject[] = [];
  for (let offset = 0; offset < bytes.byteLength;) {
    const lineEnd = bytes.indexOf(0x0a, offset);
    if (lineEnd < 0) throw brokenRepository("git's output is cut off");
    const line = decoder.decode(bytes.subarray(offset, lineEnd));
    offset = lineEnd + 1;
    const [, id, type, size] = /^([0-9a-f]{40}) ([a-z]+) (\d+)$/.exec(line) ?? [];
    // Otherwise it says that the object is missing.
    if (id === undefined || type === undefined) continue;
    const end = offset + Number(size);
    if (end >= bytes.byteLength) throw brokenRepository("git's output is cut off");
    // A copy, so that one file that is kept does not keep all of them.
    objects.push({ id, type, bytes: bytes.slice(offset, end) });
    offset = end + 1;
  }
  return objects;
}

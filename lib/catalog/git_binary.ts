/**
 * Git repositories by the git binary: a bare repository for each URL, which is fetched into and
 * read from, and never checked out, so that no path of it reaches the disk. A repository that is
 * broken, or locked by a process that is gone, is made anew beside the old one and takes its place
 * only when it is whole. Needs `--allow-run=git`, and read and write permission for the directory.
 *
 * @module
 */

import { AppError, toAppError } from "../core/errors.ts";
import type { Clock, Disk, Env, Log, Processes } from "../core/host.ts";
import type { GitCommit, GitReader, GitRequest } from "./git.ts";
import { type GitRun, runGit } from "./git_command.ts";
import { parseCommit } from "./git_objects.ts";
import { addressOf, type GitRemote } from "./git_remote.ts";
import { repositoryKey } from "./git_shelf.ts";
import { GIT_TREE_LIMITS, type GitTree, GitTreeBuilder } from "./git_tree.ts";

/** What the client works with. */
export interface BinaryDeps {
  /** Starts git. */
  readonly processes: Processes;
  /** Locks, replaces and removes repositories. */
  readonly disk: Disk;
  /** Measures time limits. */
  readonly clock: Clock;
  /** Told what had to be mended. */
  readonly log: Log;
  /** Gives git its PATH, proxy and certificate variables. */
  readonly env: Env;
  /** Absolute path of `disk`'s root. */
  readonly directory: string;
}

/** Repositories lie in this folder of the disk. */
const FOLDER = "git";

/** The last commit that was fetched whole. */
const REF = "refs/wharf/head";

const FETCH_TIMEOUT_MS = 10 * 60_000;

const READ_TIMEOUT_MS = 60_000;

/** Most bytes that one fetch may add. */
const MAX_PACK_BYTES = 256 * 1024 * 1024;

/** How often the growth of a pack is looked at. */
const WATCH_MS = 500;

/** Each fetch adds a pack; with more than these the repository is made anew. */
const MOST_PACKS = 20;

/** Entries and their names; a larger listing is of no catalogue. */
const MAX_LIST_BYTES = 64 * 1024 * 1024;

/** Beside the content, `cat-file --batch` writes a line for each object. */
const LINE_BYTES = 100;

/**
 * The folder that git takes for the user's; it never exists.
 *
 * @param directory Absolute path of the disk's root.
 */
export function gitHome(directory: string): string {
  return `${directory}/${FOLDER}/home`;
}

/** Reads repositories by the git binary. */
export class BinaryGit implements GitReader {
  readonly #deps: BinaryDeps;

  /**
   * Starts nothing yet.
   *
   * @param deps Effects.
   */
  constructor(deps: BinaryDeps) {
    this.#deps = deps;
  }

  /** Reads the commit that the remote offers, see {@linkcode GitReader.read}. */
  async read(remote: GitRemote, request: GitRequest): Promise<GitCommit> {
    const { disk, log } = this.#deps;
    const key = repositoryKey(request.url);
    const folder = `${FOLDER}/${key}`;
    await using _lock = await disk.lock(`${folder}.lock`, request.signal);
    await this.#sweep(key);
    if ((await disk.list(folder)).length > 0 && await this.#tidy(folder) <= MOST_PACKS) {
      try {
        return await this.#bring(folder, { remote, request });
      } catch (thrown) {
        await this.#tidy(folder);
        const error = toAppError(thrown);
        // Every other failure is not of this repository's own.
        if (error.code !== "BAD_RESPONSE") throw error;
        log.warn("What was kept of a git repository is broken; it is fetched whole", {
          reason: error.message,
        });
      }
    }
    const unique = `${folder}.${crypto.randomUUID()}`;
    try {
      await this.#init(`${unique}.new`, request);
      const commit = await this.#bring(`${unique}.new`, { remote, request });
      await disk.rename(folder, `${unique}.old`);
      await disk.rename(`${unique}.new`, folder);
      return commit;
    } finally {
      await this.#sweep(key);
    }
  }

  /** Removes what was on its way in or out, also of processes that were killed. */
  async #sweep(key: string): Promise<void> {
    for (const { name } of await this.#deps.disk.list(FOLDER)) {
      if (name.startsWith(`${key}.`) && /\.(?:new|old)$/.test(name)) {
        await this.#deps.disk.remove(`${FOLDER}/${name}`);
      }
    }
  }

  /** Removes packs that were cut off on their way; gives the number of whole ones. */
  async #tidy(folder: string): Promise<number> {
    const packs = `${folder}/objects/pack`;
    const names = (await this.#deps.disk.list(packs)).map(({ name }) => name);
    for (const name of names) {
      if (name.startsWith("tmp_")) await this.#deps.disk.remove(`${packs}/${name}`);
    }
    return names.filter((name) => name.endsWith(".pack")).length;
  }

  async #init(folder: string, { signal }: GitRequest): Promise<void> {
    await this.#git({
      args: [
        "init",
        "--quiet",
        "--bare",
        "--template=",
        "--initial-branch=wharf",
        "--",
        this.#path(folder),
      ],
      ...(signal === undefined ? {} : { signal }),
    });
  }

  /** Fetches the commit unless it is there, and reads it. */
  async #bring(folder: string, job: Job): Promise<GitCommit> {
    const { remote, request } = job;
    const there = await this.#head(folder, request);
    if (there?.commit === remote.commit) return await this.#commit(folder, { ...job, ...there });
    const { host } = remote.url;
    request.progress?.({ message: `Fetching commit ${remote.commit.slice(0, 12)} from ${host}` });
    await this.#fetch(folder, job);
    const head = await this.#head(folder, request);
    if (head === undefined) throw broken("git did not fetch its commit");
    return await this.#commit(folder, { ...job, ...head });
  }

  async #fetch(folder: string, { remote, request }: Job): Promise<void> {
    // Named for this run only: a repository that knows where to get what is missing would fetch
    // the files that were kept back, one by one, as soon as anything asks for their size.
    const filter = `blob:limit=${GIT_TREE_LIMITS.maxFileBytes + 1}`;
    const settings = [
      `remote.wharf.url=${addressOf(remote.url)}`,
      ...(remote.capabilities.has("filter")
        ? ["remote.wharf.promisor=true", `remote.wharf.partialclonefilter=${filter}`]
        : []),
    ];
    const tooMuch = new AbortController();
    const done = new AbortController();
    const signals = [tooMuch.signal, ...(request.signal === undefined ? [] : [request.signal])];
    const watching = this.#watch(`${folder}/objects/pack`, { tooMuch, signal: done.signal });
    try {
      await this.#git({
        gitDir: this.#path(folder),
        settings,
        args: [
          "fetch",
          "--quiet",
          "--depth=1",
          "--no-tags",
          "--no-recurse-submodules",
          "--no-write-fetch-head",
          "--no-auto-maintenance",
          "--",
          "wharf",
          `+${remote.ref}:${REF}`,
        ],
        timeoutMs: FETCH_TIMEOUT_MS,
        signal: AbortSignal.any(signals),
      });
    } finally {
      done.abort();
      await watching;
    }
  }

  /** Ends a fetch that brings too much: git itself knows no limit. */
  async #watch(
    packs: string,
    { tooMuch, signal }: { readonly tooMuch: AbortController; readonly signal: AbortSignal },
  ): Promise<void> {
    const { clock, disk } = this.#deps;
    const size = async () =>
      (await disk.list(packs)).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    try {
      const before = await size();
      while (true) {
        await clock.sleep(WATCH_MS, signal);
        if (await size() - before <= MAX_PACK_BYTES) continue;
        tooMuch.abort(
          new AppError(
            "TOO_LARGE",
            `Cannot fetch the git repository: it is larger than ${MAX_PACK_BYTES} bytes`,
            { hint: "Check that the source names a catalogue, not another repository" },
          ),
        );
        return;
      }
    } catch (thrown) {
      // The fetch has ended; a folder that cannot be read shows there as well.
      if (!signal.aborted) {
        this.#deps.log.debug("Cannot watch a git fetch", { reason: `${thrown}` });
      }
    }
  }

  /** The commit that was fetched last, by the ref that git moves once all of it is there. */
  async #head(folder: string, request: GitRequest): Promise<Head | undefined> {
    const [object] = await this.#objects(folder, {
      names: [`${REF}^{commit}`],
      maxBytes: GIT_TREE_LIMITS.maxFileBytes,
      request,
    });
    return object?.bytes === undefined
      ? undefined
      : { commit: object.id, ...parseCommit(object.bytes) };
  }

  async #commit(folder: string, job: Job & Head): Promise<GitCommit> {
    const { commit, committedAt } = job;
    const files = await this.#files(folder, job);
    return { commit, ...(committedAt === undefined ? {} : { committedAt }), ...files };
  }

  async #files(folder: string, { remote, request, tree }: Job & Head): Promise<GitTree> {
    const listing = await this.#git({
      gitDir: this.#path(folder),
      args: ["ls-tree", "-r", "-z", "--full-tree", tree, "--", ...request.folders],
      maxBytes: MAX_LIST_BYTES,
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    });
    const entries = parseListing(listing);
    const ids = [...new Set(entries.filter(isFile).map(({ id }) => id))];
    request.progress?.({ message: `Reading files: ${ids.length}`, total: ids.length });
    const sizes = await this.#sizes(folder, { ids, request });
    const builder = new GitTreeBuilder();
    const admitted = entries.filter((entry) => {
      const sizeBytes = sizes.get(entry.id);
      // Only a server that can keep files back may have left one out.
      if (isFile(entry) && sizeBytes === undefined && !remote.capabilities.has("filter")) {
        throw broken("a file is missing");
      }
      return builder.admits(entry.path, { mode: entry.mode, sizeBytes });
    });
    const names = [...new Set(admitted.map(({ id }) => id))];
    const objects = await this.#objects(folder, {
      names,
      maxBytes: GIT_TREE_LIMITS.maxTotalBytes + names.length * LINE_BYTES,
      request,
    });
    const contents = new Map(objects.map(({ id, bytes }) => [id, bytes]));
    for (const { id, path } of admitted) {
      const bytes = contents.get(id);
      if (bytes === undefined) throw broken("a file is missing");
      builder.add(path, bytes);
    }
    return builder.finish();
  }

  /** The sizes of objects, without those that are not here. */
  async #sizes(
    folder: string,
    { ids, request }: { readonly ids: readonly string[]; readonly request: GitRequest },
  ): Promise<ReadonlyMap<string, number>> {
    if (ids.length === 0) return new Map();
    const output = await this.#git({
      gitDir: this.#path(folder),
      args: ["cat-file", "--batch-check"],
      stdin: encodeLines(ids),
      maxBytes: ids.length * LINE_BYTES,
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    });
    const sizes = new Map<string, number>();
    for (const line of new TextDecoder().decode(output).split("\n")) {
      const [, id, size] = /^([0-9a-f]{40}) blob (\d+)$/.exec(line) ?? [];
      if (id !== undefined) sizes.set(id, Number(size));
    }
    return sizes;
  }

  /** The contents of objects in the order of their names; none for one that is not here. */
  async #objects(folder: string, query: ObjectQuery): Promise<readonly FoundObject[]> {
    const { names, maxBytes, request } = query;
    if (names.length === 0) return [];
    const output = await this.#git({
      gitDir: this.#path(folder),
      args: ["cat-file", "--batch"],
      stdin: encodeLines(names),
      maxBytes,
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    });
    return parseObjects(output);
  }

  #git(run: PartialRun): Promise<Uint8Array> {
    return runGit(this.#deps, {
      home: gitHome(this.#deps.directory),
      maxBytes: LINE_BYTES,
      timeoutMs: READ_TIMEOUT_MS,
      ...run,
    });
  }

  #path(folder: string): string {
    return `${this.#deps.directory}/${folder}`;
  }
}

type PartialRun =
  & Omit<GitRun, "home" | "maxBytes" | "timeoutMs">
  & Partial<Pick<GitRun, "maxBytes" | "timeoutMs">>;

interface Job {
  readonly remote: GitRemote;
  readonly request: GitRequest;
}

interface Head {
  readonly commit: string;
  readonly tree: string;
  readonly committedAt: string | undefined;
}

interface ObjectQuery {
  readonly names: readonly string[];
  readonly maxBytes: number;
  readonly request: GitRequest;
}

interface FoundObject {
  readonly id: string;
  readonly bytes: Uint8Array | undefined;
}

interface ListedEntry {
  readonly mode: string;
  readonly id: string;
  readonly path: string;
}

function isFile({ mode }: ListedEntry): boolean {
  return mode.startsWith("100");
}

function encodeLines(lines: readonly string[]): Uint8Array {
  return new TextEncoder().encode(lines.map((line) => `${line}\n`).join(""));
}

/** Git-ls-tree, "OUTPUT FORMAT", with `-z`. */
function parseListing(bytes: Uint8Array): readonly ListedEntry[] {
  return new TextDecoder().decode(bytes).split("\0").filter((line) => line !== "").map((line) => {
    const tab = line.indexOf("\t");
    const [mode = "", , id = ""] = line.slice(0, tab).split(" ");
    return { mode, id, path: line.slice(tab + 1) };
  });
}

/** Git-cat-file, "BATCH OUTPUT". */
function parseObjects(bytes: Uint8Array): readonly FoundObject[] {
  const decoder = new TextDecoder();
  const objects: FoundObject[] = [];
  for (let offset = 0; offset < bytes.byteLength;) {
    const lineEnd = bytes.indexOf(0x0a, offset);
    if (lineEnd < 0) throw broken("git's output is cut off");
    const line = decoder.decode(bytes.subarray(offset, lineEnd));
    offset = lineEnd + 1;
    const [, id = "", size] = /^([0-9a-f]{40}) [a-z]+ (\d+)$/.exec(line) ?? [];
    if (size === undefined) {
      objects.push({ id: line.split(" ", 1)[0] ?? "", bytes: undefined });
      continue;
    }
    const end = offset + Number(size);
    if (end >= bytes.byteLength) throw broken("git's output is cut off");
    // A copy, so that one file that is kept does not keep all of them.
    objects.push({ id, bytes: bytes.slice(offset, end) });
    offset = end + 1;
  }
  return objects;
}

function broken(state: string): AppError {
  return new AppError("BAD_RESPONSE", `Cannot read the git repository: ${state}`, {
    hint: "Try again; if it stays, remove the git folder of the cache directory",
  });
}

/**
 * How a repository is brought up to date, whoever keeps its objects: Wharf itself asks the server
 * for what is missing, under its own address policy and byte limits, and hands the checked pack to
 * the store. What a store holds is a cache: if it is broken it is made anew, and it is replaced
 * only after the new commit was read as a whole. Needs `--allow-net` for the host.
 *
 * @module
 */

import { abortError, throwIfAborted } from "../core/deadline.ts";
import { AppError, toAppError } from "../core/errors.ts";
import type { Clock, Disk, Log } from "../core/host.ts";
import type { Net } from "../core/http.ts";
import type { GitCommit, GitRequest } from "./git.ts";
import { inspectPack } from "./git_pack.ts";
import type { GitRemote } from "./git_remote.ts";
import { repositoryKey } from "./git_shelf.ts";
import { GIT_TREE_LIMITS } from "./git_tree.ts";
import { fetchPack } from "./git_upload_pack.ts";

/** What is read of a commit. */
export interface CommitQuery {
  /** Its id. */
  readonly commit: string;
  /** Only these folders; empty for all. */
  readonly folders: readonly string[];
  /** Whether the server may have kept back files that are too large. */
  readonly filtered: boolean;
  /** Ends the work early. */
  readonly signal?: AbortSignal;
  /** Told how many files were read. */
  readonly progress: (done: number, total?: number) => void;
}

/** How a store is opened. */
export interface OpenOptions {
  /** A name for the repository, see {@linkcode repositoryKey}. */
  readonly key: string;
  /** Ends the work early. */
  readonly signal?: AbortSignal;
  /** Lets others work in between, and throws when the work is to end. */
  readonly pause: () => Promise<void>;
}

/** The objects of one repository. Disposing it drops what was not kept. */
export interface ObjectStore extends AsyncDisposable {
  /** The commit that is here with all its files; `undefined` for a new store. */
  readonly commit: string | undefined;
  /**
   * Takes in a pack that has been inspected.
   *
   * @throws {AppError} `BAD_RESPONSE` when its deltas lead nowhere, and what the disk says.
   */
  add(pack: Uint8Array): Promise<void>;
  /**
   * Reads a commit and its files.
   *
   * @throws {AppError} `BAD_RESPONSE` when something is missing, `TOO_LARGE` past the limits.
   */
  read(query: CommitQuery): Promise<GitCommit>;
  /** Keeps what was added, for the next time. What cannot be kept is fetched again then. */
  keep(commit: string): Promise<void>;
}

/** Opens repositories; one for each way of keeping objects. */
export interface ObjectStores {
  /** What is kept of a repository, or `undefined` for nothing, or nothing usable. */
  open(options: OpenOptions): Promise<ObjectStore | undefined>;
  /** An empty store that takes the place of what is kept once it is kept itself. */
  create(options: OpenOptions): Promise<ObjectStore>;
}

/** What it takes to bring a store up to date. */
export interface UpdateDeps {
  /** Fetches packs. */
  readonly net: Net;
  /** Locks repositories. */
  readonly disk: Disk;
  /** Measures silence. */
  readonly clock: Clock;
  /** Told what had to be mended. */
  readonly log: Log;
}

/** What is read, and from where. */
export interface UpdateJob {
  /** Keeps the objects. */
  readonly stores: ObjectStores;
  /** What the server offers. */
  readonly remote: GitRemote;
  /** What the caller wants. */
  readonly request: GitRequest;
}

/** Most bytes of one answer. */
const MAX_PACK_BYTES = 256 * 1024 * 1024;

/** How long objects are worked on before others get their turn. */
const WORK_MS = 20;

/**
 * Reads the commit that a remote offers, fetching only what is not here.
 *
 * @param deps Effects.
 * @param job What is read.
 * @returns The commit.
 * @throws {AppError} What {@linkcode fetchPack}, {@linkcode inspectPack} and the store throw; what
 * was kept before is then still there.
 */
export async function readCommit(deps: UpdateDeps, job: UpdateJob): Promise<GitCommit> {
  const { stores, remote, request: { signal } } = job;
  const key = repositoryKey(job.request.url);
  await using _lock = await deps.disk.lock(`git/${key}.lock`, signal);
  let pausedMs = deps.clock.now();
  const options: OpenOptions = {
    key,
    ...(signal === undefined ? {} : { signal }),
    async pause() {
      throwIfAborted(signal);
      if (deps.clock.now() - pausedMs < WORK_MS) return;
      pausedMs = deps.clock.now();
      await deps.clock.sleep(0, signal).catch((thrown) => {
        throw signal?.aborted === true ? abortError(signal) : thrown;
      });
    },
  };
  try {
    await using kept = await stores.open(options);
    if (kept?.commit !== undefined) return await update(deps, { ...job, ...options, store: kept });
  } catch (thrown) {
    const error = toAppError(thrown);
    // Every other failure is none of what is kept.
    if (error.code !== "BAD_RESPONSE") throw error;
    deps.log.warn("What was kept of a git repository cannot be used; it is fetched whole", {
      url: remote.url.href,
      reason: error.message,
    });
  }
  await using store = await stores.create(options);
  return await update(deps, { ...job, ...options, store });
}

async function update(
  deps: UpdateDeps,
  job: UpdateJob & OpenOptions & { readonly store: ObjectStore },
): Promise<GitCommit> {
  const { store, remote, request, pause } = job;
  const { signal, folders } = request;
  const optional = signal === undefined ? {} : { signal };
  const fetched = store.commit !== remote.commit;
  if (fetched) {
    const { host } = remote.url;
    request.progress?.({ message: `Fetching commit ${remote.commit.slice(0, 12)} from ${host}` });
    const pack = await fetchPack(deps, {
      remote,
      maxFileBytes: GIT_TREE_LIMITS.maxFileBytes,
      maxBytes: MAX_PACK_BYTES,
      ...(store.commit === undefined ? {} : { have: store.commit }),
      ...optional,
      received: (bytes) =>
        request.progress?.({ message: `Fetching from ${host}: ${bytes} bytes`, done: bytes }),
    });
    if (await inspectPack(pack, { pause }) > 0) await store.add(pack);
  }
  const commit = await store.read({
    commit: remote.commit,
    folders,
    filtered: remote.capabilities.has("filter"),
    ...optional,
    progress: (done, total) =>
      request.progress?.({
        message: total === undefined ? `Reading files: ${done}` : `Reading files: ${done}/${total}`,
        done,
        ...(total === undefined ? {} : { total }),
      }),
  });
  if (fetched) await store.keep(remote.commit);
  return commit;
}

/**
 * The error for objects that are not what they should be.
 *
 * @param state What is wrong.
 * @param cause What was thrown.
 */
export function brokenRepository(state: string, cause?: unknown): AppError {
  return new AppError("BAD_RESPONSE", `Cannot read the git repository: ${state}`, {
    hint: "Try again; if it stays, tell whoever keeps the repository",
    ...(cause === undefined ? {} : { cause }),
  });
}

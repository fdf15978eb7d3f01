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
  const work: Work = { ...job, options };
  {
    await using kept = await openKept(deps, work);
    if (kept?.commit !== undefined) {
      const pack = kept.commit === remote.commit
        ? undefined
        : await fetchNew(deps, { ...work, have: kept.commit });
      try {
        return await takeIn(kept, { ...work, pack });
      } catch (thrown) {
        tellBroken(deps, work, thrown);
      }
    }
  }
  const pack = await fetchNew(deps, work);
  await using store = await stores.create(options);
  return await takeIn(store, { ...work, pack });
}

interface Work extends UpdateJob {
  readonly options: OpenOptions;
}

async function openKept(deps: UpdateDeps, work: Work): Promise<ObjectStore | undefined> {
  try {
    return await work.stores.open(work.options);
  } catch (thrown) {
    tellBroken(deps, work, thrown);
    return undefined;
  }
}

/** Goes on only when what is kept is at fault. */
function tellBroken({ log }: UpdateDeps, { remote }: Work, thrown: unknown): void {
  const error = toAppError(thrown);
  if (error.code !== "BAD_RESPONSE") throw error;
  log.warn("What was kept of a git repository cannot be used; it is fetched whole", {
    url: remote.url.href,
    reason: error.message,
  });
}

/** Fetches what is new since a commit, or all; `undefined` for a pack without any object. */
async function fetchNew(
  deps: UpdateDeps,
  { remote, request, options, have }: Work & { readonly have?: string },
): Promise<Uint8Array | undefined> {
  const { host } = remote.url;
  request.progress?.({ message: `Fetching commit ${remote.commit.slice(0, 12)} from ${host}` });
  const pack = await fetchPack(deps, {
    remote,
    maxFileBytes: GIT_TREE_LIMITS.maxFileBytes,
    maxBytes: MAX_PACK_BYTES,
    ...(have === undefined ? {} : { have }),
    ...(request.signal === undefined ? {} : { signal: request.signal }),
    received: (bytes) =>
      request.progress?.({ message: `Fetching from ${host}: ${bytes} bytes`, done: bytes }),
  });
  return await inspectPack(pack, options) === 0 ? undefined : pack;
}

/** Reads the commit with what was fetched for it, and keeps that. */
async function takeIn(
  store: ObjectStore,
  { remote, request, pack }: Work & { readonly pack: Uint8Array | undefined },
): Promise<GitCommit> {
  const { commit } = remote;
  if (pack !== undefined) await store.add(pack);
  const found = await store.read({
    commit,
    folders: request.folders,
    filtered: remote.capabilities.has("filter"),
    ...(request.signal === undefined ? {} : { signal: request.signal }),
    progress: (done, total) =>
      request.progress?.({
        message: `Reading files: ${total === undefined ? done : `${done}/${total}`}`,
        done,
        ...(total === undefined ? {} : { total }),
      }),
  });
  if (store.commit !== commit) await store.keep(commit);
  return found;
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

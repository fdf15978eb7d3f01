/**
 * Catalogues in git repositories: the newest commit of a remote's default branch, as a tree in
 * memory. Wharf fetches under its own address policy: one request for a remote that has not
 * changed, two for one that has. The objects are kept and read by the `git` binary where it exists
 * and may be run, otherwise by isomorphic-git; what they give is the same. Nothing is ever checked
 * out. Needs `--allow-net` for the host, and for the binary `--allow-run=git`.
 *
 * @example
 * ```ts ignore
 * const git = openGit(deps);
 * const url = new URL("https://github.com/docker/mcp-registry");
 * const found = await git.fetch({ url, folders: ["servers"] });
 * await found?.tree.list("servers");
 * ```
 *
 * @module
 */

import { AppError } from "../core/errors.ts";
import type { Clock, Disk, Env, Log, Processes } from "../core/host.ts";
import type { Net } from "../core/http.ts";
import { BinaryStores } from "./git_binary.ts";
import { findGit } from "./git_command.ts";
import { LibraryStores } from "./git_library.ts";
import { readRemote } from "./git_remote.ts";
import { type ObjectStores, readCommit } from "./git_store.ts";
import { isPlainPath } from "./git_tree.ts";
import type { SourceTree } from "./source.ts";

/** What is fetched. */
export interface GitRequest {
  /** The repository: http or https, without user name, query or fragment. */
  readonly url: URL;
  /** Only these folders are needed; empty for all. */
  readonly folders: readonly string[];
  /** The commit that is known already. */
  readonly knownCommit?: string;
  /** Ends the work early. */
  readonly signal?: AbortSignal;
  /** Told what happens; `done` and `total` count the same unit when both are there. */
  progress?(
    note: { readonly message: string; readonly done?: number; readonly total?: number },
  ): void;
}

/** A commit with its files. */
export interface GitCommit {
  /** Its id: 40 hexadecimal digits. */
  readonly commit: string;
  /** When it was committed, ISO 8601 in UTC; absent when it does not say. */
  readonly committedAt?: string;
  /** The files of the folders that were asked for. */
  readonly tree: SourceTree;
  /** Entries that were left out: hostile names, links, submodules, files over 4 MiB. */
  readonly leftOut: number;
}

/** Fetches repositories. */
export interface GitClient {
  /**
   * Reads the newest commit of a remote's default branch.
   *
   * @param request What is fetched.
   * @returns The commit, or `undefined` while the remote still stands at `knownCommit`.
   * @throws {AppError} What {@linkcode readRemote} throws, and `TOO_LARGE` for a repository past
   * the limits, `TIMEOUT`, `CANCELLED`, `UNAVAILABLE` when the server fails or the disk is full.
   */
  fetch(request: GitRequest): Promise<GitCommit | undefined>;
}

/** What {@linkcode openGit} works with. */
export interface GitDeps {
  /** The network, with its address policy. */
  readonly net: Net;
  /** Keeps what was fetched, so that the next time costs only what changed. */
  readonly disk: Disk;
  /** Starts the binary. */
  readonly processes: Processes;
  /** Measures time limits. */
  readonly clock: Clock;
  /** Told whether the binary is in use, and what had to be mended. */
  readonly log: Log;
  /** Gives the binary its PATH, and nothing else. */
  readonly env: Env;
  /** Absolute path of `disk`'s root; without it the binary could write nowhere and is not used. */
  readonly directory?: string;
}

/**
 * Opens the door to git repositories. Whether the binary is used is found out once, with the first
 * repository that has changed.
 *
 * @param deps Effects.
 * @returns The client.
 */
export function openGit(deps: GitDeps): GitClient {
  let chosen: Promise<ObjectStores> | undefined;
  return {
    async fetch(request) {
      const { url, folders, knownCommit, signal } = request;
      checkFolders(folders);
      request.progress?.({ message: `Asking ${url.host} for the newest commit` });
      const remote = await readRemote(deps.net, url, signal === undefined ? {} : { signal });
      if (remote.commit === knownCommit) return undefined;
      chosen ??= chooseStores(deps);
      const found = await readCommit(deps, { stores: await chosen, remote, request });
      if (found.leftOut > 0) {
        deps.log.debug("Some entries of a git repository cannot be used and were left out", {
          url: url.href,
          entries: found.leftOut,
        });
      }
      return found;
    },
  };
}

async function chooseStores(deps: GitDeps): Promise<ObjectStores> {
  const { directory, log } = deps;
  const found = directory === undefined
    ? { reason: "there is no directory that it could write to" }
    : await findGit({ ...deps, directory });
  if (directory !== undefined && "version" in found) {
    log.debug("Git repositories are read by the git binary", { version: found.version });
    return new BinaryStores({ ...deps, directory });
  }
  const reason = "reason" in found ? found.reason : undefined;
  log.debug("Git repositories are read without the git binary", { reason });
  return new LibraryStores(deps);
}

/** They become arguments of the binary. */
function checkFolders(folders: readonly string[]): void {
  const wrong = folders.find((folder) => !isPlainPath(folder));
  if (wrong === undefined) return;
  throw new AppError("INVALID_ARGUMENT", `Cannot read folder "${wrong}" of a git repository`, {
    hint: "Name it from the root of the repository, with / and without . or ..",
  });
}

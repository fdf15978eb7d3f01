/**
 * Reads a source where it lies: a folder, a git repository, or the web. Needs no permission:
 * network, files and processes are passed in.
 *
 * @module
 */

import { z } from "zod";
import type { Clock, Disk, Env, Log, Processes } from "../core/host.ts";
import type { Net } from "../core/http.ts";
import type { GitClient } from "./git.ts";
import { type LocalDeps, localTree } from "./local.ts";
import type { PlacedSource } from "./places.ts";
import type { Gather, Gathered, GatherOptions } from "./refresh.ts";
import type { ReadContext, SourceRead } from "./source.ts";

/** What reads sources. */
export interface GatherDeps extends LocalDeps {
  /** The network. */
  readonly net: Net;
  /** The cache directory. */
  readonly disk: Disk;
  /** The `git` program. */
  readonly processes: Processes;
  /** Time. */
  readonly clock: Clock;
  /** The operator's log. */
  readonly log: Log;
  /** Tells where programs are found. */
  readonly env: Env;
  /** A number from 0 to below 1, for jitter. */
  readonly random: () => number;
  /** Absolute path for clones of the `git` program; absent: it is not used. */
  readonly directory?: string;
}

/** What a git source goes on from. */
const stateSchema = z.object({ commit: z.string() });

/** Most bytes of a local file. */
const MAX_LOCAL_BYTES = 256 * 1024 * 1024;

/**
 * Makes the reader of all kinds of places. What a kind needs is loaded with its first source.
 *
 * @param deps The effects.
 */
export function openGather(deps: GatherDeps): Gather {
  let git: Promise<GitClient> | undefined;
  return async (placed, options) => {
    const context: ReadContext = {
      source: placed.source.id,
      refreshed: new Date(deps.clock.now()).toISOString(),
      signal: options.signal,
    };
    switch (placed.place.kind) {
      case "builtin":
        return undefined;
      case "local": {
        options.progress({ message: "reading files" });
        const tree = await localTree(placed.place.path, { maxBytes: MAX_LOCAL_BYTES, deps });
        return gathered(await placed.source.readTree(tree, context));
      }
      case "git":
        git ??= import("./git.ts").then(({ openGit }) => openGit(deps));
        return await readGit(await git, { placed, url: placed.place.url, context, options });
      default: {
        const { readWeb } = await import("./web_sources.ts");
        return await readWeb(placed, { deps, context, options });
      }
    }
  };
}

/** Reads a repository when it has another commit than the one that is kept. */
async function readGit(git: GitClient, { placed, url, context, options }: {
  readonly placed: PlacedSource;
  readonly url: URL;
  readonly context: ReadContext;
  readonly options: GatherOptions;
}): Promise<Gathered | undefined> {
  const { source } = placed;
  const known = stateSchema.safeParse(options.previous?.state);
  const fetched = await git.fetch({
    url,
    folders: source.kind === "git" ? source.folders : [],
    ...(known.success && !options.isFull ? { knownCommit: known.data.commit } : {}),
    signal: options.signal,
    progress: ({ message, done, total }) =>
      options.progress({
        message,
        ...(done === undefined || total === undefined ? {} : { share: done / total }),
      }),
  });
  if (fetched === undefined) return undefined;
  const { commit, tree } = fetched;
  options.progress({ message: "reading files", share: 0.9 });
  return {
    ...gathered(await source.readTree(tree, { ...context, commit })),
    state: { commit },
    commit,
  };
}

function gathered({ entries, problems, skipped }: SourceRead): Gathered {
  return { entries, problems, skipped };
}

/**
 * Images built from source: a repository at one commit, its recipe, one image for each commit. Needs
 * what git client, disk and engine need.
 *
 * @module
 */

import type { GitClient } from "../catalog/mod.ts";
import { AppError } from "../core/errors.ts";
import type { Disk } from "../core/host.ts";
import type { ContainerEngine, PullOptions } from "./engine.ts";
import type { PlanTarget } from "./plan_types.ts";
import type { Policy } from "./policy.ts";

/** What {@linkcode buildSource} works with. */
export interface BuildDeps extends Pick<PullOptions, "signal" | "progress"> {
  /** Fetches the repository. */
  readonly git: GitClient;
  /** The state directory. */
  readonly disk: Disk;
  /** Its absolute path. */
  readonly directory: string;
  /** Builds the image. */
  readonly engine: Pick<ContainerEngine, "build" | "has">;
  /** What the operator allows. */
  readonly policy: Pick<Policy, "network" | "maxMemoryMb">;
}

/** Names of recipes, the one that is looked for first. */
const RECIPES = ["Containerfile", "Dockerfile"];

/** Most bytes of one file, and most files, of what is built. */
const MAX_FILE_BYTES = 4 * 1024 * 1024;
const MAX_FILES = 20_000;

const BUILD_TIMEOUT_MS = 15 * 60_000;

/**
 * Builds the image of a repository, unless that of its commit is here already.
 *
 * @param target Repository, folder and commit.
 * @param deps Git, disk, engine and limits.
 * @returns The image's name, which holds the commit.
 * @throws {AppError} `NOT_FOUND` for a repository without a recipe or another commit than the one
 * that is meant, and what fetching and building throw.
 */
export async function buildSource(
  target: PlanTarget & { readonly kind: "source" },
  deps: BuildDeps,
): Promise<string> {
  const { git, disk, directory, engine, policy, signal, progress } = deps;
  const url = new URL(`${target.repoUrl.replace(/\.git$/, "")}.git`);
  progress?.(`fetching ${target.repoUrl}`);
  const fetched = await git.fetch({
    url,
    folders: [],
    ...(signal === undefined ? {} : { signal }),
  });
  if (fetched === undefined) {
    throw new AppError("INTERNAL", `Cannot build "${target.repoUrl}": nothing was fetched`);
  }
  const { commit, tree } = fetched;
  const wanted = target.ref;
  if (wanted !== undefined && /^[0-9a-f]{7,40}$/.test(wanted) && !commit.startsWith(wanted)) {
    throw new AppError(
      "NOT_FOUND",
      `Cannot build "${target.repoUrl}" at ${wanted}: its newest commit is ${commit.slice(0, 12)}`,
      { hint: "Ask for the newest one with version, after a look at what changed" },
    );
  }
  const folder = target.folder === undefined ? "" : `${target.folder.replace(/^\/+|\/+$/g, "")}/`;
  const names = new Set((await tree.list(folder.replace(/\/$/, ""))).map(({ name }) => name));
  const recipe = RECIPES.find((name) => names.has(name));
  if (recipe === undefined) {
    throw new AppError(
      "NOT_FOUND",
      `Cannot build "${target.repoUrl}": ${folder === "" ? "it" : `its folder ${folder}`} has no ${
        RECIPES.join(" or ")
      }`,
      { hint: "Choose another launch_method, or another server" },
    );
  }
  const slug = `${url.pathname.replace(/\.git$/, "")}/${folder}`.toLowerCase()
    .replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 80);
  const tag = `localhost/wharf/${slug}:${commit}`;
  if (await engine.has(tag, signal)) return tag;
  const place = `builds/${slug}-${commit.slice(0, 12)}`;
  try {
    let count = 0;
    const copy = async (path: string): Promise<void> => {
      for (const { name, kind } of await tree.list(path)) {
        const inner = path === "" ? name : `${path}/${name}`;
        if (kind === "directory") {
          await copy(inner);
          continue;
        }
        if (++count > MAX_FILES) {
          throw new AppError(
            "TOO_LARGE",
            `Cannot build "${target.repoUrl}": it has too many files`,
          );
        }
        const bytes = await tree.read(inner, { maxBytes: MAX_FILE_BYTES });
        if (bytes !== undefined) await disk.write(`${place}/${inner}`, bytes);
      }
    };
    await copy(folder.replace(/\/$/, ""));
    const log = await engine.build({
      context: `${directory}/${place}${folder === "" ? "" : `/${folder.replace(/\/$/, "")}`}`,
      file: recipe,
      tag,
      network: policy.network === "none" ? "none" : "default",
      memoryBytes: policy.maxMemoryMb * 1024 * 1024,
    }, {
      timeoutMs: BUILD_TIMEOUT_MS,
      ...(signal === undefined ? {} : { signal }),
      ...(progress === undefined ? {} : { progress }),
    });
    await disk.write(`${place}.log`, new TextEncoder().encode(log));
    return tag;
  } finally {
    await disk.remove(place);
  }
}

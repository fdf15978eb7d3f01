/**
 * The bundle that binaries are made of, as a program that runs alone: in an empty folder, with an
 * empty home and nothing of Deno's cache, without config, network for modules, or npm. Needs all
 * permissions.
 *
 * @example
 * ```ts ignore
 * await using bundled = await makeBundled();
 * await runWharf(["--version"], { program: bundled.program() });
 * ```
 *
 * @module
 */

import config from "../../deno.json" with { type: "json" };
import { type Bundle, makeBundle } from "../../tools/bundle.ts";
import { ENTRY } from "../../tools/release.ts";
import type { WharfProgram } from "./wharf.ts";

/** How the bundle is run. */
export interface BundledOptions {
  /** Whether programs may be started. @default {true} */
  readonly run?: boolean;
}

/** A bundle in a temporary directory. */
export interface Bundled extends AsyncDisposable {
  /** What was made. */
  readonly bundle: Bundle;
  /** Folder of the bundle's files. */
  readonly folder: string;
  /** The empty folder that it is started in; its home is another. */
  readonly cwd: string;
  /** How it is started: with the permissions that a binary has. */
  program(options?: BundledOptions): WharfProgram;
}

/** Makes the bundle; it is removed with what is returned. */
export async function makeBundled(): Promise<Bundled> {
  const root = await Deno.makeTempDir({ prefix: "wharf-bundled-" });
  const [folder, cwd, home, cache] = ["bundle", "empty", "home", "deno"].map((name) =>
    `${root}/${name}`
  );
  if (
    folder === undefined || cwd === undefined || home === undefined || cache === undefined
  ) throw new Error("four folders were named");
  for (const made of [cwd, home, cache]) await Deno.mkdir(made);
  const bundle = await makeBundle(folder);
  const path = Deno.env.get("PATH") ?? "";
  return {
    bundle,
    folder,
    cwd,
    program: ({ run = true } = {}) => ({
      args: [
        ...["run", "-q", "--no-prompt", "--no-config", "--no-remote", "--no-npm"],
        ...bakedFlags(run),
        `${folder}/${ENTRY}`,
      ],
      cwd,
      env: { PATH: path, HOME: home, DENO_DIR: cache },
    }),
    async [Symbol.asyncDispose]() {
      await Deno.remove(root, { recursive: true });
    },
  };
}

/** The flags that say the same as the set in a binary. */
function bakedFlags(run: boolean): readonly string[] {
  const { net, env, run: programs } = config.permissions.full;
  return [
    ...["--allow-net", `--deny-net=${net.deny.join(",")}`, "--allow-read", "--allow-write"],
    ...["--ignore-env", `--allow-env=${env.allow.join(",")}`],
    ...(run ? [`--allow-run=${programs.join(",")}`] : []),
  ];
}

/**
 * `deno task compile` makes `dist/wharf` for this platform, `deno task compile:all` one binary for
 * each platform of a release, each with its checksum beside it. Permissions are in the binary.
 * Needs all permissions; development only.
 *
 * @example
 * ```sh
 * deno task compile && dist/wharf --version
 * deno task compile:all && (cd dist && sha256sum -c *.sha256)
 * ```
 *
 * @module
 */

import config from "../deno.json" with { type: "json" };
import { makeBundle } from "./bundle.ts";
import { filePath, ROOT } from "./child.ts";
import {
  binaryName,
  checksumLine,
  compileArgs,
  compileConfig,
  missingRuntime,
  suffix,
  TARGETS,
} from "./release.ts";
import { smoke } from "./smoke.ts";

/** One binary to make. */
export interface Wanted {
  /** The platform. */
  readonly target: string;
  /** Where it goes. */
  readonly path: string;
}

/** How a binary is made. */
export interface CompileOptions {
  /** Path of Deno's runtime for binaries; otherwise Deno fetches its own. */
  readonly runtime?: string | undefined;
  /** Variables for Deno beside this process's own. @default {{}} */
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Makes the folder that binaries are compiled in: the bundle and its config.
 *
 * @returns Its path; the caller removes it.
 */
export async function makeStage(): Promise<string> {
  const stage = await Deno.makeTempDir({ prefix: "wharf-compile-" });
  await makeBundle(`${stage}/bundle`);
  await Deno.writeTextFile(`${stage}/deno.json`, compileConfig(config));
  return stage;
}

/**
 * Compiles one binary.
 *
 * @param stage Of {@linkcode makeStage}.
 * @param wanted What to make.
 * @returns What went wrong in a sentence, or `undefined` where all went well.
 */
export async function compile(
  stage: string,
  { target, path }: Wanted,
  { runtime, env = {} }: CompileOptions = {},
): Promise<string | undefined> {
  const { DENORT_BIN: _, ...own } = Deno.env.toObject();
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...compileArgs(target, path)],
    cwd: stage,
    clearEnv: true,
    env: {
      ...own,
      ...env,
      NO_COLOR: "1",
      ...(runtime === undefined ? {} : { DENORT_BIN: runtime }),
    },
    stdin: "null",
    stdout: "null",
  }).output();
  if (success) return undefined;
  const text = new TextDecoder().decode(stderr);
  return missingRuntime(text, {
    target,
    version: Deno.version.deno,
    isOwn: target === Deno.build.target,
  }) ?? `Cannot compile for ${target}: ${text.trim()}`;
}

/** Writes the checksum of a binary beside it. */
export async function writeChecksum(path: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", await Deno.readFile(path));
  const hex = new Uint8Array(digest).toHex();
  await Deno.writeTextFile(
    `${path}.sha256`,
    checksumLine(hex, path.slice(path.lastIndexOf("/") + 1)),
  );
  return hex;
}

/** What the command line asks for: one binary for this machine, or all of a release. */
function wanted(args: readonly string[]): readonly Wanted[] {
  const directory = filePath(new URL("dist/", ROOT));
  const here = Deno.build.target;
  if (!args.includes("--all")) return [{ target: here, path: `${directory}wharf${suffix(here)}` }];
  return Object.keys(TARGETS).map((target) => ({
    target,
    path: `${directory}${binaryName(target)}`,
  }));
}

/** Runs a binary that this machine can run; one that is not Wharf is not left to be used. */
async function tried({ target, path }: Wanted): Promise<string | undefined> {
  if (target !== Deno.build.target) return undefined;
  try {
    await smoke(path);
    return undefined;
  } catch (thrown) {
    if (!(thrown instanceof Error)) throw thrown;
    await Deno.remove(path);
    const hint = Deno.env.has("DENORT_BIN") ? "; DENORT_BIN has to name a denort, not deno" : "";
    return `${thrown.message}${hint}`;
  }
}

async function run(args: readonly string[]): Promise<number> {
  await Deno.mkdir(new URL("dist/", ROOT), { recursive: true });
  const stage = await makeStage();
  let failed = 0;
  try {
    for (const binary of wanted(args)) {
      // One file is one platform's: the others come from where Deno has them.
      const runtime = binary.target === Deno.build.target ? Deno.env.get("DENORT_BIN") : undefined;
      const problem = await compile(stage, binary, { runtime }) ?? await tried(binary);
      if (problem === undefined) {
        const hex = await writeChecksum(binary.path);
        const { size } = await Deno.stat(binary.path);
        say(`${binary.path}  ${(size / 1_000_000).toFixed(1)} MB  sha256:${hex}`);
      } else {
        say(problem);
        failed++;
      }
    }
  } finally {
    await Deno.remove(stage, { recursive: true });
  }
  return failed === 0 ? 0 : 1;
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

if (import.meta.main) Deno.exitCode = await run(Deno.args);

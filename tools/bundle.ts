/**
 * Makes the bundle: Wharf and its packages as JavaScript in one folder, that runs without config,
 * network or npm, with commit and day put in. Binaries are made of it. Needs all permissions;
 * development only.
 *
 * @example
 * ```sh
 * deno run -A tools/bundle.ts dist/bundle && deno run --no-config -A dist/bundle/wharf.js --version
 * ```
 *
 * @module
 */

import type { BuildFacts } from "../lib/cli/mod.ts";
import { filePath, ROOT } from "./child.ts";
import { denoArgs } from "./deno.ts";
import { buildDate, ENTRY, entryText } from "./release.ts";

/** What a bundle is. */
export interface Bundle {
  /** What it was built of. */
  readonly build: BuildFacts;
  /** How many files it has. */
  readonly files: number;
  /** The sum of their sizes. */
  readonly bytes: number;
}

/**
 * Bundles what is checked out.
 *
 * @param directory Folder for the bundle; made where it is not there; an earlier bundle in it is replaced.
 * @throws {Error} With what Deno or git wrote, where it fails.
 */
export async function makeBundle(directory: string): Promise<Bundle> {
  const build = await buildFacts();
  const stage = await Deno.makeTempDir({ prefix: "wharf-bundle-" });
  try {
    const entry = `${stage}/${ENTRY.replace(/\.js$/, ".ts")}`;
    await Deno.writeTextFile(entry, entryText(new URL("main.ts", ROOT).href, build));
    await clear(directory);
    await output(Deno.execPath(), [
      ...await denoArgs(["bundle", "-q", "--config", filePath(new URL("deno.json", ROOT))]),
      // What a command does not use is not read, as from source: that is a third of its start.
      ...["--code-splitting", "--minify", "--keep-names", "--outdir", directory, entry],
    ]);
  } finally {
    await Deno.remove(stage, { recursive: true });
  }
  const sizes: number[] = [];
  for await (const { name } of Deno.readDir(directory)) {
    sizes.push((await Deno.stat(`${directory}/${name}`)).size);
  }
  return { build, files: sizes.length, bytes: sizes.reduce((sum, size) => sum + size, 0) };
}

/** The commit that is checked out, and today. */
async function buildFacts(): Promise<BuildFacts> {
  return {
    commit: await checkedOut(),
    date: buildDate(Deno.env.get("SOURCE_DATE_EPOCH"), new Date()),
  };
}

/** The commit; a tree that came without git's history has none. */
async function checkedOut(): Promise<string> {
  try {
    const commit = (await output("git", ["rev-parse", "HEAD"])).trim();
    const changes = await output("git", ["status", "--porcelain", "--untracked-files=no"]);
    return changes === "" ? commit : `${commit}-dirty`;
  } catch {
    return "unknown";
  }
}

/** Removes an earlier bundle, and nothing else. */
async function clear(directory: string): Promise<void> {
  const names = await Array.fromAsync(Deno.readDir(directory), ({ name }) => name)
    .catch((): string[] => []);
  if (names.length > 0 && !names.includes(ENTRY)) {
    throw new Error(`Cannot bundle into "${directory}": it is a folder of something else`);
  }
  await Deno.remove(directory, { recursive: true }).catch(() => {});
}

/** Runs a command in the root; its output where it ends well. */
async function output(program: string, args: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(`Cannot run "${program}": ${decoder.decode(stderr).trim()}`);
  return decoder.decode(stdout);
}

if (import.meta.main) {
  const directory = Deno.args[0] ?? filePath(new URL("dist/bundle", ROOT));
  const { build, files, bytes } = await makeBundle(directory);
  const line = `${directory}: ${files} files, ${bytes} bytes, commit ${build.commit}\n`;
  await Deno.stdout.write(new TextEncoder().encode(line));
}

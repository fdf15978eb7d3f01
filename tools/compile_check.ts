/**
 * `deno task compile:check`: what can be shown of a binary where Deno's runtime for binaries cannot
 * be fetched. The bundle packs, here into Deno itself as a stand-in, and the tests of the bundle
 * run it alone. The last line is `N passed, N failed`. Needs all permissions; development only.
 *
 * @module
 */

import { countTests } from "./child.ts";
import { compile, makeStage } from "./compile.ts";
import { formatCounts } from "./counts.ts";
import { bakedOptions } from "./release.ts";

/** The tests that run the bundle. */
export const TESTS = ["tests/integration/bundle_test.ts"];

/**
 * Says how large the bundle is and what it adds to the runtime, with what it carries.
 *
 * @param say Takes a line.
 * @returns Whether it packs.
 */
export async function showPacking(say: (line: string) => void): Promise<boolean> {
  const stage = await makeStage();
  try {
    const files = await Array.fromAsync(
      Deno.readDir(`${stage}/bundle`),
      async ({ name }) => (await Deno.stat(`${stage}/bundle/${name}`)).size,
    );
    say(`bundle: ${files.length} files, ${megabytes(files.reduce((sum, size) => sum + size, 0))}`);
    const path = `${stage}/wharf`;
    const runtime = Deno.env.get("DENORT_BIN") ?? Deno.execPath();
    const problem = await compile(stage, { target: Deno.build.target, path }, { runtime });
    if (problem !== undefined) {
      say(problem);
      return false;
    }
    const bytes = await Deno.readFile(path);
    const { size } = await Deno.stat(runtime);
    say(`packed: adds ${megabytes(bytes.length - size)} to a runtime of ${megabytes(size)}`);
    const baked = bakedOptions(bytes);
    for (const [name, value] of Object.entries(baked?.permissions ?? {})) {
      if (value !== null) say(`  ${name}: ${shown(value)}`);
    }
    return baked !== undefined;
  } finally {
    await Deno.remove(stage, { recursive: true });
  }
}

/** An empty list of Deno's stands for everything. */
function shown(value: unknown): string {
  if (!Array.isArray(value)) return String(value);
  return value.length === 0 ? "all" : value.join(" ");
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(2)} MB`;
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

if (import.meta.main) {
  const packs = await showPacking(say);
  const counts = await countTests(["-q", "-P=integration", ...TESTS]);
  const failed = counts.failed + (packs ? 0 : 1);
  say(formatCounts({ ...counts, failed }));
  if (failed > 0 || counts.passed === 0) Deno.exitCode = 1;
}

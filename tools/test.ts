/**
 * `deno task test`: the unit tests without any permission, then the integration tests against real
 * programs. The last line is `N passed, N failed`, with `, N skipped` where a program was missing.
 * Needs all permissions; development only.
 *
 * @example
 * ```sh
 * deno task test              # all
 * deno task test unit         # or: deno task test:unit
 * deno task test integration --filter=tags
 * deno task test unit tests/oci
 * ```
 *
 * @module
 */

import { countTests } from "./child.ts";
import { addCounts, type Counts, formatCounts } from "./counts.ts";
import { ensurePrerequisites } from "./prerequisites.ts";

const SUITES: Readonly<Record<string, (extra: readonly string[]) => Promise<Counts>>> = {
  unit: (extra) => {
    const files = hasPaths(extra) ? [] : ["--doc", "tests", "lib", "mod.ts"];
    return countTests(["-q", "-P", "--parallel", ignored, ...extra, ...files]);
  },
  integration: async (extra) => {
    await ensurePrerequisites();
    const files = hasPaths(extra) ? [] : ["tests/integration"];
    return await countTests(["-q", "-P=integration", ...extra, ...files]);
  },
};

/** Integration tests have their own run. */
const ignored = "--ignore=tests/integration";

/** Whether the arguments name files, which then are all that runs; `--filter=x` is one argument. */
function hasPaths(args: readonly string[]): boolean {
  return args.some((arg) => !arg.startsWith("-"));
}

if (import.meta.main) {
  const [first = ""] = Deno.args;
  const named = Object.hasOwn(SUITES, first);
  const chosen = named ? [first] : Object.keys(SUITES);
  const extra = named ? Deno.args.slice(1) : Deno.args;
  const runs: Counts[] = [];
  for (const name of chosen) {
    const suite = SUITES[name];
    if (suite !== undefined) runs.push(await suite(extra));
  }
  const counts = addCounts(runs);
  const nothing = counts.passed + counts.failed === 0;
  Deno.stdout.writeSync(new TextEncoder().encode(`${formatCounts(counts)}\n`));
  if (counts.failed > 0 || nothing) Deno.exitCode = 1;
}

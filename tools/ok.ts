/**
 * `deno task ok`, the one gate: format, lint, types, documentation, unit tests with coverage, and
 * what publishing would say. Every step runs, also after one that failed; the last line is
 * `N passed, N failed` over the steps. Needs all permissions; development only.
 *
 * @module
 */

import { countTests, deno, filePath, ROOT, run } from "./child.ts";
import { formatCounts } from "./counts.ts";
import { coverageByFolder, formatCoverage, isTooLow } from "./coverage.ts";

/** What the compiler looks at. */
const CHECKED = ["main.ts", "mod.ts", "host.ts", "lib", "tests", "tools"];

/** The steps, in the order of how fast they fail. */
const STEPS: readonly { readonly name: string; readonly run: () => Promise<boolean> }[] = [
  { name: "format", run: () => run([Deno.execPath(), "fmt", "-q", "--check"]) },
  { name: "lint", run: () => run([Deno.execPath(), "lint", "-q"]) },
  { name: "types", run: () => deno(["check", "-q", ...CHECKED]) },
  { name: "documentation", run: () => deno(["doc", "-q", "--lint", "mod.ts", "host.ts"]) },
  { name: "unit tests and coverage", run: covered },
  { name: "publish", run: () => deno(["publish", "-q", "--dry-run", "--allow-dirty"]) },
];

/** Runs the unit tests and reports how much of each folder they reach. */
async function covered(): Promise<boolean> {
  const directory = await Deno.makeTempDir({ prefix: "wharf-coverage-" });
  const loader = `${directory}/load_test.ts`;
  const report = `${directory}/lcov.info`;
  try {
    await writeLoader(loader);
    const counts = await countTests([
      "-q",
      "-P",
      "--parallel",
      "--doc",
      `--coverage=${directory}/raw`,
      "--coverage-raw-data-only",
      ...await unitTests(),
      "lib",
      "mod.ts",
      loader,
    ]);
    if (counts.passed === 0) return false;
    const written = await deno([
      "coverage",
      "-q",
      "--lcov",
      `--output=${report}`,
      `--include=${new URL("lib/", ROOT)}`,
      `${directory}/raw`,
    ]);
    if (!written) return false;
    const rows = coverageByFolder(await Deno.readTextFile(report), filePath(ROOT));
    for (const line of formatCoverage(rows)) say(line);
    return counts.failed === 0 && counts.passed > 0 && !rows.some(isTooLow);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** What is below `tests` but for the integration tests; with a file elsewhere, --ignore fails. */
async function unitTests(): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(new URL("tests/", ROOT)));
  return entries.filter(({ name, isDirectory }) =>
    isDirectory ? name !== "integration" : name.endsWith("_test.ts")
  ).map(({ name }) => `tests/${name}`);
}

/**
 * Writes a test that loads every file of `lib`, so that one that no other test loads is in the
 * report too.
 */
async function writeLoader(path: string): Promise<void> {
  const files = await sources(new URL("lib/", ROOT));
  const imports = files.map((file) => `import ${JSON.stringify(file)};`);
  await Deno.writeTextFile(path, [...imports, 'Deno.test("lib loads", () => {});'].join("\n"));
}

async function sources(folder: URL): Promise<string[]> {
  const files: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) files.push(...await sources(new URL(`${name}/`, folder)));
    else if (name.endsWith(".ts")) files.push(new URL(name, folder).href);
  }
  return files.sort();
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

if (import.meta.main) {
  const failed: string[] = [];
  for (const step of STEPS) {
    say(`== ${step.name}`);
    if (!(await step.run())) failed.push(step.name);
  }
  if (failed.length > 0) say(`failed: ${failed.join(", ")}`);
  say(
    formatCounts({ passed: STEPS.length - failed.length, failed: failed.length, skipped: 0 }),
  );
  if (failed.length > 0) Deno.exitCode = 1;
}

/**
 * The client scenarios of the official conformance suite, run against `wharf call --url`. Started by
 * itself it prints a table of them in Markdown. Needs all permissions, and npm for the suite.
 *
 * @example
 * ```sh
 * deno run -A -q tools/deno.ts run -q -A tests/integration/client_conformance.ts
 * ```
 *
 * @module
 */

import { suite, withFolder } from "./conformance_suite.ts";

const CLIENT = new URL("./conformance_client.ts", import.meta.url).pathname;
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;

/** Runs at once; each is a suite, a client and a Wharf. */
const AT_ONCE = 2;

/** Scenarios that measure time, and are run when nothing else is. */
const TIMED: ReadonlySet<string> = new Set(["sse-retry"]);

/** A scenario of the suite. */
export interface Scenario {
  /** Its name. */
  readonly name: string;
  /** Versions of MCP that it belongs to, or `draft`, or `extension`. */
  readonly versions: string;
}

/** How a scenario went. */
export interface ScenarioRun extends Scenario {
  /** Whether the suite says that it passed. */
  readonly passed: boolean;
  /** Checks, as the suite counts them: `14/14`. */
  readonly checks: string;
  /** What the suite and the client wrote. */
  readonly output: string;
}

/** The client scenarios of the suite, in its order. */
export async function clientScenarios(): Promise<readonly Scenario[]> {
  const output = await withFolder((folder) => suite(["list", "--client"], folder));
  return [...output.matchAll(/^\s+- (\S+) \[(.*)\]$/gm)].map(([, name = "", versions = ""]) => ({
    name,
    versions: versions.replaceAll(",", ", "),
  }));
}

/**
 * Runs scenarios.
 *
 * @param scenarios Which.
 * @returns How they went, in the same order.
 */
export async function runScenarios(
  scenarios: readonly Scenario[],
): Promise<readonly ScenarioRun[]> {
  const runs = new Map<string, ScenarioRun>();
  const timed = scenarios.filter(({ name }) => TIMED.has(name));
  for (const scenario of timed) runs.set(scenario.name, await run(scenario));
  const others = scenarios.filter(({ name }) => !TIMED.has(name)).values();
  const work = async () => {
    for (const scenario of others) runs.set(scenario.name, await run(scenario));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return scenarios.flatMap(({ name }) => runs.get(name) ?? []);
}

/**
 * A table for people, in Markdown.
 *
 * @param runs How the scenarios went.
 */
export function scenarioTable(runs: readonly ScenarioRun[]): string {
  const rows = runs.map(({ name, versions, passed, checks, output }) => {
    // Some servers of the suite have to be refused.
    const code = /^Client exited with code (\d+)/m.exec(output)?.[1];
    const refused = code === undefined ? "" : `, ended with exit code ${code}`;
    return `| \`${name}\` | ${passed ? "pass" : "FAIL"} | ${checks}${refused}; ${versions} |`;
  });
  return ["| scenario | result | note |", "| --- | --- | --- |", ...rows].join("\n");
}

async function run(scenario: Scenario): Promise<ScenarioRun> {
  const command = `"${Deno.execPath()}" run -A -q --no-check --config "${CONFIG}" "${CLIENT}"`;
  const output = await withFolder((folder) =>
    suite(["client", "--command", command, "--scenario", scenario.name], folder)
  );
  const [, checks = "none"] = /^Passed: (\d+\/\d+), \d+ failed, \d+ warnings$/m.exec(output) ?? [];
  const isWhole = /^Passed: ([1-9]\d*)\/\1, 0 failed, 0 warnings$/m.test(output);
  const passed = isWhole && /^\S+ OVERALL: PASSED$/m.test(output);
  return { ...scenario, passed, checks, output };
}

if (import.meta.main) {
  const table = scenarioTable(await runScenarios(await clientScenarios()));
  await Deno.stdout.write(new TextEncoder().encode(`${table}\n`));
}

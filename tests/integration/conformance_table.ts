/**
 * Prints the table of the conformance suite as Markdown: every server scenario, asked directly and
 * through Wharf with the server as a process, in a container and remote. Needs all permissions, npm
 * for the suite, podman and a real registry.
 *
 * @example
 * ```sh
 * deno run -A tools/deno.ts run -A tests/integration/conformance_table.ts
 * ```
 *
 * @module
 */

import { openRoute, ROUTES } from "./conformance_routes.ts";
import { serveConformance } from "./conformance_server.ts";
import { runServerScenarios, type ScenarioResult, WARNED } from "./conformance_suite.ts";

type Column = readonly [heading: string, results: ReadonlyMap<string, ScenarioResult>];

async function columns(): Promise<readonly Column[]> {
  const all: Column[] = [];
  {
    await using server = serveConformance(0);
    all.push(["direct", await runServerScenarios(server.url)]);
  }
  for (const route of ROUTES) {
    await using open = await openRoute(route);
    all.push([route, await runServerScenarios(open.mcp)]);
  }
  return all;
}

function cell(result: ScenarioResult | undefined): string {
  if (result === undefined) return "not run";
  const { passed, failed, warnings, reasons } = result;
  const warned = warnings === 0 ? "" : `, ${warnings} warned`;
  if (passed + failed === 0) return `nothing failed (nothing checked${warned})`;
  const checks = `${passed} of ${passed + failed}`;
  // What a server says may hold what ends a cell.
  const why = failed === 0 ? "" : `: ${reasons.join("; ").replaceAll("|", "\\|")}`;
  return `${failed === 0 ? "pass" : "**fail**"} (${checks}${warned})${why}`;
}

if (import.meta.main) {
  const all = await columns();
  const names = [...new Set(all.flatMap(([, results]) => [...results.keys()]))];
  const rows = [
    ["scenario", ...all.map(([heading]) => heading)],
    ["---", ...all.map(() => "---")],
    ...names.map((name) => [name, ...all.map(([, results]) => cell(results.get(name)))]),
  ];
  const table = rows.map((row) => `| ${row.join(" | ")} |\n`).join("");
  const notes = Object.entries(WARNED).map(([name, { why }]) =>
    `\n${name} is warned of: ${why}.\n`
  );
  await Deno.stdout.write(new TextEncoder().encode(table + notes.join("")));
}

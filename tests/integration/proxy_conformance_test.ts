/**
 * The official conformance suite against Wharf with a server behind it, under an empty prefix:
 * what the server passes when it is asked directly passes through Wharf, be the server a process, a
 * container or remote. Needs all permissions, npm for the suite, and for the container podman and a
 * real registry.
 *
 * @module
 */

import assert from "node:assert/strict";
import { openRoute, type Route } from "./conformance_routes.ts";
import { serveConformance } from "./conformance_server.ts";
import { runServerScenarios, type ScenarioResult, serverScenarios } from "./conformance_suite.ts";
import { integrationTest, type NeedName } from "./needs.ts";

/** Scenarios in which the suite warns of the server itself, how often, and why. */
const WARNED: Readonly<Record<string, { readonly warnings: number; readonly why: string }>> = {
  "server-sse-polling": {
    warnings: 2,
    why: "the suite says that it speaks 2025-03-26, which has no events to begin a stream with, " +
      "so that the SDK sends none",
  },
};

const NEEDS: Readonly<Record<Route, readonly NeedName[]>> = {
  process: [],
  container: ["docker-registry", "podman", "runc"],
  remote: [],
};

let expected: Promise<ReadonlyMap<string, ScenarioResult>> | undefined;

/** What the server passes when it is asked directly, found once. */
function direct(): Promise<ReadonlyMap<string, ScenarioResult>> {
  return expected ??= (async () => {
    await using server = serveConformance(0);
    return await runServerScenarios(server.url);
  })();
}

Deno.test("the server for tests passes every scenario of the suite, asked directly", async () => {
  const results = await direct();
  assert.deepEqual([...results.keys()].toSorted(), (await serverScenarios()).toSorted());
  const complaints = [...results].filter(([, { failed, warnings }]) => failed + warnings > 0);
  assert.deepEqual(
    complaints.map(([name, { failed, warnings }]) => ({ name, failed, warnings })),
    Object.entries(WARNED).map(([name, { warnings }]) => ({ name, failed: 0, warnings })),
  );
});

for (const [route, needs] of Object.entries(NEEDS)) {
  integrationTest(`what passes directly passes through Wharf, with a server as ${route}`, {
    needs,
  }, async () => {
    const before = await direct();
    // The keys of NEEDS are routes; Object.entries() tells them as strings.
    await using open = await openRoute(route as Route);
    const results = await runServerScenarios(open.mcp);
    const worse = [...before].flatMap(([name, { failed, warnings }]) => {
      const result = results.get(name);
      if (result === undefined) return failed === 0 ? [`${name}: not run`] : [];
      const isSame = failed > 0 || (result.failed === 0 && result.warnings <= warnings);
      return isSame ? [] : [`${name}: ${result.reasons.join("; ")}`];
    });
    assert.deepEqual(worse, [], `worse than direct:\n${worse.join("\n")}\n${open.stderr()}`);
  });
}

/**
 * The official conformance suite against `wharf call --url`: the handshake, calls, questions with
 * defaults, streams that are resumed, and every way of signing in at the suite's own authorization
 * servers. Needs all permissions, and npm for the suite.
 *
 * @module
 */

import assert from "node:assert/strict";
import { clientScenarios, runScenarios, scenarioTable } from "./client_conformance.ts";

/** Scenarios that the release note names; the suite has no fewer. */
const KNOWN = ["initialize", "tools_call", "elicitation-sep1034-client-defaults", "sse-retry"];
const LEAST = 26;

Deno.test("wharf call --url passes every client scenario of the conformance suite", async (t) => {
  const scenarios = await clientScenarios();
  const names = scenarios.map(({ name }) => name);
  assert.deepEqual(KNOWN.filter((name) => !names.includes(name)), []);
  assert.ok(scenarios.length >= LEAST, `the suite lists ${scenarios.length} scenarios`);
  const runs = await runScenarios(scenarios);
  for (const { name, passed, output } of runs) {
    await t.step(name, () => assert.ok(passed, output.slice(-3000)));
  }
  assert.equal(scenarioTable(runs).split("\n").length, scenarios.length + 2);
});

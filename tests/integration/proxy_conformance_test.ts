/**
 * The official conformance suite against Wharf with a server behind it, under an empty prefix:
 * what the server passes when it is asked directly passes through Wharf, be the server a process, a
 * container or remote. Needs all permissions, npm for the suite, and for the container podman and a
 * real registry.
 *
 * @module
 */

import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { type Answers, answersOf } from "./conformance_answers.ts";
import { openRoute, type Route, ROUTES } from "./conformance_routes.ts";
import { serveConformance } from "./conformance_server.ts";
import {
  runServerScenarios,
  type ScenarioResult,
  serverScenarios,
  WARNED,
} from "./conformance_suite.ts";
import { integrationTest, type NeedName } from "./needs.ts";

const NEEDS: Readonly<Record<Route, readonly NeedName[]>> = {
  process: [],
  container: ["docker-registry", "podman", "runc"],
  remote: [],
};

/** What there is to find by asking the server directly. */
interface Direct {
  readonly results: ReadonlyMap<string, ScenarioResult>;
  readonly answers: Answers;
}

let found: Promise<Direct> | undefined;

/** Asks the server directly, once. */
function direct(): Promise<Direct> {
  return found ??= (async () => {
    await using server = serveConformance(0);
    return {
      results: await runServerScenarios(server.url),
      answers: await answersOf(server.url),
    };
  })();
}

Deno.test("the server for tests passes every scenario of the suite, asked directly", async () => {
  const { results } = await direct();
  assert.deepEqual([...results.keys()].toSorted(), (await serverScenarios()).toSorted());
  const complaints = [...results].filter(([, { failed, warnings }]) => failed + warnings > 0);
  assert.deepEqual(
    complaints.map(([name, { failed, warnings }]) => ({ name, failed, warnings })),
    Object.entries(WARNED).map(([name, { warnings }]) => ({ name, failed: 0, warnings })),
  );
});

for (const route of ROUTES) {
  integrationTest(`what passes directly passes through Wharf, with the server as ${route}`, {
    needs: NEEDS[route],
  }, async (t) => {
    const before = await direct();
    await using open = await openRoute(route);
    await t.step("the suite finds no more to fault", async () => {
      const results = await runServerScenarios(open.mcp);
      const worse = [...before.results].flatMap(([name, { failed, warnings }]) => {
        const result = results.get(name);
        if (result === undefined) return [`${name}: not run`];
        const isSame = failed > 0 || (result.failed === 0 && result.warnings <= warnings);
        return isSame ? [] : [`${name}: ${result.reasons.join("; ")}`];
      });
      assert.deepEqual(worse, [], open.stderr());
    });
    await t.step("all answers are the same", async () => {
      const answers = await answersOf(open.mcp);
      const differing = Object.keys(before.answers)
        .filter((name) => !isDeepStrictEqual(answers[name], before.answers[name]));
      const of = (all: Answers) => Object.fromEntries(differing.map((name) => [name, all[name]]));
      assert.deepEqual(of(answers), of(before.answers));
    });
  });
}

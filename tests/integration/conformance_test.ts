/**
 * The official conformance suite against Wharf over HTTP with nothing behind it. What the suite
 * wants of tools, prompts and resources of its own is run by `proxy_conformance_test.ts`, with a
 * server that has them. Needs all permissions, and npm for the suite.
 *
 * @module
 */

import assert from "node:assert/strict";
import { runServerScenarios } from "./conformance_suite.ts";
import { startWharf } from "./wharf.ts";

/** Scenarios that a server can pass without the suite's own tools, prompts and resources. */
const APPLICABLE: readonly string[] = [
  "server-initialize",
  "ping",
  "tools-list",
  "prompts-list",
  "resources-list",
  "completion-complete",
  "logging-set-level",
  "dns-rebinding-protection",
  "server-sse-polling",
  "server-sse-multiple-streams",
];

Deno.test("Wharf alone passes the scenarios of the conformance suite that apply to it", async () => {
  await using server = await startWharf();
  const results = await runServerScenarios(server.mcp);
  assert.deepEqual(
    APPLICABLE.filter((name) => results.get(name)?.failed !== 0)
      .map((name) => [name, results.get(name)?.reasons]),
    [],
  );
});

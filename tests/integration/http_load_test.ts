/**
 * Many sessions at once, for a moment; `deno task bench` does it for half a minute and measures.
 * Needs all permissions.
 *
 * @module
 */

import assert from "node:assert/strict";
import { runLoad } from "../bench/load_clients.ts";
import { startWharf } from "./wharf.ts";

Deno.test("50 sessions that call tools get each answer once, and leave nothing behind", async () => {
  await using server = await startWharf(["--rate-limit", "0", "--log-level", "error"]);
  const { answered, lost, errors } = await runLoad({
    url: server.mcp,
    sessions: 50,
    durationMs: 3000,
  });
  assert.deepEqual([...errors], []);
  assert.equal(lost, 0);
  assert.ok(answered >= 50, `${answered} answers`);
  const metrics = await (await fetch(new URL("/metrics", server.mcp))).text();
  assert.match(metrics, /^wharf_sessions 0$/m);
  const told = [...metrics.matchAll(/^wharf_tool_calls_total\{.*outcome="done"\} (\d+)$/gm)]
    .reduce((sum, [, count]) => sum + Number(count), 0);
  assert.equal(told, answered);
});

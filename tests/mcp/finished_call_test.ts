/**
 * What is told of calls of tools once they have ended. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { z } from "zod";
import { AppError } from "../../lib/core/errors.ts";
import { createInventory } from "../../lib/mcp/inventory.ts";
import type { FinishedCall } from "../../lib/mcp/mod.ts";
import { Server } from "../../lib/mcp/protocol.ts";
import { type BoundTool, defineTool } from "../../lib/mcp/tool.ts";
import { makeProxyWorld } from "../gateway/proxy_world.ts";
import { Client, InMemoryTransport } from "../sdk.ts";

/** A tool that does what a test wants. */
function toolOf(name: string, call: BoundTool["call"]): BoundTool {
  const tool = defineTool({
    name,
    title: name,
    toolset: "oci",
    description: name,
    annotations: {
      readOnlyHint: true,
      destructiveHint: false,
      idempotentHint: true,
      openWorldHint: false,
    },
    input: z.strictObject({}),
    output: z.object({}),
    handle: () => Promise.resolve({ structured: {}, text: "" }),
  });
  return { ...tool.bind({}), call };
}

Deno.test("each call is told once, with its caller, its time and how it ended", async () => {
  const waiting = Promise.withResolvers<void>();
  await using world = makeProxyWorld();
  const { clock, log, proxy } = world;
  const inventory = createInventory({
    tools: [
      toolOf("slow", async () => {
        await clock.advance(1500);
        return { content: [] };
      }),
      toolOf("faulty", () => Promise.reject(new AppError("NOT_FOUND", "Cannot find it"))),
      toolOf("waits", (_args, { signal }) => {
        waiting.resolve();
        return new Promise((_, reject) =>
          signal.addEventListener("abort", () => reject(signal.reason), { once: true })
        );
      }),
    ],
    prompts: [],
    templates: [],
  });
  const upstream = await world.add("memory", {
    answers: { "tools/call": () => ({ content: [], isError: true }) },
  });
  const calls: FinishedCall[] = [];
  const server = new Server({
    info: { name: "wharf", version: "1" },
    instructions: "",
    inventory,
    proxy,
    clock,
    log,
    user: "ada",
    onCall: (call) => calls.push(call),
  });
  const client = new Client({ name: "test", version: "2" });
  const [ours, theirs] = InMemoryTransport.createLinkedPair();
  await Promise.all([server.connect(ours), client.connect(theirs)]);

  await client.callTool({ name: "slow", arguments: { a: 1 } });
  await client.callTool({ name: "faulty" });
  await assert.rejects(client.callTool({ name: "nothing" }));
  const [offered] = proxy.list("tools");
  await client.callTool({ name: String(offered?.definition.name) });
  assert.ok(upstream.received.some(({ method }) => method === "tools/call"));
  const caller = new AbortController();
  const cancelled = client.callTool({ name: "waits" }, undefined, { signal: caller.signal });
  await waiting.promise;
  caller.abort();
  await assert.rejects(cancelled);
  await client.ping();

  const [slow, faulty, unknown, proxied, waits] = calls;
  assert.equal(calls.length, 5);
  assert.deepEqual(slow, {
    tool: "slow",
    isKnown: true,
    outcome: "done",
    tookMs: 1500,
    caller: { client: "test 2", transport: "stdio", user: "ada" },
    arguments: { a: 1 },
  });
  assert.deepEqual([faulty?.outcome, faulty?.code], ["failed", "NOT_FOUND"]);
  assert.deepEqual([unknown?.isKnown, unknown?.outcome], [false, "failed"]);
  assert.deepEqual([proxied?.server, proxied?.isKnown, proxied?.outcome], [
    "ours/memory",
    true,
    "failed",
  ]);
  assert.equal(waits?.outcome, "cancelled");
  await client.close();
  await server.close();
});

/**
 * Tests of lib/gateway/definitions.ts. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { AppError } from "../../lib/core/errors.ts";
import {
  collectDefinitions,
  type CollectOptions,
  type Definitions,
  NO_DEFINITIONS,
} from "../../lib/gateway/definitions.ts";
import { type JsonObject, type RpcCall, RpcError } from "../../lib/rpc/mod.ts";
import { FakeClock } from "../fake_clock.ts";
import { rejection } from "./scripted_server.ts";

type Lists = Readonly<Record<string, (cursor: unknown, page: number) => unknown>>;

/** Collects from scripted lists; says what was asked. */
function collect(
  lists: Lists,
  options: CollectOptions,
  clock = new FakeClock(),
): { asked: RpcCall[]; result: Promise<Definitions> } {
  const asked: RpcCall[] = [];
  const result = collectDefinitions({
    clock,
    name: "memory",
    ask: async (call, { action }) => {
      asked.push(call);
      const list = lists[call.method];
      if (list === undefined) {
        throw new RpcError({ code: -32601, message: "Method not found" }, { action });
      }
      const page = asked.filter(({ method }) => method === call.method).length - 1;
      return await list(call.params?.cursor, page) as JsonObject; // a scripted answer
    },
  }, options);
  return { asked, result };
}

function tool(name: string): JsonObject {
  return { name, inputSchema: { type: "object" } };
}

async function failure(
  lists: Lists,
  options: Partial<CollectOptions> = {},
): Promise<{ error: AppError; asked: number }> {
  const { asked, result } = collect(lists, { kinds: ["tools"], ...options });
  const error = await rejection(result);
  assert.ok(error instanceof AppError);
  assert.match(error.message, /^Cannot list the tools of "memory": /);
  assert.ok(error.hint !== undefined);
  return { error, asked: asked.length };
}

Deno.test("collectDefinitions() follows the pages of every list, and keeps unknown members", async () => {
  const icons = [{ src: "data:," }];
  const { asked, result } = collect({
    "tools/list": (cursor) =>
      cursor === undefined
        ? { tools: [{ ...tool("a"), icons, _meta: { x: 1 } }], nextCursor: "2" }
        : { tools: [tool("b")] },
    "prompts/list": () => ({ prompts: [{ name: "p" }], nextCursor: null }),
    "resources/list": () => ({ resources: [{ uri: "file:///x", name: "x" }] }),
    "resources/templates/list": () => ({ resourceTemplates: [{ uriTemplate: "x://{id}" }] }),
  }, { kinds: ["tools", "prompts", "resources", "templates"] });
  assert.deepEqual(await result, {
    tools: [{ ...tool("a"), icons, _meta: { x: 1 } }, tool("b")],
    prompts: [{ name: "p" }],
    resources: [{ uri: "file:///x", name: "x" }],
    templates: [{ uriTemplate: "x://{id}" }],
    notes: [],
  });
  assert.deepEqual(asked.slice(0, 2), [
    { method: "tools/list" },
    { method: "tools/list", params: { cursor: "2" } },
  ]);
});

Deno.test("collectDefinitions() asks only for what it is told to, and keeps the rest", async () => {
  const previous = {
    ...NO_DEFINITIONS,
    tools: [{ name: "old" }],
    prompts: [{ name: "p" }],
    notes: ["tools: one has no valid name, and is left out", "prompts: odd"],
  };
  const { asked, result } = collect({ "tools/list": () => ({ tools: [tool("new")] }) }, {
    kinds: ["tools"],
    previous,
  });
  assert.deepEqual(await result, { ...previous, tools: [tool("new")], notes: ["prompts: odd"] });
  assert.equal(asked.length, 1);
  assert.deepEqual(await collect({}, { kinds: [] }).result, NO_DEFINITIONS);
});

Deno.test("collectDefinitions() ends a list that repeats a cursor", async () => {
  const same = await failure({ "tools/list": () => ({ tools: [], nextCursor: "again" }) });
  assert.equal(same.error.code, "BAD_RESPONSE");
  assert.match(same.error.message, /the list has no end/);
  assert.equal(same.asked, 2);
  const round = await failure({
    "tools/list": (_, page) => ({ tools: [], nextCursor: `${page % 3}` }),
  });
  assert.equal(round.asked, 4);
});

Deno.test("collectDefinitions() ends a list whose cursors grow for ever", async () => {
  const pages = await failure({
    "tools/list": (_, page) => ({ tools: [tool(`t${page}`)], nextCursor: `${page}` }),
  });
  assert.equal(pages.error.code, "TOO_LARGE");
  assert.match(pages.error.message, /does not end within 200 pages/);
  assert.equal(pages.asked, 200);
  const long = await failure({
    "tools/list": (cursor) => ({ tools: [], nextCursor: `${cursor ?? "x"}`.repeat(2) }),
  });
  assert.match(long.error.message, /cursor is longer than 65536 characters/);
  assert.ok(long.asked <= 18);
});

Deno.test("collectDefinitions() refuses 100,000 tools, on one page or on many", async () => {
  const all = Array.from({ length: 100_000 }, (_, index) => tool(`t${index}`));
  const one = await failure({ "tools/list": () => ({ tools: all }) });
  assert.equal(one.error.code, "TOO_LARGE");
  assert.match(one.error.message, /it has more than 1000$/);
  const many = await failure({
    "tools/list": (_, page) => ({
      tools: all.slice(page * 600, page * 600 + 600),
      nextCursor: `${page}`,
    }),
  });
  assert.equal(many.asked, 2);
});

Deno.test("collectDefinitions() refuses definitions that are too large in all", async () => {
  const large = (name: string) => ({ ...tool(name), description: "x".repeat(1000) });
  const { error } = await failure({
    "tools/list": () => ({ tools: ["a", "b", "c"].map(large) }),
  }, { limits: { maxBytes: 2_500 } });
  assert.equal(error.code, "TOO_LARGE");
  assert.match(error.message, /more than 2500 bytes/);
  const { result } = collect({
    "tools/list": () => ({ tools: [large("a")] }),
    "prompts/list": () => ({ prompts: ["b", "c"].map(large) }),
  }, { kinds: ["tools", "prompts"], limits: { maxBytes: 2_500 } });
  const { tools, prompts, notes } = await result;
  assert.equal(tools.length, 1);
  assert.equal(prompts.length, 1, "what came before the limit stays");
  assert.match(notes[0] ?? "", /^prompts: Cannot list the prompts of "memory": .* 2500 bytes$/);
});

Deno.test("collectDefinitions() refuses answers of another shape", async () => {
  for (const answer of [{}, { tools: {} }, { tools: "x" }, { tools: null }]) {
    const { error } = await failure({ "tools/list": () => answer });
    assert.equal(error.code, "BAD_RESPONSE");
    assert.match(error.message, /no list "tools"/);
  }
  const { error } = await failure({ "tools/list": () => ({ tools: [], nextCursor: 5 }) });
  assert.match(error.message, /the cursor is not a text/);
});

Deno.test("collectDefinitions() notes faults of single tools, and keeps what can be called", async () => {
  const { result } = collect({
    "tools/list": () => ({
      tools: [
        tool("a"),
        { name: "bare" },
        { ...tool("a"), description: "another" },
        { name: "" },
        { name: 5 },
        { name: "x".repeat(10_000) },
        null,
        "text",
        [],
      ],
    }),
  }, { kinds: ["tools"] });
  const { tools, notes } = await result;
  assert.deepEqual(tools, [tool("a"), { name: "bare" }]);
  assert.deepEqual(notes, [
    'tools: "bare" has no inputSchema',
    'tools: "a" comes twice, the first counts',
    ...Array(6).fill("tools: one has no valid name, and is left out"),
  ]);
});

Deno.test("collectDefinitions() tells so many notes, and then their number", async () => {
  const { result } = collect({ "tools/list": () => ({ tools: Array(5_000).fill(null) }) }, {
    kinds: ["tools"],
  });
  const { notes } = await result;
  assert.equal(notes.length, 21);
  assert.equal(notes[20], "tools: and 4980 more such faults");
});

Deno.test("collectDefinitions() goes on without lists that a server declares and does not have", async () => {
  const { result } = collect({
    "tools/list": () => ({ tools: [tool("a")] }),
    "resources/list": (_, page) => ({
      resources: [{ uri: `x://${page}` }],
      nextCursor: `${page % 2}`,
    }),
  }, { kinds: ["tools", "prompts", "resources", "templates"] });
  const { tools, resources, notes } = await result;
  assert.equal(tools.length, 1);
  assert.equal(resources.length, 3);
  assert.deepEqual(notes, [
    'prompts: Cannot list the prompts of "memory": Method not found',
    'resources: Cannot list the resources of "memory": the list has no end: page 3 gives a cursor again',
    'templates: Cannot list the templates of "memory": Method not found',
  ]);
});

Deno.test("collectDefinitions() passes on that the server is gone", async () => {
  const gone = new AppError("UNAVAILABLE", "Cannot list: it ended", { retryable: true });
  const { result } = collect({ "prompts/list": () => Promise.reject(gone) }, {
    kinds: ["prompts"],
  });
  assert.equal(await rejection(result), gone);
  const cancelled = new AppError("CANCELLED", "Cannot finish: the call was cancelled");
  const { result: other } = collect({ "prompts/list": () => Promise.reject(cancelled) }, {
    kinds: ["prompts"],
  });
  assert.equal(await rejection(other), cancelled);
});

Deno.test("collectDefinitions() ends a list that drips", async () => {
  const clock = new FakeClock();
  const slow = async (_: unknown, page: number): Promise<unknown> => {
    await clock.advance(9_000);
    return { tools: [], prompts: [], nextCursor: `${page}` };
  };
  const tools = collect({ "tools/list": slow }, { kinds: ["tools"] }, clock);
  const error = await rejection(tools.result);
  assert.ok(error instanceof AppError);
  assert.equal(error.code, "TIMEOUT");
  assert.match(error.message, /not all came in 30 s/);
  assert.equal(tools.asked.length, 4);
  const prompts = collect({ "prompts/list": slow }, { kinds: ["prompts"] }, clock);
  assert.match((await prompts.result).notes[0] ?? "", /not all came in 30 s/);
});

/**
 * Every kind of content of MCP through Wharf, in results, prompts and questions, held against the
 * SDK's own lists: a kind that a later SDK brings shows as a missing row. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { makeProxyWorld, until } from "../gateway/proxy_world.ts";
import { ContentBlockSchema, SamplingMessageContentBlockSchema } from "../sdk.ts";

const COMMON = {
  annotations: { audience: ["user"], priority: 0.5, lastModified: "2026-01-01T00:00:00Z" },
  _meta: { "example.org/trace": "abc" },
};

/** What results and prompts hold, by its kind. */
const CONTENT: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  text: { text: "Grüße \u200b🚢\n", ...COMMON },
  image: { data: "aa==", mimeType: "image/png", ...COMMON },
  audio: { data: "aa==", mimeType: "audio/wav", ...COMMON },
  "resource_link": {
    uri: "test://a",
    name: "a",
    title: "A",
    description: "An a.",
    mimeType: "text/plain",
    size: 3,
    icons: [{ src: "https://example.org/a.png", sizes: ["any"], theme: "dark" }],
    ...COMMON,
  },
  resource: { resource: { uri: "test://a", blob: "aa==", mimeType: "a/b", _meta: {} }, ...COMMON },
};

/** What questions to a model hold, and its answers. */
const SAMPLED: typeof CONTENT = {
  text: { text: "a", ...COMMON },
  image: { data: "aa==", mimeType: "image/png" },
  audio: { data: "aa==", mimeType: "audio/wav" },
  "tool_use": { id: "1", name: "add", input: { a: 1 }, _meta: {} },
  "tool_result": { toolUseId: "1", content: [{ type: "text", text: "2" }], isError: false },
};

const blocksOf = (kinds: typeof CONTENT) =>
  Object.entries(kinds).map(([type, members]) => ({ type, ...members }));

Deno.test("the kinds of content are those of the SDK", () => {
  for (
    const [rows, { options }] of [
      [CONTENT, ContentBlockSchema],
      [SAMPLED, SamplingMessageContentBlockSchema],
    ] as const
  ) {
    const kinds = options.map(({ shape }) => shape.type.value);
    assert.deepEqual(Object.keys(rows).toSorted(), kinds.toSorted());
    for (const [index, block] of blocksOf(rows).entries()) {
      assert.ok(options.some((schema) => schema.safeParse(block).success), String(index));
    }
  }
});

Deno.test("every kind of content passes in results and prompts", async () => {
  await using world = makeProxyWorld();
  const content = blocksOf(CONTENT);
  const messages = content.map((block) => ({ role: "user", content: block }));
  await world.add("work", {
    capabilities: { tools: {}, prompts: {} },
    answers: {
      "prompts/list": () => ({ prompts: [{ name: "greet" }] }),
      "tools/call": () => ({ content }),
      "prompts/get": () => ({ messages }),
    },
  });
  const client = await world.connect();
  assert.deepEqual(await client.result("tools/call", { name: "echo" }), { content });
  assert.deepEqual(await client.result("prompts/get", { name: "greet" }), { messages });
});

Deno.test("every kind of content passes in questions to a model, and in its answers", async () => {
  await using world = makeProxyWorld();
  const server = await world.add("work");
  const client = await world.connect({ capabilities: { sampling: { tools: {} } } });
  const content = blocksOf(SAMPLED);
  const params = { messages: [{ role: "assistant", content }], maxTokens: 1, tools: [] };
  const result = { role: "assistant", model: "m", content, stopReason: "toolUse" };
  client.answers["sampling/createMessage"] = () => result;
  await server.send({ id: "q", method: "sampling/createMessage", params });
  await until(() => server.received.some(({ id }) => id === "q"));
  assert.deepEqual(client.got("sampling/createMessage").map(({ params }) => params), [params]);
  assert.deepEqual(server.received.find(({ id }) => id === "q")?.result, result);
});

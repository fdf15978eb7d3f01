/**
 * Tests of lib/mcp/older_client.ts, by itself and between a server and clients of all versions.
 * Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { readableBy } from "../../lib/mcp/older_client.ts";
import { makeProxyWorld } from "../gateway/proxy_world.ts";

const TEXT = { type: "text", text: "a" };
const AUDIO = { type: "audio", data: "aa==", mimeType: "audio/wav" };
const LINK = { type: "resource_link", uri: "test://a", name: "A" };
const FUTURE = { type: "from-the-future", body: 1 };

const noAudio = (version: string) => ({
  type: "text",
  text: "[Sound (audio/wav) is left out: " +
    `the client speaks MCP ${version}, which has none; 2025-03-26 has]`,
});
const noLink = (version: string) => ({
  type: "text",
  text: `A: test://a [a link as text: the client speaks MCP ${version}, which has none; ` +
    "2025-06-18 has]",
});

Deno.test("readableBy() leaves what a client can read as it is", () => {
  for (const version of ["2025-06-18", "2025-11-25", "2099-01-01"]) {
    const result = { content: [AUDIO, LINK, FUTURE], _meta: { a: 1 } };
    assert.equal(readableBy(version, result), result);
  }
  for (const result of [{}, { content: [TEXT, FUTURE] }, { content: "x" }, { messages: [null] }]) {
    assert.equal(readableBy("2024-11-05", result), result);
  }
});

Deno.test("readableBy() says what is missing in place of what a client cannot read", () => {
  const result = { content: [TEXT, AUDIO, LINK, FUTURE, null], isError: false };
  assert.deepEqual(readableBy("2025-03-26", result), {
    content: [TEXT, AUDIO, noLink("2025-03-26"), FUTURE, null],
    isError: false,
  });
  const messages = [{ role: "user", content: AUDIO }, { role: "user", content: TEXT }, 7];
  assert.deepEqual(readableBy("2024-11-05", { messages, description: "d" }), {
    messages: [
      { role: "user", content: noAudio("2024-11-05") },
      { role: "user", content: TEXT },
      7,
    ],
    description: "d",
  });
});

Deno.test("a client gets of a server what its own version has", async () => {
  await using world = makeProxyWorld();
  await world.add("work", {
    capabilities: { tools: {}, prompts: {} },
    answers: {
      "prompts/list": () => ({ prompts: [{ name: "greet" }] }),
      "tools/call": () => ({ content: [TEXT, AUDIO, LINK] }),
      "prompts/get": () => ({ messages: [{ role: "user", content: AUDIO }] }),
    },
  });
  for (
    const [version, audio, link] of [
      ["2024-10-07", noAudio("2024-10-07"), noLink("2024-10-07")],
      ["2024-11-05", noAudio("2024-11-05"), noLink("2024-11-05")],
      ["2025-03-26", AUDIO, noLink("2025-03-26")],
      ["2025-06-18", AUDIO, LINK],
      ["2025-11-25", AUDIO, LINK],
    ] as const
  ) {
    const client = await world.connect({ version });
    const { content } = await client.result("tools/call", { name: "echo" });
    assert.deepEqual(content, [TEXT, audio, link]);
    const { messages } = await client.result("prompts/get", { name: "greet" });
    assert.deepEqual(messages, [{ role: "user", content: audio }]);
  }
});

/**
 * The protocol side: prompts, resources, completion, logging, cancellation, progress, changes.
 * Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { z } from "zod";
import { AppError } from "../../lib/core/errors.ts";
import { createInventory } from "../../lib/mcp/inventory.ts";
import { type BoundTool, defineTool } from "../../lib/mcp/tool.ts";
import { buildImage } from "../integration/images.ts";
import { LoggingMessageNotificationSchema } from "../sdk.ts";
import { openSession } from "./session.ts";
import { makeWorld } from "./world.ts";

const READS = {
  readOnlyHint: true,
  destructiveHint: false,
  idempotentHint: true,
  openWorldHint: false,
};

/** A tool that does what a test wants. */
function toolOf(name: string, handle: BoundTool["call"]): BoundTool {
  const tool = defineTool({
    name,
    title: name,
    toolset: "oci",
    description: name,
    annotations: READS,
    input: z.strictObject({}),
    output: z.object({}),
    handle: () => Promise.resolve({ structured: {}, text: "" }),
  });
  return { ...tool.bind({}), call: handle };
}

function inventoryOf(tools: readonly BoundTool[]) {
  return createInventory({ tools, prompts: [], templates: [] });
}

const app = await buildImage({ os: "linux", architecture: "amd64" });

function world() {
  return makeWorld({
    repositories: {
      "registry-1.docker.io/org/app": { tags: { "1.9": app, "1.10": app, latest: app } },
    },
    hub: {
      "/api/search/v4": { total: 1, results: [{ id: "org/app", short_description: "An app" }] },
    },
  });
}

Deno.test("the handshake tells name, instructions and what is offered", async () => {
  await using session = await openSession(world().inventory);
  assert.deepEqual(session.client.getServerVersion(), {
    name: "wharf",
    version: "1.2.3",
    title: "Wharf",
  });
  assert.equal(session.client.getInstructions(), "Ask.");
  assert.deepEqual(Object.keys(session.client.getServerCapabilities() ?? {}).sort(), [
    "completions",
    "logging",
    "prompts",
    "resources",
    "tools",
  ]);
});

Deno.test("prompts are listed, rendered, and their faults named", async () => {
  await using session = await openSession(world().inventory);
  const { prompts } = await session.client.listPrompts();
  assert.equal(prompts.length, 4);
  const { messages } = await session.client.getPrompt({
    name: "list_tags_prompt",
    arguments: { registry: "docker.io", repository: "org/app" },
  });
  assert.equal(messages.length, 1);
  assert.equal(messages[0]?.role, "user");
  await assert.rejects(
    () => session.client.getPrompt({ name: "list_tags_prompt", arguments: {} }),
    /-32602.*"registry" is missing.*Pass registry, repository/,
  );
  await assert.rejects(() => session.client.getPrompt({ name: "nope" }), /Unknown prompt: nope/);
});

Deno.test("resources are read by encoded and plain names", async () => {
  await using session = await openSession(world().inventory);
  const { resourceTemplates } = await session.client.listResourceTemplates();
  assert.deepEqual(resourceTemplates.map(({ uriTemplate }) => uriTemplate), [
    "docker://images/{query}",
    "docker://image/{name}/{tag}",
  ]);
  for (const uri of ["docker://image/org%2Fapp/1.9", "docker://image/org/app/1.9"]) {
    const { contents } = await session.client.readResource({ uri });
    const [content] = contents;
    assert.ok(content !== undefined && "text" in content);
    assert.equal(JSON.parse(String(content.text)).digest, app.root.digest);
  }
  const { contents } = await session.client.readResource({ uri: "docker://images/an%20app" });
  const [hits] = contents;
  assert.ok(hits !== undefined && "text" in hits);
  assert.equal(JSON.parse(String(hits.text)).query, "an app");
});

Deno.test("a resource that does not exist has the code of the specification", async () => {
  await using session = await openSession(world().inventory);
  for (const uri of ["file:///etc/passwd", "docker://image/app"]) {
    await assert.rejects(() => session.client.readResource({ uri }), /-32002: Unknown resource/);
  }
  await assert.rejects(
    () => session.client.readResource({ uri: "docker://images/%20" }),
    /-32002: Cannot search for images: the address holds no words/,
  );
  await assert.rejects(
    () => session.client.readResource({ uri: "docker://image/org%2Fnope/1" }),
    /-32002/,
  );
  await assert.rejects(
    () => session.client.readResource({ uri: "docker://image/%zz/1" }),
    /-32602/,
  );
});

Deno.test("completion offers tags, names and registries, and nothing for what is unknown", async () => {
  await using session = await openSession(world().inventory);
  const complete = async (
    ref: { type: "ref/prompt"; name: string } | { type: "ref/resource"; uri: string },
    argument: { name: string; value: string },
    context?: { arguments: Record<string, string> },
  ) => {
    const { completion } = await session.client.complete({
      ref,
      argument,
      ...(context === undefined ? {} : { context }),
    });
    return completion.values;
  };
  const image = { type: "ref/resource", uri: "docker://image/{name}/{tag}" } as const;
  const known = { arguments: { name: "org/app" } };
  assert.deepEqual(await complete(image, { name: "tag", value: "1." }, known), ["1.10", "1.9"]);
  assert.deepEqual(await complete(image, { name: "tag", value: "1." }), []);
  assert.deepEqual(await complete(image, { name: "name", value: "ap" }), ["org/app"]);
  const encoded = { arguments: { name: "org%2Fapp" } };
  assert.deepEqual(await complete(image, { name: "tag", value: "l" }, encoded), ["latest"]);
  const prompt = { type: "ref/prompt", name: "list_digests_prompt" } as const;
  assert.deepEqual(await complete(prompt, { name: "registry", value: "gh" }), ["ghcr.io"]);
  const hub = { arguments: { registry: "docker.io" } };
  assert.deepEqual(await complete(prompt, { name: "repository", value: "ap" }, hub), ["org/app"]);
  const other = { arguments: { registry: "ghcr.io" } };
  assert.deepEqual(await complete(prompt, { name: "repository", value: "ap" }, other), []);
  const both = { arguments: { registry: "docker.io", repository: "org/app" } };
  assert.deepEqual(await complete(prompt, { name: "reference", value: "1." }, both), [
    "1.10",
    "1.9",
  ]);
  assert.deepEqual(await complete(prompt, { name: "reference", value: "1." }, hub), []);
  assert.deepEqual(await complete(prompt, { name: "nope", value: "" }, both), []);
  assert.deepEqual(
    await complete({ type: "ref/prompt", name: "nope" }, { name: "a", value: "" }),
    [],
  );
  const missing = { arguments: { name: "org/nope" } };
  assert.deepEqual(await complete(image, { name: "tag", value: "" }, missing), []);
});

Deno.test("completion gives 100 tags, and says how many there are", async () => {
  const tags = Object.fromEntries(Array.from({ length: 250 }, (_, n) => [`1.${n}`, app]));
  const { inventory } = makeWorld({ repositories: { "r.example/big": { tags } } });
  await using session = await openSession(inventory);
  const { completion } = await session.client.complete({
    ref: { type: "ref/resource", uri: "docker://image/{name}/{tag}" },
    argument: { name: "tag", value: "1." },
    context: { arguments: { name: "r.example/big" } },
  });
  assert.equal(completion.values.length, 100);
  assert.equal(completion.values[0], "1.249");
  assert.equal(completion.total, 250);
  assert.equal(completion.hasMore, true);
});

Deno.test("an unknown tool is a protocol error, a failed one a result with the next step", async () => {
  const failing = toolOf("failing", () =>
    Promise.reject(
      new AppError("RATE_LIMITED", "Cannot do it: too fast", {
        hint: "Wait",
        retryable: true,
        retryAfterMs: 1500,
        status: 429,
      }),
    ));
  await using session = await openSession(inventoryOf([failing]));
  await assert.rejects(() => session.call("nope"), /-32602: Unknown tool: nope. See tools\/list/);
  await assert.rejects(() => session.call("filing"), /Did you mean failing\?/);
  const result = await session.client.callTool({ name: "failing", arguments: {} });
  assert.equal(result.isError, true);
  assert.deepEqual(result.content, [
    { type: "text", text: "RATE_LIMITED: Cannot do it: too fast\nNext: Wait" },
  ]);
  assert.deepEqual(result._meta?.["wharf/error"], {
    code: "RATE_LIMITED",
    message: "Cannot do it: too fast",
    next: "Wait",
    retryable: true,
    retry_after_seconds: 2,
    http_status: 429,
  });
});

Deno.test("an error is cleaned of what hides in the words that it quotes", async () => {
  const failing = toolOf("failing", () =>
    Promise.reject(
      new AppError("NOT_FOUND", 'Cannot find "a\u202Eb\u200B\nc"', {
        hint: `Try ${"x".repeat(9000)}`,
      }),
    ));
  await using session = await openSession(inventoryOf([failing]));
  const { text } = await session.call("failing");
  assert.ok(text.startsWith('NOT_FOUND: Cannot find "ab c"\nNext: Try xxx'), text.slice(0, 80));
  assert.ok(text.length < 3100);
});

Deno.test("a tool that crashes fails alone", async () => {
  const crashing = toolOf("crashing", () => Promise.reject(new TypeError("x is undefined")));
  await using session = await openSession(inventoryOf([crashing]));
  const { isError, text } = await session.call("crashing");
  assert.equal(isError, true);
  assert.match(text, /^INTERNAL: /);
  await session.client.ping();
});

Deno.test("a failure is logged to the client at its level, and not below it", async () => {
  const failing = toolOf(
    "failing",
    () => Promise.reject(new AppError("UNREACHABLE", "Cannot reach it")),
  );
  await using session = await openSession(inventoryOf([failing]));
  const levels: string[] = [];
  session.client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => {
    levels.push(params.level);
  });
  await session.client.setLoggingLevel("error");
  await session.call("failing");
  assert.deepEqual(levels, []);
  await session.client.setLoggingLevel("warning");
  await session.call("failing");
  assert.deepEqual(levels, ["warning"]);
});

Deno.test("a client's cancel reaches the work behind the call", async () => {
  const started = Promise.withResolvers<void>();
  const stopped = Promise.withResolvers<unknown>();
  const slow = toolOf("slow", (_args, { signal }) => {
    started.resolve();
    return new Promise((_, reject) => {
      signal.addEventListener("abort", () => {
        stopped.resolve(signal.reason);
        reject(signal.reason);
      });
    });
  });
  await using session = await openSession(inventoryOf([slow]));
  const controller = new AbortController();
  const call = session.client.callTool({ name: "slow", arguments: {} }, undefined, {
    signal: controller.signal,
  });
  await started.promise;
  controller.abort("enough");
  await assert.rejects(() => call);
  await stopped.promise;
  // What a cancelled call throws is no fault of Wharf's.
  await session.client.ping();
  assert.deepEqual(session.log.records.filter(({ level }) => level === "error"), []);
});

Deno.test("progress is sent to a client that asked for it", async () => {
  const steps = toolOf("steps", (_args, { progress }) => {
    progress({ done: 1, total: 2, message: "half" });
    progress({ done: 2, total: 2 });
    return Promise.resolve({ content: [{ type: "text", text: "done" }], structuredContent: {} });
  });
  await using session = await openSession(inventoryOf([steps]));
  const seen: unknown[] = [];
  await session.client.callTool({ name: "steps", arguments: {} }, undefined, {
    onprogress: (progress) => seen.push(progress),
  });
  assert.deepEqual(seen, [{ progress: 1, total: 2, message: "half" }, { progress: 2, total: 2 }]);
  // Without a token there is nobody to tell.
  assert.equal((await session.call("steps")).text, "done");
});

Deno.test("a long list of tools is paged", async () => {
  const tools = Array.from(
    { length: 1_100 },
    (_, n) => toolOf(`tool_${n}`, () => Promise.resolve({ content: [] })),
  );
  await using session = await openSession(inventoryOf(tools));
  const names: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await session.client.listTools(cursor === undefined ? {} : { cursor });
    names.push(...page.tools.map(({ name }) => name));
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  assert.deepEqual(names, tools.map(({ name }) => name));
  await assert.rejects(() => session.client.listTools({ cursor: "x" }), /Unknown cursor/);
});

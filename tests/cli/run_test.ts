/**
 * Commands that call a tool: what they print, and how they end. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { parseArguments } from "../../lib/cli/arguments.ts";
import { runTool } from "../../lib/cli/run.ts";
import { AppError } from "../../lib/core/errors.ts";
import type { BoundTool, CallContext, ToolResult } from "../../lib/mcp/mod.ts";

type Answer = (args: Record<string, unknown>, context: CallContext) => ToolResult;

/** Runs a command line against one tool. */
async function run(words: readonly string[], tool: string, answer: Answer) {
  const invocation = parseArguments(words);
  assert.ok(invocation.kind === "tool");
  const [out, err, status]: string[][] = [[], [], []];
  const bound: BoundTool = {
    name: tool,
    title: tool,
    toolset: "catalog",
    description: "",
    annotations: {
      readOnlyHint: true,
      destructiveHint: false,
      idempotentHint: true,
      openWorldHint: false,
    },
    inputSchema: {},
    call: async (args, context) => {
      assert.ok(typeof args === "object" && args !== null);
      return await answer({ ...args }, context);
    },
  };
  const code = await runTool(invocation, {
    tools: [bound],
    terminal: {
      out: (line) => void out?.push(line),
      err: (line) => void err?.push(line),
      status: (line) => void status?.push(line),
      columns: 80,
    },
    signal: new AbortController().signal,
  });
  return { code, out, err, status };
}

Deno.test("runTool() prints the text that a tool made for reading, or its answer as JSON", async () => {
  const answer = () => ({
    content: [{ type: "text", text: "1 of 1 servers" }],
    structuredContent: { total: 1 },
  });
  const text = await run(["find", "x"], "registry-find", answer);
  assert.deepEqual([text.code, text.out], [0, ["1 of 1 servers"]]);
  const json = await run(["find", "x", "--output", "json"], "registry-find", answer);
  assert.deepEqual(json.out, ['{"total":1}']);
  const facts = await run(["ping"], "ping", answer);
  assert.deepEqual(facts.out, ["total  1"]);
});

Deno.test("runTool() shows progress, and clears it before it prints", async () => {
  const { status } = await run(["refresh"], "registry-refresh", (_, context) => {
    context.progress({ message: "docker: files", done: 1, total: 2 });
    return { content: [{ type: "text", text: "done" }] };
  });
  assert.deepEqual(status, ["[##########----------]  50%  docker: files", ""]);
});

Deno.test("runTool() follows the cursor to the end with --all, and prints one answer", async () => {
  const answer: Answer = ({ cursor }) => {
    const [id, next] = cursor === undefined
      ? ["x/1", "a"]
      : cursor === "a"
      ? ["x/2", "b"]
      : ["x/3"];
    return {
      content: [{
        type: "text",
        text: [
          "1 of 3 servers; texts in quotes are the catalogue's",
          `- ${id}`,
          ...(next === undefined ? [] : [`Go on with cursor="${next}"`]),
          "Without docker: offline",
        ].join("\n"),
      }],
      structuredContent: {
        servers: [{ id }],
        total: 3,
        ...(next === undefined ? {} : { next_cursor: next }),
        notes: ["Without docker: offline"],
      },
    };
  };
  const text = await run(["find", "x", "--all"], "registry-find", answer);
  assert.deepEqual(text.out?.join("\n").split("\n"), [
    "3 of 3 servers; texts in quotes are the catalogue's",
    "- x/1",
    "- x/2",
    "- x/3",
    "Without docker: offline",
  ]);
  const json = await run(["find", "x", "--all", "--output", "json"], "registry-find", answer);
  assert.deepEqual(json.out?.map((line) => JSON.parse(line)), [{
    servers: [{ id: "x/1" }, { id: "x/2" }, { id: "x/3" }],
    total: 3,
    notes: ["Without docker: offline"],
  }]);
  const facts = await run(["tags", "x", "--all"], "list_tags", ({ cursor }) => ({
    content: [],
    structuredContent: cursor === undefined
      ? { repository: "x", tags: [{ name: "2" }], next_cursor: "a" }
      : { repository: "x", tags: [{ name: "1" }] },
  }));
  assert.deepEqual(facts.out, ["repository  x", "", "tags:", "  2", "  1"]);
});

Deno.test("runTool() says that a search found nothing", async () => {
  const answer = () => ({ content: [], structuredContent: { registry: "r.example", results: [] } });
  const { code, out } = await run(["search", "x"], "search_images", answer);
  assert.deepEqual([code, out], [0, ["registry  r.example", "results: none"]]);
});

Deno.test("runTool() fails where no source could be read", async () => {
  const answer = (...outcomes: readonly string[]) => () => ({
    content: [{ type: "text", text: "62 servers" }],
    structuredContent: { sources: outcomes.map((outcome) => ({ outcome })) },
  });
  const codeOf = async (...outcomes: readonly string[]) =>
    (await run(["refresh"], "registry-refresh", answer(...outcomes))).code;
  assert.equal(await codeOf("failed", "failed"), 1);
  assert.equal(await codeOf("failed", "updated"), 0);
  assert.equal(await codeOf("cooling"), 0);
  assert.equal(await codeOf(), 0);
});

Deno.test("runTool() tells a wrong command line from a question that has no answer", async () => {
  const failing = (code: AppError["code"]) => () => {
    throw new AppError(code, 'Cannot find "x": there is none', { hint: "Try y" });
  };
  const wrong = await run(["find", "x"], "registry-find", failing("INVALID_ARGUMENT"));
  assert.deepEqual([wrong.code, wrong.err], [2, [
    'wharf: Cannot find "x": there is none',
    "Next: Try y",
  ]]);
  const missing = await run(["get", "x", "--output", "json"], "registry-get", failing("NOT_FOUND"));
  assert.equal(missing.code, 1);
  assert.equal(JSON.parse(missing.out?.[0] ?? "").error.code, "NOT_FOUND");
  const unknown = await run(["get", "x"], "other", failing("NOT_FOUND"));
  assert.deepEqual([unknown.code, unknown.err?.[0]], [
    2,
    'wharf: Cannot call "registry-get": there is no such tool',
  ]);
  const near = await run(["call", "pin", "--output", "json"], "ping", failing("NOT_FOUND"));
  assert.equal(near.code, 2);
  assert.deepEqual(JSON.parse(near.out?.[0] ?? "").error, {
    code: "INVALID_ARGUMENT",
    message: 'Cannot call "pin": there is no such tool',
    hint: "Did you mean ping? See wharf tools, or widen --toolsets",
  });
});

Deno.test("runTool() says in commands what Wharf's tools say of each other, and nobody else's", async () => {
  const answer = () => ({
    content: [{ type: "text", text: "None; see registry-find" }],
    structuredContent: { total: 0 },
  });
  const own = await run(["active"], "registry-active", answer);
  assert.deepEqual(own.out, ["None; see wharf find"]);
  const other = await run(["exec", "t"], "registry-exec", answer);
  assert.deepEqual(other.out, ["None; see registry-find"]);
  const failed = await run(["get", "x"], "registry-get", () => {
    throw new AppError("NOT_FOUND", 'Cannot find "x": there is none', {
      hint: "Search with registry-find",
    });
  });
  assert.deepEqual(failed.err?.[1], "Next: Search with wharf find");
});

Deno.test("runTool() cleans what another server answered before a terminal shows it", async () => {
  const answer = () => ({
    content: [{ type: "text", text: "a\u001b[2J\u202eb" }, { type: "image", data: "AAAA" }],
  });
  const text = await run(["exec", "t"], "registry-exec", answer);
  assert.deepEqual(text.out, ["a[2Jb\n[image 3 B]"]);
  const json = await run(["exec", "t", "--output", "json"], "registry-exec", answer);
  assert.doesNotMatch(json.out?.[0] ?? "", /\u202e/);
  assert.deepEqual(JSON.parse(json.out?.[0] ?? ""), answer());
});

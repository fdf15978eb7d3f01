/**
 * Tests of lib/mcp/tool.ts. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { z } from "zod";
import { AppError } from "../../lib/core/errors.ts";
import { defineTool } from "../../lib/mcp/tool.ts";

const CONTEXT = { signal: new AbortController().signal, progress: () => {} };

const show = defineTool({
  name: "show_things",
  title: "Show things",
  toolset: "oci",
  description: "Show what was given.",
  annotations: {
    readOnlyHint: true,
    destructiveHint: false,
    idempotentHint: true,
    openWorldHint: false,
  },
  input: z.strictObject({
    repository: z.string().min(1),
    order: z.enum(["newest", "oldest"]).default("newest"),
    limit: z.int().min(1).max(9).default(5),
    ratio: z.number().optional(),
    deep: z.boolean().default(false),
    pattern: z.string().optional(),
    prefix: z.string().optional(),
  }),
  mayBeEmpty: ["prefix"],
  output: z.object({ input: z.record(z.string(), z.unknown()) }),
  synonyms: { order: { "newest-first": "newest" } },
  handle: (input, _deps: Record<never, never>) =>
    Promise.resolve({ structured: { input }, text: input.repository }),
}).bind({});

async function given(args: unknown): Promise<unknown> {
  return (await show.call(args, CONTEXT)).structuredContent?.["input"];
}

async function refusal(args: unknown): Promise<AppError> {
  const thrown = await show.call(args, CONTEXT).then(() => undefined, (error) => error);
  assert.ok(thrown instanceof AppError);
  assert.equal(thrown.code, "INVALID_ARGUMENT");
  return thrown;
}

const DEFAULTS = { repository: "app", order: "newest", limit: 5, deep: false };

Deno.test("a bound tool fills in defaults", async () => {
  assert.deepEqual(await given({ repository: "app" }), DEFAULTS);
});

Deno.test("a bound tool takes numbers and booleans as text, where nothing is lost", async () => {
  assert.deepEqual(await given({ repository: "1", limit: "3", ratio: "-0.5", deep: "True" }), {
    ...DEFAULTS,
    repository: "1",
    limit: 3,
    ratio: -0.5,
    deep: true,
  });
  for (const limit of ["3.5", "0x3", " 3", "3e0", "three", "99999999999999999999"]) {
    assert.match((await refusal({ repository: "app", limit })).message, /"limit": /, limit);
  }
  for (const deep of ["yes", "1", 1]) {
    assert.match((await refusal({ repository: "app", deep })).message, /"deep": /);
  }
});

Deno.test("a bound tool takes null and empty texts for arguments that are left out", async () => {
  const empty = { order: "", limit: null, ratio: null, deep: "", pattern: "" };
  assert.deepEqual(await given({ repository: "app", ...empty }), DEFAULTS);
  for (const repository of [null, ""]) {
    assert.match((await refusal({ repository })).message, /"repository": /);
  }
});

Deno.test("a bound tool keeps an empty text that means something", async () => {
  assert.deepEqual(await given({ repository: "app", prefix: "" }), { ...DEFAULTS, prefix: "" });
  assert.deepEqual(await given({ repository: "app", prefix: null }), DEFAULTS);
});

Deno.test("a bound tool takes the words of older servers", async () => {
  assert.deepEqual(await given({ repository: "app", order: "newest-first" }), DEFAULTS);
  for (const order of ["constructor", "NEWEST"]) await refusal({ repository: "app", order });
});

Deno.test("a bound tool names what it does not expect, and what was probably meant", async () => {
  const misspelt = await refusal({ repo: "app", limt: 3 });
  assert.equal(
    misspelt.message,
    'Cannot call show_things: "repo", "limt" are not expected; "repository" is missing',
  );
  assert.equal(
    misspelt.hint,
    "Did you mean repository, limit? Expected repository, order?, limit?, ratio?, deep?, pattern?, " +
      "prefix?",
  );
  const hostile = await refusal({ repository: "app", ["x\u202E\n".repeat(200)]: 1 });
  assert.ok(hostile.message.length < 200);
  assert.ok(!/[\n\u202E]/.test(hostile.message));
  for (const key of ["__proto__", "constructor", "toString"]) {
    const args = JSON.parse(`{"repository":"app","${key}":1}`);
    assert.match((await refusal(args)).message, /is not expected$/);
  }
});

Deno.test("a bound tool says where credentials come from, and does not repeat one", async () => {
  const error = await refusal({ repository: "app", username: "u", password: "hunter2" });
  assert.match(error.hint ?? "", /^Wharf has credentials from its environment/);
  assert.ok(!`${error.message}${error.hint}`.includes("hunter2"));
});

Deno.test("a bound tool takes an object only", async () => {
  for (const args of [[], "app", 3]) {
    assert.match((await refusal(args)).message, /the arguments are no object$/);
  }
  assert.match((await refusal(undefined)).message, /"repository" is missing$/);
});

Deno.test("the schemas of a tool are made once, and need no other document", () => {
  assert.equal(show.inputSchema, show.inputSchema);
  assert.deepEqual(show.inputSchema["required"], ["repository"]);
  assert.ok(!JSON.stringify([show.inputSchema, show.outputSchema]).includes("$"));
});

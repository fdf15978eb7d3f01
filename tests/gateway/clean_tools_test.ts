import assert from "node:assert/strict";
import fc from "fast-check";
import { cleanTool } from "../../lib/gateway/clean_tools.ts";
import { hasHiddenCharacters } from "../../lib/core/text.ts";

const SEED = { seed: 20260102, numRuns: 300 };
const KIB = 1024;

function inputOf(inputSchema: unknown): unknown {
  return cleanTool({ name: "a", inputSchema }).tool.inputSchema;
}

Deno.test("cleanTool() cleans texts and keeps what calls need", () => {
  assert.deepEqual(
    cleanTool({
      name: "read_\u200bfile",
      title: " Read\u202E\na file ",
      description: "Reads a file.\r\n\r\n\r\n\r\nLines\u{E0041} stay.\u0007",
      inputSchema: {
        type: "object",
        properties: {
          path: { type: "string", title: "Pa\u00ADth", description: "Which\u200b file" },
        },
        required: ["path"],
        additionalProperties: false,
      },
      outputSchema: {
        type: "object",
        properties: { text: { type: "string", description: "\u2066Text\u2069" } },
      },
      annotations: { title: "Other", readOnlyHint: true, openWorldHint: "no", colour: true },
      icons: [{ src: "https://tracker.example/a.png" }],
    }),
    {
      tool: {
        name: "read_\u200bfile",
        title: "Read a file",
        description: "Reads a file.\n\nLines stay.",
        inputSchema: {
          type: "object",
          properties: { path: { type: "string", title: "Path", description: "Which file" } },
          required: ["path"],
          additionalProperties: false,
        },
        outputSchema: {
          type: "object",
          properties: { text: { type: "string", description: "Text" } },
        },
        annotations: { title: "Other", readOnlyHint: true, colour: true },
        icons: [{ src: "https://tracker.example/a.png" }],
      },
      notes: [],
    },
  );
});

Deno.test("cleanTool() leaves out what is of another type, and what is empty", () => {
  assert.deepEqual(
    cleanTool({
      name: "a",
      title: 7,
      description: "\u200b",
      annotations: ["readOnlyHint"],
    }),
    { tool: { name: "a", inputSchema: { type: "object" } }, notes: [] },
  );
});

Deno.test("cleanTool() cleans the title of the annotations, and keeps both titles apart", () => {
  const { tool } = cleanTool({ name: "a", annotations: { title: "Read\ta file" } });
  assert.equal(tool.title, undefined);
  assert.deepEqual(tool.annotations, { title: "Read a file" });
});

Deno.test("cleanTool() cuts a long description and says so", () => {
  const long = cleanTool({ name: "a", description: "word ".repeat(10_000) });
  assert.ok((long.tool.description?.length ?? 0) <= 4000);
  assert.deepEqual(long.notes, ["the description was cut after 4000 characters"]);
  assert.deepEqual(cleanTool({ name: "a", description: "It ends in …" }).notes, []);
  assert.deepEqual(cleanTool({ name: "a", description: "x".repeat(4000) }).notes, []);
});

Deno.test("cleanTool() leaves every letter of what validators read", () => {
  const schema = {
    type: "object",
    $schema: "https://json-schema.org/draft/2020-12/schema",
    $defs: { "na\u200bme": { enum: ["a\u200bb", " two  spaces "], default: "a\u200bb" } },
    properties: {
      "ta\u200bg": { $ref: "#/$defs/na\u200bme" },
      word: { type: "string", pattern: "^\u00AD+  $", format: "uri" },
      exact: { const: { description: "de\u200bscribed" } },
      list: { type: "array", prefixItems: [{ const: "\u200b" }], items: false },
      some: { anyOf: [{ type: "null" }, { not: { pattern: "\u200b" } }] },
    },
    required: ["ta\u200bg"],
    dependentRequired: { "ta\u200bg": ["word"] },
    dependencies: { word: ["ta\u200bg"], exact: { required: ["word"] } },
    patternProperties: { "^\u200b": { type: "string" } },
  };
  assert.deepEqual(inputOf(schema), schema);
});

Deno.test("cleanTool() takes properties named like keywords for properties", () => {
  const schema = {
    type: "object",
    properties: {
      description: { type: "string", description: "a\u200bb" },
      enum: { type: "string", title: "a\u200bb" },
      properties: { type: "object", properties: { title: { const: "a\u200bb" } } },
    },
  };
  assert.deepEqual(inputOf(schema), {
    type: "object",
    properties: {
      description: { type: "string", description: "ab" },
      enum: { type: "string", title: "ab" },
      properties: { type: "object", properties: { title: { const: "a\u200bb" } } },
    },
  });
});

Deno.test("cleanTool() cleans texts under keywords of other vocabularies, and schemas there", () => {
  assert.deepEqual(
    inputOf({
      type: "object",
      $comment: "for authors",
      markdownDescription: "**a\u200bb**",
      "x-labels": ["a\u200bb", 1, null],
      "x-types": { Size: { description: "a\u200bb", enum: ["\u200b"] } },
      examples: [{ name: "a\u200bb" }],
    }),
    {
      type: "object",
      markdownDescription: "**ab**",
      "x-labels": ["ab", 1, null],
      "x-types": { Size: { description: "ab", enum: ["\u200b"] } },
      examples: [{ name: "ab" }],
    },
  );
});

Deno.test("cleanTool() gives the form that clients demand of schemas, with the same meaning", () => {
  assert.deepEqual(inputOf({}), { type: "object" });
  assert.deepEqual(inputOf({ type: ["object", "null"], required: "a" }), { type: "object" });
  assert.deepEqual(inputOf({ properties: { any: true, none: false, odd: 7 } }), {
    type: "object",
    properties: { any: {}, none: { not: {} }, odd: {} },
  });
  assert.deepEqual(inputOf({ properties: [] }), { type: "object" });
});

Deno.test("cleanTool() does not describe what it cannot, and says why", () => {
  const notes = (inputSchema: unknown, outputSchema?: unknown) => {
    const { tool, notes } = cleanTool({ name: "a", inputSchema, outputSchema });
    assert.deepEqual(tool, { name: "a", inputSchema: { type: "object" } });
    return notes;
  };
  assert.deepEqual(notes(["a"], "b"), [
    "the arguments are not described: their schema is not a JSON object",
    "the result is not described: its schema is not a JSON object",
  ]);
  assert.deepEqual(notes({ type: "string" }, { type: ["null"] }), [
    "the arguments are not described: their schema describes no object",
    "the result is not described: its schema describes no object",
  ]);
  let deep: unknown = {};
  for (let level = 0; level < 100_000; level++) deep = { not: deep };
  assert.deepEqual(notes(deep), [
    "the arguments are not described: their schema is nested deeper than 32 levels",
  ]);
  const wide = { properties: { a: { enum: Array.from({ length: 50_000 }, (_, i) => `v${i}`) } } };
  assert.deepEqual(notes(wide), [
    "the arguments are not described: their schema is larger than 256 KiB",
  ]);
});

Deno.test("cleanTool() gives up the texts of a schema that is too large, before the schema", () => {
  const properties = (text: string) =>
    Object.fromEntries(Array.from({ length: 100 }, (_, index) => [
      `p${index}`,
      {
        type: "string",
        ...(text === "" ? {} : { description: text, title: "P", examples: ["e"] }),
      },
    ]));
  const text = "x".repeat(3 * KIB);
  const { tool, notes } = cleanTool({
    name: "a",
    inputSchema: { type: "object", properties: properties(text), title: "Arguments" },
  });
  assert.deepEqual(tool.inputSchema, { type: "object", properties: properties("") });
  assert.deepEqual(notes, []);
});

Deno.test("cleanTool() keeps members named like those of every object", () => {
  const schema = JSON.parse(
    '{"type":"object","properties":{"__proto__":{"type":"string"},"constructor":{}}}',
  );
  assert.equal(JSON.stringify(inputOf(schema)), JSON.stringify(schema));
});

/** Schemas as servers write them, with texts of any kind. */
const schemas = fc.letrec((tie) => ({
  schema: fc.oneof({ depthSize: "small", withCrossShrink: true }, fc.constant({}), tie("rich")),
  rich: fc.record({
    type: fc.constantFrom("string", "object", "number", ["string", "null"]),
    title: fc.string({ unit: "binary" }),
    description: fc.string({ unit: "binary", maxLength: 60 }),
    enum: fc.array(fc.string({ unit: "binary" }), { maxLength: 3 }),
    properties: fc.dictionary(fc.string({ unit: "binary" }), tie("schema"), { maxKeys: 3 }),
    required: fc.array(fc.string({ unit: "binary" }), { maxLength: 2 }),
    anyOf: fc.array(tie("schema"), { maxLength: 2 }),
    items: fc.oneof(fc.boolean(), tie("schema")),
    default: fc.jsonValue({ maxDepth: 2 }),
  }, { requiredKeys: [] }),
})).schema;

/** A schema without its texts for people. */
function bare(schema: unknown): unknown {
  if (typeof schema !== "object" || schema === null) return schema;
  if (Array.isArray(schema)) return schema.map(bare);
  return Object.fromEntries(
    Object.entries(schema).flatMap(([keyword, value]): [string, unknown][] => {
      if (keyword === "title" || keyword === "description") return [];
      if (["anyOf", "items"].includes(keyword)) return [[keyword, bare(value)]];
      if (keyword !== "properties") return [[keyword, value]];
      const members = Object.entries(value).map(([name, member]) => [name, bare(member)]);
      return [[keyword, Object.fromEntries(members)]];
    }),
  );
}

function textsOf(schema: unknown): string[] {
  if (typeof schema !== "object" || schema === null) return [];
  if (Array.isArray(schema)) return schema.flatMap(textsOf);
  return Object.entries(schema).flatMap(([keyword, value]) => {
    if (typeof value === "string" && (keyword === "title" || keyword === "description")) {
      return [value];
    }
    if (["anyOf", "items"].includes(keyword)) return textsOf(value);
    return keyword === "properties" ? Object.values(value).flatMap(textsOf) : [];
  });
}

Deno.test("cleanTool() changes the texts of a schema and nothing else", () => {
  fc.assert(
    fc.property(schemas, (schema) => {
      const whole = { type: "object", properties: { a: schema } };
      const { tool, notes } = cleanTool({ name: "a", inputSchema: whole });
      assert.deepEqual(notes, []);
      assert.deepEqual(bare(tool.inputSchema), bare(whole));
      assert.ok(!textsOf(tool.inputSchema).some(hasHiddenCharacters));
      // What is clean stays as it is.
      assert.deepEqual(cleanTool({ ...tool }).tool, tool);
    }),
    SEED,
  );
});

Deno.test("cleanTool() takes whatever JSON a server sends for a definition", () => {
  fc.assert(
    fc.property(
      fc.dictionary(
        fc.constantFrom(
          "title",
          "description",
          "inputSchema",
          "outputSchema",
          "annotations",
        ),
        fc.jsonValue(),
      ),
      (definition) => {
        const { tool } = cleanTool({ name: "a", ...definition });
        assert.equal(tool.inputSchema.type, "object");
        assert.ok(tool.outputSchema === undefined || tool.outputSchema.type === "object");
      },
    ),
    SEED,
  );
});

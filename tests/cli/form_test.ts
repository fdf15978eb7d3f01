/**
 * Forms of servers' questions: fields, defaults and what people type. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { defaultsOf, type Field, limitsOf, readAnswer, readForm } from "../../lib/cli/form.ts";

/** One field of a form that has no other. */
function field(schema: Record<string, unknown>, required = false): Field {
  const form = readForm({ properties: { f: schema }, required: required ? ["f"] : [] });
  const [only] = form.fields;
  assert.ok(only !== undefined && form.fields.length === 1);
  return only;
}

/** What a text is read as. */
function read(schema: Record<string, unknown>, text: string): unknown {
  const reading = readAnswer(field(schema), text);
  return "value" in reading ? reading.value : `fault: ${reading.fault}`;
}

const TITLED = { type: "string", oneOf: [{ const: "a", title: "First" }, { const: "b" }] };
const SEVERAL = {
  type: "array",
  items: { anyOf: [{ const: "x", title: "The X" }, { const: "y", title: "The Y" }] },
  minItems: 1,
  maxItems: 2,
};

Deno.test("readForm() knows every kind of field that MCP has", () => {
  const { fields, unknown } = readForm({
    type: "object",
    properties: {
      name: { type: "string", title: "Your\u202e name", description: "As \u0007written" },
      age: { type: "integer", minimum: 0, maximum: 150 },
      ratio: { type: "number" },
      agreed: { type: "boolean" },
      colour: { type: "string", enum: ["r", "g"], enumNames: ["Red", "Green"] },
      titled: TITLED,
      several: SEVERAL,
      "odd\u0000name": { type: "string" },
    },
    required: ["name"],
  });
  assert.deepEqual(unknown, []);
  assert.deepEqual(fields.map(({ label, kind, required }) => [label, kind, required]), [
    ["Your name", "text", true],
    ["age", "integer", false],
    ["ratio", "number", false],
    ["agreed", "boolean", false],
    ["colour", "choice", false],
    ["titled", "choice", false],
    ["several", "choices", false],
    ["oddname", "text", false],
  ]);
  assert.equal(fields[0]?.about, "As written");
  assert.equal(fields.at(-1)?.name, "odd\u0000name");
  assert.deepEqual(fields[4]?.choices, [{ value: "r", title: "Red" }, {
    value: "g",
    title: "Green",
  }]);
  assert.deepEqual(fields.map(limitsOf).slice(1, 3), ["a whole number, 0 to 150", "a number"]);
});

Deno.test("readForm() names needed fields that nothing can be put into, and leaves others out", () => {
  const form = readForm({
    properties: {
      nested: { type: "object" },
      list: { type: "array", items: { type: "object" } },
      empty: { type: "string", enum: [] },
      ok: { type: "string" },
      odd: 5,
    },
    required: ["nested", "absent", "ok"],
  });
  assert.deepEqual(form.fields.map(({ name }) => name), ["ok"]);
  assert.deepEqual(form.unknown, ["nested", "absent"]);
  assert.equal(defaultsOf(form), undefined);
  for (const odd of [undefined, null, "x", 5, [], { properties: [] }]) {
    assert.deepEqual(readForm(odd), { fields: [], unknown: [] });
  }
});

Deno.test("defaultsOf() takes the defaults of every kind, as SEP-1034 has them", () => {
  const form = readForm({
    properties: {
      name: { type: "string", default: "John" },
      age: { type: "integer", default: 30 },
      score: { type: "number", default: 95.5 },
      status: { type: "string", enum: ["active", "idle"], default: "active" },
      verified: { type: "boolean", default: false },
      titled: { ...TITLED, default: "b" },
      several: { ...SEVERAL, default: ["x"] },
      none: { type: "string" },
    },
    required: ["name", "verified"],
  });
  assert.deepEqual(defaultsOf(form), {
    name: "John",
    age: 30,
    score: 95.5,
    status: "active",
    verified: false,
    titled: "b",
    several: ["x"],
  });
});

Deno.test("defaultsOf() gives nothing where a needed field has no default that fits", () => {
  const wrong: readonly Record<string, unknown>[] = [
    { type: "string" },
    { type: "string", default: 5 },
    { type: "string", default: "no address", format: "email" },
    { type: "string", default: "abc", maxLength: 2 },
    { type: "integer", default: 1.5 },
    { type: "integer", default: 5, maximum: 4 },
    { type: "number", default: "1" },
    { type: "boolean", default: "true" },
    { type: "string", enum: ["a"], default: "b" },
    { ...SEVERAL, default: ["z"] },
    { ...SEVERAL, default: [] },
  ];
  for (const schema of wrong) {
    const form = (required: boolean) =>
      readForm({ properties: { f: schema }, required: required ? ["f"] : [] });
    assert.equal(defaultsOf(form(true)), undefined, JSON.stringify(schema));
    assert.deepEqual(defaultsOf(form(false)), {}, JSON.stringify(schema));
  }
});

Deno.test("readAnswer() reads what people type, and says why something does not fit", () => {
  assert.equal(read({ type: "string" }, "5"), "5");
  assert.equal(read({ type: "string", maxLength: 2 }, "😀😀"), "😀😀");
  assert.equal(
    read({ type: "string", maxLength: 2 }, "abc"),
    "fault: it must be at most 2 characters",
  );
  assert.equal(read({ type: "string", format: "email" }, "a@b"), "a@b");
  assert.equal(read({ type: "string", format: "email" }, "a b"), "fault: it is no email");
  assert.equal(read({ type: "string", format: "uri" }, "x"), "fault: it is no uri");
  assert.equal(read({ type: "string", format: "date" }, "2026-13-01"), "fault: it is no date");
  const time = "2026-01-02T03:04:05Z";
  assert.equal(read({ type: "string", format: "date-time" }, time), time);
  assert.equal(read({ type: "integer" }, "-3"), -3);
  assert.equal(read({ type: "integer" }, "3.5"), "fault: type a whole number");
  assert.equal(read({ type: "number" }, "1e3"), 1000);
  for (const odd of ["x", "0x10", "Infinity", "1e999"]) {
    assert.equal(read({ type: "number" }, odd), "fault: type a number", odd);
  }
  assert.equal(
    read({ type: "number", minimum: 1, maximum: 2 }, "3"),
    "fault: it must be a number, 1 to 2",
  );
  assert.deepEqual(["Y", "no", "true", "x"].map((text) => read({ type: "boolean" }, text)), [
    true,
    false,
    true,
    "fault: type y or n",
  ]);
  assert.deepEqual(["1", "first", "b", "3", "c"].map((text) => read(TITLED, text)), [
    "a",
    "a",
    "b",
    "fault: choose one of them",
    "fault: choose one of them",
  ]);
  assert.deepEqual(read(SEVERAL, "2, The X, y"), ["y", "x"]);
  assert.equal(read(SEVERAL, "1,5"), "fault: choose some of them, by comma");
  assert.equal(read(SEVERAL, ","), "fault: it must be 1 to 2");
  // A value comes before a number of the list.
  assert.equal(read({ type: "string", enum: ["2", "1"] }, "2"), "2");
});

Deno.test("readForm() takes whatever a server sends", () => {
  const word = fc.constantFrom(
    "type",
    "properties",
    "required",
    "enum",
    "oneOf",
    "items",
    "default",
    "title",
    "string",
    "array",
    "integer",
    "const",
    "minLength",
    "__proto__",
  );
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: "small" },
      word,
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie("value"), { maxLength: 3 }),
      fc.dictionary(word, tie("value"), { maxKeys: 4 }),
    ),
  }));
  fc.assert(
    fc.property(fc.dictionary(fc.string(), value), (properties) => {
      const form = readForm({ properties, required: Object.keys(properties) });
      const content = defaultsOf(form);
      if (content !== undefined) {
        assert.deepEqual(Object.keys(content).toSorted(), Object.keys(properties).toSorted());
      }
    }),
    { seed: 5, numRuns: 300 },
  );
});

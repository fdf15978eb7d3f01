/**
 * Arguments brought into the form that a schema asks for. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { coerceArguments, coerceValue } from "../../lib/core/coerce.ts";

Deno.test("coerceValue() takes words for what a schema asks for, and nothing that would be lost", () => {
  const cases: readonly [word: unknown, schema: unknown, expected: unknown][] = [
    ["5", { type: "integer" }, 5],
    ["-2.5e3", { type: "number" }, -2500],
    ["3e0", { type: "integer" }, "3e0"],
    ["12345678901234567890", { type: "integer" }, "12345678901234567890"],
    ["TRUE", { type: "boolean" }, true],
    ["yes", { type: "boolean" }, "yes"],
    [true, { type: "string" }, "true"],
    ["5", { type: "string" }, "5"],
    ["5", undefined, "5"],
    ["5", { $ref: "#/$defs/n" }, "5"],
    ["a, b,", { type: "array" }, ["a", "b"]],
    ["1,2", { type: "array", items: { type: "integer" } }, [1, 2]],
    ['[{"a":1},"b,c"]', { type: "array" }, [{ a: 1 }, "b,c"]],
    ["[not json", { type: "array" }, ["[not json"]],
    ['{"a":{"b":[1]}}', { type: "object" }, { a: { b: [1] } }],
    ["a=b=c", { type: "object" }, { a: "b=c" }],
    [["a=1", "b=2"], { type: "object" }, { a: "1", b: "2" }],
    [["a=1", "b"], { type: "object" }, ["a=1", "b"]],
    ["7", { type: ["integer", "null"] }, 7],
    ["7", { type: ["string", "integer"] }, "7"],
    ["7", { anyOf: [{ type: "null" }, { type: "boolean" }, { type: "number" }] }, 7],
  ];
  for (const [word, schema, expected] of cases) {
    assert.deepEqual(coerceValue(word, schema), expected, JSON.stringify([word, schema]));
  }
});

Deno.test("coerceArguments() leaves out what is empty and may be, and passes on what it does not know", () => {
  const schema = {
    properties: { name: { type: "string" }, note: { type: "string" } },
    required: ["name"],
  };
  assert.deepEqual(coerceArguments({ name: "", note: "", other: "" }, schema), {
    name: "",
    other: "",
  });
  assert.deepEqual(coerceArguments({ a: "1" }, {}), { a: "1" });
  assert.deepEqual(
    coerceArguments({ name: "old,new" }, { properties: { name: { type: "array" } } }, {
      synonyms: { name: { old: "new" } },
    }),
    { name: ["new", "new"] },
  );
});

Deno.test("coerceArguments() changes no argument that fits already", () => {
  const type = (value: unknown) =>
    Array.isArray(value)
      ? "array"
      : typeof value === "object"
      ? "object"
      : Number.isInteger(value)
      ? "integer"
      : typeof value;
  const value = fc.jsonValue().filter((one) => one !== null && one !== "");
  fc.assert(
    fc.property(fc.dictionary(fc.string(), value), (args) => {
      const properties = Object.fromEntries(
        Object.entries(args).map(([name, one]) => [name, { type: type(one) }]),
      );
      // An object's own `__proto__` included.
      const coerced = coerceArguments(args, { properties });
      assert.equal(JSON.stringify(coerced), JSON.stringify({ ...args }));
    }),
    { seed: 5 },
  );
});

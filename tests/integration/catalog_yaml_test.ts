import assert from "node:assert/strict";
import { AppError } from "../../lib/core/errors.ts";
import { loadYaml, MAX_YAML_CHARS } from "../../lib/catalog/yaml.ts";

const readYaml = await loadYaml();

function codeOf(text: string): string {
  try {
    readYaml(text, { what: "server.yaml" });
    return "read";
  } catch (thrown) {
    assert.ok(thrown instanceof AppError);
    assert.match(thrown.message, /^Cannot read "server.yaml": /);
    return thrown.code;
  }
}

Deno.test("loadYaml() reads plain documents", () => {
  const text = "name: time\nnested:\n  - a: 1\n    b: [x, y]\nempty:\n";
  assert.deepEqual(readYaml(text, { what: "x" }), {
    name: "time",
    nested: [{ a: 1, b: ["x", "y"] }],
    empty: null,
  });
  assert.deepEqual(readYaml("a: &x 1\nb: *x\n", { what: "x" }), { a: 1, b: 1 });
});

Deno.test("loadYaml() refuses aliases that expand without bound", () => {
  const lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"];
  for (let level = 1; level < 12; level += 1) {
    const parts = Array(9).fill(`*a${level - 1}`).join(", ");
    lines.push(`a${level}: &a${level} [${parts}]`);
  }
  assert.equal(codeOf(lines.join("\n")), "TOO_LARGE");
});

Deno.test("loadYaml() refuses depth before the parser's stack meets it", () => {
  assert.equal(codeOf("[".repeat(5000)), "TOO_LARGE");
  assert.equal(codeOf("- ".repeat(5000) + "x"), "TOO_LARGE");
  assert.equal(codeOf("? ".repeat(5000) + "x"), "TOO_LARGE");
  const indented = Array.from({ length: 330 }, (_, level) => `${" ".repeat(level)}a:`).join("\n");
  assert.ok(["TOO_LARGE", "read"].includes(codeOf(indented)));
});

Deno.test("loadYaml() refuses long texts and what is no YAML", () => {
  assert.equal(codeOf("x".repeat(MAX_YAML_CHARS + 1)), "TOO_LARGE");
  assert.equal(codeOf("a: ]"), "BAD_RESPONSE");
  assert.equal(codeOf("a: *nobody"), "BAD_RESPONSE");
});

Deno.test("loadYaml() never reaches a prototype or runs a tag", () => {
  const value = readYaml("__proto__:\n  polluted: true\nb: !!js/function 'x'\n", { what: "x" });
  assert.equal(Object.getPrototypeOf(value), Object.prototype);
  assert.equal(Object.hasOwn(Object.prototype, "polluted"), false);
});

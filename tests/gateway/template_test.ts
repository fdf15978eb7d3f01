/**
 * Values of settings and what templates come to. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { AppError } from "../../lib/core/errors.ts";
import { checkValue } from "../../lib/gateway/template.ts";
import { setting, valuesOf } from "./hostile.ts";

/** The code and message of what a call throws. */
function failure(action: () => unknown): AppError {
  try {
    action();
  } catch (thrown) {
    assert.ok(thrown instanceof AppError, String(thrown));
    return thrown;
  }
  return assert.fail("nothing was thrown");
}

Deno.test("Values.expand() puts values in and leaves other braces alone", () => {
  const values = valuesOf([setting("a"), setting("b", { default: "B" }), setting("c")], { a: "A" });
  assert.equal(values.expand("{a}-{b}/{x}{}{ a }")?.text, "A-B/{x}{}{ a }");
  assert.equal(values.expand("{a}{c}"), undefined);
  assert.equal(values.expand("plain")?.text, "plain");
});

Deno.test("Values.expand() never reads a value as a template", () => {
  const settings = [setting("a"), setting("b", { secret: true })];
  assert.equal(valuesOf(settings, { a: "{b}", b: "s3cret" }).expand("x{a}")?.text, "x{b}");
});

Deno.test("Values.of() works out fixed values, whose value nobody can give", () => {
  const token = setting("TOKEN", { secret: true });
  const header = setting("Authorization", { kind: "header", value: "Bearer {TOKEN}" });
  const values = valuesOf([header, token], { TOKEN: "t", Authorization: "Basic x" });
  const expansion = values.of(header);
  assert.equal(expansion?.text, "Bearer t");
  assert.equal(expansion?.lead, "Bearer ");
  assert.deepEqual(expansion?.settings.map(({ name }) => name), ["Authorization", "TOKEN"]);
  assert.equal(valuesOf([header, token]).of(header), undefined);
});

Deno.test("Values.of() tells a variable from an environment variable of the same name", () => {
  const env = setting("port", { kind: "env", value: "{port}" });
  const variable = setting("port", { default: "80" });
  assert.equal(valuesOf([env, variable]).of(env)?.text, "80");
  // Without the variable the name stands for itself.
  assert.equal(valuesOf([env]).of(env)?.text, "{port}");
});

Deno.test("Values.of() ends where fixed values refer to each other", () => {
  const a = setting("a", { value: "{b}" });
  const b = setting("b", { value: "<{a}>" });
  assert.equal(valuesOf([a, b]).of(a)?.text, "<{a}>");
  const chain = Array.from(
    { length: 40 },
    (_, index) => setting(`s${index}`, { value: `{s${index + 1}}{s${index + 1}}` }),
  );
  const [first = a] = chain;
  assert.equal(
    failure(() => valuesOf([...chain, setting("s40", { default: "" })]).of(first)).code,
    "TOO_LARGE",
  );
  const long = setting("long");
  const many = setting("many", { value: "{long}".repeat(100) });
  const values = valuesOf([long, many], { long: "x".repeat(90_000) });
  assert.equal(failure(() => values.of(many)).code, "TOO_LARGE");
});

Deno.test("Values.expand() shows a hidden value by its name and says so", () => {
  const values = valuesOf([setting("a"), setting("b")], {
    a: { kind: "hidden" },
    b: { kind: "podman-secret", name: "vault" },
  });
  assert.deepEqual(values.expand("x{a}")?.text, "x<a>");
  assert.equal(values.expand("x{a}")?.isHidden, true);
  assert.equal(values.expand("x")?.isHidden, false);
  assert.equal(values.engineSecret(setting("b")), "vault");
  assert.equal(values.engineSecret(setting("a")), undefined);
  assert.equal(values.engineSecret(setting("b", { value: "fixed" })), undefined);
});

Deno.test("Values.elements() reads a JSON array, or one text", () => {
  const paths = setting("paths", { format: "list" });
  const of = (text: string) => valuesOf([paths], { paths: text }).elements("paths");
  assert.deepEqual(of('["/a", "/b"]').map(({ text }) => text), ["/a", "/b"]);
  assert.deepEqual(of("/a b").map(({ text }) => text), ["/a b"]);
  assert.deepEqual(of(""), []);
  assert.deepEqual(valuesOf([paths]).elements("paths"), []);
  assert.deepEqual(valuesOf([paths]).elements("other"), []);
  assert.deepEqual(valuesOf([paths], { paths: { kind: "hidden" } }).elements("paths"), [
    { text: "<paths>", isHidden: true },
  ]);
});

Deno.test("checkValue() says what is expected and never what was given", () => {
  const cases = [
    [setting("n", { format: "number" }), "s3cret", "it is no number"],
    [setting("n", { format: "number" }), "0x10", "it is no number"],
    [setting("b", { format: "boolean" }), "s3cret", "it is neither true nor false"],
    [setting("l", { format: "list" }), "[s3cret", "it is no JSON array"],
    [setting("l", { format: "list" }), "[1]", "it is a JSON array of other things than texts"],
    [setting("l", { format: "list" }), '["\\u0000"]', "other things than texts"],
    [setting("c", { choices: ["a", "b"] }), "s3cret", "it is none of a, b"],
    [setting("t"), "s3cret\0", "it holds a NUL character"],
    [setting("t"), "s3cret\ud800", "it is no Unicode text"],
    [setting("t"), "s3cret".repeat(20_000), "it is longer than 98304 characters"],
  ] as const;
  for (const [item, text, state] of cases) {
    const error = failure(() => checkValue(item, text));
    assert.equal(error.code, "INVALID_ARGUMENT");
    assert.ok(error.message.includes(state), error.message);
    assert.ok(!`${error.message} ${error.hint}`.includes("s3cret"));
    assert.equal(failure(() => valuesOf([item], { [item.name]: text })).message, error.message);
  }
  for (const text of ["0", "-1", "3.5", "1e9"]) {
    checkValue(setting("n", { format: "number" }), text);
  }
  checkValue(setting("b", { format: "boolean" }), "true");
  checkValue(setting("l", { format: "list" }), "[]");
  checkValue(setting("c", { choices: ["a"] }), "a");
});

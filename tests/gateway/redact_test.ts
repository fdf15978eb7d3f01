import assert from "node:assert/strict";
import fc from "fast-check";
import { AppError } from "../../lib/core/errors.ts";
import { Redactor } from "../../lib/gateway/redact.ts";
import { FakeLog } from "../fake_log.ts";

const SECRET = 'p@ss/w"o+rd é';

function knowing(...values: string[]): Redactor {
  const redactor = new Redactor();
  redactor.know(values);
  return redactor;
}

function base64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

Deno.test("text() replaces a secret in each form that programs print it in", () => {
  const redactor = knowing(SECRET);
  const inForm = new URLSearchParams({ a: SECRET }).toString();
  const cases: [string, string][] = [
    [`key ${SECRET}, again ${SECRET}.`, "key [secret], again [secret]."],
    [`https://h/?k=${encodeURIComponent(SECRET)}&x`, "https://h/?k=[secret]&x"],
    [encodeURIComponent(SECRET).replace(/%../g, (code) => code.toLowerCase()), "[secret]"],
    [inForm, "a=[secret]"],
    [JSON.stringify({ a: SECRET }), '{"a":"[secret]"}'],
    [JSON.stringify(JSON.stringify({ a: SECRET })), '"{\\"a\\":\\"[secret]\\"}"'],
    [`Basic ${base64(SECRET)}`, "Basic [secret]"],
    ["nothing to see", "nothing to see"],
  ];
  for (const [text, expected] of cases) assert.equal(redactor.text(text), expected);
});

Deno.test("text() replaces a secret in base64 wherever it begins and ends", () => {
  const secret = "s3cr3t-token-value";
  const redactor = knowing(secret);
  for (const user of ["a", "ab", "abc", "abcd"]) {
    for (const rest of ["", "x", "xy", "xyz"]) {
      const encoded = base64(`${user}:${secret}${rest}`);
      for (const form of [encoded, encoded.replaceAll("+", "-").replaceAll("/", "_")]) {
        const text = redactor.text(`Basic ${form} end`);
        const parts = text.replace(/^Basic | end$/g, "").split("[secret]");
        assert.equal(parts.length, 2, text);
        const kept = parts.map((part) => atob(part)).join(" ");
        assert.doesNotMatch(kept, /s3c|cr3|3t-|-to|ken|n-v|val|lue/, text);
      }
    }
  }
});

Deno.test("text() leaves short values alone, since they stand everywhere", () => {
  assert.equal(knowing("true", "", "12345").text("true 12345"), "true 12345");
  assert.equal(knowing("123456").text("123456"), "[secret]");
});

Deno.test("text() replaces the longer of two secrets that begin alike", () => {
  assert.equal(knowing("abcdef", "abcdefghi").text("abcdefghi abcdefg"), "[secret] [secret]g");
});

Deno.test("know() forgets a secret when the last that knew it is done", () => {
  const redactor = new Redactor();
  const first = redactor.know(["abcdef"]);
  const second = redactor.know(["abcdef", "ghijkl"]);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  assert.equal(redactor.text("abcdef ghijkl"), "[secret] [secret]");
  second[Symbol.dispose]();
  assert.equal(redactor.text("abcdef ghijkl"), "abcdef ghijkl");
});

Deno.test("value() replaces in names and nested texts, and copies only what it changes", () => {
  const redactor = knowing("abcdef");
  const same = { a: [1, null, true, "x"], b: { c: "abc" } };
  const value = { same, list: ["abcdef", 1], "k-abcdef": { d: "--abcdef--" } };
  const clean = redactor.value(value);
  assert.deepEqual(clean, {
    same,
    list: ["[secret]", 1],
    "k-[secret]": { d: "--[secret]--" },
  });
  assert.equal(clean.same, same);
  assert.equal(redactor.value(same), same);
  const named = redactor.value(JSON.parse('{"__proto__":"abcdef"}'));
  assert.equal(JSON.stringify(named), '{"__proto__":"[secret]"}');
  assert.equal(new Redactor().value(value), value);
});

Deno.test("value() lets nothing through that nests too deep to be looked at", () => {
  let value: unknown = "abcdef";
  for (let level = 0; level < 5_000; level++) value = [value];
  assert.ok(!JSON.stringify(knowing("abcdef").value(value)).includes("abcdef"));
});

Deno.test("error() keeps what an error says, but for secrets and its cause", () => {
  const error = new AppError("UNAUTHORIZED", 'Cannot use "abcdef": refused', {
    hint: "abcdef",
    retryable: true,
    retryAfterMs: 5,
    status: 401,
    details: { key: "abcdef" },
    cause: new TypeError("abcdef"),
  });
  const clean = knowing("abcdef").error(error);
  assert.ok(clean instanceof AppError);
  assert.deepEqual(
    { ...clean, message: clean.message, cause: clean.cause },
    {
      ...error,
      message: 'Cannot use "[secret]": refused',
      hint: "[secret]",
      details: { key: "[secret]" },
      cause: undefined,
    },
  );
  assert.equal(new Redactor().error(error), error);
  const bare = knowing("abcdef").error(new AppError("TIMEOUT", "Cannot wait"));
  assert.deepEqual([bare.code, bare.message, bare.hint], ["TIMEOUT", "Cannot wait", undefined]);
});

Deno.test("wrap() keeps secrets out of a log, those that are learnt later too", () => {
  const redactor = new Redactor();
  const records = new FakeLog();
  const log = redactor.wrap(records);
  redactor.know(["abcdef"]);
  log.debug("d abcdef", { a: "abcdef", n: 1, u: undefined });
  log.info("i");
  log.warn("w", { a: "x" });
  log.error("abcdef");
  assert.deepEqual(records.records, [
    { level: "debug", message: "d [secret]", fields: { a: "[secret]", n: 1, u: undefined } },
    { level: "info", message: "i", fields: {} },
    { level: "warn", message: "w", fields: { a: "x" } },
    { level: "error", message: "[secret]", fields: {} },
  ]);
});

Deno.test("text() leaves no secret in any text", () => {
  // No letters of the mark, so that what stands for a secret is none.
  const secrets = fc.array(fc.string({ minLength: 6, maxLength: 12, unit: "binary" }), {
    minLength: 1,
    maxLength: 4,
  }).filter((values) => !values.some((value) => /[[\]secrt]/.test(value)));
  fc.assert(
    fc.property(secrets, fc.array(fc.string({ unit: "binary" })), (values, parts) => {
      const redactor = knowing(...values);
      const forms = (value: string) => [
        value,
        JSON.stringify(value),
        encodeURIComponent(value.toWellFormed()),
      ];
      for (const form of [0, 1, 2]) {
        const text = parts.map((part) => values.map((value) => part + forms(value)[form]).join(""))
          .join("");
        const clean = redactor.text(text);
        for (const value of values) assert.ok(!clean.includes(value));
      }
    }),
    { seed: 20260106, numRuns: 300 },
  );
});

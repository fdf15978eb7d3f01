/**
 * Values and references as people write them, and who may name what. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { AppError } from "../../lib/core/errors.ts";
import type { Files } from "../../lib/core/host.ts";
import { parsePolicy } from "../../lib/gateway/policy.ts";
import {
  checkReference,
  describeValue,
  plannedValues,
  readValue,
  resolveValues,
  type StoredValue,
} from "../../lib/gateway/stored_value.ts";
import { setting } from "./hostile.ts";

function failsWith(code: string, message: RegExp): (thrown: unknown) => boolean {
  return (thrown) => {
    assert.ok(thrown instanceof AppError, String(thrown));
    assert.equal(thrown.code, code);
    assert.match(thrown.message, message);
    return true;
  };
}

Deno.test("readValue() tells references from values", () => {
  const cases: readonly (readonly [string, StoredValue])[] = [
    ["plain", { kind: "text", text: "plain" }],
    ["", { kind: "text", text: "" }],
    ["env:GITHUB_TOKEN", { kind: "env", name: "GITHUB_TOKEN" }],
    ["file:/run/secrets/key", { kind: "file", path: "/run/secrets/key" }],
    ["file:///data/x.db", { kind: "text", text: "file:///data/x.db" }],
    ["podman-secret:api.key-1", { kind: "podman-secret", name: "api.key-1" }],
    ["text:env:NAME", { kind: "text", text: "env:NAME" }],
    ["text:a\nb", { kind: "text", text: "a\nb" }],
    ["environment:x", { kind: "text", text: "environment:x" }],
  ];
  for (const [text, value] of cases) assert.deepEqual(readValue(text), value, text);
});

Deno.test("readValue() refuses references of another form, without showing them", () => {
  for (
    const text of [
      "env:",
      "env:A B",
      "env:1X",
      "file:relative",
      "file:/a/../b",
      "podman-secret:-x",
      "podman-secret:",
    ]
  ) {
    assert.throws(
      () => readValue(text),
      failsWith(
        "INVALID_ARGUMENT",
        /^Cannot use a value that begins with "[a-z-]+:": an? .* must follow$/,
      ),
    );
  }
});

Deno.test("describeValue() shows references and never a text", () => {
  assert.equal(describeValue({ kind: "text", text: "s3cret" }), "stored");
  assert.equal(describeValue(readValue("env:A")), "env:A");
  assert.equal(describeValue(readValue("file:/a b")), "file:/a b");
  assert.equal(describeValue(readValue("podman-secret:a")), "podman-secret:a");
});

Deno.test("checkReference() lets a client name only what the operator meant for servers", () => {
  const policy = parsePolicy({ env_allow: ["ACME_*"], value_files: ["/run/secrets"] });
  const declared = [setting("TOKEN", { kind: "env" }), setting("OCI_TOKEN", { kind: "env" })];
  const check = (text: string, by: "client" | "operator") => () =>
    checkReference(readValue(text), { by, declared, policy });
  for (
    const text of [
      "anything",
      "env:TOKEN",
      "env:ACME_KEY",
      "file:/run/secrets/key",
      "podman-secret:token",
      "podman-secret:wharf-acme",
    ]
  ) {
    check(text, "client")();
    check(text, "operator")();
  }
  for (
    const text of [
      "env:AWS_SECRET_ACCESS_KEY",
      "file:/home/me/.ssh/id_ed25519",
      "file:/run/secrets2/key",
      "podman-secret:other",
    ]
  ) {
    assert.throws(check(text, "client"), failsWith("FORBIDDEN", /^Cannot use ".+" as a value: /));
    check(text, "operator")();
  }
  // Wharf's own credentials go to no server, whoever asks and whatever an entry declares.
  for (const by of ["client", "operator"] as const) {
    for (const name of ["OCI_TOKEN", "oci_password", "MCP_AUTH_TOKEN"]) {
      assert.throws(check(`env:${name}`, by), failsWith("FORBIDDEN", /Wharf's own credential$/));
    }
  }
});

const FILES: Files = {
  read: (path) => {
    if (path === "/run/key") return Promise.resolve(new TextEncoder().encode("from file\n"));
    if (path === "/run/binary") return Promise.resolve(new Uint8Array([0xFF, 0xFE]));
    return Promise.resolve(undefined);
  },
};

function stored(values: Readonly<Record<string, string>>): ReadonlyMap<string, StoredValue> {
  return new Map(Object.entries(values).map(([name, text]) => [name, readValue(text)]));
}

Deno.test("resolveValues() looks references up and says which texts are secret", async () => {
  const settings = [setting("open"), setting("key", { secret: true }), setting("fromEnv")];
  const { given, secrets } = await resolveValues(
    stored({
      open: "public",
      key: "s3cret",
      fromEnv: "env:KEY",
      fromFile: "file:/run/key",
      vault: "podman-secret:vault",
      other: "unknown",
      none: "",
    }),
    settings,
    { variable: (name) => name === "KEY" ? "from env" : undefined, files: FILES },
  );
  assert.deepEqual(Object.fromEntries(given), {
    open: { kind: "text", text: "public" },
    key: { kind: "text", text: "s3cret" },
    fromEnv: { kind: "text", text: "from env" },
    fromFile: { kind: "text", text: "from file" },
    vault: { kind: "podman-secret", name: "vault" },
    other: { kind: "text", text: "unknown" },
    none: { kind: "text", text: "" },
  });
  assert.deepEqual(secrets, ["s3cret", "from env", "from file", "unknown"]);
});

Deno.test("resolveValues() names the setting and what is not there", async () => {
  const resolve = (text: string) =>
    resolveValues(stored({ KEY: text }), [], {
      variable: (name) => name === "EMPTY" ? "" : undefined,
      files: FILES,
    });
  await assert.rejects(
    resolve("env:NOPE"),
    failsWith("NOT_FOUND", /^Cannot use "env:NOPE" for "KEY": Wharf's environment has no NOPE$/),
  );
  await assert.rejects(resolve("env:EMPTY"), failsWith("NOT_FOUND", /has no EMPTY$/));
  await assert.rejects(
    resolve("file:/run/nope"),
    failsWith("NOT_FOUND", /^Cannot use "file:\/run\/nope" for "KEY": there is no such file$/),
  );
  await assert.rejects(resolve("file:/run/binary"), failsWith("BAD_RESPONSE", /no UTF-8 text$/));
});

Deno.test("plannedValues() knows only texts of settings that are open everywhere", () => {
  const settings = [
    setting("open"),
    setting("key", { secret: true }),
    setting("both"),
    setting("both", { kind: "header", secret: true }),
  ];
  const planned = plannedValues(
    stored({ open: "o", key: "k", both: "b", other: "x", ref: "env:X", vault: "podman-secret:v" }),
    [...settings, setting("ref")],
  );
  assert.deepEqual(Object.fromEntries(planned), {
    open: { kind: "text", text: "o" },
    key: { kind: "hidden" },
    both: { kind: "hidden" },
    other: { kind: "hidden" },
    ref: { kind: "hidden" },
    vault: { kind: "podman-secret", name: "v" },
  });
});

/**
 * Tests of lib/oci/auth_file.ts. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { AppError } from "../../lib/core/errors.ts";
import { isHeaderWord, keysFor, parseAuthFile } from "../../lib/oci/auth_file.ts";
import { basicAuth } from "./keychain_fakes.ts";

function parsed(file: unknown) {
  const text = typeof file === "string" ? file : JSON.stringify(file);
  return parseAuthFile(new TextEncoder().encode(text), '"auth.json"');
}

/** The credential of one entry. */
function credentialOf(entry: unknown): unknown {
  const { entries } = parsed({ auths: { "r.example": entry } });
  assert.deepEqual([...entries.keys()], ["r.example"]);
  return entries.get("r.example");
}

function basic(username: string, password: string) {
  return { kind: "basic", username, password };
}

Deno.test("parseAuthFile() reads every form of an entry", () => {
  const cases: readonly (readonly [unknown, unknown])[] = [
    [{ auth: basicAuth("u", "p") }, basic("u", "p")],
    [{ auth: basicAuth("u", "a:b:c") }, basic("u", "a:b:c")],
    [{ auth: basicAuth("u", "") }, basic("u", "")],
    [{ auth: basicAuth("jürgen", "пароль🔑") }, basic("jürgen", "пароль🔑")],
    [{ auth: basicAuth("u", "pp").replace(/=+$/, "") }, basic("u", "pp")],
    [{ auth: ` ${basicAuth("u", "p")}\n` }, basic("u", "p")],
    [
      { auth: basicAuth("u", "???>>>").replaceAll("+", "-").replaceAll("/", "_") },
      basic(
        "u",
        "???>>>",
      ),
    ],
    [{ auth: basicAuth("u", "p\0\0\0") }, basic("u", "p")],
    [{ auth: basicAuth("u", "p\0q") }, basic("u", "p\0q")],
    [{ username: "u", password: "p" }, basic("u", "p")],
    [{ username: "u", password: "" }, basic("u", "")],
    [{ auth: basicAuth("a", "b"), username: "u", password: "p" }, basic("a", "b")],
    [{ auth: "", username: "u", password: "p" }, basic("u", "p")],
    [{ auth: "!!", username: "u", password: "p" }, basic("u", "p")],
    [{ auth: 7, username: "u", password: "p", other: [] }, basic("u", "p")],
    [{ auth: basicAuth("u", "p"), identitytoken: "i" }, { kind: "identity", token: "i" }],
    [{ identitytoken: "i", registrytoken: "r" }, { kind: "bearer", token: "r" }],
    [{ registrytoken: "two\nlines", identitytoken: "i" }, { kind: "identity", token: "i" }],
    [{ registrytoken: "two\nlines" }, undefined],
    [{ identitytoken: "", registrytoken: "", auth: "" }, undefined],
    [{}, undefined],
    [null, undefined],
    ["text", undefined],
    [{ auth: btoa("no colon") }, undefined],
    [{ auth: btoa(":") }, undefined],
    [{ auth: "abcde" }, undefined],
    [{ username: "u" }, undefined],
    [{ password: "p" }, undefined],
  ];
  for (const [entry, expected] of cases) {
    assert.deepEqual(credentialOf(entry), expected, JSON.stringify(entry));
  }
});

Deno.test("parseAuthFile() normalises keys", () => {
  const keys: Readonly<Record<string, string>> = {
    "https://index.docker.io/v1/": "docker.io",
    "index.docker.io": "docker.io",
    "docker.io": "docker.io",
    "registry-1.docker.io": "docker.io",
    "docker.io/library/alpine": "docker.io/library/alpine",
    "https://index.docker.io/v1/access-token": "docker.io/v1/access-token",
    "Registry.Example": "registry.example",
    "http://registry.example/v1/": "registry.example",
    "https://registry.example/v2": "registry.example",
    "https://registry.example:5000/": "registry.example:5000",
    " localhost:5000 ": "localhost:5000",
    "quay.io/org/team": "quay.io/org/team",
    "quay.io/v2/app": "quay.io/v2/app",
  };
  for (const [key, expected] of Object.entries(keys)) {
    const { entries } = parsed({ auths: { [key]: { auth: basicAuth("u", "p") } } });
    assert.deepEqual([...entries.keys()], [expected]);
  }
});

Deno.test("parseAuthFile() lets no empty entry hide a full one of the same host", () => {
  const full = { auth: basicAuth("u", "p") };
  for (
    const auths of [
      { "docker.io": {}, "https://index.docker.io/v1/": full },
      { "https://index.docker.io/v1/": full, "docker.io": {} },
    ]
  ) {
    assert.deepEqual(parsed({ auths }).entries.get("docker.io"), basic("u", "p"));
  }
});

Deno.test("parseAuthFile() reads helpers and the store", () => {
  const file = parsed({
    auths: {},
    credHelpers: { "https://index.docker.io/v1/": "desktop", "R.example": "pass", x: "", y: 1 },
    credsStore: "osxkeychain",
    HttpHeaders: { "User-Agent": "Docker" },
  });
  assert.deepEqual([...file.helpers], [["docker.io", "desktop"], ["r.example", "pass"]]);
  assert.equal(file.store, "osxkeychain");
  assert.equal(parsed({ credsStore: "" }).store, undefined);
  assert.deepEqual(parsed({ auths: null, credHelpers: null, credsStore: null }), {
    entries: new Map(),
    helpers: new Map(),
    store: undefined,
  });
});

Deno.test("parseAuthFile() reads the older form and an empty file", () => {
  const entry = { auth: basicAuth("u", "p"), email: "u@example.com" };
  for (const key of ["https://index.docker.io/v1/", "docker.io"]) {
    assert.deepEqual(parsed({ [key]: entry }).entries.get("docker.io"), basic("u", "p"));
  }
  assert.deepEqual(
    parsed({ "localhost:5000": entry }).entries.get("localhost:5000"),
    basic("u", "p"),
  );
  assert.equal(parsed({ psFormat: "table" }).entries.size, 0);
  assert.equal(parsed({}).entries.size, 0);
  assert.equal(parsed("").entries.size, 0);
});

Deno.test("parseAuthFile() refuses what is no auth file without quoting it", () => {
  const secret = "hunter2";
  for (
    const file of [
      `{"auths":{"r.example":{"auth":"${secret}`,
      `"${secret}"`,
      `["${secret}"]`,
      "null",
      `{"auths":["${secret}"]}`,
      `{"auths":{},"credsStore":{"${secret}":1}}`,
      `{"credHelpers":"${secret}"}`,
      "[".repeat(100_000),
    ]
  ) {
    assert.throws(() => parsed(file), (thrown) => {
      assert(thrown instanceof AppError && thrown.code === "BAD_RESPONSE");
      assert.match(thrown.message, /"auth\.json"/);
      return !`${thrown.message} ${thrown.hint}`.includes(secret);
    });
  }
});

Deno.test("parseAuthFile() treats keys as data", () => {
  const file = parsed(
    `{"auths":{"__proto__":{"username":"u","password":"p"},"constructor":{}},"credHelpers":{"__proto__":"x"}}`,
  );
  assert.equal(file.entries.get("toString"), undefined);
  assert.equal(file.helpers.get("toString"), undefined);
  assert(!("username" in {}));
});

Deno.test("parseAuthFile() reads back any user and password", () => {
  const username = fc.string({ unit: "binary", minLength: 1 }).filter((text) =>
    !/^\uFEFF|:/.test(text) && text.isWellFormed()
  );
  const password = fc.string({ unit: "binary" }).filter((text) =>
    !text.endsWith("\0") && text.isWellFormed()
  );
  fc.assert(
    fc.property(username, password, (user, pass) => {
      const auth = basicAuth(user, pass);
      const expected = basic(user, pass);
      for (const form of [auth, auth.replace(/=+$/, "")]) {
        assert.deepEqual(credentialOf({ auth: form }), expected);
      }
    }),
    { seed: 20260901, numRuns: 500 },
  );
});

Deno.test("keysFor() goes from the repository up to the host", () => {
  assert.deepEqual(keysFor({ registry: "quay.io", repository: "org/team/app" }), [
    "quay.io/org/team/app",
    "quay.io/org/team",
    "quay.io/org",
    "quay.io",
  ]);
  assert.deepEqual(keysFor({ registry: "[::1]:5000", repository: "" }), ["[::1]:5000"]);
});

Deno.test("isHeaderWord() knows what can stand in a header", () => {
  for (const token of ["a", "eyJ.a-b_c==", "~!"]) assert(isHeaderWord(token));
  for (const token of ["", "a b", "a\n", "a\r\nx: y", "é", "\0"]) assert(!isHeaderWord(token));
});

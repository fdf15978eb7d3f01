/**
 * The values of servers' settings on a disk. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { AppError } from "../../lib/core/errors.ts";
import { MemoryDisk } from "../../lib/core/memory_disk.ts";
import { parsePolicy } from "../../lib/gateway/policy.ts";
import {
  checkedValues,
  type SettingsOwner,
  SettingsStore,
} from "../../lib/gateway/settings_store.ts";
import { FakeLog } from "../fake_log.ts";
import { setting } from "./hostile.ts";

const OWNER: SettingsOwner = {
  ids: ["builtin/GitHub", "docker/github"],
  settings: [
    setting("GITHUB_TOKEN", { kind: "env", required: true, secret: true }),
    setting("GITHUB_HOST", { kind: "env" }),
    setting("port", { format: "number" }),
    setting("NODE_OPTIONS", { kind: "env" }),
    setting("path"),
  ],
};

function openStore(policy: unknown = {}) {
  const disk = new MemoryDisk();
  const log = new FakeLog();
  const open = () => new SettingsStore({ disk, log }, parsePolicy(policy));
  return { disk, log, open, store: open() };
}

async function failure(promise: Promise<unknown>): Promise<AppError> {
  try {
    await promise;
  } catch (thrown) {
    assert.ok(thrown instanceof AppError, String(thrown));
    return thrown;
  }
  return assert.fail("nothing was thrown");
}

Deno.test("SettingsStore keeps values, and lists names alone", async () => {
  const { store, open } = openStore();
  const listed = await store.change(OWNER, {
    set: { port: "80", GITHUB_TOKEN: "s3cret", GITHUB_HOST: "env:GITHUB_HOST" },
    by: "client",
  });
  assert.deepEqual(listed, [
    { name: "GITHUB_HOST", value: "env:GITHUB_HOST" },
    { name: "GITHUB_TOKEN", value: "stored" },
    { name: "port", value: "stored" },
  ]);
  const again = open();
  assert.deepEqual(await again.list(OWNER.ids), listed);
  assert.deepEqual((await again.values(["DOCKER/github", "builtin/github"])).get("GITHUB_TOKEN"), {
    kind: "text",
    text: "s3cret",
  });
  assert.deepEqual(await again.list(["builtin/other"]), []);
});

Deno.test("SettingsStore.change() merges, unsets, and replaces", async () => {
  const { store, disk } = openStore();
  await store.change(OWNER, { set: { port: "1", GITHUB_HOST: "h" }, by: "client" });
  await store.change({ ...OWNER, ids: ["other/x"] }, { set: { port: "9" }, by: "client" });
  await store.change(OWNER, { set: { port: "2" }, unset: ["nothing"], by: "client" });
  assert.equal((await store.list(OWNER.ids)).length, 2);
  const replaced = await store.change(OWNER, { set: { path: "/x" }, replace: true, by: "client" });
  assert.deepEqual(replaced.map(({ name }) => name), ["path"]);
  assert.deepEqual(await store.change(OWNER, { unset: ["path"], by: "client" }), []);
  const file = new TextDecoder().decode(await disk.read("settings.json", { maxBytes: 10_000 }));
  assert.deepEqual(JSON.parse(file).data, [{
    id: "other/x",
    values: [["port", { kind: "text", text: "9" }]],
  }]);
});

Deno.test("SettingsStore.change() finds values under the id that an entry had before a merge", async () => {
  const { store } = openStore();
  await store.change({ ...OWNER, ids: ["docker/github"] }, { set: { port: "1" }, by: "client" });
  await store.change(OWNER, { set: { path: "/x" }, by: "client" });
  assert.equal((await store.list(["builtin/github"])).length, 2);
  assert.deepEqual(await store.list(["docker/github"]), []);
});

Deno.test("SettingsStore.change() refuses what does not fit, and then changes nothing", async () => {
  const { store } = openStore();
  const set = (values: Record<string, string>) =>
    failure(store.change(OWNER, { set: { port: "80", ...values }, by: "client" }));
  const unknown = await set({ GITHUB_TOKN: "s3cret" });
  assert.equal(unknown.code, "INVALID_ARGUMENT");
  assert.equal(
    unknown.message,
    'Cannot set "GITHUB_TOKN" for "builtin/GitHub": the entry has no such setting',
  );
  assert.match(unknown.hint ?? "", /^Its settings are GITHUB_TOKEN/);
  assert.equal((await set({ port: "eighty" })).code, "INVALID_ARGUMENT");
  assert.equal((await set({ GITHUB_HOST: "file:/etc/passwd" })).code, "FORBIDDEN");
  assert.equal((await set({ GITHUB_HOST: "env:" })).code, "INVALID_ARGUMENT");
  assert.equal((await set({ ["__proto__"]: "x" })).code, "INVALID_ARGUMENT");
  assert.deepEqual(await store.list(OWNER.ids), []);
  const many = Array.from({ length: 301 }, (_, index) => setting(`S${index}`));
  const values = Object.fromEntries(many.map(({ name }) => [name, "x"]));
  const error = await failure(
    store.change({ ids: ["a/b"], settings: many }, { set: values, by: "client" }),
  );
  assert.equal(error.code, "TOO_LARGE");
});

Deno.test("SettingsStore sets a file of another form aside", async () => {
  const { store, disk, log } = openStore();
  await disk.write("settings.json", new TextEncoder().encode('{"version":1,"data":[1]}'));
  assert.deepEqual(await store.list(OWNER.ids), []);
  assert.equal(log.records[0]?.level, "warn");
});

Deno.test("checkedValues() takes names that the operator allows", () => {
  const check = (name: string, policy: unknown, owner = OWNER) =>
    checkedValues(owner, { set: { [name]: "x" }, by: "client", policy: parsePolicy(policy) });
  assert.equal(check("ACME_KEY", { env_allow: ["ACME_*"] }).size, 1);
  assert.throws(() => check("ACME_KEY", {}), /has no such setting$/);
  // What is no name of a variable is never one.
  assert.throws(() => check("ACME KEY", { env_allow: ["*"] }), /has no such setting$/);
  assert.throws(
    () => check("X", {}, { ids: ["a/b"], settings: [] }),
    (thrown) => thrown instanceof AppError && thrown.hint?.startsWith("It has none") === true,
  );
});

Deno.test("checkedValues() wants names that steer the runtime declared and allowed", () => {
  const check = (name: string, ...envAllow: readonly string[]) => () =>
    checkedValues(OWNER, {
      set: { [name]: "x" },
      by: "operator",
      policy: parsePolicy({ env_allow: envAllow }),
    });
  assert.equal(check("NODE_OPTIONS", "*")().size, 1);
  assert.throws(check("NODE_OPTIONS"), /it steers what starts the server$/);
  for (
    const name of ["LD_PRELOAD", "PATH", "DENO_DIR", "PYTHONPATH", "DYLD_X", "npm_config_registry"]
  ) {
    assert.throws(check(name, "*"), /it steers what starts the server$/, name);
  }
  // A variable of a template is no variable of the environment.
  assert.equal(check("path")().size, 1);
});

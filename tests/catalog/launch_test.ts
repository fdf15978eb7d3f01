import assert from "node:assert/strict";
import {
  allSettings,
  launchMethods,
  launchOptions,
  whyNotLaunchable,
} from "../../lib/catalog/launch.ts";
import type { Setting } from "../../lib/catalog/entry.ts";
import { makeEntry } from "./make.ts";

const token: Setting = { name: "TOKEN", kind: "env", required: true, secret: true };
const header: Setting = { name: "Authorization", kind: "header", required: true, secret: true };

Deno.test("launchOptions() prefers a container, then what needs no secret", () => {
  const entry = makeEntry("ours/x", {
    packages: [
      { type: "npm", identifier: "a", settings: [token, { ...token, name: "B", default: "x" }] },
      { type: "oci", identifier: "acme/a" },
    ],
    remotes: [
      { url: "https://locked.example/mcp", settings: [header] },
      { url: "https://open.example/mcp" },
      { url: "https://login.example/mcp", oauth: [{ provider: "login" }] },
    ],
  });
  const options = launchOptions(entry);
  assert.deepEqual(
    options.map(({ method, package: item, remote }) => [method, item?.identifier ?? remote?.url]),
    [
      ["podman", "docker.io/acme/a"],
      ["remote-http", "https://open.example/mcp"],
      ["stdio-proxy", "a"],
      ["remote-http", "https://locked.example/mcp"],
      ["remote-http", "https://login.example/mcp"],
    ],
  );
  assert.deepEqual(options[2]?.needs, [token]);
  assert.deepEqual(entry.launchMethods, ["podman", "remote-http", "stdio-proxy"]);
  assert.equal(entry.notLaunchable, undefined);
});

Deno.test("launchMethods() shares the list of equal entries", () => {
  const remotes = makeEntry("ours/x", { remotes: [{ url: "https://a.example" }] }).remotes;
  assert.equal(launchMethods({ packages: [], remotes }), launchMethods({ packages: [], remotes }));
});

Deno.test("whyNotLaunchable() says what stands in the way", () => {
  const reason = (packages: readonly { type: string; identifier: string; transport?: "sse" }[]) =>
    whyNotLaunchable(makeEntry("ours/x", { packages }));
  assert.equal(reason([]), "no source says how to start it");
  assert.equal(
    reason([{ type: "oci", identifier: "acme/x", transport: "sse" }]),
    "its oci package serves sse and not stdio",
  );
  assert.equal(
    reason([{ type: "nuget", identifier: "A.B" }, { type: "cargo", identifier: "b" }]),
    "it comes as nuget, cargo only, which Wharf cannot start",
  );
  assert.equal(makeEntry("ours/x").notLaunchable, "no source says how to start it");
  assert.equal(makeEntry("ours/x", { notLaunchable: "too odd" }).notLaunchable, "too odd");
});

Deno.test("allSettings() joins the settings of all packages and remotes, required first", () => {
  const entry = makeEntry("ours/x", {
    packages: [{
      type: "npm",
      identifier: "a",
      settings: [
        { name: "REGION", kind: "env", required: false, secret: false, description: "where" },
        { name: "FIXED", kind: "env", required: false, secret: false, value: "1" },
      ],
    }],
    remotes: [{
      url: "https://a.example",
      settings: [header, {
        name: "REGION",
        kind: "header",
        required: true,
        secret: true,
        example: "eu",
      }],
    }],
  });
  assert.deepEqual(allSettings(entry).map(({ name, secret, example }) => [name, secret, example]), [
    ["Authorization", true, undefined],
    ["REGION", true, "eu"],
  ]);
});

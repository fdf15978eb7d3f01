import assert from "node:assert/strict";
import { buildEntry, ENTRY_LIMITS, present } from "../../lib/catalog/build.ts";
import { AppError } from "../../lib/core/errors.ts";
import type { Setting } from "../../lib/catalog/entry.ts";
import { makeEntry } from "./make.ts";

function setting(name: string, facts: Partial<Setting> = {}): Setting {
  return { name, kind: "env", required: false, secret: false, ...facts };
}

Deno.test("buildEntry() cleans and cuts the texts of third parties", () => {
  const entry = makeEntry("ours/x", {
    title: "Ti\u202Etle\u0007",
    description: `line one\nline\u200B two ${"x".repeat(5000)}`,
    license: "MIT\n",
  });
  assert.equal(entry.title, "Title");
  assert.ok(entry.description.startsWith("line one line two x"));
  assert.equal(entry.description.length, ENTRY_LIMITS.descriptionChars);
  assert.equal(entry.license, "MIT");
});

Deno.test("buildEntry() takes web addresses only", () => {
  const entry = makeEntry("ours/x", {
    homepage: "javascript:alert(1)",
    url: "file:///etc/passwd",
    remotes: [{ url: "ftp://x.example" }, { url: "https://{tenant}.example.com/mcp" }],
  });
  assert.equal(entry.homepage, undefined);
  assert.equal(entry.sources[0]?.url, undefined);
  assert.deepEqual(entry.remotes.map(({ url }) => url), ["https://{tenant}.example.com/mcp"]);
});

Deno.test("buildEntry() refuses a record without a usable name", () => {
  for (
    const draft of [{ slug: "", name: "x" }, { slug: "中", name: "x" }, {
      slug: "x",
      name: " \u200B",
    }]
  ) {
    assert.throws(
      () => buildEntry(draft, { source: "ours" }),
      (thrown) => thrown instanceof AppError && thrown.code === "BAD_RESPONSE",
    );
  }
});

Deno.test("buildEntry() keeps packages whose names cannot be taken for options or paths", () => {
  const names = ["@acme/mcp", "mcp.time", "--help", "../x", "a b", "-x", "@a/b/c", ""];
  const { packages } = makeEntry("ours/x", {
    packages: names.map((identifier) => ({ type: "npm", identifier })),
  });
  assert.deepEqual(packages.map(({ identifier }) => identifier), ["@acme/mcp", "mcp.time"]);
});

Deno.test("buildEntry() drops a package that would lose an argument", () => {
  const { packages } = makeEntry("ours/x", {
    packages: [
      { type: "npm", identifier: "a", args: [{ value: "--ok" }, { value: "bad\u0000" }] },
      { type: "npm", identifier: "b", args: [{ value: "x".repeat(5000) }] },
      { type: "npm", identifier: "c", args: [{ name: "--flag" }, { value: "{v}", each: "v" }] },
    ],
  });
  assert.deepEqual(packages.map(({ identifier, args }) => [identifier, args.length]), [["c", 2]]);
});

Deno.test("buildEntry() asks for host paths instead of taking a catalogue's default", () => {
  const [item] = makeEntry("ours/x", {
    packages: [{
      type: "oci",
      identifier: "acme/x",
      settings: [
        { ...setting("paths"), kind: "variable", default: "/" },
        { ...setting("mode"), kind: "variable", default: "fast" },
      ],
      run: {
        volumes: [
          { source: "{paths}", target: "/data", kind: "host", readOnly: false },
          { source: "bad\u0007", target: "/x", kind: "host", readOnly: false },
        ],
        allowHosts: ["api.example.com:443", "bad host"],
        user: "{uid}",
      },
    }],
  }).packages;
  assert.deepEqual(item?.settings, [
    { name: "paths", kind: "variable", required: true, secret: false, example: "/" },
    { name: "mode", kind: "variable", required: false, secret: false, default: "fast" },
  ]);
  assert.deepEqual(item?.run?.allowHosts, ["api.example.com:443"]);
  assert.equal(item?.run?.volumes.length, 1);
  assert.equal(item?.run?.user, "{uid}");
});

Deno.test("buildEntry() drops settings with names that nothing can take", () => {
  const { settings } = makeEntry("ours/x", {
    settings: [setting(""), setting("A B"), setting("-x"), setting("X-API-Key"), setting("a.b")],
  });
  assert.deepEqual(settings.map(({ name }) => name), ["X-API-Key", "a.b"]);
});

Deno.test("buildEntry() keeps facts of packages and bounds every list", () => {
  const entry = makeEntry("ours/x", {
    packages: [
      {
        type: "mcpb",
        identifier: "https://x.example/a.mcpb",
        sha256: "b".repeat(64),
        registryUrl: "https://r.example",
        version: "1",
        program: "acme",
        oauth: [{ provider: "acme" }, { provider: "" }],
        runtimeArgs: ["-p 1:1"],
      },
      { type: "mcpb", identifier: "not a url" },
      { type: "oci", identifier: "mcp/x", transport: "sse" },
      { type: "npm", identifier: "b", sha256: "short", runtimeHint: "npx" },
    ],
    tools: [{ name: "a", description: "does a" }, { name: "" }],
    tags: Array.from({ length: 100 }, (_, index) => `t${index}`),
    categories: ["Databases", "🎉", "database"],
    updated: "2026-01-02T03:04:05.678Z",
    stars: 3,
  });
  const [mcpb, oci, npm] = entry.packages;
  assert.equal(mcpb?.sha256, "b".repeat(64));
  assert.deepEqual(mcpb?.oauth, [{ provider: "acme" }]);
  assert.equal(mcpb?.program, "acme");
  assert.equal(npm?.sha256, undefined);
  assert.equal(oci?.transport, "sse");
  assert.equal(entry.containerImage, "docker.io/mcp/x");
  assert.equal(entry.dockerBuilt, true);
  assert.deepEqual(entry.tools, [{ name: "a", description: "does a" }]);
  assert.equal(entry.tags.length, ENTRY_LIMITS.tags);
  assert.deepEqual(entry.categories, ["database"]);
  assert.equal(entry.sources[0]?.updated, "2026-01-02T03:04:05.678Z");
  assert.equal(makeEntry("ours/x", { updated: "yesterday" }).sources[0]?.updated, undefined);
});

Deno.test("buildEntry() puts an entry into another space of ids, under its source", () => {
  const entry = makeEntry("builtin/time", { space: "reference" });
  assert.equal(entry.id, "reference/time");
  assert.equal(entry.sources[0]?.source, "builtin");
});

Deno.test("present() leaves absent fields out", () => {
  assert.deepEqual({ ...present("a", 1), ...present("b", undefined) }, { a: 1 });
});

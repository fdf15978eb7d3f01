import assert from "node:assert/strict";
import { AppError } from "../../../lib/core/errors.ts";
import { customSource } from "../../../lib/catalog/sources/custom.ts";
import { memoryTree } from "../../../lib/catalog/source.ts";

Deno.test("customSource() knows by the location how it is fetched", () => {
  const kindOf = (location: string) => customSource({ id: "ours", location }).kind;
  assert.equal(kindOf("https://git.example.com/team/servers.git"), "git");
  assert.equal(kindOf("git@git.example.com:team/servers"), "git");
  assert.equal(kindOf("https://registry.example.com/v0.1/servers"), "api");
  assert.equal(kindOf("https://registry.example.com/v0"), "api");
  assert.equal(kindOf("https://example.com/servers.json"), "file");
  assert.equal(kindOf("/srv/servers"), "file");
});

Deno.test("customSource() refuses names that are taken or could not be part of an id", () => {
  for (const id of ["docker", "reference", "Ours", "a/b", "", "-x", "x".repeat(40)]) {
    assert.throws(
      () => customSource({ id, location: "/srv" }),
      (thrown) => thrown instanceof AppError && thrown.code === "INVALID_ARGUMENT",
      id,
    );
  }
});

Deno.test("a custom source reads records in the official registry's format under its own name", async () => {
  const source = customSource({ id: "ours", location: "https://example.com/servers.json" });
  const tree = memoryTree({
    "servers.json": JSON.stringify({
      servers: [{ name: "com.example/billing", description: "Bills", version: "1" }],
    }),
  });
  const { entries } = await source.readTree(tree, { source: "ours" });
  assert.deepEqual(entries.map(({ id, sources }) => [id, sources[0]?.source, sources[0]?.url]), [
    ["ours/com.example/billing", "ours", undefined],
  ]);
});

Deno.test("a custom source pages through an interface like the official registry's", () => {
  const source = customSource({ id: "ours", location: "https://r.example.com/v0.1/servers" });
  assert.ok(source.kind === "api");
  assert.equal(
    source.firstPage(new URL(source.location)).pathname,
    "/v0.1/servers",
  );
});

/**
 * Tests that server.json obeys what the official registry of MCP servers asks: its schema of
 * 2025-12-11, and the rules beyond it for images. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { z } from "zod";
import server from "../../server.json" with { type: "json" };
import { ENV_NAMES } from "../../lib/host/env.ts";
import { COMMANDS } from "../../lib/cli/commands.ts";
import { parseReference } from "../../lib/oci/mod.ts";

const INPUT = {
  description: z.string().optional(),
  isRequired: z.boolean().optional(),
  isSecret: z.boolean().optional(),
  format: z.enum(["string", "number", "boolean", "filepath"]).optional(),
  value: z.string().optional(),
  default: z.string().optional(),
  placeholder: z.string().optional(),
  choices: z.array(z.string()).optional(),
};

const ARGUMENT = z.union([
  z.strictObject({ ...INPUT, type: z.literal("positional"), valueHint: z.string() }),
  z.strictObject({ ...INPUT, type: z.literal("positional"), value: z.string() }),
  z.strictObject({ ...INPUT, type: z.literal("named"), name: z.string() }),
]);

const HTTP = (type: "streamable-http" | "sse") =>
  z.strictObject({ type: z.literal(type), url: z.string().regex(/^https?:\/\/\S+$/) });

/** The schema's rules for the keys that Wharf may use; a misspelt key is refused. */
const SCHEMA = z.strictObject({
  $schema: z.literal(
    "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
  ),
  name: z.string().min(3).max(200).regex(/^[a-zA-Z0-9.-]+\/[a-zA-Z0-9._-]+$/),
  title: z.string().min(1).max(100).optional(),
  description: z.string().min(1).max(100),
  version: z.string().max(255).regex(/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/),
  websiteUrl: z.url().optional(),
  repository: z.strictObject({
    url: z.url(),
    source: z.string(),
    id: z.string().optional(),
    subfolder: z.string().optional(),
  }).optional(),
  packages: z.array(z.strictObject({
    registryType: z.literal("oci"),
    identifier: z.string(),
    transport: z.union([
      z.strictObject({ type: z.literal("stdio") }),
      HTTP("streamable-http"),
      HTTP("sse"),
    ]),
    runtimeHint: z.string().optional(),
    runtimeArguments: z.array(ARGUMENT).optional(),
    packageArguments: z.array(ARGUMENT).optional(),
    environmentVariables: z.array(z.strictObject({ ...INPUT, name: z.string() })).optional(),
  })).min(1),
});

Deno.test("server.json obeys the registry's schema", () => {
  assert.deepEqual(SCHEMA.parse(server), server);
});

Deno.test("the test of the schema finds what is wrong", () => {
  const [item] = server.packages;
  const wrong: readonly Record<string, unknown>[] = [
    { name: "wharf" },
    { name: "a/b/c" },
    { description: "x".repeat(101) },
    { version: "latest" },
    { version: "^1.2.3" },
    { packages: [] },
    { packages: [{ ...item, registryType: "docker" }] },
    { packages: [{ ...item, transport: { type: "http" } }] },
    { packages: [{ ...item, packageArguments: [{ type: "positional" }] }] },
    { repository: { url: "github.com/x", source: "github" } },
    { title: "" },
    { stray: 1 },
  ];
  for (const change of wrong) {
    assert.equal(SCHEMA.safeParse({ ...server, ...change }).success, false, JSON.stringify(change));
  }
});

Deno.test("server.json names an image as the registry takes it, under the name's own owner", () => {
  const [, owner] = /^io\.github\.([^/]+)\//.exec(server.name) ?? [];
  assert.equal(server.repository.url, `https://github.com/${owner}/wharf`);
  for (const { identifier } of server.packages) {
    const { registry, repository, tag } = parseReference(identifier);
    assert.equal(registry, "ghcr.io");
    assert.equal(repository, `${owner}/wharf`);
    assert.equal(tag, server.version);
  }
});

Deno.test("server.json names variables and a command that Wharf knows, and what is secret", () => {
  for (const { environmentVariables, packageArguments } of server.packages) {
    for (const variable of environmentVariables) {
      assert.ok(ENV_NAMES.includes(variable.name), variable.name);
      const isSecret = /TOKEN|PASSWORD/.test(variable.name);
      assert.equal("isSecret" in variable && variable.isSecret, isSecret, variable.name);
    }
    const [command] = packageArguments;
    assert.ok(COMMANDS.some(({ name }) => name === command?.value));
  }
});

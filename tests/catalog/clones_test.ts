import assert from "node:assert/strict";
import { rankClones } from "../../lib/catalog/clones.ts";
import type { EntryFacts } from "./make.ts";
import { makeEntry } from "./make.ts";

/** `id group rank` of each entry. */
function ranks(...entries: readonly (readonly [string, EntryFacts])[]): readonly string[] {
  return rankClones(entries.map(([id, facts]) => makeEntry(id, facts)))
    .map(({ id, cloneGroup, cloneRank }) => `${id} ${cloneGroup ?? "-"} ${cloneRank ?? "-"}`);
}

const template =
  "Deploy a remote MCP server on Cloudflare Workers with OAuth login and connect it to Claude Desktop for seamless tool";

Deno.test("rankClones() ranks forks of a template behind the first", () => {
  assert.deepEqual(
    ranks(
      ["awesome/c/remote-mcp-server", { description: `${template} invocation.` }],
      ["awesome/b/remote-mcp-server", { description: `${template} integration.` }],
      ["awesome/a/other", { description: "Something else entirely, with words of its own." }],
    ),
    [
      "awesome/c/remote-mcp-server awesome/b/remote-mcp-server 1",
      "awesome/b/remote-mcp-server awesome/b/remote-mcp-server 0",
      "awesome/a/other - -",
    ],
  );
});

Deno.test("rankClones() puts whoever is official or can be launched first", () => {
  const description = "Reads and writes notes in a simple notes system for everybody";
  assert.deepEqual(
    ranks(
      ["awesome/a/notes", { description }],
      ["docker/z", { description, packages: [{ type: "oci", identifier: "mcp/z" }] }],
      ["mcpservers/y", { description, official: true }],
    ),
    ["awesome/a/notes mcpservers/y 2", "docker/z mcpservers/y 1", "mcpservers/y mcpservers/y 0"],
  );
});

Deno.test("rankClones() keeps servers apart that differ by what they are named after", () => {
  assert.deepEqual(
    ranks(
      ["official/a/notion", { description: "Ability to connect your own assistant to Notion" }],
      ["official/a/slack", { description: "Ability to connect your own assistant to Slack" }],
    ),
    ["official/a/notion - -", "official/a/slack - -"],
  );
});

Deno.test("rankClones() says nothing of short texts", () => {
  assert.deepEqual(
    ranks(["awesome/a/x", { description: "A server" }], ["awesome/b/y", {
      description: "A server",
    }]),
    ["awesome/a/x - -", "awesome/b/y - -"],
  );
});

Deno.test("rankClones() never ranks down what several sources know", () => {
  const description = "Reads and writes notes in a simple notes system for everybody";
  const known = makeEntry("official/x/known", { description });
  const [ref] = known.sources;
  assert.ok(ref);
  const both = { ...known, sources: [ref, { ...ref, source: "docker", id: "docker/known" }] };
  const also = { ...both, id: "official/y/also" };
  const marked = rankClones([both, also, makeEntry("awesome/a/copy", { description })]);
  assert.deepEqual(marked.map(({ cloneRank }) => cloneRank), [0, undefined, 1]);
});

/**
 * The catalogue over MCP: a server that reads a real git repository and a real document in the
 * background, and what its clients see. Needs all permissions, and `git`.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Client, StreamableHTTPClientTransport } from "../sdk.ts";
import { file } from "./git_repository.ts";
import { type GitServer, startGitServer } from "./git_server.ts";
import { integrationTest } from "./needs.ts";
import { runWharf, startWharf } from "./wharf.ts";

const yaml = (name: string, text: string) =>
  file(
    `servers/${name}/server.yaml`,
    [
      `name: ${name}`,
      `image: mcp/${name}`,
      "type: server",
      "meta:",
      "  category: database",
      "about:",
      `  title: ${name}`,
      `  description: ${text}`,
      "",
    ].join("\n"),
  );

const FIRST = [yaml("warehouse", "Counts what is in stock."), yaml("wiki", "Reads the wiki.")];

/** A document in the official registry's format, from a real socket. */
function startDocument(): { readonly url: string } & AsyncDisposable {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () =>
      Response.json({
        servers: [{
          server: {
            name: "com.example/payroll",
            description: "Answers about payroll.",
            version: "1.0.0",
            remotes: [{ type: "streamable-http", url: "https://payroll.example/mcp" }],
          },
        }],
      }),
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}/servers.json`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

interface Source {
  readonly source: string;
  readonly state: string;
  readonly entries: number;
}

async function call(
  client: Client,
  name: string,
  args: Record<string, unknown> = {},
): Promise<Record<string, unknown>> {
  const result = await client.callTool({ name, arguments: args });
  assert.ok(result.isError !== true, JSON.stringify(result.content));
  const answer = result.structuredContent;
  assert.ok(typeof answer === "object" && answer !== null);
  return { ...answer };
}

function idsOf(answer: Record<string, unknown>): readonly string[] {
  const { servers } = answer;
  assert.ok(Array.isArray(servers));
  return servers.map(({ id }) => String(id));
}

/** Asks for the status until every source is read, for half a minute at most. */
async function untilRead(client: Client): Promise<readonly Source[]> {
  for (let turn = 0; turn < 150; turn++) {
    const { sources } = await call(client, "registry-status");
    assert.ok(Array.isArray(sources));
    if (sources.every(({ state }: Source) => state === "ok")) return sources;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  assert.fail("the sources were never read");
}

async function withWorld(
  body: (world: {
    readonly git: GitServer;
    readonly flags: readonly string[];
    readonly env: Record<string, string>;
  }) => Promise<void>,
): Promise<void> {
  const cache = await Deno.makeTempDir({ prefix: "wharf-catalog-" });
  try {
    await using git = await startGitServer();
    await using document = startDocument();
    const repository = await git.create("catalogue");
    await repository.commit(FIRST);
    await body({
      git,
      flags: [
        "--source",
        "none",
        "--source",
        `docker=${git.repositoryUrl("catalogue").href}`,
        "--source",
        `ours=${document.url}`,
      ],
      env: { MCP_REGISTRY_CACHE_DIR: cache },
    });
  } finally {
    await Deno.remove(cache, { recursive: true });
  }
}

integrationTest(
  "a server reads its sources in the background, and serves what is there meanwhile",
  { needs: ["git"] },
  () =>
    withWorld(async ({ git, flags, env }) => {
      await using server = await startWharf([...flags], { env });
      const client = new Client({ name: "test", version: "1" });
      await client.connect(new StreamableHTTPClientTransport(server.mcp));
      assert.ok(idsOf(await call(client, "registry-find", { query: "memory" })).length > 0);
      const sources = await untilRead(client);
      assert.deepEqual(sources.map(({ source, entries }) => [source, entries]), [
        ["builtin", 62],
        ["docker", 2],
        ["ours", 1],
      ]);
      const found = await call(client, "registry-find", { query: "what is in stock" });
      assert.equal(idsOf(found)[0], "docker/warehouse");
      const payroll = await call(client, "registry-get", { id: "ours/com.example/payroll" });
      assert.equal(payroll["requires_api_key"], "unknown");
      // A new commit is seen by a refresh, and progress is told.
      await git.repository("catalogue").commit([...FIRST, yaml("ledger", "Keeps the books.")]);
      const told: unknown[] = [];
      const refreshed = await client.callTool(
        { name: "registry-refresh", arguments: { source: "docker", force: true } },
        undefined,
        { onprogress: (progress) => told.push(progress) },
      );
      const cooling = JSON.stringify(refreshed.structuredContent);
      assert.match(cooling, /"outcome":"cooling","entries":2,"added":0,"removed":0,"next_at":/);
      await client.close();
      assert.equal(await server.stop("SIGTERM"), 0);
    }),
);

integrationTest(
  "the command line reads a real git server, and then only what changed",
  { needs: ["git"] },
  () =>
    withWorld(async ({ git, flags, env }) => {
      const find = await runWharf(["find", "stock", ...flags, "--output", "json"], { env });
      assert.equal(find.code, 0, find.stderr);
      assert.equal(JSON.parse(find.stdout).servers[0].id, "docker/warehouse");
      git.forget();
      const again = await runWharf(["find", "stock", ...flags, "--output", "json"], { env });
      assert.equal(JSON.parse(again.stdout).servers[0].id, "docker/warehouse");
      assert.deepEqual(git.requests, [], "what is kept is asked of nobody");
      const status = await runWharf(["status", ...flags, "--output", "json"], { env });
      const docker = JSON.parse(status.stdout).sources[1];
      assert.equal(docker.commit, await git.repository("catalogue").head());
    }),
);

/**
 * The catalogue from the command line, over real data and over none. Needs all permissions, and the
 * data beside the repository.
 *
 * @module
 */

import assert from "node:assert/strict";
import { runWharf } from "./wharf.ts";

const DATA = new URL("../../../shared/data", import.meta.url).pathname;

const SOURCES = [
  "--source",
  "none",
  "--source",
  `docker=${DATA}/docker-mcp-registry`,
  "--source",
  `awesome=${DATA}/awesome-mcp-servers`,
  "--source",
  `official=${DATA}/official-registry/pages-latest-2025-12-12`,
];

/** Where nobody listens: the first start without a network. */
const NOWHERE = [
  "--source",
  "none",
  "--source",
  "docker=http://127.0.0.1:9/registry.git",
  "--source",
  "official=http://127.0.0.1:9/v0.1",
];

function hasData(): boolean {
  try {
    return Deno.statSync(DATA).isDirectory;
  } catch {
    return false;
  }
}

async function withCache(body: (env: Record<string, string>) => Promise<void>): Promise<void> {
  const cache = await Deno.makeTempDir({ prefix: "wharf-catalog-" });
  try {
    await body({ MCP_REGISTRY_CACHE_DIR: cache });
  } finally {
    await Deno.remove(cache, { recursive: true });
  }
}

Deno.test({
  name: `the commands answer about the whole catalogue${hasData() ? "" : " [no ../shared/data]"}`,
  ignore: !hasData(),
  fn: (t) =>
    withCache(async (env) => {
      await t.step("find reads what was never read, and finds by intent", async () => {
        const { code, stdout, stderr } = await runWharf(
          ["find", "query", "a", "postgres", "database", ...SOURCES, "--output", "json"],
          { env },
        );
        assert.equal(code, 0, stderr);
        const { servers, total, next_cursor: cursor } = JSON.parse(stdout);
        assert.equal(servers.length, 10);
        assert.ok(total > 10 && cursor !== undefined);
        for (const { id, description } of servers.slice(0, 5)) {
          assert.match(`${id} ${description}`, /postgres|sql/i);
        }
        assert.ok(servers.every(({ why }: { why: string[] }) => why.length > 0));
      });
      await t.step("find pages on, without a double", async () => {
        const pages = await runWharf(
          [
            "find",
            "manage data",
            "--limit",
            "7",
            ...SOURCES,
            "--all",
            "--output",
            "json",
            "--from",
            "docker",
          ],
          { env },
        );
        const ids = pages.stdout.trim().split("\n").flatMap((line) =>
          JSON.parse(line).servers.map(({ id }: { id: string }) => id)
        );
        assert.equal(new Set(ids).size, ids.length);
        assert.ok(ids.length > 7);
      });
      await t.step("list browses by filter and order", async () => {
        const { stdout } = await runWharf(
          [
            "list",
            "--from",
            "docker",
            "--sort",
            "name",
            "--limit",
            "5",
            ...SOURCES,
            "--output",
            "json",
          ],
          { env },
        );
        const { servers, total } = JSON.parse(stdout);
        assert.equal(servers.length, 5);
        assert.ok(total >= 320 && total <= 328, String(total));
      });
      await t.step("get says all about one, by any of its ids", async () => {
        const { stdout } = await runWharf(
          ["get", "docker/SQLite", ...SOURCES, "--output", "json"],
          {
            env,
          },
        );
        const server = JSON.parse(stdout);
        assert.equal(server.container_image.startsWith("docker.io/mcp/"), true);
        assert.ok(server.sources.some(({ id }: { id: string }) => id === "docker/SQLite"));
        const table = await runWharf(["get", "docker/sqlite", ...SOURCES], { env });
        assert.match(table.stdout, /^launch: podman docker\.io\/mcp\//m);
      });
      await t.step("get names what is near an id that does not exist", async () => {
        const { code, stderr } = await runWharf(["get", "docker/postgress", ...SOURCES], { env });
        assert.equal(code, 1);
        assert.match(stderr, /Cannot find server "docker\/postgress"/);
        assert.match(stderr, /Next: Nearest: .*postgres/);
      });
      await t.step("refresh reads again, and status says how all stands", async () => {
        const refresh = await runWharf(["refresh", "docker", ...SOURCES], { env });
        assert.equal(refresh.code, 0, refresh.stderr);
        assert.match(refresh.stdout, /^- docker: updated \(328 entries\)$/m);
        const { stdout } = await runWharf(["status", ...SOURCES, "--output", "json"], { env });
        const status = JSON.parse(stdout);
        assert.deepEqual(
          status.sources.map(({ source, entries, state }: Record<string, unknown>) => [
            source,
            entries,
            state,
          ]),
          [
            ["builtin", 62, "ok"],
            ["docker", 328, "ok"],
            ["official", 1055, "ok"],
            ["awesome", 7799, "ok"],
          ],
        );
        // The figures of the sources alone are 9,182 and 8,998; the rest are built-in servers.
        assert.equal(status.servers, 8995);
        assert.ok(status.cache_bytes > 1_000_000);
      });
    }),
});

Deno.test("without any network the built-in servers answer, and what is missing is said", async () => {
  await withCache(async (env) => {
    const find = await runWharf(["find", "memory", ...NOWHERE, "--output", "json"], { env });
    assert.equal(find.code, 0, find.stderr);
    const { servers, notes } = JSON.parse(find.stdout);
    assert.equal(servers[0].id, "reference/memory");
    assert.equal(notes.length, 2);
    assert.match(notes[0], /^Without docker: Cannot /);
    assert.match(notes[1], /^Without official: Cannot /);
    const status = await runWharf(["status", ...NOWHERE, "--output", "json"], { env });
    const { sources } = JSON.parse(status.stdout);
    assert.deepEqual(sources.map(({ state }: { state: string }) => state), [
      "ok",
      "failed",
      "failed",
    ]);
    assert.equal(sources[1].error.code, "UNREACHABLE");
    const refresh = await runWharf(["refresh", "docker", ...NOWHERE], { env });
    assert.match(refresh.stdout, /^- docker: cooling \(0 entries, again at /m);
  });
});

Deno.test("a wrong source is refused with its name", async () => {
  await withCache(async (env) => {
    const ssh = await runWharf(["find", "x", "--source", "docker=git@example.com:a/b"], { env });
    assert.equal(ssh.code, 2);
    assert.match(ssh.stderr, /"git@example.com:a\/b" as source "docker"/);
    const from = await runWharf(["find", "x", "--source", "none", "--from", "nobody"], { env });
    assert.equal(from.code, 2);
    assert.match(from.stderr, /source "nobody".*\n.*builtin/);
    const missing = await runWharf(
      ["refresh", "ours", "--source", "none", "--source", "ours=/no/such/folder"],
      { env },
    );
    assert.match(missing.stdout, /^- ours: failed /m);
    assert.match(missing.stdout, /no such file or folder/);
  });
});

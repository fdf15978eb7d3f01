/**
 * The command line against a real registry. Needs all permissions, and `docker-registry`.
 *
 * @module
 */

import assert from "node:assert/strict";
import { buildHelmChart, buildImage, buildIndex } from "./images.ts";
import { integrationTest } from "./needs.ts";
import { startRegistry } from "./registry_harness.ts";
import { runWharf } from "./wharf.ts";

integrationTest(
  "the commands answer about a real registry",
  { needs: ["docker-registry"] },
  async (t) => {
    await using registry = await startRegistry();
    const cache = await Deno.makeTempDir({ prefix: "wharf-cli-" });
    const env = { MCP_REGISTRY_CACHE_DIR: cache };
    const amd64 = await buildImage({
      os: "linux",
      architecture: "amd64",
      config: { Entrypoint: ["/app"], Env: ["SECRET=hidden-value"] },
    });
    const arm64 = await buildImage({ os: "linux", architecture: "arm64" });
    const index = buildIndex([amd64, arm64]);
    await registry.push("team/app", index, ["1.9", "1.10", "latest"]);
    await registry.push("team/chart", await buildHelmChart(), ["0.1.0"]);
    const app = `${registry.host}/team/app`;
    try {
      await t.step("inspect prints tables, and JSON on request", async () => {
        const table = await runWharf(["inspect", `${app}:1.10`], { env });
        assert.equal(table.code, 0, table.stderr);
        assert.match(table.stdout, new RegExp(`^pinned +${app}@${index.root.digest}$`, "m"));
        assert.match(table.stdout, /^ {2}linux\/arm64 /m);
        assert.ok(!table.stdout.includes("hidden-value"));
        const json = await runWharf(["inspect", `${app}:1.10`, "--output", "json"], { env });
        assert.equal(JSON.parse(json.stdout).digest, index.root.digest);
        assert.equal(table.stderr, "");
      });
      await t.step("tags are sorted by version, and paged to the end", async () => {
        const { stdout } = await runWharf(
          ["tags", app, "--limit", "1", "--all", "--output", "json"],
          { env },
        );
        const names = stdout.trim().split("\n").flatMap((line) =>
          JSON.parse(line).tags.map(({ name }: { name: string }) => name)
        );
        assert.deepEqual(names, ["1.10", "1.9", "latest"]);
      });
      await t.step("manifest and config print the registry's bytes", async () => {
        const manifest = await runWharf(["manifest", app], { env });
        assert.equal(manifest.stdout, `${new TextDecoder().decode(index.root.bytes)}\n`);
        const config = await runWharf(["config", app, "--path", "/config/Entrypoint/0"], { env });
        assert.equal(config.stdout, '"/app"\n');
      });
      await t.step("a chart is described", async () => {
        const { stdout } = await runWharf(["inspect", `${registry.host}/team/chart:0.1.0`], {
          env,
        });
        assert.match(stdout, /^kind +helm-chart$/m);
      });
      await t.step("search, ping, call and tools answer", async () => {
        const search = await runWharf(["search", "chart", "--registry", registry.host], { env });
        assert.match(search.stdout, /team\/chart/);
        const ping = await runWharf(["ping", registry.host, "--output", "json"], { env });
        assert.equal(JSON.parse(ping.stdout).authentication, "none");
        const call = await runWharf(["call", "list_tags", `repository=${app}`, "limit=1"], { env });
        assert.match(call.stdout, /1\.10/);
        const tools = await runWharf(["tools", "--toolsets", "hub", "--output", "json"], { env });
        assert.equal(JSON.parse(tools.stdout).tools.length, 4);
      });
      await t.step(
        "failures name the next step, on standard error, with an exit code",
        async () => {
          const missing = await runWharf(["inspect", `${app}:1.11`], { env });
          assert.equal(missing.code, 1);
          assert.equal(missing.stdout, "");
          assert.match(
            missing.stderr,
            /^wharf: Cannot find tag "1\.11": .*\nNext: Nearest tags: 1\.1/,
          );
          const json = await runWharf(["inspect", `${app}:1.11`, "--output", "json"], { env });
          assert.equal(JSON.parse(json.stdout).error.code, "NOT_FOUND");
          assert.equal((await runWharf(["inspect"], { env })).code, 2);
          assert.equal((await runWharf(["frob"], { env })).code, 2);
        },
      );
      await t.step("a denied permission is an answer with the flag to grant", async () => {
        const denied = await runWharf(["tags", app], {
          env,
          permissions: ["--allow-net=quay.io", "--allow-env"],
        });
        assert.equal(denied.code, 1);
        assert.match(denied.stderr, /net permission.*\nNext: .*--allow-net=/);
      });
    } finally {
      await Deno.remove(cache, { recursive: true });
    }
  },
);

Deno.test("help and version need no permission at all", async () => {
  const help = await runWharf(["--help"], { permissions: [] });
  assert.deepEqual([help.code, help.stderr], [0, ""]);
  assert.match(help.stdout, /Usage: wharf/);
  const version = await runWharf(["--version"], { permissions: [] });
  assert.match(version.stdout, /^wharf \d+\.\d+\.\d+ \(from source; deno /);
});

/**
 * Wharf under each of the permission sets of deno.json: its tools answer, Deno's own log of
 * permission checks stays inside of the set, and a tool that needs more says which flag. Needs all
 * permissions, and the programs that the tests name.
 *
 * @module
 */

import assert from "node:assert/strict";
import deno from "../../deno.json" with { type: "json" };
import { Client, StreamableHTTPClientTransport } from "../sdk.ts";
import { audited, covers, type GrantSet, ROOT } from "./audit.ts";
import { pushTinyServer, startContainers } from "./containers.ts";
import { buildImage } from "./images.ts";
import { integrationTest } from "./needs.ts";
import { startRegistry } from "./registry_harness.ts";
import { startWharf } from "./wharf.ts";

const { inspect, discover, full } = deno.permissions;
const SETS: Readonly<Record<string, GrantSet>> = { inspect, discover, full };

/** A host that no set names, and that no resolver knows. */
const OUTSIDE = "outside.invalid";

/** Calls a tool; what it says, whether it failed or not. */
type Say = (tool: string, args: Record<string, unknown>) => Promise<string>;

/** What every set lets the tools do, and the flag that a tool says beyond it. */
async function callTools(call: Say, image: string): Promise<void> {
  const registry = image.split("/")[0];
  const works = async (tool: string, args: Record<string, unknown>) => {
    const said = await call(tool, args);
    assert.doesNotMatch(said, /"isError":true/, `${tool}: ${said}`);
    return said;
  };
  await works("get_image_info", { image_ref: `${image}:1` });
  await works("list_tags", { repository: image });
  await works("get_image_config", { image_ref: `${image}:1` });
  await works("search_images", { query: "app", registry });
  await works("search_tags", { image_name: image });
  await works("registry-refresh", { source: "ours" });
  assert.match(await works("registry-find", { query: "tiny" }), /ours\/com\.example\/tiny/);
  await works("registry-list", { sources: ["ours"] });
  await works("registry-get", { id: "ours/com.example/app", inspect: true });
  await works("registry-status", {});
  await works("registry-add", { id: "ours/com.example/app", dry_run: true });
  await works("registry-active", {});
}

/** Sources of a test: one on loopback, and one outside of every narrow set. */
function startSource(image: string, tiny: string): { readonly url: string } & AsyncDisposable {
  const entry = (name: string, identifier: string) => ({
    server: {
      name: `com.example/${name}`,
      description: "For a test.",
      version: "1.0.0",
      packages: [{ registryType: "oci", identifier, transport: { type: "stdio" } }],
    },
  });
  const servers = [entry("app", `${image}:1`), entry("tiny", `${tiny}:1`)];
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => Response.json({ servers }),
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}/servers.json`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

for (const [name, set] of Object.entries(SETS)) {
  integrationTest(
    `-P=${name} is enough for the tools, Wharf asks for nothing beyond it, and says what it lacks`,
    { needs: ["docker-registry", "podman", "runc", "busybox"] },
    async () => {
      await using registry = await startRegistry();
      await using containers = await startContainers();
      const image = `${registry.host}/team/app`;
      const built = await buildImage({ os: "linux", architecture: "amd64" });
      await registry.push("team/app", built, ["1"]);
      const tiny = `${registry.host}/team/tiny`;
      await pushTinyServer(containers, `${tiny}:1`);
      await using source = startSource(image, tiny);
      const folders = name === "full" ? containers.folder : `${ROOT}.cache/permissions-test`;
      try {
        const checks = await audited(async (audit) => {
          await using server = await startWharf([
            "--cache-dir",
            `${folders}/cache`,
            // The narrow sets have no state to be kept.
            ...name === "full" ? ["--state-dir", `${folders}/state`] : [],
            "--source",
            "none",
            "--source",
            `ours=${source.url}`,
            "--source",
            `theirs=https://${OUTSIDE}/servers.json`,
          ], { permissions: [`-P=${name}`], env: { ...containers.env, ...audit } });
          const client = new Client({ name: "test", version: "1" });
          await client.connect(new StreamableHTTPClientTransport(server.mcp));
          const call: Say = async (tool, args) =>
            JSON.stringify(await client.callTool({ name: tool, arguments: args }));
          await callTools(call, image);
          const beyond = async (tool: string, args: Record<string, unknown>, flag: RegExp) => {
            const said = await call(tool, args);
            if (name === "full") assert.doesNotMatch(said, /PERMISSION_MISSING/, tool);
            else assert.match(said, flag, `${tool}: ${said}`);
          };
          const outside = /--allow-net=outside\.invalid/;
          await beyond("ping", { registry: OUTSIDE }, outside);
          await beyond("get_image_info", { image_ref: `${OUTSIDE}/app` }, outside);
          await beyond("registry-refresh", { source: "theirs" }, outside);
          const tinyServer = { id: "ours/com.example/tiny" };
          await beyond("registry-add", { ...tinyServer, confirm: true }, /--allow-run=podman/);
          if (name === "full") {
            const exec = await call("registry-exec", { ...tinyServer, tool: "say", arguments: {} });
            assert.doesNotMatch(exec, /"isError":true/, exec);
            await call("registry-remove", tinyServer);
          }
          await client.close();
          assert.equal(await server.stop("SIGTERM"), 0);
          // A cache in memory is said, once.
          const said = server.stderr().match(/the cache is in memory/g) ?? [];
          assert.equal(said.length, name === "inspect" ? 1 : 0, server.stderr());
        });
        const beyond = checks.filter((check) =>
          !covers(set, check) && !check.value.includes(OUTSIDE) &&
          // The server's own listening, and the files of the program itself.
          !check.value.startsWith(ROOT) && !check.value.startsWith("127.0.0.1")
        );
        // Whether podman may be run is found out by trying, and answered with the flag.
        const tried = beyond.filter(({ permission }) => permission === "run");
        assert.deepEqual(beyond.filter(({ permission }) => permission !== "run"), []);
        if (name === "full") assert.deepEqual(tried, []);
      } finally {
        await Deno.remove(`${ROOT}.cache/permissions-test`, { recursive: true }).catch(() => {});
      }
    },
  );
}

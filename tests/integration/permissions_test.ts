/**
 * Wharf under each of the permission sets of deno.json: it answers, and Deno's own log of
 * permission checks stays inside of the set. Needs all permissions, and `docker-registry`.
 *
 * @module
 */

import assert from "node:assert/strict";
import deno from "../../deno.json" with { type: "json" };
import { Client, StreamableHTTPClientTransport } from "../sdk.ts";
import { buildImage } from "./images.ts";
import { integrationTest } from "./needs.ts";
import { startRegistry } from "./registry_harness.ts";
import { startWharf } from "./wharf.ts";

const ROOT = decodeURIComponent(new URL("../../", import.meta.url).pathname);

/** What a set may hold for one kind of permission. */
type Grant =
  | boolean
  | readonly string[]
  | { readonly allow: boolean | readonly string[] }
  | undefined;

/** One line of the log. */
interface Check {
  readonly permission: string;
  readonly value: string;
}

const SETS: Readonly<Record<string, Readonly<Record<string, Grant>>>> = {
  inspect: deno.permissions.inspect,
  discover: deno.permissions.discover,
  full: deno.permissions.full,
};

/** Whether a set covers a check. */
function covers(grant: Grant, check: Check): boolean {
  const names = typeof grant === "object" && "allow" in grant ? grant.allow : grant;
  if (names === undefined || typeof names === "boolean") return names === true;
  switch (check.permission) {
    case "net": {
      const host = URL.parse(check.value)?.hostname || check.value.replace(/:\d+$/, "");
      return names.some((name) =>
        name.startsWith("*.") ? host.endsWith(name.slice(1)) : host === name || check.value === name
      );
    }
    case "read":
    case "write":
      return names.some((name) => {
        const path = name.startsWith("./") ? ROOT + name.slice(2) : name;
        return check.value === path || check.value.startsWith(`${path}/`);
      });
    default:
      return names.includes(check.value);
  }
}

for (const [name, set] of Object.entries(SETS)) {
  integrationTest(
    `-P=${name} is enough for the tools, and Wharf asks for nothing beyond it`,
    { needs: ["docker-registry"] },
    async () => {
      await using registry = await startRegistry();
      await registry.push("team/app", await buildImage({ os: "linux", architecture: "amd64" }), [
        "1",
      ]);
      const log = await Deno.makeTempFile({ prefix: "wharf-audit-", suffix: ".jsonl" });
      try {
        {
          await using server = await startWharf(
            name === "full" ? [] : ["--cache-dir", `${ROOT}.cache/wharf`],
            { permissions: [`-P=${name}`], env: { DENO_AUDIT_PERMISSIONS: log } },
          );
          const client = new Client({ name: "test", version: "1" });
          await client.connect(new StreamableHTTPClientTransport(server.mcp));
          const image = `${registry.host}/team/app`;
          for (
            const [tool, args] of [
              ["get_image_info", { image_ref: `${image}:1` }],
              ["list_tags", { repository: image }],
              ["search_images", { query: "app", registry: registry.host }],
              ["registry-find", { query: "memory" }],
              ["registry-status", {}],
            ] as const
          ) {
            const result = await client.callTool({ name: tool, arguments: args });
            assert.ok(result.isError !== true, JSON.stringify(result.content));
          }
          // A host outside of the set is an answer with the flag to grant.
          const outside = await client.callTool({
            name: "ping",
            arguments: { registry: "registry.outside.invalid" },
          });
          const text = JSON.stringify(outside.content);
          if (name !== "full") assert.match(text, /--allow-net=registry\.outside\.invalid/);
          await client.close();
          assert.equal(await server.stop("SIGTERM"), 0);
        }
        const checks = (await Deno.readTextFile(log)).trim().split("\n")
          .map((line): Check => JSON.parse(line));
        assert.ok(checks.length > 10);
        const beyond = checks.filter((check) =>
          !covers(set[check.permission], check) &&
          !check.value.includes("registry.outside.invalid") &&
          // The server's own listening, and the files of the program itself.
          !check.value.startsWith(ROOT) && !check.value.startsWith("127.0.0.1")
        );
        assert.deepEqual(beyond, []);
      } finally {
        await Deno.remove(log);
      }
    },
  );
}

/**
 * A container of a real registry through Wharf, from the command line and from MCP clients; and
 * what is left when Wharf is killed: nothing, after its next start. Needs all permissions, podman
 * and a real registry.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Client, StreamableHTTPClientTransport } from "../sdk.ts";
import { pushTinyServer, startContainers, type TestEngine } from "./containers.ts";
import { integrationTest } from "./needs.ts";
import { startRegistry } from "./registry_harness.ts";
import { buildShellServer } from "./shell_server.ts";
import { runWharf, startWharf } from "./wharf.ts";

const NEEDS = ["docker-registry", "podman", "runc", "busybox"] as const;

/** Keeps a word, and says all that were kept. */
const NOTE = {
  name: "note",
  description: "Keeps a word",
  parameters: ["word"],
  command: "echo $word >> /data/notes; /bin/busybox tr '\\n' ' ' < /data/notes",
};

interface World {
  readonly containers: TestEngine;
  readonly env: Record<string, string>;
  readonly flags: readonly string[];
  /** The server's image, by its tag. */
  readonly image: string;
  /** Names of the containers of this Wharf. */
  running(): Promise<readonly string[]>;
}

async function withWorld(body: (world: World) => Promise<void>): Promise<void> {
  await using registry = await startRegistry();
  await using containers = await startContainers();
  const image = `${registry.host}/team/tiny:1`;
  await pushTinyServer(containers, image);
  const catalogue = `${containers.folder}/catalogue`;
  await Deno.mkdir(`${catalogue}/tiny`, { recursive: true });
  await Deno.writeTextFile(
    `${catalogue}/tiny/server.yaml`,
    [
      "name: tiny",
      `image: ${image}`,
      "type: server",
      "about:",
      "  title: Tiny",
      "  description: Says what it is told to say.",
      "config:",
      "  secrets:",
      "    - name: tiny.greeting",
      "      env: GREETING",
      "",
    ].join("\n"),
  );
  await registry.push("team/notes", await buildShellServer([NOTE], { user: "0" }), ["1"]);
  await Deno.mkdir(`${catalogue}/notes`);
  await Deno.writeTextFile(
    `${catalogue}/notes/server.yaml`,
    [
      "name: notes",
      `image: ${registry.host}/team/notes:1`,
      "type: server",
      "about:",
      "  title: Notes",
      "  description: Keeps notes.",
      "run:",
      "  volumes:",
      "    - notes:/data",
      "",
    ].join("\n"),
  );
  const state = `${containers.folder}/state`;
  const env = {
    CONTAINERS_CONF: containers.env["CONTAINERS_CONF"] ?? "",
    XDG_STATE_HOME: state,
    MCP_REGISTRY_CACHE_DIR: `${containers.folder}/cache`,
  };
  const running = async () => {
    const owner = JSON.parse(await Deno.readTextFile(`${state}/wharf/owner.json`)).data.id;
    const names = await containers.podman([
      "ps",
      "--all",
      `--filter=label=wharf.owner=${owner}`,
      "--format={{.Names}}",
    ]);
    return names.split("\n").filter(Boolean);
  };
  try {
    await body({
      containers,
      env,
      flags: ["--source", "none", "--source", `ours=${catalogue}`],
      image,
      running,
    });
  } finally {
    for (const name of await running().catch(() => [])) {
      await containers.podman(["rm", "-f", "--time=0", name]);
    }
    const left = await containers.podman(["images", "--format={{.ID}} {{.Repository}}"]);
    for (const line of left.split("\n").filter((text) => text.includes(registry.host))) {
      await containers.podman(["rmi", "-f", line.split(" ")[0] ?? ""]).catch(() => "gone already");
    }
  }
}

async function connect(mcp: URL): Promise<Client> {
  const client = new Client({ name: "test", version: "1" });
  await client.connect(new StreamableHTTPClientTransport(mcp));
  return client;
}

integrationTest("a container is found, planned, added, called and removed from the command line", {
  needs: NEEDS,
}, () =>
  withWorld(async ({ containers, env, flags, image, running }) => {
    const find = await runWharf(["find", "tiny", ...flags, "--output", "json"], { env });
    assert.equal(JSON.parse(find.stdout).servers[0].id, "ours/tiny");
    const plan = await runWharf(["add", "ours/tiny", "--dry-run", ...flags], { env });
    assert.equal(plan.code, 0, plan.stderr);
    assert.match(plan.stdout, /^missing: GREETING$/m);
    assert.match(plan.stdout, /^image: .* user root/m, "it was looked into before it runs");
    const lacking = await runWharf(["add", "ours/tiny", "--yes", ...flags], { env });
    assert.equal(lacking.code, 2);
    assert.match(
      lacking.stderr,
      /GREETING has no value[\s\S]*Run wharf config-set ours\/tiny GREETING=VALUE/,
    );
    const set = await runWharf(["config-set", "ours/tiny", "GREETING=hunter2-abc", ...flags], {
      env,
    });
    assert.equal(set.code, 0, set.stderr);
    assert.ok(!set.stdout.includes("hunter2"));
    // A value may also stay where it is, under any name that the operator gives.
    const referred = ["config-set", "ours/tiny", "GREETING=env:GREETING_OF_MINE", ...flags];
    assert.equal((await runWharf(referred, { env })).code, 0);
    const unset = await runWharf(["add", "ours/tiny", "--yes", ...flags], { env });
    assert.match(unset.stderr, /Wharf's environment has no GREETING_OF_MINE/);
    env["GREETING_OF_MINE"] = "hunter2-abc";
    const add = await runWharf(["add", "ours/tiny", "--yes", ...flags], { env });
    assert.equal(add.code, 0, add.stderr);
    assert.match(add.stdout, /^runs: .*@sha256:[0-9a-f]{64}$/m);
    assert.deepEqual(await running(), [], "it ended with the command");
    const exec = await runWharf(["exec", "tiny_say", ...flags], { env });
    assert.equal(exec.stdout.trim(), "hunter2-abc");
    const active = await runWharf(["active", ...flags], { env });
    assert.match(active.stdout, /^- ours\/tiny: idle, podman, 6 tools/m);
    const same = await runWharf(["add", "ours/tiny", "--dry-run", ...flags], { env });
    assert.ok(!same.stdout.includes("the tag now names"), same.stdout);
    await pushTinyServer(containers, image, "2");
    const moved = await runWharf(["add", "ours/tiny", "--dry-run", ...flags], { env });
    assert.match(moved.stdout, /note: the tag now names sha256:\w+, what runs is sha256:/);
    const remove = await runWharf(["remove", "ours/tiny", ...flags], { env });
    assert.equal(remove.code, 0, remove.stderr);
    assert.deepEqual(await running(), []);
  }));

integrationTest("a container of a Wharf that was killed is removed by the next one", {
  needs: NEEDS,
}, () =>
  withWorld(async ({ env, flags, running }) => {
    {
      await using wharf = await startWharf([...flags], { env });
      const client = await connect(wharf.mcp);
      await client.callTool({ name: "registry-refresh", arguments: {} });
      const added = await client.callTool({
        name: "registry-add",
        arguments: { id: "ours/tiny", confirm: true, env: { GREETING: "hello" } },
      });
      assert.ok(added.isError !== true, JSON.stringify(added.content));
      const said = await client.callTool({ name: "tiny_say", arguments: {} });
      assert.match(JSON.stringify(said.content), /hello/);
      const active = await client.callTool({ name: "registry-active", arguments: {} });
      assert.match(JSON.stringify(active.structuredContent), /"memory_bytes":[1-9]/);
      assert.equal((await running()).length, 1);
      // The client is left to itself: its server is gone without a word.
      await client.close().catch(() => {});
      await wharf.stop("SIGKILL");
    }
    await using wharf = await startWharf([...flags], { env });
    const client = await connect(wharf.mcp);
    assert.ok((await client.listTools()).tools.some(({ name }) => name === "tiny_say"));
    for (let turn = 0; turn < 100 && (await running()).length > 0; turn++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.deepEqual(await running(), []);
    // It starts anew with the first call, and ends with Wharf.
    const said = await client.callTool({ name: "tiny_say", arguments: {} });
    assert.match(JSON.stringify(said.content), /hello/);
    assert.equal((await running()).length, 1);
    await client.close();
    assert.equal(await wharf.stop("SIGTERM"), 0);
    assert.deepEqual(await running(), []);
  }));

integrationTest(
  "a client that leaves over stdio takes its containers with it; those of another Wharf stay",
  {
    needs: NEEDS,
  },
  () =>
    withWorld(async ({ env, flags, running }) => {
      await using other = await startWharf([...flags], { env });
      const client = await connect(other.mcp);
      await client.callTool({ name: "registry-refresh", arguments: {} });
      const added = await client.callTool({
        name: "registry-add",
        arguments: { id: "ours/tiny", confirm: true, env: { GREETING: "hello" } },
      });
      assert.ok(added.isError !== true, JSON.stringify(added.content));
      const [living] = await running();
      const message = (id: number, method: string, params: unknown = {}) =>
        `${JSON.stringify({ jsonrpc: "2.0", id, method, params })}\n`;
      const { code, stdout } = await runWharf([...flags], {
        env,
        stdin: message(1, "initialize", {
          protocolVersion: "2025-06-18",
          capabilities: {},
          clientInfo: { name: "t", version: "1" },
        }) + message(2, "tools/call", { name: "tiny_say", arguments: {} }),
      });
      assert.equal(code, 0);
      assert.match(stdout, /hello/);
      assert.deepEqual(await running(), [living]);
      const said = await client.callTool({ name: "tiny_say", arguments: {} });
      assert.match(JSON.stringify(said.content), /hello/, "it runs on, undisturbed");
      await client.close();
    }),
);

integrationTest("the operator's policy in the config file decides, whatever a call asks for", {
  needs: NEEDS,
}, () =>
  withWorld(async ({ containers, env, flags, running }) => {
    const config = `${containers.folder}/config.json`;
    await Deno.writeTextFile(config, JSON.stringify({ policy: { deny: [{ source: "ours" }] } }));
    const denied = await runWharf(
      ["add", "ours/tiny", "--yes", "--env", "GREETING=x", ...flags, "--config", config],
      { env },
    );
    assert.equal(denied.code, 1);
    assert.match(denied.stderr, /Cannot add "ours\/tiny": the operator denies/);
    assert.match(denied.stderr, /policy\.deny\[0\]/);
    await Deno.writeTextFile(config, JSON.stringify({ policy: { denny: [] } }));
    const wrong = await runWharf(["active", ...flags, "--config", config], { env });
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /"policy\.denny": there is no such key/);
    assert.deepEqual(await running().catch(() => []), []);
    const audit = await Deno.readTextFile(`${containers.folder}/state/wharf/audit/audit.jsonl`);
    assert.match(audit, /"action":"activate","server":"ours\/tiny","outcome":"refused"/);
  }));

integrationTest("what servers keep in volumes is a session's own with --isolate-sessions", {
  needs: NEEDS,
}, () =>
  withWorld(async ({ containers, env, flags, running }) => {
    const kept = async () =>
      (await containers.podman(["volume", "ls", "--format={{.Name}}"])).split("\n")
        .filter((name) => name.startsWith("wharf-") && name.includes(".s"));
    await using wharf = await startWharf(["--isolate-sessions", ...flags], { env });
    const open = async () => {
      const client = await connect(wharf.mcp);
      await client.callTool({ name: "registry-refresh", arguments: {} });
      const added = await client.callTool({
        name: "registry-add",
        arguments: { id: "ours/notes", confirm: true },
      });
      assert.ok(added.isError !== true, JSON.stringify(added.content));
      return client;
    };
    const note = async (client: Client, word: string) => {
      const { content } = await client.callTool({ name: "notes_note", arguments: { word } });
      return JSON.stringify(content);
    };
    const before = await kept();
    const [ann, bob] = [await open(), await open()];
    assert.match(await note(ann, "one"), /"one "/);
    assert.match(await note(bob, "two"), /"two "/);
    assert.match(await note(ann, "three"), /"one three "/);
    assert.equal((await kept()).length - before.length, 2);
    const { transport } = ann;
    assert.ok(transport instanceof StreamableHTTPClientTransport);
    await transport.terminateSession();
    await ann.close();
    for (let turn = 0; turn < 100 && (await kept()).length - before.length > 1; turn++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.equal((await kept()).length - before.length, 1);
    await bob.close();
    assert.equal(await wharf.stop("SIGTERM"), 0);
    assert.deepEqual(await running(), []);
    assert.deepEqual(await kept(), before);
  }));

/**
 * Sessions that share what is active, and sessions that have it each for themselves. Needs all
 * permissions.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Client, StreamableHTTPClientTransport } from "../sdk.ts";
import { RemoteServer } from "./remote_server.ts";
import { runWharf, startWharf } from "./wharf.ts";

interface SessionOf extends AsyncDisposable {
  readonly client: Client;
  call(name: string, args?: Record<string, unknown>): Promise<string>;
  names(): Promise<readonly string[]>;
}

async function open(mcp: URL): Promise<SessionOf> {
  const client = new Client({ name: "test", version: "1" });
  const transport = new StreamableHTTPClientTransport(mcp);
  await client.connect(transport);
  return {
    client,
    async call(name, args = {}) {
      return JSON.stringify(await client.callTool({ name, arguments: args }));
    },
    async names() {
      return (await client.listTools()).tools.map(({ name }) => name)
        .filter((name) => name.endsWith("_echo"));
    },
    async [Symbol.asyncDispose]() {
      await transport.terminateSession();
      await client.close();
    },
  };
}

async function withState(
  body: (env: Record<string, string>, config: string) => Promise<void>,
): Promise<void> {
  const state = await Deno.makeTempDir({ prefix: "wharf-state-" });
  try {
    const config = `${state}/config.json`;
    await Deno.writeTextFile(
      config,
      JSON.stringify({ policy: Object.fromEntries([["ad_hoc", true]]) }),
    );
    await body({ XDG_STATE_HOME: state, MCP_REGISTRY_CACHE_DIR: state }, config);
  } finally {
    await Deno.remove(state, { recursive: true });
  }
}

async function until(holds: () => boolean): Promise<void> {
  for (let turn = 0; turn < 100 && !holds(); turn++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.ok(holds());
}

const add = (id: string, remote: RemoteServer) => ({
  id,
  url: remote.url.href,
  prefix: id,
  confirm: true,
});

Deno.test("sessions share what is active", async () => {
  await withState(async (env, config) => {
    await using remote = new RemoteServer();
    await using wharf = await startWharf(["--config", config], { env });
    await using ann = await open(wharf.mcp);
    await using bob = await open(wharf.mcp);
    await ann.call("registry-add", add("shared", remote));
    assert.deepEqual(await bob.names(), ["shared_echo"]);
    assert.match(await bob.call("shared_echo", { a: 1 }), /a.*1/);
    assert.equal(remote.sessions.size, 1);
  });
});

Deno.test("with --isolate-sessions each session has its own, and the operator's", async () => {
  await withState(async (env, config) => {
    await using remote = new RemoteServer();
    const kept = await runWharf(
      ["add", "kept", "--url", remote.url.href, "--prefix", "kept", "--yes", "--config", config],
      { env },
    );
    assert.equal(kept.code, 0, kept.stderr);
    await until(() => remote.sessions.size === 0);
    await using wharf = await startWharf(["--isolate-sessions", "--config", config], { env });
    {
      await using ann = await open(wharf.mcp);
      await using bob = await open(wharf.mcp);
      const added = await ann.call("registry-add", add("ann", remote));
      assert.ok(!added.includes("isError"), added);
      assert.deepEqual([await ann.names(), await bob.names()], [
        ["kept_echo", "ann_echo"],
        ["kept_echo"],
      ]);
      assert.match(await bob.call("ann_echo").catch(String), /Unknown tool: ann_echo/);
      assert.match(
        await bob.call("registry-exec", { id: "adhoc/ann", tool: "echo" }),
        /not active/,
      );
      assert.match(await bob.call("registry-active"), /kept/);
      assert.ok(!(await bob.call("registry-active")).includes("ann"));
      // What the operator has added runs once for each of them.
      await Promise.all([ann.call("kept_echo"), bob.call("kept_echo")]);
      assert.equal(remote.sessions.size, 3);
      await bob.call("registry-remove", { id: "adhoc/kept" });
      assert.deepEqual([await ann.names(), await bob.names()], [["kept_echo", "ann_echo"], []]);
    }
    // Nothing of a session outlives it, and nothing of it was kept.
    await until(() => remote.sessions.size === 0);
    await using eve = await open(wharf.mcp);
    assert.deepEqual(await eve.names(), ["kept_echo"]);
    assert.match((await runWharf(["active"], { env })).stdout, /kept/);
  });
});

Deno.test("with --isolate-sessions a session's settings are its own, and are forgotten with it", async () => {
  await withState(async (env) => {
    await using remote = new RemoteServer();
    const file = `${env["XDG_STATE_HOME"]}/servers.json`;
    const server = {
      name: "com.example/keyed",
      description: "For a test.",
      version: "1.0.0",
      remotes: [{
        type: "streamable-http",
        url: remote.url.href,
        headers: [{ name: "X-Team", description: "Whose it is", isRequired: true, isSecret: true }],
      }],
    };
    await Deno.writeTextFile(file, JSON.stringify({ servers: [{ server }] }));
    const source = ["--source", "none", "--source", `ours=${file}`];
    const id = "ours/com.example/keyed";
    const plan = async (session: SessionOf) =>
      await session.call("registry-add", { id, dry_run: true });
    assert.equal((await runWharf(["refresh", ...source], { env })).code, 0);
    await using wharf = await startWharf(["--isolate-sessions", ...source], { env });
    {
      await using ann = await open(wharf.mcp);
      await using bob = await open(wharf.mcp);
      await ann.call("registry-config-set", { id, env: { "X-Team": "key-of-ann" } });
      const whole = await plan(ann);
      assert.ok(whole.includes("Plan for") && !whole.includes("missing: X-Team"), whole);
      assert.match(await plan(bob), /missing: X-Team/);
      const added = await ann.call("registry-add", { id, confirm: true });
      assert.ok(!added.includes("isError"), added);
      assert.ok(remote.asked.some(({ headers }) => headers.get("x-team") === "key-of-ann"));
      // Another value under the same name changes nothing for who was first.
      await bob.call("registry-config-set", { id, env: { "X-Team": "key-of-bob" } });
      remote.asked.length = 0;
      const [name = ""] = await ann.names();
      await ann.call(name);
      assert.deepEqual(
        [...new Set(remote.asked.map(({ headers }) => headers.get("x-team")))],
        ["key-of-ann"],
      );
      for (const session of [ann, bob]) {
        assert.doesNotMatch(await session.call("registry-get", { id }), /key-of-(?:ann|bob)/);
      }
    }
    await until(() => remote.sessions.size === 0);
    await using eve = await open(wharf.mcp);
    assert.match(await plan(eve), /missing: X-Team/);
    const kept = await runWharf(["add", id, "--dry-run", ...source], { env });
    assert.match(kept.stdout, /missing: X-Team/);
  });
});

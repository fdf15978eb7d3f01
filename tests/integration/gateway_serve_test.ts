/**
 * The gateway as its users meet it: from the command line, and from MCP clients over HTTP and stdio.
 * Needs all permissions.
 *
 * @module
 */

import assert from "node:assert/strict";
import {
  Client,
  StreamableHTTPClientTransport,
  ToolListChangedNotificationSchema,
} from "../sdk.ts";
import { runWharf, startWharf } from "./wharf.ts";

async function withState(
  body: (env: Record<string, string>, state: string) => Promise<void>,
): Promise<void> {
  const state = await Deno.makeTempDir({ prefix: "wharf-state-" });
  try {
    const passed = ["NODE_EXTRA_CA_CERTS", "DENO_TLS_CA_STORE", "HTTPS_PROXY", "NO_PROXY"]
      .flatMap((name) => {
        const value = Deno.env.get(name);
        return value === undefined ? [] : [[name, value]];
      });
    await body(
      { ...Object.fromEntries(passed), XDG_STATE_HOME: state, MCP_REGISTRY_CACHE_DIR: state },
      state,
    );
  } finally {
    await Deno.remove(state, { recursive: true });
  }
}

const ADD = { id: "reference/memory", "launch_method": "stdio-proxy", confirm: true };

const EVERYTHING = { ...ADD, id: "reference/everything" };

async function connect(mcp: URL): Promise<{ readonly client: Client; changes(): number }> {
  const client = new Client({ name: "test", version: "1" });
  let changes = 0;
  client.setNotificationHandler(ToolListChangedNotificationSchema, () => void changes++);
  await client.connect(new StreamableHTTPClientTransport(mcp));
  return { client, changes: () => changes };
}

async function namesOf(client: Client): Promise<readonly string[]> {
  return (await client.listTools()).tools.map(({ name }) => name);
}

async function until(holds: () => boolean): Promise<void> {
  for (let turn = 0; turn < 100 && !holds(); turn++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.ok(holds());
}

Deno.test("the command line adds, calls, lists and removes a real server", async () => {
  await withState(async (env) => {
    const plan = await runWharf(["add", ADD.id, "--method", "stdio-proxy", "--dry-run"], { env });
    assert.equal(plan.code, 0, plan.stderr);
    assert.match(plan.stdout, /^Plan for reference\/memory: allowed/);
    const add = await runWharf(["add", ADD.id, "--method", "stdio-proxy"], { env });
    assert.equal(add.code, 0, add.stderr);
    assert.match(add.stdout, /^reference\/memory is ready: 9 tools, stdio-proxy \(deno\)$/m);
    const active = await runWharf(["active", "--output", "json"], { env });
    const [server] = JSON.parse(active.stdout).servers;
    assert.equal(server.status, "idle");
    assert.match(server.pinned, /^npm:@modelcontextprotocol\/server-memory@\d/);
    const exec = await runWharf(["exec", "memory_read_graph"], { env });
    assert.deepEqual(JSON.parse(exec.stdout), { entities: [], relations: [] });
    const wrong = await runWharf(["exec", "memory_open_nodes", "names=x"], { env });
    assert.equal(wrong.code, 1);
    const missing = await runWharf(["exec", "memory_nothing"], { env });
    assert.match(missing.stderr, /no activated server has it/);
    const remove = await runWharf(["remove", ADD.id], { env });
    assert.equal(remove.stdout.trim(), "reference/memory is removed");
    const none = await runWharf(["active"], { env });
    assert.match(none.stdout, /No server is active/);
  });
});

Deno.test("an MCP client adds a server, sees its tools come, calls them, and finds them after a restart", async () => {
  await withState(async (env) => {
    {
      // What is added is offered, whatever a start would restore.
      await using wharf = await startWharf(["--restore", "off"], { env });
      const { client, changes } = await connect(wharf.mcp);
      const added = await client.callTool({ name: "registry-add", arguments: EVERYTHING });
      assert.ok(added.isError !== true, JSON.stringify(added.content));
      await until(() => changes() > 0);
      assert.equal(changes(), 1, "once per burst");
      const names = await namesOf(client);
      assert.ok(names.includes("everything_echo"), names.join());
      const echoed = await client.callTool({
        name: "everything_echo",
        arguments: { message: "through Wharf" },
      });
      assert.match(JSON.stringify(echoed.content), /through Wharf/);
      const exec = await client.callTool({
        name: "registry-exec",
        arguments: { id: "reference/everything", tool: "echo", arguments: { message: "by id" } },
      });
      assert.match(JSON.stringify(exec.content), /by id/);
      const twice = await client.callTool({ name: "registry-add", arguments: EVERYTHING });
      assert.match(JSON.stringify(twice.content), /it is active/);
      await client.close();
      assert.equal(await wharf.stop("SIGTERM"), 0);
    }
    await using wharf = await startWharf([], { env });
    const { client, changes } = await connect(wharf.mcp);
    assert.ok((await namesOf(client)).includes("everything_echo"), "listed at once");
    const read = await client.callTool({ name: "everything_echo", arguments: { message: "x" } });
    assert.ok(read.isError !== true, JSON.stringify(read));
    const removed = await client.callTool({
      name: "registry-remove",
      arguments: { entry_id: EVERYTHING.id },
    });
    assert.ok(removed.isError !== true, JSON.stringify(removed));
    await until(() => changes() > 0);
    assert.ok(!(await namesOf(client)).includes("everything_echo"));
    await client.close();
    assert.equal(await wharf.stop("SIGTERM"), 0);
  });
});

Deno.test("over stdio, what was active is listed and called, and ends with its client", async () => {
  await withState(async (env) => {
    const add = await runWharf(["add", ADD.id, "--method", "stdio-proxy"], { env });
    assert.equal(add.code, 0, add.stderr);
    const message = (id: number, method: string, params: unknown = {}) =>
      `${JSON.stringify({ jsonrpc: "2.0", id, method, params })}\n`;
    const { code, stdout } = await runWharf([], {
      env,
      stdin: message(1, "initialize", {
        protocolVersion: "2025-06-18",
        capabilities: {},
        clientInfo: { name: "t", version: "1" },
      }) + message(2, "tools/list") +
        message(3, "tools/call", { name: "memory_read_graph", arguments: {} }),
    });
    assert.equal(code, 0);
    const answers = stdout.trim().split("\n").map((line) => JSON.parse(line));
    const listed = answers.find(({ id }) => id === 2).result.tools;
    assert.ok(listed.some(({ name }: { name: string }) => name === "memory_read_graph"));
    assert.match(JSON.stringify(answers.find(({ id }) => id === 3).result), /entities/);
  });
});

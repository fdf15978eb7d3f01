/**
 * What a team's operator sees of Wharf over HTTP: metrics, who called what, limits. Needs all
 * permissions.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Client, SSEClientTransport, StreamableHTTPClientTransport } from "../sdk.ts";
import { buildImage } from "./images.ts";
import { integrationTest } from "./needs.ts";
import { startRegistry } from "./registry_harness.ts";
import { RemoteServer } from "./remote_server.ts";
import { runWharf, startWharf } from "./wharf.ts";

async function connect(url: URL, token?: string): Promise<Client> {
  const client = new Client({ name: "test", version: "1" });
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  await client.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers } }));
  return client;
}

/** Lines of the log that tell of calls. */
function auditLines(text: string): Record<string, unknown>[] {
  return text.split("\n").filter((line) => line.startsWith("{") && line.includes('"tool call"'))
    .map((line) => JSON.parse(line));
}

Deno.test("the metrics count what was asked, and are read as the rest is", async () => {
  const cache = await Deno.makeTempDir();
  await using server = await startWharf(
    ["--cache-dir", cache, "--source", "none", "--source", "ours=http://127.0.0.1:9/servers.json"],
    { env: { MCP_AUTH_TOKEN: "a-secret-of-tests" } },
  );
  const url = new URL("/metrics", server.mcp);
  const refused = await fetch(url);
  await refused.body?.cancel();
  assert.equal(refused.status, 401);
  const client = await connect(server.mcp, "a-secret-of-tests");
  await client.callTool({ name: "registry-status", arguments: {} });
  await client.callTool({ name: "registry-refresh", arguments: {} });
  const response = await fetch(url, { headers: { authorization: "Bearer a-secret-of-tests" } });
  const lines = (await response.text()).split("\n");
  for (
    const line of [
      'wharf_http_requests_total{route="/metrics",method="GET",status="401"} 1',
      'wharf_tool_calls_total{tool="registry-status",outcome="done"} 1',
      'wharf_http_request_seconds_count{route="/metrics"} 1',
      "wharf_sessions 1",
      "wharf_active_servers 0",
    ]
  ) assert.ok(lines.includes(line), line);
  assert.ok(lines.some((line) => /^process_resident_memory_bytes \d{7,}$/.test(line)));
  assert.ok(lines.some((line) => /^wharf_refreshes_total.*"ours",outcome="failed"/.test(line)));
  assert.ok(
    lines.some((line) => /^wharf_outbound_requests_total.*"other",status="none"/.test(line)),
  );
  assert.ok(!lines.some((line) => line.includes("a-secret-of-tests")));
  await client.close();
  await server.stop("SIGTERM");
  await Deno.remove(cache, { recursive: true });
});

integrationTest("the metrics count what the cache had, and who changed what is active", {
  needs: ["docker-registry"],
}, async () => {
  await using registry = await startRegistry();
  await registry.push("team/app", await buildImage({ os: "linux", architecture: "amd64" }), ["1"]);
  const folder = await Deno.makeTempDir();
  await using server = await startWharf(["--cache-dir", folder, "--state-dir", `${folder}/state`]);
  const client = await connect(server.mcp);
  for (let turn = 0; turn < 2; turn++) {
    await client.callTool({
      name: "get_image_info",
      arguments: { image_ref: `${registry.host}/team/app:1` },
    });
  }
  const id = "reference/memory";
  await client.callTool({
    name: "registry-config-set",
    arguments: { id, env: { MEMORY_FILE_PATH: "/data/memory.json" } },
  });
  const metrics = await (await fetch(new URL("/metrics", server.mcp))).text();
  const count = (pattern: RegExp) => Number(pattern.exec(metrics)?.[1] ?? 0);
  assert.ok(count(/^wharf_cache_requests_total\{result="miss"\} (\d+)$/m) > 0, metrics);
  assert.ok(count(/^wharf_cache_requests_total\{result="hit"\} (\d+)$/m) > 0, metrics);
  assert.ok(count(/^wharf_outbound_requests_total\{host="other",status="2xx"\} (\d+)$/m) > 0);
  assert.ok(count(/^wharf_activations_total\{action="configure",.*\} (\d+)$/m) > 0, metrics);
  assert.ok(!metrics.includes("team/app") && !metrics.includes(registry.host));
  await client.close();
  await server.stop("SIGTERM");
  await Deno.remove(folder, { recursive: true });
});

Deno.test("the metrics count calls of servers' tools, whichever way they come", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await using remote = new RemoteServer();
    const config = `${folder}/config.json`;
    await Deno.writeTextFile(config, JSON.stringify({ policy: { "ad_hoc": true } }));
    const places = ["--cache-dir", folder, "--state-dir", `${folder}/state`];
    await using server = await startWharf(["--config", config, ...places]);
    const client = await connect(server.mcp);
    const call = async (name: string, given: Record<string, unknown> = {}) =>
      JSON.stringify(await client.callTool({ name, arguments: given }));
    const added = await call("registry-add", { id: "up", url: remote.url.href, confirm: true });
    assert.ok(!added.includes("isError"), added);
    await call("up_echo");
    await call("registry-exec", { tool_name: "up_echo" });
    await call("registry-exec", { id: "adhoc/up", tool: "echo" });
    assert.match(await call("registry-exec", { id: "no/such", tool: "echo" }), /NOT_FOUND/);
    assert.match(await call("registry-exec", { tool_name: "no_such" }), /NOT_FOUND/);
    const metrics = await (await fetch(new URL("/metrics", server.mcp))).text();
    const lines = metrics.split("\n");
    for (
      const line of [
        'wharf_upstream_calls_total{server="adhoc/up",outcome="done"} 3',
        'wharf_upstream_call_seconds_count{server="adhoc/up"} 3',
        'wharf_tool_calls_total{tool="registry-exec",outcome="done"} 2',
        'wharf_tool_calls_total{tool="registry-exec",outcome="failed"} 2',
        'wharf_activations_total{action="activate",outcome="done"} 1',
        "wharf_active_servers 1",
      ]
    ) assert.ok(lines.includes(line), `${line}\n${metrics}`);
    // What callers write is nobody's label.
    assert.ok(!metrics.includes("no/such") && !metrics.includes("no_such"));
    await client.close();
    assert.equal(await server.stop("SIGTERM"), 0);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("each call is one JSON line, without what it was called with", async () => {
  await using server = await startWharf(["--log-level", "error"]);
  const client = await connect(server.mcp);
  await client.callTool({ name: "registry-find", arguments: { query: "a private question" } });
  await client.callTool({ name: "registry-remove", arguments: { id: "nothing/there" } });
  const lines = auditLines(server.stderr());
  assert.deepEqual(
    lines.map(({ tool, user, client, outcome, code }) => [
      tool,
      user,
      client,
      outcome,
      code,
    ]),
    [
      ["registry-find", "anonymous", "test 1", "done", undefined],
      ["registry-remove", "anonymous", "test 1", "failed", "NOT_FOUND"],
    ],
  );
  assert.ok(!server.stderr().includes("private question"));
  await client.close();
});

Deno.test("the lines go to a file that is named, with arguments where that is asked for", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const file = `${folder}/calls.jsonl`;
    await using server = await startWharf(["--audit-log", file, "--audit-arguments"]);
    const client = await connect(server.mcp);
    await client.callTool({ name: "registry-find", arguments: { query: "a question" } });
    // Whoever rotates the log moves the file away.
    await Deno.rename(file, `${file}.1`);
    await client.callTool({
      name: "registry-config-set",
      arguments: { id: "nothing/there", env: { TOKEN: "a-secret-of-tests" } },
    });
    const [before] = auditLines(await Deno.readTextFile(`${file}.1`));
    assert.equal(before?.["arguments"], '{"query":"a question"}');
    const [after] = auditLines(await Deno.readTextFile(file));
    assert.equal(after?.["arguments"], '{"id":"nothing/there","env":{"TOKEN":"***"}}');
    assert.deepEqual(auditLines(server.stderr()), []);
    const { mode } = await Deno.stat(file);
    assert.ok(mode === null || (mode & 0o777) === 0o600);
    await client.close();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  // The folder has gone by now.
  const gone = `${folder}/calls.jsonl`;
  const { code, stderr } = await runWharf(
    ["serve", "--transport", "http", "--port", "0", "--audit-log", gone],
  );
  assert.equal(code, 1);
  assert.ok(stderr.includes(`Cannot write "${gone}"`), stderr);
});

Deno.test("limits hold on the wire", async () => {
  await using server = await startWharf([
    ...["--rate-limit", "5", "--max-request", "1", "--max-sessions", "1"],
  ]);
  const post = async (body: string) => {
    const response = await fetch(server.mcp, {
      method: "POST",
      headers: {
        accept: "application/json, text/event-stream",
        "content-type": "application/json",
      },
      body,
    });
    await response.body?.cancel();
    return response;
  };
  const initialize = JSON.stringify({
    jsonrpc: "2.0",
    id: 1,
    method: "initialize",
    params: {
      protocolVersion: "2025-11-25",
      capabilities: {},
      clientInfo: { name: "t", version: "1" },
    },
  });
  assert.equal((await post("x".repeat(1024 * 1024 + 1))).status, 413);
  assert.equal((await post(initialize)).status, 200);
  assert.equal((await post(initialize)).status, 503);
  await post("{}");
  await post("{}");
  const waits = await post(initialize);
  assert.equal(waits.status, 429);
  assert.match(waits.headers.get("retry-after") ?? "", /^\d+$/);
});

Deno.test("at SIGTERM calls in hand are answered whole, on either transport, and nobody new is let in", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const goOn = Promise.withResolvers<void>();
    let started = 0;
    const text = "whole ".repeat(50_000);
    await using remote = new RemoteServer({
      tools: [{
        definition: { name: "wait", inputSchema: { type: "object" } },
        async call() {
          started++;
          await goOn.promise;
          return { content: [{ type: "text", text }] };
        },
      }],
    });
    const config = `${folder}/config.json`;
    await Deno.writeTextFile(config, JSON.stringify({ policy: { "ad_hoc": true } }));
    await using server = await startWharf(["--config", config, "--state-dir", `${folder}/state`]);
    const clients = [await connect(server.mcp), new Client({ name: "older", version: "1" })];
    const [newer, older] = clients;
    assert.ok(newer !== undefined && older !== undefined);
    await older.connect(new SSEClientTransport(new URL("/sse", server.mcp)));
    const add = { id: "up", url: remote.url.href, confirm: true };
    await newer.callTool({ name: "registry-add", arguments: add });
    const calls = clients.map((client) => client.callTool({ name: "up_wait", arguments: {} }));
    while (started < calls.length) await new Promise((resolve) => setTimeout(resolve, 20));
    const ended = server.stop("SIGTERM");
    // At Ctrl+C a terminal signals the whole group, and a task runner passes that on.
    const echoed = server.stop("SIGTERM");
    const ready = new URL("/readyz", server.mcp);
    const status = async () => {
      const response = await fetch(ready);
      await response.body?.cancel();
      return response.status;
    };
    while (await status() === 200) await new Promise((resolve) => setTimeout(resolve, 20));
    await assert.rejects(connect(server.mcp), /Wharf is stopping/);
    goOn.resolve();
    for (const call of calls) {
      const { content } = await call;
      assert.deepEqual(content, [{ type: "text", text }]);
    }
    assert.deepEqual(await Promise.all([ended, echoed]), [0, 0]);
    for (const client of clients) await client.close().catch(() => {});
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

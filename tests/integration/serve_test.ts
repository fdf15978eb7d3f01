/**
 * Wharf served to real clients over stdio and HTTP, and its end. Needs all permissions.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Client, SSEClientTransport, StreamableHTTPClientTransport } from "../sdk.ts";
import { Authority, OPENSSL } from "./certificates.ts";
import { integrationTest } from "./needs.ts";
import { runWharf, startWharf } from "./wharf.ts";

const INITIALIZE = JSON.stringify({
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: {
    protocolVersion: "2025-06-18",
    capabilities: {},
    clientInfo: { name: "t", version: "1" },
  },
});
const INITIALIZED = JSON.stringify({ jsonrpc: "2.0", method: "notifications/initialized" });

function lines(text: string): Record<string, unknown>[] {
  return text.split("\n").filter(Boolean).map((line) => JSON.parse(line));
}

Deno.test("over stdio, standard output carries the protocol only, and the end of input is the end", async () => {
  const list = JSON.stringify({ jsonrpc: "2.0", id: "list", method: "tools/list" });
  const { code, stdout, stderr } = await runWharf([], {
    stdin: [INITIALIZE, INITIALIZED, "garbage", list].join("\n") + "\n",
  });
  assert.equal(code, 0, stderr);
  const messages = lines(stdout);
  assert.ok(messages.every(({ jsonrpc }) => jsonrpc === "2.0"));
  assert.deepEqual(messages.map(({ id }) => id).toSorted(), [1, "list", null]);
});

Deno.test("over stdio, a line of 100 MB is refused and the session goes on", async () => {
  const ping = JSON.stringify({ jsonrpc: "2.0", id: 2, method: "ping" });
  const { code, stdout } = await runWharf([], {
    stdin: [INITIALIZE, INITIALIZED, "x".repeat(100 * 1024 * 1024), ping].join("\n") + "\n",
  });
  assert.equal(code, 0);
  assert.deepEqual(lines(stdout).map(({ id }) => id), [1, null, 2]);
});

Deno.test("over HTTP, the SDK's client lists and calls tools, over both transports", async () => {
  await using server = await startWharf(["--toolsets", "oci"]);
  for (
    const transport of [
      new StreamableHTTPClientTransport(server.mcp),
      new SSEClientTransport(new URL("/sse", server.mcp)),
    ]
  ) {
    const client = new Client({ name: "test", version: "1" });
    await client.connect(transport);
    const { tools } = await client.listTools();
    assert.equal(tools.length, 5);
    const result = await client.callTool({ name: "ping", arguments: {} });
    assert.match(JSON.stringify(result.content), /pong from wharf/);
    await client.close();
  }
});

Deno.test("the banner says where, what is granted, and what to try", async () => {
  await using server = await startWharf();
  const banner = server.stderr();
  for (const word of ["serves MCP at", "toolsets", "granted", "cache", "try", "stop", "/healthz"]) {
    assert.ok(banner.includes(word), word);
  }
  assert.equal((await (await fetch(new URL("/healthz", server.mcp))).text()).trim(), "OK");
});

Deno.test("a forged Host is refused on the wire", async () => {
  await using server = await startWharf();
  using connection = await Deno.connect({ hostname: "127.0.0.1", port: Number(server.mcp.port) });
  await connection.write(
    new TextEncoder().encode(
      "GET /healthz HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
    ),
  );
  const buffer = new Uint8Array(1024);
  const count = await connection.read(buffer);
  assert.match(new TextDecoder().decode(buffer.subarray(0, count ?? 0)), /^HTTP\/1\.1 403 /);
});

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.test(`${signal} ends the HTTP server with code 0`, async () => {
    await using server = await startWharf();
    const client = new Client({ name: "test", version: "1" });
    await client.connect(new StreamableHTTPClientTransport(server.mcp));
    await client.ping();
    assert.equal(await server.stop(signal), 0);
    await client.close().catch(() => {});
  });
}

Deno.test("a taken port is an error with the next step", async () => {
  await using server = await startWharf();
  const { code, stderr } = await runWharf([
    "serve",
    "--transport",
    "http",
    "--port",
    server.mcp.port,
  ]);
  assert.equal(code, 1);
  assert.match(stderr, /the port is taken\nNext: Choose another with --port/);
});

Deno.test("beyond loopback Wharf wants a token, and holds it back from the log", async () => {
  const refused = await runWharf(["serve", "--transport", "http", "--host", "0.0.0.0"]);
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /MCP_AUTH_TOKEN/);
  await using server = await startWharf([], { env: { MCP_AUTH_TOKEN: "a-secret-of-tests" } });
  const bare = await fetch(server.mcp, { method: "POST", body: "{}" });
  await bare.body?.cancel();
  assert.equal(bare.status, 401);
  const client = new Client({ name: "test", version: "1" });
  await client.connect(
    new StreamableHTTPClientTransport(server.mcp, {
      requestInit: { headers: { authorization: "Bearer a-secret-of-tests" } },
    }),
  );
  await client.ping();
  await client.close();
  assert.ok(!server.stderr().includes("a-secret-of-tests"));
});

Deno.test("a token file lets in who has its token, and is wanted whole", async () => {
  const file = await Deno.makeTempFile();
  try {
    const empty = await runWharf(["serve", "--transport", "http", "--auth-token-file", file]);
    assert.deepEqual([empty.code, /its first line is no token/.test(empty.stderr)], [2, true]);
    await Deno.writeTextFile(file, "a-secret-of-tests\n");
    await using server = await startWharf(["--auth-token-file", file]);
    const statusWith = async (token: string) => {
      const response = await fetch(server.mcp, { headers: { authorization: `Bearer ${token}` } });
      await response.body?.cancel();
      return response.status;
    };
    assert.equal(await statusWith("wrong"), 401);
    assert.equal(await statusWith("a-secret-of-tests"), 400);
    assert.ok(!server.stderr().includes("a-secret-of-tests"));
  } finally {
    await Deno.remove(file);
  }
  const missing = await runWharf(["serve", "--transport", "http", "--auth-token-file", file]);
  assert.match(missing.stderr, /there is none\nNext: Check the path of --auth-token-file/);
});

Deno.test("an issuer that does not answer is told at the start, and lets nobody in", async () => {
  await using server = await startWharf([
    "--oauth-issuer",
    "http://127.0.0.1:9",
    "--oauth-audience",
    "urn:wharf",
  ]);
  const response = await fetch(server.mcp, { headers: { authorization: "Bearer a.b.c" } });
  await response.body?.cancel();
  assert.equal(response.status, 503);
  assert.match(server.stderr(), /the issuer's keys cannot be fetched/);
  const plain = await runWharf(
    ["serve", "--transport", "http", "--oauth-issuer", "http://a.example", "--oauth-audience", "x"],
  );
  assert.match(plain.stderr, /its address does not begin with https/);
  assert.equal(plain.code, 2);
});

integrationTest(
  "over TLS, the certificate that was named is shown, and plain http is not spoken",
  OPENSSL,
  async () => {
    await using authority = await Authority.create();
    const { cert, key } = await authority.issue("IP:127.0.0.1");
    const files = { cert: `${authority.folder}/leaf.crt`, key: `${authority.folder}/leaf.key` };
    await using server = await startWharf(["--tls-cert", files.cert, "--tls-key", files.key]);
    assert.equal(server.mcp.protocol, "https:");
    using client = Deno.createHttpClient({ caCerts: [authority.cert] });
    const health = await fetch(new URL("/healthz", server.mcp), { client });
    assert.deepEqual([health.status, await health.text()], [200, "OK\n"]);
    await assert.rejects(fetch(new URL("/healthz", server.mcp)), TypeError);
    const plain = new URL("/healthz", server.mcp);
    plain.protocol = "http:";
    await assert.rejects(fetch(plain), TypeError);
    assert.ok(!server.stderr().includes(key.split("\n")[1] ?? key) && cert.length > 0);

    const failed = async (certFile: string, keyFile: string) => {
      const args = ["--port", "0", "--tls-cert", certFile, "--tls-key", keyFile];
      return (await runWharf(["serve", "--transport", "http", ...args])).stderr;
    };
    const unusable = /certificate or key cannot be used\nNext: Pass --tls-cert with the chain/;
    assert.match(await failed(files.key, files.key), unusable);
    assert.match(await failed(files.cert, `${authority.folder}/ca.key`), unusable);
    assert.match(await failed(files.cert, `${authority.folder}/none`), /there is no such file/);
  },
);

Deno.test("an invalid port falls back to 8080 with a warning", async () => {
  // The port itself may be in use on this machine; the warning comes before it is tried.
  const { stderr } = await runWharf([
    "serve",
    "--transport",
    "http",
    "--port",
    "x",
    "--host",
    "192.0.2.1",
    "--allow-unauthenticated",
  ]);
  assert.match(stderr, /--port \\?"x\\?" is not a port from 0 to 65535; using 8080/);
});

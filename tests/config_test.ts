/**
 * Tests of lib/config.ts. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { resolveConfig } from "../lib/config.ts";
import { AppError } from "../lib/core/errors.ts";

Deno.test("resolveConfig() serves stdio with every toolset by default", () => {
  const config = resolveConfig({}, { HOME: "/home/u" }, "linux");
  assert.equal(config.serve.transport, "stdio");
  assert.equal(config.serve.hostname, "127.0.0.1");
  assert.equal(config.serve.port, 8080);
  assert.equal(config.timeoutMs, 60_000);
  assert.equal(config.cacheDirectory, "/home/u/.cache/wharf");
  assert.ok(config.toolsets.includes("oci") && config.toolsets.includes("compat"));
  assert.deepEqual(config.warnings, []);
});

Deno.test("resolveConfig() prefers a flag to its variable", () => {
  const env = { MCP_PORT: "9000", MCP_TRANSPORT: "stdio", MCP_AUTH_TOKEN: "variable" };
  const flags = { port: "9001", transport: "http", "auth-token": "flag" };
  const { serve } = resolveConfig(flags, env, "linux");
  assert.deepEqual([serve.port, serve.transport, serve.authToken], [9001, "http", "flag"]);
  const variables = resolveConfig({}, { ...env, MCP_TRANSPORT: "http" }, "linux").serve;
  assert.deepEqual(
    [variables.port, variables.transport, variables.authToken],
    [9000, "http", "variable"],
  );
});

Deno.test("resolveConfig() takes the older server's names of transports", () => {
  for (const name of ["streamable-http", "sse"]) {
    assert.equal(resolveConfig({}, { MCP_TRANSPORT: name }, "linux").serve.transport, "http");
  }
});

Deno.test("resolveConfig() falls back to 8080 with a warning for an invalid port", () => {
  for (const bad of ["abc", "-1", "65536", "80.5", "99999"]) {
    const config = resolveConfig({}, { MCP_PORT: bad }, "linux");
    assert.equal(config.serve.port, 8080, bad);
    assert.deepEqual(config.warnings, [
      `MCP_PORT "${bad}" is not a port from 0 to 65535; using 8080`,
    ]);
  }
  assert.match(resolveConfig({ port: "x" }, {}, "linux").warnings[0] ?? "", /^--port "x"/);
});

Deno.test("resolveConfig() refuses to serve beyond loopback without a token", () => {
  const flags = { transport: "http", host: "0.0.0.0" };
  assert.throws(
    () => resolveConfig(flags, {}, "linux"),
    (error) =>
      error instanceof AppError && error.hint?.includes("--allow-unauthenticated") === true,
  );
  assert.equal(resolveConfig(flags, { MCP_AUTH_TOKEN: "t" }, "linux").serve.hostname, "0.0.0.0");
  const open = { ...flags, "allow-unauthenticated": true };
  assert.equal(resolveConfig(open, {}, "linux").serve.authToken, undefined);
  // stdio does not listen at all.
  assert.doesNotThrow(() => resolveConfig({ host: "0.0.0.0" }, {}, "linux"));
});

Deno.test("resolveConfig() keeps the order of toolsets and refuses an unknown one", () => {
  assert.deepEqual(resolveConfig({ toolsets: ["hub,oci", "oci"] }, {}, "linux").toolsets, [
    "oci",
    "hub",
  ]);
  assert.throws(() => resolveConfig({ toolsets: ["frob"] }, {}, "linux"), /toolset "frob"/);
});

Deno.test("resolveConfig() names the value that is no choice", () => {
  assert.throws(() => resolveConfig({ transport: "tcp" }, {}, "linux"), /--transport "tcp"/);
  assert.throws(() => resolveConfig({ "log-level": "loud" }, {}, "linux"), /--log-level "loud"/);
  assert.throws(() => resolveConfig({ timeout: "soon" }, {}, "linux"), /time-out "soon"/);
  assert.throws(() => resolveConfig({ timeout: "0" }, {}, "linux"), /time-out "0"/);
});

Deno.test("resolveConfig() finds the cache directory of each platform", () => {
  const directory = (env: Record<string, string>, os: string) =>
    resolveConfig({}, env, os).cacheDirectory;
  assert.equal(directory({ XDG_CACHE_HOME: "/x" }, "linux"), "/x/wharf");
  assert.equal(directory({ XDG_CACHE_HOME: "relative", HOME: "/h" }, "linux"), "/h/.cache/wharf");
  assert.equal(directory({ HOME: "/h" }, "darwin"), "/h/Library/Caches/wharf");
  assert.equal(directory({ MCP_REGISTRY_CACHE_DIR: "/c", HOME: "/h" }, "darwin"), "/c");
  assert.equal(directory({ HOME: "/h" }, "windows"), undefined);
  assert.match(directory({ LOCALAPPDATA: "C:\\l" }, "windows") ?? "", /wharf.cache$/);
  assert.equal(directory({}, "linux"), undefined);
  assert.equal(resolveConfig({ "cache-dir": "/f" }, { HOME: "/h" }, "linux").cacheDirectory, "/f");
});

Deno.test("resolveConfig() folds the case of insecure registries", () => {
  const config = resolveConfig({ "insecure-registry": ["A.example:5000, b.example"] }, {}, "linux");
  assert.deepEqual([...config.insecureRegistries], ["a.example:5000", "b.example"]);
});

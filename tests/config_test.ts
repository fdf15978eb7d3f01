/**
 * Tests of lib/config.ts. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { configPath, parseConfigFile, resolveConfig } from "../lib/config.ts";
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
  assert.throws(
    () => resolveConfig({}, { MCP_TRANSPORT: "tcp" }, "linux"),
    /use MCP_TRANSPORT "tcp"/,
  );
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

Deno.test("resolveConfig() takes an insecure registry with a scheme, and refuses what is no host", () => {
  const flags = { "insecure-registry": ["http://r.example:5000/", "HTTPS://other.example"] };
  const { insecureRegistries } = resolveConfig(flags, {}, "linux");
  assert.deepEqual([...insecureRegistries], ["r.example:5000", "other.example"]);
  for (const value of ["http://", "r.example/team", "a b", "me@r.example"]) {
    assert.throws(() => resolveConfig({ "insecure-registry": [value] }, {}, "linux"), {
      code: "INVALID_ARGUMENT",
      message: `Cannot use --insecure-registry "${value}": it is no host`,
    });
  }
});

Deno.test("resolveConfig() places sources by flag, which wins over the config file", () => {
  const { catalog } = resolveConfig(
    { source: ["docker=/a,b", "ours=https://example.com/x?a=b", "none"] },
    {},
    "linux",
    { sources: { docker: "/file", awesome: "none" } },
  );
  assert.deepEqual(catalog.sources, {
    docker: "/a,b",
    awesome: "none",
    ours: "https://example.com/x?a=b",
    none: "none",
  });
});

Deno.test("resolveConfig() refuses a source without a place", () => {
  for (const source of ["docker", "docker=", "=x", "a b=c"]) {
    assert.throws(
      () => resolveConfig({ source: [source] }, {}, "linux"),
      (error) =>
        error instanceof AppError && error.code === "INVALID_ARGUMENT" &&
        error.message.includes(`"${source}"`) && error.hint?.includes("--source none") === true,
    );
  }
});

Deno.test("resolveConfig() refreshes daily, or as often as the environment says", () => {
  const hours = (value?: string) => {
    const env = value === undefined ? {} : { MCP_REGISTRY_REFRESH_INTERVAL: value };
    const { catalog, warnings } = resolveConfig({}, env, "linux");
    return [catalog.refreshIntervalMs / 3_600_000, warnings.length];
  };
  assert.deepEqual(hours(), [24, 0]);
  assert.deepEqual(hours("6"), [6, 0]);
  assert.deepEqual(hours("0"), [0, 0]);
  for (const wrong of ["-1", "soon", "9000"]) assert.deepEqual(hours(wrong), [24, 1]);
});

Deno.test("resolveConfig() keeps clones beside the cache, or where the environment says", () => {
  const directory = (env: Record<string, string>) =>
    resolveConfig({ "cache-dir": "/cache" }, env, "linux").catalog.gitDirectory;
  assert.equal(directory({}), "/cache");
  assert.equal(directory({ MCP_REGISTRY_SOURCES_DIR: "/clones" }), "/clones");
});

Deno.test("configPath() follows the customs of the system", () => {
  const path = (env: Record<string, string>, os: string) => configPath({}, env, os)?.path;
  assert.equal(path({ HOME: "/home/me" }, "linux"), "/home/me/.config/wharf/config.json");
  assert.equal(
    path({ HOME: "/home/me", XDG_CONFIG_HOME: "/conf" }, "linux"),
    "/conf/wharf/config.json",
  );
  assert.equal(
    path({ HOME: "/home/me", XDG_CONFIG_HOME: "conf" }, "linux"),
    "/home/me/.config/wharf/config.json",
  );
  assert.equal(
    path({ HOME: "/Users/me" }, "darwin"),
    "/Users/me/Library/Application Support/wharf/config.json",
  );
  assert.match(path({ APPDATA: "C:/Roaming" }, "windows") ?? "", /wharf.config\.json$/);
  assert.equal(path({}, "linux"), undefined);
  assert.deepEqual(configPath({ config: "./x.json" }, {}, "linux"), {
    path: "./x.json",
    isNamed: true,
  });
});

Deno.test("parseConfigFile() takes what it knows and names what it does not", () => {
  const bytesOf = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  assert.deepEqual(parseConfigFile(bytesOf({ sources: { ours: "/a" } }), "c.json"), {
    sources: { ours: "/a" },
  });
  for (
    const [value, message] of [
      [{ source: {} }, /config file "c.json": "source" is no key of it/],
      [{ sources: { ours: 1 } }, /"sources.ours" has the wrong form/],
      [[], /config file "c.json"/],
    ] as const
  ) {
    assert.throws(
      () => parseConfigFile(bytesOf(value), "c.json"),
      (error) =>
        error instanceof AppError && error.code === "INVALID_ARGUMENT" &&
        message.test(error.message) && error.hint === "Keys are sources, policy",
    );
  }
});

Deno.test("parseConfigFile() says where a file is no JSON, and to mend it", () => {
  const table = [
    ['{\n  "sources" {}\n}', 'Cannot use config file "c.json": it is not valid JSON at 2:13'],
    ["{", 'Cannot use config file "c.json": it is not valid JSON at 1:2'],
    ["", 'Cannot use config file "c.json": it is not valid JSON'],
  ] as const;
  for (const [text, message] of table) {
    assert.throws(() => parseConfigFile(new TextEncoder().encode(text), "c.json"), {
      code: "INVALID_ARGUMENT",
      message,
      hint: "Mend it, or name another with --config",
    });
  }
});

/**
 * The doctor of a config. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { resolveConfig } from "../../lib/config.ts";
import type { Flags } from "../../lib/flags.ts";
import { type DoctorParts, openDoctor } from "../../lib/doctor/mod.ts";
import { FakeFiles } from "../oci/keychain_fakes.ts";
import { world } from "./world.ts";

const FLAGS = { toolsets: ["oci,catalog"], source: ["none", "ours=/srv/servers.json"] };

function parts(changes: Partial<DoctorParts> = {}): DoctorParts {
  return {
    ...world(),
    catalog: () => Promise.resolve({ keptStates: () => Promise.resolve([]) }),
    registries: ["ghcr.io"],
    configFile: "/home/me/.config/wharf/config.json",
    os: "linux",
    ...changes,
  };
}

Deno.test("openDoctor() takes toolsets, sources, engine, port and folders from the config", async () => {
  const flags = { ...FLAGS, transport: "http", port: "9000", "cache-dir": "/cache" };
  const doctor = openDoctor(parts(), resolveConfig(flags, { HOME: "/home/me" }, "linux"));
  const { flags: needed } = await doctor.needed();
  assert.ok(
    needed.includes("--allow-net=ghcr.io,pkg-containers.githubusercontent.com,127.0.0.1:9000"),
  );
  assert.ok(needed.includes("--allow-write=/cache"));
  const read = needed.find((flag) => flag.startsWith("--allow-read=")) ?? "";
  for (const path of ["/home/me/.config/wharf/config.json", "/srv/servers.json", "/cache"]) {
    assert.ok(read.split(/[=,]/).includes(path), path);
  }
  const { findings } = await doctor.diagnose(new AbortController().signal);
  const checks = findings.map(({ check }) => check);
  for (const check of ["registry ghcr.io", "source ours", "cache", "port"]) {
    assert.ok(checks.includes(check), check);
  }
  // Memory is all that this world has.
  assert.match(findings.find(({ check }) => check === "cache")?.message ?? "", /kept in memory/);
});

Deno.test("openDoctor() takes what a server on a port needs from the flags of serve", async () => {
  const flags = {
    ...FLAGS,
    host: "0.0.0.0",
    "auth-token-file": "/run/token",
    "oauth-issuer": "https://auth.example",
    "oauth-audience": ["https://wharf.example/mcp"],
    "tls-cert": "/tls/server.crt",
    "tls-key": "/tls/server.key",
    "audit-log": "/var/log/calls.jsonl",
  };
  const needed = async (more: Flags, env: Readonly<Record<string, string>> = {}) => {
    const config = resolveConfig({ ...flags, ...more }, { HOME: "/home/me", ...env }, "linux");
    return (await openDoctor(parts(), config).needed()).flags.join(" ").split(/[ =,]/);
  };
  const own = ["auth.example", "/run/token", "/tls/server.crt", "/tls/server.key"];
  const http = await needed({ transport: "http" });
  for (const value of [...own, "/var/log/calls.jsonl", "0.0.0.0:8080"]) {
    assert.ok(http.includes(value), value);
  }
  // Over stdio nobody is asked for a token.
  const stdio = await needed({});
  assert.deepEqual([...own, "0.0.0.0:8080"].filter((value) => stdio.includes(value)), []);
  const given = await needed({ transport: "http", "auth-token": "correct-horse" });
  assert.ok(!given.includes("/run/token") && !given.includes("correct-horse"));
});

Deno.test("openDoctor() asks no more than twenty credentials, and says how many there are", async () => {
  const hosts = Array.from(
    { length: 30 },
    (_, index) => [`r${index}.example`, { auth: "bWU6eA==" }],
  );
  const files = new FakeFiles({
    "/home/me/.docker/config.json": { auths: Object.fromEntries(hosts) },
  });
  const doctor = openDoctor(parts({ files }), resolveConfig(FLAGS, { HOME: "/home/me" }, "linux"));
  const { findings } = await doctor.diagnose(new AbortController().signal);
  const credentials = findings.filter(({ check }) => check === "credentials");
  assert.equal(credentials.length, 21);
  assert.equal(credentials.at(-1)?.message, "10 more are listed");
});

Deno.test("openDoctor() ends with its signal", async () => {
  const doctor = openDoctor(parts(), resolveConfig(FLAGS, { HOME: "/home/me" }, "linux"));
  await assert.rejects(doctor.diagnose(AbortSignal.abort()), /cancelled/);
});

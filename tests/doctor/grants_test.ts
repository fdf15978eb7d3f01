/**
 * The smallest set of permissions. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import deno from "../../deno.json" with { type: "json" };
import { placeSources } from "../../lib/catalog/mod.ts";
import { METADATA_ADDRESSES } from "../../lib/core/address.ts";
import { AppError } from "../../lib/core/errors.ts";
import {
  flagsOf,
  type Grant,
  type GrantPlan,
  grantsFor,
  shellLine,
} from "../../lib/doctor/grants.ts";
import { registryHosts, WELL_KNOWN_REGISTRIES } from "../../lib/doctor/hosts.ts";
import { VARIABLES } from "../../lib/doctor/variables.ts";
import { unneededGrants } from "../../lib/grants.ts";
import { ENV_NAMES } from "../../lib/host/env.ts";
import { TOOLSETS } from "../../lib/mcp/mod.ts";

const PLAN: GrantPlan = {
  toolsets: ["oci"],
  registries: [],
  furtherRegistries: [],
  sources: placeSources({}),
  engine: "podman",
  unsandboxed: false,
  os: "linux",
  configFiles: ["/home/me/.config/wharf/config.json"],
  folders: { cache: "/cache", git: "/git", state: "/state" },
  authFiles: ["/home/me/.docker/config.json"],
  helpers: ["docker-credential-pass"],
  certificateFolders: ["/etc/containers/certs.d"],
};

function values(plan: Partial<GrantPlan>, kind: Grant["kind"]): readonly (string | undefined)[] {
  return grantsFor({ ...PLAN, ...plan }).filter((grant) => grant.kind === kind)
    .map(({ value }) => value);
}

Deno.test("VARIABLES names what Wharf reads, each variable once", () => {
  const names = VARIABLES.flatMap((use) => use.names);
  assert.deepEqual(names.toSorted(), ENV_NAMES.toSorted());
});

Deno.test("registryHosts() of all well-known registries is what -P=inspect grants", () => {
  const hosts = new Set(WELL_KNOWN_REGISTRIES.flatMap(registryHosts));
  const loopback = ["localhost", "127.0.0.1", "[::1]"];
  assert.deepEqual(
    [...hosts, ...loopback].toSorted(),
    deno.permissions.inspect.net.toSorted(),
  );
});

Deno.test("registryHosts() knows a registry by its name, by its kind, or not at all", () => {
  assert.ok(registryHosts("docker.io").includes("*.docker.com"));
  assert.deepEqual(registryHosts("mine.azurecr.io"), ["*.azurecr.io", "*.blob.core.windows.net"]);
  assert.deepEqual(registryHosts("localhost:5000"), ["localhost:5000"]);
  assert.throws(() => registryHosts("no registry"), AppError);
});

Deno.test("grantsFor() grants each toolset what it needs, and no more", () => {
  assert.deepEqual(values({ toolsets: ["hub"] }, "net"), registryHosts("docker.io"));
  assert.deepEqual(values({ registries: ["ghcr.io"] }, "net"), registryHosts("ghcr.io"));
  assert.deepEqual(values({}, "run"), ["docker-credential-pass"]);
  assert.deepEqual(values({}, "write"), ["/cache"]);
  const catalog = { toolsets: ["catalog"], registries: ["ghcr.io"] } as const;
  assert.deepEqual(values(catalog, "net").slice(2), [
    "github.com",
    "registry.modelcontextprotocol.io",
    "mcpservers.org",
  ]);
  assert.deepEqual(values(catalog, "run"), ["docker-credential-pass", "git"]);
  assert.deepEqual(values(catalog, "write"), ["/cache", "/git"]);
  const gateway = { toolsets: ["gateway"], engine: "docker" } as const;
  assert.deepEqual(values(gateway, "net"), [undefined]);
  assert.deepEqual(values(gateway, "run").slice(2), ["docker", "deno", "kill", "ps"]);
  assert.deepEqual(values({ ...gateway, unsandboxed: true }, "run").slice(6), ["npx", "uvx"]);
  assert.deepEqual(values(gateway, "write"), ["/cache", "/git", "/state"]);
  assert.deepEqual(values({ toolsets: [] }, "net"), []);
});

Deno.test("grantsFor() follows where sources lie", () => {
  const sources = placeSources({
    none: "none",
    ours: "http://127.0.0.1:9000/servers.json",
    folder: "/srv/catalogue",
  });
  const plan = { toolsets: ["catalog"], registries: ["ghcr.io"], sources } as const;
  assert.deepEqual(values(plan, "net").slice(2), ["127.0.0.1:9000"]);
  assert.ok(values(plan, "read").includes("/srv/catalogue"));
  assert.deepEqual(values(plan, "run"), ["docker-credential-pass"]);
  assert.ok(!values({ sources }, "read").includes("/srv/catalogue"));
});

Deno.test("grantsFor() grants a server its port, and the token's variable", () => {
  const listen = { hostname: "::1", port: 8080 };
  assert.ok(values({ listen }, "net").includes("[::1]:8080"));
  assert.ok(values({ listen: { hostname: "127.0.0.1", port: 0 } }, "net").includes("127.0.0.1"));
  assert.ok(values({ listen }, "env").includes("MCP_AUTH_TOKEN"));
  assert.ok(!values({}, "env").includes("MCP_AUTH_TOKEN"));
});

Deno.test("grantsFor() grants a server on a port its issuer, its files, and the file of calls", () => {
  const listen = { hostname: "127.0.0.1", port: 8443 };
  const team = {
    issuer: new URL("https://auth.example/tenant"),
    files: ["/run/token", "/tls/server.crt", "/tls/server.key"],
    auditFile: "/var/log/calls.jsonl",
  };
  const plan = { registries: ["ghcr.io"], listen, team } as const;
  assert.deepEqual(values(plan, "net").slice(2), ["auth.example", "127.0.0.1:8443"]);
  for (const path of team.files) assert.ok(values(plan, "read").includes(path), path);
  assert.ok(!values(plan, "write").some((path) => team.files.includes(path ?? "")));
  assert.deepEqual(values(plan, "write"), ["/cache", "/var/log/calls.jsonl"]);
  // It is opened for appending only.
  assert.ok(!values(plan, "read").includes("/var/log/calls.jsonl"));
  const local = { ...team, issuer: new URL("http://127.0.0.1:9000") };
  assert.ok(values({ ...plan, team: local }, "net").includes("127.0.0.1:9000"));
});

Deno.test("grantsFor(), the widest set, and what Wharf gives back at its start are of one mind", () => {
  const full = deno.permissions.full.run;
  const sets = TOOLSETS.reduce<(typeof TOOLSETS[number])[][]>(
    (all, toolset) => [...all, ...all.map((some) => [...some, toolset])],
    [[]],
  );
  for (const toolsets of sets.filter((some) => some.length > 0)) {
    for (const engine of ["podman", "docker"] as const) {
      const which = `${toolsets.join()} with ${engine}`;
      const granted = grantsFor({ ...PLAN, toolsets, engine, unsandboxed: true });
      const back = unneededGrants(toolsets, { engine });
      const isBack = ({ kind, value }: Omit<Grant, "why">) =>
        back.some((grant) =>
          grant.name === kind && (!("command" in grant) || grant.command === value)
        );
      // Variables are read once, before anything is given back.
      assert.deepEqual(granted.filter((grant) => grant.kind !== "env" && isBack(grant)), [], which);
      // Nor is a kind kept of which the doctor grants nothing.
      for (const kind of ["net", "read", "write", "run"] as const) {
        const isGranted = granted.some((grant) => grant.kind === kind);
        const isKept = !back.some((grant) => grant.name === kind && !("command" in grant));
        assert.equal(isKept, isGranted, `${which}: ${kind}`);
      }
      // And no program is kept that the doctor would not grant, but podman, whose version is told.
      const wanted = granted.filter(({ kind }) => kind === "run").map(({ value }) => value);
      assert.deepEqual(wanted.filter((name) => !full.includes(name ?? "")), [], which);
      const kept = full.filter((value) =>
        !value.startsWith("docker-credential-") && !isBack({ kind: "run", value }) &&
        !(value === "podman" && engine === "docker")
      );
      assert.deepEqual(kept.filter((program) => !wanted.includes(program)), [], which);
    }
  }
});

Deno.test("grantsFor() knows what Windows names otherwise", () => {
  assert.ok(values({ os: "windows" }, "env").includes("LOCALAPPDATA"));
  assert.ok(!values({ os: "windows" }, "env").includes("HOME"));
  assert.ok(!values({}, "env").includes("LOCALAPPDATA"));
});

Deno.test("grantsFor() gives everything once, with a reason", () => {
  const grants = grantsFor({ ...PLAN, toolsets: ["oci", "hub", "catalog", "compat"] });
  const keys = grants.map(({ kind, value }) => `${kind} ${value}`);
  assert.equal(new Set(keys).size, keys.length);
  assert.ok(grants.every(({ why }) => why !== ""));
});

Deno.test("flagsOf() never prompts, and refuses metadata addresses where all is granted", () => {
  assert.deepEqual(flagsOf(grantsFor({ ...PLAN, toolsets: ["gateway"] })).slice(0, 3), [
    "--no-prompt",
    "--allow-net",
    `--deny-net=${METADATA_ADDRESSES.join(",")}`,
  ]);
  assert.deepEqual(METADATA_ADDRESSES, deno.permissions.full.net.deny);
  const flags = flagsOf([
    { kind: "read", value: "/a", why: "x" },
    { kind: "read", value: "/b", why: "x" },
  ]);
  assert.deepEqual(flags, ["--no-prompt", "--allow-read=/a,/b", "--ignore-env"]);
});

Deno.test("flagsOf() refuses a path that Deno would split", () => {
  assert.throws(
    () => flagsOf([{ kind: "write", value: "/a,b", why: "x" }]),
    /Cannot grant "\/a,b" by a flag: it holds a comma/,
  );
});

Deno.test("shellLine() quotes only what a shell would take apart", () => {
  assert.equal(
    shellLine(["--allow-net=*.docker.io,[::1]", "--x"]),
    "--allow-net=*.docker.io,[::1] --x",
  );
  assert.equal(shellLine(["--allow-read=/my files/it's"]), `'--allow-read=/my files/it'\\''s'`);
});

/** Tests of what Wharf gives back at its start. @module */

import assert from "node:assert/strict";
import deno from "../deno.json" with { type: "json" };
import { toolsetsOf, unneededGrants } from "../lib/grants.ts";
import { TOOLSETS } from "../lib/mcp/mod.ts";

/** `env`, or `run=podman` for one program. */
function names(toolsets: Parameters<typeof unneededGrants>[0]): readonly string[] {
  return unneededGrants(toolsets).map((grant) =>
    "command" in grant ? `run=${grant.command}` : grant.name
  );
}

Deno.test("unneededGrants() keeps all that any tool uses while all tools are offered", () => {
  assert.deepEqual(names(TOOLSETS), ["ffi", "sys", "run=docker"]);
});

Deno.test("unneededGrants() keeps Docker for whoever asks for it, and nobody else", () => {
  const given = (engine: "podman" | "docker") =>
    unneededGrants(TOOLSETS, { engine }).flatMap((grant) =>
      "command" in grant ? [grant.command] : []
    );
  assert.deepEqual(given("docker"), []);
  assert.deepEqual(given("podman"), ["docker"]);
  assert.ok(deno.permissions.full.run.includes("docker"));
});

Deno.test("unneededGrants() gives back what starts servers where none can be activated", () => {
  const withoutGateway = names(TOOLSETS.filter((toolset) => toolset !== "gateway"));
  assert.deepEqual(withoutGateway, [
    ...["ffi", "sys"],
    ...["run=podman", "run=docker", "run=deno", "run=npx", "run=uvx", "run=kill", "run=ps"],
  ]);
});

Deno.test("unneededGrants() gives back git and the environment without the catalogue", () => {
  for (const toolset of ["oci", "hub", "compat"] as const) {
    const given = names([toolset]);
    for (const name of ["env", "run=git", "run=podman", "run=kill"]) {
      assert.ok(given.includes(name), `${toolset}: ${name}`);
    }
    // A helper of credentials may have to be asked.
    for (const name of ["run", "read", "net"]) {
      assert.ok(!given.includes(name), `${toolset}: ${name}`);
    }
    // And answers are kept, but for those of Docker Hub's own interface.
    assert.equal(given.includes("write"), toolset === "hub", toolset);
  }
});

Deno.test("unneededGrants() gives all back where nothing is asked of anybody", () => {
  assert.deepEqual(names([]), ["ffi", "sys", "env", "net", "read", "write", "run"]);
});

Deno.test("unneededGrants() keeps what a command uses without a tool", () => {
  const given = unneededGrants([], { keeps: ["net"] }).map(({ name }) => name);
  assert.deepEqual(given, ["ffi", "sys", "env", "read", "write", "run"]);
});

Deno.test("unneededGrants() knows every program that the widest set grants", () => {
  const given = new Set(names(["oci"]));
  for (const program of deno.permissions.full.run) {
    const isHelper = program.startsWith("docker-credential-");
    assert.equal(given.has(`run=${program}`), !isHelper, program);
  }
});

Deno.test("unneededGrants() gives back less, the more is offered", () => {
  for (const first of TOOLSETS) {
    for (const second of TOOLSETS) {
      const both = new Set(names([first, second]));
      const all = [...names([first]), ...names([second])];
      for (const name of both) assert.ok(all.includes(name), `${first}, ${second}: ${name}`);
    }
  }
});

Deno.test("toolsetsOf() lets the one tool that tells of podman ask for it", () => {
  assert.deepEqual(toolsetsOf({ name: "registry-status", toolset: "catalog" }), [
    "catalog",
    "gateway",
  ]);
  assert.deepEqual(toolsetsOf({ name: "list_tags", toolset: "oci" }), ["oci"]);
  assert.deepEqual(toolsetsOf({ name: "memory__read", toolset: "memory" }), ["gateway"]);
});

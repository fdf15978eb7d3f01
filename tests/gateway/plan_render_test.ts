/**
 * What a server is started with, once its values are looked up. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { AppError } from "../../lib/core/errors.ts";
import { planActivation } from "../../lib/gateway/plan.ts";
import { renderLaunch } from "../../lib/gateway/plan_render.ts";
import { parsePolicy } from "../../lib/gateway/policy.ts";
import { readValue } from "../../lib/gateway/stored_value.ts";
import type { GivenValue } from "../../lib/gateway/template.ts";
import { makeEntry } from "../catalog/make.ts";
import { setting } from "./hostile.ts";

const ENTRY = makeEntry("docker/files", {
  packages: [{
    type: "oci",
    identifier: "acme/files:1",
    settings: [
      setting("KEY", { kind: "env", required: true, secret: true }),
      setting("VAULT", { kind: "env", secret: true }),
      setting("dir", { required: true }),
      setting("user", { default: "1000" }),
    ],
    args: [{ value: "{dir}" }],
    run: {
      user: "{user}",
      volumes: [{ source: "{dir}", target: "/data", kind: "host", readOnly: false }],
    },
  }],
});

const POLICY = parsePolicy({ host_paths: ["/srv"] });

const PLAN = planActivation(ENTRY, { by: "client" }, {
  policy: POLICY,
  stored: new Map([["KEY", readValue("env:KEY")], ["dir", readValue("env:DIR")]]),
});

function given(values: Readonly<Record<string, string | GivenValue>>) {
  return new Map<string, GivenValue>(
    Object.entries(values).map(([name, value]) => [
      name,
      typeof value === "string" ? { kind: "text", text: value } : value,
    ]),
  );
}

function failure(values: Readonly<Record<string, string | GivenValue>>): AppError {
  try {
    renderLaunch(PLAN, given(values), POLICY);
  } catch (thrown) {
    assert.ok(thrown instanceof AppError, String(thrown));
    return thrown;
  }
  return assert.fail("nothing was thrown");
}

Deno.test("renderLaunch() gives all that a container is started with", () => {
  const vault = { kind: "podman-secret", name: "vault" } as const;
  assert.deepEqual(
    renderLaunch(PLAN, given({ KEY: "s3cret", dir: "/srv/a", VAULT: vault }), POLICY),
    {
      args: ["/srv/a"],
      env: { KEY: "s3cret" },
      engineSecrets: [{ name: "vault", target: "VAULT" }],
      headers: {},
      mounts: [{ source: "/srv/a", target: "/data", kind: "host", readOnly: false }],
      folders: [],
      user: "1000",
    },
  );
});

Deno.test("renderLaunch() gives a remote its address and headers, and no environment", () => {
  const remote = makeEntry("docker/remote", {
    remotes: [{
      url: "https://a.example/{tenant}",
      settings: [
        setting("tenant"),
        setting("KEY", { kind: "env" }),
        setting("Authorization", { kind: "header", value: "Bearer {KEY}" }),
      ],
    }],
  });
  const plan = planActivation(remote, { by: "client" }, { policy: POLICY });
  const parts = renderLaunch(plan, given({ tenant: "t", KEY: "s3cret" }), POLICY);
  assert.equal(parts.url, "https://a.example/t");
  assert.deepEqual([parts.headers, parts.env], [{ Authorization: "Bearer s3cret" }, {}]);
});

Deno.test("renderLaunch() refuses what the plan could not know yet", () => {
  const outside = failure({ KEY: "k", dir: "/etc" });
  assert.deepEqual([outside.code, outside.message], [
    "FORBIDDEN",
    'Cannot start "docker/files": the operator has not opened "/etc"',
  ]);
  assert.match(outside.hint ?? "", /policy\.host_paths/);
  assert.equal(failure({ KEY: "k", dir: "/srv/../etc" }).code, "INVALID_ARGUMENT");
  assert.equal(failure({ KEY: "k", dir: "-v" }).code, "INVALID_ARGUMENT");
  assert.equal(failure({ KEY: "k", dir: "/srv/docker.sock" }).code, "FORBIDDEN");
});

Deno.test("renderLaunch() names settings without a value, and starts nothing with hidden ones", () => {
  assert.equal(failure({}).message, 'Cannot start "docker/files": KEY, dir have no value');
  assert.equal(
    failure({ KEY: "", dir: "/srv" }).message,
    'Cannot start "docker/files": KEY has no value',
  );
  assert.equal(failure({ KEY: { kind: "hidden" }, dir: "/srv" }).code, "INTERNAL");
});

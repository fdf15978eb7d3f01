/**
 * Plans as plain data. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { planActivation } from "../../lib/gateway/plan.ts";
import type { ActivationRequest } from "../../lib/gateway/plan_types.ts";
import { configSet, describeTarget, viewPlan } from "../../lib/gateway/plan_view.ts";
import { parsePolicy } from "../../lib/gateway/policy.ts";
import { readValue } from "../../lib/gateway/stored_value.ts";
import { parseReference } from "../../lib/oci/mod.ts";
import { makeEntry } from "../catalog/make.ts";
import { setting } from "./hostile.ts";

const ENTRY = makeEntry("docker/time", {
  repo: "https://github.com/acme/time",
  packages: [
    {
      type: "oci",
      identifier: "ghcr.io/acme/time:1.2",
      settings: [
        setting("API_KEY", {
          kind: "env",
          required: true,
          secret: true,
          description: "Key of \u202Eyour account",
        }),
        setting("zone", { default: "UTC", choices: ["UTC", "CET"] }),
        setting("dir", { format: "filepath" }),
      ],
      args: [{ name: "--zone", value: "{zone}" }],
      run: {
        user: "1000",
        allowHosts: ["api.acme.example:443"],
        volumes: [
          { source: "{dir}", target: "/data", kind: "host", readOnly: true },
          { source: "cache", target: "/cache", kind: "named", readOnly: false },
        ],
      },
      runtimeArgs: ["-p 80:80", "--privileged"],
      oauth: [{ provider: "acme" }],
    },
    { type: "npm", identifier: "@acme/time", version: "1.2.3" },
  ],
});

function view(request: Partial<ActivationRequest>, stored: Readonly<Record<string, string>>) {
  return viewPlan(planActivation(ENTRY, { by: "client", ...request }, {
    policy: parsePolicy({ host_paths: ["/srv"] }),
    stored: new Map(Object.entries(stored).map(([name, text]) => [name, readValue(text)])),
  }));
}

Deno.test("viewPlan() shows a plan that lacks a value", async (t) => {
  await t.assertSnapshot(view({ launchMethod: "podman" }, { dir: "/srv/data" }));
});

Deno.test("viewPlan() shows a plan that can run, without its secrets", async (t) => {
  const shown = view({}, { API_KEY: "s3cret", dir: "env:DIR" });
  assert.ok(!JSON.stringify(shown).includes("s3cret"));
  await t.assertSnapshot(shown);
});

Deno.test("viewPlan() shows a package, and why it is refused", async (t) => {
  const plan = planActivation(ENTRY, { by: "client", launchMethod: "stdio-proxy" }, {
    policy: parsePolicy({ deny: [{ package: "npm:@acme/*" }] }),
    unavailable: {
      npm: { reason: "deno is not installed", hint: "Install it", isPermission: false },
    },
  });
  await t.assertSnapshot(viewPlan(plan));
});

Deno.test("configSet() is the call that gives what is missing", () => {
  const missing = [
    { name: "API_KEY", kind: "env", secret: true },
    { name: "dir", kind: "variable", secret: false },
  ] as const;
  assert.deepEqual(configSet({ id: "docker/time", missing }), {
    tool: "registry-config-set",
    arguments: {
      id: "docker/time",
      env: { API_KEY: "<value, or env:API_KEY>", dir: "<value>" },
    },
  });
  assert.equal(configSet({ id: "docker/time", missing: [] }), undefined);
});

Deno.test("describeTarget() says in one word what would run", () => {
  const cases = [
    [{ kind: "image", image: parseReference("alpine") }, "docker.io/library/alpine:latest"],
    [{ kind: "package", type: "npm", name: "a", version: "1.0.0" }, "npm:a@1.0.0"],
    [{ kind: "package", type: "pypi", name: "a[cli]" }, "pypi:a[cli]"],
    [
      { kind: "remote", url: "https://a.example/\u202Emcp", transport: "sse" },
      "https://a.example/mcp",
    ],
    [{ kind: "command", command: "/bin/x" }, "/bin/x"],
    [{ kind: "source", repoUrl: "https://github.com/a/b" }, "https://github.com/a/b"],
    [
      { kind: "source", repoUrl: "https://github.com/a/b", folder: "c", ref: "v1" },
      "https://github.com/a/b/c@v1",
    ],
  ] as const;
  for (const [target, text] of cases) assert.equal(describeTarget(target), text);
});

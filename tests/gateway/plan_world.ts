/**
 * An entry and plans for it. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { Entry } from "../../lib/catalog/mod.ts";
import { AppError } from "../../lib/core/errors.ts";
import { planActivation } from "../../lib/gateway/plan.ts";
import type { ActivationPlan, ActivationRequest, PlanDeps } from "../../lib/gateway/plan_types.ts";
import { parsePolicy } from "../../lib/gateway/policy.ts";
import { readValue } from "../../lib/gateway/stored_value.ts";
import { type EntryFacts, makeEntry } from "../catalog/make.ts";
import { setting } from "./hostile.ts";

/** A digest of no image. */
export const DIGEST = `sha256:${"b".repeat(64)}`;

/** An entry with an image, a package and a remote. */
export const FACTS: EntryFacts = {
  repo: "https://github.com/acme/time",
  packages: [
    {
      type: "oci",
      identifier: "ghcr.io/acme/time:1.2",
      settings: [
        setting("API_KEY", { kind: "env", required: true, secret: true }),
        setting("REGION", { kind: "env", default: "eu" }),
        setting("port"),
        setting("dir"),
      ],
      args: [{ value: "serve" }, { name: "--port", value: "{port}" }],
      run: {
        volumes: [{ source: "{dir}", target: "/data", kind: "host", readOnly: true }],
        allowHosts: ["api.acme.example:443"],
      },
      runtimeArgs: ["-p 80:80", "--network host", "--privileged", "-v /run/docker.sock:/s"],
    },
    {
      type: "npm",
      identifier: "@acme/time",
      version: "1.2.3",
      settings: [setting("API_KEY", { kind: "env", required: true, secret: true })],
      runtimeArgs: ["--yes"],
    },
  ],
  remotes: [{
    url: "https://mcp.acme.example/{tenant}/mcp",
    settings: [
      setting("tenant"),
      setting("API_KEY", { required: true, secret: true }),
      setting("Authorization", { kind: "header", required: true, value: "Bearer {API_KEY}" }),
    ],
  }],
};

/** The entry of {@linkcode FACTS}, of a source that people review. */
export const ENTRY = makeEntry("docker/time", FACTS);

/**
 * Plans for a client.
 *
 * @param entry The entry.
 * @param request What is asked for.
 * @param deps The policy as in the config file, stored values as people write them.
 */
export function plan(
  entry: Entry | undefined,
  request: Partial<ActivationRequest> = {},
  { policy, stored, ...deps }: Omit<Partial<PlanDeps>, "policy" | "stored"> & {
    readonly policy?: unknown;
    readonly stored?: Readonly<Record<string, string>>;
  } = {},
): ActivationPlan {
  return planActivation(entry, { by: "client", ...request }, {
    policy: parsePolicy(policy),
    stored: new Map(Object.entries(stored ?? {}).map(([name, text]) => [name, readValue(text)])),
    ...deps,
  });
}

/**
 * What a call throws.
 *
 * @param action The call.
 */
export function failure(action: () => unknown): AppError {
  try {
    action();
  } catch (thrown) {
    assert.ok(thrown instanceof AppError, String(thrown));
    return thrown;
  }
  return assert.fail("nothing was thrown");
}

/** What the entry needs. */
export const KEY = { API_KEY: "s3cret" } as const;

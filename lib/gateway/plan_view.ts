/**
 * A plan as plain data, for answers and the command line. Holds no secret value: the plan has none,
 * and texts of third parties are cleaned. Needs no permission.
 *
 * @module
 */

import { cleanText } from "../core/text.ts";
import { formatReference } from "../oci/mod.ts";
import type { ActivationPlan, PlanTarget } from "./plan_types.ts";

/** A plan as it is shown; fields that say nothing are absent. */
export type PlanView = Readonly<Record<string, unknown>>;

/**
 * A plan as plain data.
 *
 * @param plan The plan.
 * @returns An object for JSON, keys in snake case.
 */
export function viewPlan(plan: ActivationPlan): PlanView {
  const { limits, verdict } = plan;
  return compact({
    id: plan.id,
    ad_hoc: plan.adHoc || undefined,
    sources: plan.from.map(({ id }) => id),
    prefix: plan.prefix,
    method: plan.method,
    runs: describeTarget(plan.target),
    args: plan.args.map((text) => cleanText(text, { maxChars: 1000 })),
    settings: plan.values.map(({ name, kind, secret, from }) =>
      compact({ name, kind, secret: secret || undefined, from })
    ),
    volumes: plan.mounts.map(({ source, target, kind, readOnly }) =>
      compact({ source, target, kind, read_only: readOnly || undefined })
    ),
    folders: plan.folders,
    user: plan.user,
    network: plan.network,
    allow_hosts: plan.allowHosts,
    limits: limits && {
      memory_mb: Math.floor(limits.memoryBytes / 1024 / 1024),
      cpus: limits.cpus,
      pids: limits.pids,
    },
    sign_in: plan.oauth.map(({ provider }) => provider),
    missing: plan.missing.map(({ name, kind, secret, format, description, example, choices }) =>
      compact({ name, kind, secret: secret || undefined, format, description, example, choices })
    ),
    config_set: configSet(plan),
    run_arguments: plan.runArguments.map(({ text, fate, why }) => ({
      argument: cleanText(text, { maxChars: 300 }),
      fate,
      why,
    })),
    warnings: plan.warnings,
    verdict: verdict.verdict,
    rule: verdict.rule,
    reason: cleanText(verdict.reason, { maxChars: 400 }),
    confirm: verdict.confirm,
    unavailable: plan.unavailable?.reason,
    alternatives: plan.alternatives.map(({ method, target, verdict: says, missing }) =>
      compact({ method, runs: describeTarget(target), verdict: says, missing })
    ),
  });
}

/**
 * What would run, in one word.
 *
 * @param target What would run.
 * @returns Such as `docker.io/mcp/time:latest`, `npm:name@1.0.0` or an address.
 */
export function describeTarget(target: PlanTarget): string {
  switch (target.kind) {
    case "image":
      return formatReference(target.image);
    case "package": {
      const { type, name, version } = target;
      return `${type}:${name}${version === undefined ? "" : `@${version}`}`;
    }
    case "remote":
      return cleanText(target.url, { maxChars: 500 });
    case "command":
      return cleanText(target.command, { maxChars: 300 });
    case "source": {
      const { repoUrl, folder, ref } = target;
      return `${repoUrl}${folder === undefined ? "" : `/${folder}`}${
        ref === undefined ? "" : `@${ref}`
      }`;
    }
  }
}

/** The call that gives what is missing; values are for a person to fill in. */
export interface ConfigSetCall {
  /** Name of the tool. */
  readonly tool: "registry-config-set";
  /** Its arguments, each value in angle brackets. */
  readonly arguments: { readonly id: string; readonly env: Readonly<Record<string, string>> };
}

/**
 * The call to make before a plan can run.
 *
 * @param plan The plan.
 * @returns The call, or `undefined` when nothing is missing.
 */
export function configSet(
  { id, missing }: Pick<ActivationPlan, "id" | "missing">,
): ConfigSetCall | undefined {
  if (missing.length === 0) return undefined;
  const env = missing.map(({ name, secret }): [string, string] => [
    name,
    secret ? `<value, or env:${name}>` : "<value>",
  ]);
  return { tool: "registry-config-set", arguments: { id, env: Object.fromEntries(env) } };
}

/** Leaves out what says nothing. */
function compact(fields: PlanView): PlanView {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) =>
      value !== undefined && !(Array.isArray(value) && value.length === 0)
    ),
  );
}

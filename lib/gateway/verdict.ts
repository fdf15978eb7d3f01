/**
 * Whether a server may be started: the operator's policy held against what would run. Pure, needs
 * no permission.
 *
 * A rule that denies looks at everything that any source says about a server, one that allows only
 * at what is certain: the sources that name the very thing that would run, and owners that a
 * source vouches for. What the caller put in place of the entry's own is never the entry.
 *
 * @module
 */

import type { LaunchMethod } from "../catalog/mod.ts";
import { formatReference, type Reference } from "../oci/mod.ts";
import { isInside, matches, type Policy, type PolicyRule } from "./policy.ts";

/** A way to launch that Wharf knows beside those of the catalogue. */
export type PlanMethod = LaunchMethod | "source" | "command";

/** What would run, as far as a policy asks. */
export interface PolicyFacts {
  /** How it would be started. */
  readonly method: PlanMethod;
  /** Whether the caller named it and no entry does. */
  readonly adHoc: boolean;
  /** Ids and sources of all records of the entry. */
  readonly known: readonly SourceFact[];
  /** Those of the records that name what would run. */
  readonly from: readonly SourceFact[];
  /** `host/owner` of the repository. */
  readonly owner?: string;
  /** Whether a source vouches for `owner`. */
  readonly ownerIsProven: boolean;
  /** Whether a source calls it official. */
  readonly official: boolean;
  /** The image that would run. */
  readonly image?: Reference;
  /** The package that would run, such as `npm:name`. */
  readonly package?: string;
  /** Host of the remote, in lower case. */
  readonly host?: string;
  /** Network that it would get. */
  readonly network: "none" | "default";
  /** Whether the entry says that it needs none. */
  readonly declaresNoNetwork: boolean;
  /** Paths of this machine that it would see. */
  readonly hostPaths: readonly string[];
  /** Whether it never ran in this form before. */
  readonly isFirst: boolean;
  /** What a person should agree to beside the server itself, one clause each. */
  readonly wants: readonly string[];
}

/** One record of an entry. */
export interface SourceFact {
  /** The source, such as `docker`. */
  readonly source: string;
  /** Id of the record. */
  readonly id: string;
}

/** What the policy says. */
export interface Verdict {
  /** `confirm`: allowed once a person agrees. */
  readonly verdict: "allowed" | "refused" | "confirm";
  /** The rule or key that decided, such as `policy.deny[2]`. */
  readonly rule?: string;
  /** Why, as a clause for people. */
  readonly reason: string;
  /** All that a person should agree to; `confirm` only. */
  readonly confirm?: readonly string[];
}

/**
 * Holds a policy against what would run. What is denied or lacks what the policy requires is
 * refused, whatever allows it.
 *
 * @param policy The operator's.
 * @param facts What would run.
 */
export function judge(policy: Policy, facts: PolicyFacts): Verdict {
  const denied = policy.deny.findIndex((rule) => fits(rule, facts, "deny"));
  if (denied !== -1) {
    return refused(`policy.deny[${denied}]`, `the operator denies ${words(policy.deny[denied])}`);
  }
  const missing = requirement(policy, facts);
  if (missing !== undefined) return missing;
  const index = policy.allow.findIndex((rule) => fits(rule, facts, "allow"));
  if (index === -1 && policy.requireAllowed) {
    return refused("policy.require_allowed", "no rule of the operator allows it");
  }
  const allowed = index === -1 ? undefined : `policy.allow[${index}]`;
  if (policy.confirm === "never") {
    return {
      verdict: "allowed",
      rule: allowed ?? "policy.confirm",
      reason: "nobody is to be asked",
    };
  }
  const asks = reasons(policy, facts, allowed !== undefined);
  const rule = allowed === undefined ? {} : { rule: allowed };
  const [first] = asks;
  if (first !== undefined) return { verdict: "confirm", ...rule, reason: first, confirm: asks };
  const reason = allowed !== undefined
    ? `the operator allows ${words(policy.allow[index])}`
    : facts.isFirst
    ? "a source calls it official"
    : "it ran in this form before";
  return { verdict: "allowed", ...rule, reason };
}

const KEYS = ["source", "id", "image", "registry", "owner", "package", "host"] as const;

/** What a person is to be asked. */
function reasons(policy: Policy, facts: PolicyFacts, isAllowed: boolean): readonly string[] {
  if (policy.confirm === "always") {
    return ["the operator wants to be asked each time", ...facts.wants];
  }
  if (!facts.isFirst) return [];
  return isAllowed || facts.official
    ? facts.wants
    : ["it is neither official nor allowed by the operator, and never ran before", ...facts.wants];
}

/** The first of the policy's general demands that is not met. */
function requirement(policy: Policy, facts: PolicyFacts): Verdict | undefined {
  if (facts.adHoc && !policy.adHoc) {
    return refused("policy.ad_hoc", "no entry names it, and the operator allows entries only");
  }
  if (facts.method === "command" && !policy.unsandboxed) {
    return refused("policy.unsandboxed", "the operator allows no process without a sandbox");
  }
  if (facts.method === "source" && !policy.build) {
    return refused("policy.build", "the operator allows no builds");
  }
  if (policy.requireOfficial && !facts.official) {
    return refused("policy.require_official", "no source calls it official");
  }
  if (policy.requireDigest && facts.image !== undefined && facts.image.digest === undefined) {
    return refused("policy.require_digest", "its image is not named by digest");
  }
  if (policy.network === "none" && facts.network !== "none") {
    return refused("policy.network", "the operator allows no network");
  }
  if (policy.network !== "any" && facts.declaresNoNetwork && facts.network !== "none") {
    return refused("policy.network", "its entry says that it needs no network");
  }
  const outside = facts.hostPaths.find((path) => !isInside(path, policy.hostPaths));
  return outside === undefined
    ? undefined
    : refused("policy.host_paths", `it would see "${outside}", which the operator has not opened`);
}

function refused(rule: string, reason: string): Verdict {
  return { verdict: "refused", rule, reason };
}

/** Whether each key of a rule fits one of the names that the facts have for it. */
function fits(rule: PolicyRule, facts: PolicyFacts, effect: "allow" | "deny"): boolean {
  const records = effect === "deny" ? facts.known : facts.from;
  const names: Readonly<Record<keyof PolicyRule, readonly string[]>> = {
    source: records.map(({ source }) => source),
    id: records.map(({ id }) => id),
    image: imageNames(facts.image),
    registry: facts.image === undefined ? [] : [facts.image.registry],
    owner: effect === "deny" || facts.ownerIsProven ? ownerNames(facts.owner) : [],
    package: facts.package === undefined ? [] : [facts.package],
    host: facts.host === undefined ? [] : [facts.host],
  };
  return KEYS.every((key) => {
    const wildcard = rule[key];
    return wildcard === undefined || names[key].some((name) => matches(wildcard, name));
  });
}

/** A pattern may leave tag and digest out, or say only one of them. */
function imageNames(image: Reference | undefined): readonly string[] {
  if (image === undefined) return [];
  const { registry, repository, tag, digest } = image;
  const names = [formatReference({ registry, repository }), formatReference(image)];
  if (tag !== undefined) names.push(formatReference({ registry, repository, tag }));
  if (digest !== undefined) names.push(formatReference({ registry, repository, digest }));
  return names;
}

/** On GitHub the owner's name alone will do. */
function ownerNames(owner: string | undefined): readonly string[] {
  if (owner === undefined) return [];
  const slash = owner.indexOf("/");
  return owner.slice(0, slash) === "github.com" ? [owner, owner.slice(slash + 1)] : [owner];
}

function words(rule: PolicyRule | undefined): string {
  return KEYS.flatMap((key) => {
    const wildcard = rule?.[key];
    return wildcard === undefined ? [] : [`${key} "${wildcard}"`];
  }).join(", ");
}

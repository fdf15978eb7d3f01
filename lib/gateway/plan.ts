/**
 * How a server would be activated: the way that policy and request allow, with what it would run,
 * see and be given, and what stands in its way. Pure: nothing is fetched, started or looked up, so
 * that a plan can be shown before anybody agrees to it. Needs no permission.
 *
 * @example
 * ```ts
 * import { builtinEntries } from "../catalog/mod.ts";
 * import { planActivation } from "./plan.ts";
 * import { parsePolicy } from "./policy.ts";
 *
 * const entry = builtinEntries({ source: "builtin" }).find(({ id }) => id === "reference/memory");
 * const plan = planActivation(entry, { by: "client" }, { policy: parsePolicy() });
 * plan.method; // "podman"
 * ```
 *
 * @module
 */

import { type Entry, foldId, type RunFacts } from "../catalog/mod.ts";
import { AppError, toAppError } from "../core/errors.ts";
import { cleanText } from "../core/text.ts";
import { digestOf } from "../oci/mod.ts";
import { checkPrefix, defaultPrefix } from "./names.ts";
import { type Candidate, candidatesOf } from "./plan_candidates.ts";
import { hostPaths, missingSettings, renderParts, type ShownParts } from "./plan_render.ts";
import { runArgumentsOf } from "./plan_run_arguments.ts";
import type {
  ActivationPlan,
  ActivationRequest,
  PlanDeps,
  PlanParts,
  PlanTarget,
} from "./plan_types.ts";
import { type CandidateValues, requestValues, valuesFor } from "./plan_values.ts";
import { warningsOf } from "./plan_warnings.ts";
import { plannedValues, type StoredValue } from "./stored_value.ts";
import { type GivenValue, valueError } from "./template.ts";
import { judge, type PolicyFacts } from "./verdict.ts";

/** Most other ways that a plan lists. */
const MAX_ALTERNATIVES = 8;

/** Sources whose entries people have looked at: what they say of a repository is so. */
const REVIEWED = new Set(["builtin", "docker"]);

/** Sources that repeat what servers say of themselves. */
const CLAIMED = new Set(["awesome", "mcpservers", "official"]);

/**
 * Plans an activation.
 *
 * @param entry The entry; `undefined` where the request names an image, command or address.
 * @param request What is asked for.
 * @param deps The policy, what is stored, and what this machine has.
 * @returns The plan, also where the policy refuses it or settings are missing: it says so.
 * @throws {AppError} `INVALID_ARGUMENT` for a request that contradicts itself or what there is, or
 * a value that does not fit; `FORBIDDEN` for values that the operator has not opened; `UNSUPPORTED`
 * for an entry that nothing can start.
 */
export function planActivation(
  entry: Entry | undefined,
  request: ActivationRequest,
  deps: PlanDeps,
): ActivationPlan {
  const candidates = candidatesOf(entry, request);
  const adHoc = candidates.every((candidate) => candidate.adHoc);
  const given = requestValues(entry, request, { policy: deps.policy, adHoc });
  const context = { entry, request, deps, given };
  const plans: ActivationPlan[] = [];
  const problems: AppError[] = [];
  for (const candidate of candidates) {
    try {
      plans.push(planCandidate(candidate, context));
    } catch (thrown) {
      if (!(thrown instanceof AppError)) throw thrown;
      problems.push(thrown);
    }
  }
  const ranked = plans.map((plan, index) => ({ plan, index }))
    .sort((a, b) => obstacles(a.plan) - obstacles(b.plan) || a.index - b.index)
    .map(({ plan }) => plan);
  const [best, ...others] = ranked;
  if (best === undefined) throw toAppError(problems[0]);
  return {
    ...best,
    alternatives: others.slice(0, MAX_ALTERNATIVES).map((plan) => ({
      method: plan.method,
      target: plan.target,
      verdict: plan.verdict.verdict,
      missing: plan.missing.map(({ name }) => name),
    })),
  };
}

/** How far a plan is from running: what is refused is farther than what only lacks a value. */
function obstacles({ verdict, unavailable, missing }: ActivationPlan): number {
  return (verdict.verdict === "refused" ? 4 : 0) + (unavailable === undefined ? 0 : 2) +
    (missing.length > 0 ? 1 : 0);
}

interface PlanContext {
  readonly entry: Entry | undefined;
  readonly request: ActivationRequest;
  readonly deps: PlanDeps;
  readonly given: ReadonlyMap<string, StoredValue>;
}

function planCandidate(candidate: Candidate, context: PlanContext): ActivationPlan {
  const { entry, request, deps, given } = context;
  const { policy } = deps;
  const own = valuesFor(candidate, given, { entry, deps });
  const id = entry?.id ?? adHocId(candidate.target, request.name);
  const parts = partsOf(candidate, own, id);
  const known = plannedValues(own.values, own.settings);
  if (candidate.target.kind !== "image") refuseEngineSecrets(known);
  const missing = missingSettings(parts, known);
  const shown = renderParts(candidate.target, parts, hide(known, missing.map(({ name }) => name)));
  const target = candidate.target.kind === "remote"
    ? { ...candidate.target, url: shownUrl(candidate, shown) }
    : candidate.target;
  const network = networkOf(candidate, context);
  const facts = factsOf(candidate, context, { shown, network });
  const fingerprint = fingerprintOf(id, { candidate, shown, network });
  const isFirst = deps.approved?.has(fingerprint) !== true;
  const unavailable = candidate.needs === undefined
    ? undefined
    : deps.unavailable?.[candidate.needs];
  return {
    id,
    adHoc: candidate.adHoc,
    from: facts.from,
    prefix: request.prefix === undefined ? defaultPrefix(id) : checkPrefix(request.prefix),
    method: candidate.method,
    target,
    parts,
    args: shown.args,
    values: own.shown.map((value) =>
      missing.some(({ name }) => name === value.name) ? { ...value, from: "missing" } : value
    ),
    mounts: shown.mounts,
    folders: shown.folders,
    network,
    allowHosts: candidate.run?.allowHosts ?? [],
    longLived: candidate.run?.longLived ?? false,
    oauth: candidate.oauth,
    missing: missing.map(needOf),
    runArguments: runArgumentsOf(candidate, shown, policy),
    warnings: warningsOf({ candidate, entry, shown, network, dropped: own.dropped }),
    verdict: judge(policy, { ...facts, isFirst }),
    alternatives: [],
    fingerprint,
    ...(target.kind === "remote" ? {} : {
      limits: {
        memoryBytes: policy.maxMemoryMb * 1024 * 1024,
        cpus: policy.maxCpus,
        pids: policy.maxPids,
      },
    }),
    ...(shown.user === undefined ? {} : { user: shown.user }),
    ...(unavailable === undefined ? {} : { unavailable }),
  };
}

/** What a caller wrote into the query of an address may be a secret. */
function shownUrl({ adHoc }: Candidate, { url = "" }: ShownParts): string {
  return adHoc ? url.replace(/=[^&#]*/g, "=…") : url;
}

function partsOf(candidate: Candidate, { settings }: CandidateValues, id: string): PlanParts {
  const { run, target, args } = candidate;
  return {
    settings,
    args,
    ...(run === undefined ? {} : { run: withOwnVolumes(run, id) }),
    ...(target.kind === "remote" ? { url: target.url } : {}),
  };
}

/** A named volume is its entry's own: another entry that writes the same name has another volume. */
function withOwnVolumes(run: RunFacts, id: string): RunFacts {
  const hash = digestOf(new TextEncoder().encode(foldId(id))).slice("sha256:".length).slice(0, 8);
  return {
    ...run,
    volumes: run.volumes.map((volume) =>
      volume.kind === "named" ? { ...volume, source: `wharf-${hash}-${volume.source}` } : volume
    ),
  };
}

/** Only a container of its engine is handed the engine's secrets. */
function refuseEngineSecrets(known: ReadonlyMap<string, GivenValue>): void {
  for (const [name, { kind }] of known) {
    if (kind === "podman-secret") {
      throw valueError(name, "a podman secret can only be given to a container of an image");
    }
  }
}

function hide(
  known: ReadonlyMap<string, GivenValue>,
  names: readonly string[],
): ReadonlyMap<string, GivenValue> {
  return new Map([...known, ...names.map((name) => [name, { kind: "hidden" }] as const)]);
}

/** The name that a server without an entry goes by. */
function adHocId(target: PlanTarget, name: string | undefined): string {
  const word = name !== undefined
    ? name.replace(/^adhoc\//, "")
    : target.kind === "image"
    ? target.image.repository
    : target.kind === "command"
    ? (target.command.split(/[\\/]/).at(-1) ?? "")
    : target.kind === "remote"
    ? URL.parse(target.url)?.hostname ?? ""
    : "";
  const slug = word.replaceAll(/[^A-Za-z0-9._/-]+/g, "-").replaceAll(/^[-./]+|[-./]+$/g, "");
  return `adhoc/${slug.slice(0, 100) || "server"}`;
}

function networkOf(
  { run, method }: Candidate,
  { request, deps }: PlanContext,
): "none" | "default" {
  // Nothing keeps these from the network; the policy refuses them where there is to be none.
  if (method === "remote-http" || method === "command") return "default";
  if (request.network !== undefined) return request.network;
  return run?.disableNetwork === true || deps.policy.network === "none" ? "none" : "default";
}

function needOf(setting: PlanParts["settings"][number]): ActivationPlan["missing"][number] {
  const { name, kind, secret, format, description, example, choices } = setting;
  return {
    name,
    kind,
    secret,
    ...(format === undefined ? {} : { format }),
    ...(description === undefined ? {} : { description }),
    ...(example === undefined ? {} : { example }),
    ...(choices === undefined ? {} : { choices }),
  };
}

interface FactContext {
  readonly shown: ShownParts;
  readonly network: "none" | "default";
}

function factsOf(
  candidate: Candidate,
  { entry, request }: PlanContext,
  { shown, network }: FactContext,
): Omit<PolicyFacts, "isFirst"> {
  const known = (entry?.sources ?? []).map(({ source, id }) => ({ source, id }));
  const named = new Set(candidate.from);
  const from = known.filter(({ id }) => named.has(id));
  const owner = ownerOf(entry?.repoUrl);
  const { target } = candidate;
  return {
    method: candidate.method,
    adHoc: candidate.adHoc,
    known,
    from,
    ownerIsProven: !candidate.adHoc && (candidate.method === "source" || entry?.verified === true ||
      from.some(({ source }) => REVIEWED.has(source) || !CLAIMED.has(source))),
    official: entry?.official === true && !candidate.adHoc,
    network,
    declaresNoNetwork: candidate.run?.disableNetwork ?? false,
    hostPaths: hostPaths(shown).filter((path) => !path.includes("<")),
    wants: wantsOf(candidate, { request, shown, network }),
    ...(owner === undefined ? {} : { owner }),
    ...(target.kind === "image" ? { image: target.image } : {}),
    ...(target.kind === "package" ? { package: `${target.type}:${bareName(target.name)}` } : {}),
    ...(shown.host === undefined ? {} : { host: hostName(shown.host) }),
  };
}

/** Extras of a Python package are no part of its name. */
function bareName(name: string): string {
  return name.replace(/\[.*$/, "");
}

function hostName(host: string): string {
  return host.replace(/:\d+$/, "");
}

function ownerOf(repoUrl: string | undefined): string | undefined {
  const url = repoUrl === undefined ? null : URL.parse(repoUrl);
  const owner = url?.pathname.split("/")[1] ?? "";
  return url === null || owner === "" ? undefined : `${url.hostname}/${owner}`;
}

/** What a person should agree to beside the server itself. */
function wantsOf(
  candidate: Candidate,
  { request, shown, network }: FactContext & Pick<PlanContext, "request">,
): readonly string[] {
  const wants: string[] = [];
  if (candidate.method === "command") wants.push("it runs on this machine without a sandbox");
  if (candidate.method === "source") wants.push("its image is built by code of its repository");
  if (candidate.run?.disableNetwork === true && network === "default") {
    wants.push("it gets a network, though its entry needs none");
  }
  if (request.args !== undefined && !candidate.adHoc) {
    wants.push("its arguments are not those of its entry");
  }
  for (const { source, kind, readOnly } of shown.mounts) {
    const what = cleanText(source, { maxChars: 200 });
    if (kind === "host") wants.push(`it may read ${readOnly ? "" : "and write "}${what}`);
  }
  for (const path of shown.folders) {
    wants.push(`it may read and write ${cleanText(path, { maxChars: 200 })}`);
  }
  return wants;
}

/** What a person agreed to: versions may change, what runs and what it sees may not. */
function fingerprintOf(
  id: string,
  { candidate, shown, network }: FactContext & { readonly candidate: Candidate },
): string {
  const { target } = candidate;
  const what = target.kind === "image"
    ? `${target.image.registry}/${target.image.repository}`
    : target.kind === "package"
    ? `${target.type}:${target.name}`
    : target.kind === "remote"
    ? `${shown.host ?? ""} ${target.url}`
    : target.kind === "command"
    ? target.command
    : `${target.repoUrl}#${target.folder ?? ""}`;
  const facts = [
    id,
    candidate.method,
    what,
    network,
    candidate.args,
    shown.mounts,
    shown.folders,
  ];
  return digestOf(new TextEncoder().encode(JSON.stringify(facts)));
}

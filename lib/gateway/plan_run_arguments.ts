/**
 * The run arguments that catalogues hold for container engines and runners (`-p`, `-v`,
 * `--network host`, `--privileged`): none is ever passed on. Each is named, with what becomes of
 * it. Needs no permission.
 *
 * @module
 */

import { isEngineSocket } from "../catalog/mod.ts";
import type { Candidate } from "./plan_candidates.ts";
import type { ShownParts } from "./plan_render.ts";
import type { PlanRunArgument } from "./plan_types.ts";
import { isInside, type Policy } from "./policy.ts";
import type { Mount } from "./render.ts";

/** Why an option of a container engine is not passed on, by the option. */
const REASONS: readonly (readonly [RegExp, string])[] = [
  [/^(?:-p|-P|--publish(?:-all)?)(?:[ =]|$)/, "a server that speaks on stdio needs no port"],
  [/^--(?:network|net)[ =]host$/, "it would share the network of this machine"],
  [/^--(?:network|net)(?:[ =]|$)/, "Wharf gives a container its network"],
  [/^--privileged(?:[ =]|$)/, "it would have all rights on this machine"],
  [
    /^--(?:cap-add|device|security-opt|pid|ipc|userns|uts|cgroupns|group-add|gpus)(?:[ =]|$)/,
    "it would widen the rights of the container",
  ],
  [/^--(?:env-file|entrypoint)(?:[ =]|$)/, "it would read or run what the entry does not declare"],
];

/**
 * What becomes of a candidate's run arguments.
 *
 * @param candidate The way to start.
 * @param shown What its volumes came to; hidden parts as `<name>`.
 * @param policy The operator's.
 */
export function runArgumentsOf(
  { run, runtimeArgs, target }: Pick<Candidate, "run" | "runtimeArgs" | "target">,
  { mounts, refusedMounts }: Pick<ShownParts, "mounts" | "refusedMounts">,
  policy: Pick<Policy, "hostPaths">,
): readonly PlanRunArgument[] {
  const isContainer = target.kind === "image";
  return [
    ...mounts.map((mount) => mountArgument(mount, policy)),
    ...refusedMounts.map((mount): PlanRunArgument => ({
      text: mountText(mount),
      fate: "refused",
      why: isEngineSocket(mount.source)
        ? "it opens the container engine, and with it this machine"
        : "its paths are not plain and absolute",
    })),
    ...(run?.user === undefined ? [] : [read(`--user ${run.user}`, "the user in the container")]),
    ...(run?.disableNetwork === true
      ? [read("--network none", "the entry says that it needs no network")]
      : []),
    ...runtimeArgs.map((text): PlanRunArgument => ({
      text,
      fate: "refused",
      why: isContainer ? reasonFor(text) : "Wharf starts packages with arguments of its own",
    })),
  ];
}

function mountArgument(mount: Mount, { hostPaths }: Pick<Policy, "hostPaths">): PlanRunArgument {
  const { source, kind } = mount;
  const text = mountText(mount);
  if (kind === "named") return read(text, "a volume of the container engine");
  if (source.includes("<")) {
    return read(text, "a path of this machine, which the operator must have opened");
  }
  return isInside(source, hostPaths)
    ? { text, fate: "granted", why: "the operator has opened this path" }
    : { text, fate: "refused", why: "the operator has not opened this path of this machine" };
}

function mountText({ source, target, readOnly }: Mount): string {
  return `-v ${source}:${target}${readOnly ? ":ro" : ""}`;
}

function reasonFor(text: string): string {
  if (isEngineSocket(text)) return "it opens the container engine, and with it this machine";
  return REASONS.find(([option]) => option.test(text))?.[1] ?? "Wharf passes no such argument on";
}

function read(text: string, why: string): PlanRunArgument {
  return { text, fate: "read", why };
}

/**
 * What the parts of a plan come to, with the values as they are known: once to be shown, before a
 * person agrees, and once more when the server starts. Needs no permission.
 *
 * @module
 */

import { isEngineSocket } from "../catalog/mod.ts";
import { AppError } from "../core/errors.ts";
import type { Env } from "../core/host.ts";
import { cleanText } from "../core/text.ts";
import type { ActivationPlan, PlanParts, PlanTarget } from "./plan_types.ts";
import { isInside, isPlainAbsolute, type Policy } from "./policy.ts";
import {
  type Mount,
  renderArgs,
  renderEnv,
  renderHeaders,
  renderUser,
  renderVolumes,
} from "./render.ts";
import { renderUrl } from "./render_url.ts";
import { type GivenValues, Values } from "./template.ts";

/** What a server is started or reached with. */
export interface LaunchParts {
  /** Arguments, one argv element each. */
  readonly args: readonly string[];
  /** Variables. */
  readonly env: Env;
  /** Variables whose values only the container engine knows. */
  readonly engineSecrets: readonly { readonly name: string; readonly target: string }[];
  /** Headers of a remote. */
  readonly headers: Readonly<Record<string, string>>;
  /** Address of a remote. */
  readonly url?: string;
  /** What is mounted. */
  readonly mounts: readonly Mount[];
  /** Paths of this machine that settings of a local process name. */
  readonly folders: readonly string[];
  /** User inside of the container. */
  readonly user?: string;
}

/** The parts of a plan, as far as the values are known. */
export interface ShownParts extends LaunchParts {
  /** Host and port of a remote, where it is known. */
  readonly host?: string;
  /** Whether a value is hidden, so that nothing can be started with these. */
  readonly isHidden: boolean;
  /** Names of secrets in the arguments. */
  readonly secretsInArgs: readonly string[];
  /** Names of secrets in the address. */
  readonly secretsInUrl: readonly string[];
  /** Volumes that are never mounted. */
  readonly refusedMounts: readonly Mount[];
  /** Headers that no catalogue may set. */
  readonly refusedHeaders: readonly string[];
}

/**
 * Renders the parts of a plan.
 *
 * @param target What would run.
 * @param parts Its templates.
 * @param given The values, hidden where they are not to be known.
 * @throws {AppError} `INVALID_ARGUMENT` for a value that does not fit its place, `FORBIDDEN` for
 * the socket of a container engine.
 */
export function renderParts(
  target: PlanTarget,
  parts: PlanParts,
  given: GivenValues,
): ShownParts {
  const values = new Values(parts.settings, given);
  const isRemote = target.kind === "remote";
  const args = renderArgs(parts.args, values);
  const env = renderEnv(isRemote ? [] : parts.settings, values);
  const headers = renderHeaders(isRemote ? parts.settings : [], values);
  const volumes = renderVolumes(parts.run?.volumes ?? [], values);
  const user = renderUser(parts.run?.user, values);
  const url = parts.url === undefined ? undefined : renderUrl(parts.url, values);
  return {
    args: args.args,
    env: env.env,
    engineSecrets: env.engineSecrets,
    headers: headers.headers,
    mounts: volumes.mounts,
    folders: target.kind === "package" ? foldersOf(parts, { given, values }) : [],
    isHidden: [args, env, headers, volumes, url].some((part) => part?.isHidden === true),
    secretsInArgs: args.secrets,
    secretsInUrl: url?.secrets ?? [],
    refusedMounts: volumes.refused,
    refusedHeaders: headers.refused,
    ...(url === undefined ? {} : { url: url.url }),
    ...(url?.host === undefined ? {} : { host: url.host }),
    ...(user === undefined ? {} : { user }),
  };
}

/** Absolute paths that a person gave for settings that hold paths; a catalogue's own do not count. */
function foldersOf(
  { settings }: PlanParts,
  { given, values }: { readonly given: GivenValues; readonly values: Values },
): readonly string[] {
  const paths = new Set<string>();
  for (const { name, format, value } of settings) {
    if (given.get(name)?.kind !== "text" || value !== undefined) continue;
    if (format !== "filepath" && format !== "list") continue;
    for (const { text } of values.elements(name)) {
      if (isEngineSocket(text)) {
        throw new AppError(
          "FORBIDDEN",
          `Cannot open "${
            cleanText(text, { maxChars: 200 })
          }": it opens the container engine, and with it this machine`,
          { hint: `Give another path for "${name}"` },
        );
      }
      if (isPlainAbsolute(text)) paths.add(text);
    }
  }
  return [...paths];
}

/**
 * What a server is started with: the plan with its values, looked up. Paths that were hidden when
 * the plan was made are held against the policy here.
 *
 * @param plan The plan that was agreed to.
 * @param given The values, see `resolveValues`.
 * @param policy The operator's.
 * @throws {AppError} `INVALID_ARGUMENT` for a setting without a value, `FORBIDDEN` for a path that
 * the operator has not opened, and as {@linkcode renderParts}.
 */
export function renderLaunch(
  plan: Pick<ActivationPlan, "id" | "target" | "parts">,
  given: GivenValues,
  policy: Pick<Policy, "hostPaths">,
): LaunchParts {
  const { id, target, parts } = plan;
  const lacking = missingSettings(parts, given).map(({ name }) => name);
  if (lacking.length > 0) {
    throw new AppError(
      "INVALID_ARGUMENT",
      `Cannot start "${id}": ${lacking.join(", ")} ${
        lacking.length === 1 ? "has" : "have"
      } no value`,
      { hint: "Give it with registry-config-set" },
    );
  }
  const shown = renderParts(target, parts, given);
  if (shown.isHidden) {
    throw new AppError("INTERNAL", `Cannot start "${id}": its values were not looked up`, {
      hint: "This is a fault in Wharf; please report it",
    });
  }
  const outside = hostPaths(shown).find((path) => !isInside(path, policy.hostPaths));
  if (outside !== undefined) {
    throw new AppError(
      "FORBIDDEN",
      `Cannot start "${id}": the operator has not opened "${
        cleanText(outside, { maxChars: 200 })
      }"`,
      { hint: "The operator may open it with policy.host_paths in Wharf's configuration" },
    );
  }
  const { args, env, engineSecrets, headers, url, mounts, folders, user } = shown;
  return {
    args,
    env,
    engineSecrets,
    headers,
    mounts,
    folders,
    ...(url === undefined ? {} : { url }),
    ...(user === undefined ? {} : { user }),
  };
}

/** The paths of this machine that a server would see. */
export function hostPaths(
  { mounts, folders }: Pick<LaunchParts, "mounts" | "folders">,
): readonly string[] {
  return [
    ...mounts.filter(({ kind }) => kind === "host").map(({ source }) => source),
    ...folders,
  ];
}

/**
 * The settings that somebody has to give before the server can start: required ones, and those
 * that stand in a remote's address.
 *
 * @param parts The templates.
 * @param given What was given.
 */
export function missingSettings(
  { settings, url = "" }: PlanParts,
  given: GivenValues,
): PlanParts["settings"] {
  return settings.filter((setting) => {
    const { name, required, value } = setting;
    if (value !== undefined || !(required || url.includes(`{${name}}`))) return false;
    const known = given.get(name);
    return known === undefined
      ? setting.default === undefined
      : known.kind === "text" && known.text === "";
  });
}

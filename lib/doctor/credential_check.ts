/**
 * Which registries have credentials here and where, never the credentials themselves, and whether
 * the registries take them. Needs what reading them takes, through what it is given.
 *
 * @module
 */

import { toAppError } from "../core/errors.ts";
import { cleanText } from "../core/text.ts";
import type { CredentialSurvey, ListedCredential } from "../oci/mod.ts";
import type { CheckContext } from "./doctor_types.ts";
import { type Check, failed, type Finding } from "./finding.ts";

/** Helpers may ask a person; a file may list hundreds of registries. */
const MOST = 20;

/** Variables that only work together. */
const PAIRS = [
  ["OCI_USERNAME", "OCI_PASSWORD"],
  ["HUB_USERNAME", "HUB_PAT_TOKEN"],
] as const;

/**
 * The check of credentials.
 *
 * @param context Effects and settings.
 * @param survey Which credentials are listed.
 */
export function credentialCheck(context: CheckContext, survey: CredentialSurvey): Check {
  const { deps, settings } = context;
  return {
    name: "credentials",
    async run(signal) {
      if (settings.toolsets.length === 0) return [];
      const listed = survey.listed.slice(0, MOST);
      const found = await Promise.all(listed.map((item) => credential(context, item, signal)));
      const left = survey.listed.length - listed.length;
      const findings = [
        ...found,
        ...PAIRS.flatMap((pair) => half(pair, deps.env)),
        ...problems(survey),
      ];
      if (left > 0) {
        findings.push({ check: "credentials", state: "ok", message: `${left} more are listed` });
      }
      if (survey.listed.length === 0) {
        findings.push({
          check: "credentials",
          state: "ok",
          message: "none found; registries are asked anonymously",
          next: "For a private registry: podman login HOST",
        });
      }
      return findings;
    },
  };
}

/** Whether a listed credential is there: a helper has to be asked for that. */
async function credential(
  { deps }: CheckContext,
  { key, source, helper }: ListedCredential,
  signal: AbortSignal,
): Promise<Finding> {
  const name = cleanText(key, { maxChars: 200 });
  const place = source.startsWith("/") ? `"${source}"` : source;
  if (helper === undefined) {
    return { check: "credentials", state: "ok", message: `${name}: found in ${place}` };
  }
  const [registry = "", ...path] = key.split("/");
  const answer = await deps.keychain.lookup({ registry, repository: path.join("/") }, signal);
  if (answer !== undefined) {
    return { check: "credentials", state: "ok", message: `${name}: found by ${answer.source}` };
  }
  return {
    check: "credentials",
    state: "warn",
    message: `${name}: ${place} names ${helper}, which gives none`,
    next: `Run "${helper} list" in a terminal, grant --allow-run=${helper}, or log in again`,
  };
}

function half(
  [first, second]: readonly [string, string],
  env: Readonly<Record<string, string>>,
): readonly Finding[] {
  if (Boolean(env[first]) === Boolean(env[second])) return [];
  const [set, missing] = env[first] ? [first, second] : [second, first];
  return [{
    check: "credentials",
    state: "warn",
    message: `${set} is set, but not ${missing}; neither is used`,
    next: `Set ${missing} too, or unset ${set}`,
  }];
}

/** Files that may not be read are one problem, whatever their number. */
function problems({ problems: all }: CredentialSurvey): readonly Finding[] {
  const denied = all.filter(({ code }) => code === "PERMISSION_MISSING");
  const others = all.filter(({ code }) => code !== "PERMISSION_MISSING");
  return [
    ...denied.slice(0, 1).map((): Finding => ({
      check: "credentials",
      state: "warn",
      message: `${denied.length} credential files may not be read; going on without them`,
      next: "Start Wharf with the read permissions of wharf doctor --flags",
    })),
    ...others.map((error) => failed("credentials", error, "warn")),
  ];
}

/**
 * The checks of registries: whether each answers, and whether it takes the credential.
 *
 * @param context Effects and settings.
 * @param survey Which credentials are listed.
 */
export function registryChecks(
  { deps, settings }: CheckContext,
  survey: CredentialSurvey,
): readonly Check[] {
  const { toolsets, registries, insecureRegistries } = settings;
  if (!toolsets.some((toolset) => toolset !== "catalog" && toolset !== "gateway")) return [];
  const withCredential = survey.listed.map(({ key }) => key.split("/")[0] ?? key);
  const names = registries.length > 0
    ? registries.filter((name) => !name.startsWith("*."))
    : ["docker.io", ...insecureRegistries, ...withCredential];
  return [...new Set(names)].slice(0, MOST).map((name): Check => ({
    name: `registry ${name}`,
    async run(signal) {
      const check = `registry ${cleanText(name, { maxChars: 100 })}`;
      // One that somebody named is one that is needed.
      const missed = registries.includes(name) ? "fail" : "warn";
      try {
        const { authenticated, source } = await deps.registry.ping(name, { signal });
        if (authenticated === false) {
          return [{
            check,
            state: "warn",
            message: `answers, but does not take the credential of ${source ?? "this machine"}`,
            next: `Log in again: podman login ${name}`,
          }];
        }
        const how = authenticated === true
          ? `takes the credential of ${source}`
          : "asked anonymously";
        return [{ check, state: "ok", message: `answers, ${how}` }];
      } catch (thrown) {
        if (signal.aborted) throw thrown;
        const error = toAppError(thrown);
        if (error.code === "UNAUTHORIZED") {
          return [failed(check, error, "warn")];
        }
        return [failed(check, error, missed)];
      }
    },
  }));
}

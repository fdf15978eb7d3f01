/**
 * `wharf doctor`: what works here, what does not, and the next step; and the smallest set of
 * permissions for what Wharf is set to do. Needs no permission itself.
 *
 * @module
 */

import { throwIfAborted } from "../core/deadline.ts";
import { certificateFolders, type CredentialSurvey, surveyCredentials } from "../oci/mod.ts";
import { credentialCheck, registryChecks } from "./credential_check.ts";
import type { CheckContext, DoctorDeps, DoctorSettings } from "./doctor_types.ts";
import { engineCheck } from "./engine_check.ts";
import { type Finding, type FindingState, runChecks, worst } from "./finding.ts";
import { folderChecks } from "./folder_checks.ts";
import { gitCheck } from "./git_check.ts";
import { flagsOf, type Grant, type GrantPlan, grantsFor } from "./grants.ts";
import { clockCheck, portCheck, sourceChecks, webProbe } from "./network_checks.ts";
import { permissionCheck } from "./permission_check.ts";

/** The smallest set of permissions. */
export interface Needed {
  /** Each thing that Deno has to allow, with its reason. */
  readonly grants: readonly Grant[];
  /** The flags of `deno run`. */
  readonly flags: readonly string[];
}

/** What `wharf doctor` says. */
export interface Diagnosis {
  /** The worst of all findings. */
  readonly state: FindingState;
  /** One for each thing that was looked at. */
  readonly findings: readonly Finding[];
  /** The smallest set of permissions. */
  readonly needed: Needed;
}

/** Time for each check, in milliseconds. */
const CHECK_TIMEOUT_MS = 10_000;

/**
 * The smallest set of permissions for what Wharf is set to do. Reads credential files, for the
 * helpers and registries that they name; asks nobody.
 *
 * @param deps Files and variables.
 * @param settings What Wharf is set to do.
 * @throws {AppError} `INVALID_ARGUMENT` for what no flag can grant.
 */
export async function neededPermissions(
  deps: Pick<DoctorDeps, "files" | "env">,
  settings: DoctorSettings,
): Promise<Needed> {
  const grants = neededBy(deps, settings, await survey(deps));
  return { grants, flags: flagsOf(grants) };
}

/**
 * Looks at everything that Wharf needs here. Every check has its time; one that fails is a finding.
 *
 * @param deps Effects and parts.
 * @param settings What Wharf is set to do.
 * @param signal Ends it.
 * @throws {AppError} `CANCELLED`, and `INVALID_ARGUMENT` for what no flag can grant.
 */
export async function diagnose(
  deps: DoctorDeps,
  settings: DoctorSettings,
  { signal }: { readonly signal: AbortSignal },
): Promise<Diagnosis> {
  const found = await survey(deps);
  const grants = neededBy(deps, settings, found);
  const context: CheckContext = { deps, settings, grants };
  const probe = webProbe(deps);
  const findings = await runChecks([
    permissionCheck(context),
    engineCheck(context),
    gitCheck(context),
    credentialCheck(context, found),
    ...registryChecks(context, found),
    ...sourceChecks(context, probe),
    ...folderChecks(context),
    clockCheck(context, probe),
    portCheck(context),
  ], { clock: deps.clock, timeoutMs: CHECK_TIMEOUT_MS, signal });
  throwIfAborted(signal);
  return { state: worst(findings), findings, needed: { grants, flags: flagsOf(grants) } };
}

function survey({ files, env }: Pick<DoctorDeps, "files" | "env">): Promise<CredentialSurvey> {
  const home = env["HOME"] ?? env["USERPROFILE"];
  return surveyCredentials({ files, env, ...(home === undefined ? {} : { home }) });
}

function neededBy(
  { env }: Pick<DoctorDeps, "env">,
  settings: DoctorSettings,
  { listed, paths, stores }: CredentialSurvey,
): readonly Grant[] {
  const { serve, insecureRegistries, configFile } = settings;
  const helpers = listed.flatMap(({ helper }) => helper === undefined ? [] : [helper]);
  const registries = listed.map(({ key }) => key.split("/")[0] ?? key);
  return grantsFor({
    toolsets: settings.toolsets,
    registries: settings.registries,
    furtherRegistries: [...insecureRegistries, ...registries],
    sources: settings.sources,
    engine: settings.engine,
    unsandboxed: settings.unsandboxed,
    os: settings.os,
    configFiles: configFile === undefined ? [] : [configFile],
    folders: settings.folders,
    authFiles: paths,
    helpers: [...new Set([...helpers, ...stores])],
    certificateFolders: certificateFolders(env),
    ...(serve.transport === "http"
      ? { listen: { hostname: serve.hostname, port: serve.port }, team: teamOf(serve) }
      : {}),
  });
}

/** A token that is given in words is taken, and its file is not read. */
function teamOf(
  { authToken, authTokenFile, oauth, tls, auditFile }: DoctorSettings["serve"],
): NonNullable<GrantPlan["team"]> {
  const tokenFile = authToken === undefined ? authTokenFile : undefined;
  return {
    issuer: oauth === undefined ? undefined : URL.parse(oauth.issuer) ?? undefined,
    files: [tokenFile, tls?.certFile, tls?.keyFile].filter((path) => path !== undefined),
    auditFile,
  };
}

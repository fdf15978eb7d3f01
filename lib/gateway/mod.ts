/**
 * The gateway: MCP servers activated in containers, as local processes or over HTTP. Needs no
 * permission of its own.
 *
 * @module
 */

export type { ActivationsDeps, Added, AddRequest, Asker } from "./activation_types.ts";
export { Activations } from "./activations.ts";
export type { ActiveStatus, ForwardOptions } from "./active_server.ts";
export { ActiveStore } from "./active_state.ts";
export type { ActiveView, OfferedTool } from "./active_view.ts";
export { type AuditActor, AuditLog } from "./audit.ts";
export type { CleanTool, ObjectSchema, ToolHint } from "./clean_tools.ts";
export {
  type DirectDeps,
  type DirectOptions,
  type DirectPerson,
  type DirectServer,
  type DirectSpec,
  openDirect,
} from "./direct_call.ts";
export type { DirectSignIn } from "./direct_sign_in.ts";
export { ContainerEngine, type Owner } from "./engine.ts";
export type { EngineName } from "./engine_args.ts";
export type { Usage } from "./launched.ts";
export { Launcher, type LauncherDeps } from "./launcher.ts";
export { type Authorize, type AuthorizeRequest, OAuth } from "./oauth.ts";
export { OAuthStore } from "./oauth_store.ts";
export { endOrphanProcesses, processMark } from "./orphan_processes.ts";
export { holdRun, ownerId } from "./ownership.ts";
export type {
  ActivationPlan,
  ActivationRequest,
  PlanAlternative,
  PlanLimits,
  PlanNeed,
  PlanParts,
  PlanRunArgument,
  PlanTarget,
  PlanValue,
} from "./plan_types.ts";
export { viewPlan } from "./plan_view.ts";
export type { ListKind } from "./definitions.ts";
export { Proxy, type ProxyDeps, ProxySession, type RequestAbout } from "./proxy.ts";
export type { AskOptions, Origin, ProxyClient } from "./proxy_types.ts";
export { parsePolicy, type Policy } from "./policy.ts";
export { Redactor } from "./redact.ts";
export type { Mount } from "./render.ts";
export { RuntimeFinder } from "./runtimes.ts";
export type { CallOptions } from "./session_types.ts";
export { type ListedValue, SettingsStore } from "./settings_store.ts";
export type { Giver } from "./stored_value.ts";
export type { Suspicion, SuspicionKind } from "./suspicions.ts";
export type { ChangedTool, Difference } from "./trust.ts";
export type { PlanMethod, Verdict } from "./verdict.ts";

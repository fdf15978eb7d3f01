/**
 * The gateway: MCP servers activated in containers, as local processes or over HTTP. Needs no
 * permission of its own.
 *
 * @module
 */

export type { ActivationsDeps, Added, AddRequest, Asker } from "./activation_types.ts";
export { Activations } from "./activations.ts";
export { ActiveStore } from "./active_state.ts";
export type { ActiveView, OfferedTool } from "./active_view.ts";
export { AuditLog } from "./audit.ts";
export { ContainerEngine, type Owner } from "./engine.ts";
export type { EngineName } from "./engine_args.ts";
export type { JsonObject } from "./json_rpc.ts";
export { Launcher, type LauncherDeps } from "./launcher.ts";
export { OAuth } from "./oauth.ts";
export { OAuthStore } from "./oauth_store.ts";
export { viewPlan } from "./plan_view.ts";
export { parsePolicy, type Policy } from "./policy.ts";
export { Redactor } from "./redact.ts";
export { RuntimeFinder } from "./runtimes.ts";
export { SettingsStore } from "./settings_store.ts";

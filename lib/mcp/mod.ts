/**
 * The door of what Wharf offers: tools, prompts, resources. It does not load the MCP SDK; the
 * protocol is behind `protocol.ts`. Needs no permission.
 *
 * @module
 */

import type { HubClient, RegistryClient } from "../oci/mod.ts";
import { createInventory, type Inventory } from "./inventory.ts";
import { imagePrompts } from "./prompts.ts";
import { imageTemplates } from "./resources.ts";
import { type BoundTool, type Tool, type Toolset, TOOLSETS } from "./tool.ts";
import { type CatalogDoor, registryFind, registryGet, registryList } from "./tools/catalog.ts";
import { registryRefresh, registryStatus, type SystemFacts } from "./tools/catalog_upkeep.ts";
import { getImageDetails, getOciDetails, listOciTags, searchTags } from "./tools/compat.ts";
import { getImageConfig, getImageManifest } from "./tools/documents.ts";
import { getHubRepository, getHubUser, getRateLimit, searchImages } from "./tools/hub.ts";
import {
  type GatewayDoor,
  registryActive,
  registryAdd,
  registryConfigSet,
  registryExec,
  registryLogs,
  registryRemove,
} from "./tools/gateway.ts";
import { getImageInfo, ping } from "./tools/images.ts";
import { listTags } from "./tools/tags.ts";

export type { DirectPerson, DirectServer, DirectSpec } from "../gateway/mod.ts";
export { instructions } from "./instructions.ts";
export type { Completion, CompletionContext } from "./completion.ts";
export {
  type CallEnd,
  type CallListener,
  endOfError,
  endOfResult,
  type FinishedCall,
} from "./finished_call.ts";
export type { Inventory, InventoryParts } from "./inventory.ts";
export type { PromptArgument, PromptDefinition } from "./prompts.ts";
export type { ResourceTemplate } from "./resources.ts";
export {
  type BoundTool,
  type CallContext,
  type Caller,
  type ContentBlock,
  type Progress,
  type Question,
  type ToolAnnotations,
  type ToolResult,
  type Toolset,
  TOOLSETS,
} from "./tool.ts";
export type { CatalogDoor } from "./tools/catalog.ts";
export type { GatewayDoor } from "./tools/gateway.ts";
export type { SystemFacts } from "./tools/catalog_upkeep.ts";

/** What the tools need. */
export interface ToolDeps {
  /** Asks registries. */
  readonly registry: RegistryClient;
  /** Asks Docker Hub. */
  readonly hub: HubClient;
  /** Gives the catalogue. */
  readonly catalog: CatalogDoor;
  /** Gives the gateway. */
  readonly gateway: GatewayDoor;
  /** Says what Wharf may do and finds on this machine. */
  readonly system: () => Promise<SystemFacts>;
  /** The time, in milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** Wharf's own version. */
  readonly version: string;
}

/** Every tool, in the order of listings. */
const TOOLS: readonly Tool<ToolDeps>[] = [
  ping,
  getImageInfo,
  listTags,
  getImageManifest,
  getImageConfig,
  searchImages,
  getHubRepository,
  getHubUser,
  getRateLimit,
  registryFind,
  registryList,
  registryGet,
  registryRefresh,
  registryStatus,
  registryAdd,
  registryRemove,
  registryActive,
  registryConfigSet,
  registryExec,
  registryLogs,
  listOciTags,
  getOciDetails,
  searchTags,
  getImageDetails,
];

/**
 * Everything that Wharf offers.
 *
 * @param deps The clients.
 * @param toolsets The toolsets to offer. @default all
 * @returns The inventory.
 */
export function appInventory(
  deps: ToolDeps,
  toolsets: readonly Toolset[] = TOOLSETS,
): Inventory {
  const tools: readonly BoundTool[] = TOOLS
    .filter((tool) => toolsets.includes(tool.toolset))
    .map((tool) => tool.bind(deps));
  const offersImages = toolsets.includes("oci");
  return createInventory({
    tools,
    prompts: offersImages ? imagePrompts(deps) : [],
    templates: offersImages ? imageTemplates(deps) : [],
  });
}

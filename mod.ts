/**
 * Wharf as a library: references, the registry client, image inspection, Docker Hub, and the MCP
 * tools over them. Needs no permission by itself: every effect arrives through an interface that
 * the caller implements, `Net` above all.
 *
 * @example Read what people write as the name of an image
 * ```ts
 * import { formatReference, parseReference } from "@wharf/wharf";
 *
 * const reference = parseReference("https://hub.docker.com/_/alpine");
 * formatReference(reference); // "docker.io/library/alpine:latest"
 * ```
 *
 * @example Ask a registry through the platform's own fetch
 * ```ts ignore
 * import { inspectImage, parseReference, RegistryClient } from "@wharf/wharf";
 *
 * const client = new RegistryClient({ net, clock, log, keychain, cache, random: Math.random });
 * const info = await inspectImage(client, parseReference("alpine:3.20"));
 * console.log(info.pinned);
 * ```
 *
 * @module
 */

export { AppError, type AppErrorOptions, type ErrorCode } from "./lib/core/errors.ts";
export type { AddressKind } from "./lib/core/address.ts";
export type {
  ChildProcess,
  Clock,
  Env,
  ExitStatus,
  Files,
  Log,
  LogFields,
  Processes,
  ProcessSpec,
  RunOptions,
  RunResult,
} from "./lib/core/host.ts";
export type { HttpRequest, HttpResponse, Net, ReadOptions, UrlOrigin } from "./lib/core/http.ts";
export {
  appInventory,
  type BoundTool,
  type CallContext,
  type Completion,
  type CompletionContext,
  type ContentBlock,
  type Inventory,
  type Progress,
  type PromptArgument,
  type PromptDefinition,
  type ResourceTemplate,
  type ToolAnnotations,
  type ToolDeps,
  type ToolResult,
  type Toolset,
  TOOLSETS,
} from "./lib/mcp/mod.ts";
export {
  type CallOptions,
  type Catalog,
  type CatalogOptions,
  type ContentCache,
  type Credential,
  type Descriptor,
  type Digest,
  formatPlatform,
  formatReference,
  type FoundCredential,
  type HistoryStep,
  type HubCallOptions,
  HubClient,
  type HubDeps,
  type HubOptions,
  type HubRepository,
  type HubSearchHit,
  type HubTag,
  type HubUser,
  type ImageBody,
  type ImageInfo,
  type ImageReader,
  type IndexBody,
  inspectImage,
  type InspectOptions,
  isDigest,
  isDockerHub,
  type Keychain,
  type KeychainDeps,
  type ManifestAnswer,
  type ManifestBody,
  type ManifestCommon,
  type ManifestDocument,
  openKeychain,
  parseDigest,
  parsePlatform,
  parseReference,
  parseRegistry,
  parseRepository,
  type PingAnswer,
  type Platform,
  type PlatformInfo,
  type PullQuota,
  type RateLimit,
  type Reference,
  RegistryClient,
  type RegistryClientDeps,
  type RegistryClientOptions,
  type Repository,
  type Schema1Body,
  type SelectedImage,
  TAG_SORTS,
  type TagDetails,
  type TagListing,
  type TagSort,
  type TagView,
  type TagViewOptions,
  type TransportDeps,
  viewTags,
} from "./lib/oci/mod.ts";

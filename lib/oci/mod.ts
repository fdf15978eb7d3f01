/**
 * The door of the image half: references, credentials, the registry client, Docker Hub, and the
 * views that tools show. Needs no permission by itself.
 *
 * @module
 */

export { certificateFolders, openCertificates, type RegistryCertificates } from "./certificates.ts";
export {
  type CallOptions,
  type ManifestAnswer,
  type PingAnswer,
  type RateLimit,
  RegistryClient,
  type RegistryClientDeps,
  type RegistryClientOptions,
} from "./client.ts";
export type { Catalog, CatalogOptions } from "./catalog_pages.ts";
export type { ContentCache } from "./content_cache.ts";
export {
  type FoundCredential,
  type Keychain,
  type KeychainDeps,
  openKeychain,
} from "./credentials.ts";
export type { Credential } from "./auth_file.ts";
export {
  type CredentialSurvey,
  type ListedCredential,
  surveyCredentials,
} from "./credential_survey.ts";
export { type Digest, digestOf, isDigest, parseDigest } from "./digest.ts";
export { type HubCallOptions, HubClient } from "./hub.ts";
export type { HubDeps, HubOptions } from "./hub_http.ts";
export type { HubRepository, HubSearchHit, HubTag, HubUser } from "./hub_answers.ts";
export type { HistoryStep } from "./history.ts";
export type { ImageReader } from "./image_children.ts";
export { parseImageConfig } from "./image_config.ts";
export {
  type ImageInfo,
  inspectImage,
  type InspectOptions,
  type PlatformInfo,
  type SelectedImage,
} from "./image_info.ts";
export type {
  Descriptor,
  ImageBody,
  IndexBody,
  ManifestBody,
  ManifestCommon,
  ManifestDocument,
  Schema1Body,
} from "./manifest.ts";
export { formatPlatform, parsePlatform, type Platform, selectPlatform } from "./platform.ts";
export { RecentContent } from "./recent_content.ts";
export {
  formatReference,
  isDockerHub,
  parseReference,
  parseRegistry,
  parseRepository,
  type Reference,
  type Repository,
} from "./reference.ts";
export { type PullQuota, pullQuotaOf } from "./response_facts.ts";
export {
  TAG_SORTS,
  type TagSort,
  type TagView,
  type TagViewOptions,
  viewTags,
} from "./tag_list.ts";
export type { TagDetails, TagListing } from "./tag_pages.ts";
export type { TransportDeps } from "./transport.ts";

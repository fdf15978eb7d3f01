/**
 * The catalogue: what MCP servers there are, gathered from several sources and
 * merged into one entry per server. Needs no permission; whoever fetches hands
 * in bytes.
 *
 * @module
 */

export type { EntryOrigin, PackageDraft, RemoteDraft } from "./build.ts";
export { CatalogCache, type KeptCatalog, type KeptSource } from "./cache.ts";
export { Catalog } from "./catalog.ts";
export type {
  CatalogDeps,
  CatalogNote,
  CatalogOptions,
  CatalogState,
  SourceState,
  WaitOptions,
} from "./catalog_types.ts";
export { CATEGORIES, type Category, mapCategory } from "./categories.ts";
export { isEngineSocket } from "./container_args.ts";
export type {
  Argument,
  Entry,
  EntryStatus,
  KeyNeed,
  LaunchMethod,
  OauthFact,
  Package,
  Remote,
  RunFacts,
  Setting,
  SettingFormat,
  SettingKind,
  SourceRef,
  ToolFact,
  Transport,
  Volume,
} from "./entry.ts";
export type { EntryFilters } from "./filters.ts";
export { type GitClient, type GitDeps, openGit } from "./git.ts";
export { type GatherDeps, openGather } from "./gather.ts";
export { allSettings, type Launchable, type LaunchOption, launchOptions } from "./launch.ts";
export type { Rule } from "./identity.ts";
export type { LocalDeps } from "./local.ts";
export { type Merge, mergeEntries } from "./merge.ts";
export { foldId } from "./normalise.ts";
export { type Place, type PlacedSource, placeSources } from "./places.ts";
export type { Gather, Gathered, GatherOptions, RefreshNote, RefreshReport } from "./refresh.ts";
export {
  type FindOptions,
  type FindResult,
  type ListOptions,
  type ListResult,
  type ListSort,
  type SearchHit,
  SearchIndex,
} from "./search.ts";
export {
  type ApiSource,
  applyPages,
  type BuiltinSource,
  type FileSource,
  folderTree,
  type GitSource,
  memoryTree,
  type PageRead,
  type Problem,
  type ReadContext,
  type SitePage,
  type SitePageRead,
  type SiteReader,
  type SiteRecord,
  type SiteSource,
  type SourceBase,
  type SourceDefinition,
  type SourceRead,
  type SourceTree,
  type TreeEntry,
} from "./source.ts";
export { SOURCES } from "./sources/all.ts";
export { builtinEntries } from "./sources/builtin.ts";
export { customSource } from "./sources/custom.ts";

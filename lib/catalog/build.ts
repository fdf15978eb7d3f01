/**
 * The one place where entries are made: texts cleaned and cut, addresses checked,
 * lists bounded, what follows from the facts worked out. Sources hand in drafts
 * with the words of their records. Needs no permission.
 *
 * @example
 * ```ts
 * import { buildEntry } from "./build.ts";
 *
 * const entry = buildEntry({ slug: "time", name: "time" }, { source: "ours" });
 * entry.id; // "ours/time"
 * ```
 *
 * @module
 */

import { AppError } from "../core/errors.ts";
import { cleanText } from "../core/text.ts";
import { mapCategory, normaliseTags } from "./categories.ts";
import type {
  Argument,
  Entry,
  EntryStatus,
  KeyNeed,
  OauthFact,
  Package,
  Remote,
  RunFacts,
  Setting,
  ToolFact,
  Volume,
} from "./entry.ts";
import { launchMethods, whyNotLaunchable } from "./launch.ts";
import {
  normaliseFolder,
  qualifyImage,
  type RepositoryPlace,
  repositoryUrl,
  slug,
  webUrl,
} from "./normalise.ts";

/** Most of each that an entry keeps; what is beyond is dropped. */
export const ENTRY_LIMITS = {
  nameChars: 100,
  titleChars: 120,
  descriptionChars: 600,
  settingTextChars: 300,
  valueChars: 1000,
  settings: 150,
  args: 60,
  packages: 24,
  remotes: 24,
  tools: 400,
  tags: 24,
  categories: 8,
} as const;

/** A package as a source knows it. */
export type PackageDraft =
  & Pick<Package, "type" | "identifier">
  & Partial<Omit<Package, "type" | "identifier" | "from" | "run">>
  & { readonly run?: Partial<RunFacts> };

/** A remote as a source knows it. */
export type RemoteDraft = Pick<Remote, "url"> & Partial<Omit<Remote, "url" | "from">>;

/** Where entries come from. */
export interface EntryOrigin {
  /** Id of the source, the first part of the ids of its entries; a custom source has its own. */
  readonly source: string;
  /** When the bytes were fetched, ISO 8601; kept with each entry. */
  readonly refreshed?: string;
}

/** A record in the words of its source. */
export interface EntryDraft {
  /** Becomes the second part of the id. */
  readonly slug: string;
  /** First part of the id, where it is not the source. */
  readonly space?: string | undefined;
  /** Short name. */
  readonly name: string;
  /** Name for people. @default the name */
  readonly title?: string | undefined;
  /** What it does. */
  readonly description?: string | undefined;
  /** Where a person can read the record. */
  readonly url?: string | undefined;
  /** Place in the source. */
  readonly place?: string | undefined;
  /** Version that the record describes. */
  readonly version?: string | undefined;
  /** When the source changed it. */
  readonly updated?: string | undefined;
  /** Its repository. */
  readonly repository?: RepositoryPlace | undefined;
  /** Folder in it, over that of `repository`. */
  readonly folder?: string | undefined;
  /** Its page. */
  readonly homepage?: string | undefined;
  /** What can be started. */
  readonly packages?: readonly PackageDraft[] | undefined;
  /** What can be reached. */
  readonly remotes?: readonly RemoteDraft[] | undefined;
  /** What it wants, not tied to a package or remote. */
  readonly settings?: readonly Setting[] | undefined;
  /** Categories in the source's words. */
  readonly categories?: readonly string[] | undefined;
  /** Tags in the source's words. */
  readonly tags?: readonly string[] | undefined;
  /** See {@linkcode Entry.official}. */
  readonly official?: boolean | undefined;
  /** See {@linkcode Entry.featured}. */
  readonly featured?: boolean | undefined;
  /** See {@linkcode Entry.verified}. */
  readonly verified?: boolean | undefined;
  /** See {@linkcode Entry.requiresApiKey}. @default unknown */
  readonly requiresApiKey?: KeyNeed | undefined;
  /** Tools, when the source lists them. */
  readonly tools?: readonly ToolFact[] | undefined;
  /** Why it cannot be launched, where the facts alone would not say so. */
  readonly notLaunchable?: string | undefined;
  /** Licence in the source's words. */
  readonly license?: string | undefined;
  /** Stars. */
  readonly stars?: number | undefined;
  /** Whether it is looked after. @default {"active"} */
  readonly status?: EntryStatus | undefined;
  /** The source's words on the status. */
  readonly statusMessage?: string | undefined;
}

/** Shared by all entries that have none of something. */
export const NONE: readonly never[] = Object.freeze([]);

/** The answer when no source says whether a key is needed. */
export const KEY_UNKNOWN: KeyNeed = Object.freeze({ value: "unknown", evidence: "no source says" });

/**
 * Makes an entry of a draft.
 *
 * @param draft The record in the words of its source.
 * @param origin The source and when it was read.
 * @returns The entry.
 * @throws {AppError} `BAD_RESPONSE` when there is no usable name.
 */
export function buildEntry(draft: EntryDraft, origin: EntryOrigin): Entry {
  const tail = slug(draft.slug);
  const name = line(draft.name, ENTRY_LIMITS.nameChars);
  if (tail === "" || name === undefined) {
    throw new AppError("BAD_RESPONSE", `Cannot read "${draft.slug.slice(0, 60)}": it has no name`);
  }
  const id = `${draft.space ?? origin.source}/${tail}`;
  const packages = some(draft.packages, ENTRY_LIMITS.packages, (item) => buildPackage(item, id));
  const remotes = some(draft.remotes, ENTRY_LIMITS.remotes, (item) => buildRemote(item, id));
  const image = packages.find(({ type, transport }) => type === "oci" && transport === "stdio") ??
    packages.find(({ type }) => type === "oci");
  const methods = draft.notLaunchable === undefined ? launchMethods({ packages, remotes }) : NONE;
  const url = address(draft.url);
  const folder = draft.folder === undefined
    ? draft.repository?.folder
    : normaliseFolder(draft.folder);
  const categories = [...draft.categories ?? NONE].map(mapCategory).filter((word) =>
    word !== undefined
  );
  const tools = draft.tools === undefined
    ? undefined
    : some(draft.tools, ENTRY_LIMITS.tools, buildTool);
  const entry: Mutable<Entry> = {
    id,
    name,
    title: line(draft.title, ENTRY_LIMITS.titleChars) ?? name,
    description: line(draft.description, ENTRY_LIMITS.descriptionChars) ?? "",
    sources: [{
      source: origin.source,
      id,
      ...present("url", url),
      ...present("place", line(draft.place, 200)),
      ...present("version", line(draft.version, 100)),
      ...present("updated", isoDate(draft.updated)),
      ...present("refreshed", origin.refreshed),
    }],
    packages,
    remotes,
    settings: some(draft.settings, ENTRY_LIMITS.settings, cleanSetting),
    categories: bounded([...new Set(categories)], ENTRY_LIMITS.categories),
    tags: bounded(normaliseTags(draft.tags ?? NONE), ENTRY_LIMITS.tags),
    official: draft.official ?? false,
    featured: draft.featured ?? false,
    dockerBuilt: image?.identifier.startsWith("docker.io/mcp/") ?? false,
    requiresApiKey: draft.requiresApiKey === undefined ? KEY_UNKNOWN : {
      ...draft.requiresApiKey,
      evidence: cleanText(draft.requiresApiKey.evidence, { maxChars: 160 }),
    },
    launchMethods: methods,
    status: draft.status ?? "active",
    ...present("repoUrl", address(draft.repository && repositoryUrl(draft.repository))),
    ...present("repoFolder", line(folder, 200)),
    ...present("repoRef", line(draft.repository?.ref, 100)),
    ...present("homepage", address(draft.homepage)),
    ...present("containerImage", image?.identifier),
    ...present("verified", draft.verified),
    ...present("tools", tools),
    ...present("license", line(draft.license, 60)),
    ...present("stars", draft.stars),
    ...present("statusMessage", line(draft.statusMessage, 200)),
    ...present("lastRefreshed", origin.refreshed),
  };
  if (methods.length === 0) {
    entry.notLaunchable = line(draft.notLaunchable, 200) ?? whyNotLaunchable({ packages, remotes });
  }
  return entry;
}

/**
 * Spreads a field that may be missing, so that absent stays absent.
 *
 * @returns `{ [name]: value }`, or `{}` when the value is `undefined`.
 */
export function present<Name extends string, Value>(
  name: Name,
  value: Value | undefined,
): { readonly [key in Name]?: Value } {
  // A computed key has the type string; the name is the only key there is.
  return value === undefined ? {} : { [name]: value } as { [key in Name]: Value };
}

/** The same type, to be filled in here before anybody else sees it. */
type Mutable<T> = { -readonly [key in keyof T]: T[key] };

function line(text: string | undefined, maxChars: number): string | undefined {
  if (text === undefined) return undefined;
  const cleaned = cleanText(text, { maxChars });
  return cleaned === "" ? undefined : cleaned;
}

function address(url: string | undefined): string | undefined {
  return url === undefined ? undefined : webUrl(url);
}

function isoDate(text: string | undefined): string | undefined {
  return text !== undefined && /^\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:?\d\d))?$/.test(text)
    ? text
    : undefined;
}

function bounded<T>(items: readonly T[], limit: number): readonly T[] {
  if (items.length === 0) return NONE;
  return items.length > limit ? items.slice(0, limit) : items;
}

/** Maps up to `limit` items and leaves out those that come to nothing. */
function some<T, U>(
  items: readonly T[] | undefined,
  limit: number,
  build: (item: T) => U | undefined,
): readonly U[] {
  if (items === undefined || items.length === 0) return NONE;
  return bounded(items.slice(0, limit).map(build).filter((item) => item !== undefined), limit);
}

function buildPackage(draft: PackageDraft, id: string): Package | undefined {
  const identifier = draft.type === "oci"
    ? qualifyImage(draft.identifier)
    : draft.type === "mcpb"
    ? webUrl(draft.identifier)
    : packageName(draft.identifier);
  const args = some(draft.args, ENTRY_LIMITS.args, cleanArgument);
  // A command line that lost an argument would do something else than its author meant.
  if (identifier === undefined || args.length !== (draft.args?.length ?? 0)) return undefined;
  const run = draft.run && buildRun(draft.run);
  return {
    type: line(draft.type, 30) ?? "unknown",
    identifier,
    transport: draft.transport ?? "stdio",
    settings: askForHostPaths(
      some(draft.settings, ENTRY_LIMITS.settings, cleanSetting),
      run?.volumes ?? NONE,
    ),
    args,
    from: [id],
    ...present("version", line(draft.version, 100)),
    ...present("registryUrl", address(draft.registryUrl)),
    ...present("sha256", /^[0-9a-f]{64}$/.test(draft.sha256 ?? "") ? draft.sha256 : undefined),
    ...present("runtimeHint", line(draft.runtimeHint, 60)),
    ...present("program", draft.program && packageName(draft.program)),
    ...present("run", run),
    ...present("runtimeArgs", nonEmpty(some(draft.runtimeArgs, 60, (text) => line(text, 300)))),
    ...present("oauth", nonEmpty(some(draft.oauth, 8, cleanOauth))),
  };
}

/** Names of npm, PyPI, NuGet and cargo: one word that cannot be taken for an option or a path. */
function packageName(text: string): string | undefined {
  const name = text.trim();
  return /^(?:@[\w.~-]+\/)?[A-Za-z0-9_][\w.~-]*$/.test(name) && name.length <= 214
    ? name
    : undefined;
}

/**
 * Which of the user's paths a container sees is never a catalogue's choice: the default of a
 * setting that names one becomes its example, and the user is asked.
 */
function askForHostPaths(
  settings: readonly Setting[],
  volumes: readonly Volume[],
): readonly Setting[] {
  const opened = volumes.filter(({ kind }) => kind === "host").map(({ source }) => source).join();
  if (!opened.includes("{")) return settings;
  return settings.map((setting) => {
    const { default: suggestion, ...rest } = setting;
    if (suggestion === undefined || !opened.includes(`{${setting.name}}`)) return setting;
    return { example: suggestion, ...rest, required: true };
  });
}

function buildRun(run: Partial<RunFacts>): RunFacts {
  return {
    volumes: some(run.volumes, 24, cleanVolume),
    disableNetwork: run.disableNetwork ?? false,
    allowHosts: some(
      run.allowHosts,
      60,
      (host) => /^[\w.*-]+(?::\d{1,5})?$/.test(host) ? host : undefined,
    ),
    longLived: run.longLived ?? false,
    ...present("user", line(run.user, 100)),
  };
}

function buildRemote(draft: RemoteDraft, id: string): Remote | undefined {
  const url = webUrl(draft.url, { templates: true });
  if (url === undefined) return undefined;
  return {
    type: draft.type ?? "streamable-http",
    url,
    settings: some(draft.settings, ENTRY_LIMITS.settings, cleanSetting),
    from: [id],
    ...present("oauth", nonEmpty(some(draft.oauth, 8, cleanOauth))),
  };
}

function buildTool(tool: ToolFact): ToolFact | undefined {
  const name = line(tool.name, 100);
  if (name === undefined) return undefined;
  return { name, ...present("description", line(tool.description, 200)) };
}

function cleanSetting(setting: Setting): Setting | undefined {
  if (!/^[A-Za-z_][\w.-]{0,127}$/.test(setting.name)) return undefined;
  const { settingTextChars: maxChars, valueChars } = ENTRY_LIMITS;
  const choices = setting.choices && some(setting.choices, 100, (text) => line(text, 100));
  return {
    name: setting.name,
    kind: setting.kind,
    required: setting.required,
    secret: setting.secret,
    ...present("format", setting.format === "string" ? undefined : setting.format),
    ...present("description", line(setting.description, maxChars)),
    ...present("example", line(setting.example, maxChars)),
    ...present("default", raw(setting.default, valueChars)),
    ...present("choices", nonEmpty(choices)),
    ...present("value", raw(setting.value, valueChars)),
  };
}

/** Values reach programs, so they are not cut or folded: one with control characters or past the limit is dropped. */
function raw(text: string | undefined, maxChars: number): string | undefined {
  if (text === undefined || text.length > maxChars) return undefined;
  return cleanText(text, { maxChars, multiline: true }) === text.trim() ? text : undefined;
}

function cleanArgument(argument: Argument): Argument | undefined {
  const name = raw(argument.name, 200);
  const value = raw(argument.value, ENTRY_LIMITS.valueChars);
  if (name !== argument.name || value !== argument.value) return undefined;
  if (name === undefined && value === undefined) return undefined;
  return {
    ...present("name", name),
    ...present("value", value),
    ...present("each", argument.each),
  };
}

function cleanVolume(volume: Volume): Volume | undefined {
  const source = raw(volume.source, 500);
  const target = raw(volume.target, 500);
  return source === undefined || target === undefined ? undefined : { ...volume, source, target };
}

function cleanOauth(fact: OauthFact): OauthFact | undefined {
  const provider = line(fact.provider, 80);
  return provider === undefined ? undefined : { ...fact, provider };
}

function nonEmpty<T>(items: readonly T[] | undefined): readonly T[] | undefined {
  return items === undefined || items.length === 0 ? undefined : items;
}

/**
 * What a server of the catalogue is, as tools answer it: in the words of their schema, and within a
 * budget. Loaded with the first question about the catalogue. Needs no permission.
 *
 * @module
 */

import {
  allSettings,
  type Entry,
  type LaunchOption,
  launchOptions,
  type Package,
  type Remote,
  type SearchHit,
  type Setting,
} from "../catalog/mod.ts";
import type { BriefRecord, WholeRecord } from "./entry_schema.ts";
import { fitting, joined } from "./render.ts";

/** Most characters of a description in a list: what it is for stands in its first words. */
const BRIEF_CHARS = 140;

/** Most parts of a list inside one entry: an entry has few, a hostile one thousands. */
const MOST_PARTS = 20;

/**
 * One server in a list.
 *
 * @param entry The server.
 * @param reasons Why it is in the list; of a search.
 */
export function briefRecord(entry: Entry, reasons: readonly string[] = []): BriefRecord {
  const { id, name, title, description, launchMethods, requiresApiKey } = entry;
  const [launch = "none"] = launchMethods;
  return {
    id,
    // The id says the name already.
    ...(title === name || id.endsWith(`/${title}`) ? {} : { title }),
    description: brief(description),
    ...(reasons.length === 0 ? {} : { why: reasons }),
    launch,
    requires_api_key: requiresApiKey.value,
    ...(entry.official ? { official: true } : {}),
    ...(entry.stars === undefined ? {} : { stars: entry.stars }),
    ...(entry.status === "active" ? {} : { status: entry.status }),
  };
}

/** One hit of a search. */
export function hitRecord({ entry, reasons }: SearchHit): BriefRecord {
  return briefRecord(entry, reasons);
}

/** The same, as a line of a list. */
export function briefText(record: BriefRecord): string {
  const facts = joined([
    record.launch === "none" ? "cannot be launched" : record.launch,
    record.requires_api_key === true
      ? "needs a key"
      : record.requires_api_key === false
      ? "no key"
      : "key: unknown",
    record.official === true ? "official" : undefined,
    record.stars === undefined ? undefined : `${record.stars} stars`,
    record.status,
  ], ", ");
  const why = record.why === undefined ? "" : ` [${record.why.join("; ")}]`;
  const says = record.description === "" ? "" : `: "${record.description}"`;
  return `- ${record.id} (${facts})${why}${says}`;
}

function brief(text: string): string {
  if (text.length <= BRIEF_CHARS) return text;
  const cut = text.slice(0, BRIEF_CHARS - 1);
  const blank = cut.lastIndexOf(" ");
  return `${(blank > BRIEF_CHARS / 2 ? cut.slice(0, blank) : cut).trimEnd()}…`;
}

/** A setting as it is asked for. */
function settingRecord(setting: Setting) {
  const { name, kind, required, secret, format, description, example, choices } = setting;
  return {
    name,
    kind,
    required: required && setting.default === undefined,
    secret,
    ...(format === undefined || format === "string" ? {} : { format }),
    ...(description === undefined ? {} : { description: brief(description) }),
    ...(example === undefined ? {} : { example }),
    ...(setting.default === undefined ? {} : { default: setting.default }),
    ...(choices === undefined ? {} : { choices }),
  };
}

/** What a way to launch a server is about. */
function optionRecord({ method, package: item, remote, needs }: LaunchOption) {
  return {
    method,
    what: item === undefined ? remote?.url ?? "" : packageName(item),
    needs: needs.map(({ name }) => name),
  };
}

/** `npm:@scope/name@1.2.3`, or an image reference. */
function packageName({ type, identifier, version }: Package): string {
  if (type === "oci" || type === "mcpb") return identifier;
  return `${type}:${identifier}${version === undefined ? "" : `@${version}`}`;
}

function packageRecord(item: Package) {
  const { type, identifier, version, sha256, transport, registryUrl } = item;
  const args = item.args.map(({ name, value }) => joined([name, value], " "));
  const run = item.run;
  return {
    type,
    identifier,
    ...(version === undefined ? {} : { version }),
    ...(registryUrl === undefined ? {} : { registry_url: registryUrl }),
    ...(sha256 === undefined ? {} : { sha256 }),
    transport,
    ...(args.length === 0 ? {} : { arguments: args.slice(0, MOST_PARTS) }),
    ...(run === undefined ? {} : {
      run: {
        volumes: run.volumes.slice(0, MOST_PARTS).map(({ source, target, readOnly }) =>
          `${source}:${target}${readOnly ? ":ro" : ""}`
        ),
        ...(run.user === undefined ? {} : { user: run.user }),
        network: run.disableNetwork ? "none" : "default",
        allow_hosts: run.allowHosts.slice(0, MOST_PARTS),
      },
    }),
    ...(item.runtimeArgs === undefined
      ? {}
      : { refused_arguments: item.runtimeArgs.slice(0, MOST_PARTS) }),
    ...(item.oauth === undefined ? {} : { sign_in: item.oauth.map(({ provider }) => provider) }),
  };
}

function remoteRecord({ type, url, settings, oauth }: Remote) {
  return {
    type,
    url,
    headers: settings.filter(({ kind }) => kind === "header").map(({ name }) => name),
    ...(oauth === undefined ? {} : { sign_in: oauth.map(({ provider }) => provider) }),
  };
}

/**
 * A server whole.
 *
 * @param entry The server.
 * @param budgetTokens What tools and settings may each cost.
 */
export function entryRecord(entry: Entry, budgetTokens: number): WholeRecord {
  const notes: string[] = [];
  function keep<T>(items: readonly T[], what: string): readonly T[] {
    const count = fitting(items.map((item) => JSON.stringify(item)), budgetTokens);
    if (count < items.length) notes.push(`${items.length - count} more ${what} are not shown`);
    return items.slice(0, count);
  }
  const tools = entry.tools?.map(({ name, description }) => ({
    name,
    ...(description === undefined ? {} : { description: brief(description) }),
  }));
  const options = launchOptions(entry);
  if (entry.cloneRank !== undefined && entry.cloneRank > 0) {
    notes.push(`Its text is nearly that of ${entry.cloneGroup}`);
  }
  if (entry.verified === false) {
    notes.push("Its publisher's name space is not that of the repository's owner");
  }
  return {
    id: entry.id,
    name: entry.name,
    title: entry.title,
    description: entry.description,
    status: entry.status,
    ...(entry.statusMessage === undefined ? {} : { status_message: entry.statusMessage }),
    official: entry.official,
    featured: entry.featured,
    docker_built: entry.dockerBuilt,
    ...(entry.verified === undefined ? {} : { verified: entry.verified }),
    requires_api_key: entry.requiresApiKey.value,
    api_key_evidence: entry.requiresApiKey.evidence,
    launch: keep(options.map(optionRecord), "ways to launch it"),
    ...(entry.notLaunchable === undefined ? {} : { not_launchable: entry.notLaunchable }),
    ...(entry.containerImage === undefined ? {} : { container_image: entry.containerImage }),
    settings: keep(allSettings(entry).map(settingRecord), "settings"),
    ...(tools === undefined ? {} : { tools: keep(tools, "tools") }),
    packages: keep(entry.packages.map(packageRecord), "packages"),
    remotes: keep(entry.remotes.map(remoteRecord), "remotes"),
    ...(entry.repoUrl === undefined ? {} : { repo_url: entry.repoUrl }),
    ...(entry.repoFolder === undefined ? {} : { repo_folder: entry.repoFolder }),
    ...(entry.homepage === undefined ? {} : { homepage: entry.homepage }),
    categories: entry.categories,
    tags: entry.tags.slice(0, MOST_PARTS),
    ...(entry.license === undefined ? {} : { license: entry.license }),
    ...(entry.stars === undefined ? {} : { stars: entry.stars }),
    sources: entry.sources.slice(0, MOST_PARTS).map((source) => ({
      source: source.source,
      id: source.id,
      ...(source.url === undefined ? {} : { url: source.url }),
      ...(source.place === undefined ? {} : { place: source.place }),
      ...(source.version === undefined ? {} : { version: source.version }),
      ...(source.updated === undefined ? {} : { updated: source.updated }),
      ...(source.gave === undefined ? {} : { gave: source.gave }),
    })),
    ...(entry.lastRefreshed === undefined ? {} : { last_refreshed: entry.lastRefreshed }),
    notes,
  };
}

/** The same for reading: what it is, how to launch it, what it needs. */
export function entryText(record: WholeRecord): string {
  const marks = joined([
    record.official ? "official" : undefined,
    record.docker_built ? "built by Docker" : undefined,
    record.status === "active" ? undefined : record.status,
    record.stars === undefined ? undefined : `${record.stars} stars`,
    record.license,
  ], ", ");
  const key = record.requires_api_key === "unknown"
    ? "unknown"
    : record.requires_api_key
    ? "needed"
    : "not needed";
  return joined([
    `${record.id}: ${record.title}${marks === "" ? "" : ` (${marks})`}`,
    record.description === "" ? undefined : `says: "${record.description}"`,
    ...record.launch.map(({ method, what, needs }) =>
      `launch: ${method} ${what}${needs.length === 0 ? "" : `, needs ${needs.join(", ")}`}`
    ),
    record.not_launchable === undefined ? undefined : `launch: none, ${record.not_launchable}`,
    `key: ${key} (${record.api_key_evidence})`,
    ...record.settings.map(({ name, kind, required, secret }) =>
      `setting: ${
        joined([name, kind, required ? "required" : "optional", secret ? "secret" : ""], " ")
      }`
    ),
    record.tools === undefined
      ? "tools: not known before it runs"
      : `tools: ${record.tools.map(({ name }) => name).join(", ")}`,
    joined([
      record.repo_url === undefined ? undefined : `repository: ${record.repo_url}`,
      record.repo_folder,
    ], " "),
    record.homepage === undefined ? undefined : `homepage: ${record.homepage}`,
    `known to: ${record.sources.map(({ id }) => id).join(", ")}`,
    ...record.notes.map((note) => `note: ${note}`),
  ], "\n");
}

/**
 * One entry per server out of the entries of all sources. Needs no permission.
 *
 * @example
 * ```ts
 * import { mergeEntries } from "./merge.ts";
 *
 * const { entries, joins } = mergeEntries([]);
 * entries.length; // 0
 * joins.repository; // 0
 * ```
 *
 * @module
 */

import { ENTRY_LIMITS, NONE, present } from "./build.ts";
import { rankClones } from "./clones.ts";
import { joinKeyNeeds } from "./credentials.ts";
import type { Entry, Package, Remote, Setting, SourceRef } from "./entry.ts";
import { groupSameServers, type Rule } from "./identity.ts";
import { launchMethods, whyNotLaunchable } from "./launch.ts";
import { foldId, packageKey, remoteKey } from "./normalise.ts";

/** What a merge gives. */
export interface Merge {
  /** One entry per server, in the order of their ids. */
  readonly entries: readonly Entry[];
  /** How many joins each rule made. */
  readonly joins: Readonly<Record<Rule, number>>;
  /** How many keys were shared and left apart, by rule. */
  readonly leftApart: Readonly<Record<Rule, number>>;
}

/**
 * Who is believed first (CATALOGUES.md 7). Sources that are not named here are an operator's own
 * and come before all others.
 */
const PRECEDENCE = ["builtin", "official", "docker", "toolhive", "mcpservers", "awesome"];

/**
 * Joins entries that are the same server, and marks near-identical ones. The result depends on
 * the set of entries only, not on their order.
 *
 * @param entries Entries of all sources, one source each.
 * @returns The merged catalogue.
 */
export function mergeEntries(entries: readonly Entry[]): Merge {
  const { groups, joins, leftApart } = groupSameServers(entries);
  const merged = groups.flatMap(mergeGroup).sort((a, b) => order(foldId(a.id), foldId(b.id)));
  return { entries: rankClones(merged), joins, leftApart };
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function precedence(entry: Entry): number {
  return PRECEDENCE.indexOf(entry.sources[0]?.source ?? "");
}

/**
 * The most trusted first; of one source, the active and the newer first. Who names the repository of
 * somebody else comes last, so that a foreign record cannot speak for a server.
 */
function byTrust(a: Entry, b: Entry): number {
  return Number(a.verified === false) - Number(b.verified === false) ||
    precedence(a) - precedence(b) ||
    Number(a.status !== "active") - Number(b.status !== "active") ||
    order(b.sources[0]?.updated ?? "", a.sources[0]?.updated ?? "") ||
    order(foldId(a.id), foldId(b.id)) || order(a.id, b.id);
}

/** The one entry of a group. */
function mergeGroup(group: readonly Entry[]): readonly Entry[] {
  const [main, ...others] = group.length === 1 ? group : [...group].sort(byTrust);
  if (main === undefined || others.length === 0) return group;
  const members = [main, ...others];
  const packages = mergePackages(members);
  const remotes = mergeRemotes(members);
  const methods = launchMethods({ packages, remotes });
  const image = packages.find(({ type, transport }) => type === "oci" && transport === "stdio") ??
    packages.find(({ type }) => type === "oci");
  const pick = <Field extends keyof Entry>(field: Field) =>
    members.find((entry) => entry[field] !== undefined && entry[field] !== "")?.[field];
  const titled = members.find(({ title, name }) => title !== name) ?? main;
  const placed = members.find(({ repoUrl }) => repoUrl !== undefined);
  const inFolder =
    members.find(({ repoUrl, repoFolder }) =>
      repoFolder !== undefined && repoUrl?.toLowerCase() === placed?.repoUrl?.toLowerCase()
    ) ?? placed;
  const entry: Entry = {
    id: main.id,
    name: main.name,
    title: titled.title,
    description: pick("description") ?? "",
    sources: NONE,
    packages,
    remotes,
    settings: mergeSettings(members.map(({ settings }) => settings)),
    categories: union(members.map(({ categories }) => categories), ENTRY_LIMITS.categories),
    tags: union(members.map(({ tags }) => tags), ENTRY_LIMITS.tags),
    official: members.some(({ official }) => official),
    featured: members.some(({ featured }) => featured),
    dockerBuilt: members.some(({ dockerBuilt }) => dockerBuilt),
    requiresApiKey: joinKeyNeeds(members.map(({ requiresApiKey }) => requiresApiKey)),
    launchMethods: methods,
    status: main.status,
    ...present("repoUrl", placed?.repoUrl),
    ...present("repoFolder", inFolder?.repoFolder),
    ...present("repoRef", inFolder?.repoRef),
    ...present("homepage", pick("homepage")),
    ...present("containerImage", image?.identifier),
    ...present("verified", mergeVerified(members)),
    ...present("tools", pick("tools")),
    ...present("license", pick("license")),
    ...present("stars", highest(members.map(({ stars }) => stars))),
    ...present("statusMessage", main.statusMessage),
    ...present("lastRefreshed", latest(members.map(({ lastRefreshed }) => lastRefreshed))),
    ...present(
      "notLaunchable",
      methods.length > 0
        ? undefined
        : packages.length > 0
        ? whyNotLaunchable({ packages, remotes })
        : pick("notLaunchable"),
    ),
  };
  return [{ ...entry, sources: members.map((member) => credit(member, entry)) }];
}

/** Fields of one value: every source that has the value that was taken gave it. */
const SCALARS = [
  "title",
  "description",
  "repoUrl",
  "repoFolder",
  "homepage",
  "containerImage",
  "verified",
  "tools",
  "license",
  "stars",
  "requiresApiKey",
] as const;

/** The source's reference, with the fields of the merged entry that came from it. */
function credit(member: Entry, merged: Entry): SourceRef {
  const [ref = { source: "", id: member.id }] = member.sources;
  const gave: string[] = SCALARS.filter((field) =>
    merged[field] !== undefined && merged[field] !== "" && member[field] === merged[field]
  );
  if (merged.packages.some(({ from }) => from.includes(member.id))) gave.push("packages");
  if (merged.remotes.some(({ from }) => from.includes(member.id))) gave.push("remotes");
  if (member.categories.some((word) => merged.categories.includes(word))) gave.push("categories");
  if (member.tags.some((word) => merged.tags.includes(word))) gave.push("tags");
  return { ...ref, gave };
}

/** A package that several name is taken whole from the first, since arguments and variables belong together. */
function mergePackages(members: readonly Entry[]): readonly Package[] {
  const byKey = new Map<string, Package>();
  for (const item of members.flatMap(({ packages }) => packages)) {
    const key = `${packageKey(item.type, item.identifier)} ${item.transport}`;
    const known = byKey.get(key);
    byKey.set(key, known === undefined ? item : joinPackages(known, item));
  }
  return bounded([...byKey.values()], ENTRY_LIMITS.packages);
}

function joinPackages(known: Package, other: Package): Package {
  return {
    ...other,
    ...known,
    args: known.args,
    settings: mergeSettings([known.settings, other.settings.filter(isPlainEnvironment)]),
    from: [...known.from, ...other.from],
  };
}

/** Variables and fixed values mean something only beside the arguments and templates of their own record. */
function isPlainEnvironment(setting: Setting): boolean {
  return setting.kind === "env" && setting.value === undefined;
}

function mergeRemotes(members: readonly Entry[]): readonly Remote[] {
  const byKey = new Map<string, Remote>();
  for (const item of members.flatMap(({ remotes }) => remotes)) {
    const key = remoteKey(item.url);
    const known = byKey.get(key);
    if (known === undefined) byKey.set(key, item);
    else {
      byKey.set(key, {
        ...other(known, item),
        settings: known.settings.length > 0 ? known.settings : item.settings,
        from: [...known.from, ...item.from],
      });
    }
  }
  return bounded([...byKey.values()], ENTRY_LIMITS.remotes);
}

/** The known remote, with the sign-in of the other where it has none and asks for nothing else. */
function other(known: Remote, item: Remote): Remote {
  return known.oauth === undefined && known.settings.length === 0 && item.oauth !== undefined
    ? { ...known, oauth: item.oauth }
    : known;
}

/** Each setting once; the first list gives the facts, later ones fill what it does not say. */
function mergeSettings(lists: readonly (readonly Setting[])[]): readonly Setting[] {
  const filled = lists.filter((list) => list.length > 0);
  const [first, ...rest] = filled;
  if (first === undefined) return NONE;
  if (rest.length === 0) return first;
  const byKey = new Map<string, Setting>();
  for (const setting of filled.flat()) {
    const key = `${setting.kind} ${setting.name}`;
    const known = byKey.get(key);
    byKey.set(
      key,
      known === undefined
        ? setting
        : { ...setting, ...known, secret: known.secret || setting.secret },
    );
  }
  return bounded([...byKey.values()], ENTRY_LIMITS.settings);
}

function union(lists: readonly (readonly string[])[], limit: number): readonly string[] {
  return bounded([...new Set(lists.flat())], limit);
}

function bounded<T>(items: readonly T[], limit: number): readonly T[] {
  return items.length === 0 ? NONE : items.slice(0, limit);
}

function mergeVerified(members: readonly Entry[]): boolean | undefined {
  const answers = members.map(({ verified }) => verified).filter((answer) => answer !== undefined);
  return answers.length === 0 ? undefined : answers.some((answer) => answer);
}

function highest(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
}

function latest(dates: readonly (string | undefined)[]): string | undefined {
  return dates.filter((date) => date !== undefined).sort().at(-1);
}

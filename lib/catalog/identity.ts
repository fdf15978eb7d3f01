/**
 * Which entries are the same server: keys shared by repository, folder, image,
 * package or remote address, under rules that rather leave two entries of one
 * server apart than join two servers (CATALOGUES.md 6). Needs no permission.
 *
 * The result does not depend on the order of the entries: rules, keys and members
 * are taken in a fixed order, and a rule looks at all entries of a key at once.
 *
 * @module
 */

import { addressKind } from "../core/address.ts";
import type { Entry, Package } from "./entry.ts";
import { foldId, packageKey, remoteKey } from "./normalise.ts";

/** Why two entries were taken for the same server. */
export type Rule = "image" | "package" | "remote" | "folder" | "repository";

/** The rules, in the order in which they are applied. */
const RULES: readonly Rule[] = ["image", "package", "remote", "folder", "repository"];

/** Which entries belong together. */
export interface Grouping {
  /** Entries of one server each, in the order of their ids. */
  readonly groups: readonly (readonly Entry[])[];
  /** How many joins each rule made. */
  readonly joins: Readonly<Record<Rule, number>>;
  /** Keys that several entries share and that were left apart, by rule. */
  readonly leftApart: Readonly<Record<Rule, number>>;
}

/** An entry that lists more remotes than this is a hub: its addresses say nothing about identity. */
const MAX_REMOTES = 3;

/** A package or image that more entries of one source name is a runner or a hub, not a server. */
const MAX_SHARERS = 3;

/**
 * Sources whose packages, images and remotes are read out of prose. A README names other servers
 * too: what it names does not outweigh another repository.
 */
const PROSE_SOURCES = new Set(["awesome", "mcpservers"]);

/** An entry with its keys, computed once. */
interface Member {
  readonly entry: Entry;
  readonly source: string;
  readonly repository: string | undefined;
  readonly folder: string | undefined;
  readonly keys: Readonly<Record<Rule, readonly string[]>>;
}

/**
 * Finds the entries that are one server.
 *
 * @param entries Entries of any number of sources.
 * @returns The groups; an entry that is alone is a group of one.
 */
export function groupSameServers(entries: readonly Entry[]): Grouping {
  const members = entries.map(toMember).sort((a, b) => compare(a.entry, b.entry));
  const clusters = new Clusters(members);
  const joins = { image: 0, package: 0, remote: 0, folder: 0, repository: 0 };
  const leftApart = { ...joins };
  for (const rule of RULES) {
    for (const all of sharedKeys(members, rule)) {
      const sharers = withoutHearsay(rule === "remote" ? all.filter(isNoHub) : all);
      if (!identifies(rule, sharers)) {
        leftApart[rule] += 1;
        continue;
      }
      const [first, ...others] = sharers;
      for (const other of others) {
        if (first !== undefined && clusters.join(first, other)) joins[rule] += 1;
      }
    }
  }
  return { groups: clusters.list(), joins, leftApart };
}

/** Ids order entries; they are unique but for their case. */
function compare(a: Entry, b: Entry): number {
  const [left, right] = [foldId(a.id), foldId(b.id)];
  if (left !== right) return left < right ? -1 : 1;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

function toMember(entry: Entry): Member {
  const repository = entry.repoUrl?.replace(/^https:\/\//, "").toLowerCase();
  const folder = entry.repoFolder?.toLowerCase();
  const isImage = ({ type }: Package) => type === "oci";
  const keys = (items: readonly Package[]) =>
    unique(items.map(({ type, identifier }) => packageKey(type, identifier)));
  return {
    entry,
    source: entry.sources[0]?.source ?? "",
    repository,
    folder,
    keys: {
      image: keys(entry.packages.filter(isImage)),
      package: keys(entry.packages.filter((item) => !isImage(item))),
      remote: unique(entry.remotes.map(({ url }) => url).filter(isPublic).map(remoteKey)),
      folder: repository === undefined || folder === undefined ? [] : [`${repository}#${folder}`],
      repository: repository === undefined ? [] : [repository],
    },
  };
}

function unique(keys: readonly string[]): readonly string[] {
  return keys.length < 2 ? keys : [...new Set(keys)];
}

/** Every machine has its own `localhost`. */
function isPublic(url: string): boolean {
  const host = /^https?:\/\/(\[[^\]]*\]|[^/:?#]*)/i.exec(url)?.[1]?.toLowerCase() ?? "";
  if (host === "localhost" || host.endsWith(".localhost") || !host.includes(".")) return false;
  const kind = addressKind(host);
  return (kind === undefined || kind === "public") && !host.includes("{");
}

/** The members of each key that at least two share, in the order of the keys. */
function sharedKeys(members: readonly Member[], rule: Rule): readonly (readonly Member[])[] {
  const byKey = new Map<string, Member[]>();
  for (const member of members) {
    for (const key of member.keys[rule]) {
      const sharers = byKey.get(key);
      if (sharers === undefined) byKey.set(key, [member]);
      else sharers.push(member);
    }
  }
  return [...byKey].filter(([, sharers]) => sharers.length > 1)
    .sort(([a], [b]) => a < b ? -1 : 1).map(([, sharers]) => sharers);
}

function isNoHub({ entry }: Member): boolean {
  return entry.remotes.length <= MAX_REMOTES;
}

/**
 * Leaves out entries that share a key by prose only and contradict another, or of which one source
 * has too many: they must not keep the others apart, nor cost time.
 */
function withoutHearsay(sharers: readonly Member[]): readonly Member[] {
  const counts = countBySource(sharers);
  const few = sharers.filter(({ source }) =>
    !PROSE_SOURCES.has(source) || (counts.get(source) ?? 0) <= MAX_SHARERS
  );
  return few.filter((member) =>
    !PROSE_SOURCES.has(member.source) ||
    !few.some((other) => other !== member && differ(member, other))
  );
}

/** Whether a shared key means that its sharers are the same server. */
function identifies(rule: Rule, sharers: readonly Member[]): boolean {
  if (sharers.length < 2) return false;
  const most = Math.max(...countBySource(sharers).values());
  if (rule === "image" || rule === "package") {
    if (most > MAX_SHARERS) return false;
  } else if (most > 1) return false;
  return sharers.every((a, index) => sharers.slice(index + 1).every((b) => !differ(a, b)));
}

function countBySource(sharers: readonly Member[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { source } of sharers) counts.set(source, (counts.get(source) ?? 0) + 1);
  return counts;
}

/**
 * Whether two entries cannot be the same server: other folders of one repository, other
 * repositories where only prose speaks for a likeness, or two entries that one source keeps apart
 * in one repository and that start differently.
 */
function differ(a: Member, b: Member): boolean {
  const sameRepository = a.repository !== undefined && a.repository === b.repository;
  if (sameRepository && a.folder !== undefined && b.folder !== undefined && a.folder !== b.folder) {
    return true;
  }
  const apart = !sameRepository && a.repository !== undefined && b.repository !== undefined;
  if (apart && (PROSE_SOURCES.has(a.source) || PROSE_SOURCES.has(b.source))) return true;
  if (a.source !== b.source) return false;
  if (!sameRepository && !share(a.keys.package, b.keys.package)) return false;
  return !startAlike(a, b);
}

/** Whether two entries start the same package or image with the same arguments, or reach the same remote. */
function startAlike(a: Member, b: Member): boolean {
  if (share(a.keys.remote, b.keys.remote)) return true;
  const commands = new Set(a.entry.packages.map(commandOf));
  return b.entry.packages.some((item) => commands.has(commandOf(item)));
}

function commandOf(item: Package): string {
  const args = item.args.map(({ name, value }) => `${name ?? ""} ${value ?? ""}`).join("\n");
  return `${packageKey(item.type, item.identifier)}\n${item.program ?? ""}\n${args}`;
}

function share(a: readonly string[], b: readonly string[]): boolean {
  return a.some((key) => b.includes(key));
}

/** Sets of members that grow together (union-find), unless two of them differ. */
class Clusters {
  readonly #sets = new Map<Member, Member[]>();

  constructor(members: readonly Member[]) {
    for (const member of members) this.#sets.set(member, [member]);
  }

  /** Whether two sets became one. */
  join(a: Member, b: Member): boolean {
    const [left, right] = [this.#sets.get(a) ?? [], this.#sets.get(b) ?? []];
    if (left === right) return false;
    if (left.some((one) => right.some((other) => differ(one, other)))) return false;
    const [into, from] = left.length >= right.length ? [left, right] : [right, left];
    for (const member of from) {
      into.push(member);
      this.#sets.set(member, into);
    }
    return true;
  }

  list(): readonly (readonly Entry[])[] {
    return [...new Set(this.#sets.values())].map((set) =>
      set.length === 1 ? set.map(({ entry }) => entry) : set.map(({ entry }) => entry).sort(compare)
    );
  }
}

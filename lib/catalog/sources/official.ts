/**
 * The official MCP registry: an HTTP interface (v0.1) that gives pages of
 * `server.json`, and the same records as dumps or single files (CATALOGUES.md 3).
 * Data from the Official MCP Registry, CC0. Needs no permission.
 *
 * @module
 */

import { throwIfAborted } from "../../core/deadline.ts";
import { AppError } from "../../core/errors.ts";
import { parseJson } from "../../core/json.ts";
import { buildEntry, type EntryDraft } from "../build.ts";
import { mapKnownCategory } from "../categories.ts";
import { judgeKeyNeed } from "../credentials.ts";
import type { Entry, ToolFact } from "../entry.ts";
import { parseRepository, type RepositoryPlace } from "../normalise.ts";
import {
  type ApiSource,
  Harvest,
  type PageRead,
  type ReadContext,
  type SourceRead,
  type SourceTree,
} from "../source.ts";
import { readPackage, readRemote } from "./official_install.ts";
import { isRecord, type OfficialRecord, readOfficialRecord } from "./official_record.ts";

/** Most bytes of one answer of the interface; 100 records take 150 kB. */
const MAX_PAGE_BYTES = 8 * 1024 * 1024;

/** Most bytes of a dump; 2,628 versions take 2.2 MB, the latest of 24,000 servers about 20 MB. */
export const MAX_DUMP_BYTES = 32 * 1024 * 1024;

/** Most files of a folder of pages that are read. */
const MAX_FILES = 2000;

/** Records on a page: the most that the interface gives. */
const PAGE_SIZE = 100;

const BASE = "https://registry.modelcontextprotocol.io";

/** The official MCP registry. */
export const officialSource: ApiSource = {
  id: "official",
  title: "Official MCP Registry",
  location: BASE,
  kind: "api",
  maxPageBytes: MAX_PAGE_BYTES,
  firstPage(location, options = {}) {
    const page = new URL(location);
    const path = page.pathname.replace(/\/+$/, "");
    if (/\/v0(?:\.\d+)?$/.test(path)) page.pathname = `${path}/servers`;
    else if (!path.endsWith("/servers")) page.pathname = `${path}/v0.1/servers`;
    page.searchParams.set("version", "latest");
    page.searchParams.set("limit", String(PAGE_SIZE));
    if (options.updatedSince !== undefined) {
      page.searchParams.set("updated_since", options.updatedSince);
    }
    return page;
  },
  readPage(bytes, page, context) {
    const answer = parseJson(bytes, { what: `the page "${page.href}"` });
    const items = isRecord(answer) ? answer.servers : undefined;
    if (!Array.isArray(items)) {
      throw new AppError("BAD_RESPONSE", `Cannot read "${page.href}": it has no list of servers`, {
        hint: "Give the address of a registry that speaks the official registry's interface v0.1",
      });
    }
    const next = nextCursor(answer);
    const nextPage = new URL(page);
    if (next !== undefined) nextPage.searchParams.set("cursor", next);
    return {
      ...readRecords(items, page.pathname, context),
      ...(next === undefined ? {} : { next: nextPage }),
    };
  },
  readTree: readOfficialFiles,
};

/**
 * Reads all `*.json` in the root of a tree: pages, a dump of all versions, or single
 * `server.json` files. Of several versions of a server the latest counts.
 *
 * @throws {AppError} `BAD_RESPONSE` when no file holds a record.
 */
export async function readOfficialFiles(
  tree: SourceTree,
  context: ReadContext,
): Promise<SourceRead> {
  const names = (await tree.list("")).filter(({ name, kind }) =>
    kind === "file" && name.toLowerCase().endsWith(".json")
  ).map(({ name }) => name).sort().slice(0, MAX_FILES);
  const items: { readonly where: string; readonly value: unknown }[] = [];
  const failed = new Harvest();
  for (const name of names) {
    throwIfAborted(context.signal);
    try {
      const bytes = await tree.read(name, { maxBytes: MAX_DUMP_BYTES });
      const value = bytes === undefined ? undefined : parseJson(bytes, { what: `"${name}"` });
      const list = Array.isArray(value) ? value : isRecord(value) ? value.servers : undefined;
      if (Array.isArray(list)) {
        list.forEach((item, index) => items.push({ where: `${name}#${index}`, value: item }));
      } else items.push({ where: name, value });
    } catch (thrown) {
      if (names.length === 1) throw thrown;
      failed.fail(name, thrown);
    }
  }
  const read = gather(items, context);
  if (read.entries.length === 0) {
    throw new AppError(
      "BAD_RESPONSE",
      `Cannot read "${context.source}": no JSON file in it holds a record of a server`,
      { hint: "Give a folder or file in the format of the official registry (server.json)" },
    );
  }
  return { ...read, problems: [...failed.finish().problems, ...read.problems] };
}

function readRecords(items: readonly unknown[], path: string, context: ReadContext): PageRead {
  return gather(items.map((value, index) => ({ where: `${path}#${index}`, value })), context);
}

/** Picks the latest version of each server, and turns it into an entry. */
function gather(
  items: readonly { readonly where: string; readonly value: unknown }[],
  context: ReadContext,
): PageRead {
  const harvest = new Harvest();
  const latest = new Map<string, { readonly where: string; readonly record: OfficialRecord }>();
  const removed: string[] = [];
  for (const { where, value } of items) {
    const record = readOfficialRecord(value);
    if ("fault" in record) {
      harvest.problem(where, `Cannot read the record: ${record.fault} is missing or wrong`);
      continue;
    }
    if (record.official.isLatest === false || record.versionDetail?.isLatest === false) {
      harvest.skip();
      continue;
    }
    const key = record.name.toLowerCase();
    const other = latest.get(key);
    if (other !== undefined) harvest.skip();
    if (other === undefined || changedAt(record) >= changedAt(other.record)) {
      latest.set(key, { where, record });
    }
  }
  for (const { where, record } of latest.values()) {
    const status = record.official.status ?? record.status;
    if (status === "deleted") {
      removed.push(`${context.source}/${record.name}`);
      harvest.skip();
    } else harvest.record(`${where} ${record.name}`, () => officialEntry(record, context));
  }
  return { ...harvest.finish(), removed };
}

/** When a version was written; what says nothing is older than what does. */
function changedAt(record: OfficialRecord): string {
  return record.official.updatedAt ?? record.official.publishedAt ??
    record.versionDetail?.releaseDate ?? "";
}

/**
 * Turns one record into an entry.
 *
 * @throws {AppError} `BAD_RESPONSE` when it has no usable name.
 */
export function officialEntry(record: OfficialRecord, context: ReadContext): Entry {
  const packages = record.packages.map(readPackage).filter((item) => item !== undefined);
  const remotes = record.remotes.map(readRemote);
  const optional = new Set([...packages, ...remotes].flatMap((item) => [...item.optional]));
  const settings = [...packages, ...remotes].flatMap(({ draft }) => draft.settings ?? []);
  const repository = repositoryOf(record);
  const status = record.official.status ?? record.status;
  return buildEntry(
    {
      ...publisherFacts(record.publisher),
      slug: record.name,
      name: record.name.split("/").at(-1) ?? record.name,
      title: record.title,
      description: unfilled(record.description) ? undefined : record.description,
      url: context.source === officialSource.id
        ? `${BASE}/v0.1/servers/${encodeURIComponent(record.name)}/versions/latest`
        : undefined,
      version: record.version ?? record.versionDetail?.version,
      updated: changedAt(record) || undefined,
      repository,
      folder: record.repository?.subfolder,
      homepage: record.websiteUrl,
      packages: packages.map(({ draft }) => draft),
      remotes: remotes.map(({ draft }) => draft),
      verified: isVerified(record, repository),
      requiresApiKey: judgeKeyNeed({
        settings,
        optional,
        // A remote that names no header may still ask for a sign-in when it is called.
        silence: packages.length > 0 ? "its packages name no secret" : undefined,
      }),
      status: status === "deprecated" ? "deprecated" : "active",
      statusMessage: record.official.statusMessage,
    },
    context,
  );
}

/** The text of the publisher's template, never filled in. */
function unfilled(description: string | undefined): boolean {
  return /\[(?:describe|your|insert|add)\b[^\]]*\]/i.test(description ?? "");
}

function repositoryOf(record: OfficialRecord): RepositoryPlace | undefined {
  const url = record.repository?.url;
  return url === undefined ? undefined : parseRepository(url, { anyHost: true });
}

/**
 * Compares the name space, which the registry has proved to be the publisher's, with the owner of
 * the repository (`io.github.<owner>`) or the host of a remote (`com.example`).
 */
function isVerified(
  record: OfficialRecord,
  repository: RepositoryPlace | undefined,
): boolean | undefined {
  const [space = ""] = record.name.toLowerCase().split("/");
  const forge = /^io\.(github|gitlab)\.(.+)$/.exec(space);
  if (forge !== null) {
    if (repository?.host !== `${forge[1]}.com`) return undefined;
    return repository.path.toLowerCase().startsWith(`${forge[2]}/`);
  }
  const domain = space.split(".").reverse().join(".");
  const hosts = [...record.remotes.map(({ url }) => url), record.websiteUrl ?? ""]
    .map((url) => URL.parse(url)?.hostname.toLowerCase() ?? "");
  return hosts.some((host) => host === domain || host.endsWith(`.${domain}`)) ? true : undefined;
}

/** Categories, tags and tools that publishers add in no agreed form; what fits is taken. */
function publisherFacts(publisher: unknown): Pick<EntryDraft, "categories" | "tags" | "tools"> {
  if (!isRecord(publisher)) return {};
  // ToolHive's registry nests its facts by publisher and image.
  const nested = Object.values(publisher).filter(isRecord).flatMap(Object.values).filter(isRecord);
  const places = [publisher, publisher.capabilities, ...nested].filter(isRecord);
  const words = (key: string) => places.flatMap((place) => texts(place[key]));
  const categories = words("categories");
  const tools = places.map(({ tools }) => toolsOf(tools)).find((list) => list.length > 0);
  return {
    categories: categories.map(mapKnownCategory).filter((word) => word !== undefined),
    tags: [...words("tags"), ...words("keywords"), ...categories],
    ...(tools === undefined ? {} : { tools }),
  };
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

function toolsOf(value: unknown): readonly ToolFact[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((item) => {
    if (typeof item === "string") return [{ name: item }];
    if (!isRecord(item) || typeof item.name !== "string") return [];
    const { name, description } = item;
    return [{ name, ...(typeof description === "string" ? { description } : {}) }];
  });
}

/** The cursor is opaque; absent, null and empty all mean the end. */
function nextCursor(answer: unknown): string | undefined {
  const metadata = isRecord(answer) && isRecord(answer.metadata) ? answer.metadata : {};
  const cursor = metadata.nextCursor ?? metadata.next_cursor;
  return typeof cursor === "string" && cursor !== "" ? cursor : undefined;
}

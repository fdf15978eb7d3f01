/**
 * Docker's MCP registry: a git repository with `servers/<name>/server.yaml`,
 * `tools.json` and `readme.md` (CATALOGUES.md 1). Needs no permission.
 *
 * @module
 */

import { throwIfAborted } from "../../core/deadline.ts";
import { AppError } from "../../core/errors.ts";
import { parseJson } from "../../core/json.ts";
import { buildEntry, type EntryDraft, type PackageDraft, type RemoteDraft } from "../build.ts";
import { judgeKeyNeed } from "../credentials.ts";
import type { Entry } from "../entry.ts";
import { normaliseFolder, parseRepository, type RepositoryPlace } from "../normalise.ts";
import {
  decodeText,
  type GitSource,
  Harvest,
  type ReadContext,
  type SourceRead,
  type SourceTree,
} from "../source.ts";
import { loadYaml, MAX_YAML_CHARS } from "../yaml.ts";
import {
  type DockerRecord,
  type DockerTool,
  readDockerRecord,
  readDockerTools,
} from "./docker_record.ts";
import { readDockerSettings } from "./docker_settings.ts";

/** Most servers that one tree may hold; the registry has 328. */
const MAX_SERVERS = 20_000;

/** Most bytes of a `tools.json`; the largest seen has 100 kB. */
const MAX_TOOLS_BYTES = 2 * 1024 * 1024;

/** The registry's repository. */
const PROJECT = "https://github.com/docker/mcp-registry";

/** Docker's MCP registry. */
export const dockerSource: GitSource = {
  id: "docker",
  title: "Docker MCP registry",
  location: `${PROJECT}.git`,
  kind: "git",
  folders: ["servers"],
  async readTree(tree: SourceTree, context: ReadContext): Promise<SourceRead> {
    const ref = context.commit ?? "main";
    return await readServerFolders(tree, "servers", context, {
      link: (folder) => `${PROJECT}/tree/${ref}/${folder}`,
    });
  },
};

/**
 * Reads a folder of server folders, each with a `server.yaml`.
 *
 * @param root The folder; it must exist.
 * @param options `link` gives the page of a server folder.
 * @throws {AppError} `BAD_RESPONSE` when no folder in it has a `server.yaml`.
 */
export async function readServerFolders(
  tree: SourceTree,
  root: string,
  context: ReadContext,
  options: { readonly link?: (folder: string) => string } = {},
): Promise<SourceRead> {
  const readYaml = await loadYaml();
  const folders = (await tree.list(root)).filter(({ kind }) => kind === "directory")
    .map(({ name }) => name).sort();
  const harvest = new Harvest();
  let found = 0;
  for (const name of folders.slice(0, MAX_SERVERS)) {
    throwIfAborted(context.signal);
    const folder = root === "" ? name : `${root}/${name}`;
    const where = `${folder}/server.yaml`;
    try {
      const yaml = await tree.read(where, { maxBytes: MAX_YAML_CHARS });
      if (yaml === undefined) {
        harvest.skip();
        continue;
      }
      found += 1;
      const value = readYaml(decodeText(yaml), { what: where });
      const tools = await readTools(tree, `${folder}/tools.json`, harvest);
      const readme = await tree.read(`${folder}/readme.md`, { maxBytes: MAX_TOOLS_BYTES });
      harvest.record(where, () =>
        dockerEntry(value, context, {
          folder: name,
          url: options.link?.(folder),
          tools,
          readme: readme && decodeText(readme),
        }));
    } catch (thrown) {
      harvest.fail(where, thrown);
    }
  }
  if (found === 0) {
    throw new AppError(
      "BAD_RESPONSE",
      `Cannot read "${root || "."}": no folder in it has a server.yaml`,
    );
  }
  if (folders.length > MAX_SERVERS) {
    harvest.problem(root, `Only the first ${MAX_SERVERS} of ${folders.length} folders were read`);
  }
  return harvest.finish();
}

/** A broken list of tools costs the list, not the server. */
async function readTools(
  tree: SourceTree,
  path: string,
  harvest: Harvest,
): Promise<readonly DockerTool[]> {
  try {
    const bytes = await tree.read(path, { maxBytes: MAX_TOOLS_BYTES });
    return bytes === undefined ? [] : readDockerTools(parseJson(bytes, { what: `"${path}"` }));
  } catch (thrown) {
    harvest.fail(path, thrown);
    return [];
  }
}

/** What lies beside a `server.yaml`. */
interface Beside {
  /** Name of the folder. */
  readonly folder: string;
  readonly url?: string | undefined;
  readonly tools: readonly DockerTool[];
  readonly readme?: string | undefined;
}

/**
 * Turns one parsed `server.yaml` into an entry.
 *
 * @throws {AppError} `BAD_RESPONSE` when it lacks what every record has.
 */
export function dockerEntry(value: unknown, context: ReadContext, beside: Beside): Entry {
  const record = readDockerRecord(value);
  if ("fault" in record) {
    throw new AppError(
      "BAD_RESPONSE",
      `Cannot read "${beside.folder}": ${record.fault} is missing or wrong`,
    );
  }
  const settings = readDockerSettings(record.config, record.run, record.remote?.headers);
  const oauth = record.oauth.map(({ provider, env }) => ({
    provider,
    ...(env === undefined ? {} : { setting: env }),
  }));
  const facts = { settings: settings.settings, ...(oauth.length === 0 ? {} : { oauth }) };
  const packages: PackageDraft[] = [];
  const remotes: RemoteDraft[] = [];
  if (record.type === "server" && record.image !== undefined) {
    packages.push({
      ...facts,
      type: "oci",
      identifier: record.image,
      args: settings.args,
      run: { ...settings.run, longLived: record.longLived ?? false },
      runtimeArgs: settings.runtimeArgs,
    });
  } else if (record.type === "remote" && record.remote !== undefined) {
    const sse = record.remote.transport_type === "sse";
    remotes.push({ ...facts, url: record.remote.url, type: sse ? "sse" : "streamable-http" });
  } else if (record.type !== "poci") {
    throw new AppError(
      "BAD_RESPONSE",
      `Cannot read "${beside.folder}": a ${record.type} without ${
        record.type === "server" ? "image" : "remote.url"
      }`,
    );
  }
  return buildEntry(
    {
      ...describe(record, beside),
      packages,
      remotes,
      requiresApiKey: judgeKeyNeed({
        settings: settings.settings,
        oauth: oauth.map(({ provider }) => provider),
        optional: settings.optional,
        silence: "its record lists no secret",
      }),
      ...(record.type === "poci"
        ? { notLaunchable: "each of its tools is a container of its own (poci), not an MCP server" }
        : {}),
    },
    context,
  );
}

/** Everything that is said about the server rather than needed to run it. */
function describe(record: DockerRecord, beside: Beside): EntryDraft {
  const { about, meta } = record;
  const title = about.title?.replace(/\s*\(Archived\)\s*/i, " ").trim();
  const docs = /^Docs:\s*(https?:\/\/\S+)/im.exec(beside.readme ?? "")?.[1];
  const paragraph = beside.readme?.split(/\n\s*\n/).map((text) => text.trim())
    .find((text) => text !== "" && !/^(?:#|Docs:|!\[|\[!\[|<|[-*|`])/i.test(text));
  const tools = beside.tools.length > 0 ? beside.tools : record.tools;
  return {
    slug: beside.folder,
    name: beside.folder,
    title,
    description: about.description ?? paragraph ?? title,
    url: beside.url,
    repository: repositoryOf(record.source),
    folder: folderOf(record.source),
    homepage: docs,
    categories: meta.category === undefined ? [] : [meta.category],
    tags: meta.tags,
    status: /\(Archived\)/i.test(about.title ?? "") ? "archived" : "active",
    // An empty list means "ask the server", not "no tools".
    tools: tools.length === 0 ? undefined : tools.map(({ name, description }) => ({
      name,
      ...(description === undefined ? {} : { description }),
    })),
  };
}

/** The original repository where Docker builds from a fork; its commit means nothing there. */
function repositoryOf(source: DockerRecord["source"]): RepositoryPlace | undefined {
  const upstream = source.upstream && parseRepository(source.upstream, { anyHost: true });
  if (upstream) return upstream;
  const project = source.project && parseRepository(source.project, { anyHost: true });
  if (!project) return undefined;
  const ref = source.commit ?? source.branch ?? project.ref;
  return ref === undefined ? project : { ...project, ref };
}

function folderOf(source: DockerRecord["source"]): string | undefined {
  if (source.directory !== undefined) return normaliseFolder(source.directory);
  return source.dockerfile === undefined
    ? undefined
    : normaliseFolder(source.dockerfile, { dockerfile: true });
}

/**
 * An operator's own catalogue: records in the official registry's format (a file,
 * a web address, or an interface that gives pages), or a folder or git repository
 * with a `server.yaml` for each server. Needs no permission.
 *
 * @example
 * ```ts
 * import { customSource } from "./custom.ts";
 *
 * customSource({ id: "ours", location: "https://example.com/servers.json" }).kind; // "file"
 * ```
 *
 * @module
 */

import { AppError } from "../../core/errors.ts";
import type { ReadContext, SourceDefinition, SourceRead, SourceTree } from "../source.ts";
import { readServerFolders } from "./docker.ts";
import { MAX_DUMP_BYTES, officialSource, readOfficialFiles } from "./official.ts";

/** First parts of ids that Wharf's own sources use. */
const RESERVED = new Set([
  "awesome",
  "builtin",
  "docker",
  "mcpservers",
  "official",
  "reference",
  "toolhive",
]);

/**
 * Makes a source of an operator's location.
 *
 * @param options `id` becomes the first part of its entries' ids; `location` is a git URL (`….git`,
 *   `git@host:path`), the base of an interface like the official registry's (`…/v0.1/servers`), any
 *   other web address, or a local path.
 * @returns The source; its `kind` says how it is fetched.
 * @throws {AppError} `INVALID_ARGUMENT` for an id that is taken or could not be part of an id.
 */
export function customSource(
  options: { readonly id: string; readonly location: string },
): SourceDefinition {
  const { id, location } = options;
  if (!/^[a-z][a-z0-9-]{0,31}$/.test(id) || RESERVED.has(id)) {
    throw new AppError(
      "INVALID_ARGUMENT",
      `Cannot use "${id}" as a source: the name is taken or malformed`,
      {
        hint: "Give the source a name of its own, in small letters, digits and dashes",
      },
    );
  }
  const common = { id, title: id, location, readTree };
  if (/^(?:git@|ssh:\/\/|git:\/\/|git\+)/.test(location) || /\.git\/?$/.test(location)) {
    return { ...common, kind: "git", folders: [] };
  }
  if (/^https?:\/\/.*\/v0(?:\.\d+)?(?:\/servers)?\/?$/.test(location)) {
    const { maxPageBytes, firstPage, readPage } = officialSource;
    return { ...common, kind: "api", maxPageBytes, firstPage, readPage };
  }
  return { ...common, kind: "file", maxFileBytes: MAX_DUMP_BYTES };
}

/** Folders with `server.yaml` below `servers/`, else JSON files in the root, else folders in the root. */
async function readTree(tree: SourceTree, context: ReadContext): Promise<SourceRead> {
  const root = await tree.list("");
  if (root.some(({ name, kind }) => kind === "directory" && name === "servers")) {
    return await readServerFolders(tree, "servers", context);
  }
  const hasJson = root.some(({ name, kind }) => kind === "file" && /\.json$/i.test(name));
  return hasJson
    ? await readOfficialFiles(tree, context)
    : await readServerFolders(tree, "", context);
}

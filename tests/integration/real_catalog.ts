/**
 * The real data beside the repository, read and merged. Needs read permission.
 *
 * @module
 */

import {
  builtinEntries,
  type Entry,
  folderTree,
  mergeEntries,
  SOURCES,
} from "../../lib/catalog/mod.ts";
import { openDisk } from "../../lib/host/disk.ts";

const SHARED = new URL("../../../shared", import.meta.url);

const FOLDERS: Readonly<Record<string, string>> = {
  awesome: "awesome-mcp-servers",
  docker: "docker-mcp-registry",
  official: "official-registry/pages-latest-2025-12-12",
};

/** Whether the data are there. */
export function hasRealData(): boolean {
  try {
    return Deno.statSync(new URL(`${SHARED.href}/data`)).isDirectory;
  } catch {
    return false;
  }
}

/** Every server of the data and of the built-in list, merged. */
export async function readRealCatalog(): Promise<readonly Entry[]> {
  const disk = openDisk(SHARED.pathname);
  const lists = await Promise.all(
    SOURCES.filter(({ id }) => Object.hasOwn(FOLDERS, id)).map(async (source) => {
      const tree = folderTree(disk, `data/${FOLDERS[source.id]}`);
      return (await source.readTree(tree, { source: source.id })).entries;
    }),
  );
  return mergeEntries([...builtinEntries({ source: "builtin" }), ...lists.flat()]).entries;
}

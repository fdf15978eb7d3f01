/**
 * Sources that are folders or files of this machine. Needs no permission: readers are passed in.
 *
 * @module
 */

import { AppError } from "../core/errors.ts";
import type { Disk, Files } from "../core/host.ts";
import { memoryTree, type SourceTree } from "./source.ts";

/** What reads the machine's files. */
export interface LocalDeps {
  /** Reads single files. */
  readonly files: Files;
  /** Opens a folder. */
  readonly openFolder: (path: string) => Pick<Disk, "list" | "read">;
}

/**
 * Opens a folder, or a file as a folder of one.
 *
 * @param path Path of this machine.
 * @param options `maxBytes` of a single file; `deps` that read.
 * @returns The tree.
 * @throws {AppError} `NOT_FOUND`, `PERMISSION_MISSING`, `TOO_LARGE`.
 */
export async function localTree(
  path: string,
  options: { readonly maxBytes: number; readonly deps: LocalDeps },
): Promise<SourceTree> {
  const { maxBytes, deps } = options;
  let bytes: Uint8Array | undefined;
  try {
    bytes = await deps.files.read(path, { maxBytes });
  } catch (thrown) {
    // What is there, but is no file, is a folder.
    if (!(thrown instanceof AppError) || thrown.code !== "UNSUPPORTED") throw thrown;
    const disk = deps.openFolder(path);
    return {
      list: (folder) => disk.list(folder),
      read: (name, limits) => disk.read(name, limits),
    };
  }
  if (bytes === undefined) {
    throw new AppError("NOT_FOUND", `Cannot read "${path}": there is no such file or folder`, {
      hint: "Check the path of --source",
    });
  }
  return memoryTree({ [path.replace(/^.*[/\\]/, "") || path]: bytes });
}

/**
 * Room on a disk. Needs `--allow-sys=statfs`, and read permission for the folder.
 *
 * @module
 */

import { statfs } from "node:fs/promises";
import { AppError } from "../core/errors.ts";

/**
 * Tells how much may still be written.
 *
 * @param path Absolute path of a folder; while there is none, the nearest one above it counts.
 * @returns Bytes that this user may still write.
 * @throws {AppError} `PERMISSION_MISSING`, `UNAVAILABLE`.
 */
export async function freeBytes(path: string): Promise<number> {
  try {
    for (let folder = path;; folder = parentOf(folder)) {
      try {
        const { bavail, bsize } = await statfs(folder);
        return bavail * bsize;
      } catch (thrown) {
        const isMissing = thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT";
        if (!isMissing || parentOf(folder) === folder) throw thrown;
      }
    }
  } catch (cause) {
    const cannot = `Cannot tell the room on the disk of "${path}"`;
    if (cause instanceof Deno.errors.NotCapable) {
      throw new AppError("PERMISSION_MISSING", `${cannot}: Deno was started without permission`, {
        cause,
        hint: `Start Wharf with --allow-sys=statfs --allow-read=${path}`,
      });
    }
    throw new AppError("UNAVAILABLE", `${cannot}: the system does not tell`, {
      cause,
      hint: "Look with the system's own tools, such as df",
    });
  }
}

/** The folder above; that of a root is the root itself. */
function parentOf(path: string): string {
  const end = Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\"));
  const parent = path.slice(0, end);
  if (end < 0) return path;
  return parent === "" || /^[A-Za-z]:$/.test(parent) ? path.slice(0, end + 1) : parent;
}

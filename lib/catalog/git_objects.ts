/**
 * The two kinds of git objects that lead to a file: commits and trees, as bytes (git's
 * "user-manual", "The Object Database"). Needs no permission.
 *
 * @module
 */

import { AppError } from "../core/errors.ts";

/** What a commit says that matters here. */
export interface CommitFacts {
  /** Id of its root folder. */
  readonly tree: string;
  /** When it was committed, ISO 8601 in UTC; `undefined` when the commit gives no such time. */
  readonly committedAt: string | undefined;
}

/** One entry of a folder. */
export interface GitTreeEntry {
  /** Octal digits as git prints them, six of them: `040000` for a folder. */
  readonly mode: string;
  /** The name as it stands there, hostile or not; bytes that are no UTF-8 are U+FFFD. */
  readonly name: string;
  /** Id of the object: 40 hexadecimal digits. */
  readonly id: string;
}

/** Mode of a folder. */
export const FOLDER_MODE = "040000";

/** Mode of a commit of another repository. */
export const SUBMODULE_MODE = "160000";

const ID_BYTES = 20;

const [SPACE, NUL] = [0x20, 0x00];

/** The last second that ISO 8601 writes with four digits of year. */
const MAX_SECONDS = Date.UTC(9999, 11, 31) / 1000;

/**
 * Reads a commit.
 *
 * @param bytes The object without its header.
 * @returns What it says.
 * @throws {AppError} `BAD_RESPONSE` when it is none.
 */
export function parseCommit(bytes: Uint8Array): CommitFacts {
  // The message, which may be long, comes after an empty line.
  const [head = ""] = new TextDecoder().decode(bytes).split("\n\n", 1);
  const tree = /^tree ([0-9a-f]{40})$/m.exec(head)?.[1];
  if (tree === undefined) throw broken("a commit names no folder");
  const seconds = Number(/^committer .*> (\d{1,12}) [+-]\d{4}$/m.exec(head)?.[1] ?? NaN);
  const known = seconds <= MAX_SECONDS;
  return { tree, committedAt: known ? new Date(seconds * 1000).toISOString() : undefined };
}

/**
 * Reads a folder.
 *
 * @param bytes The object without its header.
 * @returns Its entries in their order; names are not checked.
 * @throws {AppError} `BAD_RESPONSE` when it is no folder.
 */
export function parseTree(bytes: Uint8Array): readonly GitTreeEntry[] {
  const decoder = new TextDecoder();
  const entries: GitTreeEntry[] = [];
  for (let offset = 0; offset < bytes.byteLength;) {
    const space = bytes.indexOf(SPACE, offset);
    const nul = bytes.indexOf(NUL, space);
    const end = nul + 1 + ID_BYTES;
    if (space < 0 || nul < space || end > bytes.byteLength) throw broken("a folder is cut off");
    const mode = decoder.decode(bytes.subarray(offset, space));
    if (!/^[0-7]{5,6}$/.test(mode)) throw broken("a folder has an entry of no kind");
    entries.push({
      mode: mode.padStart(6, "0"),
      name: decoder.decode(bytes.subarray(space + 1, nul)),
      id: bytes.subarray(nul + 1, end).toHex(),
    });
    offset = end;
  }
  return entries;
}

/**
 * Whether a path is needed.
 *
 * @param path Path of a file or folder.
 * @param folders The folders that are needed; empty for all.
 * @returns `true` inside of one of them and on the way to one.
 */
export function isWanted(path: string, folders: readonly string[]): boolean {
  return folders.length === 0 ||
    folders.some((folder) =>
      path === folder || path.startsWith(`${folder}/`) || folder.startsWith(`${path}/`)
    );
}

function broken(state: string): AppError {
  return new AppError("BAD_RESPONSE", `Cannot read the git repository: ${state}`, {
    hint: "Tell whoever keeps the repository; git fsck shows what is wrong",
  });
}

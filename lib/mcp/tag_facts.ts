/**
 * What Docker Hub knows of tags beside their names, in one request. Needs no permission: the client
 * is passed in.
 *
 * @module
 */

// deno-lint-ignore-file camelcase -- the records are shown as they are, in the words of the tools

import { toAppError } from "../core/errors.ts";
import { type HubClient, isDockerHub, type Repository } from "../oci/mod.ts";

/** What is known of a tag beside its name. */
export interface TagFacts {
  /** Compressed size in bytes. */
  readonly size_bytes?: number;
  /** When it was pushed, RFC 3339. */
  readonly pushed?: string;
}

/** Facts about some tags. */
export interface FoundFacts {
  /** By tag. */
  readonly facts: ReadonlyMap<string, TagFacts>;
  /** Why there are none, in words for a reader. */
  readonly note?: string;
}

/** What {@linkcode hubTagFacts} needs. */
export interface TagFactsDeps {
  /** Asks Docker Hub. */
  readonly hub: Pick<HubClient, "newestTags">;
}

/** Docker Hub gives at most so many tags in one request. */
const HUB_PAGE = 100;
/** The tags are there already; their sizes are not worth a long wait. */
const PATIENCE_MS = 5_000;

/**
 * Asks Docker Hub for sizes and dates of a repository's newest tags.
 *
 * @param repository The repository; elsewhere than on Docker Hub nothing is asked.
 * @param deps The client.
 * @param signal Ends the work early.
 * @returns What is known; a failure is a note.
 */
export async function hubTagFacts(
  repository: Repository,
  deps: TagFactsDeps,
  signal: AbortSignal,
): Promise<FoundFacts> {
  if (!isDockerHub(repository.registry)) return { facts: new Map() };
  try {
    const { tags } = await deps.hub.newestTags(repository.repository, {
      limit: HUB_PAGE,
      timeoutMs: PATIENCE_MS,
      signal,
    });
    const facts = tags.map(({ name, size_bytes: size, pushed }): [string, TagFacts] => [name, {
      ...(size === undefined ? {} : { size_bytes: size }),
      ...(pushed === undefined ? {} : { pushed }),
    }]);
    return { facts: new Map(facts) };
  } catch (thrown) {
    const error = toAppError(thrown);
    if (error.code === "CANCELLED") throw error;
    return { facts: new Map(), note: `no sizes and dates: ${error.message}` };
  }
}

/**
 * Where the registry client keeps what never changes: content by its digest. Needs no permission.
 *
 * @module
 */

import { algorithmOf, type Digest, digestOf } from "./digest.ts";

/** Keeps content by key; a miss is never an error. */
export interface ContentCache {
  /** Gives the bytes under the key, or `undefined`; the client verifies them. */
  get(key: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Keeps bytes under a key such as `sha256:<hex>`. */
  put(key: string, bytes: Uint8Array): Promise<void>;
}

/**
 * Reads content from a cache, if it still is what its digest says.
 *
 * @param cache The cache; its files may have been changed by others.
 * @param digest The content's digest.
 * @returns The bytes, or `undefined`.
 */
export async function verifiedContent(
  cache: ContentCache,
  digest: Digest,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const bytes = await cache.get(digest);
  if (bytes === undefined) return undefined;
  return digestOf(bytes, algorithmOf(digest)) === digest ? bytes : undefined;
}

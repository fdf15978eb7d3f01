/**
 * Content that was used a moment ago, kept in memory before a slower cache: a warm server answers
 * about an image without touching the disk. Needs no permission.
 *
 * @module
 */

import type { ContentCache } from "./content_cache.ts";

/** Manifests and configs are a few KiB; this is a few hundred images. */
const DEFAULT_MAX_BYTES = 8 * 1024 * 1024;

/** A {@linkcode ContentCache} that remembers what another one keeps. */
export class RecentContent implements ContentCache {
  readonly #cache: ContentCache;
  readonly #maxBytes: number;
  /** The one used longest ago first. */
  readonly #entries = new Map<string, Uint8Array<ArrayBuffer>>();
  #bytes = 0;

  /**
   * @param cache The cache behind it, which gets everything too.
   * @param options `maxBytes`: most bytes in memory; an entry of more than an eighth is not kept.
   */
  constructor(cache: ContentCache, options: { readonly maxBytes?: number } = {}) {
    this.#cache = cache;
    this.#maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES;
  }

  /** Reads an entry, see {@linkcode ContentCache.get}. */
  async get(key: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const recent = this.#entries.get(key);
    const bytes = recent ?? await this.#cache.get(key);
    if (bytes !== undefined) this.#remember(key, bytes);
    return bytes;
  }

  /** Keeps an entry, see {@linkcode ContentCache.put}. */
  async put(key: string, bytes: Uint8Array): Promise<void> {
    this.#remember(key, bytes.slice());
    await this.#cache.put(key, bytes);
  }

  #remember(key: string, bytes: Uint8Array<ArrayBuffer>): void {
    this.#forget(key);
    if (bytes.byteLength > this.#maxBytes / 8) return;
    this.#entries.set(key, bytes);
    this.#bytes += bytes.byteLength;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#forget(oldest);
    }
  }

  #forget(key: string): void {
    this.#bytes -= this.#entries.get(key)?.byteLength ?? 0;
    this.#entries.delete(key);
  }
}

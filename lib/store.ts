/**
 * What Wharf keeps on a disk: typed JSON documents, and content by key under a budget. Needs no
 * permission: the disk is passed in.
 *
 * @module
 */

import type { z } from "zod";
import { AppError, toAppError } from "./core/errors.ts";
import type { Disk, DiskEntry, Log } from "./core/host.ts";
import { parseJson } from "./core/json.ts";

/** What a store works with. */
export interface StoreDeps {
  /** Where files are kept. */
  readonly disk: Disk;
  /** Who is told that a file was set aside or cannot be written. */
  readonly log: Log;
}

/** What a {@linkcode JsonStore} keeps. */
export interface JsonStoreOptions<T> {
  /** File in the disk's root. */
  readonly path: string;
  /** Version of the schema; a file of another version is set aside. */
  readonly version: number;
  /** Validates on read. */
  readonly schema: z.ZodType<T>;
  /** Most bytes of the file. @default {67108864} */
  readonly maxBytes?: number;
}

const MAX_DOCUMENT_BYTES = 64 * 1024 * 1024;

/** One typed document: versioned, validated on read, replaced whole. */
export class JsonStore<T> {
  readonly #deps: StoreDeps;
  readonly #options: JsonStoreOptions<T>;

  /**
   * @param deps Disk and log.
   * @param options Path, version and schema.
   */
  constructor(deps: StoreDeps, options: JsonStoreOptions<T>) {
    this.#deps = deps;
    this.#options = options;
  }

  /**
   * Reads the document.
   *
   * @returns The document, or `undefined` when there is none. A corrupt file, or one of another
   * version, is renamed to `<path>.bad` with a warning and counts as none.
   */
  async read(): Promise<T | undefined> {
    const { path, version, schema } = this.#options;
    const maxBytes = this.#options.maxBytes ?? MAX_DOCUMENT_BYTES;
    let reason: string;
    try {
      const bytes = await this.#deps.disk.read(path, { maxBytes });
      if (bytes === undefined) return undefined;
      const file = parseJson(bytes, { what: `"${path}"` });
      if (typeof file !== "object" || file === null || !("version" in file) || !("data" in file)) {
        reason = "it is not a file of Wharf's";
      } else if (file.version !== version) {
        reason = `its version is ${JSON.stringify(file.version)}, not ${version}`;
      } else {
        const parsed = schema.safeParse(file.data);
        if (parsed.success) return parsed.data;
        reason = "its content does not have the expected form";
      }
    } catch (thrown) {
      const error = toAppError(thrown);
      // Only what the file itself is at fault for; a disk that cannot be read is the caller's to know.
      if (error.code !== "BAD_RESPONSE" && error.code !== "TOO_LARGE") throw error;
      reason = error.message;
    }
    const aside = `${path}.bad`;
    await this.#deps.disk.rename(path, aside);
    this.#deps.log.warn("file set aside, it will be made anew", { path, aside, reason });
    return undefined;
  }

  /**
   * Replaces the document, whole or not at all.
   *
   * @param value The new document.
   */
  async write(value: T): Promise<void> {
    const { path, version } = this.#options;
    const text = JSON.stringify({ version, data: value });
    await this.#deps.disk.write(path, new TextEncoder().encode(text));
  }
}

/** The limits of a {@linkcode ContentStore}. */
export interface ContentStoreOptions {
  /** Folder in the disk's root. @default {"content"} */
  readonly folder?: string;
  /** Most bytes of all entries together; the oldest go first. @default {268435456} */
  readonly maxTotalBytes?: number;
  /** Most bytes of one entry; larger ones are not kept. @default {8388608} */
  readonly maxEntryBytes?: number;
}

/** A key such as `sha256:<hex>` or `etag:<hex>`. */
const KEY = /^[a-z0-9]+:[a-f0-9]{32,128}$/;

/** Pruning makes room beyond the budget, so that it does not come again with the next entry. */
const PRUNE_TO = 0.8;

/**
 * Content by key, as a cache: a failing disk is a miss, said once. The caller verifies what it
 * gets, since the key is usually a digest.
 */
export class ContentStore {
  readonly #deps: StoreDeps;
  readonly #folder: string;
  readonly #maxTotalBytes: number;
  readonly #maxEntryBytes: number;
  #total: number | undefined;
  #pruning: Promise<void> | undefined;
  #warned = false;

  /**
   * @param deps Disk and log.
   * @param options The limits.
   */
  constructor(deps: StoreDeps, options: ContentStoreOptions = {}) {
    this.#deps = deps;
    this.#folder = options.folder ?? "content";
    this.#maxTotalBytes = options.maxTotalBytes ?? 256 * 1024 * 1024;
    this.#maxEntryBytes = options.maxEntryBytes ?? 8 * 1024 * 1024;
  }

  /**
   * Reads an entry.
   *
   * @param key `<kind>:<hex>`.
   * @returns The bytes, or `undefined` when there are none.
   */
  async get(key: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const path = this.#path(key);
    return await this.#tolerate(() =>
      this.#deps.disk.read(path, { maxBytes: this.#maxEntryBytes })
    );
  }

  /**
   * Writes an entry; one over the size limit is left out.
   *
   * @param key `<kind>:<hex>`.
   * @param bytes The content.
   */
  async put(key: string, bytes: Uint8Array): Promise<void> {
    const path = this.#path(key);
    if (bytes.byteLength > this.#maxEntryBytes) return;
    await this.#tolerate(async () => {
      await this.#deps.disk.write(path, bytes);
      this.#total ??= await this.#measure();
      this.#total += bytes.byteLength;
      if (this.#total > this.#maxTotalBytes) {
        this.#pruning ??= this.#prune().finally(() => this.#pruning = undefined);
        await this.#pruning;
      }
    });
  }

  #path(key: string): string {
    if (!KEY.test(key)) {
      throw new AppError("INTERNAL", `Cannot keep content as "${key}": it is no key`, {
        hint: "This is a fault in Wharf; please report it",
      });
    }
    const [kind, hex = ""] = key.split(":");
    return `${this.#folder}/${kind}/${hex.slice(0, 2)}/${hex}`;
  }

  async #tolerate<T>(action: () => Promise<T>): Promise<T | undefined> {
    try {
      return await action();
    } catch (thrown) {
      if (!this.#warned) {
        this.#warned = true;
        const { message } = toAppError(thrown);
        this.#deps.log.warn(
          "the cache cannot be used; answers stay right, but cost more requests",
          {
            reason: message,
          },
        );
      }
      return undefined;
    }
  }

  async #measure(): Promise<number> {
    return (await this.#entries()).reduce((sum, entry) => sum + entry.sizeBytes, 0);
  }

  async #prune(): Promise<void> {
    const entries = (await this.#entries()).toSorted((a, b) => a.modifiedMs - b.modifiedMs);
    let total = entries.reduce((sum, entry) => sum + entry.sizeBytes, 0);
    for (const entry of entries) {
      if (total <= this.#maxTotalBytes * PRUNE_TO) break;
      await this.#deps.disk.remove(entry.path);
      total -= entry.sizeBytes;
    }
    this.#total = total;
  }

  /** All files, those that an interrupted write left behind included, so that they go in time. */
  async #entries(): Promise<(DiskEntry & { readonly path: string })[]> {
    const found: (DiskEntry & { readonly path: string })[] = [];
    const folders = [this.#folder];
    for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
      for (const entry of await this.#deps.disk.list(folder)) {
        const path = `${folder}/${entry.name}`;
        if (entry.kind === "directory") folders.push(path);
        else found.push({ ...entry, path });
      }
    }
    return found;
  }
}

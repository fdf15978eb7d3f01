/**
 * What Wharf keeps on a disk: typed JSON documents, documents of several parts, and content by key
 * under a budget. Needs no permission: the disk is passed in.
 *
 * @module
 */

import { createHash } from "node:crypto";
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

/** Validates a document; every zod schema does. */
export interface Schema<T> {
  /** Gives the document in its typed form, or says that it has another form. */
  safeParse(value: unknown): { readonly success: true; readonly data: T } | {
    readonly success: false;
  };
}

/** What a {@linkcode JsonStore} keeps. */
export interface JsonStoreOptions<T> {
  /** File in the disk's root. */
  readonly path: string;
  /** Version of the schema; a file of another version is set aside. */
  readonly version: number;
  /** Validates on read. */
  readonly schema: Schema<T>;
  /** Most bytes of the file. @default {67108864} */
  readonly maxBytes?: number;
}

const MAX_DOCUMENT_BYTES = 64 * 1024 * 1024;

/** Files set aside are kept under this many names; the last one is then overwritten. */
const MOST_ASIDE = 5;

/** One typed document: versioned, validated on read, replaced whole. */
export class JsonStore<T> {
  readonly #deps: StoreDeps;
  readonly #options: JsonStoreOptions<T>;

  /**
   * Touches nothing until the first read or write.
   *
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
   * version, is renamed to `<path>.bad-<n>` with a warning and counts as none.
   * @throws {AppError} What the disk says when it cannot be read, such as `PERMISSION_MISSING`.
   */
  async read(): Promise<T | undefined> {
    const { path, version, schema, maxBytes = MAX_DOCUMENT_BYTES } = this.#options;
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
    await setAside(path, reason, this.#deps);
    return undefined;
  }

  /**
   * Replaces the document, whole or not at all.
   *
   * @param value The new document.
   * @throws {AppError} `TOO_LARGE` for a document that could not be read back, and what the disk says.
   */
  async write(value: T): Promise<void> {
    const { path, version, maxBytes = MAX_DOCUMENT_BYTES } = this.#options;
    const bytes = new TextEncoder().encode(JSON.stringify({ version, data: value }));
    if (bytes.byteLength > maxBytes) {
      throw new AppError(
        "TOO_LARGE",
        `Cannot write "${path}": it would be larger than ${maxBytes} bytes`,
        { hint: "Remove entries that are not needed" },
      );
    }
    await this.#deps.disk.write(path, bytes);
  }
}

/** Keeps a file for a person to look at. A disk that does not allow it changes nothing else. */
async function setAside(path: string, reason: string, { disk, log }: StoreDeps): Promise<void> {
  try {
    const slash = path.lastIndexOf("/");
    const taken = new Set((await disk.list(path.slice(0, Math.max(0, slash)))).map(nameOf));
    let number = 1;
    while (number < MOST_ASIDE && taken.has(`${path.slice(slash + 1)}.bad-${number}`)) number++;
    const aside = `${path}.bad-${number}`;
    await disk.rename(path, aside);
    log.warn("file set aside, it will be made anew", { path, aside, reason });
  } catch (thrown) {
    log.warn("file is of no use, but cannot be set aside", {
      path,
      reason,
      problem: toAppError(thrown).message,
    });
  }
}

function nameOf({ name }: DiskEntry): string {
  return name;
}

/** What a {@linkcode SectionStore} keeps. */
export interface SectionStoreOptions {
  /** File in the disk's root. */
  readonly path: string;
  /** Version of what the sections hold; a file of another version is set aside. */
  readonly version: number;
  /** Most bytes of the file. @default {67108864} */
  readonly maxBytes?: number;
}

/** Named parts of a document. */
export type Sections = ReadonlyMap<string, Uint8Array<ArrayBuffer>>;

const LINE_FEED = 10;

/** The first line of a file of sections is far below this. */
const MAX_HEAD_BYTES = 64 * 1024;

/**
 * One document of several parts, each of which is read as bytes, so that a reader parses only what
 * it needs: versioned, checked by a digest on read, replaced whole. The first line of the file is a
 * JSON object that tells version, digest, and the names and lengths of the parts, which follow.
 */
export class SectionStore {
  readonly #deps: StoreDeps;
  readonly #options: SectionStoreOptions;

  /**
   * Touches nothing until the first read or write.
   *
   * @param deps Disk and log.
   * @param options Path and version.
   */
  constructor(deps: StoreDeps, options: SectionStoreOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  /**
   * Reads the document.
   *
   * @returns Its parts, views of one buffer; `undefined` when there is none. What
   * {@linkcode JsonStore.read} says of corrupt and foreign files holds here too.
   * @throws {AppError} What the disk says when it cannot be read.
   */
  async read(): Promise<Sections | undefined> {
    const { path, maxBytes = MAX_DOCUMENT_BYTES } = this.#options;
    let reason: string;
    try {
      const bytes = await this.#deps.disk.read(path, { maxBytes });
      if (bytes === undefined) return undefined;
      const sections = this.#parse(bytes);
      if (typeof sections !== "string") return sections;
      reason = sections;
    } catch (thrown) {
      const error = toAppError(thrown);
      if (error.code !== "BAD_RESPONSE" && error.code !== "TOO_LARGE") throw error;
      reason = error.message;
    }
    await setAside(path, reason, this.#deps);
    return undefined;
  }

  /**
   * Replaces the document, whole or not at all.
   *
   * @param sections The parts, in the order in which they are written.
   * @throws {AppError} `TOO_LARGE` for a document that could not be read back, and what the disk says.
   */
  async write(sections: Sections): Promise<void> {
    const { path, version, maxBytes = MAX_DOCUMENT_BYTES } = this.#options;
    const hash = createHash("sha256");
    for (const part of sections.values()) hash.update(part);
    const parts = [...sections].map(([name, part]) => [name, part.byteLength]);
    const head = new TextEncoder().encode(
      `${JSON.stringify({ version, sha256: hash.digest("hex"), parts })}\n`,
    );
    const total = sections.values().reduce((sum, part) => sum + part.byteLength, head.byteLength);
    if (total > maxBytes) {
      throw new AppError(
        "TOO_LARGE",
        `Cannot write "${path}": it would be larger than ${maxBytes} bytes`,
        { hint: "Remove entries that are not needed" },
      );
    }
    const bytes = new Uint8Array(total);
    bytes.set(head);
    let offset = head.byteLength;
    for (const part of sections.values()) {
      bytes.set(part, offset);
      offset += part.byteLength;
    }
    await this.#deps.disk.write(path, bytes);
  }

  /** The parts, or why they cannot be had. */
  #parse(bytes: Uint8Array<ArrayBuffer>): Sections | string {
    const { path, version } = this.#options;
    const end = bytes.subarray(0, MAX_HEAD_BYTES).indexOf(LINE_FEED);
    if (end < 0) return "it is not a file of Wharf's";
    const head = parseJson(bytes.subarray(0, end), { what: `"${path}"` });
    if (typeof head !== "object" || head === null || !("version" in head) || !("parts" in head)) {
      return "it is not a file of Wharf's";
    }
    if (head.version !== version) {
      return `its version is ${JSON.stringify(head.version)}, not ${version}`;
    }
    const body = bytes.subarray(end + 1);
    const digest = createHash("sha256").update(body).digest("hex");
    if (!("sha256" in head) || head.sha256 !== digest || !Array.isArray(head.parts)) {
      return "its content does not have the digest that it names";
    }
    const sections = new Map<string, Uint8Array<ArrayBuffer>>();
    let offset = 0;
    for (const [name, length] of head.parts) {
      sections.set(String(name), body.subarray(offset, offset + Number(length)));
      offset += Number(length);
    }
    return sections;
  }
}

/** The limits of a {@linkcode ContentStore}. */
export interface ContentStoreOptions {
  /** Folder in the disk's root. @default {"content"} */
  readonly root?: string;
  /** Most bytes of all entries together, about; the oldest go first. @default {268435456} */
  readonly maxTotalBytes?: number;
  /**
   * Most bytes of one entry; larger ones are not kept. Never more than a twentieth of the total.
   * @default {8388608}
   */
  readonly maxEntryBytes?: number;
}

/** A key such as `sha256:<hex>` or `etag/<hex>`. */
const KEY = /^([a-z0-9]{1,32})[:/]([a-f0-9]{32,128})$/;

/**
 * The budget is kept per shard, by the first digit of the key, so that keeping it lists one
 * sixteenth of the entries, once per process and then again only when that part is full. Digests
 * spread evenly, so that the parts fill evenly.
 */
const SHARDS = 16;

/** Pruning makes room beyond the budget, so that it does not come again with the next entry. */
const PRUNE_TO = 0.8;

/**
 * Content by key, as a cache: a failing disk is a miss, said once. The caller verifies what it
 * gets, since the key is usually a digest.
 */
export class ContentStore {
  readonly #deps: StoreDeps;
  readonly #root: string;
  readonly #maxShardBytes: number;
  readonly #maxEntryBytes: number;
  /** Bytes per shard: measured once, then counted; entries of other processes are missing. */
  readonly #sizes = new Map<string, Promise<number>>();
  #warned = false;

  /**
   * Touches nothing until the first get or put.
   *
   * @param deps Disk and log.
   * @param options The limits.
   */
  constructor(deps: StoreDeps, options: ContentStoreOptions = {}) {
    this.#deps = deps;
    this.#root = options.root ?? "content";
    this.#maxShardBytes = (options.maxTotalBytes ?? 256 * 1024 * 1024) / SHARDS;
    this.#maxEntryBytes = Math.min(
      options.maxEntryBytes ?? 8 * 1024 * 1024,
      // So that pruning never takes the entry that it is done for.
      Math.floor(this.#maxShardBytes * PRUNE_TO),
    );
  }

  /**
   * Reads an entry.
   *
   * @param key `<kind>:<hex>` or `<kind>/<hex>`.
   * @returns The bytes, or `undefined` when there are none.
   * @throws {AppError} `INTERNAL` for a key of another form; never for a failing disk.
   */
  async get(key: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const { shard, name } = this.#place(key);
    return await this.#tolerate(() =>
      this.#deps.disk.read(`${shard}/${name}`, { maxBytes: this.#maxEntryBytes })
    );
  }

  /**
   * Writes an entry; one over the size limit is left out.
   *
   * @param key `<kind>:<hex>` or `<kind>/<hex>`.
   * @param bytes The content.
   * @throws {AppError} `INTERNAL` for a key of another form; never for a failing disk.
   */
  async put(key: string, bytes: Uint8Array): Promise<void> {
    const { shard, name } = this.#place(key);
    if (bytes.byteLength > this.#maxEntryBytes) return;
    await this.#tolerate(async () => {
      await this.#deps.disk.write(`${shard}/${name}`, bytes);
      await this.#account(shard, bytes.byteLength);
    });
  }

  #place(key: string): { readonly shard: string; readonly name: string } {
    const [, kind, hex] = KEY.exec(key) ?? [];
    if (kind === undefined || hex === undefined) {
      throw new AppError("INTERNAL", `Cannot keep content as "${key}": it is no key`, {
        hint: "This is a fault in Wharf; please report it",
      });
    }
    return { shard: `${this.#root}/${hex.slice(0, 1)}`, name: `${kind}-${hex}` };
  }

  /** Adds a written entry to its shard's size. One step after the other, so that none is lost. */
  async #account(shard: string, addedBytes: number): Promise<void> {
    const before = this.#sizes.get(shard);
    // The first measurement finds the entry on the disk already.
    const size = before === undefined
      ? this.#prune(shard)
      : before.then((known) =>
        known + addedBytes > this.#maxShardBytes ? this.#prune(shard) : known + addedBytes
      );
    this.#sizes.set(shard, size);
    try {
      await size;
    } catch (thrown) {
      // Measured anew with the next entry.
      if (this.#sizes.get(shard) === size) this.#sizes.delete(shard);
      throw thrown;
    }
  }

  /** Measures a shard and, when it is over its budget, removes its oldest entries. */
  async #prune(shard: string): Promise<number> {
    const entries = (await this.#deps.disk.list(shard))
      .toSorted((a, b) => a.modifiedMs - b.modifiedMs);
    let total = entries.reduce((sum, entry) => sum + entry.sizeBytes, 0);
    if (total <= this.#maxShardBytes) return total;
    for (const entry of entries) {
      if (total <= this.#maxShardBytes * PRUNE_TO) break;
      await this.#deps.disk.remove(`${shard}/${entry.name}`);
      total -= entry.sizeBytes;
    }
    return total;
  }

  async #tolerate<T>(action: () => Promise<T>): Promise<T | undefined> {
    try {
      return await action();
    } catch (thrown) {
      if (!this.#warned) {
        this.#warned = true;
        this.#deps.log.warn(
          "the cache cannot be used; answers stay right, but cost more requests",
          { reason: toAppError(thrown).message },
        );
      }
      return undefined;
    }
  }
}

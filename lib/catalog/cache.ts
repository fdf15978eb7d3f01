/**
 * What the catalogue keeps between runs: per source its entries and how its last refresh went, and
 * the merged catalogue, so that a start needs to read one file only. Every file is replaced whole,
 * so a process that dies in any moment leaves the last good data; several processes may share the
 * folder. Needs no permission: the disk is passed in.
 *
 * @module
 */

import { z } from "zod";
import type { Disk, Log } from "../core/host.ts";
import { JsonStore, type Sections, SectionStore } from "../store.ts";
import type { Entry } from "./entry.ts";
import { packEntries, STORED_VERSION, storedEntriesSchema, unpackEntries } from "./stored.ts";

/** Folder of the catalogue in the cache. */
const FOLDER = "catalog";

/** 40,000 entries with their tools are about 40 MB. */
const MAX_ENTRIES_BYTES = 256 * 1024 * 1024;

const MAX_STATUS_BYTES = 256 * 1024;

/** A merged catalogue of other settings is of no use to anybody after this time. */
const KEEP_MERGED_MS = 30 * 24 * 60 * 60 * 1000;

const statusSchema = z.object({
  attemptedAt: z.string(),
  fetchedAt: z.string().optional(),
  contentAt: z.string().optional(),
  entries: z.number(),
  skipped: z.number(),
  problems: z.number(),
  samples: z.array(z.object({ where: z.string(), reason: z.string() })),
  failures: z.number(),
  error: z.object({ code: z.string(), message: z.string(), hint: z.string().optional() })
    .optional(),
  commit: z.string().optional(),
  isPartial: z.boolean().optional(),
  durationMs: z.number(),
});

/** How the refreshes of a source went. Times are ISO 8601. */
export type SourceStatus = Readonly<z.infer<typeof statusSchema>>;

/** What a source gave at its last good refresh. */
export interface KeptSource {
  /** Its entries. */
  readonly entries: readonly Entry[];
  /** What the next refresh goes on from; JSON. */
  readonly state?: unknown;
}

/** The merged catalogue with its index, and the contents that it was made of. */
export interface KeptCatalog {
  /** `contentAt` by key of the source. */
  readonly parts: Readonly<Record<string, string>>;
  /** What `SearchIndex.pack` gave. */
  readonly index: Sections;
}

/** Version of the packed index; raise it when what is in it changes its meaning. */
const INDEX_VERSION = STORED_VERSION * 1000 + 2;

const keptSourceSchema = z.object({ entries: storedEntriesSchema, state: z.unknown().optional() });

const partsSchema = z.record(z.string(), z.string());

/** The catalogue's files. */
export class CatalogCache {
  readonly #disk: Disk;
  readonly #log: Log;

  /** @param deps Where files are kept, and who is told of a bad one. */
  constructor(deps: { readonly disk: Disk; readonly log: Log }) {
    this.#disk = deps.disk;
    this.#log = deps.log;
  }

  /** How the refreshes of a source went; `undefined` before the first. */
  async readStatus(key: string): Promise<SourceStatus | undefined> {
    return await this.#statusStore(key).read();
  }

  /** Replaces the status of a source. */
  async writeStatus(key: string, status: SourceStatus): Promise<void> {
    await this.#statusStore(key).write(status);
  }

  /** What a source gave; `undefined` when nothing is kept. */
  async readSource(key: string): Promise<KeptSource | undefined> {
    const kept = await this.#sourceStore(key).read();
    return kept && { entries: unpackEntries(kept.entries), state: kept.state };
  }

  /** Replaces what a source gave. */
  async writeSource(key: string, { entries, state }: KeptSource): Promise<void> {
    await this.#sourceStore(key).write({ entries: packEntries(entries), state });
  }

  /** The merged catalogue under a name; `undefined` when there is none. */
  async readMerged(name: string): Promise<KeptCatalog | undefined> {
    const index = await this.#mergedStore(name).read();
    const parts = index?.get("parts");
    if (index === undefined || parts === undefined) return undefined;
    return { parts: partsSchema.parse(JSON.parse(new TextDecoder().decode(parts))), index };
  }

  /** Replaces the merged catalogue under a name; those of other names go when they are old. */
  async writeMerged(name: string, { parts, index }: KeptCatalog): Promise<void> {
    const head = new TextEncoder().encode(JSON.stringify(parts));
    await this.#mergedStore(name).write(new Map([["parts", head], ...index]));
    const files = await this.#disk.list(FOLDER);
    const newestMs = Math.max(...files.map(({ modifiedMs }) => modifiedMs));
    for (const file of files) {
      const isMerged = file.name.startsWith("merged-") && file.name !== mergedFile(name);
      if (isMerged && newestMs - file.modifiedMs > KEEP_MERGED_MS) {
        await this.#disk.remove(`${FOLDER}/${file.name}`);
      }
    }
  }

  /** When the merged catalogue was last written, by anybody; milliseconds since the epoch. */
  async mergedAtMs(name: string): Promise<number | undefined> {
    const files = await this.#disk.list(FOLDER);
    return files.find((file) => file.name === mergedFile(name))?.modifiedMs;
  }

  /** Size of all files, in bytes. */
  async sizeBytes(): Promise<number> {
    const files = await this.#disk.list(FOLDER);
    return files.reduce((sum, file) => sum + file.sizeBytes, 0);
  }

  /** Takes a lock that other processes respect. */
  async lock(name: string, signal?: AbortSignal): Promise<AsyncDisposable> {
    return await this.#disk.lock(`${FOLDER}/${name}.lock`, signal);
  }

  #statusStore(key: string): JsonStore<SourceStatus> {
    return new JsonStore({ disk: this.#disk, log: this.#log }, {
      path: `${FOLDER}/${key}.status.json`,
      version: 1,
      schema: statusSchema,
      maxBytes: MAX_STATUS_BYTES,
    });
  }

  #sourceStore(key: string): JsonStore<z.infer<typeof keptSourceSchema>> {
    return new JsonStore({ disk: this.#disk, log: this.#log }, {
      path: `${FOLDER}/${key}.entries.json`,
      version: STORED_VERSION,
      schema: keptSourceSchema,
      maxBytes: MAX_ENTRIES_BYTES,
    });
  }

  #mergedStore(name: string): SectionStore {
    return new SectionStore({ disk: this.#disk, log: this.#log }, {
      path: `${FOLDER}/${mergedFile(name)}`,
      version: INDEX_VERSION,
      maxBytes: MAX_ENTRIES_BYTES,
    });
  }
}

function mergedFile(name: string): string {
  return `merged-${name}.wharf`;
}

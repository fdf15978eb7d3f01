/**
 * The packs of one repository on the disk, for the client without a git binary: what was fetched
 * before, so that the next fetch brings only what is new. It is a cache: what is broken or half
 * written is dropped and fetched again. Needs read and write permission for the disk's directory
 * where it has one.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { toAppError } from "../core/errors.ts";
import type { Disk, Log } from "../core/host.ts";

/** What is known of a repository. */
export interface ShelfContent {
  /** The commit that the packs lead to. */
  readonly commit: string;
  /** All packs, the oldest first. */
  readonly packs: readonly Uint8Array[];
}

/** What a shelf works with. */
export interface ShelfDeps {
  /** Where the packs lie. */
  readonly disk: Disk;
  /** Told when nothing can be kept. */
  readonly log: Log;
}

/** With more packs than these a repository is fetched whole again, which leaves one. */
const MOST_PACKS = 12;

/** Most bytes of all packs; more than these are not kept. */
const MAX_BYTES = 256 * 1024 * 1024;

/** The file that says which commit is whole; it is written last. */
const COMMIT = "commit";

/**
 * A name for whatever is kept of a repository.
 *
 * @param url The repository as the operator named it.
 * @returns Its SHA-256, 64 hexadecimal digits.
 */
export function repositoryKey(url: URL): string {
  return createHash("sha256").update(url.href.replace(/\/+$/, "")).digest("hex");
}

/** Keeps the packs of one repository. */
export class PackShelf {
  readonly #deps: ShelfDeps;
  readonly #folder: string;
  #packs = 0;
  #bytes = 0;

  /**
   * Touches nothing yet.
   *
   * @param deps Disk and log.
   * @param key The repository, see {@linkcode repositoryKey}.
   */
  constructor(deps: ShelfDeps, key: string) {
    this.#deps = deps;
    this.#folder = `git/${key}.packs`;
  }

  /**
   * Reads what was kept.
   *
   * @returns Commit and packs, or `undefined` when there are none, too many, or they cannot be read.
   */
  async load(): Promise<ShelfContent | undefined> {
    const { disk } = this.#deps;
    try {
      const names = (await disk.list(this.#folder)).map(({ name }) => name)
        .filter((name) => /^\d+\.pack$/.test(name))
        .sort((a, b) => parseInt(a) - parseInt(b));
      const noted = await disk.read(`${this.#folder}/${COMMIT}`, { maxBytes: 100 });
      const commit = noted === undefined ? "" : new TextDecoder().decode(noted);
      if (!/^[0-9a-f]{40}$/.test(commit) || names.length > MOST_PACKS) return undefined;
      const packs: Uint8Array[] = [];
      for (const name of names) {
        const maxBytes = MAX_BYTES - this.#bytes;
        const pack = await disk.read(`${this.#folder}/${name}`, { maxBytes });
        if (pack === undefined) return undefined;
        packs.push(pack);
        this.#bytes += pack.byteLength;
      }
      this.#packs = names.length === 0 ? 0 : parseInt(names.at(-1) ?? "0") + 1;
      return { commit, packs };
    } catch (thrown) {
      this.#cannot("read", thrown);
      return undefined;
    }
  }

  /** Drops all, as before a repository is fetched whole. A disk that refuses is no failure. */
  async clear(): Promise<void> {
    this.#packs = 0;
    this.#bytes = 0;
    try {
      // First what makes the rest count, in case that the work ends in between.
      await this.#deps.disk.remove(`${this.#folder}/${COMMIT}`);
      await this.#deps.disk.remove(this.#folder);
    } catch (thrown) {
      this.#cannot("clear", thrown);
    }
  }

  /**
   * Keeps more packs. A disk that is full or read-only is no failure: the next fetch is a whole
   * one then.
   *
   * @param commit The commit that they complete.
   * @param packs The packs.
   */
  async add(commit: string, packs: readonly Uint8Array[]): Promise<void> {
    const { disk } = this.#deps;
    const bytes = packs.reduce((sum, { byteLength }) => sum + byteLength, this.#bytes);
    if (bytes > MAX_BYTES) return;
    try {
      for (const pack of packs) {
        await disk.write(`${this.#folder}/${this.#packs}.pack`, pack);
        this.#packs += 1;
      }
      await disk.write(`${this.#folder}/${COMMIT}`, new TextEncoder().encode(commit));
      this.#bytes = bytes;
    } catch (thrown) {
      this.#cannot("keep", thrown);
    }
  }

  #cannot(action: string, thrown: unknown): void {
    this.#deps.log.warn(`Cannot ${action} a git repository on the disk; it is fetched whole next`, {
      reason: toAppError(thrown).message,
    });
  }
}

/**
 * What a source of the catalogue is: where it lies by default and how its bytes
 * become entries. A source does not fetch: whoever refreshes the catalogue hands
 * it a tree of files or one answer after the other, so that every source can
 * also be read from a folder, and is tested without any effect. Needs no permission.
 *
 * @example
 * ```ts
 * import { memoryTree } from "./source.ts";
 * import { awesomeSource } from "./sources/awesome.ts";
 *
 * const tree = memoryTree({
 *   "docs/utilities.md": "- [acme/time](https://github.com/acme/time): Tells the time.",
 * });
 * const { entries } = await awesomeSource.readTree(tree, { source: "awesome" });
 * entries[0]?.id; // "awesome/acme/time"
 * ```
 *
 * @module
 */

import { AppError, toAppError } from "../core/errors.ts";
import type { Disk } from "../core/host.ts";
import type { ReadOptions } from "../core/http.ts";
import type { EntryOrigin, PackageDraft, RemoteDraft } from "./build.ts";
import type { Entry } from "./entry.ts";

/** One name in a folder of a {@linkcode SourceTree}. */
export interface TreeEntry {
  /** Name inside the folder. */
  readonly name: string;
  /** Symbolic links and submodules are never listed. */
  readonly kind: "file" | "directory";
}

/**
 * Files of a git commit, a local folder or a single file. Paths are relative, with `/`; the
 * root is `""`.
 */
export interface SourceTree {
  /** The names in a folder; a missing one is empty. */
  list(path: string): Promise<readonly TreeEntry[]>;
  /**
   * Reads a file.
   *
   * @returns The bytes, or `undefined` when there is no such file.
   * @throws {AppError} `TOO_LARGE` past `maxBytes`.
   */
  read(path: string, options: ReadOptions): Promise<Uint8Array | undefined>;
}

/** A record, or a part of one, that could not be used. */
export interface Problem {
  /** Where it stands: a path with line, a name, a URL. */
  readonly where: string;
  /** What is wrong, one sentence. */
  readonly reason: string;
}

/** What the reader of a source is told beside the bytes. */
export interface ReadContext extends EntryOrigin {
  /** Commit of a git source; kept in links to the record. */
  readonly commit?: string;
  /** Ends the reading early. */
  readonly signal?: AbortSignal;
}

/** What a source gave. */
export interface SourceRead {
  /** Good records. */
  readonly entries: readonly Entry[];
  /** Bad records: each cost itself only. */
  readonly problems: readonly Problem[];
  /** Records left out on purpose: older versions, deleted ones, doubles. */
  readonly skipped: number;
}

/** One answer of a paged source. */
export interface PageRead extends SourceRead {
  /** Ids of entries that the source says are gone; for increments. */
  readonly removed: readonly string[];
  /** The next page; absent at the end. */
  readonly next?: URL;
}

/** What every source has. */
export interface SourceBase {
  /** The first part of its entries' ids, such as `docker`. */
  readonly id: string;
  /** Name for people. */
  readonly title: string;
  /** Git URL, web address, or `""` for data that are part of Wharf. */
  readonly location: string;
  /**
   * Reads a folder or, as a tree of one, a file.
   *
   * @throws {AppError} `BAD_RESPONSE` when the tree is not one of this source at all.
   */
  readTree(tree: SourceTree, context: ReadContext): Promise<SourceRead>;
}

/** A source in a git repository. */
export interface GitSource extends SourceBase {
  /** How it is fetched. */
  readonly kind: "git";
  /** Folders that hold all its records; the rest need not be fetched. */
  readonly folders: readonly string[];
}

/** A source behind an HTTP interface that gives pages of records. */
export interface ApiSource extends SourceBase {
  /** How it is fetched. */
  readonly kind: "api";
  /** Most bytes of one page. */
  readonly maxPageBytes: number;
  /**
   * The first page.
   *
   * @param location The interface's base address.
   * @param options `updatedSince` (ISO 8601) asks for changes only; the answer then names what is gone.
   */
  firstPage(location: URL, options?: { readonly updatedSince?: string }): URL;
  /**
   * Reads one page.
   *
   * @param bytes The answer's body.
   * @param page The address it came from.
   * @throws {AppError} `BAD_RESPONSE` when the answer is no page of this source.
   */
  readPage(bytes: Uint8Array, page: URL, context: ReadContext): PageRead;
}

/** A page of a web site. */
export interface SitePage {
  /** Its address. */
  readonly url: URL;
  /** What it holds. Lists and sitemaps come first: details are fetched as far as the budget goes. */
  readonly kind: "sitemap" | "list" | "detail";
  /** When it last changed, as the site says; a detail page with a known date need not be fetched again. */
  readonly changed?: string;
}

/** What one page says of a server: plain data that can be stored between refreshes. */
export interface SiteRecord {
  /** The server's path on the site; compare case-folded. */
  readonly slug: string;
  /** Name. */
  readonly name?: string;
  /** Text. */
  readonly description?: string;
  /** Categories in the site's words. */
  readonly categories?: readonly string[];
  /** Whether the site marks it as official. */
  readonly official?: boolean;
  /** When the site last changed it. */
  readonly changed?: string;
  /** What only its own page says; absent until that was read. */
  readonly detail?: {
    /** Web address of the repository. */
    readonly repository?: string;
    /** What its example configuration or command starts. */
    readonly packages: readonly PackageDraft[];
    /** What that reaches. */
    readonly remotes: readonly RemoteDraft[];
    /** `changed` of the page when it was read. */
    readonly changed?: string;
  };
}

/** What a page of a web site gives. */
export interface SitePageRead {
  /** What it says. */
  readonly records: readonly SiteRecord[];
  /** Pages that it leads to; some are named by many pages. */
  readonly pages: readonly SitePage[];
}

/** Reads pages of a web site. */
export interface SiteReader {
  /**
   * Reads one page.
   *
   * @throws {AppError} `BAD_RESPONSE` or `TOO_LARGE` for a page that cannot be read.
   */
  readPage(bytes: Uint8Array, page: SitePage): SitePageRead;
}

/** A source that is a web site. */
export interface SiteSource extends SourceBase {
  /** How it is fetched. */
  readonly kind: "site";
  /** Most bytes of one page. */
  readonly maxPageBytes: number;
  /** The pages from which all others are found. */
  startPages(location: URL): readonly SitePage[];
  /** Loads what it takes to read pages. */
  open(): Promise<SiteReader>;
  /** Makes entries of all records that are known. */
  assemble(records: readonly SiteRecord[], context: ReadContext): SourceRead;
}

/** A source that is one file at a web address, or a local file or folder. */
export interface FileSource extends SourceBase {
  /** How it is fetched: as a whole. */
  readonly kind: "file";
  /** Most bytes of the file. */
  readonly maxFileBytes: number;
}

/** A source that is part of Wharf: `readTree` ignores the tree. */
export interface BuiltinSource extends SourceBase {
  /** How it is fetched: not at all. */
  readonly kind: "builtin";
}

/** A source of the catalogue. */
export type SourceDefinition = GitSource | ApiSource | SiteSource | FileSource | BuiltinSource;

/** Errors that are a record's own; every other one would meet the next record too. */
const OF_RECORDS: ReadonlySet<string> = new Set(["BAD_RESPONSE", "TOO_LARGE", "INVALID_ARGUMENT"]);

/**
 * Gathers good and bad records so that one bad record costs itself only.
 */
export class Harvest {
  readonly #entries = new Map<string, Entry>();
  readonly #problems: Problem[] = [];
  #skipped = 0;

  /**
   * Runs the reader of one record.
   *
   * @param where Where the record stands.
   * @param read Gives the entry, or `undefined` for a record that is left out on purpose.
   */
  record(where: string, read: () => Entry | undefined): void {
    try {
      const entry = read();
      if (entry === undefined) this.#skipped += 1;
      else this.#add(where, entry);
    } catch (thrown) {
      this.fail(where, thrown);
    }
  }

  /** Counts a record that is left out on purpose. */
  skip(): void {
    this.#skipped += 1;
  }

  /**
   * Counts a bad record.
   *
   * @param thrown What its reader threw; a cancel or a fault of Wharf's own is thrown again.
   */
  fail(where: string, thrown: unknown): void {
    const error = toAppError(thrown);
    if (!OF_RECORDS.has(error.code)) throw thrown;
    this.problem(where, error.message);
  }

  /** Notes something wrong in a record that is used all the same. */
  problem(where: string, reason: string): void {
    this.#problems.push({ where, reason });
  }

  #add(where: string, entry: Entry): void {
    const key = entry.id.toLowerCase();
    const earlier = this.#entries.get(key);
    if (earlier === undefined) this.#entries.set(key, entry);
    else this.problem(where, `Cannot add "${entry.id}": an earlier record has the same id`);
  }

  /** What was gathered. */
  finish(): SourceRead {
    return {
      entries: [...this.#entries.values()],
      problems: this.#problems,
      skipped: this.#skipped,
    };
  }
}

/**
 * Applies pages to what was known before: an entry replaces the one with its id, a removed id goes.
 *
 * @param entries What was known; empty for a full load.
 * @param pages The pages in the order in which the source gave them.
 * @returns The entries after the last page, with the problems of all.
 */
export function applyPages(entries: readonly Entry[], pages: readonly PageRead[]): SourceRead {
  const byId = new Map(entries.map((entry) => [entry.id.toLowerCase(), entry]));
  for (const page of pages) {
    for (const entry of page.entries) byId.set(entry.id.toLowerCase(), entry);
    for (const id of page.removed) byId.delete(id.toLowerCase());
  }
  return {
    entries: [...byId.values()],
    problems: pages.flatMap(({ problems }) => problems),
    skipped: pages.reduce((sum, { skipped }) => sum + skipped, 0),
  };
}

/**
 * A tree that lies in memory: built-in data, one downloaded file, tests.
 *
 * @param files Contents by path, with `/` and without a leading one.
 * @returns The tree.
 */
export function memoryTree(files: Readonly<Record<string, string | Uint8Array>>): SourceTree {
  const contents = new Map<string, Uint8Array>();
  const folders = new Map<string, Map<string, TreeEntry>>();
  for (const [path, content] of Object.entries(files)) {
    contents.set(path, typeof content === "string" ? new TextEncoder().encode(content) : content);
    const parts = path.split("/");
    parts.forEach((name, index) => {
      const folder = parts.slice(0, index).join("/");
      const names = folders.get(folder) ?? new Map<string, TreeEntry>();
      names.set(name, { name, kind: index === parts.length - 1 ? "file" : "directory" });
      folders.set(folder, names);
    });
  }
  return {
    list: (path) => Promise.resolve([...folders.get(path)?.values() ?? []]),
    read: (path, { maxBytes }) => {
      const content = contents.get(path);
      return content !== undefined && content.byteLength > maxBytes
        ? Promise.reject(
          new AppError("TOO_LARGE", `Cannot read "${path}": it is larger than ${maxBytes} bytes`),
        )
        : Promise.resolve(content);
    },
  };
}

/**
 * A folder of a disk as a tree.
 *
 * @param disk Lists and reads; its errors pass through.
 * @param folder The tree's root, as a path on the disk.
 * @returns The tree.
 */
export function folderTree(disk: Pick<Disk, "list" | "read">, folder: string): SourceTree {
  const inside = (path: string) => path === "" ? folder : `${folder}/${path}`;
  return {
    list: (path) => disk.list(inside(path)),
    read: (path, options) => disk.read(inside(path), options),
  };
}

/**
 * Decodes a file as UTF-8, without a byte order mark.
 *
 * @param bytes The file.
 * @returns The text; broken sequences become U+FFFD.
 */
export function decodeText(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/**
 * Config files in memory, for tests. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { AppError } from "../../lib/core/errors.ts";
import type { ConfigFiles } from "../../lib/core/host.ts";
import { bytesOf } from "./texts.ts";

/** Files by absolute path, and folders that are there without one. */
export class MemoryFiles implements ConfigFiles {
  readonly #files = new Map<string, Uint8Array<ArrayBuffer>>();
  readonly #folders = new Set<string>();
  /** Called before each change, as another program would come in between. */
  beforeReplace: () => void = () => {};
  /** Paths that may not be read or written. */
  readonly denied = new Set<string>();
  /** How many changes were tried. */
  replaced = 0;

  /** @param files Texts by path; `undefined` makes a folder. */
  constructor(files: Readonly<Record<string, string | undefined>> = {}) {
    for (const [path, text] of Object.entries(files)) {
      if (text === undefined) this.#folders.add(path);
      else this.set(path, text);
    }
  }

  /** Writes a file, as its owner does. */
  set(path: string, text: string): void {
    this.#files.set(path, bytesOf(text));
  }

  /** The text of a file. */
  text(path: string): string | undefined {
    const bytes = this.#files.get(path);
    return bytes && new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  }

  /** All paths of files. */
  get paths(): readonly string[] {
    return [...this.#files.keys()].sort();
  }

  read(path: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return Promise.try(() => {
      this.#check(path);
      return this.#files.get(path)?.slice();
    });
  }

  kind(path: string): Promise<"file" | "directory" | undefined> {
    return Promise.try(() => {
      this.#check(path);
      if (this.#files.has(path)) return "file";
      const isAbove = this.paths.some((file) =>
        /^[/\\]/.test(file.slice(path.length)) && file.startsWith(path)
      );
      return isAbove || this.#folders.has(path) ? "directory" : undefined;
    });
  }

  names(path: string): Promise<readonly string[]> {
    return Promise.resolve(
      this.paths.filter((file) => file.startsWith(path)).map((file) => file.slice(path.length + 1))
        .filter((name) => !/[/\\]/.test(name)),
    );
  }

  replace(
    path: string,
    { expected, bytes, backup }: Parameters<ConfigFiles["replace"]>[1],
  ): Promise<boolean> {
    return Promise.try(() => {
      this.replaced++;
      this.beforeReplace();
      this.#check(path);
      const now = this.#files.get(path);
      if (
        now === undefined || expected === undefined ? now !== expected : `${now}` !== `${expected}`
      ) {
        return false;
      }
      if (now !== undefined) {
        assert.ok(!this.#files.has(backup), "a backup is never written over");
        this.#files.set(backup, now);
      }
      if (bytes === undefined) this.#files.delete(path);
      else this.#files.set(path, new Uint8Array(bytes));
      return true;
    });
  }

  #check(path: string): void {
    if (!this.denied.has(path)) return;
    throw new AppError("PERMISSION_MISSING", `Cannot read "${path}": not allowed`, {
      hint: `Start Wharf with --allow-read=${path}`,
    });
  }
}

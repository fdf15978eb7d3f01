/**
 * What every {@linkcode Disk} does, as tests: the one in memory and the real one must not differ
 * for those who use them. Needs what the disk under test needs.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { Disk } from "../lib/core/host.ts";

const LIMITS = { maxBytes: 100 };
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

async function textOf(disk: Disk, path: string): Promise<string | undefined> {
  const bytes = await disk.read(path, LIMITS);
  return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
}

async function namesIn(disk: Disk, path: string): Promise<string[]> {
  return (await disk.list(path)).map(({ name, kind }) => `${kind} ${name}`).sort();
}

/** The behaviour, by the words that follow the name of the disk in the name of a test. */
export const DISK_CONTRACT: Readonly<Record<string, (disk: Disk) => Promise<void>>> = {
  "read() gives what write() wrote, and nothing where nothing was written": async (disk) => {
    assert.equal(await disk.read("a.json", LIMITS), undefined);
    await disk.write("a.json", bytesOf("one"));
    assert.equal(await textOf(disk, "a.json"), "one");
    await disk.write("a.json", bytesOf("2"));
    assert.equal(await textOf(disk, "a.json"), "2");
    await disk.write("a.json", new Uint8Array());
    assert.equal(await textOf(disk, "a.json"), "");
    assert.equal(await disk.read("missing/folder/a.json", LIMITS), undefined);
    assert.equal(await disk.read("a.json/below/a/file", LIMITS), undefined);
  },
  "read() gives bytes of its own, and write() keeps its own": async (disk) => {
    const written = bytesOf("one");
    await disk.write("a", written);
    written.fill(0);
    (await disk.read("a", LIMITS))?.fill(0);
    assert.equal(await textOf(disk, "a"), "one");
  },
  "read() refuses a file over the limit": async (disk) => {
    await disk.write("a", new Uint8Array(100));
    assert.equal((await disk.read("a", { maxBytes: 100 }))?.byteLength, 100);
    await assert.rejects(disk.read("a", { maxBytes: 99 }), { code: "TOO_LARGE", message: /99/ });
  },
  "write() makes folders, list() shows them": async (disk) => {
    await disk.write("x/y/one", bytesOf("1"));
    await disk.write("x/y/two", bytesOf("22"));
    await disk.write("x/three", bytesOf("333"));
    assert.deepEqual(await namesIn(disk, ""), ["directory x"]);
    assert.deepEqual(await namesIn(disk, "."), ["directory x"]);
    assert.deepEqual(await namesIn(disk, "x"), ["directory y", "file three"]);
    assert.deepEqual(await namesIn(disk, "x/y"), ["file one", "file two"]);
    assert.deepEqual(await disk.list("missing"), []);
    const sizes = (await disk.list("x/y")).map(({ name, sizeBytes }) => [name, sizeBytes]);
    assert.deepEqual(Object.fromEntries(sizes), { one: 1, two: 2 });
  },
  "rename() moves, replaces, makes folders and does not mind a missing source": async (disk) => {
    await disk.write("a", bytesOf("a"));
    await disk.write("b", bytesOf("b"));
    await disk.rename("a", "b");
    assert.equal(await textOf(disk, "b"), "a");
    assert.equal(await disk.read("a", LIMITS), undefined);
    await disk.rename("b", "new/folder/c");
    assert.equal(await textOf(disk, "new/folder/c"), "a");
    await disk.rename("missing", "new/folder/c");
    assert.equal(await textOf(disk, "new/folder/c"), "a");
    await disk.rename("new", "newer");
    assert.equal(await textOf(disk, "newer/folder/c"), "a");
    assert.deepEqual(await namesIn(disk, ""), ["directory newer"]);
  },
  "remove() takes a file, a folder with all in it, and does not mind a missing one": async (
    disk,
  ) => {
    await disk.write("keep", bytesOf("1"));
    await disk.write("x/one", bytesOf("1"));
    await disk.write("x/y/two", bytesOf("1"));
    await disk.write("xylophone", bytesOf("1"));
    await disk.remove("x");
    await disk.remove("keep");
    await disk.remove("missing");
    assert.deepEqual(await namesIn(disk, ""), ["file xylophone"]);
  },
  "every path stays inside of the root": async (disk) => {
    const paths = [
      "",
      "..",
      "../x",
      "a/../../x",
      "a/..",
      "./a",
      "a//b",
      "/etc/passwd",
      "a/",
      "a\\..\\b",
      "C:x",
      "a\0b",
    ];
    for (const path of paths) {
      const refused = { code: "INVALID_ARGUMENT" };
      await assert.rejects(disk.read(path, LIMITS), refused, `read ${path}`);
      await assert.rejects(disk.write(path, bytesOf("x")), refused, `write ${path}`);
      await assert.rejects(disk.remove(path), refused, `remove ${path}`);
      await assert.rejects(disk.rename(path, "b"), refused, `rename from ${path}`);
      await assert.rejects(disk.rename("a", path), refused, `rename to ${path}`);
      await assert.rejects(disk.lock(path), refused, `lock ${path}`);
      if (path !== "") await assert.rejects(disk.list(path), refused, `list ${path}`);
    }
    assert.deepEqual(await disk.list(""), []);
  },
  "lock() lets one holder in, waits for its end, and can be given up": async (disk) => {
    const order: string[] = [];
    const first = await disk.lock("state.lock");
    const second = disk.lock("state.lock").then((lock) => {
      order.push("second");
      return lock;
    });
    const impatient = new AbortController();
    const third = assert.rejects(disk.lock("state.lock", impatient.signal), { code: "CANCELLED" });
    // Another name is another lock.
    await (await disk.lock("other.lock"))[Symbol.asyncDispose]();
    impatient.abort();
    await third;
    order.push("first ends");
    await first[Symbol.asyncDispose]();
    await first[Symbol.asyncDispose]();
    const held = await second;
    assert.deepEqual(order, ["first ends", "second"]);
    await held[Symbol.asyncDispose]();
    await (await disk.lock("state.lock"))[Symbol.asyncDispose]();
    await assert.rejects(disk.lock("state.lock", AbortSignal.abort()), { code: "CANCELLED" });
  },
};

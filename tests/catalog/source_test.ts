import assert from "node:assert/strict";
import { AppError } from "../../lib/core/errors.ts";
import { MemoryDisk } from "../../lib/core/memory_disk.ts";
import {
  applyPages,
  decodeText,
  folderTree,
  Harvest,
  memoryTree,
} from "../../lib/catalog/source.ts";
import { makeEntry } from "./make.ts";

Deno.test("Harvest lets a bad record cost itself only", () => {
  const harvest = new Harvest();
  harvest.record("a", () => makeEntry("ours/a"));
  harvest.record("b", () => {
    throw new AppError("BAD_RESPONSE", 'Cannot read "b": it is broken');
  });
  harvest.record("c", () => undefined);
  harvest.record("d", () => makeEntry("ours/A"));
  harvest.skip();
  const { entries, problems, skipped } = harvest.finish();
  assert.deepEqual(entries.map(({ id }) => id), ["ours/a"]);
  assert.deepEqual(problems, [
    { where: "b", reason: 'Cannot read "b": it is broken' },
    { where: "d", reason: 'Cannot add "ours/A": an earlier record has the same id' },
  ]);
  assert.equal(skipped, 2);
});

Deno.test("Harvest passes a cancel and a fault of Wharf's own on", () => {
  const harvest = new Harvest();
  const abort = new DOMException("stop", "AbortError");
  assert.throws(() => harvest.fail("a", abort), (thrown) => thrown === abort);
  assert.throws(() =>
    harvest.record("a", () => {
      throw new TypeError("a bug");
    }), TypeError);
});

Deno.test("applyPages() replaces, adds and removes by id", () => {
  const old = [makeEntry("official/a"), makeEntry("official/b"), makeEntry("official/c")];
  const page = (entries: readonly ReturnType<typeof makeEntry>[], removed: readonly string[]) => ({
    entries,
    removed,
    problems: [{ where: "x", reason: "y" }],
    skipped: 1,
  });
  const newer = makeEntry("official/A", { title: "newer" });
  const result = applyPages(old, [
    page([newer, makeEntry("official/d")], ["official/B"]),
    page([], ["official/nobody"]),
  ]);
  assert.deepEqual(result.entries.map(({ id, title }) => [id, title]), [
    ["official/A", "newer"],
    ["official/c", "c"],
    ["official/d", "d"],
  ]);
  assert.equal(result.problems.length, 2);
  assert.equal(result.skipped, 2);
});

Deno.test("memoryTree() lists folders and bounds reads", async () => {
  const tree = memoryTree({ "a/b.txt": "\uFEFFhello", "c.bin": new Uint8Array(3) });
  assert.deepEqual(await tree.list(""), [
    { name: "a", kind: "directory" },
    { name: "c.bin", kind: "file" },
  ]);
  assert.deepEqual(await tree.list("a"), [{ name: "b.txt", kind: "file" }]);
  assert.deepEqual(await tree.list("nowhere"), []);
  const bytes = await tree.read("a/b.txt", { maxBytes: 8 });
  assert.equal(bytes && decodeText(bytes), "hello");
  assert.equal(await tree.read("nowhere", { maxBytes: 1 }), undefined);
  await assert.rejects(
    tree.read("c.bin", { maxBytes: 2 }),
    (thrown) => thrown instanceof AppError && thrown.code === "TOO_LARGE",
  );
});

Deno.test("folderTree() reads a folder of a disk and nothing beside it", async () => {
  const disk = new MemoryDisk();
  await disk.write("clone/servers/a/server.yaml", new Uint8Array([1]));
  await disk.write("secret", new Uint8Array([2]));
  const tree = folderTree(disk, "clone");
  assert.deepEqual((await tree.list("")).map(({ name, kind }) => [name, kind]), [
    ["servers", "directory"],
  ]);
  assert.deepEqual(await tree.read("servers/a/server.yaml", { maxBytes: 1 }), new Uint8Array([1]));
  await assert.rejects(tree.read("../secret", { maxBytes: 1 }));
});

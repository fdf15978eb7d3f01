import assert from "node:assert/strict";
import { PackShelf, repositoryKey } from "../../lib/catalog/git_shelf.ts";
import { AppError } from "../../lib/core/errors.ts";
import { MemoryDisk } from "../../lib/core/memory_disk.ts";
import { FakeLog } from "../fake_log.ts";

const KEY = "k";
const [FIRST, SECOND] = ["1".repeat(40), "2".repeat(40)];
const pack = (byte: number) => new Uint8Array([byte]);

function shelfOn(disk: MemoryDisk, log = new FakeLog()): PackShelf {
  return new PackShelf({ disk, log }, KEY);
}

Deno.test("repositoryKey() is the same with and without a slash at the end", () => {
  const key = repositoryKey(new URL("https://git.example/a"));
  assert.match(key, /^[0-9a-f]{64}$/);
  assert.equal(repositoryKey(new URL("https://git.example/a/")), key);
  assert.notEqual(repositoryKey(new URL("https://git.example/b")), key);
});

Deno.test("PackShelf gives what was added, the oldest first", async () => {
  const disk = new MemoryDisk();
  const shelf = shelfOn(disk);
  assert.equal(await shelf.load(), undefined);
  await shelf.add(FIRST, [pack(0)]);
  for (let index = 1; index <= 10; index++) await shelf.add(FIRST, [pack(index)]);
  const again = shelfOn(disk);
  assert.equal((await again.load())?.commit, FIRST);
  await again.add(SECOND, [pack(11)]);
  assert.deepEqual(await shelfOn(disk).load(), {
    commit: SECOND,
    packs: Array.from({ length: 12 }, (_, index) => pack(index)),
  });
});

Deno.test("PackShelf gives nothing when there are too many packs, and begins anew", async () => {
  const disk = new MemoryDisk();
  const shelf = shelfOn(disk);
  for (let index = 0; index < 13; index++) await shelf.add(FIRST, [pack(index)]);
  const full = shelfOn(disk);
  assert.equal(await full.load(), undefined);
  await full.clear();
  assert.deepEqual(await disk.list("git"), []);
  await full.add(SECOND, [pack(1)]);
  assert.deepEqual(await shelfOn(disk).load(), { commit: SECOND, packs: [pack(1)] });
});

Deno.test("PackShelf gives nothing without a whole note of the commit", async () => {
  for (const note of ["", FIRST.slice(1), `${FIRST}\n`, "x".repeat(40), "x".repeat(500)]) {
    const disk = new MemoryDisk();
    await shelfOn(disk).add(FIRST, [pack(1)]);
    await disk.write(`git/${KEY}.packs/commit`, new TextEncoder().encode(note));
    assert.equal(await shelfOn(disk).load(), undefined, note);
  }
});

Deno.test("PackShelf takes a disk that fails for an empty one, and says so", async () => {
  const log = new FakeLog();
  const full = () => Promise.reject(new AppError("UNAVAILABLE", "Cannot write: the disk is full"));
  const disk = new MemoryDisk();
  const broken = Object.assign(new MemoryDisk(), { write: full, list: full, remove: full });
  const shelf = new PackShelf({ disk: broken, log }, KEY);
  await shelf.add(FIRST, [pack(1)]);
  await shelf.clear();
  assert.equal(await shelf.load(), undefined);
  assert.deepEqual(log.records.map(({ level, fields }) => [level, fields["reason"]]), [
    ["warn", "Cannot write: the disk is full"],
    ["warn", "Cannot write: the disk is full"],
    ["warn", "Cannot write: the disk is full"],
  ]);
  assert.equal(await shelfOn(disk).load(), undefined);
});

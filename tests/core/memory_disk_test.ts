import assert from "node:assert/strict";
import { MemoryDisk } from "../../lib/core/memory_disk.ts";
import { DISK_CONTRACT } from "../disk_contract.ts";

for (const [name, check] of Object.entries(DISK_CONTRACT)) {
  Deno.test(`MemoryDisk ${name}`, () => check(new MemoryDisk()));
}

Deno.test("MemoryDisk list() tells the order of writes", async () => {
  const disk = new MemoryDisk();
  for (const name of ["a", "b", "c", "a"]) await disk.write(name, new Uint8Array(1));
  const entries = (await disk.list("")).toSorted((a, b) => a.modifiedMs - b.modifiedMs);
  assert.deepEqual(entries.map(({ name }) => name), ["b", "c", "a"]);
});

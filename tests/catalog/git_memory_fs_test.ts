import assert from "node:assert/strict";
import { MemoryFs } from "../../lib/catalog/git_memory_fs.ts";

Deno.test("MemoryFs gives files back, as bytes or as a text", async () => {
  const fs = new MemoryFs();
  await fs.mkdir("/r");
  await fs.writeFile("/r/objects/a", new Uint8Array([104, 105]));
  await fs.writeFile("/r/HEAD", "hi");
  assert.deepEqual(await fs.readFile("/r/objects/a"), new Uint8Array([104, 105]));
  assert.equal(await fs.readFile("/r/objects/a", "utf8"), "hi");
  assert.equal(await fs.readFile("/r/HEAD", { encoding: "utf8" }), "hi");
  assert.deepEqual((await fs.readdir("/r")).sort(), ["HEAD", "objects"]);
  await fs.unlink("/r/HEAD");
  await fs.rmdir("/r/none");
  assert.deepEqual(await fs.readdir("/r"), ["objects"]);
});

Deno.test("MemoryFs tells files from folders", async () => {
  const fs = new MemoryFs();
  await fs.writeFile("/r/a", "abc");
  const [file, folder] = [await fs.stat("/r/a"), await fs.lstat("/r")];
  assert.deepEqual([file.isFile(), file.isDirectory(), file.size], [true, false, 3]);
  assert.deepEqual([folder.isFile(), folder.isDirectory(), folder.size], [false, true, 0]);
  assert.equal(file.isSymbolicLink(), false);
});

Deno.test("MemoryFs says ENOENT for what is missing, and has no links", async () => {
  const fs = new MemoryFs();
  const actions = [
    fs.readFile("/x"),
    fs.unlink("/x"),
    fs.readdir("/x"),
    fs.stat("/x"),
    fs.readlink("/x"),
  ];
  for (const action of actions) await assert.rejects(action, { code: "ENOENT" });
  await assert.rejects(fs.symlink("/etc/passwd", "/x"), { code: "EPERM" });
});

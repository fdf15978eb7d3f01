import assert from "node:assert/strict";
import fc from "fast-check";
import { GitTreeBuilder, isPlainPath } from "../../lib/catalog/git_tree.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const FILE = { mode: "100644", sizeBytes: 3 };

Deno.test("isPlainPath() refuses what would be dangerous on a disk", () => {
  const hostile = [
    "",
    "/etc/passwd",
    "..",
    "../x",
    "a/../../x",
    "a/./b",
    "a//b",
    "a/",
    ".git",
    ".git/config",
    "a/.GIT/hooks/post-checkout",
    ".git. /config",
    "GIT~1/config",
    "..\\x",
    "C:\\x",
    "a\nb",
    "a\u0000b",
    "a\u009bb",
    "broken-\ufffd",
    "n".repeat(256),
    "a/".repeat(600) + "b",
    "d/".repeat(32) + "file",
  ];
  for (const path of hostile) assert.equal(isPlainPath(path), false, JSON.stringify(path));
  const plain = ["a", ".github/x", ".gitignore", "...", "a b/ä.md", "git~x", "__proto__/x", "-rf"];
  for (const path of plain) assert.equal(isPlainPath(path), true, path);
});

Deno.test("isPlainPath() never lets a path out of a root", () => {
  const part = fc.constantFrom("..", ".", "", "a", ".git", "\\", "/", "b");
  fc.assert(
    fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
      const path = parts.join("/");
      if (!isPlainPath(path)) return;
      const url = new URL(path, "file:///root/");
      assert.ok(url.pathname.startsWith("/root/") && url.pathname !== "/root/");
    }),
    { seed: 7, numRuns: 500 },
  );
});

Deno.test("GitTreeBuilder gives a tree of the files that it admitted", async () => {
  const builder = new GitTreeBuilder();
  for (
    const path of ["README.md", "servers/a/server.yaml", "servers/b/server.yaml", "__proto__/x"]
  ) {
    assert.ok(builder.admits(path, FILE));
    builder.add(path, encode("abc"));
  }
  const { tree, leftOut } = builder.finish();
  assert.equal(leftOut, 0);
  assert.deepEqual(await tree.list(""), [
    { name: "README.md", kind: "file" },
    { name: "servers", kind: "directory" },
    { name: "__proto__", kind: "directory" },
  ]);
  assert.deepEqual(await tree.list("servers"), [
    { name: "a", kind: "directory" },
    { name: "b", kind: "directory" },
  ]);
  assert.deepEqual(await tree.list("missing"), []);
  assert.deepEqual(await tree.read("servers/a/server.yaml", { maxBytes: 3 }), encode("abc"));
  assert.equal(await tree.read("servers", { maxBytes: 3 }), undefined);
  await assert.rejects(
    tree.read("README.md", { maxBytes: 2 }),
    { code: "TOO_LARGE", message: 'Cannot read "README.md": it is larger than 2 bytes' },
  );
});

Deno.test("GitTreeBuilder leaves out and counts what is no plain small file", async () => {
  const builder = new GitTreeBuilder({ maxFiles: 10, maxTotalBytes: 100, maxFileBytes: 10 });
  assert.equal(builder.admits("../x", FILE), false);
  assert.equal(builder.admits("link", { mode: "120000", sizeBytes: 11 }), false);
  assert.equal(builder.admits("module", { mode: "160000", sizeBytes: undefined }), false);
  assert.equal(builder.admits("large", { mode: "100644", sizeBytes: 11 }), false);
  assert.equal(builder.admits("kept-back", { mode: "100644", sizeBytes: undefined }), false);
  assert.equal(builder.admits("tool", { mode: "100755", sizeBytes: 10 }), true);
  builder.add("tool", encode("run"));
  builder.leaveOut();
  const { tree, leftOut } = builder.finish();
  assert.equal(leftOut, 6);
  assert.deepEqual(await tree.list(""), [{ name: "tool", kind: "file" }]);
});

Deno.test("GitTreeBuilder keeps the first of two entries with one name", async () => {
  const builder = new GitTreeBuilder();
  builder.add("a", encode("first"));
  builder.add("a", encode("second"));
  builder.add("a/b", encode("below a file"));
  builder.add("c/d", encode("below a folder"));
  builder.add("c", encode("over a folder"));
  const { tree, leftOut } = builder.finish();
  assert.equal(leftOut, 3);
  assert.deepEqual(await tree.read("a", { maxBytes: 9 }), encode("first"));
  assert.equal(await tree.read("a/b", { maxBytes: 99 }), undefined);
  assert.deepEqual(await tree.list("a"), []);
  assert.deepEqual((await tree.list("c")).map(({ name }) => name), ["d"]);
});

Deno.test("GitTreeBuilder refuses a repository with too many files or bytes", () => {
  const few = new GitTreeBuilder({ maxFiles: 2, maxTotalBytes: 100, maxFileBytes: 10 });
  few.admits("1", FILE);
  few.admits("2", FILE);
  assert.throws(() => few.admits("3", FILE), {
    code: "TOO_LARGE",
    message: "Cannot read the git repository: it has more than 2 files",
  });
  const small = new GitTreeBuilder({ maxFiles: 10, maxTotalBytes: 5, maxFileBytes: 10 });
  small.admits("1", FILE);
  assert.throws(() => small.admits("2", FILE), { code: "TOO_LARGE", message: /5 bytes together/ });
});

import assert from "node:assert/strict";
import { file, link, submodule } from "./git_repository.ts";
import { noise, scene, textsOf } from "./git_world.ts";

function servers(count: number, version = "1"): ReturnType<typeof file>[] {
  return Array.from(
    { length: count },
    (_, index) =>
      file(
        `servers/s${index}/server.yaml`,
        `name: s${index}\nversion: ${index === 0 ? version : 1}\n`,
      ),
  );
}

scene("the first fetch gives the commit, its date and its files", async (world) => {
  const repository = await world.server.create("catalogue");
  const commit = await repository.commit([
    file("README.md", "hello"),
    file("servers/a/server.yaml", "name: a"),
    file("servers/b/tools.json", "[]"),
    { ...file("bin/tool", "#!/bin/sh"), mode: "100755" },
    file("empty", ""),
  ]);
  const notes: string[] = [];
  const found = await world.fetch("catalogue", { progress: ({ message }) => notes.push(message) });
  assert.ok(found !== undefined);
  assert.equal(found.commit, commit);
  assert.equal(found.committedAt, "2023-11-14T22:13:20.000Z");
  assert.equal(found.leftOut, 0);
  assert.deepEqual(await textsOf(found.tree), {
    "README.md": "hello",
    "bin/tool": "#!/bin/sh",
    "empty": "",
    "servers/a/server.yaml": "name: a",
    "servers/b/tools.json": "[]",
  });
  assert.match(notes.join("\n"), /^Asking 127\.0\.0\.1.*\nFetching commit [0-9a-f]{12} from/);
  assert.deepEqual(world.server.requests.map(({ line }) => line), [
    "GET /catalogue.git/info/refs?service=git-upload-pack",
    "POST /catalogue.git/git-upload-pack",
  ]);
});

scene("only the folders that are needed are read", async (world) => {
  const repository = await world.server.create("catalogue");
  await repository.commit([
    file("README.md", "hello"),
    file("servers/a/server.yaml", "name: a"),
    file("servers-old/b", "b"),
    file("docs/deep/x.md", "x"),
    file("docs/y.md", "y"),
    file("-rf/x", "option?"),
    file(":(top)x/y", "magic?"),
  ]);
  const folders = ["servers", "docs/deep", "missing", "-rf", ":(top)x"];
  assert.deepEqual(await world.files("catalogue", { folders }), {
    "-rf/x": "option?",
    ":(top)x/y": "magic?",
    "docs/deep/x.md": "x",
    "servers/a/server.yaml": "name: a",
  });
  for (const folder of ["../x", "/etc", "a/../b", ""]) {
    await assert.rejects(world.fetch("catalogue", { folders: [folder] }), {
      code: "INVALID_ARGUMENT",
    });
  }
});

scene("an unchanged remote costs one request and no file", async (world) => {
  const repository = await world.server.create("catalogue");
  const knownCommit = await repository.commit(servers(3));
  // References of pull requests, as forges have by the thousand, are not read to their end.
  const refs = Array.from(
    { length: 5000 },
    (_, n) => `create refs/pull/${n}/head ${knownCommit}\n`,
  );
  await repository.git(["update-ref", "--stdin"], refs.join(""));
  assert.equal(await world.fetch("catalogue", { knownCommit }), undefined);
  assert.deepEqual(world.server.requests.map(({ line }) => line), [
    "GET /catalogue.git/info/refs?service=git-upload-pack",
  ]);
  assert.deepEqual(await world.kept(), []);
});

scene("a new commit costs what is new, after a restart too", async (world) => {
  const repository = await world.server.create("catalogue");
  const large = file("servers/large.bin", noise(500_000));
  await repository.commit([...servers(50), large]);
  assert.equal(Object.keys(await world.files("catalogue")).length, 51);
  const whole = world.server.sentBytes;
  assert.ok(whole > 500_000);

  world.restart();
  world.server.forget();
  const next = await repository.commit([...servers(50, "2"), large], { seconds: 1_700_000_100 });
  const found = await world.fetch("catalogue");
  assert.equal(found?.commit, next);
  assert.equal(found?.committedAt, "2023-11-14T22:15:00.000Z");
  const texts = await textsOf(found.tree);
  assert.equal(Object.keys(texts).length, 51);
  assert.equal(texts["servers/s0/server.yaml"], "name: s0\nversion: 2\n");
  assert.ok(world.server.sentBytes < 10_000, `${world.server.sentBytes} bytes`);

  // What is on the disk already needs no pack at all.
  world.restart();
  world.server.forget();
  assert.equal(Object.keys(await world.files("catalogue")).length, 51);
  assert.equal(world.server.requests.length, 1);
});

scene("many commits in a row stay readable and do not pile up", async (world) => {
  const repository = await world.server.create("catalogue");
  for (let version = 0; version < 25; version++) {
    await repository.commit(servers(5, `${version}`));
    const texts = await world.files("catalogue");
    assert.equal(texts["servers/s0/server.yaml"], `name: s0\nversion: ${version}\n`);
  }
  const packs = (await world.kept()).filter((path) => path.endsWith(".pack"));
  assert.ok(packs.length <= 21, `${packs.length} packs`);
});

scene("a forced push replaces the history", async (world) => {
  const repository = await world.server.create("catalogue");
  await repository.commit(servers(3));
  await world.fetch("catalogue");
  const forced = await repository.commit([file("other", "history")], { orphan: true });
  await repository.git(["reflog", "expire", "--expire=all", "--all"]);
  await repository.git(["gc", "--quiet", "--prune=now"]);
  const found = await world.fetch("catalogue");
  assert.equal(found?.commit, forced);
  assert.deepEqual(await textsOf(found.tree), { other: "history" });
});

scene("a renamed default branch is followed", async (world) => {
  const repository = await world.server.create("catalogue");
  await repository.commit(servers(1));
  await world.fetch("catalogue");
  await repository.git(["branch", "-m", "main", "trunk"]);
  await repository.git(["symbolic-ref", "HEAD", "refs/heads/trunk"]);
  const commit = await repository.commit([file("a", "trunk")], { branch: "trunk" });
  assert.equal((await world.fetch("catalogue"))?.commit, commit);
});

scene("a default branch that is gone is an error, unless one branch is left", async (world) => {
  const repository = await world.server.create("catalogue");
  const first = await repository.commit([file("a", "main")]);
  await world.fetch("catalogue");
  await repository.commit([file("a", "one")], { branch: "one" });
  await repository.commit([file("a", "two")], { branch: "two" });
  await repository.git(["update-ref", "-d", "refs/heads/main"]);
  await assert.rejects(world.fetch("catalogue"), {
    code: "NOT_FOUND",
    message: /its default branch does not exist$/,
  });
  await repository.git(["update-ref", "-d", "refs/heads/two"]);
  assert.deepEqual(await world.files("catalogue"), { a: "one" });
  await repository.git(["update-ref", "-d", "refs/heads/one"]);
  await assert.rejects(world.fetch("catalogue"), { code: "NOT_FOUND", message: /has no branch$/ });
  await repository.git(["update-ref", "refs/heads/main", first]);
  assert.deepEqual(await world.files("catalogue"), { a: "main" });
});

scene("a detached HEAD is a commit like any other", async (world) => {
  const repository = await world.server.create("catalogue");
  const commit = await repository.commit([file("a", "1")]);
  await repository.git(["update-ref", "--no-deref", "HEAD", commit]);
  await repository.git(["update-ref", "-d", "refs/heads/main"]);
  assert.deepEqual(await world.files("catalogue"), { a: "1" });
});

scene("a repository that is not there is not found", async (world) => {
  await assert.rejects(world.fetch("missing"), {
    code: "NOT_FOUND",
    message: /Cannot fetch ".*missing\.git": there is no such repository/,
  });
});

scene("a server without filters gives the same", async (world) => {
  const repository = await world.server.create("catalogue", { filter: false });
  await repository.commit([file("small", "1"), file("large", noise(5 * 1024 * 1024))]);
  const found = await world.fetch("catalogue");
  assert.equal(found?.leftOut, 1);
  assert.deepEqual(await textsOf(found.tree), { small: "1" });
  assert.ok(world.server.sentBytes > 5 * 1024 * 1024);
});

scene("links and submodules are left out", async (world) => {
  const repository = await world.server.create("catalogue");
  await repository.commit([
    file("servers/a/server.yaml", "name: a"),
    link("servers/b", "/etc/passwd"),
    link("servers/c", "../../../../etc"),
    submodule("servers/d"),
    file(".gitmodules", '[submodule "d"]\npath = servers/d\nurl = ext::sh -c "touch /tmp/x"\n'),
  ]);
  const found = await world.fetch("catalogue");
  assert.equal(found?.leftOut, 3);
  assert.deepEqual(Object.keys(await textsOf(found.tree)), [
    ".gitmodules",
    "servers/a/server.yaml",
  ]);
});

scene("hostile names are left out and never reach the disk", async (world) => {
  const repository = await world.server.create("catalogue");
  const id = await repository.blob("evil");
  const below = await repository.rawTree([{ name: "evil-file", mode: "100644", id }]);
  const inside = await repository.rawTree([
    { name: "good", mode: "100644", id },
    ...["../evil-file", "/evil-file", "..", ".", "a\\evil-file", "evil-file\n", "x//evil-file"]
      .map((name) => ({ name, mode: "100644", id })),
    { name: new Uint8Array([0x65, 0xff, 0xfe]), mode: "100644", id },
    { name: "evil-file".repeat(40), mode: "100644", id },
    { name: ".git", mode: "40000", id: below },
    { name: ".GIT ", mode: "40000", id: below },
    { name: "git~1", mode: "40000", id: below },
    { name: "..", mode: "40000", id: below },
    { name: "sub/../../evil", mode: "40000", id: below },
  ]);
  const commit = await repository.commit(
    await repository.rawTree([{ name: "servers", mode: "40000", id: inside }]),
  );
  const found = await world.fetch("catalogue");
  assert.equal(found?.commit, commit);
  assert.deepEqual(await textsOf(found.tree), { "servers/good": "evil" });
  assert.equal(found.leftOut, 14);
  assert.deepEqual((await world.kept()).filter((path) => path.includes("evil")), []);
});

scene("a file of 100 MB is left out without being fetched", async (world) => {
  const repository = await world.server.create("catalogue");
  await repository.commit([
    file("servers/a", "a"),
    file("servers/zeros", new Uint8Array(100_000_000)),
  ]);
  const found = await world.fetch("catalogue");
  assert.equal(found?.leftOut, 1);
  assert.deepEqual(await textsOf(found.tree), { "servers/a": "a" });
  assert.ok(world.server.sentBytes < 10_000);
});

scene("a decompression bomb is refused", async (world) => {
  const repository = await world.server.create("catalogue", { filter: false });
  await repository.commit([file("a", "a")]);
  const known = await world.fetch("catalogue");
  await repository.commit([file("zeros", new Uint8Array(140 * 1024 * 1024))]);
  await assert.rejects(world.fetch("catalogue"), {
    code: "TOO_LARGE",
    message: /an object in it is larger than 134217728 bytes/,
  });
  await repository.git(["update-ref", "refs/heads/main", known?.commit ?? ""]);
  assert.deepEqual(await world.files("catalogue"), { a: "a" });
});

scene("too many files, or too many bytes, are refused", async (world) => {
  const repository = await world.server.create("catalogue");
  const id = await repository.blob("x");
  const names = Array.from({ length: 20_001 }, (_, n) => ({ name: `f${n}`, mode: "100644", id }));
  await repository.commit(
    await repository.rawTree(names.toSorted((a, b) => a.name < b.name ? -1 : 1)),
  );
  await assert.rejects(world.fetch("catalogue"), {
    code: "TOO_LARGE",
    message: /more than 20000 files/,
  });
  const zeros = await repository.blob(new Uint8Array(4 * 1024 * 1024));
  const large = Array.from(
    { length: 17 },
    (_, n) => ({ name: `f${10 + n}`, mode: "100644", id: zeros }),
  );
  await repository.commit(await repository.rawTree(large));
  await assert.rejects(world.fetch("catalogue"), {
    code: "TOO_LARGE",
    message: /larger than 67108864 bytes together/,
  });
});

scene("folders that hold themselves many times, or lie very deep, are refused", async (world) => {
  const repository = await world.server.create("catalogue");
  const id = await repository.blob("x");
  let tree = await repository.rawTree([{ name: "f", mode: "100644", id }]);
  for (let level = 0; level < 9; level++) {
    tree = await repository.rawTree(
      Array.from({ length: 10 }, (_, n) => ({ name: `d${n}`, mode: "40000", id: tree })),
    );
  }
  await repository.commit(tree);
  await assert.rejects(world.fetch("catalogue"), { code: "TOO_LARGE" });
  await repository.commit([file(`${"d/".repeat(40)}f`, "deep"), file("g", "flat")]);
  const found = await world.fetch("catalogue");
  assert.equal(found?.leftOut, 1);
  assert.deepEqual(await textsOf(found.tree), { g: "flat" });
});

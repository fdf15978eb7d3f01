/**
 * Config files on a real disk: modes, links, other writers, missing permissions. Needs read and
 * write permission for a temporary directory, and run permission for deno.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { ConfigFiles } from "../../lib/core/host.ts";
import { openConfigFiles } from "../../lib/host/config_files.ts";
import { ask } from "./host_child.ts";

const LIMITS = { maxBytes: 1024 };
const posix = Deno.build.os !== "windows";
const files: ConfigFiles = openConfigFiles();

async function temporary(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.realPath(await Deno.makeTempDir({ prefix: "wharf-test-" }));
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

function bytes(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

async function namesIn(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();
}

async function modeOf(path: string): Promise<number> {
  return ((await Deno.stat(path)).mode ?? 0) & 0o777;
}

Deno.test("openConfigFiles() changes a file, keeps a copy, and leaves nothing else behind", async () => {
  await using folder = await temporary();
  const path = `${folder.path}/new/deep/config.json`;
  const backup = `${path}.backup`;
  assert.equal(await files.kind(path), undefined);
  assert.deepEqual(await files.names(`${folder.path}/new`), []);
  assert.ok(await files.replace(path, { expected: undefined, bytes: bytes("one"), backup }));
  assert.deepEqual(await files.read(path, LIMITS), bytes("one"));
  assert.ok(await files.replace(path, { expected: bytes("one"), bytes: bytes("two"), backup }));
  assert.equal(await Deno.readTextFile(path), "two");
  assert.equal(await Deno.readTextFile(backup), "one");
  const last = { expected: bytes("two"), bytes: undefined, backup: `${path}.last` };
  assert.ok(await files.replace(path, last));
  assert.deepEqual((await files.names(`${folder.path}/new/deep`)).toSorted(), [
    "config.json.backup",
    "config.json.last",
  ]);
  assert.equal(await files.kind(`${folder.path}/new`), "directory");
});

Deno.test("openConfigFiles() writes nothing where the file is not what it was", async () => {
  await using folder = await temporary();
  const path = `${folder.path}/config.json`;
  const backup = `${path}.backup`;
  await Deno.writeTextFile(path, "theirs");
  for (const expected of [undefined, bytes("ours"), bytes("their"), bytes("theirs!")]) {
    assert.equal(await files.replace(path, { expected, bytes: bytes("x"), backup }), false);
  }
  await Deno.remove(path);
  const gone = { expected: bytes("theirs"), bytes: bytes("x"), backup };
  assert.equal(await files.replace(path, gone), false);
  assert.deepEqual(await namesIn(folder.path), []);
});

Deno.test("openConfigFiles() lets one of many writers win each time, and loses no write", async () => {
  await using folder = await temporary();
  const path = `${folder.path}/config.json`;
  let wins = 0;
  await Promise.all(Array.from({ length: 8 }, async (_, writer) => {
    for (let round = 0; round < 100; round++) {
      const expected = await files.read(path, LIMITS);
      const text = `${new TextDecoder().decode(expected)}${writer}`;
      const backup = `${path}.${writer}.${round}`;
      if (await files.replace(path, { expected, bytes: bytes(text), backup })) {
        wins++;
        return;
      }
    }
  }));
  assert.equal(wins, 8);
  const written = await Deno.readTextFile(path);
  assert.equal([...written].sort().join(""), "01234567");
  // Seven backups: the first writer found no file.
  assert.equal((await namesIn(folder.path)).length, 8);
});

Deno.test({
  name: "openConfigFiles() keeps the mode of a file and of its copy",
  ignore: !posix,
  async fn() {
    await using folder = await temporary();
    const path = `${folder.path}/config.json`;
    await Deno.writeTextFile(path, "one");
    for (const mode of [0o644, 0o600, 0o640, 0o755]) {
      await Deno.chmod(path, mode);
      const backup = `${path}.${mode}`;
      const expected = bytes(await Deno.readTextFile(path));
      assert.ok(await files.replace(path, { expected, bytes: bytes(`${mode}`), backup }));
      assert.equal(await modeOf(path), mode);
      assert.equal(await modeOf(backup), mode);
    }
    const fresh = `${folder.path}/fresh`;
    const umask = Deno.umask(0);
    try {
      await files.replace(fresh, { expected: undefined, bytes: bytes("x"), backup: `${fresh}.b` });
    } finally {
      Deno.umask(umask);
    }
    assert.equal(await modeOf(fresh), 0o600);
  },
});

Deno.test({
  name: "openConfigFiles() leaves a file with its owner when an administrator changes it",
  // Only an administrator may give files away.
  ignore: !posix || Deno.uid() !== 0,
  async fn() {
    await using folder = await temporary();
    const path = `${folder.path}/config.json`;
    await Deno.writeTextFile(path, "one");
    await Deno.chown(path, 1234, 1235);
    const change = { expected: bytes("one"), bytes: bytes("two"), backup: `${path}.backup` };
    assert.ok(await files.replace(path, change));
    for (const name of [path, `${path}.backup`]) {
      const { uid, gid } = await Deno.stat(name);
      assert.deepEqual([uid, gid], [1234, 1235], name);
    }
  },
});

Deno.test({
  name: "openConfigFiles() follows links, and they stay",
  ignore: !posix,
  async fn() {
    await using folder = await temporary();
    const { path } = folder;
    await Deno.mkdir(`${path}/dotfiles`);
    await Deno.mkdir(`${path}/home`);
    await Deno.writeTextFile(`${path}/dotfiles/config.json`, "one");
    await Deno.symlink("../dotfiles/config.json", `${path}/home/between.json`);
    await Deno.symlink("between.json", `${path}/home/config.json`);
    const file = `${path}/home/config.json`;
    const change = { expected: bytes("one"), bytes: bytes("two"), backup: `${file}.backup` };
    assert.ok(await files.replace(file, change));
    assert.equal(await Deno.readTextFile(`${path}/dotfiles/config.json`), "two");
    assert.ok((await Deno.lstat(file)).isSymlink);
    // The copy is where the client's own files are, not in somebody's repository.
    assert.deepEqual(await namesIn(`${path}/dotfiles`), ["config.json"]);
    assert.equal(await Deno.readTextFile(`${file}.backup`), "one");
    await Deno.symlink("nowhere.json", `${path}/home/dangling.json`);
    await assert.rejects(
      files.replace(`${path}/home/dangling.json`, {
        expected: undefined,
        bytes: bytes("x"),
        backup: `${path}/b`,
      }),
      { code: "FORBIDDEN", message: /it is a link to a file that is not there$/ },
    );
  },
});

Deno.test({
  name: "openConfigFiles() writes over no file that is read-only",
  ignore: !posix,
  async fn() {
    await using folder = await temporary();
    const path = `${folder.path}/config.json`;
    await Deno.writeTextFile(path, "one");
    await Deno.chmod(path, 0o444);
    const change = { expected: bytes("one"), bytes: bytes("two"), backup: `${path}.backup` };
    await assert.rejects(files.replace(path, change), {
      code: "FORBIDDEN",
      message: `Cannot write "${path}": the file is read-only`,
    });
    assert.deepEqual(await namesIn(folder.path), ["config.json"]);
  },
});

Deno.test({
  name: "openConfigFiles() leaves the file and no rest where it cannot finish",
  ignore: !posix,
  async fn() {
    await using folder = await temporary();
    const path = `${folder.path}/config.json`;
    await Deno.writeTextFile(path, "one");
    // The copy's name is taken.
    await Deno.writeTextFile(`${path}.backup`, "older");
    const change = { expected: bytes("one"), bytes: bytes("two"), backup: `${path}.backup` };
    await assert.rejects(files.replace(path, change), { code: "UNAVAILABLE" });
    assert.equal(await Deno.readTextFile(path), "one");
    assert.equal(await Deno.readTextFile(`${path}.backup`), "older");
    assert.deepEqual(await namesIn(folder.path), ["config.json", "config.json.backup"]);
    // A folder is no file.
    await assert.rejects(files.read(folder.path, LIMITS), { code: "UNSUPPORTED" });
  },
});

Deno.test("openConfigFiles() names the flag that is missing", async () => {
  await using folder = await temporary();
  const { path } = folder;
  await Deno.writeTextFile(`${path}/config.json`, "one");
  const code = "PERMISSION_MISSING";
  assert.deepEqual(await ask(["kind", `${path}/config.json`], { flags: [] }), {
    code,
    message: `Cannot read "${path}/config.json": Deno was started without read permission for it`,
    hint: `Start Wharf with --allow-read=${path}/config.json`,
  });
  assert.deepEqual(
    await ask(["replaceConfig", `${path}/config.json`, "one"], { flags: [`--allow-read=${path}`] }),
    {
      code,
      message:
        `Cannot write "${path}/config.json": Deno was started without write permission for it`,
      hint: `Start Wharf with --allow-read=${path} --allow-write=${path}`,
    },
  );
  assert.equal(await Deno.readTextFile(`${path}/config.json`), "one");
  // The folder of the file is enough.
  const flags = [`--allow-read=${path}`, `--allow-write=${path}`];
  assert.equal(await ask(["replaceConfig", `${path}/config.json`, "one"], { flags }), true);
  assert.equal(await Deno.readTextFile(`${path}/config.json`), "two");
});

import assert from "node:assert/strict";
import type { Clock } from "../../lib/core/host.ts";
import { systemClock } from "../../lib/host/clock.ts";
import { isWritable, openDisk, openFiles } from "../../lib/host/disk.ts";
import { DISK_CONTRACT } from "../disk_contract.ts";
import { FakeClock } from "../fake_clock.ts";
import { ask, child } from "./host_child.ts";

const LIMITS = { maxBytes: 64 * 1024 * 1024 };
const posix = Deno.build.os !== "windows";

/** A directory that goes with the test. */
async function temporary(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.realPath(await Deno.makeTempDir({ prefix: "wharf-test-" }));
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

async function namesIn(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();
}

for (const [name, check] of Object.entries(DISK_CONTRACT)) {
  Deno.test(`openDisk() ${name}`, async () => {
    await using folder = await temporary();
    // The root itself is made when it is needed.
    await check(openDisk(`${folder.path}/cache/wharf`));
  });
}

Deno.test("openDisk() tells when a file changed", async () => {
  await using folder = await temporary();
  const disk = openDisk(folder.path);
  await disk.write("a", new Uint8Array(1));
  const when = new Date("2026-01-02T03:04:05Z");
  await Deno.utime(`${folder.path}/a`, when, when);
  assert.deepEqual(await disk.list(""), [
    { name: "a", kind: "file", sizeBytes: 1, modifiedMs: when.getTime() },
  ]);
});

Deno.test({
  name: "openDisk() write() lets nobody else read",
  ignore: !posix,
  async fn() {
    await using folder = await temporary();
    const root = `${folder.path}/cache`;
    const umask = Deno.umask(0);
    try {
      await openDisk(root).write("state/settings.json", new Uint8Array(1));
      await (await openDisk(root).lock("state.lock"))[Symbol.asyncDispose]();
    } finally {
      Deno.umask(umask);
    }
    const modeOf = async (path: string) => ((await Deno.stat(path)).mode ?? 0) & 0o777;
    assert.equal(await modeOf(root), 0o700);
    assert.equal(await modeOf(`${root}/state`), 0o700);
    assert.equal(await modeOf(`${root}/state/settings.json`), 0o600);
    assert.equal(await modeOf(`${root}/state.lock`), 0o600);
  },
});

Deno.test("openDisk() write() leaves a whole file behind whenever it is killed", async () => {
  await using folder = await temporary();
  const size = 1024 * 1024;
  const flags = [`--allow-read=${folder.path}`, `--allow-write=${folder.path}`];
  const disk = openDisk(folder.path);
  for (let round = 0; round < 20; round++) {
    const running = child(["rewrite", folder.path, String(size)], { flags }).spawn();
    const reader = running.stdout.getReader();
    // Its first write is done; each round ends at another moment of those that follow.
    assert.ok(!(await reader.read()).done);
    await systemClock.sleep(round * 3);
    running.kill("SIGKILL");
    await running.status;
    await Promise.all([reader.cancel(), running.stderr.cancel(), running.stdin.close()]);
    const bytes = await disk.read("file", LIMITS);
    assert.equal(bytes?.byteLength, size, `round ${round}`);
    const [first] = bytes;
    assert.ok(bytes.every((byte) => byte === first), `round ${round}: parts of two writes`);
  }
  // What the killed ones left is not shown, and goes when it is old.
  assert.deepEqual((await disk.list("")).map(({ name }) => name), ["file"]);
  const later = new FakeClock(Date.now() + 2 * 60 * 60 * 1000);
  await openDisk(folder.path, later).write("file", new Uint8Array(1));
  assert.deepEqual(await namesIn(folder.path), ["file"]);
});

Deno.test("openDisk() write() leaves a temporary file alone that may be in use", async () => {
  await using folder = await temporary();
  const young = `.${crypto.randomUUID()}.tmp`;
  await Deno.writeTextFile(`${folder.path}/${young}`, "half");
  await Deno.writeTextFile(`${folder.path}/.mine.tmp`, "not ours");
  const later = new FakeClock(Date.now() + 30 * 60 * 1000);
  await openDisk(folder.path, later).write("file", new Uint8Array(1));
  assert.deepEqual(await namesIn(folder.path), [young, ".mine.tmp", "file"].sort());
});

Deno.test("openDisk() write() removes its temporary file when it fails", async () => {
  await using folder = await temporary();
  const disk = openDisk(folder.path);
  await disk.write("folder/file", new Uint8Array(1));
  // A file cannot replace a folder.
  await assert.rejects(disk.write("folder", new Uint8Array(1)), { code: "UNAVAILABLE" });
  assert.deepEqual(await namesIn(folder.path), ["folder"]);
});

Deno.test("openDisk() lock() waits for another process and is freed when that is killed", async () => {
  await using folder = await temporary();
  const flags = [`--allow-read=${folder.path}`, `--allow-write=${folder.path}`];
  const holder = child(["lock", folder.path, "state.lock"], { flags }).spawn();
  const reader = holder.stdout.getReader();
  assert.ok(!(await reader.read()).done);

  const tries = Promise.withResolvers<void>();
  let count = 0;
  const counting: Clock = {
    now: systemClock.now,
    sleep(ms, signal) {
      if (++count === 3) tries.resolve();
      return systemClock.sleep(ms, signal);
    },
  };
  const caller = new AbortController();
  const disk = openDisk(folder.path, counting);
  const givenUp = assert.rejects(disk.lock("state.lock", caller.signal), { code: "CANCELLED" });
  let taken = false;
  const waiting = disk.lock("state.lock").then((lock) => {
    taken = true;
    return lock;
  });
  await tries.promise;
  assert.ok(!taken);
  caller.abort();
  await givenUp;
  holder.kill("SIGKILL");
  await (await waiting)[Symbol.asyncDispose]();
  await holder.status;
  await Promise.all([reader.cancel(), holder.stderr.cancel(), holder.stdin.close()]);
});

Deno.test({
  name: "openDisk() follows no link out of the root",
  ignore: !posix,
  async fn() {
    await using outside = await temporary();
    await using folder = await temporary();
    await Deno.writeTextFile(`${outside.path}/secret`, "secret");
    await Deno.symlink(outside.path, `${folder.path}/folder`);
    await Deno.symlink(`${outside.path}/secret`, `${folder.path}/file`);
    await Deno.symlink(`${outside.path}/made`, `${folder.path}/dangling`);
    const disk = openDisk(folder.path);
    const refused = { code: "FORBIDDEN", message: /leads through a link/ };
    for (const path of ["file", "folder", "folder/secret", "folder/new/deep", "dangling"]) {
      await assert.rejects(disk.read(path, LIMITS), refused, `read ${path}`);
      await assert.rejects(disk.write(path, new Uint8Array(1)), refused, `write ${path}`);
      await assert.rejects(disk.remove(path), refused, `remove ${path}`);
      await assert.rejects(disk.list(path), refused, `list ${path}`);
      await assert.rejects(disk.lock(path), refused, `lock ${path}`);
      await assert.rejects(disk.rename(path, "x"), refused, `rename ${path}`);
      await assert.rejects(disk.rename("x", path), refused, `rename to ${path}`);
    }
    assert.deepEqual(await disk.list(""), []);
    assert.deepEqual(await namesIn(outside.path), ["secret"]);
    assert.equal(await Deno.readTextFile(`${outside.path}/secret`), "secret");
    // A link to the root is the operator's own choice.
    await Deno.symlink(folder.path, `${outside.path}/root`);
    await openDisk(`${outside.path}/root`).write("x/y", new Uint8Array(1));
    assert.deepEqual(await namesIn(`${folder.path}/x`), ["y"]);
  },
});

Deno.test("openDisk() and openFiles() name the flag that is missing", async () => {
  await using folder = await temporary();
  const { path } = folder;
  await Deno.writeTextFile(`${path}/file`, "abc");
  const none = { flags: [] };
  const code = "PERMISSION_MISSING";
  assert.deepEqual(await ask(["readFile", `${path}/file`], none), {
    code,
    message: `Cannot read "${path}/file": Deno was started without read permission for it`,
    hint: `Start Wharf with --allow-read=${path}/file`,
  });
  // What may not be seen is never said to be absent.
  assert.deepEqual(await ask(["readFile", `${path}/missing`], none), {
    code,
    message: `Cannot read "${path}/missing": Deno was started without read permission for it`,
    hint: `Start Wharf with --allow-read=${path}/missing`,
  });
  const hint = `Start Wharf with --allow-read=${path} --allow-write=${path}`;
  assert.deepEqual(await ask(["readDisk", path, "file"], none), {
    code,
    message: `Cannot read "${path}": Deno was started without read permission for it`,
    hint,
  });
  const reading = { flags: [`--allow-read=${path}`] };
  assert.deepEqual(await ask(["writeDisk", path, "file"], reading), {
    code,
    message: `Cannot write "${path}": Deno was started without write permission for it`,
    hint,
  });
  assert.equal(await ask(["readDisk", path, "file"], reading), 3);
  assert.equal(await ask(["readDisk", path, "missing"], reading), "absent");
});

Deno.test("openFiles() reads up to the limit and follows links", async () => {
  await using folder = await temporary();
  const path = `${folder.path}/auth.json`;
  await Deno.writeFile(path, new Uint8Array(100).fill(7));
  const files = openFiles();
  assert.deepEqual(await files.read(path, { maxBytes: 100 }), new Uint8Array(100).fill(7));
  await assert.rejects(files.read(path, { maxBytes: 99 }), {
    code: "TOO_LARGE",
    message: `Cannot read "${path}": it is larger than 99 bytes`,
  });
  assert.equal(await files.read(`${path}.missing`, LIMITS), undefined);
  assert.equal(await files.read(`${path}/below`, LIMITS), undefined);
  if (posix) {
    await Deno.symlink(path, `${folder.path}/link`);
    assert.equal((await files.read(`${folder.path}/link`, LIMITS))?.byteLength, 100);
  }
});

Deno.test({
  name: "openFiles() reads files that tell no size, under the same limit",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const files = openFiles();
    const bytes = await files.read("/proc/self/status", LIMITS);
    assert.match(new TextDecoder().decode(bytes), /^Name:/);
    await assert.rejects(files.read("/proc/self/status", { maxBytes: 10 }), { code: "TOO_LARGE" });
  },
});

Deno.test({
  name: "openFiles() refuses folders, pipes and devices without waiting for them",
  ignore: !posix,
  async fn() {
    await using folder = await temporary();
    const pipe = `${folder.path}/pipe`;
    assert.ok((await new Deno.Command("mkfifo", { args: [pipe] }).output()).success);
    for (const path of [folder.path, pipe, "/dev/zero"]) {
      await assert.rejects(openFiles().read(path, LIMITS), {
        code: "UNSUPPORTED",
        message: `Cannot read "${path}": it is not a regular file`,
      });
    }
  },
});

Deno.test({
  name: "openFiles() tells what the system does not allow from what is missing",
  ignore: !posix,
  async fn() {
    await using folder = await temporary();
    const path = `${folder.path}/locked`;
    await Deno.writeTextFile(path, "secret");
    await Deno.chmod(path, 0);
    const expected = `Cannot read "${path}": the system does not allow it`;
    if (Deno.uid() !== 0) {
      await assert.rejects(openFiles().read(path, LIMITS), {
        code: "FORBIDDEN",
        message: expected,
      });
      return;
    }
    const answer = await ask(["readFile", path], {
      flags: ["--allow-read"],
      withoutOverride: true,
    });
    assert.deepEqual(answer, {
      code: "FORBIDDEN",
      message: expected,
      hint: "Check the owner and mode of the file, and whether the disk is read-only",
    });
  },
});

Deno.test({
  name: "openDisk() says what is wrong with the disk",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await assert.rejects(openDisk("/proc/wharf").write("a", new Uint8Array(1)), {
      code: "UNAVAILABLE",
      message: 'Cannot write "/proc/wharf": No such file or directory',
    });
    const name = "n".repeat(300);
    await using folder = await temporary();
    await assert.rejects(openDisk(folder.path).write(name, new Uint8Array(1)), {
      code: "UNAVAILABLE",
      message: `Cannot write "${folder.path}": File name too long`,
    });
  },
});

Deno.test({
  name: "isWritable() leaves nothing behind, and knows what the system or Deno does not allow",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using folder = await temporary();
    const root = `${folder.path}/cache/wharf`;
    assert.equal(await isWritable(root), true);
    assert.deepEqual(await namesIn(root), []);
    await Deno.chmod(root, 0o500);
    const flags = ["--allow-read", "--allow-write"];
    const withoutOverride = Deno.uid() === 0;
    assert.equal(await ask(["writable", root], { flags, withoutOverride }), false);
    assert.equal(await ask(["writable", `${root}/below`], { flags, withoutOverride }), false);
    await Deno.chmod(root, 0o700);
    assert.equal(await ask(["writable", root], { flags: ["--allow-read"] }), false);
    // That is no matter of permission, and said when something is written.
    await Deno.writeTextFile(`${root}/file`, "");
    assert.equal(await isWritable(`${root}/file/below`), true);
  },
});

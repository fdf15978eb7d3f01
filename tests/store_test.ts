import assert from "node:assert/strict";
import fc from "fast-check";
import { z } from "zod";
import { AppError } from "../lib/core/errors.ts";
import type { Disk } from "../lib/core/host.ts";
import { MemoryDisk } from "../lib/core/memory_disk.ts";
import { ContentStore, JsonStore } from "../lib/store.ts";
import { FakeLog } from "./fake_log.ts";

const schema = z.object({ names: z.array(z.string()) });

function jsonStore(options: { readonly version?: number; readonly maxBytes?: number } = {}) {
  const disk = new MemoryDisk();
  const log = new FakeLog();
  const open = (version = options.version ?? 2) =>
    new JsonStore({ disk, log }, {
      path: "state/list.json",
      version,
      schema,
      ...(options.maxBytes === undefined ? {} : { maxBytes: options.maxBytes }),
    });
  return { disk, log, open, store: open() };
}

async function namesIn(disk: Disk, path: string): Promise<string[]> {
  return (await disk.list(path)).map(({ name }) => name).sort();
}

/** A disk of which every action fails, until it is mended. */
class FailingDisk extends MemoryDisk {
  broken = true;
  calls = 0;

  #action<T>(action: () => Promise<T>): Promise<T> {
    this.calls++;
    if (!this.broken) return action();
    return Promise.reject(new AppError("UNAVAILABLE", 'Cannot write "/cache": the disk is full'));
  }
  override read(...args: Parameters<Disk["read"]>): ReturnType<Disk["read"]> {
    return this.#action(() => super.read(...args));
  }
  override write(...args: Parameters<Disk["write"]>): ReturnType<Disk["write"]> {
    return this.#action(() => super.write(...args));
  }
  override rename(...args: Parameters<Disk["rename"]>): ReturnType<Disk["rename"]> {
    return this.#action(() => super.rename(...args));
  }
  override remove(...args: Parameters<Disk["remove"]>): ReturnType<Disk["remove"]> {
    return this.#action(() => super.remove(...args));
  }
  override list(...args: Parameters<Disk["list"]>): ReturnType<Disk["list"]> {
    return this.#action(() => super.list(...args));
  }
}

/** Counts what a store asks of its disk. */
class CountingDisk extends MemoryDisk {
  lists = 0;

  override list(...args: Parameters<Disk["list"]>): ReturnType<Disk["list"]> {
    this.lists++;
    return super.list(...args);
  }
}

Deno.test("JsonStore reads what it wrote, and nothing before", async () => {
  const { store, open, log } = jsonStore();
  assert.equal(await store.read(), undefined);
  await store.write({ names: ["a", "ä", "日"] });
  assert.deepEqual(await store.read(), { names: ["a", "ä", "日"] });
  assert.deepEqual(await open().read(), { names: ["a", "ä", "日"] });
  assert.deepEqual(log.records, []);
});

Deno.test("JsonStore writes its version beside the data", async () => {
  const { store, disk } = jsonStore();
  await store.write({ names: [] });
  const bytes = await disk.read("state/list.json", { maxBytes: 100 });
  assert.equal(new TextDecoder().decode(bytes), '{"version":2,"data":{"names":[]}}');
});

const BAD: Readonly<Record<string, readonly [content: string | Uint8Array, reason: RegExp]>> = {
  "a cut": ['{"version":2,"data":{"nam', /not valid JSON/],
  "an empty": ["", /not valid JSON/],
  "a binary": [new Uint8Array([0xff, 0xfe, 0x00]), /not valid JSON/],
  "a foreign": ['{"names":["a"]}', /not a file of Wharf's/],
  "a null": ["null", /not a file of Wharf's/],
  "an older": ['{"version":1,"data":{"names":[]}}', /version is 1, not 2/],
  "a newer": ['{"version":3,"data":{"names":[]}}', /version is 3, not 2/],
  "a wrongly typed": ['{"version":2,"data":{"names":[1]}}', /expected form/],
  "too deep a": [`{"version":2,"data":${"[".repeat(100)}${"]".repeat(100)}}`, /deeper than/],
  "too large a": [
    `{"version":2,"data":{"names":["${"x".repeat(1000)}"]}}`,
    /larger than 500 bytes/,
  ],
};

for (const [what, [content, reason]] of Object.entries(BAD)) {
  Deno.test(`JsonStore sets ${what} file aside with a warning and goes on`, async () => {
    const { store, disk, log } = jsonStore({ maxBytes: 500 });
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    await disk.write("state/list.json", bytes);
    assert.equal(await store.read(), undefined);
    assert.deepEqual(await namesIn(disk, "state"), ["list.json.bad-1"]);
    assert.deepEqual(
      await disk.read("state/list.json.bad-1", { maxBytes: 10_000 }),
      new Uint8Array(bytes),
    );
    assert.equal(log.records.length, 1);
    assert.equal(log.records[0]?.level, "warn");
    assert.match(String(log.records[0]?.fields["reason"]), reason);
    // It can be made anew.
    await store.write({ names: ["new"] });
    assert.deepEqual(await store.read(), { names: ["new"] });
  });
}

Deno.test("JsonStore keeps the first files that it set aside, and not more and more", async () => {
  const { store, disk } = jsonStore();
  for (let round = 1; round <= 8; round++) {
    await disk.write("state/list.json", new TextEncoder().encode(`bad ${round}`));
    assert.equal(await store.read(), undefined);
  }
  assert.deepEqual(await namesIn(disk, "state"), [1, 2, 3, 4, 5].map((n) => `list.json.bad-${n}`));
  const textOf = async (path: string) =>
    new TextDecoder().decode(await disk.read(path, { maxBytes: 100 }));
  assert.equal(await textOf("state/list.json.bad-1"), "bad 1");
  assert.equal(await textOf("state/list.json.bad-5"), "bad 8");
});

Deno.test("JsonStore refuses to write what it could not read back", async () => {
  const { store } = jsonStore({ maxBytes: 50 });
  await store.write({ names: ["a"] });
  await assert.rejects(store.write({ names: ["x".repeat(50)] }), {
    code: "TOO_LARGE",
    message: /"state\/list.json".*50 bytes/,
  });
  assert.deepEqual(await store.read(), { names: ["a"] });
});

Deno.test("JsonStore tells its caller of a disk that cannot be read", async () => {
  const disk = new FailingDisk();
  const store = new JsonStore({ disk, log: new FakeLog() }, { path: "a.json", version: 1, schema });
  await assert.rejects(store.read(), { code: "UNAVAILABLE" });
  await assert.rejects(store.write({ names: [] }), { code: "UNAVAILABLE" });
});

Deno.test("JsonStore goes on without a bad file that cannot be set aside", async () => {
  const log = new FakeLog();
  const disk = new FailingDisk();
  disk.broken = false;
  await disk.write("a.json", new TextEncoder().encode("bad"));
  const reading: Disk = {
    read: (path, options) => MemoryDisk.prototype.read.call(disk, path, options),
    write: (path, bytes) => disk.write(path, bytes),
    rename: (from, to) => disk.rename(from, to),
    remove: (path) => disk.remove(path),
    list: (path) => disk.list(path),
    lock: (name, signal) => disk.lock(name, signal),
  };
  disk.broken = true;
  const store = new JsonStore({ disk: reading, log }, { path: "a.json", version: 1, schema });
  assert.equal(await store.read(), undefined);
  assert.match(log.records[0]?.message ?? "", /cannot be set aside/);
});

const hexOf = (first: string, number: number): string =>
  `${first}${number.toString(16).padStart(63, "0")}`;
const keyOf = (number: number): string => `sha256:${hexOf("a", number)}`;

Deno.test("ContentStore gives what was put under a key, and nothing else", async () => {
  const store = new ContentStore({ disk: new MemoryDisk(), log: new FakeLog() });
  assert.equal(await store.get(keyOf(1)), undefined);
  await store.put(keyOf(1), new Uint8Array([1, 2, 3]));
  assert.deepEqual(await store.get(keyOf(1)), new Uint8Array([1, 2, 3]));
  assert.equal(await store.get(keyOf(2)), undefined);
  const hex = hexOf("a", 1);
  assert.equal(await store.get(`etag:${hex}`), undefined);
  await store.put(`etag/${hex}`, new Uint8Array([4]));
  assert.deepEqual(await store.get(`etag:${hex}`), new Uint8Array([4]));
  assert.deepEqual(await store.get(keyOf(1)), new Uint8Array([1, 2, 3]));
  const long = `sha512:${"0".repeat(128)}`;
  await store.put(long, new Uint8Array([5]));
  assert.deepEqual(await store.get(long), new Uint8Array([5]));
});

Deno.test("ContentStore is shared by those who share its disk", async () => {
  const disk = new MemoryDisk();
  const log = new FakeLog();
  await new ContentStore({ disk, log }).put(keyOf(1), new Uint8Array([1]));
  assert.deepEqual(await new ContentStore({ disk, log }).get(keyOf(1)), new Uint8Array([1]));
  assert.equal(await new ContentStore({ disk, log }, { root: "other" }).get(keyOf(1)), undefined);
});

Deno.test("ContentStore refuses keys that could name another file", async () => {
  const store = new ContentStore({ disk: new MemoryDisk(), log: new FakeLog() });
  const hex = "a".repeat(64);
  const keys = [
    "",
    hex,
    `sha256:${hex}/../../etc`,
    `../${hex}`,
    `sha256:${"A".repeat(64)}`,
    "sha256:abc",
    `sha256:${"a".repeat(129)}`,
    `SHA256:${hex}`,
    `sha256:${hex}\n`,
    `sha256:${hex}\0`,
  ];
  for (const key of keys) {
    await assert.rejects(store.get(key), { code: "INTERNAL" }, key);
    await assert.rejects(store.put(key, new Uint8Array(1)), { code: "INTERNAL" }, key);
  }
});

Deno.test("ContentStore does not keep an entry over its limit", async () => {
  const disk = new MemoryDisk();
  const store = new ContentStore({ disk, log: new FakeLog() }, { maxEntryBytes: 10 });
  await store.put(keyOf(1), new Uint8Array(11));
  assert.equal(await store.get(keyOf(1)), undefined);
  await store.put(keyOf(2), new Uint8Array(10));
  assert.equal((await store.get(keyOf(2)))?.byteLength, 10);
});

Deno.test("ContentStore removes the oldest entries beyond the budget", async () => {
  const store = new ContentStore({ disk: new MemoryDisk(), log: new FakeLog() }, {
    // 1000 bytes for each of 16 parts.
    maxTotalBytes: 16_000,
  });
  for (let number = 1; number <= 10; number++) await store.put(keyOf(number), new Uint8Array(100));
  for (let number = 1; number <= 10; number++) {
    assert.equal((await store.get(keyOf(number)))?.byteLength, 100, `${number} of a full part`);
  }
  await store.put(keyOf(11), new Uint8Array(100));
  const kept = await Promise.all(
    Array.from({ length: 11 }, async (_, index) => await store.get(keyOf(index + 1)) !== undefined),
  );
  // 1100 bytes come down to 800, so that room lasts for a while.
  assert.deepEqual(kept.map(Number), [0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1]);
});

Deno.test("ContentStore counts what it finds on the disk, in its first put", async () => {
  const disk = new MemoryDisk();
  const log = new FakeLog();
  const generous = new ContentStore({ disk, log });
  for (let number = 1; number <= 20; number++) {
    await generous.put(keyOf(number), new Uint8Array(100));
  }
  const thrifty = new ContentStore({ disk, log }, { maxTotalBytes: 16_000 });
  await thrifty.put(keyOf(21), new Uint8Array(100));
  assert.equal(await thrifty.get(keyOf(1)), undefined);
  assert.equal((await thrifty.get(keyOf(21)))?.byteLength, 100);
});

Deno.test("ContentStore lists a part of its entries once, not with each put", async () => {
  const disk = new CountingDisk();
  const store = new ContentStore({ disk, log: new FakeLog() });
  for (let number = 0; number < 200; number++) {
    await store.put(keyOf(number), new Uint8Array(10));
    await store.put(`sha256:${hexOf("b", number)}`, new Uint8Array(10));
  }
  assert.equal(disk.lists, 2);
});

Deno.test("ContentStore never throws for a disk that fails, and says so once", async () => {
  const disk = new FailingDisk();
  const log = new FakeLog();
  const store = new ContentStore({ disk, log });
  for (let number = 0; number < 5; number++) {
    await store.put(keyOf(number), new Uint8Array(10));
    assert.equal(await store.get(keyOf(number)), undefined);
  }
  assert.equal(log.records.length, 1);
  assert.equal(log.records[0]?.level, "warn");
  assert.match(String(log.records[0]?.fields["reason"]), /the disk is full/);
  // A disk that comes back is used again.
  disk.broken = false;
  await store.put(keyOf(1), new Uint8Array([7]));
  assert.deepEqual(await store.get(keyOf(1)), new Uint8Array([7]));
});

Deno.test("ContentStore measures again after a measurement that failed", async () => {
  const disk = new FailingDisk();
  disk.broken = false;
  const store = new ContentStore({ disk, log: new FakeLog() }, { maxTotalBytes: 16_000 });
  const writing = disk.write.bind(disk);
  disk.write = async (path, bytes) => {
    await writing(path, bytes);
    disk.broken = true;
  };
  await store.put(keyOf(1), new Uint8Array(700));
  disk.write = writing;
  disk.broken = false;
  await store.put(keyOf(2), new Uint8Array(700));
  assert.equal(await store.get(keyOf(1)), undefined);
  assert.equal((await store.get(keyOf(2)))?.byteLength, 700);
});

Deno.test("ContentStore stays inside of its budget, whoever puts what and at the same time", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({ key: fc.nat(30), part: fc.constantFrom("a", "b"), size: fc.nat(400) }),
        { maxLength: 40 },
      ),
      async (puts) => {
        const disk = new MemoryDisk();
        const store = new ContentStore({ disk, log: new FakeLog() }, { maxTotalBytes: 16_000 });
        await Promise.all(
          puts.map(({ key, part, size }) =>
            store.put(`sha256:${hexOf(part, key)}`, new Uint8Array(size))
          ),
        );
        for (const part of ["a", "b"]) {
          const entries = await disk.list(`content/${part}`);
          const total = entries.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
          assert.ok(total <= 1000, `${total} bytes`);
        }
      },
    ),
    { seed: 20260101, numRuns: 200 },
  );
});

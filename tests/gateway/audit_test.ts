import assert from "node:assert/strict";
import { AppError } from "../../lib/core/errors.ts";
import type { Disk } from "../../lib/core/host.ts";
import { MemoryDisk } from "../../lib/core/memory_disk.ts";
import { type AuditEvent, AuditLog, type AuditOptions } from "../../lib/gateway/audit.ts";
import { FakeClock } from "../fake_clock.ts";
import { FakeLog } from "../fake_log.ts";

const EVENT: AuditEvent = {
  action: "activate",
  server: "reference/memory",
  outcome: "done",
  by: { client: "inspector 1.0", transport: "stdio" },
};

function fixture(options: AuditOptions = {}, disk: Disk = new MemoryDisk()): {
  readonly audit: AuditLog;
  readonly disk: Disk;
  readonly log: FakeLog;
  readonly clock: FakeClock;
} {
  const log = new FakeLog();
  const clock = new FakeClock();
  return { audit: new AuditLog({ disk, log, clock }, options), disk, log, clock };
}

async function textOf(disk: Disk, path = "audit/audit.jsonl"): Promise<string> {
  const bytes = await disk.read(path, { maxBytes: 1e7 });
  return bytes === undefined ? "" : new TextDecoder().decode(bytes);
}

Deno.test("record() writes one line with the time, and recent() reads it back", async () => {
  const { audit, disk, clock } = fixture();
  const full: AuditEvent = {
    ...EVENT,
    action: "configure",
    outcome: "refused",
    by: { ...EVENT.by, session: "7", user: "ada" },
    launch: "podman",
    pinned: "docker.io/mcp/memory@sha256:1",
    settings: ["API_KEY"],
    reason: "deny: registry docker.io",
  };
  await audit.record(EVENT);
  await clock.advance(1000);
  await audit.record(full);
  assert.equal(
    (await textOf(disk)).split("\n")[0],
    '{"at":"2026-01-01T00:00:00.000Z","action":"activate","server":"reference/memory",' +
      '"outcome":"done","by":{"client":"inspector 1.0","transport":"stdio"}}',
  );
  assert.deepEqual(await audit.recent(10), [
    { at: "2026-01-01T00:00:01.000Z", ...full },
    { at: "2026-01-01T00:00:00.000Z", ...EVENT },
  ]);
  assert.deepEqual((await audit.recent(1)).length, 1);
  assert.deepEqual(await audit.recent(0), []);
});

Deno.test("record() keeps to one clean line of bounded length, without secrets", async () => {
  const disk = new MemoryDisk();
  const audit = new AuditLog({
    disk,
    log: new FakeLog(),
    clock: new FakeClock(),
    redact: (text) => text.replaceAll("s3cr3t", "[secret]"),
  });
  await audit.record({
    ...EVENT,
    server: 'a\n{"at":"forged"}\u202e',
    reason: `s3cr3t ${"x".repeat(10_000)}`,
    settings: Array.from({ length: 1000 }, (_, index) => `N${index}`),
  });
  const text = await textOf(disk);
  assert.equal(text.split("\n").length, 2);
  assert.ok(text.length < 2000);
  const [record] = await audit.recent(5);
  assert.equal(record?.server, 'a {"at":"forged"}');
  assert.ok(record?.reason?.startsWith("[secret] xxx"));
  assert.equal(record?.settings?.length, 100);
});

Deno.test("record() keeps the order and the number of files", async () => {
  const { audit, disk } = fixture({ maxFileBytes: 400, maxFiles: 3 });
  const events = Array.from({ length: 20 }, (_, index) => ({ ...EVENT, server: `s${index}` }));
  await Promise.all(events.map((event) => audit.record(event)));
  assert.deepEqual((await disk.list("audit")).map(({ name }) => name).sort(), [
    "audit.1.jsonl",
    "audit.2.jsonl",
    "audit.jsonl",
  ]);
  for (const { sizeBytes } of await disk.list("audit")) assert.ok(sizeBytes <= 400);
  const servers = (await audit.recent(100)).map(({ server }) => server);
  assert.ok(servers.length >= 6 && servers.length < 20);
  assert.deepEqual(servers, events.map(({ server }) => server).reverse().slice(0, servers.length));
});

Deno.test("record() begins anew where one file is all that is kept", async () => {
  const { audit, disk } = fixture({ maxFileBytes: 200, maxFiles: 1 });
  await audit.record({ ...EVENT, server: "first" });
  await audit.record({ ...EVENT, server: "second" });
  assert.deepEqual((await audit.recent(10)).map(({ server }) => server), ["second"]);
  assert.equal((await disk.list("audit")).length, 1);
});

Deno.test("two logs share one file", async () => {
  const { audit, disk } = fixture();
  const other = fixture({}, disk).audit;
  await Promise.all(
    Array.from(
      { length: 10 },
      (_, index) => (index % 2 === 0 ? audit : other).record({ ...EVENT, server: `s${index}` }),
    ),
  );
  assert.equal((await audit.recent(100)).length, 10);
});

Deno.test("recent() leaves out what is no record", async () => {
  const { audit, disk } = fixture();
  const cut = '{"at":"2026","action":"activ';
  await disk.write("audit/audit.jsonl", new TextEncoder().encode(`{}\nhello\n${cut}`));
  await audit.record(EVENT);
  assert.equal((await audit.recent(10)).length, 1);
  assert.ok((await textOf(disk)).includes(`${cut}\n{`));
});

Deno.test("record() sets a file aside that is too large to be its own", async () => {
  const { audit, disk } = fixture({ maxFileBytes: 1000 });
  await disk.write("audit/audit.jsonl", new Uint8Array(200_000).fill(0x20));
  await audit.record(EVENT);
  assert.equal((await audit.recent(10)).length, 1);
  assert.ok((await disk.list("audit")).some(({ name }) => name === "too-large.jsonl"));
  await disk.write("audit/audit.1.jsonl", new Uint8Array(200_000).fill(0x20));
  assert.equal((await audit.recent(10)).length, 1);
});

Deno.test("record() tells the operator of a disk that fails, and goes on", async () => {
  const disk = new MemoryDisk();
  const full = new AppError("FORBIDDEN", 'Cannot write "audit/audit.jsonl": the disk is full');
  let isFull = true;
  const failing: Disk = {
    read: (path, options) => disk.read(path, options),
    write: (path, bytes) => isFull ? Promise.reject(full) : disk.write(path, bytes),
    rename: (from, to) => disk.rename(from, to),
    remove: (path) => disk.remove(path),
    list: (path) => disk.list(path),
    lock: (name, signal) => disk.lock(name, signal),
  };
  const { audit, log } = fixture({}, failing);
  await audit.record(EVENT);
  assert.deepEqual(log.records, [{
    level: "error",
    message: "cannot write the audit log",
    fields: { action: "activate", server: "reference/memory", problem: full.message },
  }]);
  isFull = false;
  await audit.record(EVENT);
  assert.equal((await audit.recent(10)).length, 1);
  const refused = new AppError("PERMISSION_MISSING", "Cannot read");
  const unreadable = fixture({}, { ...failing, read: () => Promise.reject(refused) });
  await assert.rejects(unreadable.audit.recent(1), refused);
});

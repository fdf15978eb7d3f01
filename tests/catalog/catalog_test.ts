/**
 * The catalogue over sources that a test decides: what is served when, and what is kept. Needs no
 * permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Catalog } from "../../lib/catalog/catalog.ts";
import type { CatalogNote } from "../../lib/catalog/catalog_types.ts";
import { placeSources } from "../../lib/catalog/places.ts";
import type { Gather } from "../../lib/catalog/refresh.ts";
import { AppError } from "../../lib/core/errors.ts";
import { MemoryDisk } from "../../lib/core/memory_disk.ts";
import { FakeClock, settle } from "../fake_clock.ts";
import { FakeLog } from "../fake_log.ts";
import { makeEntry } from "./make.ts";

const HOUR_MS = 3_600_000;

const SETTINGS = {
  none: "none",
  builtin: "none",
  docker: "https://git.example/d.git",
  ours: "https://ours.example/servers.json",
};

/** Names of the servers that each source gives; a function may wait or fail. */
type Servers = Record<string, readonly string[] | (() => Promise<readonly string[]>)>;

/** A world in which several catalogues may share one disk. */
function makeWorld(servers: Servers) {
  const clock = new FakeClock();
  const log = new FakeLog();
  const disk = new MemoryDisk();
  const asked: string[] = [];
  const gather: Gather = async ({ source: { id } }, { progress }) => {
    asked.push(id);
    progress({ message: "reading", share: 0.5 });
    const given = servers[id] ?? [];
    const names = typeof given === "function" ? await given() : given;
    return {
      entries: names.map((name) => makeEntry(`${id}/${name}`)),
      problems: [],
      skipped: 0,
    };
  };
  const open = (settings: Record<string, string> = SETTINGS, intervalMs = 24 * HOUR_MS) =>
    new Catalog({ disk, log, clock, random: () => 0, gather }, {
      sources: placeSources(settings),
      intervalMs,
    });
  return { clock, log, disk, asked, open };
}

async function ids(catalog: Catalog): Promise<readonly string[]> {
  const index = await catalog.index();
  return index.list({ limit: 100 }).entries.map(({ id }) => id).sort();
}

Deno.test("Catalog reads sources that were never read before the first question, side by side", async () => {
  const notes: CatalogNote[] = [];
  const { asked, open } = makeWorld({ docker: ["a"], ours: ["b"] });
  const index = await open().index({ progress: (note) => notes.push(note) });
  assert.equal(index.size, 2);
  assert.deepEqual(asked, ["docker", "ours"]);
  assert.deepEqual(notes.map(({ done }) => done), [0.5, 1, 1.5, 2]);
  assert.ok(notes.every(({ total }) => total === 2));
});

Deno.test("Catalog waits half a minute at most for a first reading, and answers with what there is", async () => {
  const { clock, open } = makeWorld({
    docker: ["a"],
    ours: () => new Promise(() => {}),
  });
  const catalog = open();
  const answer = ids(catalog);
  await clock.advance(30_000);
  assert.deepEqual(await answer, ["docker/a"]);
  const [, ours] = catalog.sourceStates();
  assert.deepEqual([ours?.state, ours?.error?.code], ["failed", "TIMEOUT"]);
});

Deno.test("Catalog answers from what is kept, without asking anybody", async () => {
  const world = makeWorld({ docker: ["a"], ours: ["b"] });
  await world.open().index();
  world.asked.length = 0;
  const again = world.open();
  assert.deepEqual(await ids(again), ["docker/a", "ours/b"]);
  assert.deepEqual(world.asked, []);
  assert.deepEqual(again.sourceStates().map(({ state }) => state), ["ok", "ok"]);
});

Deno.test("Catalog merges anew when it was killed between a source and the merge", async () => {
  const world = makeWorld({ docker: ["a"], ours: ["b"] });
  await world.open().index();
  for (const { name } of await world.disk.list("catalog")) {
    if (name.startsWith("merged-")) await world.disk.remove(`catalog/${name}`);
  }
  world.asked.length = 0;
  assert.deepEqual(await ids(world.open()), ["docker/a", "ours/b"]);
  assert.deepEqual(world.asked, []);
});

Deno.test("Catalog sets a corrupt file aside and reads that source again", async () => {
  const world = makeWorld({ docker: ["a"], ours: ["b"] });
  const first = world.open();
  await first.index();
  for (const { name } of await world.disk.list("catalog")) {
    const isBroken = name.startsWith("merged-") || /^ours-.*entries/.test(name);
    if (isBroken) await world.disk.write(`catalog/${name}`, new TextEncoder().encode("{"));
  }
  const second = world.open();
  assert.deepEqual(await ids(second), ["docker/a"]);
  assert.deepEqual(second.sourceStates().map(({ entries }) => entries), [1, 0]);
  await world.clock.advance(HOUR_MS);
  await second.refresh({});
  assert.deepEqual(await ids(second), ["docker/a", "ours/b"]);
});

Deno.test("Catalog goes on with the others when one source fails", async () => {
  const world = makeWorld({
    docker: () => Promise.reject(new AppError("UNREACHABLE", 'Cannot reach "git.example"')),
    ours: ["b"],
  });
  const catalog = world.open();
  assert.deepEqual(await ids(catalog), ["ours/b"]);
  const [docker, ours] = catalog.sourceStates();
  assert.deepEqual([docker?.state, docker?.error?.message, docker?.entries], [
    "failed",
    'Cannot reach "git.example"',
    0,
  ]);
  assert.equal(ours?.state, "ok");
});

Deno.test("Catalog refreshes one source, all, or none that does not exist", async () => {
  const servers: Servers = { docker: ["a"], ours: ["b"] };
  const world = makeWorld(servers);
  const catalog = world.open();
  await catalog.index();
  await world.clock.advance(HOUR_MS);
  world.asked.length = 0;
  servers["ours"] = ["b", "c"];
  const [report] = await catalog.refresh({ source: "ours" });
  assert.deepEqual([report?.outcome, report?.added], ["updated", 1]);
  assert.deepEqual(world.asked, ["ours"]);
  assert.deepEqual(await ids(catalog), ["docker/a", "ours/b", "ours/c"]);
  await assert.rejects(
    () => catalog.refresh({ source: "nobody" }),
    (error) => error instanceof AppError && error.hint === "Choose from docker, ours",
  );
  const withBuiltin = world.open({ none: "none" });
  await assert.rejects(
    () => withBuiltin.refresh({ source: "builtin" }),
    (error) => error instanceof AppError && /it is part of Wharf/.test(error.message),
  );
});

Deno.test("Catalog serves what is there while the scheduler reads, and refreshes daily", async () => {
  const servers: Servers = { docker: ["a"], ours: ["b"] };
  const world = makeWorld(servers);
  const catalog = world.open();
  const stop = new AbortController();
  const scheduled = catalog.schedule(stop.signal);
  assert.deepEqual(await ids(catalog), [], "nothing is waited for");
  await world.clock.advance(1000);
  assert.deepEqual(await ids(catalog), ["docker/a", "ours/b"]);
  servers["docker"] = ["a", "c"];
  await world.clock.advance(23 * HOUR_MS);
  assert.equal(world.asked.length, 2);
  await world.clock.advance(2 * HOUR_MS);
  assert.equal(world.asked.length, 4);
  assert.deepEqual(await ids(catalog), ["docker/a", "docker/c", "ours/b"]);
  stop.abort();
  await scheduled;
  assert.equal(world.clock.sleeping, 0);
});

Deno.test("Catalog never refreshes by itself when the interval is 0", async () => {
  const world = makeWorld({ docker: ["a"], ours: [] });
  const catalog = world.open(SETTINGS, 0);
  await catalog.schedule(new AbortController().signal);
  await catalog.index();
  assert.deepEqual(catalog.sourceStates().map(({ nextAt }) => nextAt), [undefined, undefined]);
  assert.equal(world.clock.sleeping, 0);
});

Deno.test("Catalog picks up what another process has refreshed", async () => {
  const servers: Servers = { docker: ["a"], ours: ["b"] };
  const world = makeWorld(servers);
  const [one, other] = [world.open(), world.open()];
  await one.index();
  await other.index();
  await world.clock.advance(HOUR_MS);
  servers["docker"] = ["a", "new"];
  await one.refresh({});
  // The first question is answered at once from the old index, and starts the look.
  await other.index();
  await settle();
  assert.deepEqual(await ids(other), ["docker/a", "docker/new", "ours/b"]);
});

Deno.test("Catalog keeps other settings apart in one cache", async () => {
  const world = makeWorld({ docker: ["a"], ours: ["b"] });
  await world.open().index();
  const narrow = world.open({ none: "none", builtin: "none", docker: "https://git.example/d.git" });
  assert.deepEqual(await ids(narrow), ["docker/a"]);
  const elsewhere = world.open({
    none: "none",
    builtin: "none",
    docker: "https://b.example/d.git",
  });
  world.asked.length = 0;
  await elsewhere.index();
  assert.deepEqual(world.asked, ["docker"]);
  assert.deepEqual(await ids(world.open()), ["docker/a", "ours/b"]);
});

Deno.test("Catalog says how it stands", async () => {
  const world = makeWorld({ docker: ["a"], ours: ["b"] });
  const state = await world.open().state();
  assert.deepEqual(state.sources, [
    {
      source: "docker",
      title: "Docker MCP registry",
      kind: "git",
      location: "https://git.example/d.git",
      state: "ok",
      entries: 1,
      problems: 0,
      samples: [],
      fetchedAt: "2026-01-01T00:00:00.000Z",
      nextAt: "2026-01-02T00:00:00.000Z",
      isPartial: false,
    },
    {
      source: "ours",
      title: "ours",
      kind: "file",
      location: "https://ours.example/servers.json",
      state: "ok",
      entries: 1,
      problems: 0,
      samples: [],
      fetchedAt: "2026-01-01T00:00:00.000Z",
      nextAt: "2026-01-02T00:00:00.000Z",
      isPartial: false,
    },
  ]);
  assert.equal(state.servers, 2);
  assert.ok(state.cacheBytes > 0);
});

Deno.test("Catalog works on a disk that cannot be written, and says so", async () => {
  const world = makeWorld({ docker: ["a"], ours: [] });
  const fail = () => Promise.reject(new AppError("UNAVAILABLE", "Cannot write: the disk is full"));
  const write = world.disk.write.bind(world.disk);
  const catalog = world.open();
  world.disk.write = (path, bytes) => path.includes("merged") ? fail() : write(path, bytes);
  assert.deepEqual(await ids(catalog), ["docker/a"]);
  assert.deepEqual(
    world.log.records.map(({ fields }) => fields["reason"]),
    ["Cannot write: the disk is full"],
  );
});

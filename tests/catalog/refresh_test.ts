/**
 * The refresh of one source: when it is asked, and what stays when it fails. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { CatalogCache } from "../../lib/catalog/cache.ts";
import { type PlacedSource, placeSources } from "../../lib/catalog/places.ts";
import {
  type Gather,
  type Gathered,
  Refresher,
  type RefreshNote,
  type RefreshReason,
} from "../../lib/catalog/refresh.ts";
import { AppError } from "../../lib/core/errors.ts";
import { MemoryDisk } from "../../lib/core/memory_disk.ts";
import { FakeClock, settle } from "../fake_clock.ts";
import { FakeLog } from "../fake_log.ts";
import { makeEntry } from "./make.ts";

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

function placed(where: string): PlacedSource {
  const [, source] = placeSources({ none: "none", docker: where });
  assert.ok(source !== undefined);
  return source;
}

const REMOTE = placed("https://git.example/catalogue.git");
const LOCAL = placed("/srv/catalogue");

function gave(count: number, extra: Partial<Gathered> = {}): Gathered {
  return {
    entries: Array.from({ length: count }, (_, number) => makeEntry(`docker/s${number}`)),
    problems: [],
    skipped: 0,
    ...extra,
  };
}

/** A refresher over a source whose answers a test decides. */
function makeRefresher(gather: Gather) {
  const clock = new FakeClock();
  const log = new FakeLog();
  const disk = new MemoryDisk();
  const cache = new CatalogCache({ disk, log });
  const refresher = new Refresher({ cache, clock, log, gather }, { intervalMs: 24 * HOUR_MS });
  const refresh = (reason: RefreshReason, source = REMOTE) => refresher.refresh(source, { reason });
  return { clock, log, disk, cache, refresher, refresh };
}

Deno.test("Refresher keeps what a source gave, and says what is new", async () => {
  let answer = gave(3, { commit: "a".repeat(40), state: { etag: "1" } });
  const { cache, clock, refresh } = makeRefresher(() => Promise.resolve(answer));
  const first = await refresh("asked");
  assert.deepEqual(first, {
    source: "docker",
    outcome: "updated",
    entries: 3,
    added: 3,
    removed: 0,
  });
  const kept = await cache.readSource(REMOTE.key);
  assert.deepEqual(kept?.entries, answer.entries);
  assert.deepEqual(kept?.state, { etag: "1" });
  assert.equal((await cache.readStatus(REMOTE.key))?.commit, "a".repeat(40));
  await clock.advance(HOUR_MS);
  answer = { ...answer, entries: [...answer.entries.slice(1), makeEntry("docker/new")] };
  const { added, removed } = await refresh("asked");
  assert.deepEqual([added, removed], [1, 1]);
});

Deno.test("Refresher hands the reader what it gave before, unless all is wanted", async () => {
  const seen: [number | undefined, boolean][] = [];
  const { clock, refresh } = makeRefresher((_, { previous, isFull }) => {
    seen.push([previous?.entries.length, isFull]);
    return Promise.resolve(gave(2));
  });
  await refresh("asked");
  await clock.advance(HOUR_MS);
  await refresh("asked");
  await refresh("forced");
  await clock.advance(MINUTE_MS);
  await refresh("forced");
  assert.deepEqual(seen, [[undefined, false], [2, false], [2, true]]);
});

Deno.test("Refresher asks a source that is due, at most once per interval", async () => {
  let asked = 0;
  const { clock, refresh } = makeRefresher(() => {
    asked++;
    return Promise.resolve(gave(1));
  });
  assert.equal((await refresh("due")).outcome, "updated");
  await clock.advance(23 * HOUR_MS);
  const early = await refresh("due");
  assert.equal(early.outcome, "fresh");
  assert.equal(early.nextAt, "2026-01-02T00:00:00.000Z");
  await clock.advance(HOUR_MS);
  assert.equal((await refresh("due")).outcome, "updated");
  assert.equal(asked, 2);
});

Deno.test("Refresher cools down between two refreshes, and says until when", async () => {
  const { clock, refresh } = makeRefresher(() => Promise.resolve(gave(1)));
  await refresh("asked");
  await clock.advance(9 * MINUTE_MS);
  const cooling = await refresh("asked");
  assert.deepEqual([cooling.outcome, cooling.nextAt], ["cooling", "2026-01-01T00:10:00.000Z"]);
  assert.equal((await refresh("forced")).outcome, "updated");
  assert.equal((await refresh("forced")).outcome, "cooling");
  await clock.advance(10 * MINUTE_MS);
  assert.equal((await refresh("asked")).outcome, "updated");
});

Deno.test("Refresher reads a local folder as often as somebody asks", async () => {
  let asked = 0;
  const { refresh, refresher, cache } = makeRefresher(() => {
    asked++;
    return Promise.resolve(gave(1));
  });
  await refresh("asked", LOCAL);
  await refresh("asked", LOCAL);
  assert.equal(asked, 2);
  const status = await cache.readStatus(LOCAL.key);
  assert.equal(refresher.dueAtMs(LOCAL, status), Date.UTC(2026, 0, 1) + MINUTE_MS);
});

Deno.test("Refresher keeps the last good data of a source that fails", async () => {
  let answer: () => Promise<Gathered> = () => Promise.resolve(gave(30));
  const { cache, clock, log, refresh, refresher } = makeRefresher(() => answer());
  await refresh("due");
  await clock.advance(25 * HOUR_MS);
  answer = () =>
    Promise.reject(new AppError("UNREACHABLE", 'Cannot reach "git.example"', { hint: "Wait" }));
  const failed = await refresh("due");
  assert.deepEqual([failed.outcome, failed.entries], ["failed", 30]);
  assert.equal(failed.error?.code, "UNREACHABLE");
  const status = await cache.readStatus(REMOTE.key);
  assert.deepEqual(status?.error, {
    code: "UNREACHABLE",
    message: 'Cannot reach "git.example"',
    hint: "Wait",
  });
  assert.equal(status?.fetchedAt, "2026-01-01T00:00:00.000Z");
  assert.equal((await cache.readSource(REMOTE.key))?.entries.length, 30);
  assert.deepEqual(log.records.map(({ level, fields }) => [level, fields["source"]]), [[
    "warn",
    "docker",
  ]]);
  // Five minutes, then ten.
  assert.equal(refresher.dueAtMs(REMOTE, status) - clock.now(), 5 * MINUTE_MS);
  await clock.advance(5 * MINUTE_MS);
  await refresh("due");
  const again = await cache.readStatus(REMOTE.key);
  assert.equal(refresher.dueAtMs(REMOTE, again) - clock.now(), 10 * MINUTE_MS);
  answer = () => Promise.resolve(gave(31));
  await clock.advance(10 * MINUTE_MS);
  assert.equal((await refresh("due")).outcome, "updated");
  const good = await cache.readStatus(REMOTE.key);
  assert.deepEqual([good?.failures, good?.error], [0, undefined]);
});

Deno.test("Refresher does not believe a source that lost most of its entries, unless it is forced to", async () => {
  let count = 100;
  const { cache, clock, refresh } = makeRefresher(() => Promise.resolve(gave(count)));
  await refresh("asked");
  await clock.advance(HOUR_MS);
  count = 3;
  const refused = await refresh("asked");
  assert.equal(refused.outcome, "failed");
  assert.match(refused.error?.message ?? "", /gives 3 entries where it gave 100/);
  assert.equal((await cache.readSource(REMOTE.key))?.entries.length, 100);
  await clock.advance(HOUR_MS);
  assert.equal((await refresh("forced")).outcome, "updated");
  assert.equal((await cache.readSource(REMOTE.key))?.entries.length, 3);
});

Deno.test("Refresher writes nothing but the time for a source that has not changed", async () => {
  let answer: Gathered | undefined = gave(2);
  const { cache, clock, disk, refresh } = makeRefresher(() => Promise.resolve(answer));
  await refresh("due");
  const before = await disk.read(`catalog/${REMOTE.key}.entries.json`, { maxBytes: 1e6 });
  await clock.advance(25 * HOUR_MS);
  answer = undefined;
  assert.equal((await refresh("due")).outcome, "unchanged");
  const status = await cache.readStatus(REMOTE.key);
  assert.equal(status?.contentAt, "2026-01-01T00:00:00.000Z");
  assert.equal(status?.fetchedAt, "2026-01-02T01:00:00.000Z");
  const after = await disk.read(`catalog/${REMOTE.key}.entries.json`, { maxBytes: 1e6 });
  assert.deepEqual(after, before);
});

Deno.test("Refresher shares one reading among all who ask, and ends it when the last has gone", async () => {
  let started = 0;
  let ended: unknown;
  const { refresher } = makeRefresher((_, { signal, progress }) => {
    started++;
    progress({ message: "half", share: 0.5 });
    return new Promise((_resolve, reject) => {
      signal.addEventListener("abort", () => {
        ended = signal.reason;
        reject(signal.reason);
      });
    });
  });
  const [one, two] = [new AbortController(), new AbortController()];
  const notes: RefreshNote[] = [];
  const first = refresher.refresh(REMOTE, {
    reason: "asked",
    signal: one.signal,
    progress: (note) => notes.push(note),
  });
  const second = refresher.refresh(REMOTE, { reason: "asked", signal: two.signal });
  await settle();
  assert.equal(started, 1);
  assert.deepEqual([...refresher.running], [REMOTE.key]);
  one.abort();
  await assert.rejects(first, (error) => error instanceof AppError && error.code === "CANCELLED");
  assert.equal(ended, undefined);
  two.abort();
  await assert.rejects(second, (error) => error instanceof AppError && error.code === "CANCELLED");
  await settle();
  assert.notEqual(ended, undefined);
  assert.deepEqual([...refresher.running], []);
  assert.deepEqual(notes, [{ source: "docker", message: "half", share: 0.5 }]);
});

Deno.test("Refresher does not note a cancelled reading as a failure", async () => {
  const { cache, refresher } = makeRefresher((_, { signal }) =>
    new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)))
  );
  const stop = new AbortController();
  const refresh = refresher.refresh(REMOTE, { reason: "asked", signal: stop.signal });
  await settle();
  stop.abort();
  await assert.rejects(refresh);
  await settle();
  assert.equal(await cache.readStatus(REMOTE.key), undefined);
});

Deno.test("Refresher takes what another process has read while it waited for the lock", async () => {
  let asked = 0;
  const { cache, refresh } = makeRefresher(() => {
    asked++;
    return Promise.resolve(gave(1));
  });
  const other = await cache.lock(REMOTE.key);
  const waiting = refresh("asked");
  await settle();
  await cache.writeStatus(REMOTE.key, {
    attemptedAt: "2026-01-01T00:00:00.000Z",
    entries: 7,
    skipped: 0,
    problems: 0,
    samples: [],
    failures: 0,
    durationMs: 1,
  });
  await other[Symbol.asyncDispose]();
  assert.deepEqual(await waiting, {
    source: "docker",
    outcome: "fresh",
    entries: 7,
    added: 0,
    removed: 0,
  });
  assert.equal(asked, 0);
});

Deno.test("Refresher goes on soon with a source that was read in part", async () => {
  const { cache, clock, refresh, refresher } = makeRefresher(() =>
    Promise.resolve(gave(1, { isPartial: true, problems: [{ where: "x", reason: "y" }] }))
  );
  await refresh("due");
  const status = await cache.readStatus(REMOTE.key);
  assert.equal(refresher.dueAtMs(REMOTE, status) - clock.now(), 15 * MINUTE_MS);
  assert.deepEqual([status?.problems, status?.samples], [1, [{ where: "x", reason: "y" }]]);
});

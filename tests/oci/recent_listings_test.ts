/** Tests of listings that are remembered for a moment. @module */

import assert from "node:assert/strict";
import { RecentListings } from "../../lib/oci/recent_listings.ts";
import type { TagListing } from "../../lib/oci/tag_pages.ts";
import { FakeClock } from "../fake_clock.ts";

function listing(tags: readonly string[]): TagListing {
  return { tags, details: new Map(), truncated: false, warnings: [] };
}

Deno.test("RecentListings reads again when a listing is too old, and not before", async () => {
  const clock = new FakeClock();
  const recent = new RecentListings(clock, { keepMs: 1000 });
  let reads = 0;
  const read = () => Promise.resolve(listing([`read-${++reads}`]));
  const first = await recent.listing("a", read);
  await clock.advance(999);
  assert.equal(await recent.listing("a", read), first);
  await clock.advance(1);
  assert.deepEqual((await recent.listing("a", read)).tags, ["read-2"]);
  assert.deepEqual((await recent.listing("b", read)).tags, ["read-3"]);
});

Deno.test("RecentListings remembers nothing with keepMs 0", async () => {
  const recent = new RecentListings(new FakeClock(), { keepMs: 0 });
  let reads = 0;
  const read = () => Promise.resolve(listing([`read-${++reads}`]));
  await recent.listing("a", read);
  assert.deepEqual((await recent.listing("a", read)).tags, ["read-2"]);
});

Deno.test("RecentListings shares a reading, and forgets one that failed", async () => {
  const recent = new RecentListings(new FakeClock(), { keepMs: 1000 });
  const waiting: PromiseWithResolvers<TagListing>[] = [];
  const read = () => {
    const next = Promise.withResolvers<TagListing>();
    waiting.push(next);
    return next.promise;
  };
  const both = Promise.allSettled([recent.listing("a", read), recent.listing("a", read)]);
  waiting[0]?.reject(new Error("gone"));
  assert.deepEqual((await both).map(({ status }) => status), ["rejected", "rejected"]);
  assert.equal(waiting.length, 1);
  const again = recent.listing("a", read);
  waiting[1]?.resolve(listing(["there"]));
  assert.deepEqual((await again).tags, ["there"]);
});

Deno.test("RecentListings drops the oldest when it holds too much", async () => {
  const recent = new RecentListings(new FakeClock(), { keepMs: 1000 });
  const reads: string[] = [];
  const ask = (name: string, count: number) =>
    recent.listing(name, () => {
      reads.push(name);
      return Promise.resolve(listing(Array.from({ length: count }, (_, n) => `${n}`)));
    });
  await ask("large", 100_000);
  await ask("larger", 200_000);
  await ask("huge", 300_000);
  await ask("larger", 200_000);
  await ask("large", 100_000);
  await ask("huge", 300_000);
  assert.deepEqual(reads, ["large", "larger", "huge", "large", "huge"]);
  for (let n = 0; n < 20; n++) await ask(`small-${n}`, 1);
  reads.length = 0;
  await ask("small-19", 1);
  await ask("small-0", 1);
  assert.deepEqual(reads, ["small-0"]);
});

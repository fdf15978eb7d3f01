/** Tests of content that is kept in memory before a slower cache. @module */

import assert from "node:assert/strict";
import type { ContentCache } from "../../lib/oci/content_cache.ts";
import { RecentContent } from "../../lib/oci/recent_content.ts";

/** A cache that counts how often it is asked. */
class SlowCache implements ContentCache {
  readonly entries = new Map<string, Uint8Array<ArrayBuffer>>();
  readonly asked: string[] = [];

  get(key: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    this.asked.push(key);
    return Promise.resolve(this.entries.get(key));
  }

  put(key: string, bytes: Uint8Array): Promise<void> {
    this.entries.set(key, bytes.slice());
    return Promise.resolve();
  }
}

Deno.test("RecentContent asks the cache behind it once for what is there", async () => {
  const slow = new SlowCache();
  slow.entries.set("a", new Uint8Array([1]));
  const recent = new RecentContent(slow);
  assert.deepEqual(await recent.get("a"), new Uint8Array([1]));
  assert.deepEqual(await recent.get("a"), new Uint8Array([1]));
  assert.deepEqual(slow.asked, ["a"]);
  assert.equal(await recent.get("b"), undefined);
  slow.entries.set("b", new Uint8Array([2]));
  assert.deepEqual(await recent.get("b"), new Uint8Array([2]));
});

Deno.test("RecentContent keeps what is put, in both places, as it was then", async () => {
  const slow = new SlowCache();
  const recent = new RecentContent(slow);
  const bytes = new Uint8Array([1, 2]);
  await recent.put("a", bytes);
  bytes[0] = 9;
  assert.deepEqual(await recent.get("a"), new Uint8Array([1, 2]));
  assert.deepEqual(slow.entries.get("a"), new Uint8Array([1, 2]));
  await recent.put("a", new Uint8Array([3]));
  assert.deepEqual(await recent.get("a"), new Uint8Array([3]));
  assert.deepEqual(slow.asked, []);
});

Deno.test("RecentContent forgets what was used longest ago, and keeps nothing large", async () => {
  const slow = new SlowCache();
  const recent = new RecentContent(slow, { maxBytes: 80 });
  for (let n = 0; n < 8; n++) await recent.put(`entry-${n}`, new Uint8Array(10));
  await recent.get("entry-0");
  await recent.put("entry-8", new Uint8Array(10));
  for (let n = 0; n < 9; n++) await recent.get(`entry-${n}`);
  assert.deepEqual(slow.asked[0], "entry-1");
  assert.ok(!slow.asked.includes("entry-0"));
  slow.asked.length = 0;
  await recent.put("large", new Uint8Array(11));
  await recent.get("large");
  await recent.get("large");
  assert.deepEqual(slow.asked, ["large", "large"]);
});

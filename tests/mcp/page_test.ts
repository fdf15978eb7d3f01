/**
 * Pages of lists. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { page } from "../../lib/mcp/page.ts";
import { RpcError } from "../../lib/rpc/mod.ts";

const itemsOf = (count: number, more: object = {}) =>
  Array.from({ length: count }, (_, n) => ({ name: `tool_${n}`, ...more }));

Deno.test("page() gives a list in pages, each item once", () => {
  const all = itemsOf(1_234);
  const seen: unknown[] = [];
  let cursor: string | undefined;
  do {
    const { items, nextCursor } = page(all, "name", cursor);
    assert.ok(items.length > 0);
    seen.push(...items);
    cursor = nextCursor;
  } while (cursor !== undefined);
  assert.deepEqual(seen, all);
  assert.deepEqual(page([], "name", undefined), { items: [] });
  assert.deepEqual(page(itemsOf(1), "name", null), { items: itemsOf(1) });
});

Deno.test("page() goes on in its place when items came before it", () => {
  const all = itemsOf(700);
  const { nextCursor } = page(all, "name", undefined);
  const { items } = page([{ name: "fresh" }, ...all], "name", nextCursor);
  assert.equal(items[0]?.name, "tool_500");
});

Deno.test("page() bounds what one message holds, and gives an item that is larger alone", () => {
  const all = itemsOf(3, { description: "x".repeat(1_500_000) });
  assert.equal(page(all, "name", undefined).items.length, 1);
  const huge = itemsOf(2, { description: "x".repeat(3_000_000) });
  const first = page(huge, "name", undefined);
  assert.equal(first.items.length, 1);
  assert.deepEqual(page(huge, "name", first.nextCursor).items, [huge[1]]);
});

Deno.test("page() refuses a cursor that names nothing", () => {
  for (const cursor of ["gone", 3, {}]) {
    assert.throws(
      () => page(itemsOf(3), "name", cursor),
      (error) => error instanceof RpcError && error.fault.code === -32602,
    );
  }
});

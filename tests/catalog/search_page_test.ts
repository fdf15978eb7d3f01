/**
 * Pages and cursors. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeCursor, encodeCursor, type Mark } from "../../lib/catalog/search_cursor.ts";
import { pageOf, type Ranked } from "../../lib/catalog/search_page.ts";
import { AppError } from "../../lib/core/errors.ts";

/** A list whose entry `number` has the id and key at that place. */
interface List {
  readonly ids: readonly string[];
  readonly keys: readonly (number | string)[];
}

function rankedOf({ ids, keys }: List): Ranked {
  return { numbers: ids.map((_, number) => number), keyOf: (number) => keys[number] ?? 0 };
}

/** All ids after a mark, page by page. */
function idsAfter(list: List, limit: number, from?: Mark): readonly string[] {
  const found: string[] = [];
  let after = from;
  for (;;) {
    const afterNumber = after === undefined ? undefined : list.ids.indexOf(after.id);
    const page = pageOf(rankedOf(list), {
      limit,
      ids: list.ids,
      after,
      afterNumber: afterNumber === -1 ? undefined : afterNumber,
    });
    found.push(...page.shown.map((number) => list.ids[number] ?? ""));
    const last = page.shown.at(-1);
    if (!page.hasMore || last === undefined) return found;
    after = { key: list.keys[last] ?? 0, id: list.ids[last] ?? "" };
  }
}

const pairsOf = (key: fc.Arbitrary<number | string>) =>
  fc.uniqueArray(fc.tuple(fc.string({ minLength: 1, maxLength: 4 }), key), {
    selector: ([id]) => id,
    maxLength: 40,
  });
const keysOf = fc.constantFrom<fc.Arbitrary<number | string>>(
  fc.integer({ min: -2, max: 3 }),
  fc.constantFrom("a", "b", "c"),
);
const listOf = (pairs: readonly (readonly [string, number | string])[]): List => ({
  ids: pairs.map(([id]) => id),
  keys: pairs.map(([, key]) => key),
});

Deno.test("pageOf() shows each entry once and in order, whatever the size of pages", () => {
  fc.assert(
    fc.property(keysOf.chain(pairsOf), fc.integer({ min: 1, max: 9 }), (pairs, limit) => {
      const sorted = pairs.toSorted(([idA, a], [idB, b]) =>
        (typeof a === "number" && typeof b === "number" ? b - a : a < b ? -1 : a > b ? 1 : 0) ||
        (idA < idB ? -1 : 1)
      );
      assert.deepEqual(idsAfter(listOf(pairs), limit), sorted.map(([id]) => id));
    }),
    { seed: 31, numRuns: 300 },
  );
});

Deno.test("pageOf() loses and doubles nothing when entries come and go between pages", () => {
  fc.assert(
    fc.property(
      keysOf.chain((key) => fc.tuple(pairsOf(key), pairsOf(key))),
      fc.integer({ min: 1, max: 9 }),
      fc.nat(),
      ([before, added], limit, seed) => {
        const list = listOf(before);
        const page = pageOf(rankedOf(list), { limit, ids: list.ids });
        const last = page.shown.at(-1);
        if (last === undefined) return;
        const shown = new Set(page.shown.map((number) => list.ids[number]));
        const known = new Set(list.ids);
        // Any entry may be gone, the last that was shown as well.
        const gone = list.ids[seed % list.ids.length];
        const after = listOf([
          ...added.filter(([id]) => !known.has(id)),
          ...before.filter(([id]) => id !== gone),
        ]);
        const mark: Mark = { key: list.keys[last] ?? 0, id: list.ids[last] ?? "" };
        const rest = idsAfter(after, 3, mark);
        assert.equal(new Set(rest).size, rest.length);
        assert.ok(rest.every((id) => !shown.has(id)));
        for (const id of list.ids) {
          assert.ok(id === gone || shown.has(id) || rest.includes(id), `${id} is lost`);
        }
      },
    ),
    { seed: 32, numRuns: 300 },
  );
});

Deno.test("pageOf() goes on where the last entry stands now", () => {
  const list: List = { ids: ["a", "b", "c"], keys: [5, 4, 3] };
  // When "b" was shown its key was 9: all scores have shrunk since.
  const page = pageOf(rankedOf(list), {
    limit: 5,
    ids: list.ids,
    after: { key: 9, id: "b" },
    afterNumber: 1,
  });
  assert.deepEqual(page, { shown: [2], hasMore: false });
});

Deno.test("cursors come back as they were, for the same question only", () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.string({ unit: "binary" })),
      fc.string({ unit: "grapheme", maxLength: 100 }),
      fc.json(),
      (key, id, question) => {
        const mark: Mark = { key: Object.is(key, -0) ? 0 : key, id };
        const cursor = encodeCursor(mark, question);
        assert.match(cursor, /^[\w-]+$/);
        if (cursor.length > 2000) return;
        assert.deepEqual(decodeCursor(cursor, question), mark);
        assert.throws(
          () => decodeCursor(cursor, [question]),
          (error) => error instanceof AppError && error.code === "INVALID_ARGUMENT",
        );
      },
    ),
    { seed: 33, numRuns: 300 },
  );
});

Deno.test("decodeCursor() throws an AppError for any text that is no cursor", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
      assert.throws(() => decodeCursor(text, "q"), AppError);
    }),
    { seed: 34, numRuns: 300 },
  );
});

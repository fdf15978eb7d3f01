/**
 * Tests of lib/oci/tag_list.ts. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { AppError } from "../../lib/core/errors.ts";
import { TAG_SORTS, type TagViewOptions, viewTags } from "../../lib/oci/tag_list.ts";

const MIRROR = `sha256-${"0123456789abcdef".repeat(4)}`;
const REGISTRY_ORDER = [
  "1.9",
  "latest",
  "1.10-alpine",
  `${MIRROR}.sig`,
  "1.10",
  MIRROR,
  "20240915",
];

/** All pages, as one list; `change` may alter the repository between them. */
function walk(
  tags: readonly string[],
  options: Omit<TagViewOptions, "cursor">,
  change: (tags: readonly string[], page: number) => readonly string[] = (same) => same,
): readonly string[] {
  const seen: string[] = [];
  let current = tags;
  let cursor: string | undefined;
  for (let page = 0; page < 1000; page++) {
    const view = viewTags(current, { ...options, cursor });
    seen.push(...view.tags);
    cursor = view.nextCursor;
    if (cursor === undefined) return seen;
    current = change(current, page);
  }
  return assert.fail("the pages do not end");
}

function refusal(options: Partial<TagViewOptions>): AppError {
  try {
    viewTags(REGISTRY_ORDER, { sort: "semver", limit: 2, ...options });
  } catch (thrown) {
    if (thrown instanceof AppError) return thrown;
    throw thrown;
  }
  return assert.fail("the options were taken");
}

Deno.test("viewTags() sorts in three ways and hides mirrors of digests", () => {
  const expected = {
    semver: ["1.10", "1.9", "1.10-alpine", "20240915", "latest"],
    alphabetical: ["1.10", "1.10-alpine", "1.9", "20240915", "latest"],
    registry: ["1.9", "latest", "1.10-alpine", "1.10", "20240915"],
  };
  for (const sort of TAG_SORTS) {
    assert.deepEqual(viewTags(REGISTRY_ORDER, { sort, limit: 100 }), {
      tags: expected[sort],
      total: 7,
      matched: 5,
      hidden: 2,
    });
  }
});

Deno.test("viewTags() shows mirrors of digests when asked to", () => {
  const view = viewTags(REGISTRY_ORDER, { sort: "semver", limit: 100, includeDigestTags: true });
  assert.deepEqual(view.tags.slice(-2), [MIRROR, `${MIRROR}.sig`]);
  assert.deepEqual([view.total, view.matched, view.hidden], [7, 7, 0]);
});

Deno.test("viewTags() counts what fits a pattern", () => {
  const view = viewTags(REGISTRY_ORDER, { sort: "semver", limit: 1, pattern: " 1.10* " });
  assert.deepEqual([view.tags, view.total, view.matched, view.hidden], [["1.10"], 7, 2, 2]);
  assert.deepEqual(
    viewTags(REGISTRY_ORDER, {
      sort: "semver",
      limit: 1,
      pattern: "1.10*",
      cursor: view.nextCursor,
    }),
    { tags: ["1.10-alpine"], total: 7, matched: 2, hidden: 2 },
  );
  // Blank is none at all.
  assert.equal(viewTags(REGISTRY_ORDER, { sort: "semver", limit: 1, pattern: " " }).matched, 5);
  assert.match(refusal({ pattern: "/(/" }).message, /pattern/);
});

Deno.test("viewTags() leaves out names that no registry may have", () => {
  const view = viewTags(["1.0", "", "a b", "-x", "ok\u202E", "a".repeat(129)], {
    sort: "registry",
    limit: 10,
  });
  assert.deepEqual(view, { tags: ["1.0"], total: 1, matched: 1, hidden: 0 });
});

Deno.test("viewTags() gives an empty page for an empty repository", () => {
  const view = viewTags([], { sort: "semver", limit: 10 });
  assert.deepEqual(view, { tags: [], total: 0, matched: 0, hidden: 0 });
});

const repository = fc.uniqueArray(
  fc.oneof(
    fc.tuple(fc.nat(3), fc.nat(12)).map(([major, minor]) => `${major}.${minor}`),
    fc.tuple(fc.nat(3), fc.constantFrom("alpine", "slim")).map(([n, family]) => `${n}-${family}`),
    fc.string({ unit: fc.constantFrom("a", "b", "1", "2"), minLength: 1, maxLength: 4 }),
  ),
  { maxLength: 30 },
);

Deno.test("viewTags() pages through every tag once, in order", () => {
  fc.assert(
    fc.property(repository, fc.integer({ min: 1, max: 7 }), (tags, limit) => {
      for (const sort of TAG_SORTS) {
        const whole = viewTags(tags, { sort, limit: 1000 });
        assert.equal(whole.nextCursor, undefined);
        assert.deepEqual(walk(tags, { sort, limit }), whole.tags);
      }
    }),
    { seed: 20260104, numRuns: 300 },
  );
});

Deno.test("viewTags() shows each tag that stays once, whatever is added or removed meanwhile", () => {
  fc.assert(
    fc.property(
      repository,
      fc.array(fc.nat(), { minLength: 1, maxLength: 10 }),
      repository,
      (tags, picks, added) => {
        // Every second tag may vanish between the pages, new ones may come at any place.
        const vanishing = new Set(tags.filter((_, index) => index % 2 === 1));
        const staying = tags.filter((tag) => !vanishing.has(tag));
        const fresh = added.filter((tag) => !tags.includes(tag));
        for (const sort of TAG_SORTS) {
          const seen = walk(tags, { sort, limit: 3 }, (current, page) => {
            const pick = picks[page % picks.length] ?? 0;
            const [gone] = [...vanishing].filter((tag) => current.includes(tag)).slice(pick % 3);
            const next = current.filter((tag) => tag !== gone);
            const newcomer = fresh[page];
            return newcomer === undefined || next.includes(newcomer)
              ? next
              : next.toSpliced(pick % (next.length + 1), 0, newcomer);
          });
          const seenStaying = seen.filter((tag) => staying.includes(tag));
          assert.equal(seenStaying.length, new Set(seenStaying).size, `${sort}: repeated`);
          assert.deepEqual(new Set(seenStaying), new Set(staying), `${sort}: left out`);
        }
      },
    ),
    { seed: 20260105, numRuns: 500 },
  );
});

Deno.test("viewTags() goes on at the place when all tags of the registry's order that it knew have gone", () => {
  const first = viewTags(["a", "b", "c", "d", "e"], { sort: "registry", limit: 3 });
  const next = viewTags(["x", "y", "z", "d", "e"], {
    sort: "registry",
    limit: 3,
    cursor: first.nextCursor,
  });
  assert.deepEqual(next.tags, ["d", "e"]);
});

Deno.test("viewTags() refuses a cursor of another view", () => {
  const { nextCursor: cursor } = viewTags(REGISTRY_ORDER, { sort: "semver", limit: 2 });
  for (
    const other of [{ sort: "registry" as const }, { pattern: "1*" }, { includeDigestTags: true }]
  ) {
    const error = refusal({ cursor, ...other });
    assert.equal(error.code, "INVALID_ARGUMENT");
    assert.match(error.message, /another sort or pattern/);
    assert.match(error.hint ?? "", /leave the cursor out/);
  }
});

Deno.test("viewTags() refuses what is no cursor", () => {
  const encoded = (value: unknown) => btoa(JSON.stringify(value));
  const view = '["",false]';
  const garbage = [
    "",
    "x",
    "!!!",
    "\u202Eabc",
    "a".repeat(5000),
    encoded(null),
    encoded({}),
    encoded({ sort: "semver", view, last: [], position: 1 }),
    encoded({ sort: "semver", view, last: ["a"], position: -1 }),
    encoded({ sort: "semver", view, last: "a", position: 1 }),
    btoa("\xff\xfe"),
  ];
  for (const cursor of garbage) {
    const error = refusal({ cursor });
    assert.equal(error.code, "INVALID_ARGUMENT", cursor);
    assert.match(error.hint ?? "", /begin anew/);
    assert.ok(error.message.length < 120 && !error.message.includes("\u202E"));
  }
});

Deno.test("viewTags() writes cursors that need no escaping in a URL or a shell", () => {
  for (const pattern of ["{a,b,~~~}", "{a,b,?}", "{a,b,ÿé}", "{a,b,>>>???}"]) {
    const { nextCursor } = viewTags(["a", "b"], { sort: "registry", limit: 1, pattern });
    assert.match(nextCursor ?? "", /^[A-Za-z0-9_-]+$/, pattern);
    const { tags } = viewTags(["a", "b"], {
      sort: "registry",
      limit: 1,
      pattern,
      cursor: nextCursor,
    });
    assert.deepEqual(tags, ["b"], pattern);
  }
});

Deno.test("viewTags() keeps views of one list apart, and forgets none of it", () => {
  const tags = ["1.1", "1.2", "2.1", "edge", `${MIRROR}.sig`];
  const views: readonly Omit<TagViewOptions, "limit">[] = [
    { sort: "semver" },
    { sort: "alphabetical" },
    { sort: "registry" },
    { sort: "semver", pattern: "1.*" },
    { sort: "semver", pattern: "2.*" },
    { sort: "semver", includeDigestTags: true },
    { sort: "alphabetical", pattern: "1.*" },
  ];
  const all = () => views.map((view) => viewTags(tags, { ...view, limit: 10 }));
  const first = all();
  assert.deepEqual(first.map(({ matched }) => matched), [4, 4, 4, 2, 1, 5, 2]);
  assert.deepEqual(all(), first);
  // Another list with the same views is another matter.
  assert.equal(viewTags(["9.9"], { sort: "semver", limit: 10 }).tags[0], "9.9");
});

Deno.test("viewTags() takes ten thousand tags", () => {
  const tags = Array.from({ length: 10_000 }, (_, index) => `${index % 100}.${index}`);
  const view = viewTags(tags, { sort: "semver", limit: 2 });
  assert.deepEqual([view.tags, view.total], [["99.9999", "99.9899"], 10_000]);
});

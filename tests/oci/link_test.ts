/**
 * Tests of lib/oci/link.ts. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { nextLink, parseLinks } from "../../lib/oci/link.ts";

type Plain = readonly [string, Readonly<Record<string, string>>];

/** Without the missing prototype, so that `deepEqual` compares contents. */
function plain(header: string): readonly Plain[] {
  return parseLinks(header).map(({ target, parameters }) => [target, { ...parameters }]);
}

function next(header: string | undefined, base: string): string | undefined {
  return nextLink(new Headers(header === undefined ? {} : { link: header }), new URL(base))?.href;
}

Deno.test("parseLinks() reads what registries send", () => {
  const cases: readonly (readonly [string, readonly Plain[]])[] = [
    ['</v2/a/tags/list?last=b&n=5>; rel="next"', [["/v2/a/tags/list?last=b&n=5", { rel: "next" }]]],
    ["</a>;rel=next", [["/a", { rel: "next" }]]],
    ['< /a > ; REL = next ; title="a, b; c"', [["/a", { rel: "next", title: "a, b; c" }]]],
    ['</a>; rel="prev", </b>; rel="next"', [["/a", { rel: "prev" }], ["/b", { rel: "next" }]]],
    ['</a,b;c>; rel="next"', [["/a,b;c", { rel: "next" }]]],
    ["</a>; rel=next; rel=prev", [["/a", { rel: "next" }]]],
    ["</a>; crossorigin; title*=UTF-8''x", [["/a", { crossorigin: "", "title*": "UTF-8''x" }]]],
    ['</a>; title="say \\"hi\\""', [["/a", { title: 'say "hi"' }]]],
    ["</a>", [["/a", {}]]],
    ["</a>,</b>", [["/a", {}], ["/b", {}]]],
    ["<>; rel=next", [["", { rel: "next" }]]],
  ];
  for (const [header, expected] of cases) assert.deepEqual(plain(header), expected, header);
});

Deno.test("parseLinks() makes the best of what is broken", () => {
  const cases: readonly (readonly [string, readonly Plain[]])[] = [
    ["", []],
    ["/a; rel=next", []],
    ["</a", []],
    ["</a>; rel=next, </b", [["/a", { rel: "next" }]]],
    ['</a>; rel="next', [["/a", { rel: "next" }]]],
    ["</a> rel=next", [["/a", { rel: "next" }]]],
    ["</a>;;; =x; rel=next", [["/a", { x: "", rel: "next" }]]],
    ["junk </a>; rel=next", [["/a", { rel: "next" }]]],
  ];
  for (const [header, expected] of cases) assert.deepEqual(plain(header), expected, header);
});

Deno.test("nextLink() resolves the first next page", () => {
  const base = "https://r.example/v2/a/tags/list?n=2";
  const cases: readonly (readonly [string | undefined, string | undefined])[] = [
    [undefined, undefined],
    ["garbage", undefined],
    ["</b>; rel=prev", undefined],
    ["</b>", undefined],
    ['</v2/a/tags/list?last=x>; rel="next"', "https://r.example/v2/a/tags/list?last=x"],
    ["<list?last=x>; rel=next", "https://r.example/v2/a/tags/list?last=x"],
    ["<?last=x>; rel=next", "https://r.example/v2/a/tags/list?last=x"],
    ["<https://r.example/p?next_page=abc>; rel=next", "https://r.example/p?next_page=abc"],
    // Whether another host may be asked is the caller's to decide.
    ["<https://evil.example/>; rel=next", "https://evil.example/"],
    ['</1>; rel="prev first", </2>; rel="LAST Next", </3>; rel=next', "https://r.example/2"],
    ["<https://[bad>; rel=next", undefined],
  ];
  for (const [header, expected] of cases) assert.equal(next(header, base), expected, header);
});

const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,11}$/);
const link = fc.record({
  target: fc.stringMatching(/^[!-;=?-~]{0,40}$/),
  parameters: fc.uniqueArray(fc.tuple(name, fc.string({ maxLength: 30 })), {
    selector: ([text]) => text.toLowerCase(),
    maxLength: 4,
  }),
});

Deno.test("parseLinks() reads back any well-formed header", () => {
  fc.assert(
    fc.property(fc.array(link, { maxLength: 4 }), (links) => {
      const header = links.map(({ target, parameters }) =>
        `<${target}>${
          parameters.map(([key, text]) => `; ${key}="${text.replace(/["\\]/g, "\\$&")}"`).join("")
        }`
      ).join(", ");
      assert.deepEqual(
        plain(header),
        links.map(({ target, parameters }) => [
          target,
          Object.fromEntries(parameters.map(([key, text]) => [key.toLowerCase(), text])),
        ]),
      );
    }),
    { seed: 20260901, numRuns: 1000 },
  );
});

Deno.test("parseLinks() never fails on garbage, however long", () => {
  const garbage = fc.array(
    fc.constantFrom("<", ">", "/a", ";", ",", "=", '"', "\\", " ", "rel", "next", "é"),
    { maxLength: 60 },
  ).map((parts) => parts.join(""));
  fc.assert(
    fc.property(fc.oneof(garbage, fc.string({ unit: "binary" })), (header) => {
      for (const { target, parameters } of parseLinks(header)) {
        assert(!target.includes(">"));
        for (const text of Object.values(parameters)) assert.equal(typeof text, "string");
      }
    }),
    { seed: 20260901, numRuns: 3000 },
  );
  for (const piece of ["<", ">", "<>", "<>,", '<>;"', "a=", ";", '"', "\\", " ", "<a>;b=c,"]) {
    parseLinks(`</a>; rel="${piece.repeat(300_000 / piece.length)}`);
    parseLinks(piece.repeat(300_000 / piece.length));
  }
});

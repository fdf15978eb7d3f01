/**
 * Tests of lib/oci/response_facts.ts. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { pullQuotaOf, retryAfterMs, warningsOf } from "../../lib/oci/response_facts.ts";

const NOW = Date.UTC(2026, 8, 1, 12);
const YEAR_MS = 366 * 24 * 3600 * 1000;

function warnings(header: string): readonly string[] {
  return warningsOf(new Headers({ warning: header }));
}

Deno.test("warningsOf() reads each text once", () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ['299 - "Your auth token will expire in 30 seconds."', [
      "Your auth token will expire in 30 seconds.",
    ]],
    ['299 - "a", 299 - "b", 299 - "a"', ["a", "b"]],
    ['299 - "a, b; \\"c\\""', ['a, b; "c"']],
    ['299  -  "a" ,  299 registry.example:5000 "b"', ["a", "b"]],
    ['299 - "a" "Tue, 01 Sep 2026 12:00:00 GMT", 299 - "b"', ["a", "b"]],
    ['110 - "stale, 299 - x", 299 - "b"', ["b"]],
    ['214 - "changed" "Tue, 01 Sep 2026 12:00:00 GMT",299 - "b"', ["b"]],
    ['299 - "  "', []],
    ['299 - ""', []],
    ['299 "no agent"', []],
    ["299 - bare", []],
    ['299 - "never ends', ["never ends"]],
    ["", []],
    [",,,", []],
    ["garbage", []],
  ];
  for (const [header, expected] of cases) assert.deepEqual(warnings(header), expected, header);
  assert.deepEqual(warningsOf(new Headers()), []);
});

Deno.test("warningsOf() bounds and cleans what it shows", () => {
  const many = Array.from({ length: 50 }, (_, index) => `299 - "warning ${index}"`).join(", ");
  assert.equal(warnings(many).length, 10);
  const [long = ""] = warnings(`299 - "${"x".repeat(10_000)}"`);
  assert.equal(long.length, 300);
  assert.deepEqual(warnings('299 - "a\t \tb\u0085c"'), ["a bc"]);
});

Deno.test("warningsOf() reads back any text and never fails on garbage", () => {
  const text = fc.stringMatching(/^[!-~]([ -~]{0,40}[!-~])?$/).filter((any) => !/ {2}/.test(any));
  fc.assert(
    fc.property(fc.uniqueArray(text, { maxLength: 10 }), (texts) => {
      const header = texts.map((any) => `299 - "${any.replace(/["\\]/g, "\\$&")}"`).join(", ");
      assert.deepEqual(warnings(header), texts);
    }),
    { seed: 20260901, numRuns: 500 },
  );
  const garbage = fc.array(
    fc.constantFrom("299", " ", "-", '"', "\\", ",", "a", "110", ";", "="),
    { maxLength: 50 },
  ).map((parts) => parts.join(""));
  fc.assert(
    fc.property(garbage, (header) => {
      for (const any of warnings(header)) assert(any.length > 0 && any.length <= 300);
    }),
    { seed: 20260901, numRuns: 2000 },
  );
  for (const piece of [" ", '"', "\\", ",", "299 ", "299 - "]) warnings(piece.repeat(50_000));
});

Deno.test("retryAfterMs() reads seconds, dates and Docker Hub's fields", () => {
  const inMinute = NOW / 1000 + 60;
  const cases: readonly (readonly [Readonly<Record<string, string>>, number | undefined])[] = [
    [{}, undefined],
    [{ "retry-after": "0" }, 0],
    [{ "retry-after": " 120 " }, 120_000],
    [{ "retry-after": "1.5" }, 1500],
    [{ "retry-after": "99999999999999999999" }, YEAR_MS],
    // RFC 9110, 5.6.7: the form of today and the two old ones.
    [{ "retry-after": "Tue, 01 Sep 2026 12:01:00 GMT" }, 60_000],
    [{ "retry-after": "Tuesday, 01-Sep-26 12:01:00 GMT" }, 60_000],
    [{ "retry-after": "Tue Sep  1 12:01:00 2026" }, 60_000],
    [{ "retry-after": "Tue, 01 Sep 2026 14:01:00 +0200" }, 60_000],
    [{ "retry-after": "Tue, 01 Sep 2026 11:00:00 GMT" }, 0],
    [{ "retry-after": "Tue, 01 Sep 2099 11:00:00 GMT" }, YEAR_MS],
    [{ "retry-after": "-5" }, undefined],
    [{ "retry-after": "soon" }, undefined],
    [{ "retry-after": "in 5 minutes" }, undefined],
    [{ "retry-after": "Tue, 99 Xyz 2026" }, undefined],
    [{ "retry-after": "" }, undefined],
    [{ "x-retry-after": `${inMinute}` }, 60_000],
    [{ "x-retry-after": "60" }, undefined],
    [{ "x-ratelimit-reset": `${inMinute}` }, 60_000],
    [{ "x-ratelimit-reset": `${inMinute - 120}` }, 0],
    [{ "retry-after": "soon", "x-ratelimit-reset": `${inMinute}` }, 60_000],
    [{ "retry-after": "5", "x-retry-after": `${inMinute}` }, 5000],
    [{ "x-retry-after": `${inMinute}`, "x-ratelimit-reset": `${inMinute + 60}` }, 60_000],
  ];
  for (const [headers, expected] of cases) {
    assert.equal(retryAfterMs(new Headers(headers), NOW), expected, JSON.stringify(headers));
  }
});

Deno.test("pullQuotaOf() reads Docker Hub's fields", () => {
  const cases: readonly (readonly [Readonly<Record<string, string>>, unknown])[] = [
    [{}, undefined],
    [{ "docker-ratelimit-source": "192.0.2.1" }, undefined],
    [
      {
        "ratelimit-limit": "100;w=21600",
        "ratelimit-remaining": "76;w=21600",
        "docker-ratelimit-source": "192.0.2.1",
      },
      { limit: 100, remaining: 76, windowSeconds: 21600, source: "192.0.2.1" },
    ],
    [{ "ratelimit-limit": " 200 ; w = 3600" }, { limit: 200, windowSeconds: 3600 }],
    [{ "ratelimit-limit": "100, 100;w=21600" }, { limit: 100, windowSeconds: 21600 }],
    [{ "ratelimit-remaining": "0;w=60" }, { remaining: 0, windowSeconds: 60 }],
    [{ "ratelimit-limit": "5", "ratelimit-remaining": "x" }, { limit: 5 }],
    [{ "ratelimit-limit": "-1" }, undefined],
    [{ "ratelimit-limit": "1234567890" }, undefined],
    [{ "ratelimit-limit": "5;w=1234567890" }, { limit: 5 }],
    [
      { "ratelimit-limit": "5", "docker-ratelimit-source": `${"a".repeat(100)}` },
      { limit: 5, source: `${"a".repeat(79)}…` },
    ],
  ];
  for (const [headers, expected] of cases) {
    assert.deepEqual(pullQuotaOf(new Headers(headers)), expected, JSON.stringify(headers));
  }
});

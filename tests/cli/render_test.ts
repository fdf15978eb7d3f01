/**
 * Tests of lib/cli/render.ts and lib/cli/table.ts. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { renderFacts } from "../../lib/cli/render.ts";
import { fit, table } from "../../lib/cli/table.ts";
import { textWidth } from "../../lib/cli/width.ts";

Deno.test("table() aligns columns, wide characters included", () => {
  assert.deepEqual(
    table(["name", "n"], [["日本", "1"], ["abc", "22"]], { columns: undefined }),
    ["name  n", "日本  1", "abc   22"],
  );
});

Deno.test("table() gives the widest column away where the terminal is narrow", () => {
  const lines = table(
    ["tag", "about"],
    [["3.20", "x".repeat(200)], ["latest-and-long", "日".repeat(100)]],
    { columns: 40 },
  );
  for (const line of lines) assert.ok(textWidth(line) <= 40, line);
  assert.ok(lines[1]?.startsWith("3.20             xxx"));
  assert.ok(lines[1]?.endsWith("…"));
});

Deno.test("table() goes on below a sentence in the last column, and never cuts a path there", () => {
  const rows = [["ping", "oci", "Check that a registry answers"], [
    "other",
    "oci",
    "/a".repeat(30),
  ]];
  assert.deepEqual(table(["tool", "set", "what it does"], rows, { columns: 36, wraps: true }), [
    "tool   set  what it does",
    "ping   oci  Check that a registry",
    "            answers",
    `other  oci  ${"/a".repeat(30)}`,
  ]);
  const narrow = table(["tool", "what it does"], [["x".repeat(40), "Say what an image is"]], {
    columns: 30,
    wraps: true,
  });
  assert.deepEqual(narrow, ["tool      what it does", "xxxxxxx…  Say what an image is"]);
});

Deno.test("table() keeps columns readable when nothing fits", () => {
  const lines = table(["a", "b", "c"], [["x".repeat(50), "y".repeat(50), "z".repeat(50)]], {
    columns: 10,
  });
  assert.equal(lines[1], "xxxxxxx…  yyyyyyy…  zzzzzzz…");
});

Deno.test("fit() never splits a character", () => {
  assert.equal(fit("a😀😀", 4), "a😀…");
  assert.equal(fit("abc", 3), "abc");
  assert.equal(fit("abcd", 3), "ab…");
});

Deno.test("renderFacts() prints facts, records, words and nested objects", () => {
  const digest = `sha256:${"a".repeat(64)}`;
  assert.deepEqual(
    renderFacts({
      pinned: digest,
      size_bytes: 3_800_000,
      layers: 2,
      official: false,
      nothing: undefined,
      empty: [],
      platforms: [
        { platform: "linux/amd64", size_bytes: 999, ports: ["80/tcp", "443/tcp"] },
        { platform: "linux/arm64/v8", size_bytes: 123_456_789, note: "two\nlines" },
      ],
      tags: ["3.20", "3.19"],
      command: ["/bin/sh", "echo hi"],
      labels: { "org.example_x": "y" },
    }, { columns: 60 }),
    [
      `pinned    ${digest}`,
      "size      3.8 MB",
      "layers    2",
      "official  no",
      "tags      3.20, 3.19",
      "",
      "platforms:",
      "  platform        size    ports            note",
      "  linux/amd64     999 B   80/tcp, 443/tcp",
      "  linux/arm64/v8  123 MB                   two lines",
      "",
      "command:",
      "  /bin/sh",
      "  echo hi",
      "",
      "labels:",
      "  org.example_x  y",
    ],
  );
});

Deno.test("renderFacts() lists records of one fact without a header", () => {
  assert.deepEqual(renderFacts({ tags: [{ name: "1.0" }, { name: "latest" }] }, { columns: 80 }), [
    "tags:",
    "  1.0",
    "  latest",
  ]);
});

Deno.test("renderFacts() cuts prose to the terminal but never a digest", () => {
  const [prose = ""] = renderFacts({ about: "word ".repeat(40) }, { columns: 40 });
  assert.equal(textWidth(prose), 40);
  const [digest = ""] = renderFacts({ digest: `sha256:${"a".repeat(64)}` }, { columns: 40 });
  assert.ok(digest.endsWith("a".repeat(64)));
});

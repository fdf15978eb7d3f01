/**
 * Results for people. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { contentLines } from "../../lib/cli/content.ts";

const WIDE = { columns: undefined };

Deno.test("contentLines() shows texts cleaned, and names what is no text", () => {
  const content = [
    { type: "text", text: "one\n\ttwo\u001b[31m\u202e" },
    { type: "image", data: btoa("12345"), mimeType: "image/png" },
    { type: "audio", data: btoa("123"), mimeType: "audio/wav\u0007" },
    { type: "resource_link", uri: "file:///a", name: "a", title: "The A" },
    { type: "resource", resource: { uri: "file:///t", text: "inside\u0000" } },
    { type: "resource", resource: { uri: "file:///b", mimeType: "x/y", blob: btoa("1234") } },
    { type: "ho\u0007logram" },
    { type: "text" },
    "no block",
  ];
  assert.deepEqual(contentLines({ content }, WIDE), [
    "one\n\ttwo[31m",
    "[image image/png, 5 B]",
    "[audio audio/wav, 3 B]",
    "[resource The A, file:///a]",
    "inside",
    "[resource file:///b, x/y, 4 B]",
    "[hologram]",
    "",
  ]);
});

Deno.test("contentLines() shows the structured result where there are no blocks", () => {
  const structuredContent = { "na\u202eme": "a\u0007", list: [{ x: "b\u200b" }], deep: nested(30) };
  const lines = contentLines({ content: [], structuredContent }, WIDE).join("\n");
  assert.match(lines, /^name +a$/m);
  // deno-lint-ignore no-control-regex -- nothing of the kind may be left
  assert.doesNotMatch(lines, /[\u0000-\u0009\u200b\u202e]/);
  assert.deepEqual(contentLines({}, WIDE), []);
  assert.deepEqual(contentLines({ content: "x", structuredContent: [1] }, WIDE), []);
});

function nested(levels: number): unknown {
  return levels === 0 ? "\u0007" : { in: nested(levels - 1) };
}

import assert from "node:assert/strict";
import fc from "fast-check";
import { isListItem, plainText, readBullet } from "../../../lib/catalog/sources/awesome_line.ts";

Deno.test("readBullet() reads every separator that contributors use", () => {
  const url = "https://x.example/a";
  const wanted = { name: "a/b", url, text: "Does it: well." };
  for (
    const line of [
      `- [a/b](${url}): Does it: well.`,
      `- [a/b](${url}) - Does it: well.`,
      `- [a/b](${url}) – Does it: well.`,
      `- [a/b](${url}) — Does it: well.`,
      `* [a/b](${url}) : Does it: well.`,
      `- * [a/b](${url}): Does it: well.`,
      `- **[a/b](${url})** - Does it: well.`,
      `- [\`a/b\`](${url}): Does it: well.`,
      `- [a/b](<${url}>): Does it: well.`,
      `- [a/b](${url} ): Does it: well.`,
      `- [a/b](${url} "title"): Does it: well.`,
      `- [a/b](${url}) [![badge](https://b.example/i)](https://b.example): Does it: well.`,
      `- [a/b](${url}) ![badge](https://b.example/i) - Does it: well.`,
      `- [a/b](${url}) 🎖️ 📇 ☁️ 🏠 - Does it: well.`,
      `- [a/b](${url}) ([site](https://s.example)) - Does it: well.`,
      `- [a/b](${url}) (alias): Does it: well.`,
      `- [a/b](${url}) Does it: well.`,
    ]
  ) assert.deepEqual(readBullet(line), wanted, line);
});

Deno.test("readBullet() keeps a remark that no separator follows", () => {
  assert.equal(readBullet("- [a](https://x.example) (beta) tool")?.text, "(beta) tool");
  assert.equal(readBullet("- [a](https://x.example) (open")?.text, "(open");
  assert.equal(readBullet("- [a](https://x.example)")?.text, "");
});

Deno.test("readBullet() refuses every other line", () => {
  for (
    const line of [
      "",
      "## Heading",
      "A sentence.",
      "$UNIFIED",
      "-[a](https://x.example): no blank",
      "- plain",
      "- [a] (https://x.example)",
      "- [a](https://x.example",
      "- [](https://x.example): no name",
      "- [a](): no target",
      "- [a](two words): no",
      `- [a](https://x.example): ${"x".repeat(9000)}`,
    ]
  ) assert.equal(readBullet(line), undefined, line.slice(0, 40));
  assert.ok(isListItem("  * x"));
  assert.ok(!isListItem("x"));
});

Deno.test("readBullet() takes any line without an error", () => {
  const piece = fc.constantFrom(
    "- ",
    "* ",
    "[",
    "](",
    ")",
    "![",
    "**",
    ":",
    " - ",
    "(",
    "🎖️",
    "a",
    "<",
    '"',
    " ",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      const bullet = readBullet(pieces.join(""));
      if (bullet !== undefined) assert.ok(bullet.url !== "");
    }),
    { seed: 20260102, numRuns: 500 },
  );
});

Deno.test("plainText() takes markdown away and leaves placeholders", () => {
  assert.equal(
    plainText("Use [this](https://x.example) **now** [![b](i)](l) ![c](d) with `<key>`"),
    "Use this now   with `<key>`",
  );
});

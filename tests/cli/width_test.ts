/** Tests of lib/cli/width.ts. @module */

import assert from "node:assert/strict";
import { textWidth } from "../../lib/cli/width.ts";

Deno.test("textWidth() counts the columns of a terminal", () => {
  const widths = {
    "": 0,
    "plain ASCII, 24 columns!": 24,
    "ünïcode": 7,
    "日本": 4,
    "한국": 4,
    "ｆｕｌｌ": 8,
    "ﾊﾝｶｸ": 4,
    "a\u0301": 1,
    "a\u200bb": 2,
    "😀": 2,
    "❤\ufe0f": 1,
    "…": 1,
  };
  for (const [text, width] of Object.entries(widths)) assert.equal(textWidth(text), width, text);
});

/** Tests of the version line. @module */

import assert from "node:assert/strict";
import { versionText } from "../../lib/cli/version.ts";

const FACTS = { version: "1.2.3", deno: "2.9.6", target: "aarch64-apple-darwin" };
const COMMIT = "0123456789abcdef0123456789abcdef01234567";

Deno.test("versionText() names commit and day of a build", () => {
  assert.equal(
    versionText({ ...FACTS, build: { commit: COMMIT, date: "2026-11-21" } }),
    "wharf 1.2.3 (commit 0123456789ab, built 2026-11-21; deno 2.9.6, aarch64-apple-darwin)",
  );
});

Deno.test("versionText() says that files differed from the commit", () => {
  assert.match(
    versionText({ ...FACTS, build: { commit: `${COMMIT}-dirty`, date: "2026-11-21" } }),
    /\(commit 0123456789ab-dirty, built /,
  );
});

Deno.test("versionText() says that nothing was built", () => {
  assert.equal(
    versionText({ ...FACTS, build: undefined }),
    "wharf 1.2.3 (from source; deno 2.9.6, aarch64-apple-darwin)",
  );
});

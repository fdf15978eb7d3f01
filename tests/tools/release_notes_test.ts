/** Tests of what a release says, and of what has to agree for it. @module */

import assert from "node:assert/strict";
import config from "../../deno.json" with { type: "json" };
import server from "../../server.json" with { type: "json" };
import { changelogSection, releaseNotes } from "../../tools/release_notes.ts";

const CHANGELOG = `# Changelog

Words before all sections.

## 1.2.3 - 2026-11-21

### Added

- A thing, and
  its second line.

## [1.2.2] - 2026-10-01

- Older.

## 1.2.1 (unreleased)

- Not out.

## 1.2.0
`;

const FACTS = {
  version: "1.2.3",
  server: { version: "1.2.3", packages: [{ identifier: "ghcr.io/wharf/wharf:1.2.3" }] },
  changelog: CHANGELOG,
};

Deno.test("changelogSection() cuts a section with its remark, in both forms of headings", () => {
  assert.deepEqual(changelogSection(CHANGELOG, "1.2.3"), {
    remark: "2026-11-21",
    text: "### Added\n\n- A thing, and\n  its second line.",
  });
  assert.deepEqual(changelogSection(CHANGELOG, "1.2.2"), {
    remark: "2026-10-01",
    text: "- Older.",
  });
  assert.deepEqual(changelogSection(CHANGELOG, "1.2.0"), { remark: "", text: "" });
});

Deno.test("changelogSection() takes no version for another", () => {
  for (const version of ["1.2", "1.2.33", "2.3", "", "Changelog"]) {
    assert.equal(changelogSection(CHANGELOG, version), undefined, version);
  }
});

Deno.test("releaseNotes() gives the changelog's words", () => {
  assert.equal(releaseNotes("v1.2.3", FACTS), "### Added\n\n- A thing, and\n  its second line.\n");
});

Deno.test("releaseNotes() names what does not agree", () => {
  const about = (version: string) => ({
    ...FACTS,
    version,
    server: { version, packages: [{ identifier: `ghcr.io/wharf/wharf:${version}` }] },
  });
  const cases: readonly (readonly [string, Parameters<typeof releaseNotes>[1], RegExp])[] = [
    ["1.2.3", FACTS, /"1\.2\.3": deno\.json has version 1\.2\.3/],
    ["v1.2.4", FACTS, /deno\.json has version 1\.2\.3/],
    ["v1.2.3", { ...FACTS, server: { ...FACTS.server, version: "1.2.2" } }, /server\.json has/],
    [
      "v1.2.3",
      { ...FACTS, server: { version: "1.2.3", packages: [{ identifier: "ghcr.io/w/w:1.2.2" }] } },
      /server\.json names ghcr\.io\/w\/w:1\.2\.2/,
    ],
    ["v1.2.1", about("1.2.1"), /calls it unreleased/],
    ["v1.2.0", about("1.2.0"), /says nothing/],
    ["v1.1.0", about("1.1.0"), /no section/],
  ];
  for (const [tag, facts, message] of cases) {
    assert.throws(() => releaseNotes(tag, facts), message);
  }
});

Deno.test("deno.json and server.json name the same version", () => {
  assert.equal(server.version, config.version);
  for (const { identifier } of server.packages) {
    assert.ok(identifier.endsWith(`:${config.version}`), identifier);
  }
});

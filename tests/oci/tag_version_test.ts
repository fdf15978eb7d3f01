/**
 * Tests of lib/oci/tag_version.ts. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { compareTags, isDigestTag, readTag } from "../../lib/oci/tag_version.ts";

const HEX64 = "0123456789abcdef".repeat(4);

/** Asserts that a list is in order, however it is shuffled first. */
function assertOrder(expected: readonly string[]): void {
  assert.deepEqual(expected.toReversed().sort(compareTags), expected);
  assert.deepEqual(expected.toSorted().sort(compareTags), expected);
}

Deno.test("readTag() tells versions, dates, hashes, digests and words apart", () => {
  const table: Readonly<Record<string, readonly string[]>> = {
    version: ["1", "v2", "V2.0", "1.2", "1.2.3", "1.2.3.4", "22.04", "1.2rc1", "3-slim", "2024"],
    date: [
      "20240915",
      "2024-09-15",
      "2024.09.15",
      "2024_09_15",
      "v20240915-abc1234",
      "20240915-alpine",
      "202409151030",
      "20240915T103000Z",
      "2024-09-15T10-30-00Z",
    ],
    hash: ["abc1234", "0a1b2c3", "0123456789abcdef0123456789abcdef01234567", "sha-abc1234"],
    digest: [`sha256-${HEX64}`, `sha256-${HEX64}.sig`, `sha256-${HEX64}.sbom`],
    word: [
      "latest",
      "stable-alpine",
      "3scale",
      "1password",
      "1.2.3.4.5",
      "123456",
      "20241399",
      "19990101",
      "feedbee",
      "sha256-abc",
      "",
    ],
  };
  for (const [kind, tags] of Object.entries(table)) {
    for (const tag of tags) assert.equal(readTag(tag).kind, kind, tag);
  }
});

Deno.test("readTag() keeps families apart from pre-releases", () => {
  const table: readonly (readonly [string, string, string, string])[] = [
    // tag, family, pre-release, revision
    ["1.2.3", "", "", ""],
    ["1.2.3-rc1", "", "rc 1", ""],
    ["1.2.3-beta.2", "", "beta 2", ""],
    ["1.2.3-alpha", "", "alpha", ""],
    ["1.2.3-dev", "", "dev", ""],
    ["1.2.3-dev.0a1b", "", "dev 0 a 1 b", ""],
    ["3.13.0rc2-slim-bookworm", "slim-bookworm", "rc 2", ""],
    ["1.2.3-alpine", "alpine", "", ""],
    ["1.2.3-alpine3.20", "alpine3.20", "", ""],
    ["1.2.3-rc1-alpine", "alpine", "rc 1", ""],
    ["9.0-preview.7-alpine3.20", "alpine3.20", "preview 7", ""],
    ["17-ea-7-jdk-oraclelinux8", "jdk-oraclelinux8", "ea 7", ""],
    ["1.23-windowsservercore-ltsc2022", "windowsservercore-ltsc2022", "", ""],
    ["4.0.0-debian-12-r5", "debian-12", "", "5"],
    ["1.2.3-2", "", "", "2"],
    ["1.2.3-r02", "", "", "2"],
    ["1.2.3-20240915103000", "", "", "20240915103000"],
    ["26.1.3.Final-jdk17", "jdk17", "", ""],
    ["3.0.0.CR1", "", "cr 1", ""],
    ["v1.2.3-4-gabcdef0", "", "", "4"],
    ["1.2.3-abc1234-alpine", "alpine", "", ""],
  ];
  for (const [tag, family, prerelease, revision] of table) {
    const read = readTag(tag);
    assert.deepEqual(
      [read.kind, read.family, read.prerelease.join(" "), read.revision.join(" ")],
      ["version", family, prerelease, revision],
      tag,
    );
  }
});

Deno.test("compareTags() puts the newest version first, family by family", () => {
  assertOrder([
    "2.0.0",
    "2.0.0-rc.10",
    "2.0.0-rc.2",
    "2.0.0-rc",
    "2.0.0-beta",
    "2.0.0-alpha.1",
    "2.0.0-alpha",
    "1.27.3",
    "1.27",
    "1.9.10-2",
    "1.9.10",
    "1.9.9",
    "1",
    "2.0.0-alpine",
    "2.0.0-rc1-alpine",
    "1.27-alpine",
    "1.27-alpine3.20",
    "1.27-slim-bookworm",
    "20240916",
    "2024.09.15",
    "20240101",
    "20250101-alpine",
    "latest",
    "edge",
    "stable",
    "0a1b2c3",
    "sha-abc1234",
    `sha256-${HEX64}`,
  ]);
});

Deno.test("compareTags() orders dates by time, whatever commit stands behind", () => {
  assertOrder(["v20240916-0a1b2c3", "v20240915-fedcba9", "v20240914-1234abc"]);
  assertOrder(["2024-09-15T10-30-00Z", "2024-09-15T09-30-00Z", "202409150800", "20240915"]);
});

Deno.test("compareTags() compares numbers of any length by value", () => {
  const big = "9".repeat(40);
  assertOrder([`1.1${"0".repeat(40)}`, `1.${big}`, "1.18446744073709551616", "1.10", "1.9"]);
  assertOrder(["1.0-rc100000000000000000001", "1.0-rc100000000000000000000", "1.0-rc9"]);
  // Equal by value: the tag itself decides, so that the order is total.
  assertOrder(["1.02", "1.2", "v1.2"]);
});

Deno.test("compareTags() ranks numbers of a pre-release below words", () => {
  assertOrder(["1.0-dev.b", "1.0-dev.a", "1.0-dev.10", "1.0-dev.9", "1.0-dev"]);
});

Deno.test("isDigestTag() knows mirrors of digests with every ending", () => {
  const hidden = [`sha256-${HEX64}`, `sha256-${HEX64}.att`, `sha512-${HEX64}${HEX64}.sig`];
  for (const tag of hidden) assert.ok(isDigestTag(tag), tag);
  for (const tag of ["sha256", "sha-abc1234", `sha256:${HEX64}`, "latest"]) {
    assert.ok(!isDigestTag(tag), tag);
  }
});

/** Tags such as people make, with collisions between the kinds. */
const tag = fc.oneof(
  fc.tuple(
    fc.constantFrom("", "v"),
    fc.array(fc.constantFrom("0", "1", "01", "2", "10", "2024", "99999999999999999999"), {
      minLength: 1,
      maxLength: 4,
    }),
    fc.array(
      fc.constantFrom(
        "rc1",
        "rc.2",
        "beta",
        "dev.1a",
        "alpine",
        "slim",
        "3",
        "r4",
        "abc1234",
        "Final",
      ),
      { maxLength: 3 },
    ),
  ).map(([v, numbers, parts]) => [v + numbers.join("."), ...parts].join("-")),
  fc.constantFrom("20240915", "2024-09-15", "2024.09.15", "20240915-alpine", "202409150102"),
  fc.constantFrom("latest", "edge", "0a1b2c3", "sha-0a1b2c3", `sha256-${HEX64}`, "Latest"),
  fc.string({ unit: fc.constantFrom(..."01a.-_rcT"), maxLength: 12 }),
);

Deno.test("compareTags() is a total order", () => {
  fc.assert(
    fc.property(tag, tag, tag, (a, b, c) => {
      assert.equal(Math.sign(compareTags(a, b)), -Math.sign(compareTags(b, a)) || 0);
      assert.equal(compareTags(a, b) === 0, a === b, `${a} against ${b}`);
      const [x, y, z] = [a, b, c].sort(compareTags);
      assert.ok(compareTags(x ?? "", z ?? "") <= 0, `${x} ${y} ${z}`);
      if (compareTags(a, b) <= 0 && compareTags(b, c) <= 0) assert.ok(compareTags(a, c) <= 0);
    }),
    { seed: 20260103, numRuns: 20_000 },
  );
});

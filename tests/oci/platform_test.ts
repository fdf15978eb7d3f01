/**
 * Tests of lib/oci/platform.ts. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { AppError } from "../../lib/core/errors.ts";
import {
  formatPlatform,
  normalisePlatform,
  parsePlatform,
  type Platform,
  selectPlatform,
} from "../../lib/oci/platform.ts";

Deno.test("parsePlatform() gives equal platforms equal words", () => {
  const platforms: Readonly<Record<string, string>> = {
    "linux/amd64": "linux/amd64",
    " Linux/AMD64 ": "linux/amd64",
    "amd64": "linux/amd64",
    "x86_64": "linux/amd64",
    "x86-64": "linux/amd64",
    "linux/amd64/v1": "linux/amd64",
    "linux/amd64/v3": "linux/amd64/v3",
    "i386": "linux/386",
    "linux/i686": "linux/386",
    "aarch64": "linux/arm64",
    "linux/arm64/v8": "linux/arm64",
    "linux/arm64/8": "linux/arm64",
    "linux/arm64/v9": "linux/arm64/v9",
    "arm64v8": "linux/arm64",
    "arm": "linux/arm/v7",
    "linux/arm": "linux/arm/v7",
    "linux/arm/7": "linux/arm/v7",
    "linux/arm/v5": "linux/arm/v5",
    "arm/v6": "linux/arm/v6",
    "armhf": "linux/arm/v7",
    "linux/armhf": "linux/arm/v7",
    "armel": "linux/arm/v6",
    "armv7l": "linux/arm/v7",
    "arm32v5": "linux/arm/v5",
    "ppc64el": "linux/ppc64le",
    "s390x": "linux/s390x",
    "macos/aarch64": "darwin/arm64",
    "darwin/arm64": "darwin/arm64",
    "wasi/wasm": "wasi/wasm",
    "plan9/vax": "plan9/vax",
  };
  for (const [text, expected] of Object.entries(platforms)) {
    assert.equal(formatPlatform(parsePlatform(text)), expected, text);
  }
});

Deno.test("parsePlatform() takes an OS version", () => {
  assert.deepEqual(parsePlatform("windows/amd64:10.0.17763.1"), {
    os: "windows",
    architecture: "amd64",
    osVersion: "10.0.17763.1",
  });
});

Deno.test("parsePlatform() refuses other forms and shows a bounded, cleaned text", () => {
  for (
    const text of [
      "",
      "/",
      "linux/",
      "/amd64",
      "linux//v7",
      "linux/arm/v7/x",
      "linux/arm v7",
      "linux/am\u202Ed64",
      "windows/amd64:",
      "windows/amd64:1:2",
      "windows/amd64:1/2",
      "linux",
      "vax",
      "amd64/linux/v1",
      "__proto__",
      "constructor",
      "x".repeat(5000),
      `linux/${"x".repeat(65)}`,
    ]
  ) {
    assert.throws(() => parsePlatform(text), (thrown) => {
      assert(thrown instanceof AppError && thrown.code === "INVALID_ARGUMENT");
      assert(thrown.message.length < 200 && !thrown.message.includes("\u202E"));
      return thrown.hint !== undefined;
    });
  }
});

Deno.test("normalisePlatform() treats an index's words as data", () => {
  assert.deepEqual(
    normalisePlatform({ os: "constructor", architecture: "__proto__", variant: "" }),
    { os: "constructor", architecture: "__proto__" },
  );
  assert.deepEqual(
    normalisePlatform({ os: "Linux", architecture: "armel", variant: "", osVersion: "" }),
    { os: "linux", architecture: "arm", variant: "v6" },
  );
  assert.deepEqual(
    normalisePlatform({ os: "windows", architecture: "amd64", osFeatures: ["win32k"] }),
    { os: "windows", architecture: "amd64", osFeatures: ["win32k"] },
  );
  assert.deepEqual(
    normalisePlatform({ os: "windows", architecture: "amd64", osFeatures: [] }),
    { os: "windows", architecture: "amd64" },
  );
});

Deno.test("parsePlatform() reads back what formatPlatform() writes", () => {
  const word = fc.stringMatching(/^[a-z][a-z0-9_]{0,11}$/);
  const platform = fc.record({
    os: fc.constantFrom("linux", "windows", "macos", "freebsd"),
    architecture: fc.oneof(fc.constantFrom("amd64", "arm", "aarch64", "armhf"), word),
    variant: fc.oneof(fc.constantFrom("", "v1", "8", "v8", "7"), word),
  });
  fc.assert(
    fc.property(platform, (any) => {
      const text = formatPlatform(any);
      assert.equal(formatPlatform(parsePlatform(text)), text);
      assert.deepEqual(parsePlatform(text), normalisePlatform(any));
    }),
    { seed: 20260901, numRuns: 500 },
  );
});

/** Which of an index's platforms is chosen, as words; `none` for none. */
function chosen(offered: readonly string[], wanted: string): string {
  const candidates = offered.map((name) => ({ name, platform: platformOf(name) }));
  return selectPlatform(candidates, parsePlatform(wanted))?.name ?? "none";
}

/** An index's own words, which `parsePlatform()` would normalise. */
function platformOf(text: string): Platform | undefined {
  if (text === "") return undefined;
  const [words = "", osVersion] = text.split(":");
  const [os = "", architecture = "", variant] = words.split("/");
  return {
    os,
    architecture,
    ...(variant === undefined ? {} : { variant }),
    ...(osVersion === undefined ? {} : { osVersion }),
  };
}

Deno.test("selectPlatform() takes the best that runs", () => {
  const cases: readonly (readonly [readonly string[], string, string])[] = [
    [["linux/amd64", "linux/arm64"], "linux/arm64", "linux/arm64"],
    [["linux/amd64", "linux/arm64/v8"], "arm64", "linux/arm64/v8"],
    [["linux/arm64"], "linux/arm64/v8", "linux/arm64"],
    [["linux/aarch64"], "arm64", "linux/aarch64"],
    [["linux/amd64"], "linux/arm64", "none"],
    [["linux/amd64"], "windows/amd64", "none"],
    [["darwin/arm64"], "macos/arm64", "darwin/arm64"],
    [[], "linux/amd64", "none"],
    // Variants downward, the highest that runs.
    [["linux/arm/v5", "linux/arm/v6", "linux/arm/v7"], "linux/arm/v6", "linux/arm/v6"],
    [["linux/arm/v5", "linux/arm/v6"], "linux/arm/v7", "linux/arm/v6"],
    [["linux/arm/v6", "linux/arm/v5"], "linux/arm/v7", "linux/arm/v6"],
    [["linux/arm/v7"], "linux/arm/v6", "none"],
    [["linux/arm", "linux/arm/v6"], "linux/arm", "linux/arm"],
    [["linux/arm/v6", "linux/arm/v7"], "linux/arm", "linux/arm/v7"],
    [["linux/amd64", "linux/amd64/v2", "linux/amd64/v3"], "linux/amd64/v3", "linux/amd64/v3"],
    [["linux/amd64", "linux/amd64/v2", "linux/amd64/v4"], "linux/amd64/v3", "linux/amd64/v2"],
    [["linux/amd64/v2", "linux/amd64"], "linux/amd64", "linux/amd64"],
    [["linux/amd64/v2"], "linux/amd64", "none"],
    [["linux/arm64"], "linux/arm64/v9", "linux/arm64"],
    [["linux/arm64/v9"], "linux/arm64", "none"],
    [["linux/ppc64le/power9"], "linux/ppc64le/power9", "linux/ppc64le/power9"],
    [["linux/ppc64le/power10"], "linux/ppc64le/power9", "none"],
    [["linux/s390x"], "linux/s390x", "linux/s390x"],
    // The first among equals; entries without a platform and attestations fit nothing.
    [["linux/x86_64", "linux/amd64"], "amd64", "linux/x86_64"],
    [["", "linux/amd64"], "amd64", "linux/amd64"],
    [[""], "amd64", "none"],
    [["unknown/unknown", "linux/amd64"], "amd64", "linux/amd64"],
    [["unknown/unknown"], "unknown/unknown", "none"],
  ];
  for (const [offered, wanted, expected] of cases) {
    assert.equal(chosen(offered, wanted), expected, `${wanted} of ${offered.join(" ")}`);
  }
});

Deno.test("selectPlatform() compares Windows by the first three parts of the build", () => {
  const index = [
    "windows/amd64:10.0.17763.5000",
    "windows/amd64:10.0.20348.2000",
    "windows/amd64:10.0.20348.1",
  ];
  const cases: Readonly<Record<string, string>> = {
    "windows/amd64:10.0.17763.1": "windows/amd64:10.0.17763.5000",
    "windows/amd64:10.0.17763": "windows/amd64:10.0.17763.5000",
    "windows/amd64:10.0.20348.9": "windows/amd64:10.0.20348.2000",
    "windows/amd64:10.0.20348.1": "windows/amd64:10.0.20348.1",
    "windows/amd64:10.0.1776": "none",
    "windows/amd64:10.0.26100.1": "none",
    "windows/amd64": "windows/amd64:10.0.17763.5000",
  };
  for (const [wanted, expected] of Object.entries(cases)) {
    assert.equal(chosen(index, wanted), expected, wanted);
  }
  assert.equal(chosen(["windows/amd64"], "windows/amd64:10.0.17763"), "windows/amd64");
  assert.equal(
    chosen(["windows/amd64", "windows/amd64:10.0.17763.1"], "windows/amd64:10.0.17763.2"),
    "windows/amd64:10.0.17763.1",
  );
});

/**
 * The operator's policy as it stands in the config file. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { AppError } from "../../lib/core/errors.ts";
import { isInside, isPlainAbsolute, matches, parsePolicy } from "../../lib/gateway/policy.ts";

Deno.test("parsePolicy() without a policy is the careful one", () => {
  assert.deepEqual(parsePolicy(), {
    allow: [],
    deny: [],
    requireAllowed: false,
    requireDigest: false,
    requireOfficial: false,
    network: "as-declared",
    unsandboxed: false,
    adHoc: false,
    build: true,
    confirm: "first",
    hostPaths: [],
    valueFiles: [],
    valueSecrets: ["wharf-*"],
    envAllow: [],
    maxMemoryMb: 2048,
    maxCpus: 1,
    maxPids: 256,
  });
});

Deno.test("parsePolicy() takes every key", () => {
  const policy = parsePolicy({
    allow: [{ source: "docker", owner: "acme" }],
    deny: [{ image: "docker.io/bad/*" }, { registry: "evil.example" }],
    require_allowed: true,
    require_digest: true,
    require_official: true,
    network: "none",
    unsandboxed: true,
    ad_hoc: true,
    build: false,
    confirm: "always",
    host_paths: ["/srv/data", "C:\\data"],
    value_files: ["/run/secrets"],
    value_secrets: ["acme-*"],
    env_allow: ["ACME_*"],
    max_memory_mb: 64,
    max_cpus: 0.5,
    max_pids: 32,
  });
  assert.equal(policy.allow[0]?.owner, "acme");
  assert.equal(policy.deny.length, 2);
  assert.deepEqual([policy.confirm, policy.maxCpus, policy.build], ["always", 0.5, false]);
});

Deno.test("parsePolicy() names the key that does not fit", () => {
  const cases: readonly (readonly [unknown, string])[] = [
    [{ denny: [] }, 'Cannot use "policy.denny": there is no such key'],
    [{ deny: [{ imge: "x" }] }, 'Cannot use "policy.deny.0.imge": there is no such key'],
    [{ deny: [{ image: "x" }, {}] }, 'Cannot use "policy.deny.1": has no key'],
    [{ deny: [{ image: "" }] }, 'Cannot use "policy.deny.0.image": '],
    [{ unsandboxed: "yes" }, 'Cannot use "policy.unsandboxed": '],
    [{ network: "all" }, 'Cannot use "policy.network": '],
    [{ max_memory_mb: 1 }, 'Cannot use "policy.max_memory_mb": '],
    [
      { host_paths: ["/ok", "../up"] },
      'Cannot use "policy.host_paths.1": must be an absolute path',
    ],
    [{ host_paths: ["/a/../b"] }, 'Cannot use "policy.host_paths.0": must be an absolute path'],
    [[], 'Cannot use "policy": '],
    [null, 'Cannot use "policy": '],
  ];
  for (const [value, message] of cases) {
    assert.throws(() => parsePolicy(value), (thrown) => {
      assert.ok(thrown instanceof AppError);
      assert.equal(thrown.code, "INVALID_ARGUMENT");
      assert.ok(thrown.message.startsWith(message), thrown.message);
      assert.match(thrown.hint ?? "", /^Mend it in the config file(?:: keys are |$)/);
      return true;
    });
  }
});

Deno.test("matches() lets * stand for any characters and nothing else for anything", () => {
  const yes = [
    ["*", ""],
    ["docker", "Docker"],
    ["ghcr.io/acme/*", "ghcr.io/acme/a/b:1"],
    ["*/memory", "reference/memory"],
    ["a*b*c", "axxbyybzc"],
    ["**", "x"],
    ["a*", "a"],
  ] as const;
  for (const [wildcard, text] of yes) assert.ok(matches(wildcard, text), `${wildcard} ${text}`);
  const no = [
    ["ghcr.io/acme/*", "ghcr.io/acme2/x"],
    ["ghcr.io/acme", "ghcr.io/acme/x"],
    ["a.c", "abc"],
    ["a*b", "abc"],
    ["", "a"],
    ["a?", "ab"],
  ] as const;
  for (const [wildcard, text] of no) assert.ok(!matches(wildcard, text), `${wildcard} ${text}`);
});

Deno.test("matches() agrees with a regular expression, and many stars cost little", () => {
  const piece = fc.constantFrom("a", "b", "*", ".", "/");
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 8 }),
      fc.string({ unit: fc.constantFrom("a", "b", ".", "/"), maxLength: 12 }),
      (pieces, text) => {
        const source = pieces.map((part) => part === "*" ? ".*" : part.replace(".", "\\."));
        assert.equal(matches(pieces.join(""), text), new RegExp(`^${source.join("")}$`).test(text));
      },
    ),
    { seed: 42, numRuns: 1000 },
  );
  // A backtracking matcher would not come back from this.
  assert.ok(!matches("a*".repeat(50) + "b", "a".repeat(5000)));
});

Deno.test("isInside() is about whole folder names, and never about .. or relative paths", () => {
  const folders = ["/srv/data/", "C:\\Data"];
  for (const path of ["/srv/data", "/srv/data/a/b", "/srv//data/a", "c:/data/x", "C:\\Data\\y"]) {
    assert.ok(isInside(path, folders), path);
  }
  for (
    const path of [
      "/srv",
      "/srv/database",
      "/srv/data/../../etc",
      "srv/data",
      "/SRV/data",
      "~/x",
      "",
      "/srv/data/\n",
      "/",
      "D:\\Data",
    ]
  ) {
    assert.ok(!isInside(path, folders), path);
  }
  assert.ok(isInside("/anything", ["/"]));
  assert.ok(!isInside("/anything", []));
  assert.ok(isPlainAbsolute("/a"));
  assert.ok(!isPlainAbsolute("C:relative"));
});

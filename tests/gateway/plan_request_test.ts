/**
 * Plans of what a caller names in place of the entry: versions, images, commands, addresses. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import type { Entry } from "../../lib/catalog/mod.ts";
import { AppError } from "../../lib/core/errors.ts";
import { planActivation } from "../../lib/gateway/plan.ts";
import type { ActivationRequest } from "../../lib/gateway/plan_types.ts";
import { viewPlan } from "../../lib/gateway/plan_view.ts";
import { parsePolicy } from "../../lib/gateway/policy.ts";
import { makeEntry } from "../catalog/make.ts";
import { hostileText, setting } from "./hostile.ts";
import { DIGEST, ENTRY, FACTS, failure, KEY, plan } from "./plan_world.ts";

Deno.test("planActivation() takes another version of the entry's own, exact ones only", () => {
  const image = plan(ENTRY, { version: DIGEST }, { stored: KEY, policy: { require_digest: true } });
  assert.ok(image.target.kind === "image");
  assert.equal(image.target.image.digest, DIGEST);
  assert.equal(image.verdict.verdict, "confirm");
  const npm = plan(ENTRY, { version: "2.0.0", launchMethod: "stdio-proxy" }, { stored: KEY });
  assert.ok(npm.target.kind === "package");
  assert.equal(npm.target.version, "2.0.0");
  const latest = plan(ENTRY, { version: "latest", launchMethod: "stdio-proxy" }, { stored: KEY });
  assert.ok(latest.target.kind === "package");
  assert.equal(latest.target.version, undefined);
  assert.ok(latest.warnings.some((text) => text.startsWith("no exact version")));
  const range = { packages: [{ type: "npm", identifier: "acme", version: "^1.0" }] };
  const ranged = plan(makeEntry("docker/range", range));
  assert.ok(ranged.target.kind === "package" && ranged.target.version === undefined);
  const npmOnly = makeEntry("docker/npm", { packages: FACTS.packages?.slice(1) });
  for (const version of ["--privileged", "^2", "a b", "http://x"]) {
    assert.equal(failure(() => plan(npmOnly, { version })).code, "INVALID_ARGUMENT", version);
  }
});

Deno.test("planActivation() holds its own image apart from one that a caller names", () => {
  const own = plan(ENTRY, { image: `ghcr.io/acme/time@${DIGEST}` }, { stored: KEY });
  assert.deepEqual([own.adHoc, own.missing.length, own.verdict.verdict], [false, 0, "confirm"]);
  const other = plan(ENTRY, { image: "ghcr.io/evil/time" }, {
    stored: KEY,
    policy: { ad_hoc: true, allow: [{ id: "docker/time" }, { owner: "acme" }] },
  });
  // A stranger's image gets no value that was stored for the entry, and none of its trust.
  assert.deepEqual([other.adHoc, other.values, other.from], [true, [], []]);
  assert.equal(other.verdict.verdict, "confirm");
  assert.equal(plan(ENTRY, { image: "evil" }).verdict.rule, "policy.ad_hoc");
  const packages = ENTRY.packages.map((item) => ({ ...item, identifier: "a/b:{tag}" }));
  const odd = { ...ENTRY, packages };
  assert.equal(plan(odd, { image: "a/b:1" }).verdict.rule, "policy.ad_hoc");
  assert.equal(
    plan(ENTRY, { image: "evil" }, { policy: { ad_hoc: true, deny: [{ id: "docker/*" }] } }).verdict
      .rule,
    "policy.deny[0]",
  );
  assert.equal(failure(() => plan(ENTRY, { image: "--privileged" })).code, "INVALID_ARGUMENT");
});

Deno.test("planActivation() of what a caller names needs the operator's leave", () => {
  const command = { command: "/usr/bin/server", args: ["--flag", "{x}"], env: { TOKEN: "s3cret" } };
  assert.equal(plan(undefined, command).verdict.rule, "policy.ad_hoc");
  const allowed = plan(undefined, command, { policy: { ad_hoc: true, unsandboxed: true } });
  assert.deepEqual(allowed.args, ["--flag", "{x}"]);
  assert.equal(allowed.id, "adhoc/server");
  assert.equal(allowed.method, "command");
  assert.deepEqual(allowed.values, [{ name: "TOKEN", kind: "env", secret: true, from: "given" }]);
  assert.ok(allowed.verdict.confirm?.includes("it runs on this machine without a sandbox"));
  assert.ok(!JSON.stringify(allowed).includes("s3cret"));
  const image = plan(undefined, { image: "alpine" }, { policy: { ad_hoc: true } });
  assert.equal(image.id, "adhoc/library/alpine");
  const url = plan(undefined, { url: "https://a.example/mcp?key=s3cret" }, {
    policy: { ad_hoc: true },
  });
  assert.equal(url.id, "adhoc/a.example");
  assert.ok(!JSON.stringify(viewPlan(url)).includes("s3cret"));
  assert.equal(url.parts.url, "https://a.example/mcp?key=s3cret");
  // One that is named may stand beside others of the same host.
  const named = plan(undefined, { command: "/", name: "My server: 1" }, {
    policy: { ad_hoc: true },
  });
  assert.equal(named.id, "adhoc/My-server-1");
  const again = plan(undefined, { command: "/", name: named.id }, { policy: { ad_hoc: true } });
  assert.equal(again.id, named.id);
  assert.equal(plan(undefined, { command: "/" }, { policy: { ad_hoc: true } }).id, "adhoc/server");
});

Deno.test("planActivation() takes an address of the entry's own for the entry's", () => {
  const remote = makeEntry("docker/remote", {
    remotes: [{ url: "https://a.example/mcp", settings: [setting("X-Key", { kind: "header" })] }],
  });
  const own = plan(remote, { url: "https://A.example/mcp" }, { stored: { "X-Key": "k" } });
  assert.deepEqual([own.adHoc, own.values.length, own.from.length], [false, 1, 1]);
  const other = plan(remote, { url: "https://a.example/other" }, { stored: { "X-Key": "k" } });
  assert.deepEqual([other.adHoc, other.values.length, other.from.length], [true, 0, 0]);
});

Deno.test("planActivation() of a hostile request is a plan or an error in Wharf's words", () => {
  const word = fc.oneof(hostileText, fc.constantFrom("alpine", "1.2.3", "https://a.example/x"));
  const text = fc.option(word, { nil: undefined, freq: 1 });
  const stored = fc.dictionary(
    fc.constantFrom("API_KEY", "REGION", "port", "dir", "tenant"),
    fc.oneof(hostileText, fc.constantFrom("1", "/srv/a")),
    { maxKeys: 2 },
  );
  const request = fc.record({
    image: text,
    command: text,
    url: text,
    version: text,
    prefix: text,
    args: fc.option(fc.array(hostileText, { maxLength: 3 }), { nil: undefined }),
    env: fc.option(fc.dictionary(fc.oneof(hostileText, fc.constant("API_KEY")), hostileText), {
      nil: undefined,
    }),
  });
  let planned = 0;
  fc.assert(
    fc.property(fc.boolean(), request, stored, (isEntry, wanted, values) => {
      // What is asked for one by one, since most combinations contradict each other.
      const given = Object.fromEntries(
        Object.entries(wanted).filter(([, value]) => value !== undefined).slice(0, 2),
      );
      try {
        const made = planActivation(isEntry ? ENTRY : undefined, { by: "client", ...given }, {
          policy: parsePolicy({ ad_hoc: true, unsandboxed: true, host_paths: ["/"] }),
          stored: new Map(
            Object.entries(values).map(([name, value]) => [name, { kind: "text", text: value }]),
          ),
        });
        planned += 1;
        // What the caller gave as arguments is theirs; all else is the entry's or a plain value.
        const own = new Set(["serve", "--port", ...wanted.args ?? []]);
        for (const item of made.args) assert.ok(own.has(item) || !item.startsWith("-"), item);
        assert.match(made.prefix, /^[A-Za-z0-9_-]{0,32}$/);
        assert.match(made.id, /^[A-Za-z0-9._/@-]+$/);
        for (const { source } of made.mounts) assert.match(source, /^(?:\/|<dir>|[A-Za-z]:)/);
        viewPlan(made);
      } catch (thrown) {
        assert.ok(thrown instanceof AppError, String(thrown));
        assert.notEqual(thrown.code, "INTERNAL");
      }
    }),
    { seed: 42, numRuns: 2000 },
  );
  assert.ok(planned > 200, String(planned));
});

Deno.test("planActivation() lets a caller's variables refer to nothing of Wharf's", () => {
  const open = { policy: { ad_hoc: true, unsandboxed: true } };
  const env = (value: Record<string, string>) => () =>
    plan(undefined, { command: "x", env: value }, open);
  assert.equal(failure(env({ A: "env:A" })).code, "FORBIDDEN");
  assert.equal(failure(env({ A: "file:/etc/passwd" })).code, "FORBIDDEN");
  assert.equal(failure(env({ LD_PRELOAD: "/x.so" })).code, "FORBIDDEN");
  assert.equal(failure(env({ "A B": "x" })).code, "INVALID_ARGUMENT");
  assert.equal(
    failure(() => plan(undefined, { url: "https://a.example/", env: { A: "x" } }, open)).code,
    "INVALID_ARGUMENT",
  );
});

Deno.test("planActivation() refuses requests that contradict themselves or what there is", () => {
  const cases: readonly (readonly [Entry | undefined, Partial<ActivationRequest>])[] = [
    [undefined, {}],
    [ENTRY, { image: "a", url: "https://a.example" }],
    [ENTRY, { command: "a", launchMethod: "podman" }],
    [makeEntry("docker/r", { remotes: FACTS.remotes }), { launchMethod: "podman" }],
    [ENTRY, { launchMethod: "remote-http", args: ["x"] }],
    [ENTRY, { launchMethod: "podman", args: ["a\0b"] }],
    [ENTRY, { launchMethod: "podman", args: ["{API_KEY}"] }],
    [ENTRY, { launchMethod: "podman", prefix: "a b" }],
    [ENTRY, { env: { NOPE: "x" } }],
    [ENTRY, { image: `ghcr.io/acme/time@${DIGEST}`, env: { NOPE: "x" } }],
    [undefined, { image: "alpine", version: "3" }],
    [undefined, { command: "x", version: "3" }],
    [undefined, { command: "x", network: "none" }],
    [undefined, { url: "https://a.example", args: ["x"] }],
    [undefined, { url: "https://a.example", version: "1" }],
    [ENTRY, { url: "ftp://a.example" }],
    [ENTRY, { url: "https://user:pass@a.example" }],
    [makeEntry("docker/r", { remotes: FACTS.remotes }), { network: "none" }],
  ];
  for (const [entry, request] of cases) {
    assert.equal(
      failure(() => plan(entry, request)).code,
      "INVALID_ARGUMENT",
      JSON.stringify(request),
    );
  }
  const none = makeEntry("awesome/acme/none");
  assert.equal(failure(() => plan(none)).code, "UNSUPPORTED");
});

Deno.test("planActivation() asks where a caller's arguments replace those of the entry", () => {
  const policy = { allow: [{ source: "docker" }] };
  const own = plan(ENTRY, { launchMethod: "podman" }, { stored: KEY, policy });
  assert.equal(own.verdict.verdict, "allowed");
  const changed = plan(ENTRY, { launchMethod: "podman", args: ["sh", "-c", "id"] }, {
    stored: KEY,
    policy,
  });
  assert.deepEqual(changed.args, ["sh", "-c", "id"]);
  assert.deepEqual(changed.verdict.confirm, ["its arguments are not those of its entry"]);
  assert.notEqual(changed.fingerprint, own.fingerprint);
});

/**
 * The policy held against what would run. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { parsePolicy } from "../../lib/gateway/policy.ts";
import { judge, type PolicyFacts } from "../../lib/gateway/verdict.ts";
import { parseReference } from "../../lib/oci/mod.ts";

const DIGEST = `sha256:${"a".repeat(64)}`;

/** An image of an official entry that two sources know, started for the first time. */
const FACTS: PolicyFacts = {
  method: "podman",
  adHoc: false,
  known: [{ source: "docker", id: "docker/time" }, { source: "awesome", id: "awesome/acme/time" }],
  from: [{ source: "docker", id: "docker/time" }],
  owner: "github.com/acme",
  ownerIsProven: true,
  official: false,
  image: parseReference(`ghcr.io/acme/time:1@${DIGEST}`),
  network: "default",
  declaresNoNetwork: false,
  hostPaths: [],
  isFirst: true,
  wants: [],
};

/** What a policy says of the facts above, as changed. */
function say(policy: unknown, facts: Partial<PolicyFacts> = {}): string {
  const { verdict, rule } = judge(parsePolicy(policy), { ...FACTS, ...facts });
  return `${verdict} ${rule ?? ""}`.trim();
}

Deno.test("judge() asks before a server that nobody vouches for runs first", () => {
  assert.equal(say({}), "confirm");
  assert.equal(say({}, { isFirst: false }), "allowed");
  assert.equal(say({}, { official: true }), "allowed");
  assert.equal(say({ allow: [{ source: "docker" }] }), "allowed policy.allow[0]");
  assert.equal(say({ confirm: "never" }), "allowed policy.confirm");
});

Deno.test("judge() asks each time where the operator wants it", () => {
  const policy = { confirm: "always", allow: [{ source: "docker" }] };
  assert.equal(say(policy, { isFirst: false, official: true }), "confirm policy.allow[0]");
});

Deno.test("judge() asks for what a person should know even of an allowed server", () => {
  const wants = ["it sees /srv"];
  const policy = parsePolicy({ allow: [{ id: "docker/*" }] });
  const verdict = judge(policy, { ...FACTS, wants });
  assert.deepEqual([verdict.verdict, verdict.confirm], ["confirm", wants]);
  assert.equal(judge(policy, { ...FACTS, wants, isFirst: false }).verdict, "allowed");
  assert.equal(say({ confirm: "never" }, { wants }), "allowed policy.confirm");
});

Deno.test("judge() lets deny win over allow and over confirm", () => {
  const allow = [{ source: "*" }];
  for (
    const rule of [
      { source: "docker" },
      { source: "awesome" },
      { id: "AWESOME/acme/*" },
      { image: "ghcr.io/acme/time" },
      { image: "ghcr.io/acme/time:1" },
      { image: `*@${DIGEST}` },
      { image: `ghcr.io/acme/time:1@${DIGEST}` },
      { registry: "ghcr.io" },
      { owner: "acme" },
      { owner: "github.com/acme" },
      { owner: "ac*", registry: "*.io" },
    ]
  ) {
    assert.equal(
      say({ allow, deny: [{ id: "no/match" }, rule], confirm: "never" }),
      "refused policy.deny[1]",
    );
  }
});

Deno.test("judge() needs every key of a rule to fit", () => {
  assert.equal(say({ deny: [{ source: "docker", registry: "quay.io" }] }), "confirm");
  assert.equal(say({ deny: [{ package: "npm:*" }] }), "confirm");
  assert.equal(say({ deny: [{ host: "*" }] }), "confirm");
  assert.equal(
    say({ deny: [{ package: "npm:@acme/*" }] }, { package: "npm:@acme/time" }),
    "refused policy.deny[0]",
  );
  assert.equal(
    say({ deny: [{ host: "*.example.com" }] }, { host: "mcp.example.com" }),
    "refused policy.deny[0]",
  );
});

Deno.test("judge() allows by what names the thing that runs, denies by all that is known", () => {
  assert.equal(say({ allow: [{ source: "awesome" }] }), "confirm");
  assert.equal(say({ allow: [{ id: "awesome/acme/time" }] }), "confirm");
  assert.equal(say({ allow: [{ owner: "acme" }] }), "allowed policy.allow[0]");
  assert.equal(say({ allow: [{ owner: "acme" }] }, { ownerIsProven: false }), "confirm");
  assert.equal(
    say({ deny: [{ owner: "acme" }] }, { ownerIsProven: false }),
    "refused policy.deny[0]",
  );
  const elsewhere = { owner: "gitlab.com/acme" };
  assert.equal(say({ allow: [{ owner: "acme" }] }, elsewhere), "confirm");
  assert.equal(
    say({ allow: [{ owner: "gitlab.com/acme" }] }, elsewhere),
    "allowed policy.allow[0]",
  );
  const { owner: _owner, image: _image, ...bare } = FACTS;
  const policy = parsePolicy({ allow: [{ owner: "acme" }, { image: "*" }, { registry: "*" }] });
  assert.equal(judge(policy, bare).verdict, "confirm");
});

Deno.test("judge() holds the operator's demands", () => {
  assert.equal(say({ require_official: true }), "refused policy.require_official");
  assert.equal(say({ require_allowed: true }), "refused policy.require_allowed");
  assert.equal(
    say({ require_allowed: true, allow: [{ source: "docker" }] }),
    "allowed policy.allow[0]",
  );
  assert.equal(say({ require_digest: true }), "confirm");
  const image = parseReference("ghcr.io/acme/time:1");
  assert.equal(say({ require_digest: true }, { image }), "refused policy.require_digest");
  assert.equal(say({}, { adHoc: true }), "refused policy.ad_hoc");
  assert.equal(say({ ad_hoc: true }, { adHoc: true }), "confirm");
  const command = { adHoc: true, method: "command" } as const;
  assert.equal(say({ ad_hoc: true }, command), "refused policy.unsandboxed");
  assert.equal(say({ ad_hoc: true, unsandboxed: true }, command), "confirm");
  assert.equal(say({ build: false }, { method: "source" }), "refused policy.build");
  assert.equal(say({}, { method: "source" }), "confirm");
});

Deno.test("judge() never gives more network than policy and entry allow", () => {
  assert.equal(say({ network: "none" }), "refused policy.network");
  assert.equal(say({ network: "none" }, { network: "none" }), "confirm");
  const offline = { declaresNoNetwork: true } as const;
  assert.equal(say({}, offline), "refused policy.network");
  assert.equal(say({}, { ...offline, network: "none" }), "confirm");
  assert.equal(say({ network: "any" }, offline), "confirm");
});

Deno.test("judge() opens only paths that the operator opened", () => {
  const facts = { hostPaths: ["/srv/data/a", "/home/me"] };
  assert.equal(say({ host_paths: ["/srv/data"] }, facts), "refused policy.host_paths");
  assert.equal(say({ host_paths: ["/srv/data", "/home/me"] }, facts), "confirm");
  assert.equal(say({}, facts), "refused policy.host_paths");
});

Deno.test("judge() of a denied server never says anything but refused", () => {
  fc.assert(
    fc.property(
      fc.record({
        isFirst: fc.boolean(),
        official: fc.boolean(),
        ownerIsProven: fc.boolean(),
        adHoc: fc.boolean(),
        network: fc.constantFrom("none" as const, "default" as const),
      }),
      fc.constantFrom("first", "never", "always"),
      fc.constantFrom("docker", "awesome"),
      (facts, confirm, source) => {
        const rules = { allow: [{ id: "*" }], deny: [{ source }] };
        assert.equal(say({ ...rules, confirm }, facts), "refused policy.deny[0]");
      },
    ),
    { seed: 3, numRuns: 200 },
  );
});

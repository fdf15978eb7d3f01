/** Tests that the permission sets of deno.json say what the code asks for. @module */

import assert from "node:assert/strict";
import config from "../../deno.json" with { type: "json" };
import { addressKind } from "../../lib/core/address.ts";
import { ENV_NAMES } from "../../lib/host/env.ts";

const { inspect, discover, full } = config.permissions;

Deno.test("permission sets grant exactly the environment variables that the host reads", () => {
  for (const [name, set] of Object.entries({ inspect, discover, full })) {
    assert.deepEqual(set.env, { allow: ENV_NAMES, ignore: true }, name);
  }
});

Deno.test("permission sets grow from inspect over discover to full", () => {
  const missing = (wider: readonly string[], narrower: readonly string[]) =>
    narrower.filter((entry) => !wider.includes(entry));
  assert.deepEqual(missing(discover.net, inspect.net), []);
  assert.deepEqual(missing(discover.read, inspect.read), []);
  assert.deepEqual([full.net.allow, full.read, full.write], [true, true, true]);
});

Deno.test("the widest set denies metadata addresses, which Deno checks after resolution too", () => {
  assert.deepEqual(full.net.deny, ["169.254.0.0/16", "100.100.100.200", "192.0.0.192"]);
  for (const range of full.net.deny) {
    assert.equal(addressKind(range.replace(/\/\d+$/, "")), "link-local", range);
  }
});

Deno.test("permission sets give only full the right to start programs, and none to load code", () => {
  assert.deepEqual(Object.keys(inspect).sort(), ["env", "net", "read"]);
  assert.deepEqual(Object.keys(discover).sort(), ["env", "net", "read", "write"]);
  assert.deepEqual(Object.keys(full).sort(), ["env", "net", "read", "run", "sys", "write"]);
  // The room on a disk, for wharf doctor.
  assert.deepEqual(full.sys, ["statfs"]);
  assert.deepEqual(discover.write, ["./.cache"]);
  for (const command of full.run) {
    assert.match(
      command,
      /^(podman|docker|git|deno|npx|uvx|kill|ps|docker-credential-[a-z0-9-]+)$/,
    );
  }
});

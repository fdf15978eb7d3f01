/**
 * What the calls to one registry share.
 *
 * @module
 */

import assert from "node:assert/strict";
import { HostState } from "../../lib/oci/host_state.ts";
import type { Authorization } from "../../lib/oci/token.ts";
import { SkippingClock } from "./scripted_registry.ts";

const token = (header: string, expiresMs = Infinity): Authorization => ({
  header,
  scheme: "bearer",
  source: undefined,
  expiresMs,
});

Deno.test("pauseUntil() keeps the longer pause with its reason", () => {
  const clock = new SkippingClock();
  const host = new HostState(1, false);
  assert.equal(host.pause(clock), undefined);
  const now = clock.now();
  host.pauseUntil({ untilMs: now + 100, asked: true });
  host.pauseUntil({ untilMs: now + 50, asked: false });
  assert.deepEqual(host.pause(clock), { untilMs: now + 100, asked: true });
  clock.advance(100);
  assert.equal(host.pause(clock), undefined);
});

Deno.test("authorization() ends at its time", () => {
  const clock = new SkippingClock();
  const host = new HostState(1, false);
  host.remember("a", token("t", clock.now() + 10));
  clock.advance(9);
  assert.equal(host.authorization("a", clock)?.header, "t");
  assert.equal(host.authorization("b", clock), undefined);
  clock.advance(1);
  assert.equal(host.authorization("a", clock), undefined);
});

Deno.test("forget() leaves what another call has put there", () => {
  const clock = new SkippingClock();
  const host = new HostState(1, false);
  host.remember("a", token("new"));
  host.forget("a", token("old"));
  host.forget("a", undefined);
  assert.equal(host.authorization("a", clock)?.header, "new");
  host.forget("a", token("new"));
  assert.equal(host.authorization("a", clock), undefined);
});

Deno.test("remember() keeps the five hundred scopes used last", () => {
  const clock = new SkippingClock();
  const host = new HostState(1, false);
  for (let scope = 0; scope <= 500; scope++) host.remember(String(scope), token("t"));
  assert.equal(host.authorization("0", clock), undefined);
  assert.equal(host.authorization("1", clock)?.header, "t");
});

Deno.test("HostState knows the scheme of all but plain registries", () => {
  assert.equal(new HostState(1, false).scheme, "https:");
  assert.equal(new HostState(1, true).scheme, undefined);
});

import assert from "node:assert/strict";
import { callerOfAddress, RateLimit } from "../../lib/http/rate_limit.ts";
import { FakeClock } from "../fake_clock.ts";

Deno.test("RateLimit take() allows a minute's requests at once, then refills all the time", async () => {
  const clock = new FakeClock();
  const rate = new RateLimit(clock, { perMinute: 60 });
  for (let request = 0; request < 60; request++) assert.equal(rate.take("ada"), 0);
  assert.equal(rate.take("ada"), 1000);
  assert.equal(rate.take("bob"), 0);
  await clock.advance(400);
  assert.equal(rate.take("ada"), 600);
  await clock.advance(600);
  assert.equal(rate.take("ada"), 0);
  assert.equal(rate.take("ada"), 1000);
  await clock.advance(3_600_000);
  for (let request = 0; request < 60; request++) assert.equal(rate.take("ada"), 0);
  assert.equal(rate.take("ada"), 1000);
});

Deno.test("RateLimit take() forgets who asked longest ago, and counts nothing where 0 is allowed", () => {
  const clock = new FakeClock();
  const rate = new RateLimit(clock, { perMinute: 1, maxCallers: 2 });
  assert.deepEqual(["a", "b", "a", "c", "b", "a"].map((caller) => rate.take(caller) > 0), [
    false,
    false,
    true,
    false,
    false,
    false,
  ]);
  const open = new RateLimit(clock, { perMinute: 0 });
  for (let request = 0; request < 100; request++) assert.equal(open.take("a"), 0);
});

Deno.test("callerOfAddress() takes an IPv6 network of one subscriber as one caller", () => {
  for (
    const [address, caller] of [
      ["192.0.2.1", "192.0.2.1"],
      ["::ffff:192.0.2.1", "192.0.2.1"],
      ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
      ["2001:0db8:0001:0002::9", "2001:db8:1:2::/64"],
      ["fe80::1%eth0", "fe80:0:0:0::/64"],
      ["::1", "0:0:0:0::/64"],
      ["unknown", "unknown"],
    ] as const
  ) assert.equal(callerOfAddress(address), caller);
});

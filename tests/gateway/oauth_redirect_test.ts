import assert from "node:assert/strict";
import { AppError } from "../../lib/core/errors.ts";
import type { Listen } from "../../lib/core/http.ts";
import { listenForRedirect } from "../../lib/gateway/oauth_redirect.ts";
import { FakeClock, settle } from "../fake_clock.ts";
import { FakePorts } from "./fake_listen.ts";

Deno.test("expect() takes one answer with the right state", async () => {
  const ports = new FakePorts();
  const { listen } = ports;
  {
    await using redirect = await listenForRedirect({ listen, clock: new FakeClock() });
    const { url } = redirect;
    const right = new URL("?state=right&code=1", url);
    assert.equal((await ports.visit(right)).status, 400, "nobody has begun yet");
    const answer = redirect.expect("right");
    const page = await ports.visit(right);
    assert.equal(page.status, 200);
    assert.equal(page.headers.get("cache-control"), "no-store");
    assert.match(page.headers.get("content-security-policy") ?? "", /default-src 'none'/);
    assert.match(await page.text(), /Signed in\. You may close this window\./);
    assert.equal((await answer).get("code"), "1");
    assert.equal((await ports.visit(right)).status, 400, "it is used up");
  }
  assert.equal(ports.open, 0);
});

Deno.test("expect() turns away what is no answer", async () => {
  const ports = new FakePorts();
  const { listen } = ports;
  await using redirect = await listenForRedirect({ listen, clock: new FakeClock() });
  void redirect.expect("right");
  const { url } = redirect;
  const cases: [URL, RequestInit, number][] = [
    [new URL("?state=wrong&code=1", url), {}, 400],
    [new URL("?state=right", url), {}, 400],
    [new URL("?state=right&code=1&error=both", url), {}, 400],
    [new URL("?state=right&state=right&code=1", url), {}, 400],
    [new URL("?state=right&code=1&iss=a&iss=b", url), {}, 400],
    [new URL("/?state=right&code=1", url), {}, 404],
    [new URL("?state=right&code=1", url), { method: "POST" }, 404],
  ];
  for (const [where, init, status] of cases) {
    const page = await ports.visit(where, init);
    assert.equal(page.status, status, where.href);
    assert.doesNotMatch(await page.text(), /right|wrong|both/);
  }
  // A name that a foreign page made to resolve to this machine.
  const rebound = new URL("?state=right&code=1", url);
  rebound.hostname = "rebound.example";
  assert.equal((await ports.visit(rebound, { at: url.host })).status, 421);
});

Deno.test("listenForRedirect() takes the port that is known, or another one", async () => {
  const ports = new FakePorts();
  const { listen } = ports;
  const clock = new FakeClock();
  {
    await using redirect = await listenForRedirect({ listen, clock }, { port: 9123 });
    assert.equal(redirect.url.href, "http://127.0.0.1:9123/callback");
  }
  ports.taken.add(9123);
  await using redirect = await listenForRedirect({ listen, clock }, { port: 9123 });
  assert.notEqual(redirect.url.port, "9123");
  const denied: Listen = () =>
    Promise.reject(new AppError("PERMISSION_MISSING", "Cannot listen: no permission"));
  await assert.rejects(listenForRedirect({ listen: denied, clock }, { port: 9123 }), {
    code: "PERMISSION_MISSING",
  });
});

Deno.test("disposing a listener does not wait for a browser that stays", async () => {
  const clock = new FakeClock();
  const finished = Promise.withResolvers<void>();
  const listen: Listen = ({ signal }) => {
    signal.addEventListener("abort", () => finished.resolve(), { once: true });
    return Promise.resolve({
      url: new URL("http://127.0.0.1:1/"),
      finished: finished.promise,
      shutdown: () => finished.promise,
    });
  };
  const redirect = await listenForRedirect({ listen, clock });
  const disposed = redirect[Symbol.asyncDispose]();
  await settle();
  await clock.advance(1000);
  await disposed;
  assert.equal(clock.sleeping, 0);
});

/**
 * Retries, back-off, queue and deadline of the transport. Authentication is in
 * transport_auth_test.ts, schemes and redirects in exchange_test.ts.
 *
 * @module
 */

import assert from "node:assert/strict";
import { AppError } from "../../lib/core/errors.ts";
import type { RegistryRequest } from "../../lib/oci/exchange.ts";
import { FakeClock, settle } from "../fake_clock.ts";
import {
  brokenBody,
  connectionLost,
  json,
  play,
  refusal,
  SkippingClock,
} from "./scripted_registry.ts";

const ASK: RegistryRequest = {
  registry: "registry.test",
  repository: "app",
  scope: "repository:app:pull",
  path: "/v2/app/x",
  action: 'read "registry.test/app:1"',
  maxBytes: 1024,
};

function failsWith(code: string, words: RegExp, more: Partial<AppError> = {}) {
  return (thrown: unknown) => {
    assert.ok(thrown instanceof AppError, String(thrown));
    assert.equal(thrown.code, code, thrown.message);
    assert.match(thrown.message, words);
    for (const [key, value] of Object.entries(more)) {
      assert.deepEqual(Reflect.get(thrown, key), value, key);
    }
    return true;
  };
}

Deno.test("send() returns status, headers and body of a success", () =>
  play(async (scene) => {
    scene.host("registry").on("GET /v2/app/x", () => json({ a: 1 }, { headers: { "x-a": "b" } }));
    const answer = await scene.transport().send(ASK, scene.operation());
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get("x-a"), "b");
    assert.equal(new TextDecoder().decode(answer.bytes), '{"a":1}');
    assert.equal(answer.url.href, "https://registry.test/v2/app/x");
    assert.equal(answer.authorization, undefined);
  }));

Deno.test("send() drops the body of an accepted status and of maxBytes 0", () =>
  play(async (scene) => {
    scene.host("registry").on("GET /v2/app/x", () => refusal(404, "NAME_UNKNOWN"))
      .on("GET /v2/app/y", () => json({}));
    const transport = scene.transport();
    const accepted = await transport.send({ ...ASK, accept: [404] }, scene.operation());
    assert.deepEqual([accepted.status, accepted.bytes.byteLength], [404, 0]);
    const dropped = await transport.send(
      { ...ASK, path: "/v2/app/y", maxBytes: 0 },
      scene.operation(),
    );
    assert.deepEqual([dropped.status, dropped.bytes.byteLength], [200, 0]);
  }));

Deno.test("send() refuses a body over the limit, and names what was asked", () =>
  play(async (scene) => {
    scene.host("registry").on("GET /v2/app/x", () => new Response("x".repeat(1025)));
    await assert.rejects(
      scene.transport().send(ASK, scene.operation()),
      failsWith(
        "TOO_LARGE",
        /^Cannot read "registry.test\/app:1": the answer is larger than 1024 bytes$/,
      ),
    );
    assert.equal(scene.host("registry").requests.length, 1);
  }));

for (const status of [408, 429, 500, 502, 503, 504, 522]) {
  Deno.test(`send() tries again after status ${status}`, () =>
    play(async (scene) => {
      scene.host("registry").on(
        "GET /v2/app/x",
        (_, count) => count < 4 ? new Response("busy", { status }) : json({}),
      );
      await scene.transport().send(ASK, scene.operation());
      assert.equal(scene.host("registry").requests.length, 4);
      assert.ok(scene.clock instanceof SkippingClock);
      // With a random of 0.5 the jitter is nil: 0.25 s, doubled each time.
      assert.deepEqual(scene.clock.skipped, [250, 500, 1000]);
      assert.equal(scene.log.records.length, 3);
    }));
}

for (const status of [400, 403, 404, 405, 501, 505]) {
  Deno.test(`send() does not try again after status ${status}`, () =>
    play(async (scene) => {
      scene.host("registry").on("GET /v2/app/x", () => new Response("no", { status }));
      await assert.rejects(scene.transport().send(ASK, scene.operation()), AppError);
      assert.equal(scene.host("registry").requests.length, 1);
    }));
}

Deno.test("send() gives up after four tries, with what the registry said, cleaned", () =>
  play(async (scene) => {
    const page =
      "<html><style>b{}</style><h1>502 Bad\u202E Gateway</h1><p>at https://s.test/x?sig=SECRET</p>";
    scene.host("registry").on("GET /v2/app/x", () => new Response(page, { status: 502 }));
    await assert.rejects(
      scene.transport().send(ASK, scene.operation()),
      failsWith("UNAVAILABLE", /status 502 \("502 Bad Gateway at https:\/\/s\.test\/x\?…"\)$/, {
        status: 502,
        retryable: true,
      }),
    );
    assert.equal(scene.host("registry").requests.length, 4);
  }));

Deno.test("send() tries again when the connection breaks, before the answer or in its middle", () =>
  play(async (scene) => {
    scene.host("registry").on(
      "GET /v2/app/x",
      (_, count) =>
        count === 1
          ? connectionLost()
          : count === 2
          ? brokenBody(new TextEncoder().encode('{"a"'), {})
          : json({ a: 1 }),
    );
    const { bytes } = await scene.transport().send(ASK, scene.operation());
    assert.equal(new TextDecoder().decode(bytes), '{"a":1}');
    assert.equal(scene.host("registry").requests.length, 3);
  }));

Deno.test("send() gives up on a connection that breaks three times", () =>
  play(async (scene) => {
    scene.host("registry").on("GET /v2/app/x", connectionLost);
    await assert.rejects(
      scene.transport().send(ASK, scene.operation()),
      failsWith("UNREACHABLE", /broke off/),
    );
    assert.equal(scene.host("registry").requests.length, 3);
  }));

Deno.test("send() waits as long as Retry-After says, in seconds or as a date", async () => {
  const clock = new FakeClock();
  await play(async (scene) => {
    const at = new Date(clock.now() + 10_000).toUTCString();
    scene.host("registry").on(
      "GET /v2/app/x",
      (_, count) =>
        count === 1
          ? refusal(429, "TOOMANYREQUESTS", { headers: { "retry-after": "3" } })
          : count === 2
          ? refusal(503, "UNAVAILABLE", { headers: { "retry-after": at } })
          : json({}),
    );
    const sent = scene.transport().send(ASK, scene.operation());
    const seen = () => scene.host("registry").requests.length;
    await clock.advance(2999);
    assert.equal(seen(), 1);
    await clock.advance(1);
    assert.equal(seen(), 2);
    await clock.advance(6999);
    assert.equal(seen(), 2);
    await clock.advance(1);
    assert.equal(seen(), 3);
    await sent;
  }, clock);
});

Deno.test("send() does not take Retry-After: 0 as leave to hammer", () =>
  play(async (scene) => {
    scene.host("registry").on(
      "GET /v2/app/x",
      (_, count) =>
        count < 3 ? refusal(429, "TOOMANYREQUESTS", { headers: { "retry-after": "0" } }) : json({}),
    );
    await scene.transport().send(ASK, scene.operation());
    assert.ok(scene.clock instanceof SkippingClock);
    assert.deepEqual(scene.clock.skipped, [250, 500]);
  }));

Deno.test("send() takes the reset of a quota that is not used up for no request to wait", () =>
  play(async (scene) => {
    const reset = String(Math.floor(scene.clock.now() / 1000) + 3600);
    const headers = { "x-ratelimit-remaining": "59", "x-ratelimit-reset": reset };
    scene.host("registry").on(
      "GET /v2/app/x",
      (_, count) => count === 1 ? new Response("", { status: 503, headers }) : json({}),
    );
    await scene.transport().send(ASK, scene.operation());
    assert.ok(scene.clock instanceof SkippingClock);
    assert.deepEqual(scene.clock.skipped, [250]);
  }));

Deno.test("send() holds back every call to a registry that asked for a pause, queued ones too", async () => {
  const clock = new FakeClock();
  await play(async (scene) => {
    scene.host("registry").on(
      "GET /v2/app/x",
      (_, count) =>
        count === 1
          ? refusal(429, "TOOMANYREQUESTS", { headers: { "retry-after": "5" } })
          : json({}),
    ).on("GET /v2/app/y", () => json({}));
    scene.host("other").on("GET /v2/app/x", () => json({}));
    const transport = scene.transport({ perHostLimit: 1 });
    const y = { ...ASK, path: "/v2/app/y" };
    // The second stands in the queue when the first is refused; the third comes after that.
    const calls = [transport.send(ASK, scene.operation()), transport.send(y, scene.operation())];
    await clock.advance(0);
    calls.push(transport.send(y, scene.operation()));
    await clock.advance(4999);
    assert.deepEqual(scene.host("registry").lines, ["GET /v2/app/x"]);
    // Another registry has nothing to do with it.
    await transport.send({ ...ASK, registry: "other.test" }, scene.operation());
    await clock.advance(1);
    await Promise.all(calls);
    assert.equal(scene.host("registry").requests.length, 4);
  }, clock);
});

Deno.test("send() fails at once when the pause would pass the deadline, and says when to come back", async () => {
  const clock = new FakeClock(Date.UTC(2026, 0, 1));
  await play(async (scene) => {
    scene.host("registry").on(
      "GET /v2/app/x",
      () => refusal(429, "TOOMANYREQUESTS", { headers: { "retry-after": "3600" } }),
    );
    const transport = scene.transport();
    await assert.rejects(
      transport.send(ASK, scene.operation(30_000)),
      failsWith("RATE_LIMITED", /asks to slow down/, {
        retryAfterMs: 3_600_000,
        retryable: true,
        status: 429,
        hint: "Try again in 60 min (after 2026-01-01T01:00:00Z)",
      }),
    );
    // A later call does not even ask.
    await assert.rejects(
      transport.send(ASK, scene.operation(30_000)),
      failsWith("RATE_LIMITED", /asks to be left alone for 3600 s$/, {
        retryAfterMs: 3_600_000,
        hint: "Try again after 2026-01-01T01:00:00Z",
      }),
    );
    assert.equal(scene.host("registry").requests.length, 1);
    assert.equal(clock.sleeping, 0);
  }, clock);
});

Deno.test("send() shows the failure itself when there is no time for another try", async () => {
  const clock = new FakeClock();
  await play(async (scene) => {
    scene.host("registry").on("GET /v2/app/x", () => new Response("down", { status: 500 }));
    const transport = scene.transport();
    await assert.rejects(
      transport.send(ASK, scene.operation(200)),
      failsWith("UNAVAILABLE", /status 500 \("down"\)/),
    );
    await assert.rejects(
      transport.send(ASK, scene.operation(200)),
      failsWith("UNAVAILABLE", /has just failed, and there is no time for another try$/),
    );
    assert.equal(scene.host("registry").requests.length, 1);
  }, clock);
});

Deno.test("send() keeps others waiting after its own last try was answered with Retry-After", async () => {
  const clock = new FakeClock();
  await play(async (scene) => {
    scene.host("registry").on(
      "GET /v2/app/x",
      () => refusal(429, "TOOMANYREQUESTS", { headers: { "retry-after": "2" } }),
    ).on("GET /v2/app/y", () => json({}));
    const transport = scene.transport();
    const failed = assert.rejects(
      transport.send(ASK, scene.operation()),
      failsWith("RATE_LIMITED", /slow down/),
    );
    await clock.advance(6000);
    await failed;
    assert.equal(scene.host("registry").requests.length, 4);
    const later = transport.send({ ...ASK, path: "/v2/app/y" }, scene.operation());
    await clock.advance(1999);
    assert.equal(scene.host("registry").requests.length, 4);
    await clock.advance(1);
    await later;
  }, clock);
});

Deno.test("send() can be cancelled while it waits", async () => {
  const clock = new FakeClock();
  await play(async (scene) => {
    scene.host("registry").on(
      "GET /v2/app/x",
      () => refusal(429, "TOOMANYREQUESTS", { headers: { "retry-after": "20" } }),
    );
    const controller = new AbortController();
    const failed = assert.rejects(
      scene.transport().send(ASK, scene.operation(60_000, controller.signal)),
      failsWith("CANCELLED", /cancelled/),
    );
    await clock.advance(1000);
    controller.abort();
    await failed;
    assert.equal(clock.sleeping, 0);
  }, clock);
});

Deno.test("send() lets no more than the limit through at once, bodies included", () =>
  play(async (scene) => {
    let inFlight = 0;
    let most = 0;
    scene.host("registry").on("GET /v2/app/x", () => {
      inFlight++;
      most = Math.max(most, inFlight);
      const body = new ReadableStream<Uint8Array>({
        async pull(controller) {
          await settle();
          inFlight--;
          controller.enqueue(new TextEncoder().encode("{}"));
          controller.close();
        },
      }, { highWaterMark: 0 });
      return new Response(body);
    });
    const transport = scene.transport({ perHostLimit: 3 });
    await Promise.all(
      Array.from({ length: 12 }, () => transport.send(ASK, scene.operation())),
    );
    assert.equal(most, 3);
  }));

Deno.test("send() does not hold a registry to the pause of what it redirects to", async () => {
  const clock = new FakeClock();
  await play(async (scene) => {
    scene.host("registry").on(
      "GET /v2/app/x",
      () => new Response(null, { status: 303, headers: { location: "https://pages.test/x" } }),
    ).on("GET /v2/app/y", () => json({}));
    scene.host("pages").on(
      "GET /x",
      () => new Response("slow down", { status: 429, headers: { "retry-after": "7" } }),
    );
    const transport = scene.transport();
    const failed = assert.rejects(
      transport.send(ASK, scene.operation()),
      failsWith(
        "RATE_LIMITED",
        /registry\.test leads to "pages\.test", which answers with status 429 \("slow down"\)/,
      ),
    );
    await clock.advance(0);
    await transport.send({ ...ASK, path: "/v2/app/y" }, scene.operation());
    await clock.advance(21_000);
    await failed;
    assert.equal(scene.host("pages").requests.length, 4);
  }, clock);
});

Deno.test("send() forgets the registry asked longest ago rather than keep any number", () =>
  play(async (scene) => {
    const realm = "https://auth.test/token";
    let tokens = 0;
    scene.host("auth").on("GET /token", () => json({ token: `t${++tokens}` }));
    const transport = scene.transport();
    const ask = async (number: number) => {
      const name = `r${number}.test`;
      scene.host(`https://${name}`).on(
        "GET /v2/app/x",
        (request) =>
          request.headers.has("authorization") ? json({}) : new Response(null, {
            status: 401,
            headers: { "www-authenticate": `Bearer realm="${realm}"` },
          }),
      );
      await transport.send({ ...ASK, registry: name }, scene.operation());
    };
    for (let number = 0; number <= 500; number++) await ask(number);
    assert.equal(tokens, 501);
    await ask(500);
    assert.equal(tokens, 501);
    await ask(0);
    assert.equal(tokens, 502);
  }));

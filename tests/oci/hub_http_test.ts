/**
 * Tests of lib/oci/hub_http.ts: what is sent, to whom, and how often. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { AppError } from "../../lib/core/errors.ts";
import type { Net } from "../../lib/core/http.ts";
import { HubHttp } from "../../lib/oci/hub_http.ts";
import { FakeClock } from "../fake_clock.ts";
import { FakeLog } from "../fake_log.ts";
import { handlerNet } from "./handler_net.ts";

const START_MS = Date.UTC(2026, 0, 1);
const ACCOUNT = { HUB_USERNAME: "jane", HUB_PAT_TOKEN: "dckr_pat_secret" };
const CALL = { action: "look" };

type Handler = (request: Request) => Response | Promise<Response>;

function open(handler: Handler, env: Readonly<Record<string, string>> = {}) {
  const net = handlerNet(handler);
  const clock = new FakeClock(START_MS);
  const log = new FakeLog();
  const http = new HubHttp({ net, clock, log, env }, { timeoutMs: 10_000 });
  const paths = () => net.requests.map(({ url, method = "GET" }) => `${method} ${url.pathname}`);
  return { http, net, clock, log, paths };
}

/** A JSON web token that ends some seconds after the start. */
function jwt(endsAfterS: number, name = "token"): string {
  const payload = { exp: START_MS / 1000 + endsAfterS, name, "https://hub.docker.com": "ÿ?~" };
  const text = new TextEncoder().encode(JSON.stringify(payload));
  const base64 = btoa(String.fromCharCode(...text));
  return `eyJhbGciOiJSUzI1NiJ9.${base64.replaceAll("+", "-").replaceAll("/", "_")}.c2ln`;
}

/** Answers logins with these tokens, one after the other, and the rest with `answer`. */
function withLogin(tokens: readonly string[], answer: Handler): Handler {
  const rest = tokens.values();
  return async (request) => {
    if (new URL(request.url).pathname !== "/v2/auth/token") return await answer(request);
    assert.equal(request.method, "POST");
    assert.equal(request.headers.get("authorization"), null);
    assert.deepEqual(await request.json(), { identifier: "jane", secret: "dckr_pat_secret" });
    const { value } = rest.next();
    assert.ok(value, "one login too many");
    return Response.json({ access_token: value });
  };
}

const echo: Handler = (request) => Response.json(request.headers.get("authorization"));

async function failureOf(work: Promise<unknown>): Promise<AppError> {
  try {
    await work;
  } catch (thrown) {
    if (thrown instanceof AppError) return thrown;
    throw thrown;
  }
  return assert.fail("it did not fail");
}

/** Lets time pass until the work is done, at most a minute of it. */
async function whileTimePasses<T>(clock: FakeClock, work: Promise<T>): Promise<T> {
  let done = false;
  const finish = () => void (done = true);
  work.then(finish, finish);
  for (let second = 0; second < 60 && !done; second++) await clock.advance(1000);
  return await work;
}

Deno.test("get() sends nothing that authenticates without an account", async () => {
  const { http, net, log, clock } = open((request) => {
    assert.equal(request.headers.get("accept"), "application/json");
    return echo(request);
  });
  assert.equal(await http.get("/x?y=1", CALL), null);
  assert.equal(net.requests[0]?.url.href, "https://hub.docker.com/x?y=1");
  assert.deepEqual([log.records, clock.sleeping], [[], 0]);
});

Deno.test("get() warns once when only half of the account is set", async () => {
  for (const half of [{ HUB_USERNAME: "jane" }, { HUB_PAT_TOKEN: "dckr_pat_secret" }]) {
    const { http, log, paths } = open(echo, half);
    await http.get("/x", CALL);
    assert.equal(await http.get("/x", CALL), null);
    assert.deepEqual(paths(), ["GET /x", "GET /x"]);
    assert.deepEqual(log.records.map(({ level }) => level), ["warn"]);
    assert.match(log.records[0]?.message ?? "", /Only one of HUB_USERNAME and HUB_PAT_TOKEN/);
  }
});

Deno.test("get() trades the account for a token once, for all calls until it ends", async () => {
  const [first, second] = [jwt(600, "first"), jwt(1200, "second")];
  const { http, clock, paths } = open(withLogin([first, second], echo), ACCOUNT);
  const calls = await Promise.all([1, 2, 3].map(() => http.get("/x", CALL)));
  assert.deepEqual(calls, Array(3).fill(`Bearer ${first}`));
  assert.equal(paths().filter((path) => path.startsWith("POST")).length, 1);
  // Half a minute before its end it counts as ended.
  await clock.advance(569_000);
  assert.equal(await http.get("/x", CALL), `Bearer ${first}`);
  await clock.advance(2_000);
  assert.equal(await http.get("/x", CALL), `Bearer ${second}`);
});

Deno.test("get() keeps a token that does not tell its end for five minutes", async () => {
  for (const opaque of ["opaque", "a.!!!.c", `a.${btoa("[]")}.c`]) {
    const { http, clock } = open(withLogin([opaque, "next"], echo), ACCOUNT);
    assert.equal(await http.get("/x", CALL), `Bearer ${opaque}`);
    await clock.advance(4 * 60_000);
    assert.equal(await http.get("/x", CALL), `Bearer ${opaque}`);
    await clock.advance(60_000);
    assert.equal(await http.get("/x", CALL), "Bearer next");
  }
});

Deno.test("get() does not log in with every call when the clock is wrong", async () => {
  const past = jwt(-3600);
  const { http } = open(withLogin([past], echo), ACCOUNT);
  for (let call = 0; call < 3; call++) {
    assert.equal(await http.get("/x", CALL), `Bearer ${past}`);
  }
});

Deno.test("get() logs in anew, once, when a token ends early", async () => {
  const [stale, fresh] = [jwt(600, "stale"), jwt(600, "fresh")];
  const { http, paths } = open(
    withLogin(
      [stale, fresh],
      (request) =>
        request.headers.get("authorization") === `Bearer ${fresh}`
          ? Response.json("in")
          : Response.json({ message: "token expired" }, { status: 401 }),
    ),
    ACCOUNT,
  );
  assert.equal(await http.get("/x", CALL), "in");
  assert.deepEqual(paths(), ["POST /v2/auth/token", "GET /x", "POST /v2/auth/token", "GET /x"]);
});

Deno.test("get() says when the account may not see something", async () => {
  const { http } = open(
    withLogin([jwt(600, "a"), jwt(600, "b")], () => Response.json({}, { status: 401 })),
    ACCOUNT,
  );
  const error = await failureOf(http.get("/x", CALL));
  assert.deepEqual([error.code, error.status], ["UNAUTHORIZED", 401]);
  assert.equal(error.message, "Cannot look: the account may not see it");
});

Deno.test("get() goes on anonymously when the account is refused, and does not insist", async () => {
  for (const status of [400, 401, 403]) {
    const { http, clock, log, paths } = open((request) => {
      if (request.method === "GET") return echo(request);
      return Response.json({ detail: "Incorrect credentials" }, { status });
    }, ACCOUNT);
    assert.equal(await http.get("/x", CALL), null);
    assert.equal(await http.get("/x", CALL), null);
    assert.deepEqual(paths(), ["POST /v2/auth/token", "GET /x", "GET /x"]);
    await clock.advance(5 * 60_000);
    assert.equal(await http.get("/x", CALL), null);
    assert.equal(paths().filter((path) => path.startsWith("POST")).length, 2);
    assert.equal(log.records.length, 1);
    assert.match(log.records[0]?.message ?? "", /does not accept HUB_USERNAME and HUB_PAT_TOKEN/);
    assert.ok(!JSON.stringify(log.records).includes(ACCOUNT.HUB_PAT_TOKEN));
  }
});

Deno.test("get() fails when the login itself does", async () => {
  const table: readonly (readonly [() => Response, string])[] = [
    [() => Response.json({}, { status: 429, headers: { "retry-after": "60" } }), "RATE_LIMITED"],
    [() => Response.json({}, { status: 503 }), "UNAVAILABLE"],
    [() => Response.json({ token: "of another form" }), "BAD_RESPONSE"],
    [() => Response.json({ access_token: "" }), "BAD_RESPONSE"],
    [() => new Response(null, { status: 302, headers: { location: "/in" } }), "BAD_RESPONSE"],
  ];
  for (const [answer, code] of table) {
    const { http, paths } = open(answer, ACCOUNT);
    const error = await failureOf(http.get("/x", CALL));
    assert.equal(error.code, code);
    assert.deepEqual(paths(), ["POST /v2/auth/token"]);
    assert.ok(!`${error.message}${error.hint}`.includes(ACCOUNT.HUB_PAT_TOKEN));
  }
});

Deno.test("get() follows two redirects on the same host, and none to another", async () => {
  const token = jwt(600);
  const to = (location: string) => new Response(null, { status: 301, headers: { location } });
  const { http, paths } = open(
    withLogin([token], (request) => {
      const { pathname } = new URL(request.url);
      if (pathname === "/old") return to("/older");
      if (pathname === "/older") return to("https://hub.docker.com/new");
      if (pathname === "/new") return echo(request);
      if (pathname === "/loop") return to("/loop");
      if (pathname === "/away") return to("https://evil.example/");
      if (pathname === "/plain") return to("http://hub.docker.com/new");
      if (pathname === "/port") return to("//hub.docker.com:8443/new");
      assert.equal(pathname, "/broken");
      return to("https://:::");
    }),
    ACCOUNT,
  );
  assert.equal(await http.get("/old", CALL), `Bearer ${token}`);
  for (const path of ["/loop", "/away", "/plain", "/port", "/broken"]) {
    assert.equal((await failureOf(http.get(path, CALL))).code, "ADDRESS_REFUSED", path);
  }
  // handler_net would show a request to another host.
  assert.equal(paths().filter((path) => path === "GET /loop").length, 3);
  assert.equal(paths().filter((path) => path === "GET /new").length, 1);
});

Deno.test("get() takes a redirect without a target for a refusal", async () => {
  const { http } = open(() => new Response(null, { status: 302 }));
  const error = await failureOf(http.get("/x", CALL));
  assert.deepEqual([error.code, error.status], ["BAD_RESPONSE", 302]);
});

Deno.test("get() waits out a short pause", async () => {
  let asked = 0;
  const { http, clock } = open(() =>
    ++asked === 1
      ? Response.json({ detail: "Rate limit exceeded", error: false }, {
        status: 429,
        headers: { "x-retry-after": String(START_MS / 1000 + 4) },
      })
      : Response.json("in")
  );
  const call = http.get("/x", CALL);
  await clock.advance(3_999);
  assert.equal(asked, 1);
  await clock.advance(1);
  assert.equal(await call, "in");
});

Deno.test("get() gives up when Docker Hub keeps asking for short pauses", async () => {
  const { http, clock, net } = open(() =>
    Response.json({}, { status: 429, headers: { "retry-after": "1" } })
  );
  const error = await failureOf(whileTimePasses(clock, http.get("/x", CALL)));
  assert.deepEqual([error.code, net.requests.length], ["RATE_LIMITED", 3]);
});

Deno.test("get() says when to come back from a long pause, and asks nobody until then", async () => {
  let asked = 0;
  const { http, clock } = open(() =>
    ++asked > 1 ? Response.json("in") : Response.json({ detail: "Rate limit exceeded" }, {
      status: 429,
      headers: { "x-retry-after": String(START_MS / 1000 + 90) },
    })
  );
  const error = await failureOf(http.get("/x", CALL));
  assert.equal(error.message, "Cannot look: Docker Hub asks to slow down");
  assert.equal(
    error.hint,
    "Try again after 2026-01-01T00:01:30Z; a login raises the limit (HUB_USERNAME, HUB_PAT_TOKEN)",
  );
  assert.deepEqual([error.retryable, error.retryAfterMs], [true, 90_000]);
  await clock.advance(30_000);
  const again = await failureOf(http.get("/y", CALL));
  assert.deepEqual([again.code, again.retryAfterMs], ["RATE_LIMITED", 60_000]);
  assert.equal(asked, 1);
  await clock.advance(60_000);
  assert.equal(await http.get("/y", CALL), "in");
});

Deno.test("get() does not wait where Docker Hub does not say for how long", async () => {
  const { http, net } = open(() => Response.json({}, { status: 429 }));
  const error = await failureOf(http.get("/x", CALL));
  assert.deepEqual([error.code, error.retryAfterMs], ["RATE_LIMITED", undefined]);
  assert.match(error.hint ?? "", /^Try again in a minute; /);
  await failureOf(http.get("/x", CALL));
  assert.equal(net.requests.length, 2);
});

Deno.test("get() tries faults of Docker Hub and of the connection three times", async () => {
  let asked = 0;
  const faults: readonly Handler[] = [
    // The reset of a quota is no reason to wait.
    () =>
      Response.json({}, {
        status: 502,
        headers: { "x-ratelimit-reset": String(START_MS / 1000 + 60) },
      }),
    () => {
      throw new AppError("UNREACHABLE", "Cannot connect: refused", { retryable: true });
    },
  ];
  for (const fault of faults) {
    asked = 0;
    const healed = open((request) => ++asked < 3 ? fault(request) : Response.json("in"));
    const call = healed.http.get("/x", CALL);
    await healed.clock.advance(500);
    assert.equal(asked, 2);
    await healed.clock.advance(1000);
    assert.equal(await call, "in");
    const broken = open(fault);
    const error = await failureOf(whileTimePasses(broken.clock, broken.http.get("/x", CALL)));
    assert.ok(["UNAVAILABLE", "UNREACHABLE"].includes(error.code) && error.retryable);
    assert.equal(broken.net.requests.length, 3);
  }
});

Deno.test("get() tries no fault again that will last", async () => {
  for (const code of ["PERMISSION_MISSING", "UNREACHABLE"] as const) {
    const { http, net } = open(() => {
      throw new AppError(code, "Cannot connect: no");
    });
    assert.equal((await failureOf(http.get("/x", CALL))).code, code);
    assert.equal(net.requests.length, 1);
  }
});

Deno.test("get() names the cut-off of anonymous paging", async () => {
  const message = "pagination offset too large for anonymous requests; sign in to page further";
  const { http } = open(() => Response.json({ message }, { status: 403 }));
  const error = await failureOf(http.get("/x", CALL));
  assert.equal(error.code, "FORBIDDEN");
  assert.equal(
    error.message,
    `Cannot look: Docker Hub stops anonymous paging here ("${message}")`,
  );
  assert.match(error.hint ?? "", /list_tags reads all names.*HUB_USERNAME and HUB_PAT_TOKEN/);
});

Deno.test("get() turns refusals into errors with a next step", async () => {
  const table: readonly (readonly [Response, string, RegExp])[] = [
    [
      Response.json({ text: "no entry" }, { status: 403 }),
      "FORBIDDEN",
      /wants a login \("no entry"\)/,
    ],
    [Response.json({ detail: 5 }, { status: 401 }), "UNAUTHORIZED", /wants a login$/],
    [Response.json({}, { status: 404 }), "NOT_FOUND", /has none of that name$/],
    [new Response("<html>", { status: 400 }), "BAD_RESPONSE", /answers with status 400$/],
    [Response.json({ message: "x".repeat(5000) }, { status: 422 }), "BAD_RESPONSE", /x…"\)$/],
    [new Response(null, { status: 204 }), "BAD_RESPONSE", /answers with status 204$/],
    [new Response("x".repeat(70_000), { status: 400 }), "BAD_RESPONSE", /answers with status 400$/],
    [new Response("<html>"), "BAD_RESPONSE", /it is not valid JSON$/],
  ];
  for (const [response, code, message] of table) {
    const { http } = open(() => response);
    const error = await failureOf(http.get("/x", CALL));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    assert.ok(error.hint);
  }
  const { http } = open(() => Response.json({}, { status: 404 }));
  const missing = await failureOf(http.get("/x", { ...CALL, missingHint: "Look elsewhere" }));
  assert.equal(missing.hint, "Look elsewhere");
});

Deno.test("get() reads no more than 4 MiB", async () => {
  const { http } = open(() => new Response(new Uint8Array(4 * 1024 * 1024 + 1)));
  assert.equal((await failureOf(http.get("/x", CALL))).code, "TOO_LARGE");
});

Deno.test("get() ends with its caller and with its deadline", async () => {
  const cancel = new AbortController();
  const busy = () => Response.json({}, { status: 503 });
  const cancelled = open(busy);
  const call = failureOf(cancelled.http.get("/x", { ...CALL, signal: cancel.signal }));
  await cancelled.clock.advance(100);
  cancel.abort();
  assert.equal((await call).code, "CANCELLED");

  const [clock, log] = [new FakeClock(), new FakeLog()];
  const net: Net = {
    fetch: ({ signal }) =>
      new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason))),
  };
  const http = new HubHttp({ net, clock, log, env: {} }, { timeoutMs: 10_000 });
  const late = failureOf(http.get("/x", CALL));
  await clock.advance(10_000);
  assert.equal((await late).code, "TIMEOUT");
  const impatient = failureOf(http.get("/x", { ...CALL, timeoutMs: 1000 }));
  await clock.advance(1000);
  assert.equal((await impatient).code, "TIMEOUT");
});

Deno.test("get() asks the address that it is given", async () => {
  const net = handlerNet((request) => Response.json(request.url));
  const deps = { net, clock: new FakeClock(), log: new FakeLog(), env: {} };
  const http = new HubHttp(deps, { baseUrl: new URL("http://127.0.0.1:5000") });
  assert.equal(await http.get("/x", CALL), "http://127.0.0.1:5000/x");
});

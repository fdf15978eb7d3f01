import assert from "node:assert/strict";
import type { AddressKind } from "../../lib/core/address.ts";
import type { Net } from "../../lib/core/http.ts";
import {
  Heard,
  isLoopback,
  netFetch,
  type NetFetchOptions,
  type StreamEnd,
} from "../../lib/gateway/net_fetch.ts";
import { FakeClock, settle } from "../fake_clock.ts";
import { servedNet } from "./served_net.ts";

const SERVER = new URL("https://mcp.example/mcp");

type Handler = (request: Request) => Response | Promise<Response>;

/** A function over a handler, with its network and clock. */
function world(
  handler: Handler,
  options: Partial<NetFetchOptions> & { readonly peer?: (url: URL) => AddressKind } = {},
) {
  const { peer, ...rest } = options;
  const net = servedNet(handler, peer === undefined ? {} : { peer });
  const clock = new FakeClock();
  return { net, clock, fetch: netFetch({ net, clock }, { server: SERVER, ...rest }) };
}

function redirect(location: string, status = 307): Response {
  return new Response(null, { status, headers: { location } });
}

const EVENTS = { "content-type": "text/event-stream; charset=utf-8" };

/** A body that a test writes as it goes. */
function written() {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  return {
    readable,
    write: (text: string) => writer.write(new TextEncoder().encode(text)),
    close: () => writer.close(),
    abort: (reason: unknown) => writer.abort(reason),
  };
}

Deno.test("netFetch() sends method, body and headers of every kind", async () => {
  const { net, fetch } = world(async (request) =>
    new Response(
      [request.method, request.headers.get("x-a"), await request.text()].join(" "),
      { status: 201, headers: { "x-back": "1" } },
    )
  );
  const kinds: HeadersInit[] = [{ "x-a": "1" }, new Headers({ "x-a": "1" }), [["X-A", "1"]]];
  for (const headers of kinds) {
    const response = await fetch(SERVER.href, { method: "post", headers, body: "hello" });
    assert.equal(await response.text(), "POST 1 hello");
    assert.equal(response.status, 201);
    assert.equal(response.headers.get("x-back"), "1");
  }
  const form = await fetch(SERVER, { method: "POST", body: new URLSearchParams({ a: "b c" }) });
  assert.match(await form.text(), / a=b\+c$/);
  assert.match(net.requests.at(-1)?.headers?.["content-type"] ?? "", /x-www-form-urlencoded/);
  assert.equal(await (await fetch(SERVER)).text(), "GET  ");
  assert.equal(await (await fetch(SERVER, { method: "DELETE" })).text(), "DELETE  ");
  assert.equal(net.open, 0);
});

Deno.test("netFetch() refuses what it cannot send faithfully", async () => {
  const { net, fetch } = world(() => new Response());
  await assert.rejects(fetch(SERVER, { method: "PUT" }), { code: "INTERNAL", message: /PUT/ });
  await assert.rejects(fetch(SERVER, { method: "POST", body: new Blob(["x"]) }), {
    code: "INTERNAL",
  });
  await assert.rejects(fetch(SERVER, { signal: AbortSignal.abort() }), { code: "CANCELLED" });
  assert.equal(net.requests.length, 0);
});

Deno.test("netFetch() sends its headers to the server's origin only", async () => {
  const seen: [string, string | null][] = [];
  const { fetch } = world((request) => {
    seen.push([new URL(request.url).host, request.headers.get("x-api-key")]);
    return new Response();
  }, { otherOrigins: true, headers: { "X-Api-Key": "secret" } });
  for (const url of [SERVER.href, "https://login.example/", "https://mcp.example:8443/"]) {
    await (await fetch(url)).body?.cancel();
  }
  assert.deepEqual(seen, [
    ["mcp.example", "secret"],
    ["login.example", null],
    ["mcp.example:8443", null],
  ]);
});

Deno.test("netFetch() does not show a header that HTTP does not allow", async () => {
  for (const headers of [{ "x-key": "sec\nret" }, { "x key": "secret" }]) {
    const { fetch } = world(() => new Response(), { headers });
    await assert.rejects(fetch(SERVER), (error: Error & { code?: string }) => {
      assert.equal(error.code, "INVALID_ARGUMENT");
      assert.doesNotMatch(`${error.message} ${error.stack}`, /sec\n?ret/);
      return true;
    });
  }
});

Deno.test("netFetch() asks no other origin unless told to", async () => {
  const { net, fetch } = world(() => new Response());
  await assert.rejects(fetch("https://other.example/"), {
    code: "ADDRESS_REFUSED",
    message: 'Cannot send a message to "other.example": the server is "mcp.example"',
  });
  assert.equal(net.requests.length, 0);
});

Deno.test("netFetch() follows redirects within the origin, up to three", async () => {
  const { net, fetch } = world(({ url, method, headers }) => {
    const step = Number(new URL(url).searchParams.get("step") ?? 0);
    if (step === 3) return new Response(`${method} ${headers.get("x-key")}`);
    return redirect(`/mcp?step=${step + 1}`, step === 1 ? 308 : 307);
  }, { headers: { "x-key": "1" } });
  const response = await fetch(SERVER, { method: "POST", body: "{}" });
  assert.equal(await response.text(), "POST 1");
  assert.deepEqual(net.requests.map(({ body }) => body), ["{}", "{}", "{}", "{}"]);
  const circle = world(() => redirect("/mcp"));
  await assert.rejects(circle.fetch(SERVER), { code: "BAD_RESPONSE", message: /more than 3/ });
  assert.equal(circle.net.requests.length, 4);
});

Deno.test("netFetch() does not turn a message into a GET", async () => {
  const { net, fetch } = world(() => redirect("/other", 302));
  const response = await fetch(SERVER, { method: "POST", body: "{}" });
  assert.equal(response.status, 302);
  assert.equal(net.requests.length, 1);
  const got = world(({ url }) => url.endsWith("/other") ? new Response("x") : redirect("/other"));
  assert.equal(await (await got.fetch(SERVER)).text(), "x");
});

Deno.test("netFetch() takes no redirect to another origin, not even of its own host", async () => {
  const targets = [
    "https://evil.example/mcp?x=1",
    "http://mcp.example/mcp",
    "https://mcp.example:444/mcp",
    "//evil.example/",
  ];
  for (const target of targets) {
    const { net, fetch } = world(() => redirect(target), { headers: { "x-key": "secret" } });
    await assert.rejects(fetch(SERVER, { method: "POST", body: "{}" }), {
      code: "ADDRESS_REFUSED",
      message: /redirects to another origin/,
    });
    assert.equal(net.requests.length, 1, target);
  }
  // Where a sign-in looks for metadata, the next address may have it.
  const { net, fetch } = world(() => redirect("https://other.example/"), { otherOrigins: true });
  assert.equal((await fetch(SERVER)).status, 307);
  assert.equal(net.requests.length, 1);
});

Deno.test("netFetch() gives a redirect that leads nowhere as it is", async () => {
  for (const target of ["http://[", "https://u:p@mcp.example/"]) {
    const { fetch } = world(() => redirect(target));
    assert.equal((await fetch(SERVER)).status, 307);
  }
  const { fetch } = world(() => new Response(null, { status: 307 }));
  assert.equal((await fetch(SERVER)).status, 307);
});

Deno.test("netFetch() lets a server outside name no address inside", async () => {
  const kinds: Record<string, AddressKind> = { "inside.example": "private" };
  const peer = (url: URL) => kinds[url.hostname] ?? "public";
  const { fetch } = world(() => new Response(), { otherOrigins: true, peer });
  await assert.rejects(fetch("https://inside.example/"), { code: "ADDRESS_REFUSED" });
  await fetch(SERVER);
  await fetch("https://login.example/");
  await assert.rejects(fetch("https://inside.example/"), { code: "ADDRESS_REFUSED" });
});

Deno.test("netFetch() lets a server inside name others there, until one outside has answered", async () => {
  const kinds: Record<string, AddressKind> = {
    "mcp.example": "private",
    "login.example": "private",
    "localhost": "loopback",
  };
  const heard = new Heard();
  const { fetch } = world(() => new Response("x"), {
    otherOrigins: true,
    heard,
    peer: (url) => kinds[url.hostname] ?? "public",
  });
  await fetch(SERVER);
  assert.equal(heard.insideOnly, true);
  for (const url of ["https://login.example/", "http://localhost:9/"]) {
    assert.equal(await (await fetch(url)).text(), "x");
  }
  await fetch("https://outside.example/");
  assert.equal(heard.insideOnly, false);
  await assert.rejects(fetch("https://login.example/"), { code: "ADDRESS_REFUSED" });
});

Deno.test("netFetch() sends nothing of a sign-in over plain http, but to this machine", async () => {
  const { net, fetch } = world(() => new Response(), { otherOrigins: true });
  await assert.rejects(fetch("http://login.example/"), {
    code: "ADDRESS_REFUSED",
    message: /not https/,
  });
  assert.equal(net.requests.length, 0);
  const local = ["http://localhost/", "http://a.localhost/", "http://127.9.0.1/", "http://[::1]/"];
  assert.deepEqual(local.map((url) => isLoopback(new URL(url))), [true, true, true, true]);
  assert.equal(isLoopback(new URL("http://localhost.example/")), false);
});

Deno.test("netFetch() bounds a body, before it is read where its length is told", async () => {
  const big = "x".repeat(101);
  const limits = { maxMessageBytes: 100 };
  const told = world(() => new Response(big, { headers: { "content-length": "101" } }), limits);
  const untold = world(() => new Response(ReadableStream.from([new Uint8Array(101)])), limits);
  for (const { fetch, net, clock } of [told, untold]) {
    const response = await fetch(SERVER);
    await assert.rejects(response.text(), {
      code: "TOO_LARGE",
      details: { reason: "it sent an answer of more than 100 bytes" },
    });
    assert.equal(net.open, 0);
    assert.equal(clock.sleeping, 0);
  }
});

Deno.test("netFetch() ends a body that does not end", async () => {
  const body = written();
  const { net, clock, fetch } = world(() => new Response(body.readable), { bodyTimeoutMs: 5000 });
  const text = assert.rejects((await fetch(SERVER)).text(), { code: "TIMEOUT" });
  await settle();
  await clock.advance(5000);
  await text;
  assert.equal(net.open, 0);
});

Deno.test("netFetch() gives a stream of events as long as it wants", async () => {
  const body = written();
  const ends: StreamEnd[] = [];
  const { net, clock, fetch } = world(() => new Response(body.readable, { headers: EVENTS }), {
    onStreamEnd: (end) => ends.push(end),
  });
  assert.equal(net.requests.length, 0);
  const response = await fetch(SERVER, { method: "POST", body: '{"id":1}' });
  assert.equal(net.requests[0]?.bodyTimeoutMs, Infinity);
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  for (const text of ["data: 1\n\n", "id: 4\ndata: 2\n\n"]) {
    const read = reader?.read();
    await body.write(text);
    assert.equal(decoder.decode((await read)?.value), text);
    await clock.advance(24 * 3_600_000);
  }
  assert.equal(ends.length, 0);
  const last = reader?.read();
  await body.close();
  assert.equal((await last)?.done, true);
  assert.deepEqual(ends.map(({ resumable, error }) => [resumable, error]), [[true, undefined]]);
  assert.equal(ends[0]?.request.body, '{"id":1}');
  assert.equal(net.open, 0);
});

Deno.test("netFetch() drops a stream whose reader leaves while it waits", async () => {
  const body = written();
  const ends: StreamEnd[] = [];
  const { net, fetch } = world(() => new Response(body.readable, { headers: EVENTS }), {
    onStreamEnd: (end) => ends.push(end),
  });
  const reader = (await fetch(SERVER)).body?.getReader();
  const read = reader?.read();
  await settle();
  await reader?.cancel();
  assert.equal((await read)?.done, true);
  await settle();
  assert.equal(net.open, 0);
  assert.equal(ends.length, 1);
});

Deno.test("netFetch() ends a stream with the caller's signal", async () => {
  const body = written();
  const { net, fetch } = world(() => new Response(body.readable, { headers: EVENTS }));
  const caller = new AbortController();
  const read = (await fetch(SERVER, { signal: caller.signal })).body?.getReader().read();
  await settle();
  caller.abort();
  await assert.rejects(async () => await read, { code: "CANCELLED" });
  assert.equal(net.open, 0);
});

Deno.test("netFetch() tells why a stream ended", async () => {
  const ends: StreamEnd[] = [];
  const big = new TextEncoder().encode(`data: ${"x".repeat(200)}`);
  const { fetch } = world(() => new Response(ReadableStream.from([big]), { headers: EVENTS }), {
    maxMessageBytes: 100,
    onStreamEnd: (end) => ends.push(end),
  });
  await assert.rejects((await fetch(SERVER)).text(), { code: "TOO_LARGE" });
  assert.equal(ends[0]?.error?.code, "TOO_LARGE");
  assert.equal(ends[0]?.resumable, false);
});

Deno.test("netFetch() slows down a flood of events, and takes what comes at a fair speed", async () => {
  const event = new TextEncoder().encode(`data: ${"x".repeat(1024 * 1024)}\n\n`);
  let sent = 0;
  const flood = new ReadableStream<Uint8Array>({
    pull(controller) {
      sent++;
      controller.enqueue(event);
    },
  }, { highWaterMark: 0 });
  const { clock, net, fetch } = world(() => new Response(flood, { headers: EVENTS }), {
    maxMessageBytes: 2 * 1024 * 1024,
  });
  const reader = (await fetch(SERVER)).body?.getReader();
  let read = 0;
  const reading = (async () => {
    while ((await reader?.read())?.done === false) read++;
  })();
  await settle();
  // The credit is two messages: the next one is given, and then it waits.
  assert.ok(read >= 4 && read <= 6, `${read} events`);
  await clock.advance(1000);
  assert.ok(read >= 7 && read <= 10, `${read} events`);
  assert.ok(sent - read <= 2, "what is not read is not fetched");
  await reader?.cancel();
  await reading;
  await settle();
  assert.equal(net.open, 0);
  assert.equal(clock.sleeping, 0);
});

Deno.test("netFetch() refuses answers that are none", async () => {
  const gzip = world(() => new Response("x", { headers: { "content-encoding": "gzip" } }));
  await assert.rejects(gzip.fetch(SERVER), { code: "BAD_RESPONSE", message: /compresses/ });
  assert.equal(gzip.net.open, 0);
  const odd: Net = {
    async fetch(request) {
      const response = await gzip.net.fetch(request);
      return { ...response, status: 999 };
    },
  };
  const ask = netFetch({ net: odd, clock: new FakeClock() }, { server: SERVER });
  await assert.rejects(ask(SERVER), { code: "BAD_RESPONSE", message: /status 999/ });
  const empty = world(() => new Response(null, { status: 204 }));
  assert.equal((await empty.fetch(SERVER)).body, null);
});

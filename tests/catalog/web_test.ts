/**
 * Fetching single documents over scripted hosts. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { WebClient } from "../../lib/catalog/web.ts";
import { AppError } from "../../lib/core/errors.ts";
import { settle } from "../fake_clock.ts";
import { codeOf, GET, type Handler, ScriptedWeb, to } from "./web_world.ts";

Deno.test("WebClient.get() gives a document with its validators, and nothing when it has not changed", async () => {
  const { deps, requests } = new ScriptedWeb({
    "https://a.example/x": ({ headers }) =>
      headers?.["if-none-match"] === '"1"' && headers["if-modified-since"] === "then"
        ? new Response(null, { status: 304 })
        : new Response("hello", { headers: { etag: '"1"', "last-modified": "then" } }),
  });
  const web = new WebClient(deps);
  const url = new URL("https://a.example/x");
  const first = await web.get(url, GET);
  assert.deepEqual(
    [new TextDecoder().decode(first?.bytes), first?.etag, first?.lastModified],
    ["hello", '"1"', "then"],
  );
  assert.equal(await web.get(url, { ...GET, etag: '"1"', lastModified: "then" }), undefined);
  assert.equal(requests[0]?.headers?.["accept"], "text/plain");
});

Deno.test("WebClient.get() follows redirects, but not into a private network, to http or for ever", async () => {
  const handlers = {
    "https://a.example/ok": to("/there"),
    "https://a.example/there": () => new Response("there"),
    "https://a.example/inside": to("http://10.0.0.1/x"),
    "https://a.example/inside-tls": to("https://127.0.0.1/x"),
    "https://a.example/file": to("file:///etc/passwd"),
    "https://a.example/loop": to("/loop"),
    "https://a.example/nowhere": () => new Response(null, { status: 301 }),
    "https://a.example/user": to("https://me:pw@b.example/x"),
    "https://b.example/x": () => new Response("b"),
    "http://127.0.0.1/x": to("http://127.0.0.1/y"),
    "http://127.0.0.1/y": () => new Response("y"),
  };
  const { deps, requests } = new ScriptedWeb(handlers);
  const get = (path: string) => new WebClient(deps).get(new URL(path, "https://a.example"), GET);
  assert.equal((await get("/ok"))?.url.href, "https://a.example/there");
  assert.equal(await codeOf(get("/inside")), "BAD_RESPONSE");
  assert.equal(await codeOf(get("/inside-tls")), "ADDRESS_REFUSED");
  assert.equal(await codeOf(get("/file")), "BAD_RESPONSE");
  assert.equal(await codeOf(get("/loop")), "BAD_RESPONSE");
  assert.equal(await codeOf(get("/nowhere")), "BAD_RESPONSE");
  await get("/user");
  assert.equal(requests.at(-1)?.url.href, "https://b.example/x");
  // A server of this machine may lead to itself.
  const local = new ScriptedWeb(handlers, "loopback");
  const found = await new WebClient(local.deps).get(new URL("http://127.0.0.1/x"), GET);
  assert.equal(new TextDecoder().decode(found?.bytes), "y");
});

Deno.test("WebClient.get() says what an answer means", async () => {
  const statuses = {
    404: "NOT_FOUND",
    410: "NOT_FOUND",
    401: "FORBIDDEN",
    403: "FORBIDDEN",
    418: "BAD_RESPONSE",
  };
  for (const [status, code] of Object.entries(statuses)) {
    const { deps } = new ScriptedWeb({
      "https://a.example/x": () => new Response("no", { status: Number(status) }),
    });
    const get = new WebClient(deps).get(new URL("https://a.example/x"), GET);
    assert.equal(await codeOf(get), code, status);
  }
  const { deps } = new ScriptedWeb({ "https://a.example/x": () => new Response("x".repeat(1001)) });
  const get = new WebClient(deps).get(new URL("https://a.example/x"), GET);
  await assert.rejects(get, (error) =>
    error instanceof AppError && error.code === "TOO_LARGE" &&
    error.message === 'Cannot read "https://a.example/x": it is larger than 1000 bytes');
});

Deno.test("WebClient.get() waits as it is told, tries three times, and not for longer than it makes sense", async () => {
  const busy = new ScriptedWeb({
    "https://a.example/x": (_, count) =>
      count < 3
        ? new Response("busy", { status: 503, headers: { "retry-after": "2" } })
        : new Response("done"),
  });
  const work = new WebClient(busy.deps).get(new URL("https://a.example/x"), GET);
  await busy.clock.advance(4000);
  assert.equal(new TextDecoder().decode((await work)?.bytes), "done");
  const down = new ScriptedWeb({
    "https://a.example/x": () => new Response("no", { status: 500 }),
  });
  const failing = codeOf(new WebClient(down.deps).get(new URL("https://a.example/x"), GET));
  await down.clock.advance(10_000);
  assert.equal(await failing, "UNAVAILABLE");
  assert.equal(down.requests.length, 3);
  const later = new ScriptedWeb({
    "https://a.example/x": () =>
      new Response("no", {
        status: 429,
        headers: { "retry-after": "Thu, 01 Jan 2026 01:00:00 GMT" },
      }),
  });
  assert.equal(
    await codeOf(new WebClient(later.deps).get(new URL("https://a.example/x"), GET)),
    "RATE_LIMITED",
  );
  assert.equal(later.requests.length, 1);
});

const X = new URL("https://a.example/x");

function unreachable(retryable: boolean): Handler {
  return () => {
    throw new AppError("UNREACHABLE", "Cannot reach the host: the connection broke off", {
      retryable,
    });
  };
}

Deno.test("WebClient.get() tries a connection once more, unless that cannot help", async () => {
  const flaky = new ScriptedWeb({
    [X.href]: (request, count) =>
      count === 1 ? unreachable(true)(request, count) : new Response("done"),
  });
  const work = new WebClient(flaky.deps).get(X, GET);
  await flaky.clock.advance(1000);
  assert.equal((await work)?.bytes.byteLength, 4);
  const tries = async (handler: Handler) => {
    const web = new ScriptedWeb({ [X.href]: handler });
    const code = codeOf(new WebClient(web.deps).get(X, GET));
    await web.clock.advance(60_000);
    return [await code, web.requests.length];
  };
  assert.deepEqual(await tries(unreachable(true)), ["UNREACHABLE", 2]);
  assert.deepEqual(await tries(unreachable(false)), ["UNREACHABLE", 1]);
  const slow = () => {
    throw new AppError("TIMEOUT", "Cannot get an answer", { retryable: true });
  };
  assert.deepEqual(await tries(slow), ["TIMEOUT", 1]);
});

Deno.test("WebClient.get() fetches a body again that broke off", async () => {
  const web = new ScriptedWeb({
    [X.href]: (_, count) =>
      count > 1 ? new Response("whole") : new Response(
        new ReadableStream({
          pull(controller) {
            controller.error(
              new AppError("UNREACHABLE", "Cannot reach it: it broke off", { retryable: true }),
            );
          },
        }),
      ),
  });
  const work = new WebClient(web.deps).get(X, GET);
  await web.clock.advance(1000);
  assert.equal(new TextDecoder().decode((await work)?.bytes), "whole");
});

Deno.test("WebClient.get() takes nothing for unchanged that it did not ask about", async () => {
  const web = new ScriptedWeb({ [X.href]: () => new Response(null, { status: 304 }) });
  assert.equal(await codeOf(new WebClient(web.deps).get(X, GET)), "BAD_RESPONSE");
});

Deno.test("WebClient.get() shows no query in an error, since it may hold a token", async () => {
  const web = new ScriptedWeb({
    [X.href]: to("https://cdn.example/x?signature=hidden"),
    "https://cdn.example/x": () => new Response("no", { status: 403 }),
  });
  const url = new URL("?token=hidden", X);
  await assert.rejects(
    new WebClient(web.deps).get(url, GET),
    (error) =>
      error instanceof AppError && error.code === "FORBIDDEN" &&
      !`${error.message} ${error.hint}`.includes("hidden"),
  );
});

Deno.test("WebClient.get() stops waiting when it is told to", async () => {
  const caller = new AbortController();
  const web = new ScriptedWeb({ [X.href]: () => new Response("no", { status: 503 }) });
  const code = codeOf(new WebClient(web.deps).get(X, { ...GET, signal: caller.signal }));
  await settle();
  assert.equal(web.clock.sleeping, 1);
  caller.abort();
  assert.equal(await code, "CANCELLED");
  assert.equal(web.clock.sleeping, 0);
  assert.equal(web.requests.length, 1);
});

Deno.test("WebClient.get() trusts a way that a public host had a say in no more", async () => {
  const web = new ScriptedWeb({
    [X.href]: to("https://b.example/x"),
    "https://b.example/x": to("https://192.168.1.1/x"),
  });
  assert.equal(await codeOf(new WebClient(web.deps).get(X, GET)), "ADDRESS_REFUSED");
  assert.deepEqual(web.requests.map(({ origin }) => origin), ["named", "derived", "derived"]);
});

Deno.test("WebClient.get() follows a redirect only where the reader wants to go", async () => {
  const web = new ScriptedWeb({ [X.href]: to("https://b.example/x") });
  const options = { ...GET, mayFollow: ({ host }: URL) => host === X.host };
  await assert.rejects(
    new WebClient(web.deps).get(X, options),
    (error) =>
      error instanceof AppError && error.code === "BAD_RESPONSE" &&
      error.message === 'Cannot read "https://a.example/x": it redirects to https://b.example',
  );
  assert.equal(web.requests.length, 1);
});

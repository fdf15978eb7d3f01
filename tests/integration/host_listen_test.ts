import assert from "node:assert/strict";
import type { ListenOptions } from "../../lib/core/http.ts";
import { listen } from "../../lib/host/net.ts";
import { ask } from "./host_child.ts";

/** A server on a free port that ends with the test. */
async function start(options: Partial<ListenOptions>) {
  const controller = new AbortController();
  const server = await listen({
    hostname: "127.0.0.1",
    port: 0,
    handler: () => Promise.resolve(new Response("ok")),
    signal: controller.signal,
    ...options,
  });
  return {
    ...server,
    abort: () => controller.abort(),
    async [Symbol.asyncDispose]() {
      controller.abort();
      await server.finished;
    },
  };
}

Deno.test("listen() takes a free port, says which, and tells who asks", async () => {
  const remotes: string[] = [];
  await using server = await start({
    handler: (request, { remote }) => {
      remotes.push(remote);
      return Promise.resolve(new Response(new URL(request.url).pathname));
    },
  });
  assert.equal(server.url.hostname, "127.0.0.1");
  assert.notEqual(server.url.port, "0");
  assert.equal(await (await fetch(new URL("/mcp", server.url))).text(), "/mcp");
  assert.deepEqual(remotes, ["127.0.0.1"]);
});

Deno.test("listen() answers 500 without details when the handler fails", async () => {
  await using server = await start({ handler: () => Promise.reject(new RangeError("secret")) });
  const response = await fetch(server.url);
  assert.equal(response.status, 500);
  assert.equal(await response.text(), "Internal error\n");
});

Deno.test("listen() shutdown() waits for the request in hand and takes no new one", async () => {
  const asked = Promise.withResolvers<void>();
  const release = Promise.withResolvers<Response>();
  await using server = await start({
    handler: () => {
      asked.resolve();
      return release.promise;
    },
  });
  const answer = fetch(server.url);
  await asked.promise;
  const ended = server.shutdown();
  await assert.rejects(fetch(server.url), TypeError);
  release.resolve(new Response("finished"));
  assert.equal(await (await answer).text(), "finished");
  await ended;
  await server.finished;
  await server.shutdown();
  await assert.rejects(fetch(server.url), TypeError);
});

Deno.test("listen() shutdown() waits no longer than until the signal aborts", async () => {
  const asked = Promise.withResolvers<void>();
  const release = Promise.withResolvers<Response>();
  await using server = await start({
    handler: () => {
      asked.resolve();
      return release.promise;
    },
  });
  const answer = fetch(server.url);
  await asked.promise;
  const ended = server.shutdown();
  server.abort();
  await Promise.all([ended, server.finished]);
  release.resolve(new Response("late"));
  assert.equal(await (await answer).text(), "late");
});

Deno.test("listen() shutdown() waits for a body that is still being sent", async () => {
  const body = Promise.withResolvers<ReadableStreamDefaultController<Uint8Array>>();
  await using server = await start({
    handler: () => Promise.resolve(new Response(new ReadableStream({ start: body.resolve }))),
  });
  const response = await fetch(server.url);
  const stream = await body.promise;
  let ended = false;
  const shutdown = server.shutdown().then(() => ended = true);
  stream.enqueue(new TextEncoder().encode("first "));
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  assert.equal((await reader?.read())?.value, "first ");
  assert.ok(!ended);
  stream.enqueue(new TextEncoder().encode("last"));
  stream.close();
  assert.equal((await reader?.read())?.value, "last");
  assert.ok((await reader?.read())?.done);
  await shutdown;
});

Deno.test("listen() ends connections when its signal aborts", async () => {
  const asked = Promise.withResolvers<void>();
  const release = Promise.withResolvers<Response>();
  await using server = await start({
    handler: () => {
      asked.resolve();
      return release.promise;
    },
  });
  const answer = assert.rejects(fetch(server.url), TypeError);
  await asked.promise;
  server.abort();
  await answer;
  await server.finished;
  release.resolve(new Response(null));
});

Deno.test("listen() does not listen for a caller who has left", async () => {
  await assert.rejects(start({ signal: AbortSignal.abort() }), { code: "CANCELLED" });
});

Deno.test("listen() says why it cannot listen", async () => {
  await using server = await start({});
  const { port } = server.url;
  await assert.rejects(start({ port: Number(port) }), {
    code: "UNAVAILABLE",
    message: `Cannot listen on "127.0.0.1:${port}": the port is taken`,
    hint: "Choose another with --port, or --port 0 for a free one",
  });
  // RFC 5737: addresses that no machine has.
  await assert.rejects(start({ hostname: "192.0.2.1" }), {
    code: "UNAVAILABLE",
    message: 'Cannot listen on "192.0.2.1:0": it is no address of this machine',
    hint: "Use --host 127.0.0.1, or 0.0.0.0 for all addresses",
  });
});

Deno.test("listen() names the flag that is missing", async () => {
  assert.deepEqual(await ask(["listen", "127.0.0.1", "8080"], { flags: [] }), {
    code: "PERMISSION_MISSING",
    message: 'Cannot listen on "127.0.0.1:8080": Deno was started without net permission',
    hint: "Start Wharf with --allow-net=127.0.0.1:8080",
  });
  const flags = ["--allow-net=127.0.0.1"];
  assert.match(String(await ask(["listen", "127.0.0.1", "0"], { flags })), /^http:\/\/127/);
});

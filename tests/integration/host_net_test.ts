import assert from "node:assert/strict";
import type { Clock } from "../../lib/core/host.ts";
import type { HttpRequest, HttpResponse } from "../../lib/core/http.ts";
import { systemClock } from "../../lib/host/clock.ts";
import { openNet } from "../../lib/host/net.ts";
import { FakeClock, settle } from "../fake_clock.ts";
import { ask } from "./host_child.ts";

const LIMITS = { maxBytes: 1024 * 1024 };

type Handler = (request: Request) => Response | Promise<Response>;

interface TestServer extends AsyncDisposable {
  readonly url: URL;
  readonly requests: { readonly method: string; readonly headers: Headers }[];
}

/** A real server that remembers what it was asked. */
function serve(handler: Handler): TestServer {
  const hostname = "127.0.0.1";
  const requests: TestServer["requests"] = [];
  const server = Deno.serve({ hostname, port: 0, onListen() {} }, (request) => {
    // A copy, since Deno takes the request back with the answer.
    requests.push({ method: request.method, headers: new Headers(request.headers) });
    return handler(request);
  });
  return {
    url: new URL(`http://${hostname}:${server.addr.port}/`),
    requests,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** A TCP server that says the same to everybody and hangs up. */
function serveText(text: string): AsyncDisposable & { readonly url: URL } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const done = (async () => {
    for await (const connection of listener) {
      try {
        await connection.read(new Uint8Array(4096));
        await connection.write(new TextEncoder().encode(text));
      } catch {
        // The client hung up first.
      }
      connection.close();
    }
  })();
  return {
    url: new URL(`http://127.0.0.1:${listener.addr.port}/`),
    async [Symbol.asyncDispose]() {
      listener.close();
      await done;
    },
  };
}

async function textOf(response: HttpResponse): Promise<string> {
  return new TextDecoder().decode(await response.bytes(LIMITS));
}

/** Asks once with a network of its own. */
async function fetchText(
  request: HttpRequest,
  clock: Clock = systemClock,
): Promise<{ readonly response: HttpResponse; readonly text: string }> {
  await using net = openNet({ userAgent: "wharf-test/1", clock });
  const response = await net.fetch(request);
  return { response, text: await textOf(response) };
}

Deno.test("fetch() gives status, headers, body and peer of a real server", async () => {
  await using server = serve(() =>
    new Response("hello", { status: 203, headers: { "docker-content-digest": "sha256:abc" } })
  );
  const { response, text } = await fetchText({ url: server.url });
  assert.equal(text, "hello");
  assert.equal(response.status, 203);
  assert.equal(response.headers.get("docker-content-digest"), "sha256:abc");
  assert.equal(response.peer, "loopback");
});

Deno.test("fetch() sends its name, asks for no encoding, and what the caller adds", async () => {
  await using server = serve(() => new Response(null));
  await using net = openNet({ userAgent: "wharf-test/1", clock: systemClock });
  await (await net.fetch({ url: server.url })).cancel();
  const posted = await net.fetch({
    url: server.url,
    method: "POST",
    body: "grant_type=password",
    headers: { "Accept-Encoding": "gzip", "Content-Type": "application/x-www-form-urlencoded" },
  });
  await posted.cancel();
  const [plain, post] = server.requests;
  assert.equal(plain?.method, "GET");
  assert.equal(plain?.headers.get("user-agent"), "wharf-test/1");
  assert.equal(plain?.headers.get("accept-encoding"), "identity");
  assert.equal(plain?.headers.get("cookie"), null);
  assert.equal(plain?.headers.get("authorization"), null);
  assert.equal(post?.method, "POST");
  assert.equal(post?.headers.get("accept-encoding"), "gzip");
  assert.equal(post?.headers.get("content-type"), "application/x-www-form-urlencoded");
});

Deno.test("fetch() sends the body of a POST", async () => {
  await using server = serve(async (request) => new Response(await request.text()));
  assert.equal((await fetchText({ url: server.url, method: "POST", body: "a=1" })).text, "a=1");
});

Deno.test("fetch() keeps no cookies", async () => {
  await using server = serve(() => new Response(null, { headers: { "set-cookie": "a=1" } }));
  await using net = openNet({ userAgent: "wharf-test/1", clock: systemClock });
  for (let round = 0; round < 2; round++) await (await net.fetch({ url: server.url })).cancel();
  assert.equal(server.requests[1]?.headers.get("cookie"), null);
});

Deno.test("fetch() gives encoded bodies as they are, so that digests hold", async () => {
  const encoded = new Uint8Array([0x1f, 0x8b, 8, 0, 1, 2, 3]);
  await using server = serve(() =>
    new Response(encoded, { headers: { "content-encoding": "gzip" } })
  );
  await using net = openNet({ userAgent: "wharf-test/1", clock: systemClock });
  const response = await net.fetch({ url: server.url });
  assert.deepEqual(await response.bytes(LIMITS), encoded);
});

Deno.test("fetch() does not follow a redirect", async () => {
  await using target = serve(() => new Response("target"));
  for (const status of [301, 302, 303, 307, 308]) {
    await using server = serve(() =>
      new Response(null, { status, headers: { location: target.url.href } })
    );
    const { response, text } = await fetchText({ url: server.url });
    assert.equal(response.status, status);
    assert.equal(response.headers.get("location"), target.url.href);
    assert.equal(text, "");
  }
  assert.equal(target.requests.length, 0);
});

Deno.test("fetch() refuses loopback addresses that came from an answer", async () => {
  await using server = serve(() => new Response("inside"));
  const { port } = server.url;
  const hosts = ["127.0.0.1", "localhost", "127.0.0.2", "2130706433", "0x7f.1", "0.0.0.0"];
  for (const host of [...hosts, "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"]) {
    await assert.rejects(
      fetchText({ url: new URL(`http://${host}:${port}/`), origin: "derived" }),
      { code: "ADDRESS_REFUSED", message: /loopback address/, hint: /name it directly/ },
      host,
    );
  }
  assert.equal(server.requests.length, 0);
});

Deno.test("fetch() refuses private addresses that came from an answer", async () => {
  for (const host of ["10.0.0.1", "192.168.1.1", "172.16.0.1", "100.64.0.1", "[fd12::1]"]) {
    await assert.rejects(
      fetchText({ url: new URL(`http://${host}/`), origin: "derived" }),
      { code: "ADDRESS_REFUSED", message: /private address/ },
      host,
    );
  }
});

Deno.test("fetch() refuses link-local and metadata addresses, whoever named them", async () => {
  const hosts = [
    "169.254.169.254",
    "169.254.170.2",
    "100.100.100.200",
    "0xa9fea9fe",
    "[fe80::1]",
    "[fd00:ec2::254]",
    "[::ffff:169.254.169.254]",
    "[64:ff9b::a9fe:a9fe]",
  ];
  for (const host of hosts) {
    for (const origin of ["named", "derived"] as const) {
      await assert.rejects(
        fetchText({ url: new URL(`http://${host}/latest/meta-data/`), origin }),
        { code: "ADDRESS_REFUSED", message: /link-local or metadata address/ },
        `${host} ${origin}`,
      );
    }
  }
});

Deno.test("fetch() takes http and https without a password only", async () => {
  const urls = [
    "file:///etc/passwd",
    "data:text/plain,hello",
    "ftp://127.0.0.1/",
    "http://user:password@127.0.0.1:9/",
    "https://user@127.0.0.1:9/",
  ];
  for (const url of urls) {
    await assert.rejects(fetchText({ url: new URL(url) }), (error) => {
      assert.ok(error instanceof Error && "code" in error);
      assert.equal(error.code, "ADDRESS_REFUSED");
      assert.ok(!error.message.includes("password@"));
      return true;
    }, url);
  }
});

Deno.test("fetch() does not show a header value that HTTP does not allow", async () => {
  await using server = serve(() => new Response(null));
  await assert.rejects(
    fetchText({ url: server.url, headers: { authorization: "Bearer hunter2\nx: y" } }),
    (error) => {
      assert.ok(error instanceof Error && "code" in error);
      assert.equal(error.code, "INVALID_ARGUMENT");
      assert.ok(!Deno.inspect(error).includes("hunter2"));
      return true;
    },
  );
  assert.equal(server.requests.length, 0);
});

Deno.test("bytes() stops at the byte limit and drops the connection", async () => {
  const cancelled = Promise.withResolvers<void>();
  await using server = serve(() =>
    new Response(
      new ReadableStream({
        pull: (controller) => controller.enqueue(new Uint8Array(64 * 1024)),
        cancel: () => cancelled.resolve(),
      }),
    )
  );
  await using net = openNet({ userAgent: "wharf-test/1", clock: systemClock });
  const response = await net.fetch({ url: server.url });
  await assert.rejects(response.bytes(LIMITS), { code: "TOO_LARGE", message: /1048576 bytes/ });
  await cancelled.promise;
});

Deno.test("fetch() ends with TIMEOUT when no answer comes", async () => {
  const clock = new FakeClock();
  const asked = Promise.withResolvers<void>();
  const release = Promise.withResolvers<Response>();
  await using server = serve(() => {
    asked.resolve();
    return release.promise;
  });
  const { host } = server.url;
  const answer = assert.rejects(fetchText({ url: server.url, timeoutMs: 2500 }, clock), {
    code: "TIMEOUT",
    message: `Cannot get an answer from "${host}" in 2.5 s`,
    retryable: true,
  });
  await asked.promise;
  await clock.advance(2500);
  await answer;
  assert.equal(clock.sleeping, 0);
  release.resolve(new Response(null));
});

Deno.test("fetch() gives 30 seconds unless told otherwise", async () => {
  const clock = new FakeClock();
  await using server = serve(() => new Response("late"));
  await using net = openNet({ userAgent: "wharf-test/1", clock });
  const response = await net.fetch({ url: server.url });
  assert.deepEqual(clock.pendingMs, [30_000]);
  await response.cancel();
  await settle();
  assert.equal(clock.sleeping, 0);
});

Deno.test("bytes() ends with TIMEOUT when the body stalls", async () => {
  const clock = new FakeClock();
  const stalled = Promise.withResolvers<void>();
  await using server = serve(() =>
    new Response(
      new ReadableStream({
        start: (controller) => controller.enqueue(new TextEncoder().encode("first")),
        cancel: () => stalled.resolve(),
      }),
    )
  );
  await using net = openNet({ userAgent: "wharf-test/1", clock });
  const response = await net.fetch({ url: server.url, timeoutMs: 1000 });
  const body = assert.rejects(response.bytes(LIMITS), { code: "TIMEOUT", message: /in 1 s/ });
  await clock.advance(1000);
  await body;
  await stalled.promise;
});

Deno.test("fetch() gives the body its own time, or none, once the head has come", async () => {
  const clock = new FakeClock();
  const stalled = { before: Promise.withResolvers<void>(), after: Promise.withResolvers<void>() };
  const endless = (cancel: () => void) =>
    new Response(
      new ReadableStream({
        start: (controller) => controller.enqueue(new TextEncoder().encode("first")),
        cancel,
      }),
    );
  await using server = serve(({ url }) =>
    endless(url.endsWith("/a") ? stalled.before.resolve : stalled.after.resolve)
  );
  await using net = openNet({ userAgent: "wharf-test/1", clock });
  const request = { url: new URL("a", server.url), timeoutMs: 1000 };
  const timed = await net.fetch({ ...request, bodyTimeoutMs: 5000 });
  assert.deepEqual(clock.pendingMs, [5000]);
  const body = assert.rejects(timed.bytes(LIMITS), { code: "TIMEOUT", message: /in 5 s/ });
  await clock.advance(5000);
  await body;
  await stalled.before.promise;
  const caller = new AbortController();
  const { signal } = caller;
  const url = new URL("b", server.url);
  const free = await net.fetch({ ...request, url, bodyTimeoutMs: Infinity, signal });
  await settle();
  assert.equal(clock.sleeping, 0);
  const rest = assert.rejects(free.bytes(LIMITS), { code: "CANCELLED" });
  await clock.advance(3_600_000);
  caller.abort();
  await rest;
  await stalled.after.promise;
});

Deno.test("fetch() limits the head where the body has its own time", async () => {
  const clock = new FakeClock();
  const asked = Promise.withResolvers<void>();
  const release = Promise.withResolvers<Response>();
  await using server = serve(() => {
    asked.resolve();
    return release.promise;
  });
  const request = { url: server.url, timeoutMs: 1000, bodyTimeoutMs: Infinity };
  const answer = assert.rejects(fetchText(request, clock), { code: "TIMEOUT", message: /in 1 s/ });
  await asked.promise;
  await clock.advance(1000);
  await answer;
  release.resolve(new Response(null));
});

Deno.test("fetch() sends DELETE", async () => {
  await using server = serve(() => new Response(null, { status: 204 }));
  const { response } = await fetchText({ url: server.url, method: "DELETE" });
  assert.equal(response.status, 204);
  assert.equal(server.requests[0]?.method, "DELETE");
});

Deno.test("fetch() ends with CANCELLED when the caller leaves, before and while it waits", async () => {
  const release = Promise.withResolvers<Response>();
  const asked = Promise.withResolvers<void>();
  await using server = serve(() => {
    asked.resolve();
    return release.promise;
  });
  await assert.rejects(fetchText({ url: server.url, signal: AbortSignal.abort() }), {
    code: "CANCELLED",
  });
  assert.equal(server.requests.length, 0);
  const caller = new AbortController();
  const answer = assert.rejects(fetchText({ url: server.url, signal: caller.signal }), {
    code: "CANCELLED",
  });
  await asked.promise;
  caller.abort();
  await answer;
  release.resolve(new Response(null));
});

Deno.test("fetch() leaves a name look-up behind when the caller cancels", async () => {
  const caller = new AbortController();
  const url = new URL("http://nowhere.invalid/");
  const answer = assert.rejects(fetchText({ url, signal: caller.signal }), { code: "CANCELLED" });
  // The look-up has begun by now and cannot have ended.
  caller.abort();
  await answer;
  // It ends by itself; its failure must not surface anywhere.
  await assert.rejects(fetchText({ url }), { code: "UNREACHABLE" });
});

Deno.test("fetch() frees its timer with the end of the body, however that comes", async () => {
  const clock = new FakeClock();
  await using server = serve((request) => new Response(request.method === "HEAD" ? null : "body"));
  await using net = openNet({ userAgent: "wharf-test/1", clock });
  const uses: readonly ((response: HttpResponse) => Promise<unknown>)[] = [
    (response) => response.bytes(LIMITS),
    (response) => Array.fromAsync(response.stream(LIMITS)),
    (response) => response.bytes({ maxBytes: 1 }).catch(() => {}),
    (response) => response.cancel(),
  ];
  for (const use of uses) {
    await use(await net.fetch({ url: server.url }));
    await settle();
    assert.equal(clock.sleeping, 0);
  }
  await net.fetch({ url: server.url, method: "HEAD" });
  await settle();
  assert.equal(clock.sleeping, 0);
});

const FAILURES: Readonly<Record<string, readonly [answer: string, state: string]>> = {
  "hangs up": ["", "the connection broke off"],
  "hangs up in the middle of the body": [
    "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc",
    "the connection broke off",
  ],
  "hangs up in the middle of a chunk": [
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n10\r\nabc",
    "the connection broke off",
  ],
  "does not speak HTTP": ["SSH-2.0-OpenSSH_9.6\r\n\r\n", "it does not speak HTTP"],
};

for (const [what, [answer, state]] of Object.entries(FAILURES)) {
  Deno.test(`fetch() says what is wrong with a server that ${what}`, async () => {
    await using server = serveText(answer);
    await assert.rejects(fetchText({ url: server.url }), {
      code: "UNREACHABLE",
      message: `Cannot reach "${server.url.host}": ${state}`,
      retryable: state === "the connection broke off",
    });
  });
}

Deno.test("fetch() says that a server with plain http does not speak TLS", async () => {
  await using server = serve(() => new Response(null));
  const { host } = server.url;
  await assert.rejects(fetchText({ url: new URL(`https://${host}/`) }), {
    code: "UNREACHABLE",
    message: `Cannot reach "${host}": it does not speak TLS`,
    hint: `If it serves plain http, start Wharf with --insecure-registry ${host}`,
    retryable: false,
  });
});

Deno.test("fetch() says that nobody listens", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  await assert.rejects(fetchText({ url: new URL(`http://127.0.0.1:${port}/`) }), {
    code: "UNREACHABLE",
    message: `Cannot reach "127.0.0.1:${port}": the connection was refused`,
    retryable: true,
  });
});

Deno.test("fetch() says that a name does not resolve, and that a port is not one for HTTP", async () => {
  await assert.rejects(fetchText({ url: new URL("https://registry.invalid/") }), {
    code: "UNREACHABLE",
    message: 'Cannot reach "registry.invalid": the name does not resolve',
    hint: "Check the spelling of the host, and that this machine is online",
    retryable: false,
  });
  await assert.rejects(fetchText({ url: new URL("http://127.0.0.1:25/") }), {
    code: "UNREACHABLE",
    message: 'Cannot reach "127.0.0.1:25": its port is not one for HTTP',
  });
});

Deno.test("fetch() names the flag for a host that was not granted", async () => {
  await using granted = serve(() => new Response(null, { status: 204 }));
  await using other = serve(() => new Response(null, { status: 204 }));
  const flags = [`--allow-net=${granted.url.host}`];
  assert.equal(await ask(["fetch", granted.url.href], { flags }), 204);
  const missing = (host: string) => ({
    code: "PERMISSION_MISSING",
    message: `Cannot reach "${host}": Deno was started without net permission for it`,
    hint: `Start Wharf with --allow-net=${host}`,
  });
  assert.deepEqual(await ask(["fetch", other.url.href], { flags }), missing(other.url.host));
  assert.deepEqual(await ask(["fetch", "https://quay.io/v2/"], { flags }), missing("quay.io"));
  assert.deepEqual(
    await ask(["fetch", "https://quay.io:8443/v2/"], { flags: [] }),
    missing("quay.io:8443"),
  );
  assert.equal(other.requests.length, 0);
});

Deno.test("fetch() works with a name that was granted, with and without its port", async () => {
  await using server = serve(() => new Response(null, { status: 204 }));
  const { port } = server.url;
  const url = `http://localhost:${port}/`;
  assert.equal(await ask(["fetch", url], { flags: [`--allow-net=localhost:${port}`] }), 204);
  assert.equal(await ask(["fetch", url], { flags: ["--allow-net=localhost"] }), 204);
});

Deno.test("fetch() says that --deny-net refuses the address of a name", async () => {
  await using server = serve(() => new Response(null, { status: 204 }));
  const host = `localhost:${server.url.port}`;
  const flags = ["--allow-net", "--deny-net=127.0.0.0/8"];
  assert.deepEqual(await ask(["fetch", `http://${host}/`], { flags }), {
    code: "ADDRESS_REFUSED",
    message: `Cannot connect to "${host}": its address is one that --deny-net refuses`,
    hint: "Start Wharf without that --deny-net if the address is right",
  });
  assert.equal(server.requests.length, 0);
});

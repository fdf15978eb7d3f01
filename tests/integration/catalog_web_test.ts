/**
 * Reading sources of the web over real sockets. Needs net permission for loopback.
 *
 * @module
 */

import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { type PlacedSource, placeSources } from "../../lib/catalog/places.ts";
import type { Gathered } from "../../lib/catalog/refresh.ts";
import { readWeb } from "../../lib/catalog/web_sources.ts";
import type { Clock } from "../../lib/core/host.ts";
import { systemClock } from "../../lib/host/clock.ts";
import { openNet } from "../../lib/host/net.ts";
import { FakeClock } from "../fake_clock.ts";

type Handler = (request: Request) => Response | Promise<Response>;

interface TestServer extends AsyncDisposable {
  readonly origin: string;
  /** Path, query and `if-none-match` of each request. */
  readonly lines: string[];
}

/** A real server that answers by path. */
function serve(pages: Readonly<Record<string, Handler>>): TestServer {
  const lines: string[] = [];
  const hostname = "127.0.0.1";
  const server = Deno.serve({ hostname, port: 0, onListen() {} }, (request) => {
    const { pathname, search } = new URL(request.url);
    const known = request.headers.get("if-none-match");
    lines.push(`${pathname}${search}${known === null ? "" : ` ${known}`}`);
    const handler = pages[pathname];
    return handler === undefined ? new Response("no such page", { status: 404 }) : handler(request);
  });
  return {
    origin: `http://${hostname}:${server.addr.port}`,
    lines,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

function placed(id: string, location: string): PlacedSource {
  const [source] = placeSources({ none: "none", builtin: "none", [id]: location });
  assert.ok(source !== undefined);
  return source;
}

/** Reads a source with a network of its own. */
async function read(
  source: PlacedSource,
  { previous, clock = systemClock }: {
    readonly previous?: Gathered | undefined;
    readonly clock?: Clock;
  } = {},
): Promise<Gathered | undefined> {
  await using net = openNet({ userAgent: "wharf-test/1", clock });
  return await readWeb(source, {
    deps: { net, clock, random: () => 0 },
    context: { source: source.source.id, refreshed: "2026-01-01T00:00:00Z" },
    options: {
      // The cache keeps JSON.
      ...(previous === undefined ? {} : { previous: JSON.parse(JSON.stringify(previous)) }),
      isFull: false,
      signal: new AbortController().signal,
      progress: () => {},
    },
  });
}

function servers(...names: readonly string[]): string {
  return JSON.stringify({
    servers: names.map((name) => ({
      server: { name: `io.example/${name}`, description: `The ${name}.`, version: "1.0.0" },
    })),
  });
}

function gzipped(text: string | Uint8Array): Response {
  return new Response(new Uint8Array(gzipSync(text)), {
    headers: { "content-type": "application/json", "content-encoding": "gzip" },
  });
}

Deno.test("a document arrives compressed, and is asked about with its entity tag", async () => {
  await using server = serve({
    "/servers.json": ({ headers }) => {
      if (headers.get("if-none-match") === '"1"') return new Response(null, { status: 304 });
      const response = gzipped(servers("a"));
      response.headers.set("etag", '"1"');
      return response;
    },
  });
  const ours = placed("ours", `${server.origin}/servers.json`);
  const first = await read(ours);
  assert.deepEqual(first?.entries.map(({ id }) => id), ["ours/io.example/a"]);
  assert.equal(await read(ours, { previous: first }), undefined);
  assert.deepEqual(server.lines, ["/servers.json", '/servers.json "1"']);
});

Deno.test("a body that grows on decompression is refused at its bound, not at its end", async () => {
  // 256 MiB of spaces in 255 kB; the document may have 32 MiB, a page of an interface 8 MiB.
  const bomb = new Uint8Array(gzipSync(new Uint8Array(256 * 1024 * 1024).fill(32), { level: 9 }));
  assert.ok(bomb.byteLength < 512 * 1024);
  const answer = () => new Response(bomb, { headers: { "content-encoding": "gzip" } });
  await using server = serve({ "/bomb.json": answer, "/v0.1/servers": answer });
  await assert.rejects(read(placed("ours", `${server.origin}/bomb.json`)), {
    code: "TOO_LARGE",
    message: `Cannot read "${server.origin}/bomb.json": it is larger than 33554432 bytes`,
  });
  await assert.rejects(read(placed("ours", `${server.origin}/v0.1`)), { code: "TOO_LARGE" });
});

Deno.test("a redirect to a metadata address is refused, one on the same machine is followed", async () => {
  const to = (location: string) => () => new Response(null, { status: 307, headers: { location } });
  await using server = serve({
    "/inside.json": to("http://169.254.169.254/latest/meta-data/"),
    "/mapped.json": to("http://[::ffff:169.254.169.254]/latest/meta-data/"),
    "/moved.json": to("/servers.json"),
    "/servers.json": () => new Response(servers("a")),
  });
  for (const path of ["/inside.json", "/mapped.json"]) {
    await assert.rejects(read(placed("ours", `${server.origin}${path}`)), {
      code: "ADDRESS_REFUSED",
    });
  }
  const moved = await read(placed("ours", `${server.origin}/moved.json`));
  assert.equal(moved?.entries.length, 1);
});

Deno.test("a body that drips is given up in time", async () => {
  const clock = new FakeClock();
  const dripping = Promise.withResolvers<void>();
  const left = Promise.withResolvers<void>();
  await using server = serve({
    "/servers.json": () =>
      new Response(
        new ReadableStream({
          start(controller) {
            controller.enqueue(new TextEncoder().encode("{"));
            dripping.resolve();
          },
          cancel: () => left.resolve(),
        }),
      ),
  });
  const failing = assert.rejects(read(placed("ours", `${server.origin}/servers.json`), { clock }), {
    code: "TIMEOUT",
  });
  await dripping.promise;
  await clock.advance(60_000);
  await failing;
  await left.promise;
  assert.equal(server.lines.length, 1, "whoever drips is not asked again");
  assert.equal(clock.sleeping, 0);
});

Deno.test("an interface is read by its cursors, and then for changes", async () => {
  await using server = serve({
    "/v0.1/servers": ({ url }) => {
      const { searchParams } = new URL(url);
      if (searchParams.has("updated_since")) return new Response(servers("c"));
      if (searchParams.get("cursor") === "a:b/2") return gzipped(servers("b"));
      const page = { ...JSON.parse(servers("a")), metadata: { nextCursor: "a:b/2" } };
      return Response.json(page);
    },
  });
  const official = placed("official", server.origin);
  const first = await read(official);
  assert.deepEqual(first?.entries.map(({ name }) => name), ["a", "b"]);
  const second = await read(official, { previous: first });
  assert.deepEqual(second?.entries.map(({ name }) => name), ["a", "b", "c"]);
  assert.equal(server.lines.length, 3);
});

const html = (body: string) => `<html><body><main>${body}</main></body></html>`;
const card = (slug: string) =>
  `<a href="/servers/${slug}"><div class="tracking-tight">${slug}</div>` +
  `<div class="line-clamp-3">Does it.</div></a>`;

/** A page with an entity tag. */
function tagged(text: string): Handler {
  return ({ headers }) =>
    headers.get("if-none-match") === '"1"'
      ? new Response(null, { status: 304 })
      : new Response(text, { headers: { etag: '"1"' } });
}

Deno.test("a site is crawled as its robots.txt allows, and asked about what changed", async () => {
  let origin = "";
  let changed = "2026-01-01";
  await using server = serve({
    "/robots.txt": () => new Response("User-agent: *\nDisallow: /servers/secret\n"),
    "/sitemap.xml": () =>
      new Response(
        `<urlset>${
          ["acme/a", "secret/b"].map((slug) =>
            `<url><loc>${origin}/servers/${slug}</loc><lastmod>${changed}</lastmod></url>`
          ).join("")
        }</urlset>`,
      ),
    "/official": tagged(html("")),
    "/remote-mcp-servers": tagged(html("")),
    "/all": tagged(html(card("acme/a"))),
    "/servers/acme/a": tagged(
      html(`<h1>A</h1><p>Does it.</p><a href="https://github.com/acme/a">Git</a>`),
    ),
  });
  origin = server.origin;
  const clock = new FakeClock();
  const site = placed("mcpservers", origin);
  const first = await read(site, { clock });
  const ids = first?.entries.map(({ id, repoUrl }) => [id, repoUrl]);
  assert.deepEqual(ids, [
    ["mcpservers/acme/a", "https://github.com/acme/a"],
    ["mcpservers/secret/b", undefined],
  ]);
  assert.equal(server.lines[0], "/robots.txt");
  assert.ok(!server.lines.some((line) => line.includes("secret")));
  server.lines.length = 0;
  changed = "2026-02-02";
  await clock.advance(24 * 3_600_000);
  const second = await read(site, { clock, previous: first });
  assert.deepEqual(server.lines.toSorted(), [
    '/all?sort=name "1"',
    '/official "1"',
    '/remote-mcp-servers "1"',
    "/robots.txt",
    '/servers/acme/a "1"',
    "/sitemap.xml",
  ]);
  assert.equal(second?.entries[0]?.repoUrl, "https://github.com/acme/a");
  assert.equal(clock.sleeping, 0);
});

/**
 * Reading the web over scripted hosts: interfaces, documents, sites, and what they do wrong. Needs
 * no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type PlacedSource, placeSources } from "../../lib/catalog/places.ts";
import type { Gathered, RefreshNote } from "../../lib/catalog/refresh.ts";
import { WebClient } from "../../lib/catalog/web.ts";
import { readWeb } from "../../lib/catalog/web_sources.ts";
import { type AddressKind, addressKind } from "../../lib/core/address.ts";
import { AppError, type ErrorCode } from "../../lib/core/errors.ts";
import { boundedResponse, type HttpRequest, type Net } from "../../lib/core/http.ts";
import { FakeClock, settle } from "../fake_clock.ts";

type Handler = (request: HttpRequest, count: number) => Response;

/** A network of handlers by address; an address that none is for fails the test. */
function makeWeb(handlers: Record<string, Handler>, peer: AddressKind = "public") {
  const clock = new FakeClock();
  const requests: HttpRequest[] = [];
  const counts = new Map<string, number>();
  const net: Net = {
    fetch(request) {
      const { href } = request.url;
      requests.push(request);
      const kind = addressKind(request.url.hostname.replace(/^\[|\]$/g, ""));
      if (request.origin === "derived" && (kind === "private" || kind === "loopback")) {
        return Promise.reject(new AppError("ADDRESS_REFUSED", `Cannot reach "${href}"`));
      }
      const handler = handlers[href] ?? handlers[`${request.url.origin}${request.url.pathname}`];
      assert.ok(handler, `unmatched request: ${href}`);
      const count = (counts.get(href) ?? 0) + 1;
      counts.set(href, count);
      return Promise.resolve(boundedResponse(handler(request, count), { peer }));
    },
  };
  return { clock, net, requests, deps: { net, clock, random: () => 0 } };
}

const GET = { accept: "text/plain", maxBytes: 1000 };

async function codeOf(work: Promise<unknown>): Promise<ErrorCode | "fine"> {
  try {
    await work;
    return "fine";
  } catch (thrown) {
    assert.ok(thrown instanceof AppError, String(thrown));
    return thrown.code;
  }
}

Deno.test("WebClient.get() gives a document with its validators, and nothing when it has not changed", async () => {
  const { deps, requests } = makeWeb({
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
  const to = (location: string) => () => new Response(null, { status: 302, headers: { location } });
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
  const { deps, requests } = makeWeb(handlers);
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
  const local = makeWeb(handlers, "loopback");
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
    const { deps } = makeWeb({
      "https://a.example/x": () => new Response("no", { status: Number(status) }),
    });
    const get = new WebClient(deps).get(new URL("https://a.example/x"), GET);
    assert.equal(await codeOf(get), code, status);
  }
  const { deps } = makeWeb({ "https://a.example/x": () => new Response("x".repeat(1001)) });
  const get = new WebClient(deps).get(new URL("https://a.example/x"), GET);
  await assert.rejects(get, (error) =>
    error instanceof AppError && error.code === "TOO_LARGE" &&
    error.message === 'Cannot read "https://a.example/x": it is larger than 1000 bytes');
});

Deno.test("WebClient.get() waits as it is told, tries three times, and not for longer than it makes sense", async () => {
  const busy = makeWeb({
    "https://a.example/x": (_, count) =>
      count < 3
        ? new Response("busy", { status: 503, headers: { "retry-after": "2" } })
        : new Response("done"),
  });
  const work = new WebClient(busy.deps).get(new URL("https://a.example/x"), GET);
  await busy.clock.advance(4000);
  assert.equal(new TextDecoder().decode((await work)?.bytes), "done");
  const down = makeWeb({ "https://a.example/x": () => new Response("no", { status: 500 }) });
  const failing = codeOf(new WebClient(down.deps).get(new URL("https://a.example/x"), GET));
  await down.clock.advance(10_000);
  assert.equal(await failing, "UNAVAILABLE");
  assert.equal(down.requests.length, 3);
  const later = makeWeb({
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

/** Reads one source of a web of handlers. */
async function read(
  web: ReturnType<typeof makeWeb>,
  placed: PlacedSource,
  options: { readonly previous?: Gathered | undefined; readonly isFull?: boolean } = {},
): Promise<
  {
    readonly gathered: Gathered | undefined;
    readonly notes: readonly Omit<RefreshNote, "source">[];
  }
> {
  const notes: Omit<RefreshNote, "source">[] = [];
  const { previous, isFull = false } = options;
  const gathered = await readWeb(placed, {
    deps: web.deps,
    context: { source: placed.source.id, refreshed: "2026-01-01T00:00:00Z" },
    options: {
      ...(previous === undefined ? {} : { previous }),
      isFull,
      signal: new AbortController().signal,
      progress: (note) => notes.push(note),
    },
  });
  return { gathered, notes };
}

function placed(settings: Record<string, string>): PlacedSource {
  const [source] = placeSources({ none: "none", builtin: "none", ...settings });
  assert.ok(source !== undefined);
  return source;
}

const server = (name: string, status = "active") => ({
  server: { name: `io.example/${name}`, description: `The ${name}.`, version: "1.0.0" },
  _meta: {
    "io.modelcontextprotocol.registry/official": {
      status,
      isLatest: true,
      updatedAt: "2026-01-01T00:00:00Z",
    },
  },
});

const OFFICIAL = placed({ official: "https://registry.example/v0.1" });
const SERVERS = "https://registry.example/v0.1/servers";

/** A registry's interface over a list that a test may change. */
function registry(state: { pages: unknown[][] }): Record<string, Handler> {
  return {
    [SERVERS]: ({ url }) => {
      const at = Number(url.searchParams.get("cursor") ?? 0);
      const next = at + 1 < state.pages.length ? { nextCursor: String(at + 1) } : {};
      return Response.json({ servers: state.pages[at] ?? [], metadata: next });
    },
  };
}

Deno.test("an interface is read to its last page, and then for changes only", async () => {
  const state = { pages: [[server("a"), server("b")], [server("c")]] };
  const web = makeWeb(registry(state));
  const first = await read(web, OFFICIAL);
  assert.deepEqual(first.gathered?.entries.map(({ name }) => name), ["a", "b", "c"]);
  assert.equal(first.notes.length, 2);
  await web.clock.advance(86_400_000);
  state.pages = [[server("b", "deleted"), server("d")]];
  web.requests.length = 0;
  const second = await read(web, OFFICIAL, { previous: first.gathered });
  assert.deepEqual(second.gathered?.entries.map(({ name }) => name).toSorted(), ["a", "c", "d"]);
  assert.equal(web.requests[0]?.url.searchParams.get("updated_since"), "2025-12-31T23:00:00.000Z");
  // After a week, and when somebody insists, all is read.
  await web.clock.advance(7 * 86_400_000);
  web.requests.length = 0;
  const third = await read(web, OFFICIAL, { previous: second.gathered });
  assert.equal(web.requests[0]?.url.searchParams.has("updated_since"), false);
  assert.equal(third.gathered?.entries.length, 1);
  web.requests.length = 0;
  await read(web, OFFICIAL, { previous: third.gathered, isFull: true });
  assert.equal(web.requests[0]?.url.searchParams.has("updated_since"), false);
});

Deno.test("an interface whose pages never end is refused", async () => {
  const looping = makeWeb({
    [SERVERS]: () => Response.json({ servers: [server("a")], metadata: { nextCursor: "same" } }),
  });
  await assert.rejects(
    () => read(looping, OFFICIAL),
    (error) =>
      error instanceof AppError && error.code === "BAD_RESPONSE" &&
      /its pages never end/.test(error.message),
  );
  assert.equal(looping.requests.length, 2);
});

Deno.test("an interface that answers with something else is refused, and what was read stays", async () => {
  const answers: Record<string, Response> = {
    html: new Response("<html>Sign in</html>", { headers: { "content-type": "text/html" } }),
    deep: new Response("[".repeat(100_000)),
    list: Response.json([]),
    huge: new Response(new Uint8Array(80 * 1024 * 1024)),
  };
  for (const [name, answer] of Object.entries(answers)) {
    const web = makeWeb({ [SERVERS]: () => answer });
    const code = await codeOf(read(web, OFFICIAL));
    assert.ok(code === "BAD_RESPONSE" || code === "TOO_LARGE", `${name}: ${code}`);
  }
});

Deno.test("a document is read when it has changed", async () => {
  const ours = placed({ ours: "https://ours.example/servers.json" });
  const web = makeWeb({
    "https://ours.example/servers.json": ({ headers }) =>
      headers?.["if-none-match"] === '"1"'
        ? new Response(null, { status: 304 })
        : Response.json({ servers: [server("a")] }, { headers: { etag: '"1"' } }),
  });
  const { gathered } = await read(web, ours);
  assert.deepEqual(gathered?.entries.map(({ id }) => id), ["ours/io.example/a"]);
  assert.equal((await read(web, ours, { previous: gathered })).gathered, undefined);
  assert.equal(
    (await read(web, ours, { previous: gathered, isFull: true })).gathered?.entries.length,
    1,
  );
});

const SITE = "https://mcpservers.example";
const SITE_SOURCE = placed({ mcpservers: SITE });

const card = (slug: string) =>
  `<a class="block" href="/servers/${slug}"><div class="tracking-tight text-lg font-semibold">${slug}</div>` +
  `<div class="line-clamp-3">Does ${slug}.</div></a>`;
const html = (body: string) =>
  new Response(`<html><body><main>${body}</main></body></html>`, {
    headers: { "content-type": "text/html" },
  });
const sitemap = (slugs: Readonly<Record<string, string>>) =>
  new Response(
    `<urlset>${
      Object.entries(slugs).map(([slug, changed]) =>
        `<url><loc>${SITE}/servers/${slug}</loc><lastmod>${changed}</lastmod></url>`
      ).join("")
    }</urlset>`,
  );

/** A small site; `overrides` replace or add pages. */
function site(slugs: Readonly<Record<string, string>>, overrides: Record<string, Handler> = {}) {
  const details = Object.fromEntries(
    Object.keys(slugs).map((slug) => [
      `${SITE}/servers/${slug}`,
      () =>
        html(
          `<h1>${slug}</h1><p>Does ${slug}.</p><a href="https://github.com/acme/${slug}">GitHub</a>`,
        ),
    ]),
  );
  return makeWeb({
    [`${SITE}/robots.txt`]: () => new Response("User-agent: *\nDisallow: /private\n"),
    [`${SITE}/sitemap.xml`]: () => sitemap(slugs),
    [`${SITE}/official`]: () => html(card("acme/a")),
    [`${SITE}/remote-mcp-servers`]: () => html(""),
    [`${SITE}/all`]: () => html(Object.keys(slugs).map(card).join("")),
    ...details,
    ...overrides,
  });
}

function pathsOf({ requests }: ReturnType<typeof makeWeb>): readonly string[] {
  return requests.map(({ url }) => url.pathname);
}

Deno.test("a site is crawled: robots.txt, lists, then details; the next time only what is new", async () => {
  const slugs = { "acme/a": "2026-01-01", "acme/b": "2026-01-01" };
  const web = site(slugs);
  const { gathered, notes } = await read(web, SITE_SOURCE);
  assert.equal(pathsOf(web)[0], "/robots.txt");
  assert.deepEqual(gathered?.entries.map(({ id }) => id).toSorted(), [
    "mcpservers/acme/a",
    "mcpservers/acme/b",
  ]);
  assert.equal(gathered?.isPartial, false);
  assert.equal(gathered?.entries.find(({ id }) => id === "mcpservers/acme/a")?.official, true);
  assert.ok(
    gathered?.entries.every(({ repoUrl }) => repoUrl?.startsWith("https://github.com/acme/")),
  );
  assert.ok(notes.length > 0);
  const later = site({ ...slugs, "acme/b": "2026-02-02", "acme/c": "2026-02-02" });
  await later.clock.advance(86_400_000);
  const second = await read(later, SITE_SOURCE, { previous: gathered });
  assert.deepEqual(pathsOf(later).filter((path) => path.startsWith("/servers/")).toSorted(), [
    "/servers/acme/b",
    "/servers/acme/c",
  ]);
  assert.equal(second.gathered?.entries.length, 3);
});

Deno.test("a site's robots.txt is obeyed", async () => {
  const closed = site({}, {
    [`${SITE}/robots.txt`]: () => new Response("User-agent: wharf\nDisallow: /\n"),
  });
  assert.equal(await codeOf(read(closed, SITE_SOURCE)), "FORBIDDEN");
  assert.equal(closed.requests.length, 1);
  const partly = site({ "acme/a": "2026-01-01" }, {
    [`${SITE}/robots.txt`]: () => new Response("User-agent: *\nDisallow: /servers/\n"),
  });
  const { gathered } = await read(partly, SITE_SOURCE);
  assert.equal(gathered?.entries.length, 1);
  assert.ok(pathsOf(partly).every((path) => !path.startsWith("/servers/")));
  const missing = site({ "acme/a": "2026-01-01" }, {
    [`${SITE}/robots.txt`]: () => new Response("no", { status: 404 }),
  });
  assert.equal((await read(missing, SITE_SOURCE)).gathered?.entries.length, 1);
  const broken = site({}, {
    [`${SITE}/robots.txt`]: () => new Response("no", { status: 500 }),
  });
  const failing = codeOf(read(broken, SITE_SOURCE));
  await broken.clock.advance(10_000);
  assert.equal(await failing, "UNAVAILABLE");
});

Deno.test("a site that asks for a delay between requests gets it", async () => {
  const web = site({ "acme/a": "2026-01-01" }, {
    [`${SITE}/robots.txt`]: () => new Response("User-agent: *\nCrawl-delay: 2\n"),
  });
  const work = read(web, SITE_SOURCE);
  await settle();
  // robots.txt and the first page.
  assert.equal(web.requests.length, 2);
  await web.clock.advance(2000);
  assert.equal(web.requests.length, 3);
  await web.clock.advance(60_000);
  assert.equal((await work).gathered?.entries.length, 1);
});

Deno.test("a crawl stops after a bounded number of pages, and goes on the next time", async () => {
  const slugs = Object.fromEntries(
    Array.from({ length: 350 }, (_, number) => [`acme/s${number}`, "2026-01-01"]),
  );
  const web = site(slugs, { [`${SITE}/official`]: () => html("") });
  const first = await read(web, SITE_SOURCE);
  assert.equal(first.gathered?.isPartial, true);
  assert.equal(web.requests.length, 301);
  assert.equal(first.gathered?.entries.length, 350, "the lists name all");
  web.requests.length = 0;
  await web.clock.advance(15 * 60_000);
  const second = await read(web, SITE_SOURCE, { previous: first.gathered });
  assert.equal(second.gathered?.isPartial, false);
  // robots.txt, and the details that were left; the lists are fresh.
  assert.equal(web.requests.length, 1 + 350 - (300 - 4));
});

Deno.test("a crawl leaves a site that does not want it, and costs a bad page only itself", async () => {
  const slugs = { "acme/a": "2026-01-01", "acme/b": "2026-01-01", "acme/c": "2026-01-01" };
  const unwelcome = site(slugs, {
    [`${SITE}/all`]: () => new Response("no", { status: 403 }),
  });
  const left = await read(unwelcome, SITE_SOURCE);
  assert.equal(left.gathered?.isPartial, true);
  assert.ok(pathsOf(unwelcome).every((path) => !path.startsWith("/servers/")));
  assert.match(left.gathered?.problems[0]?.reason ?? "", /does not let Wharf read it/);
  const bad = site(slugs, {
    [`${SITE}/servers/acme/a`]: () => new Response("gone", { status: 404 }),
    [`${SITE}/servers/acme/b`]: () => new Response("x".repeat(7 * 1024 * 1024)),
  });
  const rest = await read(bad, SITE_SOURCE);
  assert.equal(rest.gathered?.entries.length, 3);
  assert.deepEqual(rest.gathered?.problems.map(({ where }) => where), [`${SITE}/servers/acme/b`]);
});

Deno.test("a crawl never leaves its site", async () => {
  const web = site({ "acme/a": "2026-01-01" }, {
    [`${SITE}/sitemap.xml`]: () =>
      new Response(
        `<urlset><url><loc>https://victim.example/servers/x</loc></url><url><loc>http://10.0.0.1/servers/y</loc></url></urlset>`,
      ),
  });
  await read(web, SITE_SOURCE);
  assert.ok(web.requests.every(({ url }) => url.origin === SITE));
});

Deno.test("a site that is down gives its error, or what is known of it", async () => {
  const down = makeWeb({
    [`${SITE}/robots.txt`]: () => new Response("User-agent: *\n"),
    ...Object.fromEntries(
      ["/sitemap.xml", "/official", "/remote-mcp-servers", "/all"].map((path) => [
        `${SITE}${path}`,
        () => new Response("down", { status: 500 }),
      ]),
    ),
  });
  const failing = codeOf(read(down, SITE_SOURCE));
  await down.clock.advance(60_000);
  assert.equal(await failing, "UNAVAILABLE");
  const { gathered } = await read(site({ "acme/a": "2026-01-01" }), SITE_SOURCE);
  await down.clock.advance(86_400_000);
  const kept = read(down, SITE_SOURCE, { previous: gathered });
  await down.clock.advance(60_000);
  assert.equal((await kept).gathered?.entries.length, 1);
});

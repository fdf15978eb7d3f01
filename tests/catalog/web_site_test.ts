/**
 * Crawling sites over scripted hosts. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { AppError } from "../../lib/core/errors.ts";
import { settle } from "../fake_clock.ts";
import {
  card,
  codeOf,
  detail,
  type Handler,
  html,
  read,
  SITE,
  site,
  SITE_SOURCE,
  to,
} from "./web_world.ts";

Deno.test("a site is crawled: robots.txt, lists, then details; the next time only what is new", async () => {
  const slugs = { "acme/a": "2026-01-01", "acme/b": "2026-01-01" };
  const web = site(slugs);
  const { gathered, notes } = await read(web, SITE_SOURCE);
  assert.equal(web.paths[0], "/robots.txt");
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
  assert.deepEqual(later.paths.filter((path) => path.startsWith("/servers/")).toSorted(), [
    "/servers/acme/b",
    "/servers/acme/c",
  ]);
  assert.equal(second.gathered?.entries.length, 3);
});

Deno.test("a site's robots.txt is obeyed", async () => {
  const closed = site({}, {
    "/robots.txt": () => new Response("User-agent: wharf\nDisallow: /\n"),
  });
  assert.equal(await codeOf(read(closed, SITE_SOURCE)), "FORBIDDEN");
  assert.equal(closed.requests.length, 1);
  const partly = site({ "acme/a": "2026-01-01" }, {
    "/robots.txt": () => new Response("User-agent: *\nDisallow: /servers/\n"),
  });
  const { gathered } = await read(partly, SITE_SOURCE);
  assert.equal(gathered?.entries.length, 1);
  assert.ok(partly.paths.every((path) => !path.startsWith("/servers/")));
  const missing = site({ "acme/a": "2026-01-01" }, {
    "/robots.txt": () => new Response("no", { status: 404 }),
  });
  assert.equal((await read(missing, SITE_SOURCE)).gathered?.entries.length, 1);
  const broken = site({}, {
    "/robots.txt": () => new Response("no", { status: 500 }),
  });
  const failing = codeOf(read(broken, SITE_SOURCE));
  await broken.clock.advance(10_000);
  assert.equal(await failing, "UNAVAILABLE");
});

Deno.test("a site that asks for a delay between requests gets it", async () => {
  const web = site({ "acme/a": "2026-01-01" }, {
    "/robots.txt": () => new Response("User-agent: *\nCrawl-delay: 2\n"),
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
  const web = site(slugs, { "/official": () => html("") });
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
    "/all": () => new Response("no", { status: 403 }),
  });
  const left = await read(unwelcome, SITE_SOURCE);
  assert.equal(left.gathered?.isPartial, true);
  assert.ok(unwelcome.paths.every((path) => !path.startsWith("/servers/")));
  assert.match(left.gathered?.problems[0]?.reason ?? "", /does not let Wharf read it/);
  const bad = site(slugs, {
    "/servers/acme/a": () => new Response("gone", { status: 404 }),
    "/servers/acme/b": () => new Response("x".repeat(7 * 1024 * 1024)),
  });
  const rest = await read(bad, SITE_SOURCE);
  assert.equal(rest.gathered?.entries.length, 3);
  assert.deepEqual(rest.gathered?.problems.map(({ where }) => where), [`${SITE}/servers/acme/b`]);
});

Deno.test("a crawl never leaves its site", async () => {
  const web = site({ "acme/a": "2026-01-01" }, {
    "/sitemap.xml": () =>
      new Response(
        `<urlset><url><loc>https://victim.example/servers/x</loc></url><url><loc>http://10.0.0.1/servers/y</loc></url></urlset>`,
      ),
  });
  await read(web, SITE_SOURCE);
  assert.ok(web.requests.every(({ url }) => url.origin === SITE));
});

Deno.test("a site that is down is an error, so that what is kept of it stays as it is", async () => {
  const { gathered } = await read(site({ "acme/a": "2026-01-01" }), SITE_SOURCE);
  const failing = () => new Response("down", { status: 500 });
  const lists = ["/sitemap.xml", "/official", "/remote-mcp-servers", "/all"];
  const down = site({}, Object.fromEntries(lists.map((path) => [path, failing])));
  for (const previous of [undefined, gathered]) {
    const code = codeOf(read(down, SITE_SOURCE, { previous }));
    await down.clock.advance(86_400_000);
    assert.equal(await code, "UNAVAILABLE");
  }
});

Deno.test("a site whose pages list no server is an error: it asks for a sign of life, or has a new form", async () => {
  const web = site({}, {
    "/sitemap.xml": () => html("Checking your browser"),
    "/official": () => html("Checking your browser"),
    "/all": () => html("Checking your browser"),
  });
  await assert.rejects(
    read(web, SITE_SOURCE),
    (error) =>
      error instanceof AppError && error.code === "BAD_RESPONSE" &&
      error.message === `Cannot read "${SITE}/": no page of it lists a server`,
  );
});

Deno.test("a crawl follows no redirect off the site, or to what robots.txt closes", async () => {
  const slugs = { "acme/a": "2026-01-01", "acme/b": "2026-01-01", "acme/c": "2026-01-01" };
  const web = site(slugs, {
    "/servers/acme/a": to("https://victim.example/servers/a"),
    "/servers/acme/b": to("/private/b"),
    "/servers/acme/c": to("/servers/acme/moved"),
    "/servers/acme/moved": () => detail("acme/c"),
  });
  const { gathered } = await read(web, SITE_SOURCE);
  assert.deepEqual(
    gathered?.problems.map(({ reason }) => reason.replace(/^.*: it/, "it")).toSorted(),
    ["it redirects to https://mcpservers.example", "it redirects to https://victim.example"],
  );
  const repositories = gathered?.entries.map(({ id, repoUrl }) => [id, repoUrl]);
  assert.deepEqual(repositories, [
    ["mcpservers/acme/a", undefined],
    ["mcpservers/acme/b", undefined],
    ["mcpservers/acme/c", "https://github.com/acme/c"],
  ]);
});

Deno.test("a crawl asks for four pages at once, and no more", async () => {
  const slugs = Object.fromEntries(
    Array.from({ length: 12 }, (_, number) => [`acme/s${number}`, "2026-01-01"]),
  );
  const slow = async (slug: string) => {
    await settle();
    return detail(slug);
  };
  const web = site(slugs, {
    "/official": () => html(""),
    ...Object.fromEntries(
      Object.keys(slugs).map((slug) => [`/servers/${slug}`, () => slow(slug)]),
    ),
  });
  await read(web, SITE_SOURCE);
  assert.equal(web.mostAtOnce, 4);
});

Deno.test("pages that have not changed are asked about, and cost no body", async () => {
  const conditional: Handler = ({ headers }) =>
    headers?.["if-none-match"] === '"1"' && headers["if-modified-since"] === "then"
      ? new Response(null, { status: 304 })
      : html(card("acme/a"), { "etag": '"1"', "last-modified": "then" });
  const web = site({ "acme/a": "2026-01-01" }, { "/all": conditional });
  const first = await read(web, SITE_SOURCE);
  await web.clock.advance(24 * 3_600_000);
  web.requests.length = 0;
  const second = await read(web, SITE_SOURCE, { previous: first.gathered });
  assert.equal(
    web.requests.find(({ url }) => url.pathname === "/all")?.headers?.["if-none-match"],
    '"1"',
  );
  assert.deepEqual(second.gathered?.entries.map(({ id }) => id), ["mcpservers/acme/a"]);
  assert.ok(web.paths.every((path) => !path.startsWith("/servers/")));
  // Whoever insists gets all anew.
  web.requests.length = 0;
  await read(web, SITE_SOURCE, { previous: second.gathered, isFull: true });
  assert.ok(web.requests.every(({ headers }) => headers?.["if-none-match"] === undefined));
  assert.ok(web.paths.includes("/servers/acme/a"));
});

Deno.test("what no list names any more is gone, but not because a list could not be read", async () => {
  const { gathered } = await read(
    site({ "acme/a": "2026-01-01", "acme/b": "2026-01-01" }),
    SITE_SOURCE,
  );
  const broken = site({ "acme/a": "2026-01-01" }, {
    "/sitemap.xml": () => new Response("no", { status: 502 }),
    "/all": () => html(card("acme/a")),
  });
  await broken.clock.advance(24 * 3_600_000);
  const work = read(broken, SITE_SOURCE, { previous: gathered });
  await broken.clock.advance(60_000);
  const partial = (await work).gathered;
  assert.equal(partial?.isPartial, true);
  assert.equal(partial?.entries.length, 2);
  const whole = site({ "acme/a": "2026-01-01" });
  await whole.clock.advance(48 * 3_600_000);
  const last = (await read(whole, SITE_SOURCE, { previous: partial })).gathered;
  assert.deepEqual(last?.entries.map(({ id }) => id), ["mcpservers/acme/a"]);
  assert.equal(last?.isPartial, false);
});

Deno.test("a page that fails each time ends no crawl before the others were read", async () => {
  const failing = Array.from({ length: 10 }, (_, number) => `bad/s${number}`);
  const slugs = Object.fromEntries([...failing, "acme/a"].map((slug) => [slug, "2026-01-01"]));
  const hangUp = () => {
    throw new AppError("TIMEOUT", "Cannot get an answer", { retryable: true });
  };
  const web = site(slugs, {
    "/official": () => html(""),
    ...Object.fromEntries(failing.map((slug) => [`/servers/${slug}`, hangUp])),
  });
  const first = await read(web, SITE_SOURCE);
  assert.equal(first.gathered?.isPartial, true);
  assert.equal(first.gathered?.entries.length, 11, "the lists name all");
  assert.ok(!web.paths.includes("/servers/acme/a"), "eight failures in a row end a crawl");
  web.requests.length = 0;
  await web.clock.advance(900_000);
  const second = await read(web, SITE_SOURCE, { previous: first.gathered });
  assert.ok(web.paths.includes("/servers/acme/a"));
  assert.deepEqual(
    second.gathered?.entries.filter(({ repoUrl }) => repoUrl !== undefined).map(({ id }) => id),
    ["mcpservers/acme/a"],
  );
});

Deno.test("a page that is gone or cannot be read is left alone until it changes", async () => {
  const overrides: Record<string, Handler> = {
    "/servers/acme/a": () => new Response("gone", { status: 404 }),
    "/servers/acme/b": () => new Response("no page at all"),
  };
  const web = site({ "acme/a": "2026-01-01", "acme/b": "2026-01-01" }, overrides);
  const first = await read(web, SITE_SOURCE);
  assert.equal(first.gathered?.isPartial, false);
  assert.deepEqual(first.gathered?.problems.map(({ where }) => where), [`${SITE}/servers/acme/b`]);
  web.requests.length = 0;
  await web.clock.advance(24 * 3_600_000);
  const second = await read(web, SITE_SOURCE, { previous: first.gathered });
  assert.ok(web.paths.every((path) => !path.startsWith("/servers/")));
  assert.equal(second.gathered?.entries.length, 2);
  const changed = site({ "acme/a": "2026-02-02", "acme/b": "2026-02-02" });
  await changed.clock.advance(48 * 3_600_000);
  const third = await read(changed, SITE_SOURCE, { previous: second.gathered });
  assert.ok(third.gathered?.entries.every(({ repoUrl }) => repoUrl !== undefined));
});

Deno.test("a page that turned bad keeps what it said when it was good", async () => {
  const { gathered } = await read(site({ "acme/a": "2026-01-01" }), SITE_SOURCE);
  const bad = site({ "acme/a": "2026-02-02" }, {
    "/servers/acme/a": () => new Response("no page at all"),
  });
  await bad.clock.advance(24 * 3_600_000);
  const second = await read(bad, SITE_SOURCE, { previous: gathered });
  assert.equal(second.gathered?.entries[0]?.repoUrl, "https://github.com/acme/a");
  assert.equal(second.gathered?.problems.length, 1);
});

Deno.test("a crawl stops when it is told to, with nothing under way", async () => {
  const caller = new AbortController();
  const web = site({ "acme/a": "2026-01-01" }, {
    "/all": () => {
      caller.abort();
      return html(card("acme/a"));
    },
  });
  assert.equal(await codeOf(read(web, SITE_SOURCE, { signal: caller.signal })), "CANCELLED");
  const count = web.requests.length;
  await settle();
  assert.equal(web.requests.length, count);
});

Deno.test("a site that makes pages up for ever is read as far as a crawl goes", async () => {
  const endless: Handler = ({ url }) => {
    const level = Number(/(\d+)\.xml$/.exec(url.pathname)?.[1] ?? 0);
    const next = `${SITE}/servers/${level + 1}.xml`;
    return new Response(`<sitemapindex><sitemap><loc>${next}</loc></sitemap></sitemapindex>`);
  };
  const maps = Array.from({ length: 20 }, (_, level) => `/servers/${level}.xml`);
  const web = site({ "acme/a": "2026-01-01" }, {
    "/sitemap.xml": endless,
    ...Object.fromEntries(maps.map((path) => [path, endless])),
  });
  const { gathered } = await read(web, SITE_SOURCE);
  assert.equal(web.paths.filter((path) => path.endsWith(".xml")).length, 8);
  assert.equal(gathered?.entries.length, 1);
});

Deno.test("a crawl begins anew where what was kept has another form", async () => {
  for (const state of ["x", { pages: [] }, { pages: { "https://a.example/": { kind: "odd" } } }]) {
    const web = site({ "acme/a": "2026-01-01" });
    const previous = { entries: [], problems: [], skipped: 0, state };
    const { gathered } = await read(web, SITE_SOURCE, { previous });
    assert.equal(gathered?.entries.length, 1);
    assert.ok(web.paths.includes("/servers/acme/a"));
  }
});

import assert from "node:assert/strict";
import { AppError } from "../../../lib/core/errors.ts";
import { joinRecords, mcpserversSource } from "../../../lib/catalog/sources/mcpservers.ts";
import {
  memoryTree,
  type SitePage,
  type SitePageRead,
  type SiteSource,
} from "../../../lib/catalog/source.ts";
import { bytesOf } from "../make.ts";

const source: SiteSource = mcpserversSource;
const reader = await source.open();
const context = { source: "mcpservers", refreshed: "2026-01-02T03:04:05Z" };

function read(path: string, html: string, kind: SitePage["kind"], changed?: string): SitePageRead {
  const url = new URL(path, "https://mcpservers.org");
  const page: SitePage = { url, kind, ...(changed === undefined ? {} : { changed }) };
  return reader.readPage(bytesOf(html), page);
}

/** A card as the site writes it in 2026. */
function card(slug: string, name: string, text: string, sponsor = false): string {
  return `<a href="/servers/${slug}" class="block"><div class="rounded-lg border">
    <div><div class="tracking-tight text-lg font-semibold">${name}</div>${
    sponsor ? '<span class="badge">sponsor</span>' : ""
  }</div>
    <div class="text-sm text-gray-600 leading-relaxed line-clamp-3">${text}</div></div></a>`;
}

function listing(cards: readonly string[], rest = ""): string {
  return `<html><body><header><a href="/servers/not/this">x</a></header><main>
    <h1>All MCP Servers</h1><div class="text-sm text-gray-600">Showing 1-30 of 8,173 servers</div>
    ${cards.join("\n")}${rest}</main></body></html>`;
}

Deno.test("startPages() names the sitemap and the listings", () => {
  const pages = source.startPages(new URL("https://mirror.example"));
  assert.deepEqual(pages.map(({ url, kind }) => [url.href, kind]), [
    ["https://mirror.example/sitemap.xml", "sitemap"],
    ["https://mirror.example/official", "list"],
    ["https://mirror.example/remote-mcp-servers", "list"],
    ["https://mirror.example/all?sort=name", "list"],
  ]);
});

Deno.test("a listing gives its cards, its further pages and its categories", () => {
  const { records, pages } = read(
    "/all?sort=name",
    listing(
      [card("Acme/data_mcp", "Data &amp; more", "Queries data."), card("plain-slug", "Plain", "")],
      `<nav><a href="/category/search">Search</a><a href="/category/web-scraping">W</a></nav>
       <nav><a href="/all?page=2">2</a><a href="/all?page=3">3</a></nav>
       <a href="/es/servers/Acme/data_mcp">twin</a><a href="/agent-skills">skills</a>
       <a href="https://mcpservers.org/servers/full/link?ref=x">Full link</a>
       <a href="/servers/with/query?from=all#top">Query</a>
       <a href="https://elsewhere.example/servers/no">no</a>`,
    ),
    "list",
  );
  assert.deepEqual(records, [
    { slug: "Acme/data_mcp", name: "Data & more", description: "Queries data." },
    { slug: "plain-slug", name: "Plain" },
    { slug: "full/link", name: "Full link" },
    { slug: "with/query", name: "Query" },
  ]);
  const lists = pages.filter(({ kind }) => kind === "list").map(({ url }) =>
    url.pathname + url.search
  );
  // 8,173 servers on pages of 30.
  assert.equal(lists.length, 272 + 2);
  assert.equal(lists[0], "/all?sort=name&page=2");
  assert.deepEqual(lists.slice(-2), ["/category/search", "/category/web-scraping"]);
  assert.deepEqual(
    pages.filter(({ kind }) => kind === "detail").map(({ url }) => url.pathname),
    [
      "/servers/Acme/data_mcp",
      "/servers/plain-slug",
      "/servers/full/link",
      "/servers/with/query",
    ],
  );
});

Deno.test("a further page of a listing leads to no listing again", () => {
  const { pages } = read("/all?page=2", listing([card("a/b", "B", "b")]), "list");
  assert.deepEqual(pages.map(({ kind }) => kind), ["detail"]);
});

Deno.test("a listing marks its servers, but not the sponsors among them", () => {
  const cards = [card("a/b", "B", "b"), card("c/d", "D", "d", true)];
  assert.deepEqual(
    read("/category/web-scraping", listing(cards), "list").records.map(({ slug, categories }) => [
      slug,
      categories,
    ]),
    [["a/b", ["web-scraping"]], ["c/d", undefined]],
  );
  assert.deepEqual(
    read("/official", listing(cards), "list").records.map(({ official }) => official),
    [true, undefined],
  );
  // The same server as a sponsor and of its own right.
  const twice = [card("a/b", "B sponsor", "b", true), card("a/b", "B", "b")];
  assert.deepEqual(read("/official", listing(twice), "list").records, [
    { slug: "a/b", name: "B", description: "b", official: true },
  ]);
});

Deno.test("a sitemap leads to sitemaps of servers, and to their pages with dates", () => {
  const index = `<sitemapindex><sitemap><loc>https://mcpservers.org/servers/1.xml</loc></sitemap>
    <sitemap><loc>https://mcpservers.org/skills.xml</loc></sitemap></sitemapindex>`;
  assert.deepEqual(
    read("/sitemap.xml", index, "sitemap").pages.map(({ url, kind }) => [url.pathname, kind]),
    [
      ["/servers/1.xml", "sitemap"],
    ],
  );
  const urls = ["/servers/a/b", "/es/servers/a/b", "/servers/2.xml", "/category/x"].map((path) =>
    `<url><loc>https://mcpservers.org${path}</loc><lastmod>2026-01-01</lastmod></url>`
  );
  const { records, pages } = read("/servers/1.xml", `<urlset>${urls.join("")}</urlset>`, "sitemap");
  assert.deepEqual(records, [{ slug: "a/b", changed: "2026-01-01" }]);
  assert.deepEqual(pages.map(({ url, changed }) => [url.pathname, changed]), [
    ["/servers/a/b", "2026-01-01"],
  ]);
});

const DETAIL =
  `<html><head><title>x</title></head><body><header><a href="https://github.com/site/header">h</a></header>
<main><h1>Acme Server <span class="badge">official</span></h1><p> </p><p>Does things.</p>
<a href="https://github.com/Acme/server">GitHub</a>
<div class="prose"><h1>README</h1><p>See <a href="https://github.com/other/repo">other</a>.</p>
<pre><code>git clone x
npm install</code></pre>
<pre><code>{"mcpServers": {"acme": {"command": "npx", "args": ["-y", "@acme/server"], "env": {"ACME_KEY": "x"}}}}</code></pre>
<p>or <code>uvx acme</code></p></div>
<h2>Related Servers</h2>${card("spon/sor", "Sponsor", "pays", true)}
<pre>npx -y @related/one</pre><a href="https://github.com/related/one">r</a></main></body></html>`;

Deno.test("a detail page gives its server and nothing of the related ones", () => {
  const { records, pages } = read("/servers/Acme/server", DETAIL, "detail", "2026-01-01");
  assert.deepEqual(pages, []);
  const [record] = records;
  assert.deepEqual([record?.slug, record?.name, record?.description, record?.official], [
    "Acme/server",
    "Acme Server",
    "Does things.",
    true,
  ]);
  assert.equal(record?.detail?.repository, "https://github.com/Acme/server");
  assert.deepEqual(record?.detail?.packages.map(({ identifier }) => identifier), ["@acme/server"]);
  assert.deepEqual([record?.changed, record?.detail?.changed], ["2026-01-01", "2026-01-01"]);
});

Deno.test("a detail page's repository stands above the README, or agrees with the slug", () => {
  const page = (links: string) =>
    read(
      "/servers/acme/tool",
      `<main><h1>Tool</h1><p>x</p><div><h1>README</h1>${links}</div></main>`,
      "detail",
    ).records[0]?.detail?.repository;
  assert.equal(page(`<a href="https://github.com/other/repo">o</a>`), undefined);
  assert.equal(
    page(
      `<a href="https://github.com/other/repo">o</a><a href="https://github.com/Acme/Tool">t</a>`,
    ),
    "https://github.com/Acme/Tool",
  );
  const folder = read(
    "/servers/modelcontextprotocol/time",
    `<main><h1>Time</h1><a href="https://github.com/m/servers/tree/main/src/time">x</a></main>`,
    "detail",
  );
  assert.equal(
    folder.records[0]?.detail?.repository,
    "https://github.com/m/servers/tree/main/src/time",
  );
});

Deno.test("a detail page without a configuration gives its first command that starts something", () => {
  const page = (blocks: string) =>
    read("/servers/a/b", `<main><h1>B</h1><p>b</p>${blocks}</main>`, "detail").records[0]?.detail;
  assert.deepEqual(
    page("<pre>$ pip install acme-b\n$ uvx acme-b --stdio\nnpx other</pre>")?.packages.map((
      { identifier },
    ) => identifier),
    ["acme-b"],
  );
  assert.deepEqual(
    page("<pre>claude mcp add --transport http b https://b.example/mcp</pre>")?.remotes,
    [
      { url: "https://b.example/mcp", type: "streamable-http" },
    ],
  );
  assert.deepEqual(page("<pre>make all</pre>")?.packages, []);
});

Deno.test("a page of a hosted server gives its endpoint", () => {
  const { records } = read(
    "/remote-mcp-servers/acme",
    `<main><h1>Acme</h1><p>Hosted.</p><input value="https://mcpservers.org/x"><code>https://mcp.acme.example/sse</code></main>`,
    "detail",
  );
  assert.equal(records[0]?.slug, "remote-mcp-servers/acme");
  assert.deepEqual(records[0]?.detail?.remotes, [{
    url: "https://mcp.acme.example/sse",
    type: "sse",
  }]);
  const [entry] = source.assemble(records, context).entries;
  assert.equal(entry?.id, "mcpservers/remote-mcp-servers/acme");
  assert.equal(entry?.homepage, "https://mcpservers.org/remote-mcp-servers/acme");
  assert.deepEqual(entry?.launchMethods, ["remote-http"]);
});

Deno.test("joinRecords() adds up listings and lets the detail page speak", () => {
  const detail = { packages: [], remotes: [] };
  const joined = joinRecords([
    { slug: "a/B", name: "Card", description: "cut off …", categories: ["search"] },
    { slug: "a/b", name: "Page", description: "The whole text", detail },
    { slug: "A/b", name: "Card again", categories: ["finance", "search"], official: true },
  ]);
  assert.deepEqual(joined, [{
    slug: "a/B",
    name: "Page",
    description: "The whole text",
    categories: ["search", "finance"],
    official: true,
    detail,
  }]);
});

Deno.test("assemble() makes entries of what pages said", () => {
  const { records } = read("/servers/Acme/server", DETAIL, "detail", "2026-01-01");
  const { entries, problems } = source.assemble(
    [...records, { slug: "Acme/server", categories: ["web-scraping"] }, { slug: "中" }],
    context,
  );
  const [entry] = entries;
  assert.equal(entries.length, 1);
  assert.deepEqual(problems.map(({ where }) => where), ["中"]);
  assert.deepEqual([entry?.id, entry?.title, entry?.official], [
    "mcpservers/Acme/server",
    "Acme Server",
    true,
  ]);
  assert.deepEqual(entry?.categories, ["browser"]);
  assert.equal(entry?.repoUrl, "https://github.com/Acme/server");
  assert.deepEqual(entry?.requiresApiKey, {
    value: true,
    evidence: "its example configuration sets ACME_KEY",
  });
  assert.equal(entry?.sources[0]?.updated, "2026-01-01");
});

Deno.test("readTree() reads a saved copy of the site", async () => {
  const tree = memoryTree({
    "all.html": listing([card("a/b", "B", "b")]),
    "all@page=2.html": listing([card("c/d", "D", "d")]),
    "official/index.html": listing([card("a/b", "B", "b")]),
    "servers/Acme/server/index.html": DETAIL,
    "servers/1.xml": "<urlset><url><loc>https://mcpservers.org/servers/e/f</loc></url></urlset>",
    "es/servers/Acme/server.html": DETAIL,
    "about.html": "<p>x</p>",
    "logo.png": "x",
    "servers/broken.html": "no page",
  });
  const { entries, problems } = await source.readTree(tree, context);
  assert.deepEqual(entries.map(({ id, official }) => [id, official]), [
    ["mcpservers/a/b", true],
    ["mcpservers/c/d", false],
    ["mcpservers/e/f", false],
    ["mcpservers/Acme/server", true],
  ]);
  assert.deepEqual(problems.map(({ where }) => where), ["servers/broken.html"]);
  await assert.rejects(
    source.readTree(memoryTree({ "x.html": "<p>x</p>" }), context),
    (thrown) => thrown instanceof AppError && thrown.code === "BAD_RESPONSE",
  );
});

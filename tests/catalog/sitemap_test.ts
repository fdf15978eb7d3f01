import assert from "node:assert/strict";
import { parseSitemap } from "../../lib/catalog/sitemap.ts";

const base = new URL("https://site.example/sitemap.xml");

Deno.test("parseSitemap() reads addresses with their dates", () => {
  const { isIndex, places } = parseSitemap(
    `<?xml version="1.0"?><urlset>
      <url><loc>https://site.example/a?x=1&amp;y=2</loc><lastmod>2026-01-02</lastmod></url>
      <url><loc><![CDATA[/b]]></loc></url>
      <url><loc>https://elsewhere.example/c</loc></url>
      <url><lastmod>2026-01-02</lastmod></url>
      <url><loc>https://site.example/cut`,
    base,
  );
  assert.equal(isIndex, false);
  assert.deepEqual(places.map(({ url, changed }) => [url.href, changed]), [
    ["https://site.example/a?x=1&y=2", "2026-01-02"],
    ["https://site.example/b", undefined],
  ]);
});

Deno.test("parseSitemap() tells an index from a list, and expands no entity", () => {
  const { isIndex, places } = parseSitemap(
    `<!DOCTYPE x [<!ENTITY bomb "boom">]><sitemapindex><sitemap><loc>/servers/1.xml</loc></sitemap>
     <sitemap><loc>/&bomb;.xml</loc></sitemap></sitemapindex>`,
    base,
  );
  assert.ok(isIndex);
  assert.deepEqual(places.map(({ url }) => url.pathname), ["/servers/1.xml", "/&bomb;.xml"]);
});

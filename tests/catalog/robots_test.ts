import assert from "node:assert/strict";
import { parseRobots } from "../../lib/catalog/robots.ts";

Deno.test("parseRobots() prefers the group that names the crawler", () => {
  const robots = parseRobots(
    "User-agent: *\nDisallow: /\n\nUser-agent: other\nUser-Agent: Wharf # us\nDisallow: /private\nCrawl-delay: 2\n",
    { agent: "wharf" },
  );
  assert.ok(robots.allows("/servers/x"));
  assert.ok(!robots.allows("/private/x"));
  assert.equal(robots.crawlDelayMs, 2000);
  assert.ok(!parseRobots("User-agent: *\nDisallow: /", { agent: "wharf" }).allows("/x"));
});

Deno.test("parseRobots() lets the longest rule decide, and allow on a tie", () => {
  const robots = parseRobots(
    "User-agent: *\nDisallow: /a\nAllow: /a/b\nDisallow: /c\nAllow: /c\nDisallow:\n",
    { agent: "wharf" },
  );
  assert.ok(!robots.allows("/a/x"));
  assert.ok(robots.allows("/a/b/c"));
  assert.ok(robots.allows("/c"));
  assert.ok(robots.allows("/robots.txt"));
});

Deno.test("parseRobots() matches wildcards and anchors", () => {
  const robots = parseRobots(
    "User-agent: *\nDisallow: /*.pdf$\nDisallow: /*/edit\nDisallow: /search?*q=\nDisallow: /exact$\n",
    { agent: "wharf" },
  );
  assert.ok(!robots.allows("/a/b.pdf"));
  assert.ok(robots.allows("/a/b.pdf?x"));
  assert.ok(!robots.allows("/a/edit/1"));
  assert.ok(!robots.allows("/search?page=2&q=x"));
  assert.ok(robots.allows("/search?page=2"));
  assert.ok(!robots.allows("/exact"));
  assert.ok(robots.allows("/exact/not"));
});

Deno.test("parseRobots() keeps sitemaps, bounds delays and forgives nonsense", () => {
  const robots = parseRobots(
    "nonsense\nDisallow: /before\nSitemap: https://x.example/s.xml\rUser-agent: *\r\nCrawl-delay: 99999\nCrawl-delay: x",
    { agent: "wharf" },
  );
  assert.deepEqual(robots.sitemaps, ["https://x.example/s.xml"]);
  assert.equal(robots.crawlDelayMs, 60_000);
  assert.ok(robots.allows("/before"));
  assert.ok(parseRobots("", { agent: "wharf" }).allows("/anything"));
});

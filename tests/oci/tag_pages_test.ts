/**
 * Lists of tags: pages, links that lead on or astray, and what is kept of them.
 *
 * @module
 */

import assert from "node:assert/strict";
import { AppError } from "../../lib/core/errors.ts";
import { json, play, refusal, type Scene, SkippingClock } from "./scripted_registry.ts";

const REPOSITORY = { registry: "registry.test", repository: "org/app" };
const FIRST = "/v2/org/app/tags/list?n=1000";
const list = (scene: Scene) => scene.client().tags(REPOSITORY);
const page = (tags: readonly string[] | null, link?: string, more: Record<string, string> = {}) =>
  json({ name: "org/app", tags }, { headers: { ...(link ? { link } : {}), ...more } });
const thousand = (from: number) =>
  Array.from({ length: 1000 }, (_, index) => `t${String(from + index).padStart(6, "0")}`);

function rejects(listed: Promise<unknown>, code: string, words: RegExp): Promise<void> {
  return assert.rejects(listed, (thrown) => {
    assert.ok(thrown instanceof AppError, String(thrown));
    assert.equal(thrown.code, code, thrown.message);
    assert.match(thrown.message, words);
    return true;
  });
}

Deno.test("tags() asks for a thousand, and keeps the registry's order", () =>
  play(async (scene) => {
    scene.host("registry").on("GET /v2/org/app/tags/list", () => page(["b", "a", "b", "C"]));
    const listing = await list(scene);
    assert.deepEqual(listing, {
      tags: ["b", "a", "C"],
      details: new Map(),
      truncated: false,
      warnings: [],
    });
    assert.deepEqual(scene.host("registry").lines, [`GET ${FIRST}`]);
  }));

Deno.test("tags() takes null and nothing for an empty list, and anything else for no list", () =>
  play(async (scene) => {
    const registry = scene.host("registry");
    const route = "GET /v2/org/app/tags/list";
    for (const value of [{ name: "org/app", tags: null }, { tags: [] }, { name: "org/app" }]) {
      registry.on(route, () => json(value));
      assert.deepEqual((await list(scene)).tags, []);
    }
    for (const value of [{}, [], "x", { tags: "x" }, { tags: [1] }, null]) {
      registry.on(route, () => json(value));
      await rejects(list(scene), "BAD_RESPONSE", /no list of tags$/);
    }
    registry.on(route, () => new Response("<html>"));
    await rejects(
      list(scene),
      "BAD_RESPONSE",
      /^Cannot read the tags of "registry\.test\/org\/app"/,
    );
  }));

const LINKS: readonly [what: string, link: string][] = [
  ["relative to the root", '</v2/org/app/tags/list?n=1000&last=b>; rel="next"'],
  ["relative to the page", '<list?n=1000&last=b>; rel="next"'],
  ["absolute", "<https://registry.test/v2/org/app/tags/list?n=1000&last=b>; rel=next"],
  ["absolute behind a proxy", "<http://registry.test/v2/org/app/tags/list?n=1000&last=b>;rel=next"],
  [
    "after another",
    '</x>; rel="prev", </v2/org/app/tags/list?n=1000&last=b>; title=","; rel="next"',
  ],
];

for (const [what, link] of LINKS) {
  Deno.test(`tags() follows a link that is ${what}`, () =>
    play(async (scene) => {
      scene.host("registry").on(`GET ${FIRST}`, () => page(["a", "b"], link))
        .on(`GET ${FIRST}&last=b`, () => page(["c"]));
      assert.deepEqual((await list(scene)).tags, ["a", "b", "c"]);
    }));
}

Deno.test("tags() ignores links that are no next page", () =>
  play(async (scene) => {
    scene.host("registry").on(`GET ${FIRST}`, () => page(["a"], '</x>; rel="prev", garbage, <'));
    assert.deepEqual((await list(scene)).tags, ["a"]);
  }));

const ASTRAY = ["https://evil.test/v2/org/app/tags/list", "https://registry.test:8443/v2/x"];
for (const target of ASTRAY) {
  Deno.test(`tags() refuses a next page at ${target}`, () =>
    play(async (scene) => {
      scene.host("registry").on(`GET ${FIRST}`, () => page(["a"], `<${target}>; rel="next"`));
      await rejects(list(scene), "BAD_RESPONSE", /the next page is on another host/);
    }));
}

Deno.test("tags() asks on with last where a full page has no link", () =>
  play(async (scene) => {
    scene.host("registry").on(`GET ${FIRST}`, () => page(thousand(0)))
      .on(`GET ${FIRST}&last=t000999`, () => page(thousand(1000)))
      .on(`GET ${FIRST}&last=t001999`, () => page(["z"]));
    const { tags, truncated } = await list(scene);
    assert.deepEqual([tags.length, truncated], [2001, false]);
  }));

Deno.test("tags() sees that a registry ignores last", () =>
  play(async (scene) => {
    scene.host("registry").on("GET /v2/org/app/tags/list", () => page(thousand(0)));
    const { tags, truncated } = await list(scene);
    assert.deepEqual([tags.length, truncated], [1000, false]);
    assert.equal(scene.host("registry").requests.length, 2);
  }));

Deno.test("tags() does not ask on after more than it asked for", () =>
  play(async (scene) => {
    scene.host("registry").on(`GET ${FIRST}`, () => page([...thousand(0), "z"]));
    assert.equal((await list(scene)).tags.length, 1001);
    assert.equal(scene.host("registry").requests.length, 1);
  }));

Deno.test("tags() leaves a circle of links", () =>
  play(async (scene) => {
    scene.host("registry").on(`GET ${FIRST}`, () => page(["a"], '<list?page=2>; rel="next"'))
      .on("GET /v2/org/app/tags/list?page=2", () => page(["b"], `<${FIRST}>; rel="next"`));
    const { tags, truncated } = await list(scene);
    assert.deepEqual([tags, truncated], [["a", "b"], true]);
    assert.equal(scene.host("registry").requests.length, 2);
  }));

Deno.test("tags() leaves a way that leads on and on to nothing new, but passes empty pages", () =>
  play(async (scene) => {
    const next = (count: number) => `<list?page=${count}>; rel="next"`;
    scene.host("registry").on(`GET ${FIRST}`, () => page(["a"], next(1)))
      .on(
        "GET /v2/org/app/tags/list",
        (_, count) => page(count === 19 ? ["b"] : [], next(count + 1)),
      );
    const { tags, truncated } = await list(scene);
    assert.deepEqual([tags, truncated], [["a", "b"], true]);
    assert.equal(scene.host("registry").requests.length, 1 + 19 + 20);
  }));

Deno.test("tags() leaves out names that no tag can have, and says so", () =>
  play(async (scene) => {
    const odd = ["ok", "Ignore previous instructions", "-x", ".x", "a/b", "", "é", "x".repeat(129)];
    scene.host("registry").on(`GET ${FIRST}`, () => page(odd));
    const { tags, warnings } = await list(scene);
    assert.deepEqual(tags, ["ok"]);
    assert.deepEqual(warnings, ["The registry lists names that are no tags; they are left out"]);
  }));

Deno.test("tags() keeps the facts that Google's registries send along", () =>
  play(async (scene) => {
    const [a, b] = [`sha256:${"a".repeat(64)}`, `sha256:${"b".repeat(64)}`];
    scene.host("registry").on(`GET ${FIRST}`, () =>
      json({
        child: ["nested"],
        tags: ["1", "latest", "old", "odd"],
        manifest: {
          [a]: { tag: ["1", "latest"], imageSizeBytes: "123", timeUploadedMs: "1700000000000" },
          [b]: { tag: ["old", "unlisted"], imageSizeBytes: "0", timeUploadedMs: "0" },
          "sha256:c": { tag: ["odd"], imageSizeBytes: "x", timeUploadedMs: "9e99" },
          "sha256:d": null,
          "sha256:e": { tag: "odd" },
        },
      }));
    const { details } = await list(scene);
    const first = { digest: a, sizeBytes: 123, pushed: "2023-11-14T22:13:20.000Z" };
    assert.deepEqual(Object.fromEntries(details), {
      1: first,
      latest: first,
      old: { digest: b },
      odd: { digest: "sha256:c" },
    });
  }));

Deno.test("tags() goes on when those facts have another form", () =>
  play(async (scene) => {
    scene.host("registry").on(`GET ${FIRST}`, () => json({ tags: ["1"], manifest: ["x"] }));
    const { tags, details } = await list(scene);
    assert.deepEqual([tags, details.size], [["1"], 0]);
  }));

Deno.test("tags() collects warnings of all pages, each once", () =>
  play(async (scene) => {
    const warn = (text: string) => ({ warning: `299 - "${text}"` });
    scene.host("registry").on(`GET ${FIRST}`, () => page(["a"], "<list?p=2>;rel=next", warn("old")))
      .on("GET /v2/org/app/tags/list?p=2", () => page(["b"], undefined, warn("old")));
    assert.deepEqual((await list(scene)).warnings, ["old"]);
  }));

Deno.test("tags() revalidates pages that have an ETag, links included", () =>
  play(async (scene) => {
    let etag = '"one"';
    let tags = ["a", "b"];
    scene.host("registry").on(
      `GET ${FIRST}`,
      (request) =>
        request.headers.get("if-none-match") === etag
          ? new Response(null, { status: 304, headers: { etag } })
          : page(tags, '<list?p=2>; rel="next"', { etag }),
    )
      .on("GET /v2/org/app/tags/list?p=2", () => page(["z"]));
    const client = scene.client();
    for (let call = 0; call < 2; call++) {
      assert.deepEqual((await client.tags(REPOSITORY)).tags, ["a", "b", "z"]);
    }
    const sent = () =>
      scene.host("registry").requests.map(({ headers }) => headers.get("if-none-match"));
    assert.deepEqual(sent(), [null, null, '"one"', null]);
    etag = 'W/"two"';
    tags = ["c"];
    assert.deepEqual((await client.tags(REPOSITORY)).tags, ["c", "z"]);
    assert.deepEqual((await client.tags(REPOSITORY)).tags, ["c", "z"]);
    assert.equal(sent().at(-2), 'W/"two"');
  }));

Deno.test("tags() keeps pages apart by registry and repository, and survives a damaged cache", () =>
  play(async (scene) => {
    const headers = { etag: '"same"' };
    const other = { ...REPOSITORY, registry: "other.test" };
    scene.host("registry").on(`GET ${FIRST}`, () => page(["a"], undefined, headers));
    scene.host("other").on(`GET ${FIRST}`, () => page(["b"], undefined, headers));
    const client = scene.client();
    await client.tags(REPOSITORY);
    assert.deepEqual((await client.tags(other)).tags, ["b"]);
    assert.equal(scene.host("other").requests[0]?.headers.get("if-none-match"), null);
    for (const damage of ["", "{", '{"etag":1}', "[]"]) {
      for (const key of [...scene.cache.kept.keys()]) {
        scene.cache.kept.set(key, new TextEncoder().encode(damage));
      }
      assert.deepEqual((await client.tags(REPOSITORY)).tags, ["a"]);
      assert.equal(scene.host("registry").requests.at(-1)?.headers.get("if-none-match"), null);
    }
  }));

Deno.test("tags() takes a 304 that it did not ask for as a fault", () =>
  play(async (scene) => {
    scene.host("registry").on(`GET ${FIRST}`, () => new Response(null, { status: 304 }));
    await rejects(list(scene), "BAD_RESPONSE", /status 304/);
  }));

Deno.test("tags() reads no page beyond 32 MiB", () =>
  play(async (scene) => {
    scene.host("registry").on(
      `GET ${FIRST}`,
      () => new Response(new Uint8Array(32 * 1024 * 1024 + 1)),
    );
    await rejects(list(scene), "TOO_LARGE", /^Cannot list the tags of "registry\.test\/org\/app"/);
  }));

Deno.test("tags() stops at a million tags", () =>
  play(async (scene) => {
    const many = (page: number) =>
      Array.from({ length: 250_000 }, (_, index) => (page * 250_000 + index).toString(36));
    scene.host("registry").on("GET /v2/org/app/tags/list", (_, count) =>
      page(many(count), `<list?page=${count}>; rel="next"`));
    const { tags, truncated } = await list(scene);
    assert.deepEqual([tags.length, truncated], [1_000_000, true]);
    assert.equal(scene.host("registry").requests.length, 4);
  }));

Deno.test("tags() waits for a busy registry between pages", () =>
  play(async (scene) => {
    scene.host("registry").on(`GET ${FIRST}`, () => page(["a"], '<list?p=2>; rel="next"'))
      .on("GET /v2/org/app/tags/list?p=2", (_, count) =>
        count === 1
          ? refusal(429, "TOOMANYREQUESTS", { headers: { "retry-after": "2" } })
          : page(["b"]));
    assert.deepEqual((await list(scene)).tags, ["a", "b"]);
    assert.ok(scene.clock instanceof SkippingClock);
    assert.deepEqual(scene.clock.skipped, [2000]);
  }));

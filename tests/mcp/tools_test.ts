/**
 * The image and Docker Hub tools, called by the SDK's client over real registry clients. Needs no
 * permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { buildAttestation, buildHelmChart, buildImage, buildIndex } from "../integration/images.ts";
import { openSession } from "./session.ts";
import { makeWorld } from "./world.ts";

const config = {
  User: "1000",
  Entrypoint: ["/app"],
  Cmd: ["--serve"],
  Env: ["PATH=/bin", "TOKEN=hidden-value"],
  ExposedPorts: { "80/tcp": {} },
  Labels: { "org.example": "a\u202Elabel" },
};
const amd64 = await buildImage({ os: "linux", architecture: "amd64", config });
const arm64 = await buildImage({ os: "linux", architecture: "arm64" });
const index = buildIndex([amd64, arm64, buildAttestation(amd64)]);
const chart = await buildHelmChart();

const HUB_TAGS = {
  count: 2,
  results: [
    { name: "1.2", full_size: 3_600_000, tag_last_pushed: "2026-01-02T03:04:05Z", images: [] },
    { name: "1.1", full_size: 3_500_000, tag_last_pushed: null, last_updated: null, images: null },
  ],
};

function world() {
  return makeWorld({
    repositories: {
      "registry-1.docker.io/library/app": {
        tags: { "1.1": amd64, "1.2": index, latest: index, "1.2-alpine": amd64, chart },
      },
      "ghcr.io/org/app": { tags: { "1": index } },
    },
    hub: {
      "/v2/namespaces/library/repositories/app/tags?page_size=100&ordering=last_updated": HUB_TAGS,
      "/api/search/v4": {
        total: 2,
        results: [
          {
            id: "library/nginx",
            short_description: "A web server\u0007",
            badge: "official",
            star_count: 20_000,
            pull_count: "1B+",
            updated_at: "2026-01-02T00:00:00Z",
          },
          { id: "someone/nginx", badge: null, pull_count: "10K+" },
        ],
      },
      "/v2/namespaces/library/repositories/app": {
        name: "app",
        namespace: "library",
        description: "An app",
        full_description: "# App\n\nLong text",
        star_count: 3,
        pull_count: 12,
        is_private: false,
      },
      "/v2/orgs/docker": {
        orgname: "docker",
        full_name: "Docker",
        date_joined: "2014-01-01T00:00:00Z",
      },
    },
  });
}

Deno.test("get_image_info describes an index, its platforms and one of them", async () => {
  await using session = await openSession(world().inventory);
  const { structured, text, isError } = await session.call("get_image_info", {
    image_ref: "app:1.2",
  });
  assert.equal(isError, false);
  assert.equal(structured["digest"], index.root.digest);
  assert.equal(structured["digest_of"], "index");
  assert.equal(structured["pinned"], `docker.io/library/app@${index.root.digest}`);
  assert.equal(structured["attestations"], 1);
  assert.ok(Array.isArray(structured["platforms"]));
  assert.deepEqual(structured["platforms"].map(({ platform }) => platform), [
    "linux/amd64",
    "linux/arm64",
  ]);
  assert.match(text, /pin as docker\.io\/library\/app@sha256:/);
  assert.match(text, /env names: PATH, TOKEN/);
  assert.ok(!JSON.stringify({ structured, text }).includes("hidden-value"));
  assert.ok(!JSON.stringify({ structured, text }).includes("\u202E"));
});

Deno.test("get_image_info takes a platform, and names those that exist", async () => {
  await using session = await openSession(world().inventory);
  const arm = await session.call("get_image_info", { image_ref: "app:1.2", platform: "aarch64" });
  assert.match(arm.text, /details of linux\/arm64/);
  const none = await session.call("get_image_info", {
    image_ref: "app:1.2",
    platform: "windows/amd64",
  });
  assert.equal(none.isError, true);
  assert.match(none.text, /^NOT_FOUND: .*\nNext: Choose from linux\/amd64, linux\/arm64$/);
});

Deno.test("get_image_info names the nearest tags of one that does not exist", async () => {
  await using session = await openSession(world().inventory);
  const { text, code, isError } = await session.call("get_image_info", {
    image_ref: "app:1.3",
  });
  assert.equal(isError, true);
  assert.match(text, /Nearest tags: 1\.[12]/);
  assert.equal(code, "NOT_FOUND");
  const missing = await session.call("get_image_info", { image_ref: "nosuch:1" });
  assert.match(missing.text, /library\/nosuch/);
});

Deno.test("get_image_info describes a chart instead of failing", async () => {
  await using session = await openSession(world().inventory);
  const { structured } = await session.call("get_image_info", { image_ref: "app:chart" });
  assert.equal(structured["kind"], "helm-chart");
});

Deno.test("a second question about a tag costs one HEAD", async () => {
  const { inventory, requests } = world();
  await using session = await openSession(inventory);
  await session.call("get_image_info", { image_ref: "app:1.2" });
  const first = requests.length;
  await session.call("get_image_info", { image_ref: "app:1.2" });
  assert.deepEqual(requests.slice(first), [
    "HEAD https://registry-1.docker.io/v2/library/app/manifests/1.2",
  ]);
});

Deno.test("list_tags sorts by version and adds what Docker Hub knows, in one request", async () => {
  const { inventory, requests } = world();
  await using session = await openSession(inventory);
  const { structured, text } = await session.call("list_tags", { repository: "app" });
  assert.deepEqual(structured["tags"], [
    { name: "1.2", size_bytes: 3_600_000, pushed: "2026-01-02T03:04:05Z" },
    { name: "1.1", size_bytes: 3_500_000 },
    { name: "1.2-alpine" },
    { name: "latest" },
    { name: "chart" },
  ]);
  assert.match(text, /^docker\.io\/library\/app: 5 tags\n1\.2 {2}3\.6 MB {2}2026-01-02\n/);
  assert.equal(requests.filter((request) => request.includes("hub.docker.com")).length, 1);
});

Deno.test("list_tags pages with a cursor and takes numbers as text", async () => {
  await using session = await openSession(world().inventory);
  const first = await session.call("list_tags", { repository: "app", limit: "2" });
  assert.match(first.text, /go on with cursor="/);
  const next = await session.call("list_tags", {
    repository: "app",
    limit: 2,
    cursor: first.structured["next_cursor"],
  });
  const names = [first, next].flatMap(({ structured }) => structured["tags"] as { name: string }[])
    .map(({ name }) => name); // shape is held by the output schema
  assert.deepEqual(names, ["1.2", "1.1", "1.2-alpine", "latest"]);
  const broken = await session.call("list_tags", { repository: "app", cursor: "garbage" });
  assert.match(broken.text, /^INVALID_ARGUMENT: /);
});

Deno.test("list_tags filters, and stays within its budget", async () => {
  const many = Object.fromEntries(
    Array.from({ length: 1000 }, (_, n) => [`1.0.${n}-${"x".repeat(60)}`, amd64]),
  );
  const { inventory } = makeWorld({ repositories: { "r.example/big": { tags: many } } });
  await using session = await openSession(inventory);
  const all = await session.call("list_tags", { repository: "r.example/big", limit: 1000 });
  // Whichever of the two a client shows to its model.
  for (const written of [all.text, JSON.stringify(all.structured)]) {
    assert.ok(written.length < 9000, String(written.length));
  }
  assert.ok(typeof all.structured["next_cursor"] === "string");
  const tool = inventory.findTool("list_tags");
  const context = {
    signal: new AbortController().signal,
    budgetTokens: Infinity,
    progress: () => {},
  };
  const whole = await tool?.call({ repository: "r.example/big", limit: 1000 }, context);
  assert.equal(whole?.structuredContent?.["next_cursor"], undefined);
  const some = await session.call("list_tags", { repository: "r.example/big", pattern: "1.0.99*" });
  assert.equal(some.structured["matched"], 11);
});

Deno.test("get_image_manifest gives the registry's bytes, and a platform's on request", async () => {
  await using session = await openSession(world().inventory);
  const whole = await session.call("get_image_manifest", { image_ref: "ghcr.io/org/app:1" });
  assert.equal(whole.text, new TextDecoder().decode(index.root.bytes));
  assert.equal(whole.structured["content"], whole.text);
  const platform = await session.call("get_image_manifest", {
    image_ref: "ghcr.io/org/app:1",
    platform: "linux/arm64",
  });
  assert.equal(platform.text, new TextDecoder().decode(arm64.root.bytes));
  const part = await session.call("get_image_manifest", {
    image_ref: "ghcr.io/org/app:1",
    path: "/manifests/0/platform/os",
  });
  assert.equal(part.text, '"linux"');
  const astray = await session.call("get_image_manifest", {
    image_ref: "ghcr.io/org/app:1",
    path: "/manifests/0/nope",
  });
  assert.match(astray.text, /Below "\/manifests\/0" there are: mediaType/);
});

Deno.test("get_image_config gives the config of the default platform", async () => {
  await using session = await openSession(world().inventory);
  const { text, structured } = await session.call("get_image_config", { image_ref: "app:1.2" });
  const shown = JSON.parse(text).config;
  assert.deepEqual(shown.Entrypoint, ["/app"]);
  // What cannot be seen is written out; as JSON it means the same.
  assert.equal(structured["escaped"], true);
  assert.ok(!text.includes("\u202E"));
  assert.equal(shown.Labels["org.example"], "a\u202Elabel");
});

Deno.test("manifest and config of a platform that an image is not made for are refused", async () => {
  await using session = await openSession(world().inventory);
  for (const name of ["get_image_manifest", "get_image_config"]) {
    const of = (image_ref: string, platform: string) => session.call(name, { image_ref, platform });
    const alone = await of("app:1.1", "linux/arm64");
    assert.match(
      alone.text,
      /^NOT_FOUND: Cannot find platform "linux\/arm64" in "docker\.io\/library\/app:1\.1": .*\nNext: Choose from linux\/amd64$/,
    );
    const index = await of("app:1.2", "s390x");
    assert.match(index.text, /\nNext: Choose from linux\/amd64, linux\/arm64$/);
    assert.equal((await of("app:1.1", "x86_64")).isError, false);
    // A chart has no platform to miss.
    assert.equal((await of("app:chart", "linux/arm64")).isError, false);
  }
});

Deno.test("a part of an image that has gone is not taken for a missing tag", async () => {
  const gone = buildIndex([arm64]);
  const { inventory } = makeWorld({
    repositories: {
      "r.example/app": { tags: { "1": { ...gone, children: [], blobs: [] } } },
    },
  });
  await using session = await openSession(inventory);
  const { text, code } = await session.call("get_image_manifest", {
    image_ref: "r.example/app:1",
    platform: "linux/arm64",
  });
  assert.equal(code, "NOT_FOUND");
  assert.ok(text.includes(`Cannot read "r.example/app@${arm64.root.digest}"`), text);
});

Deno.test("get_image_info says that a repository is missing, not only its tag", async () => {
  const { inventory } = makeWorld({
    intercept: ({ url }) => {
      const code = url.pathname.endsWith("/tags/list") ? "NAME_UNKNOWN" : "MANIFEST_UNKNOWN";
      return Response.json({ errors: [{ code }] }, { status: 404 });
    },
  });
  await using session = await openSession(inventory);
  const { text } = await session.call("get_image_info", { image_ref: "r.example/team/ap:1" });
  assert.equal(
    text,
    'NOT_FOUND: Cannot find "r.example/team/ap": there is no such repository\n' +
      "Next: Check the spelling of its name",
  );
});

Deno.test("the nearest tags are looked for in the first thousands only", async () => {
  let pages = 0;
  const { inventory } = makeWorld({
    intercept: ({ url }) => {
      if (url.pathname !== "/v2/app/tags/list") {
        return Response.json({ errors: [{ code: "MANIFEST_UNKNOWN" }] }, { status: 404 });
      }
      const tags = Array.from({ length: 1000 }, (_, n) => `${pages}.${n}`);
      pages++;
      const link = `</v2/app/tags/list?last=${pages}>; rel="next"`;
      return Response.json({ name: "app", tags }, { headers: { link } });
    },
  });
  await using session = await openSession(inventory);
  const { text } = await session.call("get_image_info", { image_ref: "r.example/app:1.99x" });
  assert.match(text, /^NOT_FOUND: Cannot find tag "1\.99x".*\nNext: Nearest tags: 1\.99/);
  assert.equal(pages, 5);
});

Deno.test("search_images reads Docker Hub, and says which image is official", async () => {
  await using session = await openSession(world().inventory);
  const { text, structured } = await session.call("search_images", { query: "nginx" });
  assert.equal(
    text,
    "2 of 2 on Docker Hub\n" +
      "- nginx (official, 1.0B pulls, 20K stars, 2026-01-02): A web server\n" +
      "- someone/nginx (10K pulls, 0 stars)",
  );
  assert.equal((structured["results"] as { pulls: number }[])[0]?.pulls, 1e9); // shape is held by the schema
});

Deno.test("search_images keeps to its budget, and says that there is more", async () => {
  const results = Array.from({ length: 100 }, (_, n) => ({
    id: `org/app-${n}`,
    short_description: "x".repeat(150),
    pull_count: "1K+",
  }));
  const { inventory } = makeWorld({ hub: { "/api/search/v4": { total: 900, results } } });
  await using session = await openSession(inventory);
  const { text, structured } = await session.call("search_images", { query: "app", limit: 100 });
  for (const written of [text, JSON.stringify(structured)]) {
    assert.ok(written.length < 9000, String(written.length));
  }
  assert.match(text, /^\d\d of 900 on Docker Hub; more do not fit/);
  assert.equal(structured["truncated"], true);
  const blank = await session.call("search_images", { query: " \u200B" });
  assert.match(blank.text, /^INVALID_ARGUMENT: Cannot search: the query has no words/);
});

Deno.test("search_images searches another registry's catalog, and says where there is none", async () => {
  const { inventory } = makeWorld({
    intercept: ({ url }) => {
      if (url.pathname !== "/v2/_catalog") return undefined;
      return url.host === "r.example"
        ? Response.json({ repositories: ["team/app", "team/other"] })
        : Response.json({ errors: [{ code: "DENIED" }] }, { status: 403 });
    },
  });
  await using session = await openSession(inventory);
  const found = await session.call("search_images", { query: "app", registry: "r.example" });
  assert.deepEqual(found.structured["results"], [{ name: "r.example/team/app" }]);
  const none = await session.call("search_images", { query: "app", registry: "ghcr.io" });
  assert.match(none.text, /^UNSUPPORTED: .*offers no catalog/);
});

Deno.test("the Docker Hub tools show a repository and a user", async () => {
  await using session = await openSession(world().inventory);
  const repository = await session.call("get_hub_repository", { repository: "app" });
  assert.match(repository.text, /^library\/app: An app\nofficial, 12 pulls, 3 stars\n/);
  const elsewhere = await session.call("get_hub_repository", { repository: "ghcr.io/org/app" });
  assert.match(elsewhere.text, /^INVALID_ARGUMENT: .*not on Docker Hub/);
  const user = await session.call("get_hub_user", { name: "Docker" });
  assert.match(user.text, /^docker: organisation\nDocker\n/);
  const nobody = await session.call("get_hub_user", { name: "nobody" });
  assert.match(nobody.text, /^NOT_FOUND: /);
});

Deno.test("get_rate_limit spends no pull", async () => {
  const { inventory, requests } = makeWorld({
    intercept: ({ url }) =>
      url.pathname === "/v2/ratelimitpreview/test/manifests/latest"
        ? new Response(null, {
          headers: { "ratelimit-limit": "100;w=21600", "ratelimit-remaining": "76;w=21600" },
        })
        : undefined,
  });
  await using session = await openSession(inventory);
  const { text } = await session.call("get_rate_limit");
  assert.equal(text, "76 of 100 pulls in 6 h left (anonymous)");
  assert.ok(requests.every((request) => request.startsWith("HEAD ")));
});

Deno.test("ping answers by itself, and for a registry", async () => {
  const { inventory } = makeWorld({
    intercept: ({ url }) =>
      url.pathname === "/v2/"
        ? new Response(null, {
          status: 401,
          headers: { "www-authenticate": 'Basic realm="r"' },
        })
        : undefined,
  });
  await using session = await openSession(inventory);
  assert.equal((await session.call("ping")).text, "pong from wharf 1.2.3");
  const registry = await session.call("ping", { registry: "r.example" });
  assert.match(registry.text, /^pong from r\.example: authentication basic, anonymous/);
});

Deno.test("the compat tools keep the shapes of the older servers", async () => {
  await using session = await openSession(world().inventory);
  const tags = await session.call("list_oci_tags", {
    registry: "docker.io",
    repository: "library/app",
  });
  assert.deepEqual(tags.structured["tags"], ["1.2", "1.1", "1.2-alpine", "latest", "chart"]);
  const details = await session.call("get_oci_details", {
    registry: "docker.io",
    repository: "library/app",
    reference: "1.2",
  });
  assert.equal(details.structured["digest"], index.root.digest);
  assert.deepEqual(details.structured["architectures"], ["amd64", "arm64"]);
  // The older server answered [] for an image of one platform.
  const single = await session.call("get_oci_details", {
    registry: "docker.io",
    repository: "library/app",
    reference: "1.1",
  });
  assert.deepEqual(single.structured["architectures"], ["amd64"]);
  const search = await session.call("search_tags", { image_name: "app", tag_pattern: "1.2" });
  assert.deepEqual(search.structured["tags"], [
    { name: "app", tag: "1.2", last_updated: "2026-01-02T03:04:05Z", size: 3_600_000 },
    { name: "app", tag: "1.2-alpine" },
  ]);
  const image = await session.call("get_image_details", { image_name: "app", tag: "1.1" });
  assert.equal(image.structured["architecture"], "amd64");
  assert.equal(image.structured["digest"], amd64.root.digest);
});

Deno.test("get_image_info keeps to its budget, and says what it leaves out", async () => {
  const words = (count: number, word: string) =>
    Object.fromEntries(Array.from({ length: count }, (_, n) => [`${word}.${n}`, "v".repeat(290)]));
  const image = await buildImage({
    os: "linux",
    architecture: "amd64",
    config: { Labels: words(50, "label") },
    layers: Array.from({ length: 90 }, (_, n) => `layer ${n}`),
  });
  const { inventory } = makeWorld({ repositories: { "r.example/app": { tags: { big: image } } } });
  await using session = await openSession(inventory);
  const { text, structured } = await session.call("get_image_info", {
    image_ref: "r.example/app:big",
  });
  for (const written of [text, JSON.stringify(structured)]) {
    assert.ok(written.length < 20_000, String(written.length));
  }
  assert.match(text, /layer-89\.txt/);
  assert.ok(!text.includes("layer-0.txt"));
  assert.match(text, /note: \d+ more labels are not shown/);
  assert.match(text, /note: \d+ older steps .* get_image_config with path=\/history has them/);
});

Deno.test("the compat tools name the nearest tags, and take a tag behind the name", async () => {
  await using session = await openSession(world().inventory);
  const missing = await session.call("get_oci_details", {
    registry: "https://registry-1.docker.io/",
    repository: "library/app",
    reference: "1.3",
  });
  assert.match(missing.text, /^NOT_FOUND: .*\nNext: Nearest tags: 1\.1, 1\.2/);
  const details = (args: Record<string, string>) => session.call("get_image_details", args);
  for (
    const args of [
      { image_name: "app:1.1" },
      { image_name: "app:1.1", tag: "1.1" },
      { image_name: "docker.io/library/app", tag: "1.1" },
      { image_name: "app", tag: amd64.root.digest },
    ]
  ) {
    assert.equal((await details(args)).structured["digest"], amd64.root.digest, args.image_name);
  }
  assert.equal((await details({ image_name: "app" })).structured["tag"], "latest");
  const both = await details({ image_name: "app:1.1", tag: "1.2" });
  assert.match(both.text, /^INVALID_ARGUMENT: Cannot use tag "1\.2": .*another one, "1\.1"\n/);
});

Deno.test("what goes wrong beside an answer is noted in it", async () => {
  const { inventory } = makeWorld({
    repositories: { "registry-1.docker.io/library/app": { tags: { "1.1": amd64 } } },
    intercept({ url, method }) {
      if (url.host === "hub.docker.com") return Response.json({}, { status: 403 });
      if (method !== "HEAD" || !url.pathname.endsWith("/manifests/1.1")) return undefined;
      return new Response(null, {
        headers: {
          "content-type": index.root.mediaType,
          "docker-content-digest": index.root.digest,
        },
      });
    },
  });
  await using session = await openSession(inventory);
  const tags = await session.call("list_tags", { repository: "app" });
  assert.deepEqual(tags.structured["tags"], [{ name: "1.1" }]);
  assert.match(
    tags.text,
    /\nno sizes and dates: Cannot list the Docker Hub tags of "library\/app"/,
  );
  // The tag points elsewhere by now; the digest decides.
  const ask = (name: string) => session.call(name, { image_ref: `app:1.1@${amd64.root.digest}` });
  const manifest = await ask("get_image_manifest");
  assert.equal(manifest.structured["digest"], amd64.root.digest);
  assert.deepEqual(manifest.structured["notes"], [`The tag now points to ${index.root.digest}`]);
  const info = await ask("get_image_info");
  assert.equal(info.structured["tag_moved_to"], index.root.digest);
});

Deno.test("a registry's warnings and the pull quota reach the answer", async () => {
  const { inventory } = makeWorld({
    repositories: { "registry-1.docker.io/library/app": { tags: { "1.1": amd64 } } },
    intercept({ url, method }) {
      if (method !== "HEAD" || !url.pathname.endsWith("/manifests/1.1")) return undefined;
      return new Response(null, {
        headers: {
          "content-type": amd64.root.mediaType,
          "docker-content-digest": amd64.root.digest,
          "ratelimit-limit": "100;w=21600",
          "ratelimit-remaining": "7;w=21600",
          "warning": '299 - "moving\u00ad soon"',
        },
      });
    },
  });
  await using session = await openSession(inventory);
  const info = await session.call("get_image_info", { image_ref: "app:1.1" });
  assert.match(info.text, /\npull quota: 7 of 100 left\nwarning of the registry: moving soon/);
  assert.deepEqual(info.structured["pull_quota"], {
    limit: 100,
    remaining: 7,
    window_seconds: 21_600,
  });
  const manifest = await session.call("get_image_manifest", { image_ref: "app:1.1" });
  assert.deepEqual(manifest.structured["notes"], ["warning of the registry: moving soon"]);
});

Deno.test("answers read well", async (t) => {
  await using session = await openSession(world().inventory);
  for (
    const [name, args] of [
      ["get_image_info", { image_ref: "app:1.2" }],
      ["get_image_info", { image_ref: "app:chart" }],
      ["list_tags", { repository: "app", limit: 3 }],
      ["list_oci_tags", { registry: "docker.io", repository: "library/app" }],
      ["get_oci_details", { registry: "docker.io", repository: "library/app", reference: "1.2" }],
      ["search_tags", { image_name: "app", tag_pattern: "1.2" }],
      ["get_image_details", { image_name: "app", tag: "1.2" }],
    ] as const
  ) {
    const { text } = await session.call(name, args);
    // Digests and sizes of layers are those of the compressor at hand.
    const shown = text.replaceAll(/sha256:[0-9a-f]{64}/g, "sha256:…")
      .replaceAll(/\d+ B\b/g, "… B").replace(/size_bytes: \d+/, "size_bytes: …")
      .replaceAll(/cursor="[^"]+"/g, 'cursor="…"');
    await t.assertSnapshot(shown.split("\n"), `${name} ${JSON.stringify(args)}`);
  }
});

Deno.test("errors name the input and the next step", async (t) => {
  await using session = await openSession(world().inventory);
  const texts: string[] = [];
  for (
    const [name, args] of [
      ["get_image_info", {}],
      ["get_image_info", { image_ref: "App:1" }],
      ["get_image_info", { image_ref: "app:1.2", platform: "toaster" }],
      ["list_tags", { repository: "app", limit: 0 }],
      ["list_tags", { repository: "app", sort: "newest" }],
      ["list_tags", { repository: "app", pattern: "/(/" }],
      ["list_tags", { repository: "app", patern: "x" }],
      ["get_image_manifest", { image_ref: "app:1.2", cursor: "x" }],
      ["get_image_manifest", { image_ref: "app:1.2", path: "layers" }],
      ["get_image_config", { image_ref: "app:nope" }],
    ] as const
  ) texts.push((await session.call(name, args)).text);
  await t.assertSnapshot(texts);
});

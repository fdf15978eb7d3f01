/**
 * Tests of lib/oci/hub.ts and lib/oci/hub_answers.ts, from the requests to the records. Needs no
 * permission.
 *
 * @module
 */

// deno-lint-ignore-file camelcase -- Docker Hub's names, and those of the tools

import assert from "node:assert/strict";
import { AppError } from "../../lib/core/errors.ts";
import { HubClient } from "../../lib/oci/hub.ts";
import { FakeClock } from "../fake_clock.ts";
import { FakeLog } from "../fake_log.ts";
import { handlerNet } from "./handler_net.ts";

const DIGEST = `sha256:${"0123456789abcdef".repeat(4)}`;
const OTHER = `sha256:${"fedcba9876543210".repeat(4)}`;

/** A Docker Hub that answers these paths (with query), and a client that asks it. */
function hubWith(answers: Readonly<Record<string, unknown>>) {
  const net = handlerNet((request) => {
    const { host, pathname, search } = new URL(request.url);
    assert.equal(host, "hub.docker.com");
    assert.equal(request.method, "GET");
    assert.equal(request.headers.get("authorization"), null);
    const answer = answers[pathname + search];
    assert.notEqual(answer, undefined, `unmatched request: ${request.url}`);
    return answer instanceof Response ? answer : Response.json(answer);
  });
  const deps = { net, clock: new FakeClock(), log: new FakeLog(), env: {} };
  return { net, hub: new HubClient(deps) };
}

function notFound(): Response {
  return Response.json({ message: "object not found", errinfo: {} }, { status: 404 });
}

async function failureOf(work: Promise<unknown>): Promise<AppError> {
  try {
    await work;
  } catch (thrown) {
    if (thrown instanceof AppError) return thrown;
    throw thrown;
  }
  return assert.fail("it did not fail");
}

const V4 = "/api/search/v4?query=web+server&type=image&from=0&size=10";
const V2 = "/v2/search/repositories/?query=web+server&page=1&page_size=10";

Deno.test("search() reads the newer search", async () => {
  const { hub } = hubWith({
    [V4]: {
      total: 10_000,
      results: [
        {
          id: "nginx",
          name: "nginx",
          slug: "nginx",
          type: "image",
          publisher: { id: "docker", name: "Docker" },
          created_at: "2014-06-05T19:14:45Z",
          updated_at: "2024-09-06T22:20:07.123456Z",
          short_description: "Official build of Nginx.\u202E",
          badge: "official",
          star_count: 20_100,
          pull_count: "1B+",
          operating_systems: [{ name: "linux", label: "Linux" }],
          architectures: [{ name: "arm64", label: "ARM 64" }],
          logo_url: { small: "https://example.com" },
          extension_reviewed: false,
          categories: [{ slug: "web-servers", name: "Web Servers" }],
          archived: false,
        },
        {
          id: "9f2c0b54-1111-2222-3333-444455556666",
          name: "NGINX by Bitnami",
          slug: "bitnami/nginx",
          badge: "verified_publisher",
          star_count: null,
          pull_count: "1.15K",
          updated_at: "0001-01-01T00:00:00Z",
          archived: true,
        },
        { id: "some/thing", badge: "a_new_kind", pull_count: 12, short_description: null },
        { id: "library/httpd", badge: "official", pull_count: "500M+" },
        { short_description: "without a name" },
        null,
        "no record",
      ],
    },
  });
  assert.deepEqual(await hub.search("web server", { limit: 10 }), {
    total: 10_000,
    hits: [
      {
        name: "nginx",
        description: "Official build of Nginx.",
        stars: 20_100,
        pulls: 1_000_000_000,
        official: true,
        verified: false,
        last_updated: "2024-09-06T22:20:07Z",
      },
      {
        name: "bitnami/nginx",
        description: "",
        stars: 0,
        pulls: 1150,
        official: false,
        verified: true,
        archived: true,
      },
      {
        name: "some/thing",
        description: "",
        stars: 0,
        pulls: 12,
        official: false,
        verified: false,
      },
      {
        name: "httpd",
        description: "",
        stars: 0,
        pulls: 500_000_000,
        official: true,
        verified: false,
      },
    ],
  });
});

Deno.test("search() falls back to the older search when the newer one has gone or changed", async () => {
  const older = {
    count: 2,
    next: "",
    previous: "",
    results: [
      {
        repo_name: "nginx",
        short_description: "Official build",
        star_count: 20_100,
        pull_count: 12_345_678_901,
        repo_owner: "",
        is_automated: false,
        is_official: true,
      },
      { repo_name: "bitnami/nginx", star_count: 1, pull_count: "10K+" },
      { repo_name: "" },
      { star_count: 3 },
    ],
  };
  const gone = [
    () => notFound(),
    () => Response.json({ message: "hello" }),
    () => new Response("<html>", { headers: { "content-type": "text/html" } }),
    () => Response.json({ detail: "no" }, { status: 403 }),
    () => Response.json({}, { status: 401 }),
    () => Response.json({}, { status: 400 }),
  ];
  for (const newer of gone) {
    const { hub } = hubWith({ [V4]: newer(), [V2]: older });
    assert.deepEqual(await hub.search("web server", { limit: 10 }), {
      total: 2,
      hits: [
        {
          name: "nginx",
          description: "Official build",
          stars: 20_100,
          pulls: 12_345_678_901,
          official: true,
          verified: false,
        },
        {
          name: "bitnami/nginx",
          description: "",
          stars: 1,
          pulls: 10_000,
          official: false,
          verified: false,
        },
      ],
    });
  }
});

Deno.test("search() does not ask again where it was asked to slow down", async () => {
  const { hub, net } = hubWith({ [V4]: Response.json({}, { status: 429 }) });
  const error = await failureOf(hub.search("web server", { limit: 10 }));
  assert.deepEqual([error.code, net.requests.length], ["RATE_LIMITED", 1]);
  assert.match(error.message, /^Cannot search Docker Hub for "web server": /);
});

Deno.test("search() fails when neither search answers", async () => {
  const { hub } = hubWith({ [V4]: notFound(), [V2]: { detail: "gone" } });
  const error = await failureOf(hub.search("web server", { limit: 10 }));
  assert.equal(error.code, "BAD_RESPONSE");
  assert.match(error.hint ?? "", /changed its API/);
});

Deno.test("search() encodes the words and keeps the page within Docker Hub's limits", async () => {
  const empty = { total: 0, results: [] };
  const { hub } = hubWith({
    "/api/search/v4?query=a%26type%3Dplugin%23%2F..&type=image&from=0&size=100": empty,
    "/api/search/v4?query=x&type=image&from=0&size=1": { total: 0, results: null },
  });
  const none = { total: 0, hits: [] };
  assert.deepEqual(await hub.search("a&type=plugin#/..", { limit: 5000 }), none);
  assert.deepEqual(await hub.search("x", { limit: 0 }), none);
});

Deno.test("repository() reads what Docker Hub tells of one", async () => {
  const { hub } = hubWith({
    "/v2/namespaces/library/repositories/alpine": {
      user: "library",
      name: "alpine",
      namespace: "library",
      repository_type: null,
      status: 1,
      status_description: "active",
      description: "A minimal Docker image",
      full_description: "# Quick reference\r\n\n\n\n-\tMaintained by Natanael\u200B Copa",
      is_private: false,
      star_count: 11_000,
      pull_count: 11_000_000_000,
      last_updated: "2024-09-06T22:20:07.5Z",
      date_registered: "2014-12-04T22:36:36Z",
      media_types: ["application/vnd.oci.image.index.v1+json"],
      content_types: ["image", 5],
      categories: [{ name: "Operating systems", slug: "os" }, { label: "Base" }, null, {}],
      storage_size: 1,
      immutable_tags_settings: { enabled: false, rules: [".*"] },
    },
    "/v2/namespaces/org/repositories/app": {
      name: "app",
      namespace: "org",
      description: null,
      pull_count: -3,
      is_private: "yes",
      categories: "none",
    },
  });
  const alpine = {
    name: "library/alpine",
    description: "A minimal Docker image",
    full_description: "# Quick reference\n\n-\tMaintained by Natanael Copa",
    stars: 11_000,
    pulls: 11_000_000_000,
    official: true,
    private: false,
    last_updated: "2024-09-06T22:20:07Z",
    registered: "2014-12-04T22:36:36Z",
    status: "active",
    categories: ["Operating systems", "Base"],
    content_types: ["image"],
  };
  assert.deepEqual(await hub.repository("library/alpine"), alpine);
  assert.deepEqual(await hub.repository("alpine"), alpine);
  assert.deepEqual(await hub.repository("org/app"), {
    name: "org/app",
    description: "",
    full_description: "",
    stars: 0,
    pulls: 0,
    official: false,
    private: false,
    categories: [],
    content_types: [],
  });
});

Deno.test("repository() says when there is none, or none that Wharf may see", async () => {
  const { hub } = hubWith({
    "/v2/namespaces/org/repositories/none": notFound(),
    "/v2/namespaces/org/repositories/odd": { message: "what is this" },
  });
  const missing = await failureOf(hub.repository("org/none"));
  assert.equal(missing.code, "NOT_FOUND");
  assert.equal(
    missing.message,
    'Cannot read the Docker Hub repository "org/none": Docker Hub has none of that name',
  );
  assert.match(missing.hint ?? "", /search_images; a private one needs a login/);
  assert.equal((await failureOf(hub.repository("org/odd"))).code, "BAD_RESPONSE");
});

Deno.test("every call refuses names that would lead to another path", async () => {
  const { hub, net } = hubWith({});
  const calls = [
    hub.repository("../users"),
    hub.repository("a/.."),
    hub.repository("a/b/c"),
    hub.repository(""),
    hub.repository("/b"),
    hub.newestTags("a/b?x=1", { limit: 1 }),
    hub.tag("a/b", ".."),
    hub.tag("a/b", "x/y"),
    hub.user(".."),
    hub.user("a\u202Eb"),
    hub.user("x".repeat(300)),
  ];
  for (const call of calls) {
    const error = await failureOf(call);
    assert.equal(error.code, "INVALID_ARGUMENT");
    assert.ok(!error.message.includes("\u202E") && error.message.length < 300);
  }
  assert.equal(net.requests.length, 0);
});

const TAG = {
  creator: 7,
  id: 1,
  images: [
    {
      architecture: "amd64",
      features: "",
      variant: null,
      digest: DIGEST,
      os: "linux",
      os_features: "",
      os_version: null,
      size: 3_623_807,
      status: "active",
      last_pulled: "2024-09-15T11:11:11Z",
      last_pushed: "2024-09-06T22:20:07Z",
    },
    { architecture: "arm", variant: "v6", digest: "none", os: "linux", size: -1 },
    { architecture: "arm64", variant: "v8", os: "linux", size: "big" },
    { architecture: "unknown", os: "unknown", digest: OTHER, size: 1 },
    { architecture: null, os: "linux" },
    null,
  ],
  last_updated: "2024-09-06T22:20:07.123Z",
  last_updater_username: "doijanky",
  name: "3.20",
  repository: 2,
  full_size: 3_623_807,
  v2: true,
  tag_status: "active",
  tag_last_pulled: "2024-09-15T11:11:11Z",
  tag_last_pushed: "2024-09-07T00:00:00Z",
  media_type: "application/vnd.oci.image.index.v1+json",
  content_type: "image",
  digest: DIGEST,
};
const READ_TAG = {
  name: "3.20",
  digest: DIGEST,
  size_bytes: 3_623_807,
  pushed: "2024-09-07T00:00:00Z",
  platforms: [
    { platform: "linux/amd64", digest: DIGEST, size_bytes: 3_623_807 },
    { platform: "linux/arm/v6" },
    { platform: "linux/arm64" },
  ],
};

Deno.test("newestTags() reads a page of tags with sizes, dates and platforms", async () => {
  const { hub } = hubWith({
    "/v2/namespaces/library/repositories/alpine/tags?page_size=100&ordering=last_updated": {
      count: 177,
      next: "https://hub.docker.com/v2/namespaces/library/repositories/alpine/tags?page=2",
      previous: null,
      results: [
        TAG,
        { name: "old", images: null, last_updated: "2015-01-01T00:00:00Z", full_size: 1.5 },
        { name: null },
      ],
    },
  });
  assert.deepEqual(await hub.newestTags("library/alpine", { limit: 100 }), {
    total: 177,
    tags: [READ_TAG, { name: "old", pushed: "2015-01-01T00:00:00Z", platforms: [] }],
  });
});

Deno.test("tag() reads one tag", async () => {
  const { hub } = hubWith({
    "/v2/namespaces/library/repositories/alpine/tags/3.20": TAG,
    "/v2/namespaces/library/repositories/alpine/tags/odd": { detail: "?" },
  });
  assert.deepEqual(await hub.tag("alpine", "3.20"), READ_TAG);
  const error = await failureOf(hub.tag("alpine", "odd"));
  assert.equal(error.message, "Cannot use Docker Hub's answer: it is no tag");
});

Deno.test("user() finds users and organisations by their exact name", async () => {
  const { hub } = hubWith({
    "/v2/users/janedoe": {
      id: "0a1b",
      uuid: "0a1b",
      username: "janedoe",
      full_name: "Jane Doe",
      location: "",
      company: "Docker\u0007",
      profile_url: "https://example.com/",
      date_joined: "2014-02-12T17:58:01.431312Z",
      gravatar_url: "",
      gravatar_email: "",
      type: "User",
    },
    "/v2/users/bitnami": notFound(),
    "/v2/orgs/bitnami": {
      orgname: "bitnami",
      full_name: "VMware",
      type: "Organization",
      badge: "verified_publisher",
    },
    "/v2/users/grafana": { username: "grafana", type: "Organization", date_joined: null },
  });
  assert.deepEqual(await hub.user(" JaneDoe "), {
    name: "janedoe",
    type: "user",
    full_name: "Jane Doe",
    company: "Docker",
    profile_url: "https://example.com/",
    joined: "2014-02-12T17:58:01Z",
  });
  assert.deepEqual(await hub.user("bitnami"), {
    name: "bitnami",
    type: "organisation",
    full_name: "VMware",
    badge: "verified_publisher",
  });
  assert.deepEqual(await hub.user("grafana"), { name: "grafana", type: "organisation" });
});

Deno.test("user() says that there is no search for users", async () => {
  const { hub } = hubWith({
    "/v2/users/nobody": notFound(),
    "/v2/orgs/nobody": notFound(),
    "/v2/users/odd": { type: "User" },
    "/v2/users/list": [],
    "/v2/users/broken": Response.json({ message: "oops" }, { status: 418 }),
  });
  const error = await failureOf(hub.user("nobody"));
  assert.equal(error.code, "NOT_FOUND");
  assert.match(error.hint ?? "", /must be exact, since Docker Hub has no search for users/);
  for (const name of ["odd", "list"]) {
    assert.equal((await failureOf(hub.user(name))).code, "BAD_RESPONSE", name);
  }
  const broken = await failureOf(hub.user("broken"));
  assert.equal(
    broken.message,
    'Cannot read the Docker Hub user "broken": Docker Hub answers with status 418 ("oops")',
  );
});

/**
 * Scenes of registries that are quirky about what they answer.
 *
 * @module
 */

import assert from "node:assert/strict";
import { OCI_INDEX } from "../../lib/oci/media_types.ts";
import { answer, content, DOCKER_IMAGE, IMAGE, INDEX, serveManifest } from "./content.ts";
import { basic, type Handler, json, refusal } from "./scripted_registry.ts";
import { app, failsWith, type Quirk, redirect, TAGS } from "./quirk.ts";

const ghcrRedirect: Quirk = {
  name: "GHCR: a redirect to a web page that is too busy is the page's matter",
  async script(scene) {
    const registry = scene.host("registry");
    const pages = scene.host("pages");
    registry.on("HEAD /v2/app/manifests/1", redirect(`${pages.origin}/x`, 303));
    registry.on(TAGS, () => json({ tags: ["1"] }));
    pages.on(
      "HEAD /x",
      () => new Response(null, { status: 429, headers: { "retry-after": "3600" } }),
    );
    const client = scene.client();
    await assert.rejects(
      client.manifest(app(scene)),
      failsWith("RATE_LIMITED", /leads to "[^"]+", which answers with status 429$/),
    );
    assert.deepEqual((await client.tags(app(scene))).tags, ["1"]);
  },
};

const quay: Quirk = {
  name: "Quay: 50 tags a page, absolute links with next_page, and last is ignored",
  async script(scene) {
    const registry = scene.host("registry");
    const all = Array.from({ length: 120 }, (_, index) => `v${index}`);
    registry.on(TAGS, (request) => {
      const query = new URL(request.url).searchParams;
      const start = Number(query.get("next_page") ?? "0");
      const next = start + 50;
      const link = `<${registry.origin}/v2/app/tags/list?n=50&next_page=${next}>; rel="next"`;
      const headers: Record<string, string> = next < all.length ? { link } : {};
      return json({ name: "app", tags: all.slice(start, next) }, { headers });
    });
    assert.deepEqual((await scene.client().tags(app(scene))).tags, all);
    assert.equal(registry.requests.length, 3);
  },
};

const google: Quirk = {
  name: "Artifact Registry: sizes and dates come with the tags",
  async script(scene) {
    scene.host("registry").on(TAGS, () =>
      json({
        child: ["sub"],
        manifest: {
          [IMAGE.digest]: {
            imageSizeBytes: "31337",
            layerId: "",
            mediaType: IMAGE.mediaType,
            tag: ["1", "latest"],
            timeCreatedMs: "0",
            timeUploadedMs: "1767225600000",
          },
        },
        name: "project/app",
        tags: ["1", "latest"],
      }));
    const { details } = await scene.client().tags(app(scene));
    assert.deepEqual(details.get("latest"), {
      digest: IMAGE.digest,
      sizeBytes: 31337,
      pushed: "2026-01-01T00:00:00.000Z",
    });
  },
};

const strictAccept: Quirk = {
  name: "Docker Hub, GHCR, ACR, Oracle: an index is only for those whose one Accept field names it",
  async script(scene) {
    const registry = scene.host("registry");
    for (const method of ["HEAD", "GET"]) {
      for (const name of ["1", INDEX.digest]) {
        registry.on(`${method} /v2/app/manifests/${name}`, (request, count) => {
          const types = (request.headers.get("accept") ?? "").split(",").map((type) => type.trim());
          return types.includes(OCI_INDEX) ? answer(INDEX)(request, count) : refusal(
            404,
            "MANIFEST_UNKNOWN",
            { message: "OCI index found, but accept header does not support OCI indexes" },
          );
        });
      }
    }
    const { document } = await scene.client().manifest(app(scene));
    assert.equal(document.kind, "index");
  },
};

const strangeForm: Quirk = {
  name: "strict Accept: a form that nobody knows is explained, not called missing",
  async script(scene) {
    const registry = scene.host("registry");
    registry.on("HEAD /v2/app/manifests/1", () => new Response(null, { status: 404 }));
    registry.on("GET /v2/app/manifests/1", () =>
      refusal(404, "MANIFEST_UNKNOWN", {
        message: "Wasm plugin found, but Accept header does not support it",
      }));
    await assert.rejects(
      scene.client().manifest(app(scene)),
      failsWith("NOT_FOUND", /has it, but in none of the forms that Wharf reads \("Wasm/),
    );
  },
};

const oldDistribution: Quirk = {
  name: "old registries: no digest and no content type, in any answer",
  async script(scene) {
    const registry = scene.host("registry");
    const bare: Handler = () => new Response(DOCKER_IMAGE.bytes);
    registry.on("HEAD /v2/app/manifests/1", bare).on("GET /v2/app/manifests/1", bare);
    const { document } = await scene.client().manifest(app(scene));
    assert.equal(document.digest, DOCKER_IMAGE.digest);
    assert.equal(document.mediaType, DOCKER_IMAGE.mediaType);
  },
};

const parameters: Quirk = {
  name: "nginx in front: content types with a charset",
  async script(scene) {
    serveManifest(scene.host("registry"), "app:1", {
      ...INDEX,
      mediaType: `${INDEX.mediaType}; charset=utf-8`,
    });
    const { document } = await scene.client().manifest(app(scene));
    assert.equal(document.mediaType, INDEX.mediaType);
  },
};

const mirrorRedirect: Quirk = {
  name: "registry.k8s.io: every path is redirected, manifests too, and HEAD stays HEAD",
  async script(scene) {
    const registry = scene.host("registry");
    const mirror = scene.host("mirror");
    for (const method of ["HEAD", "GET"]) {
      for (const name of ["1", IMAGE.digest]) {
        const path = `/v2/app/manifests/${name}`;
        registry.on(
          `${method} ${path}`,
          redirect(`${mirror.origin}/v2/images/app/manifests/${name}`, 307),
        );
        mirror.on(`${method} /v2/images/app/manifests/${name}`, answer(IMAGE));
      }
    }
    const { document } = await scene.client().manifest(app(scene));
    assert.equal(document.digest, IMAGE.digest);
    assert.deepEqual(mirror.lines, [
      "HEAD /v2/images/app/manifests/1",
      `GET /v2/images/app/manifests/${IMAGE.digest}`,
    ]);
  },
};

const nullTags: Quirk = {
  name: "distribution: null for the tags of a repository whose tags are all gone",
  async script(scene) {
    scene.host("registry").on(TAGS, () => json({ name: "app", tags: null }));
    assert.deepEqual((await scene.client().tags(app(scene))).tags, []);
  },
};

const noLink: Quirk = {
  name: "older registries: pages without a link",
  async script(scene) {
    const all = Array.from({ length: 1500 }, (_, index) => `t${String(index).padStart(5, "0")}`);
    scene.host("registry").on(TAGS, (request) => {
      const query = new URL(request.url).searchParams;
      const start = all.indexOf(query.get("last") ?? "") + 1;
      return json({ name: "app", tags: all.slice(start, start + Number(query.get("n"))) });
    });
    assert.deepEqual((await scene.client().tags(app(scene))).tags, all);
  },
};

const crossLink: Quirk = {
  name: "a registry that does not know its own name: the next page is not fetched from elsewhere",
  async script(scene) {
    const elsewhere = scene.host("elsewhere");
    scene.login(scene.host("registry").name, { auth: basic("me", "secret") });
    const link = `<${elsewhere.origin}/v2/app/tags/list?page=2>; rel="next"`;
    scene.host("registry").on(TAGS, () => json({ tags: ["1"] }, { headers: { link } }));
    await assert.rejects(
      scene.client().tags(app(scene)),
      failsWith("BAD_RESPONSE", /the next page is on another host/),
    );
    assert.equal(elsewhere.requests.length, 0);
  },
};

const tampered: Quirk = {
  name: "content that does not match its digest is an error, from anybody",
  async script(scene) {
    const registry = scene.host("registry");
    const evil = content("{}", IMAGE.mediaType);
    registry.on("HEAD /v2/app/manifests/1", answer(IMAGE));
    registry.on(
      `GET /v2/app/manifests/${IMAGE.digest}`,
      answer(evil, { "docker-content-digest": IMAGE.digest }),
    );
    await assert.rejects(
      scene.client().manifest(app(scene)),
      failsWith("DIGEST_MISMATCH", /its digest is/),
    );
  },
};

const busy: Quirk = {
  name: "a busy registry: Retry-After is kept by all calls, and errors are shown briefly",
  async script(scene) {
    const registry = scene.host("registry");
    registry.on(TAGS, (_, count) =>
      count === 1
        ? new Response("<html><h1>Slow down</h1></html>", {
          status: 503,
          headers: { "retry-after": "2" },
        })
        : json({ tags: ["1"] }));
    registry.on("GET /v2/", () => new Response("<html><h1>Oh no</h1></html>", { status: 500 }));
    const client = scene.client();
    assert.deepEqual((await client.tags(app(scene))).tags, ["1"]);
    await assert.rejects(client.ping(registry.name), failsWith("UNAVAILABLE", /500 \("Oh no"\)$/));
    assert.equal(registry.lines.filter((line) => line === "GET /v2/").length, 4);
  },
};

/** All of them. */
export const CONTENT_QUIRKS: readonly Quirk[] = [
  ghcrRedirect,
  quay,
  google,
  strictAccept,
  strangeForm,
  oldDistribution,
  parameters,
  mirrorRedirect,
  nullTags,
  noLink,
  crossLink,
  tampered,
  busy,
];

/**
 * What the client asks a registry for, how often, and what it does not believe. The lists of tags
 * and repositories have their own tests.
 *
 * @module
 */

import assert from "node:assert/strict";
import { AppError } from "../../lib/core/errors.ts";
import { digestOf } from "../../lib/oci/digest.ts";
import {
  ACCEPT_MANIFEST,
  DOCKER_SCHEMA1_SIGNED,
  OCI_INDEX,
  OCI_MANIFEST,
} from "../../lib/oci/media_types.ts";
import { parseReference } from "../../lib/oci/reference.ts";
import { FakeClock } from "../fake_clock.ts";
import {
  answer,
  CONFIG,
  content,
  descriptor,
  document,
  IMAGE,
  INDEX,
  serveManifest,
} from "./content.ts";
import { brokenBody, play, refusal } from "./scripted_registry.ts";

const REF = parseReference("registry.test/app:1");
const PINNED = parseReference(`registry.test/app@${IMAGE.digest}`);
const REPOSITORY = { registry: "registry.test", repository: "app" };

function failsWith(code: string, words: RegExp) {
  return (thrown: unknown) => {
    assert.ok(thrown instanceof AppError, String(thrown));
    assert.equal(thrown.code, code, thrown.message);
    assert.match(thrown.message, words);
    return true;
  };
}

Deno.test("manifest() by tag costs a HEAD and a GET, then a HEAD alone", () =>
  play(async (scene) => {
    const registry = scene.host("registry");
    serveManifest(registry, "app:1", IMAGE);
    const client = scene.client();
    const first = await client.manifest(REF);
    assert.deepEqual(registry.lines, [
      "HEAD /v2/app/manifests/1",
      `GET /v2/app/manifests/${IMAGE.digest}`,
    ]);
    assert.equal(first.fromCache, false);
    assert.equal(first.document.digest, IMAGE.digest);
    assert.equal(first.document.mediaType, OCI_MANIFEST);
    assert.equal(first.document.kind, "manifest");
    assert.deepEqual(first.document.bytes, IMAGE.bytes);
    const second = await client.manifest(REF);
    assert.equal(second.fromCache, true);
    assert.deepEqual(second.document, first.document);
    assert.deepEqual(registry.lines.slice(2), ["HEAD /v2/app/manifests/1"]);
    for (const { headers } of registry.requests) {
      assert.equal(headers.get("accept"), ACCEPT_MANIFEST);
      assert.equal(headers.get("accept-encoding"), "identity");
    }
  }));

Deno.test("manifest() by digest costs one GET, then nothing", () =>
  play(async (scene) => {
    serveManifest(scene.host("registry"), "app:1", IMAGE);
    const client = scene.client();
    assert.equal((await client.manifest(PINNED)).fromCache, false);
    assert.equal((await client.manifest(PINNED)).fromCache, true);
    assert.deepEqual(scene.host("registry").lines, [`GET /v2/app/manifests/${IMAGE.digest}`]);
  }));

Deno.test("manifest() fetches anew what is damaged in the cache", () =>
  play(async (scene) => {
    serveManifest(scene.host("registry"), "app:1", IMAGE);
    scene.cache.kept.set(IMAGE.digest, content('{"mediaType":"evil"}').bytes);
    const { document: read, fromCache } = await scene.client().manifest(PINNED);
    assert.equal(fromCache, false);
    assert.deepEqual(read.bytes, IMAGE.bytes);
    assert.deepEqual(scene.cache.kept.get(IMAGE.digest), IMAGE.bytes);
  }));

Deno.test("manifest() sees that a tag has moved", () =>
  play(async (scene) => {
    serveManifest(scene.host("registry"), "app:1", IMAGE);
    const client = scene.client();
    await client.manifest(REF);
    serveManifest(scene.host("registry"), "app:1", INDEX);
    const { document: read } = await client.manifest(REF);
    assert.equal(read.digest, INDEX.digest);
    assert.equal(read.kind, "index");
  }));

Deno.test("manifest() uses the digest of a reference with both, and tells where the tag points", () =>
  play(async (scene) => {
    const both = parseReference(`registry.test/app:1@${IMAGE.digest}`);
    serveManifest(scene.host("registry"), "app:1", IMAGE);
    const client = scene.client();
    assert.equal((await client.manifest(both)).tagDigest, undefined);
    serveManifest(scene.host("registry"), "app:1", INDEX);
    const moved = await client.manifest(both);
    assert.equal(moved.document.digest, IMAGE.digest);
    assert.equal(moved.tagDigest, INDEX.digest);
  }));

Deno.test("manifest() by digest does not fail for a tag that is gone", () =>
  play(async (scene) => {
    const both = parseReference(`registry.test/app:gone@${IMAGE.digest}`);
    serveManifest(scene.host("registry"), "app:1", IMAGE);
    scene.host("registry").on("HEAD /v2/app/manifests/gone", () => refusal(403, "DENIED"));
    const { document: read, tagDigest } = await scene.client().manifest(both);
    assert.deepEqual([read.digest, tagDigest], [IMAGE.digest, undefined]);
  }));

Deno.test("manifest() falls back to GET where HEAD tells no digest", () =>
  play(async (scene) => {
    const registry = scene.host("registry")
      .on("HEAD /v2/app/manifests/1", () => new Response(null))
      .on("GET /v2/app/manifests/1", () => new Response(IMAGE.bytes));
    const { document: read } = await scene.client().manifest(REF);
    assert.equal(read.digest, IMAGE.digest);
    assert.equal(read.mediaType, OCI_MANIFEST);
    assert.deepEqual(registry.lines, ["HEAD /v2/app/manifests/1", "GET /v2/app/manifests/1"]);
  }));

Deno.test("manifest() falls back to GET where HEAD tells garbage for a digest", () =>
  play(async (scene) => {
    scene.host("registry")
      .on("HEAD /v2/app/manifests/1", answer(IMAGE, { "docker-content-digest": "sha256:1234" }))
      .on("GET /v2/app/manifests/1", answer(IMAGE, { "docker-content-digest": "sha256:1234" }));
    assert.equal((await scene.client().manifest(REF)).document.digest, IMAGE.digest);
  }));

for (const status of [400, 404, 405, 406]) {
  Deno.test(`manifest() lets GET explain a HEAD that is answered with ${status}`, () =>
    play(async (scene) => {
      scene.host("registry").on("HEAD /v2/app/manifests/1", () => new Response(null, { status }))
        .on("GET /v2/app/manifests/1", answer(IMAGE));
      assert.equal((await scene.client().manifest(REF)).document.digest, IMAGE.digest);
    }));
}

Deno.test("manifest() believes no digest in a HEAD that is refused", () =>
  play(async (scene) => {
    scene.host("registry").on(
      "HEAD /v2/app/manifests/1",
      () => new Response(null, { status: 404, headers: { "docker-content-digest": INDEX.digest } }),
    ).on("GET /v2/app/manifests/1", answer(IMAGE));
    assert.equal((await scene.client().manifest(REF)).document.digest, IMAGE.digest);
  }));

Deno.test("manifest() verifies the digest that the registry claims for a tag, in its algorithm", () =>
  play(async (scene) => {
    const sha512 = digestOf(IMAGE.bytes, "sha512");
    const serve = (digest: string) =>
      scene.host("registry").on("HEAD /v2/app/manifests/1", () => new Response(null))
        .on("GET /v2/app/manifests/1", answer(IMAGE, { "docker-content-digest": digest }));
    serve(sha512);
    const client = scene.client();
    assert.equal((await client.manifest(REF)).document.digest, sha512);
    serve(INDEX.digest);
    await assert.rejects(
      client.manifest(REF),
      failsWith("DIGEST_MISMATCH", /^Cannot use "registry\.test\/app:1": its digest is sha256:/),
    );
    assert.ok(!scene.cache.kept.has(INDEX.digest));
  }));

Deno.test("manifest() refuses content that is not what its digest says, before it reads it", () =>
  play(async (scene) => {
    const path = `/v2/app/manifests/${IMAGE.digest}`;
    const client = scene.client();
    for (const wrong of [INDEX, content("no JSON")]) {
      // A lying header does not help.
      scene.host("registry").on(
        `GET ${path}`,
        answer(wrong, { "docker-content-digest": IMAGE.digest }),
      );
      await assert.rejects(client.manifest(PINNED), failsWith("DIGEST_MISMATCH", /its digest is/));
    }
    assert.equal(scene.cache.kept.size, 0);
  }));

Deno.test("manifest() pins sha512 references by sha512", () =>
  play(async (scene) => {
    const digest = digestOf(IMAGE.bytes, "sha512");
    scene.host("registry").on(`GET /v2/app/manifests/${digest}`, answer(IMAGE));
    const { document: read } = await scene.client().manifest(
      parseReference(`registry.test/app@${digest}`),
    );
    assert.equal(read.digest, digest);
  }));

Deno.test("manifest() refuses a document that is not what the header says", () =>
  play(async (scene) => {
    serveManifest(scene.host("registry"), "app:1", { ...IMAGE, mediaType: OCI_INDEX });
    await assert.rejects(
      scene.client().manifest(REF),
      failsWith("BAD_RESPONSE", /the registry says "[^"]+index[^"]+", the document "[^"]+manifest/),
    );
  }));

Deno.test("manifest() reads no manifest beyond 8 MiB", () =>
  play(async (scene) => {
    const large = document(
      { mediaType: OCI_MANIFEST, a: "x".repeat(8 * 1024 * 1024) },
      OCI_MANIFEST,
    );
    serveManifest(scene.host("registry"), "app:1", large);
    await assert.rejects(
      scene.client().manifest(REF),
      failsWith("TOO_LARGE", /^Cannot read "registry\.test\/app:1": the answer is larger than/),
    );
  }));

Deno.test("manifest() gets a schema 1 manifest by tag, since only a GET can prove its digest", () =>
  play(async (scene) => {
    const schema1 = document({
      schemaVersion: 1,
      name: "app",
      tag: "1",
      architecture: "amd64",
      fsLayers: [],
      history: [],
    }, DOCKER_SCHEMA1_SIGNED);
    serveManifest(scene.host("registry"), "app:1", schema1);
    const { document: read } = await scene.client().manifest(REF);
    assert.equal(read.kind, "schema1");
    assert.equal(read.digest, schema1.digest);
    assert.deepEqual(scene.host("registry").lines, [
      "HEAD /v2/app/manifests/1",
      "GET /v2/app/manifests/1",
    ]);
  }));

Deno.test("manifest() passes on warnings, each once, and the pull quota", () =>
  play(async (scene) => {
    const headers = {
      warning: '299 - "old base \u001b[31mimage", 299 - "old base \u001b[31mimage"',
      "ratelimit-limit": "100;w=21600",
      "ratelimit-remaining": "76;w=21600",
      "docker-ratelimit-source": "203.0.113.9",
    };
    scene.host("registry").on("HEAD /v2/app/manifests/1", answer(IMAGE, headers))
      .on(`GET /v2/app/manifests/${IMAGE.digest}`, answer(IMAGE, headers));
    const client = scene.client();
    const quota = { limit: 100, remaining: 76, windowSeconds: 21600, source: "203.0.113.9" };
    for (const fromCache of [false, true]) {
      const read = await client.manifest(REF);
      assert.equal(read.fromCache, fromCache);
      assert.deepEqual(read.warnings, ["old base [31mimage"]);
      assert.deepEqual(read.quota, quota);
    }
  }));

Deno.test("manifest() ends at its deadline", async () => {
  const clock = new FakeClock();
  await play(async (scene) => {
    scene.host("registry").on("HEAD /v2/app/manifests/1", () => new Promise(() => {}));
    const failed = assert.rejects(
      scene.client({ timeoutMs: 5000 }).manifest(REF),
      failsWith("TIMEOUT", /5 s/),
    );
    await clock.advance(5000);
    await failed;
    assert.equal(clock.sleeping, 0);
  }, clock);
});

Deno.test("manifest() ends when its caller cancels, also while it looks where the tag points", () =>
  play(async (scene) => {
    const both = parseReference(`registry.test/app:1@${IMAGE.digest}`);
    serveManifest(scene.host("registry"), "app:1", IMAGE);
    const controller = new AbortController();
    scene.host("registry").on("HEAD /v2/app/manifests/1", () => {
      controller.abort();
      return new Promise(() => {});
    });
    await assert.rejects(
      scene.client().manifest(both, { signal: controller.signal }),
      failsWith("CANCELLED", /cancelled/),
    );
  }));

const BLOB = `/v2/app/blobs/${CONFIG.digest}`;

Deno.test("blob() reads a blob once and keeps it", () =>
  play(async (scene) => {
    scene.host("registry").on(`GET ${BLOB}`, answer(CONFIG));
    const client = scene.client();
    for (let call = 0; call < 2; call++) {
      assert.deepEqual(await client.blob(REPOSITORY, descriptor(CONFIG)), CONFIG.bytes);
    }
    assert.deepEqual(scene.host("registry").lines, [`GET ${BLOB}`]);
  }));

Deno.test("blob() uses content inside the descriptor when it is right, and only then", () =>
  play(async (scene) => {
    scene.host("registry").on(`GET ${BLOB}`, answer(CONFIG));
    const client = scene.client();
    const data = btoa(new TextDecoder().decode(CONFIG.bytes));
    const right = await client.blob(REPOSITORY, { ...descriptor(CONFIG), data });
    assert.deepEqual(right, CONFIG.bytes);
    assert.equal(scene.host("registry").requests.length, 0);
    for (const wrong of [btoa("evil"), "%%%", ""]) {
      scene.cache.kept.clear();
      const read = await client.blob(REPOSITORY, { ...descriptor(CONFIG), data: wrong });
      assert.deepEqual(read, CONFIG.bytes);
    }
    assert.equal(scene.host("registry").requests.length, 3);
    // Right content under a wrong size is not what was described.
    await assert.rejects(
      client.blob(REPOSITORY, { ...descriptor(CONFIG), size: 1, data }, {}),
      failsWith("BAD_RESPONSE", /but 1 were promised/),
    );
  }));

Deno.test("blob() never goes to the foreign addresses of a descriptor", () =>
  play(async (scene) => {
    scene.host("registry").on(`GET ${BLOB}`, () => refusal(404, "BLOB_UNKNOWN"));
    const urls = ["https://foreign.test/blob"];
    await assert.rejects(
      scene.client().blob(REPOSITORY, { ...descriptor(CONFIG), urls }),
      failsWith("NOT_FOUND", /does not have it/),
    );
  }));

Deno.test("blob() refuses a blob that is short, long, or another one", () =>
  play(async (scene) => {
    const { bytes, digest } = CONFIG;
    const client = scene.client();
    const other = bytes.slice().fill(0x20);
    const longer = new Uint8Array([...bytes, 10]);
    for (
      const [wrong, code, words] of [
        [bytes.slice(1), "BAD_RESPONSE", /has \d+ bytes, but \d+ were promised$/],
        [longer, "BAD_RESPONSE", /has \d+ bytes, but \d+ were promised$/],
        [other, "DIGEST_MISMATCH", /^Cannot use blob "sha256:/],
      ] as const
    ) {
      scene.host("registry").on(`GET ${BLOB}`, () => new Response(wrong));
      await assert.rejects(
        client.blob(REPOSITORY, descriptor(CONFIG)),
        failsWith(code, words),
      );
      assert.ok(!scene.cache.kept.has(digest));
    }
  }));

Deno.test("blob() tries again when the connection breaks in the middle", () =>
  play(async (scene) => {
    scene.host("registry").on(
      `GET ${BLOB}`,
      (request, count) =>
        count === 1 ? brokenBody(CONFIG.bytes.slice(0, 9), {}) : answer(CONFIG)(request, count),
    );
    assert.deepEqual(await scene.client().blob(REPOSITORY, descriptor(CONFIG)), CONFIG.bytes);
  }));

Deno.test("blob() asks for nothing over 8 MiB, and stops reading what claims to be less", () =>
  play(async (scene) => {
    const client = scene.client();
    const size = 8 * 1024 * 1024 + 1;
    await assert.rejects(
      client.blob(REPOSITORY, { ...descriptor(CONFIG), size }),
      failsWith("TOO_LARGE", /it has 8388609 bytes$/),
    );
    assert.equal(scene.host("registry").requests.length, 0);
    scene.host("registry").on(`GET ${BLOB}`, () => new Response(new Uint8Array(size)));
    await assert.rejects(
      client.blob(REPOSITORY, descriptor(CONFIG)),
      failsWith("TOO_LARGE", /is larger than 8388608 bytes$/),
    );
  }));

Deno.test("blob() keeps nothing over 4 MiB", () =>
  play(async (scene) => {
    const large = content("x".repeat(4 * 1024 * 1024 + 1));
    scene.host("registry").on(`GET /v2/app/blobs/${large.digest}`, answer(large));
    await scene.client().blob(REPOSITORY, descriptor(large));
    assert.equal(scene.cache.kept.size, 0);
  }));

Deno.test("blob() fetches anew what is damaged in the cache", () =>
  play(async (scene) => {
    scene.host("registry").on(`GET ${BLOB}`, answer(CONFIG));
    scene.cache.kept.set(CONFIG.digest, content("evil").bytes);
    assert.deepEqual(
      await scene.client().blob(REPOSITORY, descriptor(CONFIG)),
      CONFIG.bytes,
    );
  }));

/**
 * Manifests as registries have them: all forms, tolerant of what is left out, strict on digests.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { AppError } from "../../lib/core/errors.ts";
import { digestOf } from "../../lib/oci/digest.ts";
import { readManifest } from "../../lib/oci/manifest.ts";
import {
  ACCEPT_MANIFEST,
  bareMediaType,
  DOCKER_LIST,
  DOCKER_MANIFEST,
  DOCKER_SCHEMA1,
  DOCKER_SCHEMA1_SIGNED,
  kindOf,
  OCI_ARTIFACT,
  OCI_INDEX,
  OCI_MANIFEST,
} from "../../lib/oci/media_types.ts";
import { CONFIG, content, descriptor, document, IMAGE, INDEX, LAYER } from "./content.ts";

const WHAT = '"registry.test/app:1"';

function read(value: unknown, contentType = "") {
  const { bytes } = document(value, "");
  return readManifest(bytes, { contentType, what: WHAT, expected: undefined });
}

function rejects(value: unknown, words: RegExp, contentType = ""): void {
  assert.throws(() => read(value, contentType), (thrown) => {
    assert.ok(thrown instanceof AppError, String(thrown));
    assert.equal(thrown.code, "BAD_RESPONSE");
    assert.match(thrown.message, words);
    return true;
  });
}

Deno.test("readManifest() reads an image with config and layers", () => {
  const { bytes, digest } = IMAGE;
  const read = readManifest(bytes, { contentType: OCI_MANIFEST, what: WHAT, expected: digest });
  assert.ok(read.kind === "manifest");
  assert.equal(read.image.config?.digest, CONFIG.digest);
  assert.deepEqual(read.image.layers.map(({ digest }) => digest), [LAYER.digest]);
  assert.equal(read.digest, digest);
  assert.equal(read.bytes, bytes);
});

Deno.test("readManifest() reads an index with platforms, and keeps fields that it knows", () => {
  const entry = {
    ...descriptor(IMAGE),
    platform: {
      os: "windows",
      architecture: "amd64",
      "os.version": "10.0.17763.1",
      "os.features": ["win32k"],
      variant: "",
    },
    annotations: { a: "b" },
    artifactType: "x/y",
    urls: ["https://foreign.test"],
    data: "e30=",
  };
  const value = {
    mediaType: OCI_INDEX,
    manifests: [entry],
    subject: descriptor(IMAGE),
    annotations: { c: "d" },
    artifactType: "z/z",
    custom: { deep: [1] },
  };
  const body = read(value);
  assert.ok(body.kind === "index");
  assert.deepEqual(JSON.parse(JSON.stringify(body.index)), {
    manifests: [{
      ...entry,
      platform: {
        os: "windows",
        architecture: "amd64",
        osVersion: "10.0.17763.1",
        osFeatures: ["win32k"],
      },
    }],
    subject: descriptor(IMAGE),
    annotations: { c: "d" },
    artifactType: "z/z",
  });
});

Deno.test("readManifest() tells what a document is by what it holds", () => {
  const image = { config: descriptor(CONFIG), layers: [] };
  const schema1 = { schemaVersion: 1, fsLayers: [], history: [] };
  const cases: readonly [value: unknown, mediaType: string][] = [
    [{ schemaVersion: 2, manifests: [] }, OCI_INDEX],
    [{ schemaVersion: 2, ...image }, OCI_MANIFEST],
    [{ layers: [] }, OCI_MANIFEST],
    [schema1, DOCKER_SCHEMA1],
    [{ ...schema1, signatures: [] }, DOCKER_SCHEMA1_SIGNED],
    [{ blobs: [descriptor(LAYER)] }, OCI_ARTIFACT],
    [{ mediaType: DOCKER_LIST, manifests: null }, DOCKER_LIST],
    [{ mediaType: DOCKER_MANIFEST, ...image }, DOCKER_MANIFEST],
    [{ mediaType: "", ...image }, OCI_MANIFEST],
  ];
  for (const [value, mediaType] of cases) {
    for (const vague of ["", "application/json", "application/octet-stream", "text/plain"]) {
      assert.equal(read(value, vague).mediaType, mediaType, JSON.stringify(value));
    }
  }
});

Deno.test("readManifest() follows the header where the document says nothing", () => {
  const value = { config: descriptor(CONFIG), layers: [] };
  assert.equal(read(value, DOCKER_MANIFEST).mediaType, DOCKER_MANIFEST);
});

Deno.test("readManifest() takes both names of schema 1 for each other", () => {
  const schema1 = { schemaVersion: 1, mediaType: DOCKER_SCHEMA1, fsLayers: [], history: [] };
  assert.equal(read(schema1, DOCKER_SCHEMA1_SIGNED).kind, "schema1");
});

Deno.test("readManifest() refuses a document that says something else than the header", () => {
  rejects({ mediaType: OCI_INDEX, manifests: [] }, /the registry says/, OCI_MANIFEST);
  rejects({ mediaType: OCI_MANIFEST, layers: [] }, /the registry says/, "text/html");
  rejects({ mediaType: OCI_MANIFEST, layers: [] }, /the registry says/, DOCKER_SCHEMA1);
});

Deno.test("readManifest() refuses what is no manifest", () => {
  for (const value of [{}, [], null, 1, "text", { errors: [] }, { schemaVersion: 2 }]) {
    rejects(value, /no manifest of a known form$/);
  }
  rejects({ mediaType: "application/x-evil", layers: [] }, /no manifest of a known form$/);
  rejects({ a: 1 }, /no manifest of a known form$/, "text/html");
  const html = content("<html>").bytes;
  assert.throws(() => readManifest(html, { contentType: "", what: WHAT, expected: undefined }), {
    code: "BAD_RESPONSE",
    message: `Cannot read ${WHAT}: it is not valid JSON`,
  });
});

Deno.test("readManifest() names the part that is broken", () => {
  const good = descriptor(CONFIG);
  rejects({ config: { ...good, digest: "sha256:12" }, layers: [] }, /its part "config.digest" has/);
  rejects({ layers: [good, { ...good, size: -1 }] }, /its part "layers.1.size" has/);
  rejects({ manifests: [{ ...good, size: "9" }] }, /its part "manifests.0.size" has/);
  rejects({ schemaVersion: 1 }, /its part "fsLayers" has/);
});

Deno.test("readManifest() goes on without what is not essential", () => {
  const odd = {
    config: null,
    layers: [{ ...descriptor(LAYER), mediaType: 5, annotations: { a: 1 }, platform: 7, urls: "x" }],
    annotations: ["x"],
    subject: { digest: "broken" },
    artifactType: 1,
  };
  const body = read(odd);
  assert.ok(body.kind === "manifest");
  assert.deepEqual(JSON.parse(JSON.stringify(body.image)), {
    layers: [{ mediaType: "", digest: LAYER.digest, size: LAYER.bytes.byteLength }],
  });
  const empty = read({ manifests: [{ ...descriptor(IMAGE), platform: {} }] });
  assert.ok(empty.kind === "index");
  assert.equal(empty.index.manifests[0]?.platform, undefined);
});

Deno.test("readManifest() reads the dropped artifact manifest's blobs as layers", () => {
  const body = read({ mediaType: OCI_ARTIFACT, artifactType: "x/y", blobs: [descriptor(LAYER)] });
  assert.ok(body.kind === "manifest");
  assert.equal(body.image.layers.length, 1);
  assert.equal(body.image.config, undefined);
});

Deno.test("readManifest() verifies sha256 and sha512 before it reads", () => {
  const sha512 = digestOf(INDEX.bytes, "sha512");
  const options = { contentType: OCI_INDEX, what: WHAT };
  assert.equal(readManifest(INDEX.bytes, { ...options, expected: sha512 }).digest, sha512);
  for (const expected of [IMAGE.digest, digestOf(IMAGE.bytes, "sha512")]) {
    const broken = content("{{{");
    for (const { bytes } of [INDEX, broken]) {
      assert.throws(() => readManifest(bytes, { ...options, expected }), {
        code: "DIGEST_MISMATCH",
      });
    }
  }
});

const base64Url = (text: string) =>
  btoa(text).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");

/** Signs as Docker's libtrust does: `protected` tells where the signatures were put in. */
function sign(payload: string, more = ""): Uint8Array<ArrayBuffer> {
  const tail = "\n}";
  const head = payload.slice(0, -tail.length);
  const words = { formatLength: head.length, formatTail: base64Url(tail), time: "2016-01-01" };
  const signature = { header: {}, signature: "s", protected: base64Url(JSON.stringify(words)) };
  return content(`${head},${more}\n"signatures":[${JSON.stringify(signature)}]\n}`).bytes;
}

const PAYLOAD = JSON.stringify(
  {
    schemaVersion: 1,
    name: "app",
    architecture: "arm64",
    fsLayers: [{ blobSum: LAYER.digest }],
    history: [{ v1Compatibility: "{}" }],
  },
  null,
  3,
);

Deno.test("readManifest() verifies a signed schema 1 manifest by what is signed", () => {
  const { digest, bytes } = content(PAYLOAD);
  const options = { contentType: DOCKER_SCHEMA1_SIGNED, what: WHAT };
  for (const expected of [digest, undefined]) {
    const read = readManifest(sign(PAYLOAD), { ...options, expected });
    assert.ok(read.kind === "schema1");
    assert.equal(read.digest, digest);
    assert.equal(read.schema1.architecture, "arm64");
    assert.deepEqual(read.bytes, bytes);
  }
  assert.throws(() => readManifest(sign(PAYLOAD), { ...options, expected: IMAGE.digest }), {
    code: "DIGEST_MISMATCH",
  });
});

Deno.test("readManifest() believes nothing that stands outside of what is signed", () => {
  const { digest } = content(PAYLOAD);
  // JSON lets the last of two equal names win, so this would replace the signed layers.
  const forged = sign(PAYLOAD, '"fsLayers":[{"blobSum":"evil"}],');
  assert.match(new TextDecoder().decode(forged), /evil/);
  const read = readManifest(forged, {
    contentType: DOCKER_SCHEMA1_SIGNED,
    what: WHAT,
    expected: digest,
  });
  assert.ok(read.kind === "schema1");
  assert.deepEqual(read.schema1.fsLayers, [{ blobSum: LAYER.digest }]);
  assert.doesNotMatch(new TextDecoder().decode(read.bytes), /evil/);
});

Deno.test("readManifest() treats broken signatures as content", () => {
  for (const words of ["%", base64Url("{}"), base64Url('{"formatLength":99999,"formatTail":""}')]) {
    const value = {
      schemaVersion: 1,
      fsLayers: [],
      history: [],
      signatures: [{ protected: words }],
    };
    const { bytes, digest } = document(value, "");
    const read = readManifest(bytes, {
      contentType: DOCKER_SCHEMA1_SIGNED,
      what: WHAT,
      expected: undefined,
    });
    assert.equal(read.digest, digest);
  }
});

Deno.test("readManifest() throws nothing but AppError, and its bytes always hash to its digest", () => {
  const kinds = fc.constantFrom("", OCI_INDEX, OCI_MANIFEST, DOCKER_SCHEMA1_SIGNED, "text/html");
  const keys = fc.constantFrom("mediaType", "manifests", "layers", "config", "schemaVersion", "x");
  const value = fc.dictionary(keys, fc.jsonValue({ maxDepth: 3 }), { noNullPrototype: true });
  fc.assert(
    fc.property(value, kinds, (value, contentType) => {
      const { bytes } = document(value, "");
      try {
        const read = readManifest(bytes, { contentType, what: WHAT, expected: undefined });
        assert.equal(digestOf(read.bytes), read.digest);
      } catch (thrown) {
        assert.ok(thrown instanceof AppError, String(thrown));
      }
    }),
    { seed: 7, numRuns: 500 },
  );
});

Deno.test("ACCEPT_MANIFEST names every kind in one field, OCI's first", () => {
  const types = ACCEPT_MANIFEST.split(", ");
  assert.deepEqual(types.slice(0, 2), [OCI_INDEX, OCI_MANIFEST]);
  assert.deepEqual(new Set(types.map(kindOf)), new Set(["index", "manifest", "schema1"]));
  assert.equal(types.length, 7);
});

Deno.test("bareMediaType() drops parameters, blanks and case", () => {
  assert.equal(bareMediaType(` ${OCI_INDEX.toUpperCase()} ; charset=utf-8`), OCI_INDEX);
  assert.equal(bareMediaType(null), "");
  assert.equal(bareMediaType(";"), "");
});

/**
 * Tests of lib/oci/image_info.ts, lib/oci/image_children.ts and lib/oci/artifact.ts, from the
 * client's requests to the answer. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { AppError } from "../../lib/core/errors.ts";
import { inspectImage } from "../../lib/oci/image_info.ts";
import type { Descriptor } from "../../lib/oci/manifest.ts";
import {
  DOCKER_LIST,
  DOCKER_MANIFEST,
  DOCKER_SCHEMA1,
  OCI_ARTIFACT,
  OCI_EMPTY,
  OCI_INDEX,
  OCI_MANIFEST,
} from "../../lib/oci/media_types.ts";
import { parsePlatform } from "../../lib/oci/platform.ts";
import { parseReference } from "../../lib/oci/reference.ts";
import { Shelf } from "./shelf.ts";

const OCI_CONFIG = "application/vnd.oci.image.config.v1+json";
const OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip";
const DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json";
const DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip";

/** Layers of these sizes; their content is never read. */
function layersOf(sizes: readonly number[], mediaType = OCI_LAYER): readonly Descriptor[] {
  const shelf = new Shelf();
  return sizes.map((size) => ({ ...shelf.put(mediaType, { size }), size }));
}

interface ImageOptions {
  readonly config?: Readonly<Record<string, unknown>>;
  readonly sizes?: readonly number[];
  readonly manifest?: Readonly<Record<string, unknown>>;
}

/** Puts an image on the shelf. */
function putImage(shelf: Shelf, options: ImageOptions = {}): Descriptor {
  const config = shelf.put(OCI_CONFIG, { os: "linux", architecture: "amd64", ...options.config });
  return shelf.put(OCI_MANIFEST, {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config,
    layers: layersOf(options.sizes ?? [100]),
    ...options.manifest,
  });
}

function putIndex(shelf: Shelf, manifests: readonly unknown[], more = {}): Descriptor {
  return shelf.put(OCI_INDEX, { schemaVersion: 2, mediaType: OCI_INDEX, manifests, ...more });
}

const LINUX = { os: "linux", architecture: "amd64" };
const ARM = { os: "linux", architecture: "arm64", variant: "v8" };

async function failureOf(work: Promise<unknown>): Promise<AppError> {
  try {
    await work;
  } catch (thrown) {
    if (thrown instanceof AppError) return thrown;
    throw thrown;
  }
  return assert.fail("it did not fail");
}

Deno.test("inspectImage() describes an index with its platforms and details of one", async () => {
  const shelf = new Shelf();
  const amd64 = putImage(shelf, {
    sizes: [1000, 200],
    config: {
      created: "2024-09-06T22:20:07Z",
      config: {
        User: "nobody",
        Entrypoint: ["/entry"],
        Cmd: ["serve", "--all"],
        WorkingDir: "/srv",
        StopSignal: "SIGQUIT",
        ExposedPorts: { "80/tcp": {}, "443/tcp": {} },
        Volumes: { "/data": {} },
        Env: ["PATH=/usr/bin", "TOKEN=hunter2"],
        Labels: { "org.opencontainers.image.title": "app\u202E" },
        Healthcheck: { Test: ["CMD", "true"] },
      },
      history: [
        { created_by: "ADD rootfs / # buildkit" },
        { created_by: "ENV TOKEN=hunter2", empty_layer: true },
        { created_by: "RUN /bin/sh -c make # buildkit" },
      ],
    },
  });
  const arm64 = putImage(shelf, { config: { architecture: "arm64", variant: "v8" }, sizes: [7] });
  const attestation = shelf.put(OCI_MANIFEST, { schemaVersion: 2, layers: [] });
  const index = putIndex(shelf, [
    { ...arm64, platform: ARM },
    { ...amd64, platform: LINUX },
    {
      ...attestation,
      platform: { os: "unknown", architecture: "unknown" },
      annotations: {
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": amd64.digest,
      },
    },
  ], { annotations: { "org.opencontainers.image.version": "1.2" } });
  shelf.header("ratelimit-limit", "100;w=21600");
  shelf.header("ratelimit-remaining", "76;w=21600");
  shelf.header("warning", '299 - "soon to be deprecated"');

  const info = await inspectImage(shelf.client, shelf.tag("1", index));
  const layers = layersOf([1000, 200]);
  assert.deepEqual(info, {
    reference: "r.example/app:1",
    pinned: `r.example/app@${index.digest}`,
    digest: index.digest,
    digest_of: "index",
    media_type: OCI_INDEX,
    kind: "image",
    annotations: { "org.opencontainers.image.version": "1.2" },
    pull_quota: { limit: 100, remaining: 76, windowSeconds: 21600 },
    platforms: [
      { platform: "linux/arm64", digest: arm64.digest, size_bytes: 7, layers: 1 },
      {
        platform: "linux/amd64",
        digest: amd64.digest,
        size_bytes: 1200,
        layers: 2,
        created: "2024-09-06T22:20:07Z",
      },
    ],
    attestations: 1,
    selected: {
      platform: "linux/amd64",
      digest: amd64.digest,
      user: "nobody",
      entrypoint: ["/entry"],
      cmd: ["serve", "--all"],
      working_dir: "/srv",
      stop_signal: "SIGQUIT",
      healthcheck: ["CMD", "true"],
      ports: ["80/tcp", "443/tcp"],
      volumes: ["/data"],
      env_names: ["PATH", "TOKEN"],
      labels: { "org.opencontainers.image.title": "app" },
      history: [
        { instruction: "ADD rootfs /", size_bytes: 1000, layer: layers[0]?.digest },
        { instruction: "ENV TOKEN=…" },
        { instruction: "RUN make", size_bytes: 200, layer: layers[1]?.digest },
      ],
    },
    warnings: ["soon to be deprecated"],
    notes: [],
  });
  assert.ok(!JSON.stringify(info).includes("hunter2"));
  // The attestation and the layers were not asked for.
  const asked = shelf.net.requests.map(({ url }) => url.pathname);
  assert.ok(!asked.some((path) => path.includes(attestation.digest)));
  assert.ok(!asked.some((path) => path.includes(layers[0]?.digest ?? "-")));
});

Deno.test("inspectImage() describes a single image by its config's platform", async () => {
  const shelf = new Shelf();
  const image = putImage(shelf, { config: { architecture: "arm", variant: "v6" } });
  const info = await inspectImage(shelf.client, shelf.tag("1", image));
  assert.deepEqual([info.digest_of, info.kind, info.digest], ["manifest", "image", image.digest]);
  assert.deepEqual(info.platforms, [
    { platform: "linux/arm/v6", digest: image.digest, size_bytes: 100, layers: 1 },
  ]);
  assert.equal(info.selected?.platform, "linux/arm/v6");
  assert.equal(info.selected?.history[0]?.instruction, "(the image has no history)");
});

Deno.test("inspectImage() describes Docker's list and schema 2", async () => {
  const shelf = new Shelf();
  const config = shelf.put(DOCKER_CONFIG, { os: "windows", architecture: "amd64" });
  const image = shelf.put(DOCKER_MANIFEST, {
    schemaVersion: 2,
    mediaType: DOCKER_MANIFEST,
    config,
    layers: layersOf([5, 6], DOCKER_LAYER),
  });
  const list = shelf.put(DOCKER_LIST, {
    schemaVersion: 2,
    mediaType: DOCKER_LIST,
    manifests: [{
      ...image,
      platform: { os: "windows", architecture: "amd64", "os.version": "10.0.20348.2700" },
    }],
  });
  const info = await inspectImage(shelf.client, shelf.tag("1", list));
  assert.equal(info.media_type, DOCKER_LIST);
  assert.deepEqual(info.platforms, [{
    platform: "windows/amd64",
    os_version: "10.0.20348.2700",
    digest: image.digest,
    size_bytes: 11,
    layers: 2,
  }]);
  // Never the host's platform: the only one there is.
  assert.equal(info.selected?.platform, "windows/amd64");
});

Deno.test("inspectImage() takes old configs of a vague type for those of images", async () => {
  const shelf = new Shelf();
  const config = shelf.put("application/octet-stream", { os: "linux", architecture: "386" });
  const manifest = { schemaVersion: 2, config, layers: layersOf([1], DOCKER_LAYER) };
  const info = await inspectImage(
    shelf.client,
    shelf.tag("1", shelf.put(DOCKER_MANIFEST, manifest)),
  );
  assert.deepEqual([info.kind, info.platforms[0]?.platform], ["image", "linux/386"]);
});

Deno.test("inspectImage() shows the platform that is asked for, else names those that exist", async () => {
  const shelf = new Shelf();
  const amd64 = putImage(shelf);
  const armV6 = putImage(shelf, { config: { architecture: "arm", variant: "v6" } });
  const server = putImage(shelf, { config: { os: "windows" } });
  const index = putIndex(shelf, [
    { ...amd64, platform: LINUX },
    { ...armV6, platform: { os: "linux", architecture: "arm", variant: "v6" } },
    {
      ...server,
      platform: { os: "windows", architecture: "amd64", "os.version": "10.0.20348.1" },
    },
  ]);
  const reference = shelf.tag("1", index);
  const chosen = async (platform: string) =>
    (await inspectImage(shelf.client, reference, { platform: parsePlatform(platform) })).selected
      ?.digest;
  assert.equal(await chosen("linux/arm/v7"), armV6.digest);
  assert.equal(await chosen("windows/amd64:10.0.20348.999"), server.digest);
  for (const wanted of ["linux/s390x", "windows/amd64:10.0.17763"]) {
    const error = await failureOf(chosen(wanted));
    assert.equal(error.code, "NOT_FOUND");
    assert.equal(
      error.message,
      `Cannot find platform "${wanted}" in "r.example/app:1": the image is not made for it`,
    );
    const existing = "linux/amd64, linux/arm/v6, windows/amd64:10.0.20348.1";
    assert.equal(error.hint, `Choose from ${existing}`);
    assert.deepEqual(error.details?.["platforms"], existing.split(", "));
  }
  const empty = shelf.tag("empty", putIndex(shelf, []));
  const error = await failureOf(
    inspectImage(shelf.client, empty, { platform: parsePlatform("amd64") }),
  );
  assert.match(error.hint ?? "", /no platform at all/);
});

Deno.test("inspectImage() reads the platform of an entry that tells none from its config", async () => {
  const shelf = new Shelf();
  const image = putImage(shelf, {
    config: { os: "windows", architecture: "amd64", "os.version": "10.0.1.2" },
  });
  const info = await inspectImage(shelf.client, shelf.tag("1", putIndex(shelf, [image])));
  assert.deepEqual(
    [info.platforms[0]?.platform, info.platforms[0]?.os_version],
    ["windows/amd64", "10.0.1.2"],
  );
});

Deno.test("inspectImage() notes what a sparse index lacks, and shows a platform that is there", async () => {
  const shelf = new Shelf();
  const [amd64, arm64] = [putImage(shelf), putImage(shelf, { config: ARM })];
  const index = putIndex(shelf, [{ ...amd64, platform: LINUX }, { ...arm64, platform: ARM }]);
  shelf.drop(amd64.digest);
  const info = await inspectImage(shelf.client, shelf.tag("1", index));
  assert.deepEqual(info.platforms, [
    { platform: "linux/amd64", digest: amd64.digest },
    { platform: "linux/arm64", digest: arm64.digest, size_bytes: 100, layers: 1 },
  ]);
  assert.equal(info.selected?.platform, "linux/arm64");
  assert.equal(info.notes.length, 1);
  assert.match(info.notes[0] ?? "", new RegExp(`^${amd64.digest} cannot be read: Cannot read`));
});

Deno.test("inspectImage() sums up when many entries cannot be read", async () => {
  const shelf = new Shelf();
  const images = ["a", "b", "c", "d", "e"].map((variant) => {
    const platform = { os: "linux", architecture: "mips", variant };
    const image = putImage(shelf, { config: platform });
    shelf.drop(image.digest);
    return { ...image, platform };
  });
  const info = await inspectImage(shelf.client, shelf.tag("1", putIndex(shelf, images)));
  assert.equal(info.platforms.length, 5);
  assert.equal(info.notes.length, 4);
  assert.equal(info.notes[3], "2 more cannot be read");
  assert.deepEqual(info.selected, {
    platform: "linux/mips/a",
    digest: images[0]?.digest,
    history: [],
  });
});

Deno.test("inspectImage() goes on without a config that is missing or broken", async () => {
  const shelf = new Shelf();
  const missing = shelf.put(OCI_CONFIG, { gone: true });
  shelf.drop(missing.digest);
  const broken = shelf.put(OCI_CONFIG, ["no", "config"]);
  for (const config of [missing, broken]) {
    const image = putImage(shelf, { manifest: { config } });
    const info = await inspectImage(shelf.client, shelf.tag("1", image));
    assert.deepEqual(info.platforms, [
      { platform: "unknown", digest: image.digest, size_bytes: 100, layers: 1 },
    ]);
    assert.match(info.notes[0] ?? "", /^The config of sha256:[a-f0-9]+ cannot be read: /);
  }
  // In an index the platform is known all the same.
  const child = putImage(shelf, { manifest: { config: missing } });
  const index = putIndex(shelf, [{ ...child, platform: ARM }]);
  const info = await inspectImage(shelf.client, shelf.tag("1", index));
  assert.deepEqual(info.platforms, [
    { platform: "linux/arm64", digest: child.digest, size_bytes: 100, layers: 1 },
  ]);
});

Deno.test("inspectImage() fails when a part does not match its digest", async () => {
  for (const part of ["manifest", "config"] as const) {
    const shelf = new Shelf();
    const config = shelf.put(OCI_CONFIG, LINUX);
    const image = putImage(shelf, { manifest: { config } });
    const index = putIndex(shelf, [{ ...image, platform: LINUX }]);
    shelf.corrupt(part === "manifest" ? image.digest : config.digest);
    const error = await failureOf(inspectImage(shelf.client, shelf.tag("1", index)));
    assert.equal(error.code, "DIGEST_MISMATCH", part);
  }
});

Deno.test("inspectImage() fails when it is cancelled", async () => {
  const shelf = new Shelf();
  const reference = shelf.tag("1", putIndex(shelf, [{ ...putImage(shelf), platform: LINUX }]));
  const cancel = new AbortController();
  const client = {
    manifest: shelf.client.manifest.bind(shelf.client),
    blob: (...call: Parameters<typeof shelf.client.blob>) => {
      cancel.abort();
      return shelf.client.blob(...call);
    },
  };
  const error = await failureOf(inspectImage(client, reference, { signal: cancel.signal }));
  assert.equal(error.code, "CANCELLED");
});

Deno.test("inspectImage() reads indexes inside of an index, down to a bound", async () => {
  const shelf = new Shelf();
  const arm64 = putImage(shelf, { config: ARM });
  const attested = {
    ...shelf.put(OCI_MANIFEST, { schemaVersion: 2, layers: [] }),
    annotations: { "vnd.docker.reference.type": "attestation-manifest" },
  };
  const inner = putIndex(shelf, [{ ...arm64, platform: ARM }, attested]);
  const amd64 = putImage(shelf);
  const outer = putIndex(shelf, [inner, { ...amd64, platform: LINUX }]);
  const info = await inspectImage(shelf.client, shelf.tag("1", outer));
  assert.deepEqual(info.platforms.map(({ platform }) => platform), ["linux/arm64", "linux/amd64"]);
  assert.equal(info.attestations, 1);
  assert.deepEqual(info.notes, []);

  let deep = inner;
  for (let depth = 0; depth < 4; depth++) deep = putIndex(shelf, [deep]);
  const bounded = await inspectImage(shelf.client, shelf.tag("2", deep));
  assert.deepEqual(bounded.platforms, []);
  assert.match(bounded.notes[0] ?? "", /^sha256:[a-f0-9]{64} is an index inside of 3 others$/);
});

Deno.test("inspectImage() bounds what it shows and says how much is left out", async () => {
  const shelf = new Shelf();
  const many = (count: number, prefix: string) =>
    Array.from({ length: count }, (_, index) => `${prefix}${index}`);
  const image = putImage(shelf, {
    config: {
      config: {
        Env: many(61, "NAME=").map((text) => text.split("=").reverse().join("=")),
        Labels: Object.fromEntries(many(65, "label").map((key) => [key, "x".repeat(1000)])),
      },
      history: many(103, "RUN step").map((text) => ({ created_by: text, empty_layer: true })),
    },
    manifest: { annotations: Object.fromEntries(many(62, "key").map((key) => [key, "v"])) },
    sizes: [],
  });
  const entries = Array.from({ length: 70 }, () => ({ ...image, platform: LINUX }));
  const single = await inspectImage(shelf.client, shelf.tag("1", image));
  assert.deepEqual(single.notes, [
    "2 more of annotations are not shown",
    "1 more of env_names are not shown",
    "5 more of labels are not shown",
    "3 more of history are not shown",
  ]);
  assert.equal(Object.keys(single.annotations ?? {}).length, 60);
  assert.equal(single.selected?.env_names?.length, 60);
  assert.equal(single.selected?.history.length, 100);
  assert.equal(single.selected?.labels?.["label0"]?.length, 300);
  const index = await inspectImage(shelf.client, shelf.tag("2", putIndex(shelf, entries)));
  assert.equal(index.platforms.length, 64);
  assert.ok(index.notes.includes("6 more entries of the index are not shown"));
});

Deno.test("inspectImage() says when the history does not fit the layers", async () => {
  const shelf = new Shelf();
  const image = putImage(shelf, {
    config: { history: [{ created_by: "a" }, { created_by: "b" }] },
  });
  const info = await inspectImage(shelf.client, shelf.tag("1", image));
  assert.match(info.notes[0] ?? "", /^The history tells of 2 layers, the manifest has 1/);
});

Deno.test("inspectImage() reports a tag that has moved from the digest beside it", async () => {
  const shelf = new Shelf();
  const [old, fresh] = [putImage(shelf), putImage(shelf, { sizes: [1] })];
  shelf.tag("1", fresh);
  const moved = await inspectImage(
    shelf.client,
    parseReference(`r.example/app:1@${old.digest}`),
  );
  assert.deepEqual([moved.digest, moved.tag_moved_to], [old.digest, fresh.digest]);
  const same = await inspectImage(
    shelf.client,
    parseReference(`r.example/app:1@${fresh.digest}`),
  );
  assert.ok(!("tag_moved_to" in same));
  assert.equal(same.pinned, `r.example/app@${fresh.digest}`);
});

Deno.test("inspectImage() describes a Helm chart", async () => {
  const shelf = new Shelf();
  const config = shelf.put("application/vnd.cncf.helm.config.v1+json", {
    name: "nginx",
    version: "18.2.0",
    appVersion: "1.27.1",
    description: "A chart\u202E",
    type: 5,
  });
  const content = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
  const manifest = { schemaVersion: 2, config, layers: layersOf([40_000], content) };
  const reference = shelf.tag("1", shelf.put(OCI_MANIFEST, manifest));
  const info = await inspectImage(shelf.client, reference);
  assert.equal(info.kind, "helm-chart");
  assert.deepEqual(info.artifact, {
    type: "application/vnd.cncf.helm.config.v1+json",
    name: "nginx",
    version: "18.2.0",
    appVersion: "1.27.1",
    description: "A chart",
    blobs: "1",
    size_bytes: "40000",
  });
  assert.deepEqual([info.platforms, info.attestations, info.selected], [[], 0, undefined]);

  shelf.drop(config.digest);
  const without = await inspectImage(shelf.client, reference);
  assert.deepEqual([without.kind, without.artifact?.["name"]], ["helm-chart", undefined]);
  assert.match(without.notes[0] ?? "", /^The chart's facts cannot be read: /);
  shelf.put("application/vnd.cncf.helm.config.v1+json", {
    name: "nginx",
    version: "18.2.0",
    appVersion: "1.27.1",
    description: "A chart\u202E",
    type: 5,
  });
  shelf.corrupt(config.digest);
  assert.equal((await failureOf(inspectImage(shelf.client, reference))).code, "DIGEST_MISMATCH");
});

Deno.test("inspectImage() says what other artifacts are", async () => {
  const shelf = new Shelf();
  const empty = shelf.put(OCI_EMPTY, {});
  const imageConfig = shelf.put(OCI_CONFIG, LINUX);
  const table: readonly (readonly [string, string | undefined, Record<string, unknown>])[] = [
    ["wasm", "application/vnd.wasm.config.v0+json", {
      config: shelf.put("application/vnd.wasm.config.v0+json", {}),
      layers: layersOf([1], "application/wasm"),
    }],
    ["signature", "application/vnd.dev.cosign.simplesigning.v1+json", {
      config: imageConfig,
      layers: layersOf([1], "application/vnd.dev.cosign.simplesigning.v1+json"),
    }],
    ["signature", "application/vnd.dev.sigstore.bundle.v0.3+json", {
      artifactType: "application/vnd.dev.sigstore.bundle.v0.3+json",
      config: empty,
      layers: layersOf([1], "application/vnd.dev.sigstore.bundle.v0.3+json"),
    }],
    ["attestation", "application/vnd.in-toto+json", {
      config: imageConfig,
      layers: layersOf([1], "application/vnd.in-toto+json"),
    }],
    ["sbom", "application/spdx+json", {
      artifactType: "application/spdx+json",
      config: empty,
      layers: layersOf([1], "application/spdx+json"),
    }],
    ["artifact", "application/vnd.example.thing", {
      artifactType: "application/vnd.example.thing",
      config: empty,
      layers: [empty],
    }],
    ["artifact", "application/vnd.docker.plugin.v1+json", {
      config: shelf.put("application/vnd.docker.plugin.v1+json", {}),
      layers: layersOf([1], DOCKER_LAYER),
    }],
    ["artifact", undefined, { config: empty, layers: [] }],
  ];
  for (const [kind, type, body] of table) {
    const manifest = shelf.put(OCI_MANIFEST, { schemaVersion: 2, ...body });
    const info = await inspectImage(shelf.client, shelf.tag("1", manifest));
    assert.deepEqual([info.kind, info.artifact?.["type"]], [kind, type]);
    assert.equal(info.artifact_type, body["artifactType"]);
    assert.deepEqual(info.notes, []);
  }
  const old = shelf.put(OCI_ARTIFACT, {
    mediaType: OCI_ARTIFACT,
    artifactType: "application/vnd.example.sbom.spdx",
    blobs: layersOf([3, 4], "application/json"),
  });
  const info = await inspectImage(shelf.client, shelf.tag("1", old));
  assert.deepEqual([info.kind, info.artifact?.["size_bytes"]], ["sbom", "7"]);
});

Deno.test("inspectImage() keeps artifacts in an index apart from its platforms", async () => {
  const shelf = new Shelf();
  const thing = shelf.put(OCI_MANIFEST, {
    schemaVersion: 2,
    artifactType: "application/vnd.example.thing",
    config: shelf.put(OCI_EMPTY, {}),
    layers: [],
  });
  const untyped = shelf.put(OCI_MANIFEST, {
    schemaVersion: 2,
    config: shelf.put(OCI_EMPTY, {}),
    layers: [],
  });
  const mixed = await inspectImage(
    shelf.client,
    shelf.tag("1", putIndex(shelf, [thing, untyped, { ...putImage(shelf), platform: LINUX }])),
  );
  assert.deepEqual([mixed.kind, mixed.platforms.length], ["image", 1]);
  assert.deepEqual(mixed.notes, [
    "Not among the images: 1 of type application/vnd.example.thing",
    "Not among the images: 1 of type unknown",
  ]);
  const only = await inspectImage(shelf.client, shelf.tag("2", putIndex(shelf, [thing])));
  assert.deepEqual([only.kind, only.platforms, only.selected], ["artifact", [], undefined]);
  const empty = await inspectImage(shelf.client, shelf.tag("3", putIndex(shelf, [])));
  assert.deepEqual([empty.kind, empty.notes], ["image", ["The index has no images"]]);
});

Deno.test("inspectImage() describes a manifest of schema 1, alone and in a list", async () => {
  const shelf = new Shelf();
  const layers = layersOf([1, 2]);
  const schema1 = (history: readonly { readonly v1Compatibility: string }[]) =>
    shelf.put(DOCKER_SCHEMA1, {
      schemaVersion: 1,
      name: "app",
      architecture: "amd64",
      fsLayers: layers.map(({ digest }) => ({ blobSum: digest })),
      history,
    });
  const newest = JSON.stringify({
    os: "linux",
    architecture: "amd64",
    created: "2015-01-01T00:00:00Z",
    config: { User: "app", Env: ["A=hunter2"] },
  });
  const image = schema1([{ v1Compatibility: newest }, { v1Compatibility: "{}" }]);
  const info = await inspectImage(shelf.client, shelf.tag("1", image));
  assert.deepEqual([info.kind, info.digest_of, info.media_type], [
    "image",
    "manifest",
    DOCKER_SCHEMA1,
  ]);
  assert.deepEqual(info.platforms, [{
    platform: "linux/amd64",
    digest: image.digest,
    layers: 2,
    created: "2015-01-01T00:00:00Z",
  }]);
  assert.deepEqual(info.selected, {
    platform: "linux/amd64",
    digest: image.digest,
    user: "app",
    env_names: ["A"],
    history: [],
  });
  assert.match(info.notes[0] ?? "", /schema 1/);

  for (const history of [[], [{ v1Compatibility: "no json" }]]) {
    const poor = schema1(history);
    const { platforms } = await inspectImage(shelf.client, shelf.tag("1", poor));
    assert.deepEqual(platforms, [{ platform: "linux/amd64", digest: poor.digest, layers: 2 }]);
  }
  const list = putIndex(shelf, [{ ...image, platform: ARM }]);
  const { platforms } = await inspectImage(shelf.client, shelf.tag("2", list));
  assert.deepEqual(platforms[0]?.platform, "linux/arm64");
});

Deno.test("inspectImage() tells the lowest pull quota that it saw", async () => {
  const shelf = new Shelf();
  let remaining = 10;
  const reference = shelf.tag("1", putIndex(shelf, [{ ...putImage(shelf), platform: LINUX }]));
  const client = {
    blob: shelf.client.blob.bind(shelf.client),
    manifest: async (...call: Parameters<typeof shelf.client.manifest>) => {
      const answer = await shelf.client.manifest(...call);
      remaining--;
      return { ...answer, quota: { limit: 100, remaining } };
    },
  };
  const info = await inspectImage(client, reference);
  assert.deepEqual(info.pull_quota, { limit: 100, remaining: 8 });
});

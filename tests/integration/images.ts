/**
 * Builds images, indexes and artifacts as bytes, with real layers (gzipped tar), so that registries
 * and `skopeo` take them for what they are. Needs no permission. Obeys the OCI image-spec.
 *
 * @example
 * ```ts
 * import { buildImage, buildIndex } from "./images.ts";
 *
 * const amd64 = await buildImage({ os: "linux", architecture: "amd64" });
 * const index = buildIndex([amd64]);
 * index.root.digest; // "sha256:…"
 * ```
 *
 * @module
 */

import { createHash } from "node:crypto";

/** Bytes with their name. */
export interface Content {
  /** What they are. */
  readonly mediaType: string;
  /** `sha256:<hex>`. */
  readonly digest: string;
  /** The bytes. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** What a registry must hold for one manifest. */
export interface Built {
  /** The manifest or index itself. */
  readonly root: Content;
  /** Config and layers, of all that `root` leads to. */
  readonly blobs: readonly Content[];
  /** Manifests that must be there before `root`. */
  readonly children: readonly Content[];
  /** What an index says of this manifest. */
  readonly platform?: Readonly<Record<string, string>>;
  /** Annotations of this manifest's descriptor in an index. */
  readonly descriptorAnnotations?: Readonly<Record<string, string>>;
}

/** A file of a layer. */
export interface LayerFile {
  /** Its path, without a leading slash. */
  readonly path: string;
  /** What it holds. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Its mode, such as `0o755`. */
  readonly mode: number;
}

/** What {@linkcode buildImage} puts in. */
export interface ImageOptions {
  /** Operating system. */
  readonly os: string;
  /** Architecture. */
  readonly architecture: string;
  /** Variant of the architecture. */
  readonly variant?: string;
  /** Version of the operating system. */
  readonly osVersion?: string;
  /** The one file of each layer, or its text. @default {["one layer"]} */
  readonly layers?: readonly (string | LayerFile)[];
  /** Further keys of the config's `config`. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Annotations of the manifest. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** Whether the types are Docker's, not OCI's. @default {false} */
  readonly docker?: boolean;
}

const CREATED = "2026-01-02T03:04:05Z";
const OCI = "application/vnd.oci.image.";
const DOCKER = "application/vnd.docker.";

/**
 * Names bytes by their digest.
 *
 * @param mediaType What they are.
 * @param body Bytes, text, or a value to write as JSON.
 */
export function content(
  mediaType: string,
  body: Uint8Array<ArrayBuffer> | string | object,
): Content {
  const bytes = body instanceof Uint8Array
    ? body
    : new TextEncoder().encode(typeof body === "string" ? body : JSON.stringify(body));
  const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  return { mediaType, digest, bytes };
}

/**
 * Builds an image for one platform.
 *
 * @param options Platform and content.
 */
export async function buildImage(options: ImageOptions): Promise<Built> {
  const { os, architecture, variant, osVersion, annotations, docker = false } = options;
  const files = (options.layers ?? ["one layer"]).map((layer, index) =>
    typeof layer === "string" ? textFile(`layer-${index}.txt`, layer) : layer
  );
  const tars = files.map(tar);
  const layers = await Promise.all(tars.map(async (bytes) =>
    content(
      docker ? `${DOCKER}image.rootfs.diff.tar.gzip` : `${OCI}layer.v1.tar+gzip`,
      await gzip(bytes),
    )
  ));
  const platform = {
    os,
    architecture,
    ...(variant === undefined ? {} : { variant }),
    ...(osVersion === undefined ? {} : { "os.version": osVersion }),
  };
  const config = content(docker ? `${DOCKER}container.image.v1+json` : `${OCI}config.v1+json`, {
    created: CREATED,
    ...platform,
    config: options.config ?? {},
    rootfs: {
      type: "layers",
      diff_ids: tars.map((bytes) => content("", bytes).digest),
    },
    history: (options.layers ?? ["one layer"]).map((layer, index) => ({
      created: CREATED,
      created_by: typeof layer === "string"
        ? `COPY layer-${index}.txt / # ${layer.slice(0, 40)}`
        : `COPY ${layer.path} /${layer.path}`,
    })),
  });
  const root = content(
    docker ? `${DOCKER}distribution.manifest.v2+json` : `${OCI}manifest.v1+json`,
    {
      schemaVersion: 2,
      mediaType: docker ? `${DOCKER}distribution.manifest.v2+json` : `${OCI}manifest.v1+json`,
      config: descriptor(config),
      layers: layers.map(descriptor),
      ...(annotations === undefined ? {} : { annotations }),
    },
  );
  return { root, blobs: [config, ...layers], children: [], platform };
}

/**
 * Builds an index of manifests.
 *
 * @param members The manifests.
 * @param annotations Annotations of the index.
 */
export function buildIndex(
  members: readonly Built[],
  annotations?: Readonly<Record<string, string>>,
): Built {
  const mediaType = `${OCI}index.v1+json`;
  const root = content(mediaType, {
    schemaVersion: 2,
    mediaType,
    manifests: members.map((member) => ({
      ...descriptor(member.root),
      ...(member.platform === undefined ? {} : { platform: member.platform }),
      ...(member.descriptorAnnotations === undefined
        ? {}
        : { annotations: member.descriptorAnnotations }),
    })),
    ...(annotations === undefined ? {} : { annotations }),
  });
  return {
    root,
    blobs: members.flatMap(({ blobs }) => blobs),
    children: members.flatMap(({ root: child, children }) => [...children, child]),
  };
}

/**
 * Builds the attestation manifest that BuildKit puts beside an image.
 *
 * @param about The image that it is about.
 */
export function buildAttestation(about: Built): Built {
  const statement = content("application/vnd.in-toto+json", {
    _type: "https://in-toto.io/Statement/v0.1",
    predicateType: "https://slsa.dev/provenance/v0.2",
    subject: [{ name: "image", digest: { sha256: about.root.digest.slice("sha256:".length) } }],
    predicate: {},
  });
  const config = content(`${OCI}config.v1+json`, {
    architecture: "unknown",
    os: "unknown",
    config: {},
    rootfs: { type: "layers", diff_ids: [statement.digest] },
  });
  const mediaType = `${OCI}manifest.v1+json`;
  const root = content(mediaType, {
    schemaVersion: 2,
    mediaType,
    config: descriptor(config),
    layers: [{
      ...descriptor(statement),
      annotations: { "in-toto.io/predicate-type": "https://slsa.dev/provenance/v0.2" },
    }],
  });
  return {
    root,
    blobs: [config, statement],
    children: [],
    platform: { architecture: "unknown", os: "unknown" },
    descriptorAnnotations: {
      "vnd.docker.reference.digest": about.root.digest,
      "vnd.docker.reference.type": "attestation-manifest",
    },
  };
}

/** Builds what `helm push` pushes: a chart's metadata as config, the chart as its one layer. */
export async function buildHelmChart(): Promise<Built> {
  const config = content("application/vnd.cncf.helm.config.v1+json", {
    name: "harbour",
    version: "1.2.3",
    description: "A chart of a harbour",
    apiVersion: "v2",
    appVersion: "4.5.6",
  });
  const chart = content(
    "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
    await gzip(tar(textFile("harbour/Chart.yaml", "name: harbour\nversion: 1.2.3\n"))),
  );
  const root = content(`${OCI}manifest.v1+json`, {
    schemaVersion: 2,
    config: descriptor(config),
    layers: [descriptor(chart)],
    annotations: { "org.opencontainers.image.title": "harbour" },
  });
  return { root, blobs: [config, chart], children: [] };
}

/** Builds an artifact whose config is the empty descriptor (image-spec, manifest.md). */
export function buildEmptyConfigArtifact(): Built {
  const config = content("application/vnd.oci.empty.v1+json", "{}");
  const blob = content("text/plain", "a cargo manifest\n");
  const mediaType = `${OCI}manifest.v1+json`;
  const root = content(mediaType, {
    schemaVersion: 2,
    mediaType,
    artifactType: "application/vnd.wharf.cargo.v1",
    config: { ...descriptor(config), data: "e30=" },
    layers: [{ ...descriptor(blob), annotations: { "org.opencontainers.image.title": "a.txt" } }],
  });
  return { root, blobs: [config, blob], children: [] };
}

/** The 8 platforms of the index that tests and benchmarks ask about. */
export const EIGHT_PLATFORMS: readonly ImageOptions[] = [
  { os: "linux", architecture: "386" },
  { os: "linux", architecture: "amd64" },
  { os: "linux", architecture: "arm", variant: "v6" },
  { os: "linux", architecture: "arm", variant: "v7" },
  { os: "linux", architecture: "arm64", variant: "v8" },
  { os: "linux", architecture: "ppc64le" },
  { os: "linux", architecture: "riscv64" },
  { os: "linux", architecture: "s390x" },
];

/** Builds an index of 8 platforms with 3 layers each, and an attestation for the first. */
export async function buildEightPlatforms(): Promise<Built> {
  const images = await Promise.all(EIGHT_PLATFORMS.map((platform) =>
    buildImage({
      ...platform,
      layers: ["base", `libraries for ${platform.architecture}`, "program"],
      config: {
        User: "1000",
        Env: ["PATH=/usr/bin", "HARBOUR_TOKEN=not-a-secret"],
        Entrypoint: ["/harbour"],
        ExposedPorts: { "8080/tcp": {} },
        Labels: { "org.opencontainers.image.licenses": "MIT" },
      },
    })
  ));
  const [first] = images;
  return buildIndex(first === undefined ? images : [...images, buildAttestation(first)]);
}

function descriptor({ mediaType, digest, bytes }: Content) {
  return { mediaType, digest, size: bytes.byteLength };
}

function textFile(path: string, text: string): LayerFile {
  return { path, bytes: new TextEncoder().encode(text), mode: 0o644 };
}

/** A tar archive (POSIX ustar) of one file. */
function tar({ path, bytes: body, mode }: LayerFile): Uint8Array<ArrayBuffer> {
  const block = 512;
  const archive = new Uint8Array(block + Math.ceil(body.byteLength / block) * block + 2 * block);
  const write = (offset: number, value: string) =>
    archive.set(new TextEncoder().encode(value), offset);
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, "0");
  write(0, path);
  write(100, `${octal(mode, 7)}\0${octal(0, 7)}\0${octal(0, 7)}\0`);
  write(124, `${octal(body.byteLength, 11)}\0${octal(0, 11)}\0`);
  // The checksum counts its own field as spaces.
  write(148, " ".repeat(8));
  write(156, "0");
  write(257, "ustar\x0000");
  const sum = archive.subarray(0, block).reduce((total, byte) => total + byte, 0);
  write(148, `${octal(sum, 6)}\0 `);
  archive.set(body, block);
  return archive;
}

async function gzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

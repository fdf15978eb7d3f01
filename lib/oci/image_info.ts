/**
 * What an image is, in one answer: digest to pin, platforms, sizes, config, history. Needs no
 * permission: the client is passed in.
 *
 * @module
 */

// deno-lint-ignore-file camelcase -- the records are shown as they are, in the words of the tools

import { AppError, toAppError } from "../core/errors.ts";
import { cleanText } from "../core/text.ts";
import { describeArtifact } from "./artifact.ts";
import type { RegistryClient } from "./client.ts";
import { historyOf, type HistoryStep } from "./history.ts";
import { type ImageConfig, parseImageConfig } from "./image_config.ts";
import type { Descriptor, ImageBody, ManifestDocument, Schema1Body } from "./manifest.ts";
import { IMAGE_CONFIGS } from "./media_types.ts";
import { formatPlatform, type Platform, selectPlatform } from "./platform.ts";
import { formatReference, type Reference } from "./reference.ts";
import type { PullQuota } from "./response_facts.ts";

/** One platform of an image. */
export interface PlatformInfo {
  /** `os/architecture[/variant]`. */
  readonly platform: string;
  /** OS version, for Windows. */
  readonly os_version?: string;
  /** Digest of the platform's manifest. */
  readonly digest: string;
  /** Compressed size of all layers, in bytes; the config is not counted. */
  readonly size_bytes?: number;
  /** How many layers. */
  readonly layers?: number;
  /** When it was made, RFC 3339. */
  readonly created?: string;
}

/** The platform that the details are about. */
export interface SelectedImage {
  /** `os/architecture[/variant]`. */
  readonly platform: string;
  /** Digest of its manifest. */
  readonly digest: string;
  /** User that runs; absent means root. */
  readonly user?: string;
  /** Entrypoint. */
  readonly entrypoint?: readonly string[];
  /** Command, or arguments of the entrypoint. */
  readonly cmd?: readonly string[];
  /** Working directory. */
  readonly working_dir?: string;
  /** Signal that stops it. */
  readonly stop_signal?: string;
  /** Health check. */
  readonly healthcheck?: readonly string[];
  /** Ports that it exposes, `80/tcp`. */
  readonly ports?: readonly string[];
  /** Paths of volumes. */
  readonly volumes?: readonly string[];
  /** Names of environment variables; values are not shown. */
  readonly env_names?: readonly string[];
  /** Labels. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Steps that made it, oldest first. */
  readonly history: readonly HistoryStep[];
}

/** What an image is. */
export interface ImageInfo {
  /** The reference that was asked for, in full. */
  readonly reference: string;
  /** The same, pinned: `registry/repository@digest`. */
  readonly pinned: string;
  /** The digest of what the reference names. */
  readonly digest: string;
  /** Whether that is the digest of an index (all platforms) or of a manifest (one). */
  readonly digest_of: "index" | "manifest";
  /** Media type of what the reference names. */
  readonly media_type: string;
  /** What it is: `image`, `helm-chart`, `wasm`, `signature`, `attestation`, `artifact`. */
  readonly kind: string;
  /** Artifact type, if it has one. */
  readonly artifact_type?: string;
  /** Facts about an artifact that is no image. */
  readonly artifact?: Readonly<Record<string, string>>;
  /** The platforms; attestations are not among them. */
  readonly platforms: readonly PlatformInfo[];
  /** How many attestations (provenance, SBOM) the index carries. */
  readonly attestations: number;
  /** Details of one platform. */
  readonly selected?: SelectedImage;
  /** Annotations of what the reference names. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** Where the tag points now, when a digest that was given with it differs. */
  readonly tag_moved_to?: string;
  /** Pull quota left, where the registry tells it. */
  readonly pull_quota?: PullQuota;
  /** What the registry warns of. */
  readonly warnings: readonly string[];
  /** What was left out or does not add up. */
  readonly notes: readonly string[];
}

/** What {@linkcode inspectImage} takes. */
export interface InspectOptions {
  /** The platform for the details. @default linux/amd64 where there is one, else the first */
  readonly platform?: Platform;
  /** Ends the work early. */
  readonly signal?: AbortSignal;
}

/** What {@linkcode inspectImage} asks of a client. */
export type ImageReader = Pick<RegistryClient, "manifest" | "blob">;

/** Never the host's own: a model asks about an image, not about this machine. */
const DEFAULT_PLATFORM: Platform = { os: "linux", architecture: "amd64" };

const MAX_PLATFORMS = 64;
const MAX_HISTORY = 100;
const MAX_ENTRIES = 60;

interface Child {
  readonly descriptor: Descriptor;
  readonly platform: Platform | undefined;
  readonly image?: ImageBody;
  readonly config?: ImageConfig;
}

/**
 * Describes an image, or any other artifact.
 *
 * @param client Reads manifests and configs.
 * @param reference The image.
 * @param options The platform for the details.
 * @returns What it is.
 * @throws {AppError} `NOT_FOUND` for a platform that it does not have, with those that it has.
 */
export async function inspectImage(
  client: ImageReader,
  reference: Reference,
  options: InspectOptions = {},
): Promise<ImageInfo> {
  const call = options.signal === undefined ? {} : { signal: options.signal };
  const { document, warnings, quota, tagDigest } = await client.manifest(reference, call);
  const notes: string[] = [];
  const base = {
    ...heading(reference, document),
    ...(tagDigest === undefined ? {} : { tag_moved_to: tagDigest }),
    ...(quota === undefined ? {} : { pull_quota: quota }),
    warnings,
  };
  if (document.kind === "schema1") {
    return { ...base, ...schema1Facts(document.schema1, document.digest), notes: [SCHEMA1_NOTE] };
  }
  if (document.kind === "manifest" && !isImage(document.image)) {
    const artifact = await describeArtifact(client, reference, { image: document.image, ...call });
    const total = document.image.layers.reduce((sum, layer) => sum + layer.size, 0);
    return {
      ...base,
      kind: artifact.kind,
      artifact: {
        ...artifact.facts,
        blobs: String(document.image.layers.length),
        size_bytes: String(total),
      },
      platforms: [],
      attestations: 0,
      notes: artifact.notes,
    };
  }
  const reader = { client, reference, call, notes };
  const { children, attestations } = document.kind === "index"
    ? await indexChildren(reader, document.index.manifests)
    : { children: [await manifestChild(reader, document)], attestations: 0 };
  const chosen = choose(children, reference, options.platform);
  return {
    ...base,
    kind: "image",
    platforms: children.map(platformInfo),
    attestations,
    ...(chosen === undefined ? {} : { selected: selectedImage(chosen, notes) }),
    notes,
  };
}

/** Whether a manifest is something that runs as a container. */
function isImage(image: ImageBody): boolean {
  if (image.config === undefined) return false;
  return image.artifactType === undefined && IMAGE_CONFIGS.has(image.config.mediaType) &&
    !image.layers.some((layer) => /in-toto|cosign|wasm|spdx|cyclonedx/i.test(layer.mediaType));
}

function heading(reference: Reference, document: ManifestDocument) {
  const { digest, mediaType } = document;
  const { registry, repository } = reference;
  const body = document.kind === "index"
    ? document.index
    : document.kind === "manifest"
    ? document.image
    : undefined;
  const annotations = cleanRecord(body?.annotations ?? {});
  const artifactType = body?.artifactType;
  return {
    reference: formatReference(reference),
    pinned: formatReference({ registry, repository, digest }),
    digest,
    digest_of: document.kind === "index" ? "index" as const : "manifest" as const,
    media_type: mediaType,
    ...(artifactType === undefined
      ? {}
      : { artifact_type: cleanText(artifactType, { maxChars: 150 }) }),
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
  };
}

interface Reader {
  readonly client: ImageReader;
  readonly reference: Reference;
  readonly call: { readonly signal?: AbortSignal };
  readonly notes: string[];
}

/** BuildKit's marks of a manifest that holds attestations for another one. */
function isAttestation(descriptor: Descriptor): boolean {
  if (descriptor.annotations?.["vnd.docker.reference.type"] !== undefined) return true;
  return descriptor.platform?.os === "unknown" && descriptor.platform.architecture === "unknown";
}

async function indexChildren(
  reader: Reader,
  descriptors: readonly Descriptor[],
): Promise<{ readonly children: readonly Child[]; readonly attestations: number }> {
  const images = descriptors.filter((descriptor) => !isAttestation(descriptor));
  if (images.length > MAX_PLATFORMS) {
    reader.notes.push(`${images.length - MAX_PLATFORMS} of ${images.length} entries are not shown`);
  }
  // All at once: the client bounds the requests to one registry.
  const children = await Promise.all(
    images.slice(0, MAX_PLATFORMS).map((descriptor) => indexChild(reader, descriptor)),
  );
  return {
    children: children.filter((child) => child !== undefined),
    attestations: descriptors.length - images.length,
  };
}

async function indexChild(reader: Reader, descriptor: Descriptor): Promise<Child | undefined> {
  const { client, reference, call, notes } = reader;
  const { registry, repository } = reference;
  try {
    const { document } = await client.manifest(
      { registry, repository, digest: descriptor.digest },
      call,
    );
    if (document.kind === "manifest") {
      return { ...(await manifestChild(reader, document)), descriptor, ...known(descriptor) };
    }
    notes.push(
      document.kind === "index"
        ? `${descriptor.digest} is an index inside of the index; inspect it by its digest`
        : `${descriptor.digest} is a manifest of the old schema 1`,
    );
    return undefined;
  } catch (thrown) {
    const error = toAppError(thrown);
    if (error.code === "CANCELLED" || error.code === "TIMEOUT") throw error;
    // A sparse index, where a mirror keeps only some platforms, is legal.
    notes.push(`${descriptor.digest} cannot be read: ${error.message}`);
    return { descriptor, platform: descriptor.platform };
  }
}

/** The index's word for the platform counts; an entry without one has it in its config. */
function known(descriptor: Descriptor): { readonly platform?: Platform } {
  return descriptor.platform === undefined ? {} : { platform: descriptor.platform };
}

async function manifestChild(
  reader: Reader,
  document: ManifestDocument & { readonly kind: "manifest" },
): Promise<Child> {
  const { client, reference, call, notes } = reader;
  const { digest, mediaType, bytes, image } = document;
  const descriptor = { digest, mediaType, size: bytes.byteLength };
  if (image.config === undefined || !IMAGE_CONFIGS.has(image.config.mediaType)) {
    return { descriptor, platform: undefined, image };
  }
  try {
    const blob = await client.blob(reference, image.config, call);
    const config = parseImageConfig(blob, `the config of "${formatReference(reference)}"`);
    return { descriptor, platform: configPlatform(config), image, config };
  } catch (thrown) {
    const error = toAppError(thrown);
    if (
      error.code === "CANCELLED" || error.code === "TIMEOUT" || error.code === "DIGEST_MISMATCH"
    ) {
      throw error;
    }
    notes.push(`The config of ${digest} cannot be read: ${error.message}`);
    return { descriptor, platform: undefined, image };
  }
}

function configPlatform(config: ImageConfig): Platform | undefined {
  if (config.os === undefined || config.architecture === undefined) return undefined;
  const osVersion = config["os.version"];
  return {
    os: config.os,
    architecture: config.architecture,
    ...(config.variant === undefined ? {} : { variant: config.variant }),
    ...(osVersion === undefined ? {} : { osVersion }),
  };
}

function choose(
  children: readonly Child[],
  reference: Reference,
  wanted: Platform | undefined,
): Child | undefined {
  if (wanted === undefined) return selectPlatform(children, DEFAULT_PLATFORM) ?? children[0];
  const chosen = selectPlatform(children, wanted);
  if (chosen !== undefined) return chosen;
  const existing = children.map(platformName);
  throw new AppError(
    "NOT_FOUND",
    `Cannot find platform "${formatPlatform(wanted)}" in "${
      formatReference(reference)
    }": it has ${children.length} others`,
    {
      hint: `Choose from ${existing.slice(0, 20).join(", ") || "none"}`,
      details: { platforms: existing },
    },
  );
}

function platformName(child: Child): string {
  return child.platform === undefined
    ? "unknown"
    : cleanText(formatPlatform(child.platform), { maxChars: 80 });
}

function platformInfo(child: Child): PlatformInfo {
  const osVersion = child.platform?.osVersion;
  const created = child.config?.created;
  return {
    platform: platformName(child),
    ...(osVersion === undefined ? {} : { os_version: cleanText(osVersion, { maxChars: 60 }) }),
    digest: child.descriptor.digest,
    ...(child.image === undefined ? {} : {
      size_bytes: child.image.layers.reduce((sum, layer) => sum + layer.size, 0),
      layers: child.image.layers.length,
    }),
    ...(created === undefined ? {} : { created: cleanText(created, { maxChars: 40 }) }),
  };
}

function selectedImage(child: Child, notes: string[]): SelectedImage {
  const config = child.config?.config;
  const history = child.config === undefined
    ? { steps: [] }
    : historyOf(child.config, child.image?.layers ?? []);
  if (history.note !== undefined) notes.push(history.note);
  if (history.steps.length > MAX_HISTORY) {
    notes.push(`${history.steps.length - MAX_HISTORY} steps of the history are not shown`);
  }
  const labels = cleanRecord(config?.Labels ?? {});
  const envNames = config?.Env?.map((variable) => variable.split("=")[0] ?? "");
  return {
    platform: platformName(child),
    digest: child.descriptor.digest,
    ...optionalText("user", config?.User),
    ...optionalList("entrypoint", config?.Entrypoint),
    ...optionalList("cmd", config?.Cmd),
    ...optionalText("working_dir", config?.WorkingDir),
    ...optionalText("stop_signal", config?.StopSignal),
    ...optionalList("healthcheck", config?.Healthcheck?.Test),
    ...optionalList("ports", config?.ExposedPorts),
    ...optionalList("volumes", config?.Volumes),
    ...optionalList("env_names", envNames),
    ...(Object.keys(labels).length === 0 ? {} : { labels }),
    history: history.steps.slice(0, MAX_HISTORY),
  };
}

function optionalText<K extends string>(key: K, value: string | undefined) {
  return value === undefined || value === "" ? {} : { [key]: cleanText(value, { maxChars: 300 }) };
}

function optionalList<K extends string>(key: K, values: readonly string[] | undefined) {
  return values === undefined || values.length === 0 ? {} : {
    [key]: values.slice(0, MAX_ENTRIES).map((value) => cleanText(value, { maxChars: 300 })),
  };
}

/** Labels and annotations, cleaned and bounded. */
function cleanRecord(record: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(record).slice(0, MAX_ENTRIES).map(([key, value]) => [
      cleanText(key, { maxChars: 120 }),
      cleanText(value, { maxChars: 300 }),
    ]),
  );
}

const SCHEMA1_NOTE =
  "The manifest has Docker's schema 1, which current engines refuse; ask the publisher for a newer push";

function schema1Facts(body: Schema1Body, digest: string) {
  return {
    kind: "image",
    platforms: [{
      platform: formatPlatform({ os: "linux", architecture: body.architecture ?? "unknown" }),
      digest,
      layers: body.fsLayers.length,
    }],
    attestations: 0,
  };
}

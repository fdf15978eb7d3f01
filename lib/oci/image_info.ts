/**
 * What an image is, in one answer: digest to pin, platforms, sizes, config, history. Needs no
 * permission: the client is passed in.
 *
 * @module
 */

// deno-lint-ignore-file camelcase -- the records are shown as they are, in the words of the tools

import { AppError } from "../core/errors.ts";
import { cleanText } from "../core/text.ts";
import { describeArtifact, isImage } from "./artifact.ts";
import { type ChildImage, ChildReader, type ImageReader, schema1Image } from "./image_children.ts";
import { historyOf, type HistoryStep } from "./history.ts";
import type { ImageBody, ManifestDocument } from "./manifest.ts";
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

/** Never the host's own: a model asks about an image, not about this machine. */
const DEFAULT_PLATFORM: Platform = { os: "linux", architecture: "amd64" };

const MAX_HISTORY = 100;
const MAX_ENTRIES = 60;

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
    ...heading(reference, document, notes),
    ...(tagDigest === undefined ? {} : { tag_moved_to: tagDigest }),
    warnings,
  };
  if (document.kind === "manifest" && !isImage(document.image)) {
    const artifact = await describeArtifact(client, reference, { image: document.image, ...call });
    return {
      ...base,
      ...(quota === undefined ? {} : { pull_quota: quota }),
      kind: artifact.kind,
      artifact: { ...artifact.facts, ...blobFacts(document.image) },
      platforms: [],
      attestations: 0,
      notes: [...notes, ...artifact.notes],
    };
  }
  const reader = new ChildReader(client, reference, call);
  const children = await childrenOf(document, reader);
  if (document.kind === "schema1") notes.push(SCHEMA1_NOTE);
  if (children.length === 0 && reader.notes.length === 0) notes.push("The index has no images");
  const chosen = choose(children, reference, options.platform);
  const left = reader.quota ?? quota;
  return {
    ...base,
    ...(left === undefined ? {} : { pull_quota: left }),
    // An index may hold charts or signatures only.
    kind: children.length === 0 && reader.others > 0 ? "artifact" : "image",
    platforms: children.map(platformInfo),
    attestations: reader.attestations,
    ...(chosen === undefined ? {} : { selected: selectedImage(chosen, notes) }),
    notes: [...notes, ...reader.notes],
  };
}

async function childrenOf(
  document: ManifestDocument,
  reader: ChildReader,
): Promise<readonly ChildImage[]> {
  switch (document.kind) {
    case "index":
      return await reader.index(document.index.manifests);
    case "manifest":
      return [await reader.image(document, document.image)];
    case "schema1":
      return [schema1Image(document, document.schema1)];
  }
}

function heading(reference: Reference, document: ManifestDocument, notes: string[]) {
  const { digest, mediaType } = document;
  const { registry, repository } = reference;
  const body = document.kind === "index"
    ? document.index
    : document.kind === "manifest"
    ? document.image
    : undefined;
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
    ...optionalRecord("annotations", body?.annotations, notes),
  };
}

function blobFacts(image: ImageBody) {
  return { blobs: String(image.layers.length), size_bytes: String(sizeOf(image.layers)) };
}

function sizeOf(layers: readonly { readonly size: number }[]): number {
  return layers.reduce((sum, layer) => sum + layer.size, 0);
}

function choose(
  children: readonly ChildImage[],
  reference: Reference,
  wanted: Platform | undefined,
): ChildImage | undefined {
  if (wanted === undefined) {
    const readable = children.filter((child) => child.config !== undefined);
    return selectPlatform(readable, DEFAULT_PLATFORM) ?? readable[0] ?? children[0];
  }
  const chosen = selectPlatform(children, wanted);
  if (chosen !== undefined) return chosen;
  const existing = [...new Set(children.map(platformWithVersion))];
  throw new AppError(
    "NOT_FOUND",
    `Cannot find platform "${platformWithVersion({ platform: wanted })}" in "${
      formatReference(reference)
    }": the image is not made for it`,
    {
      hint: existing.length === 0
        ? "It has no platform at all; call get_image_info without one"
        : `Choose from ${existing.slice(0, 20).join(", ")}`,
      details: { platforms: existing },
    },
  );
}

function platformName(child: Pick<ChildImage, "platform">): string {
  return child.platform === undefined
    ? "unknown"
    : cleanText(formatPlatform(child.platform), { maxChars: 80 });
}

/** As {@linkcode parsePlatform} takes it: `windows/amd64:10.0.20348.2700`. */
function platformWithVersion(child: Pick<ChildImage, "platform">): string {
  const version = cleanText(child.platform?.osVersion ?? "", { maxChars: 60 });
  return version === "" ? platformName(child) : `${platformName(child)}:${version}`;
}

function platformInfo(child: ChildImage): PlatformInfo {
  return {
    platform: platformName(child),
    ...optionalText("os_version", child.platform?.osVersion),
    digest: child.descriptor.digest,
    ...(child.layers === undefined ? {} : { size_bytes: sizeOf(child.layers) }),
    ...(child.layerCount === undefined ? {} : { layers: child.layerCount }),
    ...optionalText("created", child.config?.created),
  };
}

function selectedImage(child: ChildImage, notes: string[]): SelectedImage {
  const config = child.config?.config;
  const envNames = config?.Env?.map((variable) => variable.split("=")[0] ?? "");
  return {
    platform: platformName(child),
    digest: child.descriptor.digest,
    ...optionalText("user", config?.User),
    ...optionalList("entrypoint", config?.Entrypoint, notes),
    ...optionalList("cmd", config?.Cmd, notes),
    ...optionalText("working_dir", config?.WorkingDir),
    ...optionalText("stop_signal", config?.StopSignal),
    ...optionalList("healthcheck", config?.Healthcheck?.Test, notes),
    ...optionalList("ports", config?.ExposedPorts, notes),
    ...optionalList("volumes", config?.Volumes, notes),
    ...optionalList("env_names", envNames, notes),
    ...optionalRecord("labels", config?.Labels, notes),
    history: shownHistory(child, notes),
  };
}

function shownHistory(child: ChildImage, notes: string[]): readonly HistoryStep[] {
  if (child.config === undefined || child.layers === undefined) return [];
  const { steps, note } = historyOf(child.config, child.layers);
  if (note !== undefined) notes.push(note);
  noteRest("history", steps.length - MAX_HISTORY, notes);
  return steps.slice(0, MAX_HISTORY);
}

function optionalText<K extends string>(key: K, value: string | undefined) {
  const text = cleanText(value ?? "", { maxChars: 300 });
  return text === "" ? {} : { [key]: text };
}

function optionalList<K extends string>(
  key: K,
  values: readonly string[] | undefined,
  notes: string[],
) {
  if (values === undefined || values.length === 0) return {};
  noteRest(key, values.length - MAX_ENTRIES, notes);
  return {
    [key]: values.slice(0, MAX_ENTRIES).map((value) => cleanText(value, { maxChars: 300 })),
  };
}

/** Labels and annotations, cleaned and bounded. */
function optionalRecord<K extends string>(
  key: K,
  record: Readonly<Record<string, string>> | undefined,
  notes: string[],
) {
  const entries = Object.entries(record ?? {});
  if (entries.length === 0) return {};
  noteRest(key, entries.length - MAX_ENTRIES, notes);
  return {
    [key]: Object.fromEntries(
      entries.slice(0, MAX_ENTRIES).map(([name, value]) => [
        cleanText(name, { maxChars: 120 }),
        cleanText(value, { maxChars: 300 }),
      ]),
    ),
  };
}

function noteRest(key: string, count: number, notes: string[]): void {
  if (count > 0) notes.push(`${count} more of ${key} are not shown`);
}

const SCHEMA1_NOTE =
  "The manifest has Docker's schema 1, which current engines refuse; ask the publisher for a newer push";

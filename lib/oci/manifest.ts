/**
 * Manifests and indexes: parsed tolerantly, verified by digest, kept as the bytes that the registry
 * has. Needs no permission. Obeys the OCI image-spec (manifest.md, image-index.md, descriptor.md).
 *
 * @module
 */

import { z } from "zod";
import { AppError } from "../core/errors.ts";
import { parseJson } from "../core/json.ts";
import { algorithmOf, type Digest, digestOf, isDigest, verifyDigest } from "./digest.ts";
import {
  DOCKER_SCHEMA1,
  DOCKER_SCHEMA1_SIGNED,
  kindOf,
  type ManifestKind,
  OCI_ARTIFACT,
  OCI_INDEX,
  OCI_MANIFEST,
} from "./media_types.ts";
import type { Platform } from "./platform.ts";

/** Points to content. */
export interface Descriptor {
  /** What it is. */
  readonly mediaType: string;
  /** What it must hash to. */
  readonly digest: Digest;
  /** Its size in bytes. */
  readonly size: number;
  /** What it runs on, in an index. */
  readonly platform?: Platform | undefined;
  /** Facts about it. */
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  /** What kind of artifact it is. */
  readonly artifactType?: string | undefined;
  /** Foreign addresses; never fetched. */
  readonly urls?: readonly string[] | undefined;
  /** The content itself, in base64. */
  readonly data?: string | undefined;
}

/** What an index and a manifest have in common. */
export interface ManifestCommon {
  /** What kind of artifact it is. */
  readonly artifactType?: string | undefined;
  /** What it is about, for signatures and the like. */
  readonly subject?: Descriptor | undefined;
  /** Facts about it. */
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/** The body of an index. */
export interface IndexBody extends ManifestCommon {
  /** Its entries. */
  readonly manifests: readonly Descriptor[];
}

/** The body of an image manifest or an artifact. */
export interface ImageBody extends ManifestCommon {
  /** The config; absent in the dropped artifact manifest. */
  readonly config?: Descriptor | undefined;
  /** Layers, base first; blobs of an artifact. */
  readonly layers: readonly Descriptor[];
}

/** The body of a schema 1 manifest. */
export interface Schema1Body {
  /** For example `amd64`. */
  readonly architecture?: string | undefined;
  /** Digests of the layers, newest first, empty ones included. */
  readonly fsLayers: readonly { readonly blobSum: string }[];
  /** One config in JSON for each layer, newest first. */
  readonly history: readonly { readonly v1Compatibility: string }[];
}

/** A manifest or index. */
export type ManifestBody =
  | { readonly kind: "index"; readonly index: IndexBody }
  | { readonly kind: "manifest"; readonly image: ImageBody }
  | { readonly kind: "schema1"; readonly schema1: Schema1Body };

/** A parsed manifest with its bytes. */
export type ManifestDocument = ManifestBody & {
  /** The digest of the bytes. */
  readonly digest: Digest;
  /** The media type. */
  readonly mediaType: string;
  /** The document as the registry has it; of a signed schema 1 manifest what is signed. */
  readonly bytes: Uint8Array<ArrayBuffer>;
};

const PLATFORM = z.object({
  os: z.string().catch(""),
  architecture: z.string().catch(""),
  variant: z.string().optional().catch(undefined),
  "os.version": z.string().optional().catch(undefined),
  "os.features": z.array(z.string()).optional().catch(undefined),
}).transform((given): Platform | undefined =>
  given.os === "" && given.architecture === "" ? undefined : {
    os: given.os,
    architecture: given.architecture,
    ...(given.variant ? { variant: given.variant } : {}),
    ...(given["os.version"] ? { osVersion: given["os.version"] } : {}),
    ...(given["os.features"] ? { osFeatures: given["os.features"] } : {}),
  }
);

const ANNOTATIONS = z.record(z.string(), z.string()).nullish().transform((value) =>
  value ?? undefined
)
  .catch(undefined);

const DIGEST = z.string().refine(isDigest, "is no sha256 or sha512 digest")
  .transform((text) => text as Digest /* refined on the line before */);

const DESCRIPTOR: z.ZodType<Descriptor> = z.object({
  mediaType: z.string().catch(""),
  digest: DIGEST,
  size: z.int().nonnegative(),
  platform: PLATFORM.nullish().transform((value) => value ?? undefined).catch(undefined),
  annotations: ANNOTATIONS,
  artifactType: z.string().optional().catch(undefined),
  urls: z.array(z.string()).optional().catch(undefined),
  data: z.string().optional().catch(undefined),
});

const COMMON = {
  artifactType: z.string().optional().catch(undefined),
  subject: DESCRIPTOR.nullish().transform((value) => value ?? undefined).catch(undefined),
  annotations: ANNOTATIONS,
};

const INDEX = z.object({
  ...COMMON,
  manifests: z.array(DESCRIPTOR).nullish().transform((value) => value ?? []),
});

const IMAGE = z.object({
  ...COMMON,
  config: DESCRIPTOR.nullish().transform((value) => value ?? undefined),
  layers: z.array(DESCRIPTOR).nullish().transform((value) => value ?? []),
  // The dropped artifact manifest calls them blobs.
  blobs: z.array(DESCRIPTOR).nullish().transform((value) => value ?? []),
}).transform(({ blobs, layers, ...image }) => ({
  ...image,
  layers: layers.length > 0 ? layers : blobs,
}));

const SCHEMA1 = z.object({
  architecture: z.string().optional().catch(undefined),
  fsLayers: z.array(z.object({ blobSum: z.string() })),
  history: z.array(z.object({ v1Compatibility: z.string() })).catch([]),
});

/** Content types that say nothing about the body. */
const VAGUE = new Set(["", "application/json", "application/octet-stream", "text/plain"]);

/** What is known of a document before it is parsed. */
export interface ReadManifestOptions {
  /** What the registry said it is, without parameters; empty when it is not known. */
  readonly contentType: string;
  /** Names the document in errors. */
  readonly what: string;
  /** What it must hash to; `undefined` when the registry did not say. */
  readonly expected: Digest | undefined;
}

/**
 * Verifies a manifest, then parses it. A signed schema 1 manifest is reduced to what is signed
 * (Docker's manifest-v2-1, "Signed Manifests"): the digest is over that alone, and whatever else
 * the document holds nobody vouches for.
 *
 * @param given The document as it came.
 * @param options What is known of it.
 * @returns The document; its bytes hash to its digest.
 * @throws {AppError} `DIGEST_MISMATCH`, or `BAD_RESPONSE` when it is no manifest or not what the
 * registry said.
 */
export function readManifest(
  given: Uint8Array<ArrayBuffer>,
  options: ReadManifestOptions,
): ManifestDocument {
  const { contentType, what, expected } = options;
  const isWhole = expected !== undefined && digestOf(given, algorithmOf(expected)) === expected;
  const bytes = isWhole ? given : signedPayload(given) ?? given;
  if (expected !== undefined) verifyDigest(bytes, expected, what);
  const digest = expected ?? digestOf(bytes);
  return { ...parseManifest(bytes, { contentType, what }), digest, bytes };
}

function parseManifest(
  bytes: Uint8Array,
  options: { readonly contentType: string; readonly what: string },
): ManifestBody & { readonly mediaType: string } {
  const { contentType, what } = options;
  const json = parseJson(bytes, { what });
  const inside = mediaTypeInside(json);
  if (!VAGUE.has(contentType) && inside !== contentType && !isSchema1Pair(inside, contentType)) {
    // The image-spec asks to reject a confusion that an attacker may have made on purpose.
    if (inside !== undefined && declares(json)) {
      throw new AppError(
        "BAD_RESPONSE",
        `Cannot use ${what}: the registry says "${contentType}", the document "${inside}"`,
        { hint: "The registry is at fault; do not run this image" },
      );
    }
  }
  const mediaType = (VAGUE.has(contentType) ? inside : contentType) ?? "";
  const kind = kindOf(mediaType);
  if (kind === undefined) {
    throw new AppError("BAD_RESPONSE", `Cannot use ${what}: it is no manifest of a known form`, {
      hint: "Check that the host is a registry and that no proxy answers in its place",
      ...(mediaType === "" ? {} : { details: { media_type: mediaType.slice(0, 150) } }),
    });
  }
  return { mediaType, ...bodyOf(kind, json, what) };
}

function bodyOf(kind: ManifestKind, json: unknown, what: string): ManifestBody {
  const checked = <T>(schema: z.ZodType<T>): T => {
    const parsed = schema.safeParse(json);
    if (parsed.success) return parsed.data;
    const issue = parsed.error.issues[0];
    const where = issue?.path.join(".") ?? "";
    throw new AppError(
      "BAD_RESPONSE",
      `Cannot use ${what}: its part "${where}" has not the expected form`,
      {
        hint: "The image was pushed with a broken manifest; ask its publisher",
      },
    );
  };
  switch (kind) {
    case "index":
      return { kind, index: checked(INDEX) };
    case "manifest":
      return { kind, image: checked(IMAGE) };
    case "schema1":
      return { kind, schema1: checked(SCHEMA1) };
  }
}

/** The media type that a document has by its own word, or by what it holds. */
function mediaTypeInside(json: unknown): string | undefined {
  if (typeof json !== "object" || json === null) return undefined;
  if ("mediaType" in json && typeof json.mediaType === "string" && json.mediaType !== "") {
    return json.mediaType;
  }
  if ("schemaVersion" in json && json.schemaVersion === 1) {
    return "signatures" in json ? DOCKER_SCHEMA1_SIGNED : DOCKER_SCHEMA1;
  }
  if ("manifests" in json) return OCI_INDEX;
  if ("layers" in json || "config" in json) return OCI_MANIFEST;
  return "blobs" in json ? OCI_ARTIFACT : undefined;
}

/** Whether the media type stands in the document, or is its only possible reading. */
function declares(json: unknown): boolean {
  return typeof json === "object" && json !== null && "mediaType" in json &&
    typeof json.mediaType === "string" && json.mediaType !== "";
}

function isSchema1Pair(a: string | undefined, b: string): boolean {
  return a !== undefined && kindOf(a) === "schema1" && kindOf(b) === "schema1";
}

const SIGNED = z.object({
  schemaVersion: z.literal(1),
  signatures: z.array(z.object({ protected: z.string() })).min(1),
});

const PROTECTED = z.object({ formatLength: z.int().nonnegative(), formatTail: z.string() });

/** What a signed schema 1 manifest signs: the document without its signatures. */
function signedPayload(bytes: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
  try {
    const [signature] = SIGNED.parse(JSON.parse(new TextDecoder().decode(bytes))).signatures;
    const header = new TextDecoder().decode(decodeBase64Url(signature?.protected ?? ""));
    const { formatLength, formatTail } = PROTECTED.parse(JSON.parse(header));
    if (formatLength > bytes.length) return undefined;
    const tail = decodeBase64Url(formatTail);
    const payload = new Uint8Array(formatLength + tail.length);
    payload.set(bytes.subarray(0, formatLength));
    payload.set(tail, formatLength);
    return payload;
  } catch {
    // Not signed after all: the digest is then over the whole, or does not match.
    return undefined;
  }
}

function decodeBase64Url(text: string): Uint8Array {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

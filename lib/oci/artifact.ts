/**
 * Artifacts that are no images: Helm charts, WebAssembly, signatures, and whatever else a
 * registry holds. Needs no permission.
 *
 * @module
 */

import { z } from "zod";
import { AppError } from "../core/errors.ts";
import { parseJson } from "../core/json.ts";
import { cleanText } from "../core/text.ts";
import type { RegistryClient } from "./client.ts";
import type { ImageBody } from "./manifest.ts";
import { IMAGE_CONFIGS, OCI_EMPTY } from "./media_types.ts";
import type { Repository } from "./reference.ts";

/** What an artifact is. */
export interface ArtifactDescription {
  /** `helm-chart`, `wasm`, `signature`, `attestation`, `sbom` or `artifact`. */
  readonly kind: string;
  /** Facts in its own words, cleaned. */
  readonly facts: Readonly<Record<string, string>>;
  /** What could not be read. */
  readonly notes: readonly string[];
}

const HELM_CONFIG = "application/vnd.cncf.helm.config.v1+json";

const KINDS: readonly (readonly [RegExp, string])[] = [
  [/helm\.(?:config|chart)/, "helm-chart"],
  [/wasm/, "wasm"],
  [/cosign\.simplesigning|dev\.sigstore\.bundle|cncf\.notary\.signature/, "signature"],
  [/in-toto|dsse|slsa/, "attestation"],
  [/spdx|cyclonedx|syft/, "sbom"],
];

const HELM = z.object({
  name: z.string().optional().catch(undefined),
  version: z.string().optional().catch(undefined),
  appVersion: z.string().optional().catch(undefined),
  description: z.string().optional().catch(undefined),
  kubeVersion: z.string().optional().catch(undefined),
  type: z.string().optional().catch(undefined),
});

/** Layers of things that only borrow the config of an image. */
const FOREIGN_LAYER = /in-toto|dsse|cosign|sigstore|wasm|spdx|cyclonedx/i;
/** What old tools wrote for the config of an image. */
const VAGUE_CONFIGS = new Set(["", "application/octet-stream"]);
const IMAGE_LAYER = /^application\/vnd\.(?:oci|docker)\.image\.(?:layer|rootfs)\./;

/**
 * Whether a manifest is something that runs as a container.
 *
 * @param image The manifest.
 * @returns `false` for charts, modules, signatures and other artifacts.
 */
export function isImage(image: ImageBody): boolean {
  if (image.config === undefined) return false;
  if (image.layers.some((layer) => FOREIGN_LAYER.test(layer.mediaType))) return false;
  if (IMAGE_CONFIGS.has(image.config.mediaType)) return true;
  return VAGUE_CONFIGS.has(image.config.mediaType) && image.artifactType === undefined &&
    image.layers.some((layer) => IMAGE_LAYER.test(layer.mediaType));
}

/**
 * The media type that tells best what an artifact is (image-spec, manifest.md, "artifactType").
 *
 * @param image The manifest.
 * @returns The type, cleaned, or `undefined` when nothing tells it.
 */
export function typeOf(image: ImageBody): string | undefined {
  const [type] = typesOf(image);
  return type === undefined ? undefined : cleanText(type, { maxChars: 150 });
}

/** All media types, the telling ones first; that of an image's config tells nothing here. */
function typesOf(image: ImageBody): readonly string[] {
  const config = image.config?.mediaType;
  const isTelling = config !== OCI_EMPTY && !IMAGE_CONFIGS.has(config ?? "");
  return [
    image.artifactType,
    isTelling ? config : undefined,
    ...image.layers.map((layer) => layer.mediaType),
  ].filter((type): type is string => type !== undefined && type !== "" && type !== OCI_EMPTY);
}

/**
 * Describes an artifact.
 *
 * @param client Reads the config, where it tells something.
 * @param repository The repository that holds it.
 * @param options Its manifest, and the signal.
 * @returns What it is.
 * @throws {AppError} `CANCELLED`, or `DIGEST_MISMATCH` for a config that must not be used.
 */
export async function describeArtifact(
  client: Pick<RegistryClient, "blob">,
  repository: Repository,
  options: { readonly image: ImageBody; readonly signal?: AbortSignal },
): Promise<ArtifactDescription> {
  const { image, signal } = options;
  const config = image.config;
  const types = typesOf(image);
  const kind = KINDS.find(([pattern]) => types.some((type) => pattern.test(type)))?.[1] ??
    "artifact";
  const facts: Record<string, string> = {};
  const type = typeOf(image);
  if (type !== undefined) facts["type"] = type;
  const notes: string[] = [];
  if (config?.mediaType === HELM_CONFIG) {
    try {
      const bytes = await client.blob(repository, config, signal === undefined ? {} : { signal });
      const chart = HELM.parse(parseJson(bytes, { what: "the chart's config" }));
      for (const [key, value] of Object.entries(chart)) {
        if (value !== undefined) facts[key] = cleanText(value, { maxChars: 300 });
      }
    } catch (thrown) {
      const mayGoOn = thrown instanceof AppError && thrown.code !== "DIGEST_MISMATCH" &&
        signal?.aborted !== true;
      if (!mayGoOn) throw thrown;
      notes.push(`The chart's facts cannot be read: ${thrown.message}`);
    }
  }
  return { kind, facts, notes };
}

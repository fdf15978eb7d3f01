/**
 * Artifacts that are no images: Helm charts, WebAssembly, signatures, and whatever else a
 * registry holds. Needs no permission.
 *
 * @module
 */

import { z } from "zod";
import { toAppError } from "../core/errors.ts";
import { parseJson } from "../core/json.ts";
import { cleanText } from "../core/text.ts";
import type { RegistryClient } from "./client.ts";
import type { ImageBody } from "./manifest.ts";
import { OCI_EMPTY } from "./media_types.ts";
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

/**
 * Describes an artifact.
 *
 * @param client Reads the config, where it tells something.
 * @param repository The repository that holds it.
 * @param options Its manifest, and the signal.
 * @returns What it is.
 */
export async function describeArtifact(
  client: Pick<RegistryClient, "blob">,
  repository: Repository,
  options: { readonly image: ImageBody; readonly signal?: AbortSignal },
): Promise<ArtifactDescription> {
  const { image, signal } = options;
  const config = image.config;
  const types = [
    image.artifactType,
    config?.mediaType === OCI_EMPTY ? undefined : config?.mediaType,
    ...image.layers.map((layer) => layer.mediaType),
  ].filter((type): type is string => type !== undefined && type !== "");
  const kind = KINDS.find(([pattern]) => types.some((type) => pattern.test(type)))?.[1] ??
    "artifact";
  const facts: Record<string, string> = {};
  const [first] = types;
  if (first !== undefined) facts["type"] = cleanText(first, { maxChars: 150 });
  const notes: string[] = [];
  if (config?.mediaType === HELM_CONFIG) {
    try {
      const bytes = await client.blob(repository, config, signal === undefined ? {} : { signal });
      const chart = HELM.parse(parseJson(bytes, { what: "the chart's config" }));
      for (const [key, value] of Object.entries(chart)) {
        if (value !== undefined) facts[key] = cleanText(value, { maxChars: 300 });
      }
    } catch (thrown) {
      notes.push(`The chart's facts cannot be read: ${toAppError(thrown).message}`);
    }
  }
  return { kind, facts, notes };
}

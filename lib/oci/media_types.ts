/**
 * Media types of manifests and what they hold (OCI image-spec, media-types.md; Docker's
 * distribution). Needs no permission.
 *
 * @module
 */

/** OCI image index. */
export const OCI_INDEX = "application/vnd.oci.image.index.v1+json";
/** OCI image manifest; artifacts use it too. */
export const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
/** The artifact manifest that OCI 1.1 dropped again; some registries keep such. */
export const OCI_ARTIFACT = "application/vnd.oci.artifact.manifest.v1+json";
/** Docker's manifest list. */
export const DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json";
/** Docker's image manifest, schema 2. */
export const DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
/** Docker's image manifest, schema 1. */
export const DOCKER_SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+json";
/** The same with signatures. */
export const DOCKER_SCHEMA1_SIGNED = "application/vnd.docker.distribution.manifest.v1+prettyjws";
/** The config of an artifact that needs none. */
export const OCI_EMPTY = "application/vnd.oci.empty.v1+json";

/** Config media types of things that run as containers. */
export const IMAGE_CONFIGS: ReadonlySet<string> = new Set([
  "application/vnd.oci.image.config.v1+json",
  "application/vnd.docker.container.image.v1+json",
]);

/**
 * The `Accept` of a manifest request: everything that Wharf can describe, as one list joined with
 * commas, since strict registries read only the first field.
 */
export const ACCEPT_MANIFEST: string = [
  OCI_INDEX,
  OCI_MANIFEST,
  DOCKER_LIST,
  DOCKER_MANIFEST,
  OCI_ARTIFACT,
  DOCKER_SCHEMA1_SIGNED,
  DOCKER_SCHEMA1,
].join(", ");

/** What a manifest is, whichever of its media types it has. */
export type ManifestKind = "index" | "manifest" | "schema1";

const KINDS: Readonly<Record<string, ManifestKind>> = {
  [OCI_INDEX]: "index",
  [DOCKER_LIST]: "index",
  [OCI_MANIFEST]: "manifest",
  [DOCKER_MANIFEST]: "manifest",
  [OCI_ARTIFACT]: "manifest",
  [DOCKER_SCHEMA1]: "schema1",
  [DOCKER_SCHEMA1_SIGNED]: "schema1",
};

/**
 * The kind of a media type.
 *
 * @param mediaType A media type without parameters.
 * @returns The kind, or `undefined` for anything that is no manifest.
 */
export function kindOf(mediaType: string): ManifestKind | undefined {
  return KINDS[mediaType];
}

/**
 * A `Content-Type` without its parameters, in lower case.
 *
 * @param header The header's value.
 * @returns The media type; empty where there is none.
 */
export function bareMediaType(header: string | null): string {
  return (header ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
}

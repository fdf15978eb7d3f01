/**
 * Images for tests, with their digests, and routes that serve them.
 *
 * @module
 */

import { type Digest, digestOf } from "../../lib/oci/digest.ts";
import type { Descriptor } from "../../lib/oci/manifest.ts";
import { DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST } from "../../lib/oci/media_types.ts";
import type { Handler, ScriptedHost } from "./scripted_registry.ts";

/** Bytes with their digest and media type. */
export interface Content {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly digest: Digest;
  readonly mediaType: string;
}

/** Text as content. */
export function content(text: string, mediaType = "application/octet-stream"): Content {
  const bytes = new TextEncoder().encode(text);
  return { bytes, digest: digestOf(bytes), mediaType };
}

/** A value as JSON content. */
export function document(value: unknown, mediaType: string): Content {
  return content(JSON.stringify(value), mediaType);
}

/** Points to content. */
export function descriptor(of: Content): Descriptor {
  return { mediaType: of.mediaType, digest: of.digest, size: of.bytes.byteLength };
}

/** The config of {@linkcode IMAGE}. */
export const CONFIG: Content = document(
  { architecture: "amd64", os: "linux", config: { Cmd: ["/bin/sh"] } },
  "application/vnd.oci.image.config.v1+json",
);

/** A layer; nobody reads it. */
export const LAYER: Content = content("layer", "application/vnd.oci.image.layer.v1.tar+gzip");

/** An OCI image. */
export const IMAGE: Content = document({
  schemaVersion: 2,
  mediaType: OCI_MANIFEST,
  config: descriptor(CONFIG),
  layers: [descriptor(LAYER)],
}, OCI_MANIFEST);

/** The same as Docker pushes it. */
export const DOCKER_IMAGE: Content = document({
  schemaVersion: 2,
  mediaType: DOCKER_MANIFEST,
  config: { ...descriptor(CONFIG), mediaType: "application/vnd.docker.container.image.v1+json" },
  layers: [descriptor(LAYER)],
}, DOCKER_MANIFEST);

/** An index of {@linkcode IMAGE}. */
export const INDEX: Content = document({
  schemaVersion: 2,
  mediaType: OCI_INDEX,
  manifests: [{ ...descriptor(IMAGE), platform: { os: "linux", architecture: "amd64" } }],
}, OCI_INDEX);

/** Answers with content, and says what it is. */
export function answer(of: Content, headers: Record<string, string> = {}): Handler {
  return () =>
    new Response(of.bytes, {
      headers: {
        "content-type": of.mediaType,
        "content-length": String(of.bytes.byteLength),
        "docker-content-digest": of.digest,
        ...headers,
      },
    });
}

/**
 * Serves a manifest by tag and by digest, to HEAD and GET.
 *
 * @param host The registry.
 * @param path Repository and tag: `app:1`.
 * @param of The manifest.
 * @param wrap Puts something before the answer, such as a guard.
 */
export function serveManifest(
  host: ScriptedHost,
  path: string,
  of: Content,
  wrap: (handler: Handler) => Handler = (handler) => handler,
): void {
  const [repository, tag] = path.split(":");
  for (const method of ["HEAD", "GET"]) {
    for (const name of [tag, of.digest]) {
      host.on(`${method} /v2/${repository}/manifests/${name}`, wrap(answer(of)));
    }
  }
}

/**
 * The hosts behind each well-known registry: its token server and where its blobs are sent from.
 * Data, needs no permission.
 *
 * @module
 */

import { parseRegistry } from "../oci/mod.ts";

/** Hosts by registry; a name that begins with `*.` stands for all hosts under it. */
const HOSTS: Readonly<Record<string, readonly string[]>> = {
  "docker.io": ["docker.io", "*.docker.io", "*.docker.com", "*.r2.cloudflarestorage.com"],
  "ghcr.io": ["ghcr.io", "pkg-containers.githubusercontent.com"],
  "quay.io": ["quay.io", "*.quay.io"],
  "gcr.io": ["gcr.io", "*.gcr.io", "storage.googleapis.com"],
  "*.gcr.io": ["gcr.io", "*.gcr.io", "storage.googleapis.com"],
  "*.pkg.dev": ["*.pkg.dev", "storage.googleapis.com"],
  "registry.k8s.io": ["registry.k8s.io", "*.pkg.dev", "storage.googleapis.com", "*.amazonaws.com"],
  "mcr.microsoft.com": ["mcr.microsoft.com", "*.mcr.microsoft.com"],
  "*.azurecr.io": ["*.azurecr.io", "*.blob.core.windows.net"],
  "public.ecr.aws": ["public.ecr.aws", "*.cloudfront.net", "*.amazonaws.com"],
  "*.amazonaws.com": ["*.amazonaws.com"],
  "registry.gitlab.com": ["registry.gitlab.com", "gitlab.com", "storage.googleapis.com"],
  "registry.access.redhat.com": ["registry.access.redhat.com", "*.quay.io"],
  "registry.redhat.io": ["registry.redhat.io", "registry.access.redhat.com", "*.quay.io"],
  "cgr.dev": ["cgr.dev", "*.r2.cloudflarestorage.com"],
};

/** The registries that are granted where nobody names some. */
export const WELL_KNOWN_REGISTRIES: readonly string[] = Object.keys(HOSTS);

/**
 * The hosts that are asked when a registry is.
 *
 * @param registry A registry's name as in image references, or a pattern of
 * {@linkcode WELL_KNOWN_REGISTRIES}.
 * @returns Hosts for `--allow-net`; one that is not well-known is its own token server and store.
 * @throws {AppError} `INVALID_ARGUMENT` for what is no name of a registry.
 */
export function registryHosts(registry: string): readonly string[] {
  const exact = HOSTS[registry];
  if (exact !== undefined) return exact;
  const name = parseRegistry(registry);
  const suffix = Object.keys(HOSTS).find((key) =>
    key.startsWith("*.") && name.endsWith(key.slice(1))
  );
  return HOSTS[name] ?? (suffix === undefined ? [name] : HOSTS[suffix] ?? [name]);
}

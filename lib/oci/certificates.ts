/**
 * Certificates for registries with their own CA, from where podman and Docker keep them
 * (containers-certs.d(5)). Needs no permission: files are read through `Files`.
 *
 * @module
 */

import type { Env, Files, Log } from "../core/host.ts";
import { toAppError } from "../core/errors.ts";

/** PEM texts for one registry. */
export interface RegistryCertificates {
  /** Certificate authorities to trust beside the usual ones. */
  readonly caCerts: readonly string[];
  /** Client certificate, together with `key`. */
  readonly cert?: string;
  /** Private key of the client certificate. */
  readonly key?: string;
}

/** A certificate file is a few KiB; a bundle of all public CAs is about 250 KB. */
const MAX_BYTES = 1024 * 1024;

/**
 * Makes a look-up of certificates by `host[:port]`. The folders are those of podman, then
 * Docker's: `~/.config/containers/certs.d`, `/etc/containers/certs.d`, `/etc/docker/certs.d`; the
 * first with a `ca.crt` or a client pair wins.
 *
 * @param deps Where files and the home directory are, and who is told of an unreadable file.
 * @returns The look-up; `undefined` where the host has no folder.
 */
export function openCertificates(
  deps: { readonly files: Files; readonly env: Env; readonly log: Log },
): (host: string) => Promise<RegistryCertificates | undefined> {
  const roots = certificateFolders(deps.env);
  const warned = new Set<string>();

  async function read(path: string): Promise<string | undefined> {
    try {
      const bytes = await deps.files.read(path, { maxBytes: MAX_BYTES });
      return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
    } catch (thrown) {
      // Without the read permission the public CAs still serve nearly every registry.
      const error = toAppError(thrown);
      if (error.code !== "PERMISSION_MISSING" && !warned.has(path)) {
        warned.add(path);
        deps.log.warn("certificate file left out", { path, reason: error.message });
      }
      return undefined;
    }
  }

  return async (host) => {
    // A host comes from a parsed reference, but it becomes a path here.
    if (!/^[A-Za-z0-9.\-_:[\]]+$/.test(host) || host.includes("..")) return undefined;
    for (const root of roots) {
      const folder = `${root}/${host}`;
      const ca = await read(`${folder}/ca.crt`);
      const cert = await read(`${folder}/client.cert`);
      const key = cert === undefined ? undefined : await read(`${folder}/client.key`);
      if (ca === undefined && key === undefined) continue;
      return {
        caCerts: ca === undefined ? [] : [ca],
        ...(cert === undefined || key === undefined ? {} : { cert, key }),
      };
    }
    return undefined;
  };
}

/**
 * The folders that may hold certificates, in the order of {@linkcode openCertificates}.
 *
 * @param env The declared environment variables.
 * @returns Paths, whether there is such a folder or not.
 */
export function certificateFolders(env: Env): readonly string[] {
  const home = env["HOME"];
  const configHome = env["XDG_CONFIG_HOME"] ?? (home === undefined ? undefined : `${home}/.config`);
  return [
    ...(configHome === undefined ? [] : [`${configHome}/containers/certs.d`]),
    "/etc/containers/certs.d",
    "/etc/docker/certs.d",
  ];
}

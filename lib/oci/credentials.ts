/**
 * Credentials per registry, from where podman and Docker keep them. Needs no permission itself:
 * files, helpers and variables are passed in; what may not be read counts as absent, said once.
 *
 * The order: `OCI_TOKEN`, then `OCI_USERNAME` with `OCI_PASSWORD`, each only for the hosts in
 * `OCI_REGISTRY` (unset: Docker Hub); then the auth files in podman's order. Without the hosts a
 * prompt could make Wharf hand its secret to any host that it names.
 *
 * @module
 */

import { toAppError } from "../core/errors.ts";
import type { Clock, Env, Files, Log, Processes } from "../core/host.ts";
import {
  type AuthFile,
  type Credential,
  isHeaderWord,
  keysFor,
  parseAuthFile,
} from "./auth_file.ts";
import { CredentialHelpers } from "./credential_helper.ts";
import { parseRegistry, type Repository } from "./reference.ts";

/** A credential, and where it was found. */
export interface FoundCredential {
  /** What to authenticate with. */
  readonly credential: Credential;
  /** Where it comes from, for people: a variable's name, a path, or a helper's name. */
  readonly source: string;
}

/** Finds credentials. */
export interface Keychain {
  /**
   * Finds the credential for a repository; it must be sent to that repository's registry only.
   *
   * @param target The repository; an empty path asks for the registry as a whole.
   * @param signal Ends a helper that runs.
   * @returns The credential, or `undefined` for anonymous access.
   */
  lookup(target: Repository, signal?: AbortSignal): Promise<FoundCredential | undefined>;
  /**
   * Why the operator's variables are not used for a registry.
   *
   * @param registry A registry's name.
   * @returns The next step, or `undefined` where nothing is withheld.
   */
  withheld(registry: string): string | undefined;
}

/** What {@linkcode openKeychain} needs. */
export interface KeychainDeps {
  /** The declared environment variables. */
  readonly env: Env;
  /** Reads auth files. */
  readonly files: Files;
  /** Runs credential helpers. */
  readonly processes: Processes;
  /** Is told once of each file or helper that cannot be used. */
  readonly log: Log;
  /** Dates what was read. */
  readonly clock: Clock;
  /** The home directory, if there is one. */
  readonly home?: string;
}

/** A login while the server runs must be seen soon. */
const REREAD_MS = 30_000;
const MAX_BYTES = 4 * 1024 * 1024;

/** The part of an error that a warning shows. */
interface Why {
  readonly message: string;
  readonly hint?: string | undefined;
}

interface SourceFile extends AuthFile {
  readonly name: string;
}

/**
 * Opens the keychain. Nothing is read before the first look-up.
 *
 * @param deps Variables, files, helpers, log and clock.
 * @returns The keychain.
 */
export function openKeychain(deps: KeychainDeps): Keychain {
  const { env, clock } = deps;
  const helpers = new CredentialHelpers(deps);
  const warned = new Set<string>();
  const hosts = ownHosts();
  let loaded: { readonly files: Promise<readonly SourceFile[]>; readonly atMs: number } | undefined;

  function authFiles(): Promise<readonly SourceFile[]> {
    if (loaded === undefined || clock.now() - loaded.atMs >= REREAD_MS) {
      loaded = { files: readAll(), atMs: clock.now() };
    }
    return loaded.files;
  }

  async function readAll(): Promise<readonly SourceFile[]> {
    const inline = env["DOCKER_AUTH_CONFIG"];
    const found = await Promise.all([
      ...(inline === undefined
        ? []
        : [parsed(new TextEncoder().encode(inline), "DOCKER_AUTH_CONFIG")]),
      ...authFilePaths(env, deps.home).map(readOne),
    ]);
    return found.filter((file) => file !== undefined);
  }

  async function readOne(path: string): Promise<SourceFile | undefined> {
    try {
      const bytes = await deps.files.read(path, { maxBytes: MAX_BYTES });
      return bytes === undefined ? undefined : parsed(bytes, path);
    } catch (thrown) {
      const error = toAppError(thrown);
      // Without the permission for one place there is mostly none for the others either.
      const key = error.code === "PERMISSION_MISSING" ? error.code : path;
      warnOnce(key, "credential file cannot be read; going on without it", error);
      return undefined;
    }
  }

  function parsed(bytes: Uint8Array, name: string): SourceFile | undefined {
    try {
      return { ...parseAuthFile(bytes, `"${name}"`), name };
    } catch (thrown) {
      const { message } = toAppError(thrown);
      const hint = "Log in again to write it anew, or mend it by hand";
      warnOnce(name, "credential file left out", { message, hint });
      return undefined;
    }
  }

  function warnOnce(key: string, what: string, why: Why): void {
    if (warned.has(key)) return;
    warned.add(key);
    const { message: reason, hint } = why;
    deps.log.warn(what, { reason, ...(hint === undefined ? {} : { hint }) });
  }

  /** The hosts that may see the operator's variables. */
  function ownHosts(): ReadonlySet<string> {
    const names = (env["OCI_REGISTRY"] ?? "").split(",").map((name) => name.trim()).filter(Boolean);
    if (names.length === 0) return new Set(["docker.io"]);
    return new Set(names.flatMap((name) => {
      try {
        return [parseRegistry(name)];
      } catch (thrown) {
        warnOnce("OCI_REGISTRY", "a name in OCI_REGISTRY is left out", toAppError(thrown));
        return [];
      }
    }));
  }

  function fromVariables(registry: string): FoundCredential | undefined {
    if (!hosts.has(registry)) return undefined;
    const { OCI_USERNAME: username, OCI_PASSWORD: password } = env;
    // A token that was read from a file mostly ends in a line feed.
    const token = env["OCI_TOKEN"]?.trim();
    if (token && isHeaderWord(token)) {
      return { credential: { kind: "bearer", token }, source: "OCI_TOKEN" };
    }
    if (token) {
      warnOnce("OCI_TOKEN", "OCI_TOKEN is left out", {
        message: "it holds blanks or other characters that no token has",
        hint: "Set it to the token alone",
      });
    }
    if (!username || !password) return undefined;
    return { credential: { kind: "basic", username, password }, source: "OCI_USERNAME" };
  }

  return {
    async lookup(target, signal) {
      const own = fromVariables(target.registry);
      if (own !== undefined) return own;
      for (const file of await authFiles()) {
        const helper = file.helpers.get(target.registry);
        if (helper !== undefined) {
          const found = await helpers.get(helper, target.registry, signal);
          if (found !== undefined) return found;
        }
        for (const key of keysFor(target)) {
          const credential = file.entries.get(key);
          if (credential !== undefined) return { credential, source: file.name };
        }
        if (helper === undefined && file.store !== undefined) {
          const found = await helpers.get(file.store, target.registry, signal);
          if (found !== undefined) return found;
        }
      }
      return undefined;
    },
    withheld(registry) {
      const isSet = env["OCI_TOKEN"] || (env["OCI_USERNAME"] && env["OCI_PASSWORD"]);
      if (!isSet || hosts.has(registry)) return undefined;
      const allowed = [...hosts].join(", ") || "no registry";
      return `OCI_TOKEN or OCI_USERNAME is set, but only for ${allowed}; ` +
        `add ${registry} to OCI_REGISTRY if it may see it`;
    },
  };
}

/**
 * Where credential files may be, in podman's order (containers-auth.json(5)); a file that
 * `REGISTRY_AUTH_FILE` names stands alone.
 *
 * @param env The declared environment variables.
 * @param home The home directory, if there is one.
 * @returns Paths, whether there is such a file or not.
 */
export function authFilePaths(env: Env, home: string | undefined): readonly string[] {
  const named = env["REGISTRY_AUTH_FILE"];
  if (named) return [named];
  const configHome = env["XDG_CONFIG_HOME"] || (home === undefined ? undefined : `${home}/.config`);
  const dockerHome = env["DOCKER_CONFIG"] || (home === undefined ? undefined : `${home}/.docker`);
  const runtime = env["XDG_RUNTIME_DIR"];
  return [
    ...(runtime ? [`${runtime}/containers/auth.json`] : []),
    ...(configHome === undefined ? [] : [`${configHome}/containers/auth.json`]),
    ...(dockerHome === undefined ? [] : [`${dockerHome}/config.json`]),
    ...(home === undefined ? [] : [`${home}/.dockercfg`]),
  ];
}

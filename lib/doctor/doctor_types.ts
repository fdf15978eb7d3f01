/**
 * What `wharf doctor` works with. Needs no permission: types only.
 *
 * @module
 */

import type { PlacedSource, SourceState } from "../catalog/mod.ts";
import type { Config } from "../config.ts";
import type { Clock, Disk, Env, Files, Processes } from "../core/host.ts";
import type { Listen, Net } from "../core/http.ts";
import type { Toolset } from "../mcp/mod.ts";
import type { Keychain, RegistryClient } from "../oci/mod.ts";
import type { Grant } from "./grants.ts";

/** The effects and parts that the checks use. */
export interface DoctorDeps {
  /** Asks sources. */
  readonly net: Net;
  /** Reads credential files. */
  readonly files: Files;
  /** Starts podman and git. */
  readonly processes: Processes;
  /** Time. */
  readonly clock: Clock;
  /** The declared environment variables. */
  readonly env: Env;
  /** The cache. */
  readonly disk: Disk;
  /** The state. */
  readonly state: Disk;
  /** Tries a port. */
  readonly listen: Listen;
  /** Opens a folder that others own, for reading. */
  readonly openFolder: (path: string) => Pick<Disk, "list" | "read">;
  /** Whether Deno granted something. */
  readonly isGranted: (grant: Pick<Grant, "kind" | "value">) => Promise<boolean>;
  /** Room on the disk of a folder, in bytes. */
  readonly freeBytes: (path: string) => Promise<number>;
  /** How the sources of the catalogue stand; reads nothing anew. */
  readonly sourceStates: () => Promise<readonly SourceState[]>;
  /** Asks registries. */
  readonly registry: Pick<RegistryClient, "ping">;
  /** Finds credentials. */
  readonly keychain: Pick<Keychain, "lookup">;
}

/** What Wharf is set to do. */
export interface DoctorSettings {
  /** The toolsets on offer. */
  readonly toolsets: readonly Toolset[];
  /** The program that runs containers. */
  readonly engine: "podman" | "docker";
  /** Whether the policy lets packages run without a sandbox. */
  readonly unsandboxed: boolean;
  /** The sources that are on. */
  readonly sources: readonly PlacedSource[];
  /** The registries that were named, to be asked and granted; empty: the usual ones. */
  readonly registries: readonly string[];
  /** Registries that are spoken to over plain http. */
  readonly insecureRegistries: ReadonlySet<string>;
  /** How clients are served. */
  readonly serve: Pick<
    Config["serve"],
    | "transport"
    | "hostname"
    | "port"
    | "authToken"
    | "authTokenFile"
    | "oauth"
    | "tls"
    | "auditFile"
  >;
  /** The operating system. */
  readonly os: string;
  /** The config file, if there can be one. */
  readonly configFile: string | undefined;
  /** Folders as they are set. */
  readonly folders: {
    readonly cache: string | undefined;
    readonly git: string | undefined;
    readonly state: string | undefined;
  };
  /** Whether the cache and the state are in memory, since nothing else may be written. */
  readonly inMemory: { readonly cache: boolean; readonly state: boolean };
}

/** What all checks share. */
export interface CheckContext {
  /** Effects and parts. */
  readonly deps: DoctorDeps;
  /** Settings. */
  readonly settings: DoctorSettings;
  /** What Wharf needs for them. */
  readonly grants: readonly Grant[];
}

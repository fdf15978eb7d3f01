/**
 * From Wharf's config and parts to its doctor. Needs no permission itself.
 *
 * @module
 */

import { type Catalog, placeSources } from "../catalog/mod.ts";
import type { Config } from "../config.ts";
import { MemoryDisk } from "../core/memory_disk.ts";
import { parsePolicy } from "../gateway/mod.ts";
import { diagnose, type Diagnosis, type Needed, neededPermissions } from "./doctor.ts";
import type { DoctorDeps, DoctorSettings } from "./doctor_types.ts";

/** What a diagnosis takes beside Wharf's own parts. */
export interface DoctorOptions
  extends
    Pick<DoctorDeps, "isGranted" | "freeBytes">,
    Pick<DoctorSettings, "registries" | "configFile" | "os"> {}

/** What a {@linkcode Doctor} works with. */
export interface DoctorParts extends DoctorOptions, Omit<DoctorDeps, "sourceStates"> {
  /** Gives the catalogue. */
  readonly catalog: () => Promise<Pick<Catalog, "keptStates">>;
}

/** Looks at what Wharf needs here. */
export interface Doctor {
  /**
   * The smallest set of permissions; nobody is asked.
   *
   * @throws {AppError} `INVALID_ARGUMENT` for what no flag can grant.
   */
  needed(): Promise<Needed>;
  /**
   * Looks at everything, and changes nothing.
   *
   * @param signal Ends it.
   * @throws {AppError} `CANCELLED`, and as {@linkcode Doctor.needed}.
   */
  diagnose(signal: AbortSignal): Promise<Diagnosis>;
}

/**
 * Opens the doctor; nothing is looked at yet.
 *
 * @param parts Effects and parts.
 * @param config Wharf's settings.
 * @throws {AppError} `INVALID_ARGUMENT` for a place of a source that is none, and for a policy of
 * the wrong form.
 */
export function openDoctor(parts: DoctorParts, config: Config): Doctor {
  const { toolsets, insecureRegistries, catalog, gateway, serve } = config;
  const { registries, configFile, os, disk, state } = parts;
  const settings: DoctorSettings = {
    toolsets,
    engine: gateway.engine,
    unsandboxed: parsePolicy(gateway.policy).unsandboxed,
    sources: placeSources(catalog.sources),
    registries,
    insecureRegistries,
    serve,
    os,
    configFile,
    folders: {
      cache: config.cacheDirectory,
      git: catalog.gitDirectory,
      state: gateway.stateDirectory,
    },
    inMemory: { cache: disk instanceof MemoryDisk, state: state instanceof MemoryDisk },
  };
  const sourceStates = async () => await (await parts.catalog()).keptStates();
  return {
    needed: () => neededPermissions(parts, settings),
    diagnose: (signal) => diagnose({ ...parts, sourceStates }, settings, { signal }),
  };
}

/**
 * What the app is given: the effects that it may cause, and who it says it is. Types only, needs no
 * permission.
 *
 * @module
 */

import type { Clock, Disk, Env, Files, Log, MemoryUse, Processes } from "./core/host.ts";
import type { Listen, Net } from "./core/http.ts";

/** The effects that the app may cause. */
export interface AppHost {
  /** The network. */
  readonly net: Net;
  /** The cache directory, or memory where none can be written. */
  readonly disk: Disk;
  /** Credential files. */
  readonly files: Files;
  /** Credential helpers. */
  readonly processes: Processes;
  /** Time. */
  readonly clock: Clock;
  /** The log. */
  readonly log: Log;
  /** Takes a line for each call of a tool over HTTP. @default the log */
  readonly audit?: Log;
  /** The declared environment variables. */
  readonly env: Env;
  /** Reads one that a setting refers to. */
  readonly variable: (name: string) => string | undefined;
  /** The state directory, or memory where none can be written. */
  readonly state: Disk;
  /** Absolute path of the state directory; absent where it is in memory. */
  readonly stateDirectory?: string;
  /** Looks up how much memory the process has. @default it is not told */
  readonly memory?: () => MemoryUse;
  /** Process id. */
  readonly pid: number;
  /** Listens for the browser's answer of a sign-in. */
  readonly listen: Listen;
  /** Opens a folder that others own, for reading. */
  readonly openFolder: (path: string) => Pick<Disk, "list" | "read">;
  /** The permissions that Deno granted, for people to read. */
  readonly permissions: () => Promise<readonly string[]>;
  /** A number from 0 to below 1, for jitter. */
  readonly random: () => number;
}

/** Who Wharf says it is. */
export interface AppInfo {
  /** Name in the MCP handshake. */
  readonly name: string;
  /** Version in the MCP handshake. */
  readonly version: string;
}

/**
 * The platform's side of Wharf as a library: network, files, programs, log and clock, as the
 * interfaces of the main entry want them. Each needs the permission of Deno that it is about;
 * callers who have their own put it in place.
 *
 * @example Ask a real registry, with the credentials that podman or Docker keep
 * ```ts
 * import {
 *   ContentStore,
 *   inspectImage,
 *   openKeychain,
 *   parseReference,
 *   RegistryClient,
 * } from "@wharf/wharf";
 * import {
 *   openDisk,
 *   openFiles,
 *   openLog,
 *   openNet,
 *   openProcesses,
 *   readEnv,
 *   systemClock as clock,
 * } from "@wharf/wharf/host";
 *
 * const log = openLog({ format: "text", level: "warn", clock });
 * await using net = openNet({ userAgent: "example/1.0", clock });
 * const client = new RegistryClient({
 *   net,
 *   clock,
 *   log,
 *   keychain: openKeychain({
 *     env: readEnv(),
 *     files: openFiles(),
 *     processes: openProcesses(clock),
 *     log,
 *     clock,
 *   }),
 *   cache: new ContentStore({ disk: openDisk("/tmp/example", clock), log }),
 *   random: Math.random,
 * });
 * const { pinned } = await inspectImage(client, parseReference("alpine:3.20"));
 * console.log(pinned);
 * ```
 *
 * @module
 */

export { systemClock } from "./lib/host/clock.ts";
export { openDisk, openFiles } from "./lib/host/disk.ts";
export { readEnv } from "./lib/host/env.ts";
export { type LogOptions, openLog } from "./lib/host/log.ts";
export { type Certificates, type NetOptions, openNet } from "./lib/host/net.ts";
export { openProcesses } from "./lib/host/process.ts";
export type {
  ChildProcess,
  Clock,
  Disk,
  DiskEntry,
  Env,
  ExitStatus,
  Files,
  Log,
  LogFields,
  Processes,
  ProcessSpec,
  RunOptions,
  RunResult,
} from "./lib/core/host.ts";
export type { AddressKind } from "./lib/core/address.ts";
export type { HttpRequest, HttpResponse, Net, ReadOptions, UrlOrigin } from "./lib/core/http.ts";

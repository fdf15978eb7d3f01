/**
 * The registry client as `main.ts` wires it, with the real network and real files, and the
 * variables that a test gives it. Needs net, read and run permission.
 *
 * @module
 */

import type { Env } from "../../lib/core/host.ts";
import { MemoryDisk } from "../../lib/core/memory_disk.ts";
import { systemClock } from "../../lib/host/clock.ts";
import { openFiles } from "../../lib/host/disk.ts";
import { openNet } from "../../lib/host/net.ts";
import { openProcesses } from "../../lib/host/process.ts";
import { openCertificates, openKeychain, RegistryClient } from "../../lib/oci/mod.ts";
import { ContentStore } from "../../lib/store.ts";
import { FakeLog } from "../fake_log.ts";

/** A registry client with what a test looks at. */
export interface OpenedClient extends AsyncDisposable {
  /** The client. */
  readonly client: RegistryClient;
  /** What it logged. */
  readonly log: FakeLog;
}

/**
 * Opens a client with an empty cache.
 *
 * @param env The environment; nothing of this process's own reaches the client.
 */
export function openClient(env: Env = {}): OpenedClient {
  const log = new FakeLog();
  const clock = systemClock;
  const files = openFiles();
  const net = openNet({
    userAgent: "wharf-tests",
    clock,
    certs: openCertificates({ files, env, log }),
  });
  const keychain = openKeychain({ env, files, processes: openProcesses(clock), log, clock });
  const cache = new ContentStore({ disk: new MemoryDisk(), log });
  const client = new RegistryClient({ net, clock, log, keychain, cache, random: Math.random });
  return { client, log, [Symbol.asyncDispose]: () => net[Symbol.asyncDispose]() };
}

/**
 * What is active: the gateway, opened for all sessions or for one. Needs no permission itself; every
 * effect comes with the host.
 *
 * @module
 */

import type { Catalog } from "./catalog/mod.ts";
import type { Config } from "./config.ts";
import type { Disk } from "./core/host.ts";
import { once } from "./core/late.ts";
import { MemoryDisk } from "./core/memory_disk.ts";
import type { AppHost, AppInfo } from "./effects.ts";
import type { Activations, Proxy } from "./gateway/mod.ts";
import type { GatewayDoor } from "./mcp/mod.ts";
import type { AppMetrics } from "./telemetry/mod.ts";

/** What is active, for all sessions or for one. */
export interface SharedGateway {
  /** The activated servers. */
  readonly activations: Activations;
  /** What they offer. */
  readonly proxy: Proxy;
  /** Shows what an activation would do. */
  readonly viewPlan: Awaited<ReturnType<GatewayDoor>>["viewPlan"];
}

/** What is active for one session. */
export interface IsolatedGateway extends SharedGateway {
  /** Ends it; nothing of it remains. */
  close(): Promise<void>;
}

/** What is active for all sessions, and a way to have it for one alone. */
export interface Gateway extends SharedGateway {
  /** How many servers are active, for all and for single sessions. */
  readonly count: number;
  /** Opens what is active for one session: it begins as all have it, and goes its own way. */
  isolated(): Promise<IsolatedGateway>;
  /** Ends all that is active. */
  close(): Promise<void>;
}

/**
 * Opens the gateway, with what it takes to plan and start servers.
 *
 * @param host The effects.
 * @param config The settings.
 * @param parts The catalogue, and the names that servers may not take.
 * @returns The gateway; close it to end what is active.
 */
export async function openGateway(
  host: AppHost,
  config: Config,
  parts: {
    readonly catalog: () => Promise<Catalog>;
    readonly info: AppInfo;
    readonly metrics: AppMetrics;
    readonly reserved: {
      readonly tools: readonly string[];
      readonly prompts: readonly string[];
    };
  },
): Promise<Gateway> {
  const gateway = await import("./gateway/mod.ts");
  const { processes, clock, log, env, net, files, state: disk, pid, listen } = host;
  const policy = gateway.parsePolicy(config.gateway.policy);
  const run = `${pid}-${clock.now().toString(36)}`;
  const owner = await gateway.ownerId({ disk, log });
  const engine = new gateway.ContainerEngine({ processes, clock, log, env }, {
    engine: config.gateway.engine,
    owner: { id: owner, run },
    ...(host.stateDirectory === undefined
      ? {}
      : { folder: { path: host.stateDirectory, clean: () => disk.remove("oom") } }),
    insecureRegistries: config.insecureRegistries,
  });
  const index = async () => await (await parts.catalog()).index();
  /** What is active for whoever the disk belongs to: a session, or all. */
  const openOn = (disk: Disk, session?: string): SharedGateway => {
    const launcher = new gateway.Launcher({
      net,
      processes,
      clock,
      log,
      env,
      files,
      variable: host.variable,
      disk: host.state,
      engine,
      runtimes: new gateway.RuntimeFinder({ processes, env }, { hasPlain: policy.unsandboxed }),
      git: async () => {
        const { openGit } = await import("./catalog/mod.ts");
        return openGit({ ...host, disk: host.disk });
      },
      oauth: new gateway.OAuth({
        net,
        clock,
        listen,
        store: new gateway.OAuthStore({ disk, log }),
        disk,
        log,
      }),
      policy,
      pid,
      mark: gateway.processMark({ id: owner, run }),
      ...(session === undefined ? {} : { session }),
      ...(host.stateDirectory === undefined ? {} : { directory: host.stateDirectory }),
    });
    const activations = new gateway.Activations({
      launcher,
      find: async (id) => (await index()).get(id),
      nearest: async (id) => (await index()).nearestIds(id, 5),
      store: new gateway.ActiveStore({ disk, log }),
      settings: new gateway.SettingsStore({ disk, log }, policy),
      audit: parts.metrics.audit(new gateway.AuditLog({ disk: host.state, log, clock })),
      redactor: new gateway.Redactor(),
      policy,
      reserved: parts.reserved,
      idleMs: config.gateway.idleMs,
      clock,
      log,
      clientInfo: parts.info,
    });
    const proxy = new gateway.Proxy({ activations, clock, log });
    return { activations, proxy, viewPlan: gateway.viewPlan };
  };
  // Without a directory nobody can know what an earlier run left.
  const held = host.stateDirectory === undefined ? undefined : await gateway.holdRun(run, {
    disk,
    log,
    clock,
    engine,
    endProcesses: (isAlive) => gateway.endOrphanProcesses(owner, isAlive, host),
  });
  const shared = openOn(disk);
  const own = new Set<IsolatedGateway>();
  let serial = 0;
  return {
    ...shared,
    get count() {
      return [shared, ...own].reduce((sum, { activations }) => sum + activations.count, 0);
    },
    async isolated() {
      const id = `s${++serial}`;
      const opened = openOn(await copyOf(disk), id);
      const session: IsolatedGateway = {
        ...opened,
        close: once(async () => {
          await opened.activations.close();
          await engine.removeSessionVolumes(id);
          own.delete(session);
        }),
      };
      own.add(session);
      return session;
    },
    async close() {
      await Promise.all([
        shared.activations.close(),
        ...[...own].map((session) => session.close()),
      ]);
      await held?.[Symbol.asyncDispose]();
    },
  };
}

/** What one session changes is seen by no other, and forgotten with it. */
async function copyOf(disk: Disk): Promise<Disk> {
  const copy = new MemoryDisk();
  for (const { name, kind, sizeBytes } of await disk.list("")) {
    if (kind !== "file" || !name.endsWith(".json")) continue;
    const bytes = await disk.read(name, { maxBytes: sizeBytes });
    if (bytes !== undefined) await copy.write(name, bytes);
  }
  return copy;
}

/**
 * Wires the parts: from a host and a config to the tools and to a server for them. Needs no
 * permission itself; every effect comes with the {@linkcode AppHost}.
 *
 * What only a server needs (the MCP SDK, the HTTP routes) is loaded when one is started, so that
 * a one-shot command does not pay for it.
 *
 * @module
 */

import { openGateway, type SharedGateway } from "./activity.ts";
import type { Catalog } from "./catalog/mod.ts";
import type { Config } from "./config.ts";
import { toAppError } from "./core/errors.ts";
import type { Listen, Listening } from "./core/http.ts";
import { once } from "./core/late.ts";
import { MemoryDisk } from "./core/memory_disk.ts";
import type { Doctor, DoctorOptions } from "./doctor/mod.ts";
import type { AppHost, AppInfo } from "./effects.ts";
import type { DirectOptions, DirectServer, DirectSpec, Proxy } from "./gateway/mod.ts";
import {
  appInventory,
  type CallListener,
  instructions,
  type Inventory,
  type SystemFacts,
} from "./mcp/mod.ts";
import type { Server, ServerOptions } from "./mcp/protocol.ts";
import { HubClient, openKeychain, RecentContent, RegistryClient } from "./oci/mod.ts";
import { ContentStore } from "./store.ts";
import { AppMetrics, callAudit } from "./telemetry/mod.ts";

export type { AppHost, AppInfo } from "./effects.ts";

/** Streams that carry MCP. */
export interface Streams {
  /** Messages from the client. */
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** Messages to the client. */
  readonly writable: WritableStream<Uint8Array<ArrayBuffer>>;
}

/** Wharf, ready to be called or served. */
export interface App {
  /** The tools, prompts and resources. */
  readonly inventory: Inventory;
  /**
   * Serves one client over streams until they end or the signal aborts.
   *
   * @param signal Finishes the calls in hand, for at most `graceMs`, and ends.
   */
  serveStreams(streams: Streams, signal: AbortSignal): Promise<void>;
  /**
   * Serves any number of clients over HTTP until the signal aborts.
   *
   * @param listen How to listen.
   * @param signal Finishes the calls in hand, for at most `graceMs`, and ends.
   * @returns Where it listens; `finished` settles when the last call is done.
   */
  serveHttp(listen: Listen, signal: AbortSignal): Promise<Listening>;
  /**
   * Connects to a remote server that is not activated. Nothing is kept but what a sign-in leaves.
   *
   * @param spec The server.
   * @param options Whoever answers it, and cancellation.
   * @returns The connection; whoever asked for it ends it.
   */
  openRemote(spec: DirectSpec, options: DirectOptions): Promise<DirectServer>;
  /** Looks at what Wharf needs here. */
  doctor(options: DoctorOptions): Promise<Doctor>;
  /** Ends what was activated; nothing of it remains. What is kept comes back with the next start. */
  close(): Promise<void>;
}

/** Time that calls in hand get when Wharf is asked to stop, in milliseconds. */
const GRACE_MS = 5000;

/** Pages of one list of tags, and a question asked again at once, come from one download. */
const KEEP_TAGS_MS = 10_000;

/** Characters of what activated servers say of themselves. */
const MAX_SERVER_WORDS = 8_000;

/**
 * Wires the parts together. Nothing is read or sent before the first call.
 *
 * @param given The effects.
 * @param config The settings.
 * @param info Name and version for the handshake.
 * @returns The app.
 */
export function createApp(given: AppHost, config: Config, info: AppInfo): App {
  const metrics = new AppMetrics(info.version);
  const host: AppHost = { ...given, net: metrics.net(given.net) };
  const { net, clock, log, env, files, processes, disk, random } = host;
  const home = env["HOME"] ?? env["USERPROFILE"];
  const keychain = openKeychain({
    env,
    files,
    processes,
    log,
    clock,
    ...(home === undefined ? {} : { home }),
  });
  // A disk in memory takes from what a process may use at rest, and needs none before it.
  const cache = metrics.cache(
    disk instanceof MemoryDisk
      ? new ContentStore({ disk, log }, { maxTotalBytes: 16 * 1024 * 1024 })
      : new RecentContent(new ContentStore({ disk, log })),
  );
  const registry = new RegistryClient({ net, clock, log, keychain, cache, random }, {
    insecureRegistries: config.insecureRegistries,
    timeoutMs: config.timeoutMs,
    keepTagsMs: KEEP_TAGS_MS,
  });
  const hub = new HubClient({ net, clock, log, env });
  const catalog = once(() => openCatalog(host, config, metrics));
  const gateway = once(async () => {
    const reserved = {
      tools: inventory.listTools().map(({ name }) => name),
      prompts: inventory.prompts.map(({ name }) => name),
    };
    return await openGateway(host, config, { catalog, info, reserved, metrics });
  });
  const inventory = inventoryOver(gateway);

  /** What is Wharf's own, over what is active for all or for one. */
  function inventoryOver(door: () => Promise<SharedGateway>): Inventory {
    const activeCount = async () => {
      if (!config.toolsets.includes("gateway")) return 0;
      const { activations } = await door();
      await activations.open();
      return activations.count;
    };
    return appInventory({
      registry,
      hub,
      catalog,
      gateway: async () => {
        const { activations, viewPlan } = await door();
        return { activations: metrics.passedOn(activations, clock), viewPlan };
      },
      system: async () => ({
        ...await systemFacts(host, config),
        active: await activeCount(),
      }),
      now: () => clock.now(),
      version: info.version,
    }, config.toolsets);
  }

  /** What activated servers offer; they are started where that is wanted. */
  async function proxy(): Promise<Proxy | undefined> {
    if (!config.toolsets.includes("gateway")) return undefined;
    // A policy that says something else than its operator meant is no policy to serve by.
    (await import("./gateway/mod.ts")).parsePolicy(config.gateway.policy);
    try {
      const { activations, proxy } = await gateway();
      if (config.gateway.restore !== "off") await activations.open();
      if (config.gateway.restore === "eager") void activations.startAll();
      return proxy;
    } catch (thrown) {
      log.error("what was active cannot be restored", { reason: toAppError(thrown).message });
      return undefined;
    }
  }

  /** Refreshes the catalogue beside the serving, where it is offered. */
  function schedule(signal: AbortSignal): void {
    if (!config.toolsets.includes("catalog")) return;
    const run = async () => await (await catalog()).schedule(signal);
    run().catch((thrown) =>
      log.error("the catalogue is not refreshed any more", { reason: toAppError(thrown).message })
    );
  }

  async function connector() {
    const [{ Server: SessionServer }, offered] = await Promise.all([
      import("./mcp/protocol.ts"),
      proxy(),
    ]);
    return async (told: Pick<ServerOptions, "onCall" | "user"> = {}): Promise<Server> => {
      const parts = { info, inventory, clock, log, ...told };
      if (offered === undefined) {
        return new SessionServer({ ...parts, instructions: instructions(inventory) });
      }
      const isAlone = config.serve.isolateSessions && config.serve.transport === "http";
      if (!isAlone) {
        const { activations } = await gateway();
        const words = activations.instructions(MAX_SERVER_WORDS);
        return new SessionServer({
          ...parts,
          instructions: instructions(inventory, words),
          proxy: offered,
        });
      }
      const session = await (await gateway()).isolated();
      if (config.gateway.restore !== "off") await session.activations.open();
      const own = inventoryOver(() => Promise.resolve(session));
      const words = session.activations.instructions(MAX_SERVER_WORDS);
      const server = new SessionServer({
        ...parts,
        inventory: own,
        instructions: instructions(inventory, words),
        proxy: session.proxy,
      });
      server.onclose = () => {
        session.close().catch((thrown) =>
          log.error("what a session had activated did not end", {
            reason: toAppError(thrown).message,
          })
        );
      };
      return server;
    };
  }

  return {
    inventory,
    async serveStreams(streams, signal) {
      const [{ StdioTransport }, connect] = await Promise.all([
        import("./mcp/protocol.ts"),
        connector(),
      ]);
      const server = await connect();
      const transport = new StdioTransport(streams, { clock, graceMs: GRACE_MS });
      const ended = new AbortController();
      schedule(AbortSignal.any([signal, ended.signal]));
      const closed = Promise.withResolvers<void>();
      const cleanUp = server.onclose;
      server.onclose = () => {
        cleanUp?.();
        closed.resolve();
      };
      await server.connect(transport);
      const stop = () => void transport.drain();
      if (signal.aborted) stop();
      else signal.addEventListener("abort", stop, { once: true });
      await closed.promise;
      ended.abort();
      signal.removeEventListener("abort", stop);
    },
    async serveHttp(listen, signal) {
      const [{ createHttpApp }, connect] = await Promise.all([
        import("./http/mod.ts"),
        connector(),
      ]);
      const { serve } = config;
      const audit = callAudit(host.audit ?? log, { withArguments: serve.auditArguments });
      const onCall: CallListener = (call) => {
        metrics.onCall(call);
        audit(call);
      };
      const app = createHttpApp({
        connect: ({ user }) => connect({ user, onCall }),
        onCall,
        onExchange: metrics.onExchange,
        metrics: () => metrics.text(),
        publicMetrics: serve.publicMetrics,
        clock,
        log,
        allowedHosts: serve.allowedHosts,
        allowedOrigins: serve.allowedOrigins,
        own: inventory,
        ...(serve.authToken === undefined ? {} : { authToken: serve.authToken }),
        ...(serve.oauth === undefined ? {} : { oauth: { ...serve.oauth, net } }),
        ratePerMinute: serve.ratePerMinute,
        maxSessions: serve.maxSessions,
        sessionIdleMs: serve.sessionIdleMs,
        maxBodyBytes: serve.maxBodyBytes,
      });
      const active = gateway.isMade() ? await gateway() : undefined;
      metrics.reading("wharf_sessions", "Open sessions over HTTP", () => app.sessionCount);
      metrics.reading("wharf_active_servers", "Activated servers", () => active?.count ?? 0);
      if (host.memory !== undefined) metrics.memory(host.memory);
      const connections = new AbortController();
      const listening = await listen({
        hostname: serve.hostname,
        port: serve.port,
        handler: app.handle,
        signal: connections.signal,
      });
      schedule(signal);
      // In this order: answers of calls in hand are sent whole, then nobody is waited for.
      const stop = async () => {
        await app.close({ graceMs: GRACE_MS });
        const waited = new AbortController();
        const grace = clock.sleep(GRACE_MS, waited.signal).catch(() => {});
        await Promise.race([listening.shutdown(), grace]);
        waited.abort();
        connections.abort();
      };
      if (signal.aborted) await stop();
      else signal.addEventListener("abort", () => void stop(), { once: true });
      return listening;
    },
    async openRemote(spec, options) {
      const { openDirect, parsePolicy } = await import("./gateway/mod.ts");
      const policy = parsePolicy(config.gateway.policy);
      const deps = { ...host, disk: host.state, policy, clientInfo: info };
      return await openDirect(spec, deps, options);
    },
    async doctor(options) {
      const { openDoctor } = await import("./doctor/mod.ts");
      return openDoctor({ ...host, ...options, registry, keychain, catalog }, config);
    },
    async close() {
      if (gateway.isMade()) await (await gateway()).close();
    },
  };
}

/** The catalogue, with what it takes to read its sources. */
async function openCatalog(
  host: AppHost,
  config: Config,
  metrics: AppMetrics,
): Promise<Catalog> {
  const { Catalog, openGather, placeSources } = await import("./catalog/mod.ts");
  const { gitDirectory, refreshIntervalMs, sources } = config.catalog;
  return new Catalog({
    ...host,
    gather: metrics.gather(openGather({
      ...host,
      ...(gitDirectory === undefined ? {} : { directory: gitDirectory }),
    })),
  }, { sources: placeSources(sources), intervalMs: refreshIntervalMs });
}

/** What a person or model may want to know before a server is activated. */
async function systemFacts(
  { processes, env, permissions }: AppHost,
  { toolsets, gateway: { engine } }: Config,
): Promise<Omit<SystemFacts, "active">> {
  const podman = async (granted: readonly string[]) => {
    if (!toolsets.includes("gateway")) return "not used without the toolset gateway";
    if (engine !== "podman") return `not used with --engine ${engine}`;
    // Asking Deno for what it has not granted would be logged as an attempt.
    const isAllowed = granted.some((kind) => /^run(?: |$|=(?:.*,)?podman(?:,|$))/.test(kind));
    if (!isAllowed) return "not allowed; grant --allow-run=podman";
    try {
      const { code, stdout } = await processes.run({
        command: "podman",
        args: ["--version"],
        env: env["PATH"] === undefined ? {} : { PATH: env["PATH"] },
      }, { maxBytes: 1024, timeoutMs: 5000 });
      const [, version] = /(\d[\w.-]*)/.exec(new TextDecoder().decode(stdout)) ?? [];
      return code === 0 && version !== undefined ? version : `it ended with code ${code}`;
    } catch (thrown) {
      return toAppError(thrown).message;
    }
  };
  const granted = await permissions();
  return { permissions: granted, podman: await podman(granted) };
}

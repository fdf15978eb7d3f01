/**
 * Wires the parts: from a host and a config to the tools and to a server for them. Needs no
 * permission itself; every effect comes with the {@linkcode AppHost}.
 *
 * What only a server needs (the MCP SDK, the HTTP routes) is loaded when one is started, so that
 * a one-shot command does not pay for it.
 *
 * @module
 */

import type { Config } from "./config.ts";
import type { Clock, Disk, Env, Files, Log, Processes } from "./core/host.ts";
import type { Listen, Listening, Net } from "./core/http.ts";
import { MemoryDisk } from "./core/memory_disk.ts";
import type { Catalog } from "./catalog/mod.ts";
import { toAppError } from "./core/errors.ts";
import { appInventory, type Inventory, type SystemFacts } from "./mcp/mod.ts";
import { HubClient, openKeychain, RecentContent, RegistryClient } from "./oci/mod.ts";
import { ContentStore } from "./store.ts";

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
  /** The declared environment variables. */
  readonly env: Env;
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
}

/** Time that calls in hand get when Wharf is asked to stop, in milliseconds. */
const GRACE_MS = 5000;

/** Pages of one list of tags, and a question asked again at once, come from one download. */
const KEEP_TAGS_MS = 10_000;

/** Where to begin, by tool; only what is on offer is named. */
const FIRST_TOOLS = [
  ["get_image_info", "for one image"],
  ["list_tags", "for a repository"],
  ["search_images", "to find one"],
  ["registry-find", "for an MCP server"],
] as const;

/** What a model reads once, when its client connects. */
function instructionsFor(inventory: Inventory): string {
  const first = FIRST_TOOLS.filter(([name]) => inventory.findTool(name) !== undefined)
    .map(([name, use]) => `${name} ${use}`);
  return [
    "Wharf answers about container images without pulling them, and finds MCP servers.",
    ...(first.length === 0 ? [] : [`Begin with ${first.join(", ")}.`]),
    "Pin with the `pinned` reference. Errors name the next step.",
  ].join(" ");
}

/**
 * Wires the parts together. Nothing is read or sent before the first call.
 *
 * @param host The effects.
 * @param config The settings.
 * @param info Name and version for the handshake.
 * @returns The app.
 */
export function createApp(host: AppHost, config: Config, info: AppInfo): App {
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
  const cache = disk instanceof MemoryDisk
    ? new ContentStore({ disk, log }, { maxTotalBytes: 16 * 1024 * 1024 })
    : new RecentContent(new ContentStore({ disk, log }));
  const registry = new RegistryClient({ net, clock, log, keychain, cache, random }, {
    insecureRegistries: config.insecureRegistries,
    timeoutMs: config.timeoutMs,
    keepTagsMs: KEEP_TAGS_MS,
  });
  const hub = new HubClient({ net, clock, log, env });
  const catalog = once(() => openCatalog(host, config));
  const inventory = appInventory(
    {
      registry,
      hub,
      catalog,
      system: () => systemFacts(host),
      now: () => clock.now(),
      version: info.version,
    },
    config.toolsets,
  );

  /** Refreshes the catalogue beside the serving, where it is offered. */
  function schedule(signal: AbortSignal): void {
    if (!config.toolsets.includes("catalog")) return;
    const run = async () => await (await catalog()).schedule(signal);
    run().catch((thrown) =>
      log.error("the catalogue is not refreshed any more", { reason: toAppError(thrown).message })
    );
  }

  async function connector() {
    const { createServer } = await import("./mcp/protocol.ts");
    const instructions = instructionsFor(inventory);
    return () => createServer({ info, instructions, inventory, log });
  }

  return {
    inventory,
    async serveStreams(streams, signal) {
      const [{ StdioTransport }, connect] = await Promise.all([
        import("./mcp/protocol.ts"),
        connector(),
      ]);
      const server = connect();
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
      const app = createHttpApp({
        connect,
        clock,
        log,
        allowedHosts: serve.allowedHosts,
        allowedOrigins: serve.allowedOrigins,
        ...(serve.authToken === undefined ? {} : { authToken: serve.authToken }),
      });
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
  };
}

/** The catalogue, with what it takes to read its sources. */
async function openCatalog(host: AppHost, config: Config): Promise<Catalog> {
  const { Catalog, openGather, placeSources } = await import("./catalog/mod.ts");
  const { gitDirectory, refreshIntervalMs, sources } = config.catalog;
  return new Catalog({
    ...host,
    gather: openGather({
      ...host,
      ...(gitDirectory === undefined ? {} : { directory: gitDirectory }),
    }),
  }, { sources: placeSources(sources), intervalMs: refreshIntervalMs });
}

/** What a person or model may want to know before a server is activated. */
async function systemFacts({ processes, env, permissions }: AppHost): Promise<SystemFacts> {
  const podman = async (granted: readonly string[]) => {
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

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make().catch((thrown) => {
      // A wrong setting is said at each call, and not remembered as an answer.
      made = undefined;
      throw thrown;
    });
    return made;
  };
}

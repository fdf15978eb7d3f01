/**
 * What Wharf counts of its own work, and the wrappers that count it. Labels are names of Wharf's
 * own, of the operator's servers and sources, and of well-known hosts; nothing that callers send.
 * Needs no permission.
 *
 * @module
 */

import type { Gather } from "../catalog/mod.ts";
import type { Clock, MemoryUse } from "../core/host.ts";
import type { Net } from "../core/http.ts";
import { Metrics } from "../core/metrics.ts";
import type { Activations, AuditLog } from "../gateway/mod.ts";
import type { HttpExchange } from "../http/mod.ts";
import { type CallEnd, type CallListener, endOfError, endOfResult } from "../mcp/mod.ts";
import { type ContentCache, pullQuotaOf } from "../oci/mod.ts";

/** Hosts that have a name in the metrics; which other ones people ask for is their own affair. */
const HOSTS: ReadonlySet<string> = new Set([
  "api.github.com",
  "auth.docker.io",
  "gcr.io",
  "ghcr.io",
  "github.com",
  "hub.docker.com",
  "mcpservers.org",
  "mcr.microsoft.com",
  "public.ecr.aws",
  "quay.io",
  "raw.githubusercontent.com",
  "registry-1.docker.io",
  "registry.gitlab.com",
  "registry.k8s.io",
  "registry.modelcontextprotocol.io",
]);

/** What Wharf's own tools do with activated servers. */
type Door = Pick<Activations, "add" | "remove" | "list" | "configure" | "call" | "logs">;

/** The server that a call goes to. */
interface Reach {
  open(): Promise<void>;
  readonly offers: { findTool(name: string): { readonly id: string } | undefined };
  server(id: string): { readonly record: { readonly id: string } };
}

/** The metrics. */
export class AppMetrics {
  readonly #metrics = new Metrics();
  readonly #requests;
  readonly #requestTimes;
  readonly #calls;
  readonly #callTimes;
  readonly #upstream;
  readonly #upstreamTimes;
  readonly #activations;
  readonly #cache;
  readonly #refreshes;
  readonly #outbound;
  readonly #quota;
  readonly #quotaLimit;

  /** @param version Wharf's own. */
  constructor(version: string) {
    const metrics = this.#metrics;
    metrics.gauge("wharf_info", "Version of Wharf", ["version"]).set({ version }, 1);
    this.#requests = metrics.counter("wharf_http_requests_total", "Requests over HTTP", [
      "route",
      "method",
      "status",
    ]);
    this.#requestTimes = metrics.histogram(
      "wharf_http_request_seconds",
      "Time until the head of an answer over HTTP",
      ["route"],
    );
    this.#calls = metrics.counter("wharf_tool_calls_total", "Calls of Wharf's own tools", [
      "tool",
      "outcome",
    ]);
    this.#callTimes = metrics.histogram(
      "wharf_tool_call_seconds",
      "Time of a call of one of Wharf's own tools",
      ["tool"],
    );
    this.#upstream = metrics.counter(
      "wharf_upstream_calls_total",
      "Calls of tools of activated servers",
      ["server", "outcome"],
    );
    this.#upstreamTimes = metrics.histogram(
      "wharf_upstream_call_seconds",
      "Time of a call of a tool of an activated server",
      ["server"],
    );
    this.#activations = metrics.counter(
      "wharf_activations_total",
      "Activations, their ends, and changes of settings",
      ["action", "outcome"],
    );
    this.#cache = metrics.counter("wharf_cache_requests_total", "Looks into the cache of content", [
      "result",
    ]);
    this.#refreshes = metrics.counter(
      "wharf_refreshes_total",
      "Readings of sources of the catalogue",
      ["source", "outcome"],
    );
    this.#outbound = metrics.counter("wharf_outbound_requests_total", "Requests to other hosts", [
      "host",
      "status",
    ]);
    this.#quota = metrics.gauge(
      "wharf_pull_quota_remaining",
      "Pulls that a registry still allows",
      [
        "host",
      ],
    );
    this.#quotaLimit = metrics.gauge(
      "wharf_pull_quota_limit",
      "Pulls that a registry allows in its window",
      ["host"],
    );
  }

  /** Counts a call of a tool. */
  readonly onCall: CallListener = ({ tool, server, isKnown, outcome, tookMs }) => {
    const seconds = tookMs / 1000;
    if (server !== undefined) return this.#countUpstream(server, { outcome, seconds });
    // What callers write is not counted by its name.
    const name = isKnown ? tool : "unknown";
    this.#calls.add({ tool: name, outcome });
    this.#callTimes.observe({ tool: name }, seconds);
  };

  /**
   * Counts calls that a tool of Wharf's own passes on to activated servers (`registry-exec`), beside
   * the call of that tool.
   *
   * @param activations The servers.
   * @param clock Measures the calls.
   */
  passedOn(
    activations: Door & Reach,
    clock: Pick<Clock, "now">,
  ): Door {
    const count = (server: string | undefined, startedMs: number, { outcome }: CallEnd) => {
      const seconds = Math.max(0, clock.now() - startedMs) / 1000;
      if (server !== undefined) this.#countUpstream(server, { outcome, seconds });
    };
    return {
      add: (...given) => activations.add(...given),
      remove: (...given) => activations.remove(...given),
      list: (...given) => activations.list(...given),
      configure: (...given) => activations.configure(...given),
      logs: (...given) => activations.logs(...given),
      async call(where, args, options) {
        await activations.open();
        // Asked before the call: after it the server may be gone.
        const server = reached(activations, where);
        const startedMs = clock.now();
        try {
          const result = await activations.call(where, args, options);
          count(server, startedMs, endOfResult(result));
          return result;
        } catch (thrown) {
          count(server, startedMs, endOfError(thrown));
          throw thrown;
        }
      },
    };
  }

  /** Counts a request over HTTP. */
  readonly onExchange = ({ route, method, status, tookMs }: HttpExchange): void => {
    this.#requests.add({ route, method, status: String(status) });
    this.#requestTimes.observe({ route }, tookMs / 1000);
  };

  /**
   * Counts what the audit log of activations is told.
   *
   * @param audit The log.
   */
  audit(audit: Pick<AuditLog, "record">): Pick<AuditLog, "record"> {
    return {
      record: (event) => {
        this.#activations.add({ action: event.action, outcome: event.outcome });
        return audit.record(event);
      },
    };
  }

  /**
   * Adds a number that is looked up when the metrics are asked for.
   *
   * @param name Its name.
   * @param help One line.
   * @param read Gives it.
   */
  reading(name: string, help: string, read: () => number): void {
    this.#metrics.reading(name, help, read);
  }

  /**
   * Tells how much memory the process has.
   *
   * @param read Looks it up.
   */
  memory(read: () => MemoryUse): void {
    this.reading(
      "process_resident_memory_bytes",
      "Memory of the process",
      () => read().residentBytes,
    );
    this.reading(
      "wharf_heap_bytes",
      "Memory of the program's objects, also of those that are to be collected",
      () => read().heapBytes,
    );
  }

  /**
   * Counts what a network is asked, and what registries say of their quota.
   *
   * @param net The network.
   */
  net(net: Net): Net {
    return {
      fetch: async (request) => {
        const { hostname } = request.url;
        const host = HOSTS.has(hostname) ? hostname : "other";
        try {
          const response = await net.fetch(request);
          this.#outbound.add({ host, status: `${Math.floor(response.status / 100)}xx` });
          const { limit, remaining } = pullQuotaOf(response.headers) ?? {};
          if (limit !== undefined) this.#quotaLimit.set({ host }, limit);
          if (remaining !== undefined) this.#quota.set({ host }, remaining);
          return response;
        } catch (thrown) {
          this.#outbound.add({ host, status: "none" });
          throw thrown;
        }
      },
    };
  }

  /**
   * Counts how often a cache has what is asked for.
   *
   * @param cache The cache.
   */
  cache(cache: ContentCache): ContentCache {
    return {
      get: async (key) => {
        const found = await cache.get(key);
        this.#cache.add({ result: found === undefined ? "miss" : "hit" });
        return found;
      },
      put: (key, bytes) => cache.put(key, bytes),
    };
  }

  /**
   * Counts readings of sources.
   *
   * @param gather Reads them.
   */
  gather(gather: Gather): Gather {
    return async (placed, options) => {
      const source = placed.source.id;
      try {
        const gathered = await gather(placed, options);
        this.#refreshes.add({ source, outcome: gathered === undefined ? "unchanged" : "read" });
        return gathered;
      } catch (thrown) {
        this.#refreshes.add({ source, outcome: "failed" });
        throw thrown;
      }
    };
  }

  /** All of it in Prometheus's text format. */
  text(): string {
    return this.#metrics.text();
  }

  #countUpstream(
    server: string,
    { outcome, seconds }: Pick<CallEnd, "outcome"> & { readonly seconds: number },
  ): void {
    this.#upstream.add({ server, outcome });
    this.#upstreamTimes.observe({ server }, seconds);
  }
}

/** Id of the server that a call goes to; none where it goes nowhere, whatever the caller wrote. */
function reached(
  activations: Reach,
  where: Parameters<Activations["call"]>[0],
): string | undefined {
  if ("name" in where) return activations.offers.findTool(where.name)?.id;
  try {
    return activations.server(where.id).record.id;
  } catch {
    return undefined;
  }
}

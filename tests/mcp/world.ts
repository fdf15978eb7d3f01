/**
 * A small world for tools to ask: one registry, Docker Hub with its token server, and real clients
 * between. The hosts are real handlers; an unmatched request fails the test. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { boundedResponse, type HttpRequest, type Net } from "../../lib/core/http.ts";
import { Catalog, type Gather, placeSources } from "../../lib/catalog/mod.ts";
import { MemoryDisk } from "../../lib/core/memory_disk.ts";
import { appInventory, type GatewayDoor, type Inventory, type Toolset } from "../../lib/mcp/mod.ts";
import { HubClient, openKeychain, RegistryClient } from "../../lib/oci/mod.ts";
import { ContentStore } from "../../lib/store.ts";
import { FakeClock } from "../fake_clock.ts";
import { FakeLog } from "../fake_log.ts";
import type { Built, Content } from "../integration/images.ts";

/** What a repository of the world holds. */
export interface WorldRepository {
  /** Images by tag. */
  readonly tags: Readonly<Record<string, Built>>;
}

/** What a world is made of. */
export interface WorldOptions {
  /** Repositories by `host/path`, as they are asked for: `registry-1.docker.io/library/alpine`. */
  readonly repositories?: Readonly<Record<string, WorldRepository>>;
  /** Answers of Docker Hub by path with query; a function sees the request. */
  readonly hub?: Readonly<Record<string, unknown>>;
  /** Places of catalogue sources. @default the built-in one only */
  readonly sources?: Readonly<Record<string, string>>;
  /** The gateway. @default one that nobody may ask */
  readonly gateway?: GatewayDoor;
  /** Reads those sources. */
  readonly gather?: Gather;
  /** The toolsets to offer. @default all */
  readonly toolsets?: readonly Toolset[];
  /** Answers any request first; `undefined` leaves it to the others. */
  readonly intercept?: (request: HttpRequest) => Response | undefined;
}

/** A world, and what was asked of it. */
export interface World {
  /** The inventory over real clients. */
  readonly inventory: Inventory;
  /** `METHOD url` of each request, in order. */
  readonly requests: readonly string[];
  /** The time in it. */
  readonly clock: FakeClock;
  /** The log of the clients. */
  readonly log: FakeLog;
}

/**
 * Makes a world.
 *
 * @param options What is in it.
 * @returns The world.
 */
export function makeWorld(options: WorldOptions = {}): World {
  const requests: string[] = [];
  const log = new FakeLog();
  const clock = new FakeClock();
  const net: Net = {
    fetch(request) {
      request.signal?.throwIfAborted();
      requests.push(`${request.method ?? "GET"} ${request.url.href}`);
      const response = options.intercept?.(request) ?? answer(options, request);
      return Promise.resolve(boundedResponse(response, { peer: "public" }));
    },
  };
  const keychain = openKeychain({
    env: {},
    files: { read: () => Promise.resolve(undefined) },
    processes: {
      start: () => assert.fail("no process is started"),
      run: () => assert.fail("no process is run"),
    },
    log,
    clock,
  });
  const cache = new ContentStore({ disk: new MemoryDisk(), log });
  const registry = new RegistryClient({ net, clock, log, keychain, cache, random: () => 0.5 });
  const hub = new HubClient({ net, clock, log, env: {} });
  const catalog = new Catalog({
    disk: new MemoryDisk(),
    log,
    clock,
    random: () => 0,
    gather: options.gather ?? (() => assert.fail("no source is read")),
  }, { sources: placeSources({ none: "none", ...options.sources }), intervalMs: 86_400_000 });
  return {
    inventory: appInventory({
      registry,
      hub,
      catalog: () => Promise.resolve(catalog),
      gateway: options.gateway ?? (() => assert.fail("no gateway is asked")),
      system: () => Promise.resolve({ permissions: ["net"], podman: "5.0.0", active: 2 }),
      now: () => clock.now(),
      version: "1.2.3",
    }, options.toolsets),
    clock,
    requests,
    log,
  };
}

function answer(options: WorldOptions, request: HttpRequest): Response {
  const { host, pathname, search } = request.url;
  if (host === "hub.docker.com") {
    const body = options.hub?.[pathname + search] ?? options.hub?.[pathname];
    if (body === undefined) return Response.json({ message: "object not found" }, { status: 404 });
    return Response.json(body);
  }
  const match = /^\/v2\/(.+)\/(manifests|blobs|tags)\/([^/]+)$/.exec(pathname);
  assert.ok(match, `unmatched request: ${request.method} ${request.url.href}`);
  const [, name = "", kind, reference = ""] = match;
  const repository = options.repositories?.[`${host}/${name}`];
  if (repository === undefined) return refused("NAME_UNKNOWN");
  if (kind === "tags") return Response.json({ name, tags: Object.keys(repository.tags) });
  const found = find(repository, reference);
  if (found === undefined) return refused("MANIFEST_UNKNOWN");
  return new Response(request.method === "HEAD" ? null : found.bytes, {
    headers: {
      "content-type": found.mediaType,
      "content-length": String(found.bytes.byteLength),
      "docker-content-digest": found.digest,
    },
  });
}

function find(repository: WorldRepository, reference: string): Content | undefined {
  const tagged = repository.tags[reference];
  if (tagged !== undefined) return tagged.root;
  return Object.values(repository.tags)
    .flatMap(({ root, children, blobs }) => [root, ...children, ...blobs])
    .find(({ digest }) => digest === reference);
}

function refused(code: string): Response {
  return Response.json({ errors: [{ code, message: code.toLowerCase() }] }, { status: 404 });
}

/**
 * Whoever signs in, an authorization server, and a person with a browser. Needs no permission.
 *
 * @example
 * ```ts
 * import { SERVER, world } from "./oauth_world.ts";
 *
 * const { oauth, browser } = world();
 * const token = await oauth.renew({ server: SERVER, authorize: browser });
 * ```
 *
 * @module
 */

import assert from "node:assert/strict";
import type { AddressKind } from "../../lib/core/address.ts";
import { MemoryDisk } from "../../lib/core/memory_disk.ts";
import { type Authorize, OAuth, type OAuthOptions } from "../../lib/gateway/oauth.ts";
import { OAuthStore } from "../../lib/gateway/oauth_store.ts";
import { FakeClock } from "../fake_clock.ts";
import { FakeLog } from "../fake_log.ts";
import { AuthServer, type AuthServerOptions } from "./auth_server.ts";
import { FakePorts } from "./fake_listen.ts";
import { type ServedNet, servedNet } from "./served_net.ts";

/** The server that is signed in to. */
export const SERVER = new URL("https://mcp.example/mcp");
/** Who signs in. */
export const ISSUER = "https://login.example";

/** How all of it behaves. */
export interface WorldOptions extends Partial<AuthServerOptions>, OAuthOptions {
  readonly peer?: (url: URL) => AddressKind;
}

/** All that takes part in a sign-in. */
export interface World {
  /** Who signs in, and the resource's metadata. */
  readonly server: AuthServer;
  /** What was asked of it. */
  readonly net: ServedNet;
  /** Time. */
  readonly clock: FakeClock;
  /** Ports of this machine. */
  readonly ports: FakePorts;
  /** Where tokens are kept. */
  readonly disk: MemoryDisk;
  /** What was said. */
  readonly log: FakeLog;
  /** Reads what is kept. */
  readonly store: OAuthStore;
  /** What is tested. */
  readonly oauth: OAuth;
  /** Makes another one over the same disk, as a later process does. */
  readonly open: () => OAuth;
  /** A person with a browser, who allows everything. */
  readonly browser: Authorize;
}

/**
 * Makes all of it.
 *
 * @param options How it behaves.
 */
export function world(options: WorldOptions = {}): World {
  const { peer, authorizeTimeoutMs, ...rest } = options;
  const server = new AuthServer({ issuer: ISSUER, resource: SERVER.href, ...rest });
  const net = servedNet((request) => server.handle(request), peer === undefined ? {} : { peer });
  const clock = new FakeClock();
  const ports = new FakePorts();
  const disk = new MemoryDisk();
  const log = new FakeLog();
  const store = new OAuthStore({ disk, log });
  const open = () =>
    new OAuth(
      { net, clock, listen: ports.listen, store, disk, log },
      authorizeTimeoutMs === undefined ? {} : { authorizeTimeoutMs },
    );
  const browser: Authorize = async ({ url }) => {
    const answer = await server.handle(new Request(url));
    const location = answer.headers.get("location");
    assert.ok(location !== null, `no redirect from ${url}: ${answer.status}`);
    const page = await ports.visit(new URL(location));
    assert.match(await page.text(), /You may close this window/);
    return undefined;
  };
  return { server, net, clock, ports, disk, log, store, oauth: open(), open, browser };
}

/** Nobody may be asked. */
export const nobody: Authorize = (): Promise<never> =>
  Promise.reject(new Error("A person was asked"));

/**
 * Plays the ways of real registries over real sockets and the real network code: every host of a
 * scene is a server on a loopback address of its own.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { Net } from "../../lib/core/http.ts";
import { openNet } from "../../lib/host/net.ts";
import { QUIRKS } from "../oci/quirks.ts";
import { Scene, type ScriptedHost, SkippingClock, type Stage } from "../oci/scripted_registry.ts";

/** Hosts on 127.0.0.1, 127.0.0.2 and so on. */
class SocketStage implements Stage, AsyncDisposable {
  readonly net: Net & AsyncDisposable;
  readonly #servers: Deno.HttpServer[] = [];

  constructor(clock: SkippingClock) {
    this.net = openNet({ userAgent: "wharf-test", clock });
  }

  enter(_name: string, host: ScriptedHost): void {
    const server = Deno.serve({
      hostname: `127.0.0.${this.#servers.length + 1}`,
      port: 0,
      onListen: () => {},
    }, (request) => host.handle(request));
    this.#servers.push(server);
    host.origin = `http://${server.addr.hostname}:${server.addr.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.net[Symbol.asyncDispose]();
    await Promise.all(this.#servers.map((server) => server.shutdown()));
  }
}

for (const { name, script } of QUIRKS) {
  Deno.test(`RegistryClient over sockets with ${name}`, async () => {
    const clock = new SkippingClock();
    await using stage = new SocketStage(clock);
    const scene = new Scene(stage, clock, []);
    await script(scene);
    assert.deepEqual(scene.unmatched, []);
  });
}

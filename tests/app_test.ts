/**
 * The app over fake effects: what it serves, and how it ends. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type App, createApp } from "../lib/app.ts";
import { resolveConfig } from "../lib/config.ts";
import type { Listen, ListenOptions } from "../lib/core/http.ts";
import { MemoryDisk } from "../lib/core/memory_disk.ts";
import { FakeClock } from "./fake_clock.ts";
import { FakeLog } from "./fake_log.ts";

function openApp(flags: Record<string, string> = {}, policy: unknown = undefined): App {
  const refuse = () => assert.fail("nothing is asked before the first call");
  return createApp(
    {
      net: { fetch: refuse },
      disk: new MemoryDisk(),
      files: { read: refuse },
      processes: { start: refuse, run: refuse },
      clock: new FakeClock(),
      log: new FakeLog(),
      env: {},
      variable: refuse,
      random: () => 0.5,
      state: new MemoryDisk(),
      pid: 1,
      listen: refuse,
      openFolder: refuse,
      permissions: refuse,
    },
    resolveConfig(flags, {}, "linux", policy === undefined ? {} : { policy }),
    { name: "wharf", version: "1.2.3" },
  );
}

const INITIALIZE = {
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: {
    protocolVersion: "2025-06-18",
    capabilities: {},
    clientInfo: { name: "t", version: "1" },
  },
};

/** The instructions that a client over streams is given. */
async function instructionsOf(app: App): Promise<string> {
  const input = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>();
  let output = "";
  const writable = new WritableStream<Uint8Array<ArrayBuffer>>({
    write: (chunk) => void (output += new TextDecoder().decode(chunk)),
  });
  const served = app.serveStreams(
    { readable: input.readable, writable },
    new AbortController().signal,
  );
  const writer = input.writable.getWriter();
  await writer.write(new TextEncoder().encode(`${JSON.stringify(INITIALIZE)}\n`));
  await writer.close();
  await served;
  return JSON.parse(output).result.instructions;
}

Deno.test("createApp() offers the toolsets of its config", () => {
  const names = (toolsets: string) =>
    openApp({ toolsets }).inventory.listTools().map(({ toolset }) => toolset);
  assert.deepEqual([...new Set(names("hub"))], ["hub"]);
  assert.deepEqual([...new Set(names("compat,oci"))], ["oci", "compat"]);
});

Deno.test("serveStreams() tells a model where to begin, naming only what is on offer", async () => {
  assert.match(await instructionsOf(openApp()), /Begin with get_image_info .*, search_images /);
  const hub = await instructionsOf(openApp({ toolsets: "hub" }));
  assert.match(hub, /Begin with search_images to find one\./);
  assert.ok(!hub.includes("get_image_info"));
  assert.ok(!(await instructionsOf(openApp({ toolsets: "compat" }))).includes("Begin with"));
});

Deno.test("serveStreams() ends when it is asked to", async () => {
  const input = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>();
  const stopped = new AbortController();
  const streams = {
    readable: input.readable,
    writable: new WritableStream<Uint8Array<ArrayBuffer>>(),
  };
  const served = openApp().serveStreams(streams, stopped.signal);
  stopped.abort();
  await served;
});

Deno.test("serveHttp() answers where it listens, and ends in an order that loses no answer", async () => {
  const steps: string[] = [];
  let options: ListenOptions | undefined;
  const listen: Listen = (given) => {
    options = given;
    given.signal.addEventListener("abort", () => steps.push("connections cut"));
    return Promise.resolve({
      url: new URL("http://127.0.0.1:8080/"),
      finished: Promise.resolve(),
      shutdown: () => {
        steps.push("shutdown");
        return Promise.resolve();
      },
    });
  };
  const stop = new AbortController();
  const app = openApp({ transport: "http", port: "8081" });
  await app.serveHttp(listen, stop.signal);
  assert.deepEqual([options?.hostname, options?.port], ["127.0.0.1", 8081]);
  const ask = (host: string) =>
    options?.handler(new Request("http://127.0.0.1/healthz", { headers: { host } }), {
      remote: "",
    });
  assert.equal((await ask("127.0.0.1:8081"))?.status, 200);
  assert.equal((await ask("evil.example"))?.status, 403);
  stop.abort();
  for (let turn = 0; turn < 50 && steps.length < 2; turn++) await Promise.resolve();
  assert.deepEqual(steps, ["shutdown", "connections cut"]);
});

Deno.test("App serves nobody by a policy that cannot be read", async () => {
  const app = openApp({}, { denny: [] });
  const { signal } = new AbortController();
  const streams = { readable: new ReadableStream(), writable: new WritableStream() };
  const expected = {
    code: "INVALID_ARGUMENT",
    message: 'Cannot use "policy.denny": there is no such key',
  };
  await assert.rejects(app.serveStreams(streams, signal), expected);
  await assert.rejects(app.serveHttp(() => assert.fail("it listens"), signal), expected);
});

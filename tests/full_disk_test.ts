/**
 * Wharf over a disk that takes nothing more: the same as tests/integration/narrow_test.ts shows
 * with real disks where it may mount some. Here the disk alone is a fake, with the error that
 * lib/host/disk.ts makes of `ENOSPC`. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { createApp } from "../lib/app.ts";
import { resolveConfig } from "../lib/config.ts";
import { AppError } from "../lib/core/errors.ts";
import type { CallContext } from "../lib/mcp/mod.ts";
import { digestOf } from "../lib/oci/mod.ts";
import { refusingDisk } from "./doctor/world.ts";
import { FakeClock } from "./fake_clock.ts";
import { FakeLog } from "./fake_log.ts";
import { handlerNet } from "./oci/handler_net.ts";

const FULL = new AppError("UNAVAILABLE", 'Cannot write "/cache": the disk is full', {
  retryable: true,
  hint: "Make room, or name another directory",
});

const MANIFEST = JSON.stringify({
  schemaVersion: 2,
  mediaType: "application/vnd.oci.image.manifest.v1+json",
  config: {
    mediaType: "application/vnd.oci.image.config.v1+json",
    digest: `sha256:${"0".repeat(64)}`,
    size: 2,
  },
  layers: [],
});

Deno.test("a full disk costs the cache and a warning, and is said where something has to stay", async () => {
  const log = new FakeLog();
  const bytes = new TextEncoder().encode(MANIFEST);
  const refuse = () => assert.fail("nothing else is asked");
  const app = createApp(
    {
      net: handlerNet((request) =>
        new Response(request.method === "HEAD" ? null : bytes, {
          headers: {
            "content-type": "application/vnd.oci.image.manifest.v1+json",
            "docker-content-digest": digestOf(bytes),
            "content-length": String(bytes.length),
          },
        })
      ),
      disk: refusingDisk(FULL),
      files: { read: () => Promise.resolve(undefined) },
      processes: {
        start: refuse,
        run: () => Promise.reject(new AppError("NOT_FOUND", "Cannot run: no such program")),
      },
      clock: new FakeClock(),
      log,
      env: {},
      random: () => 0.5,
      state: refusingDisk(FULL),
      pid: 1,
      listen: refuse,
      openFolder: refuse,
      permissions: () => Promise.resolve([]),
      variable: () => undefined,
    },
    resolveConfig({ source: ["none"] }, {}, "linux"),
    { name: "wharf", version: "1.2.3" },
  );
  const context: CallContext = {
    caller: { client: "test", transport: "cli" },
    signal: new AbortController().signal,
    budgetTokens: Infinity,
    progress: () => {},
  };
  const call = async (tool: string, args: Record<string, unknown>) =>
    await app.inventory.findTool(tool)?.call(args, context);
  for (let round = 0; round < 3; round++) {
    const shown = await call("get_image_manifest", { image_ref: "localhost:5000/app:1" });
    assert.match(JSON.stringify(shown?.structuredContent), /schemaVersion/);
  }
  const warned = log.records.filter(({ message }) => message.includes("the cache cannot be used"));
  assert.equal(warned.length, 1);
  await assert.rejects(
    call("registry-config-set", { id: "reference/memory", env: { MEMORY_FILE_PATH: "/x" } }),
    (error) => error instanceof AppError && error.message === FULL.message,
  );
});

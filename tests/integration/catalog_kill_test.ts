/**
 * A process that dies in any moment of a refresh loses nothing. Needs all permissions.
 *
 * @module
 */

import assert from "node:assert/strict";
import { denoArgs } from "../../tools/deno.ts";
import { COUNTS, openCatalog } from "./catalog_child.ts";

const KILLS = 60;

/** A repeatable number from 0 to below 1 (Park and Miller's generator). */
function randoms(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}

Deno.test(`${KILLS} refreshes that end by SIGKILL leave a whole catalogue each time`, async () => {
  const folder = await Deno.makeTempDir({ prefix: "wharf-kill-" });
  const random = randoms(20261121);
  const seen = new Set<number>();
  try {
    for (let kill = 0; kill < KILLS; kill++) {
      const child = new Deno.Command(Deno.execPath(), {
        args: await denoArgs([
          "run",
          "-q",
          "-A",
          new URL("./catalog_child.ts", import.meta.url).pathname,
          folder,
        ]),
        stdout: "piped",
        stderr: "inherit",
      }).spawn();
      const reader = child.stdout.getReader();
      await reader.read();
      // A refresh takes some 30 ms, so that a kill may meet any part of it.
      await new Promise((resolve) => setTimeout(resolve, random() * 100));
      child.kill("SIGKILL");
      await child.status;
      await reader.cancel();
      const size = await sizeOf(folder);
      assert.ok(COUNTS.includes(size), `${size} servers after kill ${kill}`);
      seen.add(size);
      for await (const { name } of Deno.readDir(`${folder}/catalog`)) {
        assert.ok(!name.includes(".bad-"), name);
      }
    }
    assert.deepEqual([...seen].sort(), [...COUNTS].sort(), "kills met both states");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** Servers that a new process would find, without asking any source. */
async function sizeOf(folder: string): Promise<number> {
  return (await openCatalog(folder).index()).size;
}

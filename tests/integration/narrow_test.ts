/**
 * Wharf where something is missing that is there mostly: permissions for variables or for writing,
 * a home directory, a disk that can be written, room on it. Needs all permissions; the tests of
 * disks mount real ones, and are skipped with the reason where that is not allowed
 * (tests/full_disk_test.ts has the same faults without a disk).
 *
 * @module
 */

import assert from "node:assert/strict";
import { Client, StreamableHTTPClientTransport } from "../sdk.ts";
import { buildImage } from "./images.ts";
import { integrationTest } from "./needs.ts";
import { startRegistry } from "./registry_harness.ts";
import { whyNoDisk, withDisk } from "./small_disk.ts";
import { runWharf, startWharf, type WharfOptions } from "./wharf.ts";

/** What a client gets from a Wharf in a narrow place. */
interface Served {
  /** Calls a tool; the whole answer as text. */
  call(tool: string, args?: Record<string, unknown>): Promise<string>;
  /** As `call`, for what has to work. */
  works(tool: string, args?: Record<string, unknown>): Promise<string>;
}

/** Serves, and gives what was written to standard error. */
async function serving(
  args: readonly string[],
  options: WharfOptions,
  use: (served: Served) => Promise<void>,
): Promise<string> {
  await using server = await startWharf(args, options);
  const client = new Client({ name: "test", version: "1" });
  await client.connect(new StreamableHTTPClientTransport(server.mcp));
  const call: Served["call"] = async (name, args = {}) =>
    JSON.stringify(await client.callTool({ name, arguments: args }));
  await use({
    call,
    async works(name, args) {
      const said = await call(name, args);
      assert.doesNotMatch(said, /"isError":true/, `${name}: ${said}`);
      return said;
    },
  });
  await client.close();
  assert.equal(await server.stop("SIGTERM"), 0);
  return server.stderr();
}

function times(text: string, what: RegExp): number {
  return [...text.matchAll(new RegExp(what, "g"))].length;
}

/** Deno's own cache, for a process that has no home directory to find it in. */
async function denoDir(): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  return JSON.parse(new TextDecoder().decode(stdout)).denoDir;
}

async function withImage(use: (image: string) => Promise<void>): Promise<void> {
  await using registry = await startRegistry();
  const built = await buildImage({ os: "linux", architecture: "amd64" });
  await registry.push("team/app", built, ["1"]);
  await use(`${registry.host}/team/app`);
}

const NEEDS = { needs: ["docker-registry"] } as const;

integrationTest("Wharf serves without permission for any variable", NEEDS, async () => {
  await withImage(async (image) => {
    const permissions = ["--allow-net", "--allow-read"];
    const stderr = await serving([], { permissions }, async ({ works }) => {
      await works("get_image_info", { image_ref: `${image}:1` });
      await works("list_tags", { repository: image });
      await works("registry-find", { query: "memory" });
      await works("registry-active");
    });
    assert.equal(times(stderr, /the cache is in memory/), 1, stderr);
    assert.match(stderr, /no home directory is known/);
    assert.equal(times(stderr, /warn|error/), 2, stderr);
  });
});

integrationTest("Wharf serves without permission to write, and says so once", NEEDS, async () => {
  await withImage(async (image) => {
    const permissions = ["--allow-net", "--allow-read", "--allow-env"];
    const stderr = await serving([], { permissions }, async ({ works, call }) => {
      for (let round = 0; round < 3; round++) {
        await works("get_image_info", { image_ref: `${image}:1` });
        await works("registry-find", { query: "memory" });
      }
      await works("registry-refresh");
      const id = "reference/memory";
      assert.match(await call("registry-add", { id, confirm: true }), /--allow-run=podman/);
      await works("registry-config-set", { id, env: { MEMORY_FILE_PATH: "/tmp/memory.json" } });
      assert.match(await works("registry-get", { id }), /MEMORY_FILE_PATH/);
    });
    assert.equal(times(stderr, /the cache is in memory/), 1, stderr);
    assert.equal(times(stderr, /what is activated is in memory/), 1, stderr);
    assert.match(stderr, /Grant --allow-read=\S+ --allow-write=\S+, or name another/);
    assert.equal(times(stderr, /warn|error/), 2, stderr);
  });
  // A person who asks one question is not told of it.
  const once = await runWharf(["find", "memory"], { permissions: ["--allow-read", "--allow-env"] });
  assert.deepEqual([once.code, once.stderr], [0, ""]);
  // But what they set would be gone with the answer.
  const set = await runWharf(
    ["config-set", "reference/memory", "MEMORY_FILE_PATH=/tmp/memory.json", "--source", "none"],
    { permissions: ["--allow-read", "--allow-env"] },
  );
  assert.equal(set.code, 0, set.stderr);
  assert.equal(times(set.stderr, /what is activated is in memory/), 1, set.stderr);
});

integrationTest("Wharf serves without a home directory", NEEDS, async () => {
  const options = { without: ["HOME"], env: { DENO_DIR: await denoDir() } };
  await withImage(async (image) => {
    const stderr = await serving([], options, async ({ works }) => {
      await works("get_image_info", { image_ref: `${image}:1` });
      await works("registry-find", { query: "memory" });
      await works("registry-active");
      await works("registry-add", { id: "reference/memory", dry_run: true });
    });
    assert.equal(times(stderr, /no home directory is known/), 2, stderr);
    assert.equal(times(stderr, /warn|error/), 2, stderr);
  });
  const doctor = await runWharf(["doctor", "--toolsets", "catalog"], options);
  assert.match(doctor.stdout, /warn +cache +no home directory is known; .*forgotten at the end/);
});

const reason = await whyNoDisk();

/** Declares a test with a disk of its own. */
function diskTest(name: string, body: () => Promise<void>): void {
  if (reason === undefined) integrationTest(name, NEEDS, body);
  else Deno.test.ignore(`${name} [${reason}]`, body);
}

/** Folders on a disk of their own. */
async function withFolder(
  disk: Parameters<typeof withDisk>[0],
  use: (args: readonly string[], options: WharfOptions) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "wharf-disk-" });
  try {
    const args = ["--cache-dir", `${folder}/cache`, "--state-dir", `${folder}/state`];
    await use(args, { through: withDisk(disk, folder) });
  } finally {
    await Deno.remove(folder);
  }
}

diskTest("Wharf serves from a read-only disk, and says once that it keeps nothing", async () => {
  await withImage((image) =>
    withFolder("ro", async (args, options) => {
      const stderr = await serving(args, options, async ({ works }) => {
        await works("get_image_info", { image_ref: `${image}:1` });
        await works("get_image_info", { image_ref: `${image}:1` });
        await works("registry-refresh");
        await works("registry-find", { query: "memory" });
        await works("registry-active");
        const id = "reference/memory";
        await works("registry-config-set", { id, env: { MEMORY_FILE_PATH: "/tmp/memory.json" } });
      });
      assert.equal(times(stderr, /the cache is in memory/), 1, stderr);
      assert.equal(times(stderr, /what is activated is in memory/), 1, stderr);
      assert.equal(times(stderr, /warn|error/), 2, stderr);
      const doctor = await runWharf(["doctor", "--toolsets", "catalog", ...args], options);
      assert.match(doctor.stdout, /warn +cache +the system does not let Wharf write .*read-only/s);
    })
  );
});

diskTest("Wharf answers with a full disk, and says what it could not keep", async () => {
  await withImage((image) =>
    withFolder("size=8k", async (args, options) => {
      const stderr = await serving(args, options, async ({ works, call }) => {
        await works("get_image_info", { image_ref: `${image}:1` });
        await works("get_image_config", { image_ref: `${image}:1` });
        await works("list_tags", { repository: image });
        await works("registry-find", { query: "memory" });
        // What has to stay is not taken for kept.
        const said = await call("registry-config-set", {
          id: "reference/memory",
          env: { MEMORY_FILE_PATH: "/tmp/memory.json" },
        });
        assert.match(said, /the disk is full.*Make room.*"isError":true/s);
        await works("registry-active");
      });
      assert.equal(times(stderr, /the cache cannot be used/), 1, stderr);
      const doctor = await runWharf(["doctor", "--toolsets", "catalog", ...args], options);
      assert.equal(doctor.code, 1);
      assert.match(doctor.stdout, /fail +disk +\S+ kB free for the cache/);
    })
  );
});

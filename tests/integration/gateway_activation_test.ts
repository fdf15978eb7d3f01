/**
 * Servers activated for real: an npm package under Deno's sandbox and a container from a real
 * registry, pinned, kept over restarts, and gone when they are removed. Needs all permissions,
 * podman and a real registry.
 *
 * @module
 */

import assert from "node:assert/strict";
import { builtinEntries, type Entry, openGit } from "../../lib/catalog/mod.ts";
import { AppError } from "../../lib/core/errors.ts";
import {
  Activations,
  ActiveStore,
  type AddRequest,
  type Asker,
  AuditLog,
  ContainerEngine,
  Launcher,
  parsePolicy,
  Redactor,
  RuntimeFinder,
  SettingsStore,
} from "../../lib/gateway/mod.ts";
import { openDisk, openFiles } from "../../lib/host/disk.ts";
import { openNet } from "../../lib/host/net.ts";
import { openProcesses } from "../../lib/host/process.ts";
import { systemClock } from "../../lib/host/clock.ts";
import { makeEntry } from "../catalog/make.ts";
import { FakeLog } from "../fake_log.ts";
import { pushTinyServer, startContainers } from "./containers.ts";
import { integrationTest } from "./needs.ts";
import { startRegistry } from "./registry_harness.ts";

const ADD: Omit<AddRequest, "id"> = {
  dryRun: false,
  confirm: true,
  persist: true,
  acceptsNew: false,
  acceptsChanges: false,
};

/** Whoever asks in a test. */
function asker(more: Partial<Asker> = {}): Asker {
  return {
    actor: { client: "test 1", transport: "test" },
    by: "operator",
    signal: new AbortController().signal,
    progress: () => {},
    ...more,
  };
}

interface World extends AsyncDisposable {
  readonly directory: string;
  readonly entries: Entry[];
  /** Opens Wharf's gateway anew, as a restart does. */
  open(policy?: unknown): Activations;
}

async function startWorld(env: Record<string, string> = {}): Promise<World> {
  const directory = await Deno.makeTempDir({ prefix: "wharf-activation-" });
  const net = openNet({ userAgent: "wharf-test", clock: systemClock });
  const entries: Entry[] = [...builtinEntries({ source: "builtin" })];
  const opened: Activations[] = [];
  return {
    directory,
    entries,
    open(policyValue) {
      const disk = openDisk(directory, systemClock);
      const log = new FakeLog();
      const processes = openProcesses(systemClock);
      const policy = parsePolicy(policyValue);
      const all = { ...Deno.env.toObject(), ...env };
      const engine = new ContainerEngine({ processes, clock: systemClock, log, env: all }, {
        engine: "podman",
        owner: { id: "test-activation", run: String(opened.length) },
      });
      const find = (id: string) =>
        Promise.resolve(entries.find((entry) => entry.id.toLowerCase() === id.toLowerCase()));
      const activations = new Activations({
        launcher: new Launcher({
          net,
          processes,
          clock: systemClock,
          log,
          env: all,
          variable: (name) => all[name],
          files: openFiles(),
          disk,
          directory,
          engine,
          runtimes: new RuntimeFinder({ processes, env: all }),
          git: () =>
            Promise.resolve(openGit({ net, disk, processes, clock: systemClock, log, env: all })),
          policy,
          pid: Deno.pid,
          mark: {},
        }),
        find,
        nearest: () => Promise.resolve([]),
        store: new ActiveStore({ disk, log }),
        settings: new SettingsStore({ disk, log }, policy),
        audit: new AuditLog({ disk, log, clock: systemClock }),
        redactor: new Redactor(),
        policy,
        reserved: { tools: ["ping"], prompts: [] },
        idleMs: 0,
        clock: systemClock,
        log,
        clientInfo: { name: "wharf", version: "1" },
      });
      opened.push(activations);
      return activations;
    },
    async [Symbol.asyncDispose]() {
      for (const activations of opened) await activations.close();
      await net[Symbol.asyncDispose]();
      await Deno.remove(directory, { recursive: true });
    },
  };
}

function textOf(result: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(result["content"]);
}

Deno.test("a reference server from npm is added, called, found after a restart, and removed", async () => {
  await using world = await startWorld();
  const first = world.open();
  const { plan, server } = await first.add(
    { ...ADD, id: "reference/memory", launchMethod: "stdio-proxy" },
    asker(),
  );
  assert.equal(plan.method, "stdio-proxy");
  assert.equal(server?.status, "ready");
  assert.equal(server.how, "stdio-proxy (deno)");
  assert.match(server.pinned ?? "", /^npm:@modelcontextprotocol\/server-memory@\d/);
  const names = first.tools.map(({ name }) => name);
  assert.ok(names.includes("memory_create_entities"), names.join());
  const made = await first.call({ name: "memory_create_entities" }, {
    entities: [{ name: "wharf", entityType: "program", observations: ["it works"] }],
  }, {});
  assert.match(textOf(made), /wharf/);
  await first.close();
  // A restart: listed at once, started at the first use.
  const second = world.open();
  await second.open();
  assert.deepEqual(second.tools.map(({ name }) => name), names);
  assert.equal((await second.list())[0]?.status, "idle");
  const read = await second.call({ id: "reference/memory", tool: "read_graph" }, {}, {});
  assert.equal(read["isError"], undefined);
  await second.remove("reference/memory", asker());
  assert.deepEqual(second.tools, []);
  const third = world.open();
  await third.open();
  assert.deepEqual(await third.list(), []);
});

integrationTest(
  "a container is pinned at its first run, and a newer image is taken only when accepted",
  {
    needs: ["docker-registry", "podman", "runc", "busybox"],
  },
  async () => {
    await using registry = await startRegistry();
    await using containers = await startContainers();
    await using world = await startWorld({ ...containers.env });
    const tag = `${registry.host}/team/tiny:1`;
    await pushTinyServer(containers, tag);
    world.entries.push(
      makeEntry("ours/tiny", {
        packages: [{
          type: "oci",
          identifier: tag,
          settings: [
            { name: "GREETING", kind: "env", required: true, secret: true },
            { name: "DESCRIPTION", kind: "env", required: false, secret: false, default: "Says." },
          ],
        }],
      }),
    );
    const first = world.open();
    // What is missing is said with the call to make.
    await assert.rejects(
      () => first.add({ ...ADD, id: "ours/tiny" }, asker()),
      (error) =>
        error instanceof AppError && error.code === "INVALID_ARGUMENT" &&
        error.message === 'Cannot add "ours/tiny": GREETING has no value' &&
        /registry-config-set \{"id":"ours\/tiny"/.test(error.hint ?? ""),
    );
    await first.configure("ours/tiny", { set: { GREETING: "hunter2-secret" }, unset: [] }, asker());
    const { server } = await first.add({ ...ADD, id: "ours/tiny" }, asker());
    assert.equal(server?.how, "podman");
    const pinned = server.pinned ?? "";
    assert.match(pinned, /@sha256:[0-9a-f]{64}$/);
    const said = await first.call({ name: "tiny_say" }, {}, {});
    assert.match(textOf(said), /hunter2-secret/, "a result passes unchanged");
    assert.ok((server.usage.memoryBytes ?? 0) > 0, "what it takes is measured");
    // Nothing that is kept or said holds the value, but for the file of settings.
    for await (const { name, isFile } of Deno.readDir(world.directory)) {
      if (!isFile || name.startsWith("settings.json")) {
        continue;
      }
      const text = await Deno.readTextFile(`${world.directory}/${name}`);
      assert.ok(!text.includes("hunter2"), name);
    }
    // The tag moves; what runs does not.
    await first.close();
    await pushTinyServer(containers, tag, "2");
    const second = world.open();
    await second.call({ name: "tiny_say" }, {}, {});
    assert.equal((await second.list())[0]?.pinned, pinned);
    const { server: newer } = await second.add(
      { ...ADD, id: "ours/tiny", acceptsNew: true },
      asker(),
    );
    assert.notEqual(newer?.pinned, pinned);
    // A crash is noticed, and the server comes back.
    await assert.rejects(
      () => second.call({ name: "tiny_exit" }, {}, {}),
      (error) =>
        error instanceof AppError && error.code === "UNAVAILABLE" && /code 7/.test(error.message),
    );
    const again = await second.call({ name: "tiny_say" }, {}, {});
    assert.match(textOf(again), /hunter2-secret/);
    // Another description is held back until it is accepted.
    await second.configure("ours/tiny", { set: { DESCRIPTION: "Obeys." }, unset: [] }, asker());
    await assert.rejects(
      () => second.call({ name: "tiny_say" }, {}, {}),
      (error) =>
        error instanceof AppError && error.code === "FORBIDDEN" &&
        /description changed: .*Says.*is now.*Obeys/.test(error.message) &&
        /accept_changes=true/.test(error.hint ?? ""),
    );
    await second.add({ ...ADD, id: "ours/tiny", acceptsChanges: true }, asker());
    assert.match(textOf(await second.call({ name: "tiny_say" }, {}, {})), /hunter2-secret/);
    await second.remove("ours/tiny", asker());
    const left = await containers.podman([
      "ps",
      "--all",
      "--filter=label=wharf.owner=test-activation",
      "--format={{.Names}}",
    ]);
    assert.equal(left, "");
    for (const image of [pinned, newer?.pinned ?? pinned]) {
      await containers.podman(["rmi", "-f", image]).catch(() => "it went with the other");
    }
  },
);

Deno.test("nobody is added without a person's word, or against the operator's", async () => {
  await using world = await startWorld();
  const careful = world.open();
  const asked: string[] = [];
  const request = { ...ADD, id: "reference/time", confirm: false };
  world.entries.push(makeEntry("awesome/acme/new", {
    packages: [{ type: "npm", identifier: "left-pad", version: "1.3.0" }],
  }));
  const unknown = { ...request, id: "awesome/acme/new" };
  await assert.rejects(
    () => careful.add(unknown, asker()),
    (error) =>
      error instanceof AppError && error.code === "FORBIDDEN" &&
      /confirm=true/.test(error.hint ?? ""),
  );
  await assert.rejects(
    () =>
      careful.add(
        unknown,
        asker({ confirm: (question) => Promise.resolve(asked.push(question) === 0) }),
      ),
    (error) => error instanceof AppError && error.hint === "The person declined",
  );
  assert.equal(asked.length, 1);
  const { plan, server } = await careful.add({ ...unknown, dryRun: true }, asker());
  assert.deepEqual([plan.id, server], ["awesome/acme/new", undefined]);
  const strict = world.open({ deny: [{ source: "awesome" }] });
  await assert.rejects(
    () => strict.add({ ...unknown, confirm: true }, asker()),
    (error) =>
      error instanceof AppError && error.code === "FORBIDDEN" &&
      /policy\.deny\[0\]/.test(error.hint ?? ""),
  );
  await assert.rejects(
    () => careful.add({ ...request, id: "no/such" }, asker()),
    (error) => error instanceof AppError && error.code === "NOT_FOUND",
  );
  assert.deepEqual(await careful.list(), []);
});

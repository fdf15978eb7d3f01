/**
 * Real containers under their limits, and what is left of them: nothing. Needs all permissions,
 * podman and a real registry.
 *
 * @module
 */

import assert from "node:assert/strict";
import { AppError } from "../../lib/core/errors.ts";
import { ContainerEngine } from "../../lib/gateway/engine.ts";
import type { ContainerSpec } from "../../lib/gateway/engine_args.ts";
import { UpstreamSession } from "../../lib/gateway/session.ts";
import { openProcesses } from "../../lib/host/process.ts";
import { systemClock } from "../../lib/host/clock.ts";
import { FakeLog } from "../fake_log.ts";
import { pushTinyServer, startContainers, type TestEngine } from "./containers.ts";
import { integrationTest } from "./needs.ts";
import { startRegistry } from "./registry_harness.ts";

const NEEDS = ["docker-registry", "podman", "runc", "busybox"] as const;

/** A fresh name, so that tests of two runs do not meet. */
function fresh(): string {
  return `test-${crypto.randomUUID().slice(0, 8)}`;
}

function specOf(image: string, more: Partial<ContainerSpec> = {}): Omit<ContainerSpec, "labels"> {
  return {
    name: `wharf-${fresh()}`,
    image,
    args: [],
    env: { GREETING: "hello", DESCRIPTION: "Says." },
    volumes: [],
    network: "none",
    memoryBytes: 64 * 1024 * 1024,
    cpus: 1,
    pids: 30,
    readOnlyRoot: true,
    ...more,
  };
}

async function withImage(
  body: (world: {
    readonly containers: TestEngine;
    readonly engine: ContainerEngine;
    readonly owner: string;
    readonly pinned: string;
    readonly tag: string;
  }) => Promise<void>,
): Promise<void> {
  await using registry = await startRegistry();
  await using containers = await startContainers();
  const owner = fresh();
  const tag = `${registry.host}/team/tiny:1`;
  await pushTinyServer(containers, tag);
  const engine = containers.open(owner, "run1");
  const { pinned } = await engine.pull(tag);
  try {
    await body({ containers, engine, owner, pinned, tag });
  } finally {
    await containers.podman(["rmi", "-f", pinned]);
  }
}

async function call(session: UpstreamSession, name: string): Promise<string> {
  const { content } = await session.call(name, {}, {});
  return Array.isArray(content) ? String(content[0]?.text ?? "") : "";
}

async function opened(
  engine: ContainerEngine,
  spec: Omit<ContainerSpec, "labels">,
): Promise<UpstreamSession> {
  const launched = engine.launch(spec);
  const session = new UpstreamSession({
    launched,
    clock: systemClock,
    log: new FakeLog(),
    name: "tiny",
  });
  await session.connect();
  return session;
}

/** Containers of an owner that podman knows. */
async function containersOf(containers: TestEngine, owner: string): Promise<readonly string[]> {
  const names = await containers.podman([
    "ps",
    "--all",
    `--filter=label=wharf.owner=${owner}`,
    "--format={{.Names}}",
  ]);
  return names.split("\n").filter(Boolean);
}

integrationTest("a container is pulled, pinned, run under its limits and removed", {
  needs: NEEDS,
}, () =>
  withImage(async ({ containers, engine, owner, pinned, tag }) => {
    assert.match(pinned, /@sha256:[0-9a-f]{64}$/);
    assert.equal(pinned.split("@")[0], tag.replace(/:1$/, ""));
    assert.match(await engine.probe(), /^\d+\.\d+/);
    assert.equal(await engine.has(pinned), true);
    assert.equal(await engine.has(pinned.replace(/.$/, "0").replace(/..$/, "00")), false);
    const spec = specOf(pinned);
    const session = await opened(engine, spec);
    try {
      assert.deepEqual(session.definitions.tools.map(({ name }) => name).slice(0, 2), [
        "say",
        "exit",
      ]);
      assert.equal(await call(session, "say"), "hello");
      assert.equal(await call(session, "write"), "refused");
      assert.equal((await call(session, "interfaces")).trim(), "lo");
      assert.equal(await call(session, "flood"), "");
      // Values stand in no argv, neither podman's nor the container's description.
      const described = await containers.podman([
        "inspect",
        "--format={{json .Config.CreateCommand}} {{json .HostConfig}}",
        spec.name,
      ]);
      assert.ok(!described.includes("hello"));
      const host = JSON.parse(described.slice(described.indexOf("] {") + 2));
      assert.equal(host.Memory, 64 * 1024 * 1024);
      assert.equal(host.PidsLimit, 30);
      assert.equal(host.ReadonlyRootfs, true);
      assert.deepEqual(host.CapAdd ?? [], []);
    } finally {
      await session.close();
    }
    assert.deepEqual(await containersOf(containers, owner), []);
  }));

integrationTest(
  "the end of a container is told apart: exit code, memory, a command that is not there",
  {
    needs: NEEDS,
  },
  () =>
    withImage(async ({ containers, engine, owner, pinned }) => {
      const exiting = await opened(engine, specOf(pinned));
      await assert.rejects(
        () => call(exiting, "exit"),
        (error) =>
          error instanceof AppError && error.code === "UNAVAILABLE" &&
          /code 7/.test(error.message),
      );
      const hungry = await opened(engine, specOf(pinned));
      await assert.rejects(() => call(hungry, "eat"), (error) =>
        error instanceof AppError && error.code === "UNAVAILABLE");
      await exiting.close();
      await hungry.close();
      await assert.rejects(
        () =>
          Deno.stat("oom"),
        Deno.errors.NotFound,
        "no file is left here",
      );
      const missing = engine.launch(specOf(pinned.replace(/@.*/, "@sha256:" + "0".repeat(64))));
      const { code, reason } = await missing.exited;
      assert.deepEqual([code, reason], [125, "the engine could not start it"]);
      assert.ok(missing.logTail(5).length > 0, "what podman says is in the log");
      await missing.stop(0);
      assert.deepEqual(await containersOf(containers, owner), []);
    }),
);

integrationTest("a container that ignores SIGTERM and its closed input is removed all the same", {
  needs: NEEDS,
}, () =>
  withImage(async ({ containers, engine, owner, pinned }) => {
    const session = await opened(
      engine,
      specOf(pinned, {
        env: { STUBBORN: "1", DESCRIPTION: "x" },
      }),
    );
    await session.close(200);
    assert.deepEqual(await containersOf(containers, owner), []);
  }));

integrationTest("orphans of a run that has ended are removed, those of another stay", {
  needs: NEEDS,
}, () =>
  withImage(async ({ containers, engine, owner, pinned }) => {
    const living = specOf(pinned);
    const session = await opened(engine, living);
    // As a Wharf leaves them that was killed: its podman goes on without it.
    const orphan = `wharf-${fresh()}`;
    await containers.podman([
      "run",
      "-d",
      `--name=${orphan}`,
      `--label=wharf.owner=${owner}`,
      "--label=wharf.run=dead",
      "--entrypoint=/bin/busybox",
      pinned,
      "sleep",
      "600",
    ]);
    const foreign = `wharf-${fresh()}`;
    await containers.podman([
      "run",
      "-d",
      `--name=${foreign}`,
      "--label=wharf.owner=test-somebody-else",
      "--label=wharf.run=dead",
      "--entrypoint=/bin/busybox",
      pinned,
      "sleep",
      "600",
    ]);
    // The name that a run "dead" of the same owner gives to a volume of its first session.
    const own = engine.sessionVolume("s1", "data");
    const volume = own.replace("-run1.", "-dead.");
    await containers.podman(["volume", "create", own]);
    await containers.podman(["volume", "create", volume]);
    try {
      const removed = await engine.removeOrphans((run) => Promise.resolve(run === "run1"));
      assert.deepEqual([...removed].sort(), [orphan, volume].sort());
      const left = async () => await containers.podman(["volume", "ls", "--format={{.Name}}"]);
      assert.ok((await left()).includes(own));
      assert.ok(!(await left()).includes(volume));
      await engine.removeSessionVolumes("s1");
      assert.ok(!(await left()).includes(own));
      assert.deepEqual(await containersOf(containers, owner), [living.name]);
      assert.equal(await call(session, "say"), "hello");
    } finally {
      await containers.podman(["rm", "-f", "--time=0", foreign]);
      await containers.podman(["volume", "rm", "-f", own, volume]);
      await session.close();
    }
  }));

integrationTest("a secret of podman's own store reaches the container, and stands in no argv", {
  needs: NEEDS,
}, () =>
  withImage(async ({ containers, engine, pinned }) => {
    const name = `wharf-${fresh()}`;
    const file = await Deno.makeTempFile();
    await Deno.writeTextFile(file, "from the store");
    await containers.podman(["secret", "create", name, file]);
    try {
      const spec = specOf(pinned, { env: { DESCRIPTION: "x" }, secrets: { GREETING: name } });
      const session = await opened(engine, spec);
      assert.equal(await call(session, "say"), "from the store");
      const described = await containers.podman([
        "inspect",
        "--format={{json .Config.CreateCommand}}",
        spec.name,
      ]);
      assert.ok(!described.includes("from the store"));
      await session.close();
    } finally {
      await containers.podman(["secret", "rm", name]);
      await Deno.remove(file);
    }
  }));

integrationTest(
  "what cannot be pulled is said in the engine's words",
  { needs: NEEDS },
  () =>
    withImage(async ({ engine, tag }) => {
      await assert.rejects(
        () => engine.pull(tag.replace("tiny", "nobody")),
        (error) =>
          error instanceof AppError && error.code === "UNAVAILABLE" &&
          /Cannot pull ".*nobody:1": /.test(error.message),
      );
      await assert.rejects(() => engine.pull("--all-tags"), (error) =>
        error instanceof AppError && error.code === "INVALID_ARGUMENT");
    }),
);

Deno.test("an engine that is not installed is said, with the way out", async () => {
  const engine = new ContainerEngine({
    processes: openProcesses(systemClock),
    clock: systemClock,
    log: new FakeLog(),
    env: { PATH: "/nowhere" },
  }, { engine: "podman", owner: { id: "test", run: "1" } });
  await assert.rejects(
    () => engine.probe(),
    (error) =>
      error instanceof AppError && error.code === "NOT_FOUND" &&
      error.message === 'Cannot run "podman": it is not installed' &&
      /podman\.io/.test(error.hint ?? ""),
  );
});

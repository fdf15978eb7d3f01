/**
 * Plans that are started, over programs and networks that a test decides. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { AppError } from "../../lib/core/errors.ts";
import type { ProcessSpec } from "../../lib/core/host.ts";
import { boundedResponse } from "../../lib/core/http.ts";
import { MemoryDisk } from "../../lib/core/memory_disk.ts";
import { ContainerEngine } from "../../lib/gateway/engine.ts";
import { Launcher } from "../../lib/gateway/launcher.ts";
import { planActivation } from "../../lib/gateway/plan.ts";
import { parsePolicy } from "../../lib/gateway/policy.ts";
import { RuntimeFinder } from "../../lib/gateway/runtimes.ts";
import type { StoredValue } from "../../lib/gateway/stored_value.ts";
import { makeEntry } from "../catalog/make.ts";
import { FakeClock } from "../fake_clock.ts";
import { FakeLog } from "../fake_log.ts";

const DIGEST = `sha256:${"a".repeat(64)}`;

/** What a program answers: standard output, or a failure. */
type Program = (
  spec: ProcessSpec,
) => { readonly code: number; readonly stdout?: string } | AppError;

function makeWorld(program: Program, policyValue?: unknown) {
  const ran: ProcessSpec[] = [];
  const started: ProcessSpec[] = [];
  const clock = new FakeClock();
  const log = new FakeLog();
  const env = { PATH: "/bin", HOME: "/home/me" };
  const processes = {
    run(spec: ProcessSpec) {
      ran.push(spec);
      const answer = program(spec);
      if (answer instanceof AppError) return Promise.reject(answer);
      return Promise.resolve({
        code: answer.code,
        stdout: new TextEncoder().encode(answer.stdout ?? ""),
        stderr: answer.code === 0 ? "" : "Error: it failed",
      });
    },
    start(spec: ProcessSpec) {
      started.push(spec);
      const input = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>();
      const exit = Promise.withResolvers<{ code: number }>();
      void input.readable.pipeTo(new WritableStream()).then(() => exit.resolve({ code: 0 }));
      const empty = () =>
        new ReadableStream<Uint8Array<ArrayBuffer>>({
          start(controller) {
            void exit.promise.then(() => controller.close());
          },
        });
      const stop = () => {
        exit.resolve({ code: 0 });
        return exit.promise;
      };
      return {
        pid: 7,
        stdin: input.writable,
        stdout: empty(),
        stderr: empty(),
        exited: exit.promise,
        stop,
        async [Symbol.asyncDispose]() {
          await stop();
        },
      };
    },
  };
  const policy = parsePolicy(policyValue);
  const disk = new MemoryDisk();
  const launcher = new Launcher({
    net: {
      fetch: () =>
        Promise.resolve(
          boundedResponse(Response.json({ version: "2.3.4", dist: { integrity: "sha512-x" } })),
        ),
    },
    processes,
    clock,
    log,
    env,
    variable: () => undefined,
    files: { read: () => Promise.resolve(undefined) },
    disk,
    directory: "/state",
    engine: new ContainerEngine({ processes, clock, log, env }, {
      engine: "podman",
      owner: { id: "o", run: "r" },
    }),
    git: () => assert.fail("no repository is fetched"),
    runtimes: new RuntimeFinder({ processes, env }),
    policy,
    pid: 42,
    mark: { WHARF_RUN: "r" },
  });
  const plan = (entry: ReturnType<typeof makeEntry>) =>
    planActivation(entry, { by: "operator" }, { policy });
  return { launcher, plan, ran, started, clock };
}

const WISHES = { values: new Map<string, StoredValue>(), acceptsNew: false };

/** podman that has everything; deno that is there. */
const ALL: Program = ({ command, args }) => {
  if (command === "podman") {
    if (args[0] === "info") return { code: 0, stdout: "5.0.0\n" };
    if (args.includes("--format={{json .RepoDigests}}")) {
      return { code: 0, stdout: JSON.stringify([`registry.example/a/time@${DIGEST}`]) };
    }
    return { code: 0 };
  }
  return command === "deno"
    ? { code: 0, stdout: "deno 2.9.6 (stable)\n" }
    : new AppError("NOT_FOUND", "none");
};

const IMAGE = makeEntry("ours/time", {
  packages: [{
    type: "oci",
    identifier: "registry.example/a/time:1",
    settings: [{ name: "ZONE", kind: "env", required: true, secret: false }],
  }],
});

Deno.test("Launcher pulls an image, pins it and hands the values over beside argv", async () => {
  const { launcher, plan, ran, started } = makeWorld(ALL);
  const values = new Map([["ZONE", { kind: "text", text: "Europe/Berlin" }]] as const);
  const { launched, pinned, how, secrets } = await launcher.launch(plan(IMAGE), {
    ...WISHES,
    values,
  });
  assert.equal(pinned, `registry.example/a/time@${DIGEST}`);
  assert.deepEqual([how, secrets], ["podman", []]);
  assert.deepEqual(ran.map(({ args }) => args[0]), ["pull", "image"]);
  const [spec] = started;
  assert.equal(spec?.env["ZONE"], "Europe/Berlin");
  assert.ok(spec?.args.includes("--env=ZONE"));
  assert.ok(!JSON.stringify(spec?.args).includes("Berlin"));
  assert.equal(spec?.args.at(-1), pinned);
  await launched.stop(0);
});

Deno.test("Launcher runs what is pinned, unless something new is accepted", async () => {
  const { launcher, plan, ran, started } = makeWorld(ALL);
  const values = new Map([["ZONE", { kind: "text", text: "x" }]] as const);
  const old = `registry.example/a/time@sha256:${"b".repeat(64)}`;
  const kept = await launcher.launch(plan(IMAGE), { ...WISHES, values, pinned: old });
  assert.equal(kept.pinned, old);
  assert.ok(ran.every(({ args }) => args[0] !== "pull"));
  await kept.launched.stop(0);
  const newer = await launcher.launch(plan(IMAGE), {
    ...WISHES,
    values,
    pinned: old,
    acceptsNew: true,
  });
  assert.equal(newer.pinned, `registry.example/a/time@${DIGEST}`);
  assert.equal(started.length, 2);
  await newer.launched.stop(0);
});

Deno.test("Launcher starts nothing without a value, a digest that is wanted, or a program", async () => {
  const { launcher, plan } = makeWorld(ALL);
  await assert.rejects(
    () => launcher.launch(plan(IMAGE), WISHES),
    (error) => error instanceof AppError && /ZONE has no value/.test(error.message),
  );
  const values = new Map([["ZONE", { kind: "text", text: "x" }]] as const);
  const strict = makeWorld(ALL, { require_digest: true });
  await assert.rejects(
    () => strict.launcher.launch(strict.plan(IMAGE), { ...WISHES, values }),
    (error) =>
      error instanceof AppError && error.code === "FORBIDDEN" &&
      /wants a digest/.test(error.message),
  );
  const bare = makeWorld(() => new AppError("NOT_FOUND", "Cannot run: no such program"));
  await assert.rejects(
    () => bare.launcher.launch(bare.plan(IMAGE), { ...WISHES, values }),
    (error) =>
      error instanceof AppError && error.message === 'Cannot run "podman": it is not installed',
  );
  assert.deepEqual(Object.keys(await bare.launcher.unavailable()), ["engine", "npm", "pypi"]);
  assert.deepEqual(await launcher.unavailable(), {});
});

Deno.test("Launcher runs a package under Deno's sandbox, its version looked up and then kept", async () => {
  const { launcher, plan, started } = makeWorld(ALL);
  const entry = makeEntry("ours/npm", { packages: [{ type: "npm", identifier: "hello-mcp" }] });
  const first = await launcher.launch(plan(entry), WISHES);
  assert.deepEqual([first.pinned, first.how], ["npm:hello-mcp@2.3.4", "stdio-proxy (deno)"]);
  assert.equal(started[0]?.command, "deno");
  assert.equal(started[0]?.env["WHARF_RUN"], "r");
  assert.ok(!started[0]?.args.some((arg) => /^--allow-(?:run|all|ffi)|^-A$/.test(arg)));
  await first.launched.stop(0);
  const second = await launcher.launch(plan(entry), { ...WISHES, pinned: "npm:hello-mcp@1.0.0" });
  assert.equal(second.pinned, "npm:hello-mcp@1.0.0");
  await second.launched.stop(0);
});

Deno.test("Launcher runs a Python package in a container, since no sandbox is there for it", async () => {
  const { launcher, plan, started } = makeWorld(ALL);
  const entry = makeEntry("ours/py", {
    packages: [{ type: "pypi", identifier: "hello-mcp", version: "1.0.0" }],
  });
  const { launched, how } = await launcher.launch(plan(entry), WISHES);
  assert.equal(how, "stdio-proxy (container)");
  assert.equal(started[0]?.command, "podman");
  assert.ok(started[0]?.args.some((arg) => arg.includes("hello-mcp==1.0.0")));
  await launched.stop(0);
});

Deno.test("Launcher runs a given command only where the operator allows it", async () => {
  const given = { by: "operator", command: "my-server", args: ["--flag"] } as const;
  const open = makeWorld(ALL, { unsandboxed: true, ad_hoc: true });
  const plan = planActivation(undefined, given, {
    policy: parsePolicy({ unsandboxed: true, ad_hoc: true }),
  });
  const { launched, pinned } = await open.launcher.launch(plan, WISHES);
  assert.equal(pinned, "my-server");
  assert.deepEqual(open.started[0]?.args, ["--flag"]);
  await launched.stop(0);
  const closed = makeWorld(ALL);
  await assert.rejects(
    () => closed.launcher.launch(plan, WISHES),
    (error) => error instanceof AppError && error.code === "FORBIDDEN",
  );
});

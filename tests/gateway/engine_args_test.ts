/**
 * The command lines of container engines. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { AppError } from "../../lib/core/errors.ts";
import { type ContainerSpec, pullArgs, runArgs } from "../../lib/gateway/engine_args.ts";

const SPEC: ContainerSpec = {
  name: "wharf-time-1",
  image: `docker.io/mcp/time@sha256:${"a".repeat(64)}`,
  args: ["--local-timezone", "Europe/Berlin"],
  env: { TOKEN: "hunter2" },
  secrets: { API_KEY: "wharf-o-r.key" },
  user: "1000:1000",
  volumes: [
    { kind: "host", source: "/srv/data", target: "/data", readOnly: true },
    { kind: "named", source: "memory", target: "/app/dist", readOnly: false },
  ],
  network: "none",
  memoryBytes: 512 * 1024 * 1024,
  cpus: 1.5,
  pids: 100,
  readOnlyRoot: true,
  labels: { "wharf.owner": "o", "wharf.run": "r" },
};

Deno.test("runArgs() limits a container, and holds no value of its environment", async (t) => {
  await t.assertSnapshot(runArgs(SPEC, "podman"));
  await t.assertSnapshot(runArgs({ ...SPEC, network: "default", readOnlyRoot: false }, "docker"));
  assert.ok(!JSON.stringify(runArgs(SPEC, "podman")).includes("hunter2"));
});

Deno.test("runArgs() refuses what could be an option, or another mount", () => {
  const wrong: readonly Partial<ContainerSpec>[] = [
    { name: "--privileged" },
    { name: "a b" },
    { image: "--privileged" },
    { image: "" },
    { image: "a b" },
    { env: { "--privileged": "" } },
    { env: { "A=B": "" } },
    { user: "--privileged" },
    { user: "0 --privileged" },
    { secrets: { TOKEN: "x,type=mount" } },
    { secrets: { "-v": "x" } },
    { volumes: [{ kind: "host", source: "/a,readonly=false", target: "/b", readOnly: true }] },
    { volumes: [{ kind: "host", source: "relative", target: "/b", readOnly: true }] },
    { volumes: [{ kind: "host", source: "/a/../etc", target: "/b", readOnly: true }] },
    { volumes: [{ kind: "named", source: "/etc", target: "/b", readOnly: true }] },
    { volumes: [{ kind: "named", source: "v", target: "/b,source=/etc", readOnly: true }] },
  ];
  for (const part of wrong) {
    assert.throws(
      () => runArgs({ ...SPEC, ...part }, "podman"),
      (error) =>
        error instanceof AppError && error.code === "INVALID_ARGUMENT" && error.hint !== undefined,
      JSON.stringify(part),
    );
  }
});

Deno.test("pullArgs() speaks plain http only where it is told to, and never takes an option for an image", () => {
  assert.deepEqual(pullArgs("docker.io/mcp/time", { engine: "podman", isPlain: false }), [
    "pull",
    "--",
    "docker.io/mcp/time",
  ]);
  assert.deepEqual(pullArgs("localhost:5000/a", { engine: "podman", isPlain: true }), [
    "pull",
    "--tls-verify=false",
    "--",
    "localhost:5000/a",
  ]);
  assert.throws(() => pullArgs("-a", { engine: "docker", isPlain: false }), AppError);
});

const OWN = new Set(runArgs({ ...SPEC, args: [] }, "podman").filter((arg) => arg.startsWith("-")));

Deno.test("no value of a hostile entry becomes an option before the image", () => {
  const word = fc.oneof(
    fc.string({ maxLength: 30 }),
    fc.constantFrom("--privileged", "-v=/:/host", "--network=host", "a,b=c", "x y"),
  );
  fc.assert(
    fc.property(word, word, word, fc.array(word, { maxLength: 4 }), (image, name, target, args) => {
      let argv: readonly string[];
      try {
        argv = runArgs({
          ...SPEC,
          image,
          args,
          env: { [name]: "x" },
          volumes: [{
            kind: "host",
            source: `/srv/${target}`,
            target: `/${target}`,
            readOnly: true,
          }],
        }, "podman");
      } catch (thrown) {
        assert.ok(thrown instanceof AppError);
        return;
      }
      const end = argv.length - args.length - 1;
      assert.equal(argv[end], image);
      assert.deepEqual(argv.slice(end + 1), args);
      for (const option of argv.slice(1, end)) {
        const isOwn = OWN.has(option) || /^--(?:env=[A-Za-z_]\w*|mount=type=bind,)/.test(option);
        assert.ok(isOwn, option);
      }
    }),
    { seed: 5, numRuns: 500 },
  );
});

import assert from "node:assert/strict";
import {
  isEngineSocket,
  readRuntimeArguments,
  toRunFacts,
} from "../../lib/catalog/container_args.ts";

Deno.test("readRuntimeArguments() reads environment, mounts and user", () => {
  const facts = readRuntimeArguments([
    "run",
    "-i",
    "--rm",
    "-e",
    "A=1",
    "--env=B",
    "-e",
    "=broken",
    "-v",
    "/srv:/data:ro",
    "--mount",
    "type=bind,src={path},dst=/mount/,ro",
    "--user",
    "{user}:{group}",
    "--network=none",
    "image:1",
    "--flag",
  ]);
  assert.deepEqual(facts.env, [{ name: "A", value: "1" }, { name: "B" }]);
  assert.deepEqual(facts.volumes, [
    { source: "/srv", target: "/data", kind: "host", readOnly: true },
    { source: "{path}", target: "/mount/", kind: "host", readOnly: true },
  ]);
  assert.deepEqual(facts.rest, ["image:1", "--flag"]);
  assert.deepEqual(facts.refused, []);
  assert.deepEqual(toRunFacts(facts), {
    volumes: facts.volumes,
    disableNetwork: true,
    user: "{user}:{group}",
  });
});

Deno.test("readRuntimeArguments() reports what would widen the container's rights", () => {
  const facts = readRuntimeArguments([
    "-p",
    "8080:8080",
    "--network",
    "host",
    "--privileged",
    "--cap-add=SYS_ADMIN",
    "-v",
    "/var/run/docker.sock:/var/run/docker.sock",
    "--mount",
    "type=bind,source=/run/podman/podman.sock,target=/s",
    "--env-file",
    ".env",
    "--unknown-flag",
    "-v",
    "nonsense",
    "--mount",
    "type=tmpfs",
    "image",
  ]);
  assert.deepEqual(facts.volumes, []);
  assert.deepEqual(facts.refused, [
    "-p 8080:8080",
    "--network host",
    "--privileged",
    "--cap-add SYS_ADMIN",
    "-v /var/run/docker.sock:/var/run/docker.sock",
    "--mount type=bind,source=/run/podman/podman.sock,target=/s",
    "--env-file .env",
    "--unknown-flag",
    "-v nonsense",
    "--mount type=tmpfs",
  ]);
  assert.deepEqual(facts.rest, ["image"]);
});

Deno.test("readRuntimeArguments() reads options in any order when they are mixed", () => {
  const facts = readRuntimeArguments(["-i", "run", "-e", "TOKEN", "image", "--rm", "-e"], {
    mixed: true,
  });
  assert.deepEqual(facts.env, [{ name: "TOKEN" }]);
  assert.deepEqual(facts.rest, ["run", "image"]);
});

Deno.test("readRuntimeArguments() keeps drive letters and named volumes", () => {
  const facts = readRuntimeArguments([
    "-v",
    "C:\\data:/data",
    "-v",
    "cache:/cache:rw",
    "--name",
    "x",
  ]);
  assert.deepEqual(facts.volumes.map(({ source, kind }) => [source, kind]), [
    ["C:\\data", "host"],
    ["cache", "named"],
  ]);
  assert.ok(isEngineSocket("/run/containerd/containerd.sock"));
});

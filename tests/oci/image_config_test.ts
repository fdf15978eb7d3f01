/**
 * Tests of lib/oci/image_config.ts. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { parseImageConfig } from "../../lib/oci/image_config.ts";

function parse(json: unknown) {
  return parseImageConfig(new TextEncoder().encode(JSON.stringify(json)), 'the config of "x"');
}

Deno.test("parseImageConfig() reads a config as builders write it", () => {
  const config = parse({
    architecture: "arm",
    os: "linux",
    variant: "v7",
    created: "2024-09-06T22:20:07Z",
    author: "somebody",
    config: {
      User: "65532",
      Entrypoint: ["/app"],
      Cmd: null,
      Env: ["PATH=/bin", "A=b=c"],
      ExposedPorts: { "80/tcp": {} },
      Volumes: { "/data": {} },
      Labels: { a: "b", n: 1, yes: true, no: null, list: [] },
      Healthcheck: { Test: ["CMD", "true"], Interval: 5 },
      StopSignal: "SIGQUIT",
      WorkingDir: "/srv",
    },
    rootfs: { type: "layers", diff_ids: [] },
    history: [{ created_by: "x", empty_layer: true }, { created_by: "y", empty_layer: null }],
  });
  assert.deepEqual([config.os, config.architecture, config.variant], ["linux", "arm", "v7"]);
  assert.deepEqual(config.config, {
    User: "65532",
    Entrypoint: ["/app"],
    Cmd: undefined,
    WorkingDir: "/srv",
    StopSignal: "SIGQUIT",
    ExposedPorts: ["80/tcp"],
    Volumes: ["/data"],
    Env: ["PATH=/bin", "A=b=c"],
    Labels: { a: "b", n: "1", yes: "true" },
    Healthcheck: { Test: ["CMD", "true"] },
  });
  assert.deepEqual(config.history.map((entry) => entry.empty_layer), [true, null]);
});

Deno.test("parseImageConfig() counts what has another form as absent", () => {
  const config = parse({
    os: 5,
    created: [],
    config: { Entrypoint: "sh", Env: [1], ExposedPorts: [], Labels: "none", Healthcheck: "none" },
    history: { not: "a list" },
  });
  assert.deepEqual([config.os, config.created, config.history], [undefined, undefined, []]);
  assert.deepEqual(config.config, {
    Entrypoint: undefined,
    ExposedPorts: [],
    Volumes: [],
    Env: undefined,
    Labels: {},
    Healthcheck: undefined,
  });
  assert.equal(parse({ config: null }).config, undefined);
  assert.deepEqual(parse({}).history, []);
});

Deno.test("parseImageConfig() refuses what is no object", () => {
  for (const json of [null, [], "text", 5]) {
    assert.throws(() => parse(json), {
      code: "BAD_RESPONSE",
      message: 'Cannot use the config of "x": it is no config of an image',
    });
  }
  assert.throws(() => parseImageConfig(new TextEncoder().encode("{"), "the config"), {
    code: "BAD_RESPONSE",
  });
});

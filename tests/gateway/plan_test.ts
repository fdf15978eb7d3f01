/**
 * Plans of activations: what would run, with what, and what stands in its way. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { ActivationRequest } from "../../lib/gateway/plan_types.ts";
import { viewPlan } from "../../lib/gateway/plan_view.ts";
import { type EntryFacts, makeEntry } from "../catalog/make.ts";
import { setting } from "./hostile.ts";
import { ENTRY, failure, KEY, plan } from "./plan_world.ts";

Deno.test("planActivation() takes the preferred way and says what is missing", () => {
  const made = plan(ENTRY);
  assert.equal(made.method, "podman");
  assert.equal(made.prefix, "time");
  assert.deepEqual(made.missing, [{ name: "API_KEY", kind: "env", secret: true }]);
  assert.deepEqual(made.values.map(({ name, from }) => [name, from]), [
    ["API_KEY", "missing"],
    ["REGION", "default"],
  ]);
  assert.deepEqual(made.args, ["serve"]);
  assert.equal(made.verdict.verdict, "confirm");
  assert.deepEqual(made.limits, { memoryBytes: 2048 * 1024 * 1024, cpus: 1, pids: 256 });
  assert.deepEqual(made.from, [{ source: "docker", id: "docker/time" }]);
  assert.deepEqual(made.alternatives.map(({ method }) => method), ["stdio-proxy", "remote-http"]);
});

Deno.test("planActivation() names every run argument and passes none on", () => {
  const made = plan(ENTRY, {}, {
    stored: { ...KEY, dir: "/srv/data" },
    policy: { host_paths: ["/srv"] },
  });
  assert.deepEqual(made.runArguments.map(({ text, fate }) => [text, fate]), [
    ["-v /srv/data:/data:ro", "granted"],
    ["-p 80:80", "refused"],
    ["--network host", "refused"],
    ["--privileged", "refused"],
    ["-v /run/docker.sock:/s", "refused"],
  ]);
  assert.equal(new Set(made.runArguments.map(({ why }) => why)).size, 5);
  assert.deepEqual(made.args, ["serve"]);
  assert.deepEqual(made.verdict.confirm?.slice(-1), ["it may read /srv/data"]);
  const odd = makeEntry("docker/odd", {
    packages: [{
      type: "oci",
      identifier: "acme/x:1",
      run: {
        volumes: ["~/x", "/run/podman/podman.sock", "cache"].map((source) => ({
          source,
          target: "/x",
          kind: source === "cache" ? "named" : "host",
          readOnly: false,
        })),
      },
    }],
  });
  assert.deepEqual(plan(odd).runArguments.map(({ text, fate, why }) => [text, fate, why]), [
    [`-v ${plan(odd).mounts[0]?.source}:/x`, "read", "a volume of the container engine"],
    ["-v ~/x:/x", "refused", "its paths are not plain and absolute"],
    [
      "-v /run/podman/podman.sock:/x",
      "refused",
      "it opens the container engine, and with it this machine",
    ],
  ]);
  const npm = plan(ENTRY, { launchMethod: "stdio-proxy" });
  assert.deepEqual(npm.runArguments.map(({ text, fate }) => [text, fate]), [["--yes", "refused"]]);
});

Deno.test("planActivation() keeps the named volumes of entries apart", () => {
  const facts = (volumeSource: string): EntryFacts => ({
    packages: [{
      type: "oci",
      identifier: "acme/x:1",
      run: { volumes: [{ source: volumeSource, target: "/x", kind: "named", readOnly: false }] },
    }],
  });
  const sourceOf = (id: string, source = "memory") =>
    plan(makeEntry(id, facts(source))).mounts[0]?.source ?? "";
  assert.match(sourceOf("docker/a"), /^wharf-[0-9a-f]{8}-memory$/);
  assert.equal(sourceOf("docker/a"), sourceOf("docker/A"));
  assert.notEqual(sourceOf("docker/a"), sourceOf("docker/b"));
  // A name in the form of another entry's volume is still this entry's.
  assert.notEqual(sourceOf("docker/b", sourceOf("docker/a")), sourceOf("docker/a"));
});

Deno.test("planActivation() refuses a path of this machine that the operator has not opened", () => {
  const made = plan(ENTRY, { launchMethod: "podman" }, { stored: { ...KEY, dir: "/home/me" } });
  assert.deepEqual([made.verdict.verdict, made.verdict.rule], ["refused", "policy.host_paths"]);
  assert.equal(made.runArguments[0]?.fate, "refused");
  const hidden = plan(ENTRY, { launchMethod: "podman" }, { stored: { ...KEY, dir: "env:DIR" } });
  assert.equal(hidden.mounts[0]?.source, "<dir>");
  assert.equal(hidden.runArguments[0]?.fate, "read");
});

Deno.test("planActivation() shows where values come from and never a secret one", () => {
  const made = plan(ENTRY, { env: { API_KEY: "s3cret", port: "8080" } }, {
    stored: { REGION: "env:REGION", API_KEY: "older-s3cret" },
  });
  assert.deepEqual(made.values, [
    { name: "API_KEY", kind: "env", secret: true, from: "given" },
    { name: "REGION", kind: "env", secret: false, from: "env:REGION" },
    { name: "port", kind: "variable", secret: false, from: "given" },
  ]);
  assert.deepEqual(made.args, ["serve", "--port", "8080"]);
  assert.deepEqual(made.missing, []);
  for (const text of [JSON.stringify(made), JSON.stringify(viewPlan(made))]) {
    assert.ok(!text.includes("s3cret"));
  }
});

Deno.test("planActivation() puts what is refused, cannot start or lacks values behind the rest", () => {
  const denied = { deny: [{ registry: "ghcr.io" }] };
  const obstacle = (reason: string) => ({ reason, hint: "Install it", isPermission: false });
  const none = { engine: obstacle("there is no engine"), npm: obstacle("there is no deno") };
  assert.equal(plan(ENTRY, {}, { stored: KEY, policy: denied }).method, "stdio-proxy");
  assert.equal(
    plan(ENTRY, {}, { stored: KEY, unavailable: { engine: none.engine } }).method,
    "stdio-proxy",
  );
  const remote = plan(ENTRY, {}, { stored: { ...KEY, tenant: "t" }, unavailable: none });
  assert.equal(remote.method, "remote-http");
  const asked = plan(ENTRY, { launchMethod: "podman" }, { stored: KEY, unavailable: none });
  assert.equal(asked.unavailable?.reason, "there is no engine");
  const refused = plan(ENTRY, {}, { policy: { deny: [{ source: "docker" }] } });
  assert.equal(refused.verdict.verdict, "refused");
});

Deno.test("planActivation() asks for what an address lacks, and shows secrets in it by name", () => {
  const request = { launchMethod: "remote-http" } as const;
  const lacking = plan(ENTRY, request, { stored: KEY });
  assert.deepEqual(lacking.missing.map(({ name }) => name), ["tenant"]);
  assert.deepEqual(lacking.target, {
    kind: "remote",
    url: "https://mcp.acme.example/<tenant>/mcp",
    transport: "streamable-http",
  });
  const made = plan(ENTRY, { ...request, env: { tenant: "a b" } }, { stored: KEY });
  assert.ok(made.target.kind === "remote");
  assert.equal(made.target.url, "https://mcp.acme.example/a%20b/mcp");
  assert.equal(made.limits, undefined);
  assert.deepEqual(made.values.map(({ name, from }) => [name, from]), [
    ["tenant", "given"],
    ["API_KEY", "stored"],
    ["Authorization", "fixed"],
  ]);
  const denied = plan(ENTRY, request, { policy: { deny: [{ host: "*.acme.example" }] } });
  assert.equal(denied.verdict.rule, "policy.deny[0]");
});

Deno.test("planActivation() asks once for what stays of the same kind", () => {
  const first = plan(ENTRY, { launchMethod: "podman" }, { stored: KEY });
  const approved = new Set([first.fingerprint]);
  const says = (request: Partial<ActivationRequest>, stored: Record<string, string> = KEY) =>
    plan(ENTRY, { launchMethod: "podman", ...request }, {
      stored,
      approved,
      policy: { host_paths: ["/srv"] },
    }).verdict.verdict;
  assert.equal(says({}), "allowed");
  assert.equal(says({ version: "1.3" }), "allowed");
  assert.equal(says({ args: ["x"] }), "confirm");
  assert.equal(says({}, { ...KEY, dir: "/srv/data" }), "confirm");
  assert.equal(says({ launchMethod: "stdio-proxy" }), "confirm");
  assert.equal(says({ network: "none" }), "confirm");
});

Deno.test("planActivation() gives a network by entry, request and policy", () => {
  const offline = makeEntry("docker/offline", {
    packages: [{ type: "oci", identifier: "acme/x:1", run: { disableNetwork: true } }],
  });
  assert.equal(plan(offline).network, "none");
  assert.ok(plan(offline).runArguments.some(({ text }) => text === "--network none"));
  const widened = plan(offline, { network: "default" });
  assert.deepEqual([widened.network, widened.verdict.rule], ["default", "policy.network"]);
  const any = plan(offline, { network: "default" }, { policy: { network: "any" } });
  assert.equal(any.verdict.confirm?.at(-1), "it gets a network, though its entry needs none");
  assert.equal(plan(ENTRY, { launchMethod: "podman" }).network, "default");
  const none = { policy: { network: "none" } };
  assert.equal(plan(ENTRY, { launchMethod: "podman" }, none).network, "none");
  assert.equal(plan(ENTRY, { launchMethod: "remote-http" }, none).verdict.rule, "policy.network");
});

Deno.test("planActivation() warns of what a person should know", () => {
  const warned = makeEntry("official/io.x/y", {
    status: "deprecated",
    statusMessage: "use z",
    verified: false,
    packages: [{
      type: "oci",
      identifier: "acme/y:latest",
      settings: [
        setting("KEY", { secret: true }),
        setting("PATH", { kind: "env", value: "/evil" }),
        setting("NODE_OPTIONS", { kind: "env" }),
      ],
      args: [{ name: "--key", value: "{KEY}" }],
      run: { user: "root", allowHosts: ["a.example"] },
    }],
  });
  assert.deepEqual(plan(warned, {}, { stored: { KEY: "s3cret", NODE_OPTIONS: "-r x" } }).warnings, [
    "the tag latest is whatever was pushed last; the digest that runs first is kept",
    "its source calls it deprecated: use z",
    "its publisher's name is not that of the owner of its repository",
    "the secret KEY becomes an argument, which programs of this machine can read",
    "PATH is left out, since it steers what starts the server",
    "NODE_OPTIONS is left out, since it steers what starts the server",
    "it is meant for a.example, but a container reaches any host",
    "it runs as root inside of its container",
  ]);
  const allowed = plan(warned, {}, { policy: { env_allow: ["PATH"] } });
  assert.ok(!allowed.warnings.some((text) => text.startsWith("PATH")));
  const remote = makeEntry("docker/remote", {
    remotes: [{
      url: "http://a.example/mcp?key={key}",
      type: "sse",
      settings: [
        setting("key", { secret: true }),
        setting("Host", { kind: "header", default: "x" }),
      ],
    }],
  });
  assert.deepEqual(plan(remote, {}, { stored: { key: "s3cret" } }).warnings, [
    "its address is not encrypted",
    "the secret key becomes a part of the address",
    "the header Host is left out, since the connection sets it",
  ]);
  const local = makeEntry("docker/local", { remotes: [{ url: "http://localhost:8080/mcp" }] });
  assert.deepEqual(plan(local).warnings, []);
});

Deno.test("planActivation() names the folders that a package's settings open", () => {
  const files = makeEntry("reference/files", {
    packages: [{
      type: "npm",
      identifier: "files",
      version: "1.0.0",
      settings: [
        setting("paths", { format: "list", required: true }),
        setting("config", { format: "filepath", default: "/etc/own" }),
        setting("word"),
      ],
      args: [{ value: "{paths}", each: "paths" }],
    }],
  });
  const stored = { paths: '["/srv/a", "relative", "/srv/b"]', word: "/etc" };
  const made = plan(files, {}, { stored, policy: { host_paths: ["/srv"] } });
  assert.deepEqual(made.folders, ["/srv/a", "/srv/b"]);
  assert.deepEqual(made.verdict.confirm?.slice(-2), [
    "it may read and write /srv/a",
    "it may read and write /srv/b",
  ]);
  assert.equal(plan(files, {}, { stored }).verdict.rule, "policy.host_paths");
  assert.equal(
    failure(() => plan(files, {}, { stored: { paths: "/run/docker.sock" } })).code,
    "FORBIDDEN",
  );
});

Deno.test("planActivation() builds from a repository where nothing else can start", () => {
  const facts = { repo: "https://github.com/acme/src/tree/main/server" };
  const source = plan(makeEntry("docker/src", facts));
  assert.equal(source.method, "source");
  assert.ok(source.target.kind === "source");
  assert.equal(source.target.repoUrl, "https://github.com/acme/src");
  assert.ok(source.warnings.some((text) => text.startsWith("no commit is named")));
  assert.ok(source.verdict.confirm?.includes("its image is built by code of its repository"));
  const pinned = plan(makeEntry("docker/src", facts), { version: "a".repeat(40) });
  assert.deepEqual(pinned.warnings, []);
  assert.equal(
    plan(makeEntry("docker/src", facts), {}, { policy: { build: false } }).verdict.rule,
    "policy.build",
  );
  assert.equal(plan(ENTRY, { launchMethod: "source" }, { stored: KEY }).method, "source");
  for (const version of ["--upload-pack=x", "a b", ""]) {
    assert.equal(
      failure(() => plan(makeEntry("docker/src", facts), { version })).code,
      "INVALID_ARGUMENT",
    );
  }
});

Deno.test("planActivation() leaves out a way that cannot be read while there are others", () => {
  const odd = makeEntry("docker/odd", {
    packages: [
      { type: "npm", identifier: "good", version: "1.0.0" },
      { type: "npm", identifier: "bad", registryUrl: "https://evil.example" },
    ],
  });
  assert.equal(plan(odd).alternatives.length, 0);
  const bad = makeEntry("docker/odd", {
    packages: [{ type: "npm", identifier: "bad", registryUrl: "https://evil.example" }],
  });
  assert.equal(failure(() => plan(bad)).code, "UNSUPPORTED");
  // A value that fits one way and not another.
  const dash = makeEntry("docker/dash", {
    packages: [
      { type: "oci", identifier: "acme/x:1", settings: [setting("x")], args: [{ value: "{x}" }] },
      { type: "npm", identifier: "x", version: "1.0.0", settings: [setting("x")] },
    ],
  });
  assert.equal(plan(dash, {}, { stored: { x: "--privileged" } }).method, "stdio-proxy");
  assert.match(
    failure(() => plan(dash, { launchMethod: "podman" }, { stored: { x: "--privileged" } }))
      .message,
    /read as an option/,
  );
});

Deno.test("planActivation() gives engine secrets to containers of images alone", () => {
  const stored = { API_KEY: "podman-secret:api-key" };
  const made = plan(ENTRY, {}, { stored });
  assert.deepEqual([made.method, made.missing], ["podman", []]);
  assert.equal(made.values[0]?.from, "podman-secret:api-key");
  const error = failure(() => plan(ENTRY, { launchMethod: "stdio-proxy" }, { stored }));
  assert.match(error.message, /"API_KEY": a podman secret can only be given to a container/);
});

Deno.test("planActivation() passes variables on that the operator allows beside the entry's", () => {
  const stored = { ...KEY, HTTP_TIMEOUT: "5", OTHER: "x" };
  const made = plan(ENTRY, { launchMethod: "podman" }, {
    stored,
    policy: { env_allow: ["HTTP_*"] },
  });
  assert.deepEqual(made.values.at(-1), {
    name: "HTTP_TIMEOUT",
    kind: "env",
    secret: true,
    from: "stored",
  });
  assert.ok(!made.values.some(({ name }) => name === "OTHER"));
});

/**
 * Tests of lib/oci/credentials.ts: variables and files. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { AppError } from "../../lib/core/errors.ts";
import type { Env } from "../../lib/core/host.ts";
import { type Keychain, openKeychain } from "../../lib/oci/credentials.ts";
import { parseRepository } from "../../lib/oci/reference.ts";
import {
  basicAuth,
  FakeClock,
  FakeFiles,
  FakeLog,
  FakeProcesses,
  type FileContents,
} from "./keychain_fakes.ts";

const HOME = "/home/me";
const RUNTIME = "/run/user/1/containers/auth.json";
const PODMAN = `${HOME}/.config/containers/auth.json`;
const DOCKER = `${HOME}/.docker/config.json`;
const OLD = `${HOME}/.dockercfg`;

function opened(env: Env, contents: FileContents = {}, home: string | undefined = HOME) {
  const files = new FakeFiles(contents);
  const log = new FakeLog();
  const clock = new FakeClock();
  const processes = new FakeProcesses();
  const keychain = openKeychain({
    env,
    files,
    processes,
    log,
    clock,
    ...(home === undefined ? {} : { home }),
  });
  return { keychain, files, log, clock, processes };
}

/** `source kind secret` of what is found for a repository. */
async function found(keychain: Keychain, repository: string): Promise<string> {
  const answer = await keychain.lookup(parseRepository(repository));
  if (answer === undefined) return "none";
  const { credential, source } = answer;
  const secret = credential.kind === "basic"
    ? `${credential.username}:${credential.password}`
    : credential.token;
  return `${source} ${credential.kind} ${secret}`;
}

/** An auth file with one entry per key; the password says which it is. */
function authsOf(...keys: readonly string[]): object {
  return { auths: Object.fromEntries(keys.map((key) => [key, { auth: basicAuth("u", key) }])) };
}

Deno.test("openKeychain() offers the variables to the hosts in OCI_REGISTRY only", async () => {
  const secret = { OCI_USERNAME: "u", OCI_PASSWORD: "p" };
  const hub = "OCI_USERNAME basic u:p";
  const cases: readonly (readonly [Env, string, string])[] = [
    [secret, "alpine", hub],
    [secret, "index.docker.io/library/alpine", hub],
    [secret, "evil.example/x", "none"],
    [secret, "docker.io.evil.example/x", "none"],
    [{ ...secret, OCI_REGISTRY: "" }, "alpine", hub],
    [{ ...secret, OCI_REGISTRY: " , " }, "alpine", hub],
    [{ ...secret, OCI_REGISTRY: "ghcr.io" }, "alpine", "none"],
    [{ ...secret, OCI_REGISTRY: "ghcr.io" }, "ghcr.io/a/b", hub],
    [{ ...secret, OCI_REGISTRY: "ghcr.io" }, "ghcr.io:8443/a/b", "none"],
    [{ ...secret, OCI_REGISTRY: "ghcr.io" }, "sub.ghcr.io/a/b", "none"],
    [{ ...secret, OCI_REGISTRY: " https://GHCR.io/ ,registry:5000" }, "ghcr.io/a/b", hub],
    [{ ...secret, OCI_REGISTRY: "ghcr.io,registry:5000" }, "registry:5000/a", hub],
    [{ ...secret, OCI_REGISTRY: "[0::1]:5000" }, "[::1]:5000/a", hub],
    [{ ...secret, OCI_REGISTRY: "https://index.docker.io/v1/" }, "alpine", hub],
    [{ ...secret, OCI_REGISTRY: "registry.hub.docker.com" }, "a/b", hub],
    [{ ...secret, OCI_TOKEN: "t" }, "alpine", "OCI_TOKEN bearer t"],
    [{ OCI_TOKEN: "t" }, "evil.example/x", "none"],
    [{ OCI_TOKEN: " t\n" }, "alpine", "OCI_TOKEN bearer t"],
    [{ OCI_TOKEN: "  ", ...secret }, "alpine", hub],
    [{ OCI_USERNAME: "u" }, "alpine", "none"],
    [{ OCI_PASSWORD: "p" }, "alpine", "none"],
    [{ OCI_USERNAME: "", OCI_PASSWORD: "p" }, "alpine", "none"],
    [{}, "alpine", "none"],
  ];
  for (const [env, repository, expected] of cases) {
    const { keychain, log } = opened(env);
    assert.equal(await found(keychain, repository), expected, JSON.stringify([env, repository]));
    assert.deepEqual(log.warnings, []);
  }
});

Deno.test("openKeychain() leaves out a name in OCI_REGISTRY that is none, and never widens the list", async () => {
  const env = { OCI_USERNAME: "u", OCI_PASSWORD: "p", OCI_REGISTRY: "ghcr.io/org, *" };
  const { keychain, log } = opened(env);
  for (const name of ["alpine", "ghcr.io/org/app"]) {
    assert.equal(await found(keychain, name), "none");
  }
  assert.equal(log.warnings.length, 1);
  assert.match(JSON.stringify(log.warnings), /OCI_REGISTRY.*ghcr\.io\/org/);
  assert.match(keychain.withheld("ghcr.io") ?? "", /only for no registry/);
});

Deno.test("openKeychain() leaves out an OCI_TOKEN that would break a header, without showing it", async () => {
  const { keychain, log } = opened({
    OCI_TOKEN: "hunter2\r\nx-evil: 1",
    OCI_USERNAME: "u",
    OCI_PASSWORD: "p",
  });
  assert.equal(await found(keychain, "alpine"), "OCI_USERNAME basic u:p");
  assert.equal(await found(keychain, "alpine"), "OCI_USERNAME basic u:p");
  assert.equal(log.warnings.length, 1);
  assert(!JSON.stringify(log.warnings).includes("hunter2"));
});

Deno.test("withheld() says why the variables are not used", () => {
  const { keychain } = opened({ OCI_TOKEN: "t", OCI_REGISTRY: "ghcr.io,docker.io" });
  assert.equal(keychain.withheld("ghcr.io"), undefined);
  assert.match(
    keychain.withheld("quay.io") ?? "",
    /only for ghcr\.io, docker\.io; add quay\.io to OCI_REGISTRY/,
  );
  assert.equal(opened({}).keychain.withheld("quay.io"), undefined);
  assert.equal(opened({ OCI_USERNAME: "u" }).keychain.withheld("quay.io"), undefined);
});

Deno.test("openKeychain() reads files in podman's order", async () => {
  const all = {
    DOCKER_AUTH_CONFIG: JSON.stringify(authsOf("a.example")),
    XDG_RUNTIME_DIR: "/run/user/1",
  };
  const contents: FileContents = {
    [RUNTIME]: authsOf("a.example", "b.example"),
    [PODMAN]: authsOf("a.example", "b.example", "c.example"),
    [DOCKER]: authsOf("a.example", "b.example", "c.example", "d.example"),
    [OLD]: {
      "d.example": { auth: basicAuth("u", "old") },
      "https://e.example/v1/": { auth: basicAuth("u", "e.example") },
    },
  };
  const { keychain, log, processes } = opened(all, contents);
  const expected: Readonly<Record<string, string>> = {
    "a.example/x": "DOCKER_AUTH_CONFIG basic u:a.example",
    "b.example/x": `${RUNTIME} basic u:b.example`,
    "c.example/x": `${PODMAN} basic u:c.example`,
    "d.example/x": `${DOCKER} basic u:d.example`,
    "e.example/x": `${OLD} basic u:e.example`,
    "f.example/x": "none",
  };
  for (const [name, source] of Object.entries(expected)) {
    assert.equal(await found(keychain, name), source);
  }
  assert.deepEqual(log.warnings, []);
  assert.deepEqual(processes.runs, []);
});

Deno.test("openKeychain() knows where the variables move the files", async () => {
  const cases: readonly (readonly [Env, string | undefined, readonly string[]])[] = [
    [{}, HOME, [PODMAN, DOCKER, OLD]],
    [{ XDG_RUNTIME_DIR: "/run/user/1" }, HOME, [RUNTIME, PODMAN, DOCKER, OLD]],
    [{ XDG_CONFIG_HOME: "/xdg", DOCKER_CONFIG: "/docker" }, HOME, [
      "/xdg/containers/auth.json",
      "/docker/config.json",
      OLD,
    ]],
    [{ XDG_CONFIG_HOME: "/xdg" }, undefined, ["/xdg/containers/auth.json"]],
    [{}, undefined, []],
    // It stands alone.
    [{ REGISTRY_AUTH_FILE: "/x/auth.json", XDG_RUNTIME_DIR: "/run/user/1" }, HOME, [
      "/x/auth.json",
    ]],
  ];
  for (const [env, home, expected] of cases) {
    const files = new FakeFiles({});
    const keychain = openKeychain({
      env,
      files,
      processes: new FakeProcesses(),
      log: new FakeLog(),
      clock: new FakeClock(),
      ...(home === undefined ? {} : { home }),
    });
    assert.equal(await found(keychain, "a.example/x"), "none");
    assert.deepEqual(files.reads, expected);
  }
});

Deno.test("openKeychain() prefers the variables to files, and the rest of a file to none", async () => {
  const contents = { [DOCKER]: authsOf("docker.io", "ghcr.io") };
  const { keychain } = opened({ OCI_TOKEN: "t" }, contents);
  assert.equal(await found(keychain, "alpine"), "OCI_TOKEN bearer t");
  assert.equal(await found(keychain, "ghcr.io/a/b"), `${DOCKER} basic u:ghcr.io`);
});

Deno.test("openKeychain() takes the most specific key of a file", async () => {
  const { keychain } = opened({}, {
    [PODMAN]: authsOf(
      "quay.io",
      "quay.io/org",
      "quay.io/org/team/app",
      "docker.io/library",
      "https://index.docker.io/v1/",
    ),
    [DOCKER]: authsOf("quay.io/org/team"),
  });
  const expected: Readonly<Record<string, string>> = {
    "quay.io/org/team/app": "quay.io/org/team/app",
    "quay.io/org/team/app2": "quay.io/org",
    "quay.io/org/app": "quay.io/org",
    "quay.io/organisation/app": "quay.io",
    "alpine": "docker.io/library",
    "me/app": "https://index.docker.io/v1/",
  };
  for (const [name, key] of Object.entries(expected)) {
    assert.equal(await found(keychain, name), `${PODMAN} basic u:${key}`);
  }
  assert.equal(await found(keychain, "quay.io.evil.example/org"), "none");
  assert.equal(await found(keychain, "quay.io:8443/org/app"), "none");
});

Deno.test("openKeychain() gives the credential of a whole registry for an empty path", async () => {
  const { keychain } = opened({}, { [PODMAN]: authsOf("quay.io", "quay.io/org") });
  const answer = await keychain.lookup({ registry: "quay.io", repository: "" });
  assert.deepEqual(answer, {
    credential: { kind: "basic", username: "u", password: "quay.io" },
    source: PODMAN,
  });
});

Deno.test("openKeychain() goes on behind an empty entry and a malformed file, which it names once", async () => {
  const secret = "hunter2";
  const { keychain, log, clock } = opened({ DOCKER_AUTH_CONFIG: `{"auths": ${secret}` }, {
    [PODMAN]: `{"auths":{"a.example":{"auth":"${secret}`,
    [DOCKER]: { auths: { "a.example": {} } },
    [OLD]: { "a.example": { auth: basicAuth("u", "p") } },
  });
  for (let round = 0; round < 3; round++) {
    assert.equal(await found(keychain, "a.example/x"), `${OLD} basic u:p`);
    clock.nowMs += 60_000;
  }
  const said = log.warnings.map(({ fields }) => String(fields["reason"]));
  assert.equal(said.length, 2);
  assert.match(said[0] ?? "", /"DOCKER_AUTH_CONFIG"/);
  assert(said[1]?.includes(`"${PODMAN}"`));
  assert(!JSON.stringify(log.warnings).includes(secret));
});

Deno.test("openKeychain() warns once of a missing permission and of each unreadable file", async () => {
  const denied = (path: string) =>
    new AppError("PERMISSION_MISSING", `Cannot read "${path}": Deno was started without it`, {
      hint: `Start Wharf with --allow-read=${path}`,
    });
  const { keychain, log, clock } = opened({ XDG_RUNTIME_DIR: "/run/user/1" }, {
    [RUNTIME]: denied(RUNTIME),
    [PODMAN]: denied(PODMAN),
    [DOCKER]: new AppError("FORBIDDEN", `Cannot read "${DOCKER}": the system does not allow it`),
    [OLD]: { "a.example": { auth: basicAuth("u", "p") } },
  });
  for (let round = 0; round < 3; round++) {
    assert.equal(await found(keychain, "a.example/x"), `${OLD} basic u:p`);
    clock.nowMs += 60_000;
  }
  assert.deepEqual(log.warnings.map(({ fields }) => fields), [
    {
      reason: `Cannot read "${RUNTIME}": Deno was started without it`,
      hint: `Start Wharf with --allow-read=${RUNTIME}`,
    },
    { reason: `Cannot read "${DOCKER}": the system does not allow it` },
  ]);
});

Deno.test("openKeychain() sees a login after 30 s, and reads no more often", async () => {
  const { keychain, files, clock } = opened({ REGISTRY_AUTH_FILE: "/auth.json" });
  assert.deepEqual(files.reads, []);
  assert.deepEqual(
    await Promise.all([found(keychain, "a.example/x"), found(keychain, "b.example/x")]),
    ["none", "none"],
  );
  files.contents["/auth.json"] = authsOf("a.example");
  clock.nowMs += 29_999;
  assert.equal(await found(keychain, "a.example/x"), "none");
  assert.equal(files.reads.length, 1);
  clock.nowMs += 1;
  assert.equal(await found(keychain, "a.example/x"), "/auth.json basic u:a.example");
  assert.equal(files.reads.length, 2);
  delete files.contents["/auth.json"];
  clock.nowMs += 30_000;
  assert.equal(await found(keychain, "a.example/x"), "none");
});

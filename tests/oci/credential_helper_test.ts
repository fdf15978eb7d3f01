/**
 * Tests of lib/oci/credential_helper.ts, through the keychain that uses it. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { AppError } from "../../lib/core/errors.ts";
import type { Env } from "../../lib/core/host.ts";
import { openKeychain } from "../../lib/oci/credentials.ts";
import { parseRepository } from "../../lib/oci/reference.ts";
import {
  basicAuth,
  FakeClock,
  FakeFiles,
  FakeLog,
  FakeProcesses,
  type Helper,
} from "./keychain_fakes.ts";

const PATH = "/auth.json";
const NOT_FOUND = {
  code: 1,
  stdout: "credentials not found in native keychain\n",
  stderr: "",
};
const BROKEN = { code: 2, stdout: "secret hunter2", stderr: "cannot open the vault: hunter2" };

function opened(
  file: object,
  helpers: Readonly<Record<string, Helper>> = {},
  env: Env = {},
) {
  const files = new FakeFiles({ [PATH]: file });
  const log = new FakeLog();
  const clock = new FakeClock();
  const processes = new FakeProcesses(helpers);
  const keychain = openKeychain({
    env: { REGISTRY_AUTH_FILE: PATH, ...env },
    files,
    processes,
    log,
    clock,
  });
  const lookup = (name: string, signal?: AbortSignal) =>
    keychain.lookup(parseRepository(name), signal);
  return { lookup, files, log, clock, processes };
}

function found(source: string, username: string, password: string) {
  return { source, credential: { kind: "basic", username, password } };
}

Deno.test("CredentialHelpers asks for the host, on its standard input, with few variables", async () => {
  const { lookup, processes, log } = opened({ credHelpers: { "a.example:5000": "x-login" } }, {
    "docker-credential-x-login": (server, options) => {
      assert.equal(server, "a.example:5000");
      assert.equal(options.timeoutMs, 30_000);
      assert(options.maxBytes <= 1024 * 1024);
      return { ServerURL: server, Username: "u", Secret: "s:1", Extra: true };
    },
  }, {
    PATH: "/bin",
    HOME: "/home/me",
    XDG_CONFIG_HOME: "/xdg",
    XDG_RUNTIME_DIR: "/run/user/1",
    OCI_PASSWORD: "hunter2",
    HUB_PAT_TOKEN: "hunter2",
    MCP_AUTH_TOKEN: "hunter2",
  });
  assert.deepEqual(
    await lookup("a.example:5000/org/app"),
    found("docker-credential-x-login", "u", "s:1"),
  );
  assert.deepEqual(processes.runs.map(({ spec }) => spec), [{
    command: "docker-credential-x-login",
    args: ["get"],
    env: {
      PATH: "/bin",
      HOME: "/home/me",
      XDG_CONFIG_HOME: "/xdg",
      XDG_RUNTIME_DIR: "/run/user/1",
    },
  }]);
  assert.equal(await lookup("b.example/app"), undefined);
  assert.equal(processes.runs.length, 1);
  assert.deepEqual(log.warnings, []);
});

Deno.test("CredentialHelpers takes the user <token> for an identity token, and empty answers for none", async () => {
  const answers: Readonly<Record<string, object>> = {
    "token.example": { Username: "<token>", Secret: "refresh" },
    "empty.example": { Username: "u", Secret: "" },
    "nobody.example": { Username: "", Secret: "s" },
  };
  const { lookup, log } = opened({ credsStore: "x" }, {
    "docker-credential-x": (server) => answers[server] ?? NOT_FOUND,
  });
  assert.deepEqual(await lookup("token.example/a"), {
    source: "docker-credential-x",
    credential: { kind: "identity", token: "refresh" },
  });
  for (const host of ["empty.example", "nobody.example", "none.example"]) {
    assert.equal(await lookup(`${host}/a`), undefined);
  }
  assert.deepEqual(log.warnings, []);
});

Deno.test("CredentialHelpers asks for Docker Hub under Docker's key, then under podman's", async () => {
  const knowing = (key: string) =>
    opened({ credHelpers: { "docker.io": "x" } }, {
      "docker-credential-x": (server) =>
        server === key ? { Username: "u", Secret: "s" } : NOT_FOUND,
    });
  for (const key of ["https://index.docker.io/v1/", "docker.io"]) {
    const { lookup, processes } = knowing(key);
    assert.deepEqual(await lookup("alpine"), found("docker-credential-x", "u", "s"));
    const asked = processes.runs.map(({ server }) => server);
    assert.deepEqual(
      asked,
      key === "docker.io" ? ["https://index.docker.io/v1/", "docker.io"] : [key],
    );
  }
});

Deno.test("openKeychain() asks a host's helper before its entries, and the store after them", async () => {
  const file = {
    auths: {
      "helped.example": { auth: basicAuth("u", "file") },
      "helpless.example": { auth: basicAuth("u", "file") },
      "stored.example": {},
      "written.example": { auth: basicAuth("u", "file") },
    },
    credHelpers: { "helped.example": "one", "helpless.example": "one" },
    credsStore: "two",
  };
  const { lookup, processes } = opened(file, {
    "docker-credential-one": (server) =>
      server === "helped.example" ? { Username: "u", Secret: "one" } : NOT_FOUND,
    "docker-credential-two": (server) =>
      server === "stored.example" ? { Username: "u", Secret: "two" } : NOT_FOUND,
  });
  assert.deepEqual(await lookup("helped.example/a"), found("docker-credential-one", "u", "one"));
  assert.deepEqual(await lookup("helpless.example/a"), found(PATH, "u", "file"));
  assert.deepEqual(await lookup("written.example/a"), found(PATH, "u", "file"));
  assert.deepEqual(await lookup("stored.example/a"), found("docker-credential-two", "u", "two"));
  assert.equal(await lookup("other.example/a"), undefined);
  assert.deepEqual(processes.runs.map(({ server }) => server), [
    "helped.example",
    "helpless.example",
    "stored.example",
    "other.example",
  ]);
});

Deno.test("CredentialHelpers names a missing or forbidden helper once and goes on without it", async () => {
  const { lookup, log, clock } = opened({
    auths: { "a.example": { auth: basicAuth("u", "file") } },
    credHelpers: { "a.example": "gone", "b.example": "gone", "c.example": "denied" },
  }, {
    "docker-credential-denied": () =>
      Promise.reject(
        new AppError("PERMISSION_MISSING", 'Cannot run "docker-credential-denied": not granted', {
          hint: "Start Wharf with --allow-run=docker-credential-denied",
        }),
      ),
  });
  for (let round = 0; round < 3; round++) {
    assert.deepEqual(await lookup("a.example/x"), found(PATH, "u", "file"));
    assert.equal(await lookup("b.example/x"), undefined);
    assert.equal(await lookup("c.example/x"), undefined);
    clock.nowMs += 60_000;
  }
  assert.deepEqual(log.warnings.map(({ fields }) => fields), [
    {
      helper: "gone",
      reason: 'Cannot run "docker-credential-gone": there is no such program',
      hint: "Install it",
    },
    {
      helper: "denied",
      reason: 'Cannot run "docker-credential-denied": not granted',
      hint: "Start Wharf with --allow-run=docker-credential-denied",
    },
  ]);
});

Deno.test("CredentialHelpers tells of a failure once, without what the helper printed", async () => {
  const answers = [
    BROKEN,
    { code: 0, stdout: "hunter2 is no JSON", stderr: "" },
    { code: 0, stdout: '{"Username":"hunter2"}', stderr: "" },
  ];
  for (const answer of answers) {
    const { lookup, log, clock } = opened({ credsStore: "x" }, {
      "docker-credential-x": () => answer,
    });
    assert.equal(await lookup("a.example/x"), undefined);
    clock.nowMs += 5_000;
    assert.equal(await lookup("a.example/x"), undefined);
    assert.equal(log.warnings.length, 1);
    assert.equal(log.warnings[0]?.fields["helper"], "x");
    assert(!JSON.stringify(log.warnings).includes("hunter2"));
  }
});

Deno.test("CredentialHelpers refuses a name that could be another program", async () => {
  for (const name of ["../../bin/sh", "a/b", "-x", "a b", "a;b", "x\n", ".", "a".repeat(65)]) {
    const { lookup, log, processes } = opened({ credsStore: name });
    assert.equal(await lookup("a.example/x"), undefined, name);
    assert.deepEqual(processes.runs, []);
    assert.equal(log.warnings.length, 1);
  }
});

Deno.test("CredentialHelpers keeps a credential for an hour, none for 30 s, a failure for 5 s", async () => {
  let answer: object = BROKEN;
  const { lookup, processes, clock } = opened({ credsStore: "x" }, {
    "docker-credential-x": () => answer,
  });
  const runsAfter = async (ms: number) => {
    clock.nowMs += ms;
    await lookup("a.example/x");
    return processes.runs.length;
  };
  assert.equal(await runsAfter(0), 1);
  assert.equal(await runsAfter(4_999), 1);
  answer = NOT_FOUND;
  assert.equal(await runsAfter(1), 2);
  assert.equal(await runsAfter(29_999), 2);
  answer = { Username: "u", Secret: "s" };
  assert.equal(await runsAfter(1), 3);
  assert.equal(await runsAfter(3_599_999), 3);
  assert.equal(await runsAfter(1), 4);
});

Deno.test("CredentialHelpers runs one helper for lookups at the same time", async () => {
  const release = Promise.withResolvers<void>();
  const { lookup, processes } = opened({ credsStore: "x" }, {
    "docker-credential-x": async () => {
      await release.promise;
      return { Username: "u", Secret: "s" };
    },
  });
  const lookups = ["a.example/x", "a.example/y", "a.example/x"].map((name) => lookup(name));
  release.resolve();
  const expected = found("docker-credential-x", "u", "s");
  assert.deepEqual(await Promise.all(lookups), [expected, expected, expected]);
  assert.equal(processes.runs.length, 1);
});

Deno.test("CredentialHelpers ends a helper that nobody waits for, and says nothing of it", async () => {
  const reasons = [
    new AppError("CANCELLED", "Cannot finish: the call was cancelled"),
    new AppError("TIMEOUT", "Cannot finish in 1 s: the deadline passed"),
  ];
  for (const reason of reasons) {
    const answers: object[] = [];
    const started = Promise.withResolvers<void>();
    const { lookup, log, processes } = opened({ credsStore: "x" }, {
      "docker-credential-x": (_server, { signal }) => {
        const [answer] = answers;
        if (answer !== undefined) return answer;
        started.resolve();
        return new Promise((_resolve, reject) => {
          signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
        });
      },
    });
    const controller = new AbortController();
    const waiting = lookup("a.example/x", controller.signal);
    await started.promise;
    controller.abort(reason);
    await assert.rejects(waiting, { name: "AppError", code: reason.code });
    // No failure is kept that was none.
    answers.push({ Username: "u", Secret: "s" });
    assert.deepEqual(await lookup("a.example/x"), found("docker-credential-x", "u", "s"));
    assert.equal(processes.runs.length, 2);
    assert.deepEqual(log.warnings, []);
  }
});

Deno.test("CredentialHelpers asks nobody for a lookup that was left before it began", async () => {
  const { lookup, processes } = opened({ credsStore: "x" });
  await assert.rejects(lookup("a.example/x", AbortSignal.abort()), { code: "CANCELLED" });
  assert.deepEqual(processes.runs, []);
});

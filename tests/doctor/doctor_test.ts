/**
 * What `wharf doctor` finds on machines in and out of order. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { placeSources, type SourceState } from "../../lib/catalog/mod.ts";
import { AppError } from "../../lib/core/errors.ts";
import type { Disk } from "../../lib/core/host.ts";
import { MemoryDisk } from "../../lib/core/memory_disk.ts";
import {
  diagnose,
  type DoctorDeps,
  type DoctorSettings,
  type Finding,
} from "../../lib/doctor/mod.ts";
import { basicAuth, FakeFiles } from "../oci/keychain_fakes.ts";
import { handlerNet } from "../oci/handler_net.ts";
import { git, podman, type Program, programs, refusingDisk, SETTINGS, world } from "./world.ts";

async function findingsOf(
  deps: Partial<DoctorDeps> = {},
  settings: Partial<DoctorSettings> = {},
): Promise<readonly Finding[]> {
  const { signal } = new AbortController();
  return (await diagnose(world(deps), { ...SETTINGS, ...settings }, { signal })).findings;
}

/** State and words of one check. */
function said(findings: readonly Finding[], check: string): string {
  return findings.filter((finding) => finding.check === check)
    .map(({ state, message, next }) =>
      [state, message, ...next === undefined ? [] : [next]].join(" | ")
    )
    .join("\n");
}

Deno.test("diagnose() finds a machine in order", async (t) => {
  const { signal } = new AbortController();
  const { state, findings, needed } = await diagnose(world(), SETTINGS, { signal });
  assert.equal(state, "ok");
  assert.equal(needed.flags[0], "--no-prompt");
  await t.assertSnapshot(findings);
});

Deno.test("diagnose() leaves nothing on any disk", async () => {
  const [disk, state] = [new MemoryDisk(), new MemoryDisk()];
  await findingsOf({ disk, state });
  assert.deepEqual([...await disk.list(""), ...await state.list("")], []);
});

Deno.test("diagnose() looks only at what the toolsets use", async () => {
  const findings = await findingsOf({}, { toolsets: ["hub"], sources: placeSources({}) });
  assert.deepEqual(findings.map(({ check }) => check), [
    "permissions",
    "credentials",
    "registry docker.io",
    "cache",
    "disk",
    "clock",
    "port",
  ]);
});

Deno.test("diagnose() tells podman that cannot start a container from one that is not there", async () => {
  const broken: Program = (args) =>
    args[0] === "info"
      ? podman(args)
      : { code: 126, stderr: "warning: x\nError: crun: no cgroups\n" };
  assert.match(
    said(await findingsOf({ processes: programs({ podman: broken, git }) }), "podman"),
    /^fail \| 5\.4\.2, rootless, but it cannot start a container: crun: no cgroups \| Run: /,
  );
  assert.match(
    said(await findingsOf({ processes: programs({ git }) }), "podman"),
    /^warn \| Cannot run "podman": there is no such program \| Install podman$/,
  );
  const failing: Program = () => ({ code: 125, stderr: "Error: no subuid ranges\n" });
  assert.match(
    said(await findingsOf({ processes: programs({ podman: failing, git }) }), "podman"),
    /^warn \| "podman info" ended with code 125: no subuid ranges/,
  );
});

Deno.test("diagnose() tries a container with Wharf's limits and without image or network", async () => {
  const processes = programs({ podman, git });
  const disk = new MemoryDisk();
  const made: string[] = [];
  const watched: Disk = {
    read: (path, options) => disk.read(path, options),
    list: (path) => disk.list(path),
    rename: (from, to) => disk.rename(from, to),
    remove: (path) => disk.remove(path),
    lock: (name) => disk.lock(name),
    write: (path, bytes) => {
      made.push(path);
      return disk.write(path, bytes);
    },
  };
  await findingsOf({ processes, disk: watched });
  const run = processes.runs.find(({ args }) => args[0] === "run");
  assert.ok(run !== undefined);
  for (const flag of ["--network=none", "--cap-drop=all", "--pids-limit=64", "--rm", "--rootfs"]) {
    assert.ok(run.args.includes(flag), flag);
  }
  const rootfs = run.args[run.args.indexOf("--rootfs") + 1] ?? "";
  assert.ok(made.includes(`${rootfs.slice("/home/me/.cache/wharf/".length)}/.probe`));
  assert.deepEqual(run.env, { PATH: "/usr/bin", HOME: "/home/me" });
});

Deno.test("diagnose() knows Docker", async () => {
  const docker: Program = () => ({
    stdout: JSON.stringify({ ServerVersion: "28.1.0", SecurityOptions: ["name=rootless"] }),
  });
  const findings = await findingsOf({ processes: programs({ docker, git }) }, { engine: "docker" });
  assert.equal(said(findings, "docker"), "ok | 28.1.0, rootless");
});

Deno.test("diagnose() says what git sources do without git", async () => {
  const sources = placeSources({ none: "none", docker: "https://git.example/registry.git" });
  const findings = await findingsOf({ processes: programs({ podman }) }, { sources });
  assert.match(
    said(findings, "git"),
    /^warn \| Cannot run "git".*; git sources are unpacked in memory/,
  );
});

Deno.test("diagnose() names the hosts with credentials, and never a credential", async () => {
  const secret = "s3cr3t-value";
  const files = new FakeFiles({
    "/home/me/.docker/config.json": {
      auths: {
        "ghcr.io": { auth: basicAuth("me", secret) },
        "quay.io/team": { auth: basicAuth("me", secret) },
      },
      credHelpers: { "gcr.io": "gcloud", "public.ecr.aws": "ecr-login" },
    },
    "/home/me/.dockercfg": "{ broken",
  });
  const { signal } = new AbortController();
  const env = {
    HOME: "/home/me",
    OCI_TOKEN: secret,
    OCI_REGISTRY: "registry.example",
    HUB_USERNAME: "me",
  };
  const keychain: DoctorDeps["keychain"] = {
    lookup: ({ registry }) =>
      Promise.resolve(
        registry === "gcr.io"
          ? {
            source: "docker-credential-gcloud",
            credential: { kind: "basic", username: "me", password: secret },
          }
          : undefined,
      ),
  };
  const diagnosis = await diagnose(world({ files, env, keychain }), SETTINGS, { signal });
  assert.equal(
    said(diagnosis.findings, "credentials"),
    [
      "ok | registry.example: found in OCI_TOKEN",
      "ok | gcr.io: found by docker-credential-gcloud",
      `warn | public.ecr.aws: "/home/me/.docker/config.json" names docker-credential-ecr-login, which ` +
      `gives none | Run "docker-credential-ecr-login list" in a terminal, grant ` +
      "--allow-run=docker-credential-ecr-login, or log in again",
      `ok | ghcr.io: found in "/home/me/.docker/config.json"`,
      `ok | quay.io/team: found in "/home/me/.docker/config.json"`,
      "warn | HUB_USERNAME is set, but not HUB_PAT_TOKEN; neither is used | Set HUB_PAT_TOKEN too, or " +
      "unset HUB_USERNAME",
      `warn | Cannot read "/home/me/.dockercfg": it is not valid JSON | Log in again to write it anew, or ` +
      "mend it by hand",
    ].join("\n"),
  );
  assert.ok(!JSON.stringify(diagnosis).includes(secret));
  const runs = diagnosis.needed.grants.filter(({ kind }) => kind === "run").map(({ value }) =>
    value
  );
  assert.deepEqual(runs.slice(0, 2), ["docker-credential-gcloud", "docker-credential-ecr-login"]);
});

Deno.test("diagnose() counts credential files that may not be read", async () => {
  const denied = new AppError("PERMISSION_MISSING", "Cannot read", {
    hint: "Start Wharf with --allow-read",
  });
  const files = { read: () => Promise.reject(denied) };
  assert.match(
    said(await findingsOf({ files }), "credentials"),
    /^warn \| 3 credential files may not be read; going on without them \| Start Wharf with/,
  );
});

Deno.test("diagnose() says which registries answer, and whether they take the credential", async () => {
  const registry: DoctorDeps["registry"] = {
    ping: (name) => {
      if (name === "down.example") {
        return Promise.reject(
          new AppError("UNREACHABLE", 'Cannot reach "down.example": the connection was refused'),
        );
      }
      const source = "/home/me/.docker/config.json";
      return Promise.resolve({
        authentication: "basic",
        authenticated: name === "ghcr.io",
        source,
      });
    },
  };
  const registries = ["ghcr.io", "quay.io", "down.example"];
  const findings = await findingsOf({ registry }, { registries });
  assert.match(said(findings, "registry ghcr.io"), /^ok \| answers, takes the credential of /);
  assert.match(
    said(findings, "registry quay.io"),
    /^warn \| answers, but does not take .*podman login quay\.io/,
  );
  assert.match(said(findings, "registry down.example"), /^fail \| Cannot reach/);
});

Deno.test("diagnose() says whether sources can be reached, and when they were read", async () => {
  const sources = placeSources({
    none: "none",
    docker: "https://git.example/registry.git",
    ours: "https://down.example/servers.json",
    shut: "https://shut.example/servers.json",
    folder: "/srv/none",
  });
  const state = (source: string): SourceState => ({
    source,
    title: source,
    location: "",
    kind: "git",
    state: "ok",
    entries: 312,
    problems: 0,
    samples: [],
    isPartial: false,
    fetchedAt: "2025-12-31T08:30:00.000Z",
  });
  const net = handlerNet(({ url }) => {
    const { hostname, pathname, search } = new URL(url);
    if (hostname === "down.example") {
      throw new AppError("UNREACHABLE", 'Cannot reach "down.example": the name does not resolve');
    }
    if (hostname === "shut.example") return new Response(null, { status: 404 });
    if (hostname === "git.example") {
      assert.equal(pathname + search, "/registry.git/info/refs?service=git-upload-pack");
    }
    return new Response(null);
  });
  const sourceStates = () => Promise.resolve([state("docker"), state("ours")]);
  const findings = await findingsOf({ net, sourceStates }, { sources });
  assert.equal(
    said(findings, "source docker"),
    "ok | can be reached; 312 entries, read 2025-12-31T08:30Z",
  );
  assert.match(
    said(findings, "source ours"),
    /^warn .*does not resolve; 312 entries, read 2025.*ours=none$/,
  );
  assert.match(said(findings, "source shut"), /^warn .*answers with 404; never read/);
  assert.match(
    said(findings, "source folder"),
    /^warn \| Cannot read "\/srv\/none": it is not there, or empty/,
  );
});

Deno.test("diagnose() shows a refresh that failed", async () => {
  const sources = placeSources({ none: "none", ours: "https://up.example/servers.json" });
  const error = { code: "BAD_RESPONSE", message: "Cannot read it: no JSON" };
  const sourceStates = () =>
    Promise.resolve<readonly SourceState[]>([{
      source: "ours",
      title: "ours",
      location: "",
      kind: "file",
      state: "failed",
      entries: 0,
      problems: 0,
      samples: [],
      isPartial: false,
      error,
    }]);
  assert.equal(
    said(await findingsOf({ sourceStates }, { sources }), "source ours"),
    "warn | can be reached, but the last refresh failed: Cannot read it: no JSON; never read | Run: wharf refresh ours",
  );
});

Deno.test("diagnose() fails where the cache cannot be written, and warns where it is in memory", async () => {
  const full = refusingDisk(
    new AppError("UNAVAILABLE", 'Cannot write "/c": the disk is full', { hint: "Make room" }),
  );
  assert.equal(
    said(await findingsOf({ disk: full }), "cache"),
    'fail | Cannot write "/c": the disk is full | Make room; or name another one with --cache-dir',
  );
  const readOnly = await findingsOf({}, { inMemory: { cache: true, state: true } });
  assert.match(said(readOnly, "cache"), /^warn \| the system does not let Wharf write .*read-only/);
  const memory = await findingsOf(
    { isGranted: () => Promise.resolve(false) },
    { inMemory: { cache: true, state: true } },
  );
  assert.match(
    said(memory, "cache"),
    /^warn \| Wharf may not read and write .*--allow-write=\/home\/me/,
  );
  assert.match(said(memory, "podman"), /^warn .*no container was tried/);
  assert.equal(said(memory, "disk"), "");
  const folders = { cache: undefined, git: undefined, state: undefined };
  const homeless = await findingsOf({}, { folders, inMemory: { cache: true, state: true } });
  assert.match(
    said(homeless, "cache"),
    /^warn \| no home directory is known;.*--cache-dir, or set HOME$/,
  );
});

Deno.test("diagnose() says how much room is left", async () => {
  const of = async (bytes: number) =>
    said(await findingsOf({ freeBytes: () => Promise.resolve(bytes) }), "disk").split("\n")[0];
  assert.equal(await of(5e9), "ok | 5.0 GB free for the cache");
  assert.match(await of(5e8) ?? "", /^warn \| 500 MB free for the cache \| Make room/);
  assert.match(await of(1e6) ?? "", /^fail \| 1\.0 MB free/);
});

Deno.test("diagnose() compares the clock with servers, and with the disk where none answers", async () => {
  const sources = placeSources({ none: "none", ours: "https://up.example/servers.json" });
  const ahead = async (seconds: number) => {
    const deps = world();
    const net = handlerNet(() => {
      const date = new Date(deps.clock.now() - seconds * 1000).toUTCString();
      return new Response(null, { headers: { date } });
    });
    return said(await findingsOf({ net }, { sources }), "clock");
  };
  assert.equal(await ahead(1), "ok | agrees with up.example");
  assert.match(await ahead(90), /^warn \| 90 s ahead of up\.example \| Set the clock/);
  assert.match(await ahead(-3600), /^fail \| 3600 s behind up\.example/);
  const net = handlerNet(() => new Response(null, { status: 200 }));
  // The disk of this test counts from 0, so that it cannot agree.
  assert.match(
    said(await findingsOf({ net }, { sources }), "clock"),
    /^fail .*the disk; no server answers/,
  );
  assert.match(
    said(await findingsOf({ net }, { sources, inMemory: { cache: true, state: true } }), "clock"),
    /^warn \| nothing to compare it with/,
  );
});

Deno.test("diagnose() asks no server of the time that Deno does not let it ask", async () => {
  const net = handlerNet(() => new Response(null));
  await findingsOf({ net, isGranted: () => Promise.resolve(false) }, { toolsets: ["hub"] });
  assert.deepEqual(net.requests, []);
});

Deno.test("diagnose() tries the port; a taken one fails only where it is asked for", async () => {
  const listen = () =>
    Promise.reject(
      new AppError("UNAVAILABLE", 'Cannot listen on "127.0.0.1:8080": the port is taken', {
        hint: "Choose another with --port",
      }),
    );
  assert.match(
    said(await findingsOf({ listen }), "port"),
    /^warn .*the port is taken; stdio needs none/,
  );
  const serve = { ...SETTINGS.serve, transport: "http" } as const;
  assert.match(
    said(await findingsOf({ listen }, { serve }), "port"),
    /^fail .*taken \| Choose another/,
  );
});

Deno.test("diagnose() names the flags that are missing", async () => {
  const isGranted: DoctorDeps["isGranted"] = ({ kind, value }) =>
    Promise.resolve(kind !== "run" && value !== "PATH");
  assert.equal(
    said(await findingsOf({ isGranted }, { toolsets: ["gateway"] }), "permissions"),
    "warn | 5 of 56 grants are missing: run for containers; run for npm packages in Deno's sandbox; run for " +
      "ending what a server has started; run for finding what servers of a Wharf that was killed have left; " +
      "env for where credential helpers, git and " +
      "podman are | Add: --allow-run=podman,deno,kill,ps --allow-env=PATH",
  );
});

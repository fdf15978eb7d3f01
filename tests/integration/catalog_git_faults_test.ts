import assert from "node:assert/strict";
import { AppError } from "../../lib/core/errors.ts";
import type { Disk, Processes, ProcessSpec, RunOptions } from "../../lib/core/host.ts";
import { startGitChild } from "./git_child.ts";
import { file } from "./git_repository.ts";
import type { Fault } from "./git_server.ts";
import { type GitWorld, noise, scene, startWorld } from "./git_world.ts";
import { integrationTest } from "./needs.ts";

/** One run of a program that a test meddles with. */
interface Run {
  readonly real: Processes;
  readonly spec: ProcessSpec;
  readonly options: RunOptions;
}

const OLD = { "servers/a": "1" };
const NEW = { "servers/a": "2" };

/** A repository of which the first of two commits was fetched. */
async function halfwayWorld(world: GitWorld): Promise<{ old: string; next: string }> {
  const repository = await world.server.create("catalogue");
  const old = await repository.commit([file("servers/a", "1")]);
  assert.deepEqual(await world.files("catalogue"), OLD);
  const next = await repository.commit([file("servers/a", "2"), file("bin/noise", noise(300_000))]);
  return { old, next };
}

/** For each client. */
const KILLS = 25;

const only = { folders: ["servers"] };

interface FaultCase {
  readonly name: string;
  readonly fault: Fault;
  readonly code: string;
}

const FAULTS: readonly FaultCase[] = [
  { name: "a cut list", fault: { on: "refs", kind: "cut", afterBytes: 20 }, code: "UNREACHABLE" },
  {
    name: "a short list",
    fault: { on: "refs", kind: "short", afterBytes: 60 },
    code: "BAD_RESPONSE",
  },
  { name: "an empty list", fault: { on: "refs", kind: "short", afterBytes: 0 }, code: "NOT_FOUND" },
  {
    name: "a broken list",
    fault: { on: "refs", kind: "garble", afterBytes: 36 },
    code: "BAD_RESPONSE",
  },
  {
    name: "a cut pack",
    fault: { on: "pack", kind: "cut", afterBytes: 100_000 },
    code: "UNREACHABLE",
  },
  {
    name: "a short pack",
    fault: { on: "pack", kind: "short", afterBytes: 100_000 },
    code: "BAD_RESPONSE",
  },
  {
    name: "an empty pack",
    fault: { on: "pack", kind: "short", afterBytes: 0 },
    code: "BAD_RESPONSE",
  },
  {
    name: "a broken pack",
    fault: { on: "pack", kind: "garble", afterBytes: 40_000 },
    code: "BAD_RESPONSE",
  },
  {
    name: "a page instead of the list",
    fault: answers("refs", 200, "<html>"),
    code: "BAD_RESPONSE",
  },
  {
    name: "a page instead of the pack",
    fault: answers("pack", 200, "<html>"),
    code: "BAD_RESPONSE",
  },
  { name: "a failing server", fault: answers("all", 500), code: "UNAVAILABLE" },
  { name: "a server that fails late", fault: answers("pack", 503), code: "UNAVAILABLE" },
  { name: "a repository that became private", fault: answers("refs", 401), code: "UNAUTHORIZED" },
  { name: "a server that wants a pause", fault: answers("refs", 429), code: "RATE_LIMITED" },
  {
    name: "a server's own words",
    fault: answers("pack", 200, "000cERR gone"),
    code: "UNAVAILABLE",
  },
];

function answers(on: Fault["on"], status: number, body = ""): Fault {
  return { on, kind: "answer", make: () => new Response(body, { status }) };
}

for (const { name, fault, code } of FAULTS) {
  scene(`${name} leaves the old commit in use`, async (world) => {
    const { old, next } = await halfwayWorld(world);
    const kept = await world.kept();
    world.server.fault = fault;
    await assert.rejects(world.fetch("catalogue", only), (thrown) => {
      assert.ok(thrown instanceof AppError);
      assert.equal(thrown.code, code, thrown.message);
      assert.match(thrown.message, /^Cannot /);
      assert.ok(thrown.hint !== undefined);
      return true;
    });
    assert.deepEqual(await world.kept(), kept);
    await oldIsThere(world, old);
    world.server.fault = undefined;
    const found = await world.fetch("catalogue", only);
    assert.equal(found?.commit, next);
    assert.deepEqual(await world.files("catalogue", only), NEW);
  });
}

/** The server stands at the old commit again, which then needs no pack. */
async function oldIsThere(world: GitWorld, old: string): Promise<void> {
  const { fault } = world.server;
  world.server.fault = undefined;
  const repository = world.server.repository("catalogue");
  const next = await repository.head();
  await repository.git(["update-ref", "refs/heads/main", old]);
  world.restart();
  world.server.forget();
  assert.deepEqual(await world.files("catalogue"), OLD);
  assert.equal(world.server.requests.length, 1);
  await repository.git(["update-ref", "refs/heads/main", next ?? ""]);
  world.server.fault = fault;
}

for (const on of ["refs", "pack"] as const) {
  scene(`a cancel ends a fetch whose ${on} do not come`, async (world) => {
    const { old } = await halfwayWorld(world);
    world.server.fault = { on, kind: "hang" };
    const cancelled = new AbortController();
    const fetched = world.fetch("catalogue", { ...only, signal: cancelled.signal });
    while (!world.server.hangs) await new Promise((resolve) => setTimeout(resolve, 5));
    cancelled.abort();
    await assert.rejects(fetched, { code: "CANCELLED" });
    await oldIsThere(world, old);
  });
}

scene("a cancel before the start asks nobody", async (world) => {
  await assert.rejects(world.fetch("catalogue", { signal: AbortSignal.abort() }), {
    code: "CANCELLED",
  });
  assert.equal(world.server.requests.length, 0);
});

scene("what is damaged on the disk is fetched again", async (world) => {
  await halfwayWorld(world);
  const damages: readonly [name: string, damage: (path: string) => Promise<void>][] = [
    ["cut off", async (path) => {
      await Deno.chmod(path, 0o600);
      await Deno.truncate(path, 50);
    }],
    ["emptied", async (path) => {
      await Deno.chmod(path, 0o600);
      await Deno.truncate(path, 0);
    }],
    ["other bytes", async (path) => {
      await Deno.chmod(path, 0o600);
      await Deno.writeFile(path, noise((await Deno.stat(path)).size));
    }],
    ["removed", (path) => Deno.remove(path)],
  ];
  assert.deepEqual(await world.files("catalogue", only), NEW);
  const repository = world.server.repository("catalogue");
  let version = 2;
  for (const [name, damage] of damages) {
    for (const pattern of [/\.pack$/, /commit$/, /(?:\.idx|\.pack)$/]) {
      for (const path of (await world.kept()).filter((path) => pattern.test(path))) {
        await damage(path);
      }
      version += 1;
      // Each second time without a new commit: then the broken store has all that is asked for.
      if (version % 2 === 0) await repository.commit([file("servers/a", `${version}`)]);
      world.restart();
      const expected = version % 2 === 0 ? `${version}` : undefined;
      const texts = await world.files("catalogue", only);
      if (expected !== undefined) assert.deepEqual(texts, { "servers/a": expected }, name);
      assert.deepEqual(Object.keys(texts), ["servers/a"], name);
    }
  }
});

scene("kill -9 at any moment loses nothing", async (world) => {
  const repository = await world.server.create("catalogue");
  let version = 0;
  const advance = () => repository.commit([file("servers/a", `${++version}`)]);
  await advance();
  const url = world.server.repositoryUrl("catalogue");
  for (let round = 0; round < KILLS; round++) {
    const child = await startGitChild({ client: world.client, url, directory: world.directory });
    // Each time somewhere else in the work on a new commit.
    await advance();
    await new Promise((resolve) => setTimeout(resolve, round * 4));
    child.kill("SIGKILL");
    await child.status;
    const before = `${version}`;
    assert.deepEqual(await world.files("catalogue"), { "servers/a": before });
    await advance();
    assert.deepEqual(await world.files("catalogue"), { "servers/a": `${version}` });
  }
  assert.deepEqual((await world.kept()).filter((path) => /tmp_|\.new|\.old/.test(path)), []);
});

scene("two clients share a folder", async (world) => {
  const repository = await world.server.create("catalogue");
  const other = world.open();
  const url = world.server.repositoryUrl("catalogue");
  for (let version = 0; version < 4; version++) {
    const commit = await repository.commit([file("servers/a", `${version}`)]);
    const found = await Promise.all([
      world.fetch("catalogue"),
      other.fetch({ url, folders: [] }),
      other.fetch({ url, folders: [] }),
    ]);
    assert.deepEqual(found.map((one) => one?.commit), [commit, commit, commit]);
  }
});

scene("a redirect is followed to the repository", async (world) => {
  await halfwayWorld(world);
  const path = "/catalogue.git/info/refs?service=git-upload-pack";
  let target = path;
  world.server.fault = {
    on: "refs",
    kind: "answer",
    make: (request) => {
      const { pathname } = new URL(request.url);
      if (pathname.startsWith("/moved-2")) world.server.fault = undefined;
      const location = pathname.startsWith("/moved.git")
        ? "/moved-2.git/info/refs?service=git-upload-pack"
        : target;
      return new Response(null, { status: 301, headers: { location } });
    },
  };
  assert.deepEqual(await world.files("moved", only), NEW);
  assert.deepEqual(world.server.requests.slice(-4).map(({ line }) => line), [
    "GET /moved.git/info/refs?service=git-upload-pack",
    "GET /moved-2.git/info/refs?service=git-upload-pack",
    `GET ${path}`,
    "POST /catalogue.git/git-upload-pack",
  ]);

  const redirects: readonly [location: string, message: RegExp][] = [
    [path, /redirects more than 3 times/],
    ["/login", /redirects to something else/],
    ["file:///etc/passwd", /redirects to no web address/],
    ["ssh://127.0.0.1/x.git/info/refs?service=git-upload-pack", /redirects to no web address/],
  ];
  for (const [location, message] of redirects) {
    target = location;
    world.server.fault = {
      on: "refs",
      kind: "answer",
      make: () => new Response(null, { status: 302, headers: { location } }),
    };
    await assert.rejects(world.fetch("catalogue"), { code: "BAD_RESPONSE", message });
  }
});

integrationTest("git binary: git sees no URL and nothing of Wharf's environment", {
  needs: ["git"],
}, async () => {
  await using world = await startWorld("git binary");
  const specs: ProcessSpec[] = [];
  world.restart({ processes: (real) => watched(real, ({ spec }) => void specs.push(spec)) });
  await halfwayWorld(world);
  await world.files("catalogue", { folders: ["-servers"] });
  assert.ok(specs.length >= 8);
  for (const { command, args, env, cwd } of specs) {
    assert.equal(command, "git");
    assert.equal(cwd, undefined);
    assert.ok(args.every((arg) => !arg.includes("http")), args.join(" "));
    assert.ok(args[0] === "--version" || args.includes("protocol.allow=never"));
    assert.equal(env["PATH"], Deno.env.get("PATH"));
    assert.equal(env["SECRET"], undefined);
    assert.equal(env["HOME"], `${world.directory}/git/home`);
    assert.equal(env["GIT_CONFIG_GLOBAL"], "/dev/null");
    assert.equal(env["GIT_CONFIG_NOSYSTEM"], "1");
    assert.equal(env["GIT_TERMINAL_PROMPT"], "0");
  }
  const listing = specs.findLast(({ args }) => args.includes("ls-tree"));
  assert.deepEqual(listing?.args.slice(-2), ["--", "-servers"]);
});

integrationTest("git binary: without run permission isomorphic-git is used, and said once", {
  needs: ["git"],
}, async () => {
  await using world = await startWorld("git binary");
  const refused = new AppError("PERMISSION_MISSING", 'Cannot run "git": no run permission');
  let asked = 0;
  world.restart({
    processes: (real) =>
      watched(real, () => {
        asked += 1;
        throw refused;
      }),
  });
  const { next } = await halfwayWorld(world);
  assert.equal((await world.fetch("catalogue"))?.commit, next);
  assert.equal(asked, 1);
  assert.deepEqual(world.log.records.filter(({ message }) => message.includes("git binary")), [{
    level: "debug",
    message: "Git repositories are read without the git binary",
    fields: { reason: 'Cannot run "git": no run permission' },
  }]);
});

integrationTest("git binary: an end in the middle of any step leaves the old commit in use", {
  needs: ["git"],
}, async () => {
  const killed = new AppError("INTERNAL", "killed");
  for (const step of ["index-pack", "cat-file", "ls-tree"]) {
    for (const half of [true, false]) {
      await using world = await startWorld("git binary");
      const { old, next } = await halfwayWorld(world);
      const die = async ({ real, spec, options }: Run) => {
        if (!spec.args.includes(step)) return;
        const stdin = options.stdin?.subarray(0, options.stdin.byteLength / 2);
        await real.run(spec, half && stdin !== undefined ? { ...options, stdin } : options);
        throw killed;
      };
      // Nothing is removed either, as after kill -9.
      const stuck = (real: Disk): Disk => ({ ...real, remove: () => Promise.resolve() });
      world.restart({ processes: (real) => watched(real, die), disk: stuck });
      await assert.rejects(world.fetch("catalogue"), { code: "INTERNAL" });
      await oldIsThere(world, old);
      world.restart();
      assert.equal((await world.fetch("catalogue"))?.commit, next);
      const leftovers = (await world.kept()).filter((path) => /tmp_|\.new|\.old/.test(path));
      assert.deepEqual(leftovers, []);
    }
  }
});

// The limit that stands for a full disk is one of POSIX shells.
if (Deno.build.os !== "windows") {
  integrationTest(
    "git binary: a full disk leaves the old commit in use",
    { needs: ["git"] },
    async () => {
      await using world = await startWorld("git binary");
      const { old, next } = await halfwayWorld(world);
      // Files may grow to 32 KiB only, which git meets as an error of the write call.
      const limited = (real: Processes): Processes => ({
        ...real,
        run: (spec, options) =>
          real.run({
            ...spec,
            command: "sh",
            args: ["-c", 'trap "" XFSZ; ulimit -f 64; exec git "$@"', "git", ...spec.args],
          }, options),
      });
      world.restart({ processes: limited });
      await assert.rejects(world.fetch("catalogue"), {
        code: "UNAVAILABLE",
        message: /the disk is full$/,
        retryable: true,
      });
      await oldIsThere(world, old);
      world.restart();
      assert.equal((await world.fetch("catalogue"))?.commit, next);
    },
  );
}

integrationTest(
  "isomorphic-git: a full disk costs the cache only",
  { needs: ["git"] },
  async () => {
    await using world = await startWorld("isomorphic-git");
    const { old, next } = await halfwayWorld(world);
    const full = new AppError("UNAVAILABLE", 'Cannot write "x": the disk is full');
    for (const pattern of [/\.pack$/, /commit$/]) {
      world.restart({
        disk: (real) => ({
          ...real,
          write: (path, bytes) =>
            pattern.test(path) ? Promise.reject(full) : real.write(path, bytes),
        }),
      });
      assert.equal((await world.fetch("catalogue"))?.commit, next);
      await oldIsThere(world, old);
    }
    const warnings = world.log.records.filter(({ level }) => level === "warn");
    assert.equal(warnings.length, 2);
    assert.match(warnings[0]?.message ?? "", /Cannot keep a git repository on the disk/);
  },
);

function watched(real: Processes, before: (run: Run) => void | Promise<void>): Processes {
  return {
    start: (spec) => real.start(spec),
    async run(spec, options) {
      await before({ real, spec, options });
      return await real.run(spec, options);
    },
  };
}

import assert from "node:assert/strict";
import { AppError } from "../../lib/core/errors.ts";
import {
  fakeGitWorld,
  type GitAnswer,
  type GitHandler,
  IDS,
  object,
  workingGit,
} from "./git_world.ts";

const url = new URL("https://git.example/catalogue");

/** A git that works but for one subcommand. */
function gitBut(subcommand: string, answer: GitHandler): GitHandler {
  return (given, run) => given === subcommand ? answer(given, run) : workingGit(given, run);
}

Deno.test("openGit() reads a commit by the binary, and asks once whether it is there", async () => {
  const { git, net, log, runs } = fakeGitWorld(workingGit);
  const found = await git.fetch({ url, folders: ["servers"] });
  assert.equal(found?.commit, IDS.commit);
  assert.equal(found.committedAt, "1970-01-01T00:00:00.000Z");
  assert.equal(found.leftOut, 0);
  assert.deepEqual(
    await found.tree.read("servers/a", { maxBytes: 2 }),
    new TextEncoder().encode("hi"),
  );
  await git.fetch({ url, folders: [] });
  assert.equal(runs.filter(({ args }) => args.includes("--version")).length, 1);
  assert.deepEqual(log.records.map(({ level, fields }) => [level, fields["version"]]), [
    ["debug", "2.39.5"],
  ]);
  // The second time, all of the commit is there.
  assert.deepEqual(net.requests.map(({ method = "GET" }) => method), ["GET", "POST", "GET"]);
});

Deno.test("openGit() gives nothing for a commit that is known, and runs nothing", async () => {
  const { git, net, runs } = fakeGitWorld(() => assert.fail("git ran"));
  assert.equal(await git.fetch({ url, folders: [], knownCommit: IDS.commit }), undefined);
  assert.equal(net.requests.length, 1);
  assert.deepEqual(runs, []);
});

Deno.test("openGit() gives git no address, no secret and no way to the network", async () => {
  const { git, runs } = fakeGitWorld(workingGit);
  await git.fetch({ url, folders: ["--output=x"] });
  for (const { args, env, cwd } of runs) {
    assert.ok(!args.join(" ").includes("git.example"));
    assert.equal(cwd, undefined);
    assert.deepEqual(env, {
      PATH: "/bin",
      HOME: "/cache/git/home",
      XDG_CONFIG_HOME: "/cache/git/home",
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_CONFIG_SYSTEM: "/dev/null",
      GIT_CONFIG_GLOBAL: "/dev/null",
      GIT_ATTR_NOSYSTEM: "1",
      GIT_TERMINAL_PROMPT: "0",
      GIT_NO_LAZY_FETCH: "1",
      GIT_NO_REPLACE_OBJECTS: "1",
      LC_ALL: "C",
    });
    if (args.includes("--version")) continue;
    for (const setting of ["protocol.allow=never", "core.hooksPath=/dev/null", "gc.auto=0"]) {
      assert.equal(args[args.indexOf(setting) - 1], "-c", setting);
    }
    assert.ok(args.some((arg) => arg.startsWith("--git-dir=/cache/git/")));
  }
  const listing = runs.find(({ args }) => args.includes("ls-tree"));
  assert.deepEqual(listing?.args.slice(-3), [IDS.tree, "--", "--output=x"]);
});

Deno.test("openGit() refuses a folder that is none", async () => {
  const { git, net } = fakeGitWorld(workingGit);
  await assert.rejects(git.fetch({ url, folders: ["a", "../b"] }), {
    code: "INVALID_ARGUMENT",
    message: 'Cannot read folder "../b" of a git repository',
  });
  assert.equal(net.requests.length, 0);
});

Deno.test("openGit() says why a git binary is not used", async () => {
  const cases: readonly [answer: GitAnswer | AppError, reason: string][] = [
    ["git version 2.29.9\n", "git 2.29.9 is older than 2.30"],
    ["git version 1.99\n", "git 1.99 is older than 2.30"],
    ["hello\n", "git tells no version"],
    [{ code: 1, stderr: "" }, "git tells no version"],
    [
      new AppError("NOT_FOUND", 'Cannot run "git": there is no such program'),
      'Cannot run "git": there is no such program',
    ],
  ];
  for (const [answer, reason] of cases) {
    const { git, log } = fakeGitWorld(() => {
      if (answer instanceof AppError) throw answer;
      return answer;
    });
    // Without any permission isomorphic-git does not even load; with one the other tests read by it.
    await assert.rejects(git.fetch({ url, folders: [] }), {
      code: "PERMISSION_MISSING",
      message: /^Cannot read git repositories: isomorphic-git does not load/,
    });
    assert.deepEqual(log.records[0], {
      level: "debug",
      message: "Git repositories are read without the git binary",
      fields: { reason },
    });
  }
});

Deno.test("openGit() takes what git says for an error, and cleans it", async () => {
  const cases: readonly [answer: GitAnswer, code: string, message: RegExp][] = [
    [
      { code: 128, stderr: "warning: x\nfatal: bad \u001b[31mthing\n" },
      "BAD_RESPONSE",
      /^Cannot run "git index-pack": it says "bad \S*thing"$/,
    ],
    [{ code: 1, stderr: "" }, "BAD_RESPONSE", /it ended with code 1$/],
    [
      { code: 128, stderr: "fatal: write error: No space left on device\n" },
      "UNAVAILABLE",
      /the disk is full$/,
    ],
  ];
  for (const [answer, code, message] of cases) {
    const { git } = fakeGitWorld(gitBut("index-pack", () => answer));
    await assert.rejects(git.fetch({ url, folders: [] }), { code, message });
  }
});

Deno.test("openGit() refuses output of git that does not fit together", async () => {
  const commit = (text: string) => object(IDS.commit, "commit", text);
  const cases: readonly [subcommand: string, answer: GitHandler, message: RegExp][] = [
    ["cat-file", () => `${IDS.commit} missing\n`, /its commit is missing$/],
    ["cat-file", () => object(IDS.commit, "tag", "x"), /its commit is missing$/],
    ["cat-file", () => commit("no tree"), /a commit names no folder$/],
    ["cat-file", () => `${IDS.commit} commit 99\nshort\n`, /git's output is cut off$/],
    ["cat-file", () => IDS.commit, /git's output is cut off$/],
    [
      "cat-file",
      (name, run) =>
        run.spec.args.includes("--batch-check") ? `${IDS.blob} missing\n` : workingGit(name, run),
      /a file is missing$/,
    ],
    [
      "cat-file",
      (name, run) =>
        run.spec.args.includes("--batch") && run.stdin.includes(IDS.blob)
          ? `${IDS.blob} missing\n`
          : workingGit(name, run),
      /a file is missing$/,
    ],
  ];
  for (const [subcommand, answer, message] of cases) {
    const { git } = fakeGitWorld(gitBut(subcommand, answer));
    await assert.rejects(git.fetch({ url, folders: [] }), { code: "BAD_RESPONSE", message });
  }
});

Deno.test("openGit() leaves out what git lists beside files", async () => {
  const listing = [
    `100644 blob ${IDS.blob}\tservers/a`,
    `120000 blob ${IDS.blob}\tservers/link`,
    `160000 commit ${IDS.commit}\tservers/module`,
    `100644 blob ${IDS.blob}\t.git/config`,
    `100644 blob ${IDS.blob}\tservers/a`,
  ].map((line) => `${line}\0`).join("");
  const { git, log } = fakeGitWorld(gitBut("ls-tree", () => listing));
  const found = await git.fetch({ url, folders: [] });
  assert.equal(found?.leftOut, 4);
  assert.deepEqual(await found.tree.list("servers"), [{ name: "a", kind: "file" }]);
  assert.deepEqual(log.records.at(-1)?.fields, { url: url.href, entries: 4 });
});

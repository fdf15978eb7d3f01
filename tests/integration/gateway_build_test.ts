/**
 * Images built of a real repository by real podman. Needs all permissions, git and podman.
 *
 * @module
 */

import assert from "node:assert/strict";
import { openGit } from "../../lib/catalog/mod.ts";
import { AppError } from "../../lib/core/errors.ts";
import { type BuildDeps, buildSource } from "../../lib/gateway/build.ts";
import { systemClock } from "../../lib/host/clock.ts";
import { openDisk } from "../../lib/host/disk.ts";
import { openNet } from "../../lib/host/net.ts";
import { openProcesses } from "../../lib/host/process.ts";
import { FakeLog } from "../fake_log.ts";
import { startContainers } from "./containers.ts";
import { type Entry, file } from "./git_repository.ts";
import { startGitServer } from "./git_server.ts";
import { integrationTest } from "./needs.ts";

const NEEDS = ["git", "podman", "runc"] as const;

integrationTest("an image is built of a commit once, and what cannot be built is said", {
  needs: NEEDS,
}, async () => {
  await using git = await startGitServer();
  await using containers = await startContainers();
  await using net = openNet({ userAgent: "wharf-test", clock: systemClock });
  const disk = openDisk(containers.folder, systemClock);
  const engine = containers.open("test-build", "run1");
  const said: string[] = [];
  const deps: BuildDeps = {
    git: openGit({
      net,
      disk,
      processes: openProcesses(systemClock),
      clock: systemClock,
      log: new FakeLog(),
      env: containers.env,
    }),
    disk,
    directory: containers.folder,
    engine,
    policy: { network: "none", maxMemoryMb: 256 },
    progress: (message) => said.push(message),
  };
  const repository = await git.create("server");
  const target = {
    kind: "source",
    repoUrl: git.repositoryUrl("server").href.replace(/\.git$/, ""),
  } as const;
  const files: Entry[] = [
    file("Dockerfile", "FROM scratch\nCOPY data.txt /data.txt\n"),
    file("data.txt", "one"),
    file("sub/Containerfile", "FROM scratch\nCOPY inner.txt /inner.txt\n"),
    file("sub/inner.txt", "two"),
    file("broken/Dockerfile", "FROM scratch\nCOPY missing.txt /x\n"),
  ];
  const commit = await repository.commit(files);
  const built: string[] = [];
  try {
    const image = await buildSource(target, deps);
    built.push(image);
    assert.equal(image, `localhost/wharf/server:${commit}`);
    assert.equal(await engine.has(image), true);
    assert.ok(said.some((message) => message.startsWith("building ")));
    assert.equal(await buildSource({ ...target, ref: commit }, deps), image, "it is here already");
    const inner = await buildSource({ ...target, folder: "sub" }, deps);
    built.push(inner);
    assert.equal(inner, `localhost/wharf/server-sub:${commit}`);
    // The files are gone, the log of the build is kept.
    const left = (await disk.list("builds")).map(({ name }) => name);
    assert.ok(left.length === 2 && left.every((name) => name.endsWith(".log")), left.join());
    await assert.rejects(
      () => buildSource({ ...target, folder: "broken" }, deps),
      (error) =>
        error instanceof AppError && error.code === "UNAVAILABLE" &&
        /missing\.txt/.test(error.message),
    );
    await assert.rejects(
      () => buildSource({ ...target, folder: "nowhere" }, deps),
      (error) =>
        error instanceof AppError && error.code === "NOT_FOUND" &&
        /has no Containerfile or Dockerfile/.test(error.message),
    );
    await assert.rejects(
      () => buildSource({ ...target, ref: "0".repeat(40) }, deps),
      (error) =>
        error instanceof AppError && error.code === "NOT_FOUND" &&
        /newest commit is/.test(error.message),
    );
  } finally {
    for (const image of built) await containers.podman(["rmi", "-f", image]);
  }
});

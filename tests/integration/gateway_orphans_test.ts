/**
 * Processes that a killed Wharf left, and what they started. Needs all permissions, and `/proc`.
 *
 * @module
 */

import assert from "node:assert/strict";
import { endOrphanProcesses, processMark } from "../../lib/gateway/mod.ts";
import { systemClock } from "../../lib/host/clock.ts";
import { openDisk, openFiles } from "../../lib/host/disk.ts";
import { openProcesses } from "../../lib/host/process.ts";
import { FakeLog } from "../fake_log.ts";

Deno.test({
  name: "processes of a run that has ended are ended with what they started, no others",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const owner = `test-${crypto.randomUUID().slice(0, 8)}`;
    const start = (mark: Record<string, string>) =>
      // A shell that starts another process, as npx does.
      new Deno.Command("/bin/sh", { args: ["-c", "sleep 300 & wait"], env: mark }).spawn();
    const dead = start({ ...processMark({ id: owner, run: "dead" }) });
    const living = start({ ...processMark({ id: owner, run: "living" }) });
    const foreign = start({ ...processMark({ id: "somebody-else", run: "dead" }) });
    const deps = {
      openFolder: (path: string) => openDisk(path, systemClock),
      files: openFiles(),
      processes: openProcesses(systemClock),
      env: { PATH: Deno.env.get("PATH") ?? "" },
      log: new FakeLog(),
    };
    const isAlive = (run: string) => Promise.resolve(run === "living");
    // The shells need a moment to start their own.
    await new Promise((resolve) => setTimeout(resolve, 200));
    const ended = await endOrphanProcesses(owner, isAlive, deps);
    assert.equal(ended.length, 2, "the shell and what it started");
    assert.ok(ended.includes(dead.pid));
    assert.equal((await dead.status).signal, "SIGKILL");
    assert.deepEqual(await endOrphanProcesses(owner, isAlive, deps), []);
    for (const id of [owner, "somebody-else"]) {
      await endOrphanProcesses(id, () => Promise.resolve(false), deps);
    }
    await Promise.all([living.status, foreign.status]);
  },
});

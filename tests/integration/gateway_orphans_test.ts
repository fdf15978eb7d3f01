/**
 * Processes that a killed Wharf left, and what they started. Needs all permissions, and a `ps` that
 * shows environments.
 *
 * @module
 */

import assert from "node:assert/strict";
import { endOrphanProcesses, processMark } from "../../lib/gateway/mod.ts";
import { systemClock } from "../../lib/host/clock.ts";
import { openProcesses } from "../../lib/host/process.ts";
import { FakeLog } from "../fake_log.ts";
import { startWharf } from "./wharf.ts";

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

Deno.test({
  name: "a Wharf with the permissions of a binary ends what a killed one has left",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const state = await Deno.makeTempDir({ prefix: "wharf-state-" });
    const options = { env: { XDG_STATE_HOME: state }, permissions: ["-P=full"] };
    try {
      await Deno.mkdir(`${state}/wharf`);
      const owner = crypto.randomUUID().replaceAll("-", "").slice(0, 12);
      await Deno.writeTextFile(
        `${state}/wharf/owner.json`,
        JSON.stringify({ version: 1, data: { id: owner } }),
      );
      const left = new Deno.Command("/bin/sleep", {
        args: ["300"],
        env: { ...processMark({ id: owner, run: "dead" }) },
      }).spawn();
      await using wharf = await startWharf([], options);
      const health = await fetch(new URL("/healthz", wharf.mcp));
      assert.equal(await health.text(), "OK\n");
      const initialize = {
        jsonrpc: "2.0",
        id: 1,
        method: "initialize",
        params: {
          protocolVersion: "2025-11-25",
          capabilities: {},
          clientInfo: { name: "test", version: "1" },
        },
      };
      // The gateway opens with the first session.
      const answer = await fetch(wharf.mcp, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          accept: "application/json, text/event-stream",
        },
        body: JSON.stringify(initialize),
      });
      await answer.text();
      assert.equal((await left.status).signal, "SIGKILL");
    } finally {
      await Deno.remove(state, { recursive: true });
    }
  },
});

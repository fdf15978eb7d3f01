import assert from "node:assert/strict";
import { ask } from "./host_child.ts";

/** Whether a process runs, and not only waits for its number to be freed; ends it if so. */
async function endIfAlive(pid: unknown): Promise<boolean> {
  assert.ok(typeof pid === "number" && pid > 1, JSON.stringify(pid));
  const { stdout } = await new Deno.Command("ps", { args: ["-o", "stat=", "-p", `${pid}`] })
    .output();
  const state = new TextDecoder().decode(stdout).trim();
  if (state === "" || state.startsWith("Z")) return false;
  Deno.kill(pid, "SIGKILL");
  return true;
}

/** Stops a stubborn child with a stubborn child of its own; whether that one is left. */
async function isLeftBehind(ownGroup: boolean, flags: readonly string[]): Promise<boolean> {
  return await endIfAlive(await ask(["stopGroup", String(ownGroup)], { flags }));
}

const ignore = Deno.build.os === "windows";

Deno.test({
  name: "stop() ends what a child with a group of its own has started",
  ignore,
  async fn() {
    assert.equal(await isLeftBehind(true, ["--allow-run"]), false);
  },
});

Deno.test({
  name: "stop() ends a group through the program kill, where Deno does not allow it otherwise",
  ignore,
  async fn() {
    assert.equal(await isLeftBehind(true, ["--allow-run=sh,kill"]), false);
  },
});

Deno.test({
  name: "stop() ends the child itself where it may not end its group, or has none",
  ignore,
  async fn() {
    assert.equal(await isLeftBehind(true, ["--allow-run=sh"]), true);
    assert.equal(await isLeftBehind(false, ["--allow-run"]), true);
  },
});

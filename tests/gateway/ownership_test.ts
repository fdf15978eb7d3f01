/**
 * Whose containers are whose. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { MemoryDisk } from "../../lib/core/memory_disk.ts";
import { holdRun, ownerId } from "../../lib/gateway/ownership.ts";
import { FakeClock, settle } from "../fake_clock.ts";
import { FakeLog } from "../fake_log.ts";

const endProcesses = () => Promise.resolve([]);

Deno.test("ownerId() stays the same for a state directory", async () => {
  const deps = { disk: new MemoryDisk(), log: new FakeLog() };
  const id = await ownerId(deps);
  assert.match(id, /^[a-f0-9]{12}$/);
  assert.equal(await ownerId(deps), id);
  assert.notEqual(await ownerId({ ...deps, disk: new MemoryDisk() }), id);
});

Deno.test("holdRun() tells runs that go on from those that have ended", async () => {
  const [disk, log, clock] = [new MemoryDisk(), new FakeLog(), new FakeClock()];
  const asked = new Map<string, boolean>();
  const nothing = { removeOrphans: () => Promise.resolve([]) };
  const living = await holdRun("living", { disk, log, clock, engine: nothing, endProcesses });
  const engine = {
    async removeOrphans(isAlive: (run: string) => Promise<boolean>) {
      for (const run of ["living", "dead", "own", "../escape"]) asked.set(run, await isAlive(run));
      return ["wharf-a"];
    },
  };
  const own = await holdRun("own", { disk, log, clock, engine, endProcesses });
  await settle();
  await clock.advance(200);
  await settle();
  assert.deepEqual([...asked], [["living", true], ["dead", false], ["own", true], [
    "../escape",
    false,
  ]]);
  assert.ok(log.records.some(({ fields }) => fields["names"] === "wharf-a"));
  await own[Symbol.asyncDispose]();
  await living[Symbol.asyncDispose]();
  assert.equal(clock.sleeping, 0);
});

Deno.test("holdRun() removes the marks of runs that were killed, not of those that go on", async () => {
  const [disk, log, clock] = [new MemoryDisk(), new FakeLog(), new FakeClock()];
  const engine = { removeOrphans: () => Promise.resolve([]) };
  const names = async () => (await disk.list("")).map(({ name }) => name).sort();
  for (const name of ["run-killed.lock", "run-held.lock", "other.lock"]) {
    await disk.write(name, new Uint8Array());
  }
  await using _other = await disk.lock("run-held.lock");
  await using own = await holdRun("own", { disk, log, clock, engine, endProcesses });
  await settle();
  if (clock.sleeping > 0) await clock.advance(200);
  await settle();
  assert.deepEqual(await names(), ["other.lock", "run-held.lock"]);
  await own[Symbol.asyncDispose]();
  assert.deepEqual(log.records, []);
});

Deno.test("holdRun() does not mind an engine that is not there", async () => {
  const [disk, log, clock] = [new MemoryDisk(), new FakeLog(), new FakeClock()];
  const engine = { removeOrphans: () => Promise.reject(new Error("no podman")) };
  await using _held = await holdRun("own", { disk, log, clock, engine, endProcesses });
  await settle();
  assert.deepEqual(log.records.map(({ level }) => level), ["debug"]);
});

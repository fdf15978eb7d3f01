/**
 * Servers that are killed at random moments while calls, questions and subscriptions are under way,
 * and floods from servers for clients that read and clients that do not. Needs all permissions, and
 * Linux's `/proc` for the memory that Wharf takes.
 *
 * @module
 */

import assert from "node:assert/strict";
import {
  pause,
  processOf,
  seeded,
  startStress,
  type StressClient,
  type StressWorld,
  until,
} from "./stress_world.ts";

const SEED = 20_261_121;

/** Servers that are killed at the same time, and how often each is. */
const SERVERS = ["one", "two", "three", "four"];
const KILLS = 12;

/** What a call may come to whose server is killed. */
const FAILURES =
  /it was ended by SIGKILL|it closed its output|its input is closed|it ended with|it was stopped/;

/** What became of calls. */
interface Tally {
  answered: number;
  failed: number;
}

/** Calls of all kinds until it is told to stop; each is answered rightly, or fails clearly. */
async function keepCalling(
  client: StressClient,
  server: string,
  { seed, stop, tally }: {
    readonly seed: number;
    readonly stop: AbortSignal;
    readonly tally: Tally;
  },
): Promise<void> {
  const random = seeded(seed);
  for (let index = 0; !stop.aborted; index++) {
    const key = `${client.name}/${server}/${index}`;
    const isQuestion = random() < 0.3;
    const methods = ["elicitation/create"];
    const answer = isQuestion
      ? client.json(`${server}_ask`, { key, methods })
      : client.json(`${server}_slow`, { key, ms: random() * 30, steps: 3 }, {
        onProgress: () => {},
      });
    try {
      const { key: answered, answers } = await answer;
      assert.equal(answered, key);
      const who = `${client.name} fills in ${key}`;
      if (isQuestion) assert.deepEqual(answers, [{ action: "accept", content: { who } }]);
      tally.answered++;
    } catch (thrown) {
      assert.match(String(thrown), FAILURES);
      tally.failed++;
    }
  }
}

/** Kills one server again and again, and sees after each time that all is as it was. */
async function killAgain(
  world: StressWorld,
  { server, clients, seed }: {
    readonly server: string;
    readonly clients: readonly StressClient[];
    readonly seed: number;
  },
): Promise<number> {
  const random = seeded(seed);
  const [watcher] = clients;
  assert.ok(watcher !== undefined);
  const uri = `${server}://watched`;
  let kills = 0;
  for (; kills < KILLS; kills++) {
    const { pid } = await watcher.seen(server);
    await pause(random() * 60);
    Deno.kill(pid, "SIGKILL");
    // Whoever asks next starts it anew; what waits for an answer fails first.
    await until(async () => {
      try {
        return (await watcher.seen(server)).pid !== pid;
      } catch (thrown) {
        assert.match(String(thrown), FAILURES);
        return false;
      }
    }, `another process of ${server}`);
    const { resources } = await watcher.sdk.listResources();
    const listed = resources.map(({ uri: other }) => other);
    assert.deepEqual(listed.filter((other) => other.startsWith(`${server}://process/`)), [
      `${server}://process/${(await watcher.seen(server)).pid}`,
    ]);
    const before = clients.map(({ updated }) => updated.filter((other) => other === uri).length);
    await watcher.call(`${server}_update`, { uri });
    await until(
      () =>
        clients.every(({ updated }, nth) =>
          updated.filter((other) => other === uri).length > (before[nth] ?? 0)
        ),
      `updates for all after kill ${kills} of ${server}`,
    );
  }
  assert.ok(Number((await world.active(server))["calls"]) > 0);
  return kills;
}

async function kills(world: StressWorld): Promise<void> {
  const clients = await Promise.all(["ann", "ben", "cem"].map((name) => world.connect(name)));
  await Promise.all(SERVERS.map((name) => world.add(name, processOf(undefined, name))));
  const [first] = clients;
  assert.ok(first !== undefined);
  for (const server of SERVERS) {
    // From then on it is known that this kind of call asks.
    await first.call(`${server}_ask`, { key: "first", methods: ["elicitation/create"] });
    const uri = `${server}://watched`;
    await Promise.all(clients.map(({ sdk }) => sdk.subscribeResource({ uri })));
  }
  const names = (await first.sdk.listTools()).tools.map(({ name }) => name);
  const stop = new AbortController();
  const tally: Tally = { answered: 0, failed: 0 };
  const calling = SERVERS.flatMap((server, place) =>
    clients.map((client, nth) =>
      keepCalling(client, server, { seed: SEED + place * 10 + nth, stop: stop.signal, tally })
    )
  );
  const counts = await Promise.all(
    SERVERS.map((server, nth) => killAgain(world, { server, clients, seed: SEED + nth })),
  );
  stop.abort();
  await Promise.all(calling);
  const killed = counts.reduce((sum, count) => sum + count, 0);
  assert.ok(killed >= 40 && tally.answered > killed && tally.failed > killed / 2);
  const told = `${killed} kills: ${tally.answered} calls were answered, ${tally.failed} failed\n`;
  await Deno.stdout.write(new TextEncoder().encode(told));
  for (const server of SERVERS) {
    const { status, in_flight: inFlight, tools } = await world.active(server);
    assert.deepEqual({ status, inFlight }, { status: "ready", inFlight: 0 }, server);
    assert.equal(
      Array.isArray(tools) && tools.length,
      names.filter((name) => name.startsWith(`${server}_`)).length,
    );
  }
  // The sessions are those of the beginning, and see what they saw.
  for (const client of clients) {
    assert.deepEqual((await client.sdk.listTools()).tools.map(({ name }) => name), names);
    await client.leave();
  }
  for (const server of SERVERS) await world.remove(server);
}

const FLOOD = 20_000;
const LINE = { level: "info", data: "x".repeat(1_000) };

/** What Wharf keeps for clients that do not read, and what its engine takes beside it. */
const MAX_GROWN_BYTES = 400 * 1024 * 1024;

async function residentBytes(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) * 1024;
}

/** Whoever reads gets all that concerns it, be it ever so much. */
async function floods(world: StressWorld): Promise<void> {
  await using client = await world.connect("reader");
  await using other = await world.connect("other");
  const flood = { count: FLOOD, method: "notifications/message", params: LINE };
  const flooded = client.call("one_flood", flood);
  // Meanwhile everybody else is served.
  for (let index = 0; index < 20; index++) await other.json("two_echo", { key: String(index) });
  await flooded;
  assert.equal(client.logged.length, FLOOD);
  assert.equal(other.logged.length, 0);
  let steps = 0;
  await client.call("one_flood", { count: FLOOD, method: "notifications/progress" }, {
    onProgress: () => void steps++,
  });
  // The SDK loses those that come right before the answer.
  assert.ok(steps > FLOOD / 2, String(steps));
  const before = client.toolChanges;
  await client.call("one_flood", { count: FLOOD, method: "notifications/tools/list_changed" });
  await client.call("one_flood", { count: FLOOD, method: "notifications/nobody/knows" });
  await pause(1_500);
  // The tools have not changed, whatever the server says.
  assert.equal(client.toolChanges, before);
}

/** Calls that flood, 200 MB each, for a client that takes none of it. */
const FLOODS = [1, 2, 3].map((index) => ({
  id: `flood ${index}`,
  method: "tools/call",
  params: {
    name: "one_flood",
    arguments: {
      count: 10_000,
      method: "notifications/message",
      params: { level: "info", data: "x".repeat(20_000) },
    },
  },
}));

/** Calls, and reads nothing of what comes; the others are served, and the memory stays bounded. */
async function unread(
  world: StressWorld,
  { pid, call }: {
    /** The Wharf that is to keep its memory. */
    readonly pid: number;
    readonly call: (message: Readonly<Record<string, unknown>>) => Promise<void>;
  },
): Promise<void> {
  await using other = await world.connect("other");
  const before = await residentBytes(pid);
  for (const message of FLOODS) await call(message);
  for (let turn = 0; turn < 20; turn++) {
    await other.json("two_echo", { key: String(turn) });
    await pause(200);
    const grown = await residentBytes(pid) - before;
    assert.ok(grown < MAX_GROWN_BYTES, `${grown} bytes more after ${turn} turns`);
  }
}

async function unreadHttp(world: StressWorld): Promise<void> {
  const headers = new Headers({
    "content-type": "application/json",
    accept: "application/json, text/event-stream",
  });
  const post = (message: Readonly<Record<string, unknown>>) =>
    fetch(world.wharf.mcp, {
      method: "POST",
      headers,
      body: JSON.stringify({ jsonrpc: "2.0", ...message }),
    });
  const first = await post(INITIALIZE);
  headers.set("mcp-session-id", first.headers.get("mcp-session-id") ?? "");
  await first.text();
  const open: Response[] = [];
  await unread(world, {
    pid: world.wharf.child.pid,
    call: async (message) => void open.push(await post(message)),
  });
  assert.match(world.wharf.stderr(), /it does not read, notifications are dropped/);
  await Promise.all(open.map((response) => response.body?.cancel()));
  const end = await fetch(world.wharf.mcp, { method: "DELETE", headers });
  await end.body?.cancel();
}

async function unreadStdio(world: StressWorld): Promise<void> {
  const { command, ...rest } = await world.stdio();
  await using child = new Deno.Command(command, {
    ...rest,
    clearEnv: true,
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const writer = child.stdin.getWriter();
  const call = (message: Readonly<Record<string, unknown>>) =>
    writer.write(new TextEncoder().encode(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`));
  await call(INITIALIZE);
  await unread(world, { pid: child.pid, call });
  await writer.close();
  child.kill("SIGTERM");
  await child.stdout.cancel();
}

const INITIALIZE = {
  id: 0,
  method: "initialize",
  params: {
    protocolVersion: "2025-11-25",
    capabilities: {},
    clientInfo: { name: "unread", version: "1" },
  },
};

Deno.test("floods of a server's reach whoever reads, and fill no memory for who does not", async (t) => {
  await using world = await startStress();
  await Promise.all(["one", "two"].map((name) => world.add(name, processOf(undefined, name))));
  await t.step("a client that reads gets it all", () => floods(world));
  await t.step("a client that does not read over HTTP", () => unreadHttp(world));
  await t.step("a client that does not read over stdio", () => unreadStdio(world));
});

Deno.test("servers that are killed at random moments harm no session", async () => {
  await using world = await startStress();
  await kills(world);
});

/**
 * Many clients on the same servers, each of which gets what is its own: calls at the same time,
 * questions, logs, cancellations, subscriptions, and whatever names, sizes and versions there are.
 * Needs all permissions.
 *
 * @module
 */

import assert from "node:assert/strict";
import { RawSession, serveStress } from "./stress_raw.ts";
import { LARGE_SCHEMA, UNICODE_TOOL, UNICODE_URI } from "./stress_server.ts";
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
const METHODS = ["sampling/createMessage", "elicitation/create", "roots/list"];

function pick<Item>(random: () => number, items: readonly Item[]): Item {
  const item = items[Math.floor(random() * items.length)];
  assert.ok(item !== undefined);
  return item;
}

/** What a client answers to the questions of a call. */
function answersOf({ name }: StressClient, key: string): readonly unknown[] {
  return [
    {
      role: "assistant",
      model: name,
      content: { type: "text", text: `${name} answers ${key}` },
    },
    { action: "accept", content: { who: `${name} fills in ${key}` } },
    { roots: [{ uri: `file:///${name}`, name }] },
  ];
}

/** Calls of all kinds, one after the other, each of which must bring the client its own. */
async function work(
  client: StressClient,
  { server, count, seed }: {
    readonly server: string;
    readonly count: number;
    readonly seed: number;
  },
): Promise<void> {
  const random = seeded(seed);
  for (let index = 0; index < count; index++) {
    const key = `${client.name}/${server}/${seed}/${index}`;
    switch (pick(random, ["echo", "slow", "ask", "logs"])) {
      case "echo":
        assert.deepEqual(await client.json(`${server}_echo`, { key }), {
          name: "echo",
          args: { key },
        });
        break;
      case "slow": {
        const progress: string[] = [];
        const answer = await client.json(`${server}_slow`, { key, ms: random() * 20, steps: 3 }, {
          onProgress: (message) => void progress.push(message),
        });
        assert.deepEqual(answer, { key });
        // The SDK loses the last step where the answer comes right behind it.
        assert.ok(progress.length >= 2 && progress.every((message) => message === key), key);
        break;
      }
      case "ask": {
        const answer = await client.json(`${server}_ask`, { key, methods: METHODS });
        assert.deepEqual(answer, { key, answers: answersOf(client, key) });
        break;
      }
      case "logs": {
        await client.call(`${server}_logs`, { key, count: 3 });
        await until(
          () => client.logged.filter((line) => line.startsWith(`${key} `)).length === 3,
          key,
        );
      }
    }
  }
}

async function interleaved(world: StressWorld, t: Deno.TestContext): Promise<void> {
  await using upstream = serveStress();
  await world.add("remote", { url: upstream.url.href });
  const clients = await Promise.all(
    ["ann", "ben", "cem", "dan"].map((name) => world.connect(name)),
  );
  // Over a pipe it takes one question to learn which calls ask: until then a question during calls
  // of several clients is refused.
  await clients[0]?.call("pipe_ask", { key: "first", methods: METHODS });
  for (const server of ["pipe", "remote"]) {
    await t.step(
      `each client gets its own of calls at the same time, over a ${server}`,
      async () => {
        await Promise.all(
          clients.flatMap((client, nth) =>
            [0, 1, 2].map((lane) =>
              work(client, { server, count: 12, seed: SEED + nth * 10 + lane })
            )
          ),
        );
        for (const client of clients) {
          const others = client.asked.filter((key) => key.includes("/") && !isOf(client, key));
          assert.deepEqual(others, [], client.name);
          // A pipe does not say which call a line of the log belongs to; whoever has none gets none.
          const lines = client.logged.filter((line) => line.includes("/remote/"));
          assert.deepEqual(lines.filter((line) => !isOf(client, line)), [], client.name);
        }
        const { calls, errors, in_flight: inFlight } = await world.active(server);
        assert.ok(Number(calls) >= 144, String(calls));
        assert.deepEqual({ errors, inFlight }, { errors: 0, inFlight: 0 });
      },
    );
  }
  await Promise.all(clients.map((client) => client.leave()));
  await world.remove("remote");
}

function isOf({ name }: StressClient, text: string): boolean {
  return text.startsWith(`${name}/`);
}

/** A thousand calls, about half of which are cancelled at some time or other. */
async function cancels(world: StressWorld, server: string): Promise<void> {
  const random = seeded(SEED);
  const clients = await Promise.all(["eva", "fin"].map((name) => world.connect(name)));
  await clients[0]?.seen(server);
  const cancelled: string[] = [];
  const finished: string[] = [];
  const held = new Set<string>();
  const one = async (client: StressClient, index: number): Promise<void> => {
    const key = `${client.name}/${index}`;
    const isHeld = random() < 0.3;
    if (isHeld) held.add(key);
    const controller = new AbortController();
    const isCancelled = isHeld || random() < 0.3;
    const waitMs = random() * 30;
    if (isCancelled) void pause(waitMs).then(() => controller.abort("no more"));
    const name = `${server}_${isHeld ? "hold" : "slow"}`;
    const args = { key, ms: random() * 30, steps: 2 };
    try {
      assert.deepEqual(await client.json(name, args, { signal: controller.signal }), { key });
      finished.push(key);
    } catch (thrown) {
      assert.ok(isCancelled, `${key}: ${thrown}`);
      cancelled.push(key);
    }
  };
  const lanes = clients.flatMap((client) => Array.from({ length: 25 }, () => client));
  let next = 0;
  await Promise.all(lanes.map(async (client) => {
    while (next < 1_000) await one(client, next++);
  }));
  assert.equal(cancelled.length + finished.length, 1_000);
  assert.ok(cancelled.length > 300, String(cancelled.length));
  const begun = new Set<string>();
  const stopped = new Set<string>();
  await until(async () => {
    const seen = await clients[0]?.seen(server);
    seen?.begun.forEach((key) => begun.add(key));
    seen?.cancelled.forEach((key) => stopped.add(key));
    return seen?.running.length === 0;
  }, "no call that runs");
  for (const key of finished) assert.ok(begun.has(key) && !stopped.has(key), key);
  // Whatever is no more waited for was cancelled, or had not begun; of the others, the answer may
  // have been under way.
  assert.deepEqual([...held].filter((key) => begun.has(key) && !stopped.has(key)), []);
  assert.deepEqual([...stopped].filter((key) => !cancelled.includes(key)), []);
  assert.equal((await world.active(server))["in_flight"], 0);
  await Promise.all(clients.map((client) => client.leave()));
}

async function leaving(world: StressWorld): Promise<void> {
  const watcher = await world.connect("watcher");
  await watcher.seen("pipe");
  const leaver = await world.connect("leaver");
  const calls = [1, 2, 3].map((index) =>
    leaver.call("pipe_hold", { key: `left ${index}` }).then(() => "answered", () => "failed")
  );
  await until(async () => (await watcher.seen("pipe")).running.length === 3, "three calls");
  await leaver.leave();
  assert.deepEqual(await Promise.all(calls), ["failed", "failed", "failed"]);
  const cancelled: string[] = [];
  await until(async () => {
    const seen = await watcher.seen("pipe");
    cancelled.push(...seen.cancelled);
    return seen.running.length === 0;
  }, "no call that runs");
  assert.deepEqual(cancelled.toSorted(), ["left 1", "left 2", "left 3"]);
  assert.equal((await world.active("pipe"))["in_flight"], 0);
  await watcher.leave();
}

async function levels(world: StressWorld): Promise<void> {
  const [debug, error, unset] = await Promise.all(
    ["debug", "error", "unset"].map((name) => world.connect(name)),
  );
  assert.ok(debug !== undefined && error !== undefined && unset !== undefined);
  await debug.seen("pipe");
  await error.sdk.setLoggingLevel("error");
  await debug.sdk.setLoggingLevel("debug");
  const all = ["debug", "info", "notice", "warning", "error"];
  // After the call, so that nobody's call runs to whom they could belong.
  for (const level of all) await debug.call("pipe_later", { key: level, level });
  await until(() => all.every((level) => debug.logged.includes(`${level} 0`)), "all lines");
  await until(() => error.logged.length > 0 && unset.logged.length >= 4, "the others' lines");
  const wants = (from: string) => all.slice(all.indexOf(from)).map((level) => `${level} 0`);
  assert.deepEqual(debug.logged.toSorted(), wants("debug").toSorted());
  assert.deepEqual(error.logged.toSorted(), wants("error").toSorted());
  assert.deepEqual(unset.logged.toSorted(), wants("info").toSorted());
  assert.deepEqual((await debug.seen("pipe")).levels, ["info", "debug"]);
  await debug.leave();
  // Whoever has set none wants what there is from this level on.
  await until(async () => (await error.seen("pipe")).levels.includes("info"), "the last level");
  await unset.leave();
  await error.leave();
}

async function subscriptions(world: StressWorld): Promise<void> {
  const clients = await Promise.all(["gus", "hal", "ida"].map((name) => world.connect(name)));
  const [gus, hal, ida] = clients;
  assert.ok(gus !== undefined && hal !== undefined && ida !== undefined);
  await gus.seen("pipe");
  const uri = UNICODE_URI;
  await Promise.all(clients.map(({ sdk }) => sdk.subscribeResource({ uri })));
  assert.deepEqual((await gus.seen("pipe")).subscriptions, [`+${uri}`]);
  await ida.call("pipe_update", { uri });
  await until(() => clients.every(({ updated }) => updated.length === 1), "an update for all");
  await gus.sdk.unsubscribeResource({ uri });
  await hal.leave();
  await ida.call("pipe_update", { uri });
  await until(() => ida.updated.length === 2, "an update for the last");
  assert.deepEqual([gus.updated.length, hal.updated.length], [1, 1]);
  assert.deepEqual((await gus.seen("pipe")).subscriptions, []);
  await ida.leave();
  const seen: string[] = [];
  await until(async () => {
    seen.push(...(await gus.seen("pipe")).subscriptions);
    return seen.length > 0;
  }, "the end of the subscription");
  assert.deepEqual(seen, [`-${uri}`]);
  await gus.leave();
}

/** Without the SDK, whose client takes no more than 10 MiB over stdio. */
async function sizes(session: RawSession, server = "pipe"): Promise<void> {
  for (const count of [0, 2, 1_000, 65_536, 1_000_000, 5_000_000, 20_000_000]) {
    const params = { name: `${server}_size`, arguments: { count } };
    const { result } = await session.ask("tools/call", params);
    const [block] = Object(result)["content"];
    assert.equal(block.text.length, count / 2);
    assert.ok(block.text === "é".repeat(count / 2), `${count} bytes`);
  }
}

async function names(client: StressClient): Promise<void> {
  const { tools } = await client.sdk.listTools();
  const tool = tools.find(({ title }) => title === "Größe 🚢");
  assert.ok(tool !== undefined && /^pipe_[\w-]+$/.test(tool.name), tool?.name);
  const args = { größe: "ß 🚢", "": null };
  assert.deepEqual(await client.json(tool.name, args), { name: UNICODE_TOOL, args });
  const large = tools.find(({ name }) => name === "pipe_large_schema");
  assert.ok(new TextEncoder().encode(JSON.stringify(large)).length > 200_000);
  assert.deepEqual(large?.inputSchema, LARGE_SCHEMA);
  const { prompts } = await client.sdk.listPrompts();
  const prompt = prompts.find(({ arguments: args }) => args?.[0]?.name === "größe");
  assert.ok(prompt !== undefined);
  const got = await client.sdk.getPrompt({ name: prompt.name, arguments: { größe: "ä" } });
  assert.deepEqual(JSON.parse(got.description ?? ""), { name: "grüße", arguments: { größe: "ä" } });
  const { contents } = await client.sdk.readResource({ uri: UNICODE_URI });
  assert.deepEqual(contents, [{ uri: UNICODE_URI, text: "größe" }]);
}

const IDS = [0, 1, -1, 9_007_199_254_740_991, "", "0", "1", "ä🚢\u0000\n", "x".repeat(1_000)];

/** Ids come back as they are, be they sent one by one or all at once. */
async function ids(session: RawSession): Promise<void> {
  const ask = (id: string | number) =>
    session.ask("tools/call", { name: "pipe_slow", arguments: { key: `<${id}>`, ms: 5 } }, id);
  const checked = async (id: string | number) => {
    const answer = await ask(id);
    assert.equal(answer.id, id);
    assert.match(JSON.stringify(answer.result), /"key/);
    const [block] = Object(answer.result)["content"];
    assert.deepEqual(JSON.parse(block.text), { key: `<${id}>` });
  };
  for (const id of IDS) await checked(id);
  await Promise.all(IDS.map(checked));
}

const VERSIONS = ["2024-10-07", "2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];

async function versions(world: StressWorld): Promise<void> {
  await Promise.all(VERSIONS.map((version) => world.add(`v${version}`, processOf(version))));
  for (const version of VERSIONS) {
    await using session = await RawSession.overHttp(world.wharf.mcp, { version });
    assert.equal(session.version, version);
    for (const other of VERSIONS) {
      const name = `v${other}_`;
      const echoed = await session.ask("tools/call", {
        name: `${name}echo`,
        arguments: { key: version },
      });
      assert.match(JSON.stringify(echoed.result), new RegExp(version), other);
      // A client that can do nothing is not asked, and the server is told why.
      const asked = await session.ask("tools/call", {
        name: `${name}ask`,
        arguments: { key: "x", methods: METHODS },
      });
      const reasons = JSON.stringify(asked.result).match(/has no capability/g);
      assert.equal(reasons?.length, 3, JSON.stringify(asked));
    }
  }
  await using newer = await RawSession.overHttp(world.wharf.mcp, { version: "2099-01-01" });
  assert.equal(newer.version, VERSIONS.at(-1));
  for (const version of VERSIONS) await world.remove(`v${version}`);
}

Deno.test("many clients on the same servers get what is their own", async (t) => {
  await using world = await startStress();
  await world.add("pipe");
  await interleaved(world, t);
  await t.step("1,000 calls with cancels leave nothing behind", () => cancels(world, "pipe"));
  await t.step("1,000 calls with cancels leave no stream of a remote server open", async () => {
    await using upstream = serveStress();
    await world.add("far", { url: upstream.url.href });
    await cancels(world, "far");
    await until(() => upstream.open === 0, "no stream that is open");
    await world.remove("far");
  });
  await t.step("a session that ends cancels its calls", () => leaving(world));
  await t.step("each session has its own level", () => levels(world));
  await t.step("a resource is subscribed to once", () => subscriptions(world));
  await t.step("results of any size pass, over HTTP", async () => {
    await using session = await RawSession.overHttp(world.wharf.mcp);
    await sizes(session);
  });
  await t.step("results of any size pass, from a remote server", async () => {
    await using upstream = serveStress();
    await world.add("far", { url: upstream.url.href });
    await using session = await RawSession.overHttp(world.wharf.mcp);
    await sizes(session, "far");
    await world.remove("far");
  });
  await t.step("names of any script and a large schema pass, over HTTP", async () => {
    await using client = await world.connect("names");
    await names(client);
  });
  await t.step("ids come back as they were, over HTTP", async () => {
    await using session = await RawSession.overHttp(world.wharf.mcp);
    await ids(session);
  });
  await t.step("any version of MCP speaks with any other", () => versions(world));
  await t.step("the same passes over stdio", async () => {
    await using client = await world.connectStdio("stdio");
    await names(client);
    await work(client, { server: "pipe", count: 30, seed: SEED });
    await using session = await RawSession.overStdio(await world.stdio());
    await sizes(session);
    await ids(session);
  });
});

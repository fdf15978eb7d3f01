/**
 * Servers that are removed, restarted, or rest while clients have something open with them. Needs
 * no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { makeProxyWorld, type ProxyWorld, until } from "./proxy_world.ts";
import type { ScriptedServer } from "./scripted_server.ts";

const CAPABILITIES = { tools: {}, resources: { subscribe: true }, logging: {}, tasks: {} };
const ASKER = {
  actor: { client: "test", transport: "stdio" },
  by: "operator",
  signal: new AbortController().signal,
  progress: () => {},
} as const;

const lists = {
  "tools/list": () => ({ tools: [{ name: "work", inputSchema: { type: "object" } }] }),
  "resources/list": () => ({ resources: [{ uri: "work://a", name: "a" }] }),
  "resources/templates/list": () => ({ resourceTemplates: [] }),
};

function newest({ servers }: ProxyWorld): ScriptedServer {
  const server = servers.at(-1);
  assert.ok(server !== undefined);
  return server;
}

Deno.test("a server that is removed while it is told of the level ends", async () => {
  await using world = makeProxyWorld();
  const answers: Record<string, () => unknown> = { ...lists, "logging/setLevel": () => ({}) };
  await world.add("work", { capabilities: CAPABILITIES, answers });
  const client = await world.connect();
  await client.result("logging/setLevel", { level: "debug" });
  await world.activations.configure("ours/work", { set: { TOKEN: "1234567" }, unset: [] }, ASKER);
  answers["logging/setLevel"] = () => undefined;
  const call = client.ask("tools/call", { name: "work" });
  await until(() => world.servers.length === 2);
  const started = newest(world);
  started.answers["logging/setLevel"] = () => undefined;
  await until(() => started.sent("logging/setLevel").length === 1);
  const removed = world.activations.remove("ours/work", ASKER);
  await world.clock.advance(5_000);
  await removed;
  assert.equal(started.stops.length, 1);
  const { result } = await call;
  assert.match(JSON.stringify(result), /it was removed/);
});

Deno.test("a server that ends while it is told of the level is no ready one", async () => {
  await using world = makeProxyWorld();
  const answers: Record<string, () => unknown> = { ...lists, "logging/setLevel": () => ({}) };
  await world.add("work", { capabilities: CAPABILITIES, answers });
  const client = await world.connect();
  await client.result("logging/setLevel", { level: "debug" });
  await world.activations.configure("ours/work", { set: { TOKEN: "1234567" }, unset: [] }, ASKER);
  answers["logging/setLevel"] = () => undefined;
  const call = client.ask("tools/call", { name: "work" });
  await until(() => world.servers.length === 2);
  const started = newest(world);
  await until(() => started.sent("logging/setLevel").length === 1);
  await started.exit({ code: 3, reason: "it ended with code 3" });
  await world.settle();
  assert.match(JSON.stringify((await call).result), /it ended with code 3/);
  assert.equal((await world.activations.list())[0]?.status, "failed");
});

Deno.test("secrets of a run stay secret when the run before it ends late", async () => {
  await using world = makeProxyWorld();
  const error = { code: -1, message: "the token is s3cr3t-token" };
  const answers = { ...lists, "tools/call": () => ({ error }) };
  await world.add("work", { capabilities: CAPABILITIES, answers });
  const configure = (TOKEN: string) =>
    world.activations.configure("ours/work", { set: { TOKEN }, unset: [] }, ASKER);
  const client = await world.connect();
  await client.ask("tools/call", { name: "work" });
  const ended = Promise.withResolvers<void>();
  const { launched } = newest(world);
  const stop = launched.stop.bind(launched);
  let isStopping = false;
  Object.assign(launched, {
    stop: (graceMs: number) => {
      isStopping = true;
      return ended.promise.then(() => stop(graceMs));
    },
  });
  const configured = configure("s3cr3t-token");
  await until(() => isStopping);
  const first = client.ask("tools/call", { name: "work" });
  assert.equal((await first).error?.message, "the token is [secret]");
  ended.resolve();
  await configured;
  const second = await client.ask("tools/call", { name: "work" });
  assert.equal(second.error?.message, "the token is [secret]");
});

Deno.test("a server rests when the last subscription has ended, and when nobody ever calls it", async () => {
  await using world = makeProxyWorld({ idleMs: 1_000 });
  const answers = {
    ...lists,
    "resources/subscribe": () => ({}),
    "resources/unsubscribe": () => ({}),
  };
  await world.add("work", { capabilities: CAPABILITIES, answers });
  const client = await world.connect();
  const uri = "work://a";
  await client.result("resources/subscribe", { uri });
  await world.settle();
  assert.deepEqual(world.servers.map(({ stops }) => stops.length), [0]);
  await client.result("resources/unsubscribe", { uri });
  await world.settle();
  assert.deepEqual(world.servers.map(({ stops }) => stops.length), [1]);
});

Deno.test("a server does not rest while it works on a task, until the task is over", async () => {
  await using world = makeProxyWorld({ idleMs: 1_000 });
  const task = { taskId: "t", status: "working" };
  const answers = { ...lists, "tools/call": () => ({ task }) };
  const server = await world.add("work", { capabilities: CAPABILITIES, answers });
  const client = await world.connect();
  await client.result("tools/call", { name: "work", task: {} });
  await world.settle();
  assert.equal(server.stops.length, 0);
  const params = { ...task, status: "completed" };
  await server.send({ method: "notifications/tasks/status", params });
  await until(() => client.got("notifications/tasks/status").length === 1);
  await world.settle();
  assert.equal(server.stops.length, 1);
});

Deno.test("tasks of a server that was removed are unknown, and hide no others", async () => {
  await using world = makeProxyWorld();
  const task = { taskId: "t", status: "working" };
  const script = (taskId: string) => ({
    capabilities: CAPABILITIES,
    prefix: taskId,
    answers: {
      ...lists,
      "tools/call": () => ({ task: { ...task, taskId } }),
      "tasks/list": () => ({ tasks: [{ ...task, taskId }] }),
    },
  });
  await world.add("one", script("one"));
  await world.add("two", script("two"));
  const mute = await world.add("mute", script("mute"));
  delete mute.answers["tasks/list"];
  const client = await world.connect();
  for (const name of ["one_work", "two_work", "mute_work"]) {
    await client.result("tools/call", { name, task: {} });
  }
  await world.activations.remove("ours/one", ASKER);
  const { tasks } = await client.result("tasks/list");
  assert.deepEqual(tasks, [{ ...task, taskId: "two" }]);
  await world.activations.remove("ours/two", ASKER);
  assert.equal((await client.ask("tasks/list")).error?.code, -32601);
  const { error } = await client.ask("tasks/get", { taskId: "one" });
  assert.equal(error?.code, -32602);
});

const SUBSCRIBED = {
  ...lists,
  "resources/subscribe": () => ({}),
  "resources/unsubscribe": () => ({}),
};

Deno.test("an upstream that is away for a while is tried again until it is back", async () => {
  await using world = makeProxyWorld();
  const answers: Record<string, () => unknown> = { ...SUBSCRIBED };
  const server = await world.add("work", { capabilities: CAPABILITIES, answers });
  const client = await world.connect();
  await client.result("resources/subscribe", { uri: "work://a" });
  answers["initialize"] = () => ({ error: { code: -1, message: "not yet" } });
  await server.exit({ code: 1, reason: "it ended with code 1" });
  // Two tries, after 1 s and 2 s more, find it away.
  for (const tries of [2, 3]) {
    for (let turn = 0; turn < 3 && world.servers.length < tries; turn++) await world.settle();
    assert.equal(world.servers.length, tries);
  }
  // A call that fails meanwhile ends the tries for nobody.
  assert.equal((await client.result("tools/call", { name: "work" }))["isError"], true);
  delete answers["initialize"];
  for (let turn = 0; turn < 6 && world.servers.length < 5; turn++) await world.settle();
  const again = newest(world);
  await until(() => again.sent("resources/subscribe").length === 1);
  const params = { uri: "work://a" };
  await again.send({ method: "notifications/resources/updated", params });
  await until(() => client.got("notifications/resources/updated").length === 1);
  const [{ status, restarts } = {}] = await world.activations.list();
  assert.deepEqual([status, restarts], ["ready", 3]);
  const before = world.servers.length;
  for (let turn = 0; turn < 8; turn++) await world.settle();
  assert.equal(world.servers.length, before, "nobody tries any more");
});

Deno.test("a server that gets new values is started at once where clients wait for it", async () => {
  await using world = makeProxyWorld();
  const configure = () =>
    world.activations.configure("ours/work", { set: { TOKEN: "1234567" }, unset: [] }, ASKER);
  await world.add("work", { capabilities: CAPABILITIES, answers: SUBSCRIBED });
  const client = await world.connect();
  await configure();
  await world.settle();
  assert.equal(world.servers.length, 1, "nobody waits");
  await client.result("resources/subscribe", { uri: "work://a" });
  assert.equal(world.servers.length, 2);
  await configure();
  await until(() => world.servers.length === 3);
  await until(() => newest(world).sent("resources/subscribe").length === 1);
});

Deno.test("each changed list is announced once when servers come, go and change", async () => {
  await using world = makeProxyWorld();
  const capabilities = {
    tools: { listChanged: true },
    prompts: { listChanged: true },
    resources: { listChanged: true },
  };
  const offering = (name: string) => ({
    capabilities,
    prefix: name,
    answers: {
      "tools/list": () => ({ tools: [{ name, inputSchema: { type: "object" } }] }),
      "prompts/list": () => ({ prompts: [{ name }] }),
      "resources/list": () => ({ resources: [{ uri: `${name}://a`, name }] }),
      "resources/templates/list": () => ({
        resourceTemplates: [{ uriTemplate: `${name}://{id}`, name }],
      }),
    },
  });
  const clients = [await world.connect(), await world.connect()];
  let heard = 0;
  const once = async (): Promise<void> => {
    heard++;
    for (let turn = 0; turn < 2; turn++) await world.settle();
    for (const client of clients) {
      for (const list of ["tools", "prompts", "resources"]) {
        assert.equal(client.got(`notifications/${list}/list_changed`).length, heard, list);
      }
    }
  };
  const servers = [];
  for (const name of ["one", "two", "three"]) servers.push(await world.add(name, offering(name)));
  await once();
  for (const [nth, server] of servers.entries()) {
    Object.assign(server.answers, offering(`other${nth}`).answers);
    for (const list of ["tools", "resources", "prompts", "tools"]) {
      await server.send({ method: `notifications/${list}/list_changed` });
    }
  }
  await once();
  for (const name of ["one", "two", "three"]) {
    await world.activations.remove(`ours/${name}`, ASKER);
  }
  await once();
});

Deno.test("a call starts a server that waits to be tried again, and its removal ends the wait", async () => {
  await using world = makeProxyWorld();
  await world.add("work", { capabilities: CAPABILITIES, answers: lists });
  await world.settle();
  const client = await world.connect();
  const crash = async () => {
    await newest(world).exit({ code: 1, reason: "it ended with code 1" });
    await world.clock.advance(600);
    await until(() => world.clock.pendingMs.length > 0);
  };
  await crash();
  void client.ask("tools/call", { name: "work" });
  await until(() => newest(world).sent("tools/call").length === 1);
  await world.settle();
  const [{ status, restarts } = {}] = await world.activations.list();
  assert.deepEqual([status, restarts, world.servers.length], ["ready", 0, 2]);
  await crash();
  assert.deepEqual((await world.activations.list()).map(({ status }) => status), ["restarting"]);
  await world.activations.remove("ours/work", ASKER);
  // But for the changed lists, which are announced soon.
  assert.deepEqual(world.clock.pendingMs.filter((ms) => ms > 100), []);
});

/**
 * What belongs to one client reaches no other, and what one server was told reaches no other: tasks,
 * questions, logs and pages whose owner has gone, or whose ids come twice. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { makeProxyWorld, type RawClient, until } from "./proxy_world.ts";
import type { Message, ScriptedServer } from "./scripted_server.ts";

const SAMPLING = "sampling/createMessage";
const ELICITATION = "elicitation/create";
const RELATED = "io.modelcontextprotocol/related-task";
const CAPABILITIES = {
  tools: { listChanged: true },
  resources: { subscribe: true },
  logging: {},
  tasks: {},
};

/** What a client can do that can do everything. */
const ABLE = {
  elicitation: { form: {}, url: {} },
  sampling: { tools: {} },
  tasks: { requests: { sampling: { createMessage: {} } } },
};

function lists(name: string) {
  return {
    "tools/list": () => ({ tools: [{ name, inputSchema: { type: "object" } }] }),
    "resources/list": () => ({ resources: [{ uri: `${name}://a`, name: "a" }] }),
    "resources/templates/list": () => ({ resourceTemplates: [] }),
  };
}

/** The answer that a server got to a question. */
async function asked(server: ScriptedServer, question: Record<string, unknown>): Promise<Message> {
  const { id } = question;
  await server.send(question);
  const isAnswer = (message: Message) => message.id === id && message.method === undefined;
  await until(() => server.received.some(isAnswer));
  const answer = server.received.find(isAnswer);
  assert.ok(answer !== undefined);
  return answer;
}

const relatedTo = (taskId: string) => ({ _meta: { [RELATED]: { taskId } } });

/** The answer to a ping comes after everything that was sent before it. */
async function heardAll(server: ScriptedServer, ...clients: readonly RawClient[]): Promise<void> {
  await asked(server, { id: `ping ${server.received.length}`, method: "ping" });
  await Promise.all(clients.map((client) => client.result("ping")));
}

Deno.test("what a task asks and says goes to nobody when whoever began it has gone", async () => {
  await using world = makeProxyWorld();
  const server = await world.add("work", {
    capabilities: CAPABILITIES,
    answers: {
      ...lists("work"),
      "tools/call": ({ params }) =>
        params?.["task"] === undefined
          ? undefined
          : { task: { taskId: "of-a", status: "working" } },
    },
  });
  const a = await world.connect({ capabilities: ABLE });
  await a.result("tools/call", { name: "work", task: {} });
  const b = await world.connect({ capabilities: ABLE });
  const running = b.ask("tools/call", { name: "work" });
  await until(() => server.sent("tools/call").length === 2);
  const log = { level: "info", data: "of a", ...relatedTo("of-a") };
  await server.send({ method: "notifications/message", params: log });
  await until(() => a.got("notifications/message").length === 1);
  await a[Symbol.asyncDispose]();
  await until(() => server.sent("tasks/cancel").length === 1);
  assert.deepEqual(server.sent("tasks/cancel")[0]?.params, { taskId: "of-a" });
  const { error } = await asked(server, {
    id: "q",
    method: ELICITATION,
    params: { message: "a's secret?", ...relatedTo("of-a") },
  });
  assert.match(error?.message ?? "", /whoever began the task that it belongs to is gone/);
  await server.send({ method: "notifications/message", params: log });
  await heardAll(server, b);
  assert.deepEqual(b.got(ELICITATION), []);
  assert.deepEqual(b.got("notifications/message"), []);
  await server.send({ id: server.sent("tools/call")[1]?.id, result: { content: [] } });
  await running;
});

Deno.test("a task id that a server gives again is the newest client's alone", async () => {
  await using world = makeProxyWorld();
  const server = await world.add("work", {
    capabilities: CAPABILITIES,
    answers: {
      ...lists("work"),
      "tools/call": () => ({ task: { taskId: "1", status: "working" } }),
      "tasks/result": () => ({ content: [{ type: "text", text: "of b" }] }),
      "tasks/list": () => ({ tasks: [{ taskId: "1" }] }),
    },
  });
  const [b, a] = [await world.connect(), await world.connect()];
  await b.result("tools/call", { name: "work", task: {} });
  await a.result("tools/call", { name: "work", task: {} });
  // The server has begun to count anew.
  await b.result("tools/call", { name: "work", task: {} });
  assert.match((await a.ask("tasks/result", { taskId: "1" })).error?.message ?? "", /Unknown task/);
  assert.deepEqual(await a.result("tasks/list"), { tasks: [] });
  assert.deepEqual((await b.result("tasks/result", { taskId: "1" }))["content"], [
    { type: "text", text: "of b" },
  ]);
  const params = { taskId: "1", status: "completed" };
  await server.send({ method: "notifications/tasks/status", params });
  await until(() => b.got("notifications/tasks/status").length === 1);
  await heardAll(server, a);
  assert.deepEqual(a.got("notifications/tasks/status"), []);
});

Deno.test("a server sees no tasks that clients work on for other servers", async () => {
  await using world = makeProxyWorld();
  const script = (name: string) => ({
    capabilities: CAPABILITIES,
    answers: { ...lists(name), "tools/call": () => undefined },
  });
  const honest = await world.add("honest", script("honest"));
  const curious = await world.add("curious", script("curious"));
  const client = await world.connect({ capabilities: ABLE });
  const task = { taskId: "of-honest", status: "completed" };
  client.answers[SAMPLING] = () => ({ task });
  client.answers["tasks/result"] = () => ({ content: "private" });
  client.answers["tasks/list"] = () => ({ tasks: [task] });
  const calls = ["honest", "curious"].map((name) => client.ask("tools/call", { name }));
  await until(() => curious.sent("tools/call").length === 1);
  await asked(honest, { id: "s", method: SAMPLING, params: { task: {} } });
  const stolen = await asked(curious, {
    id: "r",
    method: "tasks/result",
    params: { taskId: "of-honest" },
  });
  assert.equal(stolen.error?.code, -32602);
  assert.deepEqual(client.got("tasks/result"), []);
  assert.deepEqual((await asked(curious, { id: "l", method: "tasks/list" })).result, { tasks: [] });
  const own = await asked(honest, { id: "l", method: "tasks/list" });
  assert.deepEqual(own.result, { tasks: [task] });
  const result = await asked(honest, {
    id: "r",
    method: "tasks/result",
    params: { taskId: "of-honest" },
  });
  assert.deepEqual(result.result, { content: "private" });
  for (const server of [honest, curious]) {
    await server.send({ id: server.sent("tools/call")[0]?.id, result: { content: [] } });
  }
  await Promise.all(calls);
});

Deno.test("a client cannot take another's task over by giving its id", async () => {
  await using world = makeProxyWorld();
  const server = await world.add("work", {
    capabilities: CAPABILITIES,
    answers: { ...lists("work"), "tools/call": () => undefined },
  });
  const [a, b] = [
    await world.connect({ capabilities: ABLE }),
    await world.connect({ capabilities: ABLE }),
  ];
  const task = { taskId: "t", status: "working" };
  for (const client of [a, b]) client.answers[SAMPLING] = () => ({ task });
  a.answers["tasks/result"] = () => ({ content: "of a" });
  b.answers["tasks/result"] = () => ({ content: "forged" });
  const question = { method: SAMPLING, params: { task: {} } };
  for (const [nth, client] of [a, b].entries()) {
    const call = client.ask("tools/call", { name: "work" });
    await until(() => server.sent("tools/call").length === nth + 1);
    const { error } = await asked(server, { id: `q${nth}`, ...question });
    assert.equal(error === undefined, client === a);
    await server.send({ id: server.sent("tools/call")[nth]?.id, result: { content: [] } });
    await call;
  }
  const { result } = await asked(server, {
    id: "r",
    method: "tasks/result",
    params: { taskId: "t" },
  });
  assert.deepEqual(result, { content: "of a" });
});

Deno.test("who has set no level gets no more of the logs when who wanted more has gone", async () => {
  await using world = makeProxyWorld();
  const server = await world.add("work", {
    capabilities: CAPABILITIES,
    answers: { ...lists("work"), "logging/setLevel": () => ({}) },
  });
  const [loud, quiet] = [await world.connect(), await world.connect()];
  await loud.result("logging/setLevel", { level: "debug" });
  await loud[Symbol.asyncDispose]();
  await until(() => server.sent("logging/setLevel").length === 2);
  assert.deepEqual(server.sent("logging/setLevel").map(({ params }) => params?.["level"]), [
    "debug",
    "info",
  ]);
  for (const level of ["debug", "info"]) {
    await server.send({ method: "notifications/message", params: { level, data: level } });
  }
  await until(() => quiet.got("notifications/message").length > 0);
  assert.deepEqual(quiet.got("notifications/message").map(({ params }) => params?.["level"]), [
    "info",
  ]);
});

Deno.test("a page that a refused call names is told to be done with to whoever called", async () => {
  await using world = makeProxyWorld();
  const page = {
    mode: "url",
    elicitationId: "e-1",
    url: "https://example.org",
    message: "Sign in",
  };
  const error = { code: -32042, message: "Sign in first", data: { elicitations: [page] } };
  const server = await world.add("work", {
    answers: { ...lists("work"), "tools/call": () => ({ error }) },
  });
  const [client, other] = [await world.connect(), await world.connect()];
  assert.deepEqual((await client.ask("tools/call", { name: "work" })).error, error);
  const params = { elicitationId: "e-1" };
  await server.send({ method: "notifications/elicitation/complete", params });
  await until(() => client.got("notifications/elicitation/complete").length === 1);
  await heardAll(server, other);
  assert.deepEqual(other.got("notifications/elicitation/complete"), []);
});

Deno.test("a client is asked in the ways that it has named, and in no other", async () => {
  await using world = makeProxyWorld();
  const server = await world.add("work", {
    answers: { ...lists("work"), "tools/call": () => undefined },
  });
  const client = await world.connect({ capabilities: { elicitation: { url: {} }, sampling: {} } });
  const call = client.ask("tools/call", { name: "work" });
  await until(() => server.sent("tools/call").length === 1);
  for (
    const [method, params, lacks] of [
      [ELICITATION, { message: "?" }, "elicitation.form"],
      [ELICITATION, { mode: "form", message: "?" }, "elicitation.form"],
      [SAMPLING, { tools: [] }, "sampling.tools"],
    ] as const
  ) {
    const { error } = await asked(server, { id: lacks + JSON.stringify(params), method, params });
    assert.equal(error?.code, -32602);
    assert.match(error?.message ?? "", new RegExp(`has no capability "${lacks}"`));
  }
  await server.send({ id: server.sent("tools/call")[0]?.id, result: { content: [] } });
  await call;
});

Deno.test("a subscription that fails tells no secret of its server", async () => {
  await using world = makeProxyWorld();
  await world.add("work", {
    capabilities: CAPABILITIES,
    answers: {
      ...lists("work"),
      "resources/subscribe": () => ({
        error: { code: -1, message: "s3cr3t-token", data: "s3cr3t-token" },
      }),
    },
  });
  const by = { actor: { client: "test", transport: "stdio" }, by: "operator" } as const;
  const asker = { ...by, signal: new AbortController().signal, progress: () => {} };
  await world.activations.configure(
    "ours/work",
    { set: { TOKEN: "s3cr3t-token" }, unset: [] },
    asker,
  );
  const client = await world.connect();
  const { error } = await client.ask("resources/subscribe", { uri: "work://a" });
  assert.deepEqual(error, { code: -1, message: "[secret]", data: "[secret]" });
});

Deno.test("a client has a bounded number of subscriptions, of bounded length", async () => {
  await using world = makeProxyWorld();
  const server = await world.add("work", {
    capabilities: CAPABILITIES,
    answers: {
      ...lists("work"),
      "resources/subscribe": () => ({}),
      "resources/unsubscribe": () => ({}),
    },
  });
  const [greedy, other] = [await world.connect(), await world.connect()];
  const subscribe = (client: RawClient, name: string | number) =>
    client.ask("resources/subscribe", { uri: `work://${name}` });
  for (let n = 0; n < 1_000; n++) assert.ok((await subscribe(greedy, n)).result);
  assert.match(
    (await subscribe(greedy, "more")).error?.message ?? "",
    /^Cannot subscribe to "work:\/\/more": the session has 1000 subscriptions .*Next: End some/,
  );
  assert.ok((await subscribe(greedy, 7)).result, "one that it has costs nothing");
  assert.ok((await subscribe(other, "more")).result);
  await greedy.result("resources/unsubscribe", { uri: "work://3" });
  assert.ok((await subscribe(greedy, "more")).result);
  assert.match((await subscribe(other, "x".repeat(9_000))).error?.message ?? "", /8192 characters/);
  assert.equal(server.sent("resources/subscribe").length, 1_001);
});

Deno.test("an update of a part is told to those of the whole, and of nothing that is only like it", async () => {
  await using world = makeProxyWorld();
  const server = await world.add("work", {
    capabilities: CAPABILITIES,
    answers: { ...lists("work"), "resources/subscribe": () => ({}) },
  });
  const client = await world.connect();
  for (const uri of ["work://a", "work://d/"]) await client.result("resources/subscribe", { uri });
  const uris = ["work://ab", "work://a/b", "work://d/e", "work://a?x", "work://a"];
  for (const uri of uris) {
    await server.send({ method: "notifications/resources/updated", params: { uri } });
  }
  await heardAll(server, client);
  assert.deepEqual(
    client.got("notifications/resources/updated").map(({ params }) => params?.["uri"]),
    uris.slice(1),
  );
});

Deno.test("a server that knows the roots of a client that has gone asks the one that is there", async () => {
  await using world = makeProxyWorld();
  const server = await world.add("roots");
  const changed = () => server.sent("notifications/roots/list_changed").length;
  const open = async (name: string) => {
    const client = await world.connect({ name, capabilities: { roots: {} } });
    client.answers["roots/list"] = () => ({ roots: [{ uri: `file:///${name}` }] });
    return client;
  };
  const ask = async (id: string): Promise<unknown> => {
    await server.send({ id, method: "roots/list" });
    const isAnswer = (message: Message) => message.id === id && message.method === undefined;
    await until(() => server.received.some(isAnswer));
    return server.received.find(isAnswer)?.result?.["roots"];
  };
  const ann = await open("ann");
  assert.deepEqual(await ask("first"), [{ uri: "file:///ann" }]);
  const [bob, eve] = [await open("bob"), await open("eve")];
  await ann[Symbol.asyncDispose]();
  await world.settle();
  assert.equal(changed(), 0, "two could answer");
  await eve[Symbol.asyncDispose]();
  await until(() => changed() === 1);
  assert.deepEqual(await ask("second"), [{ uri: "file:///bob" }]);
  await bob[Symbol.asyncDispose]();
  await world.connect();
  await world.settle();
  assert.equal(changed(), 1, "nobody has any");
  await open("dan");
  await until(() => changed() === 2);
  assert.deepEqual(await ask("third"), [{ uri: "file:///dan" }]);
});

Deno.test("tasks of a client that has gone are cancelled, but for those that are over", async () => {
  await using world = makeProxyWorld();
  let count = 0;
  const answers = {
    ...lists("work"),
    "tools/call": () => ({ task: { taskId: String(++count), status: "working" } }),
    "tasks/result": () => ({ content: [] }),
    "tasks/cancel": () => ({ error: { code: -32602, message: "cannot" } }),
  };
  const server = await world.add("work", { capabilities: CAPABILITIES, answers });
  const [ann, bob] = [await world.connect(), await world.connect()];
  for (const client of [ann, bob, ann]) {
    await client.result("tools/call", { name: "work", task: {} });
  }
  await ann.result("tasks/result", { taskId: "1" });
  await ann[Symbol.asyncDispose]();
  await until(() => server.sent("tasks/cancel").length > 0);
  await heardAll(server, bob);
  assert.deepEqual(server.sent("tasks/cancel").map(({ params }) => params), [{ taskId: "3" }]);
  assert.equal((await bob.ask("tasks/result", { taskId: "2" })).error, undefined);
});

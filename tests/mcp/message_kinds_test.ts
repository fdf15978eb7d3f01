/**
 * Every kind of message of MCP through Wharf, in both directions, held against the SDK's own lists:
 * a kind that a later SDK brings shows as a missing row. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { makeProxyWorld, type ProxyWorld, type RawClient, until } from "../gateway/proxy_world.ts";
import type { Message, ScriptedServer } from "../gateway/scripted_server.ts";
import {
  ClientNotificationSchema,
  ClientRequestSchema,
  ServerNotificationSchema,
  ServerRequestSchema,
} from "../sdk.ts";

/** A server, a client, and Wharf between them. */
interface Scene {
  readonly world: ProxyWorld;
  readonly server: ScriptedServer;
  readonly client: RawClient;
}

/** Shows that one kind of message gets to the other side. */
type Row = (scene: Scene) => Promise<void>;

const META = { "example.org/trace": "abc" };
const TASK = {
  taskId: "t-1",
  status: "working",
  createdAt: "2026-01-01T00:00:00Z",
  lastUpdatedAt: "2026-01-01T00:00:00Z",
  ttl: null,
};
const RELATED = "io.modelcontextprotocol/related-task";

/** The one message with a method that a side got. */
function only(messages: readonly Message[]): Message {
  assert.equal(messages.length, 1);
  const [message] = messages;
  assert.ok(message !== undefined);
  return message;
}

/** Asks as a client, and shows that the server was asked the same and its answer came back. */
function passes(
  method: string,
  params: Record<string, unknown>,
  result: Record<string, unknown>,
): Row {
  return async ({ server, client }) => {
    server.answers[method] = () => ({ ...result, _meta: META, extra: [1, null] });
    const given = { ...params, _meta: META };
    const before = server.sent(method).length;
    assert.deepEqual(await client.result(method, given), {
      ...result,
      _meta: META,
      extra: [1, null],
    });
    assert.deepEqual(server.sent(method).slice(before).map(({ params }) => params), [given]);
  };
}

/** Begins a task at the server. */
async function beginTask({ server, client }: Scene): Promise<void> {
  server.answers["tools/call"] = () => ({ task: TASK });
  await client.result("tools/call", { name: "work", arguments: {}, task: { ttl: 1000 } });
}

/** Passes a request about a task. */
function passesTask(method: string, result: Record<string, unknown>): Row {
  return async (scene) => {
    await beginTask(scene);
    await passes(method, { taskId: "t-1" }, result)(scene);
  };
}

/** Runs a tool of the server's that does something before it answers. */
async function during({ server, client }: Scene, work: () => Promise<void>): Promise<void> {
  const done = Promise.withResolvers<void>();
  // Answered later, since a scripted server reads nothing while it makes up an answer.
  server.answers["tools/call"] = ({ id }) => {
    work().then(() => server.send({ id, result: { content: [] } })).then(done.resolve, done.reject);
  };
  await Promise.all([client.result("tools/call", { name: "work", arguments: {} }), done.promise]);
}

/** Asks as a server within a call, and shows that the client was asked the same. */
function asks(
  method: string,
  params: Record<string, unknown>,
  result: Record<string, unknown>,
): Row {
  return async (scene) => {
    const { server, client } = scene;
    client.answers[method] = () => ({ ...result, _meta: META });
    await during(scene, async () => {
      await server.send({ id: "q-1", method, params: { ...params, _meta: META } });
      await until(() =>
        server.received.some(({ id, method }) => id === "q-1" && method === undefined)
      );
    });
    assert.deepEqual(only(client.got(method)).params, { ...params, _meta: META });
    const answer = server.received.find(({ id, method }) => id === "q-1" && method === undefined);
    assert.deepEqual(answer?.result, { ...result, _meta: META });
  };
}

const SAMPLING = {
  messages: [{ role: "user", content: { type: "text", text: "Hi" } }],
  maxTokens: 9,
};

/** Has the client begin a task for the server. */
async function beginClientTask(scene: Scene): Promise<void> {
  const { server, client } = scene;
  client.answers["sampling/createMessage"] = () => ({ task: TASK });
  await during(scene, async () => {
    await server.send({
      id: "q-0",
      method: "sampling/createMessage",
      params: { ...SAMPLING, task: { ttl: 1 } },
    });
    await until(() => server.received.some(({ id }) => id === "q-0"));
  });
}

function asksOfTask(
  method: string,
  params: Record<string, unknown>,
  result: Record<string, unknown> = { ...TASK },
): Row {
  return async (scene) => {
    await beginClientTask(scene);
    await asks(method, params, result)(scene);
  };
}

/** Announces a changed list, and shows that the client sees the new one. */
function announces(
  method: string,
  list: { readonly method: string; readonly member: string; readonly item: object },
): Row {
  return async ({ world, server, client }) => {
    server.answers[list.method] = () => ({ [list.member]: [list.item] });
    for (let n = 0; n < 50; n++) await server.send({ method });
    await world.settle();
    await until(() => client.got(method).length > 0);
    assert.deepEqual((await client.result(list.method))[list.member], [list.item]);
    await world.settle();
    // Once for the whole burst.
    assert.equal(client.got(method).length, 1);
  };
}

const CLIENT_REQUESTS: Readonly<Record<string, Row>> = {
  "ping": async ({ client }) => assert.deepEqual(await client.result("ping"), {}),
  async "initialize"({ client }) {
    const again = await client.ask("initialize", {
      protocolVersion: "2025-06-18",
      capabilities: {},
      clientInfo: { name: "again", version: "1" },
    });
    assert.equal(again.error?.code, -32600, "who it is and what it can do stays");
    const result = only(client.received.filter(({ id }) => id === "hello")).result ?? {};
    assert.equal(result["protocolVersion"], "2025-11-25");
    assert.deepEqual(result["capabilities"], {
      tools: { listChanged: true },
      prompts: { listChanged: true },
      resources: { listChanged: true, subscribe: true },
      completions: {},
      logging: {},
      tasks: { list: {}, cancel: {}, requests: { tools: { call: {} } } },
    });
  },
  "completion/complete": passes("completion/complete", {
    ref: { type: "ref/prompt", name: "greet" },
    argument: { name: "who", value: "a" },
    context: { arguments: { x: "y" } },
  }, { completion: { values: ["ann"], hasMore: false } }),
  async "logging/setLevel"({ server, client }) {
    server.answers["logging/setLevel"] = () => ({});
    assert.deepEqual(await client.result("logging/setLevel", { level: "warning" }), {});
    assert.deepEqual(only(server.sent("logging/setLevel")).params, { level: "warning" });
  },
  "prompts/get": passes("prompts/get", { name: "greet", arguments: { who: "ann" } }, {
    description: "A greeting",
    messages: [{ role: "user", content: { type: "audio", data: "aa==", mimeType: "audio/wav" } }],
  }),
  async "prompts/list"({ client }) {
    assert.deepEqual(await client.result("prompts/list"), {
      prompts: [{ name: "greet", icons: [{ src: "data:image/png;base64,aa==" }], _meta: META }],
    });
  },
  async "resources/list"({ client }) {
    assert.deepEqual(await client.result("resources/list"), {
      resources: [{ uri: "test://a", name: "a", size: 3, annotations: { priority: 1 } }],
    });
  },
  async "resources/templates/list"({ client }) {
    assert.deepEqual(await client.result("resources/templates/list"), {
      resourceTemplates: [{ uriTemplate: "test://{id}/x", name: "x" }],
    });
  },
  "resources/read": passes("resources/read", { uri: "test://7/x" }, {
    contents: [{ uri: "test://7/x", blob: "aa==", mimeType: "image/png" }],
  }),
  async "resources/subscribe"({ server, client }) {
    server.answers["resources/subscribe"] = () => ({});
    assert.deepEqual(await client.result("resources/subscribe", { uri: "test://a" }), {});
    assert.deepEqual(only(server.sent("resources/subscribe")).params, { uri: "test://a" });
  },
  async "resources/unsubscribe"({ server, client }) {
    server.answers["resources/subscribe"] = () => ({});
    server.answers["resources/unsubscribe"] = () => ({});
    await client.result("resources/subscribe", { uri: "test://a" });
    assert.deepEqual(await client.result("resources/unsubscribe", { uri: "test://a" }), {});
    assert.deepEqual(only(server.sent("resources/unsubscribe")).params, { uri: "test://a" });
  },
  "tools/call": passes("tools/call", { name: "work", arguments: { n: 1 } }, {
    content: [
      { type: "image", data: "aa==", mimeType: "image/png", annotations: { audience: ["user"] } },
      { type: "resource", resource: { uri: "test://a", text: "a" } },
      { type: "from-the-future", body: 1 },
    ],
    structuredContent: { n: 1 },
    isError: false,
  }),
  async "tools/list"({ client }) {
    assert.deepEqual(await client.result("tools/list"), { tools: [TOOL] });
  },
  "tasks/get": passesTask("tasks/get", { ...TASK, status: "input_required" }),
  "tasks/result": passesTask("tasks/result", { content: [{ type: "text", text: "done" }] }),
  async "tasks/list"(scene) {
    await beginTask(scene);
    const { server, client } = scene;
    server.answers["tasks/list"] = () => ({ tasks: [{ ...TASK, taskId: "another's" }, TASK] });
    assert.deepEqual(await client.result("tasks/list"), { tasks: [TASK] });
  },
  "tasks/cancel": passesTask("tasks/cancel", { ...TASK, status: "cancelled" }),
};

const CLIENT_NOTIFICATIONS: Readonly<Record<string, Row>> = {
  async "notifications/cancelled"({ server, client }) {
    server.answers["tools/call"] = () => undefined;
    void client.ask("tools/call", { name: "work" }, "to-be-cancelled");
    await until(() => server.sent("tools/call").length === 1);
    const params = { requestId: "to-be-cancelled", reason: "enough" };
    await client.send({ method: "notifications/cancelled", params });
    await until(() => server.sent("notifications/cancelled").length === 1);
    const { params: told } = only(server.sent("notifications/cancelled"));
    assert.equal(told?.["requestId"], only(server.sent("tools/call")).id);
  },
  async "notifications/progress"(scene) {
    const { server, client } = scene;
    client.answers["sampling/createMessage"] = async ({ params }) => {
      const meta = params?.["_meta"];
      assert.ok(typeof meta === "object" && meta !== null && "progressToken" in meta);
      const { progressToken } = meta;
      const progress = { progressToken, progress: 1, total: 2, message: "half", _meta: META };
      await client.send({ method: "notifications/progress", params: progress });
      return { role: "assistant", content: { type: "text", text: "x" }, model: "m" };
    };
    await during(scene, async () => {
      const params = { ...SAMPLING, _meta: { progressToken: "server's own" } };
      await server.send({ id: "q-1", method: "sampling/createMessage", params });
      await until(() => server.received.some(({ id, method }) => id === "q-1" && !method));
    });
    assert.deepEqual(only(server.sent("notifications/progress")).params, {
      progressToken: "server's own",
      progress: 1,
      total: 2,
      message: "half",
      _meta: META,
    });
  },
  // Wharf's own, once for all clients: the server hears it when it is started.
  "notifications/initialized": ({ server }) =>
    Promise.resolve(void only(server.sent("notifications/initialized"))),
  async "notifications/roots/list_changed"({ server, client }) {
    await client.send({ method: "notifications/roots/list_changed" });
    await until(() => server.sent("notifications/roots/list_changed").length === 1);
  },
  async "notifications/tasks/status"(scene) {
    await beginClientTask(scene);
    const { server, client } = scene;
    await client.send({ method: "notifications/tasks/status", params: TASK });
    await until(() => server.sent("notifications/tasks/status").length === 1);
    assert.deepEqual(only(server.sent("notifications/tasks/status")).params, TASK);
  },
};

const SERVER_REQUESTS: Readonly<Record<string, Row>> = {
  // Wharf is there, so Wharf answers.
  async "ping"({ server }) {
    await server.send({ id: "p", method: "ping" });
    await until(() => server.received.some(({ id, result }) => id === "p" && result !== undefined));
  },
  "sampling/createMessage": asks(
    "sampling/createMessage",
    { ...SAMPLING, tools: [], includeContext: "thisServer" },
    {
      role: "assistant",
      content: [{ type: "tool_use", id: "1", name: "a", input: {} }],
      model: "m",
    },
  ),
  "elicitation/create": asks("elicitation/create", {
    mode: "url",
    message: "Open",
    url: "https://example.org/",
    elicitationId: "e-1",
  }, { action: "accept" }),
  "roots/list": asks("roots/list", {}, { roots: [{ uri: "file:///a", name: "a" }] }),
  "tasks/get": asksOfTask("tasks/get", { taskId: "t-1" }),
  "tasks/result": asksOfTask("tasks/result", { taskId: "t-1" }),
  "tasks/list": asksOfTask("tasks/list", {}, { tasks: [TASK] }),
  "tasks/cancel": asksOfTask("tasks/cancel", { taskId: "t-1" }),
};

const TOOL = {
  name: "work",
  title: "Work",
  description: "Works.",
  inputSchema: { type: "object", properties: { n: { type: "number" } } },
  outputSchema: { type: "object", properties: { n: { type: "number" } } },
  annotations: { title: "W", readOnlyHint: true, futureHint: "x" },
  icons: [{ src: "https://example.org/a.png", mimeType: "image/png", sizes: ["48x48"] }],
  execution: { taskSupport: "optional" },
  _meta: META,
  future: { x: 1 },
};

const SERVER_NOTIFICATIONS: Readonly<Record<string, Row>> = {
  async "notifications/cancelled"(scene) {
    const { server, client } = scene;
    client.answers["sampling/createMessage"] = () => undefined;
    await during(scene, async () => {
      await server.send({ id: "q-1", method: "sampling/createMessage", params: SAMPLING });
      await until(() => client.got("sampling/createMessage").length === 1);
      const params = { requestId: "q-1", reason: "enough" };
      await server.send({ method: "notifications/cancelled", params });
      await until(() => client.got("notifications/cancelled").length === 1);
    });
    const { params } = only(client.got("notifications/cancelled"));
    assert.equal(params?.["requestId"], only(client.got("sampling/createMessage")).id);
  },
  async "notifications/progress"({ server, client }) {
    server.answers["tools/call"] = async ({ params }) => {
      const meta = params?.["_meta"];
      assert.ok(typeof meta === "object" && meta !== null && "progressToken" in meta);
      const { progressToken } = meta;
      const progress = { progressToken, progress: 0.5, message: "half", _meta: META };
      await server.send({ method: "notifications/progress", params: progress });
      return { content: [] };
    };
    const _meta = { ...META, progressToken: "mine" };
    await client.result("tools/call", { name: "work", _meta });
    assert.deepEqual(only(client.got("notifications/progress")).params, {
      progressToken: "mine",
      progress: 0.5,
      message: "half",
      _meta: META,
    });
    const methods = client.received.map(({ method }) => method);
    assert.ok(methods.indexOf("notifications/progress") < methods.length - 1, "before the answer");
  },
  async "notifications/message"(scene) {
    const params = { level: "info", logger: "l", data: { a: [1] }, _meta: META };
    const { server, client } = scene;
    await during(scene, () => server.send({ method: "notifications/message", params }));
    assert.deepEqual(only(client.got("notifications/message")).params, params);
  },
  async "notifications/resources/updated"({ server, client }) {
    server.answers["resources/subscribe"] = () => ({});
    await client.result("resources/subscribe", { uri: "test://a" });
    const params = { uri: "test://a", _meta: META };
    await server.send({ method: "notifications/resources/updated", params });
    await server.send({ method: "notifications/resources/updated", params: { uri: "test://b" } });
    await until(() => client.got("notifications/resources/updated").length > 0);
    assert.deepEqual(only(client.got("notifications/resources/updated")).params, params);
  },
  "notifications/resources/list_changed": announces("notifications/resources/list_changed", {
    method: "resources/list",
    member: "resources",
    item: { uri: "test://new", name: "new" },
  }),
  "notifications/tools/list_changed": announces("notifications/tools/list_changed", {
    method: "tools/list",
    member: "tools",
    item: { ...TOOL, name: "new" },
  }),
  "notifications/prompts/list_changed": announces("notifications/prompts/list_changed", {
    method: "prompts/list",
    member: "prompts",
    item: { name: "new" },
  }),
  async "notifications/tasks/status"(scene) {
    await beginTask(scene);
    const { server, client } = scene;
    const params = { ...TASK, status: "completed", _meta: { [RELATED]: { taskId: "t-1" } } };
    await server.send({ method: "notifications/tasks/status", params });
    await until(() => client.got("notifications/tasks/status").length > 0);
    assert.deepEqual(only(client.got("notifications/tasks/status")).params, params);
  },
  async "notifications/elicitation/complete"(scene) {
    await SERVER_REQUESTS["elicitation/create"]?.(scene);
    const { server, client } = scene;
    const params = { elicitationId: "e-1" };
    await server.send({ method: "notifications/elicitation/complete", params });
    await until(() => client.got("notifications/elicitation/complete").length > 0);
    assert.deepEqual(only(client.got("notifications/elicitation/complete")).params, params);
  },
};

const DIRECTIONS = {
  "requests of clients": [CLIENT_REQUESTS, ClientRequestSchema],
  "notifications of clients": [CLIENT_NOTIFICATIONS, ClientNotificationSchema],
  "requests of servers": [SERVER_REQUESTS, ServerRequestSchema],
  "notifications of servers": [SERVER_NOTIFICATIONS, ServerNotificationSchema],
} as const;

async function makeScene(): Promise<Scene> {
  const world = makeProxyWorld();
  const server = await world.add("all", {
    capabilities: {
      tools: { listChanged: true },
      prompts: { listChanged: true },
      resources: { listChanged: true, subscribe: true },
      completions: {},
      logging: {},
      tasks: { list: {}, cancel: {}, requests: { tools: { call: {} } } },
    },
    answers: {
      "tools/list": () => ({ tools: [TOOL] }),
      "prompts/list": () => ({
        prompts: [{ name: "greet", icons: [{ src: "data:image/png;base64,aa==" }], _meta: META }],
      }),
      "resources/list": () => ({
        resources: [{ uri: "test://a", name: "a", size: 3, annotations: { priority: 1 } }],
      }),
      "resources/templates/list": () => ({
        resourceTemplates: [{ uriTemplate: "test://{id}/x", name: "x" }],
      }),
    },
  });
  await world.settle();
  const client = await world.connect({
    capabilities: {
      sampling: { tools: {}, context: {} },
      elicitation: { form: {}, url: {} },
      roots: { listChanged: true },
      tasks: { list: {}, cancel: {}, requests: { sampling: { createMessage: {} } } },
    },
  });
  return { world, server, client };
}

for (const [direction, [rows, schema]] of Object.entries(DIRECTIONS)) {
  Deno.test(`the ${direction} are those of the SDK`, () => {
    const kinds = schema.options.map(({ shape }) => shape.method.value);
    assert.deepEqual(Object.keys(rows).toSorted(), [...new Set(kinds)].toSorted());
  });
  for (const [kind, row] of Object.entries(rows)) {
    Deno.test(`${kind} passes: ${direction}`, async () => {
      const scene = await makeScene();
      await using _world = scene.world;
      await row(scene);
    });
  }
}

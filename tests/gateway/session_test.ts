/**
 * Tests of lib/gateway/session.ts: what passes, in both directions. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { AppError } from "../../lib/core/errors.ts";
import type { ListKind } from "../../lib/gateway/definitions.ts";
import { PROTOCOL_VERSIONS } from "../../lib/gateway/handshake.ts";
import { type JsonObject, type RpcCall, RpcError } from "../../lib/rpc/mod.ts";
import type { ServerRequestContext } from "../../lib/gateway/session_types.ts";
import { settle } from "../fake_clock.ts";
import { type Message, rejection, ScriptedServer, until } from "./scripted_server.ts";

function asAppError(error: Error): AppError {
  assert.ok(error instanceof AppError);
  return error;
}

Deno.test("UpstreamSession shakes hands and collects what is on offer", async () => {
  const server = new ScriptedServer({
    capabilities: { tools: {}, prompts: {}, resources: { subscribe: true }, logging: {} },
    answers: {
      "prompts/list": () => ({ prompts: [{ name: "p" }] }),
      "resources/list": () => ({ resources: [{ uri: "x://1" }] }),
      "resources/templates/list": () => ({ resourceTemplates: [{ uriTemplate: "x://{id}" }] }),
    },
  });
  await using session = server.session({ clientInfo: { name: "wharf", version: "1.2.3" } });
  assert.throws(() => session.info, /Cannot describe "memory": it is not connected/);
  assert.deepEqual(session.definitions.tools, []);
  await session.connect();
  assert.deepEqual(server.received[0], {
    jsonrpc: "2.0",
    id: 1,
    method: "initialize",
    params: {
      protocolVersion: PROTOCOL_VERSIONS[0],
      capabilities: {},
      clientInfo: { name: "wharf", version: "1.2.3" },
    },
  });
  assert.deepEqual(server.received[1], { jsonrpc: "2.0", method: "notifications/initialized" });
  assert.deepEqual(session.info, {
    name: "scripted",
    version: "1.0",
    capabilities: { tools: {}, prompts: {}, resources: { subscribe: true }, logging: {} },
    protocolVersion: "2025-11-25",
  });
  const { tools, prompts, resources, templates, notes } = session.definitions;
  assert.deepEqual([tools.length, prompts.length, resources.length, templates.length], [
    1,
    1,
    1,
    1,
  ]);
  assert.deepEqual(notes, []);
});

Deno.test("UpstreamSession cleans what a server says of itself", async () => {
  const server = new ScriptedServer({
    answers: {
      "initialize": () => ({
        protocolVersion: "2024-11-05",
        serverInfo: { name: "a\u202Eb", version: 5, title: "x".repeat(500) },
        instructions: `line\u200B one\n\nline two${"y".repeat(20_000)}`,
        capabilities: "none",
      }),
    },
  });
  await using session = await server.connected();
  const { info } = session;
  assert.equal(info.name, "ab");
  assert.equal(info.version, "unknown");
  assert.equal(info.title?.length, 200);
  assert.ok(info.instructions?.startsWith("line one\n\nline two"));
  assert.equal(info.instructions?.length, 8_000);
  assert.deepEqual(info.capabilities, {});
  assert.equal(info.protocolVersion, "2024-11-05");
  assert.deepEqual(server.sent("tools/list"), [], "what is not declared is not asked for");
});

Deno.test("UpstreamSession.call() gives the result as it came", async () => {
  const results: JsonObject[] = [
    { content: [{ type: "text", text: "ok" }] },
    { content: [{ type: "hologram", data: 1 }], structuredContent: { x: [null, 1e21] } },
    { content: "no list at all", isError: "maybe", _meta: { progressToken: {} }, further: true },
    { toolResult: 5 },
    {},
  ];
  const server = new ScriptedServer({
    answers: { "tools/call": (request) => results[Number(request.params?.name)] },
  });
  await using session = await server.connected();
  for (const [index, result] of results.entries()) {
    const args = { index, deep: { list: [1, "é"] } };
    assert.deepEqual(await session.call(String(index), args), result);
    assert.deepEqual(server.received.at(-1)?.params, { name: String(index), arguments: args });
  }
  await session.call("0", undefined, { meta: { "example/trace": "1" } });
  assert.deepEqual(server.received.at(-1)?.params, {
    name: "0",
    _meta: { "example/trace": "1" },
  });
  assert.equal(session.inFlight, 0);
});

Deno.test("UpstreamSession.call() keeps 64 calls apart, whatever order they are answered in", async () => {
  const waiting: Message[] = [];
  const server = new ScriptedServer({
    answers: { "tools/call": (request) => void waiting.push(request) },
  });
  await using session = await server.connected();
  const calls = Array.from({ length: 64 }, (_, index) => session.call("t", { index }));
  await until(() => waiting.length === 64);
  assert.equal(session.inFlight, 64);
  for (const { id, params } of waiting.toReversed()) {
    // Some servers give a number back as text.
    const answered = Number(id) % 2 === 0 ? id : String(id);
    await server.send({ id: answered, result: { args: params?.arguments } });
  }
  const results = await Promise.all(calls);
  assert.deepEqual(results.map(({ args }) => args), calls.map((_, index) => ({ index })));
});

Deno.test("UpstreamSession.call() passes errors on as they came", async () => {
  const fault = { code: -32042, message: "Sign in\u202E first", data: { urls: ["https://x"] } };
  const server = new ScriptedServer({ answers: { "tools/call": () => ({ error: fault }) } });
  await using session = await server.connected();
  const error = await rejection(session.call("t", {}));
  assert.ok(error instanceof RpcError);
  assert.deepEqual(error.fault, fault);
  assert.equal(error.message, 'Cannot call tool "t" of "memory": Sign in first');
});

Deno.test("UpstreamSession.call() refuses a result that is no object", async () => {
  const server = new ScriptedServer({ answers: { "tools/call": () => ({ error: 5 }) } });
  server.answers["tools/call"] = (request) =>
    void server.write(`{"jsonrpc":"2.0","id":${request.id},"result":[1]}\n`);
  await using session = await server.connected();
  const error = asAppError(await rejection(session.call("t", {})));
  assert.equal(error.code, "BAD_RESPONSE");
  assert.equal(error.message, 'Cannot call tool "t" of "memory": the result is not a JSON object');
});

Deno.test("UpstreamSession.call() gives progress in order, before the result", async () => {
  const server = new ScriptedServer({
    answers: {
      "tools/call": async ({ params }) => {
        const token = (params?._meta as { progressToken: number }).progressToken; // ours
        for (const progress of [1, 2, 3]) {
          await server.send({
            method: "notifications/progress",
            params: { progressToken: token, progress, total: 3, note: "x" },
          });
        }
        return { done: true };
      },
    },
  });
  await using session = await server.connected();
  const heard: unknown[] = [];
  const stray: RpcCall[] = [];
  session.onNotification((notification) => void stray.push(notification));
  const onProgress = (progress: JsonObject): void => void heard.push(progress);
  heard.push(await session.call("t", {}, { onProgress, meta: { progressToken: "theirs", x: 1 } }));
  assert.deepEqual(heard, [
    ...[1, 2, 3].map((progress) => ({ progress, total: 3, note: "x" })),
    { done: true },
  ]);
  assert.equal((server.sent("tools/call")[0]?.params?._meta as JsonObject).x, 1); // our own _meta
  assert.deepEqual(stray, []);
  await server.send({
    method: "notifications/progress",
    params: { progressToken: 99, progress: 1 },
  });
  await until(() => stray.length === 1);
  await server.send({ method: "notifications/progress" });
  await until(() => stray.length === 2);
});

Deno.test("UpstreamSession.call() cancels upstream", async () => {
  const server = new ScriptedServer({
    answers: { "tools/call": () => undefined, ping: () => ({}) },
  });
  await using session = await server.connected();
  const controller = new AbortController();
  const call = session.call("t", {}, { signal: controller.signal });
  await until(() => server.sent("tools/call").length === 1);
  controller.abort();
  assert.equal(asAppError(await rejection(call)).code, "CANCELLED");
  await until(() => server.sent("notifications/cancelled").length === 1);
  const id = server.sent("tools/call")[0]?.id;
  assert.equal(server.sent("notifications/cancelled")[0]?.params?.requestId, id);
  assert.equal(session.inFlight, 0);
  // A late answer is nobody's, and harms nobody.
  await server.send({ id, result: {} });
  const { signal } = controller;
  assert.equal(asAppError(await rejection(session.call("t", {}, { signal }))).code, "CANCELLED");
  assert.equal(server.sent("tools/call").length, 1);
  await session.ping();
});

Deno.test("UpstreamSession.call() waits as long as there is progress, and no longer than its limit", async () => {
  const server = new ScriptedServer({ answers: { "tools/call": () => undefined } });
  await using session = await server.connected({}, { callTimeoutMs: 10_000, maxCallMs: 25_000 });
  const silent = rejection(session.call("silent", {}));
  const heard: unknown[] = [];
  const lively = rejection(
    session.call("lively", {}, { onProgress: (progress) => void heard.push(progress) }),
  );
  await until(() => server.sent("tools/call").length === 2);
  const progressToken = server.sent("tools/call")[1]?.id;
  for (const progress of [1, 2, 3]) {
    await server.clock.advance(8_000);
    await server.send({
      method: "notifications/progress",
      params: { progressToken, progress },
    });
    await until(() => heard.length === progress);
  }
  const first = asAppError(await silent);
  assert.equal(first.code, "TIMEOUT");
  assert.equal(
    first.message,
    'Cannot call tool "silent" of "memory": it gave no sign in 10 s',
  );
  assert.equal(session.inFlight, 1);
  await server.clock.advance(1_000);
  assert.match((await lively).message, /it took more than 25 s$/);
  await until(() => server.sent("notifications/cancelled").length === 2);
  assert.equal(server.clock.sleeping, 0);
});

Deno.test("UpstreamSession passes every other request and notification on", async () => {
  const server = new ScriptedServer({
    answers: { "resources/read": ({ params }) => ({ contents: [params] }) },
  });
  await using session = await server.connected();
  const params = { uri: "x://1", _meta: { a: 1 } };
  assert.deepEqual(await session.request({ method: "resources/read", params }), {
    contents: [params],
  });
  await session.notify({ method: "notifications/roots/list_changed" });
  await until(() => server.sent("notifications/roots/list_changed").length === 1);
  const heard: RpcCall[] = [];
  const stop = session.onNotification((notification) => void heard.push(notification));
  const message = { method: "notifications/message", params: { level: "info", data: { x: 1 } } };
  await server.send(message);
  await until(() => heard.length === 1);
  assert.deepEqual(heard[0], { jsonrpc: "2.0", ...message, origins: [] });
  stop();
  await server.send(message);
  await settle();
  assert.equal(heard.length, 1);
});

Deno.test("UpstreamSession.ping() asks for a sign of life, and answers one", async () => {
  const server = new ScriptedServer({ answers: { ping: () => ({}) } });
  await using session = await server.connected();
  await session.ping();
  await server.send({ id: "their-1", method: "ping" });
  await until(() => server.received.at(-1)?.id === "their-1");
  assert.deepEqual(server.received.at(-1)?.result, {});
  server.answers.ping = () => undefined;
  const late = rejection(session.ping());
  await until(() => server.sent("ping").length === 2);
  await server.clock.advance(10_000);
  assert.equal(asAppError(await late).code, "TIMEOUT");
});

Deno.test("UpstreamSession refuses requests that it has no handler for, and declares none", async () => {
  const server = new ScriptedServer();
  await using session = await server.connected();
  assert.deepEqual(server.sent("initialize")[0]?.params?.capabilities, {});
  const methods = ["sampling/createMessage", "elicitation/create", "roots/list", "toString"];
  for (const [id, method] of methods.entries()) {
    await server.send({ id, method, params: {} });
    await until(() => server.received.at(-1)?.id === id);
    assert.deepEqual(server.received.at(-1)?.error, {
      code: -32601,
      message: `Cannot answer: method "${method}" is not found`,
    });
  }
  assert.equal(session.ended, undefined);
});

Deno.test("UpstreamSession answers a server's requests, and says whose calls run", async () => {
  const server = new ScriptedServer({ answers: { "tools/call": () => undefined } });
  const asked: { params: JsonObject; context: ServerRequestContext }[] = [];
  await using session = await server.connected({
    handlers: {
      "sampling/createMessage": (params, context) => {
        asked.push({ params, context });
        return Promise.resolve({ role: "assistant", content: [], further: params.x });
      },
      "elicitation/create": () => {
        const fault = { code: -1, message: "User declined", data: { why: 1 } };
        return Promise.reject(new RpcError(fault, { action: "ask the user" }));
      },
      "roots/list": () => Promise.reject(new TypeError("a bug, with a path")),
    },
  });
  assert.deepEqual(server.sent("initialize")[0]?.params?.capabilities, {
    sampling: {},
    elicitation: { form: {}, url: {} },
    roots: { listChanged: true },
  });
  const calls = ["a", "b", "a"].map((origin) =>
    session.call("t", {}, { origin }).catch(() => "stopped")
  );
  await until(() => server.sent("tools/call").length === 3);
  await server.send({ id: "s1", method: "sampling/createMessage", params: { x: 5, _meta: {} } });
  await until(() => server.received.at(-1)?.id === "s1");
  assert.deepEqual(server.received.at(-1)?.result, {
    role: "assistant",
    content: [],
    further: 5,
  });
  assert.deepEqual(asked[0]?.params, { x: 5, _meta: {} });
  assert.deepEqual(asked[0]?.context.origins, ["a", "b"]);
  await server.send({ id: 1, method: "elicitation/create" });
  await until(() => server.received.at(-1)?.id === 1);
  assert.deepEqual(server.received.at(-1)?.error, {
    code: -1,
    message: "User declined",
    data: { why: 1 },
  });
  await server.send({ id: 2, method: "roots/list" });
  await until(() => server.received.at(-1)?.id === 2);
  assert.deepEqual(server.received.at(-1)?.error, { code: -32603, message: "Internal error" });
  for (const { id } of server.sent("tools/call")) await server.send({ id, result: {} });
  await Promise.all(calls);
  await server.send({ id: 3, method: "sampling/createMessage" });
  await until(() => server.received.at(-1)?.id === 3);
  assert.deepEqual(asked[1]?.params, {});
  assert.deepEqual(asked[1]?.context.origins, []);
});

Deno.test("UpstreamSession aborts a handler that the server has cancelled, and answers nothing", async () => {
  const server = new ScriptedServer();
  const signals: AbortSignal[] = [];
  await using session = await server.connected({
    capabilities: { sampling: { tools: {} } },
    handlers: {
      "sampling/createMessage": (_, { signal }) => {
        signals.push(signal);
        return new Promise((resolve) => signal.addEventListener("abort", () => resolve({})));
      },
    },
  });
  assert.deepEqual(server.sent("initialize")[0]?.params?.capabilities, {
    sampling: { tools: {} },
  });
  await server.send({ id: 7, method: "sampling/createMessage" });
  await server.send({ id: "end", method: "sampling/createMessage" });
  await until(() => signals.length === 2);
  const before = server.received.length;
  await server.send({ method: "notifications/cancelled", params: { requestId: 7 } });
  await server.send({ method: "notifications/cancelled", params: { requestId: {} } });
  await server.send({ method: "notifications/cancelled" });
  await until(() => signals[0]?.aborted === true);
  await settle();
  assert.equal(server.received.length, before);
  assert.equal(signals[1]?.aborted, false);
  await session.close();
  assert.equal(signals[1]?.aborted, true);
});

Deno.test("UpstreamSession.onListChanged() tells once for a burst, with new lists", async () => {
  const server = new ScriptedServer({
    capabilities: { tools: { listChanged: true }, resources: {} },
    answers: {
      "resources/list": () => ({ resources: [] }),
      "resources/templates/list": () => ({ resourceTemplates: [] }),
    },
  });
  await using session = await server.connected();
  const heard: (readonly ListKind[])[] = [];
  const stop = session.onListChanged((kinds) => void heard.push(kinds));
  const announce = async (kind: string, times: number): Promise<void> => {
    for (let index = 0; index < times; index++) {
      await server.send({ method: `notifications/${kind}/list_changed` });
    }
    await settle();
  };
  const tools = ["a", "b"].map((name) => ({ name, inputSchema: { type: "object" } }));
  server.answers["tools/list"] = () => ({ tools });
  await announce("tools", 500);
  await server.clock.advance(99);
  assert.deepEqual(heard, []);
  await server.clock.advance(1);
  await until(() => heard.length === 1);
  assert.deepEqual(heard, [["tools"]]);
  assert.deepEqual(session.definitions.tools, tools);
  assert.equal(server.sent("tools/list").length, 2);
  // A server that never stops announcing is asked once a second.
  await announce("resources", 100);
  await announce("prompts", 1);
  await server.clock.advance(1_000);
  await until(() => heard.length === 2);
  assert.deepEqual(heard[1], ["resources", "templates"]);
  assert.equal(server.sent("prompts/list").length, 0, "it has declared none");
  await announce("prompts", 1);
  await server.clock.advance(2_000);
  assert.equal(heard.length, 2);
  stop();
  await announce("tools", 1);
  await server.clock.advance(2_000);
  await until(() => server.sent("tools/list").length === 3);
  assert.equal(heard.length, 2);
});

Deno.test("UpstreamSession keeps its lists when changed ones cannot be read", async () => {
  const server = new ScriptedServer();
  await using session = await server.connected();
  let told = 0;
  session.onListChanged(() => void told++);
  server.answers["tools/list"] = () => ({ tools: [], nextCursor: "again" });
  await server.send({ method: "notifications/tools/list_changed" });
  await settle();
  await server.clock.advance(100);
  await until(() => server.log.records.length === 1);
  assert.match(String(server.log.records[0]?.fields.message), /the list has no end/);
  assert.equal(session.definitions.tools.length, 1);
  assert.equal(told, 0);
});

Deno.test("UpstreamSession reads lists anew that change while they are read first", async () => {
  const server = new ScriptedServer();
  const toolsOf = (name: string) => ({ tools: [{ name, inputSchema: {} }] });
  const asked: (string | number | undefined)[] = [];
  server.answers["tools/list"] = ({ id }) => asked.push(id) === 1 ? undefined : toolsOf("new");
  await using session = server.session();
  const connected = session.connect();
  await until(() => asked.length === 1);
  await server.send({ method: "notifications/tools/list_changed" });
  await settle();
  await server.clock.advance(500);
  // The first list is the older one, however late it comes.
  await server.send({ id: asked[0], result: toolsOf("old") });
  await connected;
  assert.equal(session.definitions.tools[0]?.name, "old");
  await until(() => session.definitions.tools[0]?.name === "new");
});

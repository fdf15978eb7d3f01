/**
 * Tests of lib/gateway/session.ts with a server that the SDK speaks for. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { PROTOCOL_VERSIONS } from "../../lib/gateway/handshake.ts";
import { type JsonObject, type RpcCall, RpcError } from "../../lib/rpc/mod.ts";
import { UpstreamSession } from "../../lib/gateway/session.ts";
import { FakeClock } from "../fake_clock.ts";
import { FakeLog } from "../fake_log.ts";
import {
  CallToolRequestSchema,
  ErrorCode,
  InMemoryTransport,
  LATEST_PROTOCOL_VERSION,
  ListToolsRequestSchema,
  McpError,
  Server,
  SUPPORTED_PROTOCOL_VERSIONS,
} from "../sdk.ts";
import { rejection, until } from "./scripted_server.ts";

Deno.test("PROTOCOL_VERSIONS are those of the SDK", () => {
  assert.deepEqual(PROTOCOL_VERSIONS, SUPPORTED_PROTOCOL_VERSIONS);
  assert.equal(PROTOCOL_VERSIONS[0], LATEST_PROTOCOL_VERSION);
});

Deno.test("UpstreamSession and a server of the SDK understand each other, both ways", async () => {
  const server = new Server({ name: "sdk", version: "1" }, {
    capabilities: { tools: { listChanged: true }, logging: {} },
  });
  let cancelled = false;
  server.setRequestHandler(ListToolsRequestSchema, () => ({
    tools: [{ name: "ask", inputSchema: { type: "object" as const } }],
  }));
  server.setRequestHandler(CallToolRequestSchema, async ({ params }, { signal, ...extra }) => {
    if (params.name === "fail") {
      throw new McpError(ErrorCode.InvalidParams, "no such thing", { field: "x" });
    }
    if (params.name === "wait") {
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      cancelled = true;
    }
    const progressToken = params._meta?.progressToken ?? "none";
    await extra.sendNotification({
      method: "notifications/progress",
      params: { progressToken, progress: 1 },
    });
    await server.sendLoggingMessage({ level: "info", data: { hello: "world" } });
    const { roots } = await server.listRoots();
    const sampled = await server.createMessage({
      messages: [{ role: "user", content: { type: "text", text: "hi" } }],
      maxTokens: 5,
    });
    const elicited = await server.elicitInput({
      message: "Name?",
      requestedSchema: { type: "object", properties: { name: { type: "string" } } },
    });
    await server.sendToolListChanged();
    return { content: [], structuredContent: { roots, sampled, elicited } };
  });
  const [ours, theirs] = InMemoryTransport.createLinkedPair();
  await server.connect(theirs);
  const clock = new FakeClock();
  const closed = Promise.withResolvers<{ reason: string }>();
  const sampled = { role: "assistant", model: "m", content: { type: "text", text: "yes" } };
  const session = new UpstreamSession({
    launched: {
      transport: ours,
      exited: closed.promise,
      logTail: () => [],
      stop: () => Promise.resolve(closed.resolve({ reason: "it was closed" })),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    },
    clock,
    log: new FakeLog(),
    name: "sdk",
    handlers: {
      "roots/list": () => Promise.resolve({ roots: [{ uri: "file:///x" }] }),
      "sampling/createMessage": () => Promise.resolve(sampled),
      "elicitation/create": () => Promise.resolve({ action: "accept", content: { name: "n" } }),
    },
  });
  await session.connect();
  assert.equal(session.info.protocolVersion, LATEST_PROTOCOL_VERSION);
  const notifications: RpcCall[] = [];
  const progress: JsonObject[] = [];
  let changes = 0;
  session.onNotification((notification) => void notifications.push(notification));
  session.onListChanged(() => void changes++);
  const onProgress = (step: JsonObject): void => void progress.push(step);
  assert.deepEqual(await session.call("ask", {}, { onProgress }), {
    content: [],
    structuredContent: {
      roots: [{ uri: "file:///x" }],
      sampled,
      elicited: { action: "accept", content: { name: "n" } },
    },
  });
  assert.deepEqual(progress, [{ progress: 1 }]);
  assert.deepEqual(notifications.map(({ method }) => method), ["notifications/message"]);
  await clock.advance(100);
  await until(() => changes === 1);
  const error = await rejection(session.call("fail", {}));
  assert.ok(error instanceof RpcError);
  assert.deepEqual(error.fault, {
    code: -32602,
    // This prefix is the server's own: its SDK puts it into what it sends.
    message: "MCP error -32602: no such thing",
    data: { field: "x" },
  });
  const controller = new AbortController();
  const waiting = rejection(session.call("wait", {}, { signal: controller.signal }));
  await until(() => session.inFlight === 1);
  controller.abort();
  await waiting;
  await until(() => cancelled);
  const close = session.close();
  await clock.advance(1_000);
  await close;
  assert.equal(clock.sleeping, 0);
});

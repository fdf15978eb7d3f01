/**
 * Messages in an unusual order, and what servers lack that Wharf has. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { createInventory } from "../../lib/mcp/inventory.ts";
import { Server } from "../../lib/mcp/protocol.ts";
import { InMemoryTransport } from "../sdk.ts";
import { makeProxyWorld, RawClient, until } from "./proxy_world.ts";

const RELATED = "io.modelcontextprotocol/related-task";

const lists = (name: string, template?: string) => ({
  "tools/list": () => ({ tools: [{ name, inputSchema: { type: "object" } }] }),
  "prompts/list": () => ({ prompts: [{ name }] }),
  "resources/list": () => ({ resources: [] }),
  "resources/templates/list": () => ({
    resourceTemplates: template === undefined ? [] : [{ uriTemplate: template, name }],
  }),
});

Deno.test("a client hears nothing before the answer to initialize, and says who it is once", async () => {
  await using world = makeProxyWorld();
  const { clock, log, proxy } = world;
  const server = new Server({
    info: { name: "wharf", version: "1" },
    instructions: "",
    inventory: createInventory({ tools: [], prompts: [], templates: [] }),
    proxy,
    clock,
    log,
  });
  const [ours, theirs] = InMemoryTransport.createLinkedPair();
  await using client = new RawClient(theirs);
  await theirs.start();
  await server.connect(ours);
  const upstream = await world.add("work", {
    capabilities: { tools: { listChanged: true }, logging: {} },
    answers: lists("work"),
  });
  await upstream.send({ method: "notifications/message", params: { level: "info", data: 1 } });
  await world.settle();
  assert.deepEqual(client.received, []);
  const hello = (name: string) => ({
    protocolVersion: "2025-11-25",
    capabilities: { sampling: {} },
    clientInfo: { name, version: "1" },
  });
  await client.result("initialize", hello("first"));
  const { error } = await client.ask("initialize", { ...hello("second"), capabilities: {} });
  assert.deepEqual(error, {
    code: -32600,
    message: "The session is initialized already; begin another one",
  });
  client.answers["sampling/createMessage"] = () => ({ model: "m" });
  await upstream.send({ id: "q", method: "sampling/createMessage", params: {} });
  await until(() => client.got("sampling/createMessage").length === 1);
});

Deno.test("what a server says of a task in the same breath as its id is passed on", async () => {
  await using world = makeProxyWorld();
  const server = await world.add("work", {
    capabilities: { tools: {}, tasks: {} },
    answers: {
      ...lists("work"),
      async "tools/call"({ id, params }) {
        const task = { taskId: "t", status: "working" };
        const meta = params?.["_meta"];
        const token = typeof meta === "object" && meta !== null && "progressToken" in meta
          ? meta.progressToken
          : undefined;
        const lines = [
          { id, result: { task } },
          { method: "notifications/tasks/status", params: { ...task, status: "input_required" } },
          { method: "notifications/progress", params: { progressToken: token, progress: 1 } },
          {
            id: "q",
            method: "elicitation/create",
            params: { message: "?", _meta: { [RELATED]: { taskId: "t" } } },
          },
        ].map((message) => JSON.stringify({ jsonrpc: "2.0", ...message }));
        await server.write(`${lines.join("\n")}\n`);
      },
    },
  });
  const client = await world.connect({ capabilities: { elicitation: {} } });
  const answer = { action: "accept", _meta: { [RELATED]: { taskId: "t" } } };
  client.answers["elicitation/create"] = () => answer;
  const params = { name: "work", task: {}, _meta: { progressToken: 0 } };
  assert.deepEqual(await client.result("tools/call", params), {
    task: { taskId: "t", status: "working" },
  });
  await until(() => server.received.some(({ id, result }) => id === "q" && result !== undefined));
  assert.equal(client.got("notifications/tasks/status").length, 1);
  assert.deepEqual(client.got("notifications/progress")[0]?.params, {
    progressToken: 0,
    progress: 1,
  });
});

Deno.test("an answer names a task to its server by the server's own id", async () => {
  await using world = makeProxyWorld();
  const script = (prefix: string) => ({
    prefix,
    capabilities: { tools: {}, tasks: {} },
    answers: {
      ...lists("work"),
      "tools/call": () => ({ task: { taskId: "t", status: "working" } }),
    },
  });
  await world.add("one", script("one"));
  const two = await world.add("two", script("two"));
  const client = await world.connect({ capabilities: { elicitation: {} } });
  client.answers["elicitation/create"] = ({ params }) => ({
    action: "accept",
    _meta: params?.["_meta"],
  });
  for (const name of ["one_work", "two_work"]) {
    await client.result("tools/call", { name, task: {} });
  }
  const related = (taskId: string) => ({ [RELATED]: { taskId } });
  const params = { message: "?", _meta: related("t") };
  await two.send({ id: "q", method: "elicitation/create", params });
  const isAnswer = ({ id, method }: { id?: unknown; method?: unknown }) =>
    id === "q" && method === undefined;
  await until(() => two.received.some(isAnswer));
  const asked = client.got("elicitation/create")[0]?.params;
  assert.deepEqual(asked?.["_meta"], related("t (ours/two)"));
  assert.deepEqual(two.received.find(isAnswer)?.result?.["_meta"], related("t"));
});

Deno.test("a server whose template takes everything does not get what another has pointed to", async () => {
  await using world = makeProxyWorld();
  const link = { type: "resource_link", uri: "honest://secret", name: "secret" };
  await world.add("honest", {
    capabilities: { tools: {}, resources: {} },
    answers: {
      ...lists("honest"),
      "tools/call": () => ({ content: [link] }),
      "resources/read": () => ({ contents: [{ uri: link.uri, text: "honest" }] }),
    },
  });
  const greedy = await world.add("greedy", {
    capabilities: { tools: {}, resources: {} },
    answers: { ...lists("greedy", "{+everything}"), "resources/read": () => ({ contents: [] }) },
  });
  const client = await world.connect();
  await client.result("tools/call", { name: "honest" });
  const { contents } = await client.result("resources/read", { uri: link.uri });
  assert.deepEqual(contents, [{ uri: link.uri, text: "honest" }]);
  assert.deepEqual(greedy.sent("resources/read"), []);
});

Deno.test("a server that completes nothing has nothing to complete with", async () => {
  await using world = makeProxyWorld();
  await world.add("work", {
    capabilities: { tools: {}, prompts: {} },
    answers: lists("work"),
  });
  const client = await world.connect();
  const ref = { type: "ref/prompt", name: "work" };
  const params = { ref, argument: { name: "a", value: "b" } };
  assert.deepEqual(await client.result("completion/complete", params), {
    completion: { values: [], total: 0, hasMore: false },
  });
});

Deno.test("an error about tasks names what, and the next step", async () => {
  await using world = makeProxyWorld();
  const client = await world.connect();
  for (const taskId of ["none", 7, undefined]) {
    const { error } = await client.ask("tasks/get", { taskId });
    assert.deepEqual(error, { code: -32602, message: `Unknown task: ${taskId}. See tasks/list` });
  }
});

Deno.test("a template of a server's that Wharf has itself is listed once, and the list ends", async () => {
  const uriTemplate = "docker://own/{name}";
  const own = {
    uriTemplate,
    name: "own",
    title: "Own",
    description: "Wharf's own.",
    mimeType: "text/plain",
    read: () => Promise.resolve(undefined),
    complete: () => Promise.resolve({ values: [], total: 0 }),
  };
  await using world = makeProxyWorld({
    inventory: createInventory({ tools: [], prompts: [], templates: [own] }),
  });
  const theirs = Array.from(
    { length: 700 },
    (_, n) => ({ uriTemplate: `t://${n}/{x}`, name: "t" }),
  );
  // Last on its page, so that the cursor would name Wharf's own.
  theirs.splice(498, 0, { uriTemplate, name: "other" });
  await world.add("work", {
    capabilities: { tools: {}, resources: {} },
    answers: {
      ...lists("work"),
      "resources/templates/list": () => ({ resourceTemplates: theirs }),
    },
  });
  const client = await world.connect();
  const names: unknown[] = [];
  let cursor: unknown;
  for (let pages = 0; pages === 0 || cursor !== undefined; pages++) {
    assert.ok(pages < 5, "the list ends");
    const answer: Record<string, unknown> = await client.result(
      "resources/templates/list",
      cursor === undefined ? {} : { cursor },
    );
    const { resourceTemplates: found } = answer;
    assert.ok(Array.isArray(found));
    names.push(...found.map(({ name }) => name));
    cursor = answer["nextCursor"];
  }
  assert.deepEqual([names.length, names[0], names.includes("other")], [701, "own", false]);
});

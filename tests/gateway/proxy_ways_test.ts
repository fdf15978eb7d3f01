/**
 * Which way a message takes where a client has several, and whose calls wait for whom where a
 * server has one. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { PeerMessageInfo, Transport } from "../../lib/rpc/sdk.ts";
import { makeProxyWorld, type RawClient, until } from "./proxy_world.ts";
import type { Message, ScriptedServer } from "./scripted_server.ts";

const SAMPLING = "sampling/createMessage";
const ELICITATION = "elicitation/create";
const LOG = "notifications/message";
const PROGRESS = "notifications/progress";
const UPDATED = "notifications/resources/updated";

const OFFER = {
  capabilities: { tools: { listChanged: true }, resources: { subscribe: true }, logging: {} },
  answers: {
    "tools/list": () => ({ tools: [{ name: "work", inputSchema: { type: "object" } }] }),
    "resources/list": () => ({ resources: [{ uri: "work://a", name: "a" }] }),
    "resources/templates/list": () => ({ resourceTemplates: [] }),
    "resources/subscribe": () => ({}),
    // Answered by the tests.
    "tools/call": () => undefined,
  },
};

/** Calls of the tool that have come to the server. */
async function callsOf(server: ScriptedServer, count: number): Promise<readonly Message[]> {
  await until(() => server.sent("tools/call").length >= count);
  return server.sent("tools/call");
}

async function answerTo(server: ScriptedServer, id: string): Promise<Message> {
  const isAnswer = (message: Message) => message.id === id && message.method === undefined;
  await until(() => server.received.some(isAnswer));
  const answer = server.received.find(isAnswer);
  assert.ok(answer !== undefined);
  return answer;
}

const samples = (client: RawClient, model: string): void => {
  client.answers[SAMPLING] = () => ({ model, role: "assistant", content: [] });
};

Deno.test("what belongs to a call takes its way to the client, and nothing else does", async () => {
  await using world = makeProxyWorld();
  const server = await world.add("work", OFFER);
  const client = await world.connect({ capabilities: { sampling: {} } });
  samples(client, "m");
  await client.result("resources/subscribe", { uri: "work://a" });
  const call = client.ask("tools/call", { name: "work", _meta: { progressToken: 0 } }, "call-7");
  const [sent] = await callsOf(server, 1);
  const meta = sent?.params?.["_meta"];
  assert.ok(typeof meta === "object" && meta !== null && "progressToken" in meta);
  const { progressToken } = meta;
  await server.send({ method: PROGRESS, params: { progressToken, progress: 1 } });
  await server.send({ method: LOG, params: { level: "info", data: 1 } });
  await server.send({ method: UPDATED, params: { uri: "work://a" } });
  await server.send({ id: "q", method: SAMPLING, params: {} });
  await answerTo(server, "q");
  for (const method of [PROGRESS, LOG, SAMPLING]) {
    assert.deepEqual(client.waysOf(method), ["call-7"], method);
  }
  assert.deepEqual(client.waysOf(UPDATED), [undefined]);
  await server.send({ id: sent?.id, result: { content: [] } });
  await call;
  await server.send({ method: LOG, params: { level: "info", data: 2 } });
  await until(() => client.got(LOG).length === 2);
  assert.deepEqual(client.waysOf(LOG), ["call-7", undefined]);
});

Deno.test("calls of servers whose questions say whose they are do not wait for each other", async () => {
  await using world = makeProxyWorld();
  const server = await world.add("work", OFFER);
  const transport: Transport = server.transport;
  const take = transport.onmessage;
  // As a remote server's transport does, which has a stream for each call.
  transport.onmessage = (message) => {
    const params: Record<string, unknown> = "params" in message ? message.params ?? {} : {};
    const related = params["streamOf"];
    const info: PeerMessageInfo = typeof related === "number" ? { relatedTo: related } : {};
    return take?.(message, info);
  };
  const clients = await Promise.all(
    ["ann", "bob"].map((name) => world.connect({ name, capabilities: { sampling: {} } })),
  );
  clients.forEach((client, nth) => samples(client, String(nth)));
  for (const round of [0, 1]) {
    const calls = clients.map((client) => client.ask("tools/call", { name: "work" }));
    const sent = (await callsOf(server, round * 2 + 2)).slice(-2);
    for (const [nth, { id }] of sent.entries()) {
      await server.send({ id: `q${round}${nth}`, method: SAMPLING, params: { streamOf: id } });
      assert.equal((await answerTo(server, `q${round}${nth}`)).result?.["model"], String(nth));
    }
    for (const { id } of sent) await server.send({ id, result: { content: [] } });
    await Promise.all(calls);
  }
});

Deno.test("a client that calls again to answer a question does not wait for whoever waits for it", async () => {
  await using world = makeProxyWorld();
  const server = await world.add("work", OFFER);
  const [ann, bob] = await Promise.all(
    ["ann", "bob"].map((name) => world.connect({ name, capabilities: { sampling: {} } })),
  );
  assert.ok(ann !== undefined && bob !== undefined);
  samples(ann, "any");
  const work = (client: RawClient) => client.ask("tools/call", { name: "work" });
  const answer = async (nth: number): Promise<void> => {
    const { id } = (await callsOf(server, nth + 1))[nth] ?? {};
    await server.send({ id, result: { content: [{ type: "text", text: String(nth) }] } });
  };
  // From here on it is known that such calls ask.
  const first = work(ann);
  await callsOf(server, 1);
  await server.send({ id: "q0", method: SAMPLING, params: {} });
  await answerTo(server, "q0");
  await answer(0);
  await first;
  ann.answers[SAMPLING] = async () => ({ model: JSON.stringify((await work(ann)).result) });
  const outer = work(ann);
  await callsOf(server, 2);
  const waiting = work(bob);
  await server.send({ id: "q1", method: SAMPLING, params: {} });
  await answer(2);
  assert.match(String((await answerTo(server, "q1")).result?.["model"]), /"text":"2"/);
  assert.equal(server.sent("tools/call").length, 3, "the other client waits");
  await answer(1);
  await outer;
  await answer(3);
  await waiting;
});

Deno.test("a question outside of any call goes to the one client that can answer this kind of it", async () => {
  await using world = makeProxyWorld();
  const server = await world.add("work", OFFER);
  const form = await world.connect({ name: "form", capabilities: { elicitation: { form: {} } } });
  const url = await world.connect({ name: "url", capabilities: { elicitation: { url: {} } } });
  for (const client of [form, url]) client.answers[ELICITATION] = () => ({ action: "accept" });
  await server.send({ id: "a", method: ELICITATION, params: { mode: "url", elicitationId: "e" } });
  assert.deepEqual((await answerTo(server, "a")).result, { action: "accept" });
  await server.send({ id: "b", method: ELICITATION, params: { message: "Which?" } });
  assert.deepEqual((await answerTo(server, "b")).result, { action: "accept" });
  assert.deepEqual([form, url].map((client) => client.got(ELICITATION).length), [1, 1]);
  await url[Symbol.asyncDispose]();
  await server.send({ id: "c", method: ELICITATION, params: { mode: "url", elicitationId: "f" } });
  const { error } = await answerTo(server, "c");
  assert.equal(error?.code, -32602);
  assert.match(error?.message ?? "", /the client "form 1" has no capability "elicitation.url"/);
});

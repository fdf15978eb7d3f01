/**
 * Everything that a client can ask of the conformance server and what it is asked in return, as
 * plain data: two ways to the server are alike when this is equal. The suite asks for less: it takes
 * any list for a list, and never sees whose it is. Needs net permission for 127.0.0.1.
 *
 * @module
 */

import assert from "node:assert/strict";
import {
  Client,
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  LoggingMessageNotificationSchema,
  ResourceUpdatedNotificationSchema,
  StreamableHTTPClientTransport,
} from "../sdk.ts";
import { PROMPTS, RESOURCES, TEMPLATE, TOOLS } from "./conformance_offers.ts";

/** What came of it, by what was asked. */
export type Answers = Readonly<Record<string, unknown>>;

const WATCHED = "test://watched-resource";

/** Arguments of tools that need some. */
const TOOL_ARGS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  "test_sampling": { prompt: "Say it in German" },
  "test_elicitation": { message: "Who are you?" },
  "json_schema_2020_12_tool": { name: "Ann", address: { street: "Quay 1", city: "Kiel" } },
};

/** What the person at the client fills in. */
const FILLED_IN = {
  username: "ann",
  email: "ann@example.com",
  name: "Ann",
  age: 41,
  score: 9.5,
  status: "pending",
  verified: false,
  untitledSingle: "option2",
  titledSingle: "value2",
  legacyEnum: "opt2",
  untitledMulti: ["option1", "option3"],
  titledMulti: ["value3"],
};

/**
 * Asks for everything once.
 *
 * @param mcp A server that offers the suite's parts, beside which others may be listed.
 */
export async function answersOf(mcp: URL): Promise<Answers> {
  const client = new Client({ name: "test", version: "1" }, {
    capabilities: { sampling: {}, elicitation: {} },
  });
  const asked: unknown[] = [];
  const logged: unknown[] = [];
  let updates = 0;
  client.setRequestHandler(CreateMessageRequestSchema, ({ method, params }) => {
    asked.push({ method, params });
    return {
      role: "assistant",
      content: { type: "text", text: "Moin" },
      model: "test-model",
      stopReason: "endTurn",
    };
  });
  client.setRequestHandler(ElicitRequestSchema, ({ method, params }) => {
    asked.push({ method, params });
    const { properties = {} } = "requestedSchema" in params ? params.requestedSchema : {};
    const names = new Set(Object.keys(properties));
    return {
      action: "accept",
      content: Object.fromEntries(Object.entries(FILLED_IN).filter(([name]) => names.has(name))),
    };
  });
  client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => {
    logged.push(params);
  });
  client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => {
    assert.equal(params.uri, WATCHED);
    updates++;
  });
  await client.connect(new StreamableHTTPClientTransport(mcp));
  try {
    return {
      ...await lists(client),
      ...await calls(client),
      ...await reads(client),
      ...await prompts(client),
      ...await completions(client),
      ...await logs(client, logged),
      ...await subscriptions(client, () => updates),
      "the client is asked": asked,
      ...await refusals(mcp),
    };
  } finally {
    await client.close();
  }
}

/** What is refused, and how. */
async function refusals(mcp: URL): Promise<Answers> {
  const client = new Client({ name: "test", version: "1" });
  await client.connect(
    new StreamableHTTPClientTransport(mcp, {
      // After an error the SDK comes back for the answer that it has, even to a closed session.
      reconnectionOptions: {
        maxRetries: 0,
        initialReconnectionDelay: 0,
        maxReconnectionDelay: 0,
        reconnectionDelayGrowFactor: 1,
      },
    }),
  );
  const name = "test_prompt_with_arguments";
  const asks: Readonly<Record<string, () => Promise<unknown>>> = {
    "a prompt lacks an argument": () => client.getPrompt({ name, arguments: { arg1: "a" } }),
    "there is nothing to complete": () =>
      client.complete({ ref: { type: "ref/prompt", name }, argument: { name: "arg3", value: "" } }),
    "there is nothing to subscribe to": () => client.subscribeResource({ uri: "test://none" }),
    // The words differ: Wharf has one session with the server for all clients, those who can too.
    "the client cannot sample": () => fails(client, "test_sampling"),
    "the client cannot elicit": () => fails(client, "test_elicitation"),
  };
  try {
    const answers: Record<string, unknown> = {};
    for (const [what, ask] of Object.entries(asks)) answers[what] = await outcome(ask);
    return answers;
  } finally {
    await client.close();
  }
}

async function fails(client: Client, name: string): Promise<boolean> {
  const { isError } = await client.callTool({ name, arguments: TOOL_ARGS[name] ?? {} });
  return isError === true;
}

/** Of each list, what is the conformance server's. */
async function lists(client: Client): Promise<Answers> {
  const [{ tools }, { prompts }, { resources }, { resourceTemplates }] = await Promise.all([
    client.listTools(),
    client.listPrompts(),
    client.listResources(),
    client.listResourceTemplates(),
  ]);
  return {
    tools: sorted(tools.filter(({ name }) => Object.hasOwn(TOOLS, name))),
    prompts: sorted(prompts.filter(({ name }) => Object.hasOwn(PROMPTS, name))),
    resources: sorted(resources.filter(({ uri }) => Object.hasOwn(RESOURCES, uri))),
    templates: resourceTemplates.filter(({ uriTemplate }) => uriTemplate === TEMPLATE.uriTemplate),
  };
}

async function calls(client: Client): Promise<Answers> {
  const answers: Record<string, unknown> = {};
  for (const name of Object.keys(TOOLS)) {
    const progress: unknown[] = [];
    const result = await client.callTool({ name, arguments: TOOL_ARGS[name] ?? {} }, undefined, {
      onprogress: (step) => void progress.push(step),
    });
    answers[`call ${name}`] = { result, progress };
  }
  return answers;
}

async function reads(client: Client): Promise<Answers> {
  const answers: Record<string, unknown> = {};
  for (const uri of [...Object.keys(RESOURCES), "test://template/äß%20/data"]) {
    answers[`read ${uri}`] = await client.readResource({ uri });
  }
  return answers;
}

async function prompts(client: Client): Promise<Answers> {
  const answers: Record<string, unknown> = {};
  for (const [name, { args = {} }] of Object.entries(PROMPTS)) {
    const given = Object.fromEntries(Object.keys(args).map((arg) => [arg, `test://${arg}`]));
    answers[`get ${name}`] = await client.getPrompt({ name, arguments: given });
  }
  return answers;
}

async function completions(client: Client): Promise<Answers> {
  const prompt = { type: "ref/prompt" as const, name: "test_prompt_with_arguments" };
  const template = { type: "ref/resource" as const, uri: TEMPLATE.uriTemplate };
  return {
    "complete a prompt": await client.complete({
      ref: prompt,
      argument: { name: "arg1", value: "te" },
    }),
    "complete a template": await client.complete({
      ref: template,
      argument: { name: "id", value: "12" },
    }),
  };
}

/** What is logged at the level that nobody set, with all of it, and with less than all. */
async function logs(client: Client, logged: unknown[]): Promise<Answers> {
  const answers: Record<string, unknown> = { "logged at first": [...logged] };
  for (const level of ["debug", "warning"] as const) {
    logged.length = 0;
    await client.setLoggingLevel(level);
    await client.callTool({ name: "test_tool_with_logging", arguments: {} });
    answers[`logged at ${level}`] = [...logged];
  }
  return answers;
}

async function subscriptions(client: Client, updates: () => number): Promise<Answers> {
  const update = () => client.callTool({ name: "test_update_watched_resource", arguments: {} });
  const subscribed = await client.subscribeResource({ uri: WATCHED });
  // The stream for what belongs to no call may not be open yet: what came before is lost.
  for (let turn = 0; turn < 60 && updates() === 0; turn++) {
    await update();
    await pause(50);
  }
  const isTold = updates() > 0;
  const unsubscribed = await client.unsubscribeResource({ uri: WATCHED });
  // What was sent before the end may still be on its way.
  await pause(100);
  const before = updates();
  await update();
  await pause(100);
  return {
    subscribe: subscribed,
    unsubscribe: unsubscribed,
    "a subscriber is told": isTold,
    "nobody is told": updates() - before,
  };
}

async function outcome(ask: () => Promise<unknown>): Promise<unknown> {
  try {
    return await ask();
  } catch (thrown) {
    if (!(thrown instanceof Error)) throw thrown;
    return { code: "code" in thrown ? thrown.code : undefined, message: thrown.message };
  }
}

function sorted<Item extends { readonly name: string }>(items: readonly Item[]): readonly Item[] {
  return items.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

async function pause(durationMs: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, durationMs));
}

/**
 * The reference servers as npm has them, and what there is to ask of each: every tool, prompt and
 * resource, and whatever else it can do. Needs nothing by itself.
 *
 * @module
 */

import assert from "node:assert/strict";
import { CallToolResultSchema } from "../sdk.ts";
import { type Answers, outcome, pause, until, type Visitor } from "./proxy_real_visitor.ts";

/** A server. */
export interface RealServer {
  /** Its id in the catalogue, where it is found there. */
  readonly id: string;
  /** Its package and version. */
  readonly package: string;
  /** Whether it needs what no sandbox gives, so that Wharf starts it by npx. */
  readonly byNpx?: boolean;
  /** Arguments when it is started directly in a folder of its own. */
  readonly args?: (folder: string) => readonly string[];
  /** Environment that it is started with in a folder of its own. */
  readonly env?: (folder: string) => Readonly<Record<string, string>>;
  /** Settings that Wharf is given for it. */
  readonly settings?: (folder: string) => Readonly<Record<string, string>>;
  /** Asks for everything that it has. */
  readonly ask: (visitor: Visitor, folder: string) => Promise<Answers>;
}

/** Arguments of one call after the other, each with the name of its tool. */
type Calls = readonly (readonly [string, Readonly<Record<string, unknown>>?])[];

async function calls(visitor: Visitor, list: Calls): Promise<Answers> {
  const answers: Record<string, unknown> = {};
  for (const [name, args] of list) {
    const key = `call ${name} ${JSON.stringify(args ?? {}).slice(0, 200)}`;
    assert.ok(!Object.hasOwn(answers, key), key);
    answers[key] = await visitor.call(name, args);
  }
  return Object.fromEntries(
    Object.entries(answers).map(([key, answer]) => [String(visitor.plain(key)), answer]),
  );
}

/** The tools, all of which the calls must have tried. */
async function tools(visitor: Visitor, tried: Calls, others: readonly string[] = []) {
  const listed = visitor.own((await visitor.client.listTools()).tools);
  const names = new Set([...tried.map(([name]) => name), ...others]);
  assert.deepEqual(listed.map(({ name }) => name).filter((name) => !names.has(name)), []);
  return { tools: listed };
}

/** The resources and templates of a scheme. */
async function resources(visitor: Visitor, scheme: string): Promise<Answers> {
  const { resources } = await visitor.client.listResources();
  const { resourceTemplates } = await visitor.client.listResourceTemplates();
  const own = resources.filter(({ uri }) => uri.startsWith(scheme));
  const answers: Record<string, unknown> = {
    resources: own,
    templates: resourceTemplates.filter(({ uriTemplate }) => uriTemplate.startsWith(scheme)),
  };
  for (const { uri } of own) {
    answers[`read ${uri}`] = visitor.plain(
      await outcome(() => visitor.client.readResource({ uri })),
    );
  }
  return answers;
}

const RESEARCH = "simulate-research-query";

const EVERYTHING_CALLS: Calls = [
  ["get-roots-list"],
  ["echo", { message: "Grüße aus dem Hafen 🚢" }],
  ["echo", {}],
  ["echo", { message: 7 }],
  ["get-annotated-message", { messageType: "error", includeImage: true }],
  ["get-annotated-message", { messageType: "success" }],
  ["get-annotated-message", { messageType: "debug" }],
  ["get-resource-links", { count: 4 }],
  ["get-resource-reference", { resourceType: "Blob", resourceId: 3 }],
  ["get-resource-reference", { resourceType: "Text", resourceId: 2 }],
  ["get-resource-reference", { resourceType: "Text", resourceId: -1 }],
  ["get-structured-content", { location: "Chicago" }],
  ["get-structured-content", { location: "Kiel" }],
  ["get-sum", { a: 1.5, b: 2 }],
  ["get-tiny-image"],
  ["gzip-file-as-resource", { name: "a.gz", data: "data:text/plain,abc", outputType: "resource" }],
  ["gzip-file-as-resource", { name: "b.gz", data: "data:text/plain,äöü" }],
  ["gzip-file-as-resource", { name: "c.gz", data: "ftp://example.com/" }],
  ["trigger-long-running-operation", { duration: 0.2, steps: 4 }],
  ["trigger-sampling-request", { prompt: "Sing", maxTokens: 9 }],
  ["trigger-elicitation-request"],
  ["trigger-url-elicitation", { url: "https://example.com/in", elicitationId: "e-1" }],
  ["trigger-url-elicitation", { url: "https://example.com/error", errorPath: true }],
  ["trigger-sampling-request-async", { prompt: "Sing later", maxTokens: 9 }],
  ["trigger-elicitation-request-async"],
];

async function prompts(visitor: Visitor): Promise<Answers> {
  const { client } = visitor;
  const get = (name: string, args: Record<string, string>) =>
    outcome(() => client.getPrompt({ name: visitor.named(name), arguments: args }));
  return {
    prompts: visitor.own((await client.listPrompts()).prompts),
    "simple-prompt": await get("simple-prompt", {}),
    "args-prompt": await get("args-prompt", { city: "Wien", state: "Ö" }),
    "args-prompt lacks one": await get("args-prompt", {}),
    "completable-prompt": await get("completable-prompt", { department: "Sales", name: "Eve" }),
    "resource-prompt": visitor.plain(
      await get("resource-prompt", { resourceType: "Blob", resourceId: "5" }),
    ),
    "resource-prompt of nothing": await get("resource-prompt", {
      resourceType: "Blob",
      resourceId: "x",
    }),
  };
}

async function completions(visitor: Visitor): Promise<Answers> {
  const prompt = (name: string) => ({ type: "ref/prompt" as const, name: visitor.named(name) });
  const template = {
    type: "ref/resource" as const,
    uri: "demo://resource/dynamic/text/{resourceId}",
  };
  const complete = (
    ref: ReturnType<typeof prompt> | typeof template,
    [name, value]: readonly [string, string],
    known?: Record<string, string>,
  ) =>
    outcome(() =>
      visitor.client.complete({
        ref,
        argument: { name, value },
        ...(known === undefined ? {} : { context: { arguments: known } }),
      })
    );
  return {
    "complete departments": await complete(prompt("completable-prompt"), ["department", "S"]),
    "complete names": await complete(prompt("completable-prompt"), ["name", ""], {
      department: "Support",
    }),
    "complete nothing": await complete(prompt("completable-prompt"), ["name", "x"]),
    "complete a type": await complete(prompt("resource-prompt"), ["resourceType", ""]),
    "complete an id": await complete(template, ["resourceId", "12"]),
  };
}

/** What a template makes, and what no template does. */
async function dynamic(visitor: Visitor): Promise<Answers> {
  const answers: Record<string, unknown> = {};
  for (const path of ["dynamic/text/7", "dynamic/blob/8", "dynamic/text/x", "none/at/all"]) {
    const uri = `demo://resource/${path}`;
    answers[`read ${uri}`] = visitor.plain(
      await outcome(() => visitor.client.readResource({ uri })),
    );
  }
  return answers;
}

async function subscriptions(visitor: Visitor): Promise<Answers> {
  const uri = "demo://resource/static/document/features.md";
  const subscribed = await visitor.client.subscribeResource({ uri });
  const before = visitor.updated.length;
  const on = await visitor.call("toggle-subscriber-updates");
  await until(() => visitor.updated.length > before, "an update");
  const off = await visitor.call("toggle-subscriber-updates");
  return {
    subscribed,
    "updates on": on,
    updated: visitor.updated.slice(before, before + 1),
    "updates off": off,
    unsubscribed: await visitor.client.unsubscribeResource({ uri }),
  };
}

/** One message of a random level is sent at once; the level that is asked for decides on it. */
async function logs(visitor: Visitor): Promise<Answers> {
  const level = async (name: "debug" | "emergency") => {
    await visitor.client.setLoggingLevel(name);
    const on = await visitor.call("toggle-simulated-logging");
    const off = await visitor.call("toggle-simulated-logging");
    return JSON.parse(
      JSON.stringify([on, off]).replaceAll(/"level":"\w+"/g, '"level":"<any>"').replaceAll(
        /\w+[- ]level[- ]message/gi,
        "<any>",
      ),
    );
  };
  return { "logs of all levels": await level("debug") };
}

async function tasks(visitor: Visitor): Promise<Answers> {
  const { tasks } = visitor.client.experimental;
  visitor.asked.length = 0;
  const begin = (topic: string) =>
    tasks.callToolStream(
      { name: visitor.named(RESEARCH), arguments: { topic, ambiguous: true } },
      CallToolResultSchema,
      { task: { ttl: 60_000 }, timeout: 60_000 },
    );
  const ends: unknown[] = [];
  let listed: unknown;
  for await (const message of begin("Häfen")) {
    if (message.type === "taskStatus") {
      listed ??= (await tasks.listTasks()).tasks.filter(({ taskId }) =>
        taskId === message.task.taskId
      ).map(({ taskId, ttl, pollInterval }) => ({ taskId, ttl, pollInterval }));
    } else ends.push(message);
  }
  const cancelled: unknown[] = [];
  for await (const message of begin("Fähren")) {
    if (message.type !== "taskCreated") continue;
    cancelled.push(await outcome(() => tasks.cancelTask(message.task.taskId)));
    cancelled.push(await outcome(() => tasks.getTask(message.task.taskId)));
    cancelled.push(await outcome(() => tasks.cancelTask(message.task.taskId)));
    break;
  }
  return {
    "a task": visitor.plain({ ends, listed, asked: visitor.asked }),
    "a task that is cancelled": visitor.plain(cancelled),
  };
}

/** The environment differs by nature; that it is one does not. */
async function environment(visitor: Visitor): Promise<Answers> {
  const { content } = await visitor.client.callTool({ name: visitor.named("get-env") });
  const [block] = Array.isArray(content) ? content : [];
  return { "call get-env": { type: block?.type, of: typeof JSON.parse(block?.text) } };
}

async function askEverything(visitor: Visitor): Promise<Answers> {
  const others = ["get-env", "toggle-simulated-logging", "toggle-subscriber-updates", RESEARCH];
  const first = {
    ...await tools(visitor, EVERYTHING_CALLS, others),
    ...await resources(visitor, "demo:"),
    ...await prompts(visitor),
    ...await completions(visitor),
    ...await dynamic(visitor),
  };
  const changesBefore = visitor.resourceChanges;
  const called = await calls(visitor, EVERYTHING_CALLS);
  await until(() => visitor.resourceChanges > changesBefore, "a changed list");
  // The change that was told first may be another one.
  for (let turn = 0; turn < 100; turn++) {
    const { resources } = await visitor.client.listResources();
    if (resources.some(({ name }) => name === "b.gz")) break;
    await pause(50);
  }
  return {
    ...first,
    ...called,
    "what calls have made": await resources(visitor, "demo://resource/session/"),
    ...await subscriptions(visitor),
    ...await logs(visitor),
    ...await tasks(visitor),
    ...await environment(visitor),
  };
}

const KÄPTN = { name: "Käptn", entityType: "person", observations: ["sails", "sings 🎶"] };
const BOAT = { name: "Boat", entityType: "thing", observations: ["x".repeat(10_000)] };
const STEERS = { from: "Käptn", to: "Boat", relationType: "steers" };

const MEMORY_CALLS: Calls = [
  ["read_graph"],
  ["create_entities", { entities: [KÄPTN, BOAT] }],
  ["create_relations", { relations: [STEERS] }],
  ["add_observations", { observations: [{ entityName: "Käptn", contents: ["sleeps"] }] }],
  ["add_observations", { observations: [{ entityName: "None", contents: ["sleeps"] }] }],
  ["search_nodes", { query: "SINGS" }],
  ["open_nodes", { names: ["Boat", "None"] }],
  ["delete_observations", { deletions: [{ entityName: "Käptn", observations: ["sails"] }] }],
  ["delete_relations", { relations: [STEERS] }],
  ["create_entities", { entities: "none" }],
  ["delete_entities", { entityNames: ["Käptn", "Boat"] }],
];

async function askMemory(visitor: Visitor): Promise<Answers> {
  const uri = "memory://knowledge-graph";
  const listed = { ...await tools(visitor, MEMORY_CALLS), ...await resources(visitor, "memory:") };
  const subscribed = await outcome(() => visitor.client.subscribeResource({ uri }));
  const called = await calls(visitor, MEMORY_CALLS);
  await until(() => visitor.updated.length >= 6, "six updates");
  return {
    ...listed,
    subscribed,
    ...called,
    updated: [...visitor.updated],
    unsubscribed: await outcome(() => visitor.client.unsubscribeResource({ uri })),
    "nothing is left": await visitor.call("read_graph"),
  };
}

function fileCalls(folder: string): Calls {
  const path = `${folder}/häfen.txt`;
  return [
    ["list_allowed_directories"],
    ["write_file", { path, content: "Kiel\nRostock\nEmden\n" }],
    ["read_file", { path }],
    ["read_text_file", { path, head: 2 }],
    ["read_text_file", { path: `${folder}/none.txt` }],
    ["read_text_file", { path: "/etc/hostname" }],
    ["read_media_file", { path: `${folder}/dot.png` }],
    ["read_multiple_files", { paths: [path, `${folder}/none.txt`] }],
    ["edit_file", { path, edits: [{ oldText: "Rostock", newText: "Hamburg" }] }],
    ["edit_file", { path, edits: [{ oldText: "None", newText: "x" }], dryRun: true }],
    ["create_directory", { path: `${folder}/sub/sub` }],
    ["move_file", { source: path, destination: `${folder}/sub/ports.txt` }],
    ["list_directory", { path: folder }],
    ["list_directory_with_sizes", { path: `${folder}/sub`, sortBy: "size" }],
    ["directory_tree", { path: folder }],
    ["search_files", { path: folder, pattern: "**/*.txt" }],
    ["get_file_info", { path: `${folder}/sub/ports.txt` }],
  ];
}

/** One pixel. */
const DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9" +
  "awAAAABJRU5ErkJggg==";

async function askFilesystem(visitor: Visitor, folder: string): Promise<Answers> {
  for await (const { name } of Deno.readDir(folder)) {
    await Deno.remove(`${folder}/${name}`, { recursive: true });
  }
  await Deno.writeFile(`${folder}/dot.png`, Uint8Array.from(atob(DOT), (c) => c.charCodeAt(0)));
  const list = fileCalls(folder);
  return { ...await tools(visitor, list), ...await calls(visitor, list) };
}

const THOUGHTS: Calls = [1, 2, 3].map((thoughtNumber) => [
  "sequentialthinking",
  {
    thought: `Überlegung ${thoughtNumber}`,
    nextThoughtNeeded: thoughtNumber < 3,
    thoughtNumber,
    totalThoughts: 3,
    ...(thoughtNumber === 2 ? { branchFromThought: 1, branchId: "b" } : {}),
  },
]);

async function askThinking(visitor: Visitor): Promise<Answers> {
  const list: Calls = [...THOUGHTS, ["sequentialthinking", { thought: "no number" }]];
  return { ...await tools(visitor, list), ...await calls(visitor, list) };
}

/** The servers. */
export const REAL_SERVERS: readonly RealServer[] = [
  {
    id: "reference/everything",
    package: "@modelcontextprotocol/server-everything@2026.8.31",
    ask: askEverything,
  },
  {
    id: "npx/memory",
    package: "@modelcontextprotocol/server-memory@2026.8.31",
    // It writes a file beside the one that it is given, to replace it.
    byNpx: true,
    env: (folder) => ({ "MEMORY_FILE_PATH": `${folder}/memory.jsonl` }),
    ask: askMemory,
  },
  {
    id: "reference/filesystem",
    package: "@modelcontextprotocol/server-filesystem@2026.8.31",
    args: (folder) => [folder],
    settings: (folder) => ({ paths: JSON.stringify([folder]) }),
    ask: askFilesystem,
  },
  {
    id: "reference/sequentialthinking",
    package: "@modelcontextprotocol/server-sequential-thinking@2026.8.31",
    ask: askThinking,
  },
];

/**
 * `wharf call --url`: what it prints, asks and ends with. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { parseArguments } from "../../lib/cli/arguments.ts";
import { callRemote, type RemoteDeps } from "../../lib/cli/remote.ts";
import { namedVariables } from "../../lib/cli/remote_flags.ts";
import { AppError } from "../../lib/core/errors.ts";
import type { DirectPerson, DirectServer, DirectSpec } from "../../lib/mcp/mod.ts";

type Call = DirectServer["call"];

const ECHO = {
  name: "echo",
  title: "Echo",
  description: "Says it\u202e again",
  inputSchema: {
    type: "object" as const,
    properties: { text: { type: "string" }, times: { type: "integer" }, tags: { type: "array" } },
    required: ["text"],
  },
};

/** How a server behaves. */
interface World {
  readonly call?: Call;
  readonly tools?: readonly (typeof ECHO)[];
  readonly isTerminal?: boolean;
  readonly open?: (person: DirectPerson) => Promise<void>;
}

/** Runs a command line against a server. */
async function run(words: readonly string[], world: World = {}) {
  const invocation = parseArguments(["call", "--url", "https://mcp.example/mcp", ...words]);
  assert.ok(invocation.kind === "remote");
  const [out, err, status]: [string[], string[], string[]] = [[], [], []];
  const { call = () => Promise.resolve({}), tools = [ECHO], isTerminal = false } = world;
  let spec: DirectSpec | undefined;
  let closed = 0;
  const open: RemoteDeps["open"] = async (given, { person }) => {
    spec = given;
    await world.open?.(person);
    return {
      info: { name: "srv", version: "1", capabilities: {}, protocolVersion: "2025-11-25" },
      tools,
      definitions: tools,
      tool(name) {
        const found = tools.find((tool) => tool.name === name);
        if (found !== undefined) return found;
        throw new AppError("NOT_FOUND", `Cannot call "${name}": it has no such tool`);
      },
      call,
      [Symbol.asyncDispose]: () => Promise.resolve(void closed++),
    };
  };
  const code = await callRemote(invocation, {
    open,
    terminal: {
      out: (line) => void out.push(line),
      err: (line) => void err.push(line),
      status: (line) => void status.push(line),
      question: isTerminal ? () => Promise.resolve("y") : undefined,
      columns: undefined,
    },
    signal: new AbortController().signal,
  });
  return { code, out, err, status, spec, closed: () => closed };
}

Deno.test("callRemote() lists tools with their arguments, for people and as JSON", async () => {
  const { code, out, closed } = await run([]);
  assert.deepEqual([code, out, closed()], [0, [
    "tool  arguments            what it does",
    "echo  text, times?, tags?  Says it again",
  ], 1]);
  const json = await run(["--output", "json"]);
  assert.equal(json.out.length, 1);
  // What hides is escaped, and means the same.
  assert.doesNotMatch(json.out[0] ?? "", /\u202e/);
  const { server, tools } = JSON.parse(json.out[0] ?? "");
  assert.deepEqual([server.name, tools], ["srv", [ECHO]]);
  assert.deepEqual((await run([], { tools: [] })).out, ["srv 1 offers no tools"]);
});

Deno.test("callRemote() brings arguments into the form of the schema, and leaves JSON as it is", async () => {
  const asked: unknown[] = [];
  const call: Call = (name, args) => {
    asked.push([name, args]);
    return Promise.resolve({ content: [{ type: "text", text: "done" }] });
  };
  const words = ["echo", "text=5", "times=3", "tags=a,b", "--json", '{"times":"x","more":"7"}'];
  const { code, out, spec } = await run(words, { call });
  assert.deepEqual([code, out], [0, ["done"]]);
  assert.deepEqual(asked, [["echo", { times: 3, more: "7", text: "5", tags: ["a", "b"] }]]);
  assert.equal(spec?.url, "https://mcp.example/mcp");
});

Deno.test("callRemote() prints the text or the whole result, and ends with 1 when the tool failed", async () => {
  const result = {
    content: [{ type: "text", text: "it\u0007 broke" }],
    structuredContent: { n: 1 },
    isError: true,
    _meta: { "x/y": 1 },
  };
  const call: Call = () => Promise.resolve(result);
  const text = await run(["echo", "text=x"], { call });
  assert.deepEqual([text.code, text.out], [1, ["it broke"]]);
  const json = await run(["echo", "text=x", "--output", "json"], { call });
  assert.equal(json.code, 1);
  assert.deepEqual(JSON.parse(json.out[0] ?? ""), result);
});

Deno.test("callRemote() shows progress cleaned, and clears it", async () => {
  const call: Call = (_name, _args, options) => {
    options?.onProgress?.({ progress: 1, total: 2, message: "half\u001b[2J way" });
    options?.onProgress?.({ progress: "odd" });
    return Promise.resolve({ content: [] });
  };
  const { status } = await run(["echo"], { call });
  assert.deepEqual(status, ["[##########----------]  50%  half[2J way", ""]);
});

Deno.test("callRemote() draws no progress over a question", async () => {
  let elicit: DirectPerson["elicit"] | undefined;
  const form = { requestedSchema: { properties: { n: { type: "integer" } } } };
  const call: Call = async (_name, _args, options) => {
    const { signal } = new AbortController();
    const asked = elicit?.(form, signal);
    options?.onProgress?.({ progress: 1, message: "hidden" });
    await asked;
    options?.onProgress?.({ progress: 2, message: "shown" });
    return { content: [] };
  };
  const open = (person: DirectPerson) => Promise.resolve(void (elicit = person.elicit));
  assert.deepEqual((await run(["echo"], { call, open, isTerminal: true })).status, ["shown", ""]);
});

Deno.test("callRemote() tells errors, and ends the connection", async () => {
  const unknown = await run(["ecko"]);
  assert.deepEqual([unknown.code, unknown.err, unknown.closed()], [
    1,
    ['wharf: Cannot call "ecko": it has no such tool'],
    1,
  ]);
  const open = () => Promise.reject(new AppError("INVALID_ARGUMENT", "Cannot call: it is odd"));
  const odd = await run(["echo", "--output", "json"], { open });
  assert.equal(odd.code, 2);
  assert.equal(JSON.parse(odd.out[0] ?? "").error.code, "INVALID_ARGUMENT");
});

Deno.test("callRemote() hands over the page of a sign-in", async () => {
  const { err } = await run([], {
    open: async ({ authorize }) => {
      const url = new URL("https://login.example/?x=1");
      const server = new URL("https://mcp.example/mcp");
      const { signal } = new AbortController();
      const answer = await authorize({ url, server, redirectUrl: server }, { signal });
      assert.equal(answer, undefined);
    },
  });
  assert.deepEqual(err, [
    "Sign in to mcp.example: open this page in a browser of this machine",
    "  https://login.example/?x=1",
  ]);
});

Deno.test("callRemote() asks a person at a terminal, and declines without one", async () => {
  const schema = { properties: { n: { type: "integer", default: 1 } } };
  const answers: unknown[] = [];
  const open = async (person: DirectPerson) => {
    const { signal } = new AbortController();
    answers.push([person.opensPages, await person.elicit({ requestedSchema: schema }, signal)]);
  };
  await run([], { open });
  await run(["--elicit", "ask"], { open });
  await run(["--elicit", "defaults"], { open, isTerminal: true });
  // The person types "y", which is no number, until the question is given up.
  await run([], { open, isTerminal: true });
  assert.deepEqual(answers, [
    [false, { action: "decline" }],
    [false, { action: "decline" }],
    [false, { action: "accept", content: { n: 1 } }],
    [true, { action: "cancel" }],
  ]);
});

Deno.test("parseArguments() reads a server at an address, and who signs in there", () => {
  const invocation = parseArguments([
    "call",
    "echo",
    "a=1",
    "--url=https://mcp.example/mcp",
    "--header",
    "X-Key=env:KEY",
    "--header=Authorization=Bearer env:TOKEN",
    "--client-id",
    "me",
    "--client-secret",
    "env:SECRET",
    "--grant",
    "client_credentials",
    "--elicit",
    "decline",
  ]);
  assert.ok(invocation.kind === "remote");
  const { tool, pairs, json, elicit, target } = invocation;
  assert.deepEqual({ tool, pairs, json, elicit, target }, {
    tool: "echo",
    pairs: { a: "1" },
    json: {},
    elicit: "decline",
    target: {
      url: "https://mcp.example/mcp",
      headers: ["X-Key=env:KEY", "Authorization=Bearer env:TOKEN"],
      signIn: { clientId: "me", clientSecret: "env:SECRET", grant: "client_credentials" },
    },
  });
  assert.deepEqual(namedVariables(target), ["KEY", "TOKEN", "SECRET"]);
  assert.throws(() => parseArguments(["call", "echo", "--header", "A=b"]), {
    code: "INVALID_ARGUMENT",
    message: "Cannot use --header: it is for a remote server",
  });
  assert.throws(() => parseArguments(["call", "--url", "https://a/", "--elicit", "often"]), {
    code: "INVALID_ARGUMENT",
    hint: "Choose from ask, defaults, decline",
  });
  assert.throws(() => parseArguments(["call"]), { code: "INVALID_ARGUMENT" });
  assert.throws(() => parseArguments(["call", "--url", "https://a/", "--json", "{}"]), {
    message: 'Cannot run "call": <tool> is missing',
  });
});

/**
 * `wharf call --url` as a person runs it, against servers that the MCP SDK has built. Needs all
 * permissions.
 *
 * @module
 */

import assert from "node:assert/strict";
import { denoArgs } from "../../tools/deno.ts";
import { AuthServer } from "../gateway/auth_server.ts";
import { RemoteServer, type RemoteTool } from "./remote_server.ts";
import { runWharf, type WharfOptions } from "./wharf.ts";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;

const FORM = {
  message: "Who are you?",
  requestedSchema: {
    type: "object",
    properties: {
      name: { type: "string", title: "Name", default: "John" },
      age: { type: "integer", default: 30 },
      plan: { type: "string", enum: ["free", "paid"], default: "free" },
      agreed: { type: "boolean", default: true },
    },
    required: ["name"],
  },
};

/** What a server's question came to, as text. */
async function told(answer: Promise<Record<string, unknown>>): Promise<Record<string, unknown>> {
  const text = await answer.then(
    (given) => JSON.stringify(given),
    (thrown) => `refused: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
  );
  return { content: [{ type: "text", text }] };
}

const TOOLS: readonly RemoteTool[] = [
  {
    definition: {
      name: "add",
      description: "Adds\u202e numbers",
      inputSchema: {
        type: "object",
        properties: { a: { type: "number" }, b: { type: "number" }, tags: { type: "array" } },
        required: ["a", "b"],
      },
    },
    call: (args) => ({
      content: [{ type: "text", text: `\u001b[31m${JSON.stringify(args)}` }],
      structuredContent: { sum: Number(args["a"]) + Number(args["b"]) },
      _meta: { "test/kept": true },
    }),
  },
  {
    definition: { name: "fail", inputSchema: { type: "object" } },
    call: () => ({ content: [{ type: "text", text: "it broke" }], isError: true }),
  },
  {
    definition: { name: "ask", inputSchema: { type: "object" } },
    call: (_args, { ask }) => told(ask("elicitation/create", FORM)),
  },
  {
    definition: { name: "sample", inputSchema: { type: "object" } },
    call: (_args, { ask }) =>
      told(ask("sampling/createMessage", {
        maxTokens: 1,
        messages: [{ role: "user", content: { type: "text", text: "hi" } }],
      })),
  },
  {
    definition: { name: "roots", inputSchema: { type: "object" } },
    call: (_args, { ask }) => told(ask("roots/list")),
  },
];

/** Runs `wharf call --url` with a state directory of its own. */
async function call(
  server: RemoteServer,
  words: readonly string[],
  options: WharfOptions = {},
): Promise<{ code: number; stdout: string; stderr: string; state: readonly string[] }> {
  const state = await Deno.makeTempDir();
  try {
    const args = ["call", "--url", server.url.href, ...words, "--state-dir", state];
    const result = await runWharf(args, options);
    const left = await Array.fromAsync(Deno.readDir(state), ({ name }) => name);
    return { ...result, state: left };
  } finally {
    await Deno.remove(state, { recursive: true });
  }
}

Deno.test("wharf call --url lists tools, calls one, and keeps nothing", async () => {
  await using server = new RemoteServer({ tools: TOOLS });
  const listed = await call(server, []);
  assert.deepEqual([listed.code, listed.stderr, listed.state], [0, "", []]);
  assert.match(listed.stdout, /^tool +arguments +what it does\nadd +a, b, tags\? +Adds numbers\n/);
  const json = JSON.parse((await call(server, ["--output", "json"])).stdout);
  assert.equal(json.tools[0].description, "Adds\u202e numbers");

  const words = ["add", "a=2", "b=3.5", 'tags=["x,y"]'];
  const added = await call(server, words);
  assert.deepEqual([added.code, added.stdout, added.stderr, added.state], [
    0,
    '[31m{"a":2,"b":3.5,"tags":["x,y"]}\n',
    "",
    [],
  ]);
  const whole = await call(server, [...words, "--output", "json"]);
  const { content, structuredContent, _meta } = JSON.parse(whole.stdout);
  assert.deepEqual([structuredContent, _meta], [{ sum: 5.5 }, { "test/kept": true }]);
  assert.equal(content[0].text, '\u001b[31m{"a":2,"b":3.5,"tags":["x,y"]}');
  assert.equal(server.sessions.size, 0, "each session was ended");
});

Deno.test("wharf call --url ends with 1 for a tool that failed or is not there", async () => {
  await using server = new RemoteServer({ tools: TOOLS });
  const failed = await call(server, ["fail"]);
  assert.deepEqual([failed.code, failed.stdout], [1, "it broke\n"]);
  const unknown = await call(server, ["ad", "a=1"]);
  assert.equal(unknown.code, 1);
  assert.match(
    unknown.stderr,
    /Cannot call "ad" of "127\.0\.0\.1:\d+": it has no such tool\nNext: /,
  );
  assert.match(unknown.stderr, /Nearest tools: add/);
  assert.equal((await call(server, ["add", "five"])).code, 2);
});

Deno.test("wharf call --url declines questions without a person, or takes the defaults", async () => {
  await using server = new RemoteServer({ tools: TOOLS });
  const declined = await call(server, ["ask"]);
  assert.equal(declined.stdout, '{"action":"decline"}\n');
  assert.match(
    declined.stderr,
    /asks: Who are you\?\nDeclined: nobody is asked; --elicit defaults/,
  );
  const taken = await call(server, ["ask", "--elicit", "defaults"]);
  assert.deepEqual(JSON.parse(taken.stdout), {
    action: "accept",
    content: { name: "John", age: 30, plan: "free", agreed: true },
  });
  assert.equal(taken.stderr, "");
});

Deno.test("wharf call --url refuses sampling with a reason, and has no roots", async () => {
  await using server = new RemoteServer({ tools: TOOLS });
  const sampled = await call(server, ["sample"]);
  assert.match(sampled.stdout, /refused: .*Cannot sample: a command line has no model/);
  assert.equal((await call(server, ["roots"])).stdout, '{"roots":[]}\n');
});

Deno.test("wharf call --url sends headers that references lead to, and never shows them", async () => {
  await using server = new RemoteServer({ tools: TOOLS });
  const directory = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${directory}/key`, "file-s3cret\n");
    const headers = [
      "--header",
      "Authorization=Bearer env:A_TOKEN_OF_TESTS",
      "--header",
      `X-Key=file:${directory}/key`,
    ];
    const env = { A_TOKEN_OF_TESTS: "env-s3cret" };
    // As Wharf is started by most: what it may read of the environment is named.
    const permissions = ["-P=full", "--allow-env=A_TOKEN_OF_TESTS"];
    const { code, stderr } = await call(server, ["add", "a=1", "b=2", ...headers], {
      env,
      permissions,
    });
    assert.deepEqual([code, stderr], [0, ""]);
    for (const { headers: sent } of server.asked) {
      assert.equal(sent.get("authorization"), "Bearer env-s3cret");
      assert.equal(sent.get("x-key"), "file-s3cret");
    }
    server.intercept = () => new Response("no: env-s3cret file-s3cret", { status: 403 });
    const refused = await call(server, ["add", ...headers, "--log-level", "debug"], { env });
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /it does not allow this/);
    assert.doesNotMatch(refused.stdout + refused.stderr, /s3cret/);
    server.intercept = () => new Response("no: literal-s3cret", { status: 403 });
    const exposed = await call(server, ["add", "--header", "X-Api-Key=literal-s3cret"]);
    assert.match(exposed.stderr, /can be read by others/);
    assert.doesNotMatch(exposed.stderr, /s3cret/);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("wharf call --url asks nothing of a host that the policy denies", async () => {
  await using server = new RemoteServer({ tools: TOOLS });
  const config = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(config, JSON.stringify({ policy: { deny: [{ host: "127.*" }] } }));
    const { code, stderr } = await call(server, ["add", "--config", config]);
    assert.equal(code, 1);
    assert.match(stderr, /the operator denies host "127\.\*"\nNext: .*policy\.deny\[0\]/);
    assert.deepEqual(server.asked, []);
  } finally {
    await Deno.remove(config);
  }
});

Deno.test("wharf call --url cancels the call at the server when it is interrupted", async () => {
  // Its own tool `slow` tells how far it is, and ends when it is cancelled.
  await using server = new RemoteServer();
  const state = await Deno.makeTempDir();
  try {
    const child = await spawned(["call", "--url", server.url.href, "slow", "--state-dir", state]);
    const { promise: called, resolve } = Promise.withResolvers<void>();
    server.intercept = async (request) => {
      const isCall = request.method === "POST" &&
        (await request.clone().text()).includes("tools/call");
      if (isCall) resolve();
      return undefined;
    };
    await called;
    child.kill("SIGINT");
    await server.cancelled.promise;
    const { code, stderr } = await child.output();
    assert.equal(code, 1);
    assert.match(new TextDecoder().decode(stderr), /wharf: Cannot .*cancelled/);
    assert.equal(server.sessions.size, 0);
  } finally {
    await Deno.remove(state, { recursive: true });
  }
});

Deno.test("wharf call --url signs in by the page that it prints, and later without", async () => {
  await using server = new RemoteServer({ tools: TOOLS });
  const login = new AuthServer({ issuer: server.url.origin, resource: server.url.href });
  server.intercept = async (request) => {
    if (new URL(request.url).pathname !== "/mcp") return await login.handle(request);
    if (login.accepts(request)) return undefined;
    return new Response(null, { status: 401, headers: { "www-authenticate": login.challenge } });
  };
  const state = await Deno.makeTempDir();
  try {
    const words = ["call", "--url", server.url.href, "add", "a=1", "b=1", "--state-dir", state];
    const child = await spawned(words);
    let said = "";
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
      said += text;
      const page = /open this page in a browser of this machine\n {2}(http\S+)\n/.exec(said)?.[1];
      if (page !== undefined) {
        said = "";
        assert.match(await (await fetch(page)).text(), /You may close this window/);
      }
    }
    assert.equal((await child.status).code, 0);
    await child.stdout.cancel();
    const kept = await Array.fromAsync(Deno.readDir(state), ({ name }) => name);
    assert.deepEqual(kept.filter((name) => name.endsWith(".json")), ["oauth.json"]);
    const again = await runWharf(words);
    assert.deepEqual([again.code, again.stderr], [0, ""]);
    assert.equal(login.count("GET /authorize"), 1);
  } finally {
    await Deno.remove(state, { recursive: true });
  }
});

Deno.test({
  name: "wharf call --url asks the person at a terminal",
  // A terminal is made by util-linux's script.
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using server = new RemoteServer({ tools: TOOLS });
    const accepted = await atTerminal(server, ["", "Ann", "x", "41", "2", "n"]);
    assert.match(accepted, /asks: Who are you\?/);
    assert.match(accepted, /Name \[John\]: /);
    assert.match(accepted, /Not taken: type a number/);
    assert.match(accepted, / {2}1 {2}free\r?\n {2}2 {2}paid/);
    const content = '{"name":"Ann","age":41,"plan":"paid","agreed":false}';
    assert.ok(accepted.includes(`{"action":"accept","content":${content}}`), accepted);
    assert.match(await atTerminal(server, ["n"]), /\{"action":"decline"\}/);
    assert.match(await atTerminal(server, ["y", "Ann", "\u0004"]), /\{"action":"cancel"\}/);
  },
});

/** Wharf as a child with piped output. */
async function spawned(words: readonly string[]): Promise<Deno.ChildProcess> {
  return new Deno.Command(Deno.execPath(), {
    args: await denoArgs(["run", "-A", "-q", "--no-prompt", MAIN, ...words]),
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Calls `ask` on a pseudo-terminal, types a line at each prompt, and gives all that was shown. */
async function atTerminal(server: RemoteServer, lines: readonly string[]): Promise<string> {
  const state = await Deno.makeTempDir();
  try {
    const args = await denoArgs(["run", "-A", "-q", "--no-prompt", MAIN, "call", "ask"]);
    const command = [Deno.execPath(), ...args, "--url", server.url.href, "--state-dir", state];
    const child = new Deno.Command("script", {
      args: ["-qec", command.map((word) => `'${word}'`).join(" "), "/dev/null"],
      env: { NO_COLOR: "1" },
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    const typed = lines.values();
    let shown = "";
    let seen = 0;
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      shown += text;
      // A prompt is a line that waits.
      if (!/: $/.test(shown.slice(seen))) continue;
      seen = shown.length;
      const { value = "c" } = typed.next();
      await writer.write(new TextEncoder().encode(value === "\u0004" ? value : `${value}\n`));
    }
    await writer.close().catch(() => {});
    await child.status;
    return shown;
  } finally {
    await Deno.remove(state, { recursive: true });
  }
}

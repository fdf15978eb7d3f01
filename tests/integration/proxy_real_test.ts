/**
 * Real servers from npm, driven through Wharf by the SDK's client over HTTP and stdio and by the
 * MCP inspector's command line: whatever they answer, ask and tell is what they answer, ask and
 * tell directly. Needs all permissions, npm, and npx.
 *
 * @module
 */

import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { Client, StreamableHTTPClientTransport } from "../sdk.ts";
import { REAL_SERVERS, type RealServer } from "./proxy_real_servers.ts";
import { type Answers, pause, Visitor, type VisitorOptions } from "./proxy_real_visitor.ts";
import { StdioClientTransport } from "./sdk_stdio.ts";
import { startWharf, wharfCommand } from "./wharf.ts";

const PASSED_ON = ["PATH", "HOME", "DENO_DIR", "DENO_CERT", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"];

/** What processes of npm need on machines with proxies and certificates of their own. */
const OF_WHARF = ["NODE_EXTRA_CA_CERTS", "DENO_TLS_CA_STORE", "HTTPS_PROXY", "NO_PROXY"];

function environment(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => {
    const value = Deno.env.get(name);
    return value === undefined ? [] : [[name, value]];
  }));
}

/** A way to the servers: by themselves, or through Wharf. */
interface Way {
  /** What stands before a server's names. */
  prefix(server: RealServer): string;
  /** Where a server works. */
  folder(server: RealServer): Promise<string>;
  /** Connects a client. */
  connect(server: RealServer, client: Client): Promise<void>;
}

function nameOf({ id }: RealServer): string {
  return id.slice(id.indexOf("/") + 1);
}

function foldersIn(root: string): Way["folder"] {
  return async (server) => {
    const path = `${root}/${nameOf(server)}`;
    await Deno.mkdir(path, { recursive: true });
    return path;
  };
}

/** How a server is started by itself. */
function commandOf(server: RealServer, folder: string) {
  const args = server.args?.(folder) ?? [];
  return {
    ...(server.byNpx === true
      ? { command: "npx", args: ["-y", server.package, ...args] }
      : { command: Deno.execPath(), args: [...NPM, `npm:${server.package}`, ...args] }),
    env: { NO_COLOR: "1", ...environment(PASSED_ON), ...server.env?.(folder) },
  };
}

/** Runs each server as Wharf would, but asks it itself. */
function directly(root: string): Way {
  const folder = foldersIn(`${root}/direct`);
  return {
    prefix: () => "",
    folder,
    async connect(server, client) {
      const command = commandOf(server, await folder(server));
      await client.connect(new StdioClientTransport({ ...command, stderr: "ignore" }));
    },
  };
}

const NPM = ["run", "-A", "-q", "--no-config", "--no-lock", "--no-prompt"];

/** Asks each server for everything, on one way. */
async function answersOf(way: Way): Promise<Answers> {
  const answers: Record<string, unknown> = {};
  for (const server of REAL_SERVERS) {
    const folder = await way.folder(server);
    const options: VisitorOptions = { prefix: way.prefix(server), own: { [folder]: "<folder>" } };
    await using visitor = new Visitor(options);
    await way.connect(server, visitor.client);
    for (const [name, answer] of Object.entries(await server.ask(visitor, folder))) {
      answers[`${server.id}: ${name}`] = answer;
    }
  }
  return answers;
}

/** What Wharf is told beside a server's id. */
function activation(server: RealServer, folder: string): Readonly<Record<string, unknown>> {
  const settings = server.settings?.(folder) ?? server.env?.(folder);
  const env = settings === undefined ? {} : { env: settings };
  return server.byNpx === true
    ? { command: "npx", args: ["-y", server.package], ...env }
    : { "launch_method": "stdio-proxy", ...env };
}

function assertAlike(through: Answers, direct: Answers, log: string): void {
  assert.deepEqual(Object.keys(through), Object.keys(direct));
  const differing = Object.keys(direct)
    .filter((name) => !isDeepStrictEqual(through[name], direct[name]));
  const of = (all: Answers) => Object.fromEntries(differing.map((name) => [name, all[name]]));
  assert.deepEqual(of(through), of(direct), log);
}

const INSPECTOR = "npm:@modelcontextprotocol/inspector@2.11.0";

/** What the inspector is asked for, by the prefix of the server's names. */
const INSPECTIONS: Readonly<Record<string, (prefix: string) => readonly string[]>> = {
  tools: () => ["--method", "tools/list"],
  prompts: () => ["--method", "prompts/list"],
  resources: () => ["--method", "resources/list"],
  templates: () => ["--method", "resources/templates/list"],
  "a call": (prefix) => [
    ...["--method", "tools/call", "--tool-name", `${prefix}get-structured-content`],
    ...["--tool-arg", "location=New York"],
  ],
  "a prompt": (prefix) => [
    ...["--method", "prompts/get", "--prompt-name", `${prefix}args-prompt`],
    ...["--prompt-args", "city=Köln"],
  ],
  "a resource": () => [
    ...["--method", "resources/read", "--uri", "demo://resource/static/document/features.md"],
  ],
  "a level": () => ["--method", "logging/setLevel", "--log-level", "debug"],
};

/** Runs the inspector's command line, and gives what it prints. */
async function inspect(cwd: string, args: readonly string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...NPM, INSPECTOR, "--cli", "--config", `${cwd}/servers.json`, ...args],
    cwd,
    clearEnv: true,
    env: { NO_COLOR: "1", ...environment(PASSED_ON) },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  assert.equal(code, 0, decoder.decode(stderr));
  return JSON.parse(decoder.decode(stdout));
}

/**
 * Of the lists through Wharf, what the server has when it is asked directly: the inspector can do
 * less than Wharf says to servers, so that they offer it less.
 */
function ownOf(
  through: Record<string, unknown>,
  direct: Record<string, unknown>,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(through).map(([member, value]) => {
      const known = direct[member];
      const key = { tools: "name", prompts: "name", resources: "uri" }[member] ?? "uriTemplate";
      const isList = Array.isArray(value) && Array.isArray(known) && !/^co|^mess/.test(member);
      if (!isList) return [member, value];
      const names = new Set(known.map((item) => item[key]));
      const named = value.map((item) =>
        key === "name" ? { ...item, name: item.name.replace(/^everything_/, "") } : item
      );
      return [member, named.filter((item) => names.has(item[key]))];
    }),
  );
}

Deno.test("real servers answer through Wharf as they answer directly", async (t) => {
  const root = await Deno.makeTempDir({ prefix: "wharf-real-" });
  await using stack = new AsyncDisposableStack();
  stack.defer(() => Deno.remove(root, { recursive: true }));
  const env = {
    ...environment(OF_WHARF),
    XDG_STATE_HOME: `${root}/state`,
    MCP_REGISTRY_CACHE_DIR: `${root}/cache`,
  };
  const config = `${root}/config.json`;
  const policy = { unsandboxed: true, "ad_hoc": true, "host_paths": [root] };
  await Deno.writeTextFile(config, JSON.stringify({ policy }));
  const folder = foldersIn(`${root}/through`);
  const through = { prefix: (server: RealServer) => `${nameOf(server)}_`, folder };
  const direct = answersOf(directly(root));
  // Awaited below; until then it must not be an unhandled rejection.
  direct.catch(() => {});
  const wharf = await startWharf(["--config", config], { env });
  stack.defer(async () => void await wharf.stop("SIGTERM"));
  const connectHttp = (client: Client) =>
    client.connect(new StreamableHTTPClientTransport(wharf.mcp));

  await t.step("they are activated", async () => {
    const client = new Client({ name: "test", version: "1" });
    await connectHttp(client);
    for (const server of REAL_SERVERS) {
      const added = await client.callTool(
        {
          name: "registry-add",
          arguments: {
            id: server.id,
            prefix: nameOf(server),
            confirm: true,
            ...activation(server, await folder(server)),
          },
        },
        undefined,
        { timeout: 120_000 },
      );
      assert.ok(added.isError !== true, JSON.stringify(added.content));
    }
    await client.close();
  });
  await t.step("over HTTP", async () => {
    const answers = await answersOf({ ...through, connect: (_, client) => connectHttp(client) });
    assertAlike(answers, await direct, wharf.stderr());
  });
  await t.step("over HTTP, asked by the MCP inspector", async () => {
    const cwd = `${root}/inspector`;
    await Deno.mkdir(cwd);
    const server = REAL_SERVERS[0];
    assert.ok(server !== undefined);
    const servers = {
      direct: commandOf(server, await folder(server)),
      wharf: { type: "streamable-http", url: wharf.mcp.href },
    };
    await Deno.writeTextFile(`${cwd}/servers.json`, JSON.stringify({ mcpServers: servers }));
    for (const [name, ask] of Object.entries(INSPECTIONS)) {
      const [through, direct] = await Promise.all([
        inspect(cwd, ["--server", "wharf", ...ask("everything_")]),
        inspect(cwd, ["--server", "direct", ...ask("")]),
      ]);
      assert.deepEqual(ownOf(through, direct), direct, name);
    }
  });
  assert.equal(await wharf.stop("SIGTERM"), 0);
  await t.step("over stdio, with what was active before", async () => {
    const command = await wharfCommand(["--config", config], { env });
    const connect = (_: RealServer, client: Client) =>
      client.connect(new StdioClientTransport({ ...command, stderr: "ignore" }));
    assertAlike(await answersOf({ ...through, connect }), await direct, "");
    // The SDK leaves a timer of two seconds behind.
    await pause(2_100);
  });
});

/**
 * The processes that `proxy.ts` measures: a small server over stdio and over HTTP, Wharf in front of
 * both over stdio and over HTTP, and a client of the SDK's for each of the four. Needs all
 * permissions.
 *
 * @module
 */

import { denoArgs } from "../../tools/deno.ts";
import { Client, StreamableHTTPClientTransport } from "../sdk.ts";
import { StdioClientTransport } from "./sdk.ts";

/** How a client and a server are joined. */
export type Pipe = "stdio" | "http";

/** Wharf in a process of its own, with a client that talks to it. */
export interface WharfUnderTest {
  /** The client. */
  readonly client: Client;
  /** Number of Wharf's process. */
  readonly pid: number;
}

/** What is measured. */
export interface ProxyWorld extends AsyncDisposable {
  /** Clients that talk to the server itself. */
  readonly direct: Readonly<Record<Pipe, Client>>;
  /** Clients that talk to Wharf, which has the server under the prefixes `stdio` and `http`. */
  readonly wharf: Readonly<Record<Pipe, WharfUnderTest>>;
}

const ROOT = new URL("../../", import.meta.url);

/** The operator lets the bench's own server run as it is. */
const CONFIG = { policy: { unsandboxed: true, ad_hoc: true, confirm: "never" } };

/** Ends what was started, the last first. */
type Ends = (() => Promise<unknown>)[];

/**
 * Starts everything.
 *
 * @param directory An empty directory, for Wharf's state.
 */
export async function startWorld(directory: string): Promise<ProxyWorld> {
  const ends: Ends = [];
  const end = async () => {
    for (const one of ends.reverse()) await one();
  };
  try {
    const config = `${directory}/config.json`;
    await Deno.writeTextFile(config, JSON.stringify(CONFIG));
    const upstream = await denoArgs(["run", "-q", "-A", pathOf("tests/bench/proxy_upstream.ts")]);
    const served = await startProcess([...upstream, "http"], "stdout", ends);
    const add = async (id: string, flags: readonly string[]) =>
      await finish([
        ...await wharfArgs(),
        ...["add", id, "--yes", ...flags, "--config", config],
        ...placeArgs(directory),
      ]);
    await add("bench-http", ["--prefix", "http", "--url", served.url]);
    await add("bench-stdio", [
      ...["--prefix", "stdio", "--command", "deno"],
      ...upstream.map((word) => `--arg=${word}`),
    ]);
    const direct = {
      stdio: (await connectStdio(upstream, ends)).client,
      http: await connectHttp(served.url, ends),
    };
    return {
      direct,
      wharf: {
        stdio: await startWharf("stdio", { directory, ends, config }),
        http: await startWharf("http", { directory, ends, config }),
      },
      [Symbol.asyncDispose]: end,
    };
  } catch (thrown) {
    await end();
    throw thrown;
  }
}

/** What a Wharf is started with. */
export interface WharfStart {
  /** Directory of its state. */
  readonly directory: string;
  /** Takes what ends it. */
  readonly ends: Ends;
  /** Its config file. */
  readonly config?: string;
}

/**
 * Starts Wharf as the tasks of deno.json do, and a client that talks to it.
 *
 * @param pipe How they are joined.
 * @param start Its state.
 */
export async function startWharf(pipe: Pipe, start: WharfStart): Promise<WharfUnderTest> {
  const { directory, ends, config } = start;
  const args = [
    ...await wharfArgs(),
    "serve",
    ...(config === undefined ? [] : ["--config", config]),
    ...placeArgs(directory),
  ];
  if (pipe === "stdio") return await connectStdio(args, ends);
  const served = await startProcess(
    [...args, "--transport", "http", "--port", "0"],
    "stderr",
    ends,
  );
  return { client: await connectHttp(served.url, ends), pid: served.pid };
}

function pathOf(file: string): string {
  return new URL(file, ROOT).pathname;
}

/** As the tasks of deno.json start it. */
function wharfArgs(): Promise<string[]> {
  const flags = ["-q", "--no-prompt", "--v8-flags=--max-semi-space-size=4", "-P=full"];
  return denoArgs(["run", ...flags, pathOf("main.ts")]);
}

function placeArgs(directory: string): string[] {
  return [
    ...["--source", "none", "--state-dir", `${directory}/wharf`],
    ...["--cache-dir", `${directory}/cache`],
  ];
}

/** Runs Deno to its end. */
async function finish(args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: ROOT,
    stdout: "null",
  }).output();
  if (!success) throw new Error(`Cannot prepare Wharf: ${new TextDecoder().decode(stderr)}`);
}

/** Starts Deno, which tells on one of its streams where it listens. */
async function startProcess(
  args: readonly string[],
  told: "stdout" | "stderr",
  ends: Ends,
): Promise<{ readonly url: string; readonly pid: number }> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: ROOT,
    stdin: "null",
    stdout: told === "stdout" ? "piped" : "null",
    stderr: told === "stderr" ? "piped" : "null",
  }).spawn();
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const drained = readAll(child[told], resolve).then((text) =>
    reject(new Error(`Cannot start a server: ${text}`))
  );
  ends.push(async () => {
    child.kill("SIGTERM");
    await child.status;
    await drained;
  });
  return { url: await promise, pid: child.pid };
}

/**
 * Reads to the end; the first address of an MCP endpoint on the way is told at once. What follows
 * is dropped unread: the lines of calls, which must not take the time of the bench itself.
 */
async function readAll(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  found: (url: string) => void,
): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let url: string | undefined;
  for await (const part of stream) {
    if (url !== undefined) continue;
    text += decoder.decode(part, { stream: true });
    url = /http:\/\/\S+\/mcp/.exec(text)?.[0];
    if (url !== undefined) found(url);
  }
  return text;
}

async function connectStdio(args: readonly string[], ends: Ends): Promise<WharfUnderTest> {
  const client = new Client({ name: "bench", version: "1" });
  const transport = new StdioClientTransport({
    command: Deno.execPath(),
    args: [...args],
    cwd: ROOT.pathname,
    stderr: "ignore",
  });
  ends.push(() => client.close());
  await client.connect(transport);
  return { client, pid: transport.pid ?? 0 };
}

async function connectHttp(url: string, ends: Ends): Promise<Client> {
  const client = new Client({ name: "bench", version: "1" });
  ends.push(() => client.close());
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  return client;
}

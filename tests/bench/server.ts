/**
 * A Wharf server in its own process, as a client of MCP over HTTP sees it. Needs run and net
 * permission, and read permission for `/proc`.
 *
 * @module
 */

/** A running server with one session. */
export interface BenchServer extends AsyncDisposable {
  /** Calls a tool and reads the whole answer. */
  call(tool: string, args: Readonly<Record<string, unknown>>): Promise<unknown>;
  /** Resident memory in MiB, or `undefined` where the system has no `/proc`. */
  residentMiB(): Promise<number | undefined>;
}

/** A running server. */
export interface BenchProcess extends AsyncDisposable {
  /** Where MCP is. */
  readonly url: string;
  /** Resident memory in MiB, or `undefined` where the system has no `/proc`. */
  residentMiB(): Promise<number | undefined>;
}

/**
 * Starts a server that serves MCP over HTTP.
 *
 * @param command The whole command line.
 * @param onOutput Takes what comes on standard output. @default it is dropped
 */
export async function startProcess(
  command: readonly string[],
  onOutput: (text: string) => void = () => {},
): Promise<BenchProcess> {
  const [program = "", ...args] = command;
  const child = new Deno.Command(program, {
    args,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const drained = child.stdout.pipeThrough(new TextDecoderStream())
    .pipeTo(new WritableStream({ write: onOutput }));
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const said = readAll(child.stderr, resolve).then((text) =>
    reject(new Error(`Cannot start the server:\n${text}`))
  );
  return {
    url: await promise,
    async residentMiB() {
      try {
        const status = await Deno.readTextFile(`/proc/${child.pid}/status`);
        const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(status) ?? [];
        return kib === undefined ? undefined : Number(kib) / 1024;
      } catch {
        return undefined;
      }
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await child.status;
      await Promise.all([said, drained]);
    },
  };
}

/**
 * Starts a server and opens a session.
 *
 * @param command Deno with the arguments that come before Wharf's own.
 * @param cacheDirectory Its cache.
 */
export async function startServer(
  command: readonly string[],
  cacheDirectory: string,
): Promise<BenchServer> {
  const server = await startProcess([
    ...command,
    ...["serve", "--transport", "http", "--port", "0", "--cache-dir", cacheDirectory],
  ]);
  const { url } = server;
  let id = 0;
  let session: string | undefined;

  async function send(method: string, params: unknown, notify = false): Promise<unknown> {
    const response = await fetch(url, {
      method: "POST",
      headers: {
        "accept": "application/json, text/event-stream",
        "content-type": "application/json",
        ...(session === undefined ? {} : { "mcp-session-id": session }),
      },
      body: JSON.stringify({
        jsonrpc: "2.0",
        method,
        params,
        ...(notify ? {} : { id: ++id }),
      }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`Cannot call "${method}": ${response.status} ${text}`);
    session ??= response.headers.get("mcp-session-id") ?? undefined;
    if (notify) return undefined;
    // An event stream carries the answer as its last data line.
    const json = text.startsWith("{") ? text : text.match(/^data: ?(\{.*)$/mg)?.at(-1)?.slice(5);
    return JSON.parse(json ?? "null");
  }

  await send("initialize", {
    protocolVersion: "2025-06-18",
    capabilities: {},
    clientInfo: { name: "bench", version: "0" },
  });
  await send("notifications/initialized", {}, true);
  return {
    async call(tool, args) {
      // The shape that JSON-RPC and MCP prescribe; anything else fails the next line.
      const answer = await send("tools/call", { name: tool, arguments: args }) as {
        readonly result?: { readonly isError?: boolean; readonly structuredContent?: unknown };
      } | null;
      if (answer?.result === undefined || answer.result.isError === true) {
        throw new Error(`Cannot call "${tool}": ${JSON.stringify(answer).slice(0, 500)}`);
      }
      return answer.result.structuredContent;
    },
    residentMiB: () => server.residentMiB(),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** Reads to the end; the first address of an MCP endpoint on the way is told at once. */
async function readAll(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  found: (url: string) => void,
): Promise<string> {
  let text = "";
  for await (const part of stream.pipeThrough(new TextDecoderStream())) {
    text += part;
    const url = /http:\/\/\S+\/mcp/.exec(text)?.[0];
    if (url !== undefined) found(url);
  }
  return text;
}

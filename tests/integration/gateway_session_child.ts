/**
 * An MCP server that keeps to the protocol until its mode says otherwise. Started by
 * `gateway_session_test.ts` with the mode as its argument. Needs run permission for some modes.
 *
 * @module
 */

interface Request {
  readonly id?: number;
  readonly method: string;
  readonly params?: { readonly name?: string; readonly arguments?: Record<string, unknown> };
}

const mode = Deno.args[0] ?? "well";
const encoder = new TextEncoder();

async function writeAll(stream: typeof Deno.stdout, bytes: Uint8Array): Promise<void> {
  for (let sent = 0; sent < bytes.length;) sent += await stream.write(bytes.subarray(sent));
}

function print(text: string): Promise<void> {
  return writeAll(Deno.stdout, encoder.encode(text));
}

function send(message: Record<string, unknown>): Promise<void> {
  return print(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
}

async function flood(stream: typeof Deno.stdout, text: string, mebibytes: number): Promise<void> {
  const chunk = encoder.encode(text.repeat(Math.ceil(1024 * 1024 / text.length)));
  for (let index = 0; index < mebibytes; index++) await writeAll(stream, chunk);
}

async function call(id: number, name: string, args: Record<string, unknown>): Promise<void> {
  switch (name) {
    case "echo":
      return await send({ id, result: { content: [], structuredContent: args, further: [null] } });
    case "large":
      return await send({ id, result: { text: "é".repeat(Number(args.chars)) } });
    case "never":
      return;
    case "die":
      await writeAll(Deno.stderr, encoder.encode("fatal: the disk is full\n"));
      return Deno.exit(3);
    case "kill":
      return Deno.kill(Deno.pid, "SIGKILL");
    case "orphan":
      // The grandchild holds both pipes open.
      new Deno.Command("sleep", {
        args: ["3"],
        stdin: "null",
        stdout: "inherit",
        stderr: "inherit",
      })
        .spawn().unref();
      return Deno.exit(4);
    case "huge-message":
      return await flood(Deno.stdout, "x", 200);
    case "stderr-flood":
      await flood(Deno.stderr, "warning: something\n", 300);
      return await send({ id, result: { flooded: true } });
    case "stdout-flood":
      await flood(
        Deno.stdout,
        '{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"x"}}\n',
        100,
      );
      return await send({ id, result: { flooded: true } });
    case "garbage":
      return await flood(Deno.stdout, "not a message\n", 50);
  }
}

async function answer({ id, method, params }: Request): Promise<void> {
  if (id === undefined) {
    if (method === "notifications/cancelled") await send({ method: "notifications/was_cancelled" });
    return;
  }
  switch (method) {
    case "initialize":
      if (mode === "mute") return;
      return await send({
        id,
        result: {
          protocolVersion: "2025-06-18",
          capabilities: { tools: { listChanged: true } },
          serverInfo: { name: "child", version: "1" },
        },
      });
    case "tools/list":
      if (mode === "endless") return await send({ id, result: { tools: [], nextCursor: "x" } });
      return await send({
        id,
        result: { tools: [{ name: "echo", inputSchema: { type: "object" } }] },
      });
    case "tools/call":
      return await call(id, params?.name ?? "", params?.arguments ?? {});
  }
}

if (mode === "stubborn") Deno.addSignalListener("SIGTERM", () => {});
if (mode === "babble") {
  while (true) await print("garbage\n");
}
let rest = "";
for await (const chunk of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  const lines = `${rest}${chunk}`.split("\n");
  rest = lines.pop() ?? "";
  for (const line of lines) await answer(JSON.parse(line));
  if (mode === "deaf") await new Promise(() => setInterval(() => {}, 1_000));
}
if (mode === "stubborn") await new Promise(() => setInterval(() => {}, 1_000));

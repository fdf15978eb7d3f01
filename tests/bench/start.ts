/**
 * Part of `deno task bench`: from the start of a server's process to its first list of tools over
 * stdio, and its memory at rest after that, beside the protocol's own everything server in the same
 * run; and how large the bundle is that binaries are made of. Needs all permissions, and npx.
 *
 * @example
 * ```sh
 * deno run -A tools/deno.ts run -A tests/bench/start.ts
 * deno run -A tools/deno.ts run -A tests/bench/start.ts --rounds=5
 * ```
 *
 * @module
 */

import { makeBundle } from "../../tools/bundle.ts";
import { denoArgs } from "../../tools/deno.ts";
import { ENTRY } from "../../tools/release.ts";
import { type Contender, formatTable, measure } from "./measure.ts";

const PEER = "@modelcontextprotocol/server-everything";
const ROUNDS = 20;

/** Time in which a process that nobody asks comes to rest, in milliseconds. */
const REST_MS = 3000;

/** As the tasks of deno.json start it, and as binaries carry it. */
const FLAGS = ["-q", "--no-prompt", "--v8-flags=--max-semi-space-size=4"];

/** A server that answered its list of tools, and still runs. */
interface Started {
  readonly tools: number;
  readonly pid: number;
  end(): Promise<void>;
}

/** Starts a server and does what a client does first. */
async function start(command: readonly string[]): Promise<Started> {
  const [program = "", ...args] = command;
  const child = new Deno.Command(program, {
    args,
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const writer = child.stdin.getWriter();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const encoder = new TextEncoder();
  let rest = "";
  const send = (message: object) =>
    writer.write(encoder.encode(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`));
  const answer = async (id: number): Promise<{ readonly tools?: readonly unknown[] }> => {
    while (true) {
      const end = rest.indexOf("\n");
      if (end === -1) {
        const { done, value } = await reader.read();
        if (done) throw new Error(`Cannot ask "${command.join(" ")}": it ended`);
        rest += value;
        continue;
      }
      const line = rest.slice(0, end);
      rest = rest.slice(end + 1);
      const message: { readonly id?: number; readonly result?: object } = JSON.parse(line);
      if (message.id === id && message.result !== undefined) return message.result;
    }
  };
  await send({
    id: 1,
    method: "initialize",
    params: {
      protocolVersion: "2025-06-18",
      capabilities: {},
      clientInfo: { name: "bench", version: "1" },
    },
  });
  await answer(1);
  await send({ method: "notifications/initialized" });
  await send({ id: 2, method: "tools/list", params: {} });
  const { tools = [] } = await answer(2);
  if (tools.length === 0) throw new Error(`Cannot ask "${command.join(" ")}": it has no tools`);
  return {
    tools: tools.length,
    pid: child.pid,
    async end() {
      await writer.close();
      await reader.cancel();
      await child.status;
    },
  };
}

/** A server that is started anew in each round. */
function contender(name: string, command: readonly string[]): Contender {
  let running: Started | undefined;
  return {
    name,
    run: async () => {
      running = await start(command);
    },
    settle: async () => await running?.end(),
  };
}

/** Resident memory of a process and of all that it started, in MiB; nothing without `/proc`. */
async function residentMiB(pid: number): Promise<number | undefined> {
  try {
    const status = await Deno.readTextFile(`/proc/${pid}/status`);
    const [, kib = "0"] = /^VmRSS:\s+(\d+) kB$/m.exec(status) ?? [];
    const children = await Deno.readTextFile(`/proc/${pid}/task/${pid}/children`);
    const below = await Promise.all(
      children.split(" ").filter(Boolean).map((child) => residentMiB(Number(child))),
    );
    return below.reduce((sum: number, mib) => sum + (mib ?? 0), Number(kib) / 1024);
  } catch {
    return undefined;
  }
}

/** Memory of a server that listed its tools and was left alone. */
async function atRest(command: readonly string[]): Promise<string> {
  const started = await start(command);
  await new Promise((resolve) => setTimeout(resolve, REST_MS));
  const mib = await residentMiB(started.pid);
  await started.end();
  return `${
    mib === undefined ? "not measured here" : `${mib.toFixed(0)} MiB`
  }, ${started.tools} tools`;
}

/** The binary of `deno task compile`, where it is one: a stand-in says another version line. */
async function binary(): Promise<string | undefined> {
  const path = new URL("../../dist/wharf", import.meta.url).pathname;
  try {
    const { stdout } = await new Deno.Command(path, { args: ["--version"] }).output();
    return new TextDecoder().decode(stdout).startsWith("wharf ") ? path : undefined;
  } catch {
    return undefined;
  }
}

async function main(): Promise<void> {
  const rounds = Number(/^--rounds=(\d+)$/.exec(Deno.args[0] ?? "")?.[1] ?? ROUNDS);
  const directory = await Deno.makeTempDir({ prefix: "wharf-start-" });
  try {
    const { files, bytes } = await makeBundle(`${directory}/bundle`);
    say(`the bundle: ${files} files, ${(bytes / 1_000_000).toFixed(2)} MB`);
    const own = [
      ...["serve", "--source", "none"],
      ...["--cache-dir", `${directory}/cache`, "--state-dir", `${directory}/state`],
    ];
    const deno = Deno.execPath();
    const main = new URL("../../main.ts", import.meta.url).pathname;
    const alone = ["--no-config", "--no-remote", "--no-npm", "-A"];
    const compiled = await binary();
    const commands: readonly (readonly [string, readonly string[]])[] = [
      [`npx -y ${PEER}`, ["npx", "-y", PEER, "stdio"]],
      ["wharf, bundle", [deno, "run", ...FLAGS, ...alone, `${directory}/bundle/${ENTRY}`, ...own]],
      ["wharf, checkout", [
        deno,
        ...await denoArgs(["run", ...FLAGS, "--no-check", "-A", main]),
        ...own,
      ]],
      ...(compiled === undefined ? [] : [["wharf, binary", [compiled, ...own]] as const]),
    ];
    const rows = await measure(
      commands.map(([name, command]) => contender(name, command)),
      { rounds },
    );
    const title = `from the start of the process to tools/list over stdio, ${rounds} rounds`;
    for (const line of formatTable(title, rows)) say(line);
    say(`resident memory ${REST_MS / 1000} s after that, with all child processes`);
    for (const [name, command] of commands) say(`  ${name}: ${await atRest(command)}`);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

if (import.meta.main) await main();

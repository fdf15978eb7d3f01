/**
 * Part of `deno task bench`: a start of Wharf with many activated servers, from the start of the
 * process to the list of tools. Needs all permissions.
 *
 * @module
 */

import { builtinEntries } from "../../lib/catalog/mod.ts";
import { ActiveStore } from "../../lib/gateway/mod.ts";
import { planActivation } from "../../lib/gateway/plan.ts";
import { parsePolicy } from "../../lib/gateway/policy.ts";
import { openDisk } from "../../lib/host/disk.ts";
import { denoArgs } from "../../tools/deno.ts";
import { FakeLog } from "../fake_log.ts";
import { measure } from "./measure.ts";

const SERVERS = 20;
const TOOLS = 20;

/** What the project asks of itself. */
const GOAL_MS = 300;

/**
 * Writes the state of active servers, each of which has tools of an ordinary size.
 *
 * @param directory Gets a folder `wharf`, the state directory.
 * @param servers How many.
 */
export async function writeState(directory: string, servers: number): Promise<void> {
  const [entry] = builtinEntries({ source: "builtin" });
  if (entry === undefined) throw new Error("there is no built-in entry");
  const plan = planActivation(entry, { by: "operator" }, { policy: parsePolicy() });
  const store = new ActiveStore({ disk: openDisk(`${directory}/wharf`), log: new FakeLog() });
  await store.change(() => ({
    approved: [],
    servers: Array.from({ length: servers }, (_, server) => ({
      id: `bench/server-${server}`,
      settingIds: [`bench/server-${server}`],
      prefix: `s${server}`,
      plan: { ...plan, id: `bench/server-${server}` },
      pinned: "npm:server@1.0.0",
      tools: Array.from({ length: TOOLS }, (_, tool) => ({
        name: `tool_${tool}`,
        description: `Does the thing of number ${tool}. ${
          "It takes some words to say how. ".repeat(6)
        }`,
        inputSchema: {
          type: "object",
          properties: Object.fromEntries(
            Array.from({ length: 6 }, (_, number) => [
              `argument_${number}`,
              { type: "string", description: "What it is for, in a few words." },
            ]),
          ),
        },
      })),
      addedAt: "2026-01-01T00:00:00.000Z",
    })),
  }));
}

/** A server over stdio, until it has listed all tools. */
async function listTools(directory: string): Promise<void> {
  const main = new URL("../../main.ts", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: await denoArgs([
      "run",
      "-q",
      "--no-prompt",
      "-A",
      main,
      "--source",
      "none",
      "--state-dir",
      `${directory}/wharf`,
    ]),
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const message = (id: number, method: string, params: unknown) =>
    new TextEncoder().encode(`${JSON.stringify({ jsonrpc: "2.0", id, method, params })}\n`);
  const writer = child.stdin.getWriter();
  await writer.write(message(1, "initialize", {
    protocolVersion: "2025-06-18",
    capabilities: {},
    clientInfo: { name: "bench", version: "1" },
  }));
  await writer.write(message(2, "tools/list", {}));
  let text = "";
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  while (!text.includes('"id":2')) {
    const { done, value } = await reader.read();
    if (done) throw new Error("the server ended");
    text += value;
  }
  if (!text.includes("s19_tool_")) {
    // A long list comes in pages; the first one tells that it is there.
    if (!text.includes("s0_tool_") && !text.includes("nextCursor")) throw new Error("no tools");
  }
  await reader.cancel();
  child.kill("SIGKILL");
  await child.status;
  await writer.abort().catch(() => {});
}

if (import.meta.main) {
  const directory = await Deno.makeTempDir({ prefix: "wharf-bench-" });
  try {
    await writeState(directory, SERVERS);
    const [row] = await measure([{ name: "start", run: () => listTools(directory) }]);
    Deno.stdout.writeSync(
      new TextEncoder().encode(
        `from the start of the process to tools/list with ${SERVERS} active servers of ${TOOLS} tools: ${
          row?.medianMs.toFixed(0)
        } ms (goal ${GOAL_MS} ms)\n`,
      ),
    );
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

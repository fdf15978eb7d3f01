/**
 * Part of `deno task bench`: what a call costs more through Wharf than direct, what a result of
 * 5 MiB costs in memory, and how long the tools of many servers take to list. Needs all permissions,
 * and Linux for the memory.
 *
 * All is done with real processes and the SDK's client. Calls go direct and through Wharf in short
 * turns of one run, so that what else the machine does hits both alike. "Added" is the quantile of
 * all calls through Wharf less the same quantile of all direct calls to the same server. Where Wharf
 * is reached over one transport and reaches the server over the other, the direct calls are those
 * over HTTP, which is part of the way either way.
 *
 * - `echo` answers at once. With one call in flight its latency is the way there and back. With
 *   more, each answer is followed by the next call without a pause, so that the machine is saturated:
 *   by Little's law a latency then is the number in flight times the time that the processors take
 *   for one call, the client's and the server's included. It measures throughput.
 * - `wait` answers after {@linkcode WAIT_MS}, as a tool does that asks somebody else, and calls begin
 *   evenly spread. So many calls are in flight, and what is added is the time in Wharf and the time
 *   that calls stand in each other's way there.
 *
 * Lists are timed until the client has all pages; the SDK's `listTools` then checks every tool against
 * its schema, which is timed too, but is no work of Wharf's.
 *
 * @example
 * ```sh
 * deno run -A tools/deno.ts run -A tests/bench/proxy.ts --only=latency,memory,list --scale=0.1
 * ```
 *
 * @module
 */

import type { Client } from "../sdk.ts";
import { writeState } from "./gateway.ts";
import { type Pipe, type ProxyWorld, startWharf, startWorld } from "./proxy_world.ts";
import { ResultSchema } from "./sdk.ts";

const MIB = 1024 * 1024;

/** What the project asks of itself. */
const GOALS = { addedP50Ms: 1, addedP99Ms: 5, timesSize: 3, listMs: 20 } as const;

const PIPES: readonly Pipe[] = ["stdio", "http"];

const WAIT_MS = 100;

/** What is measured with so many calls in flight, and how many calls of each kind. */
const LOADS: readonly Load[] = [
  { tool: "echo", inFlight: 1, calls: 2_000, turn: 20 },
  { tool: "echo", inFlight: 8, calls: 4_000, turn: 80 },
  { tool: "echo", inFlight: 64, calls: 12_800, turn: 640 },
  { tool: "wait", inFlight: 8, calls: 2_000, turn: 80 },
  { tool: "wait", inFlight: 64, calls: 12_800, turn: 640 },
];

/** From a client over one transport to a server over another. */
interface Way {
  readonly from: Pipe;
  readonly to: Pipe;
}

const WAYS: readonly Way[] = PIPES.flatMap((from) => PIPES.map((to) => ({ from, to })));

interface Load {
  readonly tool: "echo" | "wait";
  readonly inFlight: number;
  /** Calls in all, direct and again through Wharf. */
  readonly calls: number;
  /** Calls until the other way has its turn. */
  readonly turn: number;
}

/** The result whose memory is measured, and how often it passes. */
const LARGE = { bytes: 5 * MIB, warmUps: 3, rounds: 9 } as const;

const LISTED = { servers: 50, tools: 20, warmUps: 5, rounds: 40 } as const;

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

/** A value below which a share of the values lies. */
function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

function sleep(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}

async function call(client: Client, name: string, args: Record<string, unknown>): Promise<void> {
  const result = await client.callTool({ name, arguments: args });
  if (result.isError === true) {
    throw new Error(`Cannot call "${name}": ${JSON.stringify(result.content).slice(0, 500)}`);
  }
}

/** Keeps so many calls in flight until all are done; gives the time of each. */
async function load(
  run: () => Promise<void>,
  { tool, inFlight, turn }: Pick<Load, "tool" | "inFlight" | "turn">,
): Promise<readonly number[]> {
  const times: number[] = [];
  let left = turn;
  await Promise.all(Array.from({ length: inFlight }, async (_, index) => {
    // Calls that wait equally long would else come all at once, again and again.
    if (tool === "wait") await sleep(index * WAIT_MS / inFlight);
    while (left-- > 0) {
      const startMs = performance.now();
      await run();
      times.push(performance.now() - startMs);
    }
  }));
  return times;
}

/** One row of the table. */
async function measureLoad(
  world: ProxyWorld,
  { from, to }: Way,
  { tool, inFlight, calls, turn }: Load,
): Promise<void> {
  const args = tool === "wait" ? { text: "hello", ms: WAIT_MS } : { text: "hello" };
  const direct: number[] = [];
  const through: number[] = [];
  const turns = [
    { times: direct, run: () => call(world.direct[from === to ? to : "http"], tool, args) },
    { times: through, run: () => call(world.wharf[from].client, `${to}_${tool}`, args) },
  ];
  const warmUps = tool === "wait" ? 1 : 3;
  for (let done = -warmUps * turn; done < calls; done += turn) {
    for (const { run, times } of turns) {
      const measured = await load(run, { tool, inFlight, turn });
      if (done >= 0) times.push(...measured);
    }
    // Neither way always comes first.
    turns.reverse();
  }
  const compared = [0.5, 0.99].map((share) => {
    const [before, after] = [quantile(direct, share), quantile(through, share)];
    return { before, after, added: after - before };
  });
  const goals = [GOALS.addedP50Ms, GOALS.addedP99Ms];
  const isMet = compared.every(({ added }, index) => added < (goals[index] ?? 0));
  const figures = compared.map(({ before, after, added }) =>
    `  ${[before, after, added].map((value) => value.toFixed(2).padStart(7)).join(" ")}`
  );
  say(
    `  ${verdict(isMet)}  ${nameOf({ from, to })}  ${tool}  ${String(inFlight).padStart(2)}` +
      `${figures.join("  |")}  | ${direct.length}`,
  );
}

async function measureLatency(world: ProxyWorld, scale: number): Promise<void> {
  say(
    `latency in ms, goal: p50 less than ${GOALS.addedP50Ms} ms and p99 less than ${GOALS.addedP99Ms} ms added`,
  );
  say("           client   server   tool in   p50 direct through added | p99 | calls each");
  for (const way of WAYS) {
    for (const one of LOADS) {
      const calls = Math.ceil(one.calls * scale / one.turn) * one.turn;
      await measureLoad(world, way, { ...one, calls });
    }
  }
}

/** Resident memory of a process, in bytes: now, and the most since it was last asked to forget. */
async function residentOf(pid: number): Promise<{ readonly now: number; readonly most: number }> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  const [now, most] = ["VmRSS", "VmHWM"].map((name) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]) * 1024
  );
  return { now: now ?? NaN, most: most ?? NaN };
}

/** How far the resident memory of a process grows beyond what it was, at its highest. */
async function growth(pid: number, run: () => Promise<void>): Promise<number> {
  // Forgets the highest value so far (proc(5), "clear_refs").
  await Deno.writeTextFile(`/proc/${pid}/clear_refs`, "5");
  const { now } = await residentOf(pid);
  await run();
  const { most } = await residentOf(pid);
  return most - now;
}

/** One row for a kind of content: a new Wharf each time, so that none inherits another's room. */
async function measureMemory(directory: string, way: Way, tool: "text" | "image"): Promise<void> {
  await using world = await startWorld(directory);
  const { client, pid } = world.wharf[way.from];
  for (let turn = 0; turn < 50; turn++) await call(client, `${way.to}_echo`, { text: "hello" });
  const idle = await residentOf(pid);
  const grown: number[] = [];
  for (let round = 0; round < LARGE.warmUps + LARGE.rounds; round++) {
    const bytes = await growth(
      pid,
      () => call(client, `${way.to}_${tool}`, { bytes: LARGE.bytes }),
    );
    grown.push(bytes);
    // What comes between large results leaves time for tidying up.
    for (let turn = 0; turn < 20; turn++) await call(client, `${way.to}_echo`, { text: "hello" });
  }
  const { now } = await residentOf(pid);
  const first = (grown[0] ?? NaN) / LARGE.bytes;
  const [median, worst] = [0.5, 1].map((share) =>
    quantile(grown.slice(LARGE.warmUps), share) / LARGE.bytes
  );
  const isMet = [first, worst].every((times = NaN) => times < GOALS.timesSize);
  say(
    `  ${verdict(isMet)}  ${nameOf(way)}  ${tool.padEnd(5)}  ${median?.toFixed(1)} times` +
      `  (the first ${first.toFixed(1)}, later at most ${worst?.toFixed(1)};` +
      ` resident ${(idle.now / MIB).toFixed(0)} MiB before, ${
        (now / MIB).toFixed(0)
      } MiB after all)`,
  );
}

/** The time for all pages of a warm server's tools. */
async function measureList(directory: string): Promise<void> {
  const { servers, tools, warmUps, rounds } = LISTED;
  await writeState(directory, servers);
  for (const pipe of PIPES) {
    const ends: (() => Promise<unknown>)[] = [];
    try {
      const { client } = await startWharf(pipe, { directory, ends });
      const [plain = [], checked = []]: number[][] = [[], []];
      for (let round = 0; round < warmUps + rounds; round++) {
        for (const [times, isChecked] of [[plain, false], [checked, true]] as const) {
          const startMs = performance.now();
          const listed = await listAll(client, isChecked);
          if (round >= warmUps) times.push(performance.now() - startMs);
          if (listed < servers * tools) throw new Error(`Cannot list: ${listed} tools came`);
        }
      }
      const median = quantile(plain, 0.5);
      say(
        `  ${verdict(median < GOALS.listMs)}  ${pipe.padEnd(5)}  ${median.toFixed(1)} ms` +
          `  (p99 ${quantile(plain, 0.99).toFixed(1)} ms;` +
          ` with the SDK's check of each tool ${quantile(checked, 0.5).toFixed(1)} ms)`,
      );
    } finally {
      for (const end of ends.reverse()) await end();
    }
  }
}

/** Reads all pages; gives the number of tools. */
async function listAll(client: Client, isChecked: boolean): Promise<number> {
  let listed = 0;
  let cursor: unknown;
  do {
    const params = cursor === undefined ? {} : { cursor: String(cursor) };
    const page = isChecked
      ? await client.listTools(params)
      : await client.request({ method: "tools/list", params }, ResultSchema);
    listed += Array.isArray(page.tools) ? page.tools.length : 0;
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return listed;
}

function verdict(isMet: boolean): string {
  return isMet ? "met    " : "NOT MET";
}

function nameOf({ from, to }: Way): string {
  return `${from.padEnd(5)} > ${to.padEnd(5)}`;
}

function flag(name: string): string | undefined {
  return Deno.args.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3);
}

async function main(): Promise<void> {
  const only = flag("only")?.split(",") ?? ["latency", "memory", "list"];
  const scale = Number(flag("scale") ?? 1);
  const directory = await Deno.makeTempDir({ prefix: "wharf-bench-" });
  let count = 0;
  const fresh = async () => {
    const path = `${directory}/${++count}`;
    await Deno.mkdir(path);
    return path;
  };
  try {
    say(
      `load of the machine at the start: ${
        Deno.loadavg()[0]?.toFixed(1)
      } on ${navigator.hardwareConcurrency} processors`,
    );
    if (only.includes("latency")) {
      await using world = await startWorld(await fresh());
      await measureLatency(world, scale);
    }
    if (only.includes("memory") && Deno.build.os === "linux") {
      say(
        `memory that a result of ${
          LARGE.bytes / MIB
        } MiB takes in Wharf beyond what it had, by its size, goal: less than ${GOALS.timesSize} times`,
      );
      for (const tool of ["text", "image"] as const) {
        for (const way of WAYS) await measureMemory(await fresh(), way, tool);
      }
    }
    if (only.includes("list")) {
      say(
        `all tools of ${LISTED.servers} active servers of ${LISTED.tools} tools, goal: less than ${GOALS.listMs} ms`,
      );
      await measureList(await fresh());
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

if (import.meta.main) {
  await main();
  // Servers over HTTP leave their streams open a while.
  Deno.exit();
}

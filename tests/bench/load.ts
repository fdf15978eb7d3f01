/**
 * Part of `deno task bench`: many sessions over Streamable HTTP that call tools for half a minute.
 * No error, no lost answer, and memory that stays where it was once all is warm. Needs all
 * permissions.
 *
 * @example
 * ```sh
 * deno run -A -q tools/deno.ts run -q -A tests/bench/load.ts --sessions=200 --seconds=30
 * ```
 *
 * @module
 */

import { denoArgs } from "../../tools/deno.ts";
import { type LoadReport, quantile, runLoad } from "./load_clients.ts";
import { startProcess } from "./server.ts";

const DEFAULT_SESSIONS = 200;
const DEFAULT_SECONDS = 30;

/** Before the measurement, so that caches are full and code is compiled. */
const WARM_UP_MS = 20_000;

/** What memory may grow by after the warm-up; calls that left 300 bytes behind would pass it. */
const GOAL_GROWTH = 0.25;

/** As the tasks of deno.json start it, and V8 says on standard output what it collects. */
const FLAGS = ["-q", "--no-prompt", "--v8-flags=--max-semi-space-size=4,--trace-gc"];

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

function numberOf(name: string, fallback: number): number {
  const value = Deno.args.find((arg) => arg.startsWith(`--${name}=`))?.split("=")[1];
  return value === undefined ? fallback : Number(value);
}

/** What V8 says after each collection of all garbage: what is held then, in MB. */
class HeapWatch {
  readonly #held: number[] = [];
  #rest = "";
  #isCounting = false;

  /** Begins to count. */
  begin(): void {
    this.#isCounting = true;
  }

  /** Takes the server's output. */
  take(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      const held = /Mark-Compact [\d.]+ \([\d.]+\) -> ([\d.]+) \(/.exec(line)?.[1];
      if (held !== undefined && this.#isCounting) this.#held.push(Number(held));
    }
  }

  /** What was held after each collection, in MB: a slope shows here before the halves tell. */
  get series(): string {
    return this.#held.map((held) => held.toFixed(0)).join(" ");
  }

  /** The least in either half of the time; `undefined` where there were too few collections. */
  halves(): readonly [number, number] | undefined {
    const middle = Math.floor(this.#held.length / 2);
    if (middle === 0) return undefined;
    // What is under way at the moment comes on top; the least has the least of it.
    return [Math.min(...this.#held.slice(0, middle)), Math.min(...this.#held.slice(-middle))];
  }
}

function show(sessions: number, report: LoadReport): boolean {
  const { answered, lost, errors, timesMs, tookMs } = report;
  const [half, most, worst] = [0.5, 0.99, 1].map((share) => quantile(timesMs, share).toFixed(0));
  say(`${sessions} sessions over Streamable HTTP for ${(tookMs / 1000).toFixed(0)} s`);
  say(`  calls   ${answered} (${(answered / (tookMs / 1000)).toFixed(0)} a second)`);
  say(`  times   median ${half} ms, 99 of 100 within ${most} ms, longest ${worst} ms`);
  say(`  lost    ${lost}`);
  say(`  errors  ${[...errors].map(([what, count]) => `${count} x ${what}`).join("; ") || "none"}`);
  return lost === 0 && errors.size === 0;
}

function showMemory(heap: HeapWatch, residentMiB: number | undefined): boolean {
  const halves = heap.halves();
  const resident = residentMiB === undefined ? "" : `; resident ${residentMiB.toFixed(0)} MiB`;
  if (halves === undefined) {
    say(`  memory  too short for two collections${resident}`);
    return true;
  }
  say(`  held    after each collection, in MB: ${heap.series}`);
  const [first, last] = halves;
  const growth = (last - first) / first;
  say(
    `  memory  least held after a collection: ${first.toFixed(0)} MB in the first half, ` +
      `${last.toFixed(0)} MB in the second (${growth < 0 ? "" : "+"}${
        (growth * 100).toFixed(1)
      } %, ` +
      `goal +${GOAL_GROWTH * 100} %)${resident}`,
  );
  return growth <= GOAL_GROWTH;
}

if (import.meta.main) {
  const sessions = numberOf("sessions", DEFAULT_SESSIONS);
  const directory = await Deno.makeTempDir({ prefix: "wharf-load-" });
  let isGood: boolean;
  try {
    const heap = new HeapWatch();
    await using server = await startProcess([
      Deno.execPath(),
      ...await denoArgs(["run", ...FLAGS, "-A", "main.ts"]),
      ...["serve", "--transport", "http", "--port", "0", "--source", "none", "--rate-limit", "0"],
      ...["--cache-dir", `${directory}/cache`, "--state-dir", `${directory}/state`],
      ...["--audit-log", `${directory}/calls.jsonl`],
    ], (text) => heap.take(text));
    const report = await runLoad({
      url: new URL(server.url),
      sessions,
      durationMs: numberOf("seconds", DEFAULT_SECONDS) * 1000,
      warmUpMs: WARM_UP_MS,
      onWarm: () => heap.begin(),
    });
    isGood = show(sessions, report);
    isGood = showMemory(heap, await server.residentMiB()) && isGood;
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
  if (!isGood) Deno.exit(1);
}

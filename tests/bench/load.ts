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
const WARM_UP_MS = 15_000;
const SAMPLE_MS = 1_000;

/** What the project asks of itself: what memory may grow by after the warm-up. */
const GOAL_GROWTH = 0.1;

/** As the tasks of deno.json start it. */
const FLAGS = ["-q", "--no-prompt", "--v8-flags=--max-semi-space-size=4"];

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

function numberOf(name: string, fallback: number): number {
  const value = Deno.args.find((arg) => arg.startsWith(`--${name}=`))?.split("=")[1];
  return value === undefined ? fallback : Number(value);
}

/** Takes the server's memory from time to time until it is disposed. */
class MemoryWatch implements AsyncDisposable {
  readonly samples: number[] = [];
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(read: () => Promise<number | undefined>) {
    this.#timer = setInterval(async () => {
      const mib = await read();
      if (mib !== undefined) this.samples.push(mib);
    }, SAMPLE_MS);
  }

  [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    return Promise.resolve();
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
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

function showMemory(samples: readonly number[]): boolean {
  const third = Math.floor(samples.length / 3);
  if (third === 0) return true;
  const [first, last] = [samples.slice(0, third), samples.slice(-third)].map(median);
  const growth = ((last ?? 0) - (first ?? 0)) / (first ?? 1);
  const most = Math.max(...samples).toFixed(0);
  say(
    `  memory  ${first?.toFixed(0)} MiB in the first third, ${last?.toFixed(0)} MiB in the last ` +
      `(${growth < 0 ? "" : "+"}${(growth * 100).toFixed(1)} %, goal +${GOAL_GROWTH * 100} %), ` +
      `most ${most} MiB`,
  );
  return growth <= GOAL_GROWTH;
}

if (import.meta.main) {
  const sessions = numberOf("sessions", DEFAULT_SESSIONS);
  const directory = await Deno.makeTempDir({ prefix: "wharf-load-" });
  let isGood: boolean;
  try {
    await using server = await startProcess([
      Deno.execPath(),
      ...await denoArgs(["run", ...FLAGS, "-A", "main.ts"]),
      ...["serve", "--transport", "http", "--port", "0", "--source", "none", "--rate-limit", "0"],
      ...["--cache-dir", `${directory}/cache`, "--state-dir", `${directory}/state`],
      ...["--audit-log", `${directory}/calls.jsonl`],
    ]);
    const url = new URL(server.url);
    await runLoad({ url, sessions, durationMs: WARM_UP_MS });
    await using memory = new MemoryWatch(() => server.residentMiB());
    const durationMs = numberOf("seconds", DEFAULT_SECONDS) * 1000;
    isGood = show(sessions, await runLoad({ url, sessions, durationMs }));
    isGood = showMemory(memory.samples) && isGood;
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
  if (!isGood) Deno.exit(1);
}

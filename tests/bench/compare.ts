/**
 * `deno task bench`: Wharf beside skopeo on one real registry, in one run. Whole process against
 * whole process, and a warm server against a whole process; figures are medians, and only their
 * ratios mean something. Needs all permissions.
 *
 * @example
 * ```sh
 * deno task bench
 * deno task bench --rounds=30
 * ```
 *
 * @module
 */

import { denoArgs } from "../../tools/deno.ts";
import { ensurePrerequisites } from "../../tools/prerequisites.ts";
import { buildEightPlatforms, type Built } from "../integration/images.ts";
import { type LocalRegistry, startRegistry } from "../integration/registry_harness.ts";
import { dockerUrl, skopeo } from "../integration/skopeo.ts";
import { type Contender, formatTable, measure, type Measured } from "./measure.ts";
import { type BenchServer, startServer } from "./server.ts";

const ROOT = new URL("../../", import.meta.url);
const PLAIN = "--tls-verify=false";
const REPOSITORY = "team/app";
const TAG_COUNT = 10_000;
const DEFAULT_ROUNDS = 10;
/** A warm answer takes so little that it is asked more often. */
const WARM = 10;
/** Repositories that the server has not been asked about. */
const others = Array.from({ length: 8 }, (_, n) => `team/other-${n}`);

/** As the tasks of deno.json start it. */
const FLAGS = ["-q", "--no-prompt", "--v8-flags=--max-semi-space-size=4"];

/** What the project asks of itself. */
const GOALS = { warmTimesFaster: 20, residentMiB: 120 } as const;

/** Wharf's command line, up to where its own arguments begin. */
interface Commands {
  /** From the checkout, as `deno run` starts it. */
  readonly checkout: readonly string[];
  /** The same bundled into one file. */
  readonly oneFile: readonly string[];
}

/** What is measured, and with what. */
interface Bench {
  /** Temporary, on the disk. */
  readonly directory: string;
  readonly registry: LocalRegistry;
  readonly built: Built;
  readonly commands: Commands;
  readonly server: BenchServer;
  readonly rounds: number;
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

/** Runs a command to its end and throws its output away. */
async function run(command: readonly string[]): Promise<void> {
  const [program = "", ...args] = command;
  const { success, stdout, stderr } = await new Deno.Command(program, { args, cwd: ROOT }).output();
  if (!success) {
    const decoder = new TextDecoder();
    throw new Error(
      `Cannot run "deno ${args.at(0)}": ${decoder.decode(stderr)}${decoder.decode(stdout)}`,
    );
  }
}

async function makeCommands(directory: string): Promise<Commands> {
  const deno = Deno.execPath();
  const file = `${directory}/wharf.js`;
  await run([deno, ...await denoArgs(["bundle", "-o", file, "main.ts"])]);
  return {
    checkout: [deno, ...await denoArgs(["run", ...FLAGS, "-P=full", "main.ts"])],
    oneFile: [deno, "run", ...FLAGS, "--no-config", "-A", file],
  };
}

/** A question on Wharf's command line, each time with an empty cache. */
function cold(bench: Bench, args: readonly string[]): Contender[] {
  let fresh = 0;
  const asked = (command: readonly string[]) => () =>
    run([
      ...command,
      ...args,
      ...["--output", "json", "--cache-dir", `${bench.directory}/cold-${++fresh}`],
    ]);
  return [
    { name: "wharf, whole process, checkout", run: asked(bench.commands.checkout) },
    { name: "wharf, whole process, one file", run: asked(bench.commands.oneFile) },
  ];
}

/** Times of whole processes, and of the warm server after them. */
interface Compared {
  readonly whole: readonly Measured[];
  readonly warm: readonly Measured[];
}

async function compareTags(bench: Bench): Promise<Compared> {
  const { registry, server, rounds } = bench;
  const name = `${registry.host}/${REPOSITORY}`;
  const peer = {
    name: "skopeo list-tags, whole process",
    run: () => skopeo(["list-tags", PLAIN, dockerUrl(registry, REPOSITORY)]),
  };
  const whole = await measure([peer, ...cold(bench, ["tags", name])], { rounds });
  show(`${TAG_COUNT} tags, the newest 100 shown`, whole);
  const all = await measure([peer, ...cold(bench, ["tags", name, "--all"])], { rounds });
  show(`${TAG_COUNT} tags, all of them shown`, all);
  let other = 0;
  const warm = [
    ...whole.slice(0, 1),
    ...await measure([{
      name: "wharf, warm server, asked before",
      run: () => server.call("list_tags", { repository: name }),
    }], { rounds: rounds * WARM }),
    ...await measure([{
      name: "wharf, warm server, not asked before",
      run: () => server.call("list_tags", { repository: `${registry.host}/${others[other++]}` }),
    }], { warmUps: 2, rounds: others.length - 2 }),
  ];
  show(`${TAG_COUNT} tags, the newest 100 shown, by a warm server`, warm);
  return { whole, warm };
}

async function compareInspect(bench: Bench): Promise<Compared> {
  const { directory, registry, built, commands, server, rounds } = bench;
  const name = `${registry.host}/${REPOSITORY}:1.0`;
  const images = built.children.slice(0, 8);
  const kept = ["--output", "json", "--cache-dir", `${directory}/kept`];
  const inspect = (image: string, extra: readonly string[]) =>
    skopeo(["inspect", PLAIN, ...extra, dockerUrl(registry, image)]);
  const all = await measure([
    {
      name: "skopeo inspect, 9 processes",
      run: async () => {
        await inspect(`${REPOSITORY}:1.0`, ["--raw"]);
        for (const { digest } of images) await inspect(`${REPOSITORY}@${digest}`, ["--no-tags"]);
      },
    },
    ...cold(bench, ["inspect", name]),
    {
      name: "wharf, whole process, kept cache",
      run: () => run([...commands.checkout, "inspect", name, ...kept]),
    },
  ], { rounds });
  show("an index with 8 platforms, all of them shown", all);
  const one = await measure([
    {
      name: "skopeo inspect, one platform",
      run: () => inspect(`${REPOSITORY}:1.0`, ["--no-tags"]),
    },
    ...cold(bench, ["inspect", name]),
  ], { rounds });
  show("the same; skopeo shows one platform, wharf all", one);
  const warm = [
    ...all.slice(0, 1),
    ...one.slice(0, 1),
    ...await measure([{
      name: "wharf, warm server, all platforms",
      run: () => server.call("get_image_info", { image_ref: name }),
    }], { rounds: rounds * WARM }),
  ];
  show("the same, by a warm server", warm);
  return { whole: all, warm };
}

function show(title: string, rows: readonly Measured[]): void {
  for (const line of formatTable(title, rows)) say(line);
}

/** Says whether a goal is met; a benchmark never fails a build, since machines differ. */
function judge(goal: string, met: boolean): void {
  say(`  ${met ? "met    " : "NOT MET"}  ${goal}`);
}

function timesFaster(rows: readonly Measured[], name: string): number {
  const own = rows.find((row) => row.name === name);
  return own === undefined ? 0 : (rows[0]?.medianMs ?? 0) / own.medianMs;
}

function isWarm({ name }: Measured): boolean {
  return name.startsWith("wharf, warm server");
}

async function main(): Promise<void> {
  const given = Deno.args.find((arg) => arg.startsWith("--rounds="))?.slice("--rounds=".length);
  const rounds = Math.max(1, Math.trunc(Number(given ?? DEFAULT_ROUNDS)) || DEFAULT_ROUNDS);
  const missing = await ensurePrerequisites();
  if (missing.includes("docker-registry") || missing.includes("skopeo")) {
    say("Cannot compare: docker-registry and skopeo are needed");
    Deno.exitCode = 1;
    return;
  }
  await using registry = await startRegistry();
  // Not in the registry's own, which is in memory under /dev, where Deno checks every access anew.
  const directory = await Deno.makeTempDir({ prefix: "wharf-bench-" });
  await using _removed = {
    [Symbol.asyncDispose]: () => Deno.remove(directory, { recursive: true }),
  };
  const built = await buildEightPlatforms();
  await registry.push(REPOSITORY, built, ["1.0"]);
  const tags = Array.from({ length: TAG_COUNT - 1 }, (_, n) => `1.${n % 100}.${n + 1}`);
  registry.tagMany(REPOSITORY, built.root, tags);
  for (const other of others) {
    await registry.push(other, built, ["1.0"]);
    registry.tagMany(other, built.root, tags);
  }
  const commands = await makeCommands(directory);
  await using server = await startServer(commands.checkout, `${directory}/server`);
  const bench = { directory, registry, built, commands, server, rounds };

  say(`medians of ${rounds} rounds; less is better`);
  const listed = await compareTags(bench);
  const inspected = await compareInspect(bench);
  const resident = await server.residentMiB();
  if (resident !== undefined) say(`resident memory of the server  ${resident.toFixed(1)} MiB`);

  say("goals");
  for (const [what, { whole, warm }] of [["tags", listed], ["inspect", inspected]] as const) {
    for (const form of ["checkout", "one file"]) {
      const times = timesFaster(whole, `wharf, whole process, ${form}`);
      judge(`${what}: cold command line (${form}) no slower than skopeo`, times >= 1);
    }
    const { warmTimesFaster } = GOALS;
    const times = (warm[0]?.medianMs ?? 0) / (warm.find(isWarm)?.medianMs ?? Infinity);
    judge(
      `${what}: warm server at least ${warmTimesFaster} times faster`,
      times >= warmTimesFaster,
    );
  }
  if (resident !== undefined) {
    judge(`resident memory under ${GOALS.residentMiB} MiB`, resident < GOALS.residentMiB);
  }
}

if (import.meta.main) await main();

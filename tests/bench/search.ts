/**
 * Part of `deno task bench`: the search beside its peers over the same entries and queries, in one
 * run. Needs all permissions, and the data beside the repository.
 *
 * @module
 */

import Fuse from "fuse.js";
import MiniSearch from "minisearch";
import {
  CatalogCache,
  type Entry,
  type KeptCatalog,
  type ListOptions,
  SearchIndex,
} from "../../lib/catalog/mod.ts";
import { openDisk } from "../../lib/host/disk.ts";
import { denoArgs } from "../../tools/deno.ts";
import { measureQuality } from "../catalog/judged.ts";
import { REPORTING_QUERIES } from "../catalog/queries_reporting.ts";
import { FakeLog } from "../fake_log.ts";
import { hasRealData, readRealCatalog } from "../integration/real_catalog.ts";
import { grow } from "./grow.ts";
import { measure, ratio } from "./measure.ts";

/** Entries to expect of all live sources together. */
const MANY = 40_000;

/** Rounds of all queries. */
const ROUNDS = 20;

/** A scan over all text takes so long that it is asked fewer queries. */
const SLOW_QUERIES = 12;

/** What the project asks of itself. */
const GOALS =
  "goals: p50 < 1 ms, p99 < 5 ms, built < 400 ms at 9,000 or opened < 100 ms, memory < 150 MB at 40,000, precision at 5 of 0.97";

/** A search to be measured. */
interface Engine {
  readonly name: string;
  /** Whether one query scans all entries. */
  readonly isSlow: boolean;
  /** Builds the index, which is timed; what it gives makes the search for the first five. */
  build(entries: readonly Entry[]): () => (query: string) => readonly Entry[];
}

const WHARF: Engine = {
  name: "wharf",
  isSlow: false,
  build(entries) {
    const built = SearchIndex.build(entries);
    return () => {
      // It is searched as it is kept; what it takes to open it is said below.
      const index = SearchIndex.open(built.pack());
      return (query) => index.find(query, { limit: 5 }).hits.map(({ entry }) => entry);
    };
  },
};

const PLAIN_FUSE: Engine = {
  name: "fuse.js, plain",
  isSlow: true,
  build(entries) {
    const fuse = new Fuse(entries, {
      keys: [
        { name: "name", weight: 4 },
        { name: "title", weight: 3 },
        { name: "tags", weight: 2 },
        { name: "description", weight: 1 },
      ],
      threshold: 0.4,
      ignoreLocation: true,
    });
    return () => (query) => fuse.search(query, { limit: 5 }).map(({ item }) => item);
  },
};

const MINISEARCH: Engine = {
  name: "minisearch, prefix and fuzzy",
  isSlow: false,
  build(entries) {
    const index = new MiniSearch<{ id: number } & Record<string, unknown>>({
      fields: ["name", "title", "tags", "tools", "description"],
      searchOptions: {
        prefix: true,
        fuzzy: 0.2,
        boost: { name: 4, title: 3, tags: 2 },
      },
    });
    index.addAll(entries.map(({ name, title, tags, tools = [], description }, id) => ({
      id,
      name,
      title,
      tags: tags.join(" "),
      tools: tools.map((tool) => tool.name).join(" "),
      description,
    })));
    return () => (query) =>
      index.search(query).slice(0, 5).flatMap(({ id }) => {
        const entry = entries[Number(id)];
        return entry === undefined ? [] : [entry];
      });
  },
};

interface Row {
  readonly name: string;
  readonly buildMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly precision?: number;
  readonly reciprocal?: number;
}

function measureEngine(
  engine: Engine,
  entries: readonly Entry[],
  withQuality: boolean,
): Row {
  const startMs = performance.now();
  const ready = engine.build(entries);
  const buildMs = performance.now() - startMs;
  const find = ready();
  const queries = REPORTING_QUERIES.map(({ query }) => query);
  const every = engine.isSlow ? Math.ceil(queries.length / SLOW_QUERIES) : 1;
  const asked = queries.filter((_, place) => place % every === 0);
  const rounds = engine.isSlow ? 1 : ROUNDS;
  if (!engine.isSlow) { for (const query of asked) find(query); }
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const query of asked) {
      const askedMs = performance.now();
      find(query);
      times.push(performance.now() - askedMs);
    }
  }
  const quality = withQuality ? measureQuality(REPORTING_QUERIES, entries, find) : undefined;
  return {
    name: engine.name,
    buildMs,
    ...percentiles(times),
    ...(quality === undefined
      ? {}
      : { precision: quality.precisionAt5, reciprocal: quality.reciprocalRank }),
  };
}

function percentiles(times: readonly number[]): { readonly p50Ms: number; readonly p99Ms: number } {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  return { p50Ms: at(0.5) ?? 0, p99Ms: at(0.99) ?? 0 };
}

const PYTHON = `
import json, sys, time
try:
    from rapidfuzz import process, fuzz, utils
except ImportError:
    sys.exit(3)
data = json.load(sys.stdin)
times, found = [], []
for query in data["queries"]:
    start = time.perf_counter()
    hits = process.extract(query, data["texts"], scorer=fuzz.WRatio, processor=utils.default_process, limit=5)
    times.append((time.perf_counter() - start) * 1000)
    found.append([index for _, _, index in hits])
json.dump({"times": times, "found": found}, sys.stdout)
`;

/** RapidFuzz over name and text, where Python has it. */
async function measureRapidFuzz(entries: readonly Entry[]): Promise<Row | undefined> {
  const texts = entries.map(({ name, description }) => `${name} ${description}`);
  const queries = REPORTING_QUERIES.map(({ query }) => query);
  try {
    const child = new Deno.Command("python3", {
      args: ["-c", PYTHON],
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(JSON.stringify({ texts, queries })));
    await writer.close();
    const { success, stdout } = await child.output();
    if (!success) return undefined;
    const { times, found } = JSON.parse(new TextDecoder().decode(stdout));
    const quality = measureQuality(
      REPORTING_QUERIES,
      entries,
      (query) => found[queries.indexOf(query)].flatMap((index: number) => entries[index] ?? []),
    );
    return {
      name: "RapidFuzz, WRatio",
      buildMs: 0,
      ...percentiles(times),
      precision: quality.precisionAt5,
      reciprocal: quality.reciprocalRank,
    };
  } catch {
    return undefined;
  }
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

function table(title: string, rows: readonly Row[]): void {
  say(title);
  const width = Math.max(...rows.map(({ name }) => name.length));
  const own = rows[0];
  for (const { name, buildMs, p50Ms, p99Ms, precision, reciprocal } of rows) {
    const times = own === undefined || name === own.name ? "" : `  ${ratio(own.p50Ms, p50Ms)}`;
    const quality = precision === undefined || reciprocal === undefined
      ? ""
      : `  precision at 5 ${precision.toFixed(3)}, reciprocal rank ${reciprocal.toFixed(3)}`;
    say(
      `  ${name.padEnd(width)}  built ${buildMs.toFixed(0).padStart(5)} ms  p50 ${
        p50Ms.toFixed(2).padStart(7)
      } ms  p99 ${p99Ms.toFixed(2).padStart(7)} ms${quality}${times}`,
    );
  }
}

/** Lists by filters and orders, of an opened index. */
function measureBrowsing(entries: readonly Entry[]): string {
  const index = SearchIndex.open(SearchIndex.build(entries).pack());
  const asked: readonly ListOptions[] = [
    { limit: 10 },
    { limit: 10, sort: "name" },
    { limit: 10, sort: "stars", filters: { official: true } },
    { limit: 10, sort: "updated", filters: { categories: ["database", "search"] } },
    { limit: 10, filters: { launchMethods: ["podman"], requiresApiKey: false } },
  ];
  const times: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    for (const options of asked) {
      const startMs = performance.now();
      index.list(options);
      if (round > 0) times.push(performance.now() - startMs);
    }
  }
  const { p50Ms, p99Ms } = percentiles(times);
  return `  ${entries.length} entries: p50 ${p50Ms.toFixed(2)} ms  p99 ${p99Ms.toFixed(2)} ms`;
}

/** Memory and time to open a kept index and to answer, in a process that does nothing else. */
async function measureMemory(entries: readonly Entry[]): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "wharf-bench-" });
  try {
    const cache = new CatalogCache({ disk: openDisk(folder), log: new FakeLog() });
    await cache.writeMerged("bench", { parts: {}, index: SearchIndex.build(entries).pack() });
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: await denoArgs([
        "run",
        "-q",
        "-A",
        "--v8-flags=--expose-gc",
        new URL(import.meta.url).pathname,
        "--memory",
        folder,
      ]),
      stderr: "inherit",
    }).output();
    return new TextDecoder().decode(stdout).trim();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const DATA = new URL("../../../shared/data", import.meta.url).pathname;

/** The sources of the real data, as flags. */
const SOURCES = [
  "none",
  `docker=${DATA}/docker-mcp-registry`,
  `awesome=${DATA}/awesome-mcp-servers`,
  `official=${DATA}/official-registry/pages-latest-2025-12-12`,
].flatMap((place) => ["--source", place]);

/** A process from its start to its answer, with a full cache: the command line, and a server over stdio. */
async function measureColdStart(): Promise<void> {
  const cache = await Deno.makeTempDir({ prefix: "wharf-bench-" });
  const main = new URL("../../main.ts", import.meta.url).pathname;
  const args = await denoArgs(["run", "-q", "--no-prompt", "-A", main]);
  const start = (more: readonly string[]) =>
    new Deno.Command(Deno.execPath(), {
      args: [...args, ...more, ...SOURCES, "--cache-dir", cache],
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
  const find = async () => {
    const child = start(["find", "query a postgres database"]);
    await child.stdin.close();
    if (!(await child.output()).success) throw new Error("find failed");
  };
  const message = (id: number, method: string, params: unknown) =>
    new TextEncoder().encode(`${JSON.stringify({ jsonrpc: "2.0", id, method, params })}\n`);
  const serve = async () => {
    const child = start([]);
    const writer = child.stdin.getWriter();
    await writer.write(message(1, "initialize", {
      protocolVersion: "2025-06-18",
      capabilities: {},
      clientInfo: { name: "bench", version: "1" },
    }));
    await writer.write(message(2, "tools/list", {}));
    await writer.write(message(3, "tools/call", {
      name: "registry-find",
      arguments: { query: "query a postgres database" },
    }));
    let text = "";
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    while (!(text.includes('"id":2') && text.includes('"id":3'))) {
      const { done, value } = await reader.read();
      if (done) throw new Error("the server ended");
      text += value;
    }
    await reader.cancel();
    child.kill("SIGKILL");
    await child.status;
    await writer.abort().catch(() => {});
  };
  try {
    await find();
    const rows = await measure([
      { name: "wharf find", run: find },
      { name: "server over stdio: initialize, tools/list, registry-find", run: serve },
    ]);
    for (const { name, medianMs } of rows) say(`  ${name}: ${medianMs.toFixed(0)} ms`);
  } finally {
    await Deno.remove(cache, { recursive: true });
  }
}

async function openAndAnswer(folder: string): Promise<void> {
  const cache = new CatalogCache({ disk: openDisk(folder), log: new FakeLog() });
  const collect = () => Reflect.get(globalThis, "gc")?.();
  collect();
  const before = Deno.memoryUsage();
  const startMs = performance.now();
  const kept: KeptCatalog | undefined = await cache.readMerged("bench");
  if (kept === undefined) throw new Error("the index is gone");
  const index = SearchIndex.open(kept.index);
  const openMs = performance.now() - startMs;
  for (const { query } of REPORTING_QUERIES) index.find(query, { limit: 10 });
  collect();
  const after = Deno.memoryUsage();
  const mb = (bytes: number) => (bytes / 1e6).toFixed(0);
  const own = after.heapUsed + after.external - before.heapUsed - before.external;
  say(
    `  ${index.size} entries: opened in ${openMs.toFixed(0)} ms, ${mb(own)} MB kept, ${
      mb(after.rss)
    } MB resident in all`,
  );
}

if (import.meta.main) {
  const [mode, folder = ""] = Deno.args;
  if (mode === "--memory") await openAndAnswer(folder);
  else if (mode === "--cold") await measureColdStart();
  else if (!hasRealData()) say("search: skipped, since ../shared/data is not there");
  else {
    const entries = await readRealCatalog();
    const grown = grow(entries, MANY);
    const engines = [WHARF, PLAIN_FUSE, MINISEARCH];
    const rapid = await measureRapidFuzz(entries);
    table(
      `search over ${entries.length} servers, ${REPORTING_QUERIES.length} queries`,
      [
        ...engines.map((engine) => measureEngine(engine, entries, true)),
        ...(rapid === undefined ? [] : [rapid]),
      ],
    );
    if (rapid === undefined) say("  RapidFuzz: Python does not have it");
    table(
      `search over ${grown.length} entries`,
      engines.map((engine) => measureEngine(engine, grown, !engine.isSlow)),
    );
    say("wharf, browsing with filters and orders");
    for (const list of [entries, grown]) say(measureBrowsing(list));
    say("a kept index");
    say(await measureMemory(entries));
    say(await measureMemory(grown));
    say("from the start of the process to the answer, with a full cache (goal: 300 ms)");
    await measureColdStart();
    say(GOALS);
  }
}

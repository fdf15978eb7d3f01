import assert from "node:assert/strict";
import type { Gather } from "../../lib/catalog/mod.ts";
import { AppError } from "../../lib/core/errors.ts";
import { boundedResponse } from "../../lib/core/http.ts";
import { AppMetrics } from "../../lib/telemetry/mod.ts";

const CALLER = { client: "test", transport: "http" };

function samples(metrics: AppMetrics): readonly string[] {
  return metrics.text().split("\n").filter((line) => line !== "" && !line.startsWith("#"));
}

Deno.test("AppMetrics counts calls by Wharf's own tools and by server, never by what callers write", () => {
  const metrics = new AppMetrics("1.2.3");
  const call = { outcome: "done", tookMs: 40, caller: CALLER, arguments: {} } as const;
  metrics.onCall({ ...call, tool: "ping", isKnown: true });
  metrics.onCall({ ...call, tool: "ping", isKnown: true, outcome: "failed" });
  metrics.onCall({ ...call, tool: "memory_create", server: "reference/memory", isKnown: true });
  metrics.onCall({ ...call, tool: "what a caller wrote", isKnown: false });
  const lines = samples(metrics);
  for (
    const line of [
      'wharf_info{version="1.2.3"} 1',
      'wharf_tool_calls_total{tool="ping",outcome="done"} 1',
      'wharf_tool_calls_total{tool="ping",outcome="failed"} 1',
      'wharf_tool_calls_total{tool="unknown",outcome="done"} 1',
      'wharf_tool_call_seconds_count{tool="ping"} 2',
      'wharf_upstream_calls_total{server="reference/memory",outcome="done"} 1',
      'wharf_upstream_call_seconds_bucket{server="reference/memory",le="0.1"} 1',
    ]
  ) assert.ok(lines.includes(line), line);
  assert.ok(!metrics.text().includes("what a caller wrote"));
});

Deno.test("AppMetrics passedOn() counts calls by the server that they reach, and no other", async () => {
  const metrics = new AppMetrics("1");
  const steps: string[] = [];
  const unused = () => assert.fail("only calls are passed on here");
  let answer: () => Promise<Record<string, unknown>> = () => Promise.resolve({ content: [] });
  let nowMs = 0;
  const door = metrics.passedOn({
    open: () => Promise.resolve(void steps.push("open")),
    offers: {
      findTool: (name) => name === "memory_create" ? { id: "reference/memory" } : undefined,
    },
    server: (id) => {
      if (id === "alias") return { record: { id: "reference/memory" } };
      throw new AppError("NOT_FOUND", `Cannot find "${id}"`);
    },
    call: (where) => {
      steps.push(JSON.stringify(where));
      nowMs += 40;
      return answer();
    },
    add: unused,
    remove: unused,
    list: () => Promise.resolve([]),
    configure: unused,
    logs: () => Promise.resolve(["a line"]),
  }, { now: () => nowMs });
  const options = { signal: new AbortController().signal };
  await door.call({ name: "memory_create" }, {}, options);
  await door.call({ id: "alias", tool: "create" }, {}, options);
  answer = () => Promise.resolve({ content: [], isError: true });
  await door.call({ name: "memory_create" }, {}, options);
  answer = () => Promise.reject(new AppError("CANCELLED", "Cannot go on: cancelled"));
  await assert.rejects(door.call({ name: "memory_create" }, {}, options), { code: "CANCELLED" });
  await assert.rejects(door.call({ id: "what a caller wrote", tool: "x" }, {}, options));
  assert.deepEqual(steps.slice(0, 2), ["open", '{"name":"memory_create"}']);
  const lines = samples(metrics);
  for (
    const line of [
      'wharf_upstream_calls_total{server="reference/memory",outcome="done"} 2',
      'wharf_upstream_calls_total{server="reference/memory",outcome="failed"} 1',
      'wharf_upstream_calls_total{server="reference/memory",outcome="cancelled"} 1',
      'wharf_upstream_call_seconds_count{server="reference/memory"} 4',
      'wharf_upstream_call_seconds_sum{server="reference/memory"} 0.16',
    ]
  ) assert.ok(lines.includes(line), `${line}\n${lines.join("\n")}`);
  assert.ok(!metrics.text().includes("what a caller wrote"));
  assert.deepEqual([await door.list(), await door.logs("x", 1)], [[], ["a line"]]);
});

Deno.test("AppMetrics net() counts requests by well-known host, and keeps what is left of a quota", async () => {
  const metrics = new AppMetrics("1");
  const net = metrics.net({
    fetch: ({ url }) => {
      if (url.hostname === "down.example") {
        return Promise.reject(new AppError("UNREACHABLE", "Cannot connect"));
      }
      const headers = { "ratelimit-limit": "100;w=21600", "ratelimit-remaining": "98;w=21600" };
      const isHub = url.hostname === "registry-1.docker.io";
      return Promise.resolve(
        boundedResponse(new Response(null, { status: 204, headers: isHub ? headers : {} })),
      );
    },
  });
  const ask = (host: string) => net.fetch({ url: new URL(`https://${host}/v2/`) });
  await ask("registry-1.docker.io");
  await ask("private.example");
  await assert.rejects(ask("down.example"), { code: "UNREACHABLE" });
  const lines = samples(metrics);
  for (
    const line of [
      'wharf_outbound_requests_total{host="registry-1.docker.io",status="2xx"} 1',
      'wharf_outbound_requests_total{host="other",status="2xx"} 1',
      'wharf_outbound_requests_total{host="other",status="none"} 1',
      'wharf_pull_quota_remaining{host="registry-1.docker.io"} 98',
      'wharf_pull_quota_limit{host="registry-1.docker.io"} 100',
    ]
  ) assert.ok(lines.includes(line), line);
});

Deno.test("AppMetrics memory() tells what the process has now", () => {
  const metrics = new AppMetrics("1");
  let heapBytes = 1;
  metrics.memory(() => ({ residentBytes: 1000, heapBytes }));
  heapBytes = 200;
  const lines = samples(metrics);
  assert.ok(lines.includes("process_resident_memory_bytes 1000"));
  assert.ok(lines.includes("wharf_heap_bytes 200"));
});

Deno.test("AppMetrics cache() counts hits and misses", async () => {
  const metrics = new AppMetrics("1");
  const kept = new Map<string, Uint8Array<ArrayBuffer>>();
  const cache = metrics.cache({
    get: (key) => Promise.resolve(kept.get(key)),
    put: (key, bytes) => Promise.resolve(void kept.set(key, new Uint8Array(bytes))),
  });
  assert.equal(await cache.get("a"), undefined);
  await cache.put("a", new Uint8Array([1]));
  assert.deepEqual(await cache.get("a"), new Uint8Array([1]));
  const lines = samples(metrics);
  assert.ok(lines.includes('wharf_cache_requests_total{result="hit"} 1'));
  assert.ok(lines.includes('wharf_cache_requests_total{result="miss"} 1'));
});

Deno.test("AppMetrics gather() counts readings by source, and audit() activations by outcome", async () => {
  const metrics = new AppMetrics("1");
  let isDown = false;
  const gather: Gather = metrics.gather(() =>
    isDown ? Promise.reject(new AppError("UNREACHABLE", "Cannot")) : Promise.resolve(undefined)
  );
  const placed: Parameters<Gather>[0] = {
    source: {
      id: "docker",
      title: "Docker",
      location: "",
      kind: "git",
      folders: [],
      readTree: () => Promise.reject(new AppError("INTERNAL", "not read")),
    },
    place: { kind: "git", url: new URL("https://git.example/x.git") },
    key: "docker",
  };
  const options = { isFull: false, signal: new AbortController().signal, progress: () => {} };
  await gather(placed, options);
  isDown = true;
  await assert.rejects(gather(placed, options));
  const recorded: unknown[] = [];
  const audit = metrics.audit({ record: (event) => Promise.resolve(void recorded.push(event)) });
  await audit.record({ action: "activate", server: "x", outcome: "refused", by: CALLER });
  assert.equal(recorded.length, 1);
  const lines = samples(metrics);
  for (
    const line of [
      'wharf_refreshes_total{source="docker",outcome="unchanged"} 1',
      'wharf_refreshes_total{source="docker",outcome="failed"} 1',
      'wharf_activations_total{action="activate",outcome="refused"} 1',
    ]
  ) assert.ok(lines.includes(line), line);
});

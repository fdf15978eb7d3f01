import assert from "node:assert/strict";
import { Metrics } from "../../lib/core/metrics.ts";

Deno.test("Metrics text() gives counters, gauges and readings as Prometheus reads them", () => {
  const metrics = new Metrics();
  const requests = metrics.counter("requests_total", "Requests", ["route", "status"]);
  metrics.counter("starts_total", "Starts").add({});
  const quota = metrics.gauge("quota", "What is left", ["registry"]);
  let sessions = 0;
  metrics.reading("sessions", "Open sessions", () => sessions);
  requests.add({ route: "/mcp", status: "200" });
  requests.add({ route: "/mcp", status: "200" }, 2);
  requests.add({ route: "/sse", status: "401" });
  quota.set({ registry: "docker.io" }, 100);
  quota.set({ registry: "docker.io" }, 99.5);
  sessions = 3;
  assert.deepEqual(metrics.text().split("\n"), [
    "# HELP requests_total Requests",
    "# TYPE requests_total counter",
    'requests_total{route="/mcp",status="200"} 3',
    'requests_total{route="/sse",status="401"} 1',
    "# HELP starts_total Starts",
    "# TYPE starts_total counter",
    "starts_total 1",
    "# HELP quota What is left",
    "# TYPE quota gauge",
    'quota{registry="docker.io"} 99.5',
    "# HELP sessions Open sessions",
    "# TYPE sessions gauge",
    "sessions 3",
    "",
  ]);
});

Deno.test("Metrics histogram() counts a value below every bound that it does not pass", () => {
  const metrics = new Metrics();
  const times = metrics.histogram("times_seconds", "Times", ["route"]);
  for (const seconds of [0.001, 0.005, 0.2, 90]) times.observe({ route: "/mcp" }, seconds);
  const lines = metrics.text().split("\n");
  assert.ok(lines.includes("# TYPE times_seconds histogram"));
  const count = (bound: string) =>
    lines.find((line) => line.includes(`le="${bound}"`))?.split(" ").at(-1);
  assert.deepEqual(["0.005", "0.025", "0.25", "60", "+Inf"].map(count), ["2", "2", "3", "3", "4"]);
  assert.ok(lines.includes('times_seconds_sum{route="/mcp"} 90.206'));
  assert.ok(lines.includes('times_seconds_count{route="/mcp"} 4'));
});

Deno.test("Metrics keeps a bounded number of samples, whatever labels come", () => {
  const metrics = new Metrics();
  const calls = metrics.counter("calls_total", "Calls", ["server"]);
  for (let server = 0; server < 1000; server++) calls.add({ server: `s${server}` });
  calls.add({ server: "s0" });
  const lines = metrics.text().split("\n").filter((line) => line.startsWith("calls_total{"));
  assert.equal(lines.length, 201);
  assert.ok(lines.includes('calls_total{server="s0"} 2'));
  assert.ok(lines.includes('calls_total{server="other"} 800'));
});

Deno.test("Metrics writes no label that ends its line or its quotes", () => {
  const metrics = new Metrics();
  const calls = metrics.counter("calls_total", "Calls", ["server"]);
  calls.add({ server: 'a"} 1\nevil_total{x="\\' });
  calls.add({ server: "x".repeat(10_000) });
  const [, , first, second] = metrics.text().split("\n");
  assert.equal(first, 'calls_total{server="a\\"} 1\\nevil_total{x=\\"\\\\"} 1');
  assert.equal(second, `calls_total{server="${"x".repeat(120)}"} 1`);
});

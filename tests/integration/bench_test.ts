/**
 * The benches of what Wharf adds to a call run to their end, with a few calls; what they measure is
 * shown and not judged. Needs all permissions.
 *
 * @module
 */

import assert from "node:assert/strict";
import { denoArgs } from "../../tools/deno.ts";

const BENCH = new URL("../bench/proxy.ts", import.meta.url).href;

Deno.test("the bench of the proxy measures latency, memory and lists on every way", async () => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: await denoArgs(["run", "-q", "-A", BENCH, "--scale=0.01"]),
  }).output();
  const decoder = new TextDecoder();
  assert.equal(code, 0, decoder.decode(stderr));
  const table = decoder.decode(stdout);
  Deno.stdout.writeSync(stdout);
  const count = (row: RegExp) => [...table.matchAll(row)].length;
  const way = /^ {2}(?:met|NOT MET) +(?:stdio|http) +> (?:stdio|http) +/.source;
  assert.equal(count(new RegExp(`${way}(?:echo|wait) .*\\| [1-9]\\d*$`, "gm")), 20, "latency");
  if (Deno.build.os === "linux") {
    assert.equal(count(new RegExp(`${way}(?:text|image) +[\\d.]+ times`, "gm")), 8, "memory");
  }
  assert.equal(count(/^ {2}(?:met|NOT MET) +(?:stdio|http) +[\d.]+ ms {2}\(p99/gm), 2, "lists");
});

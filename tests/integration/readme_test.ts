/**
 * The README agrees with the code. Needs read permission for README.md, and run permission for
 * deno.
 *
 * @module
 */

import assert from "node:assert/strict";
import { parseArguments } from "../../lib/cli/mod.ts";
import { ENV_NAMES } from "../../lib/host/env.ts";
import { binaryName, TARGETS } from "../../tools/release.ts";
import deno from "../../deno.json" with { type: "json" };

const ROOT = new URL("../../", import.meta.url);
const text = await Deno.readTextFile(new URL("README.md", ROOT));

Deno.test("the generated tables of the README are fresh", async () => {
  // In a process of its own: the formatter has the last word on how a table is laid out.
  const directory = await Deno.makeTempDir({ prefix: "wharf-readme-" });
  try {
    const { withTables } = await import("../../tools/readme.ts");
    const path = `${directory}/README.md`;
    await Deno.writeTextFile(path, withTables(text));
    const config = new URL("deno.json", ROOT).pathname;
    const { success } = await new Deno.Command(Deno.execPath(), {
      args: ["fmt", "-q", "--config", config, path],
    }).output();
    assert.ok(success);
    assert.equal(await Deno.readTextFile(path), text, "run: deno task readme");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("every wharf command in the README parses", () => {
  const written = /^\$ wharf (.+)$|`wharf ([^`…]+)`|task wharf ([^#\n]+)$/gm;
  const commands = [...text.matchAll(written)]
    .map((match) => match[1] ?? match[2] ?? match[3] ?? "");
  assert.ok(commands.length >= 10);
  for (const command of commands) {
    const words = [...command.trim().matchAll(/'([^']*)'|(\S+)/g)].map((m) => m[1] ?? m[2] ?? "");
    assert.doesNotThrow(() => parseArguments(words), command);
  }
});

Deno.test("every task that the README names exists", () => {
  const tasks = [...text.matchAll(/deno(?:@\S+)? task ([\w:]+)/g)].map((match) => match[1] ?? "");
  assert.ok(tasks.includes("start") && tasks.includes("test"));
  for (const task of tasks) assert.ok(Object.hasOwn(deno.tasks, task), task);
});

Deno.test("every variable that the README names is one that Wharf reads", () => {
  const own = /`((?:OCI|HUB|MCP|DOCKER|REGISTRY)_[A-Z_]+)`/g;
  const names = new Set([...text.matchAll(own)].map((match) => match[1] ?? ""));
  assert.ok(names.size >= 5);
  for (const name of names) assert.ok(ENV_NAMES.includes(name), name);
});

Deno.test("the README names every binary of a release, and no other", () => {
  const named = new Set(
    [...text.matchAll(/\bwharf-(?:linux|macos|windows)-[\w.]+/g)].map((match) =>
      match[0].replace(/\.sha256$/, "")
    ),
  );
  assert.deepEqual([...named].toSorted(), Object.keys(TARGETS).map(binaryName).toSorted());
});

Deno.test("the README's JSON is JSON", () => {
  const blocks = [...text.matchAll(/```json\n([^]*?)```/g)].map((match) => match[1] ?? "");
  assert.ok(blocks.length >= 3);
  for (const block of blocks) assert.doesNotThrow(() => JSON.parse(block), block);
});

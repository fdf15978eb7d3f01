/**
 * README.md and the pages of `docs/` agree with the code. Needs read permission for them, and run
 * permission for deno.
 *
 * @module
 */

import assert from "node:assert/strict";
import { parse as parseToml } from "smol-toml";
import { parseArguments } from "../../lib/cli/mod.ts";
import { parseConfigFile } from "../../lib/config.ts";
import { CLIENTS } from "../../lib/connect/mod.ts";
import { parsePolicy, policySchema } from "../../lib/gateway/policy.ts";
import { ENV_NAMES } from "../../lib/host/env.ts";
import { binaryName, TARGETS } from "../../tools/release.ts";
import { tourOf } from "../../tools/tour.ts";
import deno from "../../deno.json" with { type: "json" };
import { type Block, blocksOf, readPages } from "./docs_text.ts";
import { runWharf } from "./wharf.ts";

const ROOT = new URL("../../", import.meta.url);
const pages = await readPages();
const all = pages.map(({ text }) => text).join("\n");

function pageOf(name: string): string {
  return pages.find((page) => page.name === name)?.text ?? assert.fail(name);
}

Deno.test("the generated tables are fresh, and each is in one place", async () => {
  // In a process of its own: the formatter has the last word on how a table is laid out.
  const directory = await Deno.makeTempDir({ prefix: "wharf-readme-" });
  try {
    const { tableNames, withTables } = await import("../../tools/readme.ts");
    for (const name of tableNames()) {
      assert.equal(all.split(`<!-- begin ${name} -->`).length, 2, name);
    }
    const paths = pages.map((_page, index) => `${directory}/${index}.md`);
    for (const [index, { text }] of pages.entries()) {
      await Deno.writeTextFile(paths[index] ?? "", withTables(text));
    }
    const config = new URL("deno.json", ROOT).pathname;
    const { success } = await new Deno.Command(Deno.execPath(), {
      args: ["fmt", "-q", "--config", config, ...paths],
    }).output();
    assert.ok(success);
    for (const [index, { name, text }] of pages.entries()) {
      const fresh = await Deno.readTextFile(paths[index] ?? "");
      assert.equal(fresh, text, `${name} is stale; run: deno task readme`);
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("every wharf command that is written inline parses", () => {
  const written = /`wharf ([^`…]+)`|^\$ wharf (.+)$/gm;
  const commands = [...all.matchAll(written)]
    .map((match) => (match[1] ?? match[2] ?? "").replaceAll("\n", " "));
  assert.ok(commands.length >= 30);
  for (const command of commands) {
    const words = [...command.trim().matchAll(/'([^']*)'|"([^"]*)"|([^\s'"]+(?:'[^']*')?)/g)]
      .map((match) => match[1] ?? match[2] ?? match[3] ?? "");
    assert.doesNotThrow(() => parseArguments(words), command);
  }
});

Deno.test("every task that is named exists", () => {
  const tasks = [...all.matchAll(/deno(?:@\S+)? task ([\w:]+)/g)].map((match) => match[1] ?? "");
  assert.ok(tasks.includes("start") && tasks.includes("test"));
  for (const task of tasks) assert.ok(Object.hasOwn(deno.tasks, task), task);
});

Deno.test("every variable that is named is one that Wharf reads", () => {
  const own = /`((?:OCI|HUB|MCP|DOCKER|REGISTRY|XDG|CLAUDE|CODEX|GEMINI)_[A-Z_]+)`/g;
  const names = new Set([...all.matchAll(own)].map((match) => match[1] ?? ""));
  assert.ok(names.size >= 12);
  for (const name of names) assert.ok(ENV_NAMES.includes(name), name);
});

Deno.test("the README names every binary of a release, and no other", () => {
  const named = new Set(
    [...pageOf("README.md").matchAll(/\bwharf-(?:linux|macos|windows)-[\w.]+/g)].map((match) =>
      match[0].replace(/\.sha256$/, "")
    ),
  );
  assert.deepEqual([...named].toSorted(), Object.keys(TARGETS).map(binaryName).toSorted());
});

Deno.test("every link leads to a page, and to a heading of it", () => {
  let count = 0;
  for (const { name, text } of pages) {
    for (const [, target = ""] of text.matchAll(/\]\((?!https?:)([^)]+)\)/g)) {
      const url = new URL(target, `file:///${name}`);
      const page = pageOf(url.pathname.slice(1));
      const headings = [...page.matchAll(/^#+ (.+)$/gm)].map((match) =>
        (match[1] ?? "").toLowerCase().replaceAll(/[^\w\- ]/g, "").replaceAll(" ", "-")
      );
      if (url.hash !== "") assert.ok(headings.includes(url.hash.slice(1)), `${name}: ${target}`);
      count++;
    }
  }
  assert.ok(count >= 15);
  for (const { name } of pages.filter((page) => page.name !== "README.md")) {
    assert.ok(pageOf("README.md").includes(`](${name})`), `the README leads to ${name}`);
  }
});

Deno.test("every page begins with a command, at most one sentence before it", () => {
  for (const { name, text } of pages.filter((page) => page.name !== "README.md")) {
    const [title = "", first = "", second = ""] = text.split("\n\n");
    assert.match(title, /^# [A-Z]/, name);
    assert.ok(first.length < 300, name);
    assert.match(second, /^```sh\n/, name);
  }
});

Deno.test("JSON and TOML parse, and Wharf takes its own", () => {
  const json = blocksOf(pages, "json");
  assert.ok(json.length >= 10);
  for (const { text } of json) assert.doesNotThrow(() => JSON.parse(text), text);
  for (const { text } of blocksOf(pages, "toml")) assert.doesNotThrow(() => parseToml(text), text);
  const own = json.filter(({ about }) => about === "config");
  assert.ok(own.length >= 2);
  for (const { text } of own) {
    parsePolicy(parseConfigFile(new TextEncoder().encode(text), "page").policy);
  }
});

Deno.test("the page on activation has every key of a policy, with its default", () => {
  const page = pageOf("docs/activation.md");
  for (const [key, value] of Object.entries(policySchema.parse({}))) {
    const row = new RegExp(`^\\| \`${key}\` +\\|.*\\| *(.+?) *\\|$`, "m").exec(page);
    const shown = Array.isArray(value) ? value.join(", ") || "none" : String(value);
    assert.equal(row?.[1]?.replaceAll("`", ""), shown, key);
  }
});

Deno.test("what is to be pasted into a client is what wharf connect writes", async () => {
  const blocks = [...blocksOf(pages, "json"), ...blocksOf(pages, "toml")]
    .filter(({ about }) => about.startsWith("client="));
  const directory = await Deno.makeTempDir({ prefix: "wharf-clients-" });
  const seen = new Set<string>();
  try {
    for (const [index, block] of blocks.entries()) {
      const [, id = "", http, token] = /^client=([a-z-]+)( http)?(?: token=(\w+))?$/
        .exec(block.about) ?? [];
      const client = CLIENTS.find((one) => one.id === id) ?? assert.fail(block.about);
      seen.add(http === undefined ? id : `${id} http`);
      const shown = entryOf(block, client.map);
      if (http === undefined) {
        const program = { kind: "stdio", command: "/usr/local/bin/wharf", args: [] } as const;
        assert.deepEqual(shown, client.entry(program), id);
        continue;
      }
      const file = `${directory}/${index}.${client.form}`;
      const { code, stderr } = await runWharf([
        ...["connect", id, "--config-file", file, "--http", "http://127.0.0.1:8080/mcp"],
        ...(token === undefined ? [] : ["--token-env", token]),
      ]);
      assert.equal(code, 0, stderr);
      const written = { ...block, text: await Deno.readTextFile(file) };
      assert.deepEqual(shown, entryOf(written, client.map), id);
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
  // Claude Desktop has no servers over HTTP.
  const reachable = CLIENTS.filter(({ id }) => id !== "claude-desktop").map(({ id }) =>
    `${id} http`
  );
  for (const name of reachable) assert.ok(seen.has(name), name);
});

/** Wharf's entry in a client's config. */
function entryOf({ language, text }: Block, map: string): unknown {
  const config: Record<string, Record<string, unknown>> = language === "toml"
    ? JSON.parse(JSON.stringify(parseToml(text)))
    : JSON.parse(text);
  return config[map]?.["wharf"];
}

Deno.test("the README's transcripts are those of the tour", () => {
  const console = blocksOf(pages, "console");
  const played = blocksOf([{ name: "README.md", text: tourOf(pageOf("README.md")) }], "console");
  assert.ok(played.length >= 4);
  assert.deepEqual(console, played);
});

/**
 * The documentation of the library: every example that `deno doc` shows of its entries and of what
 * they export is type-checked and run as a program of its own, and what it says of a result in a
 * comment behind a line is compared. Needs all permissions, and a registry for the example that
 * asks a real one.
 *
 * @module
 */

import assert from "node:assert/strict";
import deno from "../../deno.json" with { type: "json" };
import { denoArgs } from "../../tools/deno.ts";
import { buildImage } from "./images.ts";
import { integrationTest } from "./needs.ts";
import { startRegistry } from "./registry_harness.ts";

const ROOT = new URL("../../", import.meta.url);

/** Entries that are for people who import them; `main.ts` is a program. */
const ENTRIES = ["mod.ts", "host.ts"];

/** Where an example stands, and its code. */
interface Example {
  readonly place: string;
  readonly attributes: string;
  readonly code: string;
}

/** The examples in what `deno doc` tells of an entry. */
async function examplesOf(entry: string): Promise<readonly Example[]> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: await denoArgs(["doc", "-q", "--json", entry]),
    cwd: ROOT,
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  const found = new Map<string, Example>();
  collect(JSON.parse(new TextDecoder().decode(stdout)), entry, found);
  return [...found.values()];
}

/** Looks for code in every text of a document, whatever its form. */
function collect(value: unknown, place: string, found: Map<string, Example>): void {
  if (typeof value === "string") {
    for (const [, attributes = "", code = ""] of value.matchAll(/^```ts([^\n]*)\n([^]*?)^```/gm)) {
      found.set(code, { place, attributes: attributes.trim(), code });
    }
  } else if (typeof value === "object" && value !== null) {
    const name = "name" in value && typeof value.name === "string" ? value.name : place;
    for (const part of Object.values(value)) collect(part, name, found);
  }
}

/** Makes a comparison of each line that says its result as JSON; the others stay as they are. */
function compared(code: string): { readonly text: string; readonly comparisons: number } {
  let comparisons = 0;
  const lines = code.split("\n").map((line) => {
    const [, expression, said] = /^([^;]+); \/\/ (.+)$/.exec(line) ?? [];
    if (expression === undefined || said === undefined) return line;
    comparisons++;
    return `__equal(${expression}, ${JSON.stringify(JSON.parse(said))});`;
  });
  const head = 'import { deepEqual as __equal } from "node:assert/strict";';
  return { text: [head, ...lines].join("\n"), comparisons };
}

/** Programs in a temporary folder. */
interface Programs extends AsyncDisposable {
  /** Their paths, in order. */
  readonly paths: readonly string[];
}

/** Writes examples as programs; they import the entries by their files, not by their name. */
async function write(codes: readonly string[]): Promise<Programs> {
  const folder = await Deno.makeTempDir({ prefix: "wharf-examples-" });
  const entries = Object.entries(deno.exports).toSorted(([a], [b]) => b.length - a.length);
  const paths = await Promise.all(codes.map(async (code, index) => {
    const path = `${folder}/example_${index}.ts`;
    const text = entries.reduce(
      (rest, [name, file]) =>
        rest.replaceAll(`"@wharf/wharf${name.slice(1)}"`, `"${new URL(file, ROOT).href}"`),
      code,
    );
    await Deno.writeTextFile(path, text);
    return path;
  }));
  return {
    paths,
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

/** Runs deno with the repository's config; its output where it ends well. */
async function output(subcommand: readonly string[], rest: readonly string[]): Promise<string> {
  const config = decodeURIComponent(new URL("deno.json", ROOT).pathname);
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: await denoArgs([...subcommand, "-q", "--config", config, ...rest]),
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

/** Runs one program, whose types were checked. */
async function run(path: string, permissions: readonly string[] = []): Promise<string> {
  return await output(["run"], ["--no-check", "--no-prompt", ...permissions, path]);
}

Deno.test("every example of the library is complete: it is run, and what it says is so", async () => {
  const examples = await examplesOf("mod.ts");
  assert.ok(examples.length >= 10, `${examples.length} examples`);
  for (const { place, attributes, code } of examples) {
    assert.equal(attributes, "", `${place}: an example that is not run`);
    assert.match(
      code,
      /from "@wharf\/wharf(?:\/host)?";/,
      `${place}: not as a reader would import`,
    );
  }
  const texts = examples.map(({ code }) => compared(code));
  assert.ok(texts.reduce((sum, { comparisons }) => sum + comparisons, 0) >= 8);
  await using programs = await write(texts.map(({ text }) => text));
  await output(["check"], programs.paths);
  for (const path of programs.paths) await run(path);
});

Deno.test("a wrong example is found, by its types and by what it says", async () => {
  await using programs = await write([
    compared("const a = 1 + 1;\na; // 3\n").text,
    "const text: string = 1;\n",
  ]);
  const [said = "", typed = ""] = programs.paths;
  await assert.rejects(run(said), /2 !== 3|equal/);
  await assert.rejects(output(["check"], [typed]), /not assignable/);
});

integrationTest(
  "the example of the platform's side asks a real registry",
  { needs: ["docker-registry"] },
  async () => {
    const [example, ...others] = await examplesOf("host.ts");
    assert.deepEqual(others, []);
    assert.ok(example !== undefined);
    await using registry = await startRegistry();
    const image = await buildImage({ os: "linux", architecture: "amd64" });
    await registry.push("demo/app", image, ["1.0.0"]);
    // Two words are changed: where the image is, and where the cache goes.
    const code = example.code
      .replace("alpine:3.20", `${registry.host}/demo/app:1.0.0`)
      .replace("/tmp/example", `${registry.directory}/cache`);
    await using programs = await write([code]);
    await output(["check"], programs.paths);
    const [path = ""] = programs.paths;
    assert.equal(
      (await run(path, ["-A"])).trim(),
      `${registry.host}/demo/app@${image.root.digest}`,
    );
  },
);

Deno.test("every entry that is published is checked, and is documented", async () => {
  const files = Object.values(deno.exports).map((file) => file.slice("./".length)).toSorted();
  assert.deepEqual(files, [...ENTRIES, "main.ts"].toSorted());
  for (const file of files) {
    assert.match(await Deno.readTextFile(new URL(file, ROOT)), /^\/\*\*\n[^]*?@module\n \*\//);
  }
});

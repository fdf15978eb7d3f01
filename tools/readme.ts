/**
 * Writes the generated tables of README.md and of the pages in `docs/`, wherever their markers are.
 * Needs read and write permission for these files; a test fails when one is stale.
 *
 * @example
 * ```sh
 * deno task readme
 * ```
 *
 * @module
 */

import { COMMANDS } from "../lib/cli/commands.ts";
import { appInventory, type BoundTool, type Inventory } from "../lib/mcp/mod.ts";
import { permissionRows } from "./permission_table.ts";
import { HubClient, openKeychain, RegistryClient } from "../lib/oci/mod.ts";

const ROOT = new URL("../", import.meta.url);

/** The inventory with clients that are never asked: only its data is read. */
function inventory(): Inventory {
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const clock = { now: () => 0, sleep: () => Promise.resolve() };
  const net = { fetch: () => Promise.reject(new Error("not asked")) };
  const files = { read: () => Promise.resolve(undefined) };
  const processes = {
    start: () => {
      throw new Error("not started");
    },
    run: () => Promise.reject(new Error("not run")),
  };
  const cache = { get: () => Promise.resolve(undefined), put: () => Promise.resolve() };
  const keychain = openKeychain({ env: {}, files, processes, log, clock });
  return appInventory({
    registry: new RegistryClient({ net, clock, log, keychain, cache, random: () => 0 }),
    hub: new HubClient({ net, clock, log, env: {} }),
    catalog: () => Promise.reject(new Error("not asked")),
    gateway: () => Promise.reject(new Error("not asked")),
    system: () => Promise.reject(new Error("not asked")),
    now: () => 0,
    version: "0.0.0",
  });
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(header), line(header.map(() => "---")), ...rows.map(line)].join("\n");
}

function parameters(tool: BoundTool): string {
  const { properties, required } = tool.inputSchema;
  const needed = Array.isArray(required) ? required : [];
  const names = typeof properties === "object" && properties !== null
    ? Object.keys(properties)
    : [];
  return names.map((name) => needed.includes(name) ? `\`${name}\`` : `\`${name}?\``).join(", ");
}

function sections(): Readonly<Record<string, string>> {
  const { prompts, templates, ...rest } = inventory();
  return {
    tools: table(
      ["tool", "toolset", "parameters", "what it does"],
      rest.listTools().map((tool) => [
        `\`${tool.name}\``,
        tool.toolset,
        parameters(tool),
        cell(tool.description),
      ]),
    ),
    prompts: table(
      ["prompt or resource", "what it is for"],
      [
        ...prompts.map(({ name, description }) => [`\`${name}\``, cell(description)]),
        ...templates.map((
          { uriTemplate, description },
        ) => [`\`${uriTemplate}\``, cell(description)]),
      ],
    ),
    permissions: table(
      ["flag", "values", "`inspect`", "`discover`", "`full`", "what for"],
      permissionRows().map((row) => row.map(cell)),
    ),
    commands: table(
      ["command", "what it does", "example"],
      COMMANDS.map((command) => [
        `\`${command.name}\``,
        cell(command.about),
        `\`wharf ${cell(command.examples[0] ?? command.name)}\``,
      ]),
    ),
  };
}

/** Names of the tables, each of which one file has. */
export function tableNames(): readonly string[] {
  return Object.keys(sections());
}

/**
 * Puts the generated tables into a text, between their markers.
 *
 * @param text The README, or a page.
 * @returns The text with fresh tables.
 */
export function withTables(text: string): string {
  let fresh = text;
  for (const [name, content] of Object.entries(sections())) {
    const [begin, end] = [`<!-- begin ${name} -->`, `<!-- end ${name} -->`];
    const start = fresh.indexOf(begin);
    if (start === -1) continue;
    const stop = fresh.indexOf(end);
    if (stop < start) throw new Error(`The table "${name}" has a marker at its begin only`);
    fresh = `${fresh.slice(0, start + begin.length)}\n\n${content}\n\n${fresh.slice(stop)}`;
  }
  return fresh;
}

/** The files that may have tables. */
export async function tableFiles(): Promise<readonly URL[]> {
  const names = await Array.fromAsync(Deno.readDir(new URL("docs/", ROOT)), ({ name }) => name);
  const pages = names.filter((name) => name.endsWith(".md")).toSorted();
  return ["README.md", ...pages.map((name) => `docs/${name}`)].map((name) => new URL(name, ROOT));
}

if (import.meta.main) {
  for (const file of await tableFiles()) {
    const text = await Deno.readTextFile(file);
    const fresh = withTables(text);
    if (fresh !== text) await Deno.writeTextFile(file, fresh);
  }
}

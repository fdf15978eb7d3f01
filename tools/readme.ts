/**
 * Writes the generated tables of README.md: tools, prompts, commands. Needs read and write
 * permission for README.md; a test fails when the file is stale.
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

const README = new URL("../README.md", import.meta.url);

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

/**
 * Puts the generated tables into a text, between their markers.
 *
 * @param text The README.
 * @returns The README with fresh tables.
 */
export function withTables(text: string): string {
  let fresh = text;
  for (const [name, content] of Object.entries(sections())) {
    const [begin, end] = [`<!-- begin ${name} -->`, `<!-- end ${name} -->`];
    const start = fresh.indexOf(begin);
    const stop = fresh.indexOf(end);
    if (start === -1 || stop < start) throw new Error(`README.md lacks the markers of "${name}"`);
    fresh = `${fresh.slice(0, start + begin.length)}\n\n${content}\n\n${fresh.slice(stop)}`;
  }
  return fresh;
}

if (import.meta.main) {
  await Deno.writeTextFile(README, withTables(await Deno.readTextFile(README)));
}

/**
 * The `mcpServers` block that READMEs show for the configuration of a client:
 * command, arguments, environment, or the URL of a remote. Needs no permission.
 *
 * @example
 * ```ts
 * import { readClientConfig } from "./client_config.ts";
 *
 * const text = '"mcpServers": { "time": { "command": "uvx", "args": ["mcp-server-time"] } }';
 * readClientConfig(text).packages[0]?.identifier; // "mcp-server-time"
 * ```
 *
 * @module
 */

import { parseJson } from "../../core/json.ts";
import type { PackageDraft, RemoteDraft } from "../build.ts";
import { readCommand } from "../command.ts";
import { looksSecret } from "../credentials.ts";
import type { KeyNeed, Setting } from "../entry.ts";

/** What a configuration starts and reaches. */
export interface ClientConfig {
  /** Packages of its commands. */
  readonly packages: readonly PackageDraft[];
  /** Its URLs. */
  readonly remotes: readonly RemoteDraft[];
}

/** Names under which clients list servers. */
const LISTS = ["mcpServers", "servers", "mcp_servers", "context_servers"];

/** Most servers that are read of one block. */
const MAX_SERVERS = 4;

const NOTHING: ClientConfig = { packages: [], remotes: [] };

/**
 * Reads a code block as a client's configuration.
 *
 * @param text The block; outer braces may be missing, `//` remarks and closing commas are forgiven.
 * @returns What it starts and reaches; nothing when it is no such block.
 */
export function readClientConfig(text: string): ClientConfig {
  if (!/"(?:mcpServers|servers|mcp_servers|context_servers|command|url|serverUrl)"/.test(text)) {
    return NOTHING;
  }
  const value = lenientJson(text) ?? lenientJson(`{${text}}`);
  if (!isRecord(value)) return NOTHING;
  const inner = isRecord(value.mcp) ? value.mcp : value;
  const list = LISTS.map((name) => inner[name]).find(isRecord) ?? serversIn(inner);
  const packages: PackageDraft[] = [];
  const remotes: RemoteDraft[] = [];
  for (const server of Object.values(list).filter(isRecord).slice(0, MAX_SERVERS)) {
    const facts = readServer(server);
    if (facts?.package !== undefined) packages.push(facts.package);
    if (facts?.remote !== undefined) remotes.push(facts.remote);
  }
  return { packages, remotes };
}

/**
 * Whether the settings of configurations ask for a credential. A key that an example sets is one
 * that the server most likely wants.
 *
 * @returns The answer, or `undefined` when there is no configuration.
 */
export function configKeyNeed(config: ClientConfig): KeyNeed | undefined {
  const items = [...config.packages, ...config.remotes];
  if (items.length === 0) return undefined;
  const secret = items.flatMap(({ settings }) => settings ?? []).find((setting) => setting.secret);
  return secret === undefined
    ? { value: "unknown", evidence: "its example configuration sets no key" }
    : { value: true, evidence: `its example configuration sets ${secret.name}` };
}

/** One server without a list around it, or a list without a name. */
function serversIn(value: Record<string, unknown>): Record<string, unknown> {
  return isServer(value) ? { server: value } : value;
}

function isServer(value: Record<string, unknown>): boolean {
  return [value.command, value.url, value.serverUrl].some((field) => typeof field === "string");
}

function readServer(server: Record<string, unknown>): ReturnType<typeof readCommand> {
  const url = [server.url, server.serverUrl, server.httpUrl].find((field) =>
    typeof field === "string"
  );
  // The search above leaves texts only.
  if (typeof url === "string") return { remote: readUrl(url, server) };
  const { command } = server;
  if (typeof command !== "string") return undefined;
  const args = Array.isArray(server.args) ? server.args.map(String) : [];
  const env = isRecord(server.env) ? server.env : {};
  const words = args.length === 0 ? command.trim().split(/\s+/) : [command, ...args];
  return readCommand(
    words,
    Object.fromEntries(
      Object.entries(env).map(([name, value]) => [name, scalarText(value)]),
    ),
  );
}

function readUrl(url: string, server: Record<string, unknown>): RemoteDraft {
  const headers = isRecord(server.headers) ? server.headers : {};
  const settings = Object.keys(headers).map((name): Setting => ({
    name,
    kind: "header",
    required: looksSecret(name),
    secret: looksSecret(name),
  }));
  const isSse = server.type === "sse" || /\/sse\/?$/.test(url);
  return { url, type: isSse ? "sse" : "streamable-http", settings };
}

/** JSON as people write it into READMEs. */
function lenientJson(text: string): unknown {
  const strict = text.replace(/^\s*\/\/.*$/gm, "").replace(/,(\s*[}\]])/g, "$1");
  try {
    return parseJson(new TextEncoder().encode(strict), { what: "a configuration", maxDepth: 12 });
  } catch {
    // Most code blocks are something else.
    return undefined;
  }
}

function scalarText(value: unknown): string {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean"
    ? String(value)
    : "";
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * The clients that Wharf can be put into, as data: where each keeps its config file, what an entry
 * looks like in it, and what its user does next. Needs no permission.
 *
 * Sources, read in November 2026: the documentation of each client on MCP and on its config files,
 * and for places that it does not name (`GEMINI_CLI_HOME`, the packaged Claude Desktop on Windows)
 * its issues.
 *
 * @module
 */

import type { Entry } from "./format.ts";
import { appData, home, join, type Machine, roaming, text, xdgConfig } from "./machine.ts";

/** How a client reaches Wharf. */
export type Connection =
  /** The client starts Wharf and speaks over its streams. */
  | { readonly kind: "stdio"; readonly command: string; readonly args: readonly string[] }
  /** A server that runs already. */
  | {
    readonly kind: "http";
    readonly url: string;
    /** Variable of the client's environment that holds the bearer token. */
    readonly tokenVariable?: string;
  };

/** Where a client may keep its config. */
export interface Location {
  /** Absolute path of the config file. */
  readonly file: string;
  /** What exists where the client is installed: any one of these. */
  readonly marks: readonly string[];
}

/** One client. */
export interface Client {
  /** Name on the command line. */
  readonly id: string;
  /** Name for people. */
  readonly title: string;
  /** Form of the config file. */
  readonly form: "json" | "toml";
  /** Key of the object of servers, at the top of the file. */
  readonly map: string;
  /** Where the config may be, the likeliest first; none where the home directory is not known. */
  locations(machine: Machine): readonly Location[];
  /** The entry, or `undefined` where the client cannot be connected so. */
  entry(connection: Connection): Entry | undefined;
  /** Whether an entry can name a variable that holds a token. */
  readonly namesVariables: boolean;
  /** What to do, once the entry is written. */
  readonly next: string;
}

/** Family name of Claude Desktop's package on Windows, which has its own place for files. */
const CLAUDE_PACKAGE = "Claude_pzs8sxrjxfjjc";

/** One file in a directory that shows that the client is there. */
function inside(directory: string | undefined, ...name: readonly string[]) {
  return (machine: Machine): readonly Location[] =>
    directory === undefined
      ? []
      : [{ file: join(machine, directory, ...name), marks: [directory] }];
}

/** `{ command, args }`; without arguments there is no list. */
function program({ command, args }: Connection & { readonly kind: "stdio" }): Entry {
  return args.length === 0 ? { command } : { command, args };
}

/** The header of a token, in the client's way to name a variable. */
function header(
  connection: Connection & { readonly kind: "http" },
  reference: (variable: string) => string,
): Entry {
  const { tokenVariable } = connection;
  return tokenVariable === undefined
    ? {}
    : { headers: { Authorization: `Bearer ${reference(tokenVariable)}` } };
}

/** All clients, in the order of help. */
export const CLIENTS: readonly Client[] = [
  {
    id: "claude-desktop",
    title: "Claude Desktop",
    form: "json",
    map: "mcpServers",
    locations: (machine) => {
      const file = "claude_desktop_config.json";
      const local = machine.os === "windows" ? text(machine.env, "LOCALAPPDATA") : undefined;
      const packaged = local === undefined
        ? undefined
        : join(machine, local, "Packages", CLAUDE_PACKAGE, "LocalCache", "Roaming", "Claude");
      const data = appData(machine);
      return [
        ...inside(packaged, file)(machine),
        ...inside(data === undefined ? undefined : join(machine, data, "Claude"), file)(machine),
      ];
    },
    // Its file starts programs only; remote servers are connectors of the account.
    entry: (connection) => connection.kind === "stdio" ? program(connection) : undefined,
    namesVariables: false,
    next: "Quit Claude Desktop and open it again",
  },
  {
    id: "claude-code",
    title: "Claude Code",
    form: "json",
    map: "mcpServers",
    locations: (machine) => {
      const own = text(machine.env, "CLAUDE_CONFIG_DIR");
      if (own !== undefined) return inside(own, ".claude.json")(machine);
      const folder = home(machine);
      if (folder === undefined) return [];
      const file = join(machine, folder, ".claude.json");
      return [{ file, marks: [file, join(machine, folder, ".claude")] }];
    },
    entry: (connection) =>
      connection.kind === "stdio" ? { type: "stdio", ...program(connection) } : {
        type: "http",
        url: connection.url,
        ...header(connection, (variable) => `\${${variable}}`),
      },
    namesVariables: true,
    next: "Start a new session; /mcp shows it",
  },
  {
    id: "cursor",
    title: "Cursor",
    form: "json",
    map: "mcpServers",
    locations: (machine) => inHome(machine, [".cursor"], "mcp.json"),
    entry: (connection) =>
      connection.kind === "stdio" ? program(connection) : {
        url: connection.url,
        ...header(connection, (variable) => `\${env:${variable}}`),
      },
    namesVariables: true,
    next: "Switch it on in Cursor's settings, under MCP",
  },
  {
    id: "vscode",
    title: "VS Code",
    form: "json",
    map: "servers",
    locations: (machine) => {
      const data = appData(machine);
      if (data === undefined) return [];
      const code = join(machine, data, "Code");
      return [{ file: join(machine, code, "User", "mcp.json"), marks: [code] }];
    },
    entry: (connection) =>
      connection.kind === "stdio" ? { type: "stdio", ...program(connection) } : {
        type: "http",
        url: connection.url,
        ...header(connection, (variable) => `\${env:${variable}}`),
      },
    namesVariables: true,
    next: 'Run "MCP: List Servers" and start it; VS Code asks once whether you trust it',
  },
  {
    id: "windsurf",
    title: "Windsurf",
    form: "json",
    map: "mcpServers",
    locations: (machine) => inHome(machine, [".codeium", "windsurf"], "mcp_config.json"),
    entry: (connection) =>
      connection.kind === "stdio" ? program(connection) : {
        serverUrl: connection.url,
        ...header(connection, (variable) => `\${env:${variable}}`),
      },
    namesVariables: true,
    next: "Refresh the MCP servers of Cascade",
  },
  {
    id: "zed",
    title: "Zed",
    form: "json",
    map: "context_servers",
    locations: (machine) => {
      // Zed keeps to ~/.config on macOS too.
      const base = machine.os === "windows" ? roaming(machine) : xdgConfig(machine);
      if (base === undefined) return [];
      const folder = join(machine, base, machine.os === "windows" ? "Zed" : "zed");
      return inside(folder, "settings.json")(machine);
    },
    entry: (connection) =>
      connection.kind === "stdio" ? program(connection) : { url: connection.url },
    namesVariables: false,
    next: "Zed starts it by itself; the settings of the Agent Panel show it",
  },
  {
    id: "gemini",
    title: "Gemini CLI",
    form: "json",
    map: "mcpServers",
    locations: (machine) => {
      const own = text(machine.env, "GEMINI_CLI_HOME");
      const base = own ?? home(machine);
      return base === undefined
        ? []
        : inside(join(machine, base, ".gemini"), "settings.json")(machine);
    },
    entry: (connection) =>
      connection.kind === "stdio" ? program(connection) : {
        httpUrl: connection.url,
        ...header(connection, (variable) => `\${${variable}}`),
      },
    namesVariables: true,
    next: "Start gemini anew; /mcp shows it",
  },
  {
    id: "codex",
    title: "Codex",
    form: "toml",
    map: "mcp_servers",
    locations: (machine) => {
      const own = text(machine.env, "CODEX_HOME");
      return own === undefined
        ? inHome(machine, [".codex"], "config.toml")
        : inside(own, "config.toml")(machine);
    },
    entry: (connection) => {
      if (connection.kind === "stdio") return program(connection);
      const { url, tokenVariable } = connection;
      return tokenVariable === undefined ? { url } : { url, bearer_token_env_var: tokenVariable };
    },
    namesVariables: true,
    next: "Start codex anew; /mcp shows it",
  },
];

/** A file in a folder of the home directory. */
function inHome(
  machine: Machine,
  folder: readonly string[],
  file: string,
): readonly Location[] {
  const base = home(machine);
  return base === undefined ? [] : inside(join(machine, base, ...folder), file)(machine);
}

/**
 * Finds a client.
 *
 * @param id Its name on the command line.
 */
export function findClient(id: string): Client | undefined {
  return CLIENTS.find((client) => client.id === id);
}

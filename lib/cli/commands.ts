/**
 * The commands of Wharf as data: what each takes, what it calls, and examples. Parsing, help and
 * completion all read this table. Needs no permission.
 *
 * @module
 */

import { REMOTE_FLAGS } from "./remote_flags.ts";
import { SERVE_FLAGS } from "./serve_flags.ts";
import { SETUP_COMMANDS } from "./setup_commands.ts";

/** One flag. */
export interface FlagSpec {
  /** Name without dashes. */
  readonly name: string;
  /** Word that stands for the value in help; absent for a switch. */
  readonly value?: string;
  /** One line for help. */
  readonly about: string;
  /** The tool's parameter that the flag fills. */
  readonly parameter?: string;
  /** May be given several times. */
  readonly repeats?: boolean;
  /** Whether an empty value says something. */
  readonly mayBeEmpty?: boolean;
}

/** One positional argument. */
export interface PositionalSpec {
  /** The tool's parameter that it fills, and its name in help. */
  readonly parameter: string;
  /** Whether the command needs it. */
  readonly required: boolean;
  /** Takes all words that are left, so that a sentence needs no quotes. */
  readonly joins?: boolean;
  /** Takes all words that are left, each `NAME=VALUE`. */
  readonly pairs?: boolean;
}

/** How the answer of a tool is printed by a command. */
export type Show =
  /** Tables and facts. */
  | "facts"
  /** The text that the tool made for reading. */
  | "text"
  /** The text that another server wrote. */
  | "theirs"
  /** The document as the registry has it, byte for byte. */
  | "document";

/** One command. */
export interface CommandSpec {
  /** Name, and first word of the command line. */
  readonly name: string;
  /** One line for the list of commands. */
  readonly about: string;
  /** The tool that the command calls, if it is a short form of one. */
  readonly tool?: string;
  /** Positional arguments, in order. */
  readonly positionals: readonly PositionalSpec[];
  /** Flags beside the global ones. */
  readonly flags: readonly FlagSpec[];
  /** The list that the answer is about: where it is empty, that is said. */
  readonly list?: string;
  /** How the answer is printed. @default {"facts"} */
  readonly show?: Show;
  /** Command lines to try, without the leading `wharf`. */
  readonly examples: readonly string[];
}

/** Flags that every command takes. */
export const GLOBAL_FLAGS: readonly FlagSpec[] = [
  {
    name: "toolsets",
    value: "LIST",
    about: "Toolsets to offer, by comma (default: all)",
    repeats: true,
  },
  {
    name: "insecure-registry",
    value: "HOST[:PORT]",
    about: "Speak plain http to this registry (loopback always may)",
    repeats: true,
  },
  {
    name: "source",
    value: "NAME=PLACE",
    about: "Place of a catalogue source, or none; --source none: only the built-in one",
    repeats: true,
  },
  { name: "engine", value: "NAME", about: "podman or docker (default podman)" },
  { name: "state-dir", value: "DIR", about: "Directory of what is active and of settings" },
  {
    name: "restore",
    value: "WHEN",
    about: "Start what was active before: lazy, eager or off (default lazy)",
  },
  {
    name: "idle-stop",
    value: "MINUTES",
    about: "Stop an activated server after this time without a call (default 0: never)",
  },
  { name: "config", value: "FILE", about: "Config file (default config.json in ~/.config/wharf)" },
  { name: "timeout", value: "SECONDS", about: "Time for one operation (default 60)" },
  { name: "cache-dir", value: "DIR", about: "Directory of the cache" },
  { name: "log-level", value: "LEVEL", about: "debug, info, warn or error (default info)" },
  { name: "log-format", value: "FORMAT", about: "text or json (default text)" },
  { name: "help", about: "Show help" },
  { name: "version", about: "Show the version" },
];

/** Flags of commands that print an answer. */
const OUTPUT: FlagSpec = {
  name: "output",
  value: "FORMAT",
  about: "table or json (default table)",
};

const ALL: FlagSpec = { name: "all", about: "Follow the cursor to the end" };

const PLATFORM: FlagSpec = {
  name: "platform",
  value: "OS/ARCH",
  about: "For example linux/arm64",
  parameter: "platform",
};

const PATH: FlagSpec = {
  name: "path",
  value: "POINTER",
  about: "Only this part, as a JSON pointer, for example /layers/0 or /config/Env",
  parameter: "path",
};

const CURSOR: FlagSpec = {
  name: "cursor",
  value: "CURSOR",
  about: "Go on after a page",
  parameter: "cursor",
};

/** Flags of the commands that choose servers of the catalogue. */
const FILTERS: readonly FlagSpec[] = [
  {
    name: "category",
    value: "NAME",
    about: "Only this category, for example database",
    parameter: "categories",
    repeats: true,
  },
  { name: "tag", value: "NAME", about: "Only with this tag", parameter: "tags", repeats: true },
  {
    name: "from",
    value: "SOURCE",
    about: "Only servers that this source knows",
    parameter: "sources",
    repeats: true,
  },
  { name: "official", about: "Only official servers", parameter: "official" },
  {
    name: "key",
    value: "WORD",
    about: "Needs a key: true, false or unknown",
    parameter: "requires_api_key",
  },
  {
    name: "launch",
    value: "METHOD",
    about: "Launched by podman, stdio-proxy or remote-http",
    parameter: "launch_methods",
    repeats: true,
  },
];

/** All commands, in the order of help. */
export const COMMANDS: readonly CommandSpec[] = [
  {
    name: "serve",
    about: "Serve MCP over stdio (the default command) or HTTP",
    positionals: [],
    flags: SERVE_FLAGS,
    examples: ["serve --transport http", "serve --toolsets oci,hub"],
  },
  ...SETUP_COMMANDS,
  {
    name: "inspect",
    about: "Say what an image is: digest, platforms, sizes, config, history",
    tool: "get_image_info",
    positionals: [{ parameter: "image_ref", required: true }],
    flags: [PLATFORM, OUTPUT],
    examples: ["inspect alpine:3.20", "inspect ghcr.io/org/app:1 --platform linux/arm64"],
  },
  {
    name: "tags",
    about: "List the tags of a repository, newest version first",
    tool: "list_tags",
    list: "tags",
    positionals: [
      { parameter: "repository", required: true },
      { parameter: "pattern", required: false },
    ],
    flags: [
      {
        name: "sort",
        value: "ORDER",
        about: "semver, alphabetical or registry (default semver)",
        parameter: "sort",
      },
      { name: "limit", value: "N", about: "Tags on a page (default 100)", parameter: "limit" },
      CURSOR,
      {
        name: "include-digest-tags",
        about: "Show tags such as sha256-….sig too",
        parameter: "include_digest_tags",
      },
      ALL,
      OUTPUT,
    ],
    examples: ["tags nginx '1.2*-alpine'", "tags quay.io/podman/stable --all --output json"],
  },
  {
    name: "manifest",
    about: "Print a manifest or index as the registry has it",
    tool: "get_image_manifest",
    positionals: [{ parameter: "image_ref", required: true }],
    flags: [PLATFORM, PATH, OUTPUT],
    show: "document",
    examples: ["manifest alpine", "manifest alpine --platform linux/amd64 --path /layers/0"],
  },
  {
    name: "config",
    about: "Print an image's config as the registry has it",
    tool: "get_image_config",
    positionals: [{ parameter: "image_ref", required: true }],
    flags: [PLATFORM, PATH, OUTPUT],
    show: "document",
    examples: ["config alpine", "config alpine --path /config/Env"],
  },
  {
    name: "find",
    about: "Find MCP servers by what they do or are called",
    tool: "registry-find",
    positionals: [{ parameter: "query", required: false, joins: true }],
    flags: [
      ...FILTERS,
      { name: "limit", value: "N", about: "Servers on a page (default 10)", parameter: "limit" },
      CURSOR,
      ALL,
      OUTPUT,
    ],
    show: "text",
    examples: ['find "query a postgres database"', "find memory --launch podman --key false"],
  },
  {
    name: "list",
    about: "Browse the catalogue of MCP servers",
    tool: "registry-list",
    positionals: [],
    flags: [
      ...FILTERS,
      {
        name: "sort",
        value: "ORDER",
        about: "quality, name, stars or updated (default quality)",
        parameter: "sort",
      },
      { name: "limit", value: "N", about: "Servers on a page (default 20)", parameter: "limit" },
      CURSOR,
      ALL,
      OUTPUT,
    ],
    show: "text",
    examples: ["list --official", "list --from docker --sort name --all --output json"],
  },
  {
    name: "get",
    about: "Say all that the catalogue knows of one MCP server",
    tool: "registry-get",
    positionals: [{ parameter: "id", required: true }],
    flags: [
      { name: "inspect", about: "Look into its image too", parameter: "inspect" },
      OUTPUT,
    ],
    show: "text",
    examples: ["get reference/memory", "get docker/postgres --inspect"],
  },
  {
    name: "refresh",
    about: "Read the sources of the catalogue anew",
    tool: "registry-refresh",
    positionals: [{ parameter: "source", required: false }],
    flags: [
      { name: "force", about: "All of it, not only what changed", parameter: "force" },
      OUTPUT,
    ],
    show: "text",
    examples: ["refresh", "refresh docker --force"],
  },
  {
    name: "status",
    about: "Say how the catalogue stands, and what Wharf may do",
    tool: "registry-status",
    positionals: [],
    flags: [OUTPUT],
    show: "text",
    examples: ["status", "status --output json"],
  },
  {
    name: "add",
    about: "Activate an MCP server, so that its tools are Wharf's",
    tool: "registry-add",
    positionals: [{ parameter: "id", required: true }],
    flags: [
      { name: "dry-run", about: "Show only what would run", parameter: "dry_run" },
      { name: "yes", about: "You have read the plan and agree", parameter: "confirm" },
      {
        name: "method",
        value: "METHOD",
        about: "podman, stdio-proxy or remote-http",
        parameter: "launch_method",
      },
      {
        name: "env",
        value: "NAME=VALUE",
        about: "A setting; better: env:NAME or file:/path as value",
        parameter: "env",
        repeats: true,
      },
      {
        name: "prefix",
        value: "WORD",
        about: 'Prefix of its tools\' names; "" for none',
        parameter: "prefix",
        mayBeEmpty: true,
      },
      { name: "image", value: "IMAGE", about: "An image of your own", parameter: "image" },
      { name: "url", value: "URL", about: "A remote of your own", parameter: "url" },
      { name: "command", value: "PROGRAM", about: "A program of your own", parameter: "command" },
      {
        name: "arg",
        value: "WORD",
        about: "An argument of the program",
        parameter: "args",
        repeats: true,
      },
      { name: "pin", value: "VERSION", about: "Version, tag or digest", parameter: "version" },
      { name: "network", value: "KIND", about: "none or default", parameter: "network" },
      {
        name: "accept-changes",
        about: "Take its tools as they are now",
        parameter: "accept_changes",
      },
      {
        name: "accept-new-digest",
        about: "Take what the tag says now",
        parameter: "accept_new_digest",
      },
      OUTPUT,
    ],
    show: "text",
    examples: ["add reference/memory", "add docker/postgres --dry-run"],
  },
  {
    name: "remove",
    about: "End an activated server and take its tools away",
    tool: "registry-remove",
    positionals: [{ parameter: "id", required: true }],
    flags: [OUTPUT],
    show: "text",
    examples: ["remove reference/memory"],
  },
  {
    name: "active",
    about: "Say which servers are active and how each stands",
    tool: "registry-active",
    positionals: [],
    flags: [OUTPUT],
    show: "text",
    examples: ["active"],
  },
  {
    name: "exec",
    about: "Call a tool of an activated server: its name, then name=value …",
    tool: "registry-exec",
    positionals: [
      { parameter: "tool_name", required: true },
      { parameter: "arguments", required: false, pairs: true },
    ],
    flags: [OUTPUT],
    show: "theirs",
    examples: ["exec memory_search_nodes query=wharf"],
  },
  {
    name: "config-set",
    about: "Set what a server needs: its id, then NAME=VALUE …",
    tool: "registry-config-set",
    positionals: [
      { parameter: "id", required: true },
      { parameter: "env", required: false, pairs: true },
    ],
    flags: [
      { name: "unset", value: "NAME", about: "Forget a value", parameter: "unset", repeats: true },
      OUTPUT,
    ],
    show: "text",
    examples: ["config-set docker/postgres POSTGRES_URL=env:POSTGRES_URL"],
  },
  {
    name: "logs",
    about: "Show the last lines of an activated server's log",
    tool: "registry-logs",
    positionals: [{ parameter: "id", required: true }],
    flags: [
      { name: "lines", value: "N", about: "How many (default 50)", parameter: "lines" },
      OUTPUT,
    ],
    show: "theirs",
    examples: ["logs reference/memory"],
  },
  {
    name: "search",
    about: "Search images on Docker Hub or in a registry's catalog",
    tool: "search_images",
    list: "results",
    positionals: [{ parameter: "query", required: true, joins: true }],
    flags: [
      {
        name: "registry",
        value: "HOST",
        about: "Registry to search (default docker.io)",
        parameter: "registry",
      },
      { name: "limit", value: "N", about: "Most results (default 10)", parameter: "limit" },
      OUTPUT,
    ],
    examples: ["search postgres", "search app --registry localhost:5000"],
  },
  {
    name: "ping",
    about: "Check that a registry answers and whether credentials are accepted",
    tool: "ping",
    positionals: [{ parameter: "registry", required: false }],
    flags: [OUTPUT],
    examples: ["ping ghcr.io"],
  },
  {
    name: "call",
    about: "Call any tool once: name=value …, or --json '{…}'; --url: of a remote server",
    positionals: [{ parameter: "tool", required: false }],
    flags: [
      { name: "json", value: "OBJECT", about: "All arguments as one JSON object" },
      ...REMOTE_FLAGS,
      OUTPUT,
    ],
    examples: [
      "call get_hub_user name=docker",
      `call list_tags --json '{"repository":"alpine"}'`,
      "call --url https://example.com/mcp",
      "call --url https://example.com/mcp search q=x --header 'Authorization=Bearer env:TOKEN'",
    ],
  },
  {
    name: "tools",
    about: "List the tools that Wharf offers",
    positionals: [],
    flags: [OUTPUT],
    examples: ["tools --toolsets hub"],
  },
];

/**
 * Finds a command.
 *
 * @param name The first word of the command line.
 * @returns The command, or `undefined`.
 */
export function findCommand(name: string): CommandSpec | undefined {
  return COMMANDS.find((command) => command.name === name);
}

/**
 * The reference servers of the Model Context Protocol project that are looked after
 * today (github.com/modelcontextprotocol/servers), as facts. Needs no permission.
 *
 * @module
 */

import { type BuiltinServer, env, image, mount, npm, pypi, variable } from "./builtin_words.ts";

const REPO = "modelcontextprotocol/servers";

function tools(...names: readonly string[]): { readonly name: string }[] {
  return names.map((name) => ({ name }));
}

/** The folders that the filesystem server may use; opened one by one at the same place inside. */
const PATHS = variable("paths", "list", {
  required: true,
  description: "Folders that the server may read and write, as a JSON array of absolute paths",
  example: '["/home/me/notes"]',
});

/** The seven reference servers. */
export const REFERENCE_SERVERS: readonly BuiltinServer[] = [
  {
    name: "everything",
    title: "Everything",
    description:
      "Test server that uses every feature of the protocol: prompts, tools, resources, sampling and more.",
    repo: `${REPO}#src/everything`,
    categories: ["developer-tools"],
    tags: ["reference", "test"],
    packages: [npm("@modelcontextprotocol/server-everything")],
    key: false,
  },
  {
    name: "fetch",
    title: "Fetch",
    description: "Fetches web pages and gives their content as Markdown.",
    repo: `${REPO}#src/fetch`,
    categories: ["browser"],
    tags: ["reference", "web", "http", "markdown"],
    packages: [image("mcp/fetch"), pypi("mcp-server-fetch")],
    tools: tools("fetch"),
    key: false,
  },
  {
    name: "filesystem",
    title: "Filesystem",
    description: "Reads, writes, moves and searches files in the folders that it is given.",
    repo: `${REPO}#src/filesystem`,
    categories: ["filesystem"],
    tags: ["reference", "files"],
    packages: [
      image("mcp/filesystem", {
        settings: [PATHS],
        args: [{ value: "{paths}", each: "paths" }],
        run: {
          volumes: [mount("{paths}", "{paths}", { each: "paths" })],
          disableNetwork: true,
        },
      }),
      npm("@modelcontextprotocol/server-filesystem", {
        settings: [PATHS],
        args: [{ value: "{paths}", each: "paths" }],
      }),
    ],
    tools: tools(
      "read_text_file",
      "read_media_file",
      "read_multiple_files",
      "write_file",
      "edit_file",
      "create_directory",
      "list_directory",
      "list_directory_with_sizes",
      "directory_tree",
      "move_file",
      "search_files",
      "get_file_info",
      "list_allowed_directories",
    ),
    key: false,
  },
  {
    name: "git",
    title: "Git",
    description: "Reads, searches and changes local Git repositories.",
    repo: `${REPO}#src/git`,
    categories: ["version-control"],
    tags: ["reference", "git"],
    packages: [
      image("mcp/git", {
        settings: [{ ...PATHS, description: "Folders of repositories, as a JSON array" }],
        run: { volumes: [mount("{paths}", "{paths}", { each: "paths" })] },
      }),
      pypi("mcp-server-git", {
        settings: [
          variable("repository", "filepath", { description: "Repository to work in by default" }),
        ],
        args: [{ name: "--repository", value: "{repository}" }],
      }),
    ],
    tools: tools(
      "git_status",
      "git_diff_unstaged",
      "git_diff_staged",
      "git_diff",
      "git_commit",
      "git_add",
      "git_reset",
      "git_log",
      "git_create_branch",
      "git_checkout",
      "git_show",
      "git_branch",
    ),
    key: false,
  },
  {
    name: "memory",
    title: "Memory",
    description:
      "Keeps a knowledge graph of entities, relations and observations between sessions.",
    repo: `${REPO}#src/memory`,
    categories: ["knowledge"],
    tags: ["reference", "memory", "knowledge-graph"],
    packages: [
      image("mcp/memory", {
        run: {
          volumes: [mount("claude-memory", "/app/dist", { kind: "named" })],
          disableNetwork: true,
        },
      }),
      npm("@modelcontextprotocol/server-memory", {
        settings: [
          env("MEMORY_FILE_PATH", {
            format: "filepath",
            description: "File that holds the graph",
          }),
        ],
      }),
    ],
    tools: tools(
      "create_entities",
      "create_relations",
      "add_observations",
      "delete_entities",
      "delete_observations",
      "delete_relations",
      "read_graph",
      "search_nodes",
      "open_nodes",
    ),
    key: false,
  },
  {
    name: "sequentialthinking",
    title: "Sequential Thinking",
    description: "Helps to solve a problem step by step, with thoughts that can be revised.",
    repo: `${REPO}#src/sequentialthinking`,
    categories: ["ai"],
    tags: ["reference", "reasoning"],
    packages: [
      image("mcp/sequentialthinking", { run: { disableNetwork: true } }),
      npm("@modelcontextprotocol/server-sequential-thinking"),
    ],
    tools: tools("sequentialthinking"),
    key: false,
  },
  {
    name: "time",
    title: "Time",
    description: "Tells the time in any time zone and converts between zones.",
    repo: `${REPO}#src/time`,
    categories: ["utilities"],
    tags: ["reference", "timezone", "clock"],
    packages: [
      image("mcp/time", { run: { disableNetwork: true } }),
      pypi("mcp-server-time", {
        settings: [
          variable("local_timezone", "string", {
            description: "IANA name of the user's time zone",
            example: "Europe/Warsaw",
          }),
        ],
        args: [{ name: "--local-timezone", value: "{local_timezone}" }],
      }),
    ],
    tools: tools("get_current_time", "convert_time"),
    key: false,
  },
];

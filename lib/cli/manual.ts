/**
 * What each command does, for its help: the part that the table of commands has no room for. Needs
 * no permission.
 *
 * @module
 */

/** Paragraphs by command. */
export const MANUAL: Readonly<Record<string, readonly string[]>> = {
  serve: [
    "Serves Wharf's tools, prompts and resources to an MCP client. Over stdio, which is what a client " +
    "starts, standard output carries the protocol only and the log goes to standard error. Over " +
    "HTTP it serves Streamable HTTP at /mcp, the older pair at /sse and /messages, and its health at " +
    "/healthz and /readyz.",
    "Beyond loopback it wants clients to show who they are. SIGINT or SIGTERM lets the calls in hand " +
    "end; a second one does not.",
  ],
  connect: [
    "Writes an entry for Wharf into the config file of an MCP client, with the flags that you give " +
    "here. Comments, layout and other entries stay, and a copy of the file is kept. A file that " +
    "cannot be changed safely is left as it is, with the text to paste.",
    "Without a client it lists those that Wharf knows, and where their files are.",
  ],
  doctor: [
    "Looks at the container engine, git, Deno's permissions, credentials per host, registries, " +
    "sources, cache, state, disk, clock and port, all at the same time and each for ten seconds at " +
    "most. Each line is ok, warn or fail, with the next step. A credential is never shown. A probe " +
    "file, and a container that runs nothing, are all that is made, and both are removed.",
    "At the end it prints the smallest set of Deno permissions for the toolsets, sources and " +
    "registries that are chosen; --flags prints those alone, for deno run $(wharf doctor --flags …). " +
    "For a server on a port, give it those of that server's flags that it knows.",
    "It ends with 1 where something fails, else with 0.",
  ],
  health: [
    "Asks /healthz of a server of this machine, or the address that you give. It ends with 0 where " +
    "the server answers, as a container engine's health check wants it.",
  ],
  completions: [
    "Prints a script that completes commands, flags and their values. For bash: source <(wharf " +
    "completions bash), in ~/.bashrc. For zsh: the same in ~/.zshrc, after compinit. For fish: wharf " +
    "completions fish > ~/.config/fish/completions/wharf.fish",
  ],
  inspect: [
    "Reads the manifest and config of an image, and shows the digest to pin, platforms with sizes, " +
    "user, entrypoint, ports, labels, history and attestations. Nothing is pulled.",
    "A reference is written as for podman and Docker; without a registry it is one of Docker Hub's.",
  ],
  tags: [
    "Lists tags in version order; suffix families such as -alpine stay together. The pattern is a " +
    "word, a glob such as '1.2*' or a regular expression such as '/^v\\d/'; quote it for your shell.",
  ],
  manifest: [
    "Prints the manifest or index byte for byte, so that its digest can be checked. With --platform " +
    "it prints that platform's manifest.",
  ],
  config: [
    "Prints the config byte for byte, with the values of its environment. The platform is " +
    "linux/amd64 unless --platform says otherwise.",
  ],
  find: [
    "Searches the catalogue by name or intent, corrects slips, and says for each server why it " +
    "matched, how it would be launched and whether it needs a key. The first search on a new machine " +
    "reads the sources, for half a minute at most.",
  ],
  list: ["Lists the catalogue by the filters that you give, the best known servers first."],
  get: [
    "Shows what would run, the settings, tools and sources of one server. What catalogues say is " +
    "quoted. With --inspect Wharf looks into its image too.",
  ],
  refresh: [
    "Reads all sources, or one, side by side. One that was read minutes ago says when it may be " +
    "asked again; one that fails keeps its last good data. It ends with 1 where all of them fail.",
  ],
  status: [
    "Shows for each source the number of entries, the age, the last error and the next refresh; the " +
    "size of the cache, what Deno granted, and podman's version.",
  ],
  add: [
    "Activates a server in a container, as a sandboxed process or over HTTP; its tools are then " +
    "Wharf's own, under a prefix. --dry-run shows first what would run, from which source, with " +
    "which image, network, limits and settings.",
    "What ran first is pinned: another digest or another tool definition wants your word.",
    "A Wharf that serves a client already learns of it with its next start.",
  ],
  remove: [
    "Ends a server. Its settings are kept for the next time. A Wharf that serves a client already " +
    "learns of it with its next start.",
  ],
  active: [
    "Shows of each active server what runs, its uptime, calls, memory and tools, what has changed " +
    "and is held back, and what looks suspicious.",
  ],
  exec: [
    "Calls a tool of an active server, by its name with the prefix. Arguments are name=value, and " +
    "JSON where a value is no text.",
  ],
  "config-set": [
    "Sets values that a server needs, as get lists them. They are kept for your user only and never " +
    "shown again. env:NAME, file:/path and podman-secret:name refer to a value in place of it.",
  ],
  logs: ["Shows what a server wrote to standard error, without escape sequences and secrets."],
  search: [
    "Searches Docker Hub; with --registry, the names in that registry's catalog, which not every " +
    "registry offers.",
  ],
  ping: [
    "Asks a registry for its version, with the credential that is found for it. Without a registry " +
    "it says that Wharf works.",
  ],
  call: [
    "Calls one of Wharf's tools, as tools lists them. With --url it calls a tool of a remote MCP " +
    "server that is not activated, or lists its tools.",
  ],
  tools: [
    "Lists the tools of the chosen toolsets, with what each does; as JSON with their schemas.",
  ],
};

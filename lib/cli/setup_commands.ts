/**
 * The commands that look at Wharf itself and at this machine, as data. Needs no permission.
 *
 * @module
 */

import type { CommandSpec, FlagSpec } from "./commands.ts";
import { SERVE_FLAGS } from "./serve_flags.ts";

/** As for every command that prints an answer. */
const OUTPUT: FlagSpec = {
  name: "output",
  value: "FORMAT",
  about: "table or json (default table)",
};

/** Flags of `serve` that what Wharf needs here depends on. */
const SERVING: ReadonlySet<string> = new Set([
  "transport",
  "host",
  "port",
  "auth-token-file",
  "oauth-issuer",
  "oauth-audience",
  "tls-cert",
  "tls-key",
  "allow-unauthenticated",
  "audit-log",
]);

/** Commands for setting Wharf up. */
export const SETUP_COMMANDS: readonly CommandSpec[] = [
  {
    name: "connect",
    about: "Put Wharf into an MCP client's config; alone it lists the clients",
    positionals: [{ parameter: "client", required: false }],
    flags: [
      {
        name: "http",
        value: "URL",
        about: "Connect to a server that runs, instead of starting one",
      },
      {
        name: "token-env",
        value: "NAME",
        about: "With --http: the client's variable that holds the bearer token",
      },
      { name: "name", value: "NAME", about: "Name of the entry (default wharf)" },
      { name: "dry-run", about: "Show only what would change" },
      { name: "remove", about: "Take the entry out again" },
      { name: "config-file", value: "FILE", about: "The client's config file, if it is elsewhere" },
      OUTPUT,
    ],
    examples: [
      "connect",
      "connect claude-desktop --dry-run",
      "connect cursor --toolsets oci,hub",
      "connect vscode --http http://127.0.0.1:8080/mcp --token-env MCP_AUTH_TOKEN",
      "connect codex --remove",
    ],
  },
  {
    name: "health",
    about: "Ask a running server whether it answers; exit code 0 where it does",
    positionals: [],
    flags: [
      { name: "port", value: "PORT", about: "Its port on this machine (default 8080)" },
      { name: "url", value: "URL", about: "Its /healthz or /readyz, where it is elsewhere" },
    ],
    examples: ["health", "health --url https://wharf.example/readyz"],
  },
  {
    name: "doctor",
    about: "Say what works here and what does not, with the next step",
    positionals: [],
    flags: [
      { name: "flags", about: "Only the smallest set of Deno flags, on one line" },
      {
        name: "registry",
        value: "HOST",
        about: "Registries to look at and to grant, by comma (default: the usual ones)",
      },
      ...SERVE_FLAGS.filter(({ name }) => SERVING.has(name)),
      OUTPUT,
    ],
    examples: [
      "doctor",
      "doctor --toolsets oci,hub --output json",
      "doctor --flags --toolsets oci --registry ghcr.io",
      "doctor --transport http --port 8443 --tls-cert server.crt --tls-key server.key",
    ],
  },
  {
    name: "completions",
    about: "Print what completes Wharf's words in a shell",
    positionals: [{ parameter: "shell", required: true }],
    flags: [],
    examples: ["completions bash", "completions zsh", "completions fish"],
  },
];

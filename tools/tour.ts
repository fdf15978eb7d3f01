/**
 * `deno task tour`: plays the tour of README.md and writes down what is printed. A catalogue of one
 * server, its image in a registry of this machine, and podman are real; a test plays it again and
 * compares. Needs all permissions, podman and Debian's `docker-registry`; development only.
 *
 * @example
 * ```sh
 * deno task tour
 * ```
 *
 * @module
 */

import { startContainers } from "../tests/integration/containers.ts";
import { missingOf } from "../tests/integration/needs.ts";
import { startRegistry } from "../tests/integration/registry_harness.ts";
import { buildShellServer, type ShellTool } from "../tests/integration/shell_server.ts";
import { runWharf } from "../tests/integration/wharf.ts";

/** What the tour starts. */
export const TOUR_NEEDS = ["docker-registry", "podman", "runc", "busybox"] as const;

const README = new URL("../README.md", import.meta.url);
const BEGIN = "<!-- begin tour -->";
const END = "<!-- end tour -->";

/** The registry's port in the text; the real one is free on the machine that plays the tour. */
const SHOWN_HOST = "localhost:5000";

const SERVER = `name: words
type: server
meta:
  category: text
about:
  title: Words
  description: Counts the words of a text and turns its lines around.
run:
  disableNetwork: true
`;

const TOOLS: readonly ShellTool[] = [
  {
    name: "count",
    description: "Counts the words of a text",
    parameters: ["text"],
    command: "set -- $text; echo $# words",
  },
  {
    name: "reverse",
    description: "Turns each line of a text around",
    parameters: ["text"],
    command: 'echo "$text" | /bin/busybox rev',
  },
];

/** What is said, and the commands as they stand in the text. */
const STEPS: readonly {
  readonly say: string;
  readonly commands: readonly (readonly string[])[];
}[] = [
  {
    say: "Find a server by what it does, and see what is known of it:",
    commands: [["find", "count", "words"], ["get", "ours/words"]],
  },
  {
    say: "Look before you run: what would run, from where, with which network and limits.",
    commands: [["add", "ours/words", "--dry-run"]],
  },
  {
    say: "Look into its image. Nothing is pulled for that; any other image works the same way.",
    commands: [
      ["tags", `${SHOWN_HOST}/team/words`],
      ["inspect", `${SHOWN_HOST}/team/words:1.2`],
    ],
  },
  {
    say:
      "Activate it: its tools are Wharf's from now on, here and for every client that starts Wharf. " +
      "`--yes` says that you have read the plan; what runs is pinned to the digest of this moment.",
    commands: [["add", "ours/words", "--yes"]],
  },
  {
    say: "Call one of its tools, see how it stands, and take it away again:",
    commands: [
      ["exec", "words_count", "text=a tour in text"],
      ["active"],
      ["remove", "ours/words"],
    ],
  },
];

/**
 * Plays the tour.
 *
 * @returns The steps: what is said, and a fenced block of the commands with what they print.
 * @throws {Error} Where a command fails.
 */
export async function playTour(): Promise<string> {
  await using registry = await startRegistry();
  await using containers = await startContainers();
  const { folder } = containers;
  const image = `${registry.host}/team/words:1.2`;
  const server = await buildShellServer(TOOLS, {
    labels: { "org.opencontainers.image.title": "words" },
  });
  await registry.push("team/words", server, ["1.1", "1.2", "latest"]);
  await Deno.mkdir(`${folder}/catalogue/words`, { recursive: true });
  await Deno.writeTextFile(
    `${folder}/catalogue/words/server.yaml`,
    `${SERVER}image: ${image}\n`,
  );
  await Deno.mkdir(`${folder}/config/wharf`, { recursive: true });
  await Deno.writeTextFile(
    `${folder}/config/wharf/config.json`,
    JSON.stringify({ sources: { none: "none", ours: `${folder}/catalogue` } }),
  );
  const env = {
    CONTAINERS_CONF: containers.env["CONTAINERS_CONF"] ?? "",
    XDG_CONFIG_HOME: `${folder}/config`,
    XDG_STATE_HOME: `${folder}/state`,
    MCP_REGISTRY_CACHE_DIR: `${folder}/cache`,
  };
  const parts: string[] = [];
  try {
    for (const { say, commands } of STEPS) {
      const played: string[] = [];
      for (const words of commands) {
        const given = words.map((word) => word.replace(SHOWN_HOST, registry.host));
        const { code, stdout, stderr } = await runWharf(given, { env });
        if (code !== 0) throw new Error(`wharf ${words.join(" ")}: ${stderr}`);
        const shown = stdout.replaceAll(registry.host, SHOWN_HOST).trimEnd();
        played.push(`$ wharf ${words.map(quoted).join(" ")}\n${shown}`);
      }
      parts.push(`${say}\n\n\`\`\`console\n${played.join("\n\n")}\n\`\`\``);
    }
  } finally {
    const left = await containers.podman(["images", "--format={{.ID}} {{.Repository}}"]);
    for (const line of left.split("\n").filter((text) => text.includes(registry.host))) {
      await containers.podman(["rmi", "-f", line.split(" ")[0] ?? ""]).catch(() => "gone already");
    }
  }
  return parts.join("\n\n");
}

/**
 * Leaves out what differs between machines: digests, sizes, times, the platform.
 *
 * @param text A tour, or a text that has one.
 */
export function withoutChance(text: string): string {
  return text
    .replace(/sha256:[0-9a-f]+…?/g, "sha256:…")
    .replace(/\b\d+(?:\.\d+)? (?:[kMG]?B|ms|s|seconds?|minutes?|hours?|days?)\b/g, "…")
    .replace(/linux\/(?:amd|arm)64/g, "linux/…")
    // What is shorter or longer moves the columns of a table.
    .replace(/ {2,}/g, " ");
}

/**
 * The tour that a text has.
 *
 * @param text The README.
 * @throws {Error} Where it lacks the markers.
 */
export function tourOf(text: string): string {
  const [start, stop] = placeOf(text);
  return text.slice(start, stop).trim();
}

function placeOf(text: string): readonly [start: number, stop: number] {
  const start = text.indexOf(BEGIN);
  const stop = text.indexOf(END);
  if (start === -1 || stop < start) throw new Error("README.md lacks the markers of the tour");
  return [start + BEGIN.length, stop];
}

function quoted(word: string): string {
  return /[\s*]/.test(word) ? word.replace(/^([^=]*=)?(.*)$/, "$1'$2'") : word;
}

if (import.meta.main) {
  const missing = missingOf(TOUR_NEEDS);
  if (missing.length > 0) throw new Error(`The tour needs ${missing.join(", ")}`);
  const played = await playTour();
  const text = await Deno.readTextFile(README);
  const [start, stop] = placeOf(text);
  await Deno.writeTextFile(README, `${text.slice(0, start)}\n\n${played}\n\n${text.slice(stop)}`);
}

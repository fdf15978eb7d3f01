/**
 * Images of MCP servers that are a shell script of busybox: small, without a network, and told what
 * to answer. Needs read permission for busybox, which has to be a static one.
 *
 * @example
 * ```ts ignore
 * const hello = { name: "hello", description: "Says hello", parameters: [], command: "echo hello" };
 * await registry.push("team/hello", await buildShellServer([hello]), ["1.0"]);
 * ```
 *
 * @module
 */

import { buildAttestation, buildImage, buildIndex, type Built } from "./images.ts";

/** A tool of a {@linkcode buildShellServer}. */
export interface ShellTool {
  /** Its name. */
  readonly name: string;
  /** As it is listed; without quotes and line breaks. */
  readonly description: string;
  /** Its parameters, all of them texts; each is a variable of the command. */
  readonly parameters: readonly string[];
  /** What prints the answer, in the shell of busybox, whose programs are those of its `PATH`. */
  readonly command: string;
}

/** What {@linkcode buildShellServer} takes beside the tools. */
export interface ShellImage {
  /** Labels of the image. */
  readonly labels?: Readonly<Record<string, string>>;
  /** The user that it runs as. @default {"65532"} */
  readonly user?: string;
}

/**
 * Builds the image of a server, for this machine, with an attestation beside it.
 *
 * @param tools What it offers.
 * @param image What else the image says.
 */
export async function buildShellServer(
  tools: readonly ShellTool[],
  { labels = {}, user = "65532" }: ShellImage = {},
): Promise<Built> {
  const image = await buildImage({
    os: "linux",
    architecture: Deno.build.arch === "aarch64" ? "arm64" : "amd64",
    layers: [
      { path: "bin/busybox", bytes: await busybox(), mode: 0o755 },
      { path: "server.sh", bytes: new TextEncoder().encode(scriptOf(tools)), mode: 0o644 },
    ],
    config: {
      User: user,
      Entrypoint: ["/bin/busybox", "sh", "/server.sh"],
      Env: ["PATH=/bin"],
      Labels: labels,
    },
  });
  return buildIndex([image, buildAttestation(image)]);
}

async function busybox(): Promise<Uint8Array<ArrayBuffer>> {
  for (const path of ["/bin/busybox", "/usr/bin/busybox"]) {
    try {
      return await Deno.readFile(path);
    } catch (thrown) {
      if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
    }
  }
  throw new Error("Cannot find busybox");
}

/** One line of JSON comes in, one goes out. */
function scriptOf(tools: readonly ShellTool[]): string {
  const listed = tools.map(({ name, description, parameters }) => ({
    name,
    description,
    inputSchema: {
      type: "object",
      properties: Object.fromEntries(parameters.map((word) => [word, { type: "string" }])),
      required: parameters,
    },
  }));
  const branches = tools.flatMap(({ name, parameters, command }) => [
    `    *'"name":"${name}"'*)`,
    ...parameters.map((word) => `      ${word}=$(argument ${word})`),
    `      said "$(${command})";;`,
  ]);
  return [
    "#!/bin/busybox sh",
    "set -f",
    'echo "ready to serve" >&2',
    `reply() { echo '{"jsonrpc":"2.0","id":'"$id"',"result":'"$1"'}'; }`,
    `argument() { echo "$line" | /bin/busybox sed -n 's/.*"'"$1"'":"\\([^"]*\\)".*/\\1/p'; }`,
    `said() { reply '{"content":[{"type":"text","text":"'"$1"'"}]}'; }`,
    "while read -r line; do",
    `  id=$(echo "$line" | /bin/busybox sed -n 's/.*"id":\\([0-9]*\\).*/\\1/p')`,
    '  case "$line" in',
    `    *'"initialize"'*) reply '{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"shell","version":"1"}}';;`,
    `    *'"tools/list"'*) reply '${JSON.stringify({ tools: listed })}';;`,
    ...branches,
    "  esac",
    "done",
    "",
  ].join("\n");
}

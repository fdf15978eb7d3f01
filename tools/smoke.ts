/**
 * Runs a binary once, as its users first do: `--version`, and a client's handshake over stdio. For
 * the machines of a release, where nothing else may be installed. Needs all permissions;
 * development only.
 *
 * @example
 * ```sh
 * deno run -A tools/smoke.ts dist/wharf
 * ```
 *
 * @module
 */

import config from "../deno.json" with { type: "json" };

/** A start of a binary takes no longer, even on a machine that never saw it. */
const TIMEOUT_MS = 60_000;

/** What is asked over stdio: the handshake, and the list of tools. */
export const HANDSHAKE = [
  {
    id: 1,
    method: "initialize",
    params: {
      protocolVersion: "2025-06-18",
      capabilities: {},
      clientInfo: { name: "smoke", version: "1" },
    },
  },
  { method: "notifications/initialized" },
  { id: 2, method: "tools/list" },
].map((message) => `${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`).join("");

/** How the program is started. */
export interface SmokeOptions {
  /** Arguments before Wharf's own, where the program is not Wharf itself. @default [] */
  readonly before?: readonly string[];
  /** The commit that the binary must name; any where it is absent. */
  readonly commit?: string | undefined;
}

/**
 * Starts a binary twice and looks at what it says.
 *
 * @param program Path of the binary.
 * @returns What it said, in two lines.
 * @throws {Error} Where it does not say what a binary of this version has to say.
 */
export async function smoke(
  program: string,
  { before = [], commit }: SmokeOptions = {},
): Promise<readonly string[]> {
  const [version = ""] = (await output(program, [...before, "--version"])).split("\n");
  const expected = `wharf ${config.version} (commit ${commit?.slice(0, 12) ?? ""}`;
  if (!version.startsWith(expected)) {
    throw new Error(`Cannot use "${program}": it says "${version}", not "${expected}…"`);
  }
  // What the person who runs this has of an earlier Wharf is left alone.
  const home = await Deno.makeTempDir({ prefix: "wharf-smoke-" });
  const own = ["--cache-dir", `${home}/cache`, "--state-dir", `${home}/state`];
  const said = await output(program, [...before, "serve", "--source", "none", ...own], HANDSHAKE)
    .finally(() => Deno.remove(home, { recursive: true }));
  const answers = said.trim().split("\n");
  const found = toolsOf(answers);
  if (answers.length < 2 || found === 0) {
    throw new Error(`Cannot use "${program}": it answered ${answers.length} lines and no tools`);
  }
  return [version, `over stdio: ${found} tools`];
}

/** How many tools the answer to the list has. */
function toolsOf(answers: readonly string[]): number {
  for (const line of answers) {
    const message: {
      readonly id?: number;
      readonly result?: { readonly tools?: readonly unknown[] };
    } = JSON.parse(line);
    if (message.id === 2) return message.result?.tools?.length ?? 0;
  }
  return 0;
}

async function output(program: string, args: readonly string[], input = ""): Promise<string> {
  const child = new Deno.Command(program, {
    args: [...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).spawn();
  const writer = child.stdin.getWriter();
  // A program that reads no input may have ended by now.
  await writer.write(new TextEncoder().encode(input)).catch(() => {});
  await writer.close().catch(() => {});
  const { success, code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  if (!success) {
    throw new Error(`Cannot use "${program}": it ended with ${code}: ${decoder.decode(stderr)}`);
  }
  return decoder.decode(stdout);
}

if (import.meta.main) {
  const [program = "dist/wharf"] = Deno.args;
  for (const line of await smoke(program, { commit: Deno.env.get("GITHUB_SHA") })) {
    await Deno.stdout.write(new TextEncoder().encode(`${line}\n`));
  }
}

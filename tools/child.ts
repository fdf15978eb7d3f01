/**
 * Starts deno subcommands and other development tools, and waits for them. Needs all permissions;
 * development only.
 *
 * @module
 */

import { type Counts, isRoutine, readCounts } from "./counts.ts";
import { denoArgs } from "./deno.ts";

/** Root of the repository, with a closing slash. */
export const ROOT = new URL("../", import.meta.url);

/**
 * A file's path as the system writes it.
 *
 * @param url Its address.
 */
export function filePath(url: URL): string {
  const path = decodeURIComponent(url.pathname);
  return Deno.build.os === "windows" ? path.slice(1) : path;
}

/**
 * Runs a deno subcommand as `tools/deno.ts` does, on this process's terminal.
 *
 * @param args Subcommand and arguments.
 * @returns Whether it ended well.
 */
export async function deno(args: readonly string[]): Promise<boolean> {
  return await run([Deno.execPath(), "run", "-A", "-q", "tools/deno.ts", ...args]);
}

/**
 * Runs a command on this process's terminal.
 *
 * @param command Program and arguments.
 * @returns Whether it ended well.
 */
export async function run(command: readonly string[]): Promise<boolean> {
  const [program = "", ...args] = command;
  const { success } = await new Deno.Command(program, { args, cwd: ROOT, stdin: "null" }).spawn()
    .status;
  return success;
}

/**
 * Runs `deno test`, shows what it prints except for the lines that only say "ok", and counts.
 *
 * @param args Arguments after `test`.
 * @returns The counts; a run that fails without saying how counts as one failure.
 */
export async function countTests(args: readonly string[]): Promise<Counts> {
  const child = new Deno.Command(Deno.execPath(), {
    args: await denoArgs(["test", ...args]),
    cwd: ROOT,
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let counts: Counts | undefined;
  const encoder = new TextEncoder();
  for await (const line of lines(child.stdout)) {
    counts = readCounts(line) ?? counts;
    if (!isRoutine(line)) await Deno.stdout.write(encoder.encode(`${line}\n`));
  }
  const { success } = await child.status;
  if (counts === undefined) return { passed: 0, failed: success ? 0 : 1, skipped: 0 };
  // For instance a leaked promise after the last test.
  return !success && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
}

async function* lines(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
  }
  if (rest !== "") yield rest;
}

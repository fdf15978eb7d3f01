/**
 * Wharf as its users run it: `main.ts` in a process of its own. Needs run permission for deno, and
 * what the process needs.
 *
 * @module
 */

import assert from "node:assert/strict";
import { denoArgs } from "../../tools/deno.ts";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;

/** How a process is started. */
export interface WharfOptions {
  /** Further environment variables; of this process's own only what Deno needs is passed. */
  readonly env?: Readonly<Record<string, string>>;
  /** Permission flags. @default {["-A"]} */
  readonly permissions?: readonly string[];
  /** Variables that are not passed on. @default [] */
  readonly without?: readonly string[];
  /** Program and arguments that start the process. @default [] */
  readonly through?: readonly string[];
  /** What runs in place of `main.ts`, by Deno; it gets no environment but what is given here. */
  readonly program?: WharfProgram;
}

/** Wharf in another form than its source. */
export interface WharfProgram {
  /** Arguments of Deno before Wharf's own. */
  readonly args: readonly string[];
  /** Where it is started. */
  readonly cwd: string;
  /** Its environment. */
  readonly env: Readonly<Record<string, string>>;
}

/** The result of a finished run. */
export interface WharfResult {
  /** Exit code. */
  readonly code: number;
  /** Standard output. */
  readonly stdout: string;
  /** Standard error. */
  readonly stderr: string;
}

const PASSED_ON = ["PATH", "HOME", "DENO_DIR", "SSL_CERT_FILE", "DENO_CERT", "NPM_CONFIG_REGISTRY"];

/** How to start Wharf, for whoever starts processes itself. */
export interface WharfCommand {
  /** The program. */
  readonly command: string;
  /** Its arguments. */
  readonly args: string[];
  /** Where it runs, if that matters. */
  readonly cwd?: string;
  /** All of its environment. */
  readonly env: Record<string, string>;
}

/**
 * The way to start Wharf.
 *
 * @param args The command line.
 * @param options Environment and permissions.
 */
export async function wharfCommand(
  args: readonly string[],
  options: WharfOptions = {},
): Promise<WharfCommand> {
  // A test that is not about the catalogue reaches for no source of it.
  const own = [...args, ...(args.includes("--source") ? [] : ["--source", "none"])];
  if (options.program !== undefined) {
    const { args: before, cwd, env } = options.program;
    return {
      command: Deno.execPath(),
      args: [...before, ...own],
      cwd,
      env: { NO_COLOR: "1", ...env, ...options.env },
    };
  }
  const env: Record<string, string> = { NO_COLOR: "1" };
  for (const name of PASSED_ON) {
    const value = Deno.env.get(name);
    if (value !== undefined && options.without?.includes(name) !== true) env[name] = value;
  }
  const [program, ...before] = [...options.through ?? [], Deno.execPath()];
  return {
    command: program,
    args: [
      ...before,
      ...await denoArgs([
        "run",
        "-q",
        "--no-prompt",
        ...(options.permissions ?? ["-A"]),
        MAIN,
        ...own,
      ]),
    ],
    env: { ...env, ...options.env },
  };
}

async function command(
  args: readonly string[],
  options: WharfOptions,
): Promise<Deno.Command> {
  const { command, ...rest } = await wharfCommand(args, options);
  return new Deno.Command(command, {
    ...rest,
    clearEnv: true,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  });
}

/**
 * Runs Wharf to its end.
 *
 * @param args The command line.
 * @param options Environment and permissions.
 * @returns Exit code and output.
 */
export async function runWharf(
  args: readonly string[],
  options: WharfOptions & { readonly stdin?: string } = {},
): Promise<WharfResult> {
  const child = (await command(args, options)).spawn();
  const writer = child.stdin.getWriter();
  // A command that reads no input may have ended by now.
  await writer.write(new TextEncoder().encode(options.stdin ?? "")).catch(() => {});
  await writer.close().catch(() => {});
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** Wharf serving HTTP. */
export interface WharfServer extends AsyncDisposable {
  /** Where MCP is. */
  readonly mcp: URL;
  /** The process. */
  readonly child: Deno.ChildProcess;
  /** What it wrote to standard error so far. */
  stderr(): string;
  /** Ends it with a signal, and gives the exit code. */
  stop(signal: Deno.Signal): Promise<number>;
}

/**
 * Starts Wharf on a free port.
 *
 * @param args Further flags of `serve`.
 * @param options Environment and permissions.
 * @returns The server, once it listens.
 */
export async function startWharf(
  args: readonly string[] = [],
  options: WharfOptions = {},
): Promise<WharfServer> {
  const child = (await command(
    ["serve", "--transport", "http", "--port", "0", ...args],
    options,
  )).spawn();
  await child.stdin.close();
  let stderr = "";
  const listening = Promise.withResolvers<URL>();
  const drained = (async () => {
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
      stderr += text;
      const url = /https?:\/\/[^\s]+\/mcp/.exec(stderr)?.[0];
      if (url !== undefined && stderr.includes("stop  ")) listening.resolve(new URL(url));
    }
    listening.reject(new Error(`wharf ended before it listened: ${stderr}`));
  })();
  const silent = child.stdout.pipeTo(new WritableStream());
  let status: Deno.CommandStatus | undefined;
  async function stop(signal: Deno.Signal): Promise<number> {
    if (status === undefined) {
      child.kill(signal);
      status = await child.status;
      await Promise.all([drained, silent]);
    }
    return status.code;
  }
  // The rejection after a normal stop is nobody's.
  listening.promise.catch(() => {});
  const mcp = await listening.promise;
  assert.equal(mcp.hostname, "127.0.0.1");
  return {
    mcp,
    child,
    stderr: () => stderr,
    stop,
    async [Symbol.asyncDispose]() {
      await stop("SIGKILL");
    },
  };
}

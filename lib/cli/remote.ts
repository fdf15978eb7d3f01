/**
 * Calls a tool of a server at an address once, or lists what it offers, and prints the answer. Needs
 * no permission itself.
 *
 * @module
 */

import { coerceArguments } from "../core/coerce.ts";
import { toAppError } from "../core/errors.ts";
import { cleanText, escapeHidden } from "../core/text.ts";
import type { DirectPerson, DirectServer, DirectSpec } from "../mcp/mod.ts";
import type { Invocation } from "./arguments.ts";
import { openAnswerer } from "./ask.ts";
import { contentLines } from "./content.ts";
import { openProgressBar, type ProgressBar } from "./progress.ts";
import { EXIT, handOver, printError } from "./run.ts";
import { table } from "./table.ts";
import type { Terminal } from "./terminal.ts";
import { errorInFlags } from "./wording.ts";

/** What {@linkcode callRemote} needs. */
export interface RemoteDeps {
  /** Connects. */
  readonly open: (
    spec: DirectSpec,
    options: { readonly person: DirectPerson; readonly signal: AbortSignal },
  ) => Promise<DirectServer>;
  /** Where to print and ask. */
  readonly terminal: Terminal;
  /** Time for an answer, in milliseconds. @default what servers get */
  readonly timeoutMs?: number | undefined;
  /** Ends the call, at the server too; the person pressed Ctrl+C. */
  readonly signal: AbortSignal;
}

type RemoteInvocation = Invocation & { readonly kind: "remote" };

const MAX_MESSAGE_CHARS = 200;

/**
 * Does what an invocation asks of a server.
 *
 * @param invocation A parsed command line.
 * @param deps Connection and terminal.
 * @returns The exit code: 0, 1 when the tool failed, 2 when the command line is wrong.
 */
export async function callRemote(
  invocation: RemoteInvocation,
  deps: RemoteDeps,
): Promise<number> {
  const { open, terminal, signal, timeoutMs } = deps;
  using drawn = openProgressBar(terminal);
  const bar = pausable(drawn);
  try {
    const person = personAt(invocation, deps, bar);
    await using server = await open(invocation.target, {
      person,
      signal,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    });
    if (invocation.tool === undefined) {
      printOffer(server, invocation, terminal);
      return EXIT.ok;
    }
    return await call(server, { ...invocation, tool: invocation.tool }, { ...deps, bar });
  } catch (thrown) {
    bar.clear();
    const error = errorInFlags(toAppError(thrown));
    printError(error, invocation.output, terminal);
    return error.code === "INVALID_ARGUMENT" ? EXIT.usage : EXIT.failed;
  }
}

async function call(
  server: DirectServer,
  { tool: name, pairs, json, output }: RemoteInvocation & { readonly tool: string },
  { terminal, timeoutMs, signal, bar }: RemoteDeps & { readonly bar: PausableBar },
): Promise<number> {
  const tool = server.tool(name);
  const args = { ...json, ...coerceArguments(pairs, tool.inputSchema) };
  const result = await server.call(tool.name, args, {
    signal,
    onProgress: (progress) => showProgress(progress, bar),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  });
  bar.clear();
  // What hides from a reader is written in escapes, which mean the same to programs.
  if (output === "json") terminal.out(escapeHidden(JSON.stringify(result)));
  else for (const line of contentLines(result, terminal)) terminal.out(line);
  return result["isError"] === true ? EXIT.failed : EXIT.ok;
}

/** A bar that does not draw over what a person is asked. */
interface PausableBar extends Pick<ProgressBar, "show" | "clear"> {
  /** Draws nothing while a task runs. */
  pause<T>(task: () => Promise<T>): Promise<T>;
}

function pausable({ show, clear }: ProgressBar): PausableBar {
  let paused = 0;
  return {
    show: (progress) => paused === 0 ? show(progress) : undefined,
    clear,
    async pause(task) {
      paused++;
      try {
        return await task();
      } finally {
        paused--;
      }
    },
  };
}

function showProgress(
  { progress, total, message }: Readonly<Record<string, unknown>>,
  bar: PausableBar,
): void {
  if (typeof progress !== "number") return;
  bar.show({
    done: progress,
    ...(typeof total === "number" ? { total } : {}),
    ...(typeof message === "string"
      ? { message: cleanText(message, { maxChars: MAX_MESSAGE_CHARS }) }
      : {}),
  });
}

function personAt(
  { elicit, target }: RemoteInvocation,
  { terminal }: RemoteDeps,
  bar: PausableBar,
): DirectPerson {
  const canAsk = terminal.question !== undefined;
  const how = elicit ?? "ask";
  const answer = openAnswerer({
    terminal,
    server: URL.parse(target.url)?.host ?? "the server",
    elicit: how === "ask" && !canAsk ? "decline" : how,
    clear: bar.clear,
  });
  return {
    elicit: (params, signal) => bar.pause(() => answer(params, signal)),
    opensPages: how === "ask" && canAsk,
    authorize({ url, server }) {
      handOver(url, `Sign in to ${server.host}`, { terminal, bar });
      return Promise.resolve(undefined);
    },
  };
}

function printOffer(
  server: DirectServer,
  { output }: RemoteInvocation,
  terminal: Terminal,
): void {
  const { info, definitions, tools } = server;
  if (output === "json") {
    terminal.out(escapeHidden(JSON.stringify({ server: info, tools: definitions })));
    return;
  }
  if (tools.length === 0) {
    terminal.out(`${info.title ?? info.name} ${info.version} offers no tools`);
    return;
  }
  const rows = tools.map(({ name, inputSchema, title = "", description = title }) => [
    line(name),
    line(argumentsOf(inputSchema)),
    line(description),
  ]);
  const { columns } = terminal;
  for (const row of table(["tool", "arguments", "what it does"], rows, { columns, wraps: true })) {
    terminal.out(row);
  }
}

/** `a, b?` */
function argumentsOf({ properties, required }: Readonly<Record<string, unknown>>): string {
  if (typeof properties !== "object" || properties === null) return "";
  const needed = new Set(Array.isArray(required) ? required : []);
  return Object.keys(properties).map((name) => needed.has(name) ? name : `${name}?`).join(", ");
}

function line(text: string): string {
  return cleanText(text, { maxChars: MAX_MESSAGE_CHARS * 4 });
}

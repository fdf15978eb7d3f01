/**
 * Runs one tool from the command line and prints its answer. Needs no permission itself.
 *
 * @module
 */

import { AppError, toAppError } from "../core/errors.ts";
import { nearestNames } from "../core/nearest.ts";
import { escapeHidden } from "../core/text.ts";
import type { BoundTool } from "../mcp/mod.ts";
import type { Invocation } from "./arguments.ts";
import { findCommand } from "./commands.ts";
import { contentLines } from "./content.ts";
import { joinPages, type Page } from "./join_pages.ts";
import { openProgressBar, type ProgressBar } from "./progress.ts";
import { renderFacts } from "./render.ts";
import { table } from "./table.ts";
import type { Terminal } from "./terminal.ts";
import { errorInCommands, inCommands } from "./wording.ts";

/** Exit codes: as `sysexits` is not followed by the peers, the common three. */
export const EXIT = { ok: 0, failed: 1, usage: 2 } as const;

/** A registry that always gives a cursor must not hold the command line for ever. */
const MAX_PAGES = 10_000;

/** What a command needs. */
export interface RunDeps {
  /** The tools on offer. */
  readonly tools: readonly BoundTool[];
  /** Where to print. */
  readonly terminal: Terminal;
  /** Ends the call; the person pressed Ctrl+C. */
  readonly signal: AbortSignal;
}

/**
 * Runs the tool of an invocation.
 *
 * @param invocation A parsed command line.
 * @param deps The tools and the terminal.
 * @returns The exit code: 0, 1 when the tool failed, 2 when the command line is wrong.
 */
export async function runTool(
  invocation: Invocation & { readonly kind: "tool" },
  deps: RunDeps,
): Promise<number> {
  try {
    const tool = deps.tools.find((candidate) => candidate.name === invocation.tool);
    if (tool === undefined) throw noSuchTool(invocation.tool, deps.tools);
    if (invocation.show === "document" && invocation.output === "table") {
      await printDocument(tool, invocation, deps);
      return EXIT.ok;
    }
    return await printFacts(tool, invocation, deps) ? EXIT.ok : EXIT.failed;
  } catch (thrown) {
    const error = errorInCommands(toAppError(thrown), findCommand(invocation.command));
    printError(error, invocation.output, deps.terminal);
    return error.code === "INVALID_ARGUMENT" ? EXIT.usage : EXIT.failed;
  }
}

function noSuchTool(name: string, tools: readonly BoundTool[]): AppError {
  const [near] = nearestNames(name, tools.map((tool) => tool.name), 1);
  return new AppError("INVALID_ARGUMENT", `Cannot call "${name}": there is no such tool`, {
    hint: `${
      near === undefined ? "" : `Did you mean ${near}? `
    }See wharf tools, or widen --toolsets`,
  });
}

/**
 * Prints an error for a person, or as JSON.
 *
 * @param error What went wrong.
 * @param output The form that was asked for.
 * @param terminal Where to print.
 */
export function printError(error: AppError, output: string, terminal: Terminal): void {
  if (output === "json") {
    const { code, message, hint, retryAfterMs, status, details } = error;
    terminal.out(JSON.stringify({ error: { code, message, hint, retryAfterMs, status, details } }));
    return;
  }
  terminal.err(`wharf: ${error.message}`);
  if (error.hint !== undefined) terminal.err(`Next: ${error.hint}`);
}

/**
 * Hands the page of a sign-in to the person, whose browser has to run on this machine.
 *
 * @param url The page.
 * @param message What it is for.
 * @param deps Terminal, and what is drawn on it.
 */
export function handOver(
  url: URL,
  message: string,
  { terminal, bar }: { readonly terminal: Terminal; readonly bar: Pick<ProgressBar, "clear"> },
): void {
  bar.clear();
  terminal.err(`${message}: open this page in a browser of this machine`);
  terminal.err(`  ${url.href}`);
}

/**
 * Prints the tools on offer.
 *
 * @param invocation A parsed command line.
 * @param deps The tools and the terminal.
 * @returns The exit code.
 */
export function printTools(
  invocation: Invocation & { readonly kind: "tools" },
  deps: Pick<RunDeps, "tools" | "terminal">,
): number {
  if (invocation.output === "json") {
    const tools = deps.tools.map(({ name, title, toolset, description, inputSchema }) => ({
      name,
      title,
      toolset,
      description,
      inputSchema,
    }));
    deps.terminal.out(JSON.stringify({ tools }));
    return EXIT.ok;
  }
  const rows = deps.tools.map((tool) => [tool.name, tool.toolset, tool.description]);
  const { columns } = deps.terminal;
  for (const line of table(["tool", "toolset", "what it does"], rows, { columns, wraps: true })) {
    deps.terminal.out(line);
  }
  return EXIT.ok;
}

/**
 * Prints an answer, with `--all` that of every page as one. `false`: a server that was asked
 * answers that it failed.
 */
async function printFacts(
  tool: BoundTool,
  invocation: Invocation & { readonly kind: "tool" },
  deps: RunDeps,
): Promise<boolean> {
  const { terminal } = deps;
  const [first, ...more] = await Array.fromAsync(pages(tool, invocation, deps));
  if (first === undefined) return false;
  const { result, answer, text } = joinPages([first, ...more]);
  // What another server answered may have no structured form.
  if (result.structuredContent === undefined) {
    terminal.out(invocation.output === "json" ? escapeHidden(JSON.stringify(result)) : text);
  } else if (invocation.output === "json") terminal.out(JSON.stringify(answer));
  else if (invocation.show === "theirs") terminal.out(text);
  else if (invocation.show === "text") {
    terminal.out(inCommands(text, findCommand(invocation.command)));
  } else {
    for (const line of renderFacts(answer, terminal)) terminal.out(line);
    const { list } = findCommand(invocation.command) ?? {};
    const items = list === undefined ? undefined : answer[list];
    if (Array.isArray(items) && items.length === 0) terminal.out(`${list}: none`);
  }
  return result.isError !== true && !isAllFailed(answer["sources"]);
}

/** Whether sources were to be read, and none could be. */
function isAllFailed(sources: unknown): boolean {
  return Array.isArray(sources) && sources.length > 0 &&
    sources.every((source) => source?.outcome === "failed");
}

/** Prints a document as the registry has it: its parts joined, and nothing else. */
async function printDocument(
  tool: BoundTool,
  invocation: Invocation & { readonly kind: "tool" },
  deps: RunDeps,
): Promise<void> {
  let text = "";
  for await (const { answer } of pages(tool, invocation, deps)) {
    text += String(answer["content"] ?? "");
  }
  deps.terminal.out(text);
}

async function* pages(
  tool: BoundTool,
  invocation: Invocation & { readonly kind: "tool" },
  deps: RunDeps,
): AsyncGenerator<Page> {
  // A person asks for a limit of their own, and reads for nothing.
  using bar = openProgressBar(deps.terminal);
  const context = {
    caller: { client: "cli", transport: "cli" },
    openPage: (url: URL, message: string) => {
      handOver(url, message, { terminal: deps.terminal, bar });
      return Promise.resolve();
    },
    signal: deps.signal,
    budgetTokens: Infinity,
    progress: bar.show,
  };
  let cursor: unknown;
  for (let page = 0; page < MAX_PAGES; page++) {
    const result = await tool.call(
      cursor === undefined ? invocation.arguments : { ...invocation.arguments, cursor },
      context,
    );
    const answer = result.structuredContent ?? {};
    bar.clear();
    // What other servers answer is passed on as it came: it is cleaned for the terminal here.
    yield { result, answer, text: contentLines({ ...result }, deps.terminal).join("\n") };
    cursor = answer["next_cursor"];
    if (!invocation.all || cursor === undefined) return;
  }
}

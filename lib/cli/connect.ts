/**
 * `wharf connect`: puts Wharf into a client's config file, shows what would change, takes it out,
 * and lists the clients. Needs no permission itself.
 *
 * @module
 */

import {
  type Client,
  CLIENTS,
  type ClientState,
  connectClient,
  type ConnectDeps,
  type Connection,
  type ConnectResult,
  disconnectClient,
  findClient,
  launchCommand,
  listClients,
  type Started,
} from "../connect/mod.ts";
import { AppError, toAppError } from "../core/errors.ts";
import { cleanText } from "../core/text.ts";
import type { Invocation, Output } from "./arguments.ts";
import { printError } from "./run.ts";
import { table } from "./table.ts";
import type { Terminal } from "./terminal.ts";

/** What the command needs. */
export interface ConnectCommandDeps extends ConnectDeps {
  /** How this Wharf was started; clients start it the same way. */
  readonly started: Started;
  /** Where to print. */
  readonly terminal: Terminal;
  /** Gives up. */
  readonly signal: AbortSignal;
}

/** Codex takes these, and every client's own rules allow them. */
const NAME = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;

/** What a shell takes for a variable. */
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;

/** A query may hold what is meant to be secret. */
const SECRET_QUERY = /token|secret|pass|key/i;

/**
 * Runs `wharf connect`.
 *
 * @param invocation A parsed command line.
 * @param deps Files, time, machine and terminal.
 * @returns The exit code: 0, 1 when the file could not be changed, 2 when the command line is wrong.
 */
export async function runConnect(
  invocation: Invocation & { readonly kind: "connect" },
  deps: ConnectCommandDeps,
): Promise<number> {
  const { terminal } = deps;
  try {
    const request = requestOf(invocation, deps);
    if (request.client === undefined) {
      const states = await listClients(request, deps);
      printStates(states, { ...request, output: invocation.output, terminal });
      return 0;
    }
    const { client } = request;
    const entry = { ...request, client, signal: deps.signal };
    const result = invocation.flags["remove"] === true
      ? await disconnectClient(entry, deps)
      : await connectClient(entry, deps);
    printResult(result, { ...request, client, output: invocation.output, terminal });
    return 0;
  } catch (thrown) {
    const error = toAppError(thrown);
    printError(error, invocation.output, terminal);
    const paste = error.details?.["paste"];
    if (invocation.output === "table" && typeof paste === "string") {
      terminal.err("To put in by hand:");
      terminal.out(paste);
    }
    return error.code === "INVALID_ARGUMENT" ? 2 : 1;
  }
}

/** What the command line asks for. */
interface Request {
  readonly client: Client | undefined;
  readonly name: string;
  readonly connection: Connection;
  readonly file?: string;
  readonly isDryRun: boolean;
}

function requestOf(
  { client: id, flags }: Invocation & { readonly kind: "connect" },
  { started, machine }: ConnectCommandDeps,
): Request {
  const name = text(flags["name"]) ?? "wharf";
  if (!NAME.test(name)) {
    throw new AppError("INVALID_ARGUMENT", `Cannot use --name "${name}": it is no name`, {
      hint: "Begin with a letter; letters, digits, _ and - may follow, 64 at most",
    });
  }
  const client = id === undefined ? undefined : findClient(id);
  if (id !== undefined && client === undefined) {
    throw new AppError("INVALID_ARGUMENT", `Cannot connect "${id}": there is no such client`, {
      hint: `Choose from ${CLIENTS.map((one) => one.id).join(", ")}`,
    });
  }
  const isRemove = flags["remove"] === true;
  for (const flag of ["remove", "dry-run", "config-file"]) {
    if (client === undefined && flags[flag] !== undefined) {
      throw new AppError("INVALID_ARGUMENT", `Cannot use --${flag}: no client is named`, {
        hint: `Write for example: wharf connect cursor --${flag}`,
      });
    }
  }
  const url = text(flags["http"]);
  const variable = text(flags["token-env"]);
  if (isRemove && (url ?? variable) !== undefined) {
    throw new AppError(
      "INVALID_ARGUMENT",
      "Cannot use --remove: it takes neither --http nor --token-env",
      {
        hint: "An entry is taken out whatever it says",
      },
    );
  }
  const file = text(flags["config-file"]);
  return {
    client,
    name,
    connection: url === undefined
      ? { kind: "stdio", ...stdioCommand(variable, flags, { started, machine }) }
      : { kind: "http", url: serverUrl(url), ...tokenVariable(variable, client) },
    isDryRun: flags["dry-run"] === true,
    ...(file === undefined ? {} : { file: absolute(file, started.directory) }),
  };
}

function stdioCommand(
  variable: string | undefined,
  flags: Invocation["flags"],
  { started, machine }: Pick<ConnectCommandDeps, "started" | "machine">,
): { readonly command: string; readonly args: readonly string[] } {
  if (variable !== undefined) {
    throw new AppError("INVALID_ARGUMENT", "Cannot use --token-env: it goes with --http", {
      hint: "A client that starts Wharf itself sends no token",
    });
  }
  return launchCommand(started, flags, machine);
}

/** The address of a server; Wharf serves MCP below its root. */
function serverUrl(value: string): string {
  const url = URL.parse(value);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new AppError("INVALID_ARGUMENT", `Cannot use --http "${value}": it is no address`, {
      hint: "Write for example --http http://127.0.0.1:8080/mcp",
    });
  }
  const isSecret = url.username !== "" || url.password !== "" ||
    [...url.searchParams.keys()].some((key) => SECRET_QUERY.test(key));
  if (isSecret) {
    throw new AppError("INVALID_ARGUMENT", "Cannot use --http: the address holds a secret", {
      hint:
        "Write it without, and name the variable that has the token: --token-env MCP_AUTH_TOKEN",
    });
  }
  if (url.pathname === "/" && url.search === "") url.pathname = "/mcp";
  return url.href;
}

function tokenVariable(
  variable: string | undefined,
  client: Client | undefined,
): { readonly tokenVariable?: string } {
  if (variable === undefined) return {};
  if (!VARIABLE.test(variable)) {
    throw new AppError(
      "INVALID_ARGUMENT",
      "Cannot use --token-env: its value is no variable's name",
      {
        hint: "Name the variable, not the token: --token-env MCP_AUTH_TOKEN",
      },
    );
  }
  if (client?.namesVariables === false) {
    throw new AppError(
      "INVALID_ARGUMENT",
      `Cannot use --token-env with ${client.title}: its config cannot name a variable`,
      { hint: `Connect without it; then ${byHand(client)}` },
    );
  }
  return { tokenVariable: variable };
}

function byHand({ title }: Client): string {
  return `add "headers": {"Authorization": "Bearer …"} to the entry in ${title}'s config`;
}

function absolute(path: string, directory: string): string {
  return /^(?:[/\\]|[A-Za-z]:)/.test(path) ? path : `${directory}/${path.replace(/^\.\//, "")}`;
}

interface Shown {
  readonly client: Client;
  readonly name: string;
  readonly connection: Connection;
  readonly isDryRun: boolean;
  readonly output: Output;
  readonly terminal: Terminal;
}

function printResult(result: ConnectResult, shown: Shown): void {
  const { client, name, connection, isDryRun, output, terminal } = shown;
  const next = isDryRun || result.action === "absent" ? [] : nextSteps(result, client, connection);
  if (output === "json") {
    terminal.out(JSON.stringify({
      client: client.id,
      name,
      file: result.file,
      action: result.action,
      dry_run: isDryRun,
      entry: result.entry,
      backup: result.backup,
      difference: result.difference,
      next,
    }));
    return;
  }
  const file = cleanText(result.file, { maxChars: 1000 });
  terminal.out(`${client.title}: ${said(result, { name, isDryRun })}`);
  terminal.out(`file    ${file}`);
  if (result.backup !== undefined) {
    terminal.out(`backup  ${cleanText(result.backup, { maxChars: 1000 })}`);
  }
  if (isDryRun || result.action === "replaced") {
    for (const line of result.difference) terminal.out(line);
  }
  for (const step of next) terminal.err(`Next: ${step}`);
}

function said(
  { action }: ConnectResult,
  { name, isDryRun }: Pick<Shown, "name" | "isDryRun">,
): string {
  const words = {
    connected: ["connected", "would be connected"],
    replaced: ["its entry was replaced", "its entry would be replaced"],
    already: ["already connected", "already connected"],
    removed: ["taken out", "would be taken out"],
    absent: ["not connected", "not connected"],
  } as const;
  return `"${name}" ${words[action][isDryRun ? 1 : 0]}`.replace(`"${name}" its`, `"${name}": its`);
}

function nextSteps(
  { action }: ConnectResult,
  client: Client,
  connection: Connection,
): readonly string[] {
  if (action === "removed") return [`${client.title} lets go of it when it starts anew`];
  const steps: string[] = [client.next];
  if (connection.kind === "stdio") return steps;
  const { tokenVariable } = connection;
  if (tokenVariable !== undefined) {
    steps.push(`Set ${tokenVariable} where ${client.title} is started`);
  } else if (client.namesVariables) {
    steps.push("If the server wants a token, connect again with --token-env MCP_AUTH_TOKEN");
  } else steps.push(`If the server wants a token, ${byHand(client)}`);
  return steps;
}

function printStates(
  states: readonly ClientState[],
  { name, output, terminal }: {
    readonly name: string;
    readonly output: Output;
    readonly terminal: Terminal;
  },
): void {
  if (output === "json") {
    terminal.out(JSON.stringify({
      name,
      clients: states.map(({ client, file, state, problem }) => ({
        client: client.id,
        title: client.title,
        file,
        state: state.replace("-", "_"),
        problem,
      })),
    }));
    return;
  }
  const rows = states.map(({ client, file, state, problem }) => [
    client.id,
    problem === undefined ? WORDS[state] : cleanText(problem, { maxChars: 300 }),
    cleanText(file ?? "", { maxChars: 1000 }),
  ]);
  const { columns } = terminal;
  for (const line of table(["client", name, "config file"], rows, { columns, wraps: true })) {
    terminal.out(line);
  }
}

const WORDS: Readonly<Record<ClientState["state"], string>> = {
  connected: "connected",
  other: "with another command or address",
  absent: "no",
  "not-installed": "not installed",
  unusable: "unusable",
};

function text(value: unknown): string | undefined {
  return typeof value === "string" && value.trim() !== "" ? value.trim() : undefined;
}

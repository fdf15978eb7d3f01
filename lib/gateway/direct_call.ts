/**
 * A remote server that is used once and not activated: nothing of it is kept but what a sign-in
 * leaves. Whoever names it is a person at a command line, who also answers what it asks. Needs net
 * permission for the server, through what it is given.
 *
 * @example
 * ```ts ignore
 * await using server = await openDirect({ url: "https://mcp.example/mcp" }, deps, { person });
 * const result = await server.call("echo", { text: "hello" });
 * ```
 *
 * @module
 */

import { AppError, toAppError } from "../core/errors.ts";
import type { Clock, Disk, Env, Files, Log } from "../core/host.ts";
import type { Listen, Net } from "../core/http.ts";
import { cleanText } from "../core/text.ts";
import { nearestNames } from "../core/nearest.ts";
import { isObject, type JsonObject, RpcError } from "../rpc/mod.ts";
import { type CleanTool, cleanTool } from "./clean_tools.ts";
import { type DirectSignIn, readSignIn } from "./direct_sign_in.ts";
import { readHeaders } from "./direct_values.ts";
import type { ServerInfo } from "./handshake.ts";
import { type Authorize, OAuth } from "./oauth.ts";
import { OAuthStore } from "./oauth_store.ts";
import type { Policy } from "./policy.ts";
import { Redactor } from "./redact.ts";
import { launchRemote } from "./remote.ts";
import { UpstreamSession } from "./session.ts";
import type { ServerRequestHandler, ToolCallOptions } from "./session_types.ts";
import { callAsTask, wantsTask } from "./task_call.ts";
import { judge } from "./verdict.ts";

/** A server as a person names it. */
export interface DirectSpec {
  /** Its http or https address. */
  readonly url: string;
  /** Headers of every request, each `NAME=VALUE` or `NAME=` with a reference. @default none */
  readonly headers?: readonly string[];
  /** Who signs in, where it asks for a sign-in. @default registers itself */
  readonly signIn?: DirectSignIn;
}

/** What {@linkcode openDirect} works with. */
export interface DirectDeps {
  /** The network. */
  readonly net: Net;
  /** Time. */
  readonly clock: Clock;
  /** Told what is odd, without any secret. */
  readonly log: Log;
  /** Variables that references may name. */
  readonly env: Env;
  /** Reads a variable that a flag refers to, see `ValueDeps`. */
  readonly variable: (name: string) => string | undefined;
  /** Reads files that references name. */
  readonly files: Files;
  /** Takes the browser's answer of a sign-in. */
  readonly listen: Listen;
  /** The state directory: what a sign-in leaves is all that is kept. */
  readonly disk: Disk;
  /** What the operator allows. */
  readonly policy: Policy;
  /** Who Wharf is, for the handshake. */
  readonly clientInfo: { readonly name: string; readonly version: string };
}

/** Whoever sits at the command line. */
export interface DirectPerson {
  /** Hands over the page of a sign-in. */
  readonly authorize: Authorize;
  /**
   * Answers `elicitation/create`.
   *
   * @param params As they came.
   * @param signal Aborts when the server takes its question back.
   * @returns The result, sent as it is.
   */
  readonly elicit: (params: JsonObject, signal: AbortSignal) => Promise<JsonObject>;
  /** Whether pages can be shown, so that the server may ask for one to be opened. */
  readonly opensPages: boolean;
}

/** A connection to a server. Disposing it ends it. */
export interface DirectServer extends AsyncDisposable {
  /** What the server says of itself, cleaned. */
  readonly info: ServerInfo;
  /** Its tools, fit to be shown. */
  readonly tools: readonly CleanTool[];
  /** Its tools as it describes them. */
  readonly definitions: readonly JsonObject[];
  /**
   * Finds a tool.
   *
   * @throws {AppError} `NOT_FOUND` that names the nearest ones.
   */
  tool(name: string): CleanTool;
  /**
   * Calls a tool, as a task where it can be called as nothing else.
   *
   * @returns The result as it came.
   * @throws {AppError} As `UpstreamSession.call`.
   */
  call(name: string, args: JsonObject, options?: ToolCallOptions): Promise<JsonObject>;
}

/** How {@linkcode openDirect} connects. */
export interface DirectOptions {
  /** Whoever sits there. */
  readonly person: DirectPerson;
  /** Gives up. */
  readonly signal?: AbortSignal;
  /** Time for each answer until the server is ready, in milliseconds. @default {30_000} */
  readonly timeoutMs?: number;
}

/** `URLElicitationRequiredError` of MCP. */
const PAGES_NEEDED = -32042;

/** More than a person opens for one call. */
const MOST_PAGES = 5;

/** For the server to end the session. */
const CLOSE_GRACE_MS = 1_000;

/**
 * Connects to a server, and signs in where it asks for that.
 *
 * @param spec The server.
 * @param deps Effects, sign-in and policy.
 * @param options The person and cancellation.
 * @returns The connection, after the handshake.
 * @throws {AppError} `INVALID_ARGUMENT` for an address or credentials of the wrong form, `FORBIDDEN`
 * by policy, and what `launchRemote` and `UpstreamSession.connect` throw.
 */
export async function openDirect(
  spec: DirectSpec,
  deps: DirectDeps,
  { person, signal, timeoutMs }: DirectOptions,
): Promise<DirectServer> {
  const url = readAddress(spec.url);
  checkPolicy(deps.policy, url);
  const { headers, exposed } = await readHeaders(spec.headers ?? [], deps);
  for (const header of exposed) {
    deps.log.warn("a credential in a command line can be read by others; refer to it by env:NAME", {
      header,
    });
  }
  const client = await readSignIn(spec.signIn ?? {}, deps);
  const oauth = new OAuth({ ...deps, store: new OAuthStore(deps) });
  const launched = await launchRemote(
    { url, headers, ...(client === undefined ? {} : { client }) },
    { ...deps, oauth, authorize: person.authorize },
    {
      ...(signal === undefined ? {} : { signal }),
      ...(timeoutMs === undefined ? {} : { probeTimeoutMs: timeoutMs }),
    },
  );
  const session = new UpstreamSession({
    launched,
    clock: deps.clock,
    log: deps.log,
    name: url.host,
    clientInfo: deps.clientInfo,
    capabilities: { elicitation: { form: {}, ...(person.opensPages ? { url: {} } : {}) } },
    handlers: handlersFor(person),
  }, timeoutMs === undefined ? {} : { startupTimeoutMs: timeoutMs });
  const redactor = new Redactor();
  redactor.know(Object.values(headers));
  try {
    await session.connect(signal);
  } catch (thrown) {
    throw redactor.error(toAppError(thrown));
  }
  return new Direct(session, { redactor, host: url.host, clock: deps.clock });
}

/** What a {@linkcode Direct} knows beside its session. */
interface DirectAbout {
  readonly redactor: Redactor;
  readonly host: string;
  readonly clock: Clock;
}

class Direct implements DirectServer {
  readonly #session: UpstreamSession;
  readonly #about: DirectAbout;

  constructor(session: UpstreamSession, about: DirectAbout) {
    this.#session = session;
    this.#about = about;
  }

  get info(): ServerInfo {
    return this.#session.info;
  }

  get tools(): readonly CleanTool[] {
    return this.definitions.map((definition) => cleanTool(definition).tool);
  }

  get definitions(): UpstreamSession["definitions"]["tools"] {
    return this.#session.definitions.tools;
  }

  tool(name: string): CleanTool {
    const found = this.definitions.find((definition) => definition.name === name);
    if (found !== undefined) return cleanTool(found).tool;
    const names = this.definitions.map((definition) => definition.name);
    const near = nearestNames(name, names, 5).map((one) => cleanText(one, { maxChars: 100 }));
    const shown = cleanText(name, { maxChars: 100 });
    throw new AppError(
      "NOT_FOUND",
      `Cannot call "${shown}" of "${this.#about.host}": it has no such tool`,
      {
        hint: near.length === 0
          ? "List its tools: leave the tool out"
          : `Nearest tools: ${near.join(", ")}`,
      },
    );
  }

  async call(name: string, args: JsonObject, options: ToolCallOptions = {}): Promise<JsonObject> {
    const definition = this.definitions.find((one) => one.name === name);
    try {
      if (definition === undefined || !wantsTask(definition)) {
        return await this.#session.call(name, args, options);
      }
      const { clock } = this.#about;
      return await callAsTask(
        { name, arguments: args },
        { session: this.#session, clock },
        options,
      );
    } catch (thrown) {
      throw this.#about.redactor.error(withPages(toAppError(thrown)));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session.close(CLOSE_GRACE_MS);
  }
}

/** A call that needs pages to be opened first names them in its error (MCP, "URL Mode"). */
function withPages(error: AppError): AppError {
  if (!(error instanceof RpcError) || error.fault.code !== PAGES_NEEDED) return error;
  const { data } = error.fault;
  const asked = isObject(data) && Array.isArray(data.elicitations) ? data.elicitations : [];
  const pages = asked.slice(0, MOST_PAGES).flatMap((one: unknown) => {
    const page = isObject(one) && typeof one.url === "string" ? URL.parse(one.url) : null;
    return page !== null && /^https?:$/.test(page.protocol) ? [page.href] : [];
  });
  if (pages.length === 0) return error;
  return new AppError("FORBIDDEN", error.message, {
    hint: `Open ${pages.join(" and ")} in a browser, then call again`,
    cause: error,
  });
}

function handlersFor(person: DirectPerson): Readonly<Record<string, ServerRequestHandler>> {
  return {
    "elicitation/create": (params, { signal }) => person.elicit(params, signal),
    "sampling/createMessage": () => {
      throw new AppError("UNSUPPORTED", "Cannot sample: a command line has no model");
    },
    "roots/list": () => Promise.resolve({ roots: [] }),
  };
}

function readAddress(text: string): URL {
  const url = URL.parse(text);
  const hasCredentials = url !== null && (url.username !== "" || url.password !== "");
  if (url !== null && /^https?:$/.test(url.protocol) && !hasCredentials) return url;
  // What stands before the host may be a secret.
  const shown = hasCredentials ? url.host : cleanText(text, { maxChars: 200 });
  throw new AppError(
    "INVALID_ARGUMENT",
    `Cannot call "${shown}": ${
      hasCredentials ? "an address is no place for credentials" : "it is no http or https address"
    }`,
    {
      hint: hasCredentials
        ? 'Write --header "Authorization=Bearer env:TOKEN"'
        : "Write for example --url https://example.com/mcp",
    },
  );
}

/**
 * The operator's rules for addresses. Nothing is activated, and whoever types the address has agreed
 * to it: what the policy says of servers that no entry names and of confirmation is about neither.
 */
function checkPolicy(policy: Policy, url: URL): void {
  const { verdict, reason, rule = "policy" } = judge(policy, {
    method: "remote-http",
    adHoc: false,
    known: [],
    from: [],
    ownerIsProven: false,
    official: false,
    host: url.hostname.toLowerCase(),
    network: "default",
    declaresNoNetwork: false,
    hostPaths: [],
    isFirst: false,
    wants: [],
  });
  if (verdict !== "refused") return;
  throw new AppError("FORBIDDEN", `Cannot call "${url.host}": ${reason}`, {
    hint: `The operator decides that by ${rule} in Wharf's configuration`,
  });
}

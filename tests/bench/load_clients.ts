/**
 * Many sessions of MCP over Streamable HTTP at once, each of which calls tools one after the other
 * and holds a stream open, as clients do. Needs net permission for the server.
 *
 * @example
 * ```ts ignore
 * const report = await runLoad({ url, sessions: 200, durationMs: 30_000 });
 * ```
 *
 * @module
 */

/** What is asked of the server. */
export interface LoadOptions {
  /** Where MCP is. */
  readonly url: URL;
  /** How many sessions. */
  readonly sessions: number;
  /** How long each of them goes on calling. */
  readonly durationMs: number;
  /** How long they have called before that, without being counted. @default {0} */
  readonly warmUpMs?: number;
  /** Called when the counting begins. */
  readonly onWarm?: () => void;
}

/** What came of it. */
export interface LoadReport {
  /** Calls that were answered as they should be. */
  readonly answered: number;
  /** Calls that no answer came for. */
  readonly lost: number;
  /** What went wrong, each kind once, with how often. */
  readonly errors: ReadonlyMap<string, number>;
  /** Times of the calls in milliseconds, the shortest first. */
  readonly timesMs: readonly number[];
  /** How long the calling took, in milliseconds. */
  readonly tookMs: number;
}

/** Calls that need nobody else, by turns: a search, a page of a list, a short answer. */
const CALLS = [
  { name: "registry-find", arguments: { query: "memory" } },
  { name: "registry-list", arguments: { limit: 5 } },
  { name: "registry-active", arguments: {} },
] as const;

interface Answer {
  readonly id?: unknown;
  readonly result?: { readonly isError?: boolean; readonly content?: unknown };
  readonly error?: { readonly message?: string };
}

/**
 * Runs the sessions.
 *
 * @param options How many, for how long.
 * @returns What came of it. It does not reject: what goes wrong is in it.
 */
export async function runLoad(options: LoadOptions): Promise<LoadReport> {
  const errors = new Map<string, number>();
  const timesMs: number[] = [];
  let lost = 0;
  const note = (thrown: unknown) => {
    const what = thrown instanceof Error ? thrown.message : String(thrown);
    errors.set(what, (errors.get(what) ?? 0) + 1);
  };
  const opened = await Promise.all(
    Array.from({ length: options.sessions }, () =>
      LoadSession.open(options.url).catch((thrown) => {
        note(thrown);
        return undefined;
      })),
  );
  const sessions = opened.filter((session) => session !== undefined);
  const warmMs = performance.now() + (options.warmUpMs ?? 0);
  const warm = setTimeout(() => options.onWarm?.(), options.warmUpMs ?? 0);
  await Promise.all(sessions.map(async (session, index) => {
    for (let turn = index; performance.now() < warmMs + options.durationMs; turn++) {
      const call = CALLS[turn % CALLS.length] ?? CALLS[0];
      const beganMs = performance.now();
      try {
        const answers = await session.request("tools/call", call);
        if (answers.length === 0) lost++;
        for (const { result, error } of answers) {
          if (result === undefined) note(`an error came: ${error?.message}`);
          else if (result.isError === true) note("a result says that it failed");
          else if (beganMs >= warmMs) timesMs.push(performance.now() - beganMs);
        }
      } catch (thrown) {
        note(thrown);
      }
    }
  }));
  const tookMs = performance.now() - warmMs;
  clearTimeout(warm);
  for (const session of sessions) await session.close().catch(note);
  timesMs.sort((a, b) => a - b);
  return { answered: timesMs.length, lost, errors, timesMs, tookMs };
}

/** One session. */
class LoadSession {
  readonly #url: URL;
  readonly #id: string;
  readonly #stream = new AbortController();
  #reading: Promise<void> = Promise.resolve();
  #next = 1;

  private constructor(url: URL, id: string) {
    this.#url = url;
    this.#id = id;
  }

  static async open(url: URL): Promise<LoadSession> {
    const response = await fetch(url, {
      method: "POST",
      headers: headersOf(),
      body: JSON.stringify({
        jsonrpc: "2.0",
        id: 0,
        method: "initialize",
        params: {
          protocolVersion: "2025-11-25",
          capabilities: {},
          clientInfo: { name: "load", version: "0" },
        },
      }),
    });
    await response.text();
    const id = response.headers.get("mcp-session-id");
    if (id === null) throw new Error(`no session was opened: ${response.status}`);
    const session = new LoadSession(url, id);
    await session.#post({ jsonrpc: "2.0", method: "notifications/initialized" });
    await session.#listen();
    return session;
  }

  /** The answers to one request: one, if all is well. */
  async request(method: string, params: unknown): Promise<readonly Answer[]> {
    const id = this.#next++;
    const text = await this.#post({ jsonrpc: "2.0", id, method, params });
    // An event stream carries each message in a line of its own.
    const messages = [...text.matchAll(/^data: ?(\{.*)$/gm)].map(([, json = ""]): Answer =>
      JSON.parse(json)
    );
    const answers = messages.filter((message) => message.id === id);
    if (messages.some((message) => message.id !== undefined && message.id !== id)) {
      throw new Error("an answer to somebody else's request came");
    }
    if (answers.length > 1) throw new Error("more than one answer came");
    return answers;
  }

  async close(): Promise<void> {
    this.#stream.abort();
    await this.#reading;
    const response = await fetch(this.#url, { method: "DELETE", headers: headersOf(this.#id) });
    await response.text();
    if (!response.ok) throw new Error(`the session did not end: ${response.status}`);
  }

  async #post(message: unknown): Promise<string> {
    const response = await fetch(this.#url, {
      method: "POST",
      headers: headersOf(this.#id),
      body: JSON.stringify(message),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`the server answered with status ${response.status}`);
    return text;
  }

  /** The stream for what the server has to say by itself. */
  async #listen(): Promise<void> {
    const response = await fetch(this.#url, { headers: headersOf(this.#id) });
    const { body } = response;
    if (!response.ok || body === null) throw new Error(`no stream was opened: ${response.status}`);
    // It ends when it is aborted.
    this.#reading = body.pipeTo(new WritableStream(), { signal: this.#stream.signal })
      .catch(() => {});
  }
}

function headersOf(session?: string): Record<string, string> {
  return {
    "accept": "application/json, text/event-stream",
    "content-type": "application/json",
    "mcp-protocol-version": "2025-11-25",
    ...(session === undefined ? {} : { "mcp-session-id": session }),
  };
}

/**
 * A time that so many of the calls did not pass.
 *
 * @param timesMs The times, the shortest first.
 * @param share From 0 to 1.
 */
export function quantile(timesMs: readonly number[], share: number): number {
  return timesMs[Math.min(timesMs.length - 1, Math.floor(timesMs.length * share))] ?? 0;
}

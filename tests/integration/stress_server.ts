/**
 * An MCP server that does what a test tells it to, and remembers what it saw. It speaks plain
 * JSON-RPC, so that nothing of an SDK's stands between it and Wharf. Run as a program it speaks
 * over its standard streams; needs no permission for that.
 *
 * @example
 * ```ts ignore
 * const server = new StressServer({ send: (message, relatedTo) => {} });
 * server.receive({ jsonrpc: "2.0", id: 1, method: "tools/list" });
 * ```
 *
 * @module
 */

/** A message, as parsed. */
export interface Message {
  readonly id?: string | number;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly code: number; readonly message: string };
}

/** How a {@linkcode StressServer} behaves. */
export interface StressOptions {
  /**
   * Sends a message.
   *
   * @param relatedTo Id of the request that it belongs to, where it does.
   */
  readonly send: (message: Record<string, unknown>, relatedTo?: string | number) => unknown;
  /** The version of MCP that it insists on. @default {"2025-11-25"} */
  readonly version?: string;
  /** The scheme of its resources. @default {"stress"} */
  readonly scheme?: string;
  /** Ends the process. */
  readonly exit?: (code: number) => void;
}

/** What it saw, since the last time that it was asked. */
export interface Seen {
  /** Its process. */
  readonly pid: number;
  /** Keys of the calls that wait for their end. */
  readonly running: readonly string[];
  /** Keys of the calls that began. */
  readonly begun: readonly string[];
  /** Keys of the calls that were cancelled. */
  readonly cancelled: readonly string[];
  /** Subscriptions as they came, `+` or `-` and the address. */
  readonly subscriptions: readonly string[];
  /** Levels that it was told. */
  readonly levels: readonly string[];
}

/** A tool's name that clients do not take as it is. */
export const UNICODE_TOOL = "häfen/größe 🚢";

/** The address of a resource with more than letters. */
export const UNICODE_URI = "stress://häfen/größe/🚢";

const EMPTY = { type: "object" } as const;

/** The schema of the tool `large_schema`: more than 200 KB. */
export const LARGE_SCHEMA = {
  type: "object",
  properties: Object.fromEntries(
    Array.from({ length: 1_400 }, (_, index) => [
      `property_${index}_größe`,
      { type: "string", description: `What number ${index} is about: ${"é".repeat(40)}` },
    ]),
  ),
};

const TOOLS = [
  ...["echo", "hold", "slow", "ask", "logs", "size", "update", "flood", "seen", "later", "exit"]
    .map((name) => ({ name, inputSchema: EMPTY })),
  { name: UNICODE_TOOL, title: "Größe 🚢", description: "Ä", inputSchema: EMPTY },
  { name: "large_schema", inputSchema: LARGE_SCHEMA },
];

const ASKED: Readonly<Record<string, (key: string) => Record<string, unknown>>> = {
  "sampling/createMessage": (key) => ({
    messages: [{ role: "user", content: { type: "text", text: key } }],
    maxTokens: 9,
  }),
  "elicitation/create": (key) => ({
    message: key,
    requestedSchema: { type: "object", properties: { who: { type: "string" } } },
  }),
  "roots/list": () => ({}),
};

/** The server. */
export class StressServer {
  readonly #options: StressOptions;
  readonly #running = new Map<
    string | number,
    { readonly key: string; readonly end: () => void }
  >();
  readonly #answers = new Map<string, (answer: Message) => void>();
  #begun: string[] = [];
  #cancelled: string[] = [];
  #subscriptions: string[] = [];
  #levels: string[] = [];
  #level = "debug";
  #asks = 0;

  /** @param options How it sends. */
  constructor(options: StressOptions) {
    this.#options = options;
  }

  /** Takes a message, or several at once. */
  receive(message: Message | readonly Message[]): void {
    if (Array.isArray(message)) return message.forEach((one) => this.receive(one));
    // The other form of the type is dealt with.
    const { id, method, params = {}, ...answer } = message as Message;
    if (method === undefined) {
      this.#answers.get(String(id))?.({ ...answer });
      this.#answers.delete(String(id));
    } else if (id === undefined) this.#take(method, params);
    else void this.#answer(id, method, params);
  }

  #take(method: string, params: Record<string, unknown>): void {
    if (method !== "notifications/cancelled") return;
    const call = this.#running.get(Number(params["requestId"]));
    if (call === undefined) return;
    this.#running.delete(Number(params["requestId"]));
    this.#cancelled.push(call.key);
    call.end();
  }

  async #answer(id: string | number, method: string, params: Record<string, unknown>) {
    const result = await this.#result(id, method, params);
    if (result !== undefined) this.#options.send({ id, ...result }, id);
  }

  async #result(
    id: string | number,
    method: string,
    params: Record<string, unknown>,
  ): Promise<Record<string, unknown> | undefined> {
    const { version = "2025-11-25", scheme = "stress" } = this.#options;
    switch (method) {
      case "initialize":
        return {
          result: {
            protocolVersion: version,
            capabilities: {
              tools: { listChanged: true },
              prompts: {},
              resources: { subscribe: true, listChanged: true },
              logging: {},
            },
            serverInfo: { name: "stress", version: "1" },
          },
        };
      case "ping":
        return { result: {} };
      case "tools/list":
        return { result: { tools: TOOLS } };
      case "prompts/list":
        return { result: { prompts: [{ name: "grüße", arguments: [{ name: "größe" }] }] } };
      case "prompts/get":
        return { result: { description: JSON.stringify(params), messages: [] } };
      case "resources/list":
        return {
          result: {
            resources: [
              { uri: `${scheme}${UNICODE_URI.slice(6)}`, name: "größe 🚢" },
              { uri: `${scheme}://process/${Deno.pid}`, name: "process" },
            ],
          },
        };
      case "resources/templates/list":
        return {
          result: { resourceTemplates: [{ uriTemplate: `${scheme}://{id}`, name: "any" }] },
        };
      case "resources/read":
        return { result: { contents: [{ uri: params["uri"], text: "größe" }] } };
      case "resources/subscribe":
        this.#subscriptions.push(`+${params["uri"]}`);
        return { result: {} };
      case "resources/unsubscribe":
        this.#subscriptions.push(`-${params["uri"]}`);
        return { result: {} };
      case "logging/setLevel":
        this.#level = String(params["level"]);
        this.#levels.push(this.#level);
        return { result: {} };
      case "tools/call":
        return await this.#call(id, params);
      default:
        return { error: { code: -32601, message: `Method not found: ${method}` } };
    }
  }

  async #call(
    id: string | number,
    { name, arguments: given, _meta: meta }: Record<string, unknown>,
  ): Promise<Record<string, unknown> | undefined> {
    const args: Record<string, unknown> = { ...Object(given) };
    const key = String(args["key"] ?? "");
    const token = Object(meta)["progressToken"];
    const count = Number(args["count"] ?? 1);
    switch (name) {
      case "hold":
      case "slow":
        return await this.#work(id, { ...args, key, token, isHeld: name === "hold" });
      case "ask": {
        const answers: unknown[] = [];
        this.#begin(id, key, () => {});
        for (const method of Object(args["methods"])) {
          answers.push(await this.#ask(method, key, id));
        }
        return this.#end(id) ? text({ key, answers }) : undefined;
      }
      case "logs":
        for (let index = 0; index < count; index++) this.#log(`${key} ${index}`, args, id);
        return text({ key });
      case "later":
        setTimeout(() => {
          for (let index = 0; index < count; index++) this.#log(`${key} ${index}`, args);
          if (args["method"] !== undefined) void this.#ask(String(args["method"]), key);
        }, 20);
        return text({ key });
      case "size":
        return { result: { content: [{ type: "text", text: "é".repeat(count / 2) }] } };
      case "update":
        this.#tell("notifications/resources/updated", { uri: args["uri"] });
        return text({ key });
      case "flood":
        for (let index = 0; index < count; index++) {
          const sent = this.#tell(String(args["method"]), {
            ...Object(args["params"]),
            ...(token === undefined ? {} : { progressToken: token, progress: index }),
          }, id);
          // Whoever is to read the flood gets the time that a pipe gives.
          if (index % 100 === 99) await sent;
        }
        return text({ key });
      case "seen":
        return { result: { content: [], structuredContent: this.#seen() } };
      case "exit":
        this.#options.exit?.(3);
        return undefined;
      default:
        return text({ name, args });
    }
  }

  /** Tells progress until it is done or cancelled; what is held is never done. */
  async #work(
    id: string | number,
    { key, token, isHeld, ms = 0, steps = 1 }: {
      readonly key: string;
      readonly token: unknown;
      readonly isHeld: boolean;
      readonly ms?: number;
      readonly steps?: number;
    },
  ): Promise<Record<string, unknown> | undefined> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#begin(id, key, resolve);
    if (isHeld) {
      await promise;
      return undefined;
    }
    for (let step = 1; step <= steps && this.#running.has(id); step++) {
      await this.#pause(ms / steps);
      if (token === undefined || !this.#running.has(id)) continue;
      const progress = { progressToken: token, progress: step, message: key };
      this.#tell("notifications/progress", progress, id);
    }
    return this.#end(id) ? text({ key }) : undefined;
  }

  #begin(id: string | number, key: string, end: () => void): void {
    this.#begun.push(key);
    this.#running.set(id, { key, end });
  }

  #end(id: string | number): boolean {
    return this.#running.delete(id);
  }

  async #ask(method: string, key: string, relatedTo?: string | number): Promise<unknown> {
    const id = `ask-${++this.#asks}`;
    const { promise, resolve } = Promise.withResolvers<Message>();
    this.#answers.set(id, resolve);
    const params = ASKED[method]?.(key) ?? {};
    this.#options.send({ id, method, params }, relatedTo);
    const { result, error } = await promise;
    return result ?? error;
  }

  #log(data: string, { level = "info" }: Record<string, unknown>, relatedTo?: string | number) {
    const levels = ["debug", "info", "notice", "warning", "error"];
    if (levels.indexOf(String(level)) < levels.indexOf(this.#level)) return;
    this.#tell("notifications/message", { level, data }, relatedTo);
  }

  #tell(method: string, params: Record<string, unknown>, relatedTo?: string | number): unknown {
    return this.#options.send({ method, params }, relatedTo);
  }

  #seen(): Seen {
    const seen: Seen = {
      pid: Deno.pid,
      running: [...this.#running.values()].map(({ key }) => key),
      begun: this.#begun,
      cancelled: this.#cancelled,
      subscriptions: this.#subscriptions,
      levels: this.#levels,
    };
    this.#begun = [];
    this.#cancelled = [];
    this.#subscriptions = [];
    this.#levels = [];
    return seen;
  }

  async #pause(ms: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, ms));
  }
}

function text(value: unknown): Record<string, unknown> {
  return { result: { content: [{ type: "text", text: JSON.stringify(value) }] } };
}

async function serve(
  [version = "2025-11-25", scheme = "stress"]: readonly string[],
): Promise<void> {
  const encoder = new TextEncoder();
  const writer = Deno.stdout.writable.getWriter();
  // Only this version has batches.
  const wrapped = (message: unknown) => version === "2025-03-26" ? [message] : message;
  const server = new StressServer({
    version,
    scheme,
    exit: (code) => Deno.exit(code),
    send: (message) =>
      writer.write(encoder.encode(`${JSON.stringify(wrapped({ jsonrpc: "2.0", ...message }))}\n`)),
  });
  let rest = "";
  for await (const chunk of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    const lines = `${rest}${chunk}`.split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) server.receive(JSON.parse(line));
  }
}

if (import.meta.main) await serve(Deno.args);

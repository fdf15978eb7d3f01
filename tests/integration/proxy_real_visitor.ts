/**
 * A client that takes part in everything that a server may ask of it, and keeps what it was asked
 * and told as plain data: two ways to a server are alike when what it brings home is equal. Needs
 * what its transport needs.
 *
 * @module
 */

import {
  Client,
  CreateMessageRequestSchema,
  ElicitationCompleteNotificationSchema,
  ElicitRequestSchema,
  InMemoryTaskStore,
  ListRootsRequestSchema,
  LoggingMessageNotificationSchema,
  type RequestTaskStore,
  ResourceListChangedNotificationSchema,
  ResourceUpdatedNotificationSchema,
} from "../sdk.ts";

/** What came of it, by what was asked. */
export type Answers = Readonly<Record<string, unknown>>;

/** How a server is reached. */
export interface VisitorOptions {
  /** What stands before the names of its tools and prompts, `_` included; empty where it is direct. */
  readonly prefix: string;
  /** Texts that differ by nature, such as the folder that a server works in. */
  readonly own?: Readonly<Record<string, string>>;
}

/** All that Wharf says to servers that clients can do, so that servers offer the same. */
const CAPABILITIES = {
  sampling: { context: {}, tools: {} },
  elicitation: { form: {}, url: {} },
  roots: { listChanged: true },
  tasks: {
    list: {},
    cancel: {},
    requests: { sampling: { createMessage: {} }, elicitation: { create: {} } },
  },
};

/** What differs from run to run. */
const VARYING: readonly (readonly [RegExp, string])[] = [
  [/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "<uuid>"],
  [/\b[0-9a-f]{32}\b/g, "<id>"],
  [/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, "<time>"],
  [/\w{3} \w{3} \d\d \d{4} \d\d:\d\d:\d\d GMT[^"\\]*/g, "<time>"],
  [/\d{1,2}:\d\d:\d\d(?:\s[AP]M)?/g, "<time>"],
];

/** A client at work. */
export class Visitor implements AsyncDisposable {
  /** The SDK's client. */
  readonly client: Client;
  /** What it was asked since the last call began. */
  readonly asked: unknown[] = [];
  /** Messages of the log since the last call began. */
  readonly logged: unknown[] = [];
  /** Resources whose updates it was told of. */
  readonly updated: string[] = [];
  /** How often it was told that resources have come or gone. */
  resourceChanges = 0;
  readonly #tasks = new InMemoryTaskStore();
  readonly #options: VisitorOptions;

  /** @param options How the server is reached. */
  constructor(options: VisitorOptions) {
    this.#options = options;
    this.client = new Client({ name: "test", version: "1" }, {
      capabilities: CAPABILITIES,
      taskStore: this.#tasks,
    });
    this.#answer();
    this.#listen();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close();
    this.#tasks.cleanup();
  }

  /** The name under which the server's own is known on this way. */
  named(name: string): string {
    return this.#options.prefix + name;
  }

  /** Of a list, what is the server's, by its own names. */
  own<Item extends { readonly name: string }>(items: readonly Item[]): readonly Item[] {
    const { prefix } = this.#options;
    return items.filter(({ name }) => name.startsWith(prefix))
      .map((item) => ({ ...item, name: item.name.slice(prefix.length) }));
  }

  /** Calls a tool, and tells everything that came of it. */
  async call(name: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    this.asked.length = 0;
    this.logged.length = 0;
    const progress: unknown[] = [];
    const result = await outcome(() =>
      this.client.callTool({ name: this.named(name), arguments: args }, undefined, {
        // The SDK loses the last step where the answer comes right behind it.
        onprogress: (step) => void (step.progress === step.total || progress.push(step)),
        timeout: 60_000,
      })
    );
    return this.plain({ result, progress, asked: this.asked, logged: this.logged });
  }

  /** What was found, without what differs from run to run. */
  plain(value: unknown): unknown {
    let text = JSON.stringify(value, (key, member) => {
      if (key !== "blob" || typeof member !== "string") return member;
      const decoded = atob(member);
      // A blob that is text may hold the time.
      return decoded.startsWith("Resource ") ? `decoded: ${decoded}` : member;
    });
    for (const [own, shown] of Object.entries(this.#options.own ?? {})) {
      text = text.replaceAll(own, shown);
    }
    for (const [pattern, shown] of VARYING) text = text.replaceAll(pattern, shown);
    return JSON.parse(text);
  }

  #answer(): void {
    const { client } = this;
    client.setRequestHandler(CreateMessageRequestSchema, ({ method, params }, { taskStore }) => {
      this.asked.push({ method, params });
      return this.#asTask(taskStore, params.task, {
        role: "assistant" as const,
        model: "test-model",
        content: { type: "text" as const, text: "Moin" },
        stopReason: "endTurn",
      });
    });
    client.setRequestHandler(ElicitRequestSchema, ({ method, params }, { taskStore }) => {
      this.asked.push({ method, params });
      return this.#asTask(taskStore, params.task, {
        action: "accept" as const,
        ...(params.mode === "url" ? {} : { content: filledIn(params.requestedSchema.properties) }),
      });
    });
    client.setRequestHandler(ListRootsRequestSchema, () => ({
      roots: [{ uri: "file:///srv/quay", name: "Käi" }, { uri: "file:///srv/dock" }],
    }));
  }

  /** An answer at once, or by way of a task, as the server wants it. */
  async #asTask<Result extends Record<string, unknown>>(
    tasks: RequestTaskStore | undefined,
    wish: { readonly ttl?: number | undefined } | undefined,
    result: Result,
  ): Promise<Result> {
    if (wish === undefined || tasks === undefined) return result;
    const task = await tasks.createTask({ ttl: wish.ttl ?? 60_000, pollInterval: 100 });
    await tasks.storeTaskResult(task.taskId, "completed", result);
    // The SDK's type knows no answer that begins a task.
    return { task } as unknown as Result;
  }

  #listen(): void {
    const { client } = this;
    client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => {
      // When a server with several clients looks at their roots is its own affair.
      if (params.logger !== "everything-server") this.logged.push(params);
    });
    client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => {
      this.updated.push(params.uri);
    });
    client.setNotificationHandler(ResourceListChangedNotificationSchema, () => {
      this.resourceChanges++;
    });
    client.setNotificationHandler(ElicitationCompleteNotificationSchema, ({ params }) => {
      this.asked.push(params);
    });
  }
}

/** What a person would fill in. */
const FILLED_IN: Readonly<Record<string, unknown>> = {
  name: "Änne 🚢",
  check: true,
  email: "aenne@example.com",
  homepage: "https://example.com/",
  birthdate: "1999-12-31",
  integer: 7,
  number: 9.5,
  favoriteColor: "Blue",
  agreeToTerms: true,
  interpretation: "technical",
};

function filledIn(fields: Readonly<Record<string, unknown>>): Record<string, string> {
  const known = Object.entries(FILLED_IN).filter(([name]) => Object.hasOwn(fields, name));
  // The SDK's type of the content is narrower than what forms may hold.
  return Object.fromEntries(known) as Record<string, string>;
}

/** What comes of asking, be it an error. */
export async function outcome(ask: () => Promise<unknown>): Promise<unknown> {
  try {
    return await ask();
  } catch (thrown) {
    if (!(thrown instanceof Error)) throw thrown;
    const { message } = thrown;
    return {
      error: message,
      ...("code" in thrown ? { code: thrown.code } : {}),
      ...("data" in thrown ? { data: thrown.data } : {}),
    };
  }
}

/** Waits, within bounds, until something holds. */
export async function until(holds: () => boolean, what: string): Promise<void> {
  for (let turn = 0; turn < 400 && !holds(); turn++) await pause(25);
  if (!holds()) throw new Error(`it did not come to this: ${what}`);
}

/** Waits. */
export async function pause(durationMs: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, durationMs));
}

/**
 * What the official conformance suite wants a server to offer: tools, prompts, resources and
 * completion, named and answering as the suite's server scenarios describe them. Needs no
 * permission.
 *
 * @module
 */

import { CreateMessageResultSchema, ElicitResultSchema, type RequestExtra } from "../sdk.ts";

/** What a tool is called with beside its arguments. */
export interface ToolContext {
  /** Signal, notifications and requests of the call. */
  readonly extra: RequestExtra;
  /** What the client said it can do. */
  readonly can: { readonly sampling: boolean; readonly elicitation: boolean };
  /** Sends a log message of the call, if the client's level lets it pass. */
  log(text: string): Promise<void>;
  /** Tells those who are subscribed that a resource has changed. */
  updated(uri: string): Promise<void>;
}

/** One part of a result. */
export type Content = Readonly<Record<string, unknown>>;

/** A tool of the suite. */
export interface ConformanceTool {
  /** What it does. */
  readonly description: string;
  /** Its arguments, all of them text and required. @default none */
  readonly args?: readonly string[];
  /** Its whole schema, where that is more than `args` can say. */
  readonly inputSchema?: Readonly<Record<string, unknown>>;
  /** What its definition says beside. @default nothing */
  readonly also?: Readonly<Record<string, unknown>>;
  /** What its results have beside their content. @default nothing */
  readonly beside?: Readonly<Record<string, unknown>>;
  /** Answers a call; what it throws becomes a result with `isError`. */
  call(
    args: Readonly<Record<string, unknown>>,
    context: ToolContext,
  ): Promise<readonly Content[]> | readonly Content[];
}

/** A picture of one red pixel. */
const PNG =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";

/** A sound of one silent sample: PCM, one channel, 8000 a second, 16 bits. */
const WAV = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQIAAAAAAA==";

/** The suite asks for a pause between notifications. */
const PAUSE_MS = 50;

const IMAGE = { type: "image", data: PNG, mimeType: "image/png" };

const META = { "example.com/harbour": { berth: 7 } };

const WATCHED = "test://watched-resource";

/** Every tool of the suite, by name. */
export const TOOLS: Readonly<Record<string, ConformanceTool>> = {
  "test_simple_text": {
    description: "Answers with text",
    call: () => [text("This is a simple text response for testing.")],
  },
  "test_image_content": { description: "Answers with an image", call: () => [IMAGE] },
  "test_audio_content": {
    description: "Answers with audio",
    call: () => [{ type: "audio", data: WAV, mimeType: "audio/wav" }],
  },
  "test_embedded_resource": {
    description: "Answers with a resource",
    call: () => [
      embedded("test://embedded-resource", "This is an embedded resource content."),
    ],
  },
  "test_multiple_content_types": {
    description: "Answers with text, an image and a resource",
    call: () => [
      text("Multiple content types test:"),
      IMAGE,
      {
        type: "resource",
        resource: {
          uri: "test://mixed-content-resource",
          mimeType: "application/json",
          text: JSON.stringify({ test: "data", value: 123 }),
        },
      },
    ],
  },
  "test_tool_with_logging": {
    description: "Logs three messages on its way",
    async call(_args, { extra, log }) {
      await log("Tool execution started");
      await pause(extra.signal);
      await log("Tool processing data");
      await pause(extra.signal);
      await log("Tool execution completed");
      return [text("Tool with logging executed successfully")];
    },
  },
  "test_tool_with_progress": {
    description: "Tells its progress in three steps",
    async call(_args, { extra }) {
      const token = extra._meta?.progressToken;
      for (const progress of [0, 50, 100]) {
        if (progress > 0) await pause(extra.signal);
        if (token === undefined) continue;
        await extra.sendNotification({
          method: "notifications/progress",
          params: { progressToken: token, progress, total: 100 },
        });
      }
      return [text("Tool with progress executed successfully")];
    },
  },
  "test_error_handling": {
    description: "Fails",
    call() {
      throw new Error("This tool intentionally returns an error for testing");
    },
  },
  "test_sampling": {
    description: "Asks the client's model",
    args: ["prompt"],
    async call({ prompt }, { extra, can }) {
      if (!can.sampling) throw new Error("The client does not support sampling");
      const { content } = await extra.sendRequest({
        method: "sampling/createMessage",
        params: {
          messages: [{ role: "user", content: { type: "text", text: String(prompt) } }],
          maxTokens: 100,
        },
      }, CreateMessageResultSchema);
      return [text(`LLM response: ${content.type === "text" ? content.text : content.type}`)];
    },
  },
  "test_elicitation": {
    description: "Asks the client's user",
    args: ["message"],
    async call({ message }, context) {
      const { action, content } = await elicit(context, String(message), {
        type: "object",
        properties: {
          username: { type: "string", description: "User's response" },
          email: { type: "string", description: "User's email address" },
        },
        required: ["username", "email"],
      });
      return [text(`User response: action=${action}, content=${JSON.stringify(content ?? {})}`)];
    },
  },
  "test_elicitation_sep1034_defaults": {
    description: "Asks with a default for every kind of value (SEP-1034)",
    call: (_args, context) =>
      completed(context, "Please review the defaults", {
        name: { type: "string", description: "User name", default: "John Doe" },
        age: { type: "integer", description: "User age", default: 30 },
        score: { type: "number", description: "User score", default: 95.5 },
        status: {
          type: "string",
          description: "User status",
          enum: ["active", "inactive", "pending"],
          default: "active",
        },
        verified: { type: "boolean", description: "Verification status", default: true },
      }),
  },
  "test_elicitation_sep1330_enums": {
    description: "Asks with every kind of choice (SEP-1330)",
    call: (_args, context) =>
      completed(context, "Please choose", {
        untitledSingle: { type: "string", enum: ["option1", "option2", "option3"] },
        titledSingle: { type: "string", oneOf: titled("Option") },
        legacyEnum: {
          type: "string",
          enum: ["opt1", "opt2", "opt3"],
          enumNames: ["Option One", "Option Two", "Option Three"],
        },
        untitledMulti: {
          type: "array",
          items: { type: "string", enum: ["option1", "option2", "option3"] },
        },
        titledMulti: { type: "array", items: { anyOf: titled("Choice") } },
      }),
  },
  "json_schema_2020_12_tool": {
    description: "Has a schema with what JSON Schema 2020-12 brought (SEP-1613)",
    inputSchema: {
      $schema: "https://json-schema.org/draft/2020-12/schema",
      type: "object",
      $defs: {
        address: {
          type: "object",
          properties: { street: { type: "string" }, city: { type: "string" } },
        },
      },
      properties: { name: { type: "string" }, address: { $ref: "#/$defs/address" } },
      additionalProperties: false,
    },
    call: (args) => [text(`Given: ${JSON.stringify(args)}`)],
  },
  "test_reconnection": {
    description: "Closes its stream before it answers, so that the client comes back (SEP-1699)",
    async call(_args, { extra }) {
      // There is nothing to close over stdio, nor for a client that could not come back.
      extra.closeSSEStream?.();
      await pause(extra.signal);
      return [text("Reconnection test completed successfully")];
    },
  },
  "test_all_that_can_be_said": {
    description: "Has all that a tool and its result can have, which the suite asks for nowhere",
    also: {
      title: "All that can be said",
      icons: [{ src: `data:image/png;base64,${PNG}`, mimeType: "image/png", sizes: ["1x1"] }],
      annotations: { title: "All of it", readOnlyHint: true, openWorldHint: false },
      outputSchema: {
        type: "object",
        properties: { count: { type: "integer" } },
        required: ["count"],
      },
      _meta: META,
    },
    beside: { structuredContent: { count: 3 }, _meta: META },
    call: () => [
      {
        ...text('{"count":3}'),
        annotations: { audience: ["user", "assistant"], priority: 0.5 },
        _meta: META,
      },
      {
        type: "resource_link",
        uri: "test://static-text",
        name: "Static text",
        title: "A text",
        mimeType: "text/plain",
        size: 48,
      },
    ],
  },
  "test_update_watched_resource": {
    description: "Changes the resource that can be watched",
    async call(_args, { updated }) {
      await updated(WATCHED);
      return [text("Updated")];
    },
  },
};

/** A prompt of the suite. */
export interface ConformancePrompt {
  /** What it is for. */
  readonly description: string;
  /** Its arguments, all required, with what can be completed. @default none */
  readonly args?: Readonly<Record<string, readonly string[]>>;
  /** What its definition says beside. @default nothing */
  readonly also?: Readonly<Record<string, unknown>>;
  /** The parts of its messages, all of the user's. */
  get(args: Readonly<Record<string, string>>): readonly Content[];
}

/** Every prompt of the suite, by name. */
export const PROMPTS: Readonly<Record<string, ConformancePrompt>> = {
  "test_simple_prompt": {
    description: "Has no arguments",
    also: { title: "A simple prompt", _meta: META },
    get: () => [text("This is a simple prompt for testing.")],
  },
  "test_prompt_with_arguments": {
    description: "Has two arguments",
    args: { arg1: ["test", "testing", "tested", "paris"], arg2: ["world", "worldwide"] },
    get: ({ arg1, arg2 }) => [text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)],
  },
  "test_prompt_with_embedded_resource": {
    description: "Has a resource in it",
    args: { resourceUri: ["test://example-resource"] },
    get: ({ resourceUri }) => [
      embedded(String(resourceUri), "Embedded resource content for testing."),
      text("Please process the embedded resource above."),
    ],
  },
  "test_prompt_with_image": {
    description: "Has an image in it",
    get: () => [IMAGE, text("Please analyze the image above.")],
  },
};

/** A resource of the suite. */
export interface ConformanceResource {
  /** Name. */
  readonly name: string;
  /** What it is. */
  readonly description: string;
  /** Its type. */
  readonly mimeType: string;
  /** What its definition says beside. @default nothing */
  readonly also?: Readonly<Record<string, unknown>>;
  /** Its text or its bytes in base64. */
  readonly body: { readonly text: string } | { readonly blob: string };
}

/** Every resource of the suite, by address. */
export const RESOURCES: Readonly<Record<string, ConformanceResource>> = {
  "test://static-text": {
    name: "Static text",
    description: "A text that does not change",
    mimeType: "text/plain",
    also: {
      title: "A text",
      size: 48,
      annotations: { audience: ["user"], priority: 1, lastModified: "2026-01-02T03:04:05Z" },
      _meta: META,
    },
    body: { text: "This is the content of the static text resource." },
  },
  "test://static-binary": {
    name: "Static bytes",
    description: "An image that does not change",
    mimeType: "image/png",
    body: { blob: PNG },
  },
  [WATCHED]: {
    name: "Watched resource",
    description: "A text to subscribe to",
    mimeType: "text/plain",
    body: { text: "Watched resource content" },
  },
};

/** The template of the suite. */
export const TEMPLATE = {
  uriTemplate: "test://template/{id}/data",
  name: "Template",
  description: "Data by id",
  mimeType: "application/json",
};

/** Ids that the template's variable completes to. */
export const TEMPLATE_IDS: readonly string[] = ["123", "124", "456"];

/**
 * Reads a resource, also one of the template.
 *
 * @param uri Its address.
 * @returns Its content, `undefined` when there is none.
 */
export function readResource(uri: string): Content | undefined {
  const known = RESOURCES[uri];
  if (known !== undefined) return { uri, mimeType: known.mimeType, ...known.body };
  const id = /^test:\/\/template\/([^/]+)\/data$/.exec(uri)?.[1];
  if (id === undefined) return undefined;
  const data = { id, templateTest: true, data: `Data for ID: ${id}` };
  return { uri, mimeType: TEMPLATE.mimeType, text: JSON.stringify(data) };
}

function text(value: string): Content {
  return { type: "text", text: value };
}

function embedded(uri: string, value: string): Content {
  return { type: "resource", resource: { uri, mimeType: "text/plain", text: value } };
}

function titled(kind: string): readonly { readonly const: string; readonly title: string }[] {
  return ["First", "Second", "Third"].map((nth, index) => ({
    const: `value${index + 1}`,
    title: `${nth} ${kind}`,
  }));
}

async function completed(
  context: ToolContext,
  message: string,
  properties: Readonly<Record<string, unknown>>,
): Promise<readonly Content[]> {
  const { action, content } = await elicit(context, message, {
    type: "object",
    properties,
    required: [],
  });
  return [
    text(`Elicitation completed: action=${action}, content=${JSON.stringify(content ?? {})}`),
  ];
}

async function elicit(
  { extra, can }: ToolContext,
  message: string,
  requestedSchema: Readonly<Record<string, unknown>>,
): Promise<{ readonly action: string; readonly content?: unknown }> {
  if (!can.elicitation) throw new Error("The client does not support elicitation");
  return await extra.sendRequest({
    method: "elicitation/create",
    // The SDK's type has every kind of schema as a type of its own; the suite's have them all.
    params: { mode: "form", message, requestedSchema } as ElicitParams,
  }, ElicitResultSchema);
}

type ElicitParams = Extract<
  Parameters<RequestExtra["sendRequest"]>[0],
  { method: "elicitation/create" }
>["params"];

async function pause(signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}

/**
 * One MCP server for one session: the inventory, spoken over the protocol. Needs no permission.
 *
 * @module
 */

import { abortError } from "../core/deadline.ts";
import { AppError, toAppError } from "../core/errors.ts";
import type { Log } from "../core/host.ts";
import { cleanText } from "../core/text.ts";
import { nearestNames } from "../oci/mod.ts";
import { NOTHING } from "./completion.ts";
import type { Inventory } from "./inventory.ts";
import {
  CallToolRequestSchema,
  CompleteRequestSchema,
  ErrorCode,
  GetPromptRequestSchema,
  ListPromptsRequestSchema,
  ListResourcesRequestSchema,
  ListResourceTemplatesRequestSchema,
  ListToolsRequestSchema,
  McpError,
  ReadResourceRequestSchema,
  Server,
} from "./sdk.ts";
import type { BoundTool, CallContext, Progress, Question, ToolResult } from "./tool.ts";

/** What {@linkcode createServer} takes. */
export interface ServerOptions {
  /** Name and version for the handshake. */
  readonly info: { readonly name: string; readonly version: string };
  /** What a model reads once. */
  readonly instructions: string;
  /** What is offered. */
  readonly inventory: Inventory;
  /** Is told of faults. */
  readonly log: Log;
}

/** Clients page through longer lists. */
const PAGE_SIZE = 100;

/** The spec: `-32002` is a resource that does not exist. */
const RESOURCE_NOT_FOUND = -32002;

/**
 * Makes a server; connect it to a transport, and close it with the session.
 *
 * @param options What it offers.
 * @returns The server.
 */
export function createServer(options: ServerOptions): Server {
  const { info, instructions, inventory, log } = options;
  const server = new Server({ ...info, title: "Wharf" }, {
    instructions,
    capabilities: {
      tools: { listChanged: true },
      prompts: {},
      resources: {},
      completions: {},
      logging: {},
    },
  });
  serveTools(server, inventory, log);
  servePrompts(server, inventory);
  serveResources(server, inventory);
  serveCompletion(server, inventory);
  const changes = inventory.onToolsChanged(() => {
    // The session may have ended since; nobody is then there to be told.
    server.sendToolListChanged().catch(() => {});
  });
  server.onerror = (error) => log.debug("protocol error", { reason: error.message });
  // The SDK calls this once, however the session ends; whoever connects may chain it.
  server.onclose = () => changes[Symbol.dispose]();
  return server;
}

function serveTools(server: Server, inventory: Inventory, log: Log): void {
  server.setRequestHandler(ListToolsRequestSchema, (request) => {
    const { items, nextCursor } = page(inventory.listTools(), request.params?.cursor);
    return { tools: items.map(listedTool), ...(nextCursor === undefined ? {} : { nextCursor }) };
  });
  server.setRequestHandler(CallToolRequestSchema, async (request, extra) => {
    const { name, arguments: args, _meta: meta } = request.params;
    const tool = inventory.findTool(name);
    if (tool === undefined) throw unknownTool(name, inventory);
    const progressToken = meta?.progressToken;
    const progress = ({ message, done, total }: Progress) => {
      if (progressToken === undefined || extra.signal.aborted) return;
      extra.sendNotification({
        method: "notifications/progress",
        params: {
          progressToken,
          progress: done,
          ...(total === undefined ? {} : { total }),
          ...(message === undefined ? {} : { message }),
        },
      }).catch(() => {});
    };
    try {
      return mutableResult(
        await tool.call(args, { signal: extra.signal, progress, ...peopleOf(server, extra) }),
      );
    } catch (thrown) {
      // Whatever a cancelled call throws: nobody reads its answer.
      const error = extra.signal.aborted ? abortError(extra.signal) : toAppError(thrown);
      if (error.code === "INTERNAL") {
        log.error("a tool failed", { tool: name, reason: error.message });
      }
      if (error.code !== "CANCELLED" && error.code !== "INVALID_ARGUMENT") {
        server.sendLoggingMessage(
          {
            level: error.code === "INTERNAL" ? "error" : "warning",
            logger: "wharf",
            data: { tool: name, code: error.code, message: shownError(error).message },
          },
          extra.sessionId,
        ).catch(() => {});
      }
      return mutableResult(errorResult(error));
    }
  });
}

/** Who calls, and how to ask them. */
function peopleOf(
  server: Server,
  { sessionId }: { readonly sessionId?: string | undefined },
): Pick<CallContext, "ask" | "caller" | "confirm" | "openPage"> {
  const { name = "unknown", version = "" } = server.getClientVersion() ?? {};
  const caller = {
    client: cleanText(`${name} ${version}`, { maxChars: 100 }),
    transport: sessionId === undefined ? "stdio" : "http",
    ...(sessionId === undefined ? {} : { session: sessionId }),
  };
  const elicitation = server.getClientCapabilities()?.elicitation;
  if (elicitation === undefined) return { caller };
  return {
    caller,
    ...(elicitation.url === undefined ? {} : {
      async openPage(url: URL, message: string) {
        const elicitationId = crypto.randomUUID();
        const { action } = await server.elicitInput({
          mode: "url",
          message,
          url: url.href,
          elicitationId,
        });
        if (action !== "accept") {
          throw new AppError("FORBIDDEN", `Cannot sign in to "${url.host}": the person declined`);
        }
      },
    }),
    async ask(question, needs) {
      const { action, content } = await server.elicitInput({
        message: question,
        requestedSchema: {
          type: "object",
          properties: Object.fromEntries(needs.map((need) => [need.name, fieldOf(need)])),
          required: needs.map(({ name }) => name),
        },
      });
      if (action !== "accept" || content === undefined) return undefined;
      return Object.fromEntries(
        Object.entries(content).map(([name, value]) => [name, String(value)]),
      );
    },
    async confirm(question) {
      const { action, content } = await server.elicitInput({
        message: question,
        requestedSchema: {
          type: "object",
          properties: { agree: { type: "boolean", title: "Agree" } },
          required: ["agree"],
        },
      });
      return action === "accept" && content?.["agree"] === true;
    },
  };
}

/** A field of a form; other forms than these are not allowed (MCP, "Elicitation"). */
function fieldOf({ description, format, choices }: Question) {
  const about = description === undefined
    ? {}
    : { description: cleanText(description, { maxChars: 300 }) };
  if (choices !== undefined) return { type: "string" as const, enum: [...choices], ...about };
  if (format === "number") return { type: "number" as const, ...about };
  if (format === "boolean") return { type: "boolean" as const, ...about };
  return { type: "string" as const, ...about };
}

function unknownTool(name: string, inventory: Inventory): McpError {
  const near = nearestNames(name, inventory.listTools().map((tool) => tool.name), 1);
  const meant = near.length === 0 ? "See tools/list" : `Did you mean ${near[0]}? See tools/list`;
  const shown = cleanText(name, { maxChars: 80 });
  return new McpError(ErrorCode.InvalidParams, `Unknown tool: ${shown}. ${meant}`);
}

function listedTool(tool: BoundTool) {
  const { name, title, description, annotations, inputSchema, outputSchema } = tool;
  return {
    name,
    title,
    description,
    annotations: { title, ...annotations },
    inputSchema: { type: "object" as const, ...inputSchema },
    ...(outputSchema === undefined
      ? {}
      : { outputSchema: { type: "object" as const, ...outputSchema } }),
  };
}

/** An error may quote an argument, a registry, or a key of a document. */
function shownError(error: AppError): { readonly message: string; readonly hint?: string } {
  const message = cleanText(error.message, { maxChars: 1500 });
  if (error.hint === undefined) return { message };
  return { message, hint: cleanText(error.hint, { maxChars: 1500 }) };
}

/** Where a result carries its error for machines. */
const ERROR_META = "wharf/error";

/**
 * An error as a model reads it: what happened, and the next step. The same for machines is in
 * `_meta`, since clients hold `structuredContent` against the output schema even of a failed call.
 *
 * @param error What went wrong.
 * @returns A result with `isError`.
 */
export function errorResult(error: AppError): ToolResult {
  const { code, retryable, retryAfterMs, status, details } = error;
  const { message, hint } = shownError(error);
  const next = hint === undefined ? "" : `\nNext: ${hint}`;
  return {
    isError: true,
    content: [{ type: "text", text: `${code}: ${message}${next}` }],
    _meta: {
      [ERROR_META]: {
        code,
        message,
        ...(hint === undefined ? {} : { next: hint }),
        retryable,
        ...(retryAfterMs === undefined
          ? {}
          : { retry_after_seconds: Math.ceil(retryAfterMs / 1000) }),
        ...(status === undefined ? {} : { http_status: status }),
        ...(details === undefined ? {} : { details }),
      },
    },
  };
}

/** The SDK's types have mutable lists and its own union of content blocks. */
function mutableResult(result: ToolResult) {
  return {
    // Blocks are made by defineTool, or passed on from a server that the SDK has checked.
    content: [...result.content] as { type: "text"; text: string }[],
    ...(result.structuredContent === undefined
      ? {}
      : { structuredContent: { ...result.structuredContent } }),
    ...(result.isError === true ? { isError: true } : {}),
    ...(result._meta === undefined ? {} : { _meta: { ...result._meta } }),
  };
}

function servePrompts(server: Server, inventory: Inventory): void {
  server.setRequestHandler(ListPromptsRequestSchema, (request) => {
    const { items, nextCursor } = page(inventory.prompts, request.params?.cursor);
    return {
      prompts: items.map(({ name, title, description, arguments: args }) => ({
        name,
        title,
        description,
        arguments: [...args],
      })),
      ...(nextCursor === undefined ? {} : { nextCursor }),
    };
  });
  server.setRequestHandler(GetPromptRequestSchema, (request) => {
    const { name, arguments: args } = request.params;
    const prompt = inventory.prompts.find((candidate) => candidate.name === name);
    if (prompt === undefined) {
      const shown = cleanText(name, { maxChars: 80 });
      throw new McpError(ErrorCode.InvalidParams, `Unknown prompt: ${shown}. See prompts/list`);
    }
    const text = protocolErrors(() => prompt.render(args ?? {}));
    return {
      description: prompt.description,
      messages: [{ role: "user" as const, content: { type: "text" as const, text } }],
    };
  });
}

function serveResources(server: Server, inventory: Inventory): void {
  server.setRequestHandler(ListResourcesRequestSchema, () => ({ resources: [] }));
  server.setRequestHandler(ListResourceTemplatesRequestSchema, (request) => {
    const { items, nextCursor } = page(inventory.templates, request.params?.cursor);
    return {
      resourceTemplates: items.map(({ uriTemplate, name, title, description, mimeType }) => ({
        uriTemplate,
        name,
        title,
        description,
        mimeType,
      })),
      ...(nextCursor === undefined ? {} : { nextCursor }),
    };
  });
  server.setRequestHandler(ReadResourceRequestSchema, async (request, extra) => {
    const { uri } = request.params;
    for (const template of inventory.templates) {
      const text = await template.read(uri, extra.signal).catch((thrown: unknown) => {
        throw resourceError(toAppError(thrown), uri);
      });
      if (text !== undefined) return { contents: [{ uri, mimeType: template.mimeType, text }] };
    }
    const shown = cleanText(uri, { maxChars: 200 });
    throw new McpError(
      RESOURCE_NOT_FOUND,
      `Unknown resource: ${shown}. See resources/templates/list`,
      { uri },
    );
  });
}

function resourceError(error: AppError, uri: string): McpError {
  const code = error.code === "NOT_FOUND"
    ? RESOURCE_NOT_FOUND
    : error.code === "INVALID_ARGUMENT"
    ? ErrorCode.InvalidParams
    : ErrorCode.InternalError;
  return new McpError(code, sentence(error), { uri });
}

function serveCompletion(server: Server, inventory: Inventory): void {
  server.setRequestHandler(CompleteRequestSchema, async (request, extra) => {
    const { ref, argument, context } = request.params;
    const asked = ref.type === "ref/prompt"
      ? inventory.prompts.find(({ name }) => name === ref.name)
      : inventory.templates.find(({ uriTemplate }) => uriTemplate === ref.uri);
    // Whoever types gains nothing from an error, so an unknown name completes to nothing.
    const { values, total } = await asked?.complete(argument.name, argument.value, {
      variables: context?.arguments ?? {},
      signal: extra.signal,
    }) ?? NOTHING;
    return { completion: { values: [...values], total, hasMore: total > values.length } };
  });
}

/** Prompts have no results with `isError`. */
function protocolErrors<T>(work: () => T): T {
  try {
    return work();
  } catch (thrown) {
    throw new McpError(ErrorCode.InvalidParams, sentence(toAppError(thrown)));
  }
}

function sentence(error: AppError): string {
  const { message, hint } = shownError(error);
  return hint === undefined ? message : `${message}. Next: ${hint}`;
}

/** The cursor is the last name of a page: it stays right when tools come and go before it. */
function page<T extends { readonly name: string }>(
  all: readonly T[],
  cursor: string | undefined,
): { readonly items: readonly T[]; readonly nextCursor?: string } {
  const start = cursor === undefined ? 0 : all.findIndex(({ name }) => name === cursor) + 1;
  if (cursor !== undefined && start === 0) {
    throw new McpError(ErrorCode.InvalidParams, "Unknown cursor. Begin again without one");
  }
  const items = all.slice(start, start + PAGE_SIZE);
  const last = items.at(-1);
  const isEnd = last === undefined || start + PAGE_SIZE >= all.length;
  return { items, ...(isEnd ? {} : { nextCursor: last.name }) };
}

/**
 * Answers for what is Wharf's own: tools, prompts, resources, completion. Needs no permission.
 *
 * @module
 */

import { abortError } from "../core/deadline.ts";
import { type AppError, toAppError } from "../core/errors.ts";
import type { Log } from "../core/host.ts";
import { cleanText } from "../core/text.ts";
import { isObject, type JsonObject, RPC_CODES, RpcError } from "../rpc/mod.ts";
import { NOTHING } from "./completion.ts";
import { ERROR_META } from "./finished_call.ts";
import type { Inventory } from "./inventory.ts";
import type { BoundTool, CallContext, ToolResult } from "./tool.ts";

/** What {@linkcode OwnAnswers} work with. */
export interface OwnDeps {
  /** What is Wharf's own. */
  readonly inventory: Inventory;
  /** Is told of faults. */
  readonly log: Log;
}

/** Answers for what is Wharf's own; each is `undefined` where it is about something else. */
export class OwnAnswers {
  readonly #deps: OwnDeps;
  /** The lists as they are sent. */
  readonly #lists: Readonly<Record<"tools" | "prompts" | "templates", readonly JsonObject[]>>;

  /** @param deps What is Wharf's own. */
  constructor(deps: OwnDeps) {
    this.#deps = deps;
    const { inventory } = deps;
    this.#lists = {
      tools: inventory.listTools().map(listedTool),
      prompts: inventory.prompts.map(({ name, title, description, arguments: args }) => ({
        name,
        title,
        description,
        arguments: args,
      })),
      templates: inventory.templates.map(({ uriTemplate, name, title, description, mimeType }) => ({
        uriTemplate,
        name,
        title,
        description,
        mimeType,
      })),
    };
  }

  /** A list, as clients get it. */
  list(kind: "tools" | "prompts" | "templates"): readonly JsonObject[] {
    return this.#lists[kind];
  }

  /**
   * Calls a tool; a failed call is an answer.
   *
   * @param params Parameters of `tools/call`.
   * @param context What comes with the call.
   * @param onFailure Told of failures that are not the caller's.
   */
  async callTool(
    { name, arguments: args }: JsonObject,
    context: CallContext,
    onFailure: (error: AppError) => void,
  ): Promise<JsonObject | undefined> {
    const tool = this.#deps.inventory.findTool(String(name));
    if (tool === undefined) return undefined;
    try {
      return { ...await tool.call(args, context) };
    } catch (thrown) {
      // What another server answered is its answer.
      if (thrown instanceof RpcError) throw thrown;
      // Whatever a cancelled call throws: nobody reads its answer.
      const error = context.signal.aborted ? abortError(context.signal) : toAppError(thrown);
      if (error.code === "INTERNAL") {
        this.#deps.log.error("a tool failed", { tool: tool.name, reason: error.message });
      }
      if (error.code !== "CANCELLED" && error.code !== "INVALID_ARGUMENT") onFailure(error);
      return { ...errorResult(error) };
    }
  }

  /** Writes a prompt. */
  getPrompt({ name, arguments: args }: JsonObject): JsonObject | undefined {
    const prompt = this.#deps.inventory.prompts.find((candidate) => candidate.name === name);
    if (prompt === undefined) return undefined;
    const given = isObject(args) ? args : {};
    const values = Object.fromEntries(
      Object.entries(given).map(([key, value]) => [key, String(value)]),
    );
    try {
      const text = prompt.render(values);
      return {
        description: prompt.description,
        messages: [{ role: "user", content: { type: "text", text } }],
      };
    } catch (thrown) {
      throw protocolError(RPC_CODES.invalidParams, sentence(toAppError(thrown)));
    }
  }

  /** Reads a resource. */
  async readResource(uri: string, signal: AbortSignal): Promise<JsonObject | undefined> {
    for (const template of this.#deps.inventory.templates) {
      const text = await template.read(uri, signal).catch((thrown: unknown) => {
        throw resourceError(toAppError(thrown), uri);
      });
      if (text !== undefined) return { contents: [{ uri, mimeType: template.mimeType, text }] };
    }
    return undefined;
  }

  /** Completes an argument of a prompt or a template. */
  async complete(params: JsonObject, signal: AbortSignal): Promise<JsonObject | undefined> {
    const { prompts, templates } = this.#deps.inventory;
    const { ref, argument, context } = params;
    if (!isObject(ref) || !isObject(argument)) return undefined;
    const asked = ref.type === "ref/prompt"
      ? prompts.find(({ name }) => name === ref.name)
      : templates.find(({ uriTemplate }) => uriTemplate === ref.uri);
    if (asked === undefined) return undefined;
    const known = isObject(context) && isObject(context.arguments) ? context.arguments : {};
    const variables = Object.fromEntries(
      Object.entries(known).map(([name, value]) => [name, String(value)]),
    );
    return completion(
      await asked.complete(String(argument.name), String(argument.value), { variables, signal }) ??
        NOTHING,
    );
  }
}

/** The answer to a completion. */
export function completion(
  { values, total }: { readonly values: readonly string[]; readonly total: number },
): JsonObject {
  return { completion: { values, total, hasMore: total > values.length } };
}

/** An error of the protocol. */
export function protocolError(code: number, message: string, data?: unknown): RpcError {
  const fault = data === undefined ? { code, message } : { code, message, data };
  return new RpcError(fault, { action: "answer" });
}

/** Why a resource cannot be had. */
export function resourceError(error: AppError, uri: string): RpcError {
  const code = error.code === "NOT_FOUND"
    ? RPC_CODES.resourceNotFound
    : error.code === "INVALID_ARGUMENT"
    ? RPC_CODES.invalidParams
    : RPC_CODES.internalError;
  return protocolError(code, sentence(error), { uri });
}

/** An error in one sentence, with the next step in another. */
export function sentence(error: AppError): string {
  const { message, hint } = shownError(error);
  return hint === undefined ? message : `${message}. Next: ${hint}`;
}

function listedTool(tool: BoundTool): JsonObject {
  const { name, title, description, annotations, inputSchema, outputSchema } = tool;
  return {
    name,
    title,
    description,
    annotations: { title, ...annotations },
    inputSchema: { type: "object", ...inputSchema },
    ...(outputSchema === undefined ? {} : { outputSchema: { type: "object", ...outputSchema } }),
  };
}

/** An error may quote an argument, a registry, or a key of a document. */
export function shownError(
  error: AppError,
): { readonly message: string; readonly hint?: string } {
  const message = cleanText(error.message, { maxChars: 1500 });
  if (error.hint === undefined) return { message };
  return { message, hint: cleanText(error.hint, { maxChars: 1500 }) };
}

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

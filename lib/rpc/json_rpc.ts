/**
 * What JSON-RPC 2.0 and MCP call a message, told apart without touching it: a proxy passes members
 * on that it does not know. Needs no permission.
 *
 * @example
 * ```ts
 * import { kindOf } from "./json_rpc.ts";
 *
 * kindOf({ jsonrpc: "2.0", id: 1, method: "ping" }); // "request"
 * kindOf({ hello: "world" }); // undefined
 * ```
 *
 * @module
 */

import { AppError, type ErrorCode } from "../core/errors.ts";
import { cleanText } from "../core/text.ts";

/** A JSON object. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** The id of a request; MCP forbids `null`. */
export type RpcId = string | number;

/** A request, without its id. */
export interface RpcCall {
  /** Such as `tools/call`. */
  readonly method: string;
  /** As they came. */
  readonly params?: JsonObject;
}

/** A request. */
export interface RpcRequest extends RpcCall {
  /** The protocol's version. */
  readonly jsonrpc: "2.0";
  /** The sender's id. */
  readonly id: RpcId;
}

/** The error member of an answer (JSON-RPC 2.0, 5.1). */
export interface RpcFault {
  /** An integer, such as -32601. */
  readonly code: number;
  /** One sentence. */
  readonly message: string;
  /** Anything. */
  readonly data?: unknown;
}

/** A successful answer. */
export interface RpcResult {
  /** The protocol's version. */
  readonly jsonrpc: "2.0";
  /** The request's id. */
  readonly id: RpcId;
  /** Anything; MCP wants an object. */
  readonly result: unknown;
}

/** An answer with an error; without an id it belongs to no request that could be read. */
export interface RpcErrorAnswer {
  /** The protocol's version. */
  readonly jsonrpc: "2.0";
  /** The request's id. */
  readonly id?: RpcId | null;
  /** What went wrong. */
  readonly error: RpcFault;
}

/** A notification. */
export interface RpcNotification extends RpcCall {
  /** The protocol's version. */
  readonly jsonrpc: "2.0";
}

/** Any message. */
export type RpcMessage = RpcRequest | RpcResult | RpcErrorAnswer | RpcNotification;

/** A message, told apart. */
export type ToldMessage =
  | { readonly kind: "request"; readonly message: RpcRequest }
  | { readonly kind: "result"; readonly message: RpcResult }
  | { readonly kind: "error"; readonly message: RpcErrorAnswer }
  | { readonly kind: "notification"; readonly message: RpcNotification };

/** Codes of JSON-RPC 2.0, 5.1, and of MCP. */
export const RPC_CODES = {
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internalError: -32603,
  resourceNotFound: -32002,
  urlElicitationRequired: -32042,
} as const;

/** Codes of ours for those of the other side. */
const CODES: Readonly<Record<number, ErrorCode>> = {
  [RPC_CODES.methodNotFound]: "UNSUPPORTED",
  [RPC_CODES.invalidParams]: "INVALID_ARGUMENT",
  [RPC_CODES.resourceNotFound]: "NOT_FOUND",
};

/**
 * Tells a message apart.
 *
 * @param value Parsed JSON.
 * @returns The same object with its kind, or `undefined` when it is no JSON-RPC 2.0 message.
 */
export function tellMessage(value: unknown): ToldMessage | undefined {
  switch (kindOf(value)) {
    // `kindOf` has looked at each member that the types name.
    case "request":
      return { kind: "request", message: value as RpcRequest };
    case "notification":
      return { kind: "notification", message: value as RpcNotification };
    case "result":
      return { kind: "result", message: value as RpcResult };
    case "error":
      return { kind: "error", message: value as RpcErrorAnswer };
    default:
      return undefined;
  }
}

/**
 * The kind of a message.
 *
 * @param value Parsed JSON.
 * @returns The kind, or `undefined` when it is no JSON-RPC 2.0 message.
 */
export function kindOf(value: unknown): ToldMessage["kind"] | undefined {
  if (!isObject(value) || value.jsonrpc !== "2.0") return undefined;
  if (value.method !== undefined) {
    if (typeof value.method !== "string") return undefined;
    if (value.params !== undefined && !isObject(value.params)) return undefined;
    if (!("id" in value)) return "notification";
    return isId(value.id) ? "request" : undefined;
  }
  if (isObject(value.error)) {
    if (value.id !== undefined && value.id !== null && !isId(value.id)) return undefined;
    const { code, message } = value.error;
    return typeof code === "number" && typeof message === "string" ? "error" : undefined;
  }
  return "result" in value && isId(value.id) ? "result" : undefined;
}

/**
 * Whether a value is a JSON object.
 *
 * @param value Parsed JSON.
 */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isId(value: unknown): value is RpcId {
  return typeof value === "string" || Number.isSafeInteger(value);
}

/** How a {@linkcode RpcError} is told. */
export interface RpcErrorOptions {
  /** What was asked, such as `call tool "add" of "memory"`. */
  readonly action: string;
}

/**
 * An error that the other side answered with. What it said is kept as it came, so that a proxy can
 * pass it on unchanged; the message is for people.
 */
export class RpcError extends AppError {
  /** Code, message and data as the other side gave them. */
  readonly fault: RpcFault;

  /**
   * Tells an error.
   *
   * @param fault What the other side said.
   * @param options What was asked of it.
   */
  constructor(fault: RpcFault, options: RpcErrorOptions) {
    const said = cleanText(fault.message, { maxChars: 600 }) || "it gave no reason";
    super(CODES[fault.code] ?? "UNAVAILABLE", `Cannot ${options.action}: ${said}`, {
      details: { rpcCode: fault.code },
    });
    this.fault = fault;
  }
}

/**
 * What to answer when a handler of ours has failed.
 *
 * @param thrown What it threw: a {@linkcode RpcError} passes as it came.
 */
export function faultOf(thrown: unknown): RpcFault {
  if (thrown instanceof RpcError) return thrown.fault;
  const code = thrown instanceof AppError && thrown.code === "UNSUPPORTED"
    ? RPC_CODES.methodNotFound
    : RPC_CODES.internalError;
  // The text of an unknown error may name paths of this machine, which the server need not know.
  return { code, message: thrown instanceof AppError ? thrown.message : "Internal error" };
}

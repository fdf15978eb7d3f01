/**
 * What goes into a session with an upstream server, and what it tells. Needs no permission: types
 * only.
 *
 * @module
 */

import type { AppError } from "../core/errors.ts";
import type { Clock, Log } from "../core/host.ts";
import type { DefinitionLimits } from "./definitions.ts";
import type { JsonObject, RpcCall } from "../rpc/mod.ts";
import type { Launched, LaunchedExit } from "./launched.ts";

/** What a handler of a server's request is told beside the parameters. */
export interface ServerRequestContext {
  /** Aborts when the server cancels, or the session ends. */
  readonly signal: AbortSignal;
  /**
   * {@linkcode CallOptions.origin} of the call that the request belongs to, where the transport
   * knows that; else of the calls that run now, each once, oldest first.
   */
  readonly origins: readonly unknown[];
  /** Whether the transport knows which call it belongs to. */
  readonly isRelated: boolean;
}

/** A notification of the server's. */
export interface UpstreamNotification extends RpcCall {
  /** As {@linkcode ServerRequestContext.origins}. */
  readonly origins: readonly unknown[];
}

/**
 * Answers a request of the server's.
 *
 * @param params As they came.
 * @returns The result, sent as it is. A `RpcError` that it throws is sent as it is, too.
 */
export type ServerRequestHandler = (
  params: JsonObject,
  context: ServerRequestContext,
) => Promise<JsonObject>;

/** What an `UpstreamSession` works with. */
export interface SessionDeps {
  /** The server; the session owns it, and stops it at its end. */
  readonly launched: Launched;
  /** Measures every time. */
  readonly clock: Clock;
  /** Tells of what is odd. */
  readonly log: Log;
  /** The server's name among people, for errors. */
  readonly name: string;
  /**
   * Handlers of the server's requests by method, such as `sampling/createMessage`; any other is
   * refused as not found. @default none
   */
  readonly handlers?: Readonly<Record<string, ServerRequestHandler>>;
  /** What the server is told that we can do. @default what `handlers` has */
  readonly capabilities?: JsonObject;
  /** Who we are. @default {name: "wharf", version: "0"} */
  readonly clientInfo?: { readonly name: string; readonly version: string };
}

/** Limits of an `UpstreamSession`. */
export interface SessionOptions {
  /** Time for the handshake, and again for all lists, in milliseconds. @default {30000} */
  readonly startupTimeoutMs?: number;
  /** Time of a call without an answer or progress, in milliseconds. @default {600000} */
  readonly callTimeoutMs?: number;
  /** Time of a call in all, in milliseconds. @default six times callTimeoutMs */
  readonly maxCallMs?: number;
  /** How much may be on offer. */
  readonly definitions?: Omit<DefinitionLimits, "timeoutMs">;
}

/** How a request is passed on. */
export interface CallOptions {
  /** Cancels it, at the server too. */
  readonly signal?: AbortSignal;
  /** Takes progress as it comes, without the token. */
  readonly onProgress?: (progress: JsonObject) => void;
  /** Time without an answer or progress, in milliseconds. @default callTimeoutMs */
  readonly timeoutMs?: number;
  /** Who asks; handlers of the server's requests are told whose calls run. */
  readonly origin?: unknown;
  /**
   * Whether the result is only passed on, so that it may hold a `LargeString` for each long string.
   * @default {false}
   */
  readonly takesLarge?: boolean;
}

/** How a tool is called. */
export interface ToolCallOptions extends CallOptions {
  /** The request's `_meta`; its progress token is ours. */
  readonly meta?: JsonObject;
}

/** How a session ended. */
export interface SessionEnd {
  /** Why, as calls in flight are told. */
  readonly error: AppError;
  /** Whether `close` was called. */
  readonly asked: boolean;
  /** How the process ended, where that is known. */
  readonly exit?: LaunchedExit;
}

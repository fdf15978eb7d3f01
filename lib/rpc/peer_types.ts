/**
 * What one side of a conversation is given, and gives. Needs no permission.
 *
 * @module
 */

import type { AppError } from "../core/errors.ts";
import type { Clock, Log } from "../core/host.ts";
import type { JsonObject, RpcCall, RpcId } from "./json_rpc.ts";
import type { Transport } from "./sdk.ts";

/** What comes with a request of the other side's. */
export interface Incoming {
  /** Its id. */
  readonly id: RpcId;
  /** Aborts when the other side cancels, or the conversation ends. */
  readonly signal: AbortSignal;
  /** As {@linkcode PeerDeps.onNotification} has them. */
  readonly origins: readonly unknown[];
  /** Whether the transport knows which request of ours it belongs to. */
  readonly isRelated: boolean;
}

/** What a `Peer` works with. */
export interface PeerDeps {
  /** Not started yet; the peer owns its callbacks. */
  readonly transport: Transport;
  /** Measures time limits. */
  readonly clock: Clock;
  /** Tells of what is odd. */
  readonly log: Log;
  /** The other side's name, for errors. */
  readonly name: string;
  /**
   * Answers a request of the other side's; what it throws is answered too, by `faultOf`.
   * `ping` is answered without it.
   */
  onRequest(request: RpcCall, about: Incoming): Promise<JsonObject>;
  /**
   * Takes a notification; progress of requests in flight and cancellations do not come here.
   *
   * @param origins {@linkcode RequestOptions.origin} of our request that it belongs to, where the
   * transport knows that; else of all that are in flight, oldest first, each once.
   */
  onNotification(notification: RpcCall, origins: readonly unknown[]): void;
  /** Takes what the transport complains of; `undefined`: it has ended, or is not worth keeping. */
  onTransport(error: AppError | undefined): void;
  /** Most requests of the other side's at a time. @default {64} */
  readonly maxIncoming?: number;
  /**
   * Whether a cancelled request is answered all the same. It should not be (MCP specification,
   * "Cancellation"), but over HTTP each takes up a stream until its answer. @default {false}
   */
  readonly answersCancelled?: boolean;
}

/** How a message is sent. */
export interface SendOptions {
  /** Id of the other side's request that the message belongs to: it takes the same way, if open. */
  readonly relatedTo?: RpcId;
}

/** How a request is made. */
export interface RequestOptions extends SendOptions {
  /** Cancels the request, on the other side too. */
  readonly signal?: AbortSignal;
  /** Time without an answer or progress, in milliseconds. */
  readonly timeoutMs: number;
  /** Time until the answer, progress or not, in milliseconds. @default timeoutMs */
  readonly maxMs?: number;
  /** Sees the result before any message that follows it. */
  readonly onResult?: (result: JsonObject) => void;
  /** Takes progress; without it none is asked for. The parameters come without their token. */
  readonly onProgress?: (progress: JsonObject) => void;
  /** What is tried, for errors. @default the method's name */
  readonly action?: string;
  /** Who asks; told with what the other side asks and says meanwhile. */
  readonly origin?: unknown;
  /** Whether the result is only passed on: it may hold a `LargeString` for each long string. */
  readonly takesLarge?: boolean;
}

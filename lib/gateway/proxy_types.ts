/**
 * Wharf's own clients, as the servers behind it see them. Needs no permission: types only.
 *
 * @module
 */

import type { JsonObject, RpcCall, RpcId } from "../rpc/mod.ts";

/** How a server's question is passed on to a client. */
export interface AskOptions {
  /** Takes the question back. */
  readonly signal: AbortSignal;
  /** Id of the client's request that the question belongs to. */
  readonly relatedTo?: RpcId;
  /** Takes the client's progress, without a token. */
  readonly onProgress?: (progress: JsonObject) => void;
}

/** A client of Wharf's: one session. */
export interface ProxyClient {
  /** What it calls itself, cleaned; for reasons that people read. */
  readonly name: string;
  /** What it can do, as it said in the handshake. */
  readonly capabilities: JsonObject;
  /**
   * Asks the client.
   *
   * @returns Its answer as it came.
   * @throws {RpcError} What it answered.
   */
  request(call: RpcCall, options: AskOptions): Promise<JsonObject>;
  /** Tells the client; nobody waits for it. */
  notify(call: RpcCall, relatedTo?: RpcId): void;
}

/** A request of a client's, for what a server asks and says while it works on it. */
export interface Origin {
  /** Whose it is. */
  readonly client: ProxyClient;
  /** Its id with the client. */
  readonly id: RpcId;
}

/** An {@linkcode Origin} on its way to one server. */
export interface CallOrigin extends Origin {
  /** What is called, such as `tools/call` and a name: calls of one kind ask the same of clients. */
  readonly key: string;
}

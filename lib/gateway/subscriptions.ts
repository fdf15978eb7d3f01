/**
 * Which client wants to be told of which resource of a server (MCP, "Resources", subscriptions):
 * the server is subscribed to once for all of them, and no more with the last. Needs no permission.
 *
 * @module
 */

import { AppError } from "../core/errors.ts";
import { cleanText } from "../core/text.ts";
import type { RpcCall } from "../rpc/mod.ts";
import type { ProxyClient } from "./proxy_types.ts";

/** Subscriptions of one client. */
const MAX_SUBSCRIPTIONS = 1_000;

/** A longer address is none; all of them are remembered. */
const MAX_URI_CHARS = 8 * 1024;

/** Resources of one server that are subscribed to. */
export class Subscriptions {
  readonly #tell: (call: RpcCall) => Promise<void>;
  readonly #byUri = new Map<string, Set<ProxyClient>>();
  /** How many each client has, those that are being made included. */
  readonly #counts = new Map<ProxyClient, number>();
  /** What is being said of each resource, so that nothing overtakes. */
  readonly #work = new Map<string, Promise<void>>();

  /** @param tell Asks the server; rejects with what it answers. */
  constructor(tell: (call: RpcCall) => Promise<void>) {
    this.#tell = tell;
  }

  /** Whether anybody waits to be told of anything. */
  get isEmpty(): boolean {
    return this.#byUri.size === 0;
  }

  /**
   * Subscribes a client.
   *
   * @param client The client.
   * @param uri The resource.
   * @throws What the server answers, where it is the first to ask.
   * @throws {AppError} `TOO_LARGE` for more than a client can have.
   */
  add(client: ProxyClient, uri: string): Promise<void> {
    return this.#inTurn(uri, async () => {
      const clients = this.#byUri.get(uri);
      if (clients?.has(client) === true) return;
      this.#checkRoom(client, uri);
      this.#count(client, 1);
      if (clients !== undefined) return void clients.add(client);
      try {
        await this.#tell({ method: "resources/subscribe", params: { uri } });
        this.#byUri.set(uri, new Set([client]));
      } catch (thrown) {
        this.#count(client, -1);
        throw thrown;
      }
    });
  }

  /**
   * Ends a subscription; one that was never begun, too.
   *
   * @throws What the server answers, where nobody else wants it.
   */
  delete(client: ProxyClient, uri: string): Promise<void> {
    return this.#inTurn(uri, async () => {
      const clients = this.#byUri.get(uri);
      if (clients?.delete(client) !== true) return;
      this.#count(client, -1);
      if (clients.size > 0) return;
      this.#byUri.delete(uri);
      await this.#tell({ method: "resources/unsubscribe", params: { uri } });
    });
  }

  /** Ends all subscriptions of a client that has gone. */
  forget(client: ProxyClient): void {
    // One that is still being made is in the work, and ends after it.
    for (const uri of new Set([...this.#byUri.keys(), ...this.#work.keys()])) {
      this.delete(client, uri).catch(() => {
        // Nobody is there to be told why not.
      });
    }
  }

  /** Subscribes to everything again with a server that has been started anew. */
  async renew(): Promise<void> {
    await Promise.allSettled(
      [...this.#byUri.keys()].map((uri) =>
        this.#tell({ method: "resources/subscribe", params: { uri } })
      ),
    );
  }

  /**
   * Whom an update concerns.
   *
   * @param uri The resource, or a part of one that is subscribed to.
   */
  clientsOf(uri: unknown): Iterable<ProxyClient> {
    if (typeof uri !== "string") return [];
    const exact = this.#byUri.get(uri);
    if (exact !== undefined) return [...exact];
    // "The URI of the resource that has been updated. This might be a sub-resource of the one that
    // the client actually subscribed to" (MCP schema).
    const whole = [...this.#byUri].filter(([known]) => isPartOf(uri, known));
    return new Set(whole.flatMap(([, clients]) => [...clients]));
  }

  #checkRoom(client: ProxyClient, uri: string): void {
    const has = this.#counts.get(client) ?? 0;
    if (has < MAX_SUBSCRIPTIONS && uri.length <= MAX_URI_CHARS) return;
    const shown = cleanText(uri, { maxChars: 200 });
    const [reason, hint] = has < MAX_SUBSCRIPTIONS
      ? [`its address has more than ${MAX_URI_CHARS} characters`, "Subscribe to a shorter one"]
      : [`the session has ${has} subscriptions with its server`, "End some of them first"];
    throw new AppError("TOO_LARGE", `Cannot subscribe to "${shown}": ${reason}`, { hint });
  }

  #count(client: ProxyClient, by: number): void {
    const count = (this.#counts.get(client) ?? 0) + by;
    if (count > 0) this.#counts.set(client, count);
    else this.#counts.delete(client);
  }

  async #inTurn(uri: string, work: () => Promise<void>): Promise<void> {
    const before = this.#work.get(uri) ?? Promise.resolve();
    const done = before.then(work, work);
    const settled = done.catch(() => {});
    this.#work.set(uri, settled);
    try {
      await done;
    } finally {
      if (this.#work.get(uri) === settled) this.#work.delete(uri);
    }
  }
}

/** Whether an address is below another one: `a://b/c` is below `a://b`, and `a://bc` is not. */
function isPartOf(uri: string, whole: string): boolean {
  return whole !== "" && uri.startsWith(whole) &&
    (/[/:?#]$/.test(whole) || /^[/?#]/.test(uri.slice(whole.length)));
}

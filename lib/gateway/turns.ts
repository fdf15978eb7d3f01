/**
 * Whose call a server's question belongs to. A pipe does not say (MCP, "stdio"), so calls that are
 * known to ask their client take turns: those of two clients never run at the same time on one
 * server, and a question has one addressee. All other calls run as they come. Needs no permission.
 *
 * @module
 */

import { abortError, throwIfAborted } from "../core/deadline.ts";
import { AppError } from "../core/errors.ts";
import type { RpcCall } from "../rpc/mod.ts";
import type { CallOrigin, ProxyClient } from "./proxy_types.ts";

/** Kinds of calls that are remembered. */
const MAX_KEYS = 1_000;

/** Calls on one server that take turns. */
export class Turns {
  /** Kinds of calls during which the server has asked. */
  readonly #asking = new Set<string>();
  readonly #running = new Set<CallOrigin>();
  /** Questions that clients have to answer. */
  readonly #asked = new Set<{ readonly client: ProxyClient }>();
  /** Those that wait, the first in front. */
  readonly #line: { readonly origin: CallOrigin; readonly go: () => void }[] = [];

  /**
   * Waits until a call may run.
   *
   * @param origin The call.
   * @param signal Gives up.
   * @returns Disposing it ends the turn.
   */
  async enter(origin: CallOrigin, signal?: AbortSignal): Promise<Disposable> {
    if (!this.#asking.has(origin.key)) return { [Symbol.dispose]: () => {} };
    throwIfAborted(signal);
    if (this.#isFree(origin, this.#line.length)) this.#running.add(origin);
    else await this.#wait(origin, signal);
    return {
      [Symbol.dispose]: () => {
        this.#running.delete(origin);
        this.#advance();
      },
    };
  }

  /**
   * The call that a question belongs to, as far as that can be known.
   *
   * @param running The calls that run, or the one that the transport knows it to be.
   * @returns The call; `undefined` when none runs.
   * @throws {AppError} `UNAVAILABLE` when calls of several clients run of which each may be it; from
   * then on such calls take turns.
   */
  callOf(running: readonly CallOrigin[]): CallOrigin | undefined {
    const asking = running.filter(({ key }) => this.#asking.has(key));
    const candidates = asking.length === 0 ? running : asking;
    const clients = new Set(candidates.map(({ client }) => client));
    for (const { key } of candidates) this.#remember(key);
    if (clients.size <= 1) return candidates.at(-1);
    throw new AppError(
      "UNAVAILABLE",
      // Who asks is told no hint, and passes this on to whoever called.
      "Cannot ask: calls of several clients run, and the question does not say whose it is; " +
        "try again, such calls run one after the other now",
      { retryable: true, hint: "Try again; such calls now run one after the other" },
    );
  }

  /**
   * Takes note that a client is asked. It may call again to find the answer, and must not wait then
   * for those who wait for the call that asks.
   *
   * @param client Who is asked.
   * @returns Disposing it says that the client has answered.
   */
  ask(client: ProxyClient): Disposable {
    const question = { client };
    this.#asked.add(question);
    return { [Symbol.dispose]: () => void this.#asked.delete(question) };
  }

  #remember(key: string): void {
    if (this.#asking.size < MAX_KEYS) this.#asking.add(key);
  }

  /** Whether nobody else is at work, nor before it in the line. */
  #isFree({ client }: CallOrigin, place: number): boolean {
    if ([...this.#running].some((other) => other.client !== client)) return false;
    return [...this.#asked].some((question) => question.client === client) ||
      this.#line.slice(0, place).every(({ origin }) => origin.client === client);
  }

  async #wait(origin: CallOrigin, signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const place = { origin, go: resolve };
    this.#line.push(place);
    const leave = (): void => {
      const at = this.#line.indexOf(place);
      if (at === -1 || signal === undefined) return;
      this.#line.splice(at, 1);
      reject(abortError(signal));
      this.#advance();
    };
    signal?.addEventListener("abort", leave, { once: true });
    try {
      await promise;
    } finally {
      signal?.removeEventListener("abort", leave);
    }
  }

  #advance(): void {
    for (let next = this.#line[0]; next !== undefined; next = this.#line[0]) {
      if (!this.#isFree(next.origin, 0)) return;
      this.#line.shift();
      // Before its own code runs, so that nobody slips in between.
      this.#running.add(next.origin);
      next.go();
    }
  }
}

/** What is called, for {@linkcode CallOrigin.key}. */
export function keyOf({ method, params = {} }: RpcCall): string {
  return `${method} ${String(params.name ?? params.uri ?? "")}`;
}

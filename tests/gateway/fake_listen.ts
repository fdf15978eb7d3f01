/**
 * Ports that exist in memory only. Needs no permission.
 *
 * @example
 * ```ts ignore
 * const ports = new FakePorts();
 * await using redirect = await listenForRedirect({ listen: ports.listen, clock });
 * const page = await ports.visit(redirect.url);
 * ```
 *
 * @module
 */

import { AppError } from "../../lib/core/errors.ts";
import type { Listen, ListenOptions } from "../../lib/core/http.ts";

/** Listeners by port, and a browser that visits them. */
export class FakePorts {
  /** Ports that others have taken. */
  readonly taken = new Set<number>();
  readonly #handlers = new Map<string, ListenOptions["handler"]>();
  #next = 40_001;

  /** How many listen. */
  get open(): number {
    return this.#handlers.size;
  }

  /** Opens a port. */
  readonly listen: Listen = (options) => {
    const port = options.port === 0 ? this.#next++ : options.port;
    const host = `${options.hostname}:${port}`;
    if (this.taken.has(port) || this.#handlers.has(host)) {
      return Promise.reject(new AppError("UNAVAILABLE", `Cannot listen on "${host}": taken`));
    }
    this.#handlers.set(host, options.handler);
    const closed = Promise.withResolvers<void>();
    const close = () => {
      this.#handlers.delete(host);
      closed.resolve();
    };
    options.signal.addEventListener("abort", close, { once: true });
    return Promise.resolve({
      url: new URL(`http://${host}/`),
      finished: closed.promise,
      shutdown() {
        close();
        return closed.promise;
      },
    });
  };

  /** Asks whoever listens, as a browser does. */
  async visit(url: URL, init: RequestInit & { readonly at?: string } = {}): Promise<Response> {
    const handler = this.#handlers.get(init.at ?? url.host);
    if (handler === undefined) throw new Error(`Nobody listens at ${url.host}`);
    return await handler(new Request(url, init), { remote: "127.0.0.1" });
  }
}

/**
 * A network that is a function from request to response and behaves as the real one does: an
 * aborted signal ends an exchange, also in the middle of its body. Needs no permission.
 *
 * @example
 * ```ts
 * import { servedNet } from "./served_net.ts";
 *
 * const net = servedNet(() => new Response("hello"));
 * const response = await net.fetch({ url: new URL("https://mcp.example/") });
 * ```
 *
 * @module
 */

import type { AddressKind } from "../../lib/core/address.ts";
import { abortError, throwIfAborted } from "../../lib/core/deadline.ts";
import { AppError } from "../../lib/core/errors.ts";
import { boundedResponse, type HttpRequest, type Net } from "../../lib/core/http.ts";

/** A network that remembers what it was asked. */
export interface ServedNet extends Net {
  /** The requests, in order. */
  readonly requests: readonly HttpRequest[];
  /** Bodies that are open. */
  readonly open: number;
}

/** How a {@linkcode servedNet} behaves. */
export interface ServedNetOptions {
  /** What kind of address answers for a host. @default always public */
  readonly peer?: (url: URL) => AddressKind;
}

/**
 * Makes a network. It refuses derived addresses that are not public, as the real one does.
 *
 * @param handler Answers a request; it throws for one that no test expects.
 * @param options Who answers.
 */
export function servedNet(
  handler: (request: Request) => Response | Promise<Response>,
  { peer: peerOf = () => "public" }: ServedNetOptions = {},
): ServedNet {
  const requests: HttpRequest[] = [];
  let open = 0;
  return {
    requests,
    get open() {
      return open;
    },
    async fetch(request) {
      const { url, method = "GET", headers = {}, body, signal } = request;
      throwIfAborted(signal);
      requests.push(request);
      const peer = peerOf(url);
      if (peer === "link-local" || (request.origin === "derived" && peer !== "public")) {
        throw new AppError("ADDRESS_REFUSED", `Cannot connect to "${url.hostname}": it is ${peer}`);
      }
      const answer = handler(
        new Request(url, { method, headers, ...(body === undefined ? {} : { body }) }),
      );
      const response = await Promise.race([answer, ...signal === undefined ? [] : [ended(signal)]]);
      if (response.body === null) return boundedResponse(response, { peer });
      open++;
      const piped = endingWith(response.body, signal, () => open--);
      const { status, headers: given } = response;
      const translate = (thrown: unknown) => signal?.aborted === true ? abortError(signal) : thrown;
      return boundedResponse(new Response(piped, { status, headers: given }), { peer, translate });
    },
  };
}

function ended(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) =>
    signal.addEventListener("abort", () => reject(abortError(signal)), { once: true })
  );
}

/** The same body, which fails as soon as the signal aborts. */
function endingWith(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  signal: AbortSignal | undefined,
  onEnd: () => void,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const reader = body.getReader();
  let over = false;
  const end = () => {
    if (!over) onEnd();
    over = true;
  };
  return new ReadableStream({
    start(controller) {
      signal?.addEventListener("abort", () => {
        if (over) return;
        end();
        controller.error(abortError(signal));
        void reader.cancel().catch(() => {});
      }, { once: true });
    },
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (over) return;
        if (!done) return controller.enqueue(value);
        end();
        controller.close();
      } catch (thrown) {
        end();
        controller.error(thrown);
      }
    },
    async cancel() {
      end();
      await reader.cancel();
    },
  });
}

/**
 * A network that is a function from request to response. Needs no permission.
 *
 * @example
 * ```ts
 * import { handlerNet } from "./handler_net.ts";
 *
 * const net = handlerNet(() => new Response("hello"));
 * const response = await net.fetch({ url: new URL("https://r.example/") });
 * ```
 *
 * @module
 */

import { boundedResponse, type HttpRequest, type Net } from "../../lib/core/http.ts";

/** A network that remembers what it was asked. */
export interface HandlerNet extends Net {
  /** The requests, in order. */
  readonly requests: readonly HttpRequest[];
}

/**
 * Makes a network.
 *
 * @param handler Answers a request; it throws for one that no test expects.
 */
export function handlerNet(
  handler: (request: Request) => Response | Promise<Response>,
): HandlerNet {
  const requests: HttpRequest[] = [];
  return {
    requests,
    async fetch(request) {
      request.signal?.throwIfAborted();
      requests.push(request);
      const { url, method = "GET", headers = {}, body } = request;
      const response = await handler(
        new Request(url, { method, headers, ...(body === undefined ? {} : { body }) }),
      );
      return boundedResponse(response, { peer: "public" });
    },
  };
}

/**
 * The SDK's transport for Streamable HTTP, with large strings sent as the bytes that they came as,
 * and an end of each answer that is told. Needs no permission.
 *
 * @module
 */

import {
  type JSONRPCMessage,
  type LargeTransport,
  WebStandardStreamableHTTPServerTransport,
} from "../mcp/protocol.ts";
import { SealedResults } from "./sealed.ts";

type Sdk = WebStandardStreamableHTTPServerTransport;

/** What a request is handled with. */
export type HandleOptions = Parameters<Sdk["handleRequest"]>[1] & {
  /** Told when the last byte of the answer is sent, or when nobody wants it any more. */
  readonly onEnd?: () => void;
};

/** A session over Streamable HTTP. */
export class HttpTransport extends WebStandardStreamableHTTPServerTransport
  implements LargeTransport {
  /** Large strings are sent as they came. */
  readonly sendsLarge = true;
  /** By the ids of the requests that are answered with them. */
  readonly #answers = new Map<unknown, SealedResults>();

  /**
   * Handles a request.
   *
   * @param request Any request of the session.
   * @param options Its body, where that was read, and who is told of the answer's end.
   * @returns The answer.
   */
  override async handleRequest(
    request: Request,
    options: HandleOptions = {},
  ): Promise<Response> {
    const { onEnd = () => {}, ...rest } = options;
    const ids = idsOf(rest.parsedBody);
    const results = new SealedResults();
    for (const id of ids) this.#answers.set(id, results);
    const end = (): void => {
      for (const id of ids) if (this.#answers.get(id) === results) this.#answers.delete(id);
      onEnd();
    };
    try {
      const response = await super.handleRequest(request, rest);
      if (response.body === null) {
        end();
        return response;
      }
      return new Response(opened(response.body, { results, end }), {
        status: response.status,
        headers: response.headers,
      });
    } catch (thrown) {
      end();
      throw thrown;
    }
  }

  /**
   * Sends a message.
   *
   * @param message The message.
   * @param options Which request it belongs to.
   */
  override async send(
    message: JSONRPCMessage,
    options?: Parameters<Sdk["send"]>[1],
  ): Promise<void> {
    const results = "id" in message ? this.#answers.get(message.id) : undefined;
    await super.send(results?.seal(message) ?? message, options);
  }
}

/** The ids of requests in a body; requests alone have answers. */
function idsOf(body: unknown): readonly unknown[] {
  const messages: readonly unknown[] = Array.isArray(body) ? body : [body];
  return messages.flatMap((message) =>
    typeof message === "object" && message !== null && "id" in message && "method" in message
      ? [message.id]
      : []
  );
}

interface Opening {
  readonly results: SealedResults;
  readonly end: () => void;
}

/** A body with the results in it. Cheaper than a `TransformStream`, which is two streams. */
function opened(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  { results, end }: Opening,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const reader = body.getReader();
  let waiting: Iterator<Uint8Array<ArrayBuffer>> | undefined;
  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      const part = waiting?.next();
      if (part?.done === false) return controller.enqueue(part.value);
      waiting = undefined;
      try {
        const { done, value } = await reader.read();
        if (done) {
          end();
          return controller.close();
        }
        waiting = results.open(value).values();
        const first = waiting.next();
        if (first.done !== true) controller.enqueue(first.value);
      } catch (thrown) {
        end();
        throw thrown;
      }
    },
    async cancel(reason) {
      end();
      await reader.cancel(reason);
    },
  }, { highWaterMark: 0 });
}

/**
 * The SDK's transport for Streamable HTTP, with large strings sent as the bytes that they came as,
 * and an end of each answer that is told. Needs no permission.
 *
 * @module
 */

import { AppError } from "../core/errors.ts";
import { lengthOf } from "../core/large_json.ts";
import {
  type JSONRPCMessage,
  type LargeTransport,
  WebStandardStreamableHTTPServerTransport,
} from "../mcp/protocol.ts";
import { originalOf, SealedResults } from "./sealed.ts";
import { UnreadSession, type UnreadStream } from "./unread.ts";

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
  /** The streams of answers, by the ids of their requests. */
  readonly #answers = new Map<unknown, Answer>();
  /** The stream that belongs to no request. */
  #standalone: UnreadStream | undefined;
  /** Whether there has ever been one: what waits for it is sent when its client comes back. */
  #hasListened = false;
  readonly #hasDocuments: boolean;
  readonly #unread = new UnreadSession();

  /** @param options As the SDK has them. */
  constructor(options: ConstructorParameters<typeof WebStandardStreamableHTTPServerTransport>[0]) {
    super(options);
    this.#hasDocuments = options?.enableJsonResponse === true;
  }

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
    const answer = { results: new SealedResults(), unread: this.#unread.stream() };
    for (const id of ids) this.#answers.set(id, answer);
    const end = (): void => {
      for (const id of ids) if (this.#answers.get(id) === answer) this.#answers.delete(id);
      if (this.#standalone === answer.unread) this.#standalone = undefined;
      answer.unread.end();
      onEnd();
    };
    try {
      const response = await super.handleRequest(request, rest);
      // One that is refused, or goes on with an answer, takes nothing away from the one that is open.
      if (response.ok && isStandalone(request)) {
        this.#standalone = answer.unread;
        this.#hasListened = true;
      }
      if (response.body === null) {
        end();
        return response;
      }
      return new Response(opened(response.body, { ...answer, end }), {
        status: response.status,
        headers: response.headers,
      });
    } catch (thrown) {
      end();
      throw thrown;
    }
  }

  /**
   * Sends a message. Notifications to a client that does not read are dropped; one that lets far too
   * much wait is given up.
   *
   * @param message The message.
   * @param options Which request it belongs to.
   * @throws {AppError} `UNAVAILABLE` for a question that nothing can bring to the client: nobody is
   * to wait for its answer.
   */
  override async send(
    message: JSONRPCMessage,
    options?: Parameters<Sdk["send"]>[1],
  ): Promise<void> {
    const isAnswer = "id" in message && !("method" in message);
    // A document has room for the answer, and for nothing that goes before it.
    const way = isAnswer || !this.#hasDocuments ? options : {};
    const answer = this.#answers.get(isAnswer ? message.id : way?.relatedRequestId);
    const isQuestion = "id" in message && "method" in message;
    if (isQuestion && way?.relatedRequestId === undefined && !this.#hasListened) throw unheard();
    const sealed = isAnswer ? answer?.results.seal(message) ?? message : message;
    const unread = answer?.unread ?? this.#standalone;
    if (unread !== undefined && !this.#mayWait(sealed, unread)) return;
    await super.send(sealed, way);
  }

  /** Takes note of a message that is to wait until the client reads it; `false`: it is dropped. */
  #mayWait(message: JSONRPCMessage, unread: UnreadStream): boolean {
    if ("method" in message && !("id" in message) && !unread.hasRoom) {
      unread.dropped++;
      // Told once for a stream: a flood must not become one of the log.
      if (unread.dropped === 1) this.onerror?.(slow("notifications are dropped"));
      return false;
    }
    unread.add(originalOf(message).length ?? JSON.stringify(message).length);
    if (!this.#unread.isHopeless) return true;
    this.onerror?.(slow("its session ends"));
    void this.close();
    return false;
  }
}

/** The answer to requests. */
interface Answer {
  readonly results: SealedResults;
  readonly unread: UnreadStream;
}

/** The stream of the SDK's that belongs to no request, as it stands in the ids of its events. */
const STANDALONE = /-_GET_stream$/;

/** Whether a request opens the stream that belongs to none, or goes on with it. */
function isStandalone({ method, headers }: Request): boolean {
  const last = headers.get("last-event-id");
  return method === "GET" && (last === null || STANDALONE.test(last));
}

function unheard(): AppError {
  return new AppError("UNAVAILABLE", "Cannot ask the client: it listens to no stream", {
    hint: "It has to open one with GET, and to accept text/event-stream",
  });
}

function slow(outcome: string): AppError {
  return new AppError("TOO_LARGE", `Cannot send to the client: it does not read, ${outcome}`);
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

interface Opening extends Answer {
  readonly end: () => void;
}

/** A body with the results in it. Cheaper than a `TransformStream`, which is two streams. */
function opened(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  { results, unread, end }: Opening,
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
        const parts = results.open(value);
        unread.take(lengthOf(parts));
        waiting = parts.values();
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

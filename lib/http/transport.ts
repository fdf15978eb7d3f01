/**
 * The SDK's transport for Streamable HTTP, with large strings sent as the bytes that they came as,
 * and an end of each answer that is told. Needs no permission.
 *
 * @module
 */

import { OVER } from "../core/deadline.ts";
import { AppError } from "../core/errors.ts";
import type { Clock } from "../core/host.ts";
import {
  type JSONRPCMessage,
  type LargeTransport,
  WebStandardStreamableHTTPServerTransport,
} from "../mcp/protocol.ts";
import { AnswerBody } from "./answer_body.ts";
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
  readonly #clock: Clock | undefined;

  /**
   * @param options As the SDK has them.
   * @param clock Measures how long the head of an answer waits for a short body. @default it is sent
   * at once
   */
  constructor(
    options: ConstructorParameters<typeof WebStandardStreamableHTTPServerTransport>[0],
    clock?: Clock,
  ) {
    super(options);
    this.#clock = clock;
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
    const hurried = Promise.withResolvers<void>();
    const answer = {
      results: new SealedResults(),
      unread: this.#unread.stream(),
      hurry: hurried.resolve,
    };
    for (const id of ids) this.#answers.set(id, answer);
    let hasEnded = false;
    const end = (): void => {
      if (hasEnded) return;
      hasEnded = true;
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
      const body = new AnswerBody(response.body, { ...answer, end });
      const isCall = ids.length > 0;
      return new Response(isCall ? await this.#short(body, hurried.promise) : body.stream(), {
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
    if (!isAnswer) answer?.hurry();
    await super.send(sealed, way);
  }

  /** Waits a moment for a body that is soon whole, until something is said before the answer. */
  async #short(
    body: AnswerBody,
    hurried: Promise<void>,
  ): Promise<Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array<ArrayBuffer>>> {
    if (this.#clock === undefined) return body.stream();
    const waited = new AbortController();
    const late = this.#clock.sleep(MAX_HELD_MS, waited.signal).catch(() => {});
    try {
      return await body.wholeUnless(Promise.race([late, hurried]));
    } finally {
      waited.abort(OVER);
    }
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
  /** Sends what there is, since more than an answer comes. */
  readonly hurry: () => void;
}

/** The longest time that the head of an answer waits for its body. */
const MAX_HELD_MS = 500;

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

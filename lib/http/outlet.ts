/**
 * The way out of answers: a client may read as slowly as it wants, until too much waits for it.
 * Needs no permission.
 *
 * The SDK's transport puts into a stream whatever it is told to send, read or not, so that a client
 * that reads nothing would fill the memory.
 *
 * @module
 */

import { AppError } from "../core/errors.ts";

/** How {@linkcode withOutlet} behaves. */
export interface OutletOptions {
  /**
   * Called once, when the last byte is taken, when nobody wants it any more, or when too much waits.
   *
   * @param isFull Whether it was the latter.
   */
  readonly onEnd: (isFull: boolean) => void;
  /**
   * Most bytes that wait for the client. One part of any size may wait alone. @default {16777216}
   */
  readonly maxQueuedBytes?: number;
}

/**
 * An answer whose body is taken from its source as it comes. Where too much waits, it breaks off;
 * the client may come back for what it lacks (MCP specification, "Resumability and Redelivery").
 *
 * @param response The answer.
 * @param options What to do at the end.
 * @returns The same answer, to be sent.
 */
export function withOutlet(response: Response, options: OutletOptions): Response {
  const { onEnd, maxQueuedBytes = 16 * 1024 * 1024 } = options;
  if (response.body === null) {
    onEnd(false);
    return response;
  }
  const source = response.body.getReader();
  let isWhole = false;
  let hasEnded = false;
  const end = (isFull: boolean): void => {
    if (!hasEnded) onEnd(isFull);
    hasEnded = true;
  };
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      // Not awaited: the stream is open at once.
      void pump(controller);
    },
    // Called when the client has taken something.
    pull: closeIfTaken,
    cancel(reason) {
      end(false);
      return source.cancel(reason);
    },
  }, { highWaterMark: maxQueuedBytes, size: (chunk) => chunk.byteLength });
  return new Response(body, { status: response.status, headers: response.headers });

  async function pump(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    try {
      while (true) {
        const { done, value } = await source.read();
        if (hasEnded) return;
        if (done) break;
        if ((controller.desiredSize ?? 0) <= 0) {
          const error = new AppError("TOO_LARGE", "Cannot send to the client: it does not read");
          controller.error(error);
          end(true);
          return await source.cancel(error);
        }
        controller.enqueue(value);
      }
      isWhole = true;
      closeIfTaken(controller);
    } catch (thrown) {
      if (hasEnded) return;
      controller.error(thrown);
      end(false);
    }
  }

  function closeIfTaken(controller: ReadableStreamDefaultController<Uint8Array>): void {
    if (!isWhole || hasEnded || controller.desiredSize !== maxQueuedBytes) return;
    controller.close();
    end(false);
  }
}

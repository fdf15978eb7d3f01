/**
 * The client of a session: what it said in the handshake, and how its person is asked. Needs no
 * permission.
 *
 * @module
 */

import { AppError } from "../core/errors.ts";
import { cleanText } from "../core/text.ts";
import type { AskOptions, ProxyClient } from "../gateway/mod.ts";
import {
  isObject,
  type JsonObject,
  type Peer,
  RPC_CODES,
  type RpcCall,
  type RpcId,
} from "../rpc/mod.ts";
import { protocolError } from "./own.ts";
import type { CallContext, Question } from "./tool.ts";

/** Time for a person or a model to answer, and with progress in all, in milliseconds. */
const ANSWER_MS = 600_000;
const LONGEST_ANSWER_MS = 6 * ANSWER_MS;

/** What a client says of itself (MCP, "Lifecycle"). */
export interface ClientInfo {
  /** Its name and version, cleaned. */
  readonly name: string;
  /** What it can do, as it said. */
  readonly capabilities: JsonObject;
}

/** Reads the parameters of `initialize`. */
export function clientInfo(params: JsonObject): ClientInfo {
  const info = isObject(params.clientInfo) ? params.clientInfo : {};
  const { name = "unknown", version = "" } = info;
  return {
    name: cleanText(`${String(name)} ${String(version)}`, { maxChars: 100 }),
    capabilities: isObject(params.capabilities) ? params.capabilities : {},
  };
}

/** One client, to be asked and told. */
export class SessionClient implements ProxyClient {
  readonly #peer: Peer;
  #info: ClientInfo | undefined;

  /** @param peer The conversation. */
  constructor(peer: Peer) {
    this.#peer = peer;
  }

  /**
   * Takes what the client says of itself, once: who it is and what it can do stays.
   *
   * @throws {RpcError} When it has said so before.
   */
  introduce(info: ClientInfo): void {
    if (this.#info !== undefined) {
      const message = "The session is initialized already; begin another one";
      throw protocolError(RPC_CODES.invalidRequest, message);
    }
    this.#info = info;
  }

  get name(): string {
    return this.#info?.name ?? "unknown";
  }

  get capabilities(): JsonObject {
    return this.#info?.capabilities ?? {};
  }

  request(call: RpcCall, options: AskOptions): Promise<JsonObject> {
    return this.#peer.request(call, {
      ...options,
      timeoutMs: ANSWER_MS,
      maxMs: LONGEST_ANSWER_MS,
      action: `ask the client "${this.name}" for ${call.method}`,
    });
  }

  /** Tells the client; one that waits for the answer to `initialize` hears nothing else first. */
  notify(call: RpcCall, relatedTo?: RpcId): void {
    if (this.#info === undefined) return;
    this.#peer.notify(call, relatedTo === undefined ? {} : { relatedTo }).catch(() => {
      // The session has ended, and nobody is there to be told.
    });
  }

  /**
   * Ways to ask the person at the client, for tools of Wharf's own.
   *
   * @param call The request that asks, and its end.
   * @returns None where the client cannot ask.
   */
  people(
    call: { readonly id: RpcId; readonly signal: AbortSignal },
  ): Pick<CallContext, "ask" | "confirm" | "openPage"> {
    const { elicitation } = this.capabilities;
    if (!isObject(elicitation)) return {};
    const elicit = (params: JsonObject): Promise<JsonObject> =>
      this.request({ method: "elicitation/create", params }, {
        signal: call.signal,
        relatedTo: call.id,
      });
    // Before modes had names there were forms (MCP 2025-06-18).
    const hasForms = elicitation.form !== undefined || elicitation.url === undefined;
    return {
      ...(elicitation.url === undefined ? {} : {
        async openPage(url: URL, message: string) {
          const { action } = await elicit({
            mode: "url",
            message,
            url: url.href,
            elicitationId: crypto.randomUUID(),
          });
          if (action !== "accept") {
            throw new AppError("FORBIDDEN", `Cannot sign in to "${url.host}": the person declined`);
          }
        },
      }),
      ...(!hasForms ? {} : {
        async ask(question: string, needs: readonly Question[]) {
          const { action, content } = await elicit({
            message: question,
            requestedSchema: {
              type: "object",
              properties: Object.fromEntries(needs.map((need) => [need.name, fieldOf(need)])),
              required: needs.map(({ name }) => name),
            },
          });
          if (action !== "accept" || !isObject(content)) return undefined;
          return Object.fromEntries(
            Object.entries(content).map(([name, value]) => [name, String(value)]),
          );
        },
        async confirm(question: string) {
          const { action, content } = await elicit({
            message: question,
            requestedSchema: {
              type: "object",
              properties: { agree: { type: "boolean", title: "Agree" } },
              required: ["agree"],
            },
          });
          return action === "accept" && isObject(content) && content.agree === true;
        },
      }),
    };
  }
}

/** A field of a form; other forms than these are not allowed (MCP, "Elicitation"). */
function fieldOf({ description, format, choices }: Question): JsonObject {
  const about = description === undefined
    ? {}
    : { description: cleanText(description, { maxChars: 300 }) };
  if (choices !== undefined) return { type: "string", enum: [...choices], ...about };
  if (format === "number") return { type: "number", ...about };
  if (format === "boolean") return { type: "boolean", ...about };
  return { type: "string", ...about };
}

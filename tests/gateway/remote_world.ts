/**
 * A connection to a handler that answers as a remote MCP server. Needs no permission.
 *
 * @module
 */

import type { Launched } from "../../lib/gateway/launched.ts";
import { launchRemote, type RemoteDeps, type RemoteSpec } from "../../lib/gateway/remote.ts";
import type { JSONRPCMessage } from "../../lib/gateway/sdk.ts";
import { FakeClock } from "../fake_clock.ts";
import { FakeLog } from "../fake_log.ts";
import { type ServedNet, servedNet } from "./served_net.ts";

/** Where the server is. */
export const URL_OF_SERVER = new URL("https://mcp.example/mcp");

/** Answers a request. */
export type Handler = (request: Request) => Response | Promise<Response>;

/** The first message. */
export const INITIALIZE: JSONRPCMessage = {
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: {},
};
/** The second one. */
export const INITIALIZED: JSONRPCMessage = { jsonrpc: "2.0", method: "notifications/initialized" };
/** A call of a tool. */
export const CALL: JSONRPCMessage = { jsonrpc: "2.0", id: 2, method: "tools/call", params: {} };

/** A connection, and all that it told. */
export interface World {
  /** What was asked of the server. */
  readonly net: ServedNet;
  /** Time, but for the SDK's own timers. */
  readonly clock: FakeClock;
  /** What was said. */
  readonly log: FakeLog;
  /** What is tested. */
  readonly launched: Launched;
  /** Its transport. */
  readonly transport: Launched["transport"];
  /** What came. */
  readonly messages: JSONRPCMessage[];
  /** What went wrong, as the transport tells it. */
  readonly errors: Error[];
  /** How often the transport said that it is closed. */
  readonly closes: () => number;
}

/**
 * Connects to a handler.
 *
 * @param handler Answers as the server.
 * @param options The server, and how to sign in to it.
 */
export async function world(
  handler: Handler,
  options: Partial<RemoteSpec & RemoteDeps> = {},
): Promise<World> {
  const net = servedNet(handler);
  const clock = new FakeClock();
  const log = new FakeLog();
  const { oauth, authorize, ...spec } = options;
  const launched = await launchRemote({ url: URL_OF_SERVER, ...spec }, {
    net,
    clock,
    log,
    ...(oauth === undefined ? {} : { oauth }),
    ...(authorize === undefined ? {} : { authorize }),
  });
  const { transport } = launched;
  const messages: JSONRPCMessage[] = [];
  const errors: Error[] = [];
  let closes = 0;
  transport.onmessage = (message) => void messages.push(message);
  transport.onerror = (error) => void errors.push(error);
  transport.onclose = () => void closes++;
  return { net, clock, log, launched, transport, messages, errors, closes: () => closes };
}

/** Answers as a server with a session, unless told otherwise for a method or a message. */
export function serve(answers: Readonly<Record<string, Handler>> = {}): Handler {
  return async (request) => {
    const message = request.method === "POST" ? await request.clone().json() : undefined;
    const name: string = message?.method ?? request.method;
    const answer = Object.hasOwn(answers, name) ? answers[name] : undefined;
    if (answer !== undefined) return await answer(request);
    if (name === "GET") return new Response(null, { status: 405 });
    if (name === "DELETE") return new Response(null, { status: 204 });
    if (message?.id === undefined) return new Response(null, { status: 202 });
    const headers = { "mcp-session-id": "session-1" };
    return Response.json({ jsonrpc: "2.0", id: message.id, result: { name } }, { headers });
  };
}

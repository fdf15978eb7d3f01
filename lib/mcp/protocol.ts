/**
 * The second door: what speaks the protocol. It loads the MCP SDK, so one-shot commands leave it
 * closed. Needs no permission.
 *
 * @module
 */

export type { LargeTransport } from "../rpc/mod.ts";
export {
  type EventStore,
  type JSONRPCMessage,
  JSONRPCMessageSchema,
  type Transport,
  WebStandardStreamableHTTPServerTransport,
} from "./sdk.ts";
export { Server, type ServerOptions } from "./server.ts";
export { StdioTransport } from "./stdio.ts";

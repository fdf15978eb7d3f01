/**
 * The transports that a conversation runs over are the MCP SDK's, or have their form. Types only,
 * needs no permission.
 *
 * @module
 */

// @ts-types="@modelcontextprotocol/sdk/shared/transport"
export type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
// @ts-types="@modelcontextprotocol/sdk/types"
import type { JSONRPCMessage, MessageExtraInfo } from "@modelcontextprotocol/sdk/types.js";

export type { JSONRPCMessage };

/** What a transport may know of a message beside the message. */
export interface PeerMessageInfo extends MessageExtraInfo {
  /** Id of our request in whose answer's stream it came (MCP, "Streamable HTTP"). */
  readonly relatedTo?: string | number;
}

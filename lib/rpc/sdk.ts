/**
 * The transports that a conversation runs over are the MCP SDK's, or have their form. Types only,
 * needs no permission.
 *
 * @module
 */

// @ts-types="@modelcontextprotocol/sdk/shared/transport"
import type {
  Transport,
  TransportSendOptions,
} from "@modelcontextprotocol/sdk/shared/transport.js";
// @ts-types="@modelcontextprotocol/sdk/types"
import type { JSONRPCMessage, MessageExtraInfo } from "@modelcontextprotocol/sdk/types.js";

export type { JSONRPCMessage, Transport };

/** What a transport may know of a message beside the message. */
export interface PeerMessageInfo extends MessageExtraInfo {
  /** Id of our request in whose answer's stream it came (MCP, "Streamable HTTP"). */
  readonly relatedTo?: string | number;
}

/** How a transport is to send a message. */
export interface PeerSendOptions extends TransportSendOptions {
  /**
   * Whether the result of a request may come with a `LargeString` in place of each long string.
   * A transport may ignore it.
   */
  readonly takesLarge?: boolean;
}

/** A transport that sends each `LargeString` of a message as the bytes that it is. */
export interface LargeTransport extends Transport {
  /** Says so. */
  readonly sendsLarge: true;
}

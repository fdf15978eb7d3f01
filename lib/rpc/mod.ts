/**
 * The door of JSON-RPC 2.0: messages told apart, and one side of a conversation. Clients are served
 * and servers are asked with the same, so that what comes in at one end goes out at the other as it
 * is. Needs no permission.
 *
 * @module
 */

export {
  faultOf,
  isObject,
  type JsonObject,
  kindOf,
  RPC_CODES,
  type RpcCall,
  RpcError,
  type RpcErrorOptions,
  type RpcFault,
  type RpcId,
  type RpcMessage,
  tellMessage,
} from "./json_rpc.ts";
export { Peer } from "./peer.ts";
export type { Incoming, PeerDeps, RequestOptions } from "./peer_types.ts";
export type { LargeTransport, PeerMessageInfo, PeerSendOptions } from "./sdk.ts";

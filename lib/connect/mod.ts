/**
 * The door of what puts Wharf into clients' config files. Needs no permission.
 *
 * @module
 */

export { type Client, CLIENTS, type Connection, findClient } from "./clients.ts";
export {
  type ClientState,
  connectClient,
  type ConnectDeps,
  type ConnectResult,
  disconnectClient,
  type EntryRequest,
  listClients,
} from "./connect.ts";
export { launchCommand, type Started } from "./launch.ts";

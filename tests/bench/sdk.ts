/**
 * What the bench needs of the SDK's client beside `../sdk.ts`: the transport over a child's streams. Needs env permission, which unit
 * tests lack.
 *
 * @module
 */

// @ts-types="@modelcontextprotocol/sdk/client/stdio"
export { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
// @ts-types="@modelcontextprotocol/sdk/types"
export { ResultSchema } from "@modelcontextprotocol/sdk/types.js";
